//! Texts and character classes.

use super::{super::Diagnostic, Dialect, cursor::Cursor};
use crate::grammar::CharSet;

/// A text in quotes; the opening one is next.
pub fn text(cursor: &mut Cursor) -> Result<String, Diagnostic> {
    let begin = *cursor;
    cursor.next();
    let mut text = String::new();
    loop {
        match cursor.peek() {
            Some('"') => break,
            None => return Err(begin.malformed("the text has no end").hinted("close it with \"")),
            Some('\n' | '\r') if cursor.dialect == Dialect::Ebnf => {
                return Err(begin.malformed("the text has no end in its line").hinted("a line feed is written \\n"));
            }
            Some(_) => text.push(character(cursor, false)?),
        }
    }
    cursor.next();
    Ok(text)
}

/// A class in brackets; the opening one is next.
pub fn class(cursor: &mut Cursor) -> Result<CharSet, Diagnostic> {
    let begin = *cursor;
    cursor.next();
    let negated = cursor.eat("^");
    let mut ranges = Vec::new();
    while cursor.peek() != Some(']') {
        let from = *cursor;
        let low = member(cursor, begin)?;
        let is_range = cursor.rest().starts_with('-') && !cursor.rest().starts_with("-]");
        let high = if is_range && cursor.eat("-") { member(cursor, begin)? } else { low };
        if high < low {
            return Err(from.malformed("the range ends before it begins"));
        }
        ranges.push((low as u32, high as u32));
    }
    cursor.next();
    if ranges.is_empty() && cursor.dialect == Dialect::Gbnf {
        return Err(begin.malformed("the class is empty").hinted(". is any character"));
    }
    let set = CharSet::new(ranges);
    Ok(if negated { set.complement() } else { set })
}

fn member(cursor: &mut Cursor, begin: Cursor) -> Result<char, Diagnostic> {
    match cursor.peek() {
        None => Err(begin.malformed("the class has no end").hinted("close it with ]")),
        Some('\n' | '\r') if cursor.dialect == Dialect::Ebnf => {
            Err(begin.malformed("the class has no end in its line").hinted("a line feed is written \\n"))
        }
        Some(_) => character(cursor, true),
    }
}

/// A character, plain or escaped.
fn character(cursor: &mut Cursor, in_class: bool) -> Result<char, Diagnostic> {
    let begin = *cursor;
    let plain = cursor.next();
    if plain != Some('\\') {
        return plain.ok_or_else(|| begin.malformed("expected a character"));
    }
    let escaped = cursor.next();
    let by_number = |code: Option<u32>| {
        let character = code.and_then(char::from_u32);
        character.ok_or_else(|| begin.malformed("the escape names no character"))
    };
    match (escaped, cursor.dialect) {
        (Some('x'), Dialect::Gbnf) => by_number(hexadecimal(cursor, 2)),
        (Some('x'), Dialect::Ebnf) => by_number(hexadecimal_run(cursor)),
        (Some('u'), _) => by_number(hexadecimal(cursor, 4)),
        (Some('U'), _) => by_number(hexadecimal(cursor, 8)),
        (Some('n'), _) => Ok('\n'),
        (Some('r'), _) => Ok('\r'),
        (Some('t'), _) => Ok('\t'),
        (Some(c @ ('"' | '\\')), _) => Ok(c),
        (Some(c @ ('[' | ']' | '-')), Dialect::Gbnf) => Ok(c),
        (Some(c), Dialect::Ebnf) => {
            let known = control(c).or(matches!(c, '\'' | '?' | '/').then_some(c));
            let known = known.or((in_class && "^$.*+()[]{}|-".contains(c)).then_some(c));
            known.ok_or_else(|| unknown(begin, c))
        }
        (Some(c), Dialect::Gbnf) => Err(unknown(begin, c)),
        (None, _) => Err(begin.malformed("the escape has no end")),
    }
}

fn unknown(begin: Cursor, c: char) -> Diagnostic {
    let why = begin.malformed(format!("\\{c} is no escape"));
    match c {
        'd' => why.hinted("write 0-9"),
        'w' => why.hinted("write a-zA-Z0-9_"),
        's' => why.hinted("write a blank, \\t, \\n and \\r"),
        _ => why.hinted("a backslash is written \\\\"),
    }
}

fn control(c: char) -> Option<char> {
    Some(match c {
        'b' => '\u{8}',
        'f' => '\u{C}',
        'a' => '\u{7}',
        'v' => '\u{B}',
        '0' => '\0',
        'e' => '\u{1B}',
        _ => return None,
    })
}

fn hexadecimal(cursor: &mut Cursor, digits: usize) -> Option<u32> {
    let code = cursor.rest().get(..digits)?;
    if !code.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    cursor.at += digits;
    u32::from_str_radix(code, 16).ok()
}

/// As many digits as there are.
fn hexadecimal_run(cursor: &mut Cursor) -> Option<u32> {
    u32::from_str_radix(cursor.take(|c| c.is_ascii_hexdigit()), 16).ok()
}
