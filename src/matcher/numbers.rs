//! What every token does inside a number of some language, kept by the language's content as for strings.

use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;

use super::{
    shelf::Shelf,
    text::{Forest, Inside, Tree},
};
use crate::{
    automaton::lexical::{NumberClass, NumberLanguage, NumberState},
    vocab::{TokenId, TokenTrie},
};

/// The tokens of a tree that go on with a number from a place in its language.
#[derive(Debug)]
pub struct NumberTokens {
    /// Those that do not leave it.
    pub inside: Inside,
    /// Those that do: what comes after the number, by token, and the verdicts on the number.
    pub endings: Vec<(Box<[bool]>, TokenTrie)>,
}

impl NumberTokens {
    /// About the memory held.
    fn bytes(&self) -> usize {
        let ending = |(verdicts, trie): &(Box<[bool]>, TokenTrie)| verdicts.len() + 128 + trie.bytes();
        128 + self.inside.bytes() + self.endings.iter().map(ending).sum::<usize>()
    }
}

/// A token and what of it comes after the number.
type TokenEnding<'a> = (TokenId, &'a [u8]);

/// A language (by its address, which is nobody else's while the entry has a [`Weak`] to it), a place in it, a tree.
type Key = (usize, NumberClass, Tree);

/// The tables of one vocabulary.
pub struct NumberTables {
    forest: Arc<Forest>,
    known: Shelf<Key, (Weak<NumberLanguage>, Arc<NumberTokens>)>,
}

/// More than this is not kept, in bytes.
const MAX_BYTES: usize = 6 << 20;

impl NumberTables {
    pub fn new(forest: Arc<Forest>) -> Self {
        Self { forest, known: Shelf::new(MAX_BYTES) }
    }

    /// The same tables with nothing known about any language.
    pub fn emptied(&self) -> Self {
        Self::new(self.forest.clone())
    }

    /// The tokens from a place in a language whose first byte belongs to the number.
    pub fn tokens(&self, language: &Arc<NumberLanguage>, state: NumberState, tree: Tree) -> Arc<NumberTokens> {
        let key = (Arc::as_ptr(language) as usize, language.class(state), tree);
        if let Some((_, tokens)) = self.known.get(&key) {
            return tokens;
        }
        let tokens = Arc::new(self.walk(language, state, tree));
        self.known.insert(key, (Arc::downgrade(language), tokens.clone()), tokens.bytes());
        tokens
    }

    fn walk(&self, language: &NumberLanguage, start: NumberState, tree: Tree) -> NumberTokens {
        let (forest, trie) = (&*self.forest, self.forest.trie(tree));
        let mut inside = Vec::new();
        let mut endings: FxHashMap<Box<[bool]>, Vec<TokenEnding>> = FxHashMap::default();
        let mut states: Vec<NumberState> = Vec::with_capacity(8);
        let mut at = 0;
        while let Some(node) = trie.nodes().get(at as usize) {
            let read = usize::from(node.depth) - 1;
            states.truncate(read);
            let before = states.last().copied().unwrap_or(start);
            if !matches!(node.byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') {
                if read > 0 && language.accepts(before) {
                    let ending = |token: &TokenId| (*token, &forest.bytes(tree, *token)[read..]);
                    let verdicts = language.verdicts(before).collect();
                    endings.entry(verdicts).or_default().extend(trie.tokens_below(at).iter().map(ending));
                }
                at = node.next;
                continue;
            }
            let Some(state) = language.step(before, node.byte) else {
                at = node.next;
                continue;
            };
            inside.extend_from_slice(trie.tokens_at(at));
            states.push(state);
            at += 1;
        }
        let endings = endings.into_iter().map(|(verdicts, tokens)| (verdicts, TokenTrie::new(tokens.into_iter())));
        NumberTokens { inside: Inside::new(inside, forest.vocabulary().len()), endings: endings.collect() }
    }
}
