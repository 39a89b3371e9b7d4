//! The regular expressions of XGrammar: ECMA's notation over ASCII classes, letters compared within ASCII.
//!
//! Without flags `.` is any character; with flags, even with none of them set, a line feed is left out unless `s` is set.
//! Written anew for Python's `re` with the flag `a`, which has the same classes.

use super::{Diagnostic, DiagnosticKind, Dialect, refused};
use crate::grammar::Regex;

/// Reads an expression; `flags` are those given beside it.
///
/// # Errors
/// It is malformed, not regular or too large.
pub fn read(pattern: &str, flags: Option<&str>) -> Result<Regex, Diagnostic> {
    let mut prefix = String::from("(?a");
    if let Some(wrong) = flags.and_then(|flags| flags.chars().find(|c| !matches!(c, 'i' | 's' | 'u'))) {
        return Err(refused(DiagnosticKind::Invalid, format!("'{wrong}' is no flag"), pattern, 0));
    }
    if flags.is_none_or(|flags| flags.contains('s')) {
        prefix.push('s');
    }
    if flags.is_some_and(|flags| flags.contains('i')) {
        prefix.push('i');
    }
    prefix.push(')');
    super::read(&(prefix + &translated(pattern)?), Dialect::Python)
}

/// In the notation of Python.
fn translated(pattern: &str) -> Result<String, Diagnostic> {
    let mut out = String::with_capacity(pattern.len());
    let (mut rest, mut in_class) = (pattern, false);
    while let Some(c) = rest.chars().next() {
        let here = pattern.len() - rest.len();
        if let Some((written, taken)) =
            escape(rest).map_err(|message| refused(DiagnosticKind::Invalid, message, pattern, here))?
        {
            out.push_str(&written);
            rest = &rest[taken..];
            continue;
        }
        match c {
            '[' if !in_class => {
                if rest.starts_with("[]") || rest.starts_with("[^]") {
                    return Err(refused(DiagnosticKind::Invalid, "the class is empty", pattern, here));
                }
                in_class = true;
                out.push(c);
            }
            // Python warns of what may come to mean a set.
            '[' => out.push_str("\\["),
            ']' => {
                let was_in = std::mem::take(&mut in_class);
                out.push_str(if was_in { "]" } else { "\\]" });
            }
            '$' if !in_class => out.push_str("\\Z"),
            '(' if !in_class && is_named(rest) => {
                out.push_str("(?P<");
                rest = &rest[3..];
                continue;
            }
            _ => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    Ok(out)
}

/// A group with a name begins.
fn is_named(rest: &str) -> bool {
    rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")
}

/// An escape, and how many bytes it was.
fn escape(rest: &str) -> Result<Option<(String, usize)>, &'static str> {
    let mut chars = rest.chars();
    if chars.next() != Some('\\') {
        return Ok(None);
    }
    let Some(c) = chars.next() else { return Err("the escape has no end") };
    let by_number = |code: &str, taken: usize| {
        let code = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
        let code = code.ok_or("the escape names no character")?;
        Ok(Some((format!("\\U{:08x}", code as u32), taken)))
    };
    match c {
        'u' if rest.starts_with("\\u{") => {
            let code = &rest[3..];
            let length = code.find('}').ok_or("the escape has no end")?;
            by_number(&code[..length], length + 4)
        }
        'c' => match chars.next().filter(char::is_ascii_alphabetic) {
            Some(letter) => Ok(Some((format!("\\x{:02x}", u32::from(letter) % 32), 3))),
            None => Err("\\c is followed by a letter"),
        },
        _ => Ok(Some((rest[..1 + c.len_utf8()].into(), 1 + c.len_utf8()))),
    }
}
