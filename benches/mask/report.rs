//! From raw times to the figures of the report.

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::{
    args::{Args, EngineName},
    cases::Prepared,
    machine,
    pass::{CaseResult, Memory, Outcome, Results},
    stats,
};

/// All passes of one engine.
pub struct Runs {
    pub engine: EngineName,
    pub cold: Vec<Results>,
    pub warm: Option<Results>,
    pub isolated: Option<Results>,
    pub memory: Vec<Memory>,
}

impl Runs {
    pub fn new(engine: EngineName) -> Self {
        Self { engine, cold: Vec::new(), warm: None, isolated: None, memory: Vec::new() }
    }
}

pub fn make(args: &Args, prepared: &Prepared, runs: &[Runs]) -> anyhow::Result<Value> {
    let ids = &prepared.ids;
    // Averages flatter an engine that refuses the hard schemas, so there is also a column over those that all compile.
    let common: Vec<bool> = (0..ids.len())
        .map(|index| runs.iter().all(|run| matches!(run.cold[0].cases[index].outcome, Outcome::Compiled)))
        .collect();
    let mut engines = Map::new();
    for run in runs {
        engines.insert(run.engine.name().into(), engine(run, ids, &common)?);
    }
    let file = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(json!({
        "run": {
            "tokenizer": file(&args.tokenizer),
            "cases": file(&args.cases),
            "limit": args.limit,
            "order": args.order,
            "cold_passes": args.passes,
            "schemas": ids.len(),
            "texts": prepared.texts,
            "texts_that_the_tokens_do_not_spell": prepared.misspelt,
            "schemas_compiled_by_all": common.iter().filter(|common| **common).count(),
        },
        "machine": machine::describe(),
        "engines": engines,
    }))
}

fn engine(run: &Runs, ids: &[String], common: &[bool]) -> anyhow::Result<Value> {
    let (first, others) = run.cold.split_first().context("there is always a cold pass")?;
    // The minimum needs a copy of the times only, which is small beside what the children had.
    let mut least = Results { cases: first.cases.iter().map(copy).collect() };
    for other in others {
        least.take_minimum(other)?;
    }
    let everywhere = vec![true; ids.len()];
    let mut cold = figures(first, &least, &everywhere, ids);
    cold["common"] = times(first, &least, common);
    cold["slowest"] = slowest(&least, ids);
    // The lists of ids are the cold pass's: the others may differ only in what `judged_differently` names.
    let short = |pass: &Results| {
        let mut value = figures(pass, pass, &everywhere, ids);
        value.as_object_mut().into_iter().for_each(|value| value.retain(|key, _| key != "ids" && key != "reasons"));
        value
    };
    let warm = run.warm.as_ref().map(short);
    let isolated = run.isolated.as_ref().map(short);
    let mut differing: Vec<usize> = others.iter().flat_map(|other| first.differs_from(other)).collect();
    differing.extend([&run.warm, &run.isolated].into_iter().flatten().flat_map(|other| first.differs_from(other)));
    differing.sort_unstable();
    differing.dedup();
    let peak = run.memory.iter().map(|memory| memory.peak_bytes).max();
    let memory = run.memory.first().context("there is always a first child")?;
    Ok(json!({
        "cold": cold,
        "warm": warm,
        "isolated": isolated,
        "peak_rss_bytes": peak,
        "peak_rss_includes_loading": !memory.peak_was_reset,
        "ready_rss_bytes": memory.ready_bytes,
        "startup_ms": memory.startup_ns as f64 / 1e6,
        "judged_differently_between_passes": differing.iter().map(|index| &ids[*index]).collect::<Vec<_>>(),
    }))
}

fn copy(case: &CaseResult) -> CaseResult {
    let instance = |it: &crate::pass::InstanceResult| crate::pass::InstanceResult { times: it.times.clone(), ..*it };
    CaseResult {
        outcome: case.outcome.clone(),
        ttfm: case.ttfm,
        instances: case.instances.iter().map(instance).collect(),
    }
}

/// TBM and TTFM over the cases that are `counted`.
fn times(results: &Results, least: &Results, counted: &[bool]) -> Value {
    let tbm = |results: &Results| -> Vec<u64> {
        let cases = results.cases.iter().zip(counted).filter(|(_, counted)| **counted);
        cases.flat_map(|(case, _)| &case.instances).flat_map(|it| it.times.iter().copied().map(u64::from)).collect()
    };
    let ttfm = |results: &Results| -> Vec<u64> {
        let cases = results.cases.iter().zip(counted).filter(|(_, counted)| **counted);
        cases.filter(|(case, _)| case.outcome == Outcome::Compiled).map(|(case, _)| case.ttfm).collect()
    };
    json!({
        "tbm_us": stats::distribution(tbm(results), tbm(least)),
        "ttfm_us": stats::distribution(ttfm(results), ttfm(least)),
    })
}

/// The schemas with the slowest masks, and those with the slowest first masks: where to look next.
fn slowest(least: &Results, ids: &[String]) -> Value {
    const SHOWN: usize = 12;
    let top = |time: &dyn Fn(&CaseResult) -> u64| {
        let mut all: Vec<(u64, &String)> = least.cases.iter().map(time).zip(ids).collect();
        all.sort_unstable_by_key(|(time, _)| std::cmp::Reverse(*time));
        let shown = all.into_iter().take(SHOWN).map(|(time, id)| (id.clone(), json!(time as f64 / 1e3)));
        Value::Object(shown.collect())
    };
    let mask = |case: &CaseResult| {
        let times = case.instances.iter().flat_map(|instance| &instance.times);
        u64::from(times.copied().max().unwrap_or(0))
    };
    json!({"tbm_us": top(&mask), "ttfm_us": top(&|case| case.ttfm)})
}

fn figures(results: &Results, least: &Results, counted: &[bool], ids: &[String]) -> Value {
    let mut lists: Vec<Vec<&str>> = vec![Vec::new(); HEADS.len()];
    let mut reasons = Map::new();
    for (case, id) in results.cases.iter().zip(ids) {
        for (head, reason) in verdicts(case) {
            lists[head as usize].push(id);
            if head != Head::Passing {
                reasons.entry(id.as_str()).or_insert(reason.into());
            }
        }
    }
    let mut schemas = Map::from_iter([("total".to_owned(), Value::from(ids.len()))]);
    let mut listed = Map::new();
    for (name, list) in HEADS.iter().zip(&lists) {
        schemas.insert((*name).into(), list.len().into());
        listed.insert((*name).into(), json!(list));
    }
    let mut value = times(results, least, counted);
    value["schemas"] = Value::Object(schemas);
    value["ids"] = Value::Object(listed);
    value["reasons"] = Value::Object(reasons);
    value
}

/// Under what a schema is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Passing,
    CompileError,
    RefusedUnsatisfiable,
    RefusedUnsatisfiableWrongly,
    ValidRejected,
    InvalidAccepted,
    Panicked,
    MaskAndCommitDisagree,
}

/// Their names in the report, in the order of [`Head`].
const HEADS: [&str; 8] = [
    "passing",
    "compile_error",
    "refused_unsatisfiable",
    "refused_unsatisfiable_wrongly",
    "valid_rejected",
    "invalid_accepted",
    "panicked",
    "mask_and_commit_disagree",
];

/// Under which heads a case is counted, and why. A case that does not pass may be under two.
fn verdicts(case: &CaseResult) -> Vec<(Head, String)> {
    match &case.outcome {
        Outcome::Unsatisfiable(message) => {
            let mut found = vec![(Head::RefusedUnsatisfiable, message.clone())];
            if case.instances.iter().any(|instance| instance.valid) {
                found.push((Head::RefusedUnsatisfiableWrongly, message.clone()));
            }
            return found;
        }
        Outcome::Error(message) => return vec![(Head::CompileError, message.clone())],
        Outcome::Panicked(message) => return vec![(Head::Panicked, message.clone())],
        Outcome::Compiled => {}
    }
    let mut found: Vec<(Head, String)> = Vec::new();
    for (number, instance) in case.instances.iter().enumerate() {
        let head = match (instance.valid, instance.accepted) {
            _ if instance.disagreed => Head::MaskAndCommitDisagree,
            (true, false) => Head::ValidRejected,
            (false, true) => Head::InvalidAccepted,
            _ => continue,
        };
        if found.iter().all(|(other, _)| *other != head) {
            let (tried, all) = (instance.times.len(), instance.tokens);
            found.push((head, format!("test {number}: stopped after token {tried} of {all}")));
        }
    }
    if found.is_empty() {
        found.push((Head::Passing, String::new()));
    }
    found
}

/// The figures as a table; whole microseconds are enough above 100.
pub fn print(report: &Value) {
    println!("run      {}", report["run"]);
    println!("machine  {}", report["machine"]);
    print!("{:<12}{:<10}{:<8}", "engine", "pass", "us");
    stats::columns().for_each(|name| print!("{name:>11}"));
    println!();
    let engines = report["engines"].as_object().into_iter().flatten();
    for (name, engine) in engines.clone() {
        let passes = ["cold", "common", "warm", "isolated"];
        for (pass, what) in passes.into_iter().flat_map(|pass| [(pass, "tbm_us"), (pass, "ttfm_us")]) {
            let figures = if pass == "common" { &engine["cold"][pass][what] } else { &engine[pass][what] };
            print!("{name:<12}{pass:<10}{:<8}", what.trim_end_matches("_us"));
            for column in stats::columns() {
                match figures[column].as_f64() {
                    Some(figure) if figure < 100.0 => print!("{figure:>11.2}"),
                    Some(figure) => print!("{figure:>11.0}"),
                    None => print!("{:>11}", "-"),
                }
            }
            println!();
            if let (Some(lower), Some(higher)) = (figures["p99"].as_f64(), figures["p99.9"].as_f64())
                && lower > higher
            {
                println!("{:<22}p99 of one pass is above p99.9 of the least of all: the machine was busy", "");
            }
        }
    }
    for (name, engine) in engines {
        println!("{name:<12}{}", engine["cold"]["schemas"]);
        let megabytes = |field: &str| engine[field].as_u64().unwrap_or(0) >> 20;
        let (peak, ready) = (megabytes("peak_rss_bytes"), megabytes("ready_rss_bytes"));
        let startup = engine["startup_ms"].as_f64().unwrap_or(0.0);
        println!("{:<12}peak {peak} MiB ({ready} MiB when ready), tokenizer tables {startup:.0} ms", "");
    }
}
