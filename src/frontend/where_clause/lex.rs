//! Words of a clause: names, numbers, texts and signs of Python.

use super::{super::Diagnostic, DiagnosticKind, refused};

#[derive(Clone, Debug, PartialEq)]
pub enum Word<'a> {
    Name(&'a str),
    /// As written.
    Number(&'a str),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 14] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", "{", "}", ",", "-"];

/// All words with their place.
pub fn words(source: &str) -> Result<Vec<(Word<'_>, usize)>, Diagnostic> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        let run = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, length) = match c {
            _ if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' => text(source, at, c, false)?,
            'r' | 'R' if rest[1..].starts_with(['"', '\'']) => {
                let quote = if rest[1..].starts_with('"') { '"' } else { '\'' };
                let (word, length) = text(source, at + 1, quote, true)?;
                (word, length + 1)
            }
            '0'..='9' => {
                let length = run(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
                (Word::Number(&rest[..length]), length)
            }
            _ if c.is_alphabetic() || c == '_' => {
                let length = run(|c| c.is_alphanumeric() || c == '_');
                (Word::Name(&rest[..length]), length)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Word::Sign(sign), sign.len()),
                None => {
                    let message = format!("'{c}' does not belong here");
                    return Err(refused(DiagnosticKind::Invalid, message, source, at));
                }
            },
        };
        words.push((word, at));
        at += length;
    }
    Ok(words)
}

/// A text in quotes, and how many bytes it takes.
fn text(source: &str, begin: usize, quote: char, is_raw: bool) -> Result<(Word<'_>, usize), Diagnostic> {
    let wrong = |message: &str, at: usize| refused(DiagnosticKind::Invalid, message, source, at);
    let mut text = String::new();
    let mut chars = source[begin + 1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Word::Text(text), at + 2)),
            '\n' => return Err(wrong("the text has no end in its line", begin)),
            '\\' => {
                let Some((_, escaped)) = chars.next() else { break };
                if is_raw {
                    text.extend(['\\', escaped]);
                    continue;
                }
                let digits = match escaped {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let code: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                let character = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                let is_known = digits == 0 || character.is_some();
                if !is_known {
                    return Err(wrong("the escape names no character", begin + 1 + at));
                }
                match escaped {
                    'x' | 'u' | 'U' => text.extend(character),
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    '0' => text.push('\0'),
                    '\\' | '"' | '\'' => text.push(escaped),
                    '\n' => {}
                    // As Python has it: what is no escape stands for itself.
                    other => text.extend(['\\', other]),
                }
            }
            _ => text.push(c),
        }
    }
    Err(wrong("the text has no end", begin))
}
