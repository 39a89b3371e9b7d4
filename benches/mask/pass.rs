//! A child's work: one engine over all cases, raw times to a file; and the parent's reading of that file.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Instant,
};

use anyhow::ensure;

use crate::{
    args::{Child, EngineName, Pass},
    binary::{Reader, Writer},
    cases::{Case, Cases, Instance, read_all},
    engines::{Espalier, Llguidance, NotCompiled, Step, Subject},
    machine,
    watch::Watch,
};

/// What one pass found out about all cases, in their order.
pub struct Results {
    pub cases: Vec<CaseResult>,
}

pub struct CaseResult {
    pub outcome: Outcome,
    /// Time to the first mask, in nanoseconds; of no meaning if it did not compile.
    pub ttfm: u64,
    pub instances: Vec<InstanceResult>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Compiled,
    Unsatisfiable(String),
    Error(String),
    /// The engine panicked, at compilation or later.
    Panicked(String),
}

pub struct InstanceResult {
    pub valid: bool,
    pub accepted: bool,
    pub disagreed: bool,
    /// Number of tokens that the instance has; those after a refused one were not tried.
    pub tokens: usize,
    /// Nanoseconds of each token that was tried.
    pub times: Vec<u32>,
}

/// Memory and start of one child.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Time to read the tokenizer and build its tables.
    pub startup_ns: u64,
    /// Resident when the first schema came.
    pub ready_bytes: u64,
    /// Highest resident size from there to the end of the cold pass (of the isolated one, in its child).
    pub peak_bytes: u64,
    /// Whether the peak could be counted from there on, or holds the loading of the tokenizer as well.
    pub peak_was_reset: bool,
}

pub fn run(child: &Child) -> anyhow::Result<()> {
    let tokenizer = read_all(&child.tokenizer)?;
    let start = Instant::now();
    match child.engine {
        EngineName::Espalier => run_with(child, Espalier::new(&tokenizer)?, start, tokenizer),
        EngineName::Llguidance => run_with(child, Llguidance::new(&tokenizer)?, start, tokenizer),
    }
}

fn run_with<S: Subject>(child: &Child, mut subject: S, start: Instant, tokenizer: Vec<u8>) -> anyhow::Result<()> {
    let startup_ns = start.elapsed().as_nanos() as u64;
    drop(tokenizer);
    let peak_was_reset = machine::reset_peak();
    let ready_bytes = machine::status_bytes("VmRSS:")?;
    let mut writer = Writer::create(&child.out)?;
    let label = format!("{} {}", child.engine.name(), child.pass.name());
    one_pass(&mut subject, child, &label, &mut writer)?;
    let peak_bytes = machine::status_bytes("VmHWM:")?;
    if child.pass == Pass::ColdThenWarm {
        one_pass(&mut subject, child, &format!("{label}, warm"), &mut writer)?;
    }
    for number in [startup_ns, ready_bytes, peak_bytes, u64::from(peak_was_reset)] {
        writer.number(number)?;
    }
    writer.finish()
}

fn one_pass<S: Subject>(subject: &mut S, child: &Child, label: &str, writer: &mut Writer) -> anyhow::Result<()> {
    let mut cases = Cases::open(&child.prepared)?;
    let total = cases.total();
    writer.number(total)?;
    let (mut done, mut said, watch) = (0, Instant::now(), Watch::start(label));
    while let Some(case) = cases.next()? {
        watch.now_at(&case.id);
        if child.pass == Pass::Isolated {
            subject.empty_caches();
        }
        let result = catch_unwind(AssertUnwindSafe(|| one_case(subject, &case))).unwrap_or_else(|panic| {
            // Whatever it was doing may be half done.
            subject.empty_caches();
            CaseResult { outcome: Outcome::Panicked(message(&*panic)), ttfm: 0, instances: untried(&case) }
        });
        write(writer, &result)?;
        done += 1;
        if said.elapsed().as_secs() >= 10 {
            eprintln!("{label}: {done} of {total} schemas");
            said = Instant::now();
        }
    }
    eprintln!("{label}: done");
    Ok(())
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

fn nanoseconds(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

fn one_case<S: Subject>(subject: &S, case: &Case) -> CaseResult {
    let start = Instant::now();
    let compiled = subject.compile(&case.schema);
    let ttfm = nanoseconds(start);
    let (outcome, instances) = match compiled {
        Err(NotCompiled::Unsatisfiable(message)) => (Outcome::Unsatisfiable(message), untried(case)),
        Err(NotCompiled::Error(message)) => (Outcome::Error(message), untried(case)),
        Ok(compiled) => {
            let judge = |instance: &Instance| {
                let answer = subject.start(&compiled);
                one_instance::<S>(answer, instance.valid, &instance.tokens)
            };
            (Outcome::Compiled, case.instances.iter().map(judge).collect())
        }
    };
    CaseResult { outcome, ttfm, instances }
}

fn untried(case: &Case) -> Vec<InstanceResult> {
    let untried = |instance: &Instance| InstanceResult {
        valid: instance.valid,
        accepted: false,
        disagreed: false,
        tokens: instance.tokens.len(),
        times: Vec::new(),
    };
    case.instances.iter().map(untried).collect()
}

fn one_instance<S: Subject>(mut answer: S::Instance, valid: bool, tokens: &[u32]) -> InstanceResult {
    let mut times = Vec::with_capacity(tokens.len());
    let mut last = Step::Allowed;
    for &token in tokens {
        let start = Instant::now();
        last = S::step(&mut answer, token);
        times.push(u32::try_from(nanoseconds(start)).unwrap_or(u32::MAX));
        if last != Step::Allowed {
            break;
        }
    }
    let accepted = last == Step::Allowed && S::may_end(&mut answer);
    InstanceResult { valid, accepted, disagreed: last == Step::Disagreement, tokens: tokens.len(), times }
}

fn write(writer: &mut Writer, result: &CaseResult) -> anyhow::Result<()> {
    let (kind, message) = match &result.outcome {
        Outcome::Compiled => (0, ""),
        Outcome::Unsatisfiable(message) => (1, &**message),
        Outcome::Error(message) => (2, &**message),
        Outcome::Panicked(message) => (3, &**message),
    };
    writer.number(kind)?;
    writer.text(message)?;
    writer.number(result.ttfm)?;
    writer.number(result.instances.len() as u64)?;
    for instance in &result.instances {
        for number in [instance.valid, instance.accepted, instance.disagreed] {
            writer.number(u64::from(number))?;
        }
        writer.number(instance.tokens as u64)?;
        writer.list(&instance.times)?;
    }
    Ok(())
}

/// What a child has written: one or two passes, and its memory.
pub fn read(path: &Path, pass: Pass) -> anyhow::Result<(Vec<Results>, Memory)> {
    let mut reader = Reader::open(path)?;
    let passes = if pass == Pass::ColdThenWarm { 2 } else { 1 };
    let mut results = Vec::new();
    for _ in 0..passes {
        let total = reader.number()?;
        let cases = (0..total).map(|_| read_case(&mut reader)).collect::<anyhow::Result<_>>()?;
        results.push(Results { cases });
    }
    let memory = Memory {
        startup_ns: reader.number()?,
        ready_bytes: reader.number()?,
        peak_bytes: reader.number()?,
        peak_was_reset: reader.number()? == 1,
    };
    Ok((results, memory))
}

fn read_case(reader: &mut Reader) -> anyhow::Result<CaseResult> {
    let (kind, message) = (reader.number()?, reader.text()?);
    let outcome = match kind {
        0 => Outcome::Compiled,
        1 => Outcome::Unsatisfiable(message),
        2 => Outcome::Error(message),
        _ => Outcome::Panicked(message),
    };
    let ttfm = reader.number()?;
    let count = reader.number()?;
    let mut instances = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let [valid, accepted, disagreed] = [reader.number()? == 1, reader.number()? == 1, reader.number()? == 1];
        let tokens = reader.number()? as usize;
        instances.push(InstanceResult { valid, accepted, disagreed, tokens, times: reader.list()? });
    }
    Ok(CaseResult { outcome, ttfm, instances })
}

impl Results {
    /// The lesser of the two times, token by token and schema by schema. Both passes must have seen the same.
    pub fn take_minimum(&mut self, other: &Self) -> anyhow::Result<()> {
        ensure!(self.cases.len() == other.cases.len(), "two passes saw different cases");
        for (mine, theirs) in self.cases.iter_mut().zip(&other.cases) {
            mine.ttfm = mine.ttfm.min(theirs.ttfm);
            for (mine, theirs) in mine.instances.iter_mut().zip(&theirs.instances) {
                for (mine, theirs) in mine.times.iter_mut().zip(&theirs.times) {
                    *mine = (*mine).min(*theirs);
                }
            }
        }
        Ok(())
    }

    /// Ids of the cases that another pass judged otherwise: an engine should not depend on what came before.
    pub fn differs_from(&self, other: &Self) -> Vec<usize> {
        let verdict = |case: &CaseResult| {
            let instances: Vec<_> = case.instances.iter().map(|it| (it.accepted, it.times.len())).collect();
            (case.outcome.clone(), instances)
        };
        let pairs = self.cases.iter().zip(&other.cases).enumerate();
        pairs.filter(|(_, (a, b))| verdict(a) != verdict(b)).map(|(index, _)| index).collect()
    }
}
