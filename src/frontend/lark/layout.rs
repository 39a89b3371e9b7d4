//! `x-guidance`: what llguidance lets a schema in `%json` say of the text around the values.
//!
//! | option | |
//! |---|---|
//! | `item_separator`, `key_separator` | expressions for what stands instead of `,` and `:` |
//! | `whitespace_flexible`, `whitespace_pattern` | whether whitespace may stand between the parts, and which |
//! | `coerce_one_of`, `lenient` | leave to read `oneOf` as `anyOf`, and to pass over what is not known: no use is made of either |
//! | `json_allow_general_unicode_escapes` | `\u....` for any character: that is always so |
//!
//! Refused by name: `json_allowed_escapes`, unless it has all that JSON has.

use serde::Deserialize;

use super::{Parsed, Place, hinted, invalid, unsupported};
use crate::{
    frontend::regex::{self, Dialect},
    grammar::{CharSet, Json, Layout, Regex},
};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    item_separator: String,
    key_separator: String,
    whitespace_flexible: bool,
    whitespace_pattern: Option<String>,
    #[serde(rename = "coerce_one_of")]
    _coerce_one_of: bool,
    #[serde(rename = "lenient")]
    _lenient: bool,
    json_allowed_escapes: Option<String>,
    #[serde(rename = "json_allow_general_unicode_escapes")]
    _general_escapes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            item_separator: ",".into(),
            key_separator: ":".into(),
            whitespace_flexible: true,
            whitespace_pattern: None,
            _coerce_one_of: false,
            _lenient: false,
            json_allowed_escapes: None,
            _general_escapes: false,
        }
    }
}

/// The schema and what it says of its text's layout.
pub fn json(place: Place, schema: &str) -> Parsed<Json> {
    let plain = || Ok(Json::from(schema));
    // What is no JSON is refused where schemas are read.
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(schema) else { return plain() };
    let Some(options) = value.get_mut("x-guidance") else { return plain() };
    let options: Options =
        serde_json::from_value(options.take()).map_err(|error| invalid(place, format!("x-guidance: {error}")))?;
    if let Some(escapes) = &options.json_allowed_escapes
        && !"nrbtf\\\"u".chars().all(|letter| escapes.contains(letter))
    {
        let refusal = unsupported(place, "json_allowed_escapes cannot be enforced: all escapes of JSON are taken");
        return Err(hinted(refusal, "leave it out"));
    }
    let blank = match &options.whitespace_pattern {
        Some(pattern) => Some(expression(place, "whitespace_pattern", pattern)?),
        None if options.whitespace_flexible => Some(whitespace()),
        None => None,
    };
    let is_usual = |sign: &str, usual: &str| sign == usual || sign == format!("\\{usual}");
    let usual = is_usual(&options.item_separator, ",") && is_usual(&options.key_separator, ":");
    if usual && options.whitespace_pattern.is_none() && options.whitespace_flexible {
        return plain();
    }
    let item = expression(place, "item_separator", &options.item_separator)?;
    let key = expression(place, "key_separator", &options.key_separator)?;
    Ok(Json { schema: schema.into(), layout: Some(Box::new(Layout { item, key, blank })) })
}

fn whitespace() -> Regex {
    Regex::Class(CharSet::new([(0x20, 0x20), (0x09, 0x0A), (0x0D, 0x0D)])).repeat(1, None)
}

fn expression(place: Place, name: &str, pattern: &str) -> Parsed<Regex> {
    regex::read(pattern, Dialect::Rust)
        .map_err(|why| super::refusal(why.kind, place, format!("{name}: {}", why.message)))
}
