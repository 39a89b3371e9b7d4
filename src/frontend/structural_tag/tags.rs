//! Tags, and free text between them.

use super::{
    super::{
        DiagnosticKind,
        dispatch::{self, Dispatch},
    },
    format::{Read, Reader, Tokens, Within, dispatched, token},
    object::{Object, Value},
};
use crate::grammar::{Expr, TokenClass};

/// What begins a tag.
enum Begin {
    Text(String),
    Token(TokenClass),
}

const TAG: [&str; 4] = ["type", "begin", "content", "end"];

impl Reader {
    pub fn tag(&mut self, tag: &Object, within: &Within) -> Read<Expr> {
        let begin = match begin(tag)? {
            Begin::Text(text) => Expr::text(&text),
            Begin::Token(token) => Expr::Token(token),
        };
        Ok(Expr::seq(vec![begin, self.rest(tag, within)?]))
    }

    /// A tag behind what begins it.
    fn rest(&mut self, tag: &Object, within: &Within) -> Read<Expr> {
        tag.only(&TAG)?;
        if let Some(name) = tag.get("type")
            && name.string()? != "tag"
        {
            return Err(name.refused(DiagnosticKind::Invalid, "\"tag\" is expected"));
        }
        let content = tag.require("content")?;
        let end = tag.require("end")?;
        let mut inside = Within { depth: within.depth, ..Within::default() };
        let after = if end.is_object() {
            let token = token_of(&end)?;
            match &token {
                TokenClass::Named(name) => inside.tokens.names.push(name.clone()),
                TokenClass::Ids(ids) => inside.tokens.ids.extend(ids),
                TokenClass::Other { .. } => {}
            }
            Expr::Token(token)
        } else {
            let ends = if end.is_text() {
                vec![end.string()?]
            } else {
                end.list()?.iter().map(Value::string).collect::<Read<_>>()?
            };
            if ends.is_empty() {
                return Err(end.refused(DiagnosticKind::Invalid, "there is no end"));
            }
            inside.texts = ends.iter().filter(|end| !end.is_empty()).cloned().collect();
            if inside.texts.is_empty() && is_unlimited(&content)? {
                let why = end.refused(DiagnosticKind::Invalid, "free text has no end here");
                return Err(why.hinted("give an end that is not empty"));
            }
            Expr::alt(ends.iter().map(|end| Expr::text(end)).collect())
        };
        Ok(Expr::seq(vec![self.format(&content, &inside)?, after]))
    }

    pub fn triggered_tags(&mut self, format: &Object, within: &Within) -> Read<Expr> {
        format.only(&["type", "triggers", "tags", "at_least_one", "stop_after_first", "excludes"])?;
        let mut triggers = format.require("triggers")?.list()?;
        if triggers.is_empty() {
            return Err(format.require("triggers")?.refused(DiagnosticKind::Invalid, "there are no triggers"));
        }
        let mut ways: Vec<(String, Vec<Expr>)> = Vec::new();
        for trigger in triggers.drain(..) {
            ways.push((trigger.some_text()?, Vec::new()));
        }
        for tag in format.require("tags")?.list()? {
            let object = tag.object()?;
            let Begin::Text(begin) = begin(&object)? else {
                return Err(tag.refused(DiagnosticKind::Invalid, "a tag behind a trigger begins with a text"));
            };
            let rest = self.rest(&object, within)?;
            attach(&mut ways, &begin, rest, &tag)?;
        }
        let excludes = [format.texts("excludes")?, within.texts.clone()].concat();
        self.mixed(ways, excludes, format)
    }

    /// Free text and tags.
    fn mixed(&mut self, ways: Vec<(String, Vec<Expr>)>, excludes: Vec<String>, format: &Object) -> Read<Expr> {
        let (first, once) = (format.flag("at_least_one", false)?, format.flag("stop_after_first", false)?);
        let ways = ways.into_iter().map(|(trigger, rests)| {
            let rest = self.shared(&trigger, Expr::alt(rests));
            (trigger, rest)
        });
        let ways: Vec<(String, Expr)> = ways.collect();
        let tags = ways.iter().map(|(trigger, rest)| Expr::seq(vec![Expr::text(trigger), rest.clone()])).collect();
        let free = Dispatch { ways, excludes, again: !once };
        Ok(match (first, once) {
            (false, _) => dispatched(free, format)?,
            (true, true) => Expr::alt(tags),
            (true, false) => Expr::seq(vec![Expr::alt(tags), dispatched(free, format)?]),
        })
    }

    pub fn tags_with_separator(&mut self, format: &Object, within: &Within) -> Read<Expr> {
        format.only(&["type", "tags", "separator", "at_least_one", "stop_after_first"])?;
        let list = format.require("tags")?;
        let mut tags = Vec::new();
        for tag in list.list()? {
            tags.push(self.tag(&tag.object()?, within)?);
        }
        if tags.is_empty() {
            return Err(list.refused(DiagnosticKind::Invalid, "there are no tags"));
        }
        let separator = format.require("separator")?.string()?;
        let (first, once) = (format.flag("at_least_one", false)?, format.flag("stop_after_first", false)?);
        let tag = self.shared("tags", Expr::alt(tags));
        let more = Expr::seq(vec![Expr::text(&separator), tag.clone()]).repeat(0, None);
        let all = if once { tag } else { Expr::seq(vec![tag, more]) };
        Ok(if first { all } else { all.repeat(0, Some(1)) })
    }

    pub fn token_triggered_tags(&mut self, format: &Object, within: &Within) -> Read<Expr> {
        format.only(&["type", "trigger_tokens", "tags", "exclude_tokens", "at_least_one", "stop_after_first"])?;
        let mut triggers = Tokens::default();
        for trigger in format.require("trigger_tokens")?.list()? {
            triggers.push(&trigger)?;
        }
        let mut ways = Vec::new();
        for tag in format.require("tags")?.list()? {
            let object = tag.object()?;
            let Begin::Token(begin) = begin(&object)? else {
                return Err(tag.refused(DiagnosticKind::Invalid, "a tag behind a token begins with a token"));
            };
            let rest = self.rest(&object, within)?;
            ways.push((begin, self.shared("tag", rest)));
        }
        let free = within.others(format, triggers)?;
        let (first, once) = (format.flag("at_least_one", false)?, format.flag("stop_after_first", false)?);
        let tags = ways.iter().map(|(token, rest)| Expr::seq(vec![Expr::Token(token.clone()), rest.clone()])).collect();
        Ok(match (first, once) {
            (true, true) => Expr::alt(tags),
            (true, false) => Expr::seq(vec![Expr::alt(tags), dispatch::tokens(ways, free, true)]),
            (false, _) => dispatch::tokens(ways, free, !once),
        })
    }

    /// The older form: `{"structures": [{"begin", "schema", "end"}], "triggers": [...]}`.
    pub fn legacy(&mut self, tag: &Object) -> Read<Expr> {
        tag.only(&["type", "structures", "triggers"])?;
        let mut ways: Vec<(String, Vec<Expr>)> = Vec::new();
        for trigger in tag.require("triggers")?.list()? {
            ways.push((trigger.some_text()?, Vec::new()));
        }
        for structure in tag.list("structures")? {
            let object = structure.object()?;
            object.only(&["begin", "schema", "end"])?;
            let schema = object.get("schema").map_or("true", |schema| schema.text);
            let rest = vec![Expr::Json(schema.into()), Expr::text(&object.require("end")?.string()?)];
            attach(&mut ways, &object.require("begin")?.string()?, Expr::seq(rest), &structure)?;
        }
        self.mixed(ways, Vec::new(), tag)
    }
}

/// Puts a tag behind the one trigger that it begins with.
fn attach(ways: &mut [(String, Vec<Expr>)], begin: &str, rest: Expr, tag: &Value) -> Read<()> {
    let mut fit = ways.iter_mut().filter(|(trigger, _)| begin.starts_with(&**trigger));
    let (Some((trigger, rests)), None) = (fit.next(), fit.next()) else {
        let why = tag.refused(DiagnosticKind::Invalid, "a tag begins with exactly one of the triggers");
        return Err(why.hinted("let no trigger be the beginning of another"));
    };
    rests.push(Expr::seq(vec![Expr::text(&begin[trigger.len()..]), rest]));
    Ok(())
}

fn begin(tag: &Object) -> Read<Begin> {
    let begin = tag.require("begin")?;
    if begin.is_object() { token_of(&begin).map(Begin::Token) } else { begin.string().map(Begin::Text) }
}

/// A format that is a token.
fn token_of(value: &Value) -> Read<TokenClass> {
    let format = value.object()?;
    format.only(&["type", "token"])?;
    if format.require("type")?.string()? != "token" {
        return Err(value.refused(DiagnosticKind::Invalid, "a text or a token is expected"));
    }
    token(&format.require("token")?)
}

/// Whether nothing in a format says where it ends.
fn is_unlimited(value: &Value) -> Read<bool> {
    let format = value.object()?;
    let Some(name) = format.get("type") else { return Ok(false) };
    Ok(match &*name.string()? {
        "any_text" => {
            format.list("excludes")?.is_empty()
                && format.get("max_chars").is_none()
                && format.get("max_tokens").is_none()
        }
        "triggered_tags" => format.list("excludes")?.is_empty() && !format.flag("stop_after_first", false)?,
        "tags_with_separator" => !format.flag("stop_after_first", false)?,
        "sequence" => format.list("elements")?.last().map_or(Ok(false), is_unlimited)?,
        "or" => format.list("elements")?.iter().map(is_unlimited).collect::<Read<Vec<_>>>()?.contains(&true),
        _ => false,
    })
}
