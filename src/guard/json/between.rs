//! Between two tokens: structure, and how values and keys begin.

use super::{
    Mode, Moves, Quote, Reading,
    around::closed,
    fixed,
    input::{comment, foreign_space, is_blank, is_word, string_end},
    nothing, scalar, table,
};
use crate::guard::model::{Emit, Move, What};

/// A quote that a string may begin with, other than JSON's own, and its length.
pub fn opening(text: &[u8]) -> Option<(Quote, usize)> {
    Some(match text {
        [b'"', b'"', b'"', ..] => (Quote::Triple, 3),
        [b'\'', b'\'', b'\'', ..] => (Quote::Triple, 3),
        [b'\'', b'\'', next, ..] if is_word(*next) || *next == b' ' => (Quote::SingleTwice, 2),
        [b'\'', ..] => (Quote::Single, 1),
        [b'`', b'`', b'`', ..] => return None,
        [b'`', ..] => (Quote::Back, 1),
        [0xc2, 0xb4, ..] => (Quote::Back, 2),
        // The quotation marks of several languages, high and low.
        [0xe2, 0x80, 0x9c..=0x9f, ..] => (Quote::Curly, 3),
        [0xe2, 0x80, 0x98..=0x9b, ..] => (Quote::CurlySingle, 3),
        _ => return None,
    })
}

/// How long the token is that begins a text: up to blanks, structure or quotes.
fn token(text: &[u8]) -> &[u8] {
    let end =
        text.iter().position(|byte| is_blank(*byte) || matches!(byte, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"'));
    &text[..end.unwrap_or(text.len())]
}

impl Reading {
    pub(super) fn between(&mut self, at: u32, mode: Mode, tier: usize, moves: &mut Moves) {
        if tier == 0
            && let Some(back) = self.input.back(at)
        {
            moves.push(nothing(back, Mode::Between, 0, What::Keep));
        }
        let inside = if self.input.get(at).is_some_and(is_blank) { mode } else { Mode::Between };
        match tier {
            0 => {
                if let Some(byte) = self.input.get(at) {
                    let to = if byte == b'"' { Mode::Quoted(Quote::Double) } else { inside };
                    moves.push(Move::new(at + 1, to, Emit::Byte(byte), 0, What::Keep));
                }
            }
            1 => self.style(at, mode, moves),
            2 => self.structure(at, mode, moves),
            3 => self.brackets(at, mode, moves),
            4 => self.drops(at, mode, moves),
            _ => self.any_byte(at, mode, moves),
        }
        match mode {
            Mode::Start => self.before_answer(at, tier, moves),
            Mode::Between => self.tail(at, tier, moves),
            _ => {}
        }
        self.wrapping(at, mode, tier, moves);
        self.as_string(at, mode, tier, moves);
    }

    /// The first tier but one that has moves where the recogniser takes the next byte.
    pub(super) fn between_from(&self, at: u32) -> usize {
        let rest = self.input.rest(at);
        match rest {
            [b':' | b'{' | b'}' | b'[' | b']', ..] => 3,
            [b'"'] | [b'"', b'"', ..] => 1,
            [b'"', first, ..] => {
                let scalar =
                    matches!(first, b'-' | b'+' | b'.' | b'0'..=b'9' | b't' | b'f' | b'n' | b'T' | b'F' | b'N');
                if scalar || *first == b'u' || first.is_ascii_whitespace() { 2 } else { 3 }
            }
            [b',', ..] => 2,
            [first, ..] if is_blank(*first) => {
                if self.after_value(at) {
                    3
                } else {
                    5
                }
            }
            [first, ..] if first.is_ascii_alphanumeric() && self.input.before(at).is_some_and(is_word) => 2,
            _ => 1,
        }
    }

    /// Another spelling of the same.
    fn style(&mut self, at: u32, mode: Mode, moves: &mut Moves) {
        if mode == Mode::Between && !self.input.before(at).is_some_and(is_word) {
            moves.push(Move::new(at, mode, Emit::Forced, table::FORCED, What::Fill).if_stuck());
        }
        let rest = self.input.rest(at);
        let Some(first) = rest.first().copied() else { return };
        if let Some(length) = foreign_space(rest) {
            moves.push(nothing(at + length as u32, mode, table::SPACE, What::Space));
        }
        if let Some(length) = comment(rest) {
            moves.push(nothing(at + length as u32, mode, table::COMMENT, What::Comment));
            // A comment of one line may swallow what closes the container.
            let close = rest[..length].iter().position(|byte| matches!(byte, b'}' | b']'));
            if let (Some(close), b'#') = (close, first) {
                moves.push(nothing(at + close as u32, mode, table::COMMENT + 1, What::Comment));
            }
        }
        if let [b'-' | b'*', b' ' | b'\t', ..] = rest {
            moves.push(nothing(at + 1, mode, table::BULLET, What::Space));
        }
        if let Some((quote, length)) = opening(rest) {
            let to = at + length as u32;
            moves.push(fixed(to, Mode::Quoted(quote), "\"", table::QUOTE_STYLE, What::Quote));
        }
        if let [b'"', b'"', next, ..] = rest
            && !matches!(next, b',' | b':' | b'}' | b']' | b'\n' | b'\r')
        {
            moves.push(fixed(at + 2, Mode::Quoted(Quote::Twice), "\"", table::QUOTE_STYLE, What::Quote));
        }
        if rest.starts_with(b"...") || rest.starts_with("\u{2026}".as_bytes()) {
            moves.push(nothing(at + 3, mode, table::ELLIPSIS, What::Ellipsis));
        }
        self.other_scalars(at, moves);
        if let [b'\\', b'"', ..] = self.input.rest(at)
            && let Some(start) = self.input.decode_rest(at)
        {
            moves.push(nothing(start, mode, table::UNESCAPE, What::Encoding));
        }
    }

    /// Words and numbers in other spellings.
    fn other_scalars(&self, at: u32, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let inside = self.input.before(at).is_some_and(is_word);
        if inside {
            return;
        }
        let length = rest.iter().take_while(|byte| is_word(**byte)).count();
        let word = &rest[..length];
        if let Some(literal) = scalar::literal(word) {
            moves.push(fixed(at + length as u32, Mode::Between, literal, table::LITERAL, What::Literal));
        } else if let Some(literal) = scalar::literal_in_any_case(word)
            && literal.as_bytes() != word
        {
            moves.push(fixed(at + length as u32, Mode::Between, literal, table::LITERAL, What::Literal));
        }
        let token = token(rest);
        if let Some((text, cost)) = scalar::respelled(token) {
            let to = at + token.len() as u32;
            moves.push(Move::new(to, Mode::Between, Emit::Text(text.into()), cost, What::Number));
        }
    }

    /// Commas, colons, and text without quotes.
    fn structure(&mut self, at: u32, mode: Mode, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let Some(first) = rest.first().copied() else {
            if self.whole && mode == Mode::Between {
                moves.push(Move::new(at, mode, Emit::Close, 8, What::Close));
                moves.push(Move::new(at, mode, Emit::Finish, 8, What::Fill));
            }
            return;
        };
        let before = self.input.before(at);
        let inside = (is_word(first) && before.is_some_and(is_word)) || matches!(first, b'.' | b'+');
        if !is_blank(first) && !inside && mode == Mode::Between {
            moves.push(fixed(at, mode, ",", table::COMMA, What::Comma).if_stuck());
            moves.push(fixed(at, mode, ":", table::COLON, What::Colon).if_stuck());
        }
        match rest {
            [b'"' | b'\''] if before.is_some_and(|byte| is_blank(byte) || matches!(byte, b'[' | b',' | b'{')) => {
                moves.push(nothing(at + 1, mode, table::LAST_QUOTE, What::Quote))
            }
            [b',', next @ ..] => {
                if let Some(end) = self.repeated(at) {
                    moves.push(nothing(end, mode, table::REPEATED, What::Drop));
                }
                // Without it, two numbers would be one.
                let joins = before.is_some_and(is_word) && next.first().copied().is_some_and(is_word);
                if !joins && self.comma_is_loose(at) {
                    moves.push(nothing(at + 1, mode, table::COMMA_DROPPED, What::Comma));
                }
            }
            [b'=', b'>', ..] => moves.push(fixed(at + 2, mode, ":", table::COMMA_DROPPED, What::Colon)),
            [b'=', ..] => moves.push(fixed(at + 1, mode, ":", table::COMMA_DROPPED, What::Colon)),
            [b';', ..] => moves.push(fixed(at + 1, mode, ",", table::COMMA_DROPPED, What::Comma)),
            [b'(', ..] => self.parenthesis(at, mode, moves),
            [b')', ..] => moves.push(fixed(at + 1, mode, "]", table::CALL_END + 4, What::Bracket)),
            _ => {}
        }
        if let Some((length, number)) = scalar::with_thousands(rest) {
            let to = at + length as u32;
            moves.push(Move::new(to, Mode::Between, Emit::Text(number.into()), table::BARE, What::Number));
        }
        if matches!(first, b'}' | b']') && mode == Mode::Between {
            moves.push(Move::new(at, Mode::Between, Emit::Due, table::CLOSE, What::Fill).if_stuck());
        }
        if matches!(first, b'}' | b']' | b',') && mode == Mode::Between {
            moves.push(Move::new(at, Mode::Between, Emit::Finish, table::CLOSE, What::Fill).if_stuck());
        }
        self.bare_begins(at, mode, moves);
        self.unquoted(at, moves);
    }

    /// The comma parts nothing: it comes first or last, or after another.
    fn comma_is_loose(&self, at: u32) -> bool {
        let next = self.input.skip_blanks(at + 1);
        let mut before = at;
        while self.input.before(before).is_some_and(is_blank) {
            before -= 1;
        }
        let last = matches!(self.input.get(next), None | Some(b',' | b'}' | b']' | b'.' | b'`'));
        last || matches!(self.input.before(before), None | Some(b',' | b'{' | b'[' | b'.' | b'/' | b':'))
    }

    /// Something stands before that a bracket could close.
    pub(super) fn after_part(&self, at: u32) -> bool {
        let mut before = at;
        while self.input.before(before).is_some_and(is_blank) {
            before -= 1;
        }
        let part = |byte| is_word(byte) || matches!(byte, b'"' | b'\'' | b'{' | b'}' | b'[' | b']' | b')' | b',');
        self.input.before(before).is_some_and(part)
    }

    /// Behind the part after a comma, if the one before the comma is the same text.
    fn repeated(&self, at: u32) -> Option<u32> {
        let end = self.input.part_end(at + 1)?;
        let part = self.input.source(at + 1, end).trim_ascii();
        let from = at.checked_sub(part.len() as u32)?;
        (part.contains(&b':') && self.input.source(from, at) == part).then_some(end)
    }

    /// A string and a colon behind it.
    fn key_stands(&self, at: u32) -> bool {
        let rest = self.input.rest(at);
        matches!(rest.first(), Some(b'"' | b'\''))
            && self.input.get(self.input.skip_blanks(at + string_end(rest, 0) as u32)) == Some(b':')
    }

    fn parenthesis(&self, at: u32, mode: Mode, moves: &mut Moves) {
        moves.push(fixed(at + 1, mode, "[", table::COMMA_DROPPED, What::Bracket));
        let rest = self.input.rest(at);
        let (mut depth, mut comma) = (0, false);
        for byte in rest {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                b',' if depth == 1 => comma = true,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        if !comma {
            moves.push(nothing(at + 1, mode, table::SCALAR, What::Call));
        }
    }

    /// Text that should stand in quotes begins here.
    fn bare_begins(&self, at: u32, mode: Mode, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let inside = mode == Mode::Between && self.input.before(at).is_some_and(is_word) && is_word(rest[0]);
        let cannot = matches!(rest[0], b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"' | b'\\' | b')');
        let comment = rest.starts_with(b"/*") || rest.starts_with(b"//");
        if cannot || comment || is_blank(rest[0]) || inside || opening(rest).is_some() || foreign_space(rest).is_some()
        {
            return;
        }
        let word = rest.iter().take_while(|byte| is_word(**byte) || **byte == b'-').count();
        if word > 0 && self.input.get(self.input.skip_blanks(at + word as u32)) == Some(b':') {
            let text = Emit::Text(scalar::quoted(&rest[..word]).into());
            moves.push(Move::new(at + word as u32, Mode::Between, text, table::KEY, What::Bare));
        }
        let line = rest.iter().position(|byte| matches!(byte, b'\n' | b',' | b'}' | b']')).unwrap_or(rest.len());
        if !rest[..line.max(1)].iter().any(|byte| is_word(*byte)) && !rest.iter().any(|byte| is_word(*byte)) {
            return;
        }
        let token = token(rest);
        let scalar = scalar::is_number(token) || matches!(token, b"true" | b"false" | b"null");
        let ends = self.input.at_part_end(at + token.len() as u32);
        if scalar && ends {
            let text = Emit::Text(scalar::quoted(token).into());
            let to = at + token.len() as u32;
            moves.push(Move::new(to, Mode::Between, text, table::SCALAR, What::Scalar));
            return;
        }
        let cost = match scalar {
            // A number is no beginning of a sentence.
            true => table::BARE + 24,
            _ => table::BARE,
        };
        moves.push(fixed(at, Mode::Bare, "\"", cost, What::Bare));
    }

    /// A scalar, or a whole document, that stands in quotes.
    fn unquoted(&mut self, at: u32, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let (quote, length) = match rest {
            [b'"', ..] => (b'"', 1),
            [b'\'', ..] => (b'\'', 1),
            _ => return,
        };
        let end = string_end(rest, 0);
        if end < 2 || rest[end - 1] != quote {
            return;
        }
        let body = rest[length..end - 1].trim_ascii();
        let to = at + end as u32;
        let text: Option<Vec<u8>> = if scalar::is_number(body) {
            Some(body.to_vec())
        } else if let Some(literal) = scalar::literal(body).or_else(|| scalar::literal_in_any_case(body)) {
            Some(literal.as_bytes().to_vec())
        } else if let Some((length, number)) = scalar::with_thousands(body) {
            (length == body.len()).then_some(number)
        } else {
            scalar::respelled(body).map(|(number, _)| number)
        };
        if let Some(text) = text {
            moves.push(Move::new(to, Mode::Between, Emit::Text(text.into()), table::SCALAR, What::Scalar));
        }
    }

    /// Brackets, and what costs about as much.
    fn brackets(&mut self, at: u32, mode: Mode, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let Some(first) = rest.first().copied() else { return };
        if is_blank(first) {
            return;
        }
        let other = match first {
            b'}' => Some(("]", table::OTHER_BRACKET)),
            b']' => Some(("}", table::OTHER_BRACKET)),
            b'{' => Some(("[", table::SET)),
            _ => None,
        };
        if let Some((other, cost)) = other {
            moves.push(fixed(at + 1, Mode::Between, other, cost, What::Bracket));
            let dropped = if first == b'{' { table::OBJECT_DROPPED } else { table::CLOSING_DROPPED };
            if dropped < table::TIERS[4] {
                moves.push(nothing(at + 1, mode, dropped, What::Bracket));
            }
        } else if first == b'[' {
            moves.push(nothing(at + 1, mode, table::OPENING_DROPPED, What::Bracket));
        }
        let inside = self.input.before(at).is_some_and(is_word) && is_word(first);
        if mode == Mode::Between && !inside && self.after_part(at) {
            for (close, other) in [("}", b']'), ("]", b'}')] {
                // In front of the bracket that ends what is around it, one is likelier to be missing.
                let cost = if first == other { table::BRACKET_BEFORE_OTHER } else { table::BRACKET };
                moves.push(fixed(at, mode, close, cost, What::Bracket));
            }
        }
        if !matches!(first, b'}' | b']' | b',' | b':') && !inside {
            let cost = if mode.is_fresh() { table::WRAP } else { table::BRACKET_OPENED };
            // In front of the first value of a row rather than of a row.
            let row = match self.input.before_blanks(at) {
                _ if first == b'[' => 4,
                Some((b',', comma)) if matches!(self.input.before_blanks(comma), Some((b']', _))) => 0,
                _ => 2,
            };
            moves.push(fixed(at, Mode::Between, "[", cost + row, What::Bracket));
            let cost = if self.key_stands(at) { table::OBJECT_AROUND_KEY } else { cost + 10 };
            moves.push(fixed(at, Mode::Between, "{", cost, What::Bracket));
        }
        if matches!(first, b'"' | b'\'') {
            if let Some(start) = self.input.decode_string(at) {
                moves.push(nothing(start, mode, table::ENCODING, What::Encoding));
            }
            if mode == Mode::Between || !closed(self.input.rest(at)) {
                moves.push(nothing(at + 1, mode, table::STRAY_QUOTE, What::Quote));
            }
        }
        if let Some(to) = self.array_goes_on(at) {
            moves.push(fixed(to, mode, ",", table::ARRAY_GOES_ON, What::Bracket));
        }
        self.loose_word(at, mode, moves);
        let rest = self.input.rest(at);
        let junk = rest.iter().take_while(|byte| is_word(**byte) || is_blank(**byte)).count();
        if mode == Mode::Between && junk > 0 && matches!(rest.get(junk), Some(b'{' | b'[')) && !inside {
            moves.push(nothing(at + junk as u32, mode, table::JUNK_BEFORE_VALUE, What::Drop));
        }
        if let Some(number) = scalar::fraction(token(self.input.rest(at))) {
            let to = at + token(self.input.rest(at)).len() as u32;
            moves.push(Move::new(to, Mode::Between, Emit::Text(number.into()), table::ENCODING, What::Number));
        }
    }

    /// Behind the bracket that opens another array right after the one that ends here.
    fn array_goes_on(&self, at: u32) -> Option<u32> {
        if self.input.get(at) != Some(b']') {
            return None;
        }
        let comma = self.input.skip_blanks(at + 1);
        let next = self.input.skip_blanks(comma + 1);
        (self.input.get(comma) == Some(b',') && self.input.get(next) == Some(b'[')).then_some(next + 1)
    }

    /// A word that belongs to nothing.
    fn loose_word(&self, at: u32, mode: Mode, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let word = rest.iter().take_while(|byte| is_word(**byte)).count();
        if word > 0 && mode == Mode::Between && !self.input.before(at).is_some_and(is_word) {
            let next = self.input.get(self.input.skip_blanks(at + word as u32));
            let apart = self.input.get(at + word as u32).is_some_and(is_blank);
            if matches!(next, Some(b'}' | b']')) || (apart && matches!(next, Some(b'"' | b'\''))) {
                moves.push(nothing(at + word as u32, mode, table::WORD, What::Drop));
            }
        }
    }

    /// Content that goes.
    fn drops(&mut self, at: u32, mode: Mode, moves: &mut Moves) {
        let rest = self.input.rest(at);
        let Some(first) = rest.first().copied() else { return };
        if first == b',' && !self.comma_is_loose(at) {
            moves.push(fixed(at + 1, mode, " ", table::COMMA_BETWEEN_DROPPED, What::Comma));
        }
        if mode.is_fresh() || is_blank(first) || matches!(first, b':' | b'}' | b']') {
            return;
        }
        let Some(end) = self.input.part_end(if first == b',' { at + 1 } else { at }) else { return };
        let cost = table::DROP + ((end - at) / 4).min(60);
        if first == b'{' {
            moves.push(nothing(at + 1, mode, table::OBJECT_DROPPED, What::Bracket));
        }
        if first == b',' && end > at + 1 {
            moves.push(nothing(end, mode, cost, What::Drop));
        } else if end > at && !is_word(self.input.before(at).unwrap_or(b' ')) {
            let comma = u32::from(self.input.get(end) == Some(b','));
            moves.push(nothing(end + comma, mode, cost, What::Drop));
        }
        let junk =
            rest.iter().take_while(|byte| !matches!(byte, b'{' | b'}' | b'[' | b']' | b'"' | b',' | b':')).count();
        if junk > 0 && !self.input.before(at).is_some_and(|before| is_word(before) && is_word(first)) {
            let value = matches!(rest.get(junk), Some(b'{' | b'['));
            if !value {
                moves.push(nothing(at + junk as u32, mode, table::JUNK, What::Drop));
            }
        }
    }

    /// Any byte taken out, and those of numbers put in or exchanged.
    fn any_byte(&self, at: u32, mode: Mode, moves: &mut Moves) {
        let first = self.input.get(at);
        if first.is_some() {
            moves.push(nothing(at + 1, mode, table::BYTE, What::Delete));
        }
        // Numbers may be changed, but none is made up where there was none.
        let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
        if mode.is_fresh() || !(digit(first) || digit(self.input.before(at))) {
            return;
        }
        for byte in *b"0123456789-.eE" {
            moves.push(Move::new(at, Mode::Between, Emit::Byte(byte), table::BYTE, What::Insert));
            if digit(first) && first != Some(byte) {
                moves.push(Move::new(at + 1, Mode::Between, Emit::Byte(byte), table::BYTE, What::Substitute));
            }
        }
    }
}
