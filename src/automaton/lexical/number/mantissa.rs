//! The digits so far, reduced to what the formula can see of them.
//!
//! A formula compares a number with finitely many constants. Of digits of any length it is therefore enough to know
//! which constants' digits they begin, or between which two they lie (a range in the sorted table of the constants'
//! digits), how many they are, how many zeros they end with, and their residue ([`super::lattice`]). So a state is of
//! constant size for texts of any length, and nothing is approximated.

use super::lattice::shift;

/// The digits of all constants, sorted as fractions, each once, without zeros at either end.
#[derive(Debug, Default)]
pub struct Digits {
    sorted: Vec<Box<[u8]>>,
    /// What residues are taken modulo; 1 if nothing is divided.
    pub modulus: u128,
}

/// Significant digits: those before the first digit that is not zero do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mantissa {
    /// The digits without the zeros at the end, modulo [`Digits::modulus`].
    pub residue: u128,
    /// The constants `low..high` begin with these digits (padded with zeros if need be). If the range is empty, the
    /// digits are above all constants before it and below all others, whatever follows.
    pub low: u32,
    pub high: u32,
    /// How many digits; 0 as long as all were zeros.
    pub length: u32,
    /// How many zeros they end with.
    pub zeros: u32,
}

impl Digits {
    pub fn new(mut sorted: Vec<Box<[u8]>>, modulus: u128) -> Self {
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted, modulus }
    }

    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The place of digits that are in the table.
    pub fn index(&self, digits: &[u8]) -> u32 {
        self.sorted.binary_search_by(|d| (**d).cmp(digits)).expect("every constant's digits are in the table") as u32
    }

    /// How many digits a constant has.
    pub fn length(&self, constant: u32) -> i64 {
        self.sorted[constant as usize].len() as i64
    }

    /// All digits of a constant.
    pub fn mantissa(&self, constant: u32) -> Mantissa {
        self.sorted[constant as usize].iter().fold(self.start(), |m, &digit| self.push(m, digit))
    }

    /// No digit yet but zeros.
    pub fn start(&self) -> Mantissa {
        Mantissa { residue: 0, low: 0, high: self.sorted.len() as u32, length: 0, zeros: 0 }
    }

    /// One digit more.
    #[inline]
    pub fn push(&self, mut m: Mantissa, digit: u8) -> Mantissa {
        if digit == 0 {
            if m.length == 0 {
                return m;
            }
            m.zeros = m.zeros.saturating_add(1);
        } else {
            if self.modulus > 1 {
                m.residue = (shift(m.residue, m.zeros + 1, self.modulus) + u128::from(digit)) % self.modulus;
            }
            m.zeros = 0;
        }
        if m.low < m.high {
            let (at, range) = (m.length as usize, &self.sorted[m.low as usize..m.high as usize]);
            let here = |d: &[u8]| d.get(at).copied().unwrap_or(0);
            let below = range.partition_point(|d| here(d) < digit);
            let within = range[below..].partition_point(|d| here(d) == digit);
            m.low += below as u32;
            m.high = m.low + within as u32;
        }
        m.length = m.length.saturating_add(1);
        m
    }

    /// The same residue and zeros after `count` more digits that spell the number `value` (below 10^count): enough to
    /// ask for multiples, not for order.
    pub fn extended(&self, m: Mantissa, value: u128, count: u32) -> (u128, u32) {
        let (mut value, mut zeros) = (value, 0);
        if value == 0 {
            return (m.residue, m.zeros + count);
        }
        while value.is_multiple_of(10) {
            value /= 10;
            zeros += 1;
        }
        let high = shift(m.residue, m.zeros + count - zeros, self.modulus);
        ((high + value % self.modulus) % self.modulus, zeros)
    }

    /// How the numbers that begin with these digits lie to a constant whose first digit counts as much.
    #[inline]
    pub fn side(&self, m: Mantissa, constant: u32) -> Side {
        if constant < m.low {
            Side::Above
        } else if constant >= m.high {
            Side::Below
        } else if self.sorted[constant as usize].len() <= m.length as usize {
            Side::StartsAt
        } else {
            Side::Around
        }
    }
}

/// A block of numbers with common first digits `[D, D + 1) * 10^k`, seen from a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// All are less.
    Below,
    /// The constant is inside, and is not the least of them.
    Around,
    /// The constant is the least of them: the digits so far and then zeros.
    StartsAt,
    /// All are greater.
    Above,
}
