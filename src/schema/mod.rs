//! JSON Schema. So far only its numbers: [`Decimal`] is a number of a schema or of an instance, compared and divided
//! exactly, as the specification demands and binary floating point cannot.

pub mod decimal;

pub use decimal::Decimal;
