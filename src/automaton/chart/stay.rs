//! What makes no difference to a lexeme: characters that it may go on with for long, and lexemes that go on alike.
//!
//! Most of a vocabulary is words, and most lexemes that any word fits are loops over a set of characters. A walk of the
//! token trie need not look at a subtree that is made of such characters alone.

use rustc_hash::FxHashMap;

use super::lexeme::{Lexemes, NOTHING, Node, Rx};
use crate::automaton::lexical::Loops;

/// Characters with which a lexeme may go on, whatever their order, and how many of them at least. It may end behind them
/// or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub loops: Loops,
    pub room: u32,
}

/// What was found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Stays {
    known: FxHashMap<Rx, Option<Stay>>,
    /// The characters that are a whole match of an expression.
    whole: FxHashMap<Rx, Loops>,
    /// The first expression that was met with these derivatives.
    by_row: FxHashMap<Box<[Rx]>, Rx>,
    alike: FxHashMap<Rx, Rx>,
}

/// Where in a character: bytes that are due, and the range of the first of them.
type Tail = (u32, u8, u8);

impl Lexemes {
    /// Characters with which an expression may go on. `loops`: some character was seen to lead from it to itself; where
    /// the form of an expression does not tell, nothing is looked for before.
    pub fn stay(&mut self, rx: Rx, loops: bool) -> Option<Stay> {
        let tells = self.facts[rx as usize].plain && !matches!(self.nodes[rx as usize], Node::Shortest(_));
        if !tells && !loops {
            return None;
        }
        if let Some(known) = self.stays.known.get(&rx) {
            return *known;
        }
        let stay = if tells { self.stay_by_form(rx) } else { self.stay_by_derivatives(rx) };
        self.stays.known.insert(rx, stay);
        self.bytes += 64;
        stay
    }

    fn stay_by_form(&mut self, rx: Rx) -> Option<Stay> {
        match self.nodes[rx as usize].clone() {
            Node::Repeat(body, _, max) => {
                let loops = self.whole(body);
                if loops == Loops::default() {
                    return self.stay(body, false);
                }
                Some(Stay { loops, room: max.unwrap_or(u32::MAX) })
            }
            Node::Concat(first, rest) => {
                let stay = self.stay(first, false);
                if self.is_nullable(first) { stay.or_else(|| self.stay(rest, false)) } else { stay }
            }
            Node::Alt(parts) => {
                let size = |stay: &Stay| (stay.loops.ascii.count_ones() + stay.loops.others.count_ones(), stay.room);
                parts.iter().filter_map(|part| self.stay(*part, false)).max_by_key(size)
            }
            _ => None,
        }
    }

    fn stay_by_derivatives(&mut self, rx: Rx) -> Option<Stay> {
        let loops = self.characters_to(rx, |_, left| left == rx);
        (loops != Loops::default()).then_some(Stay { loops, room: u32::MAX })
    }

    fn whole(&mut self, rx: Rx) -> Loops {
        if let Some(known) = self.stays.whole.get(&rx) {
            return *known;
        }
        let loops = self.characters_to(rx, Self::is_nullable);
        self.stays.whole.insert(rx, loops);
        self.bytes += 48;
        loops
    }

    /// The characters behind which `is_there` holds of what is left; of those that are more than a byte, all with the
    /// same first byte or none.
    fn characters_to(&mut self, rx: Rx, is_there: impl Fn(&Self, Rx) -> bool) -> Loops {
        let mut loops = Loops::default();
        let classes = 0..self.class_count() as u8;
        let there: Vec<bool> = classes
            .map(|class| {
                let left = self.derive(rx, class);
                left != NOTHING && is_there(self, left)
            })
            .collect();
        for byte in 0..128_u8 {
            loops.ascii |= u128::from(there[usize::from(self.class_of(byte))]) << byte;
        }
        let mut known = FxHashMap::default();
        for lead in 0xC2..=0xF4_u8 {
            let tail = match lead {
                0..0xE0 => (1, 0x80, 0xBF),
                0xE0 => (2, 0xA0, 0xBF),
                0xED => (2, 0x80, 0x9F),
                0xE1..0xED | 0xEE..0xF0 => (2, 0x80, 0xBF),
                0xF0 => (3, 0x90, 0xBF),
                0xF4 => (3, 0x80, 0x8F),
                _ => (3, 0x80, 0xBF),
            };
            let left = self.derive(rx, self.class_of(lead));
            if left != NOTHING && self.all_lead(left, tail, &is_there, &mut known) {
                loops.others |= 1 << (lead - 0xC0);
            }
        }
        loops
    }

    fn all_lead(
        &mut self,
        rx: Rx,
        (due, low, high): Tail,
        is_there: &impl Fn(&Self, Rx) -> bool,
        known: &mut FxHashMap<(Rx, Tail), bool>,
    ) -> bool {
        if let Some(known) = known.get(&(rx, (due, low, high))) {
            return *known;
        }
        let mut before = None;
        let all = (low..=high).all(|byte| {
            let class = self.class_of(byte);
            if before.replace(class) == Some(class) {
                return true;
            }
            let left = self.derive(rx, class);
            match due {
                _ if left == NOTHING => false,
                1 => is_there(self, left),
                _ => self.all_lead(left, (due - 1, 0x80, 0xBF), is_there, known),
            }
        });
        known.insert((rx, (due, low, high)), all);
        all
    }

    /// An expression that goes on like this one, behind whatever byte.
    pub fn alike(&mut self, rx: Rx) -> Rx {
        if let Some(known) = self.stays.alike.get(&rx) {
            return *known;
        }
        let row: Box<[Rx]> = (0..self.class_count() as u8).map(|class| self.derive(rx, class)).collect();
        self.bytes += 48 + row.len() * 4;
        let alike = *self.stays.by_row.entry(row).or_insert(rx);
        self.stays.alike.insert(rx, alike);
        alike
    }
}
