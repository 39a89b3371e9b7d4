//! Special tokens: `<name>`, `<[17]>`, `<[1-5,7]>`, `<[^1-5]>`, `<[*]>`.

use super::{Parsed, Place, invalid, too_large};
use crate::grammar::TokenClass;

/// More ids than this are too many to be listed.
const MAX_IDS: u64 = 65_536;

/// What stands between `<` and `>`.
pub fn class(place: Place, name: &str) -> Parsed<TokenClass> {
    let Some(ids) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return Ok(TokenClass::Named(format!("<{name}>").into()));
    };
    let (negated, ids) = match ids.strip_prefix('^') {
        Some(ids) => (true, ids),
        None => (false, ids),
    };
    let parts: Vec<&str> = ids.split(',').filter(|part| !part.is_empty()).collect();
    if parts.contains(&"*") {
        return match (negated, parts.len()) {
            (false, 1) => Ok(other(Vec::new())),
            (true, _) => Err(invalid(place, "there is no token that \"*\" leaves over")),
            (false, _) => Err(invalid(place, "\"*\" stands alone: it is every token")),
        };
    }
    let mut ranges = Vec::new();
    for part in parts {
        let range = part.split_once('-').map_or((part, part), |(low, high)| (low, high));
        match (range.0.parse::<u32>(), range.1.parse::<u32>()) {
            (Ok(low), Ok(high)) if low <= high => ranges.push((low, high)),
            _ => return Err(invalid(place, format!("\"{part}\" is no range of tokens: it is written as low-high"))),
        }
    }
    if ranges.is_empty() {
        return Err(invalid(place, "a list of tokens names at least one"));
    }
    if ranges.iter().map(|(low, high)| u64::from(high - low) + 1).sum::<u64>() > MAX_IDS {
        return Err(too_large(place, format!("more than {MAX_IDS} tokens are listed")));
    }
    Ok(if negated { other(ranges) } else { TokenClass::Ids(ranges) })
}

/// Any one token but these.
fn other(ids: Vec<(u32, u32)>) -> TokenClass {
    TokenClass::Other { names: Vec::new(), ids, whole: true }
}
