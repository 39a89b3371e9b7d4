//! An answer that comes in pieces from somewhere that does not mask.
//!
//! While the text is a beginning of a valid answer as it stands, it goes straight through. Where it is not, the guard
//! holds what comes and looks, now and then, for the cheapest reading of all that has come. Once that reading has kept
//! the last few bytes as they stand, what it says is released, and the text goes straight through again. What was
//! released is pinned: every later reading must begin with it, so the last one is the cheapest given what was released.

use super::{
    bytes::Bytes,
    diagnostic::{Violation, violation},
    json::{Mode as Read, Quote, Reading},
    model::{Model, What},
    pinned::Pinned,
    pointer,
    repair::{BOUNDS, Edit, Repairer, edits},
    search::{Bounds, Goal, Hopeless, Origin, Way, cheapest},
};
use crate::automaton::{Automaton, Recognizer, State};

/// When text is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// As soon as it is the beginning of a valid answer.
    Strict,
    /// At the end, when the cheapest repair of the whole text is known.
    Buffered,
}

/// How the text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Whoever wrote it was done.
    Done,
    /// It was cut: by a limit, or by a fault.
    Cut,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It came valid.
    Satisfied,
    /// It is valid, after these edits.
    Repaired { edits: Vec<Edit>, cost: u32 },
    /// There is no repair within the bounds that begins with what was released.
    Violated { violation: Violation, refusal: Hopeless },
    /// It was cut, and what was released is the beginning of a valid answer.
    Truncated { edits: Vec<Edit> },
}

/// How a guard goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub release: Release,
    pub bounds: Bounds,
    /// A text that was cut may be closed, as listed edits.
    pub allow_completion: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { release: Release::Strict, bounds: BOUNDS, allow_completion: false }
    }
}

/// One answer.
///
/// ```
/// use espalier::{frontend::Constraint, guard::{End, Guard, Options, Repairer, Verdict}};
///
/// let repairer = Repairer::new(&Constraint::JsonSchema(r#"{"type": "object"}"#.into())).unwrap();
/// let mut guard = Guard::new(repairer, Options::default());
/// let mut sent = String::new();
/// for piece in ["```json\n", "{\"city\": \"Bergen\", \"people\": 291", "940, \"rain\": true}", "\n```"] {
///     sent += &guard.push(piece.as_bytes());
/// }
/// let (rest, verdict) = guard.finish(End::Done);
/// sent += &rest;
/// assert_eq!(sent.trim(), r#"{"city": "Bergen", "people": 291940, "rain": true}"#);
/// assert!(matches!(verdict, Verdict::Repaired { edits, .. } if edits.len() == 2));
/// ```
pub struct Guard {
    repairer: Repairer,
    options: Options,
    /// All that came.
    text: Vec<u8>,
    /// The answer so far.
    released: Vec<u8>,
    /// How much of it the caller was given.
    sent: usize,
    /// What was changed on the way to it.
    edits: Vec<Edit>,
    /// Where the released text leads.
    state: State,
    /// The text goes straight through.
    straight: bool,
    /// Every byte so far was kept.
    untouched: bool,
    /// Length of the text at which a reading is looked for.
    next_look: usize,
    /// Bytes since what the automaton holds was measured.
    unmeasured: usize,
    /// Looks in a row that ran out of steps.
    undecided: usize,
    hopeless: Option<Hopeless>,
}

/// So many bytes must have been kept as they stand before a reading is believed.
const WINDOW: usize = 32;

/// So many bytes at the end are not judged: what follows may turn them into something else.
const MARGIN: usize = 64;

/// So many looks in a row that run out of steps mean that there is no hope.
const UNDECIDED: usize = 3;

/// Bytes between measurements of what the automaton holds.
const MEASURE: usize = 4096;

impl Guard {
    /// Takes a repairer for the time of one answer; [`Guard::into_repairer`] gives it back for the next.
    pub fn new(mut repairer: Repairer, options: Options) -> Self {
        let state = Automaton::start(repairer.ready());
        Self {
            repairer,
            options,
            text: Vec::new(),
            released: Vec::new(),
            sent: 0,
            edits: Vec::new(),
            state,
            straight: true,
            untouched: true,
            next_look: 0,
            unmeasured: 0,
            undecided: 0,
            hopeless: None,
        }
    }

    /// An answer of which the caller has this much already: whatever comes behind extends it. `released` begins a valid
    /// answer.
    pub fn resume(repairer: Repairer, options: Options, released: &str) -> Self {
        let mut guard = Self::new(repairer, options);
        guard.text.extend_from_slice(released.as_bytes());
        guard.walk(0);
        guard.sent = guard.released.len();
        guard
    }

    /// Takes the next piece; a character may be split between two. Returns what may be passed on: whole characters, and
    /// together with all before the beginning of a valid answer.
    ///
    /// Cost: some 15 ns a byte of a valid text. After a violation the whole text is read anew each time that it has
    /// grown by a quarter.
    pub fn push(&mut self, piece: &[u8]) -> String {
        let from = self.text.len();
        self.text.extend_from_slice(piece);
        if self.hopeless.is_some() {
            return String::new();
        }
        if self.straight {
            self.walk(from);
        }
        // What is not JSON is read as a whole, at its end.
        if !self.straight && self.text.len() >= self.next_look && self.repairer.is_json() {
            self.look();
        }
        match self.options.release {
            Release::Strict => self.whole_characters(),
            Release::Buffered => String::new(),
        }
    }

    /// Whether the text could go on so from where it is. While no reading of it is certain, everything could.
    pub fn may_take(&mut self, text: &[u8]) -> bool {
        let (straight, state) = (self.straight, self.state);
        let machine = self.repairer.machine();
        machine.begin();
        let mark = Recognizer::mark(machine);
        let taken = machine.behind(state, text);
        Recognizer::forget_since(machine, mark);
        !straight || taken.is_some()
    }

    /// The first place where the text, as it came, leaves its constraint. None: it satisfies it.
    pub fn violation(&mut self) -> Option<Violation> {
        violation(self.repairer.machine(), &self.text)
    }

    /// All that came is one JSON value as it stands.
    pub fn came_as_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.text).is_ok()
    }

    /// Whether a text that was cut may be closed.
    pub fn allow_completion(&mut self, allow: bool) {
        self.options.allow_completion = allow;
    }

    /// What was changed on the way to what was released so far.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// What was passed on may end as it stands.
    pub fn is_accepting(&mut self) -> bool {
        self.released_state().is_some_and(|state| Automaton::accepts(self.repairer.machine(), state))
    }

    /// What was passed on is an answer to which nothing can be added but JSON's white space behind it.
    pub fn is_whole(&mut self) -> bool {
        let (state, is_json) = (self.released_state(), self.repairer.is_json());
        let machine = self.repairer.machine();
        let Some(state) = state.filter(|state| Automaton::accepts(machine, *state)) else { return false };
        let mark = Recognizer::mark(machine);
        let idle = |byte: &u8| is_json && b" \t\n\r".contains(byte);
        let ends = (0..=u8::MAX).all(|byte| idle(&byte) || Automaton::step(machine, state, byte).is_none());
        Recognizer::forget_since(machine, mark);
        ends
    }

    /// Where the text that was passed on leads.
    fn released_state(&mut self) -> Option<State> {
        let machine = self.repairer.machine();
        machine.begin();
        let start = Automaton::start(machine);
        machine.behind(start, &self.released[..self.sent])
    }

    /// The JSON pointer of the place that the answer has come to.
    pub fn place(&self) -> String {
        pointer::at(&self.released, &[self.released.len()]).pop().unwrap_or_default()
    }

    /// No continuation of what came can be repaired within the bounds, or whether one can is beyond the steps again and
    /// again: the rest need not be waited for.
    pub fn hopeless(&self) -> Option<&Hopeless> {
        self.hopeless.as_ref()
    }

    /// The text has ended. Returns what is still to be passed on, and the verdict.
    pub fn finish(&mut self, end: End) -> (String, Verdict) {
        let verdict = self.verdict(end);
        let rest = match verdict {
            Verdict::Violated { .. } => String::new(),
            _ => String::from_utf8_lossy(&self.released[self.sent..]).into_owned(),
        };
        (rest, verdict)
    }

    /// The repairer, for the next answer.
    pub fn into_repairer(self) -> Repairer {
        self.repairer
    }

    /// Steps on as the text stands.
    fn walk(&mut self, from: usize) {
        let machine = self.repairer.machine();
        machine.begin();
        let end = from + machine.read(&mut self.state, &self.text[from..]);
        self.released.extend_from_slice(&self.text[from..end]);
        if end < self.text.len() {
            self.straight = false;
            self.untouched = false;
            self.next_look = end + 1;
        }
        self.unmeasured += self.text.len() - from;
        if self.unmeasured > MEASURE {
            machine.settle();
            self.unmeasured = 0;
        }
        if let Some(overrun) = machine.fault() {
            self.hopeless = Some(Hopeless::Overrun(overrun.clone()));
        }
    }

    /// What was not sent yet, up to a whole character.
    fn whole_characters(&mut self) -> String {
        let fresh = &self.released[self.sent..];
        let length = match std::str::from_utf8(fresh) {
            Ok(_) => fresh.len(),
            Err(error) => error.valid_up_to(),
        };
        self.sent += length;
        String::from_utf8_lossy(&self.released[self.sent - length..self.sent]).into_owned()
    }

    /// Looks for a reading of all that has come, and goes on from it if it is to be believed.
    fn look(&mut self) {
        self.next_look = self.text.len() + (self.text.len() / 4).max(WINDOW);
        let steps = self.options.bounds.steps / 4;
        let bounds = Bounds { steps, ..self.options.bounds };
        let mut reading = Reading::of_beginning(&self.text, 0);
        match self.search(&mut reading, bounds, Goal::Beginning) {
            Ok(way) => {
                self.undecided = 0;
                self.believe(&reading, way);
            }
            Err(hopeless @ Hopeless::OutOfSteps { .. }) => {
                // It will not get easier as the text grows.
                self.undecided += 1;
                self.hopeless = (self.undecided >= UNDECIDED).then_some(hopeless);
            }
            Err(_) => {
                // What looks dear at the end may turn out to be cheap.
                let mut reading = Reading::of_beginning(&self.text, MARGIN);
                match self.search(&mut reading, bounds, Goal::Beginning) {
                    Ok(_) | Err(Hopeless::OutOfSteps { .. }) => {}
                    Err(hopeless) => self.hopeless = Some(hopeless),
                }
            }
        }
    }

    fn believe(&mut self, reading: &Reading, way: Way<Read>) {
        let kept = |steps: &[super::search::Step]| {
            let verbatim = |step: &super::search::Step| {
                step.what == What::Keep && reading.source(step.from, step.to) == &way.text[step.start..step.end]
            };
            let bytes: usize =
                steps.iter().rev().take_while(|step| verbatim(step)).map(|step| step.end - step.start).sum();
            bytes >= WINDOW
        };
        if !matches!(way.mode, Read::Between | Read::Quoted(Quote::Double)) || !kept(&way.steps) {
            return;
        }
        let machine = self.repairer.machine();
        machine.begin();
        let start = Automaton::start(machine);
        if let Some(state) = machine.behind(start, &way.text) {
            self.edits = edits(reading, &way, true);
            (self.state, self.released, self.straight) = (state, way.text, true);
        }
    }

    /// The cheapest reading whose text begins with what was sent.
    fn search<M: Model>(&mut self, reading: &mut M, bounds: Bounds, goal: Goal) -> Result<Way<M::Mode>, Hopeless> {
        let (at, mode) = reading.start();
        let machine = self.repairer.machine();
        machine.begin();
        // States of the text that goes straight through stay valid: they are older than the mark.
        let mark = Recognizer::mark(machine);
        let mut pinned = Pinned { inner: machine, text: &self.released[..self.sent] };
        let state = pinned.start();
        let way = cheapest(&mut pinned, reading, Origin { at, mode, state }, bounds, goal);
        Recognizer::forget_since(machine, mark);
        machine.settle();
        way
    }

    fn verdict(&mut self, end: End) -> Verdict {
        if let Some(refusal) = self.hopeless.clone() {
            return self.violated(refusal);
        }
        let machine = self.repairer.machine();
        machine.begin();
        // A number could have gone on.
        let closed =
            end == End::Done || self.released.trim_ascii_end().last().is_some_and(|byte| !byte.is_ascii_digit());
        let accepted = closed && Automaton::accepts(machine, self.state);
        if accepted && self.straight && self.untouched {
            return Verdict::Satisfied;
        }
        if end == End::Cut && !accepted && !self.options.allow_completion {
            return Verdict::Truncated { edits: std::mem::take(&mut self.edits) };
        }
        let text = std::mem::take(&mut self.text);
        let cost = super::json::table::limit(self.options.bounds.cost, text.len());
        let bounds = Bounds { cost, ..self.options.bounds };
        let is_json = self.repairer.is_json();
        let verdict = match is_json {
            true => self.repaired(&mut Reading::new(&text), bounds, true),
            false => self.repaired(&mut Bytes::new(&text), bounds, false),
        };
        self.text = text;
        match verdict {
            // What cannot be completed stays what it is.
            Err(_) if end == End::Cut && !accepted => Verdict::Truncated { edits: std::mem::take(&mut self.edits) },
            verdict => verdict.unwrap_or_else(|refusal| self.violated(refusal)),
        }
    }

    fn repaired<M: Model>(&mut self, reading: &mut M, bounds: Bounds, pointers: bool) -> Result<Verdict, Hopeless> {
        let way = self.search(reading, bounds, Goal::Answer)?;
        let edits = edits(reading, &way, pointers);
        self.released = way.text;
        Ok(Verdict::Repaired { edits, cost: way.cost })
    }

    fn violated(&mut self, refusal: Hopeless) -> Verdict {
        let nothing = || Violation {
            offset: self.text.len(),
            pointer: String::new(),
            expected: "an answer within the bounds".to_owned(),
            found: "one that is beyond them".to_owned(),
        };
        let violation = violation(self.repairer.machine(), &self.text).unwrap_or_else(nothing);
        Verdict::Violated { violation, refusal }
    }
}
