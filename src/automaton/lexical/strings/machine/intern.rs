//! Values as numbers.

use std::borrow::Borrow;
use std::hash::Hash;
use std::ops::Index;

use rustc_hash::FxHashMap;

/// Numbers for values, handed out in the order in which they are met.
#[derive(Debug)]
pub struct Interner<T> {
    items: Vec<T>,
    index: FxHashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Interner<T> {
    /// The given value is number 0.
    pub fn new(first: T) -> Self {
        Self { items: vec![first.clone()], index: FxHashMap::from_iter([(first, 0)]) }
    }

    pub fn number<Q>(&mut self, value: &Q) -> u32
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(&number) = self.index.get(value) {
            return number;
        }
        let number = self.items.len() as u32;
        self.items.push(value.to_owned());
        self.index.insert(value.to_owned(), number);
        number
    }

    #[cfg(test)]
    pub fn items(&self) -> &[T] {
        &self.items
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }
}

impl<T> Index<u32> for Interner<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.items[number as usize]
    }
}
