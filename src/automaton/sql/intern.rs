//! Names and other values as small numbers: equal values have equal numbers.

use std::{hash::Hash, sync::Arc};

use rustc_hash::FxHashMap;

/// No name, no scope, nothing.
pub const NONE: u32 = 0;

/// Names, folded as the dialect compares them. Number 0 is no name.
#[derive(Clone, Debug)]
pub struct Names {
    texts: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, u32>,
    bytes: usize,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { texts: Vec::new(), numbers: FxHashMap::default(), bytes: 0 };
        names.exact("");
        names
    }
}

impl Names {
    /// The number of a text as it stands.
    pub fn exact(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (number, text) = (self.texts.len() as u32, Arc::<str>::from(text));
        self.bytes += text.len() + 48;
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// The number of a name in whatever case.
    pub fn folded(&mut self, text: &str) -> u32 {
        match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => self.exact(&text.to_ascii_lowercase()),
            false => self.exact(text),
        }
    }

    pub fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Values of one kind. Number 0 is the default value.
#[derive(Debug)]
pub struct Interner<T> {
    values: Vec<Arc<T>>,
    numbers: FxHashMap<Arc<T>, u32>,
}

impl<T: Hash + Eq + Default> Default for Interner<T> {
    fn default() -> Self {
        let mut interner = Self { values: Vec::new(), numbers: FxHashMap::default() };
        interner.put(T::default());
        interner
    }
}

impl<T: Hash + Eq> Interner<T> {
    pub fn put(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let (number, value) = (self.values.len() as u32, Arc::new(value));
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    pub fn get(&self, number: u32) -> &Arc<T> {
        &self.values[number as usize]
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }
}
