//! A language's conditions, with the lengths taken out.
//!
//! Whether a text's length is within bounds changes only at a few lengths. Between two of them every length atom is a
//! constant, so a formula falls into [`Segment`]s, each with a condition over patterns and literals alone. Most formulas
//! have one segment that is not false.

use std::hash::{BuildHasher, Hash};

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::super::expr::Expr;
use super::product::{Part, Product};
use super::{
    LengthBounds, StringAtom,
    nfa::{Measure, NEVER},
};

/// An atom of a formula whose patterns and literals have been numbered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    Part(Part),
    Length(LengthBounds),
}

/// A condition without lengths.
pub type Condition = Expr<Part>;

/// Texts of `first` to `last` code points (`None`: no end) must satisfy condition number `condition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub first: u32,
    pub last: Option<u32>,
    pub condition: usize,
}

/// The lengths from which on some length atom may have another value.
pub fn thresholds<'a>(formulas: impl Iterator<Item = &'a Expr<Atom>>) -> Vec<u32> {
    let mut found = Vec::new();
    for formula in formulas {
        formula.atoms(&mut |atom| {
            if let Atom::Length(bounds) = atom {
                found.push(bounds.min);
                found.extend(bounds.max.and_then(|max| max.checked_add(1)));
            }
        });
    }
    found.retain(|&length| length > 0);
    found.sort_unstable();
    found.dedup();
    found
}

/// The segments of a formula that are not false, and their conditions.
pub fn segments(formula: &Expr<Atom>) -> (Vec<Segment>, Vec<Condition>) {
    let bounds = thresholds(std::iter::once(formula));
    let mut segments: Vec<Segment> = Vec::new();
    let mut conditions: Vec<Condition> = Vec::new();
    for (i, first) in std::iter::once(0).chain(bounds.iter().copied()).enumerate() {
        let last = bounds.get(i).map(|next| next - 1);
        let condition = simplify(&map(formula, &mut |atom| match atom {
            Atom::Part(part) => Expr::Atom(*part),
            Atom::Length(bounds) if bounds.contains(first) => Expr::True,
            Atom::Length(_) => Expr::False,
        }));
        if condition == Expr::False {
            continue;
        }
        let number = conditions.iter().position(|other| *other == condition).unwrap_or_else(|| {
            conditions.push(condition);
            conditions.len() - 1
        });
        match segments.last_mut() {
            Some(open) if open.condition == number && open.last.is_some_and(|end| end + 1 == first) => open.last = last,
            _ => segments.push(Segment { first, last, condition: number }),
        }
    }
    (segments, conditions)
}

/// How many parts a formula has.
pub fn size<A>(formula: &Expr<A>) -> usize {
    match formula {
        Expr::True | Expr::False | Expr::Atom(_) => 1,
        Expr::And(parts) | Expr::Or(parts) | Expr::One(parts) => 1 + parts.iter().map(size).sum::<usize>(),
        Expr::Not(part) => 1 + size(part),
    }
}

/// The formula with every atom replaced.
pub fn map<A, B>(formula: &Expr<A>, atom: &mut impl FnMut(&A) -> Expr<B>) -> Expr<B> {
    let mut all = |parts: &[Expr<A>]| parts.iter().map(|part| map(part, atom)).collect();
    match formula {
        Expr::True => Expr::True,
        Expr::False => Expr::False,
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::One(parts) => Expr::One(all(parts)),
        Expr::Atom(a) => atom(a),
        Expr::Not(part) => Expr::Not(Box::new(map(part, atom))),
    }
}

/// An equivalent formula without constants inside, nested conjunctions, or negations but of atoms and of [`Expr::One`].
pub fn simplify<A: Clone + PartialEq + Hash>(formula: &Expr<A>) -> Expr<A> {
    simplified(formula, true)
}

/// The formula, or (`truth` is false) its negation.
fn simplified<A: Clone + PartialEq + Hash>(formula: &Expr<A>, truth: bool) -> Expr<A> {
    match formula {
        Expr::True | Expr::False | Expr::Atom(_) if truth => formula.clone(),
        Expr::True => Expr::False,
        Expr::False => Expr::True,
        Expr::Atom(_) => negation(formula.clone()),
        Expr::Not(part) => simplified(part, !truth),
        Expr::And(parts) | Expr::Or(parts) if matches!(formula, Expr::And(_)) == truth => {
            let mut kept = Distinct::default();
            for part in parts.iter().map(|part| simplified(part, truth)) {
                match part {
                    Expr::True => {}
                    Expr::False => return Expr::False,
                    Expr::And(inner) => inner.into_iter().for_each(|part| kept.push(part)),
                    part => kept.push(part),
                }
            }
            kept.join(Expr::True, Expr::And)
        }
        Expr::And(parts) | Expr::Or(parts) => {
            let mut kept = Distinct::default();
            for part in parts.iter().map(|part| simplified(part, truth)) {
                match part {
                    Expr::False => {}
                    Expr::True => return Expr::True,
                    Expr::Or(inner) => inner.into_iter().for_each(|part| kept.push(part)),
                    part => kept.push(part),
                }
            }
            kept.join(Expr::False, Expr::Or)
        }
        Expr::One(parts) => match one(parts.iter().map(simplify).collect()) {
            exactly if truth => exactly,
            exactly @ Expr::One(_) => negation(exactly),
            other => simplified(&other, false),
        },
    }
}

/// Operands, each once.
struct Distinct<A> {
    parts: Vec<Expr<A>>,
    hashes: FxHashSet<u64>,
}

impl<A> Default for Distinct<A> {
    fn default() -> Self {
        Self { parts: Vec::new(), hashes: FxHashSet::default() }
    }
}

impl<A: PartialEq + Hash> Distinct<A> {
    fn push(&mut self, part: Expr<A>) {
        // Only what has a known hash needs to be looked for.
        if self.hashes.insert(FxBuildHasher.hash_one(&part)) || !self.parts.contains(&part) {
            self.parts.push(part);
        }
    }

    fn join(mut self, neutral: Expr<A>, all: impl FnOnce(Vec<Expr<A>>) -> Expr<A>) -> Expr<A> {
        match self.parts.len() {
            0 => neutral,
            1 => self.parts.remove(0),
            _ => all(self.parts),
        }
    }
}

fn negation<A>(formula: Expr<A>) -> Expr<A> {
    match formula {
        Expr::True => Expr::False,
        Expr::False => Expr::True,
        Expr::Not(part) => *part,
        part => Expr::Not(Box::new(part)),
    }
}

fn one<A: Clone + PartialEq + Hash>(mut parts: Vec<Expr<A>>) -> Expr<A> {
    parts.retain(|part| *part != Expr::False);
    let certain = parts.iter().filter(|part| **part == Expr::True).count();
    parts.retain(|part| *part != Expr::True);
    match (certain, parts.len()) {
        (2.., _) | (0, 0) => Expr::False,
        (1, _) => simplify(&Expr::And(parts.into_iter().map(negation).collect())),
        (_, 1) => parts.remove(0),
        _ => Expr::One(parts),
    }
}

/// Whether the condition holds of the text that ends in `state`, between two characters.
pub fn holds(condition: &Condition, product: &Product, state: u32) -> bool {
    condition.eval(&mut |part| product.accepts(state, *part))
}

/// The condition's truth, if it is plain that no continuation changes it any more.
pub fn settled(condition: &Condition, product: &Product, state: u32) -> Option<bool> {
    let of = |part: &Condition| settled(part, product, state);
    match condition {
        Expr::True => Some(true),
        Expr::False => Some(false),
        Expr::Atom(part) => product.settled(state, *part),
        Expr::Not(part) => of(part).map(|truth| !truth),
        Expr::And(parts) => fold(parts.iter().map(of), false),
        Expr::Or(parts) => fold(parts.iter().map(of), true),
        Expr::One(parts) => {
            let truths: Vec<Option<bool>> = parts.iter().map(of).collect();
            let certain = truths.iter().filter(|truth| **truth == Some(true)).count();
            let open = truths.iter().any(Option::is_none);
            if certain > 1 { Some(false) } else { (!open).then_some(certain == 1) }
        }
    }
}

/// `decisive` if any truth is, its opposite if all are that, else unknown.
fn fold(truths: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut known = Some(!decisive);
    for truth in truths {
        match truth {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => known = None,
        }
    }
    known
}

/// The lengths of the continuations for which the condition holds, where that can be read off the components.
pub fn measure(condition: &Condition, product: &Product, state: u32) -> Option<Measure> {
    match settled(condition, product, state) {
        // Inside a character the continuations that complete it count, and some do.
        Some(true) => return Some(Measure::ALL),
        Some(false) => return Some(Measure::NONE),
        None => {}
    }
    match condition {
        Expr::True => Some(Measure::ALL),
        Expr::False => Some(Measure::NONE),
        Expr::Atom(part) => product.measure(state, *part),
        Expr::Not(part) => match **part {
            Expr::Atom(Part::Literals(list)) => product.measure_outside(state, list),
            _ => None,
        },
        Expr::And(parts) => {
            let mut open = parts.iter().filter(|part| settled(part, product, state) != Some(true));
            let first = open.next()?;
            if open.next().is_some() { None } else { measure(first, product, state) }
        }
        Expr::Or(parts) => {
            let of = |part: &Condition| measure(part, product, state);
            let known = parts.iter().filter_map(of).fold(Measure::NONE, Measure::or);
            // What is not known does not matter if it cannot be shorter.
            let settled = |part: &Condition| of(part).is_some() || least(part, product, state) >= known.min;
            parts.iter().all(settled).then_some(known)
        }
        Expr::One(_) => None,
    }
}

/// A lower bound on the lengths of the continuations for which the condition holds.
pub fn least(condition: &Condition, product: &Product, state: u32) -> u32 {
    let of = |part: &Condition| least(part, product, state);
    match condition {
        Expr::And(parts) => parts.iter().map(of).max().unwrap_or(0),
        Expr::Or(parts) => parts.iter().map(of).min().unwrap_or(NEVER),
        Expr::Atom(part) => product.measure(state, *part).map_or(0, |measure| measure.min),
        _ => measure(condition, product, state).map_or(0, |measure| measure.min),
    }
}

/// Whether it is plain that some continuation satisfies the condition, without a look at its length.
pub fn is_live(condition: &Condition, product: &Product, state: u32) -> bool {
    if let Some(truth) = settled(condition, product, state) {
        return truth;
    }
    match condition {
        Expr::Atom(part) => product.is_live(state, *part),
        Expr::Or(parts) => parts.iter().any(|part| is_live(part, product, state)),
        Expr::And(parts) => {
            let mut open = parts.iter().filter(|part| settled(part, product, state) != Some(true));
            open.next().is_none_or(|part| is_live(part, product, state)) && open.next().is_none()
        }
        _ => false,
    }
}

/// Whether it is plain that every continuation can be completed to a text for which the condition holds.
pub fn always(condition: &Condition, product: &Product, state: u32) -> bool {
    if let Some(truth) = settled(condition, product, state) {
        return truth;
    }
    match condition {
        Expr::Not(part) => matches!(**part, Expr::Atom(Part::Literals(_))),
        Expr::Or(parts) => parts.iter().any(|part| always(part, product, state)),
        Expr::And(parts) => {
            let mut open = parts.iter().filter(|part| settled(part, product, state) != Some(true));
            open.next().is_none_or(|part| always(part, product, state)) && open.next().is_none()
        }
        _ => false,
    }
}

/// The formula with the lists of every disjunction joined: `anyOf` constants are one enumeration.
pub fn merge_literals(formula: &Expr<StringAtom>) -> Expr<StringAtom> {
    let all = |parts: &[Expr<StringAtom>]| parts.iter().map(merge_literals).collect::<Vec<_>>();
    match formula {
        Expr::True | Expr::False | Expr::Atom(_) => formula.clone(),
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::One(parts) => of_one_list(parts).unwrap_or_else(|| Expr::One(all(parts))),
        Expr::Not(part) => Expr::Not(Box::new(merge_literals(part))),
        Expr::Or(parts) => {
            let (mut texts, mut others): (Vec<Box<str>>, Vec<_>) = (Vec::new(), Vec::new());
            for part in all(parts) {
                match part {
                    Expr::Atom(StringAtom::Literals(list)) => texts.extend(list.iter().cloned()),
                    part => others.push(part),
                }
            }
            if !texts.is_empty() {
                others.push(Expr::Atom(StringAtom::Literals(texts.into())));
            }
            if others.len() == 1 { others.remove(0) } else { Expr::Or(others) }
        }
    }
}

/// `oneOf` constants as the enumeration of those that stand in one list alone.
fn of_one_list(parts: &[Expr<StringAtom>]) -> Option<Expr<StringAtom>> {
    let mut lists: FxHashMap<&str, (usize, bool)> = FxHashMap::default();
    for (number, part) in parts.iter().enumerate() {
        let Expr::Atom(StringAtom::Literals(texts)) = part else { return None };
        for text in texts.iter() {
            let (list, once) = lists.entry(text).or_insert((number, true));
            *once &= *list == number;
        }
    }
    let mut texts: Vec<Box<str>> =
        lists.iter().filter(|(_, (_, once))| *once).map(|(text, _)| (*text).into()).collect();
    texts.sort_unstable();
    Some(Expr::Atom(StringAtom::Literals(texts.into())))
}
