//! What may be done to a text, and at what price: the declared cost model that a repair is minimal under.
//!
//! A text is read by a transducer. In a [`Model::Mode`] at a position it has *moves*: each takes some bytes of the
//! input (or none), writes some bytes (or none) and has a cost. Keeping a byte costs nothing. The bytes that are written
//! go through the recogniser, which refuses what leads to no answer. A repair is a way from the first position to the
//! last whose writing the recogniser accepts, and its cost is the sum over its moves; the search finds the least.
//!
//! Moves come in tiers, so that dear ones are not even listed before everything cheaper was tried.

use std::{
    fmt::{self, Debug},
    hash::Hash,
    sync::Arc,
};

use serde::Serialize;

use crate::automaton::Recognizer;

/// What an edit does. Its name on the wire is the variant's in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Not an edit.
    Keep,
    /// Text around the answer was dropped.
    Prose,
    /// A block of thinking was dropped.
    Think,
    Fence,
    Comment,
    /// An ellipsis was dropped.
    Ellipsis,
    /// The call that an answer was wrapped in.
    Call,
    /// White space that JSON does not know.
    Space,
    /// A quote was written as JSON's, put in or taken out.
    Quote,
    /// Text without quotes was quoted.
    Bare,
    /// A character was escaped, or an escape undone.
    Escape,
    /// Strings were joined.
    Join,
    /// `True`, `None` and the like.
    Literal,
    /// A number in another spelling.
    Number,
    /// A scalar in a string was taken out of it, or put into one.
    Scalar,
    /// JSON in a string was read as JSON, or the other way round.
    Encoding,
    Comma,
    Colon,
    Bracket,
    /// What was left open was closed.
    Close,
    /// Material that the constraint leaves no choice about, or null.
    Fill,
    /// Upper for lower case, or the reverse.
    Case,
    /// A member or an item, or part of a string, was dropped.
    Drop,
    Insert,
    Delete,
    Substitute,
}

impl What {
    /// What the text says stays, as far as it is part of the answer.
    pub fn keeps_content(self) -> bool {
        !matches!(self, Self::Drop | Self::Insert | Self::Delete | Self::Substitute)
    }

    /// A text that is JSON as it stands is not read as anything else: at most, its values are spelt another way.
    pub fn keeps_structure(self) -> bool {
        use What::{Case, Close, Encoding, Fill, Keep, Number, Scalar};
        matches!(self, Keep | Fill | Case | Scalar | Number | Encoding | Close)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "kept",
            Self::Prose => "text around the answer was dropped",
            Self::Think => "a block of thinking was dropped",
            Self::Fence => "a fence was dropped",
            Self::Comment => "a comment was dropped",
            Self::Ellipsis => "an ellipsis was dropped",
            Self::Call => "the answer was taken out of a call",
            Self::Space => "white space that JSON does not know",
            Self::Quote => "quotes",
            Self::Bare => "text without quotes was quoted",
            Self::Escape => "an escape",
            Self::Join => "strings were joined",
            Self::Literal => "true, false or null in another spelling",
            Self::Number => "a number in another spelling",
            Self::Scalar => "a scalar was taken out of a string, or put into one",
            Self::Encoding => "JSON within a string",
            Self::Comma => "a comma",
            Self::Colon => "a colon",
            Self::Bracket => "a bracket",
            Self::Close => "what was left open was closed",
            Self::Fill => "what the constraint leaves no choice about was put in",
            Self::Case => "upper or lower case",
            Self::Drop => "content was dropped",
            Self::Insert => "bytes were put in",
            Self::Delete => "bytes were dropped",
            Self::Substitute => "bytes were replaced",
        })
    }
}

/// What a move writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emit {
    Nothing,
    Byte(u8),
    Fixed(&'static str),
    Text(Arc<[u8]>),
    /// Bytes without a choice, up to where the text can go on.
    Forced,
    /// [`Recognizer::finish`].
    Finish,
    /// [`Recognizer::close`].
    Close,
    /// The same without its last byte, which the text has.
    Due,
}

/// Where a move is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// Only where the recogniser does not take the next byte of the text as it stands.
    Stuck,
    /// Only where the answer may end.
    Accepted,
}

/// One thing that may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move<M> {
    pub to: u32,
    pub mode: M,
    pub emit: Emit,
    pub cost: u32,
    pub what: What,
    pub when: When,
}

impl<M> Move<M> {
    pub fn new(to: u32, mode: M, emit: Emit, cost: u32, what: What) -> Self {
        Self { to, mode, emit, cost, what, when: When::Always }
    }

    pub fn if_accepted(self) -> Self {
        Self { when: When::Accepted, ..self }
    }

    pub fn if_stuck(self) -> Self {
        Self { when: When::Stuck, ..self }
    }
}

/// A cost model over one text.
pub trait Model {
    type Mode: Copy + Eq + Hash + Debug;

    /// The least cost of a move in each tier, rising; the first is 0.
    const TIERS: &'static [u32];

    /// Where reading begins.
    fn start(&self) -> (u32, Self::Mode);

    /// The moves of one tier, their costs at least the tier's.
    fn moves(&mut self, at: u32, mode: Self::Mode, tier: usize, moves: &mut Vec<Move<Self::Mode>>);

    /// The bytes from here on that are kept in this mode, if the recogniser takes them, and where all other moves then are
    /// of the last tier. It may always say none.
    fn idle(&self, _at: u32, _mode: Self::Mode) -> &[u8] {
        &[]
    }

    /// The byte of the text that is kept here and the mode behind it, where that is the only move of the first tier. It
    /// may always say none.
    fn kept(&self, _at: u32, _mode: Self::Mode) -> Option<(u8, Self::Mode)> {
        None
    }

    /// The tier that is to be looked at after this one. Those between must have no moves here; where `goes_on`, the
    /// recogniser takes the next byte as it stands, so moves that are for [`When::Stuck`] do not count.
    fn next_tier(&self, _at: u32, _mode: Self::Mode, tier: usize, _goes_on: bool) -> usize {
        tier + 1
    }

    /// The next byte, if it could be written as it stands.
    fn next_byte(&self, at: u32, mode: Self::Mode) -> Option<u8>;

    /// The text has been read, and nothing is left open by the reading itself.
    fn ends(&self, at: u32, mode: Self::Mode) -> bool;

    /// What material of the recogniser's costs, on top of its move; None: it may not be invented.
    fn price<R: Recognizer>(&self, recognizer: &mut R, state: R::State, text: &[u8]) -> Option<u32>;

    /// Material of this kind may be cut off behind so many bytes: where the reading stands between two parts.
    fn settled(&self, forced: &[u8]) -> usize;

    /// The bytes of the text between two positions.
    fn source(&self, from: u32, to: u32) -> &[u8];

    /// The offset of a position in the text as it was given.
    fn offset(&self, at: u32) -> usize;
}
