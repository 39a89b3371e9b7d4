//! From where can an accepted text still be reached?
//!
//! For one pattern without lookarounds, for literals and their complements, the components answer by themselves
//! ([`formula::measure`]). Otherwise the product is searched forward for an accepting state, nearest first by what the
//! components know of the distance; what is learned about the states on the way is kept. With length bounds the question is
//! whether some accepted continuation has a length in a window: the least length and the length from which on all occur
//! decide nearly always, and a depth-first search over (state, length) decides the rest. A search that exceeds its budget
//! gives up: the state counts as live and the language as soft, and later searches in it get little time, so that no walk
//! stalls.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::dfa::StringDfa;
use super::formula;
use super::literals::is_lead;
use super::nfa::{Measure, NEVER};
use super::{Shape, StrState};

/// States that one search may expand, and how many once a search has given up.
const SEARCH_BUDGET: usize = 20_000;
const SOFT_BUDGET: usize = 100;

/// Steps that one search may take.
const SEARCH_STEPS: u64 = 2_000_000;

/// States that the search for universality may visit: beyond, the answer is no.
const UNIVERSAL_BUDGET: usize = 300;

impl StringDfa {
    /// The lengths of the continuations of `state` for which the condition holds.
    pub(super) fn measure(&mut self, condition: usize, state: u32) -> Measure {
        if let Some(known) = self.known(condition, state) {
            return known;
        }
        self.search(condition, state)
    }

    /// Whether some continuation of `state` satisfies the condition.
    pub(super) fn lives(&mut self, condition: usize, state: u32) -> bool {
        formula::is_live(&self.rule.conditions[condition], &self.product, state)
            || self.measure(condition, state).min != NEVER
    }

    fn known(&mut self, condition: usize, state: u32) -> Option<Measure> {
        let memo = &mut self.memo.measures[condition][state as usize];
        if memo.is_none() {
            *memo = formula::measure(&self.rule.conditions[condition], &self.product, state);
        }
        *memo
    }

    /// Searches for the nearest state in which the condition holds.
    fn search(&mut self, condition: usize, root: u32) -> Measure {
        let mut seen: FxHashMap<u32, (u32, u32)> = FxHashMap::from_iter([(root, (0, root))]);
        // What promises the shortest way comes first, and of that what has come furthest.
        let mut queue = BinaryHeap::from([(Reverse(0), 0, root)]);
        let mut best: Option<(u32, u32)> = None;
        let mut left = self.search_budget();
        let most = self.spent() + SEARCH_STEPS;
        while let Some((Reverse(promise), distance, state)) = queue.pop() {
            if best.is_some_and(|(total, _)| total <= promise) {
                break;
            }
            if seen[&state].0 < distance {
                continue;
            }
            let here = match self.known(condition, state) {
                Some(known) => Some(known.min),
                None if self.product.is_between(state) => {
                    formula::holds(&self.rule.conditions[condition], &self.product, state).then_some(0)
                }
                None => None,
            };
            match here {
                Some(NEVER) => continue,
                Some(more) => {
                    let total = distance + more;
                    if best.is_none_or(|(least, _)| total < least) {
                        best = Some((total, state));
                    }
                    continue;
                }
                None => {}
            }
            left -= 1;
            self.spend(self.product.classes());
            if left == 0 || self.spent() > most || self.is_spent() || self.overrun().is_some() {
                self.turn_soft();
                self.memo.measures[condition][root as usize] = Some(Measure::ALL);
                return Measure::ALL;
            }
            for class in 0..self.product.classes() {
                let Some(target) = self.edge(state, class) else { continue };
                let weight = u32::from(is_lead(self.product.cheapest[class]));
                let distance = distance + weight;
                if seen.get(&target).is_none_or(|(known, _)| distance < *known) {
                    let least = formula::least(&self.rule.conditions[condition], &self.product, target);
                    if least != NEVER {
                        seen.insert(target, (distance, state));
                        queue.push((Reverse(distance.saturating_add(least)), distance, target));
                    }
                }
            }
        }
        self.keep(condition, root, &seen, best)
    }

    fn search_budget(&self) -> usize {
        if self.is_soft() { SOFT_BUDGET } else { SEARCH_BUDGET }
    }

    /// Remembers what a search has found, for the root and for the states on the way to the goal.
    fn keep(
        &mut self,
        condition: usize,
        root: u32,
        seen: &FxHashMap<u32, (u32, u32)>,
        best: Option<(u32, u32)>,
    ) -> Measure {
        let Some((total, goal)) = best else {
            for &state in seen.keys() {
                self.memo.measures[condition][state as usize] = Some(Measure::NONE);
            }
            return Measure::NONE;
        };
        let mut state = goal;
        let mut looped = false;
        loop {
            let (distance, before) = seen[&state];
            looped |= self.has_loop(state);
            let min = total - distance;
            let stretch = if looped { min } else { NEVER };
            let measure = *self.memo.measures[condition][state as usize].get_or_insert(Measure { min, stretch });
            looped |= measure.stretch == measure.min;
            if state == root {
                return measure;
            }
            state = before;
        }
    }

    /// Whether a one-byte character leads from the state to itself.
    fn has_loop(&mut self, state: u32) -> bool {
        let ascii = |dfa: &Self, class: usize| dfa.product.cheapest[class] < 0x80;
        (0..self.product.classes()).any(|class| ascii(self, class) && self.edge(state, class) == Some(state))
    }

    /// Whether some text of the language begins with what has led to `state` at length `len`.
    pub(super) fn live_at(&mut self, state: u32, len: u32) -> bool {
        if let Some(answer) = self.decide(state, len) {
            return answer;
        }
        if let Some(&answer) = self.memo.exact.get(&(state, len)) {
            return answer;
        }
        self.search_exact(state, len)
    }

    /// As [`StringDfa::live_at`], where the measures are enough to tell.
    fn decide(&mut self, state: u32, len: u32) -> Option<bool> {
        let mut possible = false;
        for i in 0..self.rule.segments.len() {
            let segment = self.rule.segments[i];
            if segment.last.is_some_and(|last| last < len) {
                continue;
            }
            let Measure { min, stretch } = self.measure(segment.condition, state);
            let most = segment.last.map_or(u32::MAX - 1, |last| last - len);
            if min > most {
                continue;
            }
            if len.saturating_add(min) >= segment.first || stretch <= most {
                return Some(true);
            }
            possible = true;
        }
        (!possible).then_some(false)
    }

    fn search_exact(&mut self, root: u32, len: u32) -> bool {
        let mut seen = FxHashSet::from_iter([(root, len)]);
        let mut path = vec![(root, len, 0)];
        let budget = self.search_budget();
        let most = self.spent() + SEARCH_STEPS;
        while let Some((state, len, class)) = path.last_mut() {
            let (from, at, now) = (*state, *len, *class);
            if now == self.product.classes() {
                self.memo.exact.insert((from, at), false);
                path.pop();
                continue;
            }
            *class += 1;
            self.spend(1);
            let Some(target) = self.edge(from, now) else { continue };
            let at = self.longer(at, self.product.cheapest[now]);
            let answer = match self.memo.exact.get(&(target, at)) {
                Some(&answer) => Some(answer),
                None => self.decide(target, at),
            };
            let spent = seen.len() > budget || self.spent() > most || self.is_spent() || self.overrun().is_some();
            if answer == Some(true) || spent {
                if answer != Some(true) {
                    self.turn_soft();
                }
                self.memo.exact.extend(path.iter().map(|&(state, len, _)| ((state, len), true)));
                return true;
            }
            if answer.is_none() && seen.insert((target, at)) {
                path.push((target, at, 0));
            }
        }
        false
    }

    /// How far the mask of a plain string serves for this state.
    pub fn shape(&mut self, state: StrState) -> Shape {
        let ahead = |last: Option<u32>| last.is_none_or(|last| state.len <= last);
        let mut ahead = self.rule.segments.iter().filter(|segment| ahead(segment.last));
        let (Some(&segment), None) = (ahead.next(), ahead.next()) else { return Shape::Other };
        match segment.last {
            None if self.is_universal(segment.condition, state.dfa) => Shape::Universal,
            Some(last) => {
                let condition = &self.rule.conditions[segment.condition];
                match formula::settled(condition, &self.product, state.dfa) {
                    Some(true) => Shape::UpTo(last - state.len),
                    _ => Shape::Other,
                }
            }
            None => Shape::Other,
        }
    }

    /// Whether every continuation that is UTF-8 can be completed so that the condition holds.
    fn is_universal(&mut self, condition: usize, root: u32) -> bool {
        if let Some(&known) = self.memo.universal.get(&(condition, root)) {
            return known;
        }
        let mut seen = FxHashSet::from_iter([root]);
        let mut todo = vec![root];
        let mut universal = true;
        'search: while let Some(state) = todo.pop() {
            if formula::always(&self.rule.conditions[condition], &self.product, state) {
                continue;
            }
            for class in 0..self.product.classes() {
                if !self.product.continues_utf8(state, class) {
                    continue;
                }
                self.spend(1);
                let target = self.edge(state, class).filter(|_| seen.len() <= UNIVERSAL_BUDGET);
                let target = target.filter(|&target| self.lives(condition, target));
                let Some(target) = target else {
                    universal = false;
                    break 'search;
                };
                if self.memo.universal.get(&(condition, target)) == Some(&true) {
                    continue;
                }
                if seen.insert(target) {
                    todo.push(target);
                }
            }
        }
        universal &= self.overrun().is_none();
        match universal {
            true => self.memo.universal.extend(seen.into_iter().map(|state| ((condition, state), true))),
            false => drop(self.memo.universal.insert((condition, root), false)),
        }
        universal
    }
}
