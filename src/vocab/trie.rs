//! The token trie, flattened in depth-first order so that a walk is a scan with jumps.

use super::TokenId;

/// One byte on the way to a token.
///
/// ```text
/// nodes  : a depth-first list; the children of node i begin at i + 1, its next sibling is at `next`
/// tokens : the ids of the tokens that end at a node, as a range of one shared list, in the order of the nodes;
///          so the tokens of a whole subtree are one range as well
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TrieNode {
    /// Index of the first node after this subtree.
    pub next: u32,
    /// First of this node's tokens in [`TokenTrie::ids`]; they end where those of the next node start.
    pub tokens: u32,
    /// Number of bytes from the root, this one included.
    pub depth: u16,
    pub byte: u8,
}

/// All text tokens of a vocabulary as a tree of bytes.
#[derive(Debug)]
pub struct TokenTrie {
    nodes: Vec<TrieNode>,
    ids: Vec<TokenId>,
    max_depth: usize,
}

impl TokenTrie {
    /// Takes tokens in any order. Those without bytes stand at the root.
    pub fn new<'a>(tokens: impl Iterator<Item = (TokenId, &'a [u8])>) -> Self {
        let mut sorted: Vec<(&[u8], TokenId)> = tokens.map(|(id, bytes)| (bytes, id)).collect();
        sorted.sort_unstable();
        let mut trie = Self { nodes: Vec::new(), ids: Vec::with_capacity(sorted.len()), max_depth: 0 };
        let mut path: Vec<u32> = Vec::new();
        let mut before: &[u8] = &[];
        for (bytes, id) in sorted {
            let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            trie.close(&mut path, shared);
            for &byte in &bytes[shared..] {
                path.push(trie.nodes.len() as u32);
                let depth = u16::try_from(path.len()).expect("no tokenizer has tokens of 64 kB");
                trie.nodes.push(TrieNode { next: 0, tokens: trie.ids.len() as u32, depth, byte });
                trie.max_depth = trie.max_depth.max(path.len());
            }
            trie.ids.push(id);
            before = bytes;
        }
        trie.close(&mut path, 0);
        trie
    }

    fn close(&mut self, path: &mut Vec<u32>, keep: usize) {
        let end = self.nodes.len() as u32;
        for node in path.drain(keep..) {
            self.nodes[node as usize].next = end;
        }
    }

    /// Depth-first; empty for an empty vocabulary.
    pub fn nodes(&self) -> &[TrieNode] {
        &self.nodes
    }

    /// The tokens that end exactly at `node`.
    pub fn tokens_at(&self, node: u32) -> &[TokenId] {
        let from = self.nodes[node as usize].tokens as usize;
        &self.ids[from..self.tokens_from(node + 1)]
    }

    /// The tokens in the subtree below and at `node`.
    pub fn tokens_below(&self, node: u32) -> &[TokenId] {
        let TrieNode { next, tokens, .. } = self.nodes[node as usize];
        &self.ids[tokens as usize..self.tokens_from(next)]
    }

    /// The tokens without bytes.
    pub fn tokens_at_root(&self) -> &[TokenId] {
        &self.ids[..self.tokens_from(0)]
    }

    /// Every token.
    pub fn all_tokens(&self) -> &[TokenId] {
        &self.ids
    }

    /// Bytes of the longest token.
    pub fn max_depth(&self) -> usize {
        self.max_depth
    }

    fn tokens_from(&self, node: u32) -> usize {
        self.nodes.get(node as usize).map_or(self.ids.len(), |node| node.tokens as usize)
    }
}
