//! Attributes of EBNF's rules, and what they make of them: `name[lazy, max_chars=5] ::= ...`.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    super::{Diagnostic, DiagnosticKind},
    Dialect,
    body::{Rules, Written},
    cursor::{Cursor, refused},
};
use crate::grammar::{Expr, Grammar, Regex, RuleId};

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

    fn apply(self, mut regex: Regex) -> Regex {
        if self.lazy {
            regex = Regex::Shortest(Box::new(regex));
        }
        if let Some(max) = self.max_chars {
            let any = Regex::Class(crate::grammar::CharSet::all());
            regex = Regex::And(vec![regex, any.repeat(0, Some(max))]);
        }
        regex
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
        let mut regular = Regular::new(&written);
        written.iter().map(|rule| regular.body(rule, source)).collect::<Result<Vec<_>, _>>()?
    };
    for (rule, body) in written.iter().zip(bodies) {
        builder.define(rule.id, body);
    }
    Ok(builder.finish(start))
}

/// Parts of all expressions that one grammar's attributes may need.
const MAX_PARTS: usize = 200_000;

/// Rules as regular expressions.
struct Regular<'a> {
    rules: FxHashMap<RuleId, &'a Written>,
    /// None: it is none, or is being looked at.
    known: FxHashMap<RuleId, Option<Regex>>,
    left: usize,
    /// The rule whose body is asked for.
    outer: Option<RuleId>,
}

impl<'a> Regular<'a> {
    fn new(written: &'a [Written]) -> Self {
        let rules = written.iter().map(|rule| (rule.id, rule)).collect();
        Self { rules, known: FxHashMap::default(), left: MAX_PARTS, outer: None }
    }

    fn body(&mut self, rule: &Written, source: &str) -> Result<Expr, Diagnostic> {
        let cut = |body: Expr| match rule.attributes.max_tokens {
            Some(most) => body.cut_at(most),
            None => body,
        };
        if rule.attributes.ask_nothing() {
            return Ok(cut(rule.body.clone()));
        }
        self.outer = Some(rule.id);
        if let Some(regex) = self.rule(rule.id) {
            return Ok(cut(Expr::Lexeme(regex)));
        }
        let message = format!("the attributes of \"{}\" cannot be held to: it is no regular expression", rule.name);
        let why = refused(DiagnosticKind::Unsupported, message, source, rule.at);
        Err(why.hinted("it may call itself only as the last part of its alternatives, and may have no tokens in it"))
    }

    fn rule(&mut self, id: RuleId) -> Option<Regex> {
        let is_cut = |rule: &&Written| rule.attributes.max_tokens.is_some();
        if self.outer != Some(id) && self.rules.get(&id).is_some_and(is_cut) {
            // Its texts alone do not tell where it ends.
            return None;
        }
        if let Some(known) = self.known.get(&id) {
            let known = known.clone()?;
            self.left = self.left.checked_sub(parts_of(&known))?;
            return Some(known);
        }
        self.known.insert(id, None);
        let rule = *self.rules.get(&id)?;
        let (mut turns, mut ends) = (Vec::new(), Vec::new());
        self.ways(id, &rule.body, &mut turns, &mut ends)?;
        let mut regex = Regex::alternation(ends);
        if !turns.is_empty() {
            regex = Regex::Concat(vec![Regex::alternation(turns).repeat(0, None), regex]);
        }
        let regex = rule.attributes.apply(regex);
        self.known.insert(id, Some(regex.clone()));
        Some(regex)
    }

    /// The alternatives of a rule: those that end in the rule itself, without that, and the others.
    fn ways(&mut self, id: RuleId, body: &Expr, turns: &mut Vec<Regex>, ends: &mut Vec<Regex>) -> Option<()> {
        match body {
            Expr::Alt(ways) => ways.iter().try_for_each(|way| self.ways(id, way, turns, ends)),
            Expr::Rule(callee) if *callee == id => Some(()),
            Expr::Seq(parts) if parts.last() == Some(&Expr::Rule(id)) => {
                turns.push(self.sequence(&parts[..parts.len() - 1])?);
                Some(())
            }
            other => {
                ends.push(self.expr(other)?);
                Some(())
            }
        }
    }

    fn sequence(&mut self, parts: &[Expr]) -> Option<Regex> {
        parts.iter().map(|part| self.expr(part)).collect::<Option<_>>().map(Regex::concat)
    }

    fn expr(&mut self, body: &Expr) -> Option<Regex> {
        self.left = self.left.checked_sub(1)?;
        match body {
            Expr::Empty => Some(Regex::Empty),
            Expr::Lexeme(regex) => {
                self.left = self.left.checked_sub(parts_of(regex))?;
                Some(regex.clone())
            }
            Expr::Rule(callee) => self.rule(*callee),
            Expr::Seq(parts) => self.sequence(parts),
            Expr::Alt(ways) => ways.iter().map(|way| self.expr(way)).collect::<Option<_>>().map(Regex::alternation),
            Expr::Repeat { body, min, max } => Some(self.expr(body)?.repeat(*min, *max)),
            Expr::Token(_)
            | Expr::Pattern(_)
            | Expr::Json(_)
            | Expr::Ignore(_)
            | Expr::Edge(_)
            | Expr::Counted { .. } => None,
        }
    }
}

fn parts_of(regex: &Regex) -> usize {
    match regex {
        Regex::Empty | Regex::Class(_) | Regex::Bytes(..) | Regex::Look(_) => 1,
        Regex::Concat(parts) | Regex::Alternation(parts) | Regex::And(parts) => {
            1 + parts.iter().map(parts_of).sum::<usize>()
        }
        Regex::Not(body) | Regex::Shortest(body) | Regex::Repeat { body, .. } => 1 + parts_of(body),
    }
}
