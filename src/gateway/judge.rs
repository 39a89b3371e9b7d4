//! The judge of what leaves: the one place where an answer's text meets its constraint.
//!
//! Text that a provider wrote goes through a guard, which repairs what can be repaired and lists the edits; text that was
//! masked is only read again, since a repair there would hide a defect of ours.
//!
//! Invariant: what came out is always the beginning of a valid answer, and all of it is one when [`Judge::end`] is content.

use super::{
    repairers::{Lent, Standard},
    unwrap::Unwrap,
};
use crate::{
    backend::Wrapping,
    budget::Overrun,
    guard::{self, End, FAITHFUL, Guard, Hopeless, Options, Release, Verdict},
    inference::Edit,
    matcher::Matcher,
};

/// Why text is not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// What is wrong with it, for whoever wrote it.
    Violation(String),
    /// It cannot be judged within the limits of its constraint.
    Outgrown(Overrun),
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
    Guard(Box<Lent>),
}

impl Judge {
    /// `release`: when text goes out that was not masked; none for text that was.
    pub fn new(standard: &Standard, wrapping: Wrapping, release: Option<Release>) -> Self {
        let wraps = wrapping != Wrapping::default();
        let reader = match release {
            None => Reader::Again(Box::new(standard.program.matcher())),
            Some(release) => {
                let options = Options { release, bounds: FAITHFUL, ..Options::default() };
                Reader::Guard(Box::new(standard.guard(options)))
            }
        };
        Self { reader, unwrap: wraps.then(|| Unwrap::new(wrapping)), written: Vec::new(), edits: Vec::new() }
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
        let Reader::Guard(guard) = &mut self.reader else { return unwrap.settle(true, out) };
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

    /// The text ends; `cut` says that its writer did not mean it to. Gives what may still go out, and the edits.
    ///
    /// # Errors
    /// A text that is no valid answer, though its writer meant it to end.
    pub fn end(&mut self, cut: bool) -> Result<(String, Vec<Edit>), Fault> {
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
        released += &self.reader.end(cut, &mut self.edits)?;
        Ok((released, std::mem::take(&mut self.edits)))
    }
}

impl Reader {
    fn feed(&mut self, text: &[u8]) -> Result<String, Fault> {
        match self {
            Self::Again(matcher) => match matcher.accept_bytes(text) == text.len() {
                true => Ok(String::from_utf8_lossy(text).into_owned()),
                false => Err(broken(matcher)),
            },
            Self::Guard(guard) => {
                let released = guard.push(text);
                match guard.hopeless() {
                    None => Ok(released),
                    Some(_) => settle(guard, End::Done, &mut Vec::new()),
                }
            }
        }
    }

    fn end(&mut self, cut: bool, edits: &mut Vec<Edit>) -> Result<String, Fault> {
        match self {
            Self::Again(matcher) => match cut || matcher.is_accepting() {
                true => Ok(String::new()),
                false => Err(broken(matcher)),
            },
            Self::Guard(guard) => settle(guard, if cut { End::Cut } else { End::Done }, edits),
        }
    }
}

fn broken(matcher: &Matcher) -> Fault {
    match matcher.fault() {
        Some(overrun) => Fault::Outgrown(overrun),
        None => Fault::Violation("masked text does not satisfy the constraint".to_owned()),
    }
}

/// What is left of a guarded text at its end.
fn settle(guard: &mut Guard, end: End, edits: &mut Vec<Edit>) -> Result<String, Fault> {
    let (rest, verdict) = guard.finish(end);
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
    Ok(rest)
}

/// An edit as the receipt has it.
fn listed(edit: guard::Edit) -> Edit {
    let at = match edit.pointer {
        Some(pointer) if !pointer.is_empty() => pointer,
        _ => format!("byte {}", edit.offset),
    };
    Edit { at, what: edit.what.to_string(), before: edit.before, after: edit.after }
}
