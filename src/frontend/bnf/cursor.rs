//! A place in the source.

use super::{
    super::{Diagnostic, DiagnosticKind},
    Dialect,
};

#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    pub source: &'a str,
    pub dialect: Dialect,
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Passes what is found by the predicate; it.
    pub fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Passes blanks and comments; ends of lines only if `lines`.
    pub fn blanks(&mut self, lines: bool) {
        loop {
            self.take(|c| matches!(c, ' ' | '\t') || lines && matches!(c, '\n' | '\r'));
            if self.peek() != Some('#') {
                return;
            }
            self.take(|c| !matches!(c, '\n' | '\r'));
        }
    }

    /// The name that is next, or "".
    pub fn name(&mut self) -> &'a str {
        match self.dialect {
            Dialect::Gbnf => self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')),
            Dialect::Ebnf if self.peek().is_some_and(|c| c.is_ascii_digit()) => "",
            Dialect::Ebnf => self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')),
        }
    }

    /// A count, in decimal digits.
    pub fn count(&mut self) -> Result<u32, Diagnostic> {
        let begin = self.at;
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.malformed("expected a number"));
        }
        digits.parse().map_err(|_| self.refused(DiagnosticKind::TooLarge, "the number is too large", begin))
    }

    pub fn refused(&self, kind: DiagnosticKind, message: impl Into<String>, at: usize) -> Diagnostic {
        refused(kind, message, self.source, at)
    }

    /// What is here does not belong here.
    pub fn malformed(&self, message: impl Into<String>) -> Diagnostic {
        self.refused(DiagnosticKind::Invalid, message, self.at)
    }
}

pub fn refused(kind: DiagnosticKind, message: impl Into<String>, source: &str, at: usize) -> Diagnostic {
    Diagnostic::new(kind, message).at(source, at)
}
