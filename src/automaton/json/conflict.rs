//! Which keywords of an unsatisfiable schema exclude each other, and where.
//!
//! The way down follows what must be there: a required property, a first item. At the deepest subschema that nothing
//! satisfies, keywords are left out one by one; those that cannot be left out are the conflict. Each question is asked
//! of an automaton of its own, over the same subschemas.
//!
//! Cost: a copy of the subschemas and a question of liveness for each keyword on the way, within bounds: where they are
//! reached, what was found so far is the answer.

use std::sync::Arc;

use super::{Machine, Style};
use crate::{
    automaton::lexical::{StringAtom, StringCache, unescape::Spelling},
    budget::{Budget, Limits},
    schema::{Keyword, Schema, SchemaId, SchemaSet},
};

/// What excludes every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// JSON pointer of the subschema that nothing satisfies.
    pub pointer: String,
    /// Its keywords that exclude each other, by JSON pointer. Empty if that was not found out, or if it is `false`.
    pub keywords: Vec<String>,
    /// The subschema is `false`.
    pub is_false: bool,
}

/// Steps of the way down.
const MAX_DEPTH: usize = 64;
/// Keywords on one value of which each is left out for a try.
const MAX_PARTS: usize = 40;
/// Subschemas copied for all questions together.
const MAX_COPIED: usize = 100_000;
/// What one question may take.
const LIMITS: Limits = Limits { compile_steps: 50_000, answer_steps: 0, bytes: 8 << 20 };

/// A keyword on the value in question, and where it stands.
#[derive(Clone, Debug)]
struct Part {
    schema: SchemaId,
    keyword: Keyword,
    /// As the schema spells it.
    words: Vec<&'static str>,
}

/// What a set's root conflicts over; the root is known to be unsatisfiable.
pub fn find(set: &SchemaSet, written: &Arc<[StringAtom]>, strings: &Arc<StringCache>) -> Conflict {
    let mut search = Search { set, written, strings, copied: 0 };
    let mut at = target(set, set.root());
    let mut visited = vec![at];
    for _ in 0..MAX_DEPTH {
        let pointer = set.pointer(at);
        if *set.schema(at) == Schema::Never {
            return Conflict { pointer, keywords: Vec::new(), is_false: true };
        }
        let core = search.core(at);
        match search.deeper(&core).map(|child| target(set, child)).filter(|child| !visited.contains(child)) {
            Some(child) => {
                at = child;
                visited.push(at);
            }
            None => return Conflict { pointer, keywords: search.words(&core), is_false: false },
        }
    }
    Conflict { pointer: set.pointer(at), keywords: Vec::new(), is_false: false }
}

/// Where a subschema leads that is a reference and nothing else.
fn target(set: &SchemaSet, mut at: SchemaId) -> SchemaId {
    while let [Keyword::Ref(target)] = set.keywords(at) {
        at = *target;
    }
    at
}

struct Search<'a> {
    set: &'a SchemaSet,
    written: &'a Arc<[StringAtom]>,
    strings: &'a Arc<StringCache>,
    copied: usize,
}

impl Search<'_> {
    /// Nothing satisfies all of these; false also where that cannot be found out cheaply.
    fn is_empty(&mut self, keywords: Vec<Keyword>) -> bool {
        self.copied += self.set.len() + 1;
        if self.copied > MAX_COPIED {
            return false;
        }
        let set = Arc::new(self.set.rooted(keywords));
        let style = Style { ordered: false, spaced: true, indented: false, plain: false, spelling: Spelling::Any };
        let mut machine = Machine::new(set, self.written.clone(), self.strings.clone(), style, Budget::new(LIMITS));
        !machine.satisfiable() && machine.fault().is_none()
    }

    /// Keywords on the value of which none can be left out. Empty if there are too many to try.
    fn core(&mut self, at: SchemaId) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut todo = vec![at];
        while let Some(schema) = todo.pop() {
            for keyword in self.set.keywords(schema) {
                match keyword {
                    Keyword::Ref(target) => todo.push(*target),
                    Keyword::AllOf(all) => todo.extend(all.iter().rev()),
                    _ if *self.set.schema(schema) == Schema::Never => {
                        parts.push(Part { schema, keyword: keyword.clone(), words: Vec::new() });
                    }
                    _ => parts.extend(halves(keyword).into_iter().map(|(keyword, words)| Part {
                        schema,
                        keyword,
                        words,
                    })),
                }
            }
            if parts.len() + todo.len() > MAX_PARTS {
                return Vec::new();
            }
        }
        let mut index = parts.len();
        while index > 0 {
            index -= 1;
            let others = parts.iter().enumerate().filter(|(other, _)| *other != index);
            if self.is_empty(others.map(|(_, part)| part.keyword.clone()).collect()) {
                parts.remove(index);
            }
        }
        parts
    }

    /// A subschema of a child that must be there, if it is unsatisfiable by itself.
    fn deeper(&mut self, core: &[Part]) -> Option<SchemaId> {
        let mut children: Vec<SchemaId> = Vec::new();
        for part in core {
            match &part.keyword {
                Keyword::Properties { named, rest, .. } => {
                    let required = core.iter().flat_map(|part| match &part.keyword {
                        Keyword::Required(keys) => keys.as_slice(),
                        _ => &[],
                    });
                    for key in required {
                        let child = named.iter().find(|(name, _)| name == key).map(|(_, child)| *child);
                        children.extend(child.or(*rest));
                    }
                    children.extend(*rest);
                }
                Keyword::Items { prefix, rest } => children.extend(prefix.iter().copied().chain(*rest)),
                Keyword::Contains { schema, .. } => children.push(*schema),
                // With one alternative, its own conflict says more.
                Keyword::AnyOf(all) | Keyword::OneOf(all) if core.len() == 1 && all.len() == 1 => {
                    children.push(all[0]);
                }
                _ => {}
            }
        }
        children.dedup();
        children.truncate(MAX_PARTS);
        // `false` says that a child must not be there: then the keyword that demands it is half of the conflict.
        let is_false = |set: &SchemaSet, child: SchemaId| *set.schema(child) == Schema::Never;
        children.into_iter().find(|child| !is_false(self.set, *child) && self.is_empty(vec![Keyword::Ref(*child)]))
    }

    /// The core's keywords by JSON pointer, as far as the document has them.
    fn words(&self, core: &[Part]) -> Vec<String> {
        let mut words = Vec::new();
        for part in core {
            if part.words.is_empty() {
                words.push(self.set.pointer(part.schema));
            }
            for word in &part.words {
                if self.set.has(part.schema, word) {
                    words.push(format!("{}/{word}", self.set.pointer(part.schema)));
                }
            }
        }
        let mut seen = rustc_hash::FxHashSet::default();
        words.retain(|word| seen.insert(word.clone()));
        words
    }
}

/// A keyword as its independent halves, each with the words that a schema may spell it with.
fn halves(keyword: &Keyword) -> Vec<(Keyword, Vec<&'static str>)> {
    let words: Vec<&'static str> = match keyword {
        Keyword::Length { min, max: Some(max) } if *min > 0 => {
            return vec![
                (Keyword::Length { min: *min, max: None }, vec!["minLength"]),
                (Keyword::Length { min: 0, max: Some(*max) }, vec!["maxLength"]),
            ];
        }
        Keyword::ItemCount { min, max: Some(max) } if *min > 0 => {
            return vec![
                (Keyword::ItemCount { min: *min, max: None }, vec!["minItems"]),
                (Keyword::ItemCount { min: 0, max: Some(*max) }, vec!["maxItems"]),
            ];
        }
        Keyword::PropertyCount { min, max: Some(max) } if *min > 0 => {
            return vec![
                (Keyword::PropertyCount { min: *min, max: None }, vec!["minProperties"]),
                (Keyword::PropertyCount { min: 0, max: Some(*max) }, vec!["maxProperties"]),
            ];
        }
        Keyword::Length { .. } => vec!["minLength", "maxLength"],
        Keyword::ItemCount { .. } => vec!["minItems", "maxItems"],
        Keyword::PropertyCount { .. } => vec!["minProperties", "maxProperties"],
        Keyword::Type(_) => vec!["type"],
        Keyword::Literals(_) => vec!["enum", "const"],
        Keyword::Minimum { .. } => vec!["minimum", "exclusiveMinimum"],
        Keyword::Maximum { .. } => vec!["maximum", "exclusiveMaximum"],
        Keyword::MultipleOf(_) => vec!["multipleOf"],
        Keyword::Pattern(_) => vec!["pattern"],
        Keyword::Format(_) => vec!["format"],
        Keyword::Written(_) => vec!["x-espalier"],
        Keyword::Properties { .. } => vec!["properties", "patternProperties", "additionalProperties"],
        Keyword::PropertyClass { .. } => vec!["unevaluatedProperties"],
        Keyword::Required(_) => vec!["required"],
        Keyword::PropertyNames(_) => vec!["propertyNames"],
        Keyword::DependentRequired(_) => vec!["dependentRequired", "dependencies"],
        Keyword::DependentSchemas(_) => vec!["dependentSchemas", "dependencies"],
        Keyword::Items { .. } => vec!["prefixItems", "items", "additionalItems"],
        Keyword::Contains { .. } => vec!["contains", "minContains", "maxContains"],
        Keyword::UniqueItems => vec!["uniqueItems"],
        Keyword::AllOf(_) => vec!["allOf"],
        Keyword::AnyOf(_) => vec!["anyOf"],
        Keyword::OneOf(_) => vec!["oneOf"],
        Keyword::Not(_) => vec!["not"],
        Keyword::If { .. } => vec!["if", "then", "else"],
        Keyword::Ref(_) => vec!["$ref", "$dynamicRef", "$recursiveRef"],
    };
    vec![(keyword.clone(), words)]
}
