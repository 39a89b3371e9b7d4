//! Formats: what a part of the answer is like.

use super::{
    super::{
        Diagnostic, DiagnosticKind, bnf,
        dispatch::{self, Dispatch},
        regex,
    },
    object::{Object, Value},
    parameters,
};
use crate::grammar::{Builder, CharSet, Expr, Grammar, Json, Layout, Regex, TokenClass};

pub type Read<T> = Result<T, Diagnostic>;

/// What ends the tag around a format: no part of free text.
#[derive(Clone, Debug, Default)]
pub struct Within {
    pub texts: Vec<String>,
    pub tokens: Tokens,
    /// Formats around this one.
    pub depth: usize,
}

/// Tokens by name and by number.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    pub names: Vec<Box<str>>,
    pub ids: Vec<(u32, u32)>,
}

/// Formats within formats.
const MAX_DEPTH: usize = 64;
/// What XGrammar takes as a limit.
const MAX_LIMIT: u32 = i32::MAX as u32;

#[derive(Default)]
pub struct Reader {
    pub builder: Builder,
}

impl Reader {
    pub fn finish(mut self, body: Expr) -> Grammar {
        let start = self.builder.unnamed("structural_tag");
        self.builder.define(start, body);
        self.builder.finish(start)
    }

    /// The whole, with its format.
    pub fn whole(&mut self, tag: &Object) -> Read<Expr> {
        tag.only(&["type", "format"])?;
        if let Some(name) = tag.get("type")
            && name.string()? != "structural_tag"
        {
            return Err(name.refused(DiagnosticKind::Invalid, "\"structural_tag\" is expected"));
        }
        self.format(&tag.require("format")?, &Within::default())
    }

    /// A body that is used in more than one place.
    pub fn shared(&mut self, name: &str, body: Expr) -> Expr {
        let rule = self.builder.unnamed(name);
        self.builder.define(rule, body);
        Expr::Rule(rule)
    }

    pub fn format(&mut self, value: &Value, within: &Within) -> Read<Expr> {
        let within = &Within { depth: within.depth + 1, ..within.clone() };
        if within.depth > MAX_DEPTH {
            let message = format!("formats are nested more than {MAX_DEPTH} deep");
            return Err(value.refused(DiagnosticKind::TooLarge, message));
        }
        let format = value.object()?;
        let name = format.require("type")?;
        match &*name.string()? {
            "const_string" => {
                format.only(&["type", "value"])?;
                Ok(Expr::text(&format.require("value")?.string()?))
            }
            "json_schema" | "qwen_xml_parameter" => self.json_schema(&format),
            "grammar" => self.grammar(&format),
            "regex" => regex_of(&format),
            "any_text" => any_text(&format, within),
            "sequence" => Ok(Expr::seq(self.elements(&format, within)?)),
            "or" => Ok(Expr::alt(self.elements(&format, within)?)),
            "optional" => self.repeat(&format, within, 0, Some(1)),
            "plus" => self.repeat(&format, within, 1, None),
            "star" => self.repeat(&format, within, 0, None),
            "repeat" => self.counted(&format, within),
            "tag" => self.tag(&format, within),
            "triggered_tags" => self.triggered_tags(&format, within),
            "tags_with_separator" => self.tags_with_separator(&format, within),
            "dispatch" => self.dispatch(&format, within),
            "token" => {
                format.only(&["type", "token"])?;
                token(&format.require("token")?).map(Expr::Token)
            }
            "exclude_token" => {
                format.only(&["type", "exclude_tokens"])?;
                Ok(Expr::Token(within.others(&format, Tokens::default())?))
            }
            "any_tokens" => {
                format.only(&["type", "exclude_tokens", "max_tokens"])?;
                let most = limit_of(&format, "max_tokens")?;
                Ok(Expr::Token(within.others(&format, Tokens::default())?).repeat(0, most))
            }
            "token_triggered_tags" => self.token_triggered_tags(&format, within),
            "token_dispatch" => self.token_dispatch(&format, within),
            other => Err(name.refused(DiagnosticKind::Invalid, format!("\"{other}\" is no format"))),
        }
    }

    fn json_schema(&mut self, format: &Object) -> Read<Expr> {
        format.only(&["type", "json_schema", "style", "any_order", "max_whitespace_cnt", "excludes"])?;
        let schema = format.require("json_schema")?;
        if !schema.is_object() && schema.read::<bool>("a schema").is_err() {
            return Err(schema.refused(DiagnosticKind::Invalid, "a schema is expected"));
        }
        let any_order = format.flag("any_order", false)?;
        let blanks = limit_of(format, "max_whitespace_cnt")?;
        let excludes = format.texts("excludes")?;
        let style = match format.get("style") {
            Some(style) => style,
            None if format.require("type")?.string()? == "qwen_xml_parameter" => {
                Value { text: "\"qwen_xml\"", pointer: format.pointer.clone() }
            }
            None => Value { text: "\"json\"", pointer: format.pointer.clone() },
        };
        if style.string()? != "json" {
            return parameters::read(self, &style, &schema, any_order, excludes);
        }
        if !excludes.is_empty() {
            let message = "excludes of JSON cannot be held to";
            return Err(format.refused(DiagnosticKind::Unsupported, message).hinted("use a pattern in the schema"));
        }
        let layout = blanks.map(|most| {
            let blank = Regex::Class(CharSet::new([(0x20, 0x20), (0x09, 0x0A), (0x0D, 0x0D)]));
            let blank = (most > 0).then(|| blank.repeat(1, Some(most)));
            Box::new(Layout { item: Regex::text(","), key: Regex::text(":"), blank })
        });
        Ok(Expr::Json(Json { schema: schema.text.into(), layout }))
    }

    fn grammar(&mut self, format: &Object) -> Read<Expr> {
        format.only(&["type", "grammar"])?;
        let source = format.require("grammar")?;
        let grammar = bnf::read(&source.string()?, bnf::Dialect::Ebnf, bnf::ROOT);
        let grammar = grammar.map_err(|why| Diagnostic { pointer: Some(source.pointer.clone()), ..why })?;
        Ok(Expr::Rule(self.builder.include(&grammar)))
    }

    fn elements(&mut self, format: &Object, within: &Within) -> Read<Vec<Expr>> {
        format.only(&["type", "elements"])?;
        let elements = format.require("elements")?;
        let list = elements.list()?;
        if list.is_empty() {
            return Err(elements.refused(DiagnosticKind::Invalid, "there are no elements"));
        }
        list.iter().map(|element| self.format(element, within)).collect()
    }

    fn repeat(&mut self, format: &Object, within: &Within, min: u32, max: Option<u32>) -> Read<Expr> {
        format.only(&["type", "content", "min", "max"])?;
        Ok(self.format(&format.require("content")?, within)?.repeat(min, max))
    }

    fn counted(&mut self, format: &Object, within: &Within) -> Read<Expr> {
        let min: u32 = format.require("min")?.read("a count")?;
        let most = format.require("max")?;
        let max = match most.read::<i64>("a count, or -1 for none,")? {
            -1 => None,
            max => {
                let wrong = |_| most.refused(DiagnosticKind::Invalid, "a count, or -1 for none, is expected");
                Some(u32::try_from(max).map_err(wrong)?)
            }
        };
        if max.is_some_and(|max| max < min) {
            return Err(most.refused(DiagnosticKind::Invalid, "max is below min"));
        }
        self.repeat(format, within, min, max)
    }

    /// Free text, and behind each of its patterns what goes with it.
    fn dispatch(&mut self, format: &Object, within: &Within) -> Read<Expr> {
        format.only(&["type", "rules", "loop", "excludes"])?;
        let mut ways = Vec::new();
        for (pattern, then) in self.rules(format)? {
            let then = self.format(&then, &Within { depth: within.depth, ..Within::default() })?;
            ways.push((pattern.some_text()?, then));
        }
        let excludes = [format.texts("excludes")?, within.texts.clone()].concat();
        dispatched(Dispatch { ways, excludes, again: format.flag("loop", true)? }, format)
    }

    fn token_dispatch(&mut self, format: &Object, within: &Within) -> Read<Expr> {
        format.only(&["type", "rules", "loop", "exclude_tokens"])?;
        let (mut ways, mut triggers) = (Vec::new(), Tokens::default());
        for (trigger, then) in self.rules(format)? {
            let then = self.format(&then, &Within { depth: within.depth, ..Within::default() })?;
            triggers.push(&trigger)?;
            ways.push((token(&trigger)?, then));
        }
        Ok(dispatch::tokens(ways, within.others(format, triggers)?, format.flag("loop", true)?))
    }

    fn rules<'a>(&self, format: &Object<'a>) -> Read<Vec<(Value<'a>, Value<'a>)>> {
        let pair = |rule: &Value<'a>| match <[Value; 2]>::try_from(rule.list()?) {
            Ok([pattern, then]) => Ok((pattern, then)),
            Err(_) => Err(rule.refused(DiagnosticKind::Invalid, "a pair of a pattern and a format is expected")),
        };
        format.require("rules")?.list()?.iter().map(pair).collect()
    }
}

/// Free text with triggers, unless that is too much.
pub fn dispatched(dispatch: Dispatch, format: &Object) -> Read<Expr> {
    if dispatch.is_too_large() {
        return Err(format.refused(DiagnosticKind::TooLarge, dispatch::TOO_LARGE));
    }
    Ok(dispatch.expr())
}

fn regex_of(format: &Object) -> Read<Expr> {
    format.only(&["type", "pattern"])?;
    let pattern = format.require("pattern")?;
    let placed = |why: Diagnostic| Diagnostic { pointer: Some(pattern.pointer.clone()), ..why };
    regex::xgrammar::read(&pattern.string()?, None).and_then(regex::whole).map_err(placed)
}

fn any_text(format: &Object, within: &Within) -> Read<Expr> {
    format.only(&["type", "excludes", "max_tokens", "max_chars"])?;
    let max = limit_of(format, "max_chars")?;
    let most = limit_of(format, "max_tokens")?;
    if max == Some(0) {
        return Ok(Expr::Empty);
    }
    let excludes = [format.texts("excludes")?, within.texts.clone()].concat();
    let mut excludes: Vec<&str> = excludes.iter().map(|text| &**text).collect();
    excludes.sort_unstable();
    let text = dispatch::without(&excludes);
    let text = Expr::Lexeme(match max {
        Some(max) => Regex::And(vec![text, Regex::Class(CharSet::all()).repeat(0, Some(max))]),
        None => text,
    });
    Ok(match most {
        Some(most) => text.cut_at(most),
        None => text,
    })
}

fn limit_of(format: &Object, key: &str) -> Read<Option<u32>> {
    let Some(value) = format.get(key) else { return Ok(None) };
    let limit: u32 = value.read("a count")?;
    if limit > MAX_LIMIT {
        return Err(value.refused(DiagnosticKind::Invalid, format!("at most {MAX_LIMIT} is expected")));
    }
    Ok(Some(limit))
}

pub fn token(value: &Value) -> Read<TokenClass> {
    if value.is_text() {
        return Ok(TokenClass::Named(value.some_text()?.into()));
    }
    let id: u32 = value.read("a token's id or name")?;
    Ok(TokenClass::Ids(vec![(id, id)]))
}

impl Tokens {
    pub fn push(&mut self, value: &Value) -> Read<()> {
        match token(value)? {
            TokenClass::Named(name) => self.names.push(name),
            TokenClass::Ids(ids) => self.ids.extend(ids),
            TokenClass::Other { .. } => unreachable!("one token"),
        }
        Ok(())
    }
}

impl Within {
    /// The tokens that are none of these, of the format's `exclude_tokens` or of the end around it.
    pub fn others(&self, format: &Object, mut tokens: Tokens) -> Read<TokenClass> {
        for value in format.list("exclude_tokens")? {
            tokens.push(&value)?;
        }
        let names = [tokens.names, self.tokens.names.clone()].concat();
        Ok(TokenClass::Other { names, ids: [tokens.ids, self.tokens.ids.clone()].concat(), whole: true })
    }
}
