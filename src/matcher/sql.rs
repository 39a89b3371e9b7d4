//! Masks of SQL: a walk of the token trie beside the recogniser.
//!
//! What stays within a text between quotes or within a name that may be any is not stepped through: such tokens are taken by
//! their bytes. Everything else is a step of the recogniser.

use crate::{
    automaton::{
        Recognizer,
        sql::{Sql, State, Stay},
    },
    vocab::{TokenMask, Vocabulary},
};

/// Adds the tokens that may come next in `state` to `mask`. End tokens are left out.
pub fn allowed(sql: &mut Sql, vocabulary: &Vocabulary, state: State, mask: &mut TokenMask) {
    let trie = vocabulary.trie();
    let nodes = trie.nodes();
    // The states above a node; None where its bytes stay within what is read at the last state, and are read when something
    // else comes.
    let mut path: Vec<(Option<State>, Stay)> = Vec::with_capacity(trie.max_depth() + 1);
    path.push((Some(state), sql.stay(state)));
    let mut text = vec![0; trie.max_depth() + 1];
    let (mut at, mut visits) = (0, 0_usize);
    while (at as usize) < nodes.len() {
        visits += 1;
        if visits.is_multiple_of(256) && !sql.budget().spend(16) {
            return;
        }
        let node = nodes[at as usize];
        let depth = usize::from(node.depth);
        text[depth - 1] = node.byte;
        path.truncate(depth);
        let (before, stay) = path[depth - 1];
        if stay.takes(node.byte) {
            trie.tokens_at(at).iter().for_each(|token| mask.insert(*token));
            path.push((None, stay));
            at += 1;
            continue;
        }
        let before = match before {
            Some(before) => Some(before),
            None => {
                // From the last state that is known.
                let known = path.iter().rposition(|(state, _)| state.is_some()).unwrap_or_default();
                let mut state = path[known].0;
                for (at, byte) in text[known..depth - 1].iter().enumerate() {
                    state = state.and_then(|state| sql.step(state, *byte));
                    path[known + at + 1].0 = state;
                }
                state
            }
        };
        let Some(next) = before.and_then(|before| sql.step(before, node.byte)) else {
            at = node.next;
            continue;
        };
        trie.tokens_at(at).iter().for_each(|token| mask.insert(*token));
        if node.next == at + 1 {
            at += 1;
            continue;
        }
        path.push((Some(next), sql.stay(next)));
        at += 1;
    }
}
