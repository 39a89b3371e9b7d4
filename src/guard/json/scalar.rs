//! Numbers and words in the spelling of other languages, and what material that a recogniser proposes costs.

use super::{
    input::{escaped, is_blank, string_end},
    table,
};
use crate::automaton::Recognizer;

/// The literal that a word of another language means.
pub fn literal(word: &[u8]) -> Option<&'static str> {
    Some(match word {
        b"True" | b"TRUE" => "true",
        b"False" | b"FALSE" => "false",
        b"None" | b"NONE" | b"Null" | b"NULL" | b"nil" | b"undefined" => "null",
        _ => return None,
    })
}

/// The words that JSON has, in any case.
pub fn literal_in_any_case(word: &[u8]) -> Option<&'static str> {
    ["true", "false", "null"].into_iter().find(|literal| word.eq_ignore_ascii_case(literal.as_bytes()))
}

/// A number, whole, as JSON spells it.
pub fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

/// The number that a token in another spelling means, and how sure that is, as a cost.
pub fn respelled(token: &[u8]) -> Option<(Vec<u8>, u32)> {
    if is_number(token) || !token.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.')) {
        return None;
    }
    let (sign, body) = match token {
        [b'+', body @ ..] => (&b""[..], body),
        [b'-', body @ ..] => (&b"-"[..], body),
        body => (&b""[..], body),
    };
    let cost = table::NUMBER;
    let mut text = sign.to_vec();
    match body {
        b"" if sign == b"-" => text.push(b'0'),
        b"." => text.extend_from_slice(b"0.0"),
        [b'.', ..] => text.extend([b"0", body].concat()),
        [.., b'.' | b'e' | b'E' | b'+' | b'-'] => text.extend([body, b"0"].concat()),
        _ if body.contains(&b'_') => {
            let grouped = body.split(|byte| *byte == b'_').all(|part| !part.is_empty());
            text.extend(body.iter().filter(|byte| grouped && **byte != b'_'));
        }
        _ => text.extend_from_slice(body),
    }
    is_number(&text).then_some((text, cost))
}

/// A number with commas between thousands: its length in a text, and the number.
pub fn with_thousands(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let digits = |at: usize| text[at.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = digits(sign);
    if !(1..=3).contains(&first) || (first > 1 && text[sign] == b'0') {
        return None;
    }
    let mut number = text[..sign + first].to_vec();
    let mut at = sign + first;
    while text.get(at) == Some(&b',') && digits(at + 1) == 3 {
        number.extend_from_slice(&text[at + 1..at + 4]);
        at += 4;
    }
    if at == sign + first {
        return None;
    }
    if text.get(at) == Some(&b'.') && digits(at + 1) > 0 {
        let fraction = digits(at + 1) + 1;
        number.extend_from_slice(&text[at..at + fraction]);
        at += fraction;
    }
    let ends = text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    (ends && is_number(&number)).then_some((at, number))
}

/// `1/5` as the number that it is, where that has few digits.
pub fn fraction(token: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(token).ok()?;
    let (above, below) = text.split_once('/')?;
    let (above, below): (i64, i64) = (above.trim().parse().ok()?, below.trim().parse().ok()?);
    let written = (below != 0).then(|| above as f64 / below as f64)?.to_string();
    let written = if written.contains('.') { written } else { format!("{written}.0") };
    is_number(written.as_bytes()).then(|| written.into_bytes())
}

/// The text as a JSON string.
pub fn quoted(text: &[u8]) -> Vec<u8> {
    let mut written = vec![b'"'];
    escaped(text, &mut written);
    written.push(b'"');
    written
}

/// Up to where written text stands between two parts: strings are closed.
pub fn settled(text: &[u8]) -> usize {
    let (mut at, mut settled) = (0, 0);
    while at < text.len() {
        if text[at] == b'"' {
            let end = string_end(text, at);
            if end == text.len() && (end < at + 2 || text[end - 1] != b'"') {
                return settled;
            }
            at = end;
        } else {
            at += 1;
        }
        settled = at;
    }
    settled
}

/// What text that a recogniser proposes costs: closing is cheap, null and empty containers claim little, and scalars
/// that could be others are not invented at all.
pub fn price<R: Recognizer>(recognizer: &mut R, mut state: R::State, text: &[u8]) -> Option<u32> {
    let (mut at, mut cost) = (0, 0);
    while at < text.len() {
        let end = match text[at] {
            b'"' => string_end(text, at),
            byte if matches!(byte, b',' | b':' | b'[' | b']' | b'{' | b'}') || is_blank(byte) => at + 1,
            _ => at + text[at..].iter().take_while(|byte| !matches!(byte, b',' | b':' | b']' | b'}')).count(),
        };
        let token = &text[at..end];
        let key = token[0] == b'"' && text.get(end) == Some(&b':');
        cost += match token {
            _ if key => 4,
            b"}" | b"]" => 2,
            b"null" => table::NULL,
            b":" if text.len() == 1 => table::COLON - 1,
            b"{" | b"[" if at == 0 => 2 + table::BARE,
            [_] if !token[0].is_ascii_digit() => 2,
            _ if is_forced(recognizer, state, token) => 2,
            _ => return None,
        };
        state = token.iter().try_fold(state, |state, byte| recognizer.step(state, *byte))?;
        at = end;
    }
    Some(cost)
}

/// No other value could stand here.
fn is_forced<R: Recognizer>(recognizer: &mut R, state: R::State, token: &[u8]) -> bool {
    let mut at = state;
    for (index, byte) in token.iter().enumerate() {
        match recognizer.forced(at) {
            Some((forced, next)) if forced == *byte => at = next,
            // A number ends where something else follows it.
            None if index > 0 && token[0] != b'"' => return false,
            _ => return false,
        }
    }
    true
}
