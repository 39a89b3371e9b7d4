//! From raw times to the figures of the report.

use std::collections::BTreeMap;

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
    let warm = run.warm.as_ref().map(|warm| figures(warm, warm, &everywhere, ids));
    let isolated = run.isolated.as_ref().map(|isolated| figures(isolated, isolated, &everywhere, ids));
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

fn figures(results: &Results, least: &Results, counted: &[bool], ids: &[String]) -> Value {
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut reasons = Map::new();
    let mut passing = 0;
    for (case, id) in results.cases.iter().zip(ids) {
        let found = verdicts(case);
        passing += u64::from(found.is_empty());
        for (name, reason) in found {
            lists.entry(name).or_default().push(id);
            reasons.entry(id.as_str()).or_insert(reason.into());
        }
    }
    let count = |name| lists.get(name).map_or(0, Vec::len);
    let mut value = times(results, least, counted);
    value["schemas"] = json!({
        "total": ids.len(),
        "passing": passing,
        "compile_error": count("compile_error"),
        "refused_unsatisfiable": count("refused_unsatisfiable"),
        "refused_unsatisfiable_wrongly": count("refused_unsatisfiable_wrongly"),
        "valid_rejected": count("valid_rejected"),
        "invalid_accepted": count("invalid_accepted"),
        "panicked": count("panicked"),
        "mask_and_commit_disagree": count("mask_and_commit_disagree"),
    });
    value["ids"] = json!(lists);
    value["reasons"] = Value::Object(reasons);
    value
}

/// Under which heads a case is counted as not passing, and why. A case may be under two.
fn verdicts(case: &CaseResult) -> Vec<(&'static str, String)> {
    match &case.outcome {
        Outcome::Unsatisfiable(message) => {
            let mut found = vec![("refused_unsatisfiable", message.clone())];
            if case.instances.iter().any(|instance| instance.valid) {
                found.push(("refused_unsatisfiable_wrongly", message.clone()));
            }
            return found;
        }
        Outcome::Error(message) => return vec![("compile_error", message.clone())],
        Outcome::Panicked(message) => return vec![("panicked", message.clone())],
        Outcome::Compiled => {}
    }
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (number, instance) in case.instances.iter().enumerate() {
        let head = match (instance.valid, instance.accepted) {
            _ if instance.disagreed => "mask_and_commit_disagree",
            (true, false) => "valid_rejected",
            (false, true) => "invalid_accepted",
            _ => continue,
        };
        if found.iter().all(|(name, _)| *name != head) {
            let (tried, all) = (instance.times.len(), instance.tokens);
            found.push((head, format!("test {number}: stopped after token {tried} of {all}")));
        }
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
                println!(
                    "{name:<12}{pass:<10}{what}: p99 of one pass is above p99.9 of the least of all: the machine was busy"
                );
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
