//! The token trie, flattened in depth-first order so that a walk is a scan with jumps.

use std::sync::OnceLock;

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
    /// First of this node's tokens in the trie's list of ids; they end where those of the next node start.
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
    /// The nodes of the first level by their bytes, made when they are first asked for.
    roots: OnceLock<Box<[Option<u32>; 256]>>,
}

impl TokenTrie {
    /// Takes tokens in any order. Those without bytes stand at the root.
    pub fn new<'a>(tokens: impl Iterator<Item = (TokenId, &'a [u8])>) -> Self {
        let mut sorted: Vec<(&[u8], TokenId)> = tokens.map(|(id, bytes)| (bytes, id)).collect();
        sorted.sort_unstable();
        let mut trie =
            Self { nodes: Vec::new(), ids: Vec::with_capacity(sorted.len()), max_depth: 0, roots: OnceLock::new() };
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

    /// The node of a first byte. Siblings are far apart in memory, so a look-up spares most of a search.
    pub fn root(&self, byte: u8) -> Option<u32> {
        let roots = self.roots.get_or_init(|| {
            let mut roots = Box::new([None; 256]);
            let mut at = 0;
            while let Some(node) = self.nodes.get(at as usize) {
                roots[usize::from(node.byte)] = Some(at);
                at = node.next;
            }
            roots
        });
        roots[usize::from(byte)]
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

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<TrieNode>() + self.ids.len() * size_of::<TokenId>()
    }

    fn tokens_from(&self, node: u32) -> usize {
        self.nodes.get(node as usize).map_or(self.ids.len(), |node| node.tokens as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trie_of(tokens: &[Vec<u8>]) -> TokenTrie {
        TokenTrie::new(tokens.iter().enumerate().map(|(id, bytes)| (id as TokenId, &**bytes)))
    }

    /// The bytes from the root to each node, found by walking as a mask does: down to `i + 1`, aside to `next`.
    fn paths(trie: &TokenTrie) -> Vec<Vec<u8>> {
        let nodes = trie.nodes();
        let mut paths = vec![Vec::new(); nodes.len()];
        let mut open = vec![(0, nodes.len() as u32, Vec::new())];
        while let Some((from, end, above)) = open.pop() {
            let mut node = from;
            while node < end {
                let mut path: Vec<u8> = above.clone();
                path.push(nodes[node as usize].byte);
                open.push((node + 1, nodes[node as usize].next, path.clone()));
                paths[node as usize] = path;
                node = nodes[node as usize].next;
            }
            assert_eq!(node, end, "siblings end where their parent does");
        }
        paths
    }

    fn ids_where(tokens: &[Vec<u8>], wanted: impl Fn(&[u8]) -> bool) -> Vec<TokenId> {
        (0..tokens.len() as TokenId).filter(|id| wanted(&tokens[*id as usize])).collect()
    }

    fn sorted(ids: &[TokenId]) -> Vec<TokenId> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    }

    fn check(tokens: &[Vec<u8>]) {
        let trie = trie_of(tokens);
        let paths = paths(&trie);
        let mut prefixes: Vec<&[u8]> = tokens.iter().flat_map(|token| (1..=token.len()).map(|n| &token[..n])).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        // Depth-first with ascending bytes is the order of the sorted prefixes: no node is missing, none is twice.
        assert_eq!(paths, prefixes);
        for (node, path) in paths.iter().enumerate() {
            let at = node as u32;
            assert_eq!(usize::from(trie.nodes()[node].depth), path.len());
            assert_eq!(sorted(trie.tokens_at(at)), ids_where(tokens, |bytes| bytes == path));
            assert_eq!(sorted(trie.tokens_below(at)), ids_where(tokens, |bytes| bytes.starts_with(path)));
        }
        assert_eq!(trie.max_depth(), tokens.iter().map(Vec::len).max().unwrap_or(0));
    }

    proptest! {
        /// Few different bytes, so that prefixes are shared and tokens are equal; among them some that are not UTF-8.
        #[test]
        fn holds_each_token_once(
            tokens in prop::collection::vec(
                prop::collection::vec(prop::sample::select(&[0_u8, b'a', b'b', 0xC3, 0xFF][..]), 1..6), 0..60)
        ) {
            check(&tokens);
        }
    }

    #[test]
    fn tokens_with_equal_bytes_end_at_one_node() {
        let tokens = [b"ab".to_vec(), b"a".to_vec(), b"ab".to_vec(), b"\xE2\x96".to_vec(), b"\xE2".to_vec()];
        check(&tokens);
        assert_eq!(trie_of(&tokens).tokens_at(1), [0, 2]);
    }

    #[test]
    fn an_empty_vocabulary_has_no_nodes() {
        check(&[]);
    }
}
