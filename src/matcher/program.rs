//! Engines and programs: what outlives one answer.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use rustc_hash::FxHashMap;

use super::{
    Matcher,
    crossings::Crossings,
    grammar::{Pieces, Tokens},
    marks,
    numbers::NumberTables,
    pack::Pack,
    sql,
    strings::StringTables,
    text::Forest,
    walk::{self, VocabularyTables},
    wholes::Wholes,
};
use crate::{
    automaton::{Automaton, Recognizer, State, json::Lex, lexical::StringCache},
    budget::{Budget, Limits, Overrun},
    frontend::{Blueprint, Constraint, Diagnostic, DiagnosticKind, Policy},
    vocab::{TokenMask, Vocabulary},
};

/// One vocabulary, and the caches that its constraints share.
pub struct Engine {
    pack: Arc<Pack>,
    tables: StringTables,
    numbers: NumberTables,
    strings: Arc<StringCache>,
    wholes: Wholes,
}

/// A constraint compiled for one vocabulary. Cheap to share between threads and answers.
pub struct Program {
    engine: Arc<Engine>,
    blueprint: Blueprint,
    /// An automaton that was given up was soft.
    was_soft: AtomicBool,
    /// What new answers begin with.
    current: Mutex<Arc<Running>>,
    /// Automata that one answer at a time has to itself, while none does.
    spare: Mutex<Vec<Automaton>>,
}

/// The automaton of a program with what its answers found out so far, until it has grown so far that the next answers
/// begin with a new one; those that run keep theirs.
pub(super) struct Running {
    start: State,
    budget: Budget,
    machine: Mutex<Automaton>,
    masks: Mutex<FxHashMap<State, Arc<TokenMask>>>,
    crossings: Mutex<Crossings>,
    pieces: Mutex<Pieces>,
}

/// Automata that one program keeps for answers to come.
const MAX_SPARE: usize = 4;

/// Masks that one program keeps, in bytes.
const MAX_MASK_BYTES: usize = 16 << 20;

impl Engine {
    /// Builds the tokenizer pack: some 50 ms for 128,000 tokens.
    pub fn new(vocabulary: Arc<Vocabulary>) -> Arc<Self> {
        let forest = Arc::new(Forest::new(vocabulary));
        let (tables, numbers) = (StringTables::new(forest.clone()), NumberTables::new(forest.clone()));
        Self::with(Arc::new(Pack::new(forest)), tables, numbers)
    }

    /// An engine for the same vocabulary that knows nothing of any constraint; the tokenizer pack is kept.
    pub fn emptied(&self) -> Arc<Self> {
        Self::with(self.pack.clone(), self.tables.emptied(), self.numbers.emptied())
    }

    fn with(pack: Arc<Pack>, tables: StringTables, numbers: NumberTables) -> Arc<Self> {
        let strings = Arc::<StringCache>::default();
        // Read now, so that no compile waits for it.
        strings.formats();
        Arc::new(Self { pack, tables, numbers, strings, wholes: Wholes::default() })
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        self.pack.forest().vocabulary()
    }

    /// Compiles lazily: the time is about that of parsing the constraint.
    ///
    /// # Errors
    /// Whatever cannot be enforced exactly, is unsatisfiable or malformed is refused here, with its place.
    pub fn compile(self: &Arc<Self>, constraint: &Constraint, policy: Policy) -> Result<Arc<Program>, Diagnostic> {
        self.compile_within(constraint, policy, Limits::default())
    }

    /// The same, within limits of the caller's.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub fn compile_within(
        self: &Arc<Self>,
        constraint: &Constraint,
        policy: Policy,
        limits: Limits,
    ) -> Result<Arc<Program>, Diagnostic> {
        let (blueprint, machine) = Blueprint::new(constraint, policy, limits, &self.strings)?;
        let vocabulary = self.vocabulary();
        if let Some(name) = blueprint.named_tokens().iter().find(|name| !vocabulary.has_special(name.as_bytes())) {
            return Err(Diagnostic::unknown_token(name, vocabulary.name()));
        }
        let bounds_tokens = machine.bounds_tokens();
        let current = Mutex::new(Running::new(machine));
        let program = Arc::new(Program {
            engine: self.clone(),
            blueprint,
            was_soft: AtomicBool::new(false),
            current,
            spare: Mutex::default(),
        });
        if bounds_tokens && program.matcher().home_tokens().is_none() {
            let message = "no answer of so many tokens is found that satisfies the rest of the constraint";
            return Err(Diagnostic::new(DiagnosticKind::Unsatisfiable, message));
        }
        Ok(program)
    }
}

impl Running {
    fn new(mut machine: Automaton) -> Arc<Self> {
        let (start, budget) = (machine.start(), machine.budget().clone());
        Arc::new(Self {
            start,
            budget,
            machine: Mutex::new(machine),
            masks: Mutex::default(),
            crossings: Mutex::default(),
            pieces: Mutex::default(),
        })
    }

    /// The automaton, with the steps of one mask or token.
    pub fn machine(&self) -> Session<'_> {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.begin();
        Session(machine)
    }

    pub fn start(&self) -> State {
        self.start
    }

    /// The limit that was passed; nothing that the automaton says counts any more.
    pub fn fault(&self) -> Option<&Overrun> {
        self.budget.overrun()
    }

    fn is_worn(&self) -> bool {
        // While another answer works with it, its languages are not looked at: the next answer will.
        self.budget.is_spent() || self.machine.try_lock().is_ok_and(|machine| machine.is_worn())
    }

    /// The tokens that may come next in a state, end tokens included. None may after a fault.
    pub fn mask(&self, engine: &Engine, state: State) -> Arc<TokenMask> {
        let masks = || self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match state {
            State::Json(place) if matches!(place.lex, Lex::Number { .. }) => self.machine().alike(state),
            _ => state,
        };
        if let Some(mask) = masks().get(&key) {
            return mask.clone();
        }
        let vocabulary = engine.vocabulary();
        let mut mask = TokenMask::new(vocabulary.len());
        {
            let mut machine = self.machine();
            let mark = machine.mark();
            let Engine { pack, tables, numbers, wholes, .. } = engine;
            let tables = VocabularyTables { pack, strings: tables, numbers };
            match (&mut *machine, state) {
                (Automaton::Json(machine), State::Json(state)) => {
                    let mut crossings = self.crossings.lock().unwrap_or_else(PoisonError::into_inner);
                    walk::allowed(machine, &tables, &mut crossings, state, &mut mask);
                }
                (Automaton::Chart(chart), State::Chart(state)) => {
                    let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
                    pieces.allowed(chart, Tokens { vocabulary, tables: &tables, wholes }, state, &mut mask);
                    let ragged = chart.counts_tokens().then(|| pieces.ragged(vocabulary));
                    drop(pieces);
                    if let Some(ragged) = ragged {
                        marks::keep_counted(&mut machine, vocabulary, State::Chart(state), &ragged, &mut mask);
                    }
                    marks::allowed(&mut machine, vocabulary, State::Chart(state), |token| mask.insert(token));
                }
                (Automaton::Sql(machine), State::Sql(state)) => sql::allowed(machine, vocabulary, state, &mut mask),
                _ => unreachable!("a state goes back to the automaton that it came from"),
            }
            if machine.accepts(state) {
                vocabulary.end_tokens().iter().for_each(|token| mask.insert(*token));
            }
            machine.forget_since(mark);
        }
        if self.fault().is_some() {
            return Arc::new(TokenMask::new(vocabulary.len()));
        }
        let mask = Arc::new(mask);
        let mut masks = masks();
        if masks.len() * vocabulary.len() / 8 > MAX_MASK_BYTES {
            masks.clear();
        }
        masks.insert(key, mask.clone());
        mask
    }
}

/// The automaton while one mask or one token is worked out. What it then holds is measured at the end.
pub(super) struct Session<'a>(MutexGuard<'a, Automaton>);

impl Deref for Session<'_> {
    type Target = Automaton;

    fn deref(&self) -> &Automaton {
        &self.0
    }
}

impl DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut Automaton {
        &mut self.0
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

impl Program {
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What automata of the constraint are made from.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Keywords of the constraint that demand nothing and were read as annotations, by JSON pointer: for the receipt.
    pub fn annotations(&self) -> &[String] {
        self.blueprint.annotations()
    }

    /// A model's tokens are counted: a text alone does not tell whether it satisfies the constraint.
    pub fn counts_tokens(&self) -> bool {
        self.blueprint.counts_tokens()
    }

    /// Some liveness was assumed, because finding out would have taken too long: an answer may come to a place where
    /// nothing can follow. What is accepted is exact all the same.
    pub fn is_soft(&self) -> bool {
        self.was_soft.load(Relaxed) || self.current().machine().is_soft()
    }

    /// About the memory held beside the constraint itself, in bytes.
    pub fn bytes(&self) -> usize {
        let current = self.current();
        let masks = current.masks.lock().unwrap_or_else(PoisonError::into_inner).len();
        let spare: usize = self.spare().iter().map(|machine| machine.budget().bytes()).sum();
        current.budget.bytes() + spare + masks * self.engine.vocabulary().len() / 8
    }

    /// An automaton for one answer alone, with what answers before found out if there were any. [`Program::keep`] takes
    /// it back.
    pub fn automaton(&self) -> Automaton {
        let spare = self.spare().pop();
        spare.unwrap_or_else(|| self.blueprint.automaton())
    }

    /// Keeps an automaton for the next answer, unless it is worn or there are enough.
    pub fn keep(&self, automaton: Automaton) {
        let mut spare = self.spare();
        if spare.len() < MAX_SPARE && !automaton.is_worn() {
            spare.push(automaton);
        }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Automaton>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new answer, nothing written yet.
    pub fn matcher(self: &Arc<Self>) -> Matcher {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_worn() {
            self.was_soft.fetch_or(current.machine().is_soft(), Relaxed);
            *current = Running::new(self.blueprint.automaton());
        }
        Matcher::new(self.clone(), current.clone())
    }

    fn current(&self) -> Arc<Running> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
