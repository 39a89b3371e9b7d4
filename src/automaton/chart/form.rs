//! What a lexeme is, in words that mean the same in every grammar.

use rustc_hash::FxHashMap;

use super::{
    lexeme::{Lexemes, Node, Rx},
    machine::{Chart, Place, Reading},
};

/// Expressions of more parts have no form.
const MAX_PARTS: usize = 64;

/// Two lexemes with one form have the same texts.
pub type Form = Box<[u64]>;

#[derive(Default)]
struct Writing {
    form: Vec<u64>,
    known: FxHashMap<Rx, u64>,
}

impl Chart {
    /// The form of what is being read. None: it is no lexeme, or a large one.
    pub fn form(&self, place: Place) -> Option<Form> {
        match place.reading() {
            Reading::Lexeme(rx) => self.lexemes.form(rx),
            _ => None,
        }
    }
}

impl Lexemes {
    fn form(&self, rx: Rx) -> Option<Form> {
        let mut writing = Writing::default();
        self.write(rx, &mut writing)?;
        Some(writing.form.into())
    }

    /// Parts come before what they are parts of, and are told by when they came.
    fn write(&self, rx: Rx, to: &mut Writing) -> Option<u64> {
        if let Some(known) = to.known.get(&rx) {
            return Some(*known);
        }
        let node = &self.nodes[rx as usize];
        let (kind, mut words) = match node {
            Node::Nothing => (0, Vec::new()),
            Node::Empty => (1, Vec::new()),
            Node::Set(set) => (2, set.to_vec()),
            Node::Concat(first, rest) => (3, vec![self.write(*first, to)?, self.write(*rest, to)?]),
            Node::Alt(parts) | Node::And(parts) => {
                let words = parts.iter().map(|part| self.write(*part, to)).collect::<Option<_>>()?;
                (if matches!(node, Node::Alt(_)) { 4 } else { 5 }, words)
            }
            Node::Not(body) => (6, vec![self.write(*body, to)?]),
            Node::Repeat(body, min, max) => {
                let max = max.map_or(u64::MAX, u64::from);
                (7, vec![self.write(*body, to)?, u64::from(*min), max])
            }
            Node::Shortest(body) => (8, vec![self.write(*body, to)?]),
        };
        let number = to.known.len() as u64;
        if to.known.len() == MAX_PARTS {
            return None;
        }
        to.known.insert(rx, number);
        to.form.extend([kind, words.len() as u64]);
        to.form.append(&mut words);
        Some(number)
    }
}
