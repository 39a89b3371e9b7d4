//! The judge of what leaves: the one place where an answer's text meets its constraint.
//!
//! Text that a provider wrote goes through a guard, which repairs what can be repaired and lists the edits; text that was
//! masked is only read again, since a repair there would hide a defect of ours.
//!
//! What the caller has already of an answer, from an attempt that broke off, comes first: what follows extends it.
//!
//! Invariant: what came out is always the beginning of a valid answer, and all of it is one when [`Judge::end`] is content.

use std::sync::Arc;

use super::unwrap::Unwrap;
use crate::{
    backend::Wrapping,
    budget::Overrun,
    guard::{self, End, FAITHFUL, Guard, Hopeless, Options, Release, Repairer, Verdict},
    inference::Edit,
    matcher::{Matcher, Program},
};

/// Why text is not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// What is wrong with it, for whoever wrote it.
    Violation(String),
    /// It cannot be judged within the limits of its constraint.
    Outgrown(Overrun),
}

/// How a text is to be judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms<'a> {
    pub wrapping: Wrapping,
    /// When text goes out that was not masked; none for text that was.
    pub release: Option<Release>,
    /// What the caller has of it already.
    pub sent: &'a str,
}

/// How the writer of a text ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// It was done.
    Done,
    /// It was cut, and stays what it is.
    Cut,
    /// It was cut, and what is open may be closed.
    Completed,
}

/// What a text ended with.
pub(super) struct Ended {
    /// What may still go out.
    pub rest: String,
    pub edits: Vec<Edit>,
    /// All of it satisfies the constraint.
    pub whole: bool,
}

/// One text in the making.
pub(super) struct Judge {
    reader: Reader,
    unwrap: Option<Unwrap>,
    /// What came in, as the model wrote it.
    written: Vec<u8>,
    edits: Vec<Edit>,
}

enum Reader {
    /// Of masked text, which comes in whole code points.
    Again(Box<Matcher>),
    Guard(Box<Guarded>),
}

/// A guard with an automaton that goes back to its program for the next answer.
struct Guarded {
    /// There until it is dropped.
    guard: Option<Guard>,
    program: Arc<Program>,
}

impl Guarded {
    fn new(program: &Arc<Program>, options: Options, sent: &str) -> Self {
        let repairer = Repairer::of(program.blueprint(), program.automaton());
        Self { guard: Some(Guard::resume(repairer, options, sent)), program: program.clone() }
    }

    fn guard(&mut self) -> &mut Guard {
        self.guard.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // What a panic left behind is not used again.
        if let Some(guard) = self.guard.take().filter(|_| !std::thread::panicking()) {
            self.program.keep(guard.into_repairer().into_machine());
        }
    }
}

impl Judge {
    pub fn new(program: &Arc<Program>, terms: Terms) -> Self {
        let Terms { wrapping, release, sent } = terms;
        let wraps = wrapping != Wrapping::default();
        let reader = match release {
            None => {
                let mut matcher = program.matcher();
                matcher.accept_bytes(sent.as_bytes());
                Reader::Again(Box::new(matcher))
            }
            Some(release) => {
                let options = Options { release, bounds: FAITHFUL, ..Options::default() };
                Reader::Guard(Box::new(Guarded::new(program, options, sent)))
            }
        };
        let written = sent.as_bytes().to_vec();
        Self { reader, unwrap: wraps.then(|| Unwrap::new(wrapping)), written, edits: Vec::new() }
    }

    /// What went out is an answer as it stands.
    pub fn is_accepting(&mut self) -> bool {
        match &mut self.reader {
            Reader::Again(matcher) => matcher.is_accepting(),
            Reader::Guard(guarded) => guarded.guard().is_accepting(),
        }
    }

    /// What went out is an answer, and nothing that matters could come behind it.
    pub fn is_whole(&mut self) -> bool {
        match &mut self.reader {
            // Masked text ends by itself where nothing can follow.
            Reader::Again(_) => false,
            Reader::Guard(guarded) => guarded.guard().is_whole(),
        }
    }

    /// What was changed on the way to what went out so far.
    pub fn edits(&mut self) -> Vec<Edit> {
        let guarded = match &mut self.reader {
            Reader::Again(_) => Vec::new(),
            Reader::Guard(guarded) => guarded.guard().edits().iter().cloned().map(listed).collect(),
        };
        self.edits.iter().cloned().chain(guarded).collect()
    }

    /// What the model wrote so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// Takes more text; gives what may go out.
    ///
    /// # Errors
    /// The text begins no valid answer, and none that comes at a bearable cost.
    pub fn take(&mut self, text: &[u8]) -> Result<String, Fault> {
        self.written.extend_from_slice(text);
        let Some(mut unwrap) = self.unwrap.take() else { return self.reader.feed(text) };
        let (mut released, mut out) = (String::new(), Vec::with_capacity(text.len()));
        for byte in text {
            if unwrap.step(*byte, &mut out) {
                released += &self.reader.feed(&out)?;
                out.clear();
                self.null(&mut unwrap, &mut out);
            }
        }
        self.unwrap = Some(unwrap);
        released += &self.reader.feed(&out)?;
        Ok(released)
    }

    /// A member is null: if the constraint does not take it so, it goes.
    fn null(&mut self, unwrap: &mut Unwrap, out: &mut Vec<u8>) {
        let Reader::Guard(guarded) = &mut self.reader else { return unwrap.settle(true, out) };
        let guard = guarded.guard();
        let held = unwrap.held();
        let keep = guard.may_take(held);
        if !keep {
            self.edits.push(Edit {
                at: guard.place(),
                what: "a member that may be missing was null".to_owned(),
                before: String::from_utf8_lossy(held).into_owned(),
                after: String::new(),
            });
        }
        unwrap.settle(keep, out);
    }

    /// The text ends.
    ///
    /// # Errors
    /// A text that is no valid answer, though its writer meant it to end.
    pub fn end(&mut self, close: Close) -> Result<Ended, Fault> {
        let cut = close != Close::Done;
        let (mut closed, mut released) = (true, String::new());
        if let Some(mut unwrap) = self.unwrap.take() {
            let mut out = Vec::new();
            closed = unwrap.end(&mut out);
            // What a cut left undecided may not fit; then it stays behind.
            match self.reader.feed(&out) {
                Err(Fault::Violation(_)) if cut => {}
                result => released += &result?,
            }
        }
        if !closed && !cut {
            return Err(Fault::Violation("the answer ends before the object that wraps it does".to_owned()));
        }
        let (rest, whole) = self.reader.end(close, &mut self.edits)?;
        released += &rest;
        Ok(Ended { rest: released, edits: std::mem::take(&mut self.edits), whole })
    }
}

impl Reader {
    fn feed(&mut self, text: &[u8]) -> Result<String, Fault> {
        match self {
            Self::Again(matcher) => match matcher.accept_bytes(text) == text.len() {
                true => Ok(String::from_utf8_lossy(text).into_owned()),
                false => Err(broken(matcher)),
            },
            Self::Guard(guarded) => {
                let guard = guarded.guard();
                let released = guard.push(text);
                match guard.hopeless() {
                    None => Ok(released),
                    Some(_) => settle(guard, End::Done, &mut Vec::new()).map(|(rest, _)| rest),
                }
            }
        }
    }

    fn end(&mut self, close: Close, edits: &mut Vec<Edit>) -> Result<(String, bool), Fault> {
        match self {
            Self::Again(matcher) => match (matcher.is_accepting(), close) {
                (true, _) => Ok((String::new(), true)),
                (false, Close::Done) => Err(broken(matcher)),
                (false, _) => Ok((String::new(), false)),
            },
            Self::Guard(guarded) => {
                let guard = guarded.guard();
                guard.allow_completion(close == Close::Completed);
                settle(guard, if close == Close::Done { End::Done } else { End::Cut }, edits)
            }
        }
    }
}

fn broken(matcher: &Matcher) -> Fault {
    match matcher.fault() {
        Some(overrun) => Fault::Outgrown(overrun),
        None => Fault::Violation("masked text does not satisfy the constraint".to_owned()),
    }
}

/// What is left of a guarded text at its end, and whether all of it satisfies the constraint.
fn settle(guard: &mut Guard, end: End, edits: &mut Vec<Edit>) -> Result<(String, bool), Fault> {
    let (rest, verdict) = guard.finish(end);
    let whole = !matches!(verdict, Verdict::Truncated { .. });
    match verdict {
        Verdict::Satisfied => {}
        Verdict::Repaired { edits: more, .. }
            if guard.came_as_json() && !more.iter().all(|edit| edit.what.keeps_structure()) =>
        {
            let words = guard.violation().map_or_else(String::new, |violation| violation.to_string());
            return Err(Fault::Violation(words));
        }
        Verdict::Repaired { edits: more, .. } | Verdict::Truncated { edits: more } => {
            edits.extend(more.into_iter().map(listed));
        }
        Verdict::Violated { refusal: Hopeless::Overrun(overrun), .. } => return Err(Fault::Outgrown(overrun)),
        Verdict::Violated { violation, .. } => return Err(Fault::Violation(violation.to_string())),
    }
    Ok((rest, whole))
}

/// An edit as the receipt has it.
fn listed(edit: guard::Edit) -> Edit {
    let at = match edit.pointer {
        Some(pointer) if !pointer.is_empty() => pointer,
        _ => format!("byte {}", edit.offset),
    };
    Edit { at, what: edit.what.to_string(), before: edit.before, after: edit.after }
}
