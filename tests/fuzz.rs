//! The fuzz targets without a fuzzer: all regressions, and random bytes from fixed seeds.
//!
//! `ESPALIER_FUZZ_SECONDS=600 cargo test --release --test fuzz` goes on for so long, from other seeds each time. What
//! fails is written into the folder of regressions' target, to be named and committed with the fix.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::{
    panic::catch_unwind,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Random cases of each target in a usual run.
const CASES: u64 = 1_500;

/// Steele, Lea, Flood: SplitMix, 2014.
fn random_bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let length = 32 + next() % 480;
    (0..length).map(|_| next() as u8).collect()
}

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target)
}

fn run(name: &str, target: fn(&[u8])) {
    let mut regressions = 0;
    for file in std::fs::read_dir(folder(name)).into_iter().flatten() {
        let path = file.expect("an entry is readable").path();
        target(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        regressions += 1;
    }
    let seconds = std::env::var("ESPALIER_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let first = seconds
        .map_or(0, |_: u64| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64));
    let (start, mut cases) = (Instant::now(), 0);
    let mut failures = 0;
    while seconds.map_or(cases < CASES, |seconds| start.elapsed() < Duration::from_secs(seconds)) {
        let data = random_bytes(first + cases);
        let began = Instant::now();
        if catch_unwind(|| target(&data)).is_err() {
            let path = folder(name).join(format!("failed-{}", first + cases));
            std::fs::create_dir_all(folder(name))
                .and_then(|()| std::fs::write(&path, &data))
                .expect("it can be written");
            println!("{name}: see {}", path.display());
            failures += 1;
            assert!(failures < 20, "{name} fails again and again");
        }
        if began.elapsed() > Duration::from_secs(2) {
            println!("{name}: seed {} took {:?}", first + cases, began.elapsed());
        }
        cases += 1;
    }
    println!("{name}: {regressions} regressions, {cases} random cases in {:?}", start.elapsed());
    assert_eq!(failures, 0, "{name}");
}

#[test]
fn masks_equal_the_oracle() {
    run("mask", targets::mask);
}

#[test]
fn walks_end_in_valid_documents() {
    run("walk", targets::walk);
}

#[test]
fn verdicts_agree() {
    run("verdict", targets::verdict);
}

#[test]
fn no_text_breaks_the_compiler() {
    run("compile", targets::compile);
}
