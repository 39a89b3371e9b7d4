//! Keys that no keyword names, sorted by the patterns that they match: which can be had, and which may come next.

use std::sync::Arc;

use super::{
    frame::{Frames, ObjectFrame},
    machine::Machine,
    object::{FreeKeys, KeyClass, MAX_COMBINED_PATTERNS, Shape},
    tables::Tables,
};
use crate::automaton::lexical::{Expr, StringAtom};

/// More patterns than this are not tried in all combinations to find a key.
const MAX_TRIED_PATTERNS: usize = 8;
/// More classes of free keys are not told apart.
const MAX_CLASSES: usize = 64;

impl Tables {
    /// Some free key matches just such patterns of a shape as `fits` wants. With more than [`MAX_TRIED_PATTERNS`] the
    /// answer is yes.
    pub(super) fn any_free_class(&mut self, shape: u32, fits: &mut impl FnMut(&mut Self, &[bool]) -> bool) -> bool {
        let count = self.shapes[shape as usize].patterns.len();
        if count > MAX_TRIED_PATTERNS {
            self.live.doubt = true;
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

    /// The language of the free keys in some classes (bit sets over a shape's patterns and names) but for those that are
    /// `used`. None: there are none.
    fn free_language(&mut self, shape: u32, classes: Box<[u32]>, used: Box<[Box<str>]>) -> Option<u32> {
        let key = (shape, classes, used);
        if let Some(known) = self.free_of.get(&key) {
            return *known;
        }
        let (_, classes, used) = &key;
        let object = self.shapes[shape as usize].clone();
        let atoms = self.class_atoms(&object);
        let class = |class: &u32| {
            let holds = |bit: usize| self.specs.bits.contains(*class, bit as u32);
            Expr::And(atoms.iter().enumerate().map(|(bit, atom)| literal(atom, holds(bit))).collect())
        };
        let mut parts = vec![Expr::Or(classes.iter().map(class).collect())];
        if !used.is_empty() {
            let used = Expr::Atom(StringAtom::Literals(used.iter().cloned().collect()));
            parts.push(Expr::Not(Box::new(used)));
        }
        let require = self.free_requirement(&object, &atoms, Expr::And(parts));
        let language = self.key_language(&object, require);
        let language = self.string_start(language).map(|_| language);
        self.free_of.insert(key, language);
        language
    }

    /// The classes of free keys of a shape that some key is in: bit sets over its patterns and names. None: too many to
    /// tell.
    pub(super) fn free_classes(&mut self, shape: u32) -> Option<Arc<[u32]>> {
        if let Some(known) = self.free_classes.get(&shape) {
            return known.clone();
        }
        let classes = self.find_free_classes(shape).map(Arc::from);
        self.free_classes.insert(shape, classes.clone());
        classes
    }

    fn find_free_classes(&mut self, shape: u32) -> Option<Vec<u32>> {
        let object = self.shapes[shape as usize].clone();
        if object.free == FreeKeys::None {
            return Some(Vec::new());
        }
        let floor = self.floor();
        let atoms = self.class_atoms(&object);
        let mut classes = vec![Vec::new()];
        for _ in &atoms {
            let mut told_apart = Vec::new();
            for class in classes {
                for truth in [false, true] {
                    let class = [&class[..], &[truth]].concat();
                    let literals = atoms.iter().zip(&class).map(|(atom, truth)| literal(atom, *truth)).collect();
                    let require = self.free_requirement(&object, &atoms, Expr::And(literals));
                    let language = self.language(&require, &[]);
                    if self.string_start(language).is_some() {
                        told_apart.push(class);
                    }
                }
            }
            if told_apart.len() > MAX_CLASSES || self.budget.left() < floor {
                return None;
            }
            classes = told_apart;
        }
        Some(classes.into_iter().map(|class| self.specs.bits.collect(class.into_iter())).collect())
    }
}

fn literal(atom: &Expr<StringAtom>, truth: bool) -> Expr<StringAtom> {
    if truth { atom.clone() } else { Expr::Not(Box::new(atom.clone())) }
}

impl Machine {
    /// Free keys of a language of classes, narrowed to those classes that may come next, and, where they may run out, to
    /// those keys that have not come.
    pub(super) fn narrowed_free(&mut self, object: &ObjectFrame, language: u32) -> Option<u32> {
        let shape = object.object.shape;
        let may_run_out = |machine: &Self, language| {
            object.others != Frames::NO_OTHERS && !machine.tables.is_endless_language(language)
        };
        if self.tables.specs.get(object.object.rest).is_trivial() && !may_run_out(self, language) {
            return Some(language);
        }
        let Some(classes) = self.classes_to_try(shape) else {
            self.tables.live.soft = true;
            return Some(language);
        };
        let may_come = |class: &u32| self.after_key(object, KeyClass::Free(*class)).is_some();
        let narrowed: Box<[u32]> = classes.iter().copied().filter(may_come).collect();
        let language = match narrowed.len() == classes.len() {
            true => language,
            false => self.tables.free_language(shape, narrowed.clone(), Box::default())?,
        };
        if !may_run_out(self, language) {
            return Some(language);
        }
        let used = self.used_free(object);
        self.tables.free_language(shape, narrowed, used)
    }

    /// The classes of free keys that may come next. Empty if they are too many to tell.
    pub(super) fn free_classes_due(&mut self, object: &ObjectFrame) -> Vec<u32> {
        let Some(classes) = self.tables.free_classes(object.object.shape) else { return Vec::new() };
        let may_come = |class: &u32| self.after_key(object, KeyClass::Free(*class)).is_some();
        classes.iter().copied().filter(may_come).collect()
    }

    /// The language of the keys in a class; `unused`: of those that have not come.
    pub(super) fn language_of_class(&mut self, object: &ObjectFrame, class: u32, unused: bool) -> Option<u32> {
        let used = if unused { self.used_free(object) } else { Box::default() };
        self.tables.free_language(object.object.shape, Box::from([class]), used)
    }

    /// The keys that have come and that the schema does not name, sorted.
    fn used_free(&self, object: &ObjectFrame) -> Box<[Box<str>]> {
        let used = self.frames.sets.numbers(object.others);
        let used = used.map(|text| String::from_utf8_lossy(&self.frames.texts.bytes(text)).into());
        let mut used: Vec<Box<str>> = used.collect();
        used.sort_unstable();
        used.into()
    }

    /// Classes of free keys, all of those that some key is in among them. None: too many to tell.
    fn classes_to_try(&mut self, shape: u32) -> Option<Arc<[u32]>> {
        let object = &self.tables.shapes[shape as usize];
        match object.patterns.len() + object.names.len() {
            count @ 0..=MAX_COMBINED_PATTERNS => {
                Some((0..1 << count).map(|class| self.tables.specs.bits.of_word(class)).collect())
            }
            _ => self.tables.free_classes(shape),
        }
    }
}
