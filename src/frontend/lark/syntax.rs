//! What a Lark file says, as a tree.

use std::rc::Rc;

use super::{Place, parametric};
use crate::grammar::TokenClass;

/// The parts of a file or of a nested grammar, in order.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Document {
    pub statements: Vec<Statement>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Statement {
    Define(Rc<Definition>),
    Override(Rc<Definition>),
    Extend(Rc<Definition>),
    Ignore(Place, Choice),
    Import {
        place: Place,
        library: Box<str>,
        /// What is imported, and the name that it gets.
        names: Vec<(Box<str>, Box<str>)>,
    },
    Options(Place, Box<str>),
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    pub name: Box<str>,
    pub place: Place,
    /// Names that stand for what the rule is called with.
    pub parameters: Vec<Box<str>>,
    /// It is called with a number.
    pub takes_number: bool,
    pub attributes: Attributes,
    pub body: Choice,
}

/// What stands in brackets behind a rule's name, as far as it says something about the texts.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes {
    pub lazy: bool,
    pub stop: Option<(Place, Atom)>,
    pub suffix: Option<(Place, Atom)>,
    /// The rule is cut where so many of the model's tokens have come.
    pub max_tokens: Option<u32>,
    /// It is cut where so many characters have come.
    pub max_chars: Option<u32>,
}

impl Attributes {
    /// The rule is one lexeme.
    pub fn is_lexical(&self) -> bool {
        self.lazy || self.stop.is_some() || self.suffix.is_some()
    }
}

impl Definition {
    /// No rule, token or schema stands in it, and no name of an argument.
    pub fn is_of_terminals(&self) -> bool {
        let mut all = self.parameters.is_empty() && !self.takes_number;
        self.body.atoms(&mut |term| {
            all &= match &term.atom {
                Atom::Name { name, number } => number.is_none() && is_terminal(name),
                Atom::Call { .. } | Atom::Token(_) | Atom::Grammar(_) | Atom::Json(_) | Atom::Nested(_) => false,
                _ => true,
            }
        });
        all
    }
}

/// Any of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    pub ways: Vec<Way>,
}

/// One after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    pub place: Place,
    /// Sequences that must all match the same text: more than one with `&` only.
    pub parts: Vec<Vec<Term>>,
    pub condition: Option<parametric::Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    pub place: Place,
    pub atom: Atom,
    /// How often, from and to.
    pub times: Option<(u32, Option<u32>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    Name {
        name: Box<str>,
        number: Option<parametric::Number>,
    },
    Call {
        name: Box<str>,
        arguments: Vec<Term>,
    },
    Text {
        text: Box<str>,
        ignore_case: bool,
    },
    Range(char, char),
    Regex {
        pattern: Box<str>,
        flags: Box<str>,
    },
    Token(TokenClass),
    Grammar(Box<str>),
    Json(Box<str>),
    /// Any neighbouring ones of these.
    Chunks(Rc<[Box<str>]>),
    Nested(Rc<Document>),
    Group(Choice),
    Optional(Choice),
    Not(Box<Term>),
}

/// Whether a name is one of a terminal: its first letter is large.
pub fn is_terminal(name: &str) -> bool {
    name.trim_start_matches('_').starts_with(|c: char| c.is_ascii_uppercase())
}

impl Choice {
    /// Calls `visit` with every atom that stands in it, at any depth.
    pub fn atoms<'a>(&'a self, visit: &mut dyn FnMut(&'a Term)) {
        for way in &self.ways {
            way.parts.iter().flatten().for_each(|term| term.atoms(visit));
        }
    }
}

impl Term {
    pub fn atoms<'a>(&'a self, visit: &mut dyn FnMut(&'a Term)) {
        visit(self);
        match &self.atom {
            Atom::Group(choice) | Atom::Optional(choice) => choice.atoms(visit),
            Atom::Not(term) => term.atoms(visit),
            Atom::Call { arguments, .. } => arguments.iter().for_each(|term| term.atoms(visit)),
            _ => {}
        }
    }
}
