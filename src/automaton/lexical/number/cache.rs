//! Languages of numbers by content, shared by all schemas and threads.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::{Expr, NumberAtom, NumberError, NumberLanguage};

/// Languages that the cache holds.
const MAX_LANGUAGES: usize = 1_024;

type Key = (Expr<NumberAtom>, Vec<Expr<NumberAtom>>, bool);

/// Compiled languages by content. Bounded: when it is full, all make room; who still holds a language keeps it.
#[derive(Debug, Default)]
pub struct NumberCache(Mutex<FxHashMap<Key, Arc<NumberLanguage>>>);

impl NumberCache {
    /// As [`NumberLanguage::compile`].
    ///
    /// # Errors
    /// As there.
    pub fn language(
        &self,
        require: &Expr<NumberAtom>,
        watch: &[Expr<NumberAtom>],
        plain: bool,
    ) -> Result<Arc<NumberLanguage>, NumberError> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (require.clone(), watch.to_vec(), plain);
        if let Some(language) = known().get(&key) {
            return Ok(language.clone());
        }
        let language = Arc::new(NumberLanguage::compile(require, watch, plain)?);
        let mut known = known();
        if known.len() >= MAX_LANGUAGES {
            known.clear();
        }
        Ok(known.entry(key).or_insert(language).clone())
    }
}
