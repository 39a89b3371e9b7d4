//! The cost model for JSON: how a text that means JSON is read, and what each liberty costs.
//!
//! Nouns: a [`Mode`] is what is being read; the [`table`] has the prices; `between`, `quoted`, `bare` and `around` have
//! the moves of one mode each; an `Input` is the text, with JSON that stands in strings decoded beside it.
//!
//! The reading knows spelling only. Whether a key or a value is due, whether a string may be a number here, and which
//! bracket closes what, is the recogniser's to say: each reading is tried, those that it refuses die, and of the others
//! the cheapest wins. So the same text is repaired in different ways under different schemas.
//!
//! The prices follow from four rules. Style costs less than structure, structure less than content. What is dropped costs
//! more than what is added, what is invented most. A quote inside a string is likelier to be content where nothing
//! follows that may follow a string. Two small things cost less than one of the next kind.

mod around;
mod bare;
mod between;
mod input;
mod quoted;
mod scalar;
pub mod table;

use super::model::{Emit, Model, Move, What};
use crate::automaton::Recognizer;
pub use input::string_end;
use input::{Input, is_blank, is_word};

/// Which quotes a string stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quote {
    /// JSON's own.
    Double,
    /// JSON's own, typed twice.
    Twice,
    Triple,
    Single,
    SingleTwice,
    Back,
    Curly,
    CurlySingle,
}

/// Bytes that are read with the steps of one piece of work.
const AT_ONCE: u32 = 4096;

/// Places that are noted at most when a text is read as it stands; a search finds out about later ones itself.
const MAX_TRACE: usize = 1 << 15;

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing was read yet that belongs to the answer.
    Start,
    /// The same behind text that was dropped.
    Begun,
    /// Between two tokens, or in a number or a word that is kept as it stands.
    Between,
    Quoted(Quote),
    /// Text that should stand in quotes.
    Bare,
    /// Text before the answer.
    Prose,
    /// What follows was dropped.
    Done,
}

/// A text read as JSON.
pub struct Reading {
    input: Input,
    whole: bool,
    margin: u32,
}

impl Mode {
    /// Nothing of the answer was read.
    fn is_fresh(self) -> bool {
        matches!(self, Self::Start | Self::Begun)
    }
}

type Moves = Vec<Move<Mode>>;

impl Reading {
    /// A text at its end: what is open may be closed.
    pub fn new(text: &[u8]) -> Self {
        Self { input: Input::new(text), whole: true, margin: 0 }
    }

    /// Reads the text as it stands, as far as the recogniser takes it, and notes the states of the places that a search
    /// would pass. Returns the state at its end; none: it does not take all of it.
    pub fn follow<R: Recognizer>(&self, recognizer: &mut R, trace: &mut Vec<(u32, R::State)>) -> Option<R::State> {
        let (mut at, mut mode, mut state) = (0, Mode::Between, recognizer.start());
        let mut begun = 0;
        trace.clear();
        trace.reserve((self.input.length() as usize / 2 + 8).min(MAX_TRACE));
        trace.push((at, state));
        while let Some(byte) = self.input.get(at) {
            if at - begun >= AT_ONCE {
                recognizer.begin();
                begun = at;
            }
            let rest = self.input.rest(at);
            let length = match mode {
                Mode::Quoted(_) if byte == b'\\' => quoted::known_escape(rest).unwrap_or(1),
                _ => 1,
            };
            mode = match (byte, mode) {
                (b'"', Mode::Between) => Mode::Quoted(Quote::Double),
                (b'"', _) => Mode::Between,
                _ => mode,
            };
            for part in [&rest[..length], self.idle(at + length as u32, mode)] {
                let read = recognizer.read(&mut state, part);
                at += read as u32;
                if read < part.len() {
                    return None;
                }
                if read > 0 && trace.len() < MAX_TRACE {
                    trace.push((at, state));
                }
            }
        }
        Some(state)
    }

    /// A text that goes on. The last `margin` bytes may be left unread: what they are depends on what follows.
    pub fn of_beginning(text: &[u8], margin: usize) -> Self {
        Self { input: Input::new(text), whole: false, margin: margin as u32 }
    }
}

impl Model for Reading {
    type Mode = Mode;
    const TIERS: &'static [u32] = table::TIERS;

    fn start(&self) -> (u32, Mode) {
        (0, Mode::Start)
    }

    fn moves(&mut self, at: u32, mode: Mode, tier: usize, moves: &mut Moves) {
        match mode {
            Mode::Start | Mode::Begun | Mode::Between => self.between(at, mode, tier, moves),
            Mode::Quoted(quote) => self.quoted(at, quote, tier, moves),
            Mode::Bare => self.bare(at, tier, moves),
            Mode::Prose => self.prose(at, tier, moves),
            Mode::Done => {}
        }
        debug_assert!(moves.iter().all(|one| one.cost >= table::TIERS[tier]), "a move below its tier: {moves:?}");
    }

    fn kept(&self, at: u32, mode: Mode) -> Option<(u8, Mode)> {
        let byte = self.input.get(at)?;
        match mode {
            Mode::Quoted(Quote::Double) if byte == b'"' => Some((byte, Mode::Between)),
            Mode::Quoted(Quote::Double) => (byte >= 0x20 && byte != b'\\').then_some((byte, mode)),
            Mode::Between if byte == b'"' => Some((byte, Mode::Quoted(Quote::Double))),
            Mode::Between => Some((byte, mode)),
            _ => None,
        }
    }

    fn idle(&self, at: u32, mode: Mode) -> &[u8] {
        let rest = self.input.rest(at);
        let length = match mode {
            Mode::Quoted(Quote::Double) => Some(quoted::plain_length(rest)),
            Mode::Between if !self.after_value(at) => rest.iter().position(|byte| !is_blank(*byte)),
            _ => Some(0),
        };
        let length = length.unwrap_or(rest.len());
        // Near the end of a text that goes on, each position may be the last that is read.
        let open = if self.whole { u32::MAX } else { self.input.length().saturating_sub(self.margin) };
        let limit = if at > self.input.length() { length } else { open.saturating_sub(at) as usize };
        &rest[..length.min(limit)]
    }

    fn next_tier(&self, at: u32, mode: Mode, tier: usize, goes_on: bool) -> usize {
        match mode {
            // In the midst of a string, nothing is at hand but exchanging bytes.
            Mode::Quoted(_) if goes_on && tier < 4 && self.input.get(at).is_some_and(quoted::is_ordinary) => 5,
            Mode::Quoted(Quote::Double) if goes_on && tier < 4 && quoted::is_plain(self.input.rest(at)) => 5,
            Mode::Between if goes_on && tier == 0 => self.between_from(at),
            Mode::Bare if goes_on && tier < 4 && self.input.get(at).is_some_and(is_word) => 5,
            _ => tier + 1,
        }
    }

    fn next_byte(&self, at: u32, mode: Mode) -> Option<u8> {
        match mode {
            Mode::Done | Mode::Prose => None,
            // As content it would be escaped; it does not close what was opened otherwise.
            Mode::Bare | Mode::Quoted(_) if mode != Mode::Quoted(Quote::Double) => {
                self.input.get(at).map(|byte| if byte == b'"' { b'\\' } else { byte })
            }
            _ => self.input.get(at),
        }
    }

    fn ends(&self, at: u32, mode: Mode) -> bool {
        let length = self.input.length();
        match self.whole {
            true => at == length && matches!(mode, Mode::Between | Mode::Done),
            false => (length.saturating_sub(self.margin)..=length).contains(&at),
        }
    }

    fn price<R: Recognizer>(&self, recognizer: &mut R, state: R::State, text: &[u8]) -> Option<u32> {
        scalar::price(recognizer, state, text)
    }

    fn settled(&self, forced: &[u8]) -> usize {
        scalar::settled(forced)
    }

    fn source(&self, from: u32, to: u32) -> &[u8] {
        self.input.source(from, to)
    }

    fn offset(&self, at: u32) -> usize {
        self.input.offset(at)
    }
}

fn fixed(to: u32, mode: Mode, text: &'static str, cost: u32, what: What) -> Move<Mode> {
    Move::new(to, mode, Emit::Fixed(text), cost, what)
}

fn nothing(to: u32, mode: Mode, cost: u32, what: What) -> Move<Mode> {
    Move::new(to, mode, Emit::Nothing, cost, what)
}
