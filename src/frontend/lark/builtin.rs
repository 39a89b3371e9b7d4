//! The grammars that come with the engine, by name: `@csv` is `grammars/lark/csv.lark`, in the place of a whole grammar
//! and, within one, in the place of a rule.

use super::{Diagnostic, DiagnosticKind, Parsed};

macro_rules! grammars {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../../grammars/lark/", $name, ".lark")))),*]
    };
}

const GRAMMARS: &[(&str, &str)] =
    grammars!["arithmetic", "csv", "ini", "iso-date", "json", "lua", "pgn", "python-literal", "toml", "uri"];

/// The text of the grammar of this name.
pub fn find(name: &str) -> Option<&'static str> {
    GRAMMARS.iter().find(|(other, _)| *other == name).map(|(_, text)| *text)
}

/// Which there are, in words.
pub fn names() -> String {
    let names: Vec<String> = GRAMMARS.iter().map(|(name, _)| format!("@{name}")).collect();
    names.join(", ")
}

/// The grammar that a text stands for, if it is a name and nothing else.
///
/// # Errors
/// There is no grammar of this name.
pub fn named(source: &str) -> Parsed<Option<&'static str>> {
    let Some(name) = source.trim().strip_prefix('@') else { return Ok(None) };
    if name.contains(char::is_whitespace) {
        return Ok(None);
    }
    find(name).map(Some).ok_or_else(|| {
        let message = format!("there is no built-in grammar \"@{name}\"");
        Diagnostic::new(DiagnosticKind::Invalid, message).hinted(format!("built in are {}", names()))
    })
}
