//! Multiples: the sets `{ i * n * 10^t }`, and which of them a number belongs to when only its residue is known.
//!
//! A number is written D * 10^s with 10 not dividing D, a step of a lattice n * 10^t with 10 not dividing n. Then the
//! number is a multiple of the step iff s >= t and n divides D * 10^(s - t): D modulo n is all that must be known of
//! the digits. The residue is kept modulo the least common multiple of all n.

use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::ToPrimitive;

use crate::schema::Decimal;

/// The residue's modulus stays below this, so that `residue * 10 + digit` and a few multiples fit in 128 bits.
pub const MODULUS_LIMIT: u128 = 10u128.pow(30);

/// Multiples of `step * 10^exponent`; 10 does not divide `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lattice {
    pub step: u128,
    pub exponent: i64,
}

impl Lattice {
    /// `None` for zero and for steps of 30 digits and more.
    pub fn new(step: &Decimal) -> Option<Self> {
        if step.is_zero() || step.digits().len() > 30 {
            return None;
        }
        let value = step.digits().iter().fold(0u128, |n, &d| n * 10 + u128::from(d));
        (value < MODULUS_LIMIT).then_some(Self { step: value, exponent: step.exponent() })
    }

    /// The numbers that are in both. `None` if its step is too large.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (a, b) = (self.factors(), other.factors());
        let odd = a.0.lcm(&b.0);
        let (twos, fives) = (a.1.max(b.1), a.2.max(b.2));
        let exponent = twos.min(fives);
        let two = 2u128.checked_pow(u32::try_from(twos - exponent).ok()?)?;
        let five = 5u128.checked_pow(u32::try_from(fives - exponent).ok()?)?;
        let step = odd.checked_mul(two)?.checked_mul(five)?;
        (step < MODULUS_LIMIT).then_some(Self { step, exponent })
    }

    /// The part of the step that 2 and 5 do not divide, and the powers of 2 and of 5.
    fn factors(self) -> (u128, i64, i64) {
        let (odd, twos) = strip(self.step, 2);
        let (odd, fives) = strip(odd, 5);
        (odd, twos + self.exponent, fives + self.exponent)
    }

    /// The least s for which D * 10^s is a multiple, given D modulo a multiple of the step; `None` if no s is.
    pub fn threshold(self, residue: u128) -> Option<i64> {
        if self.step == 1 {
            return Some(self.exponent);
        }
        // What of the step the digits leave over must be made of twos and fives, which powers of ten supply.
        let left = match (u64::try_from(self.step), u64::try_from(residue)) {
            // Machine words divide several times faster.
            (Ok(step), Ok(residue)) => u128::from(step / step.gcd(&(residue % step))),
            _ => self.step / self.step.gcd(&(residue % self.step)),
        };
        if left == 1 {
            return Some(self.exponent);
        }
        let (odd, twos) = strip(left, 2);
        let (odd, fives) = strip(odd, 5);
        (odd == 1).then_some(self.exponent + twos.max(fives))
    }
}

fn strip(mut n: u128, prime: u128) -> (u128, i64) {
    let mut count = 0;
    while n.is_multiple_of(prime) {
        n /= prime;
        count += 1;
    }
    (n, count)
}

/// a * b modulo n; n below [`MODULUS_LIMIT`].
pub fn multiply(a: u128, b: u128, n: u128) -> u128 {
    let (a, b) = (a % n, b % n);
    match a.checked_mul(b) {
        Some(product) => product % n,
        None => (BigUint::from(a) * b % n).to_u128().expect("a remainder is below its modulus"),
    }
}

/// a * 10^exponent modulo n.
pub fn shift(a: u128, exponent: u32, n: u128) -> u128 {
    if n == 1 {
        return 0;
    }
    if exponent <= 2 {
        return a % n * [1, 10, 100][exponent as usize] % n;
    }
    let (mut power, mut base, mut rest) = (1 % n, 10 % n, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            power = multiply(power, base, n);
        }
        base = multiply(base, base, n);
        rest >>= 1;
    }
    multiply(a, power, n)
}
