//! Attributes of EBNF's rules, and what they make of them: `name[lazy, max_chars=5] ::= ...`.

use rustc_hash::FxHashSet;

use super::{
    super::{
        Diagnostic, DiagnosticKind,
        regular::{self, Regular},
    },
    Dialect,
    body::{Rules, Written},
    cursor::{Cursor, refused},
};
use crate::grammar::{Expr, Grammar, RuleId};

/// What a rule's attributes ask of its texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// The shortest matches only.
    lazy: bool,
    max_chars: Option<u32>,
    /// It is cut where so many tokens have come.
    max_tokens: Option<u32>,
}

/// Passes the attributes behind a rule's name. None: what is here are none.
pub fn skip(cursor: &mut Cursor) -> Option<()> {
    if cursor.dialect == Dialect::Ebnf && cursor.eat("[") {
        let line = cursor.take(|c| !matches!(c, ']' | '\n' | '\r'));
        (!line.is_empty() && cursor.eat("]")).then_some(())?;
    }
    Some(())
}

/// The attributes behind a rule's name.
pub fn read(cursor: &mut Cursor) -> Result<Attributes, Diagnostic> {
    let mut attributes = Attributes::default();
    if cursor.dialect != Dialect::Ebnf || !cursor.eat("[") {
        return Ok(attributes);
    }
    loop {
        cursor.blanks(false);
        let begin = *cursor;
        let name = cursor.name();
        cursor.blanks(false);
        let value = if cursor.eat("=") { Some(value(cursor)?) } else { None };
        attributes.set(name, value, begin)?;
        cursor.blanks(false);
        if cursor.eat("]") {
            return Ok(attributes);
        }
        if !cursor.eat(",") {
            return Err(cursor.malformed("expected , or ] behind the attribute"));
        }
    }
}

/// What stands behind `=`, as written.
fn value<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Diagnostic> {
    cursor.blanks(false);
    if !cursor.eat("\"") {
        return Ok(cursor.take(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_')));
    }
    let text = cursor.take(|c| !matches!(c, '"' | '\n' | '\r'));
    if cursor.eat("\"") { Ok(text) } else { Err(cursor.malformed("the text has no end in its line")) }
}

impl Attributes {
    fn set(&mut self, name: &str, value: Option<&str>, begin: Cursor) -> Result<(), Diagnostic> {
        match (name, value) {
            ("lazy", None) => self.lazy = true,
            ("max_chars", Some(count)) => {
                let count = count.parse().map_err(|_| begin.malformed("max_chars is a number of characters"))?;
                self.max_chars = Some(count);
            }
            ("max_tokens", Some(count)) => {
                let count = count.parse().map_err(|_| begin.malformed("max_tokens is a number of tokens"))?;
                self.max_tokens = Some(count);
            }
            ("temperature", Some(degree)) => {
                let degree = degree.parse::<f64>().ok().filter(|degree| degree.is_finite() && *degree >= 0.0);
                degree.ok_or_else(|| begin.malformed("temperature is a finite number and not negative"))?;
            }
            // What is captured is for others to know.
            (capture, _) if capture.contains("capture") => {}
            _ => return Err(begin.malformed(format!("\"{name}\" is no attribute"))),
        }
        Ok(())
    }

    fn ask_nothing(self) -> bool {
        !self.lazy && self.max_chars.is_none()
    }
}

/// The grammar of all rules, each as its attributes make it.
pub fn applied(rules: Rules, source: &str, root: &str) -> Result<Grammar, Diagnostic> {
    let Rules { mut builder, written, calls } = rules;
    let known: FxHashSet<RuleId> = written.iter().map(|rule| rule.id).collect();
    if let Some((id, at)) = calls.iter().find(|(id, _)| !known.contains(id)) {
        let name = builder.undefined().find(|name| builder.find(name) == Some(*id)).unwrap_or_default();
        return Err(refused(DiagnosticKind::Invalid, format!("there is no rule \"{name}\""), source, *at));
    }
    let Some(start) = builder.find(root).filter(|id| known.contains(id)) else {
        let why = refused(DiagnosticKind::Invalid, format!("there is no rule \"{root}\" to begin with"), source, 0);
        return Err(match written.first() {
            Some(first) => why.hinted(format!("give the first rule that name, or ask for \"{}\"", first.name)),
            None => why,
        });
    };
    let bodies = {
        let mut regular = Regular::new(written.iter().map(|rule| (rule.id, rule.rule())).collect());
        written.iter().map(|rule| rule.whole(&mut regular, source)).collect::<Result<Vec<_>, _>>()?
    };
    for (rule, body) in written.iter().zip(bodies) {
        builder.define(rule.id, body);
    }
    Ok(builder.finish(start))
}

impl Written {
    fn rule(&self) -> regular::Rule<'_> {
        let Attributes { lazy, max_chars, max_tokens } = self.attributes;
        regular::Rule { body: &self.body, lazy, max_chars, counts_tokens: max_tokens.is_some() }
    }

    /// Its body, as its attributes make it.
    fn whole(&self, regular: &mut Regular, source: &str) -> Result<Expr, Diagnostic> {
        let cut = |body: Expr| match self.attributes.max_tokens {
            Some(most) => body.cut_at(most),
            None => body,
        };
        if self.attributes.ask_nothing() {
            return Ok(cut(self.body.clone()));
        }
        if let Some(regex) = regular.texts(self.id) {
            return Ok(cut(Expr::Lexeme(regex)));
        }
        let message = format!("the attributes of \"{}\" cannot be held to: it is no regular expression", self.name);
        let why = refused(DiagnosticKind::Unsupported, message, source, self.at);
        Err(why.hinted("it may call itself only as the last part of its alternatives, and may have no tokens in it"))
    }
}
