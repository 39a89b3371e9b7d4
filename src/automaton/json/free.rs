//! Keys that no keyword names, sorted by the patterns that they match: which can be had, and which may come next.

use super::{
    frame::ObjectFrame,
    machine::Machine,
    object::{KeyClass, MAX_COMBINED_PATTERNS, Shape},
    tables::Tables,
};
use crate::automaton::lexical::{Expr, StringAtom};

/// More patterns than this are not tried in all combinations to find a key.
const MAX_TRIED_PATTERNS: usize = 8;

impl Tables {
    /// Some free key matches just such patterns of a shape as `fits` wants. With more than [`MAX_TRIED_PATTERNS`] the
    /// answer is yes.
    pub(super) fn any_free_class(&mut self, shape: u32, fits: &mut impl FnMut(&mut Self, &[bool]) -> bool) -> bool {
        let count = self.shapes[shape as usize].patterns.len();
        if count > MAX_TRIED_PATTERNS {
            self.live.soft = true;
            return true;
        }
        // Those that match little first: most keys do.
        let mut classes: Vec<u32> = (0..1 << count).collect();
        classes.sort_by_key(|class| class.count_ones());
        classes.into_iter().any(|class| {
            let matches: Vec<bool> = (0..count).map(|bit| class >> bit & 1 == 1).collect();
            fits(self, &matches) && self.has_free_key(shape, class, &matches)
        })
    }

    /// Some free key, of a name that all schemas of names that must hold admit, matches exactly these patterns.
    fn has_free_key(&mut self, shape: u32, class: u32, matches: &[bool]) -> bool {
        let object = self.shapes[shape as usize].clone();
        if class == 0 && object.names.is_empty() {
            // Keys without a pattern's mark abound.
            return true;
        }
        if let Some(known) = self.has_free_key.get(&(shape, class)) {
            return *known;
        }
        let atoms = self.class_atoms(&object);
        let (patterns, _) = atoms.split_at(matches.len());
        let literals = patterns.iter().zip(matches).map(|(atom, matched)| literal(atom, *matched)).collect();
        let require = self.free_requirement(&object, &atoms, Expr::And(literals));
        let language = self.language(&require, &[]);
        let any = self.string_start(language).is_some();
        self.has_free_key.insert((shape, class), any);
        any
    }

    /// A condition on keys, for those that nobody names and whose names are admitted.
    fn free_requirement(
        &self,
        shape: &Shape,
        atoms: &[Expr<StringAtom>],
        condition: Expr<StringAtom>,
    ) -> Expr<StringAtom> {
        let known = shape.known.iter().map(|known| String::from_utf8_lossy(&known.key).into());
        let known = Expr::Atom(StringAtom::Literals(known.collect()));
        let hard = shape.names.iter().zip(&atoms[shape.patterns.len()..]).filter(|((_, hard), _)| *hard);
        let hard = hard.map(|(_, atom)| atom.clone());
        Expr::And(hard.chain([condition, Expr::Not(Box::new(known))]).collect())
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
            let literals = atoms.iter().enumerate().map(|(bit, atom)| literal(atom, class >> bit & 1 == 1));
            Expr::And(literals.collect())
        };
        let chosen = (0..1u32 << atoms.len()).filter(|bits| classes >> bits & 1 == 1).map(class).collect();
        let require = self.free_requirement(&object, &atoms, Expr::Or(chosen));
        let language = self.key_language(&object, require);
        let language = self.string_start(language).map(|_| language);
        self.free_of.insert((shape, classes), language);
        language
    }
}

fn literal(atom: &Expr<StringAtom>, truth: bool) -> Expr<StringAtom> {
    if truth { atom.clone() } else { Expr::Not(Box::new(atom.clone())) }
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
