//! The formats of JSON Schema as formulas over strings, read from `grammars/formats.toml`.
//!
//! A format is a pattern, for some with a bound on the length; times add the leap seconds, whose offsets a pattern can
//! hardly list; what is not regular, or nearly so, is a language by hand. What has no exact form would be refused, with
//! the reason; what the data does not name is nobody's format here.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::{DomainKind, Expr, LengthBounds, MachineKind, StringAtom, ecma};

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
    /// Part of a format, for those of which some texts have states without number.
    plain: FxHashMap<String, Expr<StringAtom>>,
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
    machine: Option<String>,
    refused: Option<String>,
    plain: Option<Box<Entry>>,
}

impl Default for Formats {
    fn default() -> Self {
        let Data { fragments, format } = toml::from_str(DATA).expect("the file of formats is part of the program");
        let (mut by_name, mut plain) = (FxHashMap::default(), FxHashMap::default());
        for (name, mut entry) in format {
            if let Some(part) = entry.plain.take().and_then(|entry| entry.language(&fragments).ok()) {
                plain.insert(name.clone(), part);
            }
            by_name.insert(name, entry.language(&fragments));
        }
        Self { by_name, plain }
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

    /// A formula of formats and lengths alone with the formats in plain form; `None` if none has one, or there is more.
    pub fn plain(&self, formula: &Expr<StringAtom>) -> Option<Expr<StringAtom>> {
        match formula {
            Expr::Atom(StringAtom::Format(name)) => self.plain.get(&**name).cloned(),
            Expr::And(parts) => {
                let is_length = |part: &Expr<StringAtom>| matches!(part, Expr::Atom(StringAtom::Length(_)));
                let (lengths, others): (Vec<_>, Vec<_>) = parts.iter().cloned().partition(is_length);
                let [format] = &others[..] else { return None };
                self.plain(format).map(|format| Expr::And(lengths.into_iter().chain([format]).collect()))
            }
            _ => None,
        }
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
        let by_hand = self.machine.map(|name| Expr::Atom(StringAtom::Machine(machine(&name))));
        let pattern = self.pattern.map(|pattern| matching(spelled(&pattern, fragments)));
        let mut formula = match (pattern, by_hand) {
            (Some(pattern), Some(by_hand)) => Expr::Or(vec![pattern, by_hand]),
            (pattern, by_hand) => pattern.or(by_hand).expect("a format that is not refused has a pattern or a machine"),
        };
        if let Some(before) = self.leap_after {
            let before = spelled(&before, fragments);
            let width = ecma::parse(&before).ok().and_then(|ast| ast.width());
            let skip = width.and_then(|width| u8::try_from(width).ok()).expect("a date has one width");
            let leap = Expr::Atom(StringAtom::Machine(MachineKind::LeapSecond { skip }));
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

/// The language by hand of this name.
fn machine(name: &str) -> MachineKind {
    match name {
        "pattern" => MachineKind::Pattern { named: true },
        "pattern without names" => MachineKind::Pattern { named: false },
        "hostname" => MachineKind::Domain(DomainKind::Host),
        "idn-hostname" => MachineKind::Domain(DomainKind::International),
        "idn-email" => MachineKind::Domain(DomainKind::Mailbox),
        _ => unreachable!("the file names no other machine than {name}"),
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
