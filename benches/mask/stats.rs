//! Percentiles.

use serde_json::{Map, Value};

/// The names of the report and the share of values that are not above them.
const PERCENTILES: [(&str, f64); 8] = [
    ("p25", 25.0),
    ("p50", 50.0),
    ("p75", 75.0),
    ("p90", 90.0),
    ("p95", 95.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("max", 100.0),
];

/// The columns of the printed table, in order.
pub fn columns() -> impl Iterator<Item = &'static str> {
    std::iter::once("avg").chain(PERCENTILES.iter().map(|(name, _)| *name))
}

/// In microseconds, to the nanosecond: average and percentiles of `times`; `p99.9` and `max` of `tail`, which holds the
/// same measurements, each at its least over several passes. The percentile p is the value at index `n * p / 100` of
/// the sorted list, as MaskBench has it.
pub fn distribution(mut times: Vec<u64>, mut tail: Vec<u64>) -> Value {
    let mut object = Map::new();
    object.insert("count".into(), times.len().into());
    if times.is_empty() || tail.is_empty() {
        return Value::Object(object);
    }
    times.sort_unstable();
    tail.sort_unstable();
    let sum: u64 = times.iter().sum();
    object.insert("avg".into(), microseconds(sum as f64 / times.len() as f64));
    for (name, share) in PERCENTILES {
        let sorted = if share > 99.0 { &tail } else { &times };
        let index = ((sorted.len() as f64 * share / 100.0) as usize).min(sorted.len() - 1);
        object.insert(name.into(), microseconds(sorted[index] as f64));
    }
    Value::Object(object)
}

fn microseconds(nanoseconds: f64) -> Value {
    (nanoseconds.round() / 1000.0).into()
}
