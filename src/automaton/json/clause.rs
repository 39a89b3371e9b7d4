//! The ways to meet a formula: a search over its alternatives that goes no further than conditions stay possible.
//!
//! What follows from a choice is drawn at once: a condition that stands alone is settled everywhere, an alternative that
//! contradicts what is settled is gone, and the last alternative left is no choice. So formulas whose alternatives hang
//! together, as those of `oneOf` and of unevaluated keys do, take few steps where their normal form is exponential.
//!
//! Cost: a step is linear in the formula; after [`MAX_STEPS`] the search gives up, and the answer is "live" and in doubt.

use rustc_hash::FxHashMap;

use super::{
    formula::{Formula, Node},
    lower::Atom,
    tables::Tables,
};

/// Choices that are tried before a formula is taken for one that can be met.
const MAX_STEPS: u32 = 256;

/// Conditions that were settled so far.
#[derive(Clone, Default)]
struct Settled {
    order: Vec<(Atom, bool)>,
    truth: FxHashMap<Atom, bool>,
}

impl Tables {
    /// Some set of conditions that meets the formula is feasible. `feasible` must not come back to true when conditions
    /// are added to a set that it refused.
    pub(super) fn any_clause(
        &mut self,
        formula: Formula,
        feasible: &mut impl FnMut(&mut Self, &[(Atom, bool)]) -> bool,
    ) -> bool {
        let answer = match self.specs.lowering.formulas.spelled_out(formula, true) {
            Some(spelled) => self.search(vec![spelled], Settled::default(), &mut MAX_STEPS.clone(), feasible),
            None => None,
        };
        self.live.doubt |= answer.is_none();
        answer != Some(false)
    }

    /// None: the steps ran out.
    fn search(
        &mut self,
        pending: Vec<Formula>,
        mut settled: Settled,
        steps: &mut u32,
        feasible: &mut impl FnMut(&mut Self, &[(Atom, bool)]) -> bool,
    ) -> Option<bool> {
        let Some(mut choices) = self.settle(pending, &mut settled) else { return Some(false) };
        if !feasible(self, &settled.order) {
            return Some(false);
        }
        let Some(smallest) = (0..choices.len()).min_by_key(|index| choices[*index].1.len()) else { return Some(true) };
        let (_, alternatives) = choices.swap_remove(smallest);
        for alternative in alternatives {
            *steps = steps.checked_sub(1)?;
            let pending = choices.iter().map(|(choice, _)| *choice).chain([alternative]).collect();
            if self.search(pending, settled.clone(), steps, feasible)? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Draws what follows from formulas that must all hold. Gives the choices that are left, each with its
    /// alternatives; None if they contradict each other.
    fn settle(&self, mut pending: Vec<Formula>, settled: &mut Settled) -> Option<Vec<(Formula, Vec<Formula>)>> {
        let formulas = &self.specs.lowering.formulas;
        // What the settled conditions say of shared parts, as long as no more are settled.
        let (mut known, mut known_at) = (FxHashMap::default(), settled.order.len());
        loop {
            let (mut choices, before) = (Vec::new(), settled.order.len());
            while let Some(formula) = pending.pop() {
                if known_at != settled.order.len() {
                    known_at = settled.order.len();
                    known.clear();
                }
                match formulas.node(formula) {
                    Node::Constant(true) => {}
                    Node::Constant(false) => return None,
                    Node::And(parts) => pending.extend_from_slice(parts),
                    Node::Or(parts) => {
                        let truth = |part: &Formula| self.truth(*part, settled, &mut known);
                        let truths: Vec<Option<bool>> = parts.iter().map(truth).collect();
                        if truths.contains(&Some(true)) {
                            continue;
                        }
                        let open = parts.iter().zip(truths).filter(|(_, truth)| truth.is_none());
                        let open: Vec<Formula> = open.map(|(part, _)| *part).collect();
                        match open[..] {
                            [] => return None,
                            [only] => pending.push(only),
                            _ => choices.push((formula, open)),
                        }
                    }
                    Node::Atom(atom) => settled.add(*atom, true)?,
                    Node::Not(inner) => match formulas.node(*inner) {
                        Node::Atom(atom) => settled.add(*atom, false)?,
                        _ => unreachable!("negations were moved down to the atoms"),
                    },
                    Node::One(_) => unreachable!("exactly-one was spelled out"),
                }
            }
            if settled.order.len() == before || choices.is_empty() {
                return Some(choices);
            }
            pending = choices.into_iter().map(|(choice, _)| choice).collect();
        }
    }

    /// What the settled conditions say about a formula. Parts that are shared are looked at once.
    fn truth(&self, formula: Formula, settled: &Settled, known: &mut FxHashMap<Formula, Option<bool>>) -> Option<bool> {
        if let Some(truth) = known.get(&formula) {
            return *truth;
        }
        if !self.budget.spend(1) {
            return None;
        }
        let formulas = &self.specs.lowering.formulas;
        let truth = match formulas.node(formula) {
            Node::Constant(truth) => Some(*truth),
            Node::Atom(atom) => settled.truth.get(atom).copied(),
            Node::Not(inner) => self.truth(*inner, settled, known).map(|truth| !truth),
            Node::And(parts) | Node::Or(parts) => {
                let deciding = matches!(formulas.node(formula), Node::Or(_));
                let mut all = Some(!deciding);
                for part in parts {
                    match self.truth(*part, settled, known) {
                        Some(truth) if truth == deciding => {
                            all = Some(deciding);
                            break;
                        }
                        None => all = None,
                        _ => {}
                    }
                }
                all
            }
            Node::One(_) => unreachable!("exactly-one was spelled out"),
        };
        known.insert(formula, truth);
        truth
    }
}

impl Settled {
    /// None: the opposite was settled before.
    fn add(&mut self, atom: Atom, truth: bool) -> Option<()> {
        match self.truth.insert(atom, truth) {
            None => self.order.push((atom, truth)),
            Some(before) if before != truth => return None,
            Some(_) => {}
        }
        Some(())
    }
}
