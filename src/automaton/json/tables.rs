//! Everything that is worked out once for a schema and kept: lazily, so that a schema costs what is visited of it.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    array::{Array, ArrayShape},
    formula::Formula,
    intern::Interner,
    live::ObjectPoint,
    lower::{Atom, Lowering},
    object::{KeyClass, Object, Shape},
    spec::{Spec, SpecId, Specs},
};
use crate::{
    automaton::lexical::{Expr, NumberLanguage, StrState, StringAtom, StringCache, StringLanguage},
    budget::{Budget, Overrun},
    schema::{Schema, SchemaId, SchemaSet},
};

/// With more watched subschemas than this, their combinations are not tried.
const MAX_TRIED_VERDICTS: usize = 5;

/// Steps of a string automaton that cost as much as one of the budget.
const WORK_PER_STEP: u64 = 2;

/// The number of a [`Plan`].
pub type PlanId = u32;

/// What follows from a key, or from one more item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The demand on the value.
    pub value: SpecId,
    /// What is left of the container's alternatives before the value is known.
    pub rest: SpecId,
    /// What the value's verdicts are about, in their order.
    watched: Box<[SchemaId]>,
    /// Which conditions of `rest` depend on which verdicts.
    open: Box<[(Atom, Box<[SchemaId]>)]>,
}

impl Plan {
    /// The container waits for the value's verdicts.
    pub fn is_watching(&self) -> bool {
        !self.open.is_empty()
    }

    /// The value's verdicts decide about a condition of the container.
    pub fn depends(&self, atom: &Atom) -> bool {
        self.open.iter().any(|(open, _)| open == atom)
    }
}

/// A shape, classes of its free keys, and those keys that have come.
pub(super) type FreeKeysOf = (u32, Box<[u32]>, Box<[Box<str>]>);

/// The tables of one schema.
pub struct Tables {
    pub set: Arc<SchemaSet>,
    pub(super) written: Arc<[StringAtom]>,
    pub specs: Specs,
    pub strings: Arc<StringCache>,
    /// Numbers and formats in plain form only.
    pub plain: bool,
    pub languages: Vec<Arc<StringLanguage>>,
    string_of: FxHashMap<SpecId, u32>,
    pub numbers: Vec<Arc<NumberLanguage>>,
    number_of: FxHashMap<SpecId, u32>,
    pub shapes: Vec<Arc<Shape>>,
    /// Known keys of all shapes together.
    pub(super) known_keys: usize,
    /// Of a `Properties` keyword with many names: their order.
    pub(super) names_of: FxHashMap<(SchemaId, u32), Box<[u32]>>,
    pub(super) object_of: FxHashMap<SpecId, Object>,
    pub(super) key_plans: FxHashMap<(Object, KeyClass), Option<PlanId>>,
    /// Languages of the free keys of some classes, by shape.
    pub(super) free_of: FxHashMap<FreeKeysOf, Option<u32>>,
    /// Whether there are free keys of a class, by shape.
    pub(super) has_free_key: FxHashMap<(u32, u32), bool>,
    /// The classes of free keys that some key is in, by shape. None: too many to tell.
    pub(super) free_classes: FxHashMap<u32, Option<Arc<[u32]>>>,
    pub array_shapes: Vec<ArrayShape>,
    pub(super) array_of: FxHashMap<SpecId, Array>,
    pub(super) item_plans: FxHashMap<(Array, u32), Option<PlanId>>,
    plans: Interner<Plan>,
    after: FxHashMap<(PlanId, u32), Option<SpecId>>,
    pub(super) narrowed_keys: FxHashMap<(PlanId, ObjectPoint), Option<PlanId>>,
    pub(super) narrowed_items: FxHashMap<(PlanId, Array, u32), Option<PlanId>>,
    pub(super) live: super::live::Liveness,
    pub(super) distinct: super::distinct::Distinct,
    /// What cannot be built is an overrun too: every language that needs it is then empty.
    pub budget: Budget,
}

impl Tables {
    pub fn new(
        (set, written): (Arc<SchemaSet>, Arc<[StringAtom]>),
        strings: Arc<StringCache>,
        plain: bool,
        budget: Budget,
    ) -> Self {
        Self {
            specs: Specs::new(Lowering::new(set.clone(), written.clone(), budget.clone())),
            written,
            set,
            strings,
            plain,
            languages: Vec::new(),
            string_of: FxHashMap::default(),
            numbers: Vec::new(),
            number_of: FxHashMap::default(),
            shapes: Vec::new(),
            known_keys: 0,
            names_of: FxHashMap::default(),
            object_of: FxHashMap::default(),
            key_plans: FxHashMap::default(),
            free_of: FxHashMap::default(),
            has_free_key: FxHashMap::default(),
            free_classes: FxHashMap::default(),
            array_shapes: Vec::new(),
            array_of: FxHashMap::default(),
            item_plans: FxHashMap::default(),
            plans: Interner::default(),
            after: FxHashMap::default(),
            narrowed_keys: FxHashMap::default(),
            narrowed_items: FxHashMap::default(),
            live: super::live::Liveness::default(),
            distinct: super::distinct::Distinct::default(),
            budget,
        }
    }

    /// How much has been built so far, in table entries.
    pub fn size(&self) -> usize {
        self.specs.len() + self.key_plans.len() + self.item_plans.len() + self.plans.len() + self.after.len()
    }

    /// About the memory held. Languages that other schemas use too are counted by each.
    pub fn bytes(&self) -> usize {
        let plans = (self.key_plans.len() + self.item_plans.len() + self.plans.len() * 4) * 64;
        let narrowed = (self.narrowed_keys.len() + self.narrowed_items.len() + self.after.len()) * 64;
        let shapes = self.shapes.len() * 256 + self.known_keys * 64;
        let scalars = (self.languages.len() + self.numbers.len()) * 128 + self.array_shapes.len() * 96;
        let strings: usize = self.languages.iter().map(|language| language.bytes()).sum();
        self.specs.bytes() + plans + narrowed + shapes + scalars + strings + self.live.bytes()
    }

    /// Some liveness was assumed: a document may lead into a dead end, though never end invalid.
    pub fn is_soft(&self) -> bool {
        self.live.soft || self.languages.iter().any(|language| language.is_soft())
    }

    /// What some schema of a formula is, to say where something went wrong.
    pub(super) fn blame(&mut self, formula: Formula) {
        if self.specs.lowering.blamed.is_none() {
            let formulas = &self.specs.lowering.formulas;
            self.specs.lowering.blamed = formulas.leftmost(formula).and_then(|atom| match *atom {
                Atom::Schema(schema) | Atom::Keyword(schema, _) | Atom::Contains { schema, .. } => Some(schema),
                _ => None,
            });
        }
    }

    pub fn get_plan(&self, id: PlanId) -> &Plan {
        self.plans.get(id)
    }

    /// The demand on one more child: all of `children` must be valid, and `rest`, whose conditions in `open` depend on
    /// the child, must stay within reach. None: no value can meet it.
    pub(super) fn plan(
        &mut self,
        children: &[SchemaId],
        mut rest: SpecId,
        mut open: Vec<(Atom, Vec<SchemaId>)>,
    ) -> Option<PlanId> {
        if !open.is_empty() {
            // A child that nothing can satisfy decides at once.
            let set = self.set.clone();
            let never = |schemas: &[SchemaId]| schemas.iter().any(|schema| *set.schema(*schema) == Schema::Never);
            let hopeless: FxHashSet<Atom> =
                open.iter().filter(|(_, schemas)| never(schemas)).map(|(atom, _)| *atom).collect();
            rest = self.specs.substitute(rest, |atom| match atom {
                Atom::Contains { .. } => None,
                _ => hopeless.contains(atom).then_some(Formula::FALSE),
            })?;
            let left: FxHashSet<Atom> = self.specs.atoms(rest).into_iter().collect();
            open.retain(|(atom, _)| left.contains(atom));
        }
        let must = self.all_valid(children);
        let mut parts = vec![must];
        let mut watched: Vec<SchemaId> = Vec::new();
        let mut is_watched: FxHashSet<SchemaId> = FxHashSet::default();
        if !open.is_empty() {
            let mut formulas: FxHashMap<Atom, Option<Formula>> = FxHashMap::default();
            for (atom, schemas) in &open {
                let valid = self.all_valid(schemas);
                let hope = match atom {
                    Atom::Contains { max: Some(0), .. } => Some(self.specs.lowering.formulas.not(valid)),
                    Atom::Contains { .. } => None,
                    _ => Some(valid),
                };
                formulas.entry(*atom).or_insert(hope);
            }
            let child = |atom: &Atom| formulas.get(atom).copied().flatten();
            let require = self.specs.get(rest).require;
            parts.push(self.specs.hope(require, true, &child));
        }
        let require = self.specs.lowering.formulas.and(parts);
        if !self.inhabited(require) {
            return None;
        }
        if !open.is_empty() {
            let certain: FxHashSet<Formula> = self.specs.lowering.formulas.conjuncts(require).into_iter().collect();
            for schema in open.iter().flat_map(|(_, schemas)| schemas) {
                let formula = self.specs.lowering.formulas.atom(Atom::Schema(*schema));
                let known = certain.contains(&formula) || *self.set.schema(*schema) == Schema::Any;
                if !known && is_watched.insert(*schema) {
                    watched.push(*schema);
                }
            }
        }
        let formulas = &mut self.specs.lowering.formulas;
        let watch = watched.iter().map(|schema| formulas.atom(Atom::Schema(*schema))).collect();
        let value = self.specs.intern(Spec { require, watch });
        // Conditions that only depend on what is certain need no verdict, but a count goes on counting.
        open.retain(|(atom, schemas)| {
            matches!(atom, Atom::Contains { .. }) || schemas.iter().any(|schema| is_watched.contains(schema))
        });
        let open = open.into_iter().map(|(atom, schemas)| (atom, schemas.into())).collect();
        Some(self.plans.intern(Plan { value, rest, watched: watched.into(), open }))
    }

    /// The plan, narrowed to values after which the container can still be completed. `live` tells that of what is left
    /// of the container's alternatives. None: no value does.
    ///
    /// With more verdicts than [`MAX_TRIED_VERDICTS`] only those sets of them are tried that some value gets. Where these
    /// are too many, the plan stays as it is, and a value may turn out to be a dead end ([`super::live::Liveness::soft`]).
    pub(super) fn narrowed(
        &mut self,
        plan: PlanId,
        live: &mut impl FnMut(&mut Self, SpecId) -> bool,
    ) -> Option<PlanId> {
        let Plan { value, watched, .. } = self.plans.get(plan).clone();
        let mut parts = vec![self.specs.get(value).require];
        if watched.len() > MAX_TRIED_VERDICTS {
            let Some(outcomes) = self.outcomes(plan) else {
                self.live.soft = true;
                return Some(plan);
            };
            for outcome in outcomes {
                if !outcome.rest.is_some_and(|rest| live(self, rest)) {
                    parts.push(self.specs.lowering.formulas.not(outcome.demand));
                }
            }
            return self.with_value(plan, parts);
        }
        for combination in 0..1u64 << watched.len() {
            let verdicts = self.specs.bits.of_word(combination);
            if self.after_child(plan, verdicts).is_some_and(|rest| live(self, rest)) {
                continue;
            }
            // Some verdict must differ from this combination.
            let mut differs = Vec::new();
            for (bit, schema) in watched.iter().enumerate() {
                let formulas = &mut self.specs.lowering.formulas;
                let holds = formulas.atom(Atom::Schema(*schema));
                differs.push(if combination >> bit & 1 == 1 { formulas.not(holds) } else { holds });
            }
            parts.push(self.specs.lowering.formulas.or(differs));
        }
        self.with_value(plan, parts)
    }

    /// The plan with the demand on its value made of several. None: no value meets them.
    fn with_value(&mut self, plan: PlanId, demands: Vec<Formula>) -> Option<PlanId> {
        if demands.len() == 1 {
            return Some(plan);
        }
        let require = self.specs.lowering.formulas.and(demands);
        if !self.inhabited(require) {
            return None;
        }
        let mut narrowed = self.plans.get(plan).clone();
        let watch = self.specs.get(narrowed.value).watch.clone();
        narrowed.value = self.specs.intern(Spec { require, watch });
        Some(self.plans.intern(narrowed))
    }

    /// What is left of the container's alternatives once the child's verdicts are known. None: they cannot be met.
    pub fn after_child(&mut self, plan: PlanId, verdicts: u32) -> Option<SpecId> {
        if let Some(known) = self.after.get(&(plan, verdicts)) {
            return *known;
        }
        let Plan { rest, watched, open, .. } = self.plans.get(plan).clone();
        let places: FxHashMap<SchemaId, u32> =
            watched.iter().enumerate().map(|(bit, schema)| (*schema, bit as u32)).collect();
        let holds = |schema: &SchemaId| places.get(schema).is_none_or(|bit| self.specs.bits.contains(verdicts, *bit));
        let mut decided: Vec<(Atom, Atom, Option<Formula>)> = Vec::new();
        for (atom, schemas) in &open {
            let valid = schemas.iter().all(holds);
            match *atom {
                Atom::Contains { max: Some(0), .. } if valid => decided.push((*atom, *atom, Some(Formula::FALSE))),
                Atom::Contains { schema, min, max } if valid => {
                    let (min, max) = (min.saturating_sub(1), max.map(|max| max - 1));
                    let done = (min == 0 && max.is_none()).then_some(Formula::TRUE);
                    decided.push((*atom, Atom::Contains { schema, min, max }, done));
                }
                Atom::Contains { .. } => {}
                _ if valid => {}
                _ => decided.push((*atom, *atom, Some(Formula::FALSE))),
            }
        }
        let decided: FxHashMap<Atom, Formula> = decided
            .into_iter()
            .map(|(atom, next, constant)| (atom, constant.unwrap_or_else(|| self.specs.lowering.formulas.atom(next))))
            .collect();
        let after = self.specs.substitute(rest, |atom| decided.get(atom).copied());
        self.after.insert((plan, verdicts), after);
        after
    }

    /// The language of strings that meet a demand; its verdicts are the demand's watched formulas.
    pub fn string(&mut self, spec: SpecId) -> u32 {
        if let Some(id) = self.string_of.get(&spec) {
            return *id;
        }
        let Spec { require, watch } = self.specs.get(spec).clone();
        let watch: Vec<_> = watch.iter().map(|formula| self.specs.lowering.string_expr(*formula)).collect();
        let expr = self.specs.lowering.string_expr(require);
        let id = self.plain_language(&expr, &watch).unwrap_or_else(|| self.language(&expr, &watch));
        if self.budget.is_spent() {
            self.blame(require);
        }
        self.string_of.insert(spec, id);
        id
    }

    /// The language with its formats in plain form, if there are any, and some text is left.
    fn plain_language(&mut self, require: &Expr<StringAtom>, watch: &[Expr<StringAtom>]) -> Option<u32> {
        let plain = self.strings.formats().plain(require).filter(|_| self.plain)?;
        let language = self.strings.language(&plain, watch).ok()?;
        language.lock().start()?;
        self.languages.push(language);
        Some(self.languages.len() as u32 - 1)
    }

    pub(super) fn language(&mut self, require: &Expr<StringAtom>, watch: &[Expr<StringAtom>]) -> u32 {
        let language = match self.strings.language(require, watch) {
            Ok(language) => language,
            Err(error) => {
                self.budget.fail(Overrun::Part(error.to_string()));
                self.strings.language(&Expr::False, &[]).expect("the empty language needs nothing")
            }
        };
        self.languages.push(language);
        self.languages.len() as u32 - 1
    }

    /// The verdicts of a language on a text; None if the text is not in it.
    pub(super) fn verdicts_of(&mut self, language: u32, text: &[u8]) -> Option<u32> {
        self.budget.spend(text.len());
        let language = self.languages[language as usize].clone();
        let end = {
            let mut dfa = language.lock();
            let start = dfa.start();
            let end = start.and_then(|start| text.iter().try_fold(start, |state, byte| dfa.step(state, *byte)));
            end.filter(|end| dfa.accepts(*end))
        };
        self.charge_for(&language);
        Some(self.string_verdicts_of(&language, end?))
    }

    /// After a step in a language: its work is charged, and if it has outgrown its memory (so that it seems to be empty
    /// where it is not), that is an overrun of this schema's, too.
    pub fn charge_for(&self, language: &StringLanguage) {
        let work = language.take_work();
        if work > 0 {
            self.budget.spend((work / WORK_PER_STEP) as usize + 1);
        }
        if let Some(overrun) = language.overrun() {
            self.budget.fail(Overrun::Part(overrun.to_string()));
        }
    }

    /// Where a text of a language begins; None if the language is empty.
    pub fn string_start(&self, language: u32) -> Option<StrState> {
        let language = &self.languages[language as usize];
        if language.is_plain() {
            return Some(StrState { dfa: 0, len: 0 });
        }
        let start = language.lock().start();
        self.charge_for(language);
        start
    }

    /// The verdicts of a language on a text that ends at `at`.
    pub fn string_verdicts(&mut self, language: u32, at: StrState) -> u32 {
        let language = self.languages[language as usize].clone();
        self.string_verdicts_of(&language, at)
    }

    fn string_verdicts_of(&mut self, language: &StringLanguage, at: StrState) -> u32 {
        let verdicts = language.lock().verdicts(at);
        self.specs.bits.collect((0..language.watched()).map(|index| verdicts.holds(index)))
    }

    /// The numbers that meet a demand; their verdicts are the demand's watched formulas.
    pub fn number(&mut self, spec: SpecId) -> u32 {
        if let Some(id) = self.number_of.get(&spec) {
            return *id;
        }
        let Spec { require, watch } = self.specs.get(spec).clone();
        let watch: Vec<_> = watch.iter().map(|formula| self.specs.lowering.number_expr(*formula)).collect();
        let expr = self.specs.lowering.number_expr(require);
        let strings = self.strings.clone();
        let language = strings.numbers().language(&expr, &watch, self.plain).unwrap_or_else(|error| {
            self.budget.fail(Overrun::Part(error.to_string()));
            self.blame(require);
            strings.numbers().language(&Expr::False, &[], false).expect("no number is easily decided")
        });
        self.numbers.push(language);
        let id = self.numbers.len() as u32 - 1;
        self.number_of.insert(spec, id);
        id
    }
}
