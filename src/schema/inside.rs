//! `x-espalier`: what a string's text must be of, in a notation of its own.
//!
//! Only the form is read here; what the texts mean is for those who know the notations.

use super::{Document, SchemaError, SchemaErrorKind, SchemaId, Value, ValueId};

/// The keyword.
pub const WORD: &str = "x-espalier";

/// A language of texts, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    pub inner: Inner,
    /// The first rule of a grammar, if it is named.
    pub start: Option<Box<str>>,
    /// The subschema, and where in the document the language stands, as a JSON pointer.
    pub schema: SchemaId,
    pub pointer: String,
}

/// In which notation, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inner {
    Lark(Box<str>),
    Gbnf(Box<str>),
    Ebnf(Box<str>),
    Where(Box<str>),
    /// With the name of its syntax, if that is given.
    Regex(Box<str>, Option<Box<str>>),
    Choice(Box<[Box<str>]>),
}

const NOTATIONS: &[&str] = &["lark", "gbnf", "ebnf", "regex", "choice", "where"];
const NOT_BUILT: &[&str] = &["sql", "types", "structural_tag"];

/// Reads the keyword's value, which stands at `pointer`.
///
/// # Errors
/// It is malformed, or has a member that means nothing: by name.
pub fn read(document: &Document, value: ValueId, schema: SchemaId, pointer: &str) -> Result<Inside, SchemaError> {
    let error = |kind, at: &str, message: String| {
        let at = if at.is_empty() { pointer.to_owned() } else { format!("{pointer}/{}", super::escape_pointer(at)) };
        SchemaError::new(kind, message).at(at)
    };
    let invalid = |at: &str, message: String| error(SchemaErrorKind::Invalid, at, message);
    let Value::Object(members) = document.value(value) else {
        return Err(invalid("", format!("{WORD} must be an object")).hint("such as {\"lark\": \"start: ...\"}"));
    };
    let text = |name: &str| match document.get(value, name).map(|id| document.value(id)) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(name, format!("{name} must be a string"))),
    };
    let mut found: Option<&str> = None;
    for (name, _) in members.iter() {
        match &**name {
            "start" | "regex_syntax" => {}
            known if NOTATIONS.contains(&known) => {
                if let Some(other) = found.replace(known) {
                    let why = invalid(known, format!("{other} and {known} are two demands, and {WORD} takes one"));
                    return Err(why.hint("put each into a schema of its own, under allOf"));
                }
            }
            known if NOT_BUILT.contains(&known) => {
                let message = format!("{known} within a string is not built yet");
                return Err(error(SchemaErrorKind::Unsupported, known, message));
            }
            other => {
                let why = error(SchemaErrorKind::Unsupported, other, format!("{WORD} knows no member \"{other}\""));
                return Err(why.hint(format!("one of {}", NOTATIONS.join(", "))));
            }
        }
    }
    let Some(notation) = found else {
        return Err(invalid("", format!("{WORD} names no language")).hint(format!("one of {}", NOTATIONS.join(", "))));
    };
    let (start, syntax) = (text("start")?, text("regex_syntax")?);
    if start.is_some() && !["lark", "gbnf", "ebnf"].contains(&notation) {
        return Err(invalid("start", format!("{notation} has no rules, so it has no first one")));
    }
    if syntax.is_some() && notation != "regex" {
        return Err(invalid("regex_syntax", "regex_syntax stands beside regex".to_owned()));
    }
    let inner = match notation {
        "choice" => Inner::Choice(choice(document, value, &invalid)?),
        other => {
            let text = text(other)?.unwrap_or_default();
            match other {
                "lark" => Inner::Lark(text),
                "gbnf" => Inner::Gbnf(text),
                "ebnf" => Inner::Ebnf(text),
                "where" => Inner::Where(text),
                _ => Inner::Regex(text, syntax),
            }
        }
    };
    Ok(Inside { inner, start, schema, pointer: format!("{pointer}/{notation}") })
}

fn choice(
    document: &Document,
    value: ValueId,
    invalid: &impl Fn(&str, String) -> SchemaError,
) -> Result<Box<[Box<str>]>, SchemaError> {
    let fault = || invalid("choice", "choice must be an array of strings".to_owned());
    let texts = match document.get(value, "choice").map(|id| document.value(id)) {
        Some(Value::Array(items)) => items,
        _ => return Err(fault()),
    };
    let text = |item: &ValueId| match document.value(*item) {
        Value::String(text) => Ok(text.clone()),
        _ => Err(fault()),
    };
    texts.iter().map(text).collect()
}
