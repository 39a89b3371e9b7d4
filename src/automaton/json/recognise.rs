//! The JSON automaton as a [`Recognizer`].

use super::{
    frame::Mark,
    machine::{Lex, Machine, State},
};
use crate::{automaton::Recognizer, budget::Overrun};

/// What one machine finds out about ways home depends on what texts cost, so there is one measure for all who drive it
/// through the trait: null and empty containers first, since they claim nothing; then few bytes.
fn cost(text: &[u8]) -> u32 {
    let invented = text.split(|byte| matches!(byte, b',' | b':' | b'[' | b']' | b'{' | b'}'));
    let invented = invented.filter(|part| part.first().is_some_and(|byte| !matches!(byte, b'n' | b'"'))).count();
    let strings = text.iter().filter(|byte| **byte == b'"').count() / 2;
    let containers = text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    (invented * 64 + strings * 32 + containers * 8 + text.len()) as u32
}

impl Recognizer for Machine {
    type State = State;
    type Mark = Mark;

    fn start(&mut self) -> State {
        Machine::start(self)
    }

    fn step(&mut self, state: State, byte: u8) -> Option<State> {
        Machine::step(self, state, byte)
    }

    fn read(&mut self, state: &mut State, text: &[u8]) -> usize {
        let mut at = 0;
        while at < text.len() {
            at += self.read_run(state, &text[at..]);
            let Some(byte) = text.get(at) else { break };
            match Machine::step(self, *state, *byte) {
                Some(next) => *state = next,
                None => break,
            }
            at += 1;
        }
        at
    }

    fn accepts(&mut self, state: State) -> bool {
        Machine::accepts(self, state)
    }

    fn finish(&mut self, state: State) -> Option<Vec<u8>> {
        self.finish_part(state, &cost).filter(|text| !text.is_empty())
    }

    fn close(&mut self, state: State) -> Option<Vec<u8>> {
        self.close_innermost(state, &cost)
    }

    fn forced(&mut self, state: State) -> Option<(u8, State)> {
        if Machine::accepts(self, state) {
            return None;
        }
        let may = self.may_read(state);
        let blank = self.skips_blanks(state);
        let mut found = None;
        for byte in 0..=u8::MAX {
            let skipped = blank && matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            // The same character in an escape is no other choice.
            let escape = byte == b'\\' && matches!(state.lex, Lex::String { .. } | Lex::Key(_));
            if skipped || escape || may[usize::from(byte) / 64] >> (byte % 64) & 1 == 0 {
                continue;
            }
            match (Machine::step(self, state, byte), found) {
                (None, _) => {}
                (Some(next), None) => found = Some((byte, next)),
                (Some(_), Some(_)) => return None,
            }
        }
        found
    }

    fn begin(&mut self) {
        Machine::begin(self);
    }

    fn fault(&self) -> Option<Overrun> {
        Machine::fault(self).cloned()
    }

    fn mark(&mut self) -> Mark {
        Machine::mark(self)
    }

    fn forget_since(&mut self, mark: Mark) {
        Machine::forget_since(self, mark);
    }
}
