//! Calls of tools as a family of models writes them, and the answers in which they may come.
//!
//! Nouns: a [`Family`] is how calls are marked, as data in `grammars/tools/`; a [`Request`] says which tools there are and
//! whether one must be called; from both comes a [`Grammar`] of whole answers.
//!
//! A marker that is one of a model's special tokens may come as that token or as its text: which it is, is for the
//! vocabulary to say. Free text ends where a call begins, and nothing follows the calls. An [`AnswerReader`] takes such
//! an answer apart again.

mod family;
mod reader;

pub use family::Family;
pub use reader::{AnswerReader, Part};

use super::{
    Diagnostic, DiagnosticKind, dispatch, regex,
    structural_tag::{self, Reader},
};
use crate::grammar::{Expr, Grammar, Regex, TokenClass};

/// A tool: its name, and the JSON Schema of its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Tool<'a> {
    pub name: &'a str,
    pub parameters: &'a str,
}

/// Whether a tool is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice<'a> {
    /// As the model likes.
    #[default]
    Auto,
    /// At least one.
    Required,
    /// This one.
    Named(&'a str),
    None,
}

/// What comes before the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reasoning {
    #[default]
    None,
    /// A block of it, or nothing.
    Optional,
    /// The rest of a block that the prompt has opened.
    Open,
}

/// An answer is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    pub tools: &'a [Tool<'a>],
    pub choice: Choice<'a>,
    /// More than one call may come.
    pub parallel: bool,
    pub reasoning: Reasoning,
    /// What an answer is like that calls no tool; free text, if nothing is said.
    pub answer: Option<&'a Grammar>,
}

impl Family {
    /// The answers to a request.
    ///
    /// # Errors
    /// There is no such tool, or its arguments cannot be held to in this family's form.
    pub fn grammar(&self, request: &Request) -> Result<Grammar, Diagnostic> {
        let mut reader = Reader::default();
        let calls = self.calls(&mut reader, request)?;
        let answer = |reader: &mut Reader| match request.answer {
            Some(grammar) => {
                let answer = Expr::Rule(reader.builder.include(grammar));
                Expr::seq(vec![self.marked(&self.answer), answer])
            }
            None => Expr::seq(vec![self.marked(&self.answer), self.free()]),
        };
        let body = match (request.choice, calls) {
            (Choice::Auto, Some(calls)) if request.answer.is_some() || !self.answer.is_empty() => {
                Expr::Alt(vec![calls, answer(&mut reader)])
            }
            (Choice::Auto, Some(calls)) => Expr::seq(vec![self.free(), calls.repeat(0, Some(1))]),
            (Choice::Auto | Choice::None, _) => answer(&mut reader),
            (Choice::Required | Choice::Named(_), Some(calls)) => calls,
            (Choice::Required | Choice::Named(_), None) => {
                return Err(refused(DiagnosticKind::Invalid, "a tool is to be called, and there is none"));
            }
        };
        let body = Expr::seq(vec![self.thought(request.reasoning)?, body]);
        Ok(reader.finish(body))
    }

    /// All calls; None if no tool may be called.
    fn calls(&self, reader: &mut Reader, request: &Request) -> Result<Option<Expr>, Diagnostic> {
        let tools: Vec<&Tool> = match request.choice {
            Choice::None => return Ok(None),
            Choice::Named(name) => request.tools.iter().filter(|tool| tool.name == name).collect(),
            Choice::Auto | Choice::Required => request.tools.iter().collect(),
        };
        if tools.is_empty() {
            return match request.choice {
                Choice::Named(name) => Err(refused(DiagnosticKind::Invalid, format!("there is no tool \"{name}\""))),
                _ => Ok(None),
            };
        }
        let mut ways = Vec::new();
        for tool in tools {
            let arguments = structural_tag::arguments(reader, &self.style, tool.parameters)?;
            let arguments = reader.shared(tool.name, arguments);
            for call in &self.call {
                let (begin, end) = (self.filled(&call.begin, tool, &call.id)?, self.filled(&call.end, tool, &call.id)?);
                ways.push(Expr::seq(vec![begin, arguments.clone(), end]));
            }
        }
        let call = reader.shared("call", Expr::alt(ways));
        let mut all = vec![self.marked(&self.open), call.clone()];
        if request.parallel && !self.single {
            all.push(Expr::seq(vec![self.marked(&self.separator), call]).repeat(0, None));
        }
        all.push(self.marked(&self.close));
        Ok(Some(Expr::seq(all)))
    }

    /// A marker with the tool's name and an identifier in their places.
    fn filled(&self, marker: &str, tool: &Tool, id: &str) -> Result<Expr, Diagnostic> {
        let marker = marker.replace("{name}", tool.name);
        let Some((before, behind)) = marker.split_once("{id}") else { return Ok(self.marked(&marker)) };
        let id = Expr::Lexeme(regex::read(id, regex::Dialect::Ecma)?);
        Ok(Expr::seq(vec![self.marked(before), id, self.marked(behind)]))
    }

    /// A text; special tokens in it as such or as text.
    fn marked(&self, text: &str) -> Expr {
        let mut parts = Vec::new();
        let mut rest = text;
        let next = |rest: &str| {
            let found = self.special.iter().filter_map(|name| Some((rest.find(&**name)?, name)));
            found.min_by_key(|(at, name)| (*at, usize::MAX - name.len()))
        };
        while let Some((at, name)) = next(rest) {
            parts.push(Expr::text(&rest[..at]));
            parts.push(Expr::Alt(vec![Expr::text(name), Expr::Token(TokenClass::Named(name.clone()))]));
            rest = &rest[at + name.len()..];
        }
        parts.push(Expr::text(rest));
        parts.retain(|part| *part != Expr::Empty);
        Expr::seq(parts)
    }

    /// Text in which no call begins, and no reasoning.
    fn free(&self) -> Expr {
        let mut marks = vec![&*self.trigger];
        if let Some(reasoning) = &self.reasoning {
            marks.extend([reasoning.open.trim(), reasoning.close.trim()]);
        }
        marks.sort_unstable();
        Expr::Lexeme(dispatch::without(&marks))
    }

    fn thought(&self, reasoning: Reasoning) -> Result<Expr, Diagnostic> {
        if reasoning == Reasoning::None {
            return Ok(Expr::Empty);
        }
        let Some(marks) = &self.reasoning else {
            return Err(refused(DiagnosticKind::Unsupported, "this family of models has no form for reasoning"));
        };
        let close = marks.close.trim_end();
        let text: Regex = dispatch::without(&[close]);
        let blanks = Expr::Lexeme(Regex::text("\n").repeat(0, Some(2)));
        let rest = Expr::seq(vec![Expr::Lexeme(text), self.marked(close), blanks]);
        Ok(match reasoning {
            Reasoning::Open => rest,
            _ => Expr::seq(vec![self.marked(&marks.open), rest]).repeat(0, Some(1)),
        })
    }
}

fn refused(kind: DiagnosticKind, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(kind, message)
}

#[cfg(test)]
mod tests;
