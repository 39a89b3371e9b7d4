//! Text that nobody masked: checked as it comes, repaired with every edit listed.
//!
//! Nouns: a [`model::Model`] declares what may be done to a text and what that costs: [`json`] for answers that are JSON,
//! [`bytes`] for all others; [`search`] finds the cheapest way through a text under any model, for any
//! [`Recognizer`](crate::automaton::Recognizer); a [`Repairer`] does it to whole texts; a [`Guard`] to one that comes in
//! pieces; a [`Violation`] says in words what is wrong where nothing helps.
//!
//! Invariants: valid text is passed on byte for byte. What comes out satisfies the constraint, since every byte of it went
//! through the recogniser. A repair is minimal: no other way through the text under the declared costs is cheaper, and
//! where bytes were released before, no other that begins with them. What a repair would have to make up is not made
//! up: scalars that could be others are never written, however high the limit.
//!
//! Cost: valid text some 15 ns a byte; a repair grows with the text and with its own cost, since everything cheaper is
//! ruled out first, up to the bound on steps.
//!
//! Tried and refused: candidates out of a lenient parser, each coerced to the schema and scored. Few readings are ever
//! looked at that way, and none is known to be the best.
//!
//! Sources: A. V. Aho, T. G. Peterson: A minimum distance error-correcting parser for context-free languages, 1972;
//! L. Diekmann, L. Tratt: Don't panic! Better, fewer, syntax errors for LR parsers, 2020.

pub mod bytes;
mod diagnostic;
pub mod json;
pub mod model;
mod pinned;
mod pointer;
mod repair;
pub mod search;
mod stream;

pub use diagnostic::{Violation, violation};
pub use model::What;
pub use pinned::Pinned;
pub use repair::{BOUNDS, Edit, FAITHFUL, Refusal, Repair, Repairer, edits};
pub use search::{Bounds, Hopeless};
pub use stream::{End, Guard, Options, Release, Verdict};
