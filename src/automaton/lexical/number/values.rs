//! A formula over numbers as a set of values: the number line cut at the constants, and for each piece a truth table
//! over the lattices.
//!
//! Between two neighbouring constants every comparison has one truth value, so there the formula depends on nothing
//! but which multiples the number is. Of the sets of divisors only those count that some number is a multiple of, and of
//! no other divisor ([`Combinations`]; `Integer` is always the first divisor): a piece's truth table has an entry for each,
//! and formulas are evaluated for all entries at once.

use super::{
    NumberAtom, NumberError,
    lattice::{Lattice, MODULUS_LIMIT},
    mantissa::{Digits, Mantissa, Side},
    table::{self, Combinations, LATTICES, Table},
};
use crate::{automaton::lexical::Expr, schema::Decimal};

/// Pieces of the number line times size of the formulas.
const WORK_LIMIT: usize = 20_000_000;
/// A constant that is not 0, without its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its place in [`Digits`].
    pub digits: u32,
    /// The power of ten of its first digit.
    pub lead: i64,
}

/// An atom, resolved. Pieces of the line are numbered from left to right: gap, constant, gap, constant, ..., gap.
#[derive(Clone, Debug)]
enum Test {
    Within { first: u32, last: u32 },
    OneOf(Box<[u32]>),
    Multiple(usize),
    IntegerText,
}

/// What the formulas of one language speak of.
#[derive(Debug)]
pub struct Line {
    pub digits: Digits,
    pub lattices: Vec<Lattice>,
    /// Positive and negative constants, by magnitude.
    constants: [Vec<Constant>; 2],
    /// What truth tables have entries for.
    pub combinations: Combinations,
}

/// A formula, resolved against a [`Line`].
#[derive(Debug)]
pub struct Formula(Expr<Test>);

/// An open interval of magnitudes on which the formula's table is the same.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    /// `None` is 0.
    pub lower: Option<Constant>,
    /// `None` is infinity.
    pub upper: Option<Constant>,
    pub region: u32,
}

/// Values of one sign, 0 left out.
#[derive(Debug, Default)]
pub struct Half {
    /// Admitted constants that lie in no interval, by digits and then magnitude.
    pub points: Vec<Constant>,
    pub intervals: Vec<Interval>,
}

/// A set of values.
#[derive(Debug)]
pub struct Values {
    /// Positive and negative.
    pub halves: [Half; 2],
    pub zero: bool,
}

/// How the values of an interval are told from the others: by multiples alone.
#[derive(Debug)]
pub struct Region {
    pub table: Table,
    /// Numbers of some fineness are all in: every open interval has one.
    pub dense: bool,
    /// Otherwise all of them are on these, and each of these has some in every 1,000 neighbours.
    pub searches: Vec<Lattice>,
}

/// The truth of a part that does not depend on multiples, told without a table.
fn settled(expr: &Expr<Test>, piece: u32, integer_text: bool) -> Option<bool> {
    match expr {
        Expr::True => Some(true),
        Expr::False => Some(false),
        Expr::Atom(Test::Multiple(_)) => None,
        Expr::Atom(test) => Some(test.holds(piece, integer_text)),
        _ => None,
    }
}

impl Line {
    /// Gathers the constants and divisors of all formulas.
    pub fn new<'a>(formulas: impl Iterator<Item = &'a Expr<NumberAtom>>) -> Result<Self, NumberError> {
        let mut constants: Vec<&Decimal> = Vec::new();
        let mut steps: Vec<&Decimal> = Vec::new();
        formulas.for_each(|formula| {
            formula.atoms(&mut |atom| match atom {
                NumberAtom::Min { value, .. } | NumberAtom::Max { value, .. } => constants.push(value),
                NumberAtom::OneOf(values) => constants.extend(values.iter()),
                NumberAtom::MultipleOf(step) => steps.push(step),
                NumberAtom::Integer | NumberAtom::IntegerText => {}
            });
        });
        let mut lattices = vec![Lattice { step: 1, exponent: 0 }];
        let mut modulus = 1u128;
        for step in steps {
            let lattice = Lattice::new(step).ok_or(NumberError::Divisor(step.clone()))?;
            let common = table::common_multiple(modulus, lattice.step, MODULUS_LIMIT);
            modulus = common.ok_or_else(|| NumberError::Divisor(step.clone()))?;
            if !lattices.contains(&lattice) {
                lattices.push(lattice);
            }
        }
        let few = Some(&lattices).filter(|lattices| lattices.len() <= LATTICES);
        let too_many = || NumberError::Divisors { count: lattices.len() - 1 };
        let combinations = few.and_then(|lattices| Combinations::new(lattices)).ok_or_else(too_many)?;
        let texts = constants.iter().filter(|c| !c.is_zero()).map(|c| c.digits().into()).collect();
        let digits = Digits::new(texts, modulus);
        let of_sign = |negative: bool| {
            let mut all: Vec<Constant> = constants
                .iter()
                .filter(|c| !c.is_zero() && c.is_negative() == negative)
                .map(|c| Constant { digits: digits.index(c.digits()), lead: c.leading_exponent() })
                .collect();
            all.sort_unstable_by_key(|c| (c.lead, c.digits));
            all.dedup();
            all
        };
        let constants = [of_sign(false), of_sign(true)];
        Ok(Self { digits, lattices, constants, combinations })
    }

    /// The largest power of ten that a constant's first digit counts.
    pub fn greatest_lead(&self) -> Option<i64> {
        self.constants.iter().filter_map(|side| side.last()).map(|c| c.lead).max()
    }

    /// The lattice of the numbers that are in a combination, and multiples of 10^fineness if given; `None` if all its
    /// numbers are multiples of yet another lattice too.
    fn common(&self, place: usize, fineness: Option<i64>) -> Option<Lattice> {
        let common = self.combinations.common(place);
        let Some(exponent) = fineness else { return common };
        let fine = Lattice { step: 1, exponent };
        let both = common.map_or(Some(fine), |common| common.intersection(fine))?;
        let implied =
            |(i, l): (usize, &Lattice)| both.intersection(*l) == Some(both) && !self.combinations.having(i).has(place);
        (!self.lattices.iter().enumerate().any(implied)).then_some(both)
    }

    /// A region; with a fineness, only its multiples of 10^fineness count.
    pub fn region(&self, table: &Table, fineness: Option<i64>) -> Region {
        let entries = (0..self.combinations.len()).filter(|place| table.has(*place));
        let mut searches: Vec<Lattice> = entries.filter_map(|place| self.common(place, fineness)).collect();
        searches.sort_by_key(|l| (l.exponent, l.step));
        searches.dedup();
        Region { table: table.clone(), dense: fineness.is_none() && table.has(0), searches }
    }

    /// The piece of the line that a constant is.
    fn piece_of(&self, value: &Decimal) -> u32 {
        let zero = self.zero();
        if value.is_zero() {
            return zero;
        }
        let key = (value.leading_exponent(), self.digits.index(value.digits()));
        let side = &self.constants[usize::from(value.is_negative())];
        let at = side.binary_search_by_key(&key, |c| (c.lead, c.digits)).expect("every constant is on the line");
        let distance = 2 * at as u32 + 2;
        if value.is_negative() { zero - distance } else { zero + distance }
    }

    /// The piece that 0 is.
    pub fn zero(&self) -> u32 {
        2 * self.constants[1].len() as u32 + 1
    }

    /// The piece in which the number with this sign and these digits lies; not for 0.
    pub fn piece(&self, negative: bool, m: Mantissa, lead: i64) -> u32 {
        let side = &self.constants[usize::from(negative)];
        let below = side.partition_point(|c| self.side(m, lead, *c) == Side::Above);
        let equal = side.get(below).is_some_and(|c| self.side(m, lead, *c) == Side::StartsAt);
        let distance = 2 * below as u32 + 1 + u32::from(equal);
        if negative { self.zero() - distance } else { self.zero() + distance }
    }

    /// How the numbers that begin with these digits, the first of which counts 10^lead, lie to a constant.
    #[inline]
    pub fn side(&self, m: Mantissa, lead: i64, constant: Constant) -> Side {
        match lead.cmp(&constant.lead) {
            std::cmp::Ordering::Less => Side::Below,
            std::cmp::Ordering::Equal => self.digits.side(m, constant.digits),
            std::cmp::Ordering::Greater => Side::Above,
        }
    }

    /// Which multiples D * 10^scale is, D without its zeros having this residue.
    #[inline]
    pub fn multiples(&self, residue: u128, scale: i64) -> u64 {
        let is = |l: &Lattice| l.threshold(residue).is_some_and(|threshold| threshold <= scale);
        self.lattices.iter().enumerate().fold(0, |bits, (i, l)| bits | u64::from(is(l)) << i)
    }

    pub fn resolve(&self, formula: &Expr<NumberAtom>) -> Formula {
        Formula(self.resolve_expr(formula))
    }

    fn resolve_expr(&self, formula: &Expr<NumberAtom>) -> Expr<Test> {
        let all = |parts: &[Expr<NumberAtom>]| parts.iter().map(|part| self.resolve_expr(part)).collect();
        match formula {
            Expr::True => Expr::True,
            Expr::False => Expr::False,
            Expr::Atom(atom) => Expr::Atom(self.resolve_atom(atom)),
            Expr::And(parts) => Expr::And(all(parts)),
            Expr::Or(parts) => Expr::Or(all(parts)),
            Expr::One(parts) => Expr::One(all(parts)),
            Expr::Not(part) => Expr::Not(Box::new(self.resolve_expr(part))),
        }
    }

    fn resolve_atom(&self, atom: &NumberAtom) -> Test {
        match atom {
            NumberAtom::Integer => Test::Multiple(0),
            NumberAtom::IntegerText => Test::IntegerText,
            NumberAtom::Min { value, exclusive } => {
                Test::Within { first: self.piece_of(value) + u32::from(*exclusive), last: u32::MAX }
            }
            NumberAtom::Max { value, exclusive } => {
                Test::Within { first: 0, last: self.piece_of(value) - u32::from(*exclusive) }
            }
            NumberAtom::MultipleOf(step) => {
                let lattice = Lattice::new(step).expect("a divisor that the line was made for");
                let at = self.lattices.iter().position(|l| *l == lattice).expect("a divisor of the line");
                Test::Multiple(at)
            }
            NumberAtom::OneOf(values) => {
                let mut pieces: Vec<u32> = values.iter().map(|value| self.piece_of(value)).collect();
                pieces.sort_unstable();
                Test::OneOf(pieces.into())
            }
        }
    }

    /// The values that a formula admits, in texts with or without fraction and exponent, and their regions (appended,
    /// each table once).
    pub fn values(&self, formula: &Formula, integer_text: bool, regions: &mut Vec<Region>) -> Values {
        let table = |piece: u32| {
            let table = self.table(formula, piece, integer_text);
            if integer_text { table.and(self.combinations.having(0)) } else { table }
        };
        let half = |negative: bool| self.half(negative, table);
        let mut halves = [half(false), half(true)];
        for interval in halves.iter_mut().flat_map(|half| &mut half.1) {
            let at = regions.iter().position(|r| r.table == interval.table).unwrap_or_else(|| {
                regions.push(self.region(&interval.table, None));
                regions.len() - 1
            });
            interval.interval.region = at as u32;
        }
        let halves = halves.map(|(points, intervals)| Half {
            points,
            intervals: intervals
                .into_iter()
                .map(|i| i.interval)
                .filter(|i| regions[i.region as usize].possible())
                .collect(),
        });
        Values { halves, zero: formula.holds(self.zero(), u64::MAX, integer_text) }
    }

    /// The truth on a piece of the line, for each combination of multiples.
    fn table(&self, formula: &Formula, piece: u32, integer_text: bool) -> Table {
        self.table_of(&formula.0, piece, integer_text)
    }

    fn table_of(&self, expr: &Expr<Test>, piece: u32, integer_text: bool) -> Table {
        let each = |part: &Expr<Test>| self.table_of(part, piece, integer_text);
        let constant = |truth: bool| self.combinations.constant(truth);
        match expr {
            Expr::True => constant(true),
            Expr::False => constant(false),
            Expr::Atom(Test::Multiple(at)) => self.combinations.having(*at).clone(),
            Expr::Atom(test) => constant(test.holds(piece, integer_text)),
            Expr::And(parts) | Expr::Or(parts) => {
                // Most parts are settled by the piece alone and need no table.
                let deciding = matches!(expr, Expr::Or(_));
                let settled = |part: &Expr<Test>| settled(part, piece, integer_text);
                if parts.iter().any(|part| settled(part) == Some(deciding)) {
                    return constant(deciding);
                }
                let open = parts.iter().filter(|part| settled(part).is_none()).map(each);
                open.fold(constant(!deciding), |a, b| if deciding { a.or(&b) } else { a.and(&b) })
            }
            Expr::One(parts) => {
                let none = (constant(false), constant(false));
                let hopes = parts.iter().filter(|part| settled(part, piece, integer_text) != Some(false));
                let (once, twice) = hopes.map(each).fold(none, |(once, twice), table| {
                    let again = twice.or(&once.and(&table));
                    (once.or(&table), again)
                });
                once.without(&twice)
            }
            Expr::Not(part) => constant(true).without(&each(part)),
        }
    }

    fn half(&self, negative: bool, table: impl Fn(u32) -> Table) -> (Vec<Constant>, Vec<Tabled>) {
        let constants = &self.constants[usize::from(negative)];
        let at = |distance: usize| {
            if negative { self.zero() - distance as u32 } else { self.zero() + distance as u32 }
        };
        let mut points = Vec::new();
        let mut open = Tabled { table: table(at(1)), interval: Interval { lower: None, upper: None, region: 0 } };
        let mut intervals = Vec::new();
        for (i, &constant) in constants.iter().enumerate() {
            let (here, next) = (table(at(2 * i + 2)), table(at(2 * i + 3)));
            if here == open.table && next == open.table {
                continue;
            }
            if here.has(self.combinations.place(self.constant_multiples(constant))) {
                points.push(constant);
            }
            open.interval.upper = Some(constant);
            intervals.push(open);
            open = Tabled { table: next, interval: Interval { lower: Some(constant), upper: None, region: 0 } };
        }
        intervals.push(open);
        points.sort_unstable_by_key(|c| (c.digits, c.lead));
        (points, intervals)
    }

    fn constant_multiples(&self, constant: Constant) -> u64 {
        let m = self.digits.mantissa(constant.digits);
        self.multiples(m.residue, constant.lead - i64::from(m.length) + 1)
    }

    fn pieces(&self) -> std::ops::Range<u32> {
        0..2 * (self.constants[0].len() + self.constants[1].len()) as u32 + 3
    }

    /// Every number satisfies the formula, however it is written.
    pub fn always(&self, formula: &Formula) -> bool {
        let all = self.combinations.constant(true);
        let full = |piece| [false, true].into_iter().all(|text| self.table(formula, piece, text) == all);
        self.pieces().all(full)
    }

    /// Only integers satisfy the formula, and none of them only with a fraction or an exponent.
    pub fn only_integers(&self, formula: &Formula) -> bool {
        self.pieces().all(|piece| {
            let other = self.table(formula, piece, false);
            let integers = self.combinations.having(0).and(&self.table(formula, piece, true));
            other.without(&integers).is_empty()
        })
    }

    /// # Errors
    /// If cutting the line for formulas of this size takes too long.
    pub fn check_work(&self, size: usize) -> Result<(), NumberError> {
        let work = self.pieces().len().saturating_mul(size).saturating_mul(self.combinations.len().div_ceil(64));
        if work > WORK_LIMIT { Err(NumberError::Work { needed: work, limit: WORK_LIMIT }) } else { Ok(()) }
    }
}

/// An interval whose region is not yet looked up.
#[derive(Clone)]
struct Tabled {
    table: Table,
    interval: Interval,
}

impl Half {
    /// Numbers of any magnitude are in.
    #[inline]
    pub fn is_unbounded(&self) -> bool {
        self.intervals.last().is_some_and(|interval| interval.upper.is_none())
    }
}

impl Region {
    /// Some number is in.
    pub fn possible(&self) -> bool {
        self.dense || !self.searches.is_empty()
    }
}

impl Formula {
    /// The truth for a number in this piece with these multiples.
    pub fn holds(&self, piece: u32, multiples: u64, integer_text: bool) -> bool {
        self.0.eval(&mut |test| match test {
            Test::Multiple(at) => multiples >> at & 1 == 1,
            test => test.holds(piece, integer_text),
        })
    }
}

impl Test {
    /// The truth on a piece of the line; of multiples it is no matter.
    fn holds(&self, piece: u32, integer_text: bool) -> bool {
        match self {
            Self::Multiple(_) => false,
            Self::Within { first, last } => (*first..=*last).contains(&piece),
            Self::OneOf(pieces) => pieces.binary_search(&piece).is_ok(),
            Self::IntegerText => integer_text,
        }
    }
}
