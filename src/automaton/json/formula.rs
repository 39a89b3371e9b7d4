//! Boolean formulas over conditions on one value, shared by content.
//!
//! A [`Formula`] is an index into an arena in which equal formulas are one; constants are folded as they are built, so
//! a formula that can no longer be true *is* [`Formula::FALSE`]. Conditions that were decided while a value is read
//! are substituted, which makes this three-valued logic: true, false, or what is left to be seen.
//!
//! Cost: formulas share their parts, so written out they can be exponentially long; every walk here visits a shared part
//! once. Operands are counted against the budget; once it is spent, all formulas come out false and nothing is kept.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::budget::Budget;

/// An interned formula; equal ids mean equal formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Formula(u32);

impl Formula {
    pub const FALSE: Self = Self(0);
    pub const TRUE: Self = Self(1);

    pub fn constant(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }
}

/// The shape of a formula. Operands are sorted, distinct and never constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node<A> {
    Constant(bool),
    Atom(A),
    And(Box<[Formula]>),
    Or(Box<[Formula]>),
    /// Exactly one; operands may repeat.
    One(Box<[Formula]>),
    Not(Formula),
}

/// The arena.
#[derive(Debug)]
pub struct Formulas<A> {
    nodes: Vec<Node<A>>,
    ids: FxHashMap<Node<A>, Formula>,
    /// Of all nodes together.
    operands: usize,
    pub budget: Budget,
}

impl<A: Clone + Eq + std::hash::Hash> Formulas<A> {
    pub fn new(budget: Budget) -> Self {
        let mut formulas = Self { nodes: Vec::new(), ids: FxHashMap::default(), operands: 0, budget };
        assert_eq!(formulas.intern(Node::Constant(false)), Formula::FALSE);
        assert_eq!(formulas.intern(Node::Constant(true)), Formula::TRUE);
        formulas
    }

    fn intern(&mut self, node: Node<A>) -> Formula {
        let operands = match &node {
            Node::And(parts) | Node::Or(parts) | Node::One(parts) => parts.len(),
            _ => 0,
        };
        let is_affordable = self.budget.spend(operands + 1);
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        if !is_affordable && self.nodes.len() >= 2 {
            return Formula::FALSE;
        }
        self.operands += operands;
        self.budget.grow(operands * OPERAND_BYTES + size_of::<Node<A>>() * NODE_COPIES);
        let id = Formula(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.ids.insert(node, id);
        id
    }

    pub fn node(&self, formula: Formula) -> &Node<A> {
        &self.nodes[formula.0 as usize]
    }

    /// How many formulas there are: the measure of what a schema's combinations cost.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.operands * OPERAND_BYTES + self.nodes.len() * size_of::<Node<A>>() * NODE_COPIES
    }

    pub fn atom(&mut self, atom: A) -> Formula {
        self.intern(Node::Atom(atom))
    }

    pub fn not(&mut self, formula: Formula) -> Formula {
        match *self.node(formula) {
            Node::Constant(truth) => Formula::constant(!truth),
            Node::Not(inner) => inner,
            _ => self.intern(Node::Not(formula)),
        }
    }

    pub fn and(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        self.join(parts, true)
    }

    pub fn or(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        self.join(parts, false)
    }

    /// `And` (`conjunction`) or `Or`: `neutral` operands vanish, the opposite constant decides.
    fn join(&mut self, parts: impl IntoIterator<Item = Formula>, conjunction: bool) -> Formula {
        let (neutral, deciding) = (Formula::constant(conjunction), Formula::constant(!conjunction));
        let mut flat = Vec::new();
        for part in parts {
            match self.node(part) {
                Node::And(inner) if conjunction => flat.extend_from_slice(inner),
                Node::Or(inner) if !conjunction => flat.extend_from_slice(inner),
                _ if part == deciding => return deciding,
                _ if part == neutral => {}
                _ => flat.push(part),
            }
        }
        if !self.budget.spend(flat.len()) {
            return deciding;
        }
        flat.sort_unstable();
        flat.dedup();
        let opposed = |part: &Formula| match self.node(*part) {
            Node::Not(inner) => flat.binary_search(inner).is_ok(),
            _ => false,
        };
        if flat.iter().any(opposed) {
            return deciding;
        }
        match flat[..] {
            [] => neutral,
            [only] => only,
            _ if conjunction => self.intern(Node::And(flat.into())),
            _ => self.intern(Node::Or(flat.into())),
        }
    }

    /// Exactly one of the parts.
    pub fn one(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        let mut open: Vec<Formula> = parts.into_iter().filter(|part| *part != Formula::FALSE).collect();
        let certain = open.iter().filter(|part| **part == Formula::TRUE).count();
        open.retain(|part| *part != Formula::TRUE);
        open.sort_unstable();
        match (certain, &open[..]) {
            (0, []) => Formula::FALSE,
            (0, [only]) => *only,
            (0, _) => {
                // A part that stands twice can never be the only one.
                let twice: Vec<Formula> =
                    open.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
                if twice.is_empty() {
                    return self.intern(Node::One(open.into()));
                }
                open.retain(|part| !twice.contains(part));
                let rest = self.one(open);
                let none: Vec<Formula> = twice.into_iter().map(|part| self.not(part)).collect();
                self.and(none.into_iter().chain([rest]))
            }
            (1, _) => {
                let none: Vec<Formula> = open.into_iter().map(|part| self.not(part)).collect();
                self.and(none)
            }
            _ => Formula::FALSE,
        }
    }

    /// Replaces atoms: `None` leaves one as it is. Each shared part is visited once.
    pub fn substitute(&mut self, formula: Formula, atom: &mut impl FnMut(&A, &mut Self) -> Option<Formula>) -> Formula {
        self.substitute_shared(formula, atom, &mut FxHashMap::default())
    }

    fn substitute_shared(
        &mut self,
        formula: Formula,
        atom: &mut impl FnMut(&A, &mut Self) -> Option<Formula>,
        done: &mut FxHashMap<Formula, Formula>,
    ) -> Formula {
        if let Some(result) = done.get(&formula) {
            return *result;
        }
        if !self.budget.spend(1) {
            return Formula::FALSE;
        }
        let node = self.node(formula).clone();
        let result = match node {
            Node::Constant(_) => formula,
            Node::Atom(a) => atom(&a, self).unwrap_or(formula),
            Node::Not(inner) => {
                let inner = self.substitute_shared(inner, atom, done);
                self.not(inner)
            }
            Node::And(ref parts) | Node::Or(ref parts) | Node::One(ref parts) => {
                let new: Vec<Formula> = parts.iter().map(|part| self.substitute_shared(*part, atom, done)).collect();
                match node {
                    _ if new[..] == parts[..] => formula,
                    Node::And(_) => self.and(new),
                    Node::Or(_) => self.or(new),
                    _ => self.one(new),
                }
            }
        };
        done.insert(formula, result);
        result
    }

    /// The truth, given the truth of the atoms.
    pub fn eval(&self, formula: Formula, atom: &mut impl FnMut(&A) -> bool) -> bool {
        self.eval_shared(formula, atom, &mut FxHashMap::default())
    }

    fn eval_shared(
        &self,
        formula: Formula,
        atom: &mut impl FnMut(&A) -> bool,
        done: &mut FxHashMap<Formula, bool>,
    ) -> bool {
        match self.node(formula) {
            Node::Constant(truth) => return *truth,
            Node::Atom(a) => return atom(a),
            _ => {}
        }
        if let Some(truth) = done.get(&formula) {
            return *truth;
        }
        if !self.budget.spend(1) {
            return false;
        }
        let mut of = |part: &Formula| self.eval_shared(*part, atom, done);
        let truth = match self.node(formula) {
            Node::Not(inner) => !of(inner),
            Node::And(parts) => parts.iter().all(of),
            Node::Or(parts) => parts.iter().any(of),
            Node::One(parts) => parts.iter().filter(|part| of(part)).take(2).count() == 1,
            Node::Constant(_) | Node::Atom(_) => unreachable!("answered above"),
        };
        done.insert(formula, truth);
        truth
    }

    /// Calls `visit` on the atoms of the formula, from left to right, each once.
    pub fn atoms<'a>(&'a self, formula: Formula, visit: &mut impl FnMut(&'a A)) {
        self.atoms_shared(formula, visit, &mut FxHashSet::default());
    }

    fn atoms_shared<'a>(&'a self, formula: Formula, visit: &mut impl FnMut(&'a A), seen: &mut FxHashSet<Formula>) {
        if !seen.insert(formula) || !self.budget.spend(1) {
            return;
        }
        match self.node(formula) {
            Node::Constant(_) => {}
            Node::Atom(a) => visit(a),
            Node::Not(inner) => self.atoms_shared(*inner, visit, seen),
            Node::And(parts) | Node::Or(parts) | Node::One(parts) => {
                parts.iter().for_each(|part| self.atoms_shared(*part, visit, seen));
            }
        }
    }

    /// One of the atoms of the formula, if it has any.
    pub fn leftmost(&self, formula: Formula) -> Option<&A> {
        match self.node(formula) {
            Node::Constant(_) => None,
            Node::Atom(atom) => Some(atom),
            Node::Not(inner) => self.leftmost(*inner),
            Node::And(parts) | Node::Or(parts) | Node::One(parts) => self.leftmost(*parts.first()?),
        }
    }

    /// The operands of a conjunction; the formula itself if it is none.
    pub fn conjuncts(&self, formula: Formula) -> Vec<Formula> {
        match self.node(formula) {
            Node::And(parts) => parts.to_vec(),
            _ if formula == Formula::TRUE => Vec::new(),
            _ => vec![formula],
        }
    }

    /// Negations moved down to the atoms and `One` spelled out: `And`, `Or`, atoms and negated atoms are left. None if
    /// an exactly-one of many parts would have to be spelled out.
    pub fn spelled_out(&mut self, formula: Formula, truth: bool) -> Option<Formula> {
        self.spell_shared(formula, truth, &mut FxHashMap::default())
    }

    fn spell_shared(&mut self, formula: Formula, truth: bool, done: &mut Spelled) -> Option<Formula> {
        if let Some(spelled) = done.get(&(formula, truth)) {
            return *spelled;
        }
        if !self.budget.spend(1) {
            return None;
        }
        let spelled = match self.node(formula).clone() {
            Node::Constant(constant) => Some(Formula::constant(constant == truth)),
            Node::Atom(_) if truth => Some(formula),
            Node::Atom(_) => Some(self.not(formula)),
            Node::Not(inner) => self.spell_shared(inner, !truth, done),
            Node::And(parts) | Node::Or(parts) => {
                let conjunction = matches!(self.node(formula), Node::And(_)) == truth;
                let parts: Option<Vec<Formula>> =
                    parts.iter().map(|part| self.spell_shared(*part, truth, done)).collect();
                parts.map(|parts| self.join(parts, conjunction))
            }
            Node::One(parts) if parts.len() > MAX_SPELLED => None,
            Node::One(parts) => self.spell_out_one(&parts, truth, done),
        };
        done.insert((formula, truth), spelled);
        spelled
    }

    fn spell_out_one(&mut self, parts: &[Formula], truth: bool, done: &mut Spelled) -> Option<Formula> {
        let yes: Option<Vec<Formula>> = parts.iter().map(|part| self.spell_shared(*part, true, done)).collect();
        let no: Option<Vec<Formula>> = parts.iter().map(|part| self.spell_shared(*part, false, done)).collect();
        let (yes, no) = (yes?, no?);
        let mut choices = Vec::new();
        if truth {
            for (index, only) in yes.iter().enumerate() {
                let others = no.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, formula)| *formula);
                let choice: Vec<Formula> = others.chain([*only]).collect();
                choices.push(self.and(choice));
            }
        } else {
            choices.push(self.and(no));
            for first in 0..parts.len() {
                for second in first + 1..parts.len() {
                    choices.push(self.and([yes[first], yes[second]]));
                }
            }
        }
        Some(self.or(choices))
    }
}

/// What formulas, and their negations where the flag is false, come to when they are spelled out.
type Spelled = FxHashMap<(Formula, bool), Option<Formula>>;

/// Each node stands in the arena and in its index.
const NODE_COPIES: usize = 3;
const OPERAND_BYTES: usize = 2 * size_of::<Formula>();

/// An exactly-one of more parts than this is not spelled out.
const MAX_SPELLED: usize = 64;
