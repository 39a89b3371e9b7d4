//! Why an answer was turned down, in words for the model that is asked again.

use std::fmt;

use super::pointer;
use crate::automaton::Recognizer;

/// The first place where a text leaves its constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Byte offset in the text as it came.
    pub offset: usize,
    /// JSON pointer of the value in which that is, as far as it was read.
    pub pointer: String,
    /// What could have come, in words.
    pub expected: String,
    /// What came instead.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { offset, pointer, expected, found } = self;
        let place =
            if pointer.is_empty() { format!("at byte {offset}") } else { format!("at {pointer} (byte {offset})") };
        write!(f, "{place}: expected {expected}, found {found}")
    }
}

/// Characters that are shown of what was found.
const SHOWN: usize = 40;

/// Reads a text as it stands and says where and why that ends. None: it satisfies the constraint.
///
/// Cost: the text is read once, and at the end every byte is tried.
pub fn violation<R: Recognizer>(recognizer: &mut R, text: &[u8]) -> Option<Violation> {
    let mut state = recognizer.start();
    let mut offset = 0;
    for (index, byte) in text.iter().enumerate() {
        if index % 4096 == 0 {
            recognizer.begin();
        }
        match recognizer.step(state, *byte) {
            Some(next) => state = next,
            None => break,
        }
        offset = index + 1;
    }
    if offset == text.len() && recognizer.accepts(state) {
        return None;
    }
    recognizer.begin();
    let found: String = String::from_utf8_lossy(&text[offset..]).chars().take(SHOWN).collect();
    let found = if found.is_empty() { "the end".to_owned() } else { format!("{found:?}") };
    let pointer = pointer::at(&text[..offset], &[offset]).pop().unwrap_or_default();
    Some(Violation { offset, pointer, expected: expected(recognizer, state), found })
}

fn expected<R: Recognizer>(recognizer: &mut R, state: R::State) -> String {
    let mut words: Vec<String> = Vec::new();
    if let Some(mut due) = recognizer.close(state) {
        due.pop();
        if !due.is_empty() {
            // What is still missing says more than the next byte.
            let missing: String = String::from_utf8_lossy(&due).trim_start_matches(',').chars().take(80).collect();
            words.push(format!("more before the end, such as {missing}"));
        }
    }
    let may: Vec<u8> = (0..=u8::MAX).filter(|byte| recognizer.step(state, *byte).is_some()).collect();
    let may_be = |byte: u8| may.contains(&byte);
    if may.len() > 60 {
        words.push("other text".to_owned());
    } else {
        let kinds: &[(u8, &str)] = &[
            (b'"', "a string"),
            (b'{', "an object"),
            (b'[', "an array"),
            (b't', "true"),
            (b'f', "false"),
            (b'n', "null"),
        ];
        let value = may_be(b'7') || kinds.iter().filter(|(byte, _)| may_be(*byte)).count() > 1;
        for (byte, name) in kinds {
            if may_be(*byte) {
                words.push(if value || *byte == b'"' {
                    (*name).to_owned()
                } else {
                    format!("`{}`", char::from(*byte))
                });
            }
        }
        if (b'0'..=b'9').any(may_be) {
            words.push("a number".to_owned());
        }
        let known = |byte: &u8| kinds.iter().any(|(kind, _)| kind == byte) || byte.is_ascii_digit();
        let others = may.iter().filter(|byte| !known(byte) && !byte.is_ascii_whitespace() && byte.is_ascii_graphic());
        words.extend(others.take(8).map(|byte| format!("`{}`", char::from(*byte))));
    }
    if recognizer.accepts(state) {
        words.push("the end".to_owned());
    }
    if words.is_empty() { "something else".to_owned() } else { words.join(", ") }
}
