//! A vocabulary out of a Hugging Face `tokenizer.json`.
//!
//! The file describes a pipeline; what a token appends to a text is decided by its `decoder`, or, where there is none,
//! by the `pre_tokenizer` that would have to be undone. Two families can be told apart and are read: byte-level BPE
//! (Llama 3, Qwen, SmolLM2, GPT-2) and SentencePiece-like BPE or Unigram with `▁` for a space and `<0x0A>` byte tokens
//! (Llama 2, Mistral, Gemma). Everything else is refused by name: a vocabulary read wrongly gives wrong masks.
//!
//! Invariants:
//! - A token's bytes are those it appends *in the middle* of a text. SentencePiece tokenizers put a space before a text
//!   when they encode it and drop it when they decode (decoder `Strip`, or `Metaspace` with a prefix); that is a
//!   convention about the start of a whole text, not about a token, and so is no matter here: the answer of a model
//!   starts in the middle of its context.
//! - Added tokens with `special: true` and the model's unknown token are special; the other added tokens are text: with
//!   their literal content in byte-level vocabularies (as llama.cpp has it), as the decoder prints them in
//!   SentencePiece ones (Gemma's added `▁▁` is two spaces).
//! - The file does not say which tokens end an answer. They are taken by their [usual names](END_OF_GENERATION)
//!   unless the caller knows better (`generation_config.json`, `eos_token_id`).
//! - Ids that nobody claims are special tokens without bytes.
//!
//! Cost: 0.12 s for Qwen 3's 151,669 tokens, the merges (which are skipped over) and the trie included.
//!
//! Sources: the `tokenizers` crate (decoders and added vocabulary), which also judges this room in the tests.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{Token, TokenId, TokenKind, Vocabulary, alphabet};

/// Written forms of the tokens that end an answer, in the model families that exist.
pub const END_OF_GENERATION: &[&str] = &[
    "</s>",
    "<eos>",
    "<|eos|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<|END_OF_TURN_TOKEN|>",
    "<|EOT|>",
    "[EOT]",
    "[EOS]",
    "<end_of_utterance>",
    "<turn|>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
];

/// No tokenizer has so many tokens; a wrong id must not allocate the whole memory.
const MAX_TOKENS: usize = 1 << 22;

/// The trie counts a token's bytes in 16 bits.
const MAX_TOKEN_BYTES: usize = u16::MAX as usize;

/// What `tokenizer.json` does not say about a vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenizerOptions {
    /// The tokens that end an answer; without, those with one of the [usual names](END_OF_GENERATION).
    pub end_tokens: Option<Vec<TokenId>>,
    /// Number of ids the model has logits for, where it is padded beyond its tokenizer (Qwen 3: 151,936 against
    /// 151,669). Ignored if smaller than the tokenizer.
    pub len: usize,
}

/// Why a `tokenizer.json` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("not a tokenizer.json: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the tokenizer's {part} \"{kind}\" is not supported: {supported} are")]
    Unsupported { part: &'static str, kind: String, supported: &'static str },
    #[error("the tokenizer has neither a decoder nor a pre_tokenizer, so the bytes of its tokens are not known")]
    NoDecoder,
    #[error("the tokenizer has no tokens")]
    Empty,
    #[error("token id {id} is beyond the {MAX_TOKENS} ids that a vocabulary may have")]
    IdTooLarge { id: usize },
    #[error("token {id} has {bytes} bytes, more than {MAX_TOKEN_BYTES}")]
    TokenTooLong { id: usize, bytes: usize },
    #[error("none of the special tokens has a name that usually ends an answer; say which tokens do")]
    NoEndToken,
    #[error("end token {id} is not one of the {len} tokens")]
    UnknownEndToken { id: TokenId, len: usize },
}

impl Vocabulary {
    /// Reads a Hugging Face `tokenizer.json`. `name` is for messages.
    ///
    /// ```
    /// use espalier::vocab::{TokenizerOptions, Vocabulary};
    /// let file = r#"{
    ///     "added_tokens": [{"id": 2, "content": "<|im_end|>", "special": true}],
    ///     "decoder": {"type": "ByteLevel"},
    ///     "model": {"type": "BPE", "vocab": {"{": 0, "Ġ}": 1}, "merges": []}
    /// }"#;
    /// let vocabulary = Vocabulary::from_tokenizer_json("tiny", file.as_bytes(), &TokenizerOptions::default())?;
    /// assert_eq!(vocabulary.bytes(1), b" }");
    /// assert_eq!(vocabulary.end_tokens(), [2]);
    /// # Ok::<(), espalier::vocab::TokenizerError>(())
    /// ```
    ///
    /// # Errors
    /// [`TokenizerError`] if the file is not one, is of a family that is not supported, or has no token to end with.
    pub fn from_tokenizer_json(name: &str, json: &[u8], options: &TokenizerOptions) -> Result<Self, TokenizerError> {
        let file: File = serde_json::from_slice(json)?;
        let spelling = file.spelling()?;
        let mut pieces = file.model.pieces()?;
        let mut tokens: Vec<Token> = Vec::new();
        // An added token has the last word about its id, so the model's own pieces are placed first.
        for (id, piece) in pieces.vocab.drain(..) {
            let kind = if pieces.unknown.as_deref() == Some(&*piece) { TokenKind::Special } else { TokenKind::Text };
            place(&mut tokens, id, Token { bytes: spelling.bytes(&piece).into(), kind })?;
        }
        for added in &file.added_tokens {
            place(&mut tokens, added.id, spelling.added(added))?;
        }
        if tokens.is_empty() {
            return Err(TokenizerError::Empty);
        }
        if options.len > tokens.len() {
            reserve(&mut tokens, options.len - 1)?;
        }
        mark_ends(&mut tokens, options.end_tokens.as_deref())?;
        Ok(Self::new(name, tokens))
    }
}

fn reserve(tokens: &mut Vec<Token>, id: usize) -> Result<(), TokenizerError> {
    if id >= MAX_TOKENS {
        return Err(TokenizerError::IdTooLarge { id });
    }
    if id >= tokens.len() {
        tokens.resize(id + 1, Token { bytes: Box::default(), kind: TokenKind::Special });
    }
    Ok(())
}

fn place(tokens: &mut Vec<Token>, id: usize, token: Token) -> Result<(), TokenizerError> {
    if token.bytes.len() > MAX_TOKEN_BYTES {
        return Err(TokenizerError::TokenTooLong { id, bytes: token.bytes.len() });
    }
    reserve(tokens, id)?;
    tokens[id] = token;
    Ok(())
}

fn mark_ends(tokens: &mut [Token], chosen: Option<&[TokenId]>) -> Result<(), TokenizerError> {
    let len = tokens.len();
    if let Some(chosen) = chosen {
        for &id in chosen {
            tokens.get_mut(id as usize).ok_or(TokenizerError::UnknownEndToken { id, len })?.kind =
                TokenKind::EndOfGeneration;
        }
        return if chosen.is_empty() { Err(TokenizerError::NoEndToken) } else { Ok(()) };
    }
    let mut found = false;
    for token in tokens.iter_mut().filter(|token| token.kind == TokenKind::Special) {
        if END_OF_GENERATION.iter().any(|name| name.as_bytes() == &*token.bytes) {
            token.kind = TokenKind::EndOfGeneration;
            found = true;
        }
    }
    if found { Ok(()) } else { Err(TokenizerError::NoEndToken) }
}

/// How a vocabulary writes the bytes of its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spelling {
    ByteLevel,
    SentencePiece {
        /// What is replaced, in order, in each piece.
        replaced: Vec<(String, String)>,
        /// Whether `<0x0A>` is a byte.
        byte_fallback: bool,
    },
}

impl Spelling {
    fn bytes(&self, piece: &str) -> Vec<u8> {
        match self {
            // A piece outside the alphabet is printed as it is by the tokenizers crate; no text is ever encoded so.
            Self::ByteLevel => alphabet::byte_level(piece).unwrap_or_else(|| piece.as_bytes().to_vec()),
            Self::SentencePiece { replaced, byte_fallback } => {
                if let Some(byte) = byte_fallback.then(|| alphabet::byte_fallback(piece)).flatten() {
                    return vec![byte];
                }
                let mut text = piece.to_owned();
                for (from, to) in replaced {
                    text = text.replace(from, to);
                }
                text.into_bytes()
            }
        }
    }

    fn added(&self, added: &AddedToken) -> Token {
        match self {
            _ if added.special => Token { bytes: added.content.as_bytes().into(), kind: TokenKind::Special },
            Self::ByteLevel => Token { bytes: added.content.as_bytes().into(), kind: TokenKind::Text },
            Self::SentencePiece { .. } => Token { bytes: self.bytes(&added.content).into(), kind: TokenKind::Text },
        }
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    pre_tokenizer: Option<Stage>,
    #[serde(default)]
    decoder: Option<Stage>,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    id: usize,
    content: String,
    #[serde(default)]
    special: bool,
}

/// A decoder or a pre-tokenizer; the two share their shape.
#[derive(Deserialize)]
struct Stage {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, alias = "pretokenizers")]
    decoders: Vec<Stage>,
    #[serde(default)]
    replacement: Option<String>,
    #[serde(default)]
    pattern: Option<Pattern>,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
enum Pattern {
    String(String),
    Regex(String),
}

impl Stage {
    /// The stages in order, sequences unfolded.
    fn flatten<'a>(&'a self, into: &mut Vec<&'a Stage>) {
        if self.kind == "Sequence" {
            self.decoders.iter().for_each(|stage| stage.flatten(into));
        } else {
            into.push(self);
        }
    }

    fn unsupported(&self, part: &'static str) -> TokenizerError {
        TokenizerError::Unsupported {
            part,
            kind: self.kind.clone(),
            supported: "ByteLevel, and Replace, Metaspace, ByteFallback, Fuse, Strip in the order of SentencePiece,",
        }
    }

    fn metaspace(&self) -> (String, String) {
        (self.replacement.clone().unwrap_or_else(|| alphabet::METASPACE.into()), " ".into())
    }
}

impl File {
    fn spelling(&self) -> Result<Spelling, TokenizerError> {
        let mut stages = Vec::new();
        if let Some(decoder) = &self.decoder {
            decoder.flatten(&mut stages);
            return decoded(&stages);
        }
        self.pre_tokenizer.as_ref().ok_or(TokenizerError::NoDecoder)?.flatten(&mut stages);
        let undone = stages.iter().find_map(|stage| match stage.kind.as_str() {
            "ByteLevel" => Some(Spelling::ByteLevel),
            "Metaspace" => {
                let byte_fallback = self.model.byte_fallback;
                Some(Spelling::SentencePiece { replaced: vec![stage.metaspace()], byte_fallback })
            }
            _ => None,
        });
        undone.ok_or(TokenizerError::NoDecoder)
    }
}

/// What a chain of decoders makes of a single token in the middle of a text.
fn decoded(stages: &[&Stage]) -> Result<Spelling, TokenizerError> {
    if let [stage] = stages
        && stage.kind == "ByteLevel"
    {
        return Ok(Spelling::ByteLevel);
    }
    let (mut replaced, mut byte_fallback, mut fused) = (Vec::new(), false, false);
    for stage in stages {
        match (stage.kind.as_str(), &stage.pattern, &stage.content) {
            // After Fuse a replacement would see across tokens.
            ("Replace", Some(Pattern::String(from)), Some(to)) if !fused => {
                replaced.push((from.clone(), to.clone()));
            }
            ("Metaspace", ..) if !fused => replaced.push(stage.metaspace()),
            ("ByteFallback", ..) if !fused => byte_fallback = true,
            ("Fuse", ..) => fused = true,
            // The start and end of the whole text, see the top of this file.
            ("Strip", ..) if fused => {}
            ("Replace", Some(Pattern::Regex(regex)), _) => {
                let (kind, supported) = (format!("Replace of {regex}"), "replacements of plain strings");
                return Err(TokenizerError::Unsupported { part: "decoder", kind, supported });
            }
            _ => return Err(stage.unsupported("decoder")),
        }
    }
    Ok(Spelling::SentencePiece { replaced, byte_fallback })
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    vocab: Pieces,
    /// The merges; only whether there are any matters, for files that do not name their type.
    #[serde(default)]
    merges: Option<IgnoredAny>,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    unk_id: Option<usize>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
}

/// The model's own tokens with their ids.
#[derive(Default)]
struct Pieces(Vec<(usize, String)>);

struct Known {
    vocab: Vec<(usize, String)>,
    unknown: Option<String>,
}

impl Model {
    fn pieces(self) -> Result<Known, TokenizerError> {
        let kind = match self.kind {
            Some(kind) => kind,
            None if self.merges.is_some() => "BPE".into(),
            None => "without a type".into(),
        };
        if kind != "BPE" && kind != "Unigram" {
            return Err(TokenizerError::Unsupported { part: "model", kind, supported: "BPE and Unigram" });
        }
        for affix in [self.continuing_subword_prefix, self.end_of_word_suffix].into_iter().flatten() {
            if !affix.is_empty() {
                let supported = "models without continuing_subword_prefix and end_of_word_suffix";
                return Err(TokenizerError::Unsupported { part: "word affix", kind: affix, supported });
            }
        }
        let vocab = self.vocab.0;
        let by_id = self.unk_id.and_then(|id| vocab.get(id)).map(|(_, piece)| piece.clone());
        Ok(Known { vocab, unknown: self.unk_token.or(by_id) })
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PiecesVisitor)
    }
}

struct PiecesVisitor;

impl<'de> Visitor<'de> for PiecesVisitor {
    type Value = Pieces;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of pieces with their ids, or a list of pieces with their scores")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pieces, A::Error> {
        let mut pieces = Vec::new();
        while let Some((piece, id)) = map.next_entry()? {
            pieces.push((id, piece));
        }
        Ok(Pieces(pieces))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pieces, A::Error> {
        let mut pieces = Vec::new();
        while let Some((piece, _)) = list.next_element::<(String, IgnoredAny)>()? {
            pieces.push((pieces.len(), piece));
        }
        Ok(Pieces(pieces))
    }
}
