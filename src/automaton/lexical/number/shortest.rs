//! The shortest way to the end of a number.

use std::collections::{HashSet, VecDeque};

use super::{NumberLanguage, NumberState, Phase, lattice::shift, live::FAR};

/// States looked at before the search for the very shortest is given up.
const SEARCH_LIMIT: usize = 20_000;

impl NumberLanguage {
    /// Bytes that complete the text to one in the set; empty if it is in the set already. The fewest possible, except
    /// where divisors of many digits make the search too wide (more than 20,000 states): then a completion that need
    /// not be the shortest.
    pub fn shortest(&self, state: NumberState) -> Vec<u8> {
        // (state, the step before, the byte that led here)
        let mut steps: Vec<(NumberState, usize, u8)> = vec![(state, 0, 0)];
        let mut seen = HashSet::from([self.class(state)]);
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

    /// A completion found without search: an integer of the fewest digits, or the digits that make a multiple and
    /// then an exponent, or else digit by digit.
    fn by_digits(&self, mut state: NumberState) -> Vec<u8> {
        if let Some(text) = self.integer_ending(state).or_else(|| self.multiple_ending(state)) {
            return text;
        }
        let mut text = Vec::new();
        while !self.accepts(state) {
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

    /// Digits that make a multiple, and then an exponent.
    fn multiple_ending(&self, state: NumberState) -> Option<Vec<u8>> {
        if !self.forms.exponent || !matches!(state.phase, Phase::Whole | Phase::Fraction) {
            return None;
        }
        let steps = self.regions.iter().flat_map(|region| &region.searches).map(|lattice| lattice.step);
        let candidates = (0..36u32).flat_map(|places| steps.clone().map(move |step| (places, step)));
        candidates.into_iter().find_map(|(places, step)| {
            let past = shift(state.mantissa.residue, state.mantissa.zeros + places, step);
            let offset = if past == 0 { 0 } else { step - past };
            let digits = if places == 0 { String::new() } else { format!("{offset:0width$}", width = places as usize) };
            if digits.len() != places as usize || places == 0 && offset > 0 {
                return None;
            }
            let mut text = digits.into_bytes();
            text.push(b'e');
            let marked = text.iter().try_fold(state, |state, &byte| self.step(state, byte))?;
            text.extend(self.shortest(marked));
            Some(text)
        })
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
