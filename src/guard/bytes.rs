//! The cost model for answers that are not JSON: bytes kept, put in, taken out and exchanged.
//!
//! | move | cost |
//! |---|---|
//! | keep a byte | 0 |
//! | a letter in the other case, where the text cannot go on as it stands | 3 |
//! | white space dropped, a byte | 4 |
//! | quotes, punctuation and marks (`* _ . ! "` ..) dropped, a byte | 10 |
//! | text before the answer dropped, however long | 40 |
//! | text behind it | 40 |
//! | any byte put in, taken out or exchanged | 100 |

use super::model::{Emit, Model, Move, What};
use crate::automaton::Recognizer;

/// A text read byte by byte.
pub struct Bytes<'a> {
    text: &'a [u8],
}

/// Where in the text around the answer the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Start,
    /// In text before the answer.
    Before,
    Inside,
    /// The text behind the answer was dropped.
    Done,
}

impl<'a> Bytes<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text }
    }
}

impl Model for Bytes<'_> {
    type Mode = Mode;
    const TIERS: &'static [u32] = &[0, 3, 40, 100];

    fn start(&self) -> (u32, Mode) {
        (0, Mode::Start)
    }

    fn moves(&mut self, at: u32, mode: Mode, tier: usize, moves: &mut Vec<Move<Mode>>) {
        let byte = self.text.get(at as usize).copied();
        let end = self.text.len() as u32;
        match (mode, tier, byte) {
            (Mode::Done, ..) => {}
            (Mode::Before, 0, Some(_)) => {
                moves.push(Move::new(at + 1, Mode::Before, Emit::Nothing, 0, What::Prose));
                let word = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
                if !at.checked_sub(1).is_some_and(|before| word(self.text[before as usize])) {
                    moves.push(Move::new(at, Mode::Inside, Emit::Nothing, 0, What::Keep));
                }
            }
            (Mode::Before, ..) => {}
            (_, 0, Some(byte)) => moves.push(Move::new(at + 1, Mode::Inside, Emit::Byte(byte), 0, What::Keep)),
            (_, 1, Some(byte)) if byte.is_ascii_alphabetic() => {
                let other = Emit::Byte(byte ^ 0x20);
                moves.push(Move::new(at + 1, Mode::Inside, other, 3, What::Case).if_stuck());
            }
            (_, 1, Some(byte)) if byte.is_ascii_whitespace() => {
                moves.push(Move::new(at + 1, mode, Emit::Nothing, 4, What::Delete));
            }
            (_, 1, Some(byte)) if byte.is_ascii_punctuation() => {
                moves.push(Move::new(at + 1, mode, Emit::Nothing, 10, What::Delete));
            }
            (_, 2, Some(_)) => {
                if mode == Mode::Start {
                    moves.push(Move::new(at, Mode::Before, Emit::Nothing, 40, What::Prose));
                }
                if mode == Mode::Inside {
                    moves.push(Move::new(end, Mode::Done, Emit::Nothing, 40, What::Prose).if_accepted());
                }
            }
            (_, 3, _) => {
                for other in 0..=u8::MAX {
                    moves.push(Move::new(at, Mode::Inside, Emit::Byte(other), 100, What::Insert));
                    if byte.is_some_and(|byte| byte != other) {
                        moves.push(Move::new(at + 1, Mode::Inside, Emit::Byte(other), 100, What::Substitute));
                    }
                }
                if byte.is_some() {
                    moves.push(Move::new(at + 1, mode, Emit::Nothing, 100, What::Delete));
                }
            }
            _ => {}
        }
    }

    fn next_byte(&self, at: u32, mode: Mode) -> Option<u8> {
        self.text.get(at as usize).copied().filter(|_| matches!(mode, Mode::Start | Mode::Inside))
    }

    fn ends(&self, at: u32, mode: Mode) -> bool {
        at as usize == self.text.len() && mode != Mode::Before
    }

    fn price<R: Recognizer>(&self, _recognizer: &mut R, _state: R::State, _text: &[u8]) -> Option<u32> {
        None
    }

    fn settled(&self, _forced: &[u8]) -> usize {
        0
    }

    fn source(&self, from: u32, to: u32) -> &[u8] {
        &self.text[from as usize..to as usize]
    }

    fn offset(&self, at: u32) -> usize {
        at as usize
    }
}
