//! A map that makes room for what is new by dropping what is oldest, a little at a time: dropping everything at once
//! would make one mask wait for all of it.

use std::{
    collections::VecDeque,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use rustc_hash::FxHashMap;

/// Values by key, for all threads, with a bound on the sum of their weights.
#[derive(Debug)]
pub struct Shelf<K, V> {
    most: usize,
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    values: FxHashMap<K, (V, usize)>,
    /// Oldest first.
    order: VecDeque<K>,
    weight: usize,
}

impl<K: Copy + Eq + Hash, V: Clone> Shelf<K, V> {
    pub fn new(most: usize) -> Self {
        let inner = Inner { values: FxHashMap::default(), order: VecDeque::new(), weight: 0 };
        Self { most, inner: Mutex::new(inner) }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.values.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value; the one that is there already, if another thread was faster, goes.
    pub fn insert(&self, key: K, value: V, weight: usize) {
        let mut dropped = Vec::new();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.weight += weight;
        match inner.values.insert(key, (value, weight)) {
            Some((old, weight)) => {
                inner.weight -= weight;
                dropped.push(old);
            }
            None => inner.order.push_back(key),
        }
        while inner.weight > self.most && inner.order.len() > 1 {
            let Some(oldest) = inner.order.pop_front() else { break };
            if let Some((old, weight)) = inner.values.remove(&oldest) {
                inner.weight -= weight;
                dropped.push(old);
            }
        }
        drop(inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let shelf = Shelf::new(10);
        shelf.insert(1, "a", 4);
        shelf.insert(2, "b", 4);
        shelf.insert(1, "c", 3);
        assert_eq!((shelf.get(&1), shelf.get(&2), shelf.get(&3)), (Some("c"), Some("b"), None));
        shelf.insert(3, "d", 4);
        assert_eq!((shelf.get(&1), shelf.get(&2), shelf.get(&3)), (None, Some("b"), Some("d")));
        shelf.insert(4, "e", 40);
        assert_eq!((shelf.get(&2), shelf.get(&3), shelf.get(&4)), (None, None, Some("e")));
        shelf.insert(5, "f", 1);
        assert_eq!((shelf.get(&4), shelf.get(&5)), (None, Some("f")));
    }
}
