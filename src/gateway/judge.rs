//! The judge of text that was not masked.
//!
//! This is the one place where text from a provider meets its constraint: bytes go in, bytes come out that may be handed
//! on, and at the end there is a verdict, with the edits that were made, or a diagnostic in words. A search that mends text
//! instead of refusing it takes the place of what is inside; nothing outside has to change for that.
//!
//! Invariant: what came out is always the beginning of a valid answer, and all of it is one when [`Judge::end`] is content.

use std::sync::Arc;

use super::{unwrap::Unwrap, words};
use crate::{
    backend::Wrapping,
    budget::Overrun,
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

/// One text in the making.
pub(super) struct Judge {
    matcher: Matcher,
    unwrap: Option<Unwrap>,
    /// What came in, as the model wrote it.
    written: Vec<u8>,
    /// What was taken, as it goes out.
    taken: Vec<u8>,
    /// Of `taken`, what went out: whole code points.
    out: usize,
    edits: Vec<Edit>,
}

impl Judge {
    pub fn new(program: &Arc<Program>, wrapping: Wrapping) -> Self {
        let wraps = wrapping != Wrapping::default();
        Self {
            matcher: program.matcher(),
            unwrap: wraps.then(|| Unwrap::new(wrapping)),
            written: Vec::new(),
            taken: Vec::new(),
            out: 0,
            edits: Vec::new(),
        }
    }

    /// What the model wrote so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// Takes more text; gives what may go out.
    ///
    /// # Errors
    /// The text begins no valid answer.
    pub fn take(&mut self, text: &[u8]) -> Result<String, Fault> {
        self.written.extend_from_slice(text);
        match self.unwrap.take() {
            None => self.feed(text)?,
            Some(mut unwrap) => {
                let mut out = Vec::with_capacity(text.len());
                for byte in text {
                    if unwrap.step(*byte, &mut out) {
                        self.feed(&out)?;
                        out.clear();
                        self.null(&mut unwrap, &mut out);
                    }
                }
                self.unwrap = Some(unwrap);
                self.feed(&out)?;
            }
        }
        Ok(self.release())
    }

    /// A member is null: if the constraint does not take it so, it goes.
    fn null(&mut self, unwrap: &mut Unwrap, out: &mut Vec<u8>) {
        let held = unwrap.held();
        let keep = self.matcher.clone().accept_bytes(held) == held.len();
        if !keep {
            self.edits.push(Edit {
                at: words::pointer(&self.taken),
                what: "a member that may be missing was null".to_owned(),
                before: String::from_utf8_lossy(held).into_owned(),
                after: String::new(),
            });
        }
        unwrap.settle(keep, out);
    }

    fn feed(&mut self, text: &[u8]) -> Result<(), Fault> {
        let taken = self.matcher.accept_bytes(text);
        self.taken.extend_from_slice(&text[..taken]);
        if taken == text.len() {
            return Ok(());
        }
        Err(match self.matcher.fault() {
            Some(overrun) => Fault::Outgrown(overrun),
            None => Fault::Violation(words::violation(&mut self.matcher, &self.taken, &text[taken..])),
        })
    }

    /// What was taken and has not gone out, without the beginning of a code point.
    fn release(&mut self) -> String {
        let rest = &self.taken[self.out..];
        let whole = match std::str::from_utf8(rest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
        };
        self.out += whole.len();
        whole.to_owned()
    }

    /// The text ends; `cut` says that its writer did not mean it to. Gives what may still go out, and the edits.
    ///
    /// # Errors
    /// A text that is no valid answer, though its writer meant it to end.
    pub fn end(&mut self, cut: bool) -> Result<(String, Vec<Edit>), Fault> {
        let mut closed = true;
        if let Some(mut unwrap) = self.unwrap.take() {
            let mut out = Vec::new();
            closed = unwrap.end(&mut out);
            // What a cut left undecided may not fit; then it stays behind.
            match self.feed(&out) {
                Err(Fault::Violation(_)) if cut => {}
                result => result?,
            }
        }
        if !(cut || closed && self.matcher.is_accepting()) {
            return Err(match self.matcher.fault() {
                Some(overrun) => Fault::Outgrown(overrun),
                None => Fault::Violation(words::violation(&mut self.matcher, &self.taken, &[])),
            });
        }
        Ok((self.release(), std::mem::take(&mut self.edits)))
    }
}
