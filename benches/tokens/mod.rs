//! Texts as tokens of a vocabulary, for benches that have no tokenizer at hand.

use anyhow::Context;
use espalier::vocab::{TokenId, Vocabulary};

/// The longest tokens, one after the other.
pub fn cut(vocabulary: &Vocabulary, text: &[u8]) -> anyhow::Result<Vec<TokenId>> {
    let trie = vocabulary.trie();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let (mut node, mut longest, mut behind) = (trie.root(text[at]), None, at);
        while let Some(here) = node {
            behind += 1;
            if let Some(token) = trie.tokens_at(here).first() {
                longest = Some((*token, behind));
            }
            let Some(byte) = text.get(behind) else { break };
            let (mut child, end) = (here + 1, trie.nodes()[here as usize].next);
            while child < end && trie.nodes()[child as usize].byte != *byte {
                child = trie.nodes()[child as usize].next;
            }
            node = (child < end).then_some(child);
        }
        let (token, behind) = longest.context("a byte that no token has")?;
        tokens.push(token);
        at = behind;
    }
    Ok(tokens)
}
