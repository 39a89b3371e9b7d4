//! Repair and guard: against the suites of other tools, against brute force, and against documents that were damaged on
//! purpose. What needs data from outside the repository says that it was skipped where that is not there.

mod baml;
mod brute;
mod damage;
#[path = "../it/shared.rs"]
mod shared;
mod stream;
mod suites;
