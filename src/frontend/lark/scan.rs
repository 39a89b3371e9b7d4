//! From text to tokens.

use serde_json::value::RawValue;

use super::{Parsed, Place, invalid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Name(Box<str>),
    Text {
        text: Box<str>,
        ignore_case: bool,
    },
    Regex {
        pattern: Box<str>,
        flags: Box<str>,
    },
    Number(Box<str>),
    /// What stands between `<` and `>`.
    Special(Box<str>),
    /// What stands behind `@`.
    Grammar(Box<str>),
    /// What stands behind `%`.
    Directive(Box<str>),
    /// The value behind a directive that takes one.
    Json(Box<str>),
    /// Operators and brackets.
    Mark(&'static str),
    Newline,
    End,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub place: Place,
}

/// The longest first where one begins with another.
const MARKS: &[&str] =
    &["::", ":", "->", "..", ".", "=>", "=", ",", "(", ")", "[", "]", "{", "}", "~", "&", "|", "+", "*", "?", "!"];

/// Directives that a JSON value follows.
const WITH_JSON: &[&str] = &["json", "regex", "llguidance", "grammar_options"];

pub fn scan(source: &str) -> Parsed<Vec<Token>> {
    let mut scanner = Scanner { source, at: 0, place: (1, 1), tokens: Vec::new() };
    while scanner.token()? {}
    scanner.push(Kind::End, scanner.place);
    Ok(scanner.tokens)
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    place: Place,
    tokens: Vec<Token>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Moves on by so many bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let text = &self.rest()[..length];
        self.at += length;
        for c in text.chars() {
            self.place = if c == '\n' { (self.place.0 + 1, 1) } else { (self.place.0, self.place.1 + 1) };
        }
        text
    }

    fn push(&mut self, kind: Kind, place: Place) {
        self.tokens.push(Token { kind, place });
    }

    /// Reads one token, or what separates tokens; false at the end.
    fn token(&mut self) -> Parsed<bool> {
        let (rest, place) = (self.rest(), self.place);
        let Some(first) = rest.chars().next() else { return Ok(false) };
        match first {
            ' ' | '\t' | '\r' | '\u{c}' => {
                self.take(1);
            }
            '\n' => {
                self.take(1);
                self.push(Kind::Newline, place);
            }
            '#' => self.comment(),
            '/' if rest.starts_with("//") => self.comment(),
            '/' => self.regex()?,
            '"' => self.text()?,
            '<' => {
                let end = rest[1..].find(|c: char| c == '<' || c == '>' || c.is_whitespace());
                let end = end.filter(|end| *end > 0 && rest[1 + end..].starts_with('>'));
                let Some(end) = end else { return Err(invalid(place, "a special token is written as <name>")) };
                let name = self.take(end + 2);
                self.push(Kind::Special(name[1..=end].into()), place);
            }
            '@' => {
                let name = name_at(&rest[1..]);
                if name.is_empty() {
                    return Err(invalid(place, "a grammar's name is missing behind \"@\""));
                }
                self.take(1 + name.len());
                self.push(Kind::Grammar(name.into()), place);
            }
            '%' => self.directive()?,
            '-' | '0'..='9' if number_at(rest) > 0 => {
                let number = self.take(number_at(rest));
                self.push(Kind::Number(number.into()), place);
            }
            _ if !name_at(rest).is_empty() => {
                let name = self.take(name_at(rest).len());
                self.push(Kind::Name(name.into()), place);
            }
            _ => {
                let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) else {
                    return Err(invalid(place, format!("{first:?} does not belong here")));
                };
                self.take(mark.len());
                self.push(Kind::Mark(mark), place);
            }
        }
        Ok(true)
    }

    fn comment(&mut self) {
        self.take(self.rest().find('\n').unwrap_or(self.rest().len()));
    }

    /// `/pattern/flags`; over several lines only with the flag `x`.
    fn regex(&mut self) -> Parsed<()> {
        let (rest, place) = (self.rest(), self.place);
        let (mut end, mut escaped) = (None, false);
        for (at, c) in rest.char_indices().skip(1) {
            if c == '/' && !escaped {
                end = Some(at);
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        let open = || invalid(place, "the regular expression is not closed on its line");
        let end = end.ok_or_else(open)?;
        let flags = rest[end + 1..].split(|c: char| !"imslux".contains(c)).next().unwrap_or_default();
        let pattern = &rest[1..end];
        if pattern.contains('\n') && !flags.contains('x') {
            return Err(open());
        }
        self.take(end + 1 + flags.len());
        self.push(Kind::Regex { pattern: pattern.into(), flags: flags.into() }, place);
        Ok(())
    }

    /// `"text"` with escapes, `i` behind it for either case.
    fn text(&mut self) -> Parsed<()> {
        let place = self.place;
        self.take(1);
        let mut text = String::new();
        loop {
            let at = self.place;
            let Some(c) = self.rest().chars().next().filter(|c| *c != '\n') else {
                return Err(invalid(place, "the text in quotes is not closed on its line"));
            };
            self.take(c.len_utf8());
            match c {
                '"' => break,
                '\\' => {
                    let (c, length) = escape(self.rest())
                        .ok_or_else(|| invalid(at, "there is no such escape in a text in quotes"))?;
                    self.take(length);
                    text.push(c);
                }
                c => text.push(c),
            }
        }
        // An `i` that begins a name is none of the text's.
        let ignore_case = name_at(self.rest()) == "i";
        self.take(usize::from(ignore_case));
        self.push(Kind::Text { text: text.into(), ignore_case }, place);
        Ok(())
    }

    fn directive(&mut self) -> Parsed<()> {
        let place = self.place;
        let name = name_at(&self.rest()[1..]);
        if name.is_empty() {
            return Err(invalid(place, "a directive's name is missing behind \"%\""));
        }
        self.take(1 + name.len());
        self.push(Kind::Directive(name.into()), place);
        if WITH_JSON.contains(&name) {
            self.take(self.rest().len() - self.rest().trim_start().len());
            let at = self.place;
            let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<Box<RawValue>>();
            let malformed = |reason: String| invalid(at, format!("%{name} is followed by a JSON value: {reason}"));
            let value = match values.next() {
                Some(Ok(value)) => value,
                Some(Err(error)) => return Err(malformed(error.to_string())),
                None => return Err(malformed("there is none".into())),
            };
            let length = values.byte_offset();
            self.take(length);
            self.push(Kind::Json(value.get().into()), at);
        }
        Ok(())
    }
}

/// The name that a text begins with; empty if there is none. A dash joins parts of a name.
fn name_at(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_part = |byte: u8| is_letter(byte) || byte.is_ascii_digit();
    if !bytes.first().is_some_and(|byte| is_letter(*byte)) {
        return "";
    }
    let mut end = 1;
    while let Some(&byte) = bytes.get(end) {
        let joins = byte == b'-' && bytes.get(end + 1).is_some_and(|next| is_part(*next));
        if !is_part(byte) && !joins {
            break;
        }
        end += 1;
    }
    &text[..end]
}

/// How long the number is that a text begins with.
fn number_at(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = usize::from(bytes.first() == Some(&b'-'));
    if bytes[start..].starts_with(b"0x") {
        let hex = bytes[start + 2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        return if hex > 0 { start + 2 + hex } else { start + 1 };
    }
    let whole = digits(start);
    if whole == 0 {
        return 0;
    }
    let mut end = start + whole;
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    end
}

/// The character that stands behind a backslash, and how long its spelling is. Those of JSON and of Python.
fn escape(rest: &str) -> Option<(char, usize)> {
    let code = |from: usize, length: usize| {
        let digits = rest.get(from..from + length).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let plain = |c: char| Some((c, 1));
    match rest.chars().next()? {
        c @ ('"' | '\'' | '\\' | '/') => plain(c),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'x' => Some((char::from_u32(code(1, 2)?)?, 3)),
        'U' => Some((char::from_u32(code(1, 8)?)?, 9)),
        'u' => {
            let unit = code(1, 4)?;
            if (0xD800..0xDC00).contains(&unit) && rest[5..].starts_with("\\u") {
                let low = code(7, 4).filter(|low| (0xDC00..0xE000).contains(low))?;
                return Some((char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))?, 11));
            }
            Some((char::from_u32(unit)?, 5))
        }
        _ => None,
    }
}
