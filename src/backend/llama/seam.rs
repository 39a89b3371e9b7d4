//! Where an answer goes on with a beginning that somebody else wrote, and that the caller has.
//!
//! The beginning stands behind the prompt in the tokens that the tokenizer would have cut. Those at its end could have been
//! cut otherwise with what follows, so they are not written: the model draws them again, from the tokens that spell the
//! rest of the beginning or begin with it, and what they spell of it is not sent a second time.

use std::sync::Arc;

use super::{fast_forward, tokenizer::Tokenizer};
use crate::{
    matcher::{Matcher, Program},
    vocab::{TokenId, TokenKind, TokenMask, Vocabulary},
};

#[derive(Clone)]
pub(super) struct Seam {
    /// The tokens of the beginning that no continuation can change.
    pub tokens: Vec<TokenId>,
    /// The constraint behind these tokens.
    pub matcher: Matcher,
    /// What is left of the beginning.
    pub rest: Vec<u8>,
    /// The constraint behind all of it.
    pub behind: Matcher,
}

impl Seam {
    /// Behind `prompt`. None: the constraint does not take such a beginning.
    pub fn new(program: &Arc<Program>, tokenizer: &Tokenizer, prompt: &[TokenId], beginning: &str) -> Option<Self> {
        let mut matcher = program.matcher();
        let tokens = fast_forward::tokens(&matcher, tokenizer, prompt, beginning);
        let written = tokenizer.spell(&tokens);
        let rest = beginning.as_bytes().strip_prefix(&*written)?.to_vec();
        if matcher.accept_bytes(&written) < written.len() {
            return None;
        }
        let mut behind = matcher.clone();
        (behind.accept_bytes(&rest) == rest.len()).then_some(Self { tokens, matcher, rest, behind })
    }
}

/// The tokens of a mask that spell the rest of a beginning, or begin with it.
pub(super) fn spelling(mask: &TokenMask, vocabulary: &Vocabulary, rest: &[u8]) -> TokenMask {
    let mut fitting = TokenMask::new(mask.len());
    let fits = |token: &TokenId| {
        let bytes = vocabulary.bytes(*token);
        let alike = bytes.len().min(rest.len());
        vocabulary.kind(*token) == TokenKind::Text && alike > 0 && bytes[..alike] == rest[..alike]
    };
    mask.iter().filter(fits).for_each(|token| fitting.insert(token));
    fitting
}
