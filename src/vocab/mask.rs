//! A set of tokens, a bit each.

use super::TokenId;

/// A set of tokens of one vocabulary: bit `id % 64` of word `id / 64`. All bits beyond the vocabulary are zero.
///
/// ```
/// use espalier::vocab::TokenMask;
/// let mut mask = TokenMask::new(100);
/// mask.insert(70);
/// assert!(mask.contains(70) && !mask.contains(71));
/// assert_eq!(mask.iter().collect::<Vec<_>>(), [70]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenMask {
    len: usize,
    words: Box<[u64]>,
}

impl TokenMask {
    /// The empty set over a vocabulary of `len` tokens.
    pub fn new(len: usize) -> Self {
        Self { len, words: vec![0; len.div_ceil(64)].into() }
    }

    /// Size of the vocabulary, not of the set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No token is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many tokens are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The bits as a sampler reads them.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// False also for ids beyond the vocabulary.
    pub fn contains(&self, id: TokenId) -> bool {
        self.words.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    /// # Panics
    /// If `id` is beyond the vocabulary.
    pub fn insert(&mut self, id: TokenId) {
        assert!((id as usize) < self.len, "token {id} is beyond the {} of the vocabulary", self.len);
        self.words[id as usize / 64] |= 1 << (id % 64);
    }

    /// # Panics
    /// If `id` is beyond the last word, which it is not below [`TokenMask::len`].
    pub fn remove(&mut self, id: TokenId) {
        self.words[id as usize / 64] &= !(1 << (id % 64));
    }

    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Adds every token of `other`, a mask over the same vocabulary.
    pub fn union(&mut self, other: &TokenMask) {
        debug_assert_eq!(self.len, other.len);
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Adds every token that is in both, masks over the same vocabulary.
    pub fn union_within(&mut self, other: &TokenMask, limit: &TokenMask) {
        debug_assert!(self.len == other.len && self.len == limit.len);
        for ((word, more), limit) in self.words.iter_mut().zip(&other.words).zip(&limit.words) {
            *word |= more & limit;
        }
    }

    /// Keeps only the tokens that are in `other` too, a mask over the same vocabulary.
    pub fn intersect(&mut self, other: &TokenMask) {
        debug_assert_eq!(self.len, other.len);
        for (word, keep) in self.words.iter_mut().zip(&other.words) {
            *word &= keep;
        }
    }

    /// Makes this set equal to `other`, a mask over the same vocabulary, without allocating.
    pub fn copy_from(&mut self, other: &TokenMask) {
        self.words.copy_from_slice(&other.words);
    }

    /// The tokens of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(index as TokenId * 64 + bit)
            })
        })
    }

    /// The first token of the set and nothing else, if it is the only one.
    pub fn single(&self) -> Option<TokenId> {
        let mut tokens = self.iter();
        tokens.next().filter(|_| tokens.next().is_none())
    }
}

impl std::fmt::Debug for TokenMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenMask({} of {}: {:?}..)", self.count(), self.len, self.iter().take(8).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn mask_of(len: usize, ids: &BTreeSet<TokenId>) -> TokenMask {
        let mut mask = TokenMask::new(len);
        ids.iter().for_each(|id| mask.insert(*id));
        mask
    }

    fn set(mask: &TokenMask) -> BTreeSet<TokenId> {
        mask.iter().collect()
    }

    /// A width, and two sets of ids below it.
    fn two_sets() -> impl Strategy<Value = (usize, BTreeSet<TokenId>, BTreeSet<TokenId>)> {
        (1_usize..300).prop_flat_map(|len| {
            let ids = || prop::collection::btree_set(0..len as TokenId, 0..len.min(80));
            (Just(len), ids(), ids())
        })
    }

    proptest! {
        #[test]
        fn is_a_set((len, a, b) in two_sets()) {
            let (mask_a, mask_b) = (mask_of(len, &a), mask_of(len, &b));
            prop_assert_eq!(set(&mask_a), a.clone());
            prop_assert_eq!(mask_a.count(), a.len());
            prop_assert_eq!(mask_a.is_empty(), a.is_empty());
            prop_assert_eq!(mask_a.single(), (a.len() == 1).then(|| a.iter().copied().next()).flatten());
            for id in 0..len as TokenId + 130 {
                prop_assert_eq!(mask_a.contains(id), a.contains(&id));
            }
            let mut union = mask_a.clone();
            union.union(&mask_b);
            prop_assert_eq!(set(&union), &a | &b);
            let mut both = mask_a.clone();
            both.intersect(&mask_b);
            prop_assert_eq!(set(&both), &a & &b);
            let mut rest = mask_a.clone();
            b.iter().for_each(|id| rest.remove(*id));
            prop_assert_eq!(set(&rest), &a - &b);
            prop_assert_eq!(mask_a == mask_b, a == b);
            let mut within = mask_of(len, &BTreeSet::from([0]));
            within.union_within(&mask_a, &mask_b);
            let mut expected: BTreeSet<TokenId> = &a & &b;
            expected.insert(0);
            prop_assert_eq!(set(&within), expected);
            let mut copy = mask_b;
            copy.copy_from(&mask_a);
            prop_assert_eq!(&copy, &mask_a);
            copy.clear();
            prop_assert_eq!(copy, TokenMask::new(len));
        }
    }

    #[test]
    #[should_panic(expected = "beyond")]
    fn ids_beyond_the_vocabulary_are_refused_even_within_the_last_word() {
        TokenMask::new(65).insert(70);
    }

    #[test]
    fn the_empty_vocabulary_has_an_empty_mask() {
        let mask = TokenMask::new(0);
        assert!(mask.is_empty() && mask.words().is_empty() && mask.single().is_none() && !mask.contains(0));
    }
}
