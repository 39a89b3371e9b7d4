//! Clauses as trees: the part of Python's expressions that conditions are made of.

use super::{
    super::Diagnostic,
    DiagnosticKind,
    lex::{Word, words},
    refused,
};

/// A part of a clause, and where it begins.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    pub kind: Kind<'a>,
    pub at: usize,
}

#[derive(Clone, Debug)]
pub enum Kind<'a> {
    Or(Vec<Node<'a>>),
    And(Vec<Node<'a>>),
    Not(Box<Node<'a>>),
    /// The first, and each next one with how the one before is compared with it.
    Compare(Box<Node<'a>>, Vec<(Comparison, Node<'a>)>),
    Call(&'a str, Vec<Node<'a>>),
    Name(&'a str),
    /// As written, a sign before it.
    Number(String),
    Text(String),
    List(Vec<Node<'a>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Is,
}

/// Conditions within conditions.
const MAX_DEPTH: usize = 100;

pub fn read(source: &str) -> Result<Node<'_>, Diagnostic> {
    let mut parser = Parser { source, words: words(source)?, at: 0, depth: 0 };
    let node = parser.either()?;
    match parser.words.get(parser.at) {
        None => Ok(node),
        Some(_) => Err(parser.wrong("this does not belong here")),
    }
}

struct Parser<'a> {
    source: &'a str,
    words: Vec<(Word<'a>, usize)>,
    at: usize,
    depth: usize,
}

type Parsed<'a> = Result<Node<'a>, Diagnostic>;

impl<'a> Parser<'a> {
    fn place(&self) -> usize {
        self.words.get(self.at).map_or(self.source.len(), |(_, at)| *at)
    }

    fn wrong(&self, message: &str) -> Diagnostic {
        refused(DiagnosticKind::Invalid, message, self.source, self.place())
    }

    fn eat(&mut self, word: &Word) -> bool {
        let found = self.words.get(self.at).is_some_and(|(next, _)| next == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Diagnostic> {
        if self.eat(&Word::Sign(sign)) { Ok(()) } else { Err(self.wrong(&format!("expected {sign}"))) }
    }

    fn either(&mut self) -> Parsed<'a> {
        let at = self.place();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("the clause is nested more than {MAX_DEPTH} deep");
            return Err(refused(DiagnosticKind::TooLarge, message, self.source, at));
        }
        let mut ways = vec![self.all()?];
        while self.eat(&Word::Name("or")) {
            ways.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if ways.len() == 1 { ways.remove(0) } else { Node { kind: Kind::Or(ways), at } })
    }

    fn all(&mut self) -> Parsed<'a> {
        let at = self.place();
        let mut parts = vec![self.negation()?];
        while self.eat(&Word::Name("and")) {
            parts.push(self.negation()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node { kind: Kind::And(parts), at } })
    }

    fn negation(&mut self) -> Parsed<'a> {
        let at = self.place();
        let mut count = 0;
        while self.eat(&Word::Name("not")) {
            count += 1;
        }
        let node = self.comparison()?;
        Ok(if count % 2 == 1 { Node { kind: Kind::Not(Box::new(node)), at } } else { node })
    }

    fn comparison(&mut self) -> Parsed<'a> {
        let first = self.operand()?;
        let mut rest = Vec::new();
        while let Some(how) = self.how()? {
            rest.push((how, self.operand()?));
        }
        let at = first.at;
        Ok(if rest.is_empty() { first } else { Node { kind: Kind::Compare(Box::new(first), rest), at } })
    }

    fn how(&mut self) -> Result<Option<Comparison>, Diagnostic> {
        let how = match self.words.get(self.at) {
            Some((Word::Sign("=="), _)) => Comparison::Equal,
            Some((Word::Sign("!="), _)) => Comparison::NotEqual,
            Some((Word::Sign("<"), _)) => Comparison::Less,
            Some((Word::Sign("<="), _)) => Comparison::LessOrEqual,
            Some((Word::Sign(">"), _)) => Comparison::Greater,
            Some((Word::Sign(">="), _)) => Comparison::GreaterOrEqual,
            Some((Word::Name("in"), _)) => Comparison::In,
            Some((Word::Name("is"), _)) => Comparison::Is,
            Some((Word::Name("not"), _)) => {
                self.at += 1;
                if !matches!(self.words.get(self.at), Some((Word::Name("in"), _))) {
                    return Err(self.wrong("expected in behind not"));
                }
                Comparison::NotIn
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(how))
    }

    fn operand(&mut self) -> Parsed<'a> {
        let at = self.place();
        let Some((word, _)) = self.words.get(self.at).cloned() else {
            return Err(self.wrong("something is missing at the end"));
        };
        self.at += 1;
        let kind = match word {
            Word::Name(name) if matches!(name, "and" | "or" | "in" | "is" | "not") => {
                self.at -= 1;
                return Err(self.wrong(&format!("\"{name}\" does not belong here")));
            }
            Word::Name(name) if self.eat(&Word::Sign("(")) => Kind::Call(name, self.list(")")?),
            Word::Name(name) => Kind::Name(name),
            Word::Number(number) => Kind::Number(number.replace('_', "")),
            Word::Text(text) => Kind::Text(text),
            Word::Sign("-") => match self.words.get(self.at).cloned() {
                Some((Word::Number(number), _)) => {
                    self.at += 1;
                    Kind::Number(format!("-{}", number.replace('_', "")))
                }
                _ => return Err(self.wrong("expected a number behind -")),
            },
            Word::Sign("(") => {
                let node = self.either()?;
                self.expect(")")?;
                return Ok(node);
            }
            Word::Sign("[") => Kind::List(self.list("]")?),
            Word::Sign("{") => Kind::List(self.list("}")?),
            Word::Sign(sign) => {
                self.at -= 1;
                return Err(self.wrong(&format!("{sign} does not belong here")));
            }
        };
        Ok(Node { kind, at })
    }

    fn list(&mut self, end: &'static str) -> Result<Vec<Node<'a>>, Diagnostic> {
        let mut nodes = Vec::new();
        while !self.eat(&Word::Sign(end)) {
            nodes.push(self.either()?);
            if !self.eat(&Word::Sign(",")) {
                self.expect(end)?;
                break;
            }
        }
        Ok(nodes)
    }
}
