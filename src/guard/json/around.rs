//! What stands around the answer: prose, thinking, fences, calls.

use super::{
    Mode, Moves, Reading,
    input::{is_blank, is_word, string_end},
    nothing, table,
};
use crate::guard::model::{Emit, Move, What};

/// Tags of thinking that models leave in their answers.
const THINKING: &[(&[u8], &[u8])] = &[
    (b"<think>", b"</think>"),
    (b"<thinking>", b"</thinking>"),
    (b"<reasoning>", b"</reasoning>"),
    (b"<scratchpad>", b"</scratchpad>"),
];

/// The string that a text begins with has an end.
pub fn closed(text: &[u8]) -> bool {
    let end = string_end(text, 0);
    end >= 2 && text[end - 1] == text[0]
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The length of the fence that a text begins with, its language included.
pub fn fence(text: &[u8]) -> Option<usize> {
    let ticks = text.iter().take_while(|byte| **byte == b'`').count();
    if ticks < 3 {
        return None;
    }
    let name =
        text[ticks..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    Some(ticks + name)
}

impl Reading {
    /// Text in front of the answer, up to where a value could begin.
    pub(super) fn prose(&self, at: u32, tier: usize, moves: &mut Moves) {
        let Some(byte) = self.input.get(at) else { return };
        let cost = match byte {
            b'{' | b'[' if matches!(self.input.rest(at), [b'{', b'}', ..] | [b'[', b']', ..]) => 4,
            b'{' | b'[' => table::PROSE_BRACKET,
            b'"' => table::PROSE_QUOTE,
            _ => 0,
        };
        if table::TIERS.iter().rposition(|least| *least <= cost) == Some(tier) {
            moves.push(nothing(at + 1, Mode::Prose, cost, What::Prose));
        }
        let inside = is_word(byte) && self.input.before(at).is_some_and(is_word);
        if inside || is_blank(byte) {
            return;
        }
        match (tier, byte) {
            (0, b'{' | b'[') => moves.push(nothing(at, Mode::Begun, 0, What::Prose)),
            (3, b'{' | b'[') => {}
            (3, b'"') if !closed(self.input.rest(at)) => {}
            (3, _) => moves.push(nothing(at, Mode::Begun, table::PROSE_BEFORE_SCALAR, What::Prose)),
            _ => {}
        }
    }

    /// What may be dropped where nothing of the answer was read.
    pub(super) fn before_answer(&self, at: u32, tier: usize, moves: &mut Moves) {
        let rest = self.input.rest(at);
        if tier == 1 {
            for (open, close) in THINKING {
                if rest.starts_with(open) {
                    let end = find(rest, close).map(|end| end + close.len());
                    if let Some(end) = end {
                        moves.push(nothing(at + end as u32, Mode::Start, table::THINK, What::Think));
                    }
                }
            }
            // A block whose beginning went to another field of the answer.
            for (_, close) in THINKING {
                if let Some(end) = find(rest, close) {
                    moves.push(nothing(at + (end + close.len()) as u32, Mode::Start, table::THINK + 1, What::Think));
                }
            }
        }
        if tier == 2 {
            let mut from = 0;
            let mut count = self.input.source(0, at).windows(3).filter(|window| *window == b"```").count() as u32;
            while let Some(found) = find(&rest[from..], b"```") {
                let open = from + found;
                let length = fence(&rest[open..]).unwrap_or(3);
                // Every other one closes what the one before has opened.
                if open > 0 && count < 8 && count.is_multiple_of(2) {
                    let cost = table::FENCED + count / 2;
                    moves.push(nothing(at + (open + length) as u32, Mode::Begun, cost, What::Fence));
                }
                count += 1;
                from = open + length;
            }
        }
        if tier == 3 && !rest.is_empty() {
            let first = rest.iter().find(|byte| !is_blank(**byte));
            let cost = if first == Some(&b'"') { table::PROSE * 3 } else { table::PROSE };
            if cost < table::TIERS[4] {
                moves.push(nothing(at, Mode::Prose, cost, What::Prose));
            }
        }
    }

    /// Fences, and calls that the answer is an argument of.
    pub(super) fn wrapping(&self, at: u32, mode: Mode, tier: usize, moves: &mut Moves) {
        let rest = self.input.rest(at);
        match (tier, rest) {
            (1, [b'`', ..]) => {
                if let Some(length) = fence(rest) {
                    let behind = &rest[length..];
                    let bracket = usize::from(matches!(behind.first(), Some(b']' | b'}')) && !mode.is_fresh());
                    moves.push(nothing(at + length as u32, mode, table::FENCE, What::Fence));
                    if bracket == 1 {
                        moves.push(nothing(at + length as u32 + 1, mode, table::FENCE - 1, What::Fence));
                    }
                    if !mode.is_fresh() && self.after_part(at) {
                        // What follows the closing fence is not the answer's.
                        let end = self.input.end_of(at);
                        moves.push(nothing(end, Mode::Done, table::FENCE + 2, What::Fence).if_accepted());
                    }
                }
            }
            (1, [b'[' | b'{', b'`', ..]) if mode.is_fresh() => {
                if let Some(length) = fence(&rest[1..]) {
                    moves.push(nothing(at + 1 + length as u32, mode, table::FENCE - 1, What::Fence));
                }
            }
            (1, [b')' | b';', ..]) => moves.push(nothing(at + 1, mode, table::CALL_END, What::Call)),
            (2, [first, ..]) if is_word(*first) && !first.is_ascii_digit() => {
                let name = rest.iter().take_while(|byte| is_word(**byte) || **byte == b'.').count();
                let gap = rest[name..].iter().take_while(|byte| **byte == b' ').count();
                if rest.get(name + gap) == Some(&b'(') && (gap == 0 || mode.is_fresh()) {
                    moves.push(nothing(at + (name + gap) as u32 + 1, Mode::Between, table::CALL, What::Call));
                }
            }
            _ => {}
        }
    }

    /// A value may end right before.
    pub(super) fn after_value(&self, at: u32) -> bool {
        let ends = |byte| is_word(byte) || matches!(byte, b'"' | b'\'' | b'}' | b']' | b')');
        self.input.before(at).is_some_and(ends)
    }

    /// What follows the answer.
    pub(super) fn tail(&self, at: u32, tier: usize, moves: &mut Moves) {
        let rest = self.input.rest(at);
        if tier != 3 || rest.is_empty() || at > self.input.length() || !self.after_value(at) {
            return;
        }
        let number = self.input.before(at).is_some_and(|byte| byte.is_ascii_digit());
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        let behind_line = rest[..blanks].contains(&b'\n') && matches!(rest.get(blanks), Some(b'{' | b'['));
        let bare = rest.trim_ascii();
        let bare = bare.strip_prefix(b",").unwrap_or(bare).trim_ascii_start();
        let empty = matches!(bare, b"{}" | b"[]");
        let weight: u32 = rest
            .iter()
            .take(200)
            .map(|byte| match byte {
                b'{' | b'[' | b',' => 2,
                b'"' => 6,
                b'}' | b']' => 12,
                _ => 0,
            })
            .sum();
        let more = rest[0] == b':' || (rest[0] == b',' && rest.len() > 1 + blanks);
        let cost = table::TAIL
            + if empty { 0 } else { weight.min(120) }
            + if number { 45 } else { 0 }
            + if behind_line || (more && !empty) { 30 } else { 0 };
        moves.push(nothing(self.input.end_of(at), Mode::Done, cost, What::Prose).if_accepted());
    }

    /// The whole text as a string, where nothing else fits.
    pub(super) fn as_string(&self, at: u32, mode: Mode, tier: usize, moves: &mut Moves) {
        let rest = self.input.rest(at);
        if tier == 4 && mode == Mode::Start && at == 0 && rest.iter().any(|byte| is_word(*byte)) {
            let text = super::scalar::quoted(rest.trim_ascii());
            let end = self.input.end_of(at);
            moves.push(Move::new(end, Mode::Between, Emit::Text(text.into()), table::WHOLE, What::Bare).if_stuck());
        }
        if tier == 3
            && mode == Mode::Between
            && matches!(rest.first(), Some(b'{' | b'['))
            && let Some(end) = self.input.container_end(at)
        {
            let text = super::scalar::quoted(self.input.source(at, end));
            moves.push(
                Move::new(end, Mode::Between, Emit::Text(text.into()), table::ENCODING, What::Encoding).if_stuck(),
            );
        }
    }
}
