//! The dialect of Python's `re`, as of 3.11, for patterns over text.
//!
//! `$` is the end, or before a line feed at the end; `\Z` is the end. `\w` is what Python calls alphanumeric, which
//! leaves out combining marks; `\s` is its whitespace, the four information separators among it. Atomic groups and
//! possessive quantifiers are refused: what they match depends on how a match is searched for.
//!
//! Source: <https://docs.python.org/3.11/library/re.html>.

use std::collections::BTreeSet;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::{Diagnostic, DiagnosticKind, MAX_DEPTH, refused};
use crate::grammar::{CharSet, Look, Regex};

pub fn read(pattern: &str) -> Result<Regex, Diagnostic> {
    let mut parser = Parser { pattern, at: 0, depth: 0, flags: Flags::default(), groups: 0, names: BTreeSet::new() };
    parser.global_flags()?;
    let regex = parser.alternation()?;
    match parser.peek() {
        None => Ok(regex),
        Some(_) => Err(parser.malformed("unbalanced parenthesis")),
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ascii: bool,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    verbose: bool,
}

struct Parser<'a> {
    pattern: &'a str,
    at: usize,
    depth: usize,
    flags: Flags,
    groups: u32,
    names: BTreeSet<&'a str>,
}

type Parsed<T> = Result<T, Diagnostic>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn malformed(&self, message: &str) -> Diagnostic {
        refused(DiagnosticKind::Invalid, message, self.pattern, self.at)
    }

    fn unsupported(&self, message: &str) -> Diagnostic {
        refused(DiagnosticKind::Unsupported, message, self.pattern, self.at)
    }

    /// Flags for the whole pattern, which stand at its beginning.
    fn global_flags(&mut self) -> Parsed<()> {
        while self.rest().starts_with("(?") {
            let letters: &str = self.rest()[2..].split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            if letters.is_empty() || !self.rest()[2 + letters.len()..].starts_with(')') {
                break;
            }
            self.at += 2;
            self.flags = self.set(self.flags, letters, true)?;
            self.at += letters.len() + 1;
        }
        Ok(())
    }

    fn set(&self, mut flags: Flags, letters: &str, on: bool) -> Parsed<Flags> {
        for letter in letters.chars() {
            match letter {
                'a' => flags.ascii = on,
                'u' => flags.ascii = false,
                'i' => flags.ignore_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'x' => flags.verbose = on,
                'L' => return Err(self.malformed("the flag L is for patterns over bytes")),
                _ => return Err(self.malformed("unknown flag")),
            }
        }
        Ok(flags)
    }

    fn alternation(&mut self) -> Parsed<Regex> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.malformed("groups are nested too deeply"));
        }
        let mut ways = vec![self.sequence()?];
        while self.eat("|") {
            ways.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(Regex::alternation(ways))
    }

    fn sequence(&mut self) -> Parsed<Regex> {
        let mut parts = Vec::new();
        loop {
            if self.flags.verbose {
                self.skip_blanks();
            }
            match self.peek() {
                None | Some('|' | ')') => return Ok(Regex::concat(parts)),
                Some(_) => {}
            }
            let begin = self.at;
            let Some(atom) = self.atom()? else { continue };
            parts.push(self.quantified(atom, begin)?);
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            let blanks =
                self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r', '\x0B', '\x0C']).len();
            self.at += blanks;
            if self.peek() != Some('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// The bounds of a quantifier, if one is next.
    fn quantifier(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        let begin = self.at;
        let bounds = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let Some((inner, _)) = self.rest()[1..].split_once('}') else { return Ok(None) };
                let number = |text: &str| (!text.is_empty()).then(|| text.parse::<u32>());
                if !inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b',') || inner.matches(',').count() > 1 {
                    return Ok(None);
                }
                let (min, max) = inner.split_once(',').unwrap_or((inner, inner));
                if inner.is_empty() {
                    return Ok(None);
                }
                let too_large = |_| self.malformed("the repeat count is too large");
                let min = number(min).transpose().map_err(too_large)?.unwrap_or(0);
                let max = number(max).transpose().map_err(too_large)?;
                if max.is_some_and(|max| max < min) {
                    return Err(self.malformed("the least count of a repeat is above the greatest"));
                }
                self.at += inner.len() + 2;
                return Ok(Some((min, max)));
            }
            _ => return Ok(None),
        };
        self.at = begin + 1;
        Ok(Some(bounds))
    }

    fn quantified(&mut self, atom: Regex, begin: usize) -> Parsed<Regex> {
        if self.flags.verbose {
            self.skip_blanks();
        }
        let Some((min, max)) = self.quantifier()? else { return Ok(atom) };
        if matches!(atom, Regex::Look(Look::Start | Look::LineStart)) && self.pattern[begin..].starts_with('^') {
            return Err(self.malformed("nothing to repeat"));
        }
        if self.eat("+") {
            return Err(self.unsupported("possessive quantifiers cannot be enforced"));
        }
        self.eat("?");
        if self.flags.verbose {
            self.skip_blanks();
        }
        let again = self.at;
        if self.quantifier()?.is_some() {
            self.at = again;
            return Err(self.malformed("multiple repeat"));
        }
        Ok(atom.repeat(min, max))
    }

    /// One thing that may be repeated; None for what leaves no trace.
    fn atom(&mut self) -> Parsed<Option<Regex>> {
        let begin = self.at;
        let Some(c) = self.next() else { return Err(self.malformed("the pattern ends early")) };
        Ok(Some(match c {
            '.' if self.flags.dot_all => Regex::Class(CharSet::all()),
            '.' => Regex::Class(CharSet::single(0x0A).complement()),
            '^' if self.flags.multi_line => Regex::Look(Look::LineStart),
            '^' => Regex::Look(Look::Start),
            '$' if self.flags.multi_line => Regex::Look(Look::LineEnd),
            '$' => {
                let feed = Regex::Class(CharSet::single(0x0A)).repeat(0, Some(1));
                let body = Regex::Concat(vec![feed, Regex::Look(Look::End)]);
                Regex::Look(Look::Ahead { body: Box::new(body), negated: false })
            }
            '(' => return self.group(),
            '[' => self.class()?,
            '\\' => self.escape()?,
            '*' | '+' | '?' => {
                self.at = begin;
                return Err(self.malformed("nothing to repeat"));
            }
            '{' => {
                self.at = begin;
                if self.quantifier()?.is_some() {
                    return Err(self.malformed("nothing to repeat"));
                }
                self.at = begin + 1;
                self.class_of(CharSet::single('{' as u32))
            }
            c => self.class_of(CharSet::single(c as u32)),
        }))
    }

    fn group(&mut self) -> Parsed<Option<Regex>> {
        let outer = self.flags;
        let mut look: Option<(bool, bool)> = None;
        if self.eat("?") {
            match self.next() {
                Some(':') => {}
                Some('P') if self.eat("<") => self.name('>')?,
                Some('P') if self.eat("=") => {
                    return Err(self.unsupported("back-references cannot be enforced: what they match is not regular"));
                }
                Some('#') => {
                    let Some(end) = self.rest().find(')') else { return Err(self.malformed("the comment has no end")) };
                    self.at += end + 1;
                    return Ok(None);
                }
                Some('=') => look = Some((false, false)),
                Some('!') => look = Some((false, true)),
                Some('<') if self.eat("=") => look = Some((true, false)),
                Some('<') if self.eat("!") => look = Some((true, true)),
                Some('>') => return Err(self.unsupported("atomic groups cannot be enforced")),
                Some('(') => return Err(self.unsupported("conditional groups cannot be enforced")),
                Some(c) if c.is_ascii_alphabetic() || c == '-' => {
                    self.at -= 1;
                    self.scoped_flags()?;
                }
                _ => return Err(self.malformed("unknown extension behind \"(?\"")),
            }
        } else {
            self.groups += 1;
        }
        let body = self.alternation()?;
        self.flags = outer;
        if !self.eat(")") {
            return Err(self.malformed("missing \")\""));
        }
        let Some((is_behind, negated)) = look else { return Ok(Some(body)) };
        if is_behind && width(&body).is_none() {
            return Err(self.malformed("look-behind requires fixed-width pattern"));
        }
        let body = Box::new(body);
        Ok(Some(Regex::Look(if is_behind { Look::Behind { body, negated } } else { Look::Ahead { body, negated } })))
    }

    fn name(&mut self, end: char) -> Parsed<()> {
        let Some((name, _)) = self.rest().split_once(end) else {
            return Err(self.malformed("the name of the group has no end"));
        };
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        if name.is_empty() || name.starts_with(|c: char| c.is_numeric()) || !name.chars().all(is_word) {
            return Err(self.malformed("bad character in the name of the group"));
        }
        if !self.names.insert(name) {
            return Err(self.malformed("the name of the group is used twice"));
        }
        self.at += name.len() + end.len_utf8();
        self.groups += 1;
        Ok(())
    }

    /// `i-s:` and the like; what is set counts until the group ends.
    fn scoped_flags(&mut self) -> Parsed<()> {
        let Some(length) = self.rest().find(|c: char| !c.is_ascii_alphabetic() && c != '-') else {
            return Err(self.malformed("missing \":\""));
        };
        let letters = &self.rest()[..length];
        let (on, off) = letters.split_once('-').unwrap_or((letters, ""));
        if off.contains(['a', 'u', 'L']) || letters.ends_with('-') {
            return Err(self.malformed("bad inline flags"));
        }
        let flags = self.set(self.flags, on, true)?;
        self.flags = self.set(flags, off, false)?;
        self.at += length;
        match self.next() {
            Some(':') => Ok(()),
            Some(')') => Err(self.malformed("global flags not at the start of the expression")),
            _ => Err(self.malformed("missing \":\"")),
        }
    }

    /// Characters, and their other cases if these do not count.
    fn class_of(&self, set: CharSet) -> Regex {
        Regex::Class(self.folded(set))
    }

    fn folded(&self, set: CharSet) -> CharSet {
        if !self.flags.ignore_case {
            return set;
        }
        if self.flags.ascii {
            let letters = |low: u32, high: u32, to: i64| {
                let range = set.within(low, high).map(move |c| (i64::from(c as u32) + to) as u32);
                range.map(|c| (c, c)).collect::<Vec<_>>()
            };
            let (upper, lower) = (letters(0x61, 0x7A, -0x20), letters(0x41, 0x5A, 0x20));
            return set.union(&CharSet::new(upper)).union(&CharSet::new(lower));
        }
        let ranges =
            set.ranges().iter().flat_map(|(low, high)| [(*low, (*high).min(0xD7FF)), ((*low).max(0xE000), *high)]);
        let ranges = ranges.filter_map(|(low, high)| {
            let (low, high) = (char::from_u32(low)?, char::from_u32(high)?);
            (low <= high).then(|| ClassUnicodeRange::new(low, high))
        });
        let mut class = ClassUnicode::new(ranges);
        // The tables are built in; without them, nothing is folded.
        let _ = class.try_case_fold_simple();
        CharSet::new(class.ranges().iter().map(|range| (range.start() as u32, range.end() as u32)))
    }

    /// `\d`, `\s`, `\w` and their complements.
    fn kind(&self, letter: char) -> Option<CharSet> {
        let set = match (letter.to_ascii_lowercase(), self.flags.ascii) {
            ('d', true) => CharSet::new([(0x30, 0x39)]),
            ('s', true) => CharSet::new([(0x09, 0x0D), (0x20, 0x20)]),
            ('w', true) => CharSet::new([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]),
            ('d', false) => CharSet::property("Nd")?,
            ('s', false) => CharSet::property("White_Space")?.union(&CharSet::new([(0x1C, 0x1F)])),
            ('w', false) => word(),
            _ => return None,
        };
        Some(if letter.is_ascii_uppercase() { set.complement() } else { set })
    }

    fn escape(&mut self) -> Parsed<Regex> {
        let Some(c) = self.peek() else { return Err(self.malformed("bad escape at the end of the pattern")) };
        if let Some(set) = self.kind(c) {
            self.next();
            return Ok(Regex::Class(set));
        }
        let word = if self.flags.ascii {
            CharSet::new([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
        } else {
            word()
        };
        match c {
            'A' => {
                self.next();
                Ok(Regex::Look(Look::Start))
            }
            'Z' => {
                self.next();
                Ok(Regex::Look(Look::End))
            }
            'b' | 'B' => {
                self.next();
                Ok(Regex::Look(Look::Boundary { word, negated: c == 'B' }))
            }
            '1'..='9' if !self.is_octal() => {
                Err(self.unsupported("back-references cannot be enforced: what they match is not regular"))
            }
            _ => {
                let c = self.character()?;
                Ok(self.class_of(CharSet::single(c)))
            }
        }
    }

    /// Three octal digits are a character, wherever they stand.
    fn is_octal(&self) -> bool {
        let digits = self.rest().bytes().take(3).filter(|byte| (b'0'..=b'7').contains(byte)).count();
        digits == 3
    }

    /// Behind a backslash: a single character.
    fn character(&mut self) -> Parsed<u32> {
        let Some(c) = self.next() else { return Err(self.malformed("bad escape at the end of the pattern")) };
        Ok(match c {
            'n' => 0x0A,
            't' => 0x09,
            'r' => 0x0D,
            'f' => 0x0C,
            'v' => 0x0B,
            'a' => 0x07,
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            'N' => return Err(self.unsupported("characters by name are not known: write them as \\u or \\U")),
            '0'..='7' => {
                let most = if c == '0' { 2 } else { 2.min(self.rest().len()) };
                let more = self.rest().bytes().take(most).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = &self.pattern[self.at - 1..self.at + more];
                self.at += more;
                let value = u32::from_str_radix(digits, 8).unwrap_or(u32::MAX);
                if value > 0o377 {
                    return Err(self.malformed("octal escape outside of 0 to 0o377"));
                }
                value
            }
            c if c.is_ascii_alphanumeric() => return Err(self.malformed(&format!("bad escape \\{c}"))),
            c => c as u32,
        })
    }

    fn hex(&mut self, digits: usize) -> Parsed<u32> {
        let text = self.rest().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = text.and_then(|text| u32::from_str_radix(text, 16).ok()).filter(|value| *value <= 0x10_FFFF);
        let Some(value) = value else { return Err(self.malformed("incomplete escape")) };
        self.at += digits;
        Ok(value)
    }

    fn class(&mut self) -> Parsed<Regex> {
        let negated = self.eat("^");
        let mut set = CharSet::default();
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return Err(self.malformed("unterminated character set")),
                Some(']') if !is_first => {
                    self.next();
                    break;
                }
                Some(_) => {}
            }
            is_first = false;
            let begin = self.at;
            let low = self.class_member()?;
            let is_range = self.rest().starts_with('-') && !self.rest()[1..].starts_with(']') && self.rest().len() > 1;
            if !is_range {
                set = set.union(&low.unwrap_or_else(CharSet::single));
                continue;
            }
            self.next();
            let high = self.class_member()?;
            match (low, high) {
                (Err(low), Err(high)) if low <= high => set = set.union(&CharSet::new([(low, high)])),
                _ => {
                    self.at = begin;
                    return Err(self.malformed("bad character range"));
                }
            }
        }
        let set = self.folded(set);
        Ok(Regex::Class(if negated { set.complement() } else { set }))
    }

    /// One member of a class: a kind of characters, or a character.
    fn class_member(&mut self) -> Parsed<Result<CharSet, u32>> {
        let Some(c) = self.next() else { return Err(self.malformed("unterminated character set")) };
        if c != '\\' {
            return Ok(Err(c as u32));
        }
        let Some(c) = self.peek() else { return Err(self.malformed("bad escape at the end of the pattern")) };
        if let Some(set) = self.kind(c) {
            self.next();
            return Ok(Ok(set));
        }
        if c == 'b' {
            self.next();
            return Ok(Err(0x08));
        }
        self.character().map(Err)
    }
}

/// What Python calls alphanumeric, and the underscore.
fn word() -> CharSet {
    let known = |name| CharSet::property(name).expect("the tables have it");
    known("L").union(&known("N")).union(&CharSet::single('_' as u32))
}

/// How many characters every match has, if all have as many.
fn width(regex: &Regex) -> Option<u32> {
    match regex {
        Regex::Empty | Regex::Look(_) => Some(0),
        Regex::Class(_) | Regex::Bytes(..) => Some(1),
        Regex::Concat(parts) => parts.iter().try_fold(0_u32, |sum, part| sum.checked_add(width(part)?)),
        Regex::Alternation(parts) => {
            let first = width(parts.first()?)?;
            parts.iter().all(|part| width(part) == Some(first)).then_some(first)
        }
        Regex::Repeat { body, min, max } if Some(*min) == *max => width(body)?.checked_mul(*min),
        Regex::Repeat { .. } | Regex::And(_) | Regex::Not(_) | Regex::Shortest(_) => None,
    }
}
