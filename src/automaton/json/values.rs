//! Whole values, kept where they must be told apart: the items of an array that has to be without repeats.
//!
//! A kept value is a number: equal values, as JSON Schema compares them (numbers by value, objects without order,
//! strings after undoing escapes), have equal numbers. Scalars are kept as the text that was read until they end.

use super::intern::{Interner, Texts};
use crate::{
    automaton::lexical::unescape::{self, Unescaped},
    schema::Decimal,
};

/// A whole value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    Null,
    Bool(bool),
    Number(Decimal),
    /// A number that cannot be told from its text: its exponent is beyond all bounds.
    NumberText(Box<[u8]>),
    /// Escapes undone.
    Text(Box<[u8]>),
    Array(Box<[u32]>),
    /// Sorted by key.
    Object(Box<[(Box<[u8]>, u32)]>),
    /// Unlike all others: for looking ahead, where the value itself does not matter.
    Fresh,
}

/// Kept values, and lists of them.
#[derive(Debug, Default)]
pub struct Values {
    values: Interner<Kept>,
    /// A list before, a key (a text's number; 0 in arrays) and a value. List `i + 1` is entry `i`.
    lists: Interner<(u32, u32, u32)>,
    /// Of all texts, arrays and objects together.
    text_bytes: usize,
}

impl Values {
    pub const EMPTY: u32 = 0;

    pub fn intern(&mut self, value: Kept) -> u32 {
        let (before, size) = (self.values.len(), value.size());
        let id = self.values.intern(value);
        if self.values.len() > before {
            self.text_bytes += size;
        }
        id
    }

    /// The number of a value, if it was ever kept.
    pub fn find(&self, value: &Kept) -> Option<u32> {
        self.values.find(value)
    }

    pub fn get(&self, value: u32) -> &Kept {
        self.values.get(value)
    }

    pub fn push(&mut self, list: u32, key: u32, value: u32) -> u32 {
        self.lists.intern((list, key, value)) + 1
    }

    /// The keys and values of a list, last first.
    pub fn list(&self, list: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut at = list;
        std::iter::from_fn(move || {
            let (before, key, value) = *self.lists.get(at.checked_sub(1)?);
            at = before;
            Some((key, value))
        })
    }

    /// The number of a JSON number's text.
    pub fn number(&mut self, text: &[u8]) -> u32 {
        let parsed = std::str::from_utf8(text).ok().and_then(|text| Decimal::parse(text).ok());
        self.intern(parsed.map_or_else(|| Kept::NumberText(text.into()), Kept::Number))
    }

    /// A list as an array, in order.
    pub fn array(&mut self, list: u32) -> u32 {
        let mut items: Vec<u32> = self.list(list).map(|(_, value)| value).collect();
        items.reverse();
        self.intern(Kept::Array(items.into()))
    }

    /// A list as an object.
    pub fn object(&mut self, list: u32, texts: &Texts) -> u32 {
        let mut members: Vec<(Box<[u8]>, u32)> =
            self.list(list).map(|(key, value)| (texts.bytes(key).into(), value)).collect();
        members.sort_unstable();
        self.intern(Kept::Object(members.into()))
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.values.len() * 160 + self.lists.len() * 48 + self.text_bytes
    }

    pub fn mark(&self) -> Mark {
        (self.values.len(), self.lists.len(), self.text_bytes)
    }

    pub fn forget_since(&mut self, (values, lists, text_bytes): Mark) {
        self.values.truncate(values);
        self.lists.truncate(lists);
        self.text_bytes = text_bytes;
    }
}

/// How many values, lists and bytes there were.
pub type Mark = (usize, usize, usize);

impl Kept {
    /// Bytes beside the value itself, twice: it is its own key.
    fn size(&self) -> usize {
        2 * match self {
            Self::Number(number) => number.digits().len(),
            Self::NumberText(text) | Self::Text(text) => text.len(),
            Self::Array(items) => items.len() * 4,
            Self::Object(members) => members.iter().map(|(key, _)| key.len() + 24).sum(),
            Self::Null | Self::Bool(_) | Self::Fresh => 0,
        }
    }
}

/// The text of a string's body, escapes undone; None within a character.
pub fn unescaped(body: &[u8]) -> Option<Vec<u8>> {
    let (mut at, mut text) = (0, Vec::with_capacity(body.len()));
    for byte in body {
        match unescape::step(at, *byte) {
            Unescaped::Inside(next) => at = next,
            Unescaped::Bytes { at: next, bytes, len } => {
                at = next;
                text.extend_from_slice(&bytes[..usize::from(len)]);
            }
            Unescaped::Dead | Unescaped::Close => return None,
        }
    }
    (at == 0).then_some(text)
}
