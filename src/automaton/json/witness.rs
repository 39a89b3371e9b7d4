//! Liveness by search: whether members or items that complete a container can be had, tried one after the other.
//!
//! The analysis in [`super::live`] looks at one condition at a time and is in doubt where several hang together: what
//! must be violated by keys that are few, how often something may be contained. This search decides such containers as
//! the automaton itself would: it adds members, each with every set of verdicts that some value of it gets, and keeps
//! what is left of the container's alternatives. The order of members does not matter for what is left, so each key is
//! decided once.
//!
//! Cost: a few look-ups a point; after [`MAX_POINTS`], or [`ALLOWANCE`] steps, the search gives up, and after [`MISSES`] of
//! these no more is tried for the schema. Of free keys there are taken to be enough.

use rustc_hash::FxHashSet;

use super::{
    array::Array,
    formula::Formula,
    live::ObjectPoint,
    lower::Atom,
    object::{KeyClass, Object},
    spec::{Spec, SpecId},
    tables::{PlanId, Tables},
};

/// Points of one container that are looked at.
const MAX_POINTS: usize = 3_000;
/// Steps of the budget that one search, or the telling apart of verdicts or of keys, may take: some ten milliseconds.
const ALLOWANCE: u64 = 200_000;
/// Searches that gave up after which none is begun.
pub(super) const MISSES: u32 = 6;
/// Sets of verdicts of one value that are told apart.
const MAX_SETS: usize = 64;

/// One set of verdicts that some value gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// The demand on such values.
    pub demand: Formula,
    /// What it leaves of the container's alternatives. None: they cannot be met any more.
    pub rest: Option<SpecId>,
}

impl Tables {
    /// The steps that must be left for a search that begins now to go on.
    pub(super) fn floor(&self) -> u64 {
        self.budget.left().saturating_sub(ALLOWANCE)
    }

    /// The sets of verdicts that values of a plan get. None: too many to tell.
    pub(super) fn outcomes(&mut self, plan: PlanId) -> Option<Vec<Outcome>> {
        let sets = self.verdict_sets(self.get_plan(plan).value)?;
        let outcome = |(demand, verdicts): (Formula, Vec<bool>)| {
            let verdicts = self.specs.bits.collect(verdicts.into_iter());
            Outcome { demand, rest: self.after_child(plan, verdicts) }
        };
        Some(sets.into_iter().map(outcome).collect())
    }

    /// The sets of verdicts on what is watched that values of a demand get, each with the demand on such values. None:
    /// too many to tell.
    pub(super) fn verdict_sets(&mut self, spec: SpecId) -> Option<Vec<(Formula, Vec<bool>)>> {
        let floor = self.floor();
        let Spec { require, watch } = self.specs.get(spec).clone();
        let mut sets = vec![(require, Vec::new())];
        for watched in watch {
            let mut told_apart = Vec::new();
            for (demand, verdicts) in sets {
                for verdict in [true, false] {
                    let formulas = &mut self.specs.lowering.formulas;
                    let literal = if verdict { watched } else { formulas.not(watched) };
                    let demand = formulas.and([demand, literal]);
                    if self.budget.left() < floor {
                        return None;
                    }
                    if self.inhabited(demand) {
                        told_apart.push((demand, [&verdicts[..], &[verdict]].concat()));
                    }
                }
            }
            if told_apart.len() > MAX_SETS {
                return None;
            }
            sets = told_apart;
        }
        Some(sets)
    }

    /// What children of a plan leave of the container's alternatives, each once.
    fn rests(&mut self, plan: PlanId) -> Option<Vec<SpecId>> {
        if !self.get_plan(plan).is_watching() {
            return Some(vec![self.get_plan(plan).rest]);
        }
        let mut rests: Vec<SpecId> = self.outcomes(plan)?.into_iter().filter_map(|outcome| outcome.rest).collect();
        rests.sort_unstable();
        rests.dedup();
        Some(rests)
    }

    /// Some members complete the object. None: that was not found out.
    pub(super) fn object_witness(&mut self, point: ObjectPoint) -> Option<bool> {
        let floor = self.floor();
        let shape = self.shapes[point.object.shape as usize].clone();
        let free = self.free_classes(point.object.shape)?;
        let may_come = |index: &u32| {
            let known = &shape.known[*index as usize];
            !self.specs.bits.contains(point.seen, *index) && !point.only_free && known.order >= point.from
        };
        let keys: Vec<u32> = (0..shape.known.len() as u32).filter(may_come).collect();
        let must_come: Vec<bool> = keys.iter().map(|index| self.specs.bits.contains(shape.required, *index)).collect();
        let missing = self.specs.bits.count_without(shape.required, point.seen);
        if missing as usize > must_come.iter().filter(|must| **must).count() {
            return Some(false);
        }
        let last_must = must_come.iter().rposition(|must| *must).map_or(0, |last| last + 1);
        let top = self.counted_up_to(point.object, shape.min, shape.max);
        let before = match point.waiting {
            Some(plan) => self.rests(plan)?,
            None => vec![point.object.rest],
        };
        let mut points: Vec<(usize, SpecId, u32)> = Vec::new();
        let mut seen = FxHashSet::default();
        let counts = |tables: &mut Self, rest, count| match shape.counted {
            true => tables.count_properties(Object { rest, ..point.object }, count),
            false => Some(rest),
        };
        for rest in before {
            points.extend(counts(self, rest, point.count).map(|rest| (0, rest, point.count)));
        }
        while let Some((at, rest, count)) = points.pop() {
            if !seen.insert((at, rest, count)) {
                continue;
            }
            if seen.len() > MAX_POINTS || self.budget.left() < floor {
                return None;
            }
            if at >= last_must && count >= shape.min && self.specs.at_end(rest).is_some() {
                return Some(true);
            }
            let object = Object { rest, ..point.object };
            let known = keys.get(at).map(|index| (at + 1, KeyClass::Known(*index)));
            let classes: Vec<(usize, KeyClass)> = match known {
                Some(known) => vec![known],
                None => free.iter().map(|class| (at, KeyClass::Free(*class))).collect(),
            };
            if shape.max.is_none_or(|max| count < max) {
                for (next, class) in classes {
                    let Some(plan) = self.key_plan(object, class) else { continue };
                    let more = if shape.counted { (count + 1).min(top) } else { count };
                    for rest in self.rests(plan)? {
                        points.extend(counts(self, rest, more).map(|rest| (next, rest, more)));
                    }
                }
            }
            if known.is_some() && !must_come[at] {
                points.push((at + 1, rest, count));
            }
        }
        Some(false)
    }

    /// From this number of properties on, one more makes no difference.
    fn counted_up_to(&self, object: Object, min: u32, max: Option<u32>) -> u32 {
        let count = |atom: Atom| match atom {
            Atom::MinCount(count) | Atom::MaxCount(count) => count.saturating_add(1),
            _ => 0,
        };
        let conditions = self.specs.atoms(object.rest).into_iter().map(count).max().unwrap_or(0);
        conditions.max(min).max(max.unwrap_or(0))
    }

    /// Some items complete the array. None: that was not found out.
    pub(super) fn array_witness(&mut self, array: Array, position: u32) -> Option<bool> {
        if self.specs.atoms(array.rest).contains(&Atom::Unique) {
            return None;
        }
        let floor = self.floor();
        let (min, max, alike_from) = {
            let shape = &self.array_shapes[array.shape as usize];
            (shape.min, shape.max, shape.alike_from)
        };
        let mut points = vec![(position, array.rest)];
        let mut seen = FxHashSet::default();
        while let Some((position, rest)) = points.pop() {
            if !seen.insert((position, rest)) {
                continue;
            }
            if seen.len() > MAX_POINTS || self.budget.left() < floor {
                return None;
            }
            if position >= min && max.is_none_or(|max| position <= max) && self.specs.at_end(rest).is_some() {
                return Some(true);
            }
            if let Some(plan) = self.item_plan(Array { rest, ..array }, position) {
                let next = position.saturating_add(1).min(alike_from);
                points.extend(self.rests(plan)?.into_iter().map(|rest| (next, rest)));
            }
        }
        Some(false)
    }
}
