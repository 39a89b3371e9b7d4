//! What every token does inside a string of some language.
//!
//! Like the pack for strings that may hold any text, but made when a place in a language is first masked, and kept by
//! the language's content: schemas that have a pattern or a bound in common share the work.
//!
//! Cost: a walk of the token trie with the language's automaton, some 10 ns a node. Subtrees whose bytes all loop on
//! the automaton's state are taken whole, so a class such as `[a-z0-9-]{1,64}` visits some thousands of nodes.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::pack::{Inside, ROOT};
use crate::{
    automaton::lexical::{BodyState, BodyStep, Loops, StrState, StringDfa, StringLanguage, escape, unescape::Spelling},
    vocab::{TokenId, TokenTrie, Vocabulary},
};

/// The tokens below a node of the token trie, as seen from a place in a language.
#[derive(Debug)]
pub struct LanguageTokens {
    /// Those that do not leave the string.
    pub inside: Inside,
    /// Those that cross the closing quote: what comes after the quote, by where the text ends.
    pub endings: Vec<(StrState, TokenTrie)>,
    /// The same tokens, in one list.
    pub crossing: Vec<TokenId>,
}

/// A language (by its address, which the entry keeps alive), a place in it, a node of the trie.
type Key = (usize, BodyState, u32, Spelling);

/// The bytes of a subtree, for taking it whole.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    /// Bit `b`: the byte `b`, below 128, comes in it.
    ascii: u128,
    /// Only those.
    only_ascii: bool,
    /// Bytes of its longest path.
    height: u16,
}

/// The tables of one vocabulary.
pub struct StringTables {
    vocabulary: Arc<Vocabulary>,
    summaries: Arc<[Summary]>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: FxHashMap<Key, (Arc<StringLanguage>, Arc<LanguageTokens>)>,
    bytes: usize,
}

/// More than this is not kept, in bytes.
const MAX_BYTES: usize = 48 << 20;

impl StringTables {
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        let nodes = vocabulary.trie().nodes();
        let mut summaries = vec![Summary { only_ascii: true, ..Summary::default() }; nodes.len()];
        // Children come after their parents, so a pass backwards has them ready.
        let mut open: Vec<usize> = Vec::new();
        for at in (0..nodes.len()).rev() {
            let mut summary = Summary { only_ascii: true, ..Summary::default() };
            while let Some(&child) = open.last().filter(|child| nodes[**child].depth > nodes[at].depth) {
                let (below, byte) = (summaries[child], nodes[child].byte);
                summary.only_ascii &= below.only_ascii && byte < 128;
                summary.ascii |= below.ascii | if byte < 128 { 1 << byte } else { 0 };
                summary.height = summary.height.max(below.height + 1);
                open.pop();
            }
            summaries[at] = summary;
            open.push(at);
        }
        Self { vocabulary, summaries: summaries.into(), known: Mutex::default() }
    }

    /// The same tables with nothing known about any language.
    pub fn emptied(&self) -> Self {
        let Self { vocabulary, summaries, .. } = self;
        Self { vocabulary: vocabulary.clone(), summaries: summaries.clone(), known: Mutex::default() }
    }

    /// The tokens below `node` from a place in a language.
    pub fn tokens(
        &self,
        language: &Arc<StringLanguage>,
        body: BodyState,
        node: u32,
        spelling: Spelling,
    ) -> Arc<LanguageTokens> {
        let key = (Arc::as_ptr(language) as usize, body, node, spelling);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tokens)) = known().entries.get(&key) {
            return tokens.clone();
        }
        let tokens = Arc::new(self.walk(&mut language.lock(), body, node, spelling));
        let mut known = known();
        known.bytes += tokens.bytes();
        if known.bytes > MAX_BYTES {
            *known = Known { bytes: tokens.bytes(), ..Known::default() };
        }
        known.entries.insert(key, (language.clone(), tokens.clone()));
        tokens
    }

    fn walk(&self, dfa: &mut StringDfa, start: BodyState, node: u32, spelling: Spelling) -> LanguageTokens {
        let trie = self.vocabulary.trie();
        let (mut at, end, above) = match node {
            ROOT => (0, trie.nodes().len() as u32, 0),
            node => (node + 1, trie.nodes()[node as usize].next, usize::from(trie.nodes()[node as usize].depth)),
        };
        let mut inside: Vec<TokenId> = Vec::new();
        let mut groups: FxHashMap<StrState, Vec<TokenEnding>> = FxHashMap::default();
        let mut loops: FxHashMap<StrState, Loops> = FxHashMap::default();
        let mut states: Vec<BodyState> = Vec::with_capacity(16);
        while at < end {
            let here = trie.nodes()[at as usize];
            let depth = usize::from(here.depth);
            states.truncate(depth - above - 1);
            let before = states.last().copied().unwrap_or(start);
            match escape::step_spelled(dfa, before, here.byte, spelling) {
                BodyStep::Dead => at = here.next,
                BodyStep::Close(text) => {
                    let ending = |token: &TokenId| (*token, &self.vocabulary.bytes(*token)[depth..]);
                    groups.entry(text).or_default().extend(trie.tokens_below(at).iter().map(ending));
                    at = here.next;
                }
                BodyStep::Stay(state) => {
                    let summary = self.summaries[at as usize];
                    if summary.height > 0 && summary.only_ascii && state.sub == 0 {
                        let loops = loops.entry(state.at).or_insert_with(|| text_loops(dfa, state.at));
                        if summary.ascii & !loops.bytes == 0 && u32::from(summary.height) <= loops.room {
                            inside.extend_from_slice(trie.tokens_below(at));
                            at = here.next;
                            continue;
                        }
                    }
                    inside.extend_from_slice(trie.tokens_at(at));
                    states.push(state);
                    at += 1;
                }
            }
        }
        let crossing = groups.values().flatten().map(|(token, _)| *token).collect();
        let endings = groups.into_iter().map(|(text, tokens)| (text, TokenTrie::new(tokens.into_iter()))).collect();
        LanguageTokens { inside: Inside::new(inside, self.vocabulary.len()), endings, crossing }
    }
}

/// A token and what of it comes after the quote.
type TokenEnding<'a> = (TokenId, &'a [u8]);

/// The bytes that loop on a state and stand for themselves in a string.
fn text_loops(dfa: &mut StringDfa, state: StrState) -> Loops {
    let Loops { bytes, room } = dfa.loops_on(state);
    let raw = !0u128 << 0x20 & !(1 << b'"') & !(1 << b'\\');
    Loops { bytes: bytes & raw, room }
}

impl LanguageTokens {
    fn bytes(&self) -> usize {
        let endings: usize = self.endings.iter().map(|(_, trie)| 64 + trie.nodes().len() * 12).sum();
        256 + self.inside.bytes() + endings + self.crossing.len() * 4
    }
}
