//! `unevaluatedProperties` and `unevaluatedItems`, said in other keywords.
//!
//! A key is evaluated if `properties` and its kin speak of it: those beside the keyword, or those of a subschema that
//! is applied in place and holds, as does every one on the way to it. Which subschemas may speak of a key is written in
//! the schema; which of them hold shows in the value. So the keys are sorted into classes by who may speak of them, and
//! the keyword is the conjunction, over the classes, of *all values in the class satisfy the keyword's schema, or one
//! of these subschemas holds*. The same goes for the places of an array. `contains` evaluates items by their values:
//! there, *all items satisfy the schema or one of these `contains`, or one of the others' subschemas holds*, for every
//! choice of such `contains`.
//!
//! Where the schema with the keyword does not hold, what its keyword says makes no difference. That is why what holds
//! whenever the schema does (the parts of `allOf`, the target of a reference, `then` where `if` holds) is no condition.
//!
//! Cost: classes are as many as there are different groups of subschemas that share keys; patterns under different
//! conditions may match the same key and multiply them, and so do conditional `contains`. Beyond [`MAX_CLASSES`] the
//! keyword is refused.

use std::{collections::BTreeSet, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{KeySet, Keyword, Schema, SchemaError, SchemaErrorKind, SchemaId, SchemaSet};

/// More classes of keys or items than this are refused.
const MAX_CLASSES: usize = 512;

/// More ways to subschemas that may evaluate something than this are refused.
const MAX_EVALUATORS: usize = 10_000;

pub(super) const PROPERTIES: &str = "unevaluatedProperties";
pub(super) const ITEMS: &str = "unevaluatedItems";

/// What the reader found.
#[derive(Default)]
pub(super) struct Found {
    /// The schemas with the keyword, each with the keyword's.
    pub properties: FxHashMap<SchemaId, SchemaId>,
    pub items: FxHashMap<SchemaId, SchemaId>,
    /// The schemas whose `contains` evaluates what it finds: those of 2019-09 do not.
    pub contains: FxHashSet<SchemaId>,
}

/// What must be seen of a value for a subschema to hold, given that the schema with the keyword does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Literal {
    Holds(SchemaId),
    Fails(SchemaId),
    Present(Box<str>),
}

/// All of these. Empty: whatever happens.
type Condition = BTreeSet<Literal>;

/// One of these holds.
type Conditions = BTreeSet<Condition>;

/// A subschema that may evaluate something.
type Evaluator = (SchemaId, Condition);

/// Says the keywords in others. References in place must have no cycles.
pub(super) fn rewrite(set: &mut SchemaSet, found: &Found) -> Result<(), SchemaError> {
    let mut rewriter = Rewriter { set, found, home: 0, any: None, conditions: FxHashMap::default() };
    let mut schemas: Vec<SchemaId> = found.properties.keys().chain(found.items.keys()).copied().collect();
    schemas.sort_unstable();
    schemas.dedup();
    // Evaluators are looked up in the schemas as they were read: all are rewritten before any is changed.
    let mut added = Vec::new();
    for schema in schemas {
        rewriter.home = schema;
        rewriter.conditions.clear();
        let mut keywords = Vec::new();
        if let Some(demand) = found.properties.get(&schema) {
            let evaluators = rewriter.evaluators(schema, PROPERTIES)?;
            rewriter.properties(&evaluators, *demand, &mut keywords)?;
        }
        if let Some(demand) = found.items.get(&schema) {
            let evaluators = rewriter.evaluators(schema, ITEMS)?;
            rewriter.items(&evaluators, *demand, &mut keywords)?;
        }
        added.push((schema, keywords));
    }
    for (schema, more) in added {
        let keywords = set.keywords(schema).iter().cloned().chain(more).collect();
        set.schemas[schema as usize] = Schema::All(keywords);
    }
    Ok(())
}

struct Rewriter<'a> {
    set: &'a mut SchemaSet,
    found: &'a Found,
    /// The schema with the keyword.
    home: SchemaId,
    /// A schema that all values satisfy, once one was needed.
    any: Option<SchemaId>,
    /// Conditions as schemas.
    conditions: FxHashMap<Condition, SchemaId>,
}

/// What may be evaluated, in the order of the schema, and when.
#[derive(Default)]
struct Evaluated<T> {
    all: Vec<(T, Conditions)>,
}

impl<T: PartialEq> Evaluated<T> {
    fn add(&mut self, what: T, condition: &Condition) {
        match self.all.iter_mut().find(|(known, _)| *known == what) {
            Some((_, conditions)) => _ = conditions.insert(condition.clone()),
            None => self.all.push((what, [condition.clone()].into())),
        }
    }

    /// What is evaluated whatever happens, and the rest grouped by when.
    fn split(self) -> (Vec<T>, Vec<(Conditions, Vec<T>)>) {
        let (mut always, mut groups): (Vec<T>, Vec<(Conditions, Vec<T>)>) = Default::default();
        for (what, conditions) in self.all {
            if is_certain(&conditions) {
                always.push(what);
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == conditions) {
                Some((_, group)) => group.push(what),
                None => groups.push((conditions, vec![what])),
            }
        }
        (always, groups)
    }
}

fn is_certain(conditions: &Conditions) -> bool {
    conditions.first().is_some_and(Condition::is_empty)
}

impl Rewriter<'_> {
    fn add(&mut self, keywords: Vec<Keyword>) -> SchemaId {
        self.set.schemas.push(Schema::All(keywords.into()));
        self.set.places.push(self.set.places[self.home as usize]);
        self.set.len() as SchemaId - 1
    }

    fn any(&mut self) -> SchemaId {
        let any = self.any.unwrap_or_else(|| {
            self.set.schemas.push(Schema::Any);
            self.set.places.push(self.set.places[self.home as usize]);
            self.set.len() as SchemaId - 1
        });
        self.any = Some(any);
        any
    }

    fn too_large(&self, keyword: &str, what: &str) -> SchemaError {
        let message = format!("{keyword} beside {what} is not enforced");
        SchemaError::new(SchemaErrorKind::TooLarge, message).at(self.set.pointer(self.home) + "/" + keyword)
    }

    /// The schema itself and every subschema that is applied in place, with what must be seen for it to hold.
    fn evaluators(&self, schema: SchemaId, keyword: &str) -> Result<Vec<Evaluator>, SchemaError> {
        let mut all: Vec<Evaluator> = Vec::new();
        let mut known: FxHashSet<Evaluator> = FxHashSet::default();
        let mut waiting = vec![(schema, Condition::new())];
        while let Some((schema, condition)) = waiting.pop() {
            if known.contains(&(schema, Condition::new())) || !known.insert((schema, condition.clone())) {
                continue;
            }
            if known.len() > MAX_EVALUATORS {
                return Err(self.too_large(keyword, "so many subschemas"));
            }
            let below = waiting.len();
            for keyword in self.set.keywords(schema) {
                steps(keyword, &mut |schema, more| {
                    let contradicts = match &more {
                        Some(Literal::Holds(schema)) => condition.contains(&Literal::Fails(*schema)),
                        Some(Literal::Fails(schema)) => condition.contains(&Literal::Holds(*schema)),
                        _ => false,
                    };
                    if !contradicts {
                        waiting.push((schema, condition.iter().cloned().chain(more).collect()));
                    }
                });
            }
            // In the order of the schema.
            waiting[below..].reverse();
            all.push((schema, condition));
        }
        Ok(all)
    }

    /// One of the conditions holds, or the schema with this keyword does.
    fn unless(&mut self, conditions: &Conditions, keyword: Keyword) -> Keyword {
        if conditions.is_empty() {
            return keyword;
        }
        let mut choices = vec![self.add(vec![keyword])];
        // A condition that another one is part of adds nothing.
        let adds = |condition: &&Condition| {
            !conditions.iter().any(|other| other.len() < condition.len() && other.is_subset(condition))
        };
        for condition in conditions.iter().filter(adds) {
            let known = self.conditions.get(condition).copied();
            let schema = known.unwrap_or_else(|| self.condition(condition));
            self.conditions.insert(condition.clone(), schema);
            choices.push(schema);
        }
        Keyword::AnyOf(choices)
    }

    fn condition(&mut self, condition: &Condition) -> SchemaId {
        if let (1, Some(Literal::Holds(schema))) = (condition.len(), condition.first()) {
            return *schema;
        }
        let keyword = |literal: &Literal| match literal {
            Literal::Holds(schema) => Keyword::Ref(*schema),
            Literal::Fails(schema) => Keyword::Not(*schema),
            // Asked of objects alone.
            Literal::Present(key) => Keyword::Required(vec![key.clone()]),
        };
        self.add(condition.iter().map(keyword).collect())
    }

    fn properties(
        &mut self,
        evaluators: &[Evaluator],
        demand: SchemaId,
        keywords: &mut Vec<Keyword>,
    ) -> Result<(), SchemaError> {
        let (mut names, mut patterns) = (Evaluated::<Box<str>>::default(), Evaluated::<Arc<str>>::default());
        let mut everything = Conditions::new();
        for (schema, condition) in evaluators {
            for keyword in self.set.keywords(*schema) {
                let Keyword::Properties { named, patterns: own, rest } = keyword else { continue };
                named.iter().for_each(|(name, _)| names.add(name.clone(), condition));
                own.iter().for_each(|(pattern, _)| patterns.add(pattern.clone(), condition));
                everything.extend(rest.map(|_| condition.clone()));
            }
            if *schema != self.home && self.found.properties.contains_key(schema) {
                everything.insert(condition.clone());
            }
        }
        if is_certain(&everything) || *self.set.schema(demand) == Schema::Any {
            return Ok(());
        }
        let all_names: Vec<Box<str>> = names.all.iter().map(|(name, _)| name.clone()).collect();
        let all_patterns: Vec<Arc<str>> = patterns.all.iter().map(|(pattern, _)| pattern.clone()).collect();
        let (_, names) = names.split();
        let (unmatched, patterns) = patterns.split();
        if patterns.len() > 16 || (names.len() + 1) << patterns.len() > MAX_CLASSES {
            return Err(self.too_large(PROPERTIES, "so many patterns under conditions"));
        }
        let any = self.any();
        let none = (Conditions::new(), Vec::new());
        for (index, (conditions, group)) in names.iter().chain([&none]).enumerate() {
            let named = index < names.len();
            for combination in 0..1usize << patterns.len() {
                let mut conditions: Conditions = everything.union(conditions).cloned().collect();
                let (mut matching, mut unmatched) = (Vec::new(), unmatched.clone());
                for (bit, (more, group)) in patterns.iter().enumerate() {
                    if combination >> bit & 1 == 1 {
                        conditions.extend(more.iter().cloned());
                        matching.push(group.clone());
                    } else {
                        unmatched.extend(group.iter().cloned());
                    }
                }
                let keyword = if named && all_patterns.is_empty() {
                    let named = group.iter().map(|name| (name.clone(), demand)).collect();
                    Keyword::Properties { named, patterns: Vec::new(), rest: None }
                } else if !named && matching.is_empty() {
                    let named = all_names.iter().map(|name| (name.clone(), any)).collect();
                    let patterns = all_patterns.iter().map(|pattern| (pattern.clone(), any)).collect();
                    Keyword::Properties { named, patterns, rest: Some(demand) }
                } else {
                    let names = if named { group.clone() } else { all_names.clone() };
                    let keys = KeySet { named, names, matching, unmatched };
                    Keyword::PropertyClass { keys: keys.into(), schema: demand }
                };
                let keyword = self.unless(&conditions, keyword);
                keywords.push(keyword);
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        evaluators: &[Evaluator],
        demand: SchemaId,
        keywords: &mut Vec<Keyword>,
    ) -> Result<(), SchemaError> {
        // How many items from the first, and what else by its value.
        let (mut prefixes, mut found) = (Evaluated::<u32>::default(), Evaluated::<SchemaId>::default());
        for (schema, condition) in evaluators {
            for keyword in self.set.keywords(*schema) {
                match keyword {
                    Keyword::Items { rest: Some(_), .. } => prefixes.add(u32::MAX, condition),
                    Keyword::Items { prefix, .. } => prefixes.add(prefix.len() as u32, condition),
                    Keyword::Contains { schema: wanted, .. } if self.found.contains.contains(schema) => {
                        found.add(*wanted, condition);
                    }
                    _ => {}
                }
            }
            if *schema != self.home && self.found.items.contains_key(schema) {
                prefixes.add(u32::MAX, condition);
            }
        }
        let certain = prefixes.all.iter().filter(|(_, conditions)| is_certain(conditions)).map(|(len, _)| *len);
        let certain = certain.max().unwrap_or(0);
        if certain == u32::MAX || *self.set.schema(demand) == Schema::Any {
            return Ok(());
        }
        let mut ends: Vec<u32> = prefixes.all.iter().map(|(len, _)| *len).filter(|len| *len > certain).collect();
        ends.push(u32::MAX);
        ends.sort_unstable();
        ends.dedup();
        let (always, found) = found.split();
        if found.len() > 16 || ends.len() << found.len() > MAX_CLASSES {
            return Err(self.too_large(ITEMS, "so many contains under conditions"));
        }
        let any = self.any();
        for choice in 0..1usize << found.len() {
            let chosen = |bit: &usize| choice >> bit & 1 == 1;
            let by_value = (0..found.len()).filter(chosen).flat_map(|bit| &found[bit].1);
            let item = self.item(demand, always.iter().chain(by_value).copied().collect());
            let mut start = certain;
            for end in &ends {
                let reaching = prefixes.all.iter().filter(|(len, _)| len >= end).flat_map(|(_, conditions)| conditions);
                let others = (0..found.len()).filter(|bit| !chosen(bit)).flat_map(|bit| &found[bit].0);
                let conditions: Conditions = reaching.chain(others).cloned().collect();
                let mut prefix = vec![any; start as usize];
                let open = *end == u32::MAX;
                if !open {
                    prefix.resize(*end as usize, item);
                }
                let keyword = Keyword::Items { prefix, rest: open.then_some(item) };
                let keyword = self.unless(&conditions, keyword);
                keywords.push(keyword);
                start = *end;
            }
        }
        Ok(())
    }

    /// The keyword's schema, or one that `contains` looks for.
    fn item(&mut self, demand: SchemaId, mut choices: Vec<SchemaId>) -> SchemaId {
        if *self.set.schema(demand) != Schema::Never || choices.is_empty() {
            choices.insert(0, demand);
        }
        match choices[..] {
            [only] => only,
            _ => self.add(vec![Keyword::AnyOf(choices)]),
        }
    }
}

/// The subschemas that a keyword applies in place and that may evaluate something, each with what must be seen for it
/// to hold, given that the keyword's schema does.
fn steps(keyword: &Keyword, step: &mut impl FnMut(SchemaId, Option<Literal>)) {
    match keyword {
        Keyword::Ref(schema) => step(*schema, None),
        Keyword::AllOf(all) => all.iter().for_each(|schema| step(*schema, None)),
        Keyword::AnyOf(all) | Keyword::OneOf(all) => {
            all.iter().for_each(|schema| step(*schema, Some(Literal::Holds(*schema))));
        }
        Keyword::If { condition, then, otherwise } => {
            step(*condition, Some(Literal::Holds(*condition)));
            then.iter().for_each(|schema| step(*schema, Some(Literal::Holds(*condition))));
            otherwise.iter().for_each(|schema| step(*schema, Some(Literal::Fails(*condition))));
        }
        Keyword::DependentSchemas(all) => {
            all.iter().for_each(|(key, schema)| step(*schema, Some(Literal::Present(key.clone()))));
        }
        // What must not hold evaluates nothing.
        _ => {}
    }
}
