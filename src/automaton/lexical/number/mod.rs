//! Which JSON number texts satisfy a formula, byte by byte and exactly.
//!
//! A number has many texts: `10`, `10.0`, `1e1`, `0.1E+2`. A [`NumberLanguage`] is the set of all texts whose number
//! (and, for draft 4's `integer`, whose form) satisfies a boolean formula over [`NumberAtom`]s. [`NumberLanguage::step`]
//! answers `None` exactly when no continuation is in the set, fractions and exponents of any length included.
//!
//! How: a text so far stands for a block of numbers `[D, D + 1) * 10^k`, where an exponent still to come allows every
//! k. The number line is cut at the formula's constants ([`values`]); in each piece the formula depends on multiples
//! alone ([`lattice`]); whether a block has a member is decided from a state of constant size ([`mantissa`], [`live`]).
//!
//! Invariants:
//! - A state exists only if some completion is in the set; `accepts` is a matter of the whole text so far.
//! - States of one language must not be handed to another.
//! - Nothing is approximated: formulas beyond the limits (47 divisors in 1,024 combinations, common multiple of 30 digits) are
//!   refused.
//! - Lengths are counted in 32 bits: a number text of 4 GiB is not told from a longer one.
//!
//! Cost: compiling is linear in constants times formula; a step without conditions is a few nanoseconds, one with
//! bounds or divisors some tens; with thousands of excluded constants, linear in them at worst.
//!
//! Tried and refused: finite automata over digits (the set is not regular: `1000...e-3` must count), and digits kept
//! as big integers (a state then grows with the text and `1e400` with its exponent).

mod cache;
mod class;
mod lattice;
mod live;
mod mantissa;
mod shortest;
mod table;
mod values;

use std::sync::Arc;

use self::{
    live::{FAR, Query},
    mantissa::Mantissa,
    values::{Formula, Line, Region, Values},
};
use super::Expr;
use crate::schema::Decimal;

pub use cache::NumberCache;
use class::Classing;
pub use class::NumberClass;

/// Exponents as written are told apart up to this; constants are far below it ([`crate::schema::decimal::MAX_EXPONENT`]).
const EXPONENT_CAP: i64 = 1 << 58;
/// Formulas watched for one number.
const MAX_WATCHED: usize = 20_000;
/// With `plain`, exponents are offered only if nothing shorter than this does without (bytes).
const PLAIN_BYTES: i64 = 40;

/// A condition on a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NumberAtom {
    /// The value is an integer: `1.0` and `1e2` are.
    Integer,
    /// Written without fraction and exponent: draft 4's integer.
    IntegerText,
    Min {
        value: Decimal,
        exclusive: bool,
    },
    Max {
        value: Decimal,
        exclusive: bool,
    },
    /// The value is the divisor, which is not 0, times an integer.
    MultipleOf(Decimal),
    /// The value is one of these.
    OneOf(Arc<[Decimal]>),
}

/// Why a formula over numbers is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("multipleOf {0}: divisors must not be 0, and their common multiple must have less than 30 digits")]
    Divisor(Decimal),
    #[error("{count} different multipleOf for one number, with more combinations of them than can be told apart")]
    Divisors { count: usize },
    #[error("{count} formulas watched for one number; at most {MAX_WATCHED} are")]
    Watched { count: usize },
    #[error("the conditions on one number need {needed} steps to compile; the limit is {limit}")]
    Work { needed: usize, limit: usize },
}

/// The JSON number texts that satisfy a formula. Immutable; see the module.
#[derive(Debug)]
pub struct NumberLanguage {
    line: Line,
    regions: Vec<Region>,
    require: Formula,
    watch: Vec<Formula>,
    /// Values that may be written without fraction and exponent, and those that may be written with one.
    integers: Values,
    decimals: Values,
    forms: Forms,
    /// Every text is in and nothing is watched.
    any: bool,
    /// Every text is in.
    always: bool,
    /// For each sign: some number may be written with an exponent.
    exponent_live: [bool; 2],
    classing: Classing,
}

/// What a text may look like.
#[derive(Clone, Copy, Debug)]
struct Forms {
    plain: bool,
    /// A text may end with a fraction.
    fraction: bool,
    exponent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Start,
    Minus,
    /// `0` before the point.
    Zero,
    /// Digits before the point.
    Whole,
    Point,
    Fraction,
    /// After `e`.
    Mark,
    /// After `e+` or `e-`.
    MarkSign,
    Exponent,
}

/// A number text so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NumberState {
    mantissa: Mantissa,
    /// Digits after the point.
    fraction: u32,
    phase: Phase,
    negative: bool,
    /// The exponent has a minus sign.
    down: bool,
    /// The exponent without its sign, at most [`EXPONENT_CAP`].
    exponent: i64,
}

/// The range of a signed integer of 64 bits.
fn range_of_64_bits() -> [Decimal; 2] {
    [i64::MIN, i64::MAX].map(Decimal::from)
}

/// Some value that is listed lies outside of it.
fn names_beyond_64_bits(require: &Expr<NumberAtom>) -> bool {
    let ([least, most], mut beyond) = (range_of_64_bits(), false);
    require.atoms(&mut |atom| {
        if let NumberAtom::OneOf(values) = atom {
            beyond |= values.iter().any(|value| *value < least || *value > most);
        }
    });
    beyond
}

fn within_64_bits(require: &Expr<NumberAtom>) -> Expr<NumberAtom> {
    let [least, most] = range_of_64_bits();
    let least = NumberAtom::Min { value: least, exclusive: false };
    let most = NumberAtom::Max { value: most, exclusive: false };
    Expr::And(vec![require.clone(), Expr::Atom(least), Expr::Atom(most)])
}

impl NumberLanguage {
    /// The texts that satisfy `require`; of a complete text it can also be asked which of `watch` it satisfies.
    ///
    /// `plain` narrows the set to what a reader expects: no `-0`, no exponents unless every satisfying text without
    /// one is longer than 40 bytes, no fractions if only integers satisfy; and where the formula names no others, those
    /// within the range of a signed integer of 64 bits, if there are any: many readers hold no more.
    ///
    /// # Errors
    /// Formulas beyond what is decided exactly are refused: see [`NumberError`].
    pub fn compile(require: &Expr<NumberAtom>, watch: &[Expr<NumberAtom>], plain: bool) -> Result<Self, NumberError> {
        if plain && !names_beyond_64_bits(require) {
            let language = Self::build(&within_64_bits(require), watch, plain)?;
            if language.start().is_some() {
                return Ok(language);
            }
        }
        Self::build(require, watch, plain)
    }

    fn build(require: &Expr<NumberAtom>, watch: &[Expr<NumberAtom>], plain: bool) -> Result<Self, NumberError> {
        if watch.len() > MAX_WATCHED {
            return Err(NumberError::Watched { count: watch.len() });
        }
        let line = Line::new(watch.iter().chain([require]))?;
        line.check_work(size(require))?;
        let formula = line.resolve(require);
        let mut regions = Vec::new();
        let integers = line.values(&formula, true, &mut regions);
        let decimals = line.values(&formula, false, &mut regions);
        let classing = Classing::new(&line, watch.iter().chain([require]));
        let mut language = Self {
            classing,
            watch: watch.iter().map(|formula| line.resolve(formula)).collect(),
            require: formula,
            integers,
            decimals,
            forms: Forms { plain, fraction: true, exponent: true },
            any: false,
            always: false,
            exponent_live: [true; 2],
            line,
            regions,
        };
        if plain {
            language.forms.exponent = !language.has_plain_text();
            language.forms.fraction = !language.line.only_integers(&language.require);
        }
        language.exponent_live = [false, true].map(|negative| {
            language.forms.exponent && language.block(false, negative, language.line.digits.start(), -FAR, FAR)
        });
        language.always = !plain && language.line.always(&language.require);
        language.any = language.always && watch.is_empty();
        Ok(language)
    }

    /// Every JSON number is in, and nothing is watched.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// Before the first byte; `None` if no text is in the set.
    pub fn start(&self) -> Option<NumberState> {
        let start = NumberState {
            mantissa: self.line.digits.start(),
            fraction: 0,
            phase: Phase::Start,
            negative: false,
            down: false,
            exponent: 0,
        };
        let minus = NumberState { phase: Phase::Minus, ..start };
        let live = self.always || self.is_live(&minus) || self.is_live(&NumberState { negative: true, ..minus });
        live.then_some(start)
    }

    /// One byte more; `None` if no completion of the text is in the set.
    #[inline]
    pub fn step(&self, state: NumberState, byte: u8) -> Option<NumberState> {
        let next = self.read(state, byte)?;
        (self.always || self.is_live(&next)).then_some(next)
    }

    /// The text so far is in the set.
    pub fn accepts(&self, state: NumberState) -> bool {
        let complete = match state.phase {
            Phase::Zero | Phase::Whole => true,
            Phase::Fraction => self.forms.fraction,
            Phase::Exponent => self.forms.exponent,
            _ => false,
        };
        let no_zero = self.forms.plain && state.negative && state.mantissa.length == 0;
        complete && !no_zero && (self.always || self.holds(&self.require, &state))
    }

    /// Which of the watched formulas the text so far, a complete number, satisfies.
    pub fn verdicts(&self, state: NumberState) -> impl Iterator<Item = bool> + '_ {
        self.watch.iter().map(move |formula| self.holds(formula, &state))
    }

    fn holds(&self, formula: &Formula, state: &NumberState) -> bool {
        let (m, integer_text) = (state.mantissa, matches!(state.phase, Phase::Zero | Phase::Whole));
        if m.length == 0 {
            return formula.holds(self.line.zero(), u64::MAX, integer_text);
        }
        let written = if state.down { -state.exponent } else { state.exponent };
        let scale = written - i64::from(state.fraction);
        let piece = self.line.piece(state.negative, m, scale + i64::from(m.length) - 1);
        formula.holds(piece, self.line.multiples(m.residue, scale + i64::from(m.zeros)), integer_text)
    }

    /// The grammar of JSON numbers, and what must be remembered.
    #[inline]
    fn read(&self, mut state: NumberState, byte: u8) -> Option<NumberState> {
        state.phase = match (state.phase, byte) {
            (Phase::Start, b'-') => {
                state.negative = true;
                Phase::Minus
            }
            (Phase::Start | Phase::Minus, b'0') => Phase::Zero,
            (Phase::Start | Phase::Minus, b'1'..=b'9') | (Phase::Whole, b'0'..=b'9') => {
                self.digit(&mut state, byte);
                Phase::Whole
            }
            (Phase::Zero | Phase::Whole, b'.') => Phase::Point,
            (Phase::Point | Phase::Fraction, b'0'..=b'9') => {
                self.digit(&mut state, byte);
                if !self.any {
                    state.fraction = state.fraction.saturating_add(1);
                }
                Phase::Fraction
            }
            (Phase::Zero | Phase::Whole | Phase::Fraction, b'e' | b'E') if self.forms.exponent => Phase::Mark,
            (Phase::Mark, b'+' | b'-') => {
                state.down = byte == b'-';
                Phase::MarkSign
            }
            (Phase::Mark | Phase::MarkSign | Phase::Exponent, b'0'..=b'9') => {
                if !self.any {
                    state.exponent = (state.exponent * 10 + i64::from(byte - b'0')).min(EXPONENT_CAP);
                }
                Phase::Exponent
            }
            _ => return None,
        };
        Some(state)
    }

    #[inline]
    fn digit(&self, state: &mut NumberState, byte: u8) {
        // Where nothing is asked of the number, all its texts of one phase share one state.
        if !self.any {
            state.mantissa = self.line.digits.push(state.mantissa, byte - b'0');
        }
    }

    /// Some completion of the text is in the set.
    fn is_live(&self, state: &NumberState) -> bool {
        let (m, negative) = (state.mantissa, state.negative);
        let places = i64::from(state.fraction);
        match state.phase {
            Phase::Start => true,
            Phase::Minus => {
                self.zero(true, negative)
                    || self.zero(false, negative)
                    || self.block(true, negative, m, 0, FAR)
                    || self.forms.fraction && self.block(false, negative, m, -FAR, FAR)
                    || self.exponent_live[usize::from(negative)]
            }
            Phase::Zero => self.zero(true, negative) || self.fraction_live(negative, m, -FAR, -1),
            Phase::Whole => self.fraction_live(negative, m, 0, FAR) || self.block(true, negative, m, 0, FAR),
            Phase::Point | Phase::Fraction if m.length == 0 => self.fraction_live(negative, m, -FAR, -places - 1),
            Phase::Point | Phase::Fraction => self.fraction_live(negative, m, -places, -places),
            Phase::Mark | Phase::MarkSign | Phase::Exponent if m.length == 0 => self.zero(false, negative),
            Phase::Mark => self.scaled(state, -FAR, FAR),
            Phase::MarkSign if state.down => self.scaled(state, -FAR, 0),
            Phase::MarkSign => self.scaled(state, 0, FAR),
            Phase::Exponent => self.exponent_is_live(state),
        }
    }

    /// 0 may be written with this sign, as an integer text or as another.
    fn zero(&self, integer_text: bool, negative: bool) -> bool {
        let values = if integer_text { &self.integers } else { &self.decimals };
        let form = integer_text || self.forms.fraction || self.forms.exponent;
        values.zero && form && !(self.forms.plain && negative)
    }

    /// A fraction or an exponent or both can complete the text; without an exponent the last digit so far counts 10^k
    /// in the end, for some k in `from..=to`.
    fn fraction_live(&self, negative: bool, m: Mantissa, from: i64, to: i64) -> bool {
        if m.length == 0 && self.zero(false, negative) {
            return true;
        }
        if self.forms.exponent {
            // With the right exponent every scale can be had.
            return if m.length == 0 {
                self.exponent_live[usize::from(negative)]
            } else {
                self.block(false, negative, m, -FAR, FAR)
            };
        }
        self.forms.fraction && self.block(false, negative, m, from, to)
    }

    fn block(&self, integer_text: bool, negative: bool, m: Mantissa, from: i64, to: i64) -> bool {
        let values = if integer_text { &self.integers } else { &self.decimals };
        self.query().block(&values.halves[usize::from(negative)], m, from, to)
    }

    fn query(&self) -> Query<'_> {
        Query { line: &self.line, regions: &self.regions, finest: -FAR }
    }

    /// Some exponent in `from..=to` completes the text. The digits are not all 0.
    fn scaled(&self, state: &NumberState, from: i64, to: i64) -> bool {
        let places = i64::from(state.fraction);
        let half = &self.decimals.halves[usize::from(state.negative)];
        self.query().scaled(half, state.mantissa, from - places, to - places)
    }

    /// The exponent so far, or one that begins with it, completes the text.
    fn exponent_is_live(&self, state: &NumberState) -> bool {
        let (mut least, mut most) = (state.exponent, state.exponent);
        if least == 0 {
            most = FAR;
        }
        loop {
            let most_or_all = if least >= EXPONENT_CAP { FAR } else { most };
            let (from, to) = if state.down { (-most_or_all, -least) } else { (least, most_or_all) };
            if self.scaled(state, from, to) {
                return true;
            }
            if most_or_all == FAR {
                return false;
            }
            least = (least * 10).min(EXPONENT_CAP);
            most = (most * 10 + 9).min(EXPONENT_CAP);
        }
    }

    /// Some text of at most [`PLAIN_BYTES`] bytes without an exponent is in the set.
    fn has_plain_text(&self) -> bool {
        self.zero(true, false)
            || self.decimals.zero
            || [false, true].into_iter().any(|negative| {
                let (start, bytes) = (self.line.digits.start(), PLAIN_BYTES - i64::from(negative));
                let half = &self.decimals.halves[usize::from(negative)];
                self.block(true, negative, start, 0, bytes - 1)
                    || (1..bytes - 1).any(|whole| {
                        let places = bytes - 1 - whole;
                        let finer = |r: &Region| self.line.region(&r.table, Some(-places));
                        let regions: Vec<Region> = self.regions.iter().map(finer).collect();
                        Query { line: &self.line, regions: &regions, finest: -places }.block(
                            half,
                            start,
                            -places,
                            whole - 1,
                        )
                    })
            })
    }
}

fn size(formula: &Expr<NumberAtom>) -> usize {
    match formula {
        Expr::True | Expr::False | Expr::Atom(_) => 1,
        Expr::And(parts) | Expr::Or(parts) | Expr::One(parts) => 1 + parts.iter().map(size).sum::<usize>(),
        Expr::Not(part) => 1 + size(part),
    }
}

#[cfg(test)]
mod tests;
