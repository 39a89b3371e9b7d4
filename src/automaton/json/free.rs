//! Keys that no keyword names, sorted by the patterns that they match: which can be had, and which may come next.

use super::{
    frame::ObjectFrame,
    machine::Machine,
    object::{KeyClass, MAX_COMBINED_PATTERNS, Shape},
    tables::Tables,
};
use crate::automaton::lexical::{Expr, StringAtom};

impl Tables {
    /// Which of a shape's patterns a free key may match together. With many patterns, not all combinations are given.
    pub(super) fn free_classes(&mut self, shape: &Shape) -> Vec<Vec<bool>> {
        let count = shape.patterns.len();
        if count > MAX_COMBINED_PATTERNS {
            self.live.soft = true;
            let single = |index: usize| (0..count).map(|other| other == index).collect();
            return [vec![false; count]].into_iter().chain((0..count).map(single)).collect();
        }
        // Those that match little first: most keys do.
        let mut words: Vec<u32> = (0..1 << count).collect();
        words.sort_by_key(|word| word.count_ones());
        words.iter().map(|word| (0..count).map(|bit| word >> bit & 1 == 1).collect()).collect()
    }

    /// Some free key matches exactly these patterns of a shape.
    pub(super) fn is_free_class(&mut self, shape: u32, matches: &[bool]) -> bool {
        if matches.len() > MAX_COMBINED_PATTERNS {
            return true;
        }
        let count = self.shapes[shape as usize].names.len();
        let class = matches.iter().enumerate().fold(0, |word, (bit, matched)| word | u32::from(*matched) << bit);
        if class == 0 && count == 0 {
            // Keys without a pattern's mark abound.
            return true;
        }
        if count + matches.len() > MAX_COMBINED_PATTERNS {
            return true;
        }
        // Whatever the names' schemas say of it, beside those that must hold.
        let classes = (0..1u32 << count).fold(0u32, |set, names| set | 1 << (names << matches.len() | class));
        self.free_language(shape, classes).is_some()
    }

    /// The language of the free keys in a set of classes: bit sets over a shape's patterns and names. None: there are
    /// none.
    fn free_language(&mut self, shape: u32, classes: u32) -> Option<u32> {
        if let Some(known) = self.free_of.get(&(shape, classes)) {
            return *known;
        }
        let object = self.shapes[shape as usize].clone();
        let atoms = self.class_atoms(&object);
        let class = |class: u32| {
            let literal = |(bit, atom): (usize, &Expr<StringAtom>)| match class >> bit & 1 {
                1 => atom.clone(),
                _ => Expr::Not(Box::new(atom.clone())),
            };
            Expr::And(atoms.iter().enumerate().map(literal).collect())
        };
        let chosen = (0..1u32 << atoms.len()).filter(|bits| classes >> bits & 1 == 1).map(class).collect();
        let known = object.known.iter().map(|known| String::from_utf8_lossy(&known.key).into());
        let known = Expr::Atom(StringAtom::Literals(known.collect()));
        let hard = object.names.iter().zip(&atoms[object.patterns.len()..]).filter(|((_, hard), _)| *hard);
        let hard = hard.map(|(_, atom)| atom.clone());
        let require = Expr::And(hard.chain([Expr::Or(chosen), Expr::Not(Box::new(known))]).collect());
        let language = self.key_language(&object, require);
        let language = self.string_start(language).map(|_| language);
        self.free_of.insert((shape, classes), language);
        language
    }
}

impl Machine {
    /// Free keys of a language of classes, narrowed to those classes that may come next.
    pub(super) fn narrowed_free(&mut self, object: &ObjectFrame, language: u32) -> Option<u32> {
        let shape = self.tables.shapes[object.object.shape as usize].clone();
        if self.tables.specs.get(object.object.rest).is_trivial() {
            return Some(language);
        }
        let count = shape.patterns.len() + shape.names.len();
        if count > MAX_COMBINED_PATTERNS {
            self.tables.live.soft = true;
            return Some(language);
        }
        let (mut classes, mut refused) = (0u32, false);
        for class in 0..1u32 << count {
            let bits = self.tables.specs.bits.of_word(u64::from(class));
            match self.after_key(object, KeyClass::Free(bits)) {
                Some(_) => classes |= 1 << class,
                None => refused = true,
            }
        }
        if refused { self.tables.free_language(object.object.shape, classes) } else { Some(language) }
    }
}
