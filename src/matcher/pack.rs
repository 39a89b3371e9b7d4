//! The tokenizer pack: what every token does inside a JSON string, worked out once for a vocabulary.
//!
//! Inside the body of a string nearly every token of a vocabulary is just more text. The pack keeps, for a position in
//! the body and a subtree of the token trie, the tokens that stay inside the string (a set, copied as it is) and the
//! few that cross the closing quote (as a trie of what comes after the quote, walked from the state after it).
//!
//! Cost: one pass over the subtree for each pair that is asked for; positions between characters and in UTF-8 come up
//! in every schema, so the pack is small and soon complete.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::{
    automaton::lexical::unescape::{self, Spelling, Unescaped},
    vocab::{TokenId, TokenMask, TokenTrie, Vocabulary},
};

/// The tokens below a node of the token trie, as seen from a position inside a string's body.
#[derive(Debug)]
pub struct BodyTokens {
    /// Those that do not leave the string.
    pub inside: Inside,
    /// Those with the closing quote in them: what comes after the quote, by token.
    pub after: TokenTrie,
    /// The same tokens by the text before their quote.
    pub contents: Vec<Content>,
    /// How many code points the tokens inside begin, by token.
    lengths: Vec<(TokenId, u16)>,
    /// The most of them.
    longest: u16,
    up_to: Mutex<FxHashMap<u16, Arc<Inside>>>,
    /// Index of a text in `contents`.
    pub by_content: FxHashMap<Box<[u8]>, u32>,
    /// Tokens that cross the closing quote and more quotes after it, with all that comes after `node`: they may end
    /// another key, which depends on the first, and are read byte by byte.
    pub winding: Vec<(TokenId, Box<[u8]>)>,
}

/// A set of tokens, in the form that is cheaper to add to a mask.
#[derive(Debug)]
pub enum Inside {
    Many(TokenMask),
    Few(Vec<TokenId>),
}

/// A text that stands before a closing quote within tokens.
#[derive(Debug)]
pub struct Content {
    /// Escapes undone.
    pub text: Box<[u8]>,
    /// In code points.
    pub length: u32,
    /// What comes after the quote, by token.
    pub after: TokenTrie,
}

impl Content {
    fn new(text: Box<[u8]>, after: TokenTrie) -> Self {
        let length = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u32;
        Self { text, length, after }
    }
}

impl BodyTokens {
    /// Adds the tokens that stay inside and begin at most `count` code points.
    pub fn add_inside(&self, count: u32, mask: &mut TokenMask) {
        let Some(count) = u16::try_from(count).ok().filter(|count| *count < self.longest) else {
            return self.inside.add_to(mask);
        };
        let short = || {
            let short = self.lengths.iter().filter(|(_, length)| *length <= count).map(|(token, _)| *token);
            Arc::new(Inside::new(short.collect(), mask.len()))
        };
        let mut up_to = self.up_to.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = up_to.entry(count).or_insert_with(short).clone();
        drop(up_to);
        tokens.add_to(mask);
    }
}

/// The pack of one vocabulary.
pub struct Pack {
    vocabulary: Arc<Vocabulary>,
    bodies: Mutex<FxHashMap<BodyKey, Arc<BodyTokens>>>,
}

/// A node of the trie, a position in a body, and how characters are written.
type BodyKey = (u32, u32, Spelling);

/// The whole trie, in [`Pack::body`].
pub const ROOT: u32 = u32::MAX;

/// Most pairs of a subtree and a position that are kept.
const MAX_BODIES: usize = 4_096;

impl Pack {
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        let pack = Self { vocabulary, bodies: Mutex::default() };
        pack.body(ROOT, 0, Spelling::Any);
        pack.body(ROOT, 0, Spelling::Shortest);
        pack
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// The tokens below `node` (what comes after its last byte), from position `at` inside a string's body.
    pub fn body(&self, node: u32, at: u32, spelling: Spelling) -> Arc<BodyTokens> {
        let key = (node, at, spelling);
        if let Some(found) = self.bodies.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return found.clone();
        }
        let made = Arc::new(self.make_body(key));
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if bodies.len() >= MAX_BODIES {
            bodies.clear();
        }
        bodies.insert(key, made.clone());
        made
    }

    fn make_body(&self, (node, at, spelling): BodyKey) -> BodyTokens {
        let trie = self.vocabulary.trie();
        let (skip, tokens) = match node {
            ROOT => (0, trie.all_tokens()),
            node => (usize::from(trie.nodes()[node as usize].depth), trie.tokens_below(node)),
        };
        let mut inside = Vec::new();
        let (mut winding, mut lengths) = (Vec::new(), Vec::new());
        let mut texts: Vec<(Box<[u8]>, Endings)> = Vec::new();
        let mut by_content: FxHashMap<Box<[u8]>, u32> = FxHashMap::default();
        for &token in tokens {
            let bytes = &self.vocabulary.bytes(token)[skip..];
            match read_body(bytes, at, spelling) {
                // The token that ends at the node itself is the walk's business.
                _ if bytes.is_empty() => {}
                Body::Dead => {}
                Body::Inside { length } => {
                    inside.push(token);
                    lengths.push((token, length));
                }
                Body::Crosses { quote, .. } if bytes[quote + 1..].iter().filter(|byte| **byte == b'"').count() > 1 => {
                    winding.push((token, bytes.into()));
                }
                Body::Crosses { content, quote } => {
                    let index = *by_content.entry(content.clone()).or_insert_with(|| {
                        texts.push((content, Vec::new()));
                        texts.len() as u32 - 1
                    });
                    texts[index as usize].1.push((token, &bytes[quote + 1..]));
                }
            }
        }
        let after = TokenTrie::new(texts.iter().flat_map(|(_, tokens)| tokens.iter().copied()));
        let contents = texts.into_iter().map(|(text, tokens)| Content::new(text, TokenTrie::new(tokens.into_iter())));
        let inside = Inside::new(inside, self.vocabulary.len());
        let longest = lengths.iter().map(|(_, length)| *length).max().unwrap_or(0);
        let (contents, up_to) = (contents.collect(), Mutex::default());
        BodyTokens { inside, after, contents, lengths, longest, up_to, by_content, winding }
    }
}

impl Inside {
    pub fn new(tokens: Vec<TokenId>, vocabulary: usize) -> Self {
        if tokens.len() <= vocabulary / 256 {
            return Self::Few(tokens);
        }
        let mut mask = TokenMask::new(vocabulary);
        tokens.iter().for_each(|token| mask.insert(*token));
        Self::Many(mask)
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Many(tokens) => tokens.len() / 8,
            Self::Few(tokens) => tokens.len() * 4,
        }
    }

    pub fn add_to(&self, mask: &mut TokenMask) {
        match self {
            Self::Many(tokens) => mask.union(tokens),
            Self::Few(tokens) => tokens.iter().for_each(|token| mask.insert(*token)),
        }
    }
}

/// What comes after a quote, by token.
type Endings<'a> = Vec<(TokenId, &'a [u8])>;

enum Body {
    Dead,
    /// How many code points begin.
    Inside {
        length: u16,
    },
    /// The text before the quote, escapes undone, and where the quote stands.
    Crosses {
        content: Box<[u8]>,
        quote: usize,
    },
}

fn read_body(bytes: &[u8], mut at: u32, spelling: Spelling) -> Body {
    let mut content = Vec::new();
    for (index, byte) in bytes.iter().enumerate() {
        if spelling == Spelling::Shortest && !unescape::is_shortest(at, *byte) {
            return Body::Dead;
        }
        match unescape::step(at, *byte) {
            Unescaped::Dead => return Body::Dead,
            Unescaped::Inside(next) => at = next,
            Unescaped::Bytes { at: next, bytes, len } => {
                at = next;
                content.extend_from_slice(&bytes[..usize::from(len)]);
            }
            Unescaped::Close => return Body::Crosses { content: content.into(), quote: index },
        }
    }
    let begun = content.iter().filter(|byte| **byte & 0xc0 != 0x80).count() + usize::from(unescape::is_in_escape(at));
    Body::Inside { length: begun as u16 }
}
