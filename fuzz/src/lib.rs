//! The fuzz targets, for libFuzzer. The test `fuzz` of the crate that is fuzzed includes the same module.

pub mod targets;
