//! Decimal numbers by value, as regular expressions over their digits.

use std::cmp::Ordering;

use crate::grammar::{CharSet, Regex};

/// A number as digits, without zeros that say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    whole: Vec<u8>,
    part: Vec<u8>,
}

impl Decimal {
    /// Reads digits with a sign before them and a point among them.
    pub fn read(text: &str) -> Option<Self> {
        let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
        if !are_digits || whole.len() + part.len() == 0 {
            return None;
        }
        let whole = whole.trim_start_matches('0').bytes().map(|byte| byte - b'0').collect::<Vec<_>>();
        let part = part.trim_end_matches('0').bytes().map(|byte| byte - b'0').collect::<Vec<_>>();
        let is_zero = whole.is_empty() && part.is_empty();
        Some(Self { is_negative: is_negative && !is_zero, whole, part })
    }

    /// The least whole number that is not below it, if it is not negative and below 2^32.
    pub fn ceiling(&self) -> Option<u32> {
        if self.is_negative {
            return Some(0);
        }
        let whole =
            self.whole.iter().try_fold(0_u32, |all, digit| all.checked_mul(10)?.checked_add((*digit).into()))?;
        whole.checked_add(u32::from(!self.part.is_empty()))
    }

    pub fn is_whole(&self) -> bool {
        self.part.is_empty()
    }

    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Numbers that stand so to this one: a sign, digits, and behind a point more digits.
    pub fn compared(&self, order: Ordering) -> Regex {
        let minus = || Regex::text("-");
        let negative = |size: Regex| Regex::Concat(vec![minus(), size]);
        let any =
            || Regex::Concat(vec![digits(0).repeat(1, None), point(digits(0).repeat(1, None)).repeat(0, Some(1))]);
        let zero = || Self { is_negative: false, whole: Vec::new(), part: Vec::new() };
        // -0 is 0.
        let below_zero = || negative(zero().sized(Ordering::Greater));
        match (self.is_negative, order) {
            (false, Ordering::Less) if *self == zero() => below_zero(),
            (false, Ordering::Less) => Regex::Alternation(vec![
                self.sized(Ordering::Less),
                negative(zero().sized(Ordering::Equal)),
                below_zero(),
            ]),
            (false, Ordering::Equal) if *self == zero() => {
                Regex::Concat(vec![minus().repeat(0, Some(1)), self.sized(order)])
            }
            (false, _) => self.sized(order),
            (true, Ordering::Greater) => Regex::Alternation(vec![any(), negative(self.sized(Ordering::Less))]),
            (true, order) => negative(self.sized(order.reverse())),
        }
    }

    /// Numbers without sign whose size stands so to this one's.
    fn sized(&self, order: Ordering) -> Regex {
        let exact = Regex::Concat(vec![zeros(), written(&self.whole)]);
        let same_whole = match order {
            Ordering::Less => self.part_below(),
            Ordering::Equal => part_exactly(&self.part),
            Ordering::Greater => self.part_above(),
        };
        let same = Regex::Concat(vec![exact, same_whole]);
        let other = match order {
            Ordering::Less => self.whole_below(),
            Ordering::Equal => return same,
            Ordering::Greater => self.whole_above(),
        };
        let rest = point(digits(0).repeat(1, None)).repeat(0, Some(1));
        Regex::Alternation(vec![same, Regex::Concat(vec![zeros(), other, rest])])
    }

    fn whole_below(&self) -> Regex {
        let mut ways = Vec::new();
        let count = self.whole.len();
        if count > 0 {
            ways.push(digits(0));
        }
        if count > 1 {
            ways.push(Regex::Concat(vec![digits(1), digits(0).repeat(0, Some(count as u32 - 2))]));
        }
        if count == 1 {
            // Zero among them is written out.
            ways = vec![below(self.whole[0])];
        } else {
            ways.extend(differing(&self.whole, below, 1));
        }
        Regex::alternation(ways)
    }

    fn whole_above(&self) -> Regex {
        let count = self.whole.len() as u32;
        let longer = Regex::Concat(vec![digits(1), digits(0).repeat(count, None)]);
        let mut ways = vec![longer];
        ways.extend(differing(&self.whole, above, 0));
        Regex::alternation(ways)
    }

    /// What follows the same whole number if the rest is less.
    fn part_below(&self) -> Regex {
        let Some(last) = self.part.len().checked_sub(1) else { return Regex::NOTHING };
        let mut ways = vec![Regex::Empty];
        for at in 0..=last {
            let before = exactly(&self.part[..at]);
            if at > 0 {
                ways.push(point(Regex::Concat(vec![before.clone(), Regex::text("0").repeat(0, None)])));
            }
            ways.push(point(Regex::Concat(vec![before, below(self.part[at]), digits(0).repeat(0, None)])));
        }
        Regex::Alternation(ways)
    }

    /// What follows the same whole number if the rest is more.
    fn part_above(&self) -> Regex {
        let more = vec![exactly(&self.part), digits(0).repeat(0, None), digits(1), digits(0).repeat(0, None)];
        let mut ways = vec![point(Regex::Concat(more))];
        for at in 0..self.part.len() {
            let before = exactly(&self.part[..at]);
            ways.push(point(Regex::Concat(vec![before, above(self.part[at]), digits(0).repeat(0, None)])));
        }
        Regex::Alternation(ways)
    }
}

/// The rest is exactly this.
fn part_exactly(part: &[u8]) -> Regex {
    let zero = Regex::text("0");
    if part.is_empty() {
        return point(zero.repeat(1, None)).repeat(0, Some(1));
    }
    point(Regex::Concat(vec![exactly(part), zero.repeat(0, None)]))
}

/// As many digits as given, of which the first difference is such a one; in the first place not below `least`.
fn differing(digits_of: &[u8], differs: fn(u8) -> Regex, least: u8) -> Vec<Regex> {
    let ways = digits_of.iter().enumerate().map(|(at, digit)| {
        let mut other = differs(*digit);
        if at == 0 && least > 0 {
            other = Regex::And(vec![other, digits(least)]);
        }
        let rest = digits(0).repeat((digits_of.len() - at - 1) as u32, Some((digits_of.len() - at - 1) as u32));
        Regex::Concat(vec![exactly(&digits_of[..at]), other, rest])
    });
    ways.collect()
}

fn exactly(digits: &[u8]) -> Regex {
    Regex::concat(digits.iter().map(|digit| Regex::Class(CharSet::single(u32::from(b'0' + digit)))).collect())
}

/// A whole number; no digits are zero, which is written.
fn written(digits: &[u8]) -> Regex {
    if digits.is_empty() { Regex::text("0") } else { exactly(digits) }
}

fn zeros() -> Regex {
    Regex::text("0").repeat(0, None)
}

fn point(rest: Regex) -> Regex {
    Regex::Concat(vec![Regex::text("."), rest])
}

/// A digit from this one on.
fn digits(least: u8) -> Regex {
    Regex::Class(CharSet::new([(u32::from(b'0' + least), u32::from(b'9'))]))
}

fn below(digit: u8) -> Regex {
    let range = digit.checked_sub(1).map(|last| (u32::from(b'0'), u32::from(b'0' + last)));
    Regex::Class(CharSet::new(range))
}

fn above(digit: u8) -> Regex {
    let range = (digit < 9).then(|| (u32::from(b'1' + digit), u32::from(b'9')));
    Regex::Class(CharSet::new(range))
}
