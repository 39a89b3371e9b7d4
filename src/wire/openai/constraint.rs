//! What a request demands of its answer, under all the names that clients use.

use serde_json::value::RawValue;

use super::written;
use crate::{
    inference::{Constraint, Delivery, Documents, Failure, FailureKind, Formats, KeyOrder, Policy, Whitespace},
    wire::Fields,
};

/// The demand of one request.
#[derive(Debug, Default)]
pub(super) struct Demand {
    pub constraint: Option<Constraint>,
    pub policy: Policy,
    /// The field that the constraint came from.
    pub param: Option<String>,
    pub delivery: StreamMode,
    pub max_attempts: Option<u32>,
    pub allow_completion: bool,
}

/// When a stream hands on what comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StreamMode {
    #[default]
    Strict,
    Buffered,
}

impl StreamMode {
    /// Of an answer that is streamed, or is not.
    pub fn of(self, stream: bool) -> Delivery {
        match (stream, self) {
            (false, _) => Delivery::Whole,
            (true, Self::Strict) => Delivery::Strict,
            (true, Self::Buffered) => Delivery::Buffered,
        }
    }
}

type Reader = fn(&Fields, &str) -> Result<Option<Constraint>, Failure>;
type FormReader = fn(&Fields) -> Result<Option<Constraint>, Failure>;

/// Every top-level field that demands something of the answer.
const FIELDS: &[(&str, Reader)] = &[
    ("response_format", response_format),
    ("structured_outputs", structured_outputs), // vLLM
    ("guided_json", schema_or_text),            // vLLM, older
    ("guided_regex", written::regex),
    ("guided_choice", written::choice),
    ("guided_grammar", written::grammar),
    ("json_schema", schema_or_text),             // llama.cpp: an object; SGLang: a string
    ("grammar", written::gbnf),                  // llama.cpp
    ("regex", written::regex),                   // SGLang
    ("ebnf", written::ebnf),                     // SGLang
    ("structural_tag", written::structural_tag), // SGLang
    ("format", ollama_format),
];

/// Fields with such names that demand nothing of the answer: hints to one engine or another.
const HINTS: &[&str] = &["guided_decoding_backend", "structured_outputs_backend", "grammar_backend"];

/// The forms of `response_format` beside OpenAI's.
const OTHER_FORMS: &[(&str, FormReader)] = &[
    ("regex", written::regex_form),
    ("choice", written::choice_form),
    ("grammar", written::grammar_form),
    ("structural_tag", written::structural_tag_form),
    ("where", written::where_form),
    ("sql", written::sql_form),
    ("types", |format| not_built(format, &["type", "language", "source", "root", "output"])),
];

const KNOBS: &[&str] =
    &["key_order", "whitespace", "formats", "documents", "stream_mode", "max_attempts", "allow_completion"];
/// No request needs more attempts.
const MOST_ATTEMPTS: i64 = 100;

pub(super) fn read(fields: &Fields) -> Result<Demand, Failure> {
    if let Some(name) = fields.names().find(|name| looks_like_a_constraint(name)) {
        let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        let message = format!("unknown constraint field; known are {}", known.join(", "));
        return Err(fields.invalid(name, &message).coded("unknown_constraint"));
    }
    let mut demand = Demand { policy: policy(fields)?, ..Demand::default() };
    for (name, reader) in FIELDS {
        let Some(constraint) = fields.raw(name).map(|_| reader(fields, name)).transpose()?.flatten() else { continue };
        if let Some(first) = &demand.param {
            let message = format!("a second constraint beside {first}; an answer can have one, so send one of them");
            return Err(fields.invalid(name, &message).coded("conflicting_constraints"));
        }
        demand.constraint = Some(constraint);
        demand.param = Some((*name).to_owned());
    }
    let Some(knobs) = fields.object("espalier")? else { return Ok(demand) };
    demand.max_attempts = knobs.integer("max_attempts", 1..=MOST_ATTEMPTS)?.map(|most| most as u32);
    demand.allow_completion = knobs.boolean("allow_completion")?.unwrap_or(false);
    demand.delivery = match knobs.string("stream_mode")?.as_deref() {
        None | Some("strict") => StreamMode::Strict,
        Some("buffered") => StreamMode::Buffered,
        Some(_) => return Err(knobs.invalid("stream_mode", "must be \"strict\" or \"buffered\"")),
    };
    if let Some(documents) = documents(&knobs)? {
        match &mut demand.constraint {
            Some(Constraint::JsonSchema(schema)) => schema.documents = documents,
            _ => return Err(knobs.invalid("documents", "there is no JSON Schema that could refer to them")),
        }
    }
    Ok(demand)
}

/// What a schema may refer to: an object of URIs, each with a schema or a text that holds one.
fn documents(knobs: &Fields) -> Result<Option<Documents>, Failure> {
    let Some(fields) = knobs.object("documents")? else { return Ok(None) };
    let mut texts = Vec::new();
    for uri in fields.names() {
        let Some(Constraint::JsonSchema(document)) = schema_or_text(&fields, uri)? else { continue };
        texts.push((uri, document.text));
    }
    Ok(Some(Documents::new(texts)))
}

fn response_format(fields: &Fields, name: &str) -> Result<Option<Constraint>, Failure> {
    let Some(format) = fields.object(name)? else { return Ok(None) };
    let kind = format.string("type")?.ok_or_else(|| format.missing("type"))?;
    match &*kind {
        "text" => {
            format.only(&["type"])?;
            Ok(None)
        }
        "json_object" => {
            format.only(&["type", "schema"])?; // llama.cpp takes a schema here
            Ok(Some(schema(&format, "schema")?.unwrap_or(Constraint::JsonObject)))
        }
        "json_schema" => {
            format.only(&["type", "json_schema"])?;
            let inner = format.object("json_schema")?.ok_or_else(|| format.missing("json_schema"))?;
            inner.only(&["name", "schema", "strict", "description"])?;
            inner.string("name")?;
            inner.string("description")?;
            inner.boolean("strict")?;
            schema(&inner, "schema")?.ok_or_else(|| inner.missing("schema")).map(Some)
        }
        other => match OTHER_FORMS.iter().find(|(form, _)| *form == other) {
            Some((_, reader)) => reader(&format),
            None => {
                let others = OTHER_FORMS.iter().map(|(form, _)| *form).collect::<Vec<_>>().join(", ");
                let message = format!("unknown type {other:?}; known are text, json_object, json_schema, {others}");
                Err(format.invalid("type", &message).coded("unknown_constraint"))
            }
        },
    }
}

/// vLLM's object: exactly one kind of constraint, and switches.
fn structured_outputs(fields: &Fields, name: &str) -> Result<Option<Constraint>, Failure> {
    let Some(options) = fields.object(name)? else { return Ok(None) };
    const KINDS: &[&str] = &["json", "json_object", "regex", "choice", "grammar", "structural_tag"];
    const SWITCHES: &[&str] = &["disable_fallback", "disable_any_whitespace", "whitespace_pattern"];
    options.only(&[KINDS, SWITCHES, &["disable_additional_properties"]].concat())?;
    if options.boolean("disable_additional_properties")? == Some(true) {
        let path = options.path("disable_additional_properties");
        return Err(unsupported(path, "structured_outputs.disable_additional_properties"));
    }
    if options.raw("whitespace_pattern").is_some() {
        return Err(unsupported(options.path("whitespace_pattern"), "structured_outputs.whitespace_pattern"));
    }
    options.boolean("disable_fallback")?;
    options.boolean("disable_any_whitespace")?; // answered by `policy`
    let json_object = options.boolean("json_object")?.unwrap_or(false);
    let given = |kind: &&&str| options.raw(kind).is_some() && (**kind != "json_object" || json_object);
    let given: Vec<&str> = KINDS.iter().filter(given).copied().collect();
    match given[..] {
        [] => Err(options
            .invalid("json", &format!("a constraint is missing; one of {}", KINDS.join(", ")))
            .coded("missing_required_parameter")),
        ["json"] => schema_or_text(&options, "json"),
        ["json_object"] => Ok(Some(Constraint::JsonObject)),
        ["regex"] => written::regex(&options, "regex"),
        ["choice"] => written::choice(&options, "choice"),
        ["grammar"] => written::grammar(&options, "grammar"),
        [kind] => written::structural_tag(&options, kind),
        [first, second, ..] => {
            let message = format!("a second constraint beside {}; send one of them", options.path(first));
            Err(options.invalid(second, &message).coded("conflicting_constraints"))
        }
    }
}

/// Ollama's `format`: `"json"` or a schema; the empty string is its way to say none.
fn ollama_format(fields: &Fields, name: &str) -> Result<Option<Constraint>, Failure> {
    match fields.raw(name).map(RawValue::get) {
        None | Some("\"\"") => Ok(None),
        Some("\"json\"") => Ok(Some(Constraint::JsonObject)),
        Some(text) if text.starts_with('{') => schema(fields, name),
        Some(_) => Err(fields.wrong_type(name, "\"json\" or a JSON Schema")),
    }
}

/// A schema as a JSON value, or as a string that holds one.
fn schema_or_text(fields: &Fields, name: &str) -> Result<Option<Constraint>, Failure> {
    match fields.raw(name) {
        Some(raw) if raw.get().starts_with('"') => {
            Ok(fields.string(name)?.map(|text| Constraint::JsonSchema(text.into())))
        }
        _ => schema(fields, name),
    }
}

fn schema(fields: &Fields, name: &str) -> Result<Option<Constraint>, Failure> {
    match fields.raw(name).map(RawValue::get) {
        None => Ok(None),
        Some(text) if text.starts_with('{') || text == "true" || text == "false" => {
            Ok(Some(Constraint::JsonSchema(text.into())))
        }
        Some(_) => Err(fields.wrong_type(name, "a JSON Schema, so an object, true or false")),
    }
}

/// A form that is understood and has no front end yet.
fn not_built(format: &Fields, known: &[&str]) -> Result<Option<Constraint>, Failure> {
    format.only(known)?;
    format.raw(known[1]).ok_or_else(|| format.missing(known[1]))?;
    let kind = format.string("type")?.unwrap_or_default();
    Err(unsupported(format.path("type"), &format!("response_format type {kind:?}")))
}

fn unsupported(param: String, what: &str) -> Failure {
    let message = format!(
        "{what} is not supported by this version, and a constraint is never dropped silently; \
         use response_format of type json_schema or json_object"
    );
    Failure::new(FailureKind::Constraint, message).about(param).coded("unsupported_constraint")
}

fn policy(fields: &Fields) -> Result<Policy, Failure> {
    let mut policy = Policy::default();
    let compact = match fields.object("structured_outputs").ok().flatten() {
        Some(options) => options.boolean("disable_any_whitespace")?.unwrap_or(false),
        None => false,
    };
    let Some(knobs) = fields.object("espalier")? else { return Ok(policy) };
    knobs.only(KNOBS)?;
    policy.key_order = match knobs.string("key_order")?.as_deref() {
        None => policy.key_order,
        Some("schema") => KeyOrder::Schema,
        Some("any") => KeyOrder::Any,
        Some(_) => return Err(knobs.invalid("key_order", "must be \"schema\" or \"any\"")),
    };
    policy.whitespace = match knobs.string("whitespace")?.as_deref() {
        None => policy.whitespace,
        Some("compact") => Whitespace::Compact,
        Some(other @ ("flexible" | "indented")) if compact => {
            let message = format!("\"{other}\" contradicts structured_outputs.disable_any_whitespace");
            return Err(knobs.invalid("whitespace", &message));
        }
        Some("flexible") => Whitespace::Flexible,
        Some("indented") => Whitespace::Indented,
        Some(_) => return Err(knobs.invalid("whitespace", "must be \"compact\", \"flexible\" or \"indented\"")),
    };
    policy.formats = match knobs.string("formats")?.as_deref() {
        None => policy.formats,
        Some("assert") => Formats::Assert,
        Some("annotate") => Formats::Annotate,
        Some(_) => return Err(knobs.invalid("formats", "must be \"assert\" or \"annotate\"")),
    };
    Ok(policy)
}

/// An unknown field that its sender most likely meant as a constraint: one named like a kind of constraint, or a typing
/// mistake away from a known field.
fn looks_like_a_constraint(name: &str) -> bool {
    const PARTS: &[&str] =
        &["schema", "grammar", "regex", "structured_output", "response_format", "constraint", "response_mime"];
    if FIELDS.iter().any(|(known, _)| *known == name) || HINTS.contains(&name) {
        return false;
    }
    let near = |known: &str| {
        let most = known.len() / 6 + 1;
        known.len() >= 5 && name.len().abs_diff(known.len()) <= most && distance(name, known) <= most
    };
    name.starts_with("guided_")
        || PARTS.iter().any(|part| name.contains(part))
        || OTHER_FORMS.iter().any(|(form, _)| *form == name)
        || ["json_object", "lark", "gbnf"].contains(&name)
        || FIELDS.iter().any(|(known, _)| near(known))
        || near("espalier") && name != "espalier"
}

/// Levenshtein's distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, byte) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.bytes().enumerate() {
            let cost = diagonal + usize::from(byte != other);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Dialect, Notation, Written};

    fn demand(body: &str) -> Result<Demand, Failure> {
        read(&Fields::of_body(body.as_bytes()).unwrap())
    }

    fn code(body: &str) -> String {
        demand(body).unwrap_err().code.unwrap()
    }

    #[test]
    fn every_json_alias_gives_the_same_constraint() {
        let schema = r#"{"type":"object","properties":{"b":{"const":1.0},"a":{}}}"#;
        let text = serde_json::to_string(schema).unwrap();
        for body in [
            format!(r#"{{"response_format":{{"type":"json_schema","json_schema":{{"name":"x","schema":{schema}}}}}}}"#),
            format!(r#"{{"response_format":{{"type":"json_object","schema":{schema}}}}}"#),
            format!(r#"{{"guided_json":{schema}}}"#),
            format!(r#"{{"guided_json":{text}}}"#),
            format!(r#"{{"structured_outputs":{{"json":{schema}}}}}"#),
            format!(r#"{{"structured_outputs":{{"json":{text},"json_object":false}}}}"#),
            format!(r#"{{"json_schema":{schema}}}"#),
            format!(r#"{{"json_schema":{text}}}"#),
            format!(r#"{{"format":{schema}}}"#),
        ] {
            assert_eq!(demand(&body).unwrap().constraint, Some(Constraint::JsonSchema(schema.into())), "{body}");
        }
        for body in [
            r#"{"response_format":{"type":"json_object"}}"#,
            r#"{"format":"json"}"#,
            r#"{"structured_outputs":{"json_object":true}}"#,
        ] {
            assert_eq!(demand(body).unwrap().constraint, Some(Constraint::JsonObject));
        }
    }

    #[test]
    fn no_demand() {
        for body in [
            "{}",
            r#"{"response_format":null,"guided_json":null,"grammar":""}"#,
            r#"{"response_format":{"type":"text"},"format":""}"#,
            r#"{"user":"u","metadata":{},"store":true,"cache_prompt":true,"guided_decoding_backend":"auto"}"#,
        ] {
            assert!(demand(body).unwrap().constraint.is_none(), "{body}");
        }
    }

    #[test]
    fn sql_takes_a_dialect_and_a_catalog() {
        let body = r#"{"response_format":{"type":"sql","dialect":"sqlite","catalog":"CREATE TABLE t(a)","statements":["select"]}}"#;
        assert!(matches!(demand(body).unwrap().constraint, Some(Constraint::Sql(sql)) if &*sql.dialect == "sqlite"));
        let by_name = r#"{"response_format":{"type":"sql","dialect":"sqlite","catalog":{"name":"shop"}}}"#;
        assert_eq!(code(by_name), "unsupported_constraint");
    }

    #[test]
    fn forms_without_a_front_end_are_refused_by_name() {
        for (form, rest) in [
            ("sql", r#""dialect":"sqlite","catalog":"CREATE TABLE t(a)","statements":["insert"]"#),
            ("types", r#""language":"python","source":"","root":"A""#),
        ] {
            let error = demand(&format!(r#"{{"response_format":{{"type":"{form}",{rest}}}}}"#)).unwrap_err();
            assert_eq!(error.code.as_deref(), Some("unsupported_constraint"));
            assert!(error.message.contains(form), "{error}");
            let typo = format!(r#"{{"response_format":{{"type":"{form}",{rest},"oops":1}}}}"#);
            assert_eq!(code(&typo), "unknown_parameter");
            assert_eq!(code(&format!(r#"{{"response_format":{{"type":"{form}"}}}}"#)), "missing_required_parameter");
        }
    }

    #[test]
    fn every_alias_of_what_is_written() {
        let written = |notation, text: &str| Some(Constraint::Written(Written::new(notation, text)));
        let ecma = Notation::Regex(Dialect::Ecma);
        for (body, expected) in [
            (r#"{"response_format":{"type":"regex","regex":"a+"}}"#, written(ecma, "a+")),
            (r#"{"guided_regex":"a+"}"#, written(ecma, "a+")),
            (r#"{"regex":"a+"}"#, written(ecma, "a+")),
            (r#"{"structured_outputs":{"regex":"a+"}}"#, written(ecma, "a+")),
            (r#"{"guided_choice":["a"]}"#, written(Notation::Choice, r#"["a"]"#)),
            (r#"{"structured_outputs":{"choice":["a"]}}"#, written(Notation::Choice, r#"["a"]"#)),
            (r#"{"grammar":"root ::= [a]"}"#, written(Notation::Gbnf, "root ::= [a]")),
            (r#"{"ebnf":"root ::= [a]"}"#, written(Notation::Ebnf, "root ::= [a]")),
            (r#"{"structured_outputs":{"grammar":"start: \"a\""}}"#, written(Notation::Lark, "start: \"a\"")),
            (r#"{"structural_tag":"{}"}"#, written(Notation::StructuralTag, "{}")),
            (r#"{"structured_outputs":{"structural_tag":{"a":1}}}"#, written(Notation::StructuralTag, r#"{"a":1}"#)),
            (r#"{"response_format":{"type":"where","where":"x"}}"#, written(Notation::Where, "x")),
        ] {
            assert_eq!(demand(body).unwrap().constraint, expected, "{body}");
        }
    }

    #[test]
    fn two_constraints_conflict() {
        assert_eq!(code(r#"{"guided_json":{},"response_format":{"type":"json_object"}}"#), "conflicting_constraints");
        assert_eq!(code(r#"{"structured_outputs":{"json":{},"regex":"a"}}"#), "conflicting_constraints");
        assert!(demand(r#"{"guided_json":{},"response_format":{"type":"text"}}"#).unwrap().constraint.is_some());
    }

    #[test]
    fn unknown_constraints_are_refused() {
        for name in ["guided_jsn", "guided_whitespace_pattern", "respose_format", "responseFormat", "structured_output"]
        {
            assert_eq!(code(&format!(r#"{{"{name}":{{}}}}"#)), "unknown_constraint", "{name}");
        }
        assert_eq!(code(r#"{"response_format":{"type":"sound"}}"#), "unknown_constraint");
        assert_eq!(code(r#"{"response_format":{"type":"json_object","schema":123}}"#), "invalid_type");
        assert_eq!(code(r#"{"response_format":"json"}"#), "invalid_type");
        assert_eq!(
            code(r#"{"response_format":{"type":"json_schema","json_schema":{"shema":{}}}}"#),
            "unknown_parameter"
        );
        assert_eq!(code(r#"{"format":"xml"}"#), "invalid_type");
    }

    #[test]
    fn documents_belong_to_a_schema() {
        let demand = demand(
            r##"{"json_schema":{"$ref":"a"},"espalier":{"documents":{"a":{"$ref":"b#"},"b":"{\"type\":\"null\"}"}}}"##,
        );
        let Some(Constraint::JsonSchema(schema)) = demand.unwrap().constraint else { panic!("it is a schema") };
        assert_eq!(schema.documents, Documents::new([("a", r##"{"$ref":"b#"}"##), ("b", r#"{"type":"null"}"#)]));
        assert_eq!(code(r#"{"espalier":{"documents":{"a":{}}}}"#), "invalid_value");
        assert_eq!(code(r#"{"json_schema":{},"espalier":{"documents":{"a":1}}}"#), "invalid_type");
    }

    #[test]
    fn knobs() {
        let policy = demand(r#"{"espalier":{"key_order":"any","whitespace":"flexible"}}"#).unwrap().policy;
        assert_eq!(policy, Policy { plain: true, ..Policy::LENIENT });
        let policy = demand(r#"{"espalier":{"formats":"annotate"}}"#).unwrap().policy;
        assert_eq!(policy, Policy { formats: Formats::Annotate, ..Policy::default() });
        assert_eq!(code(r#"{"espalier":{"formats":"ignore"}}"#), "invalid_value");
        let demand =
            demand(r#"{"espalier":{"max_attempts":2,"stream_mode":"buffered","allow_completion":true}}"#).unwrap();
        assert!(demand.allow_completion);
        assert_eq!((demand.max_attempts, demand.delivery.of(true)), (Some(2), Delivery::Buffered));
        assert_eq!(code(r#"{"espalier":{"max_attempts":0}}"#), "invalid_value");
        assert_eq!(code(r#"{"espalier":{"allow_completion":"yes"}}"#), "invalid_type");
        assert_eq!(code(r#"{"espalier":{"stream_mode":"loose"}}"#), "invalid_value");
        assert_eq!(code(r#"{"espalier":{"speed":2}}"#), "unknown_parameter");
        assert_eq!(code(r#"{"espalier":{"key_order":"up"}}"#), "invalid_value");
    }
}
