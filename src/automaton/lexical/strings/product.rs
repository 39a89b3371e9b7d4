//! The product of a language's components, over bytes.
//!
//! A state is a tuple `(place in a UTF-8 sequence, node of the literals, state of pattern 0, ..., state of machine 0, ...)`.
//! Tuples are numbered as they are met. Bytes that no component tells apart are one class.

use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

use super::super::charset::CharSet;
use super::literals::{Literals, OUTSIDE};
use super::machine::{self, Machine};
use super::nfa::Measure;
use super::subset::Subset;
use super::utf8::{DONE, Utf8Nodes};

/// An atom of a formula, by the component that decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Pattern(u32),
    /// Membership in a list of the literals.
    Literals(u32),
    /// A machine.
    Machine(u32),
}

/// In place of a UTF-8 node: between two characters.
const BETWEEN: u32 = 0;

#[derive(Debug)]
pub struct Product {
    /// The class of each byte.
    pub class_of: [u8; 256],
    /// Per class the byte that costs least inside a JSON string.
    pub cheapest: Vec<u8>,
    /// Per class its first byte: a class is a range of bytes.
    pub first: Vec<u8>,
    /// Per class how many bytes it has.
    pub sizes: Vec<u16>,
    utf8: Utf8Nodes,
    utf8_start: u32,
    literals: Literals,
    patterns: Vec<Subset>,
    machines: Vec<Machine>,
    width: usize,
    tuples: Vec<u32>,
    index: HashTable<u32>,
    scratch: Vec<u32>,
    /// Components that were moved.
    moved: u64,
}

impl Product {
    pub fn new(lists: &[Vec<Box<str>>], patterns: Vec<Subset>, machines: Vec<Machine>) -> Self {
        let mut utf8 = Utf8Nodes::default();
        let utf8_start = utf8.class(&CharSet::all()).expect("there are code points");
        let literals = Literals::new(lists);
        let mut starts = [false; 257];
        utf8.mark_boundaries(&mut starts);
        literals.mark_boundaries(&mut starts);
        for pattern in &patterns {
            pattern.nfa().nodes.mark_boundaries(&mut starts);
            if pattern.nfa().has_context {
                let word = [(b'0', b'9'), (b'A', b'Z'), (b'_', b'_'), (b'a', b'z')];
                word.iter().flat_map(|&(low, high)| [low, high + 1]).for_each(|byte| starts[usize::from(byte)] = true);
            }
        }
        machines.iter().for_each(|machine| machine.mark_boundaries(&mut starts));
        let mut product = Self {
            class_of: [0; 256],
            cheapest: vec![0],
            first: vec![0],
            sizes: vec![0],
            utf8,
            utf8_start,
            width: 2 + patterns.len() + machines.len(),
            literals,
            patterns,
            machines,
            tuples: Vec::new(),
            index: HashTable::new(),
            scratch: Vec::new(),
            moved: 0,
        };
        product.assign_classes(&starts);
        product.scratch.extend([BETWEEN, product.literals.start()]);
        let patterns = product.patterns.iter().map(Subset::start);
        product.scratch.extend(patterns);
        product.scratch.extend(product.machines.iter().map(Machine::start));
        product.intern();
        product
    }

    fn assign_classes(&mut self, starts: &[bool; 257]) {
        for byte in 0..=255u8 {
            if byte > 0 && starts[usize::from(byte)] {
                self.cheapest.push(byte);
                self.first.push(byte);
                self.sizes.push(0);
            }
            let class = self.sizes.len() - 1;
            self.class_of[usize::from(byte)] = class as u8;
            self.sizes[class] += 1;
            let rank = |byte: u8| (json_cost(byte), !byte.is_ascii_alphanumeric());
            if rank(byte) < rank(self.cheapest[class]) {
                self.cheapest[class] = byte;
            }
        }
    }

    /// Number of byte classes.
    pub fn classes(&self) -> usize {
        self.sizes.len()
    }

    /// Number of states met so far; state 0 is the start.
    pub fn len(&self) -> usize {
        self.tuples.len() / self.width
    }

    fn tuple(&self, state: u32) -> &[u32] {
        &self.tuples[state as usize * self.width..][..self.width]
    }

    /// Whether the text read so far is whole characters.
    pub fn is_between(&self, state: u32) -> bool {
        self.tuple(state)[0] == BETWEEN
    }

    fn utf8_node(&self, state: u32) -> u32 {
        match self.tuples[state as usize * self.width] {
            BETWEEN => self.utf8_start,
            node => node - 1,
        }
    }

    /// Whether the text may go on with a byte of the class and be UTF-8.
    pub fn continues_utf8(&self, state: u32, class: usize) -> bool {
        self.utf8.step(self.utf8_node(state), self.cheapest[class]).is_some()
    }

    /// The state behind a byte of the class; `None` if the text is no UTF-8.
    pub fn edge(&mut self, state: u32, class: usize) -> Option<u32> {
        let byte = self.cheapest[class];
        let from = state as usize * self.width;
        let node = self.utf8.step(self.utf8_node(state), byte)?;
        self.moved += self.width as u64;
        self.scratch.clear();
        self.scratch.push(if node == DONE { BETWEEN } else { node + 1 });
        self.scratch.push(self.literals.step(self.tuples[from + 1], byte));
        for (k, pattern) in self.patterns.iter_mut().enumerate() {
            self.scratch.push(pattern.step(self.tuples[from + 2 + k], byte));
        }
        let machines = from + 2 + self.patterns.len();
        for (k, machine) in self.machines.iter_mut().enumerate() {
            self.scratch.push(machine.step(self.tuples[machines + k], byte));
        }
        Some(self.intern())
    }

    fn intern(&mut self) -> u32 {
        let width = self.width;
        let hash = hash_of(&self.scratch);
        let at = |state: u32| state as usize * width..(state as usize + 1) * width;
        if let Some(&state) = self.index.find(hash, |&s| self.tuples[at(s)] == self.scratch[..]) {
            return state;
        }
        let state = self.len() as u32;
        self.tuples.extend_from_slice(&self.scratch);
        let tuples = &self.tuples;
        self.index.insert_unique(hash, state, |&s| hash_of(&tuples[at(s)]));
        state
    }

    fn machine_state(&self, state: u32, k: u32) -> u32 {
        self.tuple(state)[2 + self.patterns.len() + k as usize]
    }

    /// Whether the atom holds of the text that ends here, between two characters.
    pub fn accepts(&self, state: u32, part: Part) -> bool {
        let tuple = self.tuple(state);
        match part {
            Part::Pattern(k) => self.patterns[k as usize].accepts(tuple[2 + k as usize]),
            Part::Literals(list) => self.literals.accepts(tuple[1], list),
            Part::Machine(k) => self.machines[k as usize].accepts(self.machine_state(state, k)),
        }
    }

    /// The atom's truth, if no continuation changes it any more.
    pub fn settled(&self, state: u32, part: Part) -> Option<bool> {
        let tuple = self.tuple(state);
        match part {
            Part::Pattern(k) => self.patterns[k as usize].settled(tuple[2 + k as usize]),
            Part::Literals(list) => (!self.literals.is_live(tuple[1], list)).then_some(false),
            Part::Machine(k) => (self.machine_state(state, k) == machine::DEAD).then_some(false),
        }
    }

    /// The lengths of the continuations for which the atom holds.
    pub fn measure(&self, state: u32, part: Part) -> Option<Measure> {
        let tuple = self.tuple(state);
        match part {
            Part::Pattern(k) => self.patterns[k as usize].measure(tuple[2 + k as usize]),
            Part::Literals(list) => Some(self.literals.measure(tuple[1], list)),
            Part::Machine(k) => self.machines[k as usize].measure(self.machine_state(state, k)),
        }
    }

    /// Whether it is plain that the atom holds of some continuation.
    pub fn is_live(&self, state: u32, part: Part) -> bool {
        match part {
            Part::Pattern(_) | Part::Literals(_) => false,
            Part::Machine(k) => self.machines[k as usize].is_live(self.machine_state(state, k)),
        }
    }

    /// A completion that is about the shortest for which the atom holds, where its component knows one.
    pub fn completion(&self, state: u32, part: Part) -> Option<Vec<u8>> {
        match part {
            Part::Pattern(_) | Part::Literals(_) => None,
            Part::Machine(k) => self.machines[k as usize].completion(self.machine_state(state, k)),
        }
    }

    /// Another walk begins.
    pub fn begin(&mut self) {
        self.machines.iter_mut().for_each(Machine::begin);
    }

    /// Whether some component is not sure of its liveness, and whether some has passed a limit.
    pub fn trouble(&self) -> (bool, bool) {
        let of = self.machines.iter().map(Machine::trouble);
        of.fold((false, false), |(soft, fault), (is_soft, has_fault)| (soft || is_soft, fault || has_fault))
    }

    /// The lengths of the continuations that are not in a list: all but, perhaps, the empty one, as there are more code
    /// points than texts. `None` inside a character that the list may cover.
    pub fn measure_outside(&self, state: u32, list: u32) -> Option<Measure> {
        let node = self.tuple(state)[1];
        if self.is_between(state) {
            return Some(match self.literals.accepts(node, list) {
                true => Measure { min: 1, stretch: 1 },
                false => Measure::ALL,
            });
        }
        (self.literals.tails(node, list).nth(32).is_none()).then_some(Measure::ALL)
    }

    /// The rests of the texts of a list that begin with what has been read, in order.
    pub fn tails(&self, state: u32, list: u32) -> impl Iterator<Item = &[u8]> {
        let node = self.tuple(state)[1];
        (node != OUTSIDE).then(|| self.literals.tails(node, list)).into_iter().flatten()
    }

    /// How much was read so far: components and threads of patterns that were moved.
    pub fn work(&self) -> u64 {
        let machines: u64 = self.machines.iter().map(Machine::work).sum();
        self.moved + machines + self.patterns.iter().map(Subset::work).sum::<u64>()
    }

    /// Approximate memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.tuples.len() * 4
            + self.len() * 8
            + self.literals.bytes()
            + self.patterns.iter().map(Subset::bytes).sum::<usize>()
            + self.machines.iter().map(Machine::bytes).sum::<usize>()
    }
}

/// Bytes that a byte of a text takes inside a JSON string.
pub fn json_cost(byte: u8) -> u32 {
    match byte {
        b'"' | b'\\' | 0x08 | 0x09 | 0x0A | 0x0C | 0x0D => 2,
        0x00..0x20 => 6,
        _ => 1,
    }
}

fn hash_of(tuple: &[u32]) -> u64 {
    let mut hasher = FxHasher::default();
    tuple.hash(&mut hasher);
    hasher.finish()
}
