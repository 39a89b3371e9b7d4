//! From states to masks: the trie walk and its short cuts.
//!
//! A walk goes down the token trie as long as the automaton goes along. Where it enters the body of a string that may
//! hold any text, the pack takes over: the tokens that stay inside are added as a set, those that cross the closing
//! quote are walked from the state after it. A mask for a state inside such a string is the same without a walk.

use super::pack::{BodyTokens, Pack, ROOT};
use crate::{
    automaton::json::{Free, Key, Lex, Machine, State},
    vocab::{TokenMask, TokenTrie},
};

/// Adds the tokens that may come next in `state` to `mask`. End tokens are left out.
pub fn allowed(machine: &mut Machine, pack: &Pack, state: State, mask: &mut TokenMask) {
    let mut walk = Walk { machine, pack, mask };
    match open_body(walk.machine, state) {
        Some(at) => walk.body(state, ROOT, at),
        None => {
            let vocabulary = pack.vocabulary().clone();
            walk.down(state, vocabulary.trie(), true);
        }
    }
}

/// The position in the body of a string that may go on with any text.
fn open_body(machine: &Machine, state: State) -> Option<u32> {
    match state.lex {
        Lex::String { language, body, text } if machine.tables.languages[language as usize].is_plain() => {
            // Where values are kept, the text so far must be whole to be compared.
            (text.is_none() || body.sub == 0).then_some(body.sub)
        }
        Lex::Key(Key { free: Free::Any { .. }, at, .. }) => Some(at),
        _ => None,
    }
}

struct Walk<'a> {
    machine: &'a mut Machine,
    pack: &'a Pack,
    mask: &'a mut TokenMask,
}

impl Walk<'_> {
    /// Adds the tokens of a trie that the automaton takes. `whole`: the trie is the vocabulary's, and its subtrees are
    /// in the pack.
    fn down(&mut self, start: State, trie: &TokenTrie, whole: bool) {
        let mut states: Vec<State> = Vec::with_capacity(16);
        let mut at = 0;
        while let Some(node) = trie.nodes().get(at as usize) {
            states.truncate(usize::from(node.depth) - 1);
            let before = states.last().copied().unwrap_or(start);
            let Some(state) = self.machine.step(before, node.byte) else {
                at = node.next;
                continue;
            };
            trie.tokens_at(at).iter().for_each(|token| self.mask.insert(*token));
            if whole
                && node.next > at + 1
                && let Some(position) = open_body(self.machine, state)
            {
                self.body(state, at, position);
                at = node.next;
                continue;
            }
            states.push(state);
            at += 1;
        }
    }

    /// Adds the tokens below a node of the vocabulary's trie, from inside a string that may hold any text.
    fn body(&mut self, state: State, node: u32, at: u32) {
        let pack = self.pack;
        let tokens = pack.body(node, at, self.machine.spelling());
        tokens.inside.add_to(self.mask);
        match state.lex {
            Lex::Key(key) => self.cross_key(state, &key, &tokens),
            Lex::String { .. } => {
                // Whatever the text is, the state after the quote is the same, unless it is compared with others.
                let special = self.machine.repeated_endings(state, &tokens.by_content);
                if let Some(after) = self.machine.after_new_string(state) {
                    self.after(after, &tokens.after);
                }
                self.special(&tokens, &special, |machine, text| machine.end_string(state, text));
            }
            _ => unreachable!("only strings and keys have a body"),
        }
        for (token, bytes) in &tokens.winding {
            let end = bytes.iter().try_fold(state, |state, byte| self.machine.step(state, *byte));
            if end.is_some() {
                self.mask.insert(*token);
            }
        }
    }

    /// Adds the tokens of a trie of endings.
    fn after(&mut self, state: State, trie: &TokenTrie) {
        trie.tokens_at_root().iter().for_each(|token| self.mask.insert(*token));
        self.down(state, trie, false);
    }

    /// Adds the tokens that end a key. All keys that the schema does not name and that have not come before lead to
    /// the same state, so the endings are walked once for all of them; the others are walked one by one.
    fn cross_key(&mut self, state: State, key: &Key, tokens: &BodyTokens) {
        let special = self.machine.special_endings(state.frame, key, &tokens.by_content);
        if let Some(after) = self.machine.after_new_key(state.frame) {
            self.after(after, &tokens.after);
        }
        self.special(tokens, &special, |machine, text| machine.end_key(state, text));
    }

    /// Decides the tokens with certain texts before the quote anew.
    fn special(&mut self, tokens: &BodyTokens, special: &[u32], end: impl Fn(&mut Machine, &[u8]) -> Option<State>) {
        for index in special {
            let content = &tokens.contents[*index as usize];
            content.after.all_tokens().iter().for_each(|token| self.mask.remove(*token));
            if let Some(after) = end(self.machine, &content.text) {
                self.after(after, &content.after);
            }
        }
    }
}
