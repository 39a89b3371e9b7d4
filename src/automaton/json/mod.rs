//! The JSON automaton: which bytes may come next in a document that satisfies a schema.
//!
//! JSON is a visibly pushdown language: only brackets, braces and commas move the stack, so every alternative of a
//! schema moves in step with all others on one stack, and no parser of ambiguous grammars is needed. Nouns: a
//! [`State`] is a [`frame`] of the stack and the [`Lex`] position within it; a *spec* is a demand on one value, a
//! boolean formula over what is still to be seen of it, together with formulas that something further up watches;
//! a *plan* says what one more key or item demands; *liveness* decides what can still be completed.
//!
//! How alternatives are enforced: when a key comes, the conditions that depend on its value are collected; what must
//! hold whatever else happens becomes the demand on the value, and so does what the alternatives can still hope for.
//! Subschemas whose verdict would decide between alternatives are watched; when the value ends, the verdicts are
//! substituted and the container's formula shrinks. A closing bracket is allowed iff the formula is then true. So no
//! document that violates the schema is accepted and none that satisfies it is refused, whatever combination of
//! keywords the schema is made of; liveness is the separate question of dead ends.
//!
//! Everything is worked out lazily, on first need, and kept in [`Tables`], shared by all answers of a schema. States
//! are plain numbers: forking and rolling back are copies.
//!
//! Cost: a byte inside a string is a table look-up or two; a structural byte some hash look-ups.

mod array;
mod clause;
mod conflict;
mod distinct;
mod formula;
pub mod frame;
mod free;
mod home;
mod indent;
mod intern;
mod keys;
mod live;
mod lower;
mod machine;
mod object;
mod recognise;
mod runs;
mod spec;
mod tables;
mod values;
mod witness;

pub use conflict::Conflict;
pub use frame::{FrameId, Mark};
pub use home::Cost;
pub use keys::{Free, Key};
pub use machine::{Lex, Machine, State, Style};
pub use tables::Tables;
