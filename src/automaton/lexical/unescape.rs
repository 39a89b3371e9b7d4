//! The characters of a JSON string's body, byte by byte: escapes undone, UTF-8 checked.
//!
//! A position inside a body is one number: 0 between two characters, otherwise what of a character was read.
//! Lone surrogates, control characters and malformed UTF-8 have no successor.
//!
//! ```text
//! bits 28..32  kind: 0 between, 1 UTF-8, 2 after a backslash, 3 hex digits, 4 high surrogate, 5 then a backslash,
//!                    6 then hex digits of the low one
//! kind 1       which continuation bytes are due (see `Tail`)
//! kind 3       bits 16..18 how many digits, 0..16 their value
//! kind 4..7    bits 18..28 the high surrogate's ten bits; 16..18 and 0..16 as for kind 3
//! ```

/// What one more byte of a body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unescaped {
    /// No string goes on like this.
    Dead,
    /// Inside an escape; nothing decoded yet.
    Inside(u32),
    /// These bytes of the text were decoded (the first `len` of the array); the position after them.
    Bytes { at: u32, bytes: [u8; 4], len: u8 },
    /// The closing quote.
    Close,
}

const KIND: u32 = 28;
const HIGH: u32 = 18;
const DIGITS: u32 = 16;

/// Which continuation bytes are due: their number, and a narrower range for the first of them.
#[derive(Clone, Copy)]
struct Tail {
    left: u32,
    low: u8,
    high: u8,
}

/// Indexed by the data of kind 1.
const TAILS: [Tail; 8] = [
    Tail { left: 0, low: 0, high: 0 },
    Tail { left: 1, low: 0x80, high: 0xbf },
    Tail { left: 2, low: 0x80, high: 0xbf },
    Tail { left: 3, low: 0x80, high: 0xbf },
    Tail { left: 2, low: 0xa0, high: 0xbf },
    Tail { left: 2, low: 0x80, high: 0x9f },
    Tail { left: 3, low: 0x90, high: 0xbf },
    Tail { left: 3, low: 0x80, high: 0x8f },
];

fn raw(at: u32, byte: u8) -> Unescaped {
    Unescaped::Bytes { at, bytes: [byte, 0, 0, 0], len: 1 }
}

fn decoded(code: u32) -> Unescaped {
    let Some(character) = char::from_u32(code) else { return Unescaped::Dead };
    let mut bytes = [0; 4];
    let len = character.encode_utf8(&mut bytes).len() as u8;
    Unescaped::Bytes { at: 0, bytes, len }
}

/// How characters may be written in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// In every way that JSON has.
    Any,
    /// As they are; only those that must be are escaped, in the shortest way.
    Shortest,
}

/// The characters that must be escaped and have no escape of one letter.
pub const LONG_ESCAPED: [u32; 27] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
    0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
];

/// The characters that have an escape of one letter and must be escaped.
pub const SHORT_ESCAPED: [u32; 7] = [0x22, 0x5c, 0x08, 0x09, 0x0a, 0x0c, 0x0d];

/// Whether the byte keeps to [`Spelling::Shortest`], at a place where JSON lets it stand.
pub fn is_shortest(at: u32, byte: u8) -> bool {
    let data = at & ((1 << KIND) - 1);
    match at >> KIND {
        2 => byte != b'/',
        3 => shortest_digit(data >> DIGITS, data & 0xffff, byte),
        _ => true,
    }
}

/// Whether a hex digit behind `count` digits of this value can still spell one of [`LONG_ESCAPED`].
pub fn shortest_digit(count: u32, value: u32, byte: u8) -> bool {
    match count {
        0 | 1 => byte == b'0',
        2 => matches!(byte, b'0' | b'1'),
        _ => {
            !byte.is_ascii_uppercase() && digit(byte).is_some_and(|digit| LONG_ESCAPED.contains(&(value << 4 | digit)))
        }
    }
}

/// Whether an escape has begun and not ended.
pub fn is_in_escape(at: u32) -> bool {
    at >> KIND > 1
}

/// One byte further from position `at`.
pub fn step(at: u32, byte: u8) -> Unescaped {
    let data = at & ((1 << KIND) - 1);
    match at >> KIND {
        0 => between(byte),
        1 => {
            let tail = TAILS[data as usize];
            if !(tail.low..=tail.high).contains(&byte) {
                return Unescaped::Dead;
            }
            let left = tail.left - 1;
            raw(if left == 0 { 0 } else { 1 << KIND | left }, byte)
        }
        2 => match byte {
            b'"' | b'\\' | b'/' => decoded(u32::from(byte)),
            b'b' => decoded(8),
            b'f' => decoded(12),
            b'n' => decoded(10),
            b'r' => decoded(13),
            b't' => decoded(9),
            b'u' => Unescaped::Inside(3 << KIND),
            _ => Unescaped::Dead,
        },
        3 => hex(data, byte),
        4 if byte == b'\\' => Unescaped::Inside(5 << KIND | data),
        5 if byte == b'u' => Unescaped::Inside(6 << KIND | data),
        6 => low_surrogate(data, byte),
        _ => Unescaped::Dead,
    }
}

fn between(byte: u8) -> Unescaped {
    let tail = match byte {
        b'"' => return Unescaped::Close,
        b'\\' => return Unescaped::Inside(2 << KIND),
        0x20..=0x7f => return raw(0, byte),
        0xc2..=0xdf => 1,
        0xe0 => 4,
        0xed => 5,
        0xe1..=0xef => 2,
        0xf0 => 6,
        0xf1..=0xf3 => 3,
        0xf4 => 7,
        _ => return Unescaped::Dead,
    };
    raw(1 << KIND | tail, byte)
}

fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

fn hex(data: u32, byte: u8) -> Unescaped {
    let (count, value) = (data >> DIGITS, data & 0xffff);
    let Some(digit) = digit(byte) else { return Unescaped::Dead };
    let value = value << 4 | digit;
    // A low surrogate cannot come first.
    if count == 1 && (0xdc..=0xdf).contains(&value) {
        return Unescaped::Dead;
    }
    match (count, value) {
        (3, 0xd800..=0xdbff) => Unescaped::Inside(4 << KIND | (value - 0xd800) << HIGH),
        (3, _) => decoded(value),
        _ => Unescaped::Inside(3 << KIND | (count + 1) << DIGITS | value),
    }
}

fn low_surrogate(data: u32, byte: u8) -> Unescaped {
    let (high, count, value) = (data >> HIGH, data >> DIGITS & 3, data & 0xffff);
    let Some(digit) = digit(byte) else { return Unescaped::Dead };
    let value = value << 4 | digit;
    match count {
        0 if digit != 0xd => Unescaped::Dead,
        1 if digit < 0xc => Unescaped::Dead,
        3 => decoded(0x10000 + (high << 10) + (value - 0xdc00)),
        _ => Unescaped::Inside(6 << KIND | high << HIGH | (count + 1) << DIGITS | value),
    }
}

/// The characters that an escape begun at `at` can still become, as ranges of code points. Between characters and
/// inside UTF-8, where the bytes themselves tell, there are none.
pub fn reachable(at: u32, spelling: Spelling) -> Vec<(u32, u32)> {
    if spelling == Spelling::Shortest {
        return shortly_reachable(at);
    }
    let data = at & ((1 << KIND) - 1);
    let (high, count, value) = (data >> HIGH, data >> DIGITS & 3, data & 0xffff);
    let span = |count: u32, value: u32| {
        let width = 4 * (4 - count);
        (value << width, ((value + 1) << width) - 1)
    };
    match at >> KIND {
        2 => vec![(0, 0x10ffff)],
        3 => {
            let (low, top) = span(count, value);
            let mut ranges = vec![(low, top)];
            if low <= 0xdbff && top >= 0xd800 {
                let (first, last) = (low.max(0xd800) - 0xd800, top.min(0xdbff) - 0xd800);
                ranges.push((0x10000 + (first << 10), 0x10000 + (last << 10) + 0x3ff));
            }
            ranges
        }
        4 | 5 => vec![(0x10000 + (high << 10), 0x10000 + (high << 10) + 0x3ff)],
        6 => {
            let (low, top) = span(count, value);
            let base = 0x10000 + (high << 10);
            vec![(base + (low.max(0xdc00) - 0xdc00), base + (top.min(0xdfff) - 0xdc00))]
        }
        _ => Vec::new(),
    }
}

fn shortly_reachable(at: u32) -> Vec<(u32, u32)> {
    let data = at & ((1 << KIND) - 1);
    let (count, value) = (data >> DIGITS & 3, data & 0xffff);
    let long = LONG_ESCAPED.into_iter().filter(|code| count < 3 || code >> 4 == value).map(|code| (code, code));
    match at >> KIND {
        2 => SHORT_ESCAPED.into_iter().map(|code| (code, code)).chain(long).collect(),
        3 => long.collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a whole body and whether it is closed; None if no string goes on so.
    fn read(body: &[u8]) -> Option<(Vec<u8>, bool)> {
        let (mut at, mut text) = (0, Vec::new());
        for (index, byte) in body.iter().enumerate() {
            match step(at, *byte) {
                Unescaped::Dead => return None,
                Unescaped::Inside(next) => at = next,
                Unescaped::Bytes { at: next, bytes, len } => {
                    at = next;
                    text.extend_from_slice(&bytes[..usize::from(len)]);
                }
                Unescaped::Close => return (index + 1 == body.len()).then_some((text, true)),
            }
        }
        Some((text, false))
    }

    #[test]
    fn bodies_read_as_a_json_reader_reads_them() {
        let pieces: [&[u8]; 16] = [
            b"a",
            b"\\n",
            b"\\u00e9",
            "\u{e9}".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"\\ud83d\\ude00",
            b"\\ud83d",
            b"\\ude00",
            b"\\x",
            b"\n",
            b"\xff",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\\\"",
            b"\\u12",
            b"\xf4\x90\x80\x80",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let body = [first, second, third, b"\""].concat();
                    let judge = serde_json::from_slice::<String>(&[b"\"", &body[..]].concat()).ok();
                    let ours = read(&body).and_then(|(text, closed)| closed.then_some(text));
                    assert_eq!(ours, judge.map(String::into_bytes), "{}", String::from_utf8_lossy(&body));
                }
            }
        }
    }
}
