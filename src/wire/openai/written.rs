//! Constraints in languages of their own, under all the names that clients use.

use serde_json::value::RawValue;

use crate::{
    inference::{Constraint, Dialect, Failure, FailureKind, Notation, SqlDemand, Written},
    wire::Fields,
};

type Read = Result<Option<Constraint>, Failure>;

/// `response_format` of type `regex`.
pub(super) fn regex_form(format: &Fields) -> Read {
    format.only(&["type", "regex", "syntax"])?;
    let dialect = match format.string("syntax")?.as_deref() {
        None | Some("ecma") => Dialect::Ecma,
        Some("rust") => Dialect::Rust,
        Some("python") => Dialect::Python,
        Some(_) => return Err(format.invalid("syntax", "must be \"ecma\", \"rust\" or \"python\"")),
    };
    required(format, "regex", text(format, "regex", Notation::Regex(dialect))?)
}

/// `response_format` of type `choice`.
pub(super) fn choice_form(format: &Fields) -> Read {
    format.only(&["type", "choice"])?;
    required(format, "choice", choice(format, "choice")?)
}

/// `response_format` of type `grammar`.
pub(super) fn grammar_form(format: &Fields) -> Read {
    format.only(&["type", "grammar", "syntax", "start"])?;
    let notation = match format.string("syntax")?.as_deref() {
        None => return Err(format.missing("syntax")),
        Some("lark") => Notation::Lark,
        Some("gbnf") => Notation::Gbnf,
        Some("ebnf") => Notation::Ebnf,
        Some(_) => return Err(format.invalid("syntax", "must be \"lark\", \"gbnf\" or \"ebnf\"")),
    };
    let start = format.string("start")?;
    let read = required(format, "grammar", text(format, "grammar", notation)?)?;
    Ok(read.map(|constraint| match constraint {
        Constraint::Written(written) => {
            Constraint::Written(Written { start: start.map(|start| start.into()), ..written })
        }
        other => other,
    }))
}

/// `response_format` of type `structural_tag`.
pub(super) fn structural_tag_form(format: &Fields) -> Read {
    format.only(&["type", "structural_tag", "format", "structures", "triggers"])?;
    if format.raw("structural_tag").is_some() {
        return structural_tag(format, "structural_tag");
    }
    // vLLM's form: the tag's own fields stand beside the type.
    if format.raw("format").is_none() && format.raw("structures").is_none() {
        return Err(format.missing("structural_tag"));
    }
    let mut parts = vec![r#""type":"structural_tag""#.to_owned()];
    for name in ["format", "structures", "triggers"] {
        parts.extend(format.raw(name).map(|raw| format!("\"{name}\":{}", raw.get())));
    }
    Ok(Some(written(Notation::StructuralTag, format!("{{{}}}", parts.join(",")))))
}

/// `response_format` of type `where`.
pub(super) fn where_form(format: &Fields) -> Read {
    format.only(&["type", "where"])?;
    required(format, "where", text(format, "where", Notation::Where)?)
}

/// `response_format` of type `sql`.
pub(super) fn sql_form(format: &Fields) -> Read {
    format.only(&["type", "dialect", "catalog", "statements"])?;
    let dialect = format.string("dialect")?.ok_or_else(|| format.missing("dialect"))?;
    if format.raw("catalog").is_some_and(|raw| raw.get().starts_with('{')) {
        let message = "a catalog by name is not built; give the text of CREATE TABLE statements";
        let why = Failure::new(FailureKind::Constraint, message.to_owned());
        return Err(why.about(format.path("catalog")).coded("unsupported_constraint"));
    }
    let catalog = format.string("catalog")?.ok_or_else(|| format.missing("catalog"))?;
    if let Some(raw) = format.raw("statements") {
        let statements: Vec<String> =
            serde_json::from_str(raw.get()).map_err(|_| format.wrong_type("statements", "an array of strings"))?;
        if let Some(other) = statements.iter().find(|statement| *statement != "select") {
            let message = format!("sql statements of kind {other:?} are not built; \"select\" is");
            let why = Failure::new(FailureKind::Constraint, message);
            return Err(why.about(format.path("statements")).coded("unsupported_constraint"));
        }
    }
    Ok(Some(Constraint::Sql(SqlDemand { dialect: dialect.into(), catalog: catalog.into() })))
}

/// A regular expression as vLLM and SGLang take it.
pub(super) fn regex(fields: &Fields, name: &str) -> Read {
    text(fields, name, Notation::Regex(Dialect::Ecma))
}

/// A list of texts.
pub(super) fn choice(fields: &Fields, name: &str) -> Read {
    match fields.raw(name).map(RawValue::get) {
        None => Ok(None),
        Some(list) => match serde_json::from_str::<Vec<String>>(list) {
            Ok(_) => Ok(Some(written(Notation::Choice, list.to_owned()))),
            Err(_) => Err(fields.wrong_type(name, "a list of texts")),
        },
    }
}

/// llama.cpp's `grammar`.
pub(super) fn gbnf(fields: &Fields, name: &str) -> Read {
    text(fields, name, Notation::Gbnf)
}

/// SGLang's `ebnf`.
pub(super) fn ebnf(fields: &Fields, name: &str) -> Read {
    text(fields, name, Notation::Ebnf)
}

/// vLLM's grammars, which are EBNF if they define their rules so, and Lark otherwise.
pub(super) fn grammar(fields: &Fields, name: &str) -> Read {
    let is_ebnf = fields.string(name)?.is_some_and(|text| text.contains("::="));
    text(fields, name, if is_ebnf { Notation::Ebnf } else { Notation::Lark })
}

/// A structural tag as a JSON value, or as a string that holds one.
pub(super) fn structural_tag(fields: &Fields, name: &str) -> Read {
    match fields.raw(name).map(RawValue::get) {
        None | Some("\"\"") => Ok(None),
        Some(raw) if raw.starts_with('"') => text(fields, name, Notation::StructuralTag),
        Some(raw) if raw.starts_with('{') => Ok(Some(written(Notation::StructuralTag, raw.to_owned()))),
        Some(_) => Err(fields.wrong_type(name, "a structural tag, so an object or a text that holds one")),
    }
}

/// An empty text is no demand.
fn text(fields: &Fields, name: &str, notation: Notation) -> Read {
    Ok(fields.string(name)?.filter(|text| !text.is_empty()).map(|text| written(notation, text)))
}

fn written(notation: Notation, text: String) -> Constraint {
    Constraint::Written(Written::new(notation, text))
}

/// In a form that says what it is, the empty text is a demand too.
fn required(format: &Fields, name: &str, read: Option<Constraint>) -> Read {
    match read {
        None if format.raw(name).is_none() => Err(format.missing(name)),
        None => Err(format.invalid(name, "is empty")),
        read => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str, read: fn(&Fields) -> Read) -> Result<Written, Failure> {
        match read(&Fields::of_body(body.as_bytes())?)? {
            Some(Constraint::Written(written)) => Ok(written),
            _ => panic!("it is written"),
        }
    }

    #[test]
    fn forms() {
        let regex = form(r#"{"type":"regex","regex":"a+","syntax":"python"}"#, regex_form).unwrap();
        assert_eq!(regex, Written::new(Notation::Regex(Dialect::Python), "a+"));
        let choice = form(r#"{"type":"choice","choice":["a", "b"]}"#, choice_form).unwrap();
        assert_eq!(choice, Written::new(Notation::Choice, r#"["a", "b"]"#));
        let grammar = form(r#"{"type":"grammar","syntax":"lark","grammar":"a: \"b\"","start":"a"}"#, grammar_form);
        assert_eq!(grammar.unwrap().start.as_deref(), Some("a"));
        let tag = form(r#"{"type":"structural_tag","structures":[],"triggers":["<"]}"#, structural_tag_form).unwrap();
        assert_eq!(&*tag.text, r#"{"type":"structural_tag","structures":[],"triggers":["<"]}"#);
        for (body, read) in [
            (r#"{"type":"regex"}"#, regex_form as fn(&Fields) -> Read),
            (r#"{"type":"regex","regex":""}"#, regex_form),
            (r#"{"type":"regex","regex":"a","syntax":"perl"}"#, regex_form),
            (r#"{"type":"choice","choice":[1]}"#, choice_form),
            (r#"{"type":"grammar","grammar":"a"}"#, grammar_form),
            (r#"{"type":"where","where":"True","oops":1}"#, where_form),
            (r#"{"type":"structural_tag"}"#, structural_tag_form),
        ] {
            assert!(form(body, read).is_err(), "{body}");
        }
    }

    #[test]
    fn vllm_tells_grammars_apart() {
        for (text, notation) in [("root ::= \\\"a\\\"", Notation::Ebnf), ("start: \\\"a\\\"", Notation::Lark)] {
            let body = format!(r#"{{"guided_grammar":"{text}"}}"#);
            let fields = Fields::of_body(body.as_bytes()).unwrap();
            let Some(Constraint::Written(read)) = grammar(&fields, "guided_grammar").unwrap() else { panic!() };
            assert_eq!(read.notation, notation);
        }
    }
}
