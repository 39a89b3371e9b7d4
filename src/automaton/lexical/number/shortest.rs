//! The shortest way to the end of a number.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::{NumberLanguage, NumberState, Phase, live::FAR};

/// States looked at before the search for the very shortest is given up.
const SEARCH_LIMIT: usize = 5_000;

impl NumberLanguage {
    /// Bytes that complete the text to one in the set; empty if it is in the set already. The fewest possible, except
    /// where divisors of many digits make the search too wide (more than 5,000 states): then a completion that need
    /// not be the shortest.
    pub fn shortest(&self, state: NumberState) -> Vec<u8> {
        // (state, the step before, the byte that led here)
        let mut steps: Vec<(NumberState, usize, u8)> = vec![(state, 0, 0)];
        let mut seen = FxHashSet::from_iter([self.class(state)]);
        let mut open = VecDeque::from([0]);
        while let Some(at) = open.pop_front() {
            let state = steps[at].0;
            if self.accepts(state) {
                return trace(&steps, at);
            }
            if steps.len() > SEARCH_LIMIT {
                break;
            }
            for &byte in b"0123456789-.e" {
                if let Some(next) = self.step(state, byte)
                    && seen.insert(self.class(next))
                {
                    open.push_back(steps.len());
                    steps.push((next, at, byte));
                }
            }
        }
        self.by_digits(state)
    }

    /// A completion found without search: an integer of the fewest digits, or digits and an exponent, or else digit by
    /// digit.
    fn by_digits(&self, mut state: NumberState) -> Vec<u8> {
        let mut text = Vec::new();
        while !self.accepts(state) {
            if let Some(rest) = self.integer_ending(state).or_else(|| self.exponent_ending(state)) {
                text.extend(rest);
                break;
            }
            let step = b"5432106789.e-".iter().find_map(|&byte| self.step(state, byte).map(|next| (next, byte)));
            let (next, byte) = step.expect("a state exists only if some completion does");
            text.push(byte);
            state = next;
        }
        text
    }

    /// The fewest digits that make an integer text of the set.
    fn integer_ending(&self, state: NumberState) -> Option<Vec<u8>> {
        if !matches!(state.phase, Phase::Start | Phase::Minus | Phase::Whole) {
            return None;
        }
        let block = |negative, m, from, to| self.block(true, negative, m, from, to);
        let (mut m, mut text, mut negative) = (state.mantissa, Vec::new(), state.negative);
        if state.phase == Phase::Start && !block(false, m, 0, FAR) {
            negative = true;
            text.push(b'-');
        }
        if !block(negative, m, 0, FAR) {
            return None;
        }
        let mut places = (0..FAR).find(|&places| block(negative, m, places, places))?;
        while m.length == 0 || places > 0 {
            places -= i64::from(m.length > 0);
            let digits = u8::from(m.length == 0)..=9;
            let mut children = digits.map(|digit| (digit, self.line.digits.push(m, digit)));
            let (digit, child) = children.find(|(_, child)| block(negative, *child, places, places))?;
            text.push(b'0' + digit);
            m = child;
        }
        Some(text)
    }

    /// Digits and an exponent: the place value of the last digit so far is chosen first, then one digit after another
    /// for which a member of the set is still ahead.
    fn exponent_ending(&self, state: NumberState) -> Option<Vec<u8>> {
        if !self.forms.exponent || !matches!(state.phase, Phase::Whole | Phase::Point | Phase::Fraction) {
            return None;
        }
        let half = &self.decimals.halves[usize::from(state.negative)];
        let query = self.query();
        let (mut m, mut text) = (state.mantissa, Vec::new());
        let mut scale = self.scales(state).find(|&scale| query.block(half, m, scale, scale))?;
        while m.length == 0 || state.phase == Phase::Point && text.is_empty() || !query.scaled(half, m, scale, scale) {
            scale -= i64::from(m.length > 0);
            let mut children = (u8::from(m.length == 0)..=9).map(|digit| (digit, self.line.digits.push(m, digit)));
            let (digit, child) = children.find(|(_, child)| query.block(half, *child, scale, scale))?;
            text.push(b'0' + digit);
            m = child;
        }
        let places = if state.phase == Phase::Whole { 0 } else { i64::from(state.fraction) + text.len() as i64 };
        text.extend(format!("e{}", scale + places).into_bytes());
        Some(text)
    }

    /// Place values of the last digit so far, one of which will do if any does: those at which blocks widen from a
    /// single multiple to certainly some, and those at the ends of the intervals.
    fn scales(&self, state: NumberState) -> impl Iterator<Item = i64> {
        let half = &self.decimals.halves[usize::from(state.negative)];
        let more = i64::from(state.mantissa.length.max(1)) - 1;
        let widths = |exponent: i64| (0..40).map(move |width| (width, exponent));
        let mut searched: Vec<(i64, i64)> = self
            .regions
            .iter()
            .flat_map(|region| &region.searches)
            .map(|lattice| lattice.exponent)
            .flat_map(widths)
            .collect();
        searched.sort_unstable();
        let ends = half.intervals.iter().flat_map(|interval| [interval.lower, interval.upper]).flatten();
        let leads = ends.chain(half.points.iter().copied()).flat_map(|c| [c.lead, c.lead + 1, c.lead - 1]);
        let leads: Vec<i64> = leads.map(|lead| lead - more).collect();
        searched.into_iter().map(|(width, exponent)| width + exponent).chain(leads)
    }
}

fn trace(steps: &[(NumberState, usize, u8)], mut at: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while at != 0 {
        text.push(steps[at].2);
        at = steps[at].1;
    }
    text.reverse();
    text
}
