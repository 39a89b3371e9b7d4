//! ECMA 262: read by the parser that JSON Schema's patterns are read with, and written for their automata.

use super::{Diagnostic, DiagnosticKind, refused};
use crate::{
    automaton::lexical::ecma::{self, Ast},
    grammar::{CharSet, Look, Regex},
};

pub fn read(pattern: &str) -> Result<Regex, Diagnostic> {
    let malformed = |error: ecma::PatternError| refused(DiagnosticKind::Invalid, error.message, pattern, error.offset);
    ecma::parse(pattern).map(convert).map_err(malformed)
}

fn convert(ast: Ast) -> Regex {
    let all = |parts: Vec<Ast>| parts.into_iter().map(convert).collect();
    match ast {
        Ast::Empty => Regex::Empty,
        Ast::Class(set) => Regex::Class(set),
        Ast::Start => Regex::Look(Look::Start),
        Ast::End => Regex::Look(Look::End),
        Ast::Boundary { negated } => Regex::Look(Look::Boundary { word: word(), negated }),
        Ast::Concat(parts) => Regex::Concat(all(parts)),
        Ast::Alternation(parts) => Regex::Alternation(all(parts)),
        Ast::Repeat { body, min, max } => convert(*body).repeat(min, max),
        Ast::Ahead { body, negated } => Regex::Look(Look::Ahead { body: Box::new(convert(*body)), negated }),
        Ast::Behind { body, negated } => Regex::Look(Look::Behind { body: Box::new(convert(*body)), negated }),
    }
}

/// `\w`
fn word() -> CharSet {
    CharSet::new([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
}

/// An expression as an ECMA pattern that matches the same whole texts.
///
/// # Errors
/// An operator that patterns do not have.
pub fn print(regex: &Regex) -> Result<String, Diagnostic> {
    let mut text = String::from("^(?:");
    write(regex, &mut text)?;
    text.push_str(")$");
    Ok(text)
}

fn write(regex: &Regex, text: &mut String) -> Result<(), Diagnostic> {
    match regex {
        Regex::Empty => text.push_str("(?:)"),
        Regex::Class(set) => write_class(set, text),
        Regex::Concat(parts) => {
            for part in parts {
                write(part, text)?;
            }
            if parts.is_empty() {
                text.push_str("(?:)");
            }
        }
        Regex::Alternation(parts) if parts.is_empty() => text.push_str("[]"),
        Regex::Alternation(parts) => {
            for (part, opening) in parts.iter().zip(std::iter::once("(?:").chain(std::iter::repeat("|"))) {
                text.push_str(opening);
                write(part, text)?;
            }
            text.push(')');
        }
        Regex::Repeat { body, min, max } => {
            text.push_str("(?:");
            write(body, text)?;
            text.push_str(&match max {
                Some(max) => format!("){{{min},{max}}}"),
                None => format!("){{{min},}}"),
            });
        }
        Regex::Look(look) => write_look(look, text)?,
        Regex::Bytes(..) => return Err(mixed("single bytes")),
        Regex::And(_) | Regex::Not(_) => return Err(mixed("\"&\" and \"~\"")),
        Regex::Shortest(_) => return Err(mixed("a shortest match")),
    }
    Ok(())
}

fn write_look(look: &Look, text: &mut String) -> Result<(), Diagnostic> {
    let around = |opening: &str, body: &Regex, text: &mut String| {
        text.push_str(opening);
        write(body, text)?;
        text.push(')');
        Ok(())
    };
    let not_line_feed = || Regex::Class(CharSet::single(0x0A).complement());
    match look {
        Look::Start => text.push('^'),
        Look::End => text.push('$'),
        Look::LineStart => return around("(?<!", &not_line_feed(), text),
        Look::LineEnd => return around("(?!", &not_line_feed(), text),
        Look::Boundary { word: class, negated } if *class == word() => {
            text.push_str(if *negated { "\\B" } else { "\\b" });
        }
        Look::Boundary { word, negated } => {
            let word = Regex::Class(word.clone());
            let (first, second) =
                if *negated { (["(?<=", "(?="], ["(?<!", "(?!"]) } else { (["(?<=", "(?!"], ["(?<!", "(?="]) };
            text.push_str("(?:");
            around(first[0], &word, text)?;
            around(first[1], &word, text)?;
            text.push('|');
            around(second[0], &word, text)?;
            around(second[1], &word, text)?;
            text.push(')');
        }
        Look::Ahead { body, negated } => return around(if *negated { "(?!" } else { "(?=" }, body, text),
        Look::Behind { body, negated } => return around(if *negated { "(?<!" } else { "(?<=" }, body, text),
    }
    Ok(())
}

fn write_class(set: &CharSet, text: &mut String) {
    text.push('[');
    for (low, high) in set.ranges() {
        text.push_str(&format!("\\u{{{low:X}}}"));
        if low != high {
            text.push_str(&format!("-\\u{{{high:X}}}"));
        }
    }
    text.push(']');
}

fn mixed(what: &str) -> Diagnostic {
    let message = format!("word boundaries and lookarounds cannot be enforced together with {what} in one expression");
    Diagnostic::new(DiagnosticKind::Unsupported, message)
        .hinted("write the condition as an intersection or a complement")
}
