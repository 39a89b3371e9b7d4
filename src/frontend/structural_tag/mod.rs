//! Answers that are partly free and partly bound: XGrammar's structural tags, as vLLM and SGLang send them.
//!
//! A tag is a JSON object: `{"type": "structural_tag", "format": {...}}`, where a format is a text, a schema, a grammar,
//! free text, or made of others; or the older `{"structures": [{begin, schema, end}], "triggers": [...]}`.
//!
//! Free text ends where its place says so: at a trigger, and before what ends the tag around it, of which no part is free
//! text. In which order keys come is for the policy to say, so `any_order` says nothing about texts of JSON; with
//! `max_whitespace_cnt` so much whitespace may stand between their parts, and otherwise what the policy says. Schemas mean
//! what JSON Schema says: properties that are not declared are allowed unless `additionalProperties` is false.
//!
//! Text with `max_tokens` ends where so many of the model's tokens have come, wherever it is.
//!
//! Refused by name: `excludes` of JSON.
//!
//! | file | what |
//! |---|---|
//! | `object` | JSON objects with their place |
//! | `format` | formats |
//! | `tags` | tags, and free text between them |
//! | `parameters` | arguments of tools that are not JSON: markers per family as data, values by schema |
//! | `values` | values of such arguments |
//!
//! Source: XGrammar's documentation of structural tags.

mod format;
mod object;
mod parameters;
mod tags;
mod values;

use super::Diagnostic;
use crate::grammar::{Expr, Grammar};
pub(super) use format::Reader;
use object::{Object, Value};

/// Reads a structural tag in either form.
///
/// # Errors
/// It is malformed, or asks for what cannot be held to, with its JSON pointer.
pub fn read(source: &str) -> Result<Grammar, Diagnostic> {
    let tag = Object::parse(source)?;
    let mut reader = Reader::default();
    let body = if tag.get("structures").is_some() { reader.legacy(&tag)? } else { reader.whole(&tag)? };
    Ok(reader.finish(body))
}

/// A tool's arguments in one of the styles, `json` among them.
pub(super) fn arguments(reader: &mut Reader, style: &str, schema: &str) -> Result<Expr, Diagnostic> {
    if style == "json" {
        return Ok(Expr::Json(schema.into()));
    }
    let style = format!("\"{style}\"");
    let at = |text| Value { text, pointer: String::new() };
    parameters::read(reader, &at(&style), &at(schema.trim()), false, Vec::new())
}

#[cfg(test)]
mod tests;
