//! Truth tables over the combinations of multiples that a number can be.

use num_integer::Integer as _;
use rustc_hash::FxHashMap;

use super::lattice::Lattice;

/// Divisors in one formula, `Integer` among them: among so many, the multiples of one that are multiples of no other leave
/// no gaps of 1,000 (see [`super::values::Region::searches`]; Jacobsthal's function of 49 primes is below that).
pub const LATTICES: usize = 48;
/// Combinations of them that a number can be.
pub const COMBINATIONS: usize = 1024;

/// The sets of lattices such that some numbers are in just these.
#[derive(Debug)]
pub struct Combinations {
    /// Bit i: lattice i. Sorted; the first is the empty one.
    sets: Vec<u64>,
    /// Per set the numbers that are in all of its lattices.
    common: Vec<Option<Lattice>>,
    /// The places of sets of the first six lattices, and of others.
    few: [u16; 64],
    many: FxHashMap<u64, u16>,
    /// Per lattice the combinations that have it.
    having: Vec<Table>,
}

impl Combinations {
    /// `None` if there are more than [`COMBINATIONS`], or their steps are too large.
    pub fn new(lattices: &[Lattice]) -> Option<Self> {
        let mut found: Vec<(u64, Option<Lattice>)> = vec![(0, None)];
        let mut next = 0;
        while let Some(&(set, common)) = found.get(next) {
            next += 1;
            for (i, lattice) in lattices.iter().enumerate().filter(|(i, _)| set >> i & 1 == 0) {
                let joined = common.map_or(Some(*lattice), |common| common.intersection(*lattice))?;
                let is_in = |l: &Lattice| joined.intersection(*l) == Some(joined);
                let set = lattices.iter().enumerate().fold(1 << i, |set, (k, l)| set | u64::from(is_in(l)) << k);
                if found.iter().all(|(other, _)| *other != set) {
                    found.push((set, Some(joined)));
                }
            }
            if found.len() > COMBINATIONS {
                return None;
            }
        }
        found.sort_unstable_by_key(|(set, _)| *set);
        let (sets, common): (Vec<u64>, Vec<_>) = found.into_iter().unzip();
        let (mut few, mut many) = ([0; 64], FxHashMap::default());
        for (k, &set) in sets.iter().enumerate() {
            match few.get_mut(usize::try_from(set).unwrap_or(usize::MAX)) {
                Some(place) => *place = k as u16,
                None => drop(many.insert(set, k as u16)),
            }
        }
        let having = |i: usize| Table::of(sets.len(), |k| sets[k] >> i & 1 == 1);
        let having = (0..lattices.len()).map(having).collect();
        Some(Self { sets, common, few, many, having })
    }

    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// The place of a set in tables.
    #[inline]
    pub fn place(&self, set: u64) -> usize {
        let place = match self.few.get(usize::try_from(set).unwrap_or(usize::MAX)) {
            Some(place) => place,
            None => self.many.get(&set).expect("a number's multiples are a combination"),
        };
        usize::from(*place)
    }

    /// The combinations with a lattice.
    pub fn having(&self, lattice: usize) -> &Table {
        &self.having[lattice]
    }

    /// The numbers that are in all lattices of a combination; `None` for the empty one.
    pub fn common(&self, place: usize) -> Option<Lattice> {
        self.common[place]
    }

    /// The table that is true, or false, everywhere.
    pub fn constant(&self, truth: bool) -> Table {
        Table::of(self.len(), |_| truth)
    }
}

/// A truth value for each combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    first: u64,
    /// Combinations 64 and up.
    rest: Vec<u64>,
}

impl Table {
    fn of(length: usize, truth: impl Fn(usize) -> bool) -> Self {
        let word =
            |k: usize| (64 * k..length.min(64 * k + 64)).fold(0, |word, at| word | u64::from(truth(at)) << (at % 64));
        Self { first: word(0), rest: (1..length.div_ceil(64)).map(word).collect() }
    }

    #[inline]
    pub fn has(&self, place: usize) -> bool {
        let word = if place < 64 { self.first } else { self.rest[place / 64 - 1] };
        word >> (place % 64) & 1 == 1
    }

    pub fn is_empty(&self) -> bool {
        self.first == 0 && self.rest.iter().all(|word| *word == 0)
    }

    fn zip(&self, other: &Self, op: impl Fn(u64, u64) -> u64) -> Self {
        let rest = self.rest.iter().zip(&other.rest).map(|(a, b)| op(*a, *b)).collect();
        Self { first: op(self.first, other.first), rest }
    }

    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    pub fn or(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// What is in the first and not in the second.
    pub fn without(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }
}

/// The least common multiple, if it is below a limit.
pub fn common_multiple(a: u128, b: u128, limit: u128) -> Option<u128> {
    a.checked_mul(b / a.gcd(&b)).filter(|multiple| *multiple < limit)
}
