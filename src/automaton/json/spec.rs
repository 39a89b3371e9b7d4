//! What is demanded of a value, and what somebody further up wants to know about it.

use rustc_hash::FxHashMap;

use super::{
    formula::{Formula, Node},
    intern::{BitSets, Interner},
    lower::{Atom, Kind, Lowering},
};

/// The number of a [`Spec`].
pub type SpecId = u32;

/// A demand on one value. Over [`Atom::Schema`]s while the value's kind is open, then over what lies below them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// Must hold, or the document is refused.
    pub require: Formula,
    /// Formulas whose truth at the value's end decides something further up. Empty in most schemas.
    pub watch: Box<[Formula]>,
}

impl Spec {
    pub fn only(require: Formula) -> Self {
        Self { require, watch: Box::default() }
    }

    /// Nothing is demanded and nobody is watching.
    pub fn is_trivial(&self) -> bool {
        self.require == Formula::TRUE && self.watch.is_empty()
    }
}

/// All demands of a schema, and the formulas that they are made of.
pub struct Specs {
    pub lowering: Lowering,
    pub bits: BitSets,
    all: Interner<Spec>,
    typed: FxHashMap<(SpecId, Kind), Option<SpecId>>,
    finals: FxHashMap<SpecId, Option<u32>>,
}

impl Specs {
    pub fn new(lowering: Lowering) -> Self {
        Self {
            lowering,
            bits: BitSets::default(),
            all: Interner::default(),
            typed: FxHashMap::default(),
            finals: FxHashMap::default(),
        }
    }

    pub fn intern(&mut self, spec: Spec) -> SpecId {
        self.all.intern(spec)
    }

    pub fn get(&self, id: SpecId) -> &Spec {
        self.all.get(id)
    }

    pub fn len(&self) -> usize {
        self.all.len() + self.lowering.formulas.len()
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        let texts = self.lowering.texts.held();
        let memos = (self.typed.len() + self.finals.len()) * 24;
        self.all.len() * 128 + self.bits.bytes() + self.lowering.formulas.bytes() + texts + memos
    }

    /// The demand on a value of this kind. None: no value of this kind can meet it.
    pub fn typed(&mut self, id: SpecId, kind: Kind) -> Option<SpecId> {
        if let Some(known) = self.typed.get(&(id, kind)) {
            return *known;
        }
        let Spec { require, watch } = self.all.get(id).clone();
        let require = self.lowering.typed(require, kind);
        let typed = (require != Formula::FALSE).then(|| {
            let watch = watch.iter().map(|formula| self.lowering.typed(*formula, kind)).collect();
            self.all.intern(Spec { require, watch })
        });
        self.typed.insert((id, kind), typed);
        typed
    }

    /// Decides some atoms of a demand. None: it can no longer be met.
    pub fn substitute(&mut self, id: SpecId, mut atom: impl FnMut(&Atom) -> Option<Formula>) -> Option<SpecId> {
        let Spec { require, watch } = self.all.get(id).clone();
        let formulas = &mut self.lowering.formulas;
        let require = formulas.substitute(require, &mut |a, _| atom(a));
        if require == Formula::FALSE {
            return None;
        }
        let watch = watch.iter().map(|formula| formulas.substitute(*formula, &mut |a, _| atom(a))).collect();
        Some(self.all.intern(Spec { require, watch }))
    }

    /// The verdicts (a bit set over `watch`) if the value, an object or array, ends here; None if it may not.
    pub fn at_end(&mut self, id: SpecId) -> Option<u32> {
        if let Some(known) = self.finals.get(&id) {
            return *known;
        }
        let Spec { require, watch } = self.all.get(id).clone();
        let formulas = &self.lowering.formulas;
        let holds = |formula: Formula| formulas.eval(formula, &mut holds_at_end);
        let verdict = holds(require).then(|| watch.iter().map(|formula| holds(*formula)).collect::<Vec<_>>());
        let bits = verdict.map(|bits| self.bits.collect(bits.into_iter()));
        self.finals.insert(id, bits);
        bits
    }

    /// The verdicts of a value that is decided by its kind alone.
    pub fn constant_verdicts(&mut self, id: SpecId) -> u32 {
        let watch = self.all.get(id).watch.clone();
        self.bits.collect(watch.iter().map(|formula| *formula == Formula::TRUE))
    }

    /// The atoms of a demand, each once.
    pub fn atoms(&self, id: SpecId) -> Vec<Atom> {
        let Spec { require, watch } = self.all.get(id);
        let mut atoms = Vec::new();
        for formula in watch.iter().chain([require]) {
            self.lowering.formulas.atoms(*formula, &mut |atom| atoms.push(*atom));
        }
        let mut seen = rustc_hash::FxHashSet::default();
        atoms.retain(|atom| seen.insert(*atom));
        atoms
    }

    /// What could still make a formula come out as `truth`, if everything but `child` goes as it should: a formula over
    /// [`Atom::Schema`]s. `child` gives the children that an atom speaks of, as one formula, or None if it speaks of
    /// none.
    pub fn hope(&mut self, formula: Formula, truth: bool, child: &impl Fn(&Atom) -> Option<Formula>) -> Formula {
        self.hope_shared(formula, truth, child, &mut FxHashMap::default())
    }

    fn hope_shared(
        &mut self,
        formula: Formula,
        truth: bool,
        child: &impl Fn(&Atom) -> Option<Formula>,
        done: &mut FxHashMap<(Formula, bool), Formula>,
    ) -> Formula {
        if let Some(hope) = done.get(&(formula, truth)) {
            return *hope;
        }
        if !self.lowering.formulas.budget.spend(1) {
            return Formula::FALSE;
        }
        let node = self.lowering.formulas.node(formula).clone();
        let hope = match node {
            Node::Constant(constant) => Formula::constant(constant == truth),
            // What must fail may fail elsewhere.
            Node::Atom(atom) => {
                if truth {
                    child(&atom).unwrap_or(Formula::TRUE)
                } else {
                    Formula::TRUE
                }
            }
            Node::Not(inner) => self.hope_shared(inner, !truth, child, done),
            Node::And(parts) | Node::Or(parts) => {
                let conjunction = matches!(self.lowering.formulas.node(formula), Node::And(_)) == truth;
                let parts: Vec<Formula> =
                    parts.iter().map(|part| self.hope_shared(*part, truth, child, done)).collect();
                if conjunction { self.lowering.formulas.and(parts) } else { self.lowering.formulas.or(parts) }
            }
            Node::One(parts) => {
                let yes = parts.iter().map(|part| self.hope_shared(*part, true, child, done)).collect();
                let no = parts.iter().map(|part| self.hope_shared(*part, false, child, done)).collect();
                self.hope_for_one(yes, no, truth)
            }
        };
        done.insert((formula, truth), hope);
        hope
    }

    fn hope_for_one(&mut self, yes: Vec<Formula>, no: Vec<Formula>, truth: bool) -> Formula {
        let formulas = &mut self.lowering.formulas;
        let bound: Vec<usize> = (0..no.len()).filter(|index| no[*index] != Formula::TRUE).collect();
        if !truth {
            // None of them, or two: where the first is open, hope for it.
            return if bound.is_empty() { Formula::TRUE } else { formulas.or(no.into_iter().chain(yes)) };
        }
        let mut choices = Vec::with_capacity(yes.len());
        for (index, hope) in yes.into_iter().enumerate() {
            let others = bound.iter().filter(|other| **other != index).map(|other| no[*other]);
            let choice: Vec<Formula> = others.chain([hope]).collect();
            choices.push(formulas.and(choice));
        }
        formulas.or(choices)
    }
}

/// Whether a condition on an object or array that was not decided before holds when it ends.
fn holds_at_end(atom: &Atom) -> bool {
    match atom {
        Atom::Keyword(..) | Atom::MaxCount(_) | Atom::Unique => true,
        Atom::Contains { min, .. } => *min == 0,
        Atom::Required(_) | Atom::MinCount(_) => false,
        Atom::Integer | Atom::IntegerAsWritten | Atom::Schema(_) | Atom::Among(_) => {
            unreachable!("{atom:?} does not speak of what is inside a value")
        }
    }
}
