//! The body of a JSON string: raw bytes in, the decoded text's language underneath.
//!
//! A body begins behind the opening quote and ends with the closing one. Between them stand raw characters (all but `"`,
//! `\` and those below U+0020), and escapes in every form that RFC 8259 has: the short ones, `\uXXXX` with digits of
//! either case, and pairs of them for code points above U+FFFF. Lone surrogates are refused, since no text contains
//! them, and so are bytes that are not UTF-8.
//!
//! A [`BodyState`] is a phase ([`PlainBody`]'s states, 22 of them), the value of the escape's digits so far, and the
//! place in the language. A phase inside an escape is live if some code point that the escape can still become may
//! follow; that is a question about a range of code points, asked once per place and progress.
//!
//! Cost: two look-ups for a raw byte; for an escape's byte a look-up in the memo, at first a walk of at most some dozens
//! of steps.

use super::{
    strings::{StrState, StringDfa},
    unescape::{LONG_ESCAPED, SHORT_ESCAPED, Spelling, shortest_digit},
};

/// The phases of a body, whatever its language: UTF-8 and escapes alone. For a plain language they decide everything, so
/// masks can be made ahead, one a phase.
pub struct PlainBody;

/// What a byte does in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainStep {
    Dead,
    Stay(u32),
    /// The closing quote.
    Close,
}

const BETWEEN: u8 = 0;
/// One, two, three continuation bytes are missing; then the four lead bytes that narrow the next byte.
const CONT1: u8 = 1;
const CONT2: u8 = 2;
const CONT3: u8 = 3;
const LEAD_E0: u8 = 4;
const LEAD_ED: u8 = 5;
const LEAD_F0: u8 = 6;
const LEAD_F4: u8 = 7;
const BACKSLASH: u8 = 8;
/// `\u`
const HEX4: u8 = 9;
/// `\ud`: perhaps the first half of a pair.
const HEX_D: u8 = 10;
/// Three, two, one digits are missing.
const HEX3: u8 = 11;
const HEX2: u8 = 12;
const HEX1: u8 = 13;
/// The first half of a pair lacks two digits, one, none.
const HIGH2: u8 = 14;
const HIGH1: u8 = 15;
const HIGH: u8 = 16;
/// The second half of a pair: `\`, `\u`, `\ud` have been read, then two digits are missing, then one.
const LOW_SLASH: u8 = 17;
const LOW4: u8 = 18;
const LOW3: u8 = 19;
const LOW2: u8 = 20;
const LOW1: u8 = 21;

const DEAD: u8 = 255;
const CLOSE: u8 = 254;

const PHASES_MADE: [[u8; 256]; PlainBody::PHASES] = phases();
static PHASES: [[u8; 256]; PlainBody::PHASES] = PHASES_MADE;

impl PlainBody {
    /// Number of phases; phase 0 is between two characters, 1 to 7 are inside a UTF-8 sequence, the rest in an escape.
    pub const PHASES: usize = 22;

    pub fn step(phase: u32, byte: u8) -> PlainStep {
        match PHASES[phase as usize][usize::from(byte)] {
            DEAD => PlainStep::Dead,
            CLOSE => PlainStep::Close,
            next => PlainStep::Stay(u32::from(next)),
        }
    }
}

const fn phases() -> [[u8; 256]; PlainBody::PHASES] {
    let mut table = [[DEAD; 256]; PlainBody::PHASES];
    let mut byte = 0;
    while byte < 256 {
        let mut phase = 0;
        while phase < PlainBody::PHASES {
            table[phase][byte] = phase_behind(phase as u8, byte as u8);
            phase += 1;
        }
        byte += 1;
    }
    table
}

const fn phase_behind(phase: u8, byte: u8) -> u8 {
    let hex = byte.is_ascii_hexdigit();
    match (phase, byte) {
        (BETWEEN, b'"') => CLOSE,
        (BETWEEN, b'\\') => BACKSLASH,
        (BETWEEN, 0x20..=0x7F) => BETWEEN,
        (BETWEEN, 0xC2..=0xDF) => CONT1,
        (BETWEEN, 0xE0) => LEAD_E0,
        (BETWEEN, 0xED) => LEAD_ED,
        (BETWEEN, 0xE1..=0xEF) => CONT2,
        (BETWEEN, 0xF0) => LEAD_F0,
        (BETWEEN, 0xF1..=0xF3) => CONT3,
        (BETWEEN, 0xF4) => LEAD_F4,
        (CONT1, 0x80..=0xBF) => BETWEEN,
        (CONT2, 0x80..=0xBF) | (LEAD_E0, 0xA0..=0xBF) | (LEAD_ED, 0x80..=0x9F) => CONT1,
        (CONT3, 0x80..=0xBF) | (LEAD_F0, 0x90..=0xBF) | (LEAD_F4, 0x80..=0x8F) => CONT2,
        (BACKSLASH, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => BETWEEN,
        (BACKSLASH, b'u') => HEX4,
        (HEX4, b'd' | b'D') => HEX_D,
        (HEX4, _) if hex => HEX3,
        (HEX_D, b'0'..=b'7') => HEX2,
        (HEX_D, _) if hex && !matches!(byte, b'c'..=b'f' | b'C'..=b'F') => HIGH2,
        (HEX3, _) if hex => HEX2,
        (HEX2, _) if hex => HEX1,
        (HEX1, _) if hex => BETWEEN,
        (HIGH2, _) if hex => HIGH1,
        (HIGH1, _) if hex => HIGH,
        (HIGH, b'\\') => LOW_SLASH,
        (LOW_SLASH, b'u') => LOW4,
        (LOW4, b'd' | b'D') => LOW3,
        (LOW3, b'c'..=b'f' | b'C'..=b'F') => LOW2,
        (LOW2, _) if hex => LOW1,
        (LOW1, _) if hex => BETWEEN,
        _ => DEAD,
    }
}

/// The first of the phases inside an escape.
pub const ESCAPES: u32 = BACKSLASH as u32;

/// Whether a byte does something else outside of escapes than the byte below it, whatever the language.
pub fn tells_from_below(byte: u8) -> bool {
    BOUNDARIES[usize::from(byte)]
}

static BOUNDARIES: [bool; 256] = boundaries();

const fn boundaries() -> [bool; 256] {
    let mut boundaries = [true; 256];
    let mut byte = 1;
    while byte < 256 {
        let (mut phase, mut alike) = (0, true);
        while phase < BACKSLASH as usize {
            alike &= PHASES_MADE[phase][byte] == PHASES_MADE[phase][byte - 1];
            phase += 1;
        }
        boundaries[byte] = !alike;
        byte += 1;
    }
    boundaries
}

/// A place in a string's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyState {
    /// Bits 0 to 7 the phase, bits 8 to 27 the value of the escape's digits so far (0 outside escapes, and always 0 for
    /// a plain language). So 0 means: between two characters.
    pub sub: u32,
    pub at: StrState,
}

/// What a byte does in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStep {
    Dead,
    Stay(BodyState),
    /// The closing quote, and the place in which the text ended.
    Close(StrState),
}

impl BodyState {
    /// Behind the opening quote; `None` if the language is empty.
    pub fn start(dfa: &mut StringDfa) -> Option<Self> {
        dfa.start().map(|at| Self { sub: 0, at })
    }

    /// The phase, a state of [`PlainBody`].
    pub fn phase(self) -> u32 {
        self.sub & 0xFF
    }
}

/// One more raw byte of a body.
///
/// `Dead` iff no body of a text in the language begins so (as far as the language is not soft).
pub fn step(dfa: &mut StringDfa, state: BodyState, byte: u8) -> BodyStep {
    step_spelled(dfa, state, byte, Spelling::Any)
}

/// [`step`], with a say in how characters are written; liveness counts only what is spelled so.
pub fn step_spelled(dfa: &mut StringDfa, state: BodyState, byte: u8, spelling: Spelling) -> BodyStep {
    let phase = (state.sub & 0xFF) as u8;
    if spelling == Spelling::Shortest && !keeps_short(phase, state.sub >> 8, byte) {
        return BodyStep::Dead;
    }
    let next = PHASES[usize::from(phase)][usize::from(byte)];
    match next {
        DEAD => return BodyStep::Dead,
        CLOSE if dfa.accepts(state.at) => return BodyStep::Close(state.at),
        CLOSE => return BodyStep::Dead,
        _ if dfa.is_plain() => return BodyStep::Stay(BodyState { sub: u32::from(next), at: state.at }),
        BACKSLASH => return waiting(dfa, state.at, BACKSLASH, 0, spelling),
        _ => {}
    }
    if phase < BACKSLASH {
        return match dfa.step(state.at, byte) {
            Some(at) => BodyStep::Stay(BodyState { sub: u32::from(next), at }),
            None => BodyStep::Dead,
        };
    }
    let value = value_behind(phase, state.sub >> 8, byte);
    if next != BETWEEN {
        return waiting(dfa, state.at, next, value, spelling);
    }
    let code = if phase == LOW1 { 0x1_0000 + value } else { value };
    let c = char::from_u32(code).expect("the phases let no surrogate through");
    let mut buffer = [0; 4];
    let end = c.encode_utf8(&mut buffer).bytes().try_fold(state.at, |at, byte| dfa.step(at, byte));
    end.map_or(BodyStep::Dead, |at| BodyStep::Stay(BodyState { sub: 0, at }))
}

/// The value of an escape behind a byte: its digits; for a pair, the ten bits of the first half and then those of the
/// second.
fn value_behind(phase: u8, value: u32, byte: u8) -> u32 {
    let digit = (byte as char).to_digit(16).unwrap_or(0);
    match phase {
        BACKSLASH => match byte {
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => 0x0A,
            b'r' => 0x0D,
            b't' => 0x09,
            b'u' => 0,
            other => u32::from(other),
        },
        HIGH1 => (value << 4 | digit) & 0x3FF,
        HIGH | LOW_SLASH | LOW4 => value,
        LOW3 => value << 2 | (digit & 3),
        _ => value << 4 | digit,
    }
}

/// The state inside an escape, if the escape can still become a character that may follow.
fn waiting(dfa: &mut StringDfa, at: StrState, phase: u8, value: u32, spelling: Spelling) -> BodyStep {
    let sub = u32::from(phase) | value << 8;
    let live = waits(dfa, at, sub, spelling);
    if live { BodyStep::Stay(BodyState { sub, at }) } else { BodyStep::Dead }
}

/// Whether an escape that has come as far as `sub` can still become a character that may follow.
fn waits(dfa: &mut StringDfa, at: StrState, sub: u32, spelling: Spelling) -> bool {
    let (phase, value) = ((sub & 0xFF) as u8, sub >> 8);
    let key = sub | u32::from(spelling == Spelling::Shortest) << 31;
    match dfa.escape_memo(at, key) {
        Some(live) => live,
        None => {
            let live = match spelling {
                Spelling::Any => {
                    within_reach(phase, value).into_iter().any(|(low, high)| dfa.can_follow(at, low, high))
                }
                Spelling::Shortest => within_short_reach(phase, value).any(|code| dfa.can_follow(at, code, code)),
            };
            dfa.remember_escape(at, key, live);
            live
        }
    }
}

/// Whether a place reached by a walk from one [`super::StringLanguage::afloat`] is live, now that the walk is known to have begun
/// behind `len` code points.
pub fn settles(dfa: &mut StringDfa, body: BodyState, len: u32, spelling: Spelling) -> bool {
    let Some(at) = dfa.settle(body.at, len) else { return false };
    body.phase() < u32::from(BACKSLASH) || dfa.is_plain() || waits(dfa, at, body.sub, spelling)
}

/// Whether a byte in an escape keeps to [`Spelling::Shortest`].
fn keeps_short(phase: u8, value: u32, byte: u8) -> bool {
    match phase {
        BACKSLASH => byte != b'/',
        HEX4 => shortest_digit(0, value, byte),
        HEX3 => shortest_digit(1, value, byte),
        HEX2 => shortest_digit(2, value, byte),
        HEX1 => shortest_digit(3, value, byte),
        _ => true,
    }
}

/// The code points that an escape in the shortest spelling can still become.
fn within_short_reach(phase: u8, value: u32) -> impl Iterator<Item = u32> {
    let short = if phase == BACKSLASH { &SHORT_ESCAPED[..] } else { &[] };
    let long = LONG_ESCAPED.into_iter().filter(move |code| phase != HEX1 || code >> 4 == value);
    short.iter().copied().chain(long)
}

/// The code points that an escape can still become, as two ranges of which the second may repeat the first.
fn within_reach(phase: u8, value: u32) -> [(u32, u32); 2] {
    let range = |base: u32, value: u32, bits: u32| (base + (value << bits), base + (value << bits | ((1 << bits) - 1)));
    let block = |bits: u32| range(0, value, bits);
    let pairs = |value: u32, bits: u32| range(0x1_0000, value, bits);
    match phase {
        BACKSLASH | HEX4 => [(0, 0x10_FFFF); 2],
        HEX_D => [(0xD000, 0xD7FF), (0x1_0000, 0x10_FFFF)],
        HEX3 => [block(12); 2],
        HEX2 => [block(8); 2],
        HEX1 => [block(4); 2],
        // The digits so far are D8 to DB, or those and one more; the first half counts from D800.
        HIGH2 => [pairs(value - 0xD8, 18); 2],
        HIGH1 => [pairs(value - 0xD80, 14); 2],
        HIGH | LOW_SLASH | LOW4 | LOW3 => [pairs(value, 10); 2],
        LOW2 => [pairs(value, 8); 2],
        _ => [pairs(value, 4); 2],
    }
}

/// Raw bytes that complete a body, the closing quote included. They are the fewest unless the body stands inside an
/// escape: then the escape is completed in the first way that is live, and the rest is the shortest. `None` as for
/// [`StringDfa::shortest`].
pub fn completion(dfa: &mut StringDfa, mut state: BodyState, spelling: Spelling) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while state.phase() >= u32::from(BACKSLASH) {
        let digits = b"nrtbf/\\\"u0123456789abcdef".iter();
        let (byte, next) = digits.into_iter().find_map(|&byte| match step_spelled(dfa, state, byte, spelling) {
            BodyStep::Stay(next) => Some((byte, next)),
            _ => None,
        })?;
        bytes.push(byte);
        state = next;
    }
    let missing: &[u8] = match (dfa.is_plain(), state.phase() as u8) {
        (false, _) | (true, BETWEEN) => b"",
        (true, CONT1) => b"\x80",
        (true, CONT2 | LEAD_ED) => b"\x80\x80",
        (true, LEAD_E0) => b"\xA0\x80",
        (true, LEAD_F0) => b"\x90\x80\x80",
        (true, _) => b"\x80\x80\x80",
    };
    bytes.extend_from_slice(missing);
    if !dfa.is_plain() {
        write(&dfa.shortest(state.at)?, &mut bytes);
    }
    bytes.push(b'"');
    Some(bytes)
}

/// Appends decoded bytes (which may begin or end inside a character) as they stand in a JSON string.
pub fn write(decoded: &[u8], body: &mut Vec<u8>) {
    for &byte in decoded {
        match byte {
            b'"' | b'\\' => body.extend([b'\\', byte]),
            0x08 => body.extend(b"\\b"),
            0x09 => body.extend(b"\\t"),
            0x0A => body.extend(b"\\n"),
            0x0C => body.extend(b"\\f"),
            0x0D => body.extend(b"\\r"),
            0..0x20 => body.extend(format!("\\u{byte:04x}").bytes()),
            _ => body.push(byte),
        }
    }
}

#[cfg(test)]
mod tests;
