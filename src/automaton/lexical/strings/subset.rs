//! Lazy determinisation of one pattern, lookarounds included.
//!
//! A state is a set of threads. A thread is a place in the automaton (a class, and how far its bytes have been read) and
//! a duty: what the text that follows must still satisfy for the thread to count. `$` leaves the duty to be at the end,
//! `\b` one about the next byte, a lookahead the duty that a second deterministic state, run along the same text, ends in
//! acceptance (or, negated, does not). These second states live in the same table as the main ones, so lookaheads nest.
//! Lookbehinds run as threads of the same set: they read the text from its start and raise a mark where they match.
//!
//! State 0 is dead, state 1 accepts whatever follows; the empty duty is number 0. Cost of a step: the number of threads,
//! times the ranges of their classes; the caller remembers the results.

use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};

use super::nfa::{Look, Measure, NEVER, Nfa, State};
use super::utf8::DONE;

/// The state from which nothing is accepted.
pub const DEAD: u32 = 0;
/// The state from which everything is accepted.
pub const SETTLED: u32 = 1;

/// In place of an automaton state: the pattern has matched.
const ACCEPTED: u32 = u32::MAX;
const NO_DUTY: u32 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Thread {
    state: u32,
    /// How far the class of `state` has been read; the class's first node at the start of a character.
    node: u32,
    duty: u32,
}

/// What a thread demands of the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Need {
    Nothing,
    Word,
    /// Another byte, or the end.
    NoWord,
    End,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Duty {
    need: Need,
    /// States that must accept the rest of the text or, where the flag is set, must not; sorted.
    ahead: Vec<(u32, bool)>,
}

/// What lies to the left of a place in the text.
#[derive(Clone, Copy)]
struct Left {
    at_start: bool,
    after_word: bool,
    /// Bit `k`: lookbehind `k` matches up to here.
    marks: u64,
}

/// The deterministic automaton of one pattern, as far as it has been asked for.
#[derive(Debug)]
pub struct Subset {
    nfa: Arc<Nfa>,
    threads: Vec<Thread>,
    /// Per state the end of its threads; they begin where the state before ends.
    ends: Vec<u32>,
    accepts: Vec<bool>,
    index: HashTable<u32>,
    duties: Vec<Duty>,
    duty_index: FxHashMap<Duty, u32>,
    starts: FxHashMap<(u32, bool, bool), u32>,
    start: u32,
    /// Emptied work lists for the next step.
    spare: Vec<Work>,
    /// Threads that were moved or followed.
    work: u64,
}

/// What a closure under moves without reading works on.
#[derive(Debug, Default)]
struct Work {
    out: Vec<Thread>,
    seen: FxHashSet<(u32, u32)>,
    todo: Vec<(u32, u32)>,
}

impl Subset {
    pub fn new(nfa: Arc<Nfa>) -> Self {
        let mut subset = Self {
            nfa,
            threads: Vec::new(),
            ends: Vec::new(),
            accepts: Vec::new(),
            index: HashTable::new(),
            duties: Vec::new(),
            duty_index: FxHashMap::default(),
            starts: FxHashMap::default(),
            start: DEAD,
            spare: Vec::new(),
            work: 0,
        };
        subset.duty(Duty { need: Need::Nothing, ahead: Vec::new() });
        subset.add(&[]);
        subset.add(&[Thread { state: ACCEPTED, node: 0, duty: NO_DUTY }]);
        let mut work = Work::default();
        let mut left = Left { at_start: true, after_word: false, marks: 0 };
        let nfa = Arc::clone(&subset.nfa);
        for &behind in &nfa.behinds {
            left.marks |= subset.close(behind, NO_DUTY, left, &mut work);
        }
        subset.close(nfa.entry, NO_DUTY, left, &mut work);
        subset.start = subset.intern(work);
        subset
    }

    pub fn nfa(&self) -> &Nfa {
        &self.nfa
    }

    pub fn start(&self) -> u32 {
        self.start
    }

    /// Whether a text that ends here is in the language.
    pub fn accepts(&self, state: u32) -> bool {
        self.accepts[state as usize]
    }

    /// Whether every continuation, or none, is in the language.
    pub fn settled(&self, state: u32) -> Option<bool> {
        (state <= SETTLED).then_some(state == SETTLED)
    }

    /// The lengths of the continuations that are accepted; `None` if the state does not tell.
    pub fn measure(&self, state: u32) -> Option<Measure> {
        match state {
            DEAD => return Some(Measure::NONE),
            SETTLED => return Some(Measure::ALL),
            _ if self.nfa.has_context => return None,
            _ => {}
        }
        let of = |thread: &Thread| match thread.state {
            ACCEPTED => Measure { min: 0, stretch: NEVER },
            place => match self.nfa.states[place as usize] {
                State::Class { node, next } if node != thread.node => self.nfa.measure[next as usize],
                _ => self.nfa.measure[place as usize],
            },
        };
        Some(self.span(state).map(|i| of(&self.threads[i])).fold(Measure::NONE, Measure::or))
    }

    /// Approximate memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.threads.len() * size_of::<Thread>() + self.ends.len() * 12 + self.duties.len() * 64
    }

    /// How many threads were moved so far: what the steps have cost.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Whether the text is in the language; `None` once all that was ever asked has cost more than `most`.
    pub fn matches(&mut self, text: &str, most: u64) -> Option<bool> {
        let mut state = self.start;
        for byte in text.bytes() {
            if self.work > most {
                return None;
            }
            state = self.step(state, byte);
        }
        Some(self.accepts(state))
    }

    /// The state behind one more byte.
    pub fn step(&mut self, state: u32, byte: u8) -> u32 {
        if state <= SETTLED {
            return state;
        }
        let nfa = Arc::clone(&self.nfa);
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_';
        let mut left = Left { at_start: false, after_word: is_word, marks: 0 };
        let mut work = self.spare.pop().unwrap_or_default();
        let mut moved: Vec<(u32, Option<u32>)> = Vec::new();
        let phases: &[bool] = if nfa.behinds.is_empty() { &[false] } else { &[true, false] };
        self.work += 1 + self.span(state).len() as u64;
        for &behinds in phases {
            for i in self.span(state) {
                let thread = self.threads[i];
                let is_behind = thread.state != ACCEPTED && nfa.is_behind[thread.state as usize];
                if is_behind != behinds {
                    continue;
                }
                let target = match thread.state {
                    ACCEPTED => thread.node,
                    _ => match nfa.nodes.step(thread.node, byte) {
                        Some(target) => target,
                        None => continue,
                    },
                };
                let duty = match moved.iter().find(|(from, _)| *from == thread.duty) {
                    Some(&(_, duty)) => duty,
                    None => {
                        let duty = self.move_duty(thread.duty, byte, is_word);
                        moved.push((thread.duty, duty));
                        duty
                    }
                };
                let Some(duty) = duty else { continue };
                match nfa.states.get(thread.state as usize) {
                    Some(&State::Class { next, .. }) if target == DONE => {
                        left.marks |= self.close(next, duty, left, &mut work);
                    }
                    _ => work.out.push(Thread { state: thread.state, node: target, duty }),
                }
            }
        }
        self.intern(work)
    }

    fn span(&self, state: u32) -> std::ops::Range<usize> {
        let begin = if state == 0 { 0 } else { self.ends[state as usize - 1] };
        begin as usize..self.ends[state as usize] as usize
    }

    /// The duty that is left behind a byte; `None` if the byte breaks it.
    fn move_duty(&mut self, duty: u32, byte: u8, is_word: bool) -> Option<u32> {
        if duty == NO_DUTY {
            return Some(NO_DUTY);
        }
        let Duty { need, ahead } = self.duties[duty as usize].clone();
        match need {
            Need::Nothing => {}
            Need::Word if is_word => {}
            Need::NoWord if !is_word => {}
            Need::Word | Need::NoWord | Need::End => return None,
        }
        let mut left = Duty { need: Need::Nothing, ahead: Vec::with_capacity(ahead.len()) };
        for (state, negated) in ahead {
            let state = self.step(state, byte);
            if !left.demand(state, negated) {
                return None;
            }
        }
        Some(self.duty(left))
    }

    fn duty(&mut self, duty: Duty) -> u32 {
        if let Some(&number) = self.duty_index.get(&duty) {
            return number;
        }
        let number = self.duties.len() as u32;
        self.duties.push(duty.clone());
        self.duty_index.insert(duty, number);
        number
    }

    /// Adds the threads that are reached from `entry` without reading; gives the marks that are raised.
    fn close(&mut self, entry: u32, duty: u32, left: Left, work: &mut Work) -> u64 {
        let nfa = Arc::clone(&self.nfa);
        let mut marks = 0;
        work.todo.push((entry, duty));
        while let Some((state, duty)) = work.todo.pop() {
            self.work += 1;
            if !work.seen.insert((state, duty)) {
                continue;
            }
            match nfa.states[state as usize] {
                State::Class { node, .. } => {
                    let useful = nfa.is_behind[state as usize] || nfa.measure[state as usize].min != NEVER;
                    if useful && self.duties[duty as usize].need != Need::End {
                        work.out.push(Thread { state, node, duty });
                    }
                }
                State::Split { first, second } => work.todo.extend([(second, duty), (first, duty)]),
                State::Look { look, next } => {
                    if let Some(duty) = self.look(look, duty, left) {
                        work.todo.push((next, duty));
                    }
                }
                State::Accept => work.out.push(Thread { state: ACCEPTED, node: 0, duty }),
                State::Mark { behind } => marks |= 1 << behind,
                State::Fail => {}
            }
        }
        marks
    }

    /// The duty behind an assertion; `None` if it fails here.
    fn look(&mut self, look: Look, duty: u32, left: Left) -> Option<u32> {
        let mut new = match look {
            Look::Start => return left.at_start.then_some(duty),
            Look::Behind { behind, negated } => return ((left.marks >> behind & 1 == 1) != negated).then_some(duty),
            Look::End | Look::Boundary { .. } | Look::Ahead { .. } => self.duties[duty as usize].clone(),
        };
        let met = match look {
            Look::End => new.require(Need::End),
            Look::Boundary { negated } if left.after_word == negated => new.require(Need::Word),
            Look::Boundary { .. } => new.require(Need::NoWord),
            Look::Ahead { entry, negated } => {
                let state = self.start_at(entry, left);
                new.demand(state, negated)
            }
            Look::Start | Look::Behind { .. } => unreachable!("answered above"),
        };
        met.then(|| self.duty(new))
    }

    /// The deterministic state in which a lookahead begins.
    fn start_at(&mut self, entry: u32, left: Left) -> u32 {
        let key = (entry, left.at_start, left.after_word);
        if let Some(&state) = self.starts.get(&key) {
            return state;
        }
        let mut work = self.spare.pop().unwrap_or_default();
        self.close(entry, NO_DUTY, left, &mut work);
        let state = self.intern(work);
        self.starts.insert(key, state);
        state
    }

    /// The state of the set of threads that has been worked out.
    fn intern(&mut self, mut work: Work) -> u32 {
        let state = self.find_or_add(&mut work.out);
        work.out.clear();
        work.seen.clear();
        self.spare.push(work);
        state
    }

    fn find_or_add(&mut self, threads: &mut Vec<Thread>) -> u32 {
        let free = |t: &Thread| t.state == ACCEPTED && t.duty == NO_DUTY;
        if threads.iter().any(free) {
            return SETTLED;
        }
        let leads_on = |t: &Thread| t.state == ACCEPTED || !self.nfa.is_behind[t.state as usize];
        if !threads.iter().any(leads_on) {
            return DEAD;
        }
        threads.sort_unstable();
        // Equal threads, and threads that do what another does with fewer duties, add nothing.
        threads.dedup_by(|later, kept| {
            (later.state, later.node) == (kept.state, kept.node) && (later.duty == kept.duty || kept.duty == NO_DUTY)
        });
        let found = self.index.find(hash_of(threads), |&other| self.threads[self.span(other)] == threads[..]);
        match found {
            Some(&state) => state,
            None => self.add(threads),
        }
    }

    fn add(&mut self, threads: &[Thread]) -> u32 {
        let state = self.ends.len() as u32;
        self.threads.extend_from_slice(threads);
        self.ends.push(self.threads.len() as u32);
        self.accepts.push(threads.iter().any(|thread| self.is_met_at_end(thread)));
        let (all, ends) = (&self.threads, &self.ends);
        self.index.insert_unique(hash_of(threads), state, |&other| {
            let begin = if other == 0 { 0 } else { ends[other as usize - 1] as usize };
            hash_of(&all[begin..ends[other as usize] as usize])
        });
        state
    }

    fn is_met_at_end(&self, thread: &Thread) -> bool {
        let duty = &self.duties[thread.duty as usize];
        thread.state == ACCEPTED
            && duty.need != Need::Word
            && duty.ahead.iter().all(|&(state, negated)| self.accepts(state) != negated)
    }
}

impl Duty {
    /// Adds a demand on the next byte; false if it contradicts another.
    fn require(&mut self, need: Need) -> bool {
        let (need, met) = match (self.need, need) {
            (Need::Nothing, other) | (other, Need::Nothing) => (other, true),
            (a, b) if a == b => (a, true),
            (Need::End, Need::NoWord) | (Need::NoWord, Need::End) => (Need::End, true),
            (a, _) => (a, false),
        };
        self.need = need;
        met
    }

    /// Adds the demand that `state` accept the rest of the text, or not; false if that is already impossible.
    fn demand(&mut self, state: u32, negated: bool) -> bool {
        if state <= SETTLED {
            return (state == SETTLED) != negated;
        }
        if self.ahead.contains(&(state, !negated)) {
            return false;
        }
        if let Err(place) = self.ahead.binary_search(&(state, negated)) {
            self.ahead.insert(place, (state, negated));
        }
        true
    }
}

fn hash_of(threads: &[Thread]) -> u64 {
    let mut hasher = FxHasher::default();
    threads.hash(&mut hasher);
    hasher.finish()
}
