//! The model's own tokenizer, and its vocabulary as bytes.

use std::sync::Arc;

use llama_cpp_2::{model::LlamaModel, token::LlamaToken, token_type::LlamaTokenAttr};

use crate::vocab::{Token, TokenId, TokenKind, Vocabulary};

/// The model's tokenizer. Safe to use from several threads.
pub(super) struct Tokenizer {
    model: Arc<LlamaModel>,
    vocabulary: Arc<Vocabulary>,
    bos: Option<TokenId>,
}

impl Tokenizer {
    pub fn new(model: Arc<LlamaModel>, vocabulary: Arc<Vocabulary>) -> Self {
        let bos = TokenId::try_from(model.vocab().bos().0).ok().filter(|id| (*id as usize) < vocabulary.len());
        Self { model, vocabulary, bos }
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// The token that begins a text, if the model has one.
    pub fn bos(&self) -> Option<TokenId> {
        self.bos
    }

    /// The token that every prompt of this model begins with, if it wants one.
    pub fn leading(&self) -> Option<TokenId> {
        self.bos.filter(|_| self.model.vocab().should_add_bos())
    }

    /// Tokens of a text in which the written forms of special tokens mean these tokens.
    pub fn with_special(&self, text: &str) -> Vec<TokenId> {
        self.tokenize(text, true)
    }

    /// Tokens of a text in which nothing is special, whatever it looks like: their bytes are the text's, exactly.
    ///
    /// SentencePiece models put a space before the first word; where that happens the text is read after a line
    /// break, which keeps the space away. None if the tokenizer changes the text in some other way.
    pub fn exact(&self, text: &str) -> Option<Vec<TokenId>> {
        if text.is_empty() {
            return Some(Vec::new());
        }
        let tokens = self.tokenize(text, false);
        if self.spell(&tokens) == text.as_bytes() {
            return Some(tokens);
        }
        let led = self.tokenize(&format!("\n{text}"), false);
        let lead = led.iter().position(|token| self.vocabulary.bytes(*token) == b"\n")? + 1;
        (self.spell(&led[lead..]) == text.as_bytes()).then(|| led[lead..].to_vec())
    }

    /// As [`Tokenizer::exact`]; where the tokenizer changes the text, its own reading of it.
    pub fn plain(&self, text: &str) -> Vec<TokenId> {
        self.exact(text).unwrap_or_else(|| self.tokenize(text, false))
    }

    /// The bytes of the tokens, one after another.
    pub fn spell(&self, tokens: &[TokenId]) -> Vec<u8> {
        tokens.iter().flat_map(|token| self.vocabulary.bytes(*token)).copied().collect()
    }

    fn tokenize(&self, text: &str, special: bool) -> Vec<TokenId> {
        let tokens = self.model.vocab().tokenize(text.as_bytes(), false, special);
        tokens.into_iter().map(|token| token.0 as TokenId).collect()
    }
}

/// All tokens of the model with the bytes that they append to a text.
///
/// Control, unknown and unused tokens are special; every token that llama.cpp counts as an end of generation ends an
/// answer; tokens that the model's maker added (user-defined) are text, with the bytes of their written form.
pub(super) fn vocabulary(model: &LlamaModel, name: &str) -> Vocabulary {
    let vocab = model.vocab();
    let token = |id: LlamaToken| {
        let attributes = vocab.attr(id);
        let kind = if vocab.is_eog(id) {
            TokenKind::EndOfGeneration
        } else if attributes.intersects(LlamaTokenAttr::Control | LlamaTokenAttr::Unknown | LlamaTokenAttr::Unused) {
            TokenKind::Special
        } else {
            TokenKind::Text
        };
        Token { bytes: vocab.token_to_piece(id, true, None).into(), kind }
    };
    Vocabulary::new(name, vocab.tokens().map(token).collect())
}
