//! Several grammars in one text: llguidance's `{"grammars": [{"lark_grammar": "..."}, {"name": "..", "json_schema": {..}}]}`.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Diagnostic, DiagnosticKind, Parsed, layout, parse, rules, syntax::Document};
use crate::grammar::{Builder, Expr, Grammar};

/// A grammar that others may refer to.
#[derive(Clone, Debug)]
pub enum Listed {
    Lark(Rc<Document>),
    /// The text of a schema.
    Json(Box<str>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List<'a> {
    #[serde(borrow)]
    grammars: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    name: Option<Box<str>>,
    lark_grammar: Option<String>,
    /// As it is written: the order of keys counts.
    #[serde(borrow)]
    json_schema: Option<&'a RawValue>,
}

/// Reads the list; its first grammar is what an answer has.
pub fn read(source: &str, start: &str) -> Parsed<Grammar> {
    let list: List = serde_json::from_str(source).map_err(|error| {
        let message = format!("a list of grammars is malformed: {error}");
        let position = Some((error.line() as u32, error.column() as u32));
        Diagnostic { position, ..Diagnostic::new(DiagnosticKind::Invalid, message) }
    })?;
    let mut listed = FxHashMap::default();
    let mut first = None;
    for (at, entry) in list.grammars.into_iter().enumerate() {
        let pointer = format!("/grammars/{at}");
        let invalid = |message: &str| {
            let refusal = Diagnostic::new(DiagnosticKind::Invalid, message);
            Diagnostic { pointer: Some(pointer.clone()), ..refusal }
        };
        let grammar = match (entry.lark_grammar, entry.json_schema) {
            (Some(lark), None) => {
                let document = parse::parse(&lark).map_err(|why| {
                    let message = format!("in {pointer}/lark_grammar: {}", why.message);
                    Diagnostic { message, ..why }
                })?;
                Listed::Lark(Rc::new(document))
            }
            (None, Some(schema)) => Listed::Json(schema.get().into()),
            _ => return Err(invalid("a grammar of the list has either lark_grammar or json_schema")),
        };
        if let Some(name) = entry.name {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
                return Err(invalid("a grammar's name has letters, digits, \"_\" and \"-\""));
            }
            if listed.insert(name, grammar.clone()).is_some() {
                return Err(invalid("two grammars of the list have one name"));
            }
        }
        first.get_or_insert(grammar);
    }
    match first {
        Some(Listed::Lark(document)) => rules::grammar(&document, start, listed),
        Some(Listed::Json(schema)) => {
            let mut builder = Builder::default();
            let rule = builder.unnamed(super::START);
            builder.define(rule, Expr::Json(layout::json((1, 1), &schema)?));
            Ok(builder.finish(rule))
        }
        None => Err(Diagnostic::new(DiagnosticKind::Invalid, "a list of grammars has at least one")),
    }
}
