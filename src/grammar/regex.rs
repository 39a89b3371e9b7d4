//! Regular expressions as a tree, whatever dialect they were written in.

use super::CharSet;

/// A regular language of texts, read from the left.
///
/// A complement is taken within the texts that are whole UTF-8 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Regex {
    /// The empty text and nothing else.
    Empty,
    /// One character of the set: nothing, if the set is empty.
    Class(CharSet),
    /// One byte of `low..=high`, for texts that need not be UTF-8.
    Bytes(u8, u8),
    Concat(Vec<Regex>),
    /// Any of them: nothing, if there are none.
    Alternation(Vec<Regex>),
    Repeat {
        body: Box<Regex>,
        min: u32,
        max: Option<u32>,
    },
    /// What all of them match.
    And(Vec<Regex>),
    /// What it does not match.
    Not(Box<Regex>),
    /// The matches of which no proper beginning is a match: what reading until the first match finds.
    Shortest(Box<Regex>),
    Look(Look),
}

/// A condition on a place in the text, of no length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    Start,
    End,
    /// The start, or behind a line feed.
    LineStart,
    /// The end, or before a line feed.
    LineEnd,
    /// A word's edge. Words are made of the class's characters.
    Boundary {
        word: CharSet,
        negated: bool,
    },
    Ahead {
        body: Box<Regex>,
        negated: bool,
    },
    Behind {
        body: Box<Regex>,
        negated: bool,
    },
}

impl Regex {
    /// Nothing matches.
    pub const NOTHING: Self = Self::Alternation(Vec::new());

    /// Exactly this text.
    pub fn text(text: &str) -> Self {
        Self::concat(text.chars().map(|c| Self::Class(CharSet::single(c as u32))).collect())
    }

    /// One after the other; without needless nesting.
    pub fn concat(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::Empty,
            1 => parts.pop().expect("there is one"),
            _ => Self::Concat(parts),
        }
    }

    /// Any of them; without needless nesting.
    pub fn alternation(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 { parts.pop().expect("there is one") } else { Self::Alternation(parts) }
    }

    /// From `min` to `max` times.
    pub fn repeat(self, min: u32, max: Option<u32>) -> Self {
        Self::Repeat { body: Box::new(self), min, max }
    }

    /// Any text, line ends included.
    pub fn anything() -> Self {
        Self::Class(CharSet::all()).repeat(0, None)
    }

    /// Whether the empty text matches; conditions on the text around are taken to hold.
    pub fn is_nullable(&self) -> bool {
        match self {
            Self::Empty | Self::Look(_) => true,
            Self::Class(_) | Self::Bytes(..) => false,
            Self::Concat(parts) | Self::And(parts) => parts.iter().all(Self::is_nullable),
            Self::Alternation(parts) => parts.iter().any(Self::is_nullable),
            Self::Repeat { body, min, .. } => *min == 0 || body.is_nullable(),
            Self::Not(body) => !body.is_nullable(),
            Self::Shortest(body) => body.is_nullable(),
        }
    }

    /// Whether a condition on the text around a match occurs: such an expression cannot be read from the left alone.
    pub fn has_look(&self) -> bool {
        match self {
            Self::Empty | Self::Class(_) | Self::Bytes(..) => false,
            Self::Concat(parts) | Self::Alternation(parts) | Self::And(parts) => parts.iter().any(Self::has_look),
            Self::Repeat { body, .. } | Self::Not(body) | Self::Shortest(body) => body.has_look(),
            Self::Look(_) => true,
        }
    }
}
