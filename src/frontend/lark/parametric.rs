//! Rules that are called with a number: what is counted, or which of some were taken, bit by bit.

/// Bits `from` up to and without `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
    pub from: u32,
    pub to: u32,
}

/// The number that a rule is called with, out of that of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    Is(u64),
    Same,
    And(u64),
    Or(u64),
    /// Not beyond the largest that the bits hold.
    Increase(Bits),
    /// Not below zero.
    Decrease(Bits),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// When a way may be taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    True,
    /// The bits as a number.
    Value(Bits, Order, u64),
    /// How many of the bits are set.
    Count(Bits, Order, u64),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

impl Bits {
    pub const ALL: Self = Self { from: 0, to: 64 };

    /// All of them set.
    pub fn ones(self) -> u64 {
        let width = self.to - self.from;
        if width >= 64 { u64::MAX } else { (1 << width) - 1 }
    }

    fn of(self, number: u64) -> u64 {
        (number >> self.from) & self.ones()
    }
}

impl Number {
    /// Whether it depends on the caller's.
    pub fn is_relative(self) -> bool {
        !matches!(self, Self::Is(_))
    }

    pub fn of(self, number: u64) -> u64 {
        match self {
            Self::Is(value) => value,
            Self::Same => number,
            Self::And(mask) => number & mask,
            Self::Or(mask) => number | mask,
            Self::Increase(bits) if bits.of(number) == bits.ones() => number,
            Self::Increase(bits) => number + (1 << bits.from),
            Self::Decrease(bits) if bits.of(number) == 0 => number,
            Self::Decrease(bits) => number - (1 << bits.from),
        }
    }
}

impl Order {
    fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

impl Condition {
    pub fn holds(&self, number: u64) -> bool {
        match self {
            Self::True => true,
            Self::Value(bits, order, value) => order.holds(bits.of(number), *value),
            Self::Count(bits, order, count) => order.holds(u64::from(bits.of(number).count_ones()), *count),
            Self::And(left, right) => left.holds(number) && right.holds(number),
            Self::Or(left, right) => left.holds(number) || right.holds(number),
            Self::Not(condition) => !condition.holds(number),
        }
    }
}
