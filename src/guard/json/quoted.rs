//! Inside a string.

use super::{
    Mode, Moves, Quote, Reading, fixed,
    input::{escape, is_blank, is_word},
    nothing, table,
};
use crate::guard::model::{Emit, Move, What};

/// The length of the quote at the beginning of a text, if it may close what was opened by `quote`.
fn closing(quote: Quote, text: &[u8]) -> Option<usize> {
    let double = matches!(text, [b'"', ..]);
    match (quote, text) {
        (Quote::Triple, [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..]) => Some(3),
        (Quote::Twice, [b'"', b'"', ..]) | (Quote::SingleTwice, [b'\'', b'\'', ..]) => Some(2),
        (Quote::Double | Quote::Twice, _) if double => Some(1),
        (Quote::Single | Quote::SingleTwice, [b'\'', ..]) => Some(1),
        (Quote::Back, [b'`' | b'\'', ..]) => Some(1),
        (Quote::Back, [0xc2, 0xb4, ..]) => Some(2),
        (Quote::Curly, [0xe2, 0x80, 0x9c..=0x9e, ..]) => Some(3),
        (Quote::Curly, _) if double => Some(1),
        (Quote::CurlySingle, [0xe2, 0x80, 0x98..=0x9b, ..]) => Some(3),
        (Quote::CurlySingle, [b'\'', ..]) => Some(1),
        _ => None,
    }
}

/// A byte that inside a string, where its value may have it, is looked at by no rule.
pub fn is_ordinary(byte: u8) -> bool {
    let marks =
        matches!(byte, b'-' | b'_' | b'.' | b'!' | b'?' | b'(' | b'*' | b'@' | b'%' | b'&' | b'<' | b'>' | b'=');
    // Quotation marks begin with these two.
    marks || byte.is_ascii_alphanumeric() || (byte >= 0x80 && !matches!(byte, 0xe2 | 0xc2))
}

/// What the rules look at inside a string in JSON's quotes where the string's value may have the byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    /// What follows the blank.
    Behind,
    Here,
}

static LOOKS: [Look; 256] = {
    let mut looks = [Look::Nothing; 256];
    let mut byte = 0;
    while byte < 256 {
        looks[byte] = match byte as u8 {
            b'"' | b'\\' | b',' | b':' | b'}' | b']' | b'+' | b'`' | 0..0x20 => Look::Here,
            b' ' => Look::Behind,
            _ => Look::Nothing,
        };
        byte += 1;
    }
    looks
};

/// The text, inside a string in JSON's quotes, begins with a byte that no rule looks at where the string's value may have
/// it.
pub fn is_plain(text: &[u8]) -> bool {
    match text {
        [] => false,
        [byte, ..] => match LOOKS[usize::from(*byte)] {
            Look::Nothing => true,
            Look::Behind => plain_length(&text[..text.len().min(2)]) > 0,
            Look::Here => false,
        },
    }
}

/// How many bytes of a text are so.
pub fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let run = text[at..].iter().position(|byte| LOOKS[usize::from(*byte)] != Look::Nothing);
        at = run.map_or(text.len(), |run| at + run);
        match text[at..] {
            [b' ', next, ..]
                if !matches!(
                    next,
                    b',' | b':' | b'}' | b']' | b'+' | b'`' | b'/' | b'#' | b' ' | b'\t' | b'\r' | b'\n'
                ) =>
            {
                at += 1
            }
            _ => return at,
        }
    }
}

/// The length of the escape that a text begins with, if JSON knows it.
pub fn known_escape(text: &[u8]) -> Option<usize> {
    match text {
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'\\', b'u', hex @ ..] if hex.len() >= 4 && hex[..4].iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

/// What may follow a string that has ended, as far as spelling tells.
fn may_follow(text: &[u8]) -> bool {
    match text.iter().position(|byte| !is_blank(*byte)) {
        None => true,
        Some(skip) => text[..skip].contains(&b'\n') || matches!(text[skip], b',' | b':' | b'}' | b']' | b'/' | b'#'),
    }
}

impl Reading {
    pub(super) fn quoted(&mut self, at: u32, quote: Quote, tier: usize, moves: &mut Moves) {
        match tier {
            0 => self.quoted_kept(at, quote, moves),
            1 => self.quoted_style(at, quote, moves),
            2 | 3 => self.quoted_ends(at, quote, tier, moves),
            4 => self.quoted_rest(at, quote, moves),
            _ => self.text_byte(at, Mode::Quoted(quote), moves),
        }
    }

    fn quoted_kept(&self, at: u32, quote: Quote, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let inside = Mode::Quoted(quote);
        let Some(first) = rest.first().copied() else { return };
        match closing(quote, rest) {
            Some(length) if quote == Quote::Double || may_follow(&rest[length..]) => {
                moves.push(fixed(at + length as u32, Mode::Between, "\"", 0, What::Keep));
            }
            Some(_) => {}
            None if first == b'\\' => {
                if let Some(length) = known_escape(rest) {
                    let text = Emit::Text(rest[..length].into());
                    moves.push(Move::new(at + length as u32, inside, text, 0, What::Keep));
                }
            }
            None if first >= 0x20 && first != b'"' => {
                moves.push(Move::new(at + 1, inside, Emit::Byte(first), 0, What::Keep));
            }
            None => {}
        }
    }

    fn quoted_style(&self, at: u32, quote: Quote, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let inside = Mode::Quoted(quote);
        let Some(first) = rest.first().copied() else { return };
        if let Some(length) = closing(quote, rest) {
            if quote != Quote::Double && !may_follow(&rest[length..]) {
                moves.push(fixed(at + length as u32, Mode::Between, "\"", 1, What::Quote));
            }
            if let Some((next, opened)) = self.joined(at + length as u32) {
                moves.push(nothing(next, Mode::Quoted(opened), table::JOIN, What::Join));
            }
        }
        match rest {
            [b'"', ..] if closing(quote, rest).is_none() => {
                moves.push(fixed(at + 1, inside, "\\\"", 1, What::Escape));
            }
            [b'\\', b'\'', ..] => moves.push(fixed(at + 2, inside, "'", 1, What::Escape)),
            [b'\\', b'\n', ..] => moves.push(fixed(at + 2, inside, "\\n", table::UNESCAPE, What::Escape)),
            [b'\\', next, ..] if known_escape(rest).is_none() && *next != b'u' && *next >= 0x20 => {
                // In JavaScript the backslash means nothing there, in Python itself.
                let python = u32::from(quote == Quote::Single);
                moves.push(nothing(at + 1, inside, table::UNESCAPE + python, What::Escape));
                moves.push(fixed(at + 1, inside, "\\\\", table::UNESCAPE + 1 - python, What::Escape));
            }
            [b'\n', b'"', b':', ..] => moves.push(nothing(at + 1, inside, table::SPACE, What::Space)),
            [1..0x20, ..] => {
                let emit = match escape(first) {
                    Some(written) => Emit::Fixed(written),
                    None => Emit::Text(format!("\\u{first:04x}").into_bytes().into()),
                };
                moves.push(Move::new(at + 1, inside, emit, table::CONTROL, What::Escape));
            }
            _ => {}
        }
        if first.is_ascii_alphabetic() {
            moves.push(Move::new(at + 1, inside, Emit::Byte(first ^ 0x20), table::CASE, What::Case).if_stuck());
        }
        self.separators(at, inside, moves);
        if is_blank(first) {
            moves.push(nothing(at + 1, inside, table::CASE + 1, What::Space).if_stuck());
        }
    }

    /// Words that are parted in another way.
    pub(super) fn separators(&self, at: u32, inside: Mode, moves: &mut Moves) {
        const SEPARATORS: &[u8] = b" -_.";
        if let Some(first) = self.input.get(at).filter(|byte| SEPARATORS.contains(byte)) {
            for other in SEPARATORS.iter().filter(|other| **other != first) {
                let emit = Emit::Byte(*other);
                moves.push(Move::new(at + 1, inside, emit, table::SEPARATOR, What::Substitute).if_stuck());
            }
        }
    }

    /// Behind a `+` and the quote that opens the next part of the same string.
    fn joined(&self, at: u32) -> Option<(u32, Quote)> {
        let plus = self.input.skip_blanks(at);
        if self.input.get(plus) != Some(b'+') {
            return None;
        }
        let next = self.input.skip_blanks(plus + 1);
        if self.input.get(next) == Some(b'"') {
            return Some((next + 1, Quote::Double));
        }
        super::between::opening(self.input.rest(next)).map(|(quote, length)| (next + length as u32, quote))
    }

    /// Behind a quote, a word and the quote that ends the last string of a list: its opening quote is missing.
    fn word_lacks_quote(&self, at: u32) -> bool {
        let rest = self.input.rest(at);
        let Some(word) = rest.strip_prefix(b" ") else { return false };
        let length = word.iter().take_while(|byte| is_word(**byte)).count();
        let behind = word[length..].strip_prefix(b"\"").map(<[u8]>::trim_ascii_start);
        // What stands before belongs to this string: no word in quotes was opened within it.
        let text = self.input.source(0, at - 1);
        let opened =
            text.iter().rposition(|byte| *byte == b'"').and_then(|quote| self.input.before_blanks(quote as u32));
        let own = opened.is_none_or(|(before, _)| matches!(before, b'[' | b'{' | b',' | b':'));
        length > 0 && own && behind.is_some_and(|behind| behind.first() == Some(&b']'))
    }

    /// A comma and words that are neither a value nor a key: the string goes on.
    fn words_follow(&self, at: u32) -> bool {
        let rest = self.input.rest(at);
        let Some(words) = rest.strip_prefix(b", ") else { return false };
        let word = words.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let literal = matches!(&words[..word], b"true" | b"false" | b"null" | b"True" | b"False" | b"None");
        let end = words.iter().position(|byte| matches!(byte, b'"' | b':' | b'\n' | b'}' | b']'));
        word > 0 && !literal && end.is_some_and(|end| words[end] == b'"')
    }

    /// The quote looks like one that opens the next string.
    fn opens_here(&self, at: u32, next: Option<u8>) -> bool {
        let inside = |byte: u8| is_word(byte) || byte == b' ';
        let mut before = at;
        while self.input.before(before).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            before -= 1;
        }
        match self.input.before(before) {
            _ if !next.is_some_and(inside) => false,
            Some(b'\n') => true,
            Some(b',' | b'{' | b'[' | b':') => before == at,
            Some(b'/') => self.input.before(before - 1) == Some(b'*'),
            _ => false,
        }
    }

    /// Quotes that are content, and strings that end without one.
    fn quoted_ends(&self, at: u32, quote: Quote, tier: usize, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let inside = Mode::Quoted(quote);
        let mut push = |one: Move<Mode>| {
            let of = table::TIERS.iter().rposition(|least| *least <= one.cost).unwrap_or(0);
            if of == tier {
                moves.push(one);
            }
        };
        if let Some(length) = closing(quote, rest) {
            let follows = may_follow(&rest[length..]);
            let opens = self.opens_here(at, rest.get(length).copied());
            let last = !rest[length..].contains(&rest[0]) && rest[0].is_ascii();
            let cost = match () {
                () if follows && self.words_follow(at + length as u32) => table::ESCAPE_AT_COMMA,
                () if follows || opens => table::ESCAPE_AT_TERMINATOR,
                () if self.word_lacks_quote(at + length as u32) => table::ESCAPE_AT_TERMINATOR + 2,
                () if last => table::ESCAPE_LAST,
                () => table::ESCAPE,
            };
            let text: Vec<u8> = match rest[0] {
                b'"' => b"\\\"".repeat(length),
                _ => rest[..length].to_vec(),
            };
            push(Move::new(at + length as u32, inside, Emit::Text(text.into()), cost, What::Escape));
            return;
        }
        let close = |cost| fixed(at, Mode::Between, "\"", cost, What::Quote);
        let Some(first) = rest.first().copied() else {
            if self.whole || self.input.back(at).is_some() {
                push(close(table::CLOSE_STRING_AT_END));
            }
            return;
        };
        if first == b'\\' && known_escape(rest).is_none() && rest.len() < 6 && self.whole {
            // The text was cut within an escape.
            if rest.len() == 1 || (rest[1] == b'u' && rest[2..].iter().all(u8::is_ascii_hexdigit)) {
                let end = self.input.end_of(at);
                push(fixed(end, Mode::Between, "\"", table::CLOSE_STRING_AT_END, What::Quote));
            }
        }
        if rest.starts_with(b"```") {
            push(close(table::CLOSE_STRING));
        }
        let trimmed = !self.input.before(at).is_some_and(is_blank);
        if trimmed && self.input.at_part_end(at) {
            let line = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(&b'\n');
            let last = rest.iter().all(|byte| is_blank(*byte) || matches!(byte, b'}' | b']' | b'`' | b';' | b')'))
                && !rest.iter().all(|byte| is_blank(*byte));
            push(close(match () {
                () if last => table::CLOSE_STRING_AT_LAST_BRACKETS,
                () if line => table::CLOSE_STRING_AT_LINE,
                () => table::CLOSE_STRING,
            }));
        }
        if (first == b'+' && trimmed) || (first == b' ' && rest.starts_with(b" +")) {
            let plus = at + u32::from(first == b' ');
            if let Some((next, opened)) = self.joined(plus) {
                push(nothing(next, Mode::Quoted(opened), table::CLOSE_STRING, What::Join));
            }
        }
        if first.is_ascii_punctuation() && first != b'\\' {
            push(nothing(at + 1, inside, table::SCALAR, What::Delete).if_stuck());
        }
    }

    /// The string goes on where its value may not: the rest of it, or its beginning, is dropped.
    fn quoted_rest(&self, at: u32, quote: Quote, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let end = (0..rest.len()).find(|here| {
            let escapes = rest[..*here].iter().rev().take_while(|byte| **byte == b'\\').count();
            escapes % 2 == 0 && closing(quote, &rest[*here..]).is_some_and(|length| may_follow(&rest[here + length..]))
        });
        let readable = rest.first().is_some_and(|byte| *byte >= 0x20 && *byte != b'\\');
        if let Some(end) = end.filter(|end| *end > 0 && readable) {
            let length = closing(quote, &rest[end..]).unwrap_or(1);
            let to = at + (end + length) as u32;
            moves.push(fixed(to, Mode::Between, "\"", table::DROP, What::Drop).if_stuck());
            // Words before the value: it begins at any later word.
            let opened = self.input.before(at).is_some_and(|byte| byte == b'"' || byte == b'\'');
            if opened {
                for here in 1..end.min(200) {
                    let begins = rest[here].is_ascii_alphanumeric() && !rest[here - 1].is_ascii_alphanumeric();
                    if begins {
                        let to = at + here as u32;
                        moves.push(nothing(to, Mode::Quoted(quote), table::DROP, What::Drop).if_stuck());
                    }
                }
            }
        }
    }

    /// Any byte of text put in, taken out or exchanged.
    pub(super) fn text_byte(&self, at: u32, mode: Mode, moves: &mut Moves) {
        let first = self.input.get(at).filter(|byte| *byte >= 0x20 && *byte != b'\\' && *byte != b'"');
        if first.is_some() {
            moves.push(nothing(at + 1, mode, table::BYTE, What::Delete));
        }
        for byte in (0x20..=0xff).filter(|byte| !matches!(byte, b'"' | b'\\')) {
            moves.push(Move::new(at, mode, Emit::Byte(byte), table::BYTE, What::Insert));
            if first.is_some_and(|first| first != byte) {
                moves.push(Move::new(at + 1, mode, Emit::Byte(byte), table::BYTE, What::Substitute));
            }
        }
    }
}
