//! What becomes of tokens in a lexeme or a value: a walk of a token trie.
//!
//! Where a lexeme goes on with any characters of a set, a subtree that is made of them is taken whole. The tokens that
//! lie within the lexeme are gathered at once. Of the others only the places are noted where the lexeme may end, and by
//! which byte each goes on there: what comes behind the lexeme asks for those that it can begin with.

use std::ops::Range;

use super::{gather::Gather, text::TextTables};
use crate::{
    automaton::{
        chart::{ByteSet, Chart, MARK, Place, Stay, contains},
        json::{Machine, State},
    },
    vocab::{TokenId, TokenTrie, Vocabulary},
};

/// Where so many nodes are left behind an end, what is left is not made a trie of its own.
const LARGE: u32 = if cfg!(test) { 12 } else { 512 };

/// Where so few bytes can be read, the nodes of the first level are looked up: they are far apart in memory.
const FEW_BYTES: u32 = 48;

/// Tries of fewer nodes are walked as they are.
const SMALL: usize = 1_024;

/// Subtrees of so few nodes are not taken whole.
const TINY: u32 = if cfg!(test) { 2 } else { 4 };

/// What a walk goes along with.
pub trait Language {
    type At: Copy + PartialEq;

    fn step(&mut self, at: Self::At, byte: u8) -> Option<Self::At>;

    /// It may end here.
    fn is_through(&mut self, at: Self::At) -> bool;

    /// False: no more steps may be taken.
    fn spend(&mut self, steps: usize) -> bool;

    /// The bytes with which it may go on, and perhaps others.
    fn next_bytes(&mut self, _at: Self::At) -> ByteSet {
        [!0; 4]
    }

    /// Characters with which it goes on. `loops`: one leads back to where it is.
    fn stay(&mut self, _at: Self::At, _loops: bool) -> Option<Stay> {
        None
    }
}

pub struct Lexemes<'a> {
    pub chart: &'a mut Chart,
}

impl Language for Lexemes<'_> {
    type At = Place;

    fn step(&mut self, at: Place, byte: u8) -> Option<Place> {
        // No text is a mark.
        if byte == MARK { None } else { self.chart.derive(at, byte) }
    }

    fn is_through(&mut self, at: Place) -> bool {
        self.chart.is_through(at)
    }

    fn spend(&mut self, steps: usize) -> bool {
        self.chart.budget().spend(steps)
    }

    fn next_bytes(&mut self, at: Place) -> ByteSet {
        self.chart.next_bytes(at)
    }

    fn stay(&mut self, at: Place, loops: bool) -> Option<Stay> {
        self.chart.stay(at, loops)
    }
}

pub struct Json<'a> {
    pub machine: &'a mut Machine,
}

impl Language for Json<'_> {
    type At = State;

    fn step(&mut self, at: State, byte: u8) -> Option<State> {
        self.machine.step(at, byte)
    }

    fn is_through(&mut self, at: State) -> bool {
        self.machine.accepts(at)
    }

    fn spend(&mut self, steps: usize) -> bool {
        self.machine.budget().spend(steps)
    }
}

/// A trie, or what is below one of its nodes.
#[derive(Clone)]
pub struct Branch<'a> {
    pub trie: &'a TokenTrie,
    /// Of the vocabulary's trie.
    pub text: Option<&'a TextTables>,
    pub nodes: Range<u32>,
    /// The depth of the node that they are below.
    pub above: usize,
}

/// A node at which what is read may end.
#[derive(Debug)]
pub struct End {
    pub node: u32,
    depth: u16,
    /// How many nodes are left behind it, and by which bytes they begin.
    nodes: u32,
    pub bytes: ByteSet,
}

/// Where tokens do not lie within a lexeme, and it may end before.
#[derive(Debug, Default)]
pub struct Ends {
    /// The node at which it may end with most left behind it, if that is much.
    pub large: Option<End>,
    /// Nodes to which it does not go, and where what is noted of each begins in `depths`.
    cuts: Vec<(u32, u32)>,
    /// The depths of the nodes at which it may end on the way there, and the bytes that come then.
    depths: Vec<(u16, u8)>,
    /// All such bytes.
    pub bytes: ByteSet,
}

impl Ends {
    pub fn is_empty(&self) -> bool {
        self.bytes == [0; 4]
    }

    /// What is left of tokens behind an end, if it begins with a byte of the set; without [`Ends::large`].
    pub fn left<'a>(&self, trie: &TokenTrie, vocabulary: &'a Vocabulary, bytes: &ByteSet) -> Vec<(TokenId, &'a [u8])> {
        let mut left = Vec::new();
        let mut ends = Vec::new();
        for (index, (node, from)) in self.cuts.iter().enumerate() {
            let to = self.cuts.get(index + 1).map_or(self.depths.len(), |next| next.1 as usize);
            let is_large = |depth: u16| {
                let is_it =
                    |at: &End| at.depth == depth && (at.node + 1..trie.nodes()[at.node as usize].next).contains(node);
                self.large.as_ref().is_some_and(is_it)
            };
            let is_left = |(depth, byte): &&(u16, u8)| contains(bytes, *byte) && !is_large(*depth);
            ends.clear();
            ends.extend(self.depths[*from as usize..to].iter().filter(is_left));
            if ends.is_empty() {
                continue;
            }
            for at in *node..trie.nodes()[*node as usize].next {
                for token in trie.tokens_at(at) {
                    let (text, depth) = (vocabulary.bytes(*token), trie.nodes()[at as usize].depth);
                    // A trie of what is left of tokens has their last bytes.
                    left.extend(ends.iter().map(|(end, _)| (*token, &text[text.len() - usize::from(depth - end)..])));
                }
            }
        }
        // Of one token, several beginnings may be behind, and the same be left.
        left.sort_unstable_by(|(one, text), (other, more)| (text, one).cmp(&(more, other)));
        left.dedup();
        left
    }

    /// About the memory held.
    pub fn bytes_held(&self) -> usize {
        self.cuts.len() * 8 + self.depths.len() * 4
    }

    /// An end is behind.
    fn close(&mut self, end: End) {
        if end.nodes > LARGE.max(self.large.as_ref().map_or(0, |other| other.nodes)) {
            self.large = Some(end);
        }
    }
}

fn set(bytes: &mut ByteSet, byte: u8) {
    bytes[usize::from(byte) / 64] |= 1 << (byte % 64);
}

/// A walk through the part of a trie that a language goes along with.
pub struct Walk<'a, L> {
    pub language: L,
    pub branch: Branch<'a>,
    pub mask: Gather,
    pub ends: Ends,
    /// The bytes that can come behind an end.
    pub wanted: ByteSet,
}

impl<L: Language> Walk<'_, L> {
    pub fn go(&mut self, start: L::At) {
        let Branch { trie, nodes, above, .. } = self.branch.clone();
        if above > 0 || nodes.len() != trie.nodes().len() || nodes.len() < SMALL {
            return self.between(nodes, start);
        }
        let bytes = self.language.next_bytes(start);
        if bytes.iter().map(|word| word.count_ones()).sum::<u32>() > FEW_BYTES {
            return self.between(nodes, start);
        }
        for byte in (0..=u8::MAX).filter(|byte| contains(&bytes, *byte)) {
            if let Some(node) = trie.root(byte) {
                self.between(node..trie.nodes()[node as usize].next, start);
            }
        }
    }

    fn between(&mut self, range: Range<u32>, start: L::At) {
        let Branch { trie, text: tables, above, .. } = self.branch.clone();
        let nodes = trie.nodes();
        // By depth: where it is behind the node there, and the node's byte.
        let mut path = vec![(start, self.language.stay(start, false))];
        let mut text: Vec<u8> = Vec::new();
        let mut ends: Vec<End> = Vec::new();
        let (mut at, mut visits) = (range.start, 0_usize);
        while at < range.end {
            visits += 1;
            // A node costs less than a step.
            if visits.is_multiple_of(64) && !self.language.spend(16) {
                return;
            }
            let node = nodes[at as usize];
            let depth = usize::from(node.depth) - above;
            path.truncate(depth);
            text.truncate(depth - 1);
            text.push(node.byte);
            while let Some(end) = ends.pop_if(|end| end.depth >= node.depth) {
                self.ends.close(end);
            }
            let (before, stays) = path[depth - 1];
            let Some(next) = self.language.step(before, node.byte) else {
                if !ends.is_empty() {
                    self.cut(at, &mut ends, &text);
                }
                at = node.next;
                continue;
            };
            if node.next == at + 1 {
                self.mask.extend(trie.tokens_at(at));
                at += 1;
                continue;
            }
            let stays_on = match node.next - at {
                _ if next == before && stays.is_some() => stays,
                // To look for it would cost more than to walk.
                ..=TINY => None,
                _ => self.language.stay(next, next == before),
            };
            if tables.is_some_and(|tables| is_whole(tables, (at, node.byte), stays, stays_on)) {
                self.mask.extend(trie.tokens_below(at));
                at = node.next;
                continue;
            }
            self.mask.extend(trie.tokens_at(at));
            path.push((next, stays_on));
            if self.language.is_through(next) {
                ends.push(End { node: at, depth: node.depth, nodes: 0, bytes: [0; 4] });
            }
            at += 1;
        }
        ends.into_iter().for_each(|end| self.ends.close(end));
    }

    /// Notes what is left of the tokens below a node to which the walk does not go.
    fn cut(&mut self, node: u32, ends: &mut [End], text: &[u8]) {
        let Branch { trie, above, .. } = &self.branch;
        let nodes = trie.nodes()[node as usize].next - node;
        let from = self.ends.depths.len();
        for end in ends {
            let byte = text[usize::from(end.depth) - above];
            if contains(&self.wanted, byte) {
                end.nodes += nodes;
                set(&mut end.bytes, byte);
                set(&mut self.ends.bytes, byte);
                self.ends.depths.push((end.depth, byte));
            }
        }
        if self.ends.depths.len() > from {
            self.ends.cuts.push((node, from as u32));
        }
    }
}

/// Whether all tokens at and below a node lie within what is read: before its byte, and behind it, reading goes on with
/// such characters.
fn is_whole(text: &TextTables, (node, byte): (u32, u8), before: Option<Stay>, behind: Option<Stay>) -> bool {
    let most = text.most_below(node);
    behind.is_some_and(|stay| most <= stay.room && text.loops_below(node, stay.loops))
        || before.is_some_and(|stay| most < stay.room && text.loops_at(node, byte, stay.loops))
}
