//! Objects: which keys may come, and what their values must be.
//!
//! The demand on an object is split when `{` is read. What holds whatever happens (required keys, counts, the children
//! of properties that must be valid) becomes a [`Shape`]: bit sets and lists that every key is held against. The rest,
//! a formula with alternatives in it, is kept as a spec and shrinks as keys and values decide its atoms. Most objects
//! have no rest.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    distinct::MAX_VALUES,
    formula::{Formula, Node},
    intern::BitSets,
    live::ObjectPoint,
    lower::{Atom, Kind},
    spec::{Spec, SpecId},
    tables::{PlanId, Tables},
    values::Kept,
};
use crate::{
    automaton::lexical::{Expr, StrState, StringAtom},
    schema::{Keyword, SchemaId},
};

/// A key that some keyword names.
#[derive(Debug)]
pub struct Known {
    pub key: Box<[u8]>,
    /// The key as a text's number, as in [`Atom::Required`].
    pub text: u32,
    /// Its place in the order of the schema. [`LAST`] for keys that no keyword names, which are few and come in any order.
    pub order: u32,
}

/// See [`Known::order`].
pub const LAST: u32 = u32::MAX - 1;
/// Keys of a language that are not more are known ones.
pub(super) const MAX_LISTED: usize = 100;

/// Which keys an object may have beside the known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeKeys {
    None,
    All,
    /// Those of a string language, by its number. Its verdicts tell which patterns match.
    Of(u32),
}

/// What does not change while an object is read.
#[derive(Debug)]
pub struct Shape {
    /// Sorted by their bytes; a key's index here is its bit in `seen`.
    pub known: Vec<Known>,
    /// Those that must come, over indices of `known`.
    pub required: u32,
    pub required_count: u32,
    pub min: u32,
    pub max: Option<u32>,
    /// The number of properties matters.
    pub counted: bool,
    pub free: FreeKeys,
    /// `Properties` and `PropertyClass` keywords whose children must all be valid.
    pub(super) children: Vec<(SchemaId, u32)>,
    /// Tells for a key which of `patterns` match, then which of `names` hold.
    classify: Option<u32>,
    pub(super) patterns: Vec<Arc<str>>,
    /// Schemas of `propertyNames`, and which of them must hold.
    pub(super) names: Vec<(SchemaId, bool)>,
}

/// A shape with what is left of the alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    pub shape: u32,
    pub rest: SpecId,
}

/// A key, as far as the schema can tell keys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyClass {
    /// By index into [`Shape::known`].
    Known(u32),
    /// By the verdicts of [`FreeKeys::Of`]'s language; 0 for [`FreeKeys::All`].
    Free(u32),
}

impl Tables {
    /// The object that a demand on objects describes, before its first key.
    pub fn object(&mut self, spec: SpecId) -> Object {
        if let Some(object) = self.object_of.get(&spec) {
            return *object;
        }
        let object = self.make_object(spec);
        self.object_of.insert(spec, object);
        object
    }

    fn make_object(&mut self, spec: SpecId) -> Object {
        let Spec { require, watch } = self.specs.get(spec).clone();
        let (mut children, mut hard_names, mut required) = (Vec::new(), Vec::new(), Vec::new());
        let (mut min, mut max, mut rest) = (0, None::<u32>, Vec::new());
        for part in self.specs.lowering.formulas.conjuncts(require) {
            match *self.specs.lowering.formulas.node(part) {
                Node::Atom(Atom::Required(text)) => required.push(text),
                Node::Atom(Atom::MinCount(count)) => min = min.max(count),
                Node::Atom(Atom::MaxCount(count)) => max = Some(max.map_or(count, |max| max.min(count))),
                Node::Atom(Atom::Keyword(schema, index)) => match self.set.keywords(schema)[index as usize] {
                    Keyword::PropertyNames(names) => hard_names.push(names),
                    _ => children.push((schema, index)),
                },
                _ => rest.push(part),
            }
        }
        let rest = self.specs.lowering.formulas.and(rest);
        let rest = self.specs.intern(Spec { require: rest, watch });
        let rest_atoms = self.specs.atoms(rest);
        let counted = |atom: &Atom| matches!(atom, Atom::MinCount(_) | Atom::MaxCount(_));
        let counted = min > 0 || max.is_some() || rest_atoms.iter().any(counted);
        let mut keywords = children.clone();
        let mut names: Vec<(SchemaId, bool)> = hard_names.iter().map(|schema| (*schema, true)).collect();
        for atom in &rest_atoms {
            if let Atom::Keyword(schema, index) = *atom {
                match self.set.keywords(schema)[index as usize] {
                    Keyword::PropertyNames(schema) => names.push((schema, false)),
                    _ => keywords.push((schema, index)),
                }
            }
        }
        self.sort_names(&keywords);
        let listed = self.listed_names(&names);
        let patterns = self.patterns_of(&keywords);
        let mut shape = Shape {
            known: Vec::new(),
            required: BitSets::EMPTY,
            required_count: 0,
            min,
            max,
            counted,
            free: FreeKeys::None,
            children,
            classify: None,
            patterns,
            names,
        };
        if !shape.patterns.is_empty() || !shape.names.is_empty() {
            shape.classify = Some(self.key_language(&shape, Expr::True));
        }
        // Names that are few are known keys, so that it is seen when they run out.
        let mut few = Vec::new();
        if listed.is_none() {
            shape.free = self.free_keys(&shape);
            if let FreeKeys::Of(language) = shape.free
                && let Some(words) = self.few_words(language)
            {
                shape.free = FreeKeys::None;
                few = words;
            }
        }
        shape.known = self.known_keys(&keywords, &required, &rest_atoms, listed.as_deref().unwrap_or_default(), &few);
        let known = &shape.known;
        let places: FxHashMap<u32, u32> =
            known.iter().enumerate().map(|(index, known)| (known.text, index as u32)).collect();
        let mut bits = vec![false; known.len()];
        for text in &required {
            bits[*places.get(text).expect("every required key was made a known one") as usize] = true;
        }
        shape.required = self.specs.bits.collect(bits.into_iter());
        shape.required_count = self.specs.bits.count(shape.required);
        self.known_keys += shape.known.len();
        self.shapes.push(Arc::new(shape));
        Object { shape: self.shapes.len() as u32 - 1, rest }
    }

    /// The names among which all keys are, if names that must hold list them.
    fn listed_names(&mut self, names: &[(SchemaId, bool)]) -> Option<Vec<u32>> {
        for (schema, hard) in names {
            let formula = self.specs.lowering.lower(*schema, Kind::String);
            let listed = if *hard { self.candidates(formula, Kind::String) } else { None };
            if let Some(listed) = listed.filter(|listed| listed.len() <= MAX_VALUES) {
                let texts = &mut self.specs.lowering.texts;
                return Some(
                    listed
                        .iter()
                        .filter_map(|value| if let Kept::Text(text) = value { Some(texts.intern(text)) } else { None })
                        .collect(),
                );
            }
        }
        None
    }

    /// All texts of a language, if they are few.
    fn few_words(&mut self, language: u32) -> Option<Vec<u32>> {
        if self.is_endless_language(language) {
            return None;
        }
        let strings = self.languages[language as usize].clone();
        let words = strings.lock().words(StrState { dfa: 0, len: 0 }, MAX_LISTED);
        self.charge_for(&strings);
        let texts = &mut self.specs.lowering.texts;
        Some(words?.iter().map(|word| texts.intern(word)).collect())
    }

    fn known_keys(
        &mut self,
        keywords: &[(SchemaId, u32)],
        required: &[u32],
        rest: &[Atom],
        listed: &[u32],
        few: &[u32],
    ) -> Vec<Known> {
        let set = self.set.clone();
        let mut texts: Vec<(u32, Option<Box<[u8]>>)> = Vec::new();
        for (schema, index) in keywords {
            let keys: Vec<&str> = match &set.keywords(*schema)[*index as usize] {
                Keyword::Properties { named, .. } => named.iter().map(|(key, _)| &**key).collect(),
                Keyword::PropertyClass { keys, .. } => keys.names.iter().map(|key| &**key).collect(),
                _ => continue,
            };
            for key in keys {
                texts.push((self.specs.lowering.texts.intern(key.as_bytes()), Some(key.as_bytes().into())));
            }
        }
        texts.extend(required.iter().map(|text| (*text, None)));
        texts.extend(rest.iter().filter_map(|atom| match atom {
            Atom::Required(text) => Some((*text, None)),
            _ => None,
        }));
        texts.extend(listed.iter().map(|text| (*text, None)));
        let named = texts.len();
        texts.extend(few.iter().map(|text| (*text, None)));
        let mut seen = rustc_hash::FxHashSet::default();
        let mut known = Vec::new();
        for (place, (text, key)) in texts.into_iter().enumerate() {
            if seen.insert(text) {
                let key = key.unwrap_or_else(|| self.specs.lowering.texts.bytes(text).into());
                let order = if place < named { known.len() as u32 } else { LAST };
                known.push(Known { key, text, order });
            }
        }
        known.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        known
    }

    fn patterns_of(&self, keywords: &[(SchemaId, u32)]) -> Vec<Arc<str>> {
        let mut all: Vec<Arc<str>> = Vec::new();
        for (schema, index) in keywords {
            let patterns: Vec<&Arc<str>> = match &self.set.keywords(*schema)[*index as usize] {
                Keyword::Properties { patterns, .. } => patterns.iter().map(|(pattern, _)| pattern).collect(),
                Keyword::PropertyClass { keys, .. } => keys.patterns().collect(),
                _ => continue,
            };
            for pattern in patterns {
                if !all.contains(pattern) {
                    all.push(pattern.clone());
                }
            }
        }
        all
    }

    /// The language of keys that meet `require`; its verdicts are the shape's patterns and names.
    pub(super) fn key_language(&mut self, shape: &Shape, require: Expr<StringAtom>) -> u32 {
        let watch = self.class_atoms(shape);
        self.language(&require, &watch)
    }

    /// What tells the keys of a shape apart: its patterns, then its names.
    pub(super) fn class_atoms(&mut self, shape: &Shape) -> Vec<Expr<StringAtom>> {
        let pattern = |pattern: &Arc<str>| Expr::Atom(StringAtom::Pattern(pattern.clone()));
        let mut atoms: Vec<Expr<StringAtom>> = shape.patterns.iter().map(pattern).collect();
        for (schema, _) in &shape.names {
            let formula = self.specs.lowering.lower(*schema, Kind::String);
            atoms.push(self.specs.lowering.string_expr(formula));
        }
        atoms
    }

    /// Free keys whose value, as far as all children must be valid, can be anything at all.
    fn free_keys(&mut self, shape: &Shape) -> FreeKeys {
        let mut admitted: Vec<Expr<StringAtom>> = Vec::new();
        for (schema, hard) in &shape.names {
            if *hard {
                let formula = self.specs.lowering.lower(*schema, Kind::String);
                admitted.push(self.specs.lowering.string_expr(formula));
            }
        }
        let pattern = |pattern: &Arc<str>| Expr::Atom(StringAtom::Pattern(pattern.clone()));
        let mut classes = Vec::new();
        if shape.patterns.len() > MAX_COMBINED_PATTERNS {
            admitted.extend(self.keys_that_match_something(shape));
        } else {
            for class in 0..1u32 << shape.patterns.len() {
                let matches: Vec<bool> = (0..shape.patterns.len()).map(|index| class >> index & 1 == 1).collect();
                let children = self.children_of(shape, &KeyFacts { key: None, matches: &matches });
                let formula = self.all_valid(&children);
                if self.inhabited(formula) {
                    let part = |(index, matched): (usize, bool)| match matched {
                        true => pattern(&shape.patterns[index]),
                        false => Expr::Not(Box::new(pattern(&shape.patterns[index]))),
                    };
                    classes.push(Expr::And(matches.into_iter().enumerate().map(part).collect()));
                }
            }
            if classes.is_empty() {
                return FreeKeys::None;
            }
            if classes.len() < 1 << shape.patterns.len() {
                admitted.push(Expr::Or(classes));
            }
        }
        if admitted.is_empty() && shape.classify.is_none() {
            return FreeKeys::All;
        }
        FreeKeys::Of(self.key_language(shape, Expr::And(admitted)))
    }

    /// With too many patterns to try their combinations: closed `Properties` keywords want one of their own.
    fn keys_that_match_something(&mut self, shape: &Shape) -> Vec<Expr<StringAtom>> {
        let set = self.set.clone();
        let mut admitted = Vec::new();
        let one_of = |patterns: &mut dyn Iterator<Item = &Arc<str>>| {
            Expr::Or(patterns.map(|pattern| Expr::Atom(StringAtom::Pattern(pattern.clone()))).collect())
        };
        for (schema, index) in &shape.children {
            let (demand, keys) = match &set.keywords(*schema)[*index as usize] {
                Keyword::Properties { patterns, rest: Some(rest), .. } => {
                    (*rest, one_of(&mut patterns.iter().map(|(pattern, _)| pattern)))
                }
                Keyword::PropertyClass { keys, schema } if !keys.named => {
                    let missed = keys.matching.iter().map(|group| Expr::Not(Box::new(one_of(&mut group.iter()))));
                    (*schema, Expr::Or(missed.chain([one_of(&mut keys.unmatched.iter())]).collect()))
                }
                _ => continue,
            };
            let formula = self.all_valid(&[demand]);
            if !self.inhabited(formula) {
                admitted.push(keys);
            }
        }
        admitted
    }

    fn children_of(&self, shape: &Shape, facts: &KeyFacts) -> Vec<SchemaId> {
        shape.children.iter().flat_map(|at| self.children_at(shape, *at, facts)).collect()
    }

    /// The subschemas that a `Properties` or `PropertyClass` keyword applies to a key's value.
    pub(super) fn children_at(
        &self,
        shape: &Shape,
        (schema, index): (SchemaId, u32),
        facts: &KeyFacts,
    ) -> Vec<SchemaId> {
        let matched = |pattern: &Arc<str>| {
            let index = shape.patterns.iter().position(|known| known == pattern);
            index.is_some_and(|index| facts.matches[index])
        };
        let (named, patterns, rest) = match &self.set.keywords(schema)[index as usize] {
            Keyword::Properties { named, patterns, rest } => (named, patterns, rest),
            Keyword::PropertyClass { keys, schema } if keys.contains(facts.key, matched) => return vec![*schema],
            _ => return Vec::new(),
        };
        let mut children: Vec<SchemaId> = Vec::new();
        if let Some(key) = facts.key {
            children.extend(self.named_child((schema, index), named, key));
        }
        children.extend(patterns.iter().filter(|(pattern, _)| matched(pattern)).map(|(_, child)| *child));
        if children.is_empty() {
            children.extend(*rest);
        }
        children
    }

    /// The subschema that a `Properties` keyword has for a name.
    fn named_child(&self, at: (SchemaId, u32), named: &[(Box<str>, SchemaId)], key: &[u8]) -> Option<SchemaId> {
        let Some(order) = self.names_of.get(&at) else {
            return named.iter().find(|(name, _)| name.as_bytes() == key).map(|(_, child)| *child);
        };
        let place = order.binary_search_by(|index| named[*index as usize].0.as_bytes().cmp(key)).ok()?;
        Some(named[order[place] as usize].1)
    }

    /// Sorts the names of large `Properties` keywords, once each.
    fn sort_names(&mut self, keywords: &[(SchemaId, u32)]) {
        for at in keywords {
            if let Keyword::Properties { named, .. } = &self.set.keywords(at.0)[at.1 as usize]
                && named.len() > FEW_NAMES
            {
                self.names_of.entry(*at).or_insert_with(|| {
                    let mut order: Vec<u32> = (0..named.len() as u32).collect();
                    order.sort_unstable_by(|a, b| named[*a as usize].0.as_bytes().cmp(named[*b as usize].0.as_bytes()));
                    order.into()
                });
            }
        }
    }

    /// All of these schemas hold.
    pub fn all_valid(&mut self, schemas: &[SchemaId]) -> Formula {
        let formulas = &mut self.specs.lowering.formulas;
        let parts: Vec<Formula> = schemas.iter().map(|schema| formulas.atom(Atom::Schema(*schema))).collect();
        formulas.and(parts)
    }

    /// What follows from a key. None: it may not come.
    pub fn key_plan(&mut self, object: Object, class: KeyClass) -> Option<PlanId> {
        if let Some(plan) = self.key_plans.get(&(object, class)) {
            return *plan;
        }
        let shape = self.shapes[object.shape as usize].clone();
        let plan = self.make_key_plan(&shape, object.rest, class);
        self.key_plans.insert((object, class), plan);
        plan
    }

    fn make_key_plan(&mut self, shape: &Shape, rest: SpecId, class: KeyClass) -> Option<PlanId> {
        let known = match class {
            KeyClass::Known(index) => Some(&shape.known[index as usize]),
            KeyClass::Free(_) => None,
        };
        let verdicts = match class {
            KeyClass::Known(_) => self.classify(shape, known.map_or(&[], |known| &known.key)),
            KeyClass::Free(bits) => {
                let count = shape.patterns.len() + shape.names.len();
                (0..count as u32).map(|bit| self.specs.bits.contains(bits, bit)).collect()
            }
        };
        let (matches, names) = verdicts.split_at(shape.patterns.len());
        if shape.names.iter().zip(names).any(|((_, hard), holds)| *hard && !holds) {
            return None;
        }
        let facts = KeyFacts { key: known.map(|known| &*known.key), matches };
        let set = self.set.clone();
        let rest = self.specs.substitute(rest, |atom| match *atom {
            Atom::Required(text) => known.filter(|known| known.text == text).map(|_| Formula::TRUE),
            Atom::Keyword(schema, index) => match set.keywords(schema)[index as usize] {
                Keyword::PropertyNames(schema) => {
                    let index = shape.names.iter().position(|(name, _)| *name == schema);
                    index.is_some_and(|index| !names[index]).then_some(Formula::FALSE)
                }
                _ => None,
            },
            _ => None,
        })?;
        let mut open: Vec<(Atom, Vec<SchemaId>)> = Vec::new();
        for atom in self.specs.atoms(rest) {
            if let Atom::Keyword(schema, index) = atom {
                let children = self.children_at(shape, (schema, index), &facts);
                if !children.is_empty() {
                    open.push((atom, children));
                }
            }
        }
        let children = self.children_of(shape, &facts);
        self.plan(&children, rest, open)
    }

    /// Which of a shape's patterns match a known key, then which names hold.
    pub(super) fn classify(&mut self, shape: &Shape, key: &[u8]) -> Vec<bool> {
        let Some(language) = shape.classify else { return Vec::new() };
        let count = shape.patterns.len() + shape.names.len();
        // The classifying language takes every string, unless it has outgrown its memory: an overrun that is on record.
        let bits = self.verdicts_of(language, key).unwrap_or(BitSets::EMPTY);
        (0..count as u32).map(|bit| self.specs.bits.contains(bits, bit)).collect()
    }

    /// A watching key's plan, narrowed to values after which the object can still be completed from `point`.
    pub fn narrowed_key(&mut self, plan: PlanId, point: ObjectPoint) -> Option<PlanId> {
        if let Some(known) = self.narrowed_keys.get(&(plan, point)) {
            return *known;
        }
        let counted = self.shapes[point.object.shape as usize].counted;
        let narrowed = self.narrowed(plan, &mut |tables, rest| {
            let mut after = ObjectPoint { waiting: None, ..point };
            after.object.rest = rest;
            if counted {
                let Some(rest) = tables.count_properties(after.object, after.count) else { return false };
                after.object.rest = rest;
            }
            tables.object_live(after)
        });
        self.narrowed_keys.insert((plan, point), narrowed);
        narrowed
    }

    /// What is left of the alternatives when an object has `count` properties. None: it has too many.
    pub fn count_properties(&mut self, object: Object, count: u32) -> Option<SpecId> {
        self.specs.substitute(object.rest, |atom| match *atom {
            Atom::MinCount(min) if count >= min => Some(Formula::TRUE),
            Atom::MaxCount(max) if count > max => Some(Formula::FALSE),
            _ => None,
        })
    }
}

/// Up to here a name is looked for one by one.
const FEW_NAMES: usize = 8;

/// More patterns than this are not tried in all combinations to find out which keys can have a value.
pub(super) const MAX_COMBINED_PATTERNS: usize = 4;

/// What is known of a key when its children are looked up.
pub(super) struct KeyFacts<'a> {
    pub key: Option<&'a [u8]>,
    /// For each of the shape's patterns.
    pub matches: &'a [bool],
}
