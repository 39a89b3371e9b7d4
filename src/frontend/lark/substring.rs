//! `%regex`: neighbouring pieces of a text.

use std::rc::Rc;

use serde_json::Value;

use super::{Parsed, Place, hinted, invalid};

/// The pieces that `%regex` names.
pub fn chunks(place: Place, json: &str) -> Parsed<Rc<[Box<str>]>> {
    let malformed = |message: String| invalid(place, format!("%regex {message}"));
    let fields: serde_json::Map<String, Value> =
        serde_json::from_str(json).map_err(|error| malformed(format!("takes a JSON object: {error}")))?;
    let mut fields = fields.into_iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(malformed("has exactly one member".into()));
    };
    let text = || value.as_str().ok_or_else(|| malformed(format!("wants a string as \"{name}\"")));
    match &*name {
        "substring_chars" => Ok(text()?.chars().map(|c| c.to_string().into()).collect()),
        "substring_words" => Ok(words(text()?).into_iter().map(Into::into).collect()),
        "substring_chunks" => {
            let chunks = value.as_array().into_iter().flatten().map(|chunk| chunk.as_str().map(Into::into));
            let chunks = chunks.collect::<Option<Rc<[Box<str>]>>>().filter(|_| value.is_array());
            chunks.ok_or_else(|| malformed(format!("wants an array of strings as \"{name}\"")))
        }
        _ => {
            let hint = "members are substring_words, substring_chars and substring_chunks";
            Err(hinted(malformed(format!("has no member \"{name}\"")), hint))
        }
    }
}

/// Words, blanks between them, and runs of other characters.
fn words(text: &str) -> Vec<&str> {
    let kind = |c: char| (c.is_whitespace(), c.is_alphanumeric() || c == '_');
    let mut words = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        if last.replace(kind(c)).is_some_and(|last| last != kind(c)) {
            words.push(&text[start..at]);
            start = at;
        }
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}
