//! Demands on special tokens, for text: there a special token stands as it is spelled.

use std::sync::Arc;

use super::{Constraint, Diagnostic, DiagnosticKind, Notation};
use crate::{
    grammar::{CharSet, Expr, Regex, TokenClass},
    vocab::Vocabulary,
};

/// Tokens by number that one place may name.
const MAX_NUMBERED: usize = 4096;

impl Constraint {
    /// The same demand where special tokens may stand as text, too; None if it names no tokens.
    ///
    /// With the vocabulary this is for text that was written under the constraint's mask, and takes no less than that.
    /// Without one it is exact, and what is not to be told from text alone is refused.
    ///
    /// # Errors
    /// The constraint itself is refused, or a token in it has no spelling.
    pub fn spelled(&self, vocabulary: Option<&Vocabulary>) -> Result<Option<Self>, Diagnostic> {
        let read;
        let grammar = match self {
            Self::JsonObject | Self::JsonSchema(_) | Self::Sql(_) => return Ok(None),
            Self::Built(grammar) => grammar,
            Self::Written(written) => match written.notation {
                Notation::Regex(_) | Notation::Choice | Notation::Where => return Ok(None),
                Notation::Lark | Notation::Gbnf | Notation::Ebnf | Notation::StructuralTag => {
                    read = written.read()?;
                    &read
                }
            },
        };
        if !grammar.has_tokens() {
            return Ok(None);
        }
        let spelled = grammar.with_tokens(&mut |class| spelled(class, vocabulary))?;
        Ok(Some(Self::Built(Arc::new(spelled))))
    }
}

fn spelled(class: &TokenClass, vocabulary: Option<&Vocabulary>) -> Result<Expr, Diagnostic> {
    let refused = |kind, message: String| Err(Diagnostic::new(kind, message));
    let text = match (class, vocabulary) {
        (TokenClass::Named(name), _) => Expr::text(name),
        (TokenClass::Ids(ranges), Some(vocabulary)) => {
            let ids: Vec<u32> =
                ranges.iter().flat_map(|(from, to)| *from..=(*to).min(vocabulary.len() as u32)).collect();
            if ids.len() > MAX_NUMBERED {
                let message = format!("{} tokens by number stand in one place; {MAX_NUMBERED} may", ids.len());
                return refused(DiagnosticKind::TooLarge, message);
            }
            let mut texts = Vec::new();
            for id in ids.into_iter().filter(|id| (*id as usize) < vocabulary.len()) {
                match str::from_utf8(vocabulary.bytes(id)) {
                    Ok(text) => texts.push(Expr::text(text)),
                    Err(_) => {
                        let message = format!("token {id} is a part of a character, which no text has alone");
                        return refused(DiagnosticKind::Unsupported, message);
                    }
                }
            }
            Expr::alt(texts)
        }
        (TokenClass::Ids(_), None) => {
            let message = "tokens by number have no text where the model's vocabulary is not known";
            return refused(DiagnosticKind::Unsupported, message.to_owned());
        }
        // One character at a time, as it stands; or a special token, whatever its text.
        (TokenClass::Other { .. }, Some(_)) => Expr::Lexeme(Regex::Class(CharSet::all()).repeat(1, None)),
        (TokenClass::Other { names, ids, whole: false }, None) if names.is_empty() && ids.is_empty() => {
            return Ok(Expr::Token(class.clone()));
        }
        (TokenClass::Other { .. }, None) => {
            let message =
                "which tokens are excluded cannot be told from a text alone; the model's vocabulary is not known";
            return refused(DiagnosticKind::Unsupported, message.to_owned());
        }
    };
    Ok(Expr::Alt(vec![Expr::Token(class.clone()), text]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frontend::{Written, membership::accepts},
        grammar::Grammar,
        vocab::{Token, TokenKind},
    };

    fn vocabulary() -> Vocabulary {
        let token = |text: &[u8], kind| Token { bytes: text.into(), kind };
        Vocabulary::new(
            "three",
            vec![token(b"a", TokenKind::Text), token(b"<tool>", TokenKind::Special), token(b"\xc3", TokenKind::Text)],
        )
    }

    fn spelled(gbnf: &str, vocabulary: Option<&Vocabulary>) -> Result<Arc<Grammar>, Diagnostic> {
        let constraint = Constraint::Written(Written::new(Notation::Gbnf, gbnf));
        match constraint.spelled(vocabulary)? {
            Some(Constraint::Built(grammar)) => Ok(grammar),
            other => panic!("{gbnf}: {other:?}"),
        }
    }

    #[test]
    fn tokens_stand_as_they_are_spelled() {
        for known in [None, Some(&vocabulary())] {
            let grammar = spelled("root ::= <tool> \"x\"", known).expect("it has a name");
            assert!(accepts(&grammar, b"<tool>x"));
            assert!(!accepts(&grammar, b"x") && !accepts(&grammar, b"<tool><tool>x"));
        }
        let grammar = spelled("root ::= <[0]> <[1]>", Some(&vocabulary())).expect("they have texts");
        assert!(accepts(&grammar, b"a<tool>") && !accepts(&grammar, b"<tool>a"));
        let grammar = spelled("root ::= !<[1]> \"x\"", Some(&vocabulary())).expect("they have texts");
        assert!(accepts(&grammar, b"ax"));
    }

    #[test]
    fn what_has_no_spelling_is_refused() {
        let why = |gbnf, vocabulary: Option<&Vocabulary>| spelled(gbnf, vocabulary).expect_err(gbnf).message;
        assert!(why("root ::= <[1]>", None).contains("vocabulary is not known"));
        assert!(why("root ::= !<[1]>", None).contains("vocabulary is not known"));
        assert!(why("root ::= <[2]>", Some(&vocabulary())).contains("part of a character"));
        let plain = Constraint::Written(Written::new(Notation::Gbnf, "root ::= \"a\""));
        assert_eq!(plain.spelled(None), Ok(None));
    }
}
