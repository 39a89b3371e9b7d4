//! What may follow the closing quote, kept for as long as the string or key goes on.
//!
//! Every token inside a key asks again which of the tokens that cross its closing quote may come. The answer hangs on
//! the container, on the verdicts on the text and on nothing else of it, so one walk serves for the whole key, and for
//! every string at that place whose verdicts are the same.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    automaton::json::{FrameId, Lex, State},
    vocab::{TokenId, TokenTrie},
};

/// A container, what in it ends, the verdicts, and the tokens that are asked about (by their address, which the entry
/// keeps alive).
type Key = (FrameId, Ending, u32, usize);

/// What ends at the quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ending {
    Key,
    Text,
    /// A string that is kept, to be compared with what comes later.
    KeptText,
}

/// The answers found so far, by one program's automaton.
#[derive(Debug, Default)]
pub struct Crossings {
    known: FxHashMap<Key, (Arc<TokenTrie>, Arc<[TokenId]>)>,
    tokens: usize,
}

/// Tokens in all answers that are kept: about 1 MB.
const MAX_TOKENS: usize = 1 << 18;

fn key(state: State, verdicts: u32, all: &Arc<TokenTrie>) -> Option<Key> {
    let ending = match state.lex {
        Lex::Key(_) => Ending::Key,
        Lex::String { text: None, .. } => Ending::Text,
        Lex::String { text: Some(_), .. } => Ending::KeptText,
        _ => return None,
    };
    Some((state.frame, ending, verdicts, Arc::as_ptr(all) as usize))
}

impl Crossings {
    /// Those of `all` that may come where the text ends in `state` with these verdicts.
    pub fn get(&self, state: State, verdicts: u32, all: &Arc<TokenTrie>) -> Option<Arc<[TokenId]>> {
        self.known.get(&key(state, verdicts, all)?).map(|(_, tokens)| tokens.clone())
    }

    /// Keeps an answer. The frame of `state` must be one that lasts.
    pub fn insert(&mut self, state: State, verdicts: u32, all: &Arc<TokenTrie>, tokens: Arc<[TokenId]>) {
        let Some(key) = key(state, verdicts, all) else { return };
        if self.tokens > MAX_TOKENS {
            *self = Self::default();
        }
        self.tokens += tokens.len();
        self.known.insert(key, (all.clone(), tokens));
    }
}
