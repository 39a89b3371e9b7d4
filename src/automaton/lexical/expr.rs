//! Boolean combinations of conditions on one scalar.

/// A condition on a value as a boolean formula over atoms. No normal form is promised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr<A> {
    True,
    False,
    Atom(A),
    /// All of them; true when empty.
    And(Vec<Expr<A>>),
    /// At least one of them; false when empty.
    Or(Vec<Expr<A>>),
    /// Exactly one of them.
    One(Vec<Expr<A>>),
    Not(Box<Expr<A>>),
}

impl<A> Expr<A> {
    /// The truth of the formula, given the truth of its atoms.
    pub fn eval(&self, atom: &mut impl FnMut(&A) -> bool) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Atom(a) => atom(a),
            Self::And(parts) => parts.iter().all(|part| part.eval(atom)),
            Self::Or(parts) => parts.iter().any(|part| part.eval(atom)),
            Self::One(parts) => parts.iter().filter(|part| part.eval(atom)).count() == 1,
            Self::Not(part) => !part.eval(atom),
        }
    }

    /// Calls `visit` on every atom, from left to right.
    pub fn atoms<'a>(&'a self, visit: &mut impl FnMut(&'a A)) {
        match self {
            Self::True | Self::False => {}
            Self::Atom(a) => visit(a),
            Self::And(parts) | Self::Or(parts) | Self::One(parts) => parts.iter().for_each(|part| part.atoms(visit)),
            Self::Not(part) => part.atoms(visit),
        }
    }
}
