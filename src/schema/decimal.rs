//! Exact decimal numbers.
//!
//! A [`Decimal`] is the value of a JSON number text: sign, significant digits and the power of ten of the last digit.
//! Digits and exponent are kept apart, so `1e400` costs one digit and `1e-999999` too. The form is canonical (no
//! leading or trailing zeros, zero has no sign), so equality and hashing are those of the value: `1`, `1.0` and `10e-1`
//! are one number, and so are `0` and `-0`.
//!
//! Cost: parsing and comparing are linear in the digits; [`Decimal::is_multiple_of`] never expands an exponent, it
//! works modulo the divisor.

use std::{cmp::Ordering, fmt, str::FromStr};

use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};

/// The power of ten of the first and of the last digit lie within plus or minus this.
pub const MAX_EXPONENT: i64 = 1_000_000_000_000_000;

/// An exact decimal number of any length.
///
/// ```
/// use espalier::schema::Decimal;
/// let parse = |text: &str| text.parse::<Decimal>().unwrap();
/// assert_eq!(parse("1.0"), parse("10e-1"));
/// assert!(parse("0.3").is_multiple_of(&parse("0.1")));
/// assert!(parse("1e400") > parse("9.9e399"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// Values 0 to 9, neither the first nor the last is 0; empty for zero.
    digits: Box<[u8]>,
    /// Power of ten of the last digit; 0 for zero.
    exponent: i64,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a JSON number")]
    Syntax,
    #[error("a number beyond 10^{MAX_EXPONENT} or finer than 10^-{MAX_EXPONENT}")]
    Exponent,
}

impl Decimal {
    /// The number 0.
    pub fn zero() -> Self {
        Self { negative: false, digits: Box::default(), exponent: 0 }
    }

    /// Parses JSON number text: no surrounding whitespace, no leading `+`, no leading zeros.
    ///
    /// # Errors
    /// [`DecimalError::Syntax`] if it is not a JSON number, [`DecimalError::Exponent`] if its digits lie beyond
    /// [`MAX_EXPONENT`].
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
            None => (rest, Some(0)),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(DecimalError::Syntax),
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::Syntax);
        }
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
        if digits.iter().all(|&d| d == 0) {
            return Ok(Self::zero());
        }
        let exponent = exponent.ok_or(DecimalError::Exponent)?;
        Self::new(negative, &digits, exponent - fraction.len() as i64)
    }

    /// The number with these digits (values 0 to 9, most significant first), the last of which counts 10^exponent.
    ///
    /// # Errors
    /// [`DecimalError::Exponent`] if the digits lie beyond [`MAX_EXPONENT`].
    ///
    /// # Panics
    /// If a digit is above 9.
    pub fn new(negative: bool, digits: &[u8], exponent: i64) -> Result<Self, DecimalError> {
        assert!(digits.iter().all(|&d| d <= 9), "a decimal digit is 0 to 9");
        let Some(first) = digits.iter().position(|&d| d != 0) else { return Ok(Self::zero()) };
        let last = digits.iter().rposition(|&d| d != 0).expect("there is a digit that is not zero");
        let exponent = exponent.checked_add((digits.len() - 1 - last) as i64).ok_or(DecimalError::Exponent)?;
        let number = Self { negative, digits: digits[first..=last].into(), exponent };
        if exponent < -MAX_EXPONENT || number.leading_exponent() > MAX_EXPONENT {
            return Err(DecimalError::Exponent);
        }
        Ok(number)
    }

    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Below zero (never true of zero).
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// No fractional part: `1.0` and `1e2` are integers.
    pub fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    /// The significant digits, values 0 to 9, most significant first; empty for zero.
    pub fn digits(&self) -> &[u8] {
        &self.digits
    }

    /// The power of ten that the last significant digit counts; 0 for zero.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// The power of ten that the first significant digit counts: 2 for `123`, -1 for `0.5`; -1 for zero.
    pub fn leading_exponent(&self) -> i64 {
        self.exponent + self.digits.len() as i64 - 1
    }

    /// Whether this is `divisor` times an integer, exactly. Nothing but zero is a multiple of zero.
    ///
    /// Cost: linear in the digits of this number for divisors of up to 19 digits; exponents cost nothing.
    pub fn is_multiple_of(&self, divisor: &Self) -> bool {
        if self.is_zero() {
            return true;
        }
        // Both are digits * 10^exponent, and neither digit string ends in 0: dividing this one's by ten leaves no
        // integer.
        if divisor.is_zero() || self.exponent < divisor.exponent {
            return false;
        }
        let shift = (self.exponent - divisor.exponent) as u64;
        match integer(&divisor.digits).to_u64() {
            Some(1) => true,
            Some(n) => {
                (u128::from(remainder(&self.digits, n)) * u128::from(power_of_ten(shift, n))) % u128::from(n) == 0
            }
            None => {
                let n = integer(&divisor.digits);
                let power = BigUint::from(10u32).modpow(&BigUint::from(shift), &n);
                ((integer(&self.digits) % &n) * power % &n).is_zero()
            }
        }
    }

    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // No digit string ends in 0, so the longer of two with a common beginning is the greater.
            (false, false) => {
                self.leading_exponent().cmp(&other.leading_exponent()).then_with(|| self.digits.cmp(&other.digits))
            }
        }
    }
}

/// The exponent after the `e`; `None` if it is beyond all that can matter.
fn parse_exponent(text: &str) -> Result<Option<i64>, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Syntax);
    }
    let magnitude = digits.parse::<i64>().ok().filter(|&e| e <= 4 * MAX_EXPONENT);
    Ok(magnitude.map(|e| if text.starts_with('-') { -e } else { e }))
}

fn integer(digits: &[u8]) -> BigUint {
    BigUint::from_radix_be(digits, 10).unwrap_or_default()
}

fn remainder(digits: &[u8], n: u64) -> u64 {
    let n = u128::from(n);
    digits.iter().fold(0u128, |r, &d| (r * 10 + u128::from(d)) % n) as u64
}

/// 10^exponent modulo `n`.
fn power_of_ten(mut exponent: u64, n: u64) -> u64 {
    let n = u128::from(n);
    let (mut power, mut base) = (1 % n, 10 % n);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power * base % n;
        }
        base = base * base % n;
        exponent >>= 1;
    }
    power as u64
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text)
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Self::parse(&value.to_string()).expect("an integer of 64 bits is a JSON number within the range")
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::parse(&value.to_string()).expect("an integer of 64 bits is a JSON number within the range")
    }
}

/// JSON number text: plain where that takes at most 20 zeros for padding, with an exponent otherwise.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let digits: String = self.digits.iter().map(|&d| char::from(b'0' + d)).collect();
        let sign = if self.negative { "-" } else { "" };
        let lead = self.leading_exponent();
        if (0..=20).contains(&self.exponent) {
            write!(f, "{sign}{digits}{}", "0".repeat(self.exponent as usize))
        } else if self.exponent < 0 && lead >= 0 {
            let (whole, fraction) = digits.split_at(lead as usize + 1);
            write!(f, "{sign}{whole}.{fraction}")
        } else if (-20..0).contains(&lead) {
            write!(f, "{sign}0.{}{digits}", "0".repeat((-1 - lead) as usize))
        } else if digits.len() == 1 {
            write!(f, "{sign}{digits}e{lead}")
        } else {
            write!(f, "{sign}{}.{}e{lead}", &digits[..1], &digits[1..])
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
