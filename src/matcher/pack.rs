//! The tokenizer pack: what every token does inside a JSON string, worked out once for a vocabulary.
//!
//! Inside the body of a string nearly every token of a vocabulary is just more text. The pack keeps, for a position in
//! the body and a subtree of the token trie, the tokens that stay inside the string (a set, copied as it is) and the
//! few that cross the closing quote (as a trie of what comes after the quote, walked from the state after it).
//!
//! Cost: one pass over the subtree for each pair that is asked for; positions between characters and in UTF-8 come up
//! in every schema, so the pack is small and soon complete.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use rustc_hash::FxHashMap;

use super::{
    shelf::Shelf,
    text::{Endings, Forest, Inside, Node, ROOT, Tree, code_points, may_follow_text},
};
use crate::{
    automaton::lexical::{
        Loops,
        unescape::{self, Spelling, Unescaped},
    },
    vocab::{TokenId, TokenMask},
};

/// The tokens below a node of the token trie, as seen from a position inside a string's body.
#[derive(Debug)]
pub struct BodyTokens {
    tree: Tree,
    /// Those that do not leave the string.
    pub inside: Inside,
    /// Those with the closing quote in them, as far as JSON can go on so.
    pub after: Endings,
    /// The same tokens by the text before their quote.
    pub contents: Vec<Content>,
    /// Index of a text in `contents`.
    pub by_content: FxHashMap<Box<[u8]>, u32>,
    /// Those of them that cross more than one quote after that, with all that comes after `node`: they may end another
    /// key, which depends on the first, and where that matters are read byte by byte.
    pub winding: Vec<(TokenId, Box<[u8]>)>,
    /// The texts in `contents` behind which some token may end the container that the string stands in.
    pub closing: Vec<u32>,
    /// The least and the greatest number of code points of the tokens inside, `node`'s included.
    span: (u16, u16),
    /// Code points before and at `node`.
    read: u16,
    /// Those inside with escapes in them, with how many code points they begin behind `node`.
    escaped: Vec<(TokenId, u16)>,
}

/// A text that stands before a closing quote within tokens.
#[derive(Debug)]
pub struct Content {
    /// Escapes undone.
    pub text: Box<[u8]>,
    pub after: Endings,
}

/// The pack of one vocabulary.
pub struct Pack {
    forest: Arc<Forest>,
    /// From the root of the tree, between two characters: what every plain string needs.
    plain: [OnceLock<Arc<BodyTokens>>; 2],
    bodies: Shelf<BodyKey, Arc<BodyTokens>>,
}

/// A node of a tree, a position in a body, and how characters are written.
type BodyKey = (Node, u32, Spelling);

/// More than this is not kept of pairs of a subtree and a position, in bytes.
const MAX_BYTES: usize = 6 << 20;

impl Pack {
    pub fn new(forest: Arc<Forest>) -> Self {
        let pack = Self { forest, plain: Default::default(), bodies: Shelf::new(MAX_BYTES) };
        pack.body((Tree::Whole, ROOT), 0, Spelling::Any);
        pack.body((Tree::Whole, ROOT), 0, Spelling::Shortest);
        pack
    }

    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// The tokens below `node` (what comes after its last byte), from position `at` inside a string's body.
    pub fn body(&self, node: Node, at: u32, spelling: Spelling) -> Arc<BodyTokens> {
        let key = (node, at, spelling);
        if (node, at) == ((Tree::Whole, ROOT), 0) {
            return self.plain[spelling as usize].get_or_init(|| Arc::new(self.make_body(key))).clone();
        }
        if let Some(found) = self.bodies.get(&key) {
            return found;
        }
        let made = Arc::new(self.make_body(key));
        self.bodies.insert(key, made.clone(), made.bytes());
        made
    }

    /// Adds the tokens of a body that stay inside and begin at most `room` code points.
    pub fn add_inside(&self, tokens: &BodyTokens, room: u32, mask: &mut TokenMask) {
        let fits = |count: u16| u32::from(count.saturating_sub(tokens.read)) <= room;
        self.forest.text(tokens.tree).add(&tokens.inside, tokens.span, fits, mask);
        for (token, length) in &tokens.escaped {
            if u32::from(*length) <= room { mask.insert(*token) } else { mask.remove(*token) }
        }
    }

    fn make_body(&self, (node, start, spelling): BodyKey) -> BodyTokens {
        let (tree, forest) = (node.0, &*self.forest);
        let (trie, text_tables) = (forest.trie(tree), forest.text(tree));
        let (Range { start: mut at, end }, above) = forest.below(node);
        let mut found = Found::default();
        let start = Place { at: start, text: 0, escaped: unescape::is_in_escape(start) };
        let (mut places, mut text): (Vec<Place>, Vec<u8>) = (Vec::with_capacity(16), Vec::new());
        while at < end {
            let here = trie.nodes()[at as usize];
            let depth = usize::from(here.depth);
            places.truncate(depth - above - 1);
            let mut place = places.last().copied().unwrap_or(start);
            text.truncate(place.text);
            let refused = spelling == Spelling::Shortest && !unescape::is_shortest(place.at, here.byte);
            match unescape::step(place.at, here.byte) {
                Unescaped::Inside(next) if !refused => (place.at, place.escaped) = (next, true),
                Unescaped::Bytes { at: next, bytes, len } if !refused => {
                    place.at = next;
                    text.extend_from_slice(&bytes[..usize::from(len)]);
                    place.text = text.len();
                }
                step => {
                    if step == Unescaped::Close && !refused {
                        let ending = |token: &TokenId| (*token, forest.bytes(tree, *token));
                        found.close(&text, (above, depth), trie.tokens_below(at).iter().map(ending));
                    }
                    at = here.next;
                    continue;
                }
            }
            let whole = place.at == 0 && here.next > at + 1 && text_tables.loops_below(at, PLAIN);
            let tokens = if whole { trie.tokens_below(at) } else { trie.tokens_at(at) };
            found.inside.extend_from_slice(tokens);
            if place.escaped {
                let begun = code_points(&text) + u16::from(unescape::is_in_escape(place.at));
                let begun = |token: &TokenId| begun + code_points(&forest.bytes(tree, *token)[depth..]);
                found.escaped.extend(tokens.iter().map(|token| (*token, begun(token))));
            }
            if whole {
                at = here.next;
            } else {
                places.push(place);
                at += 1;
            }
        }
        found.finish(tree, forest.read(node), forest)
    }
}

/// Every character loops on a plain string, as far as it stands for itself.
const PLAIN: Loops = Loops { ascii: !0 << 0x20 & !(1 << b'"') & !(1 << b'\\'), others: !0 };

/// A place in a body during a walk.
#[derive(Clone, Copy)]
struct Place {
    at: u32,
    /// Bytes of text so far.
    text: usize,
    /// An escape stands before.
    escaped: bool,
}

/// What comes after a quote, by token.
type Rests<'a> = Vec<(TokenId, &'a [u8])>;

/// What a walk has found so far.
#[derive(Default)]
struct Found<'a> {
    inside: Vec<TokenId>,
    escaped: Vec<(TokenId, u16)>,
    texts: Vec<(Box<[u8]>, Rests<'a>)>,
    by_content: FxHashMap<Box<[u8]>, u32>,
    winding: Vec<(TokenId, Box<[u8]>)>,
}

impl<'a> Found<'a> {
    /// Tokens with a quote before `depth` that closes a string with this text; a walk began at `above`.
    fn close(
        &mut self,
        text: &[u8],
        (above, depth): (usize, usize),
        tokens: impl Iterator<Item = (TokenId, &'a [u8])>,
    ) {
        let Self { texts, by_content, winding, .. } = self;
        let mut tokens = tokens.filter(|(_, bytes)| may_follow_text(&bytes[depth..])).peekable();
        if tokens.peek().is_none() {
            return;
        }
        let index = *by_content.entry(text.into()).or_insert_with(|| {
            texts.push((text.into(), Vec::new()));
            texts.len() as u32 - 1
        });
        for (token, bytes) in tokens {
            let rest = &bytes[depth..];
            texts[index as usize].1.push((token, rest));
            if rest.iter().filter(|byte| **byte == b'"').count() > 1 {
                winding.push((token, bytes[above..].into()));
            }
        }
    }

    fn finish(self, tree: Tree, read: u16, forest: &Forest) -> BodyTokens {
        let Self { inside, escaped, texts, by_content, winding } = self;
        let closes = |(_, tokens): &(_, Rests)| tokens.iter().any(|(_, rest)| may_close(rest));
        let closing = (0..texts.len()).filter(|index| closes(&texts[*index])).map(|index| index as u32).collect();
        let quote = |(token, rest): &(TokenId, &[u8])| (*token, (forest.bytes(tree, *token).len() - rest.len()) as u16);
        let after = Endings::new(tree, texts.iter().flat_map(|(_, tokens)| tokens).map(quote));
        let contents = texts
            .into_iter()
            .map(|(text, tokens)| Content { text, after: Endings::new(tree, tokens.iter().map(quote)) });
        let (contents, span) = (contents.collect(), forest.text(tree).span(&inside));
        let inside = Inside::new(inside, forest.vocabulary().len());
        BodyTokens { tree, inside, after, contents, by_content, winding, closing, span, read, escaped }
    }
}

impl BodyTokens {
    /// About the memory held, once what comes after the quote was asked for.
    fn bytes(&self) -> usize {
        let contents: usize =
            self.contents.iter().map(|content| 160 + content.text.len() * 2 + content.after.bytes()).sum();
        let winding: usize = self.winding.iter().map(|(_, bytes)| 48 + bytes.len()).sum();
        512 + self.inside.bytes() + self.after.bytes() + contents + winding + self.escaped.len() * 8
    }
}

/// Whether what comes after a string may end the container that it stands in. Behind another quote, brackets may be
/// text, and are not counted.
fn may_close(rest: &[u8]) -> bool {
    let mut open = 0;
    rest.iter().any(|byte| {
        open += match byte {
            b'{' | b'[' => 1,
            b'}' | b']' => -1,
            _ => 0,
        };
        open < 0
    }) || rest.contains(&b'"') && rest.iter().any(|byte| matches!(byte, b'}' | b']'))
}
