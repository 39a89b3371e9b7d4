//! Every literal text of a language in one component: a position in their sorted list.
//!
//! A node is the range of texts that share what has been read, so that thousands of entries cost nothing until a node is
//! asked for, and then two binary searches. Node 0 is outside: no text begins so.

use rustc_hash::FxHashMap;

use super::nfa::{Measure, NEVER};

/// The node outside all texts.
pub const OUTSIDE: u32 = 0;

#[derive(Clone, Copy, Debug)]
struct Node {
    first: u32,
    last: u32,
    depth: u32,
}

/// Texts, and the lists (enumerations, constants) that each belongs to.
#[derive(Debug)]
pub struct Literals {
    texts: Vec<Box<str>>,
    /// Per text its length in code points.
    lengths: Vec<u32>,
    /// Per list the sorted numbers of its texts.
    lists: Vec<Vec<u32>>,
    nodes: Vec<Node>,
    index: FxHashMap<(u32, u32), u32>,
}

impl Literals {
    pub fn new(lists: &[Vec<Box<str>>]) -> Self {
        let mut texts: Vec<Box<str>> = lists.iter().flatten().cloned().collect();
        texts.sort_unstable();
        texts.dedup();
        let place = |text: &str| texts.binary_search_by(|other| (**other).cmp(text));
        let number = |text: &str| place(text).expect("every text is in the list of all") as u32;
        let sorted = |list: &Vec<Box<str>>| {
            let mut numbers: Vec<u32> = list.iter().map(|text| number(text)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let lists = lists.iter().map(sorted).collect();
        let root = Node { first: 0, last: texts.len() as u32, depth: 0 };
        let outside = Node { first: 0, last: 0, depth: u32::MAX };
        let index = FxHashMap::from_iter([((0, 0), 1)]);
        let lengths = texts.iter().map(|text| text.chars().count() as u32).collect();
        Self { texts, lengths, lists, nodes: vec![outside, root], index }
    }

    pub fn start(&self) -> u32 {
        if self.texts.is_empty() { OUTSIDE } else { 1 }
    }

    pub fn step(&mut self, node: u32, byte: u8) -> u32 {
        let Node { first, last, depth } = self.nodes[node as usize];
        let range = &self.texts[first as usize..last as usize];
        let key = |text: &str| text.as_bytes().get(depth as usize).copied();
        let low = range.partition_point(|text| key(text) < Some(byte));
        let high = low + range[low..].partition_point(|text| key(text) == Some(byte));
        if low == high {
            return OUTSIDE;
        }
        let (low, high) = (first + low as u32, first + high as u32);
        let fresh = self.nodes.len() as u32;
        let node = *self.index.entry((low, depth + 1)).or_insert(fresh);
        if node == fresh {
            self.nodes.push(Node { first: low, last: high, depth: depth + 1 });
        }
        node
    }

    /// The text that ends here.
    fn ending(&self, node: u32) -> Option<u32> {
        let Node { first, last, depth } = self.nodes[node as usize];
        (first < last && self.texts[first as usize].len() == depth as usize).then_some(first)
    }

    /// Whether a text of the list ends here.
    pub fn accepts(&self, node: u32, list: u32) -> bool {
        self.ending(node).is_some_and(|text| self.lists[list as usize].binary_search(&text).is_ok())
    }

    /// The texts of the list that begin with what has been read.
    fn remaining(&self, node: u32, list: u32) -> &[u32] {
        let Node { first, last, .. } = self.nodes[node as usize];
        let list = &self.lists[list as usize];
        let low = list.partition_point(|&text| text < first);
        let high = list.partition_point(|&text| text < last);
        &list[low..high]
    }

    /// Whether some text of the list begins with what has been read.
    pub fn is_live(&self, node: u32, list: u32) -> bool {
        !self.remaining(node, list).is_empty()
    }

    /// The lengths of the continuations that complete a text of the list.
    pub fn measure(&self, node: u32, list: u32) -> Measure {
        let Some(&some) = self.remaining(node, list).first() else { return Measure::NONE };
        let read = &self.texts[some as usize].as_bytes()[..self.nodes[node as usize].depth as usize];
        let read = read.iter().filter(|byte| is_lead(**byte)).count() as u32;
        let left = |&text: &u32| self.lengths[text as usize] - read;
        Measure { min: self.remaining(node, list).iter().map(left).min().unwrap_or(NEVER), stretch: NEVER }
    }

    /// What must follow if the text is to be one of the list, in order; each is the rest of a text.
    pub fn tails(&self, node: u32, list: u32) -> impl Iterator<Item = &[u8]> {
        let depth = self.nodes[node as usize].depth as usize;
        self.remaining(node, list).iter().map(move |&text| &self.texts[text as usize].as_bytes()[depth..])
    }

    /// Marks the bytes that begin a new class of indistinguishable bytes.
    pub fn mark_boundaries(&self, starts: &mut [bool; 257]) {
        for byte in self.texts.iter().flat_map(|text| text.bytes()) {
            starts[usize::from(byte)] = true;
            starts[usize::from(byte) + 1] = true;
        }
    }

    /// Approximate memory held by the nodes, in bytes.
    pub fn bytes(&self) -> usize {
        self.nodes.len() * 32
    }
}

/// Whether a byte begins a character.
pub fn is_lead(byte: u8) -> bool {
    !(0x80..0xC0).contains(&byte)
}
