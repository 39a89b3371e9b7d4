//! Text that should stand in quotes.

use super::{
    Mode, Moves, Reading, fixed,
    input::{escape, is_blank, is_word},
    nothing,
    quoted::known_escape,
    table,
};
use crate::guard::model::{Emit, Move, What};

/// Behind blanks, a string begins.
fn next_is_quote(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    rest.first() == Some(&b'"') || super::between::opening(rest).is_some()
}

impl Reading {
    pub(super) fn bare(&mut self, at: u32, tier: usize, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let blank_before = self.input.before(at).is_some_and(is_blank);
        let first = rest.first().copied();
        match tier {
            0 => {
                if !blank_before && self.input.at_part_end(at) {
                    moves.push(fixed(at, Mode::Between, "\"", 0, What::Bare));
                }
                match first {
                    Some(b'\\') if known_escape(rest).is_some() => {
                        let length = known_escape(rest).unwrap_or(1);
                        let text = Emit::Text(rest[..length].into());
                        moves.push(Move::new(at + length as u32, Mode::Bare, text, 0, What::Keep));
                    }
                    Some(b':') if !self.colon_inside(rest) => {}
                    Some(b'"' | b',' | b'\\' | b'{' | b'}' | b'[' | b']') | None => {}
                    Some(byte) if byte >= 0x20 => {
                        moves.push(Move::new(at + 1, Mode::Bare, Emit::Byte(byte), 0, What::Keep));
                    }
                    _ => {}
                }
            }
            1 => {
                self.separators(at, Mode::Bare, moves);
                self.bare_style(at, first, moves);
            }
            2 => self.bare_marks(at, moves),
            3 if matches!(first, Some(b'}' | b']')) && !rest.get(1).is_some_and(|next| is_word(*next)) => {
                let emit = Emit::Byte(rest[0]);
                moves.push(Move::new(at + 1, Mode::Bare, emit, table::BARE_CLOSING, What::Bare));
            }
            3 if first == Some(b'"') => {
                moves.push(fixed(at + 1, Mode::Bare, "\\\"", table::BARE_QUOTE, What::Escape));
            }
            3 if first == Some(b'\n') || first == Some(b'\r') => {
                let written = escape(first.unwrap_or(b'\n')).unwrap_or(" ");
                moves.push(fixed(at + 1, Mode::Bare, written, table::BARE_LINE, What::Escape));
            }
            5 => self.text_byte(at, Mode::Bare, moves),
            _ => {}
        }
    }

    fn bare_style(&self, at: u32, first: Option<u8>, moves: &mut Moves) {
        let rest = self.input.rest(at);
        match first {
            Some(b':') if !self.colon_inside(rest) => {
                moves.push(fixed(at + 1, Mode::Bare, ":", table::UNESCAPE, What::Bare));
            }
            Some(b'\\') if known_escape(rest).is_none() => {
                moves.push(fixed(at + 1, Mode::Bare, "\\\\", table::UNESCAPE, What::Escape));
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let other = Emit::Byte(byte ^ 0x20);
                moves.push(Move::new(at + 1, Mode::Bare, other, table::CASE, What::Case).if_stuck());
            }
            _ => {}
        }
    }

    /// A colon that no blank follows stands in a time or an address.
    fn colon_inside(&self, rest: &[u8]) -> bool {
        rest.get(1).is_some_and(|next| next.is_ascii_digit() || *next == b'/')
    }

    fn bare_marks(&self, at: u32, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let Some(first) = rest.first().copied() else { return };
        let blank_before = self.input.before(at).is_some_and(is_blank);
        match first {
            b'"' if self.input.at_part_end(at + 1) => {
                moves.push(fixed(at + 1, Mode::Between, "\"", table::CLOSE, What::Quote));
            }
            b'"' => {}
            b',' | b'{' | b'}' | b'[' | b']' => {
                let cost = match (first, rest.get(1)) {
                    (b',', Some(b' ')) => table::BARE_COMMA_OR_BRACKET,
                    (b',', _) => table::BARE_COMMA_OR_BRACKET * 3,
                    // Words in brackets, in the midst of words.
                    (b'{' | b'[', Some(next)) if is_word(*next) && !blank_before => table::ESCAPE,
                    (b'}' | b']', Some(next)) if is_word(*next) => table::ESCAPE,
                    (b'}' | b']', _) => return,
                    _ => table::BARE_COMMA_OR_BRACKET,
                };
                if cost < table::TIERS[3] {
                    moves.push(Move::new(at + 1, Mode::Bare, Emit::Byte(first), cost, What::Bare));
                }
            }
            // The next key or value begins, a comma is missing.
            b' ' if !blank_before && next_is_quote(rest) => {
                moves.push(fixed(at, Mode::Between, "\"", table::CLOSE, What::Bare));
            }
            _ if first.is_ascii_punctuation() => {
                moves.push(nothing(at + 1, Mode::Bare, table::SCALAR, What::Delete).if_stuck());
            }
            _ => {}
        }
        // A value that ends within text: what follows is not it.
        if !blank_before && !first.is_ascii_alphanumeric() && !self.input.at_part_end(at) {
            moves.push(fixed(at, Mode::Between, "\"", table::CLOSE, What::Bare).if_stuck());
        }
    }
}
