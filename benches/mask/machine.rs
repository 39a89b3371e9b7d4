//! What a reader of a record must know about the machine and the run.

use std::{hint::black_box, process::Command, time::Instant};

use anyhow::Context;
use serde_json::{Value, json};

/// A line of /proc/self/status, in bytes.
pub fn status_bytes(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is read from /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} there"))?;
    let kilobytes = line.trim().trim_end_matches("kB").trim();
    Ok(kilobytes.parse::<u64>().with_context(|| format!("{name} {kilobytes}"))? * 1024)
}

/// Lets the peak of this process start again from what it has now. Not every kernel allows it.
pub fn reset_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Median nanoseconds of reading the clock twice, which is in every time of the report.
pub fn timer_cost() -> u64 {
    let mut costs: Vec<u128> = (0..100_001).map(|_| black_box(Instant::now()).elapsed().as_nanos()).collect();
    costs.sort_unstable();
    costs[costs.len() / 2] as u64
}

fn said_by(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version in Cargo.lock, which cargo keeps equal to what was linked.
fn locked(package: &str) -> Option<&'static str> {
    let lock = include_str!("../../Cargo.lock");
    let after = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?.1;
    Some(after.split_once('"')?.0)
}

pub fn describe() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    json!({
        "date": said_by("date", &["-u", "+%F"]),
        "cpu": model.map(|(_, model)| model),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "os": said_by("uname", &["-sr"]),
        "rustc": said_by("rustc", &["--version"]),
        "commit": said_by("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
        "llguidance": locked("llguidance"),
        "timer_cost_ns": timer_cost(),
    })
}
