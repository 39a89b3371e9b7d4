//! Bytes to tokens: a token is as long as it can be, and its last byte is known by the one behind it.

use super::{
    admit::Token,
    intern::NONE,
    machine::{Offer, Sql},
    offered::Offered,
};

/// Bytes of a character that is not complete, and how many they are.
pub type Part = [u8; 4];

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lex {
    /// Nothing, and so many blanks were.
    Gap(u8),
    /// A word so far, folded.
    Word(u32, Part),
    Sign(u32),
    Number(Digits, u16),
    /// Between quotes of this kind; the value so far where it matters.
    Quoted(u8, u32, Part),
    /// Behind a quote that ends it, or is the first of two.
    Closed(u8, u32),
    /// A blob: an odd number of digits.
    Hex(bool),
    HexEnd,
    Parameter,
    LineComment,
    /// The last byte was a star.
    BlockComment(bool),
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digits {
    Whole,
    /// A point after digits.
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    Power,
    /// `0x`, and so many digits.
    Hex(u8),
}

/// A place in a text: the readings of what is complete, and what is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub set: u32,
    pub lex: Lex,
}

/// Blanks in a row that generation writes.
const MOST_BLANKS: u8 = 12;
/// A text whose value does not matter.
const UNTOLD: u32 = u32::MAX;
const HEX_DIGITS: u8 = 16;

/// Bytes with which a token goes on whatever they are, as far as the automaton tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    Nowhere,
    /// ASCII letters, digits and the underscore.
    Word,
    /// Printable ASCII but the quote.
    Text,
}

impl Stay {
    pub fn takes(self, byte: u8) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Text => (b' '..=b'~').contains(&byte) && byte != b'\'',
        }
    }
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn goes_on(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// One more byte of a text in UTF-8. The outer None: it is not.
pub fn character(part: Part, byte: u8) -> Option<Result<char, Part>> {
    let [a, b, c, count] = part;
    let bytes = match count {
        0 => [byte, 0, 0, 0],
        1 => [a, byte, 0, 0],
        2 => [a, b, byte, 0],
        _ => [a, b, c, byte],
    };
    let read = usize::from(count) + 1;
    match std::str::from_utf8(&bytes[..read]) {
        Ok(text) => text.chars().next().map(Ok),
        Err(error) if error.error_len().is_none() => Some(Err([bytes[0], bytes[1], bytes[2], read as u8])),
        Err(_) => None,
    }
}

impl Sql {
    pub(super) fn step_byte(&mut self, state: State, byte: u8) -> Option<State> {
        let State { set, lex } = state;
        match lex {
            Lex::Gap(blanks) => self.begin_token(set, blanks, byte),
            Lex::Word(text, part) if goes_on(byte) => self.longer_word(set, text, part, byte),
            Lex::Word(text, [.., 0]) if byte == b'\'' && self.names.text(text) == "x" => {
                let takes = self.offer(set).takes_blob;
                takes.then_some(State { set, lex: Lex::Hex(false) })
            }
            Lex::Sign(text) => self.longer_sign(set, text, byte),
            Lex::Number(digits, value) => match self.longer_number(digits, value, byte) {
                Some((digits, value)) => Some(State { set, lex: Lex::Number(digits, value) }),
                None if goes_on(byte) => None,
                None => self.behind(state, byte),
            },
            Lex::Quoted(quote, text, part) => self.longer_quoted(set, (quote, text, part), byte),
            Lex::Closed(quote, text) if byte == quote && quote != b']' => {
                let text = self.extend(text, char::from(byte));
                self.lives_quoted(set, quote, text, &[]).then_some(State { set, lex: Lex::Quoted(quote, text, [0; 4]) })
            }
            Lex::Hex(odd) if byte.is_ascii_hexdigit() => Some(State { set, lex: Lex::Hex(!odd) }),
            Lex::Hex(odd) => (byte == b'\'' && !odd).then_some(State { set, lex: Lex::HexEnd }),
            Lex::Parameter if goes_on(byte) => Some(state),
            Lex::LineComment => Some(if byte == b'\n' { State { set, lex: Lex::Gap(1) } } else { state }),
            Lex::BlockComment(true) if byte == b'/' => Some(State { set, lex: Lex::Gap(1) }),
            Lex::BlockComment(_) => Some(State { set, lex: Lex::BlockComment(byte == b'*') }),
            Lex::Word(..) | Lex::Closed(..) | Lex::HexEnd | Lex::Parameter => self.behind(state, byte),
        }
    }

    /// With which bytes the token goes on in any case.
    pub fn stay(&mut self, state: State) -> Stay {
        match state.lex {
            Lex::Quoted(b'\'', UNTOLD, [.., 0]) => Stay::Text,
            Lex::Word(text, [.., 0]) if self.names.text(text).is_ascii() => {
                let names = self.names_of(state.set);
                let is_any = names.iter().any(|(_, offered)| *offered == Offered::Any);
                if is_any { Stay::Word } else { Stay::Nowhere }
            }
            _ => Stay::Nowhere,
        }
    }

    /// The token ends, and the byte is the first of what follows.
    fn behind(&mut self, state: State, byte: u8) -> Option<State> {
        let set = self.complete(state)?;
        self.begin_token(set, 0, byte)
    }

    /// The readings behind the token that is being read. None: it is not whole, or none may come.
    pub(super) fn complete(&mut self, state: State) -> Option<u32> {
        let set = state.set;
        match self.token(state.lex) {
            Ok(Some(token)) => self.advance(set, token),
            Ok(None) => Some(set),
            Err(()) => None,
        }
    }

    /// The token that is being read, if it is whole.
    pub(super) fn token(&self, lex: Lex) -> Result<Option<Token>, ()> {
        let told = |text| if text == UNTOLD { NONE } else { text };
        Ok(Some(match lex {
            Lex::Gap(_) | Lex::LineComment | Lex::BlockComment(_) => return Ok(None),
            Lex::Word(text, [.., 0]) => Token::Word(text),
            Lex::Closed(b'\'', text) => Token::Text(told(text)),
            Lex::Closed(quote, text) => Token::Quoted(quote, text),
            Lex::Number(Digits::Exponent | Digits::ExponentSign | Digits::Hex(0), _) => return Err(()),
            Lex::Number(Digits::Whole, value) => Token::Number(value),
            Lex::Number(..) => Token::Number(u16::MAX),
            Lex::HexEnd => Token::Blob,
            Lex::Parameter => Token::Parameter,
            Lex::Sign(text) => {
                let text = self.names.text(text);
                let signs = &self.plan.dialect.network.signs;
                Token::Sign(signs.iter().position(|sign| **sign == *text).ok_or(())? as u8)
            }
            Lex::Word(..) | Lex::Quoted(..) | Lex::Hex(_) => return Err(()),
        }))
    }

    fn begin_token(&mut self, set: u32, blanks: u8, byte: u8) -> Option<State> {
        let narrow = self.plan.narrow;
        let at = |lex| Some(State { set, lex });
        match byte {
            b' ' | b'\n' | b'\t' | b'\r' | 0x0c => match narrow {
                true if blanks >= MOST_BLANKS || set == self.start || byte == 0x0c || byte == b'\r' => None,
                true => at(Lex::Gap(blanks + 1)),
                false => at(Lex::Gap(1)),
            },
            _ if starts_word(byte) => self.longer_word(set, NONE, [0; 4], byte),
            b'0'..=b'9' => {
                let offer = self.offer(set);
                let value = if offer.counts { u16::from(byte - b'0') } else { u16::MAX };
                if offer.takes_number { at(Lex::Number(Digits::Whole, value)) } else { None }
            }
            b'\'' => {
                let offer = self.offer(set);
                let text = if offer.names_in_quotes { NONE } else { UNTOLD };
                if offer.takes_text || offer.names_in_quotes { at(Lex::Quoted(byte, text, [0; 4])) } else { None }
            }
            _ if self.plan.dialect.quotes.contains(&byte) => {
                let quote = if byte == b'[' { b']' } else { byte };
                self.lives_quoted(set, quote, NONE, &[]).then_some(State { set, lex: Lex::Quoted(quote, NONE, [0; 4]) })
            }
            b'?' | b':' | b'@' | b'$' if self.offer(set).takes_parameter => at(Lex::Parameter),
            _ => self.longer_sign(set, NONE, byte),
        }
    }

    /// The text with one more character.
    fn extend(&mut self, text: u32, c: char) -> u32 {
        if text == UNTOLD {
            return UNTOLD;
        }
        let c = c.to_ascii_lowercase();
        let byte = if c.is_ascii() { Some(c as u8) } else { None };
        if let Some(known) = byte.and_then(|byte| self.extended.get(&(text, byte))) {
            return *known;
        }
        let mut longer = self.names.text(text).to_owned();
        longer.push(c);
        let longer = self.names.exact(&longer);
        if let Some(byte) = byte {
            self.extended.insert((text, byte), longer);
        }
        longer
    }

    fn longer_word(&mut self, set: u32, text: u32, part: Part, byte: u8) -> Option<State> {
        let (text, part) = match character(part, byte)? {
            Ok(c) => (self.extend(text, c), [0; 4]),
            Err(part) => (text, part),
        };
        let lives = self.lives(set, text, &part[..usize::from(part[3])]);
        lives.then_some(State { set, lex: Lex::Word(text, part) })
    }

    /// Some word that may come begins so.
    fn lives(&mut self, set: u32, text: u32, part: &[u8]) -> bool {
        let offer = self.offer(set);
        let begun = [self.names.text(text).as_bytes(), part].concat();
        let words = &offer.words;
        let at = words.partition_point(|word| self.names.text(*word).as_bytes() < &begun[..]);
        if words.get(at).is_some_and(|word| self.names.text(*word).as_bytes().starts_with(&begun)) {
            return true;
        }
        if begun == b"x" && offer.takes_blob {
            return true;
        }
        let is_plain = !self.plan.narrow || begun.iter().all(|byte| byte.is_ascii() && *byte != b'$');
        let names = self.names_of(set);
        names.iter().any(|(_, offered)| match offered {
            Offered::Any => is_plain,
            Offered::These(listed) => listed.begins(&self.names, &begun, true),
        })
    }

    /// Some name that may come begins so between quotes.
    fn lives_quoted(&mut self, set: u32, quote: u8, text: u32, part: &[u8]) -> bool {
        if quote == b'\'' {
            return true;
        }
        let names = self.names_of(set);
        if text == NONE && part.is_empty() {
            return names.iter().any(|(_, offered)| self.takes_quotes(offered));
        }
        let begun = [self.names.text(text).as_bytes(), part].concat();
        names.iter().any(|(_, offered)| match offered {
            Offered::Any => self.takes_quotes(offered),
            Offered::These(listed) => listed.begins(&self.names, &begun, false),
        })
    }

    /// Generation gives names without quotes.
    fn takes_quotes(&self, offered: &Offered) -> bool {
        match offered {
            Offered::Any => !self.plan.narrow,
            Offered::These(listed) => !listed.all.is_empty(),
        }
    }

    fn longer_quoted(&mut self, set: u32, (quote, text, part): (u8, u32, Part), byte: u8) -> Option<State> {
        if byte == 0 || (self.plan.narrow && byte < b' ' && !matches!(byte, b'\n' | b'\t')) {
            return None;
        }
        if part[3] == 0 && byte == quote {
            let state = State { set, lex: Lex::Closed(quote, text) };
            // Generation never closes a name that is none, unless it goes on behind two quotes.
            let is_whole = !self.plan.narrow || quote == b'\'' || self.complete(state).is_some();
            return match is_whole {
                true => Some(state),
                false => {
                    let doubled = quote != b']' && self.lives_quoted(set, quote, text, &[quote]);
                    doubled.then_some(state)
                }
            };
        }
        let (text, part) = match character(part, byte)? {
            Ok(c) => (self.extend(text, c), [0; 4]),
            Err(part) => (text, part),
        };
        let lives = self.lives_quoted(set, quote, text, &part[..usize::from(part[3])]);
        lives.then_some(State { set, lex: Lex::Quoted(quote, text, part) })
    }

    fn longer_number(&self, digits: Digits, value: u16, byte: u8) -> Option<(Digits, u16)> {
        let narrow = self.plan.narrow;
        match (digits, byte) {
            (Digits::Whole, b'0'..=b'9') => {
                let longer = u32::from(value) * 10 + u32::from(byte - b'0');
                Some((Digits::Whole, longer.min(u32::from(u16::MAX)) as u16))
            }
            (Digits::Whole, b'.') => Some((Digits::Point, u16::MAX)),
            (Digits::Whole, b'x' | b'X') if value == 0 && !narrow => Some((Digits::Hex(0), u16::MAX)),
            (Digits::Point | Digits::Fraction, b'0'..=b'9') => Some((Digits::Fraction, value)),
            (Digits::Whole | Digits::Point | Digits::Fraction, b'e' | b'E') => Some((Digits::Exponent, u16::MAX)),
            (Digits::Exponent, b'+' | b'-') => Some((Digits::ExponentSign, value)),
            (Digits::Exponent | Digits::ExponentSign | Digits::Power, b'0'..=b'9') => Some((Digits::Power, value)),
            (Digits::Hex(count), _) if byte.is_ascii_hexdigit() && count < HEX_DIGITS => {
                Some((Digits::Hex(count + 1), value))
            }
            _ => None,
        }
    }

    fn longer_sign(&mut self, set: u32, text: u32, byte: u8) -> Option<State> {
        let begun = self.names.text(text);
        let narrow = self.plan.narrow;
        match (begun, byte) {
            ("-", b'-') => return (!narrow).then_some(State { set, lex: Lex::LineComment }),
            ("/", b'*') => return (!narrow).then_some(State { set, lex: Lex::BlockComment(false) }),
            (".", b'0'..=b'9') => {
                let takes = self.offer(set).takes_number;
                return takes.then_some(State { set, lex: Lex::Number(Digits::Fraction, u16::MAX) });
            }
            _ => {}
        }
        let longer = format!("{begun}{}", char::from(byte));
        let network = self.plan.dialect.network.clone();
        let begins = |sign: &str| sign.starts_with(&longer);
        if byte.is_ascii() && network.signs.iter().any(|sign| begins(sign)) {
            let offer = self.offer(set);
            let lives = self.sign_lives(&offer, &longer);
            let longer = self.names.exact(&longer);
            return lives.then_some(State { set, lex: Lex::Sign(longer) });
        }
        match text {
            NONE => None,
            _ => self.behind(State { set, lex: Lex::Sign(text) }, byte),
        }
    }

    /// Some sign that may come begins so, or a number or a comment does.
    fn sign_lives(&self, offer: &Offer, begun: &str) -> bool {
        let network = &self.plan.dialect.network;
        let is_sign = offer.edges.iter().any(|(term, _)| match term {
            super::network::Term::Sign(sign) => network.signs[usize::from(*sign)].starts_with(begun),
            _ => false,
        });
        is_sign || (begun == "." && offer.takes_number) || (!self.plan.narrow && matches!(begun, "-" | "/"))
    }

    /// The text may end here.
    pub(super) fn accepts_at(&mut self, state: State) -> bool {
        match state.lex {
            Lex::Quoted(..) | Lex::Hex(_) => false,
            _ => self.complete(state).is_some_and(|set| self.offer(set).ends),
        }
    }
}
