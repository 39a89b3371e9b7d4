//! Arrays without repeats whose items can only be a few values: the values that are left.
//!
//! Without this, `[1, 2,` under an enum of two would be a dead end. Only scalars are counted: items that may be arrays
//! or objects, or any of many numbers or strings, are taken to never run out; of them, `null`, `false` and `true` come
//! no second time.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    formula::{Formula, Node},
    lower::{Atom, Kind},
    spec::{Spec, SpecId},
    tables::Tables,
    values::Kept,
};
use crate::{
    automaton::lexical::StringAtom,
    schema::{Decimal, Keyword, Literals},
};

/// More values than this are taken to never run out.
pub(super) const MAX_VALUES: usize = 1_000;

/// All values that meet a demand.
#[derive(Debug)]
pub struct Finite {
    values: Vec<Kept>,
}

/// What was found out about demands on items.
#[derive(Debug, Default)]
pub struct Distinct {
    finite: FxHashMap<SpecId, Option<Arc<Finite>>>,
    left: FxHashMap<(SpecId, u32), Option<SpecId>>,
}

impl Tables {
    /// How many values meet a demand, if they are few.
    pub fn count_values(&mut self, spec: SpecId) -> Option<usize> {
        self.finite(spec).map(|finite| finite.values.len())
    }

    /// The demand on one more item, all of `used` having come. None: no value is left.
    pub fn left_over(&mut self, spec: SpecId, came: &dyn Fn(&Kept) -> bool) -> Option<SpecId> {
        let Some(finite) = self.finite(spec) else { return self.without_constants(spec, came) };
        let left: Vec<bool> = finite.values.iter().map(|value| !came(value)).collect();
        let bits = self.specs.bits.collect(left.iter().copied());
        if let Some(known) = self.distinct.left.get(&(spec, bits)) {
            return *known;
        }
        let mut literals = Literals::default();
        let (mut numbers, mut strings): (Vec<Decimal>, Vec<Box<str>>) = (Vec::new(), Vec::new());
        for (value, _) in finite.values.iter().zip(&left).filter(|(_, left)| **left) {
            match value {
                Kept::Null => literals.null = true,
                Kept::Bool(bool) => literals.bools[usize::from(*bool)] = true,
                Kept::Number(number) => numbers.push(number.clone()),
                Kept::Text(text) => strings.push(String::from_utf8_lossy(text).into()),
                _ => unreachable!("only scalars are counted"),
            }
        }
        (literals.numbers, literals.strings) = (numbers.into(), strings.into());
        let demand = left.contains(&true).then(|| {
            let among = self.specs.lowering.among(literals);
            let watch = self.specs.get(spec).watch.clone();
            self.specs.intern(Spec { require: among, watch })
        });
        self.distinct.left.insert((spec, bits), demand);
        demand
    }

    /// The demand on one more item where many values meet it: without those of `null`, `false` and `true` that have come.
    fn without_constants(&mut self, spec: SpecId, came: &dyn Fn(&Kept) -> bool) -> Option<SpecId> {
        let bools = [false, true].map(|bool| came(&Kept::Bool(bool)));
        let literals = Literals { null: came(&Kept::Null), bools, ..Literals::default() };
        let came = [literals.null, literals.bools[0], literals.bools[1]];
        if came == [false; 3] {
            return Some(spec);
        }
        let bits = self.specs.bits.collect(came.into_iter());
        if let Some(known) = self.distinct.left.get(&(spec, bits)) {
            return *known;
        }
        let Spec { require, watch } = self.specs.get(spec).clone();
        let among = self.specs.lowering.among(literals);
        let formulas = &mut self.specs.lowering.formulas;
        let others = formulas.not(among);
        let require = formulas.and([require, others]);
        let demand = self.inhabited(require).then(|| self.specs.intern(Spec { require, watch }));
        self.distinct.left.insert((spec, bits), demand);
        demand
    }

    fn finite(&mut self, spec: SpecId) -> Option<Arc<Finite>> {
        if let Some(known) = self.distinct.finite.get(&spec) {
            return known.clone();
        }
        let require = self.specs.get(spec).require;
        let finite = self.find_values(require).filter(|values| values.len() <= MAX_VALUES);
        let finite = finite.map(|values| Arc::new(Finite { values }));
        self.distinct.finite.insert(spec, finite.clone());
        finite
    }

    fn find_values(&mut self, require: Formula) -> Option<Vec<Kept>> {
        let mut values = Vec::new();
        for kind in Kind::ALL {
            let typed = self.specs.lowering.typed(require, kind);
            if typed == Formula::FALSE {
                continue;
            }
            match kind {
                Kind::Null => values.push(Kept::Null),
                Kind::False | Kind::True => values.push(Kept::Bool(kind == Kind::True)),
                Kind::Array | Kind::Object => return None,
                Kind::Number | Kind::String => {
                    let mut candidates = self.candidates(typed, kind)?;
                    let spec = self.specs.intern(Spec::only(typed));
                    let language = if kind == Kind::Number { self.number(spec) } else { self.string(spec) };
                    candidates.retain(|value| self.is_in(language, value));
                    values.extend(candidates);
                }
            }
        }
        let mut seen = rustc_hash::FxHashSet::default();
        values.retain(|value| seen.insert(value.clone()));
        Some(values)
    }

    /// Values among which all that satisfy the formula are. None: there may be many.
    pub(super) fn candidates(&self, formula: Formula, kind: Kind) -> Option<Vec<Kept>> {
        let formulas = &self.specs.lowering.formulas;
        match formulas.node(formula) {
            Node::Constant(false) => Some(Vec::new()),
            Node::Constant(true) | Node::Not(_) => None,
            Node::Atom(Atom::Keyword(schema, index)) => match &self.set.keywords(*schema)[*index as usize] {
                Keyword::Literals(literals) if kind == Kind::Number => {
                    Some(literals.numbers.iter().cloned().map(Kept::Number).collect())
                }
                Keyword::Literals(literals) => {
                    Some(literals.strings.iter().map(|text| Kept::Text(text.as_bytes().into())).collect())
                }
                Keyword::Written(number) => match &self.written[*number as usize] {
                    StringAtom::Literals(texts) => {
                        Some(texts.iter().map(|text| Kept::Text(text.as_bytes().into())).collect())
                    }
                    _ => None,
                },
                _ => None,
            },
            Node::Atom(_) => None,
            Node::And(parts) => parts.iter().find_map(|part| self.candidates(*part, kind)),
            Node::Or(parts) | Node::One(parts) => {
                let parts: Option<Vec<Vec<Kept>>> = parts.iter().map(|part| self.candidates(*part, kind)).collect();
                Some(parts?.concat())
            }
        }
    }

    fn is_in(&mut self, language: u32, value: &Kept) -> bool {
        match value {
            Kept::Text(text) => self.verdicts_of(language, text).is_some(),
            Kept::Number(number) => {
                let numbers = &self.numbers[language as usize];
                let text = number.to_string();
                let end = numbers
                    .start()
                    .and_then(|start| text.bytes().try_fold(start, |state, byte| numbers.step(state, byte)));
                end.is_some_and(|end| numbers.accepts(end))
            }
            _ => unreachable!("candidates are numbers and texts"),
        }
    }
}
