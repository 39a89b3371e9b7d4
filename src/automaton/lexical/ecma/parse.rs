//! The parser: recursive descent over the pattern's characters.

use super::super::charset::CharSet;
use super::{Ast, PatternError, class, property};

/// Groups may nest this deep.
const MAX_DEPTH: usize = 200;

/// Ranges of characters in all classes together.
const MAX_RANGES: usize = 500_000;

type Result<T> = std::result::Result<T, PatternError>;

/// Reads a pattern.
///
/// # Errors
/// The pattern is malformed, or uses what cannot be enforced; the message names it and the offset shows it.
pub fn parse(pattern: &str) -> Result<Ast> {
    let mut parser = Parser { text: pattern, at: 0, depth: 0, ranges: 0, inside: Inside::Nothing };
    let ast = parser.alternation()?;
    match parser.peek() {
        None => Ok(ast),
        Some(_) => Err(parser.error("unmatched )")),
    }
}

/// Which lookaround the parser is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Ahead,
    Behind,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Of all classes so far.
    ranges: usize,
    inside: Inside,
}

/// One element of a class or one escape.
enum Item {
    One(u32),
    Set(CharSet),
}

impl Item {
    fn into_set(self) -> CharSet {
        match self {
            Item::One(c) => CharSet::single(c),
            Item::Set(set) => set,
        }
    }
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn error(&self, message: impl Into<String>) -> PatternError {
        PatternError::new(self.at, message)
    }

    fn alternation(&mut self) -> Result<Ast> {
        let mut branches = vec![self.sequence()?];
        while self.eat("|") {
            branches.push(self.sequence()?);
        }
        let class = |branch: &Ast| match branch {
            Ast::Class(set) => Some(set.clone()),
            _ => None,
        };
        Ok(match branches.iter().map(class).collect::<Option<Vec<CharSet>>>() {
            _ if branches.len() == 1 => branches.remove(0),
            Some(sets) => Ast::Class(CharSet::new(sets.iter().flat_map(|set| set.ranges().iter().copied()))),
            None => Ast::Alternation(branches),
        })
    }

    fn sequence(&mut self) -> Result<Ast> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' {
                break;
            }
            let start = self.at;
            let atom = self.atom()?;
            if let Ast::Class(set) = &atom {
                self.ranges += set.ranges().len();
                if self.ranges > MAX_RANGES {
                    let message = format!("the classes have more than {MAX_RANGES} ranges of characters");
                    return Err(PatternError::new(start, message));
                }
            }
            parts.push(self.quantified(atom, start)?);
        }
        Ok(Ast::concat(parts))
    }

    fn quantified(&mut self, atom: Ast, start: usize) -> Result<Ast> {
        let Some((min, max)) = self.quantifier()? else { return Ok(atom) };
        if matches!(atom, Ast::Start | Ast::End | Ast::Boundary { .. } | Ast::Behind { .. }) {
            return Err(PatternError::new(start, "nothing to repeat: an assertion cannot be quantified"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.error("the bounds of a repeat are out of order"));
        }
        self.eat("?");
        if matches!(self.peek(), Some('*' | '+' | '?')) || self.counted().is_some() {
            return Err(self.error("nothing to repeat: two quantifiers in a row"));
        }
        Ok(match (min, max) {
            (1, Some(1)) => atom,
            (_, Some(0)) => Ast::Empty,
            _ if atom == Ast::Empty => Ast::Empty,
            _ => Ast::Repeat { body: Box::new(atom), min, max },
        })
    }

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        let bounds = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            _ => {
                let Some((bounds, end)) = self.counted() else { return Ok(None) };
                self.at = end;
                return Ok(Some(bounds));
            }
        };
        self.at += 1;
        Ok(Some(bounds))
    }

    /// The bounds of a counted repeat that starts here, and the offset behind it. Numbers saturate.
    fn counted(&self) -> Option<((u32, Option<u32>), usize)> {
        let inner = self.rest().strip_prefix('{')?;
        let end = inner.bytes().position(|byte| !byte.is_ascii_digit() && byte != b',')?;
        let inner = inner[end..].starts_with('}').then_some(&inner[..end])?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u32>().unwrap_or(u32::MAX))
        };
        let bounds = match inner.split_once(',') {
            None => (number(inner)?, Some(number(inner)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        Some((bounds, self.at + inner.len() + 2))
    }

    fn atom(&mut self) -> Result<Ast> {
        let start = self.at;
        if self.counted().is_some() {
            return Err(self.error("nothing to repeat"));
        }
        match self.next() {
            None => Ok(Ast::Empty),
            Some('^') => Ok(Ast::Start),
            Some('$') => self.assertion(start, "$", Ast::End),
            Some('.') => Ok(Ast::Class(class::dot())),
            Some('(') => self.group(start),
            Some('[') => Ok(Ast::Class(self.class(start)?)),
            Some('*' | '+' | '?') => Err(PatternError::new(start, "nothing to repeat")),
            Some('\\') => match self.peek() {
                Some('b') => {
                    self.at += 1;
                    self.assertion(start, "\\b", Ast::Boundary { negated: false })
                }
                Some('B') => {
                    self.at += 1;
                    self.assertion(start, "\\B", Ast::Boundary { negated: true })
                }
                _ => Ok(Ast::Class(self.escape(start, false)?.into_set())),
            },
            Some(c) => Ok(Ast::Class(CharSet::single(c as u32))),
        }
    }

    fn assertion(&self, start: usize, written: &str, ast: Ast) -> Result<Ast> {
        if self.inside == Inside::Behind {
            return Err(PatternError::new(start, format!("{written} inside a lookbehind is not supported")));
        }
        Ok(ast)
    }

    fn group(&mut self, start: usize) -> Result<Ast> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::new(start, format!("groups are nested more than {MAX_DEPTH} deep")));
        }
        let outer = self.inside;
        let (ahead, negated) = if self.eat("?=") {
            (Some(true), false)
        } else if self.eat("?!") {
            (Some(true), true)
        } else if self.eat("?<=") {
            (Some(false), false)
        } else if self.eat("?<!") {
            (Some(false), true)
        } else {
            self.group_prefix(start)?;
            (None, false)
        };
        match (ahead, outer) {
            (Some(_), Inside::Behind) => {
                return Err(PatternError::new(start, "a lookaround inside a lookbehind is not supported"));
            }
            (Some(false), Inside::Ahead) => {
                return Err(PatternError::new(start, "a lookbehind inside a lookahead is not supported"));
            }
            (Some(true), _) => self.inside = Inside::Ahead,
            (Some(false), _) => self.inside = Inside::Behind,
            (None, _) => {}
        }
        let body = self.alternation()?;
        self.inside = outer;
        if !self.eat(")") {
            return Err(PatternError::new(start, "the group is not closed"));
        }
        self.depth -= 1;
        Ok(match ahead {
            None => body,
            Some(true) => Ast::Ahead { body: Box::new(body), negated },
            Some(false) => Ast::Behind { body: Box::new(body), negated },
        })
    }

    /// The `?:` or `?<name>` of a group.
    fn group_prefix(&mut self, start: usize) -> Result<()> {
        if !self.rest().starts_with('?') || self.eat("?:") {
            return Ok(());
        }
        if self.eat("?<") {
            return self.group_name(start);
        }
        let what = self.rest().chars().take(2).collect::<String>();
        Err(PatternError::new(start, format!("({what} is not supported in an ECMA 262 pattern")))
    }

    /// A name, in which characters may be escaped, and the bracket behind it.
    fn group_name(&mut self, start: usize) -> Result<()> {
        let malformed = || PatternError::new(start, "the name of the group is malformed");
        let mut first = true;
        loop {
            let code = match self.next().ok_or_else(malformed)? {
                '>' if !first => return Ok(()),
                '\\' if self.eat("u") => match self.unicode_escape(start)? {
                    Item::One(code) => code,
                    Item::Set(_) => return Err(malformed()),
                },
                c => c as u32,
            };
            let c = char::from_u32(code).ok_or_else(malformed)?;
            let is = |property: &str| CharSet::property(property).is_some_and(|set| set.meets(code, code));
            let sound = match c {
                'a'..='z' | 'A'..='Z' | '_' | '$' => true,
                '0'..='9' | '\u{200C}' | '\u{200D}' => !first,
                _ => is(if first { "ID_Start" } else { "ID_Continue" }),
            };
            if !sound {
                return Err(malformed());
            }
            first = false;
        }
    }

    fn class(&mut self, start: usize) -> Result<CharSet> {
        let negated = self.eat("^");
        let mut set = Vec::new();
        loop {
            if self.eat("]") {
                break;
            }
            let from = self.at;
            let first = self.class_item(start)?;
            let dashed = self.rest().starts_with('-') && !self.rest().starts_with("-]") && self.rest().len() > 1;
            if !dashed {
                set.extend_from_slice(first_ranges(first).as_slice());
                continue;
            }
            self.at += 1;
            match (first, self.class_item(start)?) {
                (Item::One(low), Item::One(high)) if low <= high => set.push((low, high)),
                (Item::One(_), Item::One(_)) => {
                    return Err(PatternError::new(from, "the range of the class is out of order"));
                }
                // Annex B: a dash beside a shorthand class stands for itself.
                (first, second) => {
                    set.push(('-' as u32, '-' as u32));
                    set.extend_from_slice(first_ranges(first).as_slice());
                    set.extend_from_slice(first_ranges(second).as_slice());
                }
            }
        }
        let set = CharSet::new(set);
        Ok(if negated { set.complement() } else { set })
    }

    fn class_item(&mut self, start: usize) -> Result<Item> {
        let at = self.at;
        match self.next() {
            None => Err(PatternError::new(start, "the class is not closed")),
            Some('\\') => self.escape(at, true),
            Some(c) => Ok(Item::One(c as u32)),
        }
    }

    /// The escape whose backslash, at `start`, has been read.
    fn escape(&mut self, start: usize, in_class: bool) -> Result<Item> {
        let refuse = |message: &str| Err(PatternError::new(start, message));
        let Some(c) = self.next() else { return refuse("the pattern ends in a backslash") };
        if let Some(set) = class::shorthand(c) {
            return Ok(Item::Set(set));
        }
        if let Some(code) = class::control(c) {
            return Ok(Item::One(code));
        }
        match c {
            'b' if in_class => Ok(Item::One(0x08)),
            '0' if !self.rest().starts_with(|c: char| c.is_ascii_digit()) => Ok(Item::One(0)),
            '0' => refuse("an octal escape is not supported"),
            '1'..='9' if !in_class => refuse("a back-reference is not supported"),
            '1'..='9' => refuse("an octal escape is not supported"),
            'k' => refuse("a named back-reference (\\k) is not supported"),
            'c' => match self.next() {
                Some(letter) if letter.is_ascii_alphabetic() => Ok(Item::One(letter as u32 % 32)),
                _ => refuse("\\c must be followed by a letter"),
            },
            'x' => match self.hex(2) {
                Some(code) => Ok(Item::One(code)),
                None => refuse("\\x must be followed by two hexadecimal digits"),
            },
            'u' => self.unicode_escape(start),
            'p' | 'P' => self.property(start, c == 'P'),
            c if c.is_ascii_alphabetic() => refuse(&format!("\\{c} is not an escape of ECMA 262")),
            c => Ok(Item::One(c as u32)),
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let written = self.rest().get(..digits)?;
        let code = u32::from_str_radix(written, 16).ok().filter(|_| !written.starts_with('+'))?;
        self.at += digits;
        Some(code)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<Item> {
        let refuse = |message: &str| Err(PatternError::new(start, message));
        if self.eat("{") {
            let digits = self.rest().split('}').next().unwrap_or_default();
            let code = u32::from_str_radix(digits, 16).ok().filter(|c| *c <= 0x10_FFFF && !digits.starts_with('+'));
            let length = digits.len();
            return match code {
                Some(code) if self.rest().len() > length => {
                    self.at += length + 1;
                    Ok(Item::One(code))
                }
                _ => refuse("\\u{...} must hold the hexadecimal number of a code point"),
            };
        }
        let Some(high) = self.hex(4) else { return refuse("\\u must be followed by four hexadecimal digits") };
        let behind = self.at;
        if (0xD800..0xDC00).contains(&high) && self.eat("\\u") {
            match self.hex(4) {
                Some(low @ 0xDC00..0xE000) => {
                    return Ok(Item::One(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
                }
                _ => self.at = behind,
            }
        }
        Ok(Item::One(high))
    }

    fn property(&mut self, start: usize, negated: bool) -> Result<Item> {
        let name = self.rest().strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned());
        let Some(name) = name else {
            return Err(PatternError::new(start, "\\p must be followed by a property in braces"));
        };
        let Some(set) = property::set(&name) else {
            return Err(PatternError::new(start, format!("there is no Unicode property {name:?}")));
        };
        self.at += name.len() + 2;
        Ok(Item::Set(if negated { set.complement() } else { set }))
    }
}

/// The ranges of a class item; a surrogate stays one, so that `[\ud800-\udfff]` keeps its ends in order.
fn first_ranges(item: Item) -> Vec<(u32, u32)> {
    match item {
        Item::One(c) => vec![(c, c)],
        Item::Set(set) => set.ranges().to_vec(),
    }
}
