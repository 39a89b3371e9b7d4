//! Masks side by side: this engine and llguidance over cases in the MaskBench format.
//!
//! ```text
//! cargo bench --bench mask -- --tokenizer FILE --cases FILE [--engines espalier,llguidance] [--limit N] [--order SEED]
//!                             [--passes N] [--report OUT.json]
//! ```
//!
//! What is measured:
//! - TBM, time between masks: the mask and the commit of one token, for every token of every instance, also the one
//!   that is refused. TTFM, time to first mask: from the schema's text to the first mask.
//! - cold: each schema once, in a seeded order, caches empty at the start (tokenizer tables are built before; their
//!   time is printed) and carried over between schemas as in a server. Three such passes, each in a process of its
//!   own; p99.9 and max are taken over the minimum of the passes per token (per schema for TTFM), so that a preempted
//!   token does not decide; all else is the first pass. warm: a second pass in the process of the first. isolated: a
//!   pass with the caches emptied before each schema.
//! - An instance is accepted if every token is allowed and the end is allowed. A schema passes if it compiles and all
//!   its instances are judged as their labels say.
//! - Peak memory is that of a process that holds one engine and reads its cases one by one.
//!
//! Choices in favour of the peer: its matchers are cloned (deeply, untimed) from the one that has computed the first
//! mask already, and it gets the JSON slices that its authors recommend.
//!
//! A token's time is counted up to 4.2 s. A schema that takes more than 15 minutes (MaskBench's limit) ends the bench
//! with its id.
//!
//! How: the parent tokenises the texts once and writes them to a temporary folder; for each engine and pass it executes
//! itself, the passes of the engines in turn; the children write raw times, the parent makes the report.

mod args;
mod binary;
mod cases;
mod engines;
mod machine;
mod pass;
mod report;
mod stats;
mod watch;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use args::{Args, Mode, Pass};

fn main() -> anyhow::Result<()> {
    match args::parse(std::env::args().skip(1)) {
        Ok(Mode::Parent(args)) => parent(&args),
        Ok(Mode::Child(child)) => pass::run(&child),
        Err(message) => {
            eprintln!("{message}\n\n{}", args::USAGE);
            std::process::exit(2)
        }
    }
}

/// Removed with everything in it when the bench ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("espalier-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: at worst the system's temporary folder keeps a few megabytes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn parent(args: &Args) -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let prepared = scratch.0.join("cases");
    let cases = cases::prepare(args, &prepared)?;
    let mut runs: Vec<report::Runs> = args.engines.iter().map(|engine| report::Runs::new(*engine)).collect();
    for number in 0..args.passes {
        // Turn and turn about, so that a machine that slows down slows both.
        let order: Vec<usize> =
            if number % 2 == 0 { (0..runs.len()).collect() } else { (0..runs.len()).rev().collect() };
        for index in order {
            let pass = if number == 0 { Pass::ColdThenWarm } else { Pass::Cold };
            let (mut results, memory) = child(args, &prepared, &scratch.0, args.engines[index], pass)?;
            runs[index].memory.push(memory);
            if number == 0 {
                runs[index].warm = results.pop();
            }
            runs[index].cold.append(&mut results);
        }
    }
    for run in &mut runs {
        run.isolated = child(args, &prepared, &scratch.0, run.engine, Pass::Isolated)?.0.pop();
    }
    let report = report::make(args, &cases, &runs)?;
    report::print(&report);
    if let Some(path) = &args.report {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// One pass of one engine in a process of its own.
fn child(
    args: &Args,
    prepared: &Path,
    scratch: &Path,
    engine: args::EngineName,
    pass: Pass,
) -> anyhow::Result<(Vec<pass::Results>, pass::Memory)> {
    let out = scratch.join("results");
    let status = Command::new(std::env::current_exe()?)
        .args(["--child", pass.name(), "--engine", engine.name(), "--prepared"])
        .args([prepared, Path::new("--tokenizer"), &args.tokenizer, Path::new("--out"), &out])
        .status()?;
    ensure!(status.success(), "{} died in its {} pass: {status}", engine.name(), pass.name());
    pass::read(&out, pass)
}
