//! Schemas and instances that are made to explode: each ends soon and small, in an answer or in a clear error.
//!
//! Every case is compiled as the server does it, some masks are made, and instances are read. Compiling, each mask, each
//! token and each instance may take 200 ms of one core and 256 MB, counted by this binary's own allocator. Time is that
//! of the thread on a core where the system tells it; slow and busy machines are given [`SLOW`] times as much.
//! `cargo test --release --test hostile -- --nocapture` prints what each case takes; `ESPALIER_CASE` picks schemas by
//! a part of their names.

mod grammars;
mod instances;
mod schemas;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use espalier::{
    frontend::{Constraint, DiagnosticKind, Policy},
    matcher::{Engine, Matcher, Program},
    vocab::{Token, TokenKind, Vocabulary},
};

/// What one operation may take.
const TIME: Duration = Duration::from_millis(200);
const MEMORY: usize = 256 << 20;
/// How many times slower than a current server's core the machine may be.
const SLOW: u32 = 3;

/// Counts what is held, and the most that was held since it was asked last.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: what is counted is counted for all threads, and two that count at once wait for each other.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Time of this thread on a core; the wall's where the system does not tell.
fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let on_core = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = on_core.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// The worst of a case's operations, and how it ended.
#[derive(Default)]
struct Taken {
    time: Duration,
    slowest: &'static str,
    memory: usize,
    outcome: String,
}

impl Taken {
    fn measure<T>(&mut self, what: &'static str, work: impl FnOnce() -> T) -> T {
        let before = HELD.load(Relaxed);
        PEAK.store(before, Relaxed);
        let start = clock();
        let result = work();
        let time = clock() - start;
        self.memory = self.memory.max(PEAK.load(Relaxed).saturating_sub(before));
        if time > self.time {
            (self.time, self.slowest) = (time, what);
        }
        result
    }

    fn print(&self, name: &str) {
        let Self { time, slowest, memory, outcome } = self;
        let outcome: String = outcome.chars().take(150).collect();
        println!(
            "{name:44} {:7.1} ms {slowest:9} {:6.1} MB  {outcome}",
            time.as_secs_f64() * 1e3,
            *memory as f64 / 1e6
        );
    }

    fn fault(&self, name: &str) -> Option<String> {
        let Self { time, slowest, memory, .. } = self;
        (*time > TIME * SLOW || *memory > MEMORY).then(|| format!("{name}: {slowest} {time:?}, {memory} bytes"))
    }
}

/// Bytes, and tokens that cross the places where something happens.
fn engine() -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    let longer = [
        "{\"", "\":", "\",\"", "\":\"", "\"}", "\":[", "\"]", "}]", "]}", "},{", "],[", "aa", "aaaa", "aaaaaaaa", "ab",
        "name", "true", "null", "false", "00", "000", "123", ".5", "1e", " the", "\\u00", "\\\"", "k1", "p10", "x_",
        "\u{e9}",
    ];
    tokens.extend(longer.iter().map(|text| Token { bytes: text.as_bytes().into(), kind: TokenKind::Text }));
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("hostile", tokens)))
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn compile(engine: &Arc<Engine>, schema: &str, policy: Policy, taken: &mut Taken) -> Option<Arc<Program>> {
    compile_any(engine, &Constraint::JsonSchema(schema.into()), policy, taken)
}

fn compile_any(
    engine: &Arc<Engine>,
    constraint: &Constraint,
    policy: Policy,
    taken: &mut Taken,
) -> Option<Arc<Program>> {
    match taken.measure("compile", || engine.compile(constraint, policy)) {
        Ok(program) => Some(program),
        Err(diagnostic) => {
            assert!(!diagnostic.message.is_empty());
            let has_numbers = diagnostic.message.contains(|c: char| c.is_ascii_digit());
            assert!(diagnostic.kind != DiagnosticKind::TooLarge || has_numbers, "{diagnostic}");
            taken.outcome = format!("refused: {diagnostic}");
            None
        }
    }
}

/// A walk through the masks. False: it came to a fault.
fn walk(matcher: &mut Matcher, dice: &mut Dice, steps: usize, taken: &mut Taken) -> bool {
    let end = matcher.program().engine().vocabulary().len() as u32 - 1;
    for _ in 0..steps {
        let mask = taken.measure("mask", || matcher.mask());
        let allowed: Vec<u32> = mask.iter().filter(|token| *token != end).collect();
        if let Some(overrun) = matcher.fault() {
            assert_eq!(mask.count(), 0, "after a fault nothing is allowed");
            taken.outcome = format!("fault: {overrun}");
            return false;
        }
        assert!(mask.count() > 0 || matcher.program().is_soft(), "a dead end that nobody told of");
        if allowed.is_empty() {
            return true;
        }
        let token = allowed[dice.roll(allowed.len())];
        if taken.measure("token", || matcher.accept(token)).is_err() {
            let overrun = matcher.fault().expect("a token of the mask is refused only after a fault");
            taken.outcome = format!("fault: {overrun}");
            return false;
        }
    }
    true
}

#[test]
fn schemas_end_soon_and_small() {
    let _turn = alone();
    let engine = engine();
    let mut faults = Vec::new();
    let only = std::env::var("ESPALIER_CASE").unwrap_or_default();
    for (name, schema) in schemas::all().into_iter().filter(|(name, _)| name.contains(&only)) {
        let mut taken = Taken::default();
        for policy in [Policy::default(), Policy::LENIENT] {
            let engine = engine.emptied();
            let Some(program) = compile(&engine, &schema, policy, &mut taken) else { continue };
            taken.outcome = "answered".into();
            let mut dice = Dice(5);
            for _ in 0..6 {
                if !walk(&mut program.matcher(), &mut dice, 40, &mut taken) {
                    break;
                }
            }
            if program.is_soft() {
                taken.outcome += " (soft)";
            }
        }
        taken.print(name);
        faults.extend(taken.fault(name));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn grammars_end_soon_and_small() {
    let _turn = alone();
    let engine = engine();
    let mut faults = Vec::new();
    let only = std::env::var("ESPALIER_CASE").unwrap_or_default();
    for case in grammars::all().into_iter().filter(|case| case.name.contains(&only)) {
        let (name, mut taken) = (case.name, Taken::default());
        let engine = engine.emptied();
        if let Some(program) = compile_any(&engine, &case.constraint, Policy::default(), &mut taken) {
            let mut matcher = program.matcher();
            let read = taken.measure("text", || matcher.accept_bytes(&case.text));
            let ends = read == case.text.len() && taken.measure("end", || matcher.is_accepting());
            match matcher.fault() {
                Some(overrun) => taken.outcome = format!("fault after {read} bytes: {overrun}"),
                None => {
                    assert_eq!(ends, case.valid, "{name}: {read} of {} bytes", case.text.len());
                    taken.outcome = format!("{read} bytes");
                    taken.measure("mask", || matcher.mask());
                    taken.measure("home", || matcher.home());
                }
            }
            let mut dice = Dice(5);
            for _ in 0..3 {
                if !walk(&mut program.matcher(), &mut dice, 40, &mut taken) {
                    break;
                }
            }
        }
        taken.print(name);
        faults.extend(taken.fault(name));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn instances_end_soon_and_small() {
    let _turn = alone();
    let engine = engine();
    let mut faults = Vec::new();
    for (name, schema, instance, valid) in instances::all() {
        let mut taken = Taken::default();
        let engine = engine.emptied();
        let program = compile(&engine, schema, Policy::LENIENT, &mut taken).expect("the schema is harmless");
        let mut matcher = program.matcher();
        let read = taken.measure("instance", || matcher.accept_bytes(&instance));
        let ends = read == instance.len() && matcher.is_accepting();
        match matcher.fault() {
            Some(overrun) => {
                assert!(!ends, "{name}: after a fault nothing is accepted");
                taken.outcome = format!("fault after {read} bytes: {overrun}");
            }
            None => {
                assert_eq!(ends, valid, "{name}: {read} of {} bytes", instance.len());
                taken.outcome = format!("{read} bytes");
                taken.measure("mask", || matcher.mask());
            }
        }
        taken.print(name);
        faults.extend(taken.fault(name));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// After a fault the next answer begins with a new automaton, and running answers stay ended.
#[test]
fn the_answer_after_a_fault_begins_anew() {
    let _turn = alone();
    let engine = engine();
    let mut taken = Taken::default();
    let schema = r#"{"type":"array","uniqueItems":true}"#;
    let program = compile(&engine, schema, Policy::LENIENT, &mut taken).unwrap();
    let mut outgrown = program.matcher();
    let mut beside = program.matcher();
    let endless = format!("[\"{}", "x".repeat(10_000_000));
    assert!(outgrown.accept_bytes(endless.as_bytes()) < endless.len());
    let overrun = outgrown.fault().expect("it has outgrown its limits").to_string();
    assert!(overrun.contains("bytes"), "{overrun}");
    assert!(!outgrown.is_accepting() && outgrown.mask().count() == 0 && outgrown.accept(b'x'.into()).is_err());
    assert_eq!(beside.accept_bytes(b"[1]"), 0, "the automaton is shared");
    assert!(beside.fault().is_some());
    drop((outgrown, beside));
    let mut next = program.matcher();
    assert_eq!(next.accept_bytes(b"[1,2]"), 5);
    assert!(next.is_accepting() && next.fault().is_none());
}

/// What answers find out about a constraint does not add up for ever.
#[test]
fn answers_without_end_take_bounded_memory() {
    let _turn = alone();
    let engine = engine();
    let mut taken = Taken::default();
    let program = compile(&engine, "{}", Policy::LENIENT, &mut taken).unwrap();
    let before = HELD.load(Relaxed);
    let mut most = 0;
    for answer in 0..400 {
        let keys: Vec<String> = (0..400).map(|key| format!("\"a longer key {answer} {key}\":[]")).collect();
        let text = format!("{{{}}}", keys.join(","));
        let mut matcher = program.matcher();
        assert_eq!(matcher.accept_bytes(text.as_bytes()), text.len(), "{:?}", matcher.fault());
        assert!(matcher.is_accepting());
        most = most.max(HELD.load(Relaxed).saturating_sub(before));
    }
    println!("400 answers of 160,000 new keys hold up to {} MB", most >> 20);
    assert!(program.bytes() > 0 && most < MEMORY, "{most} bytes");
}
