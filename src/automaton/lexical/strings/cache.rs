//! Languages and patterns by content, shared by all schemas and threads.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::ecma::{self, PatternError};
use super::super::expr::Expr;
use super::super::formats::Formats;
use super::super::number::NumberCache;
use super::build::{self, Compiled};
use super::nfa::{MAX_STATES, Nfa};
use super::{StringAtom, StringLanguage, counted, formula};

/// Languages that the cache holds.
const MAX_LANGUAGES: usize = 8_192;
/// Compiled patterns that the cache holds, by their automaton states.
const MAX_PATTERN_STATES: usize = 400_000;
/// About the memory that the languages of the cache may hold together, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// What a language takes before it is walked, in bytes.
const OVERHEAD: usize = 2_048;
/// Every so many new languages the memory is measured.
const MEASURE_EVERY: usize = 16;

type Key = (Expr<StringAtom>, Vec<Expr<StringAtom>>);

/// Compiled string languages by content, and those of numbers beside them.
///
/// Bounded: when it is full, what was used longest ago makes room; who still holds a language keeps it. A language that
/// has outgrown its memory is handed out no more, but built again.
///
/// ```
/// use espalier::automaton::lexical::{Expr, StringAtom, StringCache};
/// let cache = StringCache::default();
/// let language = cache.language(&Expr::Atom(StringAtom::Pattern("^a+b$".into())), &[]).unwrap();
/// let mut dfa = language.lock();
/// let start = dfa.start().unwrap();
/// let state = dfa.step(start, b'a').unwrap();
/// assert!(dfa.step(start, b'b').is_none());
/// assert!(!dfa.accepts(state));
/// assert_eq!(dfa.shortest(state), Some(b"b".to_vec()));
/// ```
#[derive(Debug, Default)]
pub struct StringCache {
    languages: Mutex<Shelf<Key, Arc<StringLanguage>>>,
    patterns: Mutex<Shelf<Arc<str>, Compiled>>,
    formats: OnceLock<Formats>,
    numbers: NumberCache,
}

impl StringCache {
    /// The language of the texts that satisfy `require`; when such a text ends, [`super::StringDfa::verdicts`] tells
    /// which of `watch` hold of it.
    ///
    /// Cost: a look-up by content if it is known; else parsing its patterns and building their (nondeterministic)
    /// automata, about 1 us a state.
    ///
    /// # Errors
    /// A pattern is malformed, or needs more states than it may have.
    pub fn language(
        &self,
        require: &Expr<StringAtom>,
        watch: &[Expr<StringAtom>],
    ) -> Result<Arc<StringLanguage>, PatternError> {
        let key = (require.clone(), watch.to_vec());
        if let Some(language) = lock(&self.languages).get(&key).filter(|language| !language.is_worn()) {
            return Ok(Arc::clone(language));
        }
        // Built outside the lock: two threads may build the same language, and the first to finish wins.
        let (require, watch) =
            (self.spelled(require), watch.iter().map(|formula| self.spelled(formula)).collect::<Vec<_>>());
        let dfa = build::build(&require, &watch, &|pattern| self.pattern(pattern))?;
        let language = Arc::new(StringLanguage::new(dfa));
        let mut languages = lock(&self.languages);
        if let Some(language) = languages.get(&key).filter(|language| !language.is_worn()) {
            return Ok(Arc::clone(language));
        }
        languages.insert(key, Arc::clone(&language), 1);
        languages.shrink(MAX_LANGUAGES);
        if languages.added.is_multiple_of(MEASURE_EVERY) {
            languages.hold(MAX_BYTES, |language| OVERHEAD + language.bytes());
        }
        Ok(language)
    }

    pub fn numbers(&self) -> &NumberCache {
        &self.numbers
    }

    /// The formats that can be used. They are read on the first call, which takes about half a millisecond.
    pub fn formats(&self) -> &Formats {
        self.formats.get_or_init(Formats::default)
    }

    /// The formula with every format as what it is made of.
    fn spelled(&self, formula: &Expr<StringAtom>) -> Expr<StringAtom> {
        formula::map(formula, &mut |atom| match atom {
            StringAtom::Format(name) => self.formats().language(name).unwrap_or(Expr::Atom(atom.clone())),
            atom => Expr::Atom(atom.clone()),
        })
    }

    /// Whether a pattern can be used, without building its automaton.
    ///
    /// # Errors
    /// The pattern is malformed, not regular, or too large.
    pub fn check_pattern(&self, pattern: &str) -> Result<(), PatternError> {
        if lock(&self.patterns).get(pattern).is_some() {
            return Ok(());
        }
        let ast = ecma::parse(pattern)?;
        let weight = counted::split(&ast).map_or(ast, |(ast, _)| ast).weight();
        if weight > MAX_STATES as u64 {
            return Err(too_large(weight));
        }
        Ok(())
    }

    fn pattern(&self, pattern: &str) -> Result<Compiled, PatternError> {
        if let Some(compiled) = lock(&self.patterns).get(pattern) {
            return Ok(compiled.clone());
        }
        let ast = ecma::parse(pattern)?;
        let (ast, length) = counted::split(&ast).map_or((ast, None), |(ast, bounds)| (ast, Some(bounds)));
        let weight = ast.weight();
        if weight > MAX_STATES as u64 {
            return Err(too_large(weight));
        }
        let compiled = Compiled { nfa: Arc::new(Nfa::new(&ast)?), length };
        let mut patterns = lock(&self.patterns);
        patterns.insert(pattern.into(), compiled.clone(), compiled.nfa.states.len());
        patterns.shrink(MAX_PATTERN_STATES);
        Ok(compiled)
    }
}

fn too_large(weight: u64) -> PatternError {
    PatternError::new(
        0,
        format!("the pattern needs about {weight} automaton states, of which {MAX_STATES} are allowed"),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A map with a bound on the sum of its entries' weights.
#[derive(Debug)]
struct Shelf<K, V> {
    entries: FxHashMap<K, Entry<V>>,
    weight: usize,
    clock: u64,
    added: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { entries: FxHashMap::default(), weight: 0, clock: 0, added: 0 }
    }
}

impl<K: Hash + Eq + Clone, V> Shelf<K, V> {
    fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let entry = self.entries.get_mut(key)?;
        self.clock += 1;
        entry.used = self.clock;
        Some(&entry.value)
    }

    fn insert(&mut self, key: K, value: V, weight: usize) {
        self.clock += 1;
        self.added += 1;
        self.weight += weight;
        if let Some(old) = self.entries.insert(key, Entry { value, weight, used: self.clock }) {
            self.weight -= old.weight;
        }
    }

    /// Drops the largest, first of the half that was used longest ago, until the sum of the sizes is within bounds: one
    /// large value should not cost a hundred small ones that everybody uses.
    fn hold(&mut self, most: usize, size: impl Fn(&V) -> usize) {
        let mut all: Vec<(u64, usize)> = self.entries.values().map(|entry| (entry.used, size(&entry.value))).collect();
        let mut total: usize = all.iter().map(|(_, size)| size).sum();
        if total <= most {
            return;
        }
        all.sort_unstable();
        let recent = all.len() / 2;
        all[..recent].sort_unstable_by_key(|(_, size)| std::cmp::Reverse(*size));
        all[recent..].sort_unstable_by_key(|(_, size)| std::cmp::Reverse(*size));
        let mut dropped: FxHashSet<u64> = FxHashSet::default();
        for (used, size) in all {
            // A little more than must be, so that this is not done again at once.
            if total <= most - most / 4 {
                break;
            }
            total -= size;
            dropped.insert(used);
        }
        self.entries.retain(|_, entry| !dropped.contains(&entry.used));
        self.weight = self.entries.values().map(|entry| entry.weight).sum();
    }

    /// Drops the half that was used longest ago until the weight is within bounds.
    fn shrink(&mut self, most: usize) {
        while self.weight > most && self.entries.len() > 1 {
            let mut times: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
            let (_, &mut middle, _) = times.select_nth_unstable(self.entries.len() / 2);
            self.entries.retain(|_, entry| entry.used >= middle);
            self.weight = self.entries.values().map(|entry| entry.weight).sum();
        }
    }
}
