//! What is wrong with a text, in words: the place as a JSON pointer, what stands there, what was expected.

use crate::{matcher::Matcher, vocab::TokenId};

const SHOWN: usize = 40;
const EXPECTED: usize = 12;

/// Says why `rest` may not come after `taken`, or that the text may not end there.
pub(super) fn violation(matcher: &mut Matcher, taken: &[u8], rest: &[u8]) -> String {
    let place = pointer(taken);
    let tail = String::from_utf8_lossy(&taken[taken.len().saturating_sub(SHOWN)..]).into_owned();
    let found = match rest.is_empty() {
        true if taken.is_empty() => "the answer is empty".to_owned(),
        true => format!("the answer ends too early, after {tail:?}"),
        false => {
            let next: String = String::from_utf8_lossy(rest).chars().take(SHOWN / 2).collect();
            match taken.is_empty() {
                true => format!("the answer may not begin with {next:?}"),
                false => format!("{next:?} may not come after {tail:?}"),
            }
        }
    };
    let mask = matcher.mask();
    let bytes: Vec<TokenId> = mask.iter().collect();
    // Within a text nearly everything may come: then there is nothing to say.
    let expected = match bytes.len() {
        0 => String::new(),
        many if many > 2 * EXPECTED => String::new(),
        _ => {
            let mut shown: Vec<String> = Vec::new();
            for name in bytes.into_iter().map(name) {
                if !shown.contains(&name) {
                    shown.push(name);
                }
            }
            shown.truncate(EXPECTED);
            format!("; expected {}", shown.join(" or "))
        }
    };
    format!("at {place:?}: {found}{expected}")
}

/// A token of the byte vocabulary.
fn name(token: TokenId) -> String {
    match u8::try_from(token) {
        Err(_) => "the end".to_owned(),
        Ok(byte) if byte.is_ascii_graphic() => char::from(byte).to_string(),
        Ok(b' ' | b'\t' | b'\n' | b'\r') => "whitespace".to_owned(),
        Ok(byte) => format!("byte {byte:#04x}"),
    }
}

/// The JSON pointer of the place where a text stands.
pub(super) fn pointer(text: &[u8]) -> String {
    enum Level {
        Object(String),
        Array(usize),
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut key = None;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'{' => levels.push(Level::Object(String::new())),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => drop(levels.pop()),
            b',' => {
                if let Some(Level::Array(index)) = levels.last_mut() {
                    *index += 1;
                }
            }
            b':' => {
                if let Some(Level::Object(name)) = levels.last_mut() {
                    *name = key.take().unwrap_or_default();
                }
            }
            b'"' => {
                let begin = at;
                at += 1;
                while at < text.len() && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                let quoted = &text[begin..(at + 1).min(text.len())];
                key = serde_json::from_slice::<String>(quoted).ok();
            }
            _ => {}
        }
        at += 1;
    }
    let step = |level: Level| match level {
        Level::Object(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Level::Array(index) => format!("/{index}"),
    };
    levels.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_of_places() {
        for (text, expected) in [
            ("", ""),
            ("{\"a\":", "/a"),
            ("{\"a\":[1,{\"b\\\"/\":\"x", "/a/1/b\"~1"),
            ("{\"a\":[1,2],\"b\":{\"c\":\"}{\"", "/b/c"),
            ("[[],[", "/1/0"),
        ] {
            assert_eq!(pointer(text.as_bytes()), expected, "{text}");
        }
    }
}
