//! The model's vocabulary: which bytes each token stands for, and sets of tokens.
//!
//! Nouns: a [`Vocabulary`] is the list of tokens of one model, by [`TokenId`]; a [`TokenTrie`] is the same list as a
//! tree of bytes; a [`TokenMask`] is a set of tokens, a bit each, which a sampler reads.
//!
//! Invariants: a token's bytes are what it appends to the *text* of an answer. Special tokens (control tokens, chat
//! markers, padding) append nothing that a constraint may rely on, so they have no place in the trie and are never
//! allowed by a mask, whatever their written form looks like; the end-of-generation tokens are the one exception, and
//! they are allowed by name where an answer may end. Several tokens may have the same bytes.
//!
//! Cost: a trie takes about 12 bytes a node (275,000 nodes for 128,000 tokens), a mask one bit a token.

pub(crate) mod alphabet;
mod bytes;
mod mask;
mod tokenizer_json;
mod trie;

pub use bytes::byte_vocabulary;
pub use mask::TokenMask;
pub use tokenizer_json::{END_OF_GENERATION, TokenizerError, TokenizerOptions};
pub use trie::{TokenTrie, TrieNode};

/// A token's number, always the model's.
pub type TokenId = u32;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Stands for its bytes.
    Text,
    /// A control token: never part of a constrained answer.
    Special,
    /// A control token that ends the answer.
    EndOfGeneration,
}

/// One entry of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub bytes: Box<[u8]>,
    pub kind: TokenKind,
}

/// The tokens of one model, with the trie over those that stand for text.
///
/// ```
/// use espalier::vocab::{Token, TokenKind, Vocabulary};
/// let text = |s: &str| Token { bytes: s.as_bytes().into(), kind: TokenKind::Text };
/// let end = Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration };
/// let vocabulary = Vocabulary::new("tiny", vec![text("{"), text("}"), end]);
/// assert_eq!(vocabulary.len(), 3);
/// assert_eq!(vocabulary.end_tokens(), [2]);
/// ```
#[derive(Debug)]
pub struct Vocabulary {
    name: Box<str>,
    tokens: Vec<Token>,
    end_tokens: Vec<TokenId>,
    trie: TokenTrie,
}

impl Vocabulary {
    /// Takes the tokens in the order of their ids. Tokens without bytes are treated as special.
    pub fn new(name: &str, mut tokens: Vec<Token>) -> Self {
        for token in &mut tokens {
            if token.kind == TokenKind::Text && token.bytes.is_empty() {
                token.kind = TokenKind::Special;
            }
        }
        let ids_of = |kind| {
            let of_kind = move |(id, token): (usize, &Token)| (token.kind == kind).then_some(id as TokenId);
            tokens.iter().enumerate().filter_map(of_kind)
        };
        let end_tokens = ids_of(TokenKind::EndOfGeneration).collect();
        let trie = TokenTrie::new(ids_of(TokenKind::Text).map(|id| (id, &*tokens[id as usize].bytes)));
        Self { name: name.into(), tokens, end_tokens, trie }
    }

    /// The model's or the file's name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of ids, special tokens and padding included: the width of every mask.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The bytes that a token appends to the answer; for special tokens, their written form.
    ///
    /// # Panics
    /// If `id` is not below [`Vocabulary::len`].
    pub fn bytes(&self, id: TokenId) -> &[u8] {
        &self.tokens[id as usize].bytes
    }

    /// # Panics
    /// If `id` is not below [`Vocabulary::len`].
    pub fn kind(&self, id: TokenId) -> TokenKind {
        self.tokens[id as usize].kind
    }

    /// There is a token of this spelling that is not text. Cost: all tokens are looked at.
    pub fn has_special(&self, spelling: &[u8]) -> bool {
        (0..self.len() as TokenId).any(|id| self.kind(id) != TokenKind::Text && self.bytes(id) == spelling)
    }

    /// All tokens that end an answer.
    pub fn end_tokens(&self) -> &[TokenId] {
        &self.end_tokens
    }

    /// The trie over all tokens that stand for text.
    pub fn trie(&self) -> &TokenTrie {
        &self.trie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], kind: TokenKind) -> Token {
        Token { bytes: bytes.into(), kind }
    }

    #[test]
    fn only_text_has_a_place_in_the_trie() {
        let tokens = vec![
            token(b"{", TokenKind::Special),
            token(b"{", TokenKind::Text),
            token(b"", TokenKind::Text),
            token(b"{", TokenKind::EndOfGeneration),
            token(b"\xC3", TokenKind::Text),
            token(b"{", TokenKind::Text),
        ];
        let vocabulary = Vocabulary::new("tiny", tokens);
        let trie = vocabulary.trie();
        assert_eq!(trie.nodes().len(), 2);
        assert_eq!((trie.tokens_at(0), trie.tokens_at(1)), (&[1, 5][..], &[4][..]));
        assert_eq!(vocabulary.kind(2), TokenKind::Special, "a token without bytes is no text");
        assert_eq!((vocabulary.len(), vocabulary.end_tokens()), (6, &[3][..]));
    }
}
