//! Reading along: bytes of a string or a key that are content and nothing else, many at once.
//!
//! What is read here leads to the state that the same bytes lead to one by one; tests hold the two against each other.

use super::{
    frame::{Container, FrameId, ObjectFrame},
    keys::{Free, Key},
    machine::{Lex, Machine, State},
};
use crate::automaton::lexical::{
    BodyState, BodyStep,
    escape::step_spelled,
    unescape::{self, Spelling, Unescaped},
};

/// Bytes that are read at once at most: what a walk of a language may cost is bounded.
const AT_ONCE: usize = 4096;

/// Inside a string: a character of its own that neither ends it nor begins an escape.
static CONTENT: [bool; 256] = {
    let mut set = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        set[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    set
};

/// What a text begins with that is content.
fn content(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(AT_ONCE)];
    let end = text.iter().position(|byte| !CONTENT[usize::from(*byte)]);
    &text[..end.unwrap_or(text.len())]
}

impl Machine {
    /// Reads along as far as that takes no decision. Returns how many bytes that are: none where there is nothing to read
    /// so.
    pub(super) fn read_run(&mut self, state: &mut State, text: &[u8]) -> usize {
        let State { frame, lex } = state;
        match lex {
            Lex::String { language, body, text: None } => self.string_run(*language, body, text),
            Lex::Key(key) if key.at == 0 => {
                let (frame, mut behind) = (*frame, *key);
                let read = self.key_run(frame, &mut behind, text);
                state.lex = Lex::Key(behind);
                read
            }
            Lex::NextKey | Lex::FirstKey if text.first() == Some(&b'"') => match self.known_key(*frame, text) {
                Some((after, read)) => {
                    *state = after;
                    read
                }
                None => 0,
            },
            _ => 0,
        }
    }

    fn string_run(&mut self, language: u32, body: &mut BodyState, text: &[u8]) -> usize {
        let strings = &self.tables.languages[language as usize];
        if strings.is_plain() {
            return plain_run(&mut body.sub, text, self.style.spelling);
        }
        let mut at = 0;
        let mut dfa = strings.lock();
        while let Some(byte) = text.get(at).filter(|_| at < AT_ONCE)
            && let BodyStep::Stay(next) = step_spelled(&mut dfa, *body, *byte, self.style.spelling)
        {
            *body = next;
            at += 1;
        }
        drop(dfa);
        self.tables.charge_for(strings);
        at
    }

    /// Within a key, between two characters.
    fn key_run(&mut self, frame: FrameId, key: &mut Key, text: &[u8]) -> usize {
        let run = content(text);
        if run.len() < 2 || matches!(key.free, Free::Of { .. }) {
            return 0;
        }
        let Container::Object(object) = self.frames.get(frame).container else { return 0 };
        let mut behind = *key;
        self.narrow_by(&object, &mut behind, run);
        // A key that may come behind all of these bytes may come behind each. Where none may, they are read one by one, up to
        // the one that is refused.
        if behind.free == Free::No && !self.any_available(&object, behind.low, behind.high) {
            return 0;
        }
        *key = behind;
        run.len()
    }

    /// A whole key that the schema names, quotes and all.
    fn known_key(&mut self, frame: FrameId, text: &[u8]) -> Option<(State, usize)> {
        let run = content(&text[1..]);
        let closes = text.get(run.len() + 1) == Some(&b'"');
        if !closes || self.style.indented {
            return None;
        }
        let Container::Object(object) = self.frames.get(frame).container else { return None };
        let index = self.known_index(&object, run)?;
        let key = Key { at: 0, low: index, high: index + 1, len: run.len() as u32, free: Free::No };
        let state = self.close_key(frame, &object, key, b'"')?;
        Some((state, run.len() + 2))
    }

    fn known_index(&self, object: &ObjectFrame, key: &[u8]) -> Option<u32> {
        let known = &self.tables.shapes[object.object.shape as usize].known;
        known.binary_search_by(|other| (*other.key).cmp(key)).ok().map(|index| index as u32)
    }
}

/// In a string that may hold any text.
fn plain_run(sub: &mut u32, text: &[u8], spelling: Spelling) -> usize {
    let mut at = 0;
    loop {
        if *sub == 0 {
            at += content(&text[at..]).len();
        }
        let Some(byte) = text.get(at).filter(|_| at < AT_ONCE) else { return at };
        if spelling == Spelling::Shortest && !unescape::is_shortest(*sub, *byte) {
            return at;
        }
        match unescape::step(*sub, *byte) {
            Unescaped::Inside(next) | Unescaped::Bytes { at: next, .. } => *sub = next,
            Unescaped::Dead | Unescaped::Close => return at,
        }
        at += 1;
    }
}
