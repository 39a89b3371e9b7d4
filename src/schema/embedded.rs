//! `x-espalier`: what a string holds, in a language of its own. It demands something of strings alone, as `pattern` does,
//! and goes together with every other keyword.

use std::fmt::Write;

use super::{Document, Value, ValueId};

/// What is taken out of one `x-espalier`.
pub enum Embedded<'a> {
    /// A regular expression in ECMA 262 that the whole string matches.
    Regex(&'a str),
    /// The strings to choose from.
    Choice(Vec<&'a str>),
}

/// Members that have a meaning in constraints elsewhere and none within a string yet.
const NOT_BUILT: &[&str] = &["lark", "gbnf", "ebnf", "where", "sql", "types", "structural_tag"];

/// Why a member is refused.
pub enum Refused {
    Invalid(String),
    Unsupported(String),
}

/// Reads the members of an `x-espalier` object.
///
/// # Errors
/// What is unknown or not built is refused by name.
pub fn read<'a>(document: &'a Document, members: &'a [(Box<str>, ValueId)]) -> Result<Embedded<'a>, Refused> {
    if let Some((name, _)) = members.iter().find(|(name, _)| NOT_BUILT.contains(&&**name)) {
        return Err(Refused::Unsupported(format!(
            "x-espalier: {name} is not enforced within strings yet; regex and choice are"
        )));
    }
    let known = |name: &str| matches!(name, "regex" | "regex_syntax" | "choice");
    if let Some((name, _)) = members.iter().find(|(name, _)| !known(name)) {
        return Err(Refused::Invalid(format!(
            "x-espalier has no member {name:?}; it has regex, regex_syntax and choice"
        )));
    }
    let get = |name: &str| members.iter().find(|(other, _)| **other == *name).map(|(_, id)| document.value(*id));
    match get("regex_syntax") {
        None => {}
        Some(Value::String(syntax)) if &**syntax == "ecma" && get("regex").is_some() => {}
        Some(Value::String(syntax)) if matches!(&**syntax, "rust" | "python") => {
            return Err(Refused::Unsupported(format!(
                "x-espalier: regular expressions within strings are read as ecma; {syntax} is not built"
            )));
        }
        Some(_) => return Err(Refused::Invalid("x-espalier: regex_syntax is \"ecma\", beside a regex".into())),
    }
    match (get("regex"), get("choice")) {
        (Some(Value::String(regex)), None) => {
            check(regex)?;
            Ok(Embedded::Regex(regex))
        }
        (None, Some(choice)) => match texts(document, choice).filter(|texts| !texts.is_empty()) {
            Some(texts) => Ok(Embedded::Choice(texts)),
            None => Err(Refused::Invalid("x-espalier: choice is a list of at least one string".into())),
        },
        (Some(_), None) => Err(Refused::Invalid("x-espalier: regex is a string".into())),
        _ => Err(Refused::Invalid("x-espalier has either a regex or a choice".into())),
    }
}

fn texts<'a>(document: &'a Document, value: &'a Value) -> Option<Vec<&'a str>> {
    let Value::Array(items) = value else { return None };
    let text = |id: &ValueId| match document.value(*id) {
        Value::String(text) => Some(&**text),
        _ => None,
    };
    items.iter().map(text).collect()
}

/// Parentheses close only what they opened, so that the expression means the same within another one.
fn check(regex: &str) -> Result<(), Refused> {
    let (mut depth, mut in_class, mut escaped) = (0_usize, false, false);
    for c in regex.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => {
                    return Err(Refused::Invalid("x-espalier: the regex closes a group that it has not opened".into()));
                }
            },
            _ => {}
        }
    }
    if depth > 0 || in_class || escaped {
        return Err(Refused::Invalid("x-espalier: the regex leaves a group, a class or an escape open".into()));
    }
    Ok(())
}

impl Embedded<'_> {
    /// As a pattern in the sense of JSON Schema.
    pub fn pattern(&self) -> String {
        let mut pattern = String::from("^(?:");
        match self {
            Self::Regex(regex) => pattern.push_str(regex),
            Self::Choice(texts) => {
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        pattern.push('|');
                    }
                    text.chars().for_each(|c| literally(&mut pattern, c));
                }
            }
        }
        pattern.push_str(")$");
        pattern
    }
}

/// Writes a character so that it stands for itself.
fn literally(pattern: &mut String, c: char) {
    match c {
        '\\' | '^' | '$' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '/' => {
            pattern.push('\\');
            pattern.push(c);
        }
        '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
            // Writing to a text cannot fail.
            let _ = write!(pattern, "\\u{:04x}", u32::from(c));
        }
        _ => pattern.push(c),
    }
}
