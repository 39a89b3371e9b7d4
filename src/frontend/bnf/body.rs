//! Rules, alternatives, sequences, repeats.

use super::{
    super::{Diagnostic, DiagnosticKind},
    Dialect, MAX_DEPTH,
    attribute::{self, Attributes},
    cursor::Cursor,
    literal, macros,
};
use crate::grammar::{Builder, CharSet, Expr, Regex, RuleId, TokenClass};

/// A rule as written.
pub struct Written {
    pub id: RuleId,
    pub name: Box<str>,
    pub at: usize,
    pub body: Expr,
    pub attributes: Attributes,
}

/// All rules of a source.
pub struct Rules {
    pub builder: Builder,
    pub written: Vec<Written>,
    /// Where a rule was first called.
    pub calls: Vec<(RuleId, usize)>,
}

pub struct Parser<'a> {
    pub cursor: Cursor<'a>,
    pub rules: Rules,
    depth: usize,
    /// What is read is a condition on what follows.
    pub is_ahead: bool,
}

type Parsed<T> = Result<T, Diagnostic>;

impl<'a> Parser<'a> {
    pub fn new(source: &'a str, dialect: Dialect) -> Self {
        let rules = Rules { builder: Builder::default(), written: Vec::new(), calls: Vec::new() };
        Self { cursor: Cursor { source, dialect, at: 0 }, rules, depth: 0, is_ahead: false }
    }

    pub fn rules(mut self) -> Parsed<Rules> {
        self.cursor.blanks(true);
        while self.cursor.peek().is_some() {
            self.rule()?;
            self.cursor.blanks(true);
        }
        Ok(self.rules)
    }

    fn rule(&mut self) -> Parsed<()> {
        let begin = self.cursor;
        let name = self.cursor.name();
        if name.is_empty() {
            return Err(begin.malformed("expected a rule").hinted("a rule is written name ::= ..."));
        }
        let id = self.rules.builder.rule(name);
        if self.rules.written.iter().any(|other| other.id == id) {
            return Err(begin.malformed(format!("the rule \"{name}\" is there twice")).hinted("join them with |"));
        }
        let attributes = attribute::read(&mut self.cursor)?;
        self.cursor.blanks(self.cursor.dialect == Dialect::Ebnf);
        if !self.cursor.eat("::=") {
            let why = self.cursor.malformed(format!("expected ::= behind \"{name}\""));
            return Err(match self.cursor.dialect {
                Dialect::Gbnf => why.hinted("a rule goes on in the next line in parentheses or behind | only"),
                Dialect::Ebnf => why,
            });
        }
        self.cursor.blanks(true);
        let body = self.alternatives(false)?;
        if self.cursor.dialect == Dialect::Ebnf && self.cursor.eat("(=") {
            self.look_ahead()?;
        }
        self.rules.written.push(Written { id, name: name.into(), at: begin.at, body, attributes });
        self.end_of_rule()
    }

    fn end_of_rule(&mut self) -> Parsed<()> {
        self.cursor.blanks(false);
        match self.cursor.peek() {
            None | Some('\n' | '\r') => Ok(()),
            _ if self.cursor.dialect == Dialect::Ebnf && self.is_head() => self.check_line(),
            Some(c) => Err(self.cursor.malformed(format!("'{c}' does not belong here"))),
        }
    }

    /// A rule's name is the first thing in its line.
    fn check_line(&self) -> Parsed<()> {
        let before = &self.cursor.source[..self.cursor.at];
        let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
        let is_first = line.trim_start_matches([' ', '\t']).is_empty();
        let why = || self.cursor.malformed("a rule begins in a line of its own");
        if is_first { Ok(()) } else { Err(why()) }
    }

    /// What must follow: a sequence without alternatives, which is a hint to another engine and no demand.
    fn look_ahead(&mut self) -> Parsed<()> {
        self.is_ahead = true;
        self.cursor.blanks(true);
        self.alternatives(true)?;
        self.close()?;
        self.is_ahead = false;
        Ok(())
    }

    fn close(&mut self) -> Parsed<()> {
        if self.cursor.eat(")") {
            return Ok(());
        }
        Err(self.cursor.malformed("expected )"))
    }

    /// Whether a rule begins here.
    fn is_head(&self) -> bool {
        let mut ahead = self.cursor;
        if ahead.name().is_empty() || attribute::skip(&mut ahead).is_none() {
            return false;
        }
        ahead.blanks(ahead.dialect == Dialect::Ebnf);
        ahead.rest().starts_with("::=")
    }

    fn alternatives(&mut self, nested: bool) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("parentheses are nested more than {MAX_DEPTH} deep");
            return Err(self.cursor.refused(DiagnosticKind::TooLarge, message, self.cursor.at));
        }
        let mut ways = vec![self.sequence(nested)?];
        loop {
            // A line that begins with | belongs to the rule before it: no rule begins so.
            let mut ahead = self.cursor;
            ahead.blanks(true);
            if !ahead.eat("|") {
                break;
            }
            if self.is_ahead {
                return Err(self.cursor.malformed("alternatives in a look-ahead are not taken"));
            }
            ahead.blanks(true);
            self.cursor = ahead;
            ways.push(self.sequence(nested)?);
        }
        self.depth -= 1;
        Ok(Expr::alt(ways))
    }

    fn sequence(&mut self, nested: bool) -> Parsed<Expr> {
        let lines = nested || self.cursor.dialect == Dialect::Ebnf;
        let mut parts = Vec::new();
        loop {
            self.cursor.blanks(lines);
            let rest = self.cursor.rest();
            let is_over = match rest.chars().next() {
                None | Some('|' | ')' | '\n' | '\r') => true,
                Some('(') => rest.starts_with("(=") && self.cursor.dialect == Dialect::Ebnf,
                _ => self.is_head(),
            };
            if is_over {
                break;
            }
            let begin = self.cursor;
            let element = self.element()?;
            parts.push(self.repeated(element, begin, lines)?);
        }
        if parts.is_empty() && self.cursor.dialect == Dialect::Ebnf {
            return Err(self.cursor.malformed("the alternative is empty").hinted("the empty text is written \"\""));
        }
        Ok(Expr::seq(parts))
    }

    fn element(&mut self) -> Parsed<Expr> {
        let begin = self.cursor;
        let is_gbnf = self.cursor.dialect == Dialect::Gbnf;
        match self.cursor.peek() {
            Some('"') => Ok(Expr::text(&literal::text(&mut self.cursor)?)),
            Some('[') => Ok(Expr::Lexeme(Regex::Class(literal::class(&mut self.cursor)?))),
            Some('(') => self.group(),
            Some('.') if is_gbnf => {
                self.cursor.next();
                Ok(Expr::Lexeme(Regex::Class(CharSet::all())))
            }
            Some('<' | '!') if is_gbnf => self.token(),
            Some(c) => {
                let name = self.cursor.name();
                if name.is_empty() {
                    return Err(begin.malformed(format!("'{c}' does not belong here")));
                }
                if !is_gbnf && let Some(element) = macros::read(self, name, begin)? {
                    return Ok(element);
                }
                Ok(Expr::Rule(self.called(name, begin.at)))
            }
            None => Err(begin.malformed("the rule has no end")),
        }
    }

    fn group(&mut self) -> Parsed<Expr> {
        self.cursor.next();
        self.cursor.blanks(true);
        if self.cursor.eat(")") {
            return Ok(Expr::Empty);
        }
        let body = self.alternatives(true)?;
        self.cursor.blanks(true);
        self.close()?;
        Ok(body)
    }

    /// The rule of this name, which is called here.
    pub fn called(&mut self, name: &str, at: usize) -> RuleId {
        let is_new = self.rules.builder.find(name).is_none();
        let id = self.rules.builder.rule(name);
        if is_new {
            self.rules.calls.push((id, at));
        }
        id
    }

    /// A special token: `<name>`, `<[id]>`, either behind `!` for any other.
    fn token(&mut self) -> Parsed<Expr> {
        let begin = self.cursor;
        let negated = self.cursor.eat("!");
        if !self.cursor.eat("<") {
            return Err(begin.malformed("expected a token behind !").hinted("a token is written <name> or <[id]>"));
        }
        let by_id = self.cursor.eat("[");
        if by_id {
            let id = self.cursor.count()?;
            if !self.cursor.eat("]>") {
                return Err(self.cursor.malformed("expected ]> behind the token's id"));
            }
            let ids = vec![(id, id)];
            return Ok(Expr::Token(if negated { TokenClass::NotIds(ids) } else { TokenClass::Ids(ids) }));
        }
        let name = self.cursor.take(|c| c != '>' && !c.is_whitespace());
        if name.is_empty() || !self.cursor.eat(">") {
            return Err(begin.malformed("the token has no end").hinted("a token is written <name> or <[id]>"));
        }
        // The brackets are part of its written form.
        let name = format!("<{name}>").into();
        Ok(Expr::Token(if negated { TokenClass::NotNamed(name) } else { TokenClass::Named(name) }))
    }

    fn repeated(&mut self, mut element: Expr, begin: Cursor, lines: bool) -> Parsed<Expr> {
        let mut is_repeated = false;
        loop {
            self.cursor.blanks(lines);
            let here = self.cursor;
            let bounds = match self.cursor.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => self.bounds()?,
                _ => return Ok(element),
            };
            if here.peek() != Some('{') {
                self.cursor.next();
            }
            if is_repeated && here.dialect == Dialect::Ebnf {
                let repeated = &here.source[begin.at..here.at].trim_end();
                return Err(here.malformed("it is repeated twice").hinted(format!("write ({repeated})")));
            }
            is_repeated = true;
            element = element.repeat(bounds.0, bounds.1);
        }
    }

    /// `{n}`, `{n,}`, `{n,m}`; in EBNF -1 for m is none.
    fn bounds(&mut self) -> Parsed<(u32, Option<u32>)> {
        let begin = self.cursor;
        self.cursor.next();
        self.cursor.blanks(true);
        let min = self.cursor.count()?;
        self.cursor.blanks(true);
        let mut max = Some(min);
        if self.cursor.eat(",") {
            self.cursor.blanks(true);
            let is_open =
                self.cursor.rest().starts_with('}') || self.cursor.dialect == Dialect::Ebnf && self.cursor.eat("-1");
            max = if is_open { None } else { Some(self.cursor.count()?) };
            self.cursor.blanks(true);
        }
        if !self.cursor.eat("}") {
            return Err(self.cursor.malformed("expected } behind the bounds").hinted("bounds are {n}, {n,} or {n,m}"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(begin.malformed("the upper bound is below the lower one"));
        }
        Ok((min, max))
    }
}
