//! Classes of code points as byte automata without cycles.

use regex_syntax::utf8::Utf8Sequences;
use rustc_hash::FxHashMap;

use super::super::charset::CharSet;

/// Where a byte leads inside a class: the character is complete, and was in the class.
pub const DONE: u32 = u32::MAX;

/// A node's sorted, disjoint byte ranges (ends included) and where they lead.
type Ranges = Box<[(u8, u8, u32)]>;

/// Nodes of byte automata for classes. A node stands for the set of byte sequences that complete a character; equal sets
/// are one node, whatever class they come from, so that most classes share what follows their lead bytes.
#[derive(Debug, Default)]
pub struct Utf8Nodes {
    nodes: Vec<Ranges>,
    index: FxHashMap<Ranges, u32>,
}

impl Utf8Nodes {
    /// The first node of a class; `None` if the class is empty.
    pub fn class(&mut self, set: &CharSet) -> Option<u32> {
        let mut sequences: Vec<Vec<(u8, u8)>> = Vec::new();
        for &(low, high) in set.ranges() {
            for (low, high) in [(low, high.min(0xD7FF)), (low.max(0xE000), high)] {
                let (Some(low), Some(high)) = (char::from_u32(low), char::from_u32(high)) else { continue };
                if low <= high {
                    let parts = Utf8Sequences::new(low, high);
                    sequences.extend(parts.map(|s| s.as_slice().iter().map(|r| (r.start, r.end)).collect()));
                }
            }
        }
        let tails: Vec<&[(u8, u8)]> = sequences.iter().map(Vec::as_slice).collect();
        (!tails.is_empty()).then(|| self.node(&tails))
    }

    /// The node for sequences in order. Two lead ranges of such sequences are equal or disjoint.
    fn node(&mut self, sequences: &[&[(u8, u8)]]) -> u32 {
        let mut ranges: Vec<(u8, u8, u32)> = Vec::new();
        for group in sequences.chunk_by(|a, b| a[0] == b[0]) {
            let (low, high) = group[0][0];
            let target = if group[0].len() == 1 {
                DONE
            } else {
                let tails: Vec<&[(u8, u8)]> = group.iter().map(|sequence| &sequence[1..]).collect();
                self.node(&tails)
            };
            match ranges.last_mut() {
                Some(last) if last.2 == target && u32::from(last.1) + 1 == u32::from(low) => last.1 = high,
                _ => ranges.push((low, high, target)),
            }
        }
        let key = ranges.into_boxed_slice();
        if let Some(&node) = self.index.get(&key) {
            return node;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(key.clone());
        self.index.insert(key, node);
        node
    }

    /// Where a byte leads from a node: a node or [`DONE`].
    pub fn step(&self, node: u32, byte: u8) -> Option<u32> {
        let ranges = &self.nodes[node as usize];
        let found = ranges.iter().find(|range| byte <= range.1)?;
        (found.0 <= byte).then_some(found.2)
    }

    /// Marks the bytes that begin a new class of indistinguishable bytes.
    pub fn mark_boundaries(&self, starts: &mut [bool; 257]) {
        for &(low, high, _) in self.nodes.iter().flat_map(|node| node.iter()) {
            starts[usize::from(low)] = true;
            starts[usize::from(high) + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(nodes: &Utf8Nodes, first: u32, bytes: &[u8]) -> bool {
        bytes.iter().try_fold(first, |node, &b| if node == DONE { None } else { nodes.step(node, b) }) == Some(DONE)
    }

    #[test]
    fn classes_hold_their_code_points_and_no_others() {
        let mut nodes = Utf8Nodes::default();
        let sets = [
            CharSet::all(),
            CharSet::new([(0x41, 0x5A), (0x7F, 0x80), (0x7FF, 0x800), (0xD7F0, 0xE010), (0xFFFF, 0x10005)]),
            CharSet::new([(0x1000, 0x1234), (0x1236, 0x2FFF), (0x10FFFF, 0x10FFFF)]),
            CharSet::property("L").unwrap(),
        ];
        for set in sets {
            let first = nodes.class(&set).unwrap();
            for c in '\0'..=char::MAX {
                let mut buffer = [0; 4];
                let inside = set.ranges().iter().any(|&(low, high)| (low..=high).contains(&(c as u32)));
                assert_eq!(contains(&nodes, first, c.encode_utf8(&mut buffer).as_bytes()), inside, "{c:?}");
            }
            for bad in [&[0xC0, 0x80][..], &[0xE0, 0x80, 0x80], &[0xED, 0xA0, 0x80], &[0xF4, 0x90, 0x80, 0x80], &[0x80]]
            {
                assert!(!contains(&nodes, first, bad));
            }
        }
        assert_eq!(nodes.class(&CharSet::default()), None);
    }
}
