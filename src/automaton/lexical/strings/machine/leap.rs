//! Times of leap seconds: `hh:mm:60`, an optional fraction and an offset, together 23:59:60 in UTC (RFC 3339, section 5.7).
//!
//! The offset follows from hour and minute, so the language is finite but for the fraction, and a pattern for it has
//! some 20,000 states. Here a state is the place in the text with hour, minute and sign, packed into a number, and
//! what may come next is worked out.

use super::super::nfa::{Measure, NEVER};
use super::DEAD;

/// Where the text begins, `skip` characters before the time.
pub fn start(skip: u8) -> u32 {
    Place { skip, ..Place::default() }.pack()
}

/// A place in the text.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Characters before the time that are still to come.
    skip: u8,
    /// Characters of the time that have been read; only one of the fraction's digits counts.
    at: u8,
    /// The value of the digits of the hour so far, and of the minute.
    hour: u8,
    minute: u8,
    /// 0 before the sign, 1 behind `+`, 2 behind `-`.
    sign: u8,
}

/// Values of [`Place::at`]: before the fraction, its dot, a digit of it, the sign of the offset, the end.
const SECONDS: u8 = 8;
const DOT: u8 = 9;
const FRACTION: u8 = 10;
const SIGN: u8 = 11;
const END: u8 = 16;

impl Place {
    fn pack(self) -> u32 {
        let [skip, at, hour, minute, sign] = [self.skip, self.at, self.hour, self.minute, self.sign].map(u32::from);
        1 << 31 | skip << 20 | at << 15 | hour << 10 | minute << 2 | sign
    }

    fn unpack(state: u32) -> Self {
        let field = |shift: u32, bits: u32| (state >> shift & ((1 << bits) - 1)) as u8;
        Self { skip: field(20, 8), at: field(15, 5), hour: field(10, 5), minute: field(2, 8), sign: field(0, 2) }
    }

    /// The text of the offset behind the sign.
    fn offset(self) -> [u8; 5] {
        let local = u32::from(self.hour) * 60 + u32::from(self.minute);
        let minutes = if self.sign == 1 { (local + 1) % 1440 } else { 1439 - local };
        let (hour, minute) = ((minutes / 60) as u8, (minutes % 60) as u8);
        [b'0' + hour / 10, b'0' + hour % 10, b':', b'0' + minute / 10, b'0' + minute % 10]
    }

    fn step(mut self, byte: u8) -> Option<Self> {
        let digit = byte.wrapping_sub(b'0');
        if self.skip > 0 {
            self.skip -= 1;
            return byte.is_ascii().then_some(self);
        }
        match self.at {
            0 if digit <= 2 => self.hour = digit,
            1 if digit <= 9 && self.hour * 10 + digit < 24 => self.hour = self.hour * 10 + digit,
            2 | 5 if byte == b':' => {}
            3 if digit <= 5 => self.minute = digit,
            4 if digit <= 9 => self.minute = self.minute * 10 + digit,
            6 if byte == b'6' => {}
            7 if byte == b'0' => {}
            SECONDS | FRACTION if matches!(byte, b'Z' | b'z') && (self.hour, self.minute) == (23, 59) => {
                self.at = END;
                return Some(self);
            }
            SECONDS | FRACTION if matches!(byte, b'+' | b'-') => {
                self.sign = if byte == b'+' { 1 } else { 2 };
                self.at = SIGN;
                return Some(self);
            }
            SECONDS if byte == b'.' => {}
            DOT if digit <= 9 => {}
            FRACTION if digit <= 9 => return Some(self),
            SIGN..END if self.offset()[usize::from(self.at - SIGN)] == byte => {}
            _ => return None,
        }
        self.at += 1;
        Some(self)
    }

    /// Whether `Z` may still come: the digits so far are those of 23:59.
    fn may_be_utc(self) -> bool {
        let (hour, minute) = (self.hour, self.minute);
        match self.at {
            0 => true,
            1 => hour == 2,
            2 | 3 => hour == 23,
            4 => hour == 23 && minute == 5,
            _ => hour == 23 && minute == 59,
        }
    }
}

/// The state behind one more byte.
pub fn step(state: u32, byte: u8) -> u32 {
    if state == DEAD { DEAD } else { Place::unpack(state).step(byte).map_or(DEAD, Place::pack) }
}

/// Whether a text that ends here is in the language.
pub fn accepts(state: u32) -> bool {
    state != DEAD && Place::unpack(state).at == END
}

/// The lengths of the continuations that are accepted.
pub fn measure(state: u32) -> Measure {
    if state == DEAD {
        return Measure::NONE;
    }
    let place = Place::unpack(state);
    let offset = if place.may_be_utc() { 1 } else { 6 };
    // Once there is a dot, more digits make every greater length.
    let (min, stretch) = match place.at {
        0..=SECONDS => {
            let min = u32::from(SECONDS - place.at) + offset;
            (min, min + 2)
        }
        DOT => (1 + offset, 1 + offset),
        FRACTION => (offset, offset),
        at => (u32::from(END - at), NEVER),
    };
    let skip = u32::from(place.skip);
    Measure { min: skip + min, stretch: stretch.saturating_add(skip) }
}

/// Marks the bytes that begin a new class of indistinguishable bytes.
pub fn mark_boundaries(starts: &mut [bool; 257]) {
    for byte in (b'+'..=b'.').chain(b'0'..=b':').chain([b'Z', b'z']) {
        starts[usize::from(byte)] = true;
        starts[usize::from(byte) + 1] = true;
    }
    starts[0x80] = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> bool {
        accepts(text.bytes().fold(start(0), step))
    }

    #[test]
    fn every_offset_has_one_local_time() {
        for sign in [1i32, -1] {
            for offset in 0..1440i32 {
                let written = format!("{}{:02}:{:02}", if sign > 0 { '+' } else { '-' }, offset / 60, offset % 60);
                for local in 0..1440i32 {
                    let utc = (local - sign * offset).rem_euclid(1440);
                    let text = format!("{:02}:{:02}:60.5{written}", local / 60, local % 60);
                    assert_eq!(accepted(&text), utc == 1439, "{text}");
                }
            }
        }
        assert!(accepted("23:59:60Z") && accepted("23:59:60.123z"));
        assert!(!accepted("22:59:60Z") && !accepted("23:59:60.Z") && !accepted("24:00:60+00:01"));
    }

    #[test]
    fn measures_are_what_a_search_finds() {
        let shortest = |from: u32| {
            let mut level = vec![from];
            (0..20u32).find(|_| {
                let found = level.iter().any(|state| accepts(*state));
                level = level.iter().flat_map(|s| (b'+'..=b'z').map(|b| step(*s, b))).filter(|s| *s != DEAD).collect();
                level.sort_unstable();
                level.dedup();
                found
            })
        };
        for text in
            ["", "2", "1", "23", "23:", "23:5", "23:4", "23:59:6", "10:11:60", "23:59:60.", "01:02:60.5", "01:02:60-2"]
        {
            let state = text.bytes().fold(start(3), step);
            let state = if text.is_empty() { state } else { text.bytes().fold(start(0), step) };
            assert_eq!(Some(measure(state).min), shortest(state), "{text}");
        }
    }
}
