//! Ways on from a state: the forced byte, loops, the shortest completion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use regex_syntax::utf8::{Utf8Range, Utf8Sequences};
use rustc_hash::FxHashMap;

use super::super::expr::Expr;
use super::StrState;
use super::dfa::StringDfa;
use super::product::{Part, json_cost};

/// States that the search for a shortest completion may visit.
const COMPLETION_BUDGET: usize = 200_000;

/// Characters that lead from a state to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loops {
    /// Bit `b`: the byte `b`, below 128.
    pub ascii: u128,
    /// Bit `b - 0xc0`: all characters that begin with the byte `b`.
    pub others: u64,
}

/// States inside a character that the search for [`Loops::others`] may visit.
const INNER_BUDGET: usize = 64;

impl StringDfa {
    /// If the text must go on and only one byte can follow: that byte.
    pub fn forced(&mut self, state: StrState) -> Option<u8> {
        if self.accepts(state) {
            return None;
        }
        let mut only = None;
        for class in 0..self.product.classes() {
            let byte = self.product.cheapest[class];
            if self.step(state, byte).is_some() {
                if only.is_some() || self.product.sizes[class] > 1 {
                    return None;
                }
                only = Some(byte);
            }
        }
        only
    }

    /// The number of a byte among those that the language does not tell apart; a number is that of a range of bytes.
    pub fn class(&self, byte: u8) -> u8 {
        self.product.class_of[usize::from(byte)]
    }

    /// The characters on which the state's automaton stays where it is; only the length counts on, where lengths count.
    pub fn loops_on(&mut self, state: StrState) -> Loops {
        let (mut ascii, mut others) = (0, 0);
        for class in 0..self.product.classes() {
            let first = self.product.first[class];
            if first < 128 && self.edge(state.dfa, class) == Some(state.dfa) {
                let last = u16::from(first) + self.product.sizes[class] - 1;
                ascii |= !0 << first & !0 >> (127 - last.min(127));
            }
            if first >= 0xC0 && self.others_loop(state.dfa, class) {
                let bytes = (1u64 << self.product.sizes[class].min(63)) - 1;
                others |= bytes << (self.product.first[class] - 0xC0);
            }
        }
        Loops { ascii, others }
    }

    /// Whether no text leads away from a state between characters.
    pub fn stays_on(&mut self, state: StrState) -> bool {
        if self.step(state, b'a') != Some(state) {
            return false;
        }
        if let Some(&known) = self.memo.stays.get(&state.dfa) {
            return known;
        }
        let Loops { ascii, others } = self.loops_on(state);
        let leads = (0xC2..0xF5).fold(0, |bits, lead| bits | 1u64 << (lead - 0xC0));
        let stays = ascii == !0 && others & leads == leads;
        self.memo.stays.insert(state.dfa, stays);
        stays
    }

    /// Whether every character that begins with a byte of the class leads from a state between characters to itself.
    fn others_loop(&mut self, root: u32, class: usize) -> bool {
        let mut inside = Vec::new();
        let mut next = 0;
        let mut state = root;
        loop {
            let classes = if next == 0 { class..class + 1 } else { 0..self.product.classes() };
            for class in classes.filter(|class| self.product.continues_utf8(state, *class)).collect::<Vec<_>>() {
                match self.edge(state, class) {
                    Some(target) if target == root || inside.contains(&target) => {}
                    Some(target) if !self.product.is_between(target) && inside.len() < INNER_BUDGET => {
                        inside.push(target);
                    }
                    _ => return false,
                }
            }
            let Some(&following) = inside.get(next) else { return next > 0 };
            (state, next) = (following, next + 1);
        }
    }

    /// The bytes of a completion that is shortest when written as the rest of a JSON string body (`"` counts as two
    /// bytes, a rare control character as six). `None` if `state` is none of this language's live states, or if the
    /// search exceeds its budget, which takes a least length of about 100,000.
    pub fn shortest(&mut self, state: StrState) -> Option<Vec<u8>> {
        if let [Expr::Atom(Part::Literals(list))] = self.rule.conditions[..]
            && self.rule.top == 0
        {
            let cost = |tail: &&[u8]| tail.iter().map(|&byte| json_cost(byte)).sum::<u32>();
            return self.product.tails(state.dfa, list).min_by_key(cost).map(<[u8]>::to_vec);
        }
        if let [Expr::Atom(part)] = self.rule.conditions[..]
            && self.rule.top == 0
            && let Some(text) = self.product.completion(state.dfa, part)
        {
            return Some(text);
        }
        let mut reached: FxHashMap<StrState, (u32, StrState, u8)> = FxHashMap::from_iter([(state, (0, state, 0))]);
        let mut queue = BinaryHeap::from([(Reverse(self.least(state)), 0, state)]);
        while let Some((_, spent, at)) = queue.pop() {
            if self.accepts(at) {
                return Some(way_back(&reached, at));
            }
            if reached[&at].0 < spent {
                continue;
            }
            if reached.len() > COMPLETION_BUDGET {
                return None;
            }
            for class in 0..self.product.classes() {
                let byte = self.product.cheapest[class];
                let Some(next) = self.step(at, byte) else { continue };
                let spent = spent + json_cost(byte);
                if reached.get(&next).is_none_or(|known| spent < known.0) {
                    reached.insert(next, (spent, at, byte));
                    queue.push((Reverse(spent + self.least(next)), spent, next));
                }
            }
        }
        None
    }

    /// Whether some character of the range (surrogates aside) can follow a text that is whole characters.
    pub fn can_follow(&mut self, state: StrState, low: u32, high: u32) -> bool {
        [(low, high.min(0xD7FF)), (low.max(0xE000), high)].into_iter().any(|(low, high)| {
            let (Some(low), Some(high)) = (char::from_u32(low), char::from_u32(high)) else { return false };
            low <= high && Utf8Sequences::new(low, high).any(|sequence| self.can_read(state, sequence.as_slice()))
        })
    }

    fn can_read(&mut self, state: StrState, ranges: &[Utf8Range]) -> bool {
        let Some((range, rest)) = ranges.split_first() else { return true };
        let mut byte = range.start;
        loop {
            if self.step(state, byte).is_some_and(|next| self.can_read(next, rest)) {
                return true;
            }
            let class = usize::from(self.product.class_of[usize::from(byte)]);
            let last = self.product.first[class] + (self.product.sizes[class] - 1) as u8;
            if last >= range.end {
                return false;
            }
            byte = last + 1;
        }
    }

    /// A lower bound on the bytes that complete the text.
    fn least(&mut self, state: StrState) -> u32 {
        let mut least = u32::MAX;
        for i in 0..self.rule.segments.len() {
            let segment = self.rule.segments[i];
            if segment.last.is_none_or(|last| state.len <= last) {
                let min = self.measure(segment.condition, state.dfa).min;
                least = least.min(min.max(segment.first.saturating_sub(state.len)));
            }
        }
        least.min(u32::MAX / 2)
    }
}

fn way_back(reached: &FxHashMap<StrState, (u32, StrState, u8)>, goal: StrState) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = goal;
    while let (1.., before, byte) = reached[&at] {
        bytes.push(byte);
        at = before;
    }
    bytes.reverse();
    bytes
}
