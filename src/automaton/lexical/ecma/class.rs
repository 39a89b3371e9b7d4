//! What escapes and the shorthand classes stand for.

use super::super::charset::CharSet;

/// Any code point but the line ends: what `.` stands for.
pub fn dot() -> CharSet {
    CharSet::new([(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]).complement()
}

/// The set of `\d`, `\w`, `\s` and their capitals.
pub fn shorthand(letter: char) -> Option<CharSet> {
    let set = match letter.to_ascii_lowercase() {
        'd' => CharSet::new([(0x30, 0x39)]),
        'w' => CharSet::new([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]),
        // WhiteSpace and LineTerminator of ECMA 262: the byte order mark is in, U+0085 and U+180E are not.
        's' => CharSet::new([
            (0x09, 0x0D),
            (0x20, 0x20),
            (0xA0, 0xA0),
            (0x1680, 0x1680),
            (0x2000, 0x200A),
            (0x2028, 0x2029),
            (0x202F, 0x202F),
            (0x205F, 0x205F),
            (0x3000, 0x3000),
            (0xFEFF, 0xFEFF),
        ]),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { set.complement() } else { set })
}

/// The control character of `\t`, `\n`, `\v`, `\f`, `\r`.
pub fn control(letter: char) -> Option<u32> {
    Some(match letter {
        't' => 0x09,
        'n' => 0x0A,
        'v' => 0x0B,
        'f' => 0x0C,
        'r' => 0x0D,
        _ => return None,
    })
}
