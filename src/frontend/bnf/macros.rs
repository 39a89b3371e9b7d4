//! Macros of EBNF: `Name(value, .., name=value, ..)` in the place of an element.

use super::{
    super::{Diagnostic, dispatch, regex},
    attribute::Attributes,
    body::{Parser, Written},
    cursor::Cursor,
    literal,
};
use crate::grammar::{CharSet, Expr, Regex, TokenClass};

type Parsed<T> = Result<T, Diagnostic>;

enum Value<'a> {
    Text(String),
    Number(u32),
    Flag(bool),
    Name(&'a str),
    Tuple(Vec<Value<'a>>),
}

struct Arguments<'a> {
    begin: Cursor<'a>,
    values: Vec<Value<'a>>,
    named: Vec<(&'a str, Value<'a>)>,
}

/// The element that a macro stands for; None if it is no macro's name.
pub fn read<'a>(parser: &mut Parser<'a>, name: &str, begin: Cursor<'a>) -> Parsed<Option<Expr>> {
    let read = match name {
        "Regex" => regex_of,
        "Substring" => substring,
        "Token" | "ExcludeToken" => tokens,
        "TagDispatch" => tag_dispatch,
        "TokenTagDispatch" => token_dispatch,
        _ => return Ok(None),
    };
    if parser.is_ahead && !matches!(name, "Token" | "ExcludeToken") {
        return Err(begin.malformed(format!("{name} is not taken in a look-ahead")));
    }
    let arguments = Arguments::read(parser, begin)?;
    read(parser, name, arguments).map(Some)
}

impl<'a> Arguments<'a> {
    fn read(parser: &mut Parser<'a>, begin: Cursor<'a>) -> Parsed<Self> {
        let mut arguments = Self { begin, values: Vec::new(), named: Vec::new() };
        parser.cursor.blanks(true);
        if !parser.cursor.eat("(") {
            return Err(parser.cursor.malformed("expected ( behind the macro's name"));
        }
        loop {
            parser.cursor.blanks(true);
            if parser.cursor.eat(")") {
                return Ok(arguments);
            }
            let here = parser.cursor;
            let name = parser.cursor.name();
            parser.cursor.blanks(true);
            if !name.is_empty() && parser.cursor.eat("=") {
                let value = value(parser, 0)?;
                arguments.named.push((name, value));
            } else {
                parser.cursor = here;
                let value = value(parser, 0)?;
                arguments.values.push(value);
            }
            separator(parser)?;
        }
    }

    /// Takes the argument of this name.
    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.named.iter().position(|(other, _)| *other == name)?;
        Some(self.named.swap_remove(at).1)
    }

    fn flag(&mut self, name: &str, otherwise: bool) -> Parsed<bool> {
        match self.take(name) {
            None => Ok(otherwise),
            Some(Value::Flag(flag)) => Ok(flag),
            Some(_) => Err(self.begin.malformed(format!("{name} is true or false"))),
        }
    }

    /// Every argument was taken.
    fn check_names(&self) -> Parsed<()> {
        match self.named.first() {
            None => Ok(()),
            Some((name, _)) => Err(self.begin.malformed(format!("the macro has no argument \"{name}\""))),
        }
    }
}

/// Behind a value: a comma, or the end is next.
fn separator(parser: &mut Parser) -> Parsed<()> {
    parser.cursor.blanks(true);
    if parser.cursor.eat(",") || parser.cursor.peek() == Some(')') {
        return Ok(());
    }
    Err(parser.cursor.malformed("expected , or )"))
}

/// Tuples within tuples.
const MAX_TUPLES: usize = 8;

fn value<'a>(parser: &mut Parser<'a>, depth: usize) -> Parsed<Value<'a>> {
    parser.cursor.blanks(true);
    let begin = parser.cursor;
    match parser.cursor.peek() {
        Some('"') => literal::text(&mut parser.cursor).map(Value::Text),
        Some('0'..='9') => parser.cursor.count().map(Value::Number),
        Some('(') if depth < MAX_TUPLES => {
            parser.cursor.next();
            let mut values = Vec::new();
            loop {
                parser.cursor.blanks(true);
                if parser.cursor.eat(")") {
                    return Ok(Value::Tuple(values));
                }
                values.push(value(parser, depth + 1)?);
                separator(parser)?;
            }
        }
        _ => match parser.cursor.name() {
            "" => {
                Err(begin.malformed("expected a value").hinted("values are texts, numbers, true, false, names, tuples"))
            }
            "true" => Ok(Value::Flag(true)),
            "false" => Ok(Value::Flag(false)),
            name => Ok(Value::Name(name)),
        },
    }
}

/// `Regex("pattern", flags="is", json_string=false)`.
fn regex_of(_: &mut Parser, _: &str, mut arguments: Arguments) -> Parsed<Expr> {
    let begin = arguments.begin;
    let in_json = arguments.flag("json_string", false)?;
    let flags = match arguments.take("flags") {
        None => None,
        Some(Value::Text(flags)) => Some(flags),
        Some(_) => return Err(begin.malformed("flags are a text of letters")),
    };
    arguments.check_names()?;
    let [Value::Text(pattern)] = &arguments.values[..] else {
        return Err(begin.malformed("Regex takes one text"));
    };
    let located = |why: Diagnostic| Diagnostic { position: begin.malformed("").position, ..why };
    let mut regex = regex::xgrammar::read(pattern, flags.as_deref()).map_err(located)?;
    if in_json {
        // What needs no escape in a JSON string.
        let plain = CharSet::new([(0, 0x1F), ('"' as u32, '"' as u32), ('\\' as u32, '\\' as u32)]).complement();
        regex = Regex::And(vec![regex, Regex::Class(plain).repeat(0, None)]);
    }
    regex::whole(regex).map_err(located)
}

/// `Substring("chunk", ...)`: some chunks in a row, or nothing.
fn substring(parser: &mut Parser, _: &str, arguments: Arguments) -> Parsed<Expr> {
    arguments.check_names()?;
    let mut ways = vec![Expr::Empty];
    let mut rest = Expr::Empty;
    for chunk in arguments.values.iter().rev() {
        let Value::Text(chunk) = chunk else { return Err(arguments.begin.malformed("Substring takes texts")) };
        let body = Expr::seq(vec![Expr::text(chunk), rest.repeat(0, Some(1))]);
        rest = Expr::Rule(parser.made("Substring", arguments.begin.at, body));
        ways.push(rest.clone());
    }
    Ok(Expr::alt(ways))
}

/// `Token(id, ...)`, `ExcludeToken(id, ...)`.
fn tokens(_: &mut Parser, name: &str, arguments: Arguments) -> Parsed<Expr> {
    arguments.check_names()?;
    let ids = ids(&arguments.values, arguments.begin)?;
    if ids.is_empty() {
        return Err(arguments.begin.malformed(format!("{name} takes at least one id")));
    }
    Ok(Expr::Token(if name == "Token" { TokenClass::Ids(ids) } else { TokenClass::NotIds(ids) }))
}

fn ids(values: &[Value], begin: Cursor) -> Parsed<Vec<(u32, u32)>> {
    let id = |value: &Value| match value {
        Value::Number(id) => Ok((*id, *id)),
        _ => Err(begin.malformed("ids of tokens are numbers")),
    };
    values.iter().map(id).collect()
}

/// The values of an argument that is a tuple, or one value in parentheses.
fn tuple<'a>(value: Option<Value<'a>>, begin: Cursor) -> Parsed<Vec<Value<'a>>> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Tuple(values)) => Ok(values),
        Some(_) => Err(begin.malformed("excludes are a tuple")),
    }
}

/// `TagDispatch(("tag", rule), .., loop_after_dispatch=true, excludes=("text", ..))`.
fn tag_dispatch(parser: &mut Parser, _: &str, mut arguments: Arguments) -> Parsed<Expr> {
    let begin = arguments.begin;
    let again = arguments.flag("loop_after_dispatch", true)?;
    let text = |value: &Value| match value {
        Value::Text(text) if !text.is_empty() => Ok(text.clone()),
        _ => Err(begin.malformed("tags and excludes are texts that are not empty")),
    };
    let excludes = tuple(arguments.take("excludes"), begin)?.iter().map(text).collect::<Parsed<Vec<_>>>()?;
    arguments.check_names()?;
    let mut ways = Vec::new();
    for pair in &arguments.values {
        let Value::Tuple(pair) = pair else { return Err(begin.malformed("a tag comes as (\"tag\", rule)")) };
        let [tag, Value::Name(rule)] = &pair[..] else {
            return Err(begin.malformed("a tag comes as (\"tag\", rule)"));
        };
        let rule = Expr::Rule(parser.called(rule, begin.at));
        ways.push((text(tag)?, rule));
    }
    for (tag, _) in &ways {
        if let Some(exclude) = excludes.iter().find(|exclude| tag.starts_with(&***exclude)) {
            return Err(begin.malformed(format!("the tag \"{tag}\" begins with \"{exclude}\", which is excluded")));
        }
    }
    Ok(dispatch::Dispatch { ways, excludes, again }.expr())
}

/// `TokenTagDispatch((id, rule), .., loop_after_dispatch=true, excludes=(id, ..))`.
fn token_dispatch(parser: &mut Parser, _: &str, mut arguments: Arguments) -> Parsed<Expr> {
    let begin = arguments.begin;
    let again = arguments.flag("loop_after_dispatch", true)?;
    let mut others = ids(&tuple(arguments.take("excludes"), begin)?, begin)?;
    arguments.check_names()?;
    let mut ways = Vec::new();
    for pair in &arguments.values {
        let pair = match pair {
            Value::Tuple(pair) => &pair[..],
            _ => &[],
        };
        let [Value::Number(id), Value::Name(rule)] = pair else {
            return Err(begin.malformed("a tag comes as (id, rule)"));
        };
        if others.contains(&(*id, *id)) {
            return Err(begin.malformed(format!("the token {id} is a tag and excluded")));
        }
        let rule = Expr::Rule(parser.called(rule, begin.at));
        ways.push((TokenClass::Ids(vec![(*id, *id)]), rule));
    }
    others.extend(ways.iter().flat_map(|(class, _)| match class {
        TokenClass::Ids(ids) => ids.clone(),
        _ => Vec::new(),
    }));
    Ok(dispatch::tokens(ways, TokenClass::NotIds(others), again))
}

impl Parser<'_> {
    /// A rule that no name finds.
    fn made(&mut self, name: &str, at: usize, body: Expr) -> crate::grammar::RuleId {
        let id = self.rules.builder.unnamed(name);
        self.rules.written.push(Written { id, name: name.into(), at, body, attributes: Attributes::default() });
        id
    }
}
