//! Engines and programs: what outlives one answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::{Matcher, numbers::NumberTables, pack::Pack, strings::StringTables, text::Forest, walk};
use crate::{
    automaton::{
        json::{Lex, Machine, State, Style},
        lexical::{Known, StringCache, unescape::Spelling},
    },
    frontend::{
        Constraint, Diagnostic, DiagnosticKind, Formats, JsonSchema, KeyOrder, Policy, Whitespace, json_schema,
    },
    vocab::{TokenMask, Vocabulary},
};

/// One vocabulary, and the caches that its constraints share.
pub struct Engine {
    pack: Arc<Pack>,
    tables: StringTables,
    numbers: NumberTables,
    strings: Arc<StringCache>,
}

/// A constraint compiled for one vocabulary. Cheap to share between threads and answers.
pub struct Program {
    engine: Arc<Engine>,
    annotations: Vec<String>,
    start: State,
    machine: Mutex<Machine>,
    masks: Mutex<FxHashMap<State, Arc<TokenMask>>>,
}

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
        Arc::new(Self { pack, tables, numbers, strings })
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        self.pack.forest().vocabulary()
    }

    /// Compiles lazily: the time is about that of parsing the constraint.
    ///
    /// # Errors
    /// Whatever cannot be enforced exactly, is unsatisfiable or malformed is refused here, with its place.
    pub fn compile(self: &Arc<Self>, constraint: &Constraint, policy: Policy) -> Result<Arc<Program>, Diagnostic> {
        let mut set = match constraint {
            Constraint::JsonObject => JsonSchema::from(r#"{"type":"object"}"#).read()?,
            Constraint::JsonSchema(schema) => schema.read()?,
        };
        let strings = &self.strings;
        set.keep_formats(|name| policy.formats == Formats::Assert && strings.formats().get(name).is_some());
        let set = Arc::new(set);
        for (name, schema) in set.formats() {
            if let Some(Known::Refused(reason)) = strings.formats().get(name) {
                return Err(json_schema::format_refused(name, reason, set.pointer(schema)));
            }
        }
        for (pattern, schema) in set.patterns() {
            let refused = |error| json_schema::pattern_refused(&error, set.pointer(schema));
            strings.check_pattern(&pattern).map_err(refused)?;
        }
        let annotations = set.annotations().to_vec();
        let style = Style {
            ordered: policy.key_order == KeyOrder::Schema,
            spaced: policy.whitespace == Whitespace::Flexible,
            plain_numbers: policy.plain,
            spelling: if policy.plain { Spelling::Shortest } else { Spelling::Any },
        };
        let mut machine = Machine::new(set, strings.clone(), style);
        let satisfiable = machine.satisfiable();
        if let Some(fault) = &machine.tables.fault {
            return Err(refusal(DiagnosticKind::TooLarge, fault.clone()));
        }
        if !satisfiable {
            return Err(refusal(DiagnosticKind::Unsatisfiable, "no value satisfies this schema".into()));
        }
        let start = machine.start();
        let (machine, masks) = (Mutex::new(machine), Mutex::default());
        Ok(Arc::new(Program { engine: self.clone(), annotations, start, machine, masks }))
    }
}

fn refusal(kind: DiagnosticKind, message: String) -> Diagnostic {
    Diagnostic { kind, message, pointer: Some(String::new()), position: None, hint: None }
}

impl Program {
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Keywords of the constraint that demand nothing and were read as annotations, by JSON pointer: for the receipt.
    pub fn annotations(&self) -> &[String] {
        &self.annotations
    }

    /// A new answer, nothing written yet.
    pub fn matcher(self: &Arc<Self>) -> Matcher {
        Matcher::new(self.clone(), self.start)
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens that may come next in a state, end tokens included.
    pub(super) fn mask(&self, state: State) -> Arc<TokenMask> {
        let masks = || self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if matches!(state.lex, Lex::Number { .. }) { self.machine().alike(state) } else { state };
        if let Some(mask) = masks().get(&key) {
            return mask.clone();
        }
        let vocabulary = self.engine.vocabulary();
        let mut mask = TokenMask::new(vocabulary.len());
        {
            let mut machine = self.machine();
            let mark = machine.mark();
            let Engine { pack, tables, numbers, .. } = &*self.engine;
            walk::allowed(&mut machine, pack, tables, numbers, state, &mut mask);
            if machine.accepts(state) {
                vocabulary.end_tokens().iter().for_each(|token| mask.insert(*token));
            }
            machine.forget_since(mark);
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
