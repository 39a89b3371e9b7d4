//! Texts, bit sets and other small things, shared by content so that comparing them is comparing numbers.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Values by number; equal values have one number.
#[derive(Debug)]
pub struct Interner<T> {
    items: Vec<T>,
    ids: FxHashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Default for Interner<T> {
    fn default() -> Self {
        Self { items: Vec::new(), ids: FxHashMap::default() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    pub fn intern(&mut self, item: T) -> u32 {
        if let Some(id) = self.ids.get(&item) {
            return *id;
        }
        let id = self.items.len() as u32;
        self.items.push(item.clone());
        self.ids.insert(item, id);
        id
    }

    /// The number of an item, if there is one.
    pub fn find(&self, item: &T) -> Option<u32> {
        self.ids.get(item).copied()
    }

    pub fn get(&self, id: u32) -> &T {
        &self.items[id as usize]
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Forgets everything that was added since there were `len` items.
    pub fn truncate(&mut self, len: usize) {
        for item in self.items.drain(len..) {
            self.ids.remove(&item);
        }
    }
}

/// Byte strings as a tree that grows at its leaves: appending one byte is one look-up, equal texts are one node.
///
/// Most texts go on in one way only, so a node knows its first child; further ones are looked up.
#[derive(Debug)]
pub struct Texts {
    /// Parent and last byte; node 0 is the empty text.
    nodes: Vec<(u32, u8)>,
    /// Per node its first child, or 0.
    first: Vec<u32>,
    more: FxHashMap<(u32, u8), u32>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { nodes: vec![(0, 0)], first: vec![0], more: FxHashMap::default() }
    }
}

impl Texts {
    pub const EMPTY: u32 = 0;

    /// The text with one more byte.
    pub fn push(&mut self, text: u32, byte: u8) -> u32 {
        if let Some(known) = self.find(text, byte) {
            return known;
        }
        let id = self.nodes.len() as u32;
        self.nodes.push((text, byte));
        self.first.push(0);
        match &mut self.first[text as usize] {
            first @ 0 => *first = id,
            _ => drop(self.more.insert((text, byte), id)),
        }
        id
    }

    /// The text with one more byte, if it was ever seen.
    pub fn find(&self, text: u32, byte: u8) -> Option<u32> {
        let first = self.first[text as usize];
        if first != 0 && self.nodes[first as usize].1 == byte {
            return Some(first);
        }
        self.more.get(&(text, byte)).copied()
    }

    pub fn intern(&mut self, bytes: &[u8]) -> u32 {
        bytes.iter().fold(Self::EMPTY, |text, byte| self.push(text, *byte))
    }

    pub fn bytes(&self, text: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut at = text;
        while at != Self::EMPTY {
            let (parent, byte) = self.nodes[at as usize];
            bytes.push(byte);
            at = parent;
        }
        bytes.reverse();
        bytes
    }

    /// The bytes of `text` behind `start`, if it begins so.
    pub fn behind(&self, start: u32, text: u32) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut at = text;
        // What a text begins with was numbered before it.
        while at > start {
            let (parent, byte) = self.nodes[at as usize];
            bytes.push(byte);
            at = parent;
        }
        bytes.reverse();
        (at == start).then_some(bytes)
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// About the memory held.
    pub fn held(&self) -> usize {
        self.nodes.len() * 24 + self.more.len() * 24
    }

    /// Forgets everything that was added since there were `len` nodes.
    pub fn truncate(&mut self, len: usize) {
        for id in (len..self.nodes.len()).rev() {
            let (parent, byte) = self.nodes[id];
            match &mut self.first[parent as usize] {
                first if *first as usize == id => *first = 0,
                _ => drop(self.more.remove(&(parent, byte))),
            }
        }
        self.nodes.truncate(len);
        self.first.truncate(len);
    }
}

/// Sets of any numbers, as trees that share what they have in common: adding a number and looking for one takes about as
/// many steps as the set's size has bits, and equal sets have one number, whatever the order they were made in.
///
/// Source: C. Okasaki, A. Gill: Fast mergeable integer maps, 1998.
#[derive(Debug, Default)]
pub struct NumberSets {
    /// Set `i + 1` is entry `i`, set 0 is empty.
    nodes: Interner<SetNode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SetNode {
    Leaf(u32),
    /// The numbers have the bits below `bit` in common; that bit tells on which side they are.
    Branch {
        prefix: u32,
        bit: u32,
        zero: u32,
        one: u32,
    },
}

impl NumberSets {
    pub const EMPTY: u32 = 0;

    pub fn contains(&self, set: u32, number: u32) -> bool {
        let mut at = set;
        while let Some(entry) = at.checked_sub(1) {
            match *self.nodes.get(entry) {
                SetNode::Leaf(leaf) => return leaf == number,
                SetNode::Branch { bit, zero, one, .. } => at = if number & bit == 0 { zero } else { one },
            }
        }
        false
    }

    /// All numbers of a set, in no particular order.
    pub fn numbers(&self, set: u32) -> impl Iterator<Item = u32> {
        let mut open = vec![set];
        std::iter::from_fn(move || {
            while let Some(set) = open.pop() {
                match set.checked_sub(1).map(|entry| *self.nodes.get(entry)) {
                    None => {}
                    Some(SetNode::Leaf(leaf)) => return Some(leaf),
                    Some(SetNode::Branch { zero, one, .. }) => open.extend([zero, one]),
                }
            }
            None
        })
    }

    /// The set with one more number.
    pub fn with(&mut self, set: u32, number: u32) -> u32 {
        let Some(entry) = set.checked_sub(1) else { return self.node(SetNode::Leaf(number)) };
        match *self.nodes.get(entry) {
            SetNode::Leaf(leaf) if leaf == number => set,
            SetNode::Leaf(leaf) => self.join(number, leaf, set),
            SetNode::Branch { prefix, bit, .. } if number & (bit - 1) != prefix => self.join(number, prefix, set),
            SetNode::Branch { prefix, bit, zero, one } if number & bit == 0 => {
                let zero = self.with(zero, number);
                self.node(SetNode::Branch { prefix, bit, zero, one })
            }
            SetNode::Branch { prefix, bit, zero, one } => {
                let one = self.with(one, number);
                self.node(SetNode::Branch { prefix, bit, zero, one })
            }
        }
    }

    /// A number beside a set whose numbers begin otherwise, as `other` does.
    fn join(&mut self, number: u32, other: u32, set: u32) -> u32 {
        let differs = number ^ other;
        let bit = differs & differs.wrapping_neg();
        let leaf = self.node(SetNode::Leaf(number));
        let (zero, one) = if number & bit == 0 { (leaf, set) } else { (set, leaf) };
        self.node(SetNode::Branch { prefix: number & (bit - 1), bit, zero, one })
    }

    fn node(&mut self, node: SetNode) -> u32 {
        self.nodes.intern(node) + 1
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn truncate(&mut self, len: usize) {
        self.nodes.truncate(len);
    }
}

/// Sets of small numbers, interned; the empty set is number 0.
#[derive(Debug)]
pub struct BitSets {
    sets: Interner<Box<[u64]>>,
    inserted: FxHashMap<(u32, u32), u32>,
}

impl Default for BitSets {
    fn default() -> Self {
        let mut sets = Interner::default();
        sets.intern(Box::from([]));
        Self { sets, inserted: FxHashMap::default() }
    }
}

impl BitSets {
    pub const EMPTY: u32 = 0;

    pub fn contains(&self, set: u32, bit: u32) -> bool {
        self.sets.get(set).get(bit as usize / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    pub fn with(&mut self, set: u32, bit: u32) -> u32 {
        if let Some(found) = self.inserted.get(&(set, bit)) {
            return *found;
        }
        let mut words = self.sets.get(set).to_vec();
        words.resize(words.len().max(bit as usize / 64 + 1), 0);
        words[bit as usize / 64] |= 1 << (bit % 64);
        let id = self.sets.intern(words.into());
        self.inserted.insert((set, bit), id);
        id
    }

    pub fn collect(&mut self, bits: impl Iterator<Item = bool>) -> u32 {
        let mut words: Vec<u64> = Vec::new();
        for (index, bit) in bits.enumerate() {
            if bit {
                words.resize(words.len().max(index / 64 + 1), 0);
                words[index / 64] |= 1 << (index % 64);
            }
        }
        self.sets.intern(words.into())
    }

    /// The set whose first 64 numbers are these bits, and no others.
    pub fn of_word(&mut self, word: u64) -> u32 {
        if word == 0 { Self::EMPTY } else { self.sets.intern(Box::from([word])) }
    }

    /// Every number of `part` is in `whole`.
    pub fn includes(&self, whole: u32, part: u32) -> bool {
        let whole = self.sets.get(whole);
        let inside = |(index, word): (usize, &u64)| word & !whole.get(index).copied().unwrap_or(0) == 0;
        self.sets.get(part).iter().enumerate().all(inside)
    }

    pub fn count(&self, set: u32) -> u32 {
        self.sets.get(set).iter().map(|word| word.count_ones()).sum()
    }

    /// How many numbers of `set` are not in `other`.
    pub fn count_without(&self, set: u32, other: u32) -> u32 {
        let others = self.sets.get(other).iter().chain(std::iter::repeat(&0));
        self.sets.get(set).iter().zip(others).map(|(word, other)| (word & !other).count_ones()).sum()
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        let longest = self.sets.items.last().map_or(0, |set| set.len());
        self.sets.len() * (64 + longest * 16) + self.inserted.len() * 24
    }

    pub fn words(&self, set: u32) -> &[u64] {
        self.sets.get(set)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn texts_are_told_apart_and_forgotten() {
        let mut texts = Texts::default();
        let words: &[&[u8]] = &[b"", b"a", b"ab", b"ac", b"b", b"abcd", b"abce", b"ad"];
        let ids: Vec<u32> = words.iter().map(|word| texts.intern(word)).collect();
        for (start, from) in words.iter().zip(&ids) {
            for (word, id) in words.iter().zip(&ids) {
                assert_eq!(texts.behind(*from, *id).as_deref(), word.strip_prefix(*start));
            }
        }
        let before = texts.len();
        for round in 0..3 {
            for (word, id) in words.iter().zip(&ids) {
                assert_eq!((texts.intern(word), &texts.bytes(*id)[..]), (*id, *word), "{round}");
            }
            assert_eq!(texts.len(), before);
            for word in [&b"ae"[..], b"abcf", b"zz", b"zy", b"abcdx"] {
                let id = texts.intern(word);
                assert_eq!(texts.bytes(id), word);
            }
            assert!(texts.find(Texts::EMPTY, b'z').is_some());
            texts.truncate(before);
            assert!(texts.find(Texts::EMPTY, b'z').is_none() && texts.find(ids[1], b'e').is_none());
        }
        texts.truncate(1);
        assert!(texts.find(Texts::EMPTY, b'a').is_none());
        let id = texts.intern(b"ad");
        assert_eq!(texts.bytes(id), b"ad");
    }

    #[test]
    fn sets_of_numbers_are_sets() {
        let mut sets = NumberSets::default();
        let numbers: Vec<u32> = (0..200u32).map(|i| i.wrapping_mul(0x9e37_79b9) >> (i % 25)).collect();
        let (mut set, mut wanted) = (NumberSets::EMPTY, BTreeSet::new());
        for number in &numbers {
            assert_eq!(sets.contains(set, *number), wanted.contains(number));
            set = sets.with(set, *number);
            wanted.insert(*number);
            assert!(numbers.iter().all(|number| sets.contains(set, *number) == wanted.contains(number)));
        }
        let backwards = numbers.iter().rev().fold(NumberSets::EMPTY, |set, number| sets.with(set, *number));
        assert_eq!(backwards, set, "the order does not matter");
        assert_eq!(sets.with(set, numbers[7]), set);
    }
}
