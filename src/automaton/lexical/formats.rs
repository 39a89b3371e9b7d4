//! The formats of JSON Schema as formulas over strings, read from `grammars/formats.toml`.
//!
//! A format is a pattern, for some with a bound on the length; times add the leap seconds, whose offsets a pattern can
//! hardly list. What has no exact form is refused, with the reason; what the data does not name is nobody's format here.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::{Expr, LengthBounds, StringAtom, ecma};

const DATA: &str = include_str!("../../../grammars/formats.toml");

/// What is known of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// It is enforced.
    Exact,
    /// It has no exact form, for this reason.
    Refused(&'a str),
}

/// All formats, by name.
///
/// ```
/// use espalier::automaton::lexical::{Expr, Formats, Known, StringAtom, StringCache};
/// let cache = StringCache::default();
/// assert_eq!(cache.formats().get("date"), Some(Known::Exact));
/// assert_eq!(cache.formats().get("colour"), None);
/// let date = cache.language(&Expr::Atom(StringAtom::Format("date".into())), &[]).unwrap();
/// let mut dfa = date.lock();
/// let start = dfa.start().unwrap();
/// assert!(b"2023-02-2".iter().try_fold(start, |state, byte| dfa.step(state, *byte)).is_some());
/// assert!(b"2023-02-29".iter().try_fold(start, |state, byte| dfa.step(state, *byte)).is_none());
/// ```
#[derive(Debug)]
pub struct Formats {
    by_name: FxHashMap<String, Result<Expr<StringAtom>, String>>,
}

#[derive(Deserialize)]
struct Data {
    fragments: FxHashMap<String, String>,
    format: FxHashMap<String, Entry>,
}

/// What of an entry makes the language; the file explains all fields.
#[derive(Deserialize)]
struct Entry {
    pattern: Option<String>,
    max_length: Option<u32>,
    leap_after: Option<String>,
    refused: Option<String>,
}

impl Default for Formats {
    fn default() -> Self {
        let Data { fragments, format } = toml::from_str(DATA).expect("the file of formats is part of the program");
        let made = format.into_iter().map(|(name, entry)| (name, entry.language(&fragments)));
        Self { by_name: made.collect() }
    }
}

impl Formats {
    /// `None`: no specification knows the format, so it demands nothing.
    pub fn get(&self, name: &str) -> Option<Known<'_>> {
        Some(match self.by_name.get(name)? {
            Ok(_) => Known::Exact,
            Err(reason) => Known::Refused(reason),
        })
    }

    /// The strings of a format that is enforced.
    pub fn language(&self, name: &str) -> Option<Expr<StringAtom>> {
        self.by_name.get(name)?.as_ref().ok().cloned()
    }
}

impl Entry {
    fn language(self, fragments: &FxHashMap<String, String>) -> Result<Expr<StringAtom>, String> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let pattern = self.pattern.expect("a format that is not refused has a pattern");
        let mut formula = matching(spelled(&pattern, fragments));
        if let Some(before) = self.leap_after {
            let before = spelled(&before, fragments);
            let width = ecma::parse(&before).ok().and_then(|ast| ast.width());
            let skip = width.and_then(|width| u8::try_from(width).ok()).expect("a date has one width");
            let leap = Expr::Atom(StringAtom::LeapSecond { skip });
            let leap = if skip == 0 { leap } else { Expr::And(vec![matching(format!("^{before}")), leap]) };
            formula = Expr::Or(vec![formula, leap]);
        }
        if self.max_length.is_some() {
            let length = Expr::Atom(StringAtom::Length(LengthBounds { min: 0, max: self.max_length }));
            formula = Expr::And(vec![formula, length]);
        }
        Ok(formula)
    }
}

fn matching(pattern: String) -> Expr<StringAtom> {
    Expr::Atom(StringAtom::Pattern(Arc::from(pattern)))
}

/// The pattern with every `{{name}}` replaced by its fragment.
fn spelled(pattern: &str, fragments: &FxHashMap<String, String>) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").expect("the name of a fragment is closed");
        let fragment = fragments.get(name).expect("the fragment is in the file");
        text.push_str(before);
        text.push_str(&spelled(fragment, fragments));
        rest = behind;
    }
    text + rest
}

#[cfg(test)]
mod tests;
