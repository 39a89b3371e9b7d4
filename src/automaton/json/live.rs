//! Liveness: whether what was read so far can still be completed.
//!
//! A demand is inhabited if some value meets it: some kind's language is not empty. For containers the alternatives
//! are spelled out into clauses, and a clause is feasible if its required keys can all be had, its counts fit, and
//! what must be violated can be. Recursion through required children is a least fixpoint: a demand that is met while
//! it is being asked about counts as empty, since no finite value gets by on it. An answer that leant on such an
//! assumption is not kept.
//!
//! Exact for what real schemas do. Where clauses are too many to try, where several keywords of one value must be
//! violated, or where the number of `contains` is bounded from above, the analysis is in doubt, and [`super::witness`]
//! searches. Where that gives up, or where keys or items that must differ may run out and are not listed, the answer is
//! "live" and [`Liveness::soft`] says so.

use rustc_hash::FxHashMap;

use super::{
    array::Array,
    formula::{Formula, Node},
    lower::{Atom, Kind},
    object::{FreeKeys, KeyFacts, MAX_LISTED, Object, Shape},
    tables::{PlanId, Tables},
};
use crate::schema::{Keyword, SchemaId};

/// Answers found so far.
#[derive(Debug, Default)]
pub struct Liveness {
    inhabited: FxHashMap<Formula, bool>,
    /// Demands that are being asked about.
    open: Vec<Formula>,
    /// The lowest of them that an answer has leant on since it was asked.
    leant_on: Option<usize>,
    objects: FxHashMap<ObjectPoint, bool>,
    arrays: FxHashMap<(Array, u32), bool>,
    /// Something was taken for live without being sure.
    pub soft: bool,
    /// The same of the container that is being looked at: then it is searched, see [`super::witness`].
    pub(super) doubt: bool,
    /// Searches that gave up.
    misses: u32,
}

/// Where an object stands, as far as liveness cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectPoint {
    pub object: Object,
    pub seen: u32,
    /// Properties so far, if they are counted.
    pub count: u32,
    /// Keys of the schema's order below this can no longer come.
    pub from: u32,
    /// No key of the schema's order can come any more.
    pub only_free: bool,
    /// The plan whose value is still to come: conditions that depend on it may yet go either way.
    pub waiting: Option<PlanId>,
}

/// Required children deeper than this are taken to be inhabited: a stack's worth of recursion, far beyond real schemas.
const MAX_OPEN: usize = 128;

impl Liveness {
    /// About the memory held.
    pub fn bytes(&self) -> usize {
        (self.inhabited.len() + self.arrays.len()) * 24 + self.objects.len() * 64
    }
}

impl Tables {
    /// Some value meets a demand over schemas.
    pub fn inhabited(&mut self, formula: Formula) -> bool {
        if let Some(known) = self.live.inhabited.get(&formula) {
            return *known;
        }
        if !self.budget.spend(1) {
            self.blame(formula);
            return true;
        }
        if let Some(depth) = self.live.open.iter().position(|open| *open == formula) {
            self.live.leant_on = Some(self.live.leant_on.map_or(depth, |lowest| lowest.min(depth)));
            return false;
        }
        let depth = self.live.open.len();
        if depth >= MAX_OPEN {
            self.live.soft = true;
            return true;
        }
        let before = self.live.leant_on.take();
        self.live.open.push(formula);
        let inhabited = Kind::ALL.into_iter().any(|kind| self.inhabited_by(formula, kind));
        self.live.open.pop();
        let leant_on = self.live.leant_on.filter(|lowest| *lowest < depth);
        if inhabited || leant_on.is_none() {
            self.live.inhabited.insert(formula, inhabited);
        }
        self.live.leant_on = match (before, leant_on) {
            (Some(before), Some(leant_on)) => Some(before.min(leant_on)),
            (before, leant_on) => before.or(leant_on),
        };
        inhabited
    }

    fn inhabited_by(&mut self, formula: Formula, kind: Kind) -> bool {
        let typed = self.specs.lowering.typed(formula, kind);
        if typed == Formula::FALSE || typed == Formula::TRUE {
            return typed == Formula::TRUE;
        }
        let spec = self.specs.intern(super::spec::Spec::only(typed));
        match kind {
            Kind::Null | Kind::False | Kind::True => unreachable!("these kinds have one value"),
            Kind::Number
                if matches!(
                    self.specs.lowering.formulas.node(typed),
                    Node::Atom(Atom::Integer | Atom::IntegerAsWritten)
                ) =>
            {
                true
            }
            Kind::Number => {
                let number = self.number(spec);
                self.numbers[number as usize].start().is_some()
            }
            Kind::String if self.plainly_inhabited(typed) => true,
            Kind::String => {
                let language = self.string(spec);
                self.string_start(language).is_some()
            }
            Kind::Array => {
                let array = self.array(spec);
                self.array_live(array, 0)
            }
            Kind::Object => {
                let object = self.object(spec);
                self.object_live(ObjectPoint { object, seen: 0, count: 0, from: 0, only_free: false, waiting: None })
            }
        }
    }

    /// A single list of literals or a single length: no need to build the language.
    fn plainly_inhabited(&self, formula: Formula) -> bool {
        let Node::Atom(Atom::Keyword(schema, index)) = *self.specs.lowering.formulas.node(formula) else {
            return false;
        };
        match &self.set.keywords(schema)[index as usize] {
            Keyword::Literals(_) => true,
            Keyword::Length { min, max } => max.is_none_or(|max| *min <= max),
            _ => false,
        }
    }

    /// Some continuation closes the object.
    pub fn object_live(&mut self, point: ObjectPoint) -> bool {
        if let Some(known) = self.live.objects.get(&point) {
            return *known;
        }
        let before = self.live.leant_on.take();
        let live = self.sure(|tables| tables.is_object_live(point), |tables| tables.object_witness(point));
        if live || self.live.leant_on.is_none() {
            self.live.objects.insert(point, live);
        }
        self.live.leant_on = match (before, self.live.leant_on) {
            (Some(before), Some(leant_on)) => Some(before.min(leant_on)),
            (before, leant_on) => before.or(leant_on),
        };
        live
    }

    /// Asks the analysis of a container, and the search where that is in doubt.
    fn sure(
        &mut self,
        analysis: impl FnOnce(&mut Self) -> bool,
        search: impl FnOnce(&mut Self) -> Option<bool>,
    ) -> bool {
        let outside = std::mem::take(&mut self.live.doubt);
        let live = analysis(self);
        let in_doubt = std::mem::replace(&mut self.live.doubt, outside);
        if !live || !in_doubt {
            return live;
        }
        let found = if self.live.misses < super::witness::MISSES { search(self) } else { None };
        self.live.misses += u32::from(found.is_none());
        self.live.soft |= found.is_none();
        found.unwrap_or(true)
    }

    fn is_object_live(&mut self, point: ObjectPoint) -> bool {
        let shape = self.shapes[point.object.shape as usize].clone();
        if self.specs.bits.includes(point.seen, shape.required)
            && point.count >= shape.min
            && point.waiting.is_none()
            && self.specs.at_end(point.object.rest).is_some()
        {
            return shape.max.is_none_or(|max| point.count <= max);
        }
        let require = self.specs.get(point.object.rest).require;
        self.any_clause(require, &mut |tables, clause| tables.object_clause_feasible(&shape, point, clause))
    }

    fn object_clause_feasible(&mut self, shape: &Shape, point: ObjectPoint, clause: &[(Atom, bool)]) -> bool {
        let (mut min, mut max) = (shape.min, shape.max);
        let (mut wanted, mut refused) = (Vec::new(), Vec::new());
        let (mut valid, mut violated) = (Vec::new(), Vec::new());
        if !self.budget.spend(1 + clause.len() + shape.known.len() * (1 + clause.len() / 64)) {
            return true;
        }
        for (atom, truth) in clause {
            match (*atom, truth) {
                (Atom::Required(text), true) => wanted.push(text),
                (Atom::Required(text), false) => refused.push(text),
                (Atom::MinCount(count), true) => min = min.max(count),
                (Atom::MaxCount(count), false) => min = min.max(count.saturating_add(1)),
                (Atom::MaxCount(count), true) => max = Some(max.map_or(count, |max| max.min(count))),
                (Atom::MinCount(count), false) => max = Some(max.map_or(count - 1, |max| max.min(count - 1))),
                (Atom::Keyword(schema, index), true) => valid.push((schema, index)),
                (Atom::Keyword(..), false) if self.may_yet_fail(point.waiting, atom) => {}
                (Atom::Keyword(schema, index), false) => violated.push((schema, index)),
                (other, _) => unreachable!("{other:?} says nothing about objects"),
            }
        }
        let outlook = Outlook { shape, point, refused: &refused, valid: &valid };
        let mut total = point.count;
        for index in 0..shape.known.len() as u32 {
            let is_wanted = wanted.contains(&shape.known[index as usize].text);
            let is_required = self.specs.bits.contains(shape.required, index);
            if (is_wanted || is_required) && !self.specs.bits.contains(point.seen, index) {
                if !self.key_feasible(&outlook, Some(index), &[]) {
                    return false;
                }
                total += 1;
            }
        }
        let Some((extra, sure)) = self.keys_that_violate(&outlook, &violated, &wanted) else { return false };
        let room = |keys: u32| max.is_none_or(|max| total.saturating_add(keys).max(min) <= max);
        if !room(extra) {
            return false;
        }
        if !sure.is_some_and(room) {
            self.live.doubt = true;
        }
        total >= min || self.enough_keys(&outlook, min - total, &wanted)
    }

    /// How many keys must come, beside those that must come anyway, so that all these keywords are violated: at least,
    /// and how many are enough, if that was found. None: one of them cannot be violated.
    fn keys_that_violate(
        &mut self,
        outlook: &Outlook,
        violated: &[(SchemaId, u32)],
        wanted: &[u32],
    ) -> Option<(u32, Option<u32>)> {
        let anyway: Vec<u32> = (0..outlook.shape.known.len() as u32)
            .filter(|index| {
                let must = self.specs.bits.contains(outlook.shape.required, *index)
                    || wanted.contains(&outlook.shape.known[*index as usize].text);
                must && !self.specs.bits.contains(outlook.point.seen, *index)
            })
            .collect();
        if violated.is_empty() || anyway.iter().any(|index| self.key_feasible(outlook, Some(*index), violated)) {
            return Some((0, Some(0)));
        }
        let mut least = 0;
        for at in violated {
            if anyway.iter().any(|index| self.key_feasible(outlook, Some(*index), &[*at])) {
                continue;
            }
            if !self.any_key_feasible(outlook, &[*at]) {
                return None;
            }
            least = 1;
        }
        let enough = (least == 1 && violated.len() == 1) || self.any_key_feasible(outlook, violated);
        Some((least, enough.then_some(1)))
    }

    /// The value that is waited for decides about a condition.
    fn may_yet_fail(&self, waiting: Option<PlanId>, atom: &Atom) -> bool {
        waiting.is_some_and(|plan| self.get_plan(plan).depends(atom))
    }

    /// So many more keys can be had, beside those that must come.
    fn enough_keys(&mut self, outlook: &Outlook, missing: u32, wanted: &[u32]) -> bool {
        if self.key_feasible(outlook, None, &[]) {
            // Where there are few of them they are known keys; else how many there are is not counted.
            if let FreeKeys::Of(language) = outlook.shape.free
                && missing + outlook.point.count > MAX_LISTED as u32
                && !self.is_endless_language(language)
            {
                self.live.soft = true;
            }
            return true;
        }
        let mut found = 0;
        for index in 0..outlook.shape.known.len() as u32 {
            let must = self.specs.bits.contains(outlook.shape.required, index)
                || wanted.contains(&outlook.shape.known[index as usize].text);
            let seen = self.specs.bits.contains(outlook.point.seen, index);
            if !must && !seen && self.key_feasible(outlook, Some(index), &[]) {
                found += 1;
                if found >= missing {
                    return true;
                }
            }
        }
        false
    }

    fn any_key_feasible(&mut self, outlook: &Outlook, violating: &[(SchemaId, u32)]) -> bool {
        let known =
            (0..outlook.shape.known.len() as u32).filter(|index| !self.specs.bits.contains(outlook.point.seen, *index));
        let known: Vec<u32> = known.collect();
        known.into_iter().any(|index| self.key_feasible(outlook, Some(index), violating))
            || self.key_feasible(outlook, None, violating)
    }

    /// A key (by index; None: some free one) can come with a value that keeps all that must be valid, and that breaks
    /// `violating` if that is asked.
    fn key_feasible(&mut self, outlook: &Outlook, index: Option<u32>, violating: &[(SchemaId, u32)]) -> bool {
        let Outlook { shape, point, refused, valid } = *outlook;
        let Some(index) = index else {
            if shape.free == FreeKeys::None {
                return false;
            }
            return self.any_free_class(point.object.shape, &mut |tables, matches| {
                tables.value_feasible(shape, valid, &KeyFacts { key: None, matches }, violating, None)
            });
        };
        let known = &shape.known[index as usize];
        if refused.contains(&known.text) || point.only_free || known.order < point.from {
            return false;
        }
        let verdicts = self.classify(shape, &known.key);
        let (matches, names) = verdicts.split_at(shape.patterns.len());
        if shape.names.iter().zip(names).any(|((_, hard), holds)| *hard && !holds) {
            return false;
        }
        self.value_feasible(shape, valid, &KeyFacts { key: Some(&known.key), matches }, violating, Some(names))
    }

    fn value_feasible(
        &mut self,
        shape: &Shape,
        valid: &[(SchemaId, u32)],
        facts: &KeyFacts,
        violating: &[(SchemaId, u32)],
        names: Option<&[bool]>,
    ) -> bool {
        let set = self.set.clone();
        // A condition on names is decided by the key; of free keys it is not known, and hoped for.
        let name_holds = |(schema, index): (SchemaId, u32)| match &set.keywords(schema)[index as usize] {
            Keyword::PropertyNames(schema) => {
                let place = shape.names.iter().position(|(name, _)| name == schema);
                Some(place.and_then(|place| names.map(|names| names[place])))
            }
            _ => None,
        };
        if valid.iter().any(|at| name_holds(*at) == Some(Some(false))) {
            return false;
        }
        self.live.doubt |= valid.iter().chain(violating).any(|at| name_holds(*at) == Some(None));
        let mut children: Vec<SchemaId> = Vec::new();
        for at in shape.children.iter().chain(valid) {
            children.extend(self.children_at(shape, *at, facts));
        }
        let mut formula = self.all_valid(&children);
        for &at in violating {
            match name_holds(at) {
                Some(Some(holds)) if holds => return false,
                Some(_) => {}
                None => {
                    let broken = self.children_at(shape, at, facts);
                    let broken = self.all_valid(&broken);
                    let formulas = &mut self.specs.lowering.formulas;
                    let broken = formulas.not(broken);
                    formula = formulas.and([formula, broken]);
                }
            }
        }
        self.inhabited(formula)
    }

    /// Some continuation closes the array, `position` items having been read.
    pub fn array_live(&mut self, array: Array, position: u32) -> bool {
        if let Some(known) = self.live.arrays.get(&(array, position)) {
            return *known;
        }
        let before = self.live.leant_on.take();
        let live =
            self.sure(|tables| tables.is_array_live(array, position), |tables| tables.array_witness(array, position));
        if live || self.live.leant_on.is_none() {
            self.live.arrays.insert((array, position), live);
        }
        self.live.leant_on = match (before, self.live.leant_on) {
            (Some(before), Some(leant_on)) => Some(before.min(leant_on)),
            (before, leant_on) => before.or(leant_on),
        };
        live
    }

    fn is_array_live(&mut self, array: Array, position: u32) -> bool {
        let shape = self.array_shapes[array.shape as usize].clone();
        let (min, max) = (shape.min, shape.max);
        if position >= min && max.is_none_or(|max| position <= max) && self.specs.at_end(array.rest).is_some() {
            return true;
        }
        if shape.must_be_unique && position == 0 && self.prefix_len(&shape.children) == 0 {
            // As many items as there must be, all different, must exist.
            let values = self.item_plan(array, 0).map(|plan| self.get_plan(plan).value);
            let count = values.and_then(|values| self.count_values(values));
            if count.is_some_and(|count| count < min as usize) {
                return false;
            }
        }
        if shape.must_be_unique && min > position.max(1) {
            self.doubt_unless_endless(array, position);
        }
        let require = self.specs.get(array.rest).require;
        self.any_clause(require, &mut |tables, clause| tables.array_clause_feasible(array, position, clause))
    }

    /// Items that must all differ may run out, if there are not plainly enough of them.
    fn doubt_unless_endless(&mut self, array: Array, position: u32) {
        let Some(plan) = self.item_plan(array, position) else { return };
        let value = self.get_plan(plan).value;
        let require = self.specs.get(value).require;
        if self.count_values(value).is_none() && !self.is_endless(require) {
            self.live.soft = true;
        }
    }

    /// It is plain that no number of values is enough to have had all that meet a demand.
    fn is_endless(&mut self, require: Formula) -> bool {
        [Kind::Number, Kind::String, Kind::Array, Kind::Object].into_iter().any(|kind| {
            let typed = self.specs.lowering.typed(require, kind);
            if typed == Formula::TRUE || typed == Formula::FALSE {
                return typed == Formula::TRUE;
            }
            match (kind, self.specs.lowering.formulas.node(typed)) {
                (Kind::Number, Node::Atom(Atom::Integer | Atom::IntegerAsWritten)) => true,
                (Kind::String, _) => {
                    let spec = self.specs.intern(super::spec::Spec::only(typed));
                    let language = self.string(spec);
                    self.is_endless_language(language)
                }
                _ => false,
            }
        })
    }

    pub(super) fn is_endless_language(&self, language: u32) -> bool {
        let language = &self.languages[language as usize];
        let endless = language.is_plain() || language.lock().is_endless();
        self.charge_for(language);
        endless
    }

    fn array_clause_feasible(&mut self, array: Array, position: u32, clause: &[(Atom, bool)]) -> bool {
        if !self.budget.spend(1 + clause.len()) {
            return true;
        }
        let shape = &self.array_shapes[array.shape as usize];
        let (mut min, mut max, mut valid) = (shape.min, shape.max, shape.children.clone());
        let (mut contained, mut violated) = (Vec::new(), Vec::new());
        for (atom, truth) in clause {
            match (*atom, truth) {
                (Atom::MinCount(count), true) => min = min.max(count),
                (Atom::MaxCount(count), false) => min = min.max(count.saturating_add(1)),
                (Atom::MaxCount(count), true) => max = Some(max.map_or(count, |max| max.min(count))),
                (Atom::MinCount(count), false) => max = Some(max.map_or(count - 1, |max| max.min(count - 1))),
                (Atom::Keyword(schema, index), true) => valid.push((schema, index)),
                (Atom::Keyword(schema, index), false) => violated.push((schema, index)),
                (Atom::Contains { schema, min, max: most }, true) if min > 0 => {
                    self.live.doubt |= most.is_some();
                    contained.push((schema, min));
                }
                (Atom::Contains { max: None, .. } | Atom::Unique, true) => {}
                // Too few or too many of something, or two equal items: that takes a search.
                (Atom::Contains { .. } | Atom::Unique, _) => self.live.doubt = true,
                (other, _) => unreachable!("{other:?} says nothing about arrays"),
            }
        }
        let prefix = self.prefix_len(&valid).max(self.prefix_len(&violated));
        let last = prefix.max(position);
        for (_, count) in &contained {
            min = min.max(position.saturating_add(*count));
        }
        // No item can come from where one is that nothing satisfies.
        let looked_at = if contained.is_empty() && violated.is_empty() { min } else { last.saturating_add(1).max(min) };
        for at in position..looked_at.min(last.saturating_add(1)) {
            let formula = self.item_formula(&valid, at);
            if !self.inhabited(formula) {
                max = Some(max.map_or(at, |max| max.min(at)));
                break;
            }
        }
        if max.is_some_and(|max| min > max) {
            return false;
        }
        let room = |at: u32| max.is_none_or(|max| at < max);
        // Several wishes may want the same places: those of the prefix, or those that are left.
        let several = contained.len() + violated.len() > 1;
        let wishes = contained.iter().fold(violated.len() as u32, |sum, (_, count)| sum.saturating_add(*count));
        let mut scarce = max.is_some_and(|max| wishes > max.saturating_sub(last));
        for (schema, count) in contained {
            let (mut places, mut behind_prefix) = (0, false);
            for at in position..=last {
                if !room(at) {
                    break;
                }
                let formula = self.item_formula(&valid, at);
                let wanted = self.all_valid(&[schema]);
                let formula = self.specs.lowering.formulas.and([formula, wanted]);
                if self.inhabited(formula) {
                    // Beyond the prefix all places are alike.
                    behind_prefix |= at >= prefix;
                    places = if at >= prefix { max.map_or(u32::MAX, |max| max - at + places) } else { places + 1 };
                }
            }
            if places < count {
                return false;
            }
            scarce |= !behind_prefix;
        }
        self.live.doubt |= several && (scarce || prefix > position && !violated.is_empty());
        if violated.len() > 1 && !(position..=last).any(|at| room(at) && self.item_violates(&valid, &violated, at)) {
            // Several, and no item violates them all: whether there are items enough takes a search.
            self.live.doubt = true;
        }
        violated
            .into_iter()
            .all(|broken| (position..=last).any(|at| room(at) && self.item_violates(&valid, &[broken], at)))
    }

    /// An item at a position can keep what must be valid and violate all of these.
    fn item_violates(&mut self, valid: &[(SchemaId, u32)], violated: &[(SchemaId, u32)], at: u32) -> bool {
        let mut parts = vec![self.item_formula(valid, at)];
        for broken in violated {
            let Some(child) = self.child_at(*broken, at) else { return false };
            let child = self.all_valid(&[child]);
            parts.push(self.specs.lowering.formulas.not(child));
        }
        let formula = self.specs.lowering.formulas.and(parts);
        self.inhabited(formula)
    }

    fn item_formula(&mut self, keywords: &[(SchemaId, u32)], position: u32) -> Formula {
        let children: Vec<SchemaId> = keywords.iter().filter_map(|at| self.child_at(*at, position)).collect();
        self.all_valid(&children)
    }

    fn prefix_len(&self, keywords: &[(SchemaId, u32)]) -> u32 {
        let len = |(schema, index): &(SchemaId, u32)| match &self.set.keywords(*schema)[*index as usize] {
            Keyword::Items { prefix, .. } => prefix.len() as u32,
            _ => 0,
        };
        keywords.iter().map(len).max().unwrap_or(0)
    }
}

/// Where an object stands and which clause is tried.
#[derive(Clone, Copy)]
struct Outlook<'a> {
    shape: &'a Shape,
    point: ObjectPoint,
    /// Keys that must not come.
    refused: &'a [u32],
    /// `Properties` and `PropertyNames` keywords that the clause wants to hold.
    valid: &'a [(SchemaId, u32)],
}
