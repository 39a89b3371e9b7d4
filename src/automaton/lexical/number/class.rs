//! Which states cannot be told apart by what follows.

use super::{Expr, NumberAtom, NumberLanguage, NumberState, Phase, live::FAR, mantissa::Mantissa, values::Line};

/// Two states of one language and one class have the same live continuations, and the same acceptance and verdicts
/// after each. (The converse is not promised.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NumberClass(NumberState);

impl NumberClass {
    /// A state that stands for the class.
    pub fn state(self) -> NumberState {
        self.0
    }
}

impl NumberLanguage {
    /// The class of a state: what of it can still matter. Unbounded integers after the first digit, for instance,
    /// share one. Costs a few nanoseconds.
    pub fn class(&self, state: NumberState) -> NumberClass {
        let mut state = state;
        if self.any {
            state.negative = false;
            state.down = false;
            return NumberClass(state);
        }
        if !self.classing.multiples {
            (state.mantissa.zeros, state.mantissa.residue) = (0, 0);
        }
        match state.phase {
            Phase::Start | Phase::Minus | Phase::Zero => {}
            Phase::Whole => self.class_of_whole(&mut state),
            Phase::Point | Phase::Fraction => self.class_of_fraction(&mut state),
            Phase::Mark | Phase::MarkSign | Phase::Exponent => {}
        }
        NumberClass(state)
    }

    fn class_of_whole(&self, state: &mut NumberState) {
        let m = &mut state.mantissa;
        if self.line.digits.is_empty() {
            m.length = 1;
        } else if !self.forms.exponent && i64::from(m.length) > self.classing.greatest_lead + 1 {
            // Beyond every constant, and without an exponent there is no way back.
            let length = (self.classing.greatest_lead + 2).max(1);
            *m = Mantissa { low: 0, high: 0, length: u32::try_from(length).unwrap_or(m.length), ..*m };
        }
        if !self.forms.exponent && self.line.digits.modulus == 1 {
            // Zeros before the point matter only to divisors that are powers of ten.
            m.zeros = m.zeros.min(u32::try_from(self.classing.coarsest.max(0)).unwrap_or(u32::MAX));
        }
    }

    fn class_of_fraction(&self, state: &mut NumberState) {
        let m = &mut state.mantissa;
        let no_order = self.line.digits.is_empty();
        let between = no_order || m.low == m.high;
        if m.length == 0 && no_order && !self.classing.multiples {
            state.fraction = state.fraction.min(1);
        }
        if !between || m.length == 0 {
            return;
        }
        if no_order {
            m.length = 1;
        }
        if !self.classing.multiples {
            // Only the power of ten of the first digit matters.
            if no_order {
                state.fraction = state.fraction.min(1);
            } else {
                let shift = (m.length - 1).min(state.fraction.saturating_sub(1));
                m.length -= shift;
                state.fraction -= shift;
            }
        } else if !self.forms.exponent && self.line.digits.modulus == 1 {
            // Finer than every divisor: a digit that is not 0 has ruled out all of them, or the next one will.
            let enough = u32::try_from((1 - self.classing.finest).clamp(1, FAR)).unwrap_or(u32::MAX);
            let shift = state.fraction.saturating_sub(enough);
            if no_order || shift < m.length {
                state.fraction -= shift;
                m.zeros = m.zeros.saturating_sub(shift);
                if !no_order {
                    m.length -= shift;
                }
            }
        }
    }
}

/// What of a state can matter to the formulas of a language.
#[derive(Clone, Copy, Debug)]
pub struct Classing {
    /// Some formula depends on multiples.
    pub multiples: bool,
    /// The greatest power of ten that a constant's first digit counts; -1 at least.
    pub greatest_lead: i64,
    /// The greatest and the least exponent of a divisor.
    pub coarsest: i64,
    pub finest: i64,
}

impl Classing {
    pub fn new<'a>(line: &Line, formulas: impl Iterator<Item = &'a Expr<NumberAtom>>) -> Self {
        let mut multiples = false;
        formulas.for_each(|formula| {
            formula.atoms(&mut |atom| multiples |= matches!(atom, NumberAtom::Integer | NumberAtom::MultipleOf(_)));
        });
        let exponents = || line.lattices.iter().map(|lattice| lattice.exponent);
        Self {
            multiples,
            greatest_lead: line.greatest_lead().unwrap_or(-1).max(-1),
            coarsest: exponents().max().unwrap_or(0),
            finest: exponents().min().unwrap_or(0),
        }
    }
}
