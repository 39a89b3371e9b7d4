//! The dialect of the `regex` crate, read by its own parser.

use regex_syntax::{
    ParserBuilder,
    hir::{self, Class, Hir, HirKind},
};

use super::{Diagnostic, DiagnosticKind, MAX_DEPTH, refused};
use crate::grammar::{CharSet, Look, Regex};

pub fn read(pattern: &str) -> Result<Regex, Diagnostic> {
    let mut parser = ParserBuilder::new().utf8(false).nest_limit(MAX_DEPTH as u32).build();
    parser.parse(pattern).map(|hir| convert(&hir)).map_err(|error| {
        let (message, offset) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.offset),
            other => (other.to_string(), 0),
        };
        refused(DiagnosticKind::Invalid, message, pattern, offset)
    })
}

fn convert(hir: &Hir) -> Regex {
    match hir.kind() {
        HirKind::Empty => Regex::Empty,
        HirKind::Literal(hir::Literal(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => Regex::text(text),
            Err(_) => Regex::concat(bytes.iter().map(|byte| Regex::Bytes(*byte, *byte)).collect()),
        },
        HirKind::Class(Class::Unicode(class)) => {
            Regex::Class(CharSet::new(class.ranges().iter().map(|it| (it.start() as u32, it.end() as u32))))
        }
        HirKind::Class(Class::Bytes(class)) => {
            Regex::alternation(class.ranges().iter().map(|it| Regex::Bytes(it.start(), it.end())).collect())
        }
        HirKind::Look(look) => convert_look(*look),
        HirKind::Repetition(repetition) => convert(&repetition.sub).repeat(repetition.min, repetition.max),
        HirKind::Capture(capture) => convert(&capture.sub),
        HirKind::Concat(parts) => Regex::concat(parts.iter().map(convert).collect()),
        HirKind::Alternation(parts) => Regex::alternation(parts.iter().map(convert).collect()),
    }
}

fn convert_look(look: hir::Look) -> Regex {
    let ahead = |body: Regex, negated| Regex::Look(Look::Ahead { body: Box::new(body), negated });
    let behind = |body: Regex, negated| Regex::Look(Look::Behind { body: Box::new(body), negated });
    let both = |a: Regex, b: Regex| Regex::Concat(vec![a, b]);
    let ascii = || CharSet::new([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]);
    let character = |c: char| Regex::Class(CharSet::single(c as u32));
    let boundary = |word: CharSet, negated| Regex::Look(Look::Boundary { word, negated });
    match look {
        hir::Look::Start => Regex::Look(Look::Start),
        hir::Look::End => Regex::Look(Look::End),
        hir::Look::StartLF => Regex::Look(Look::LineStart),
        hir::Look::EndLF => Regex::Look(Look::LineEnd),
        // At the start, behind a line feed, or behind a carriage return that no line feed follows.
        hir::Look::StartCRLF => Regex::Alternation(vec![
            Regex::Look(Look::LineStart),
            both(behind(character('\r'), false), ahead(character('\n'), true)),
        ]),
        hir::Look::EndCRLF => Regex::Alternation(vec![
            Regex::Look(Look::End),
            ahead(character('\r'), false),
            both(behind(character('\r'), true), ahead(character('\n'), false)),
        ]),
        hir::Look::WordAscii => boundary(ascii(), false),
        hir::Look::WordAsciiNegate => boundary(ascii(), true),
        hir::Look::WordUnicode => boundary(super::unicode_word(), false),
        hir::Look::WordUnicodeNegate => boundary(super::unicode_word(), true),
        hir::Look::WordStartAscii | hir::Look::WordStartUnicode => {
            let word = Regex::Class(if look == hir::Look::WordStartAscii { ascii() } else { super::unicode_word() });
            both(behind(word.clone(), true), ahead(word, false))
        }
        hir::Look::WordEndAscii | hir::Look::WordEndUnicode => {
            let word = Regex::Class(if look == hir::Look::WordEndAscii { ascii() } else { super::unicode_word() });
            both(behind(word.clone(), false), ahead(word, true))
        }
        hir::Look::WordStartHalfAscii => behind(Regex::Class(ascii()), true),
        hir::Look::WordStartHalfUnicode => behind(Regex::Class(super::unicode_word()), true),
        hir::Look::WordEndHalfAscii => ahead(Regex::Class(ascii()), true),
        hir::Look::WordEndHalfUnicode => ahead(Regex::Class(super::unicode_word()), true),
    }
}
