//! One choice of an attempt: its text, its calls, its end, judged as they come.

use std::{collections::HashMap, sync::Arc};

use super::{
    judge::{Close, Ended, Fault, Judge, Terms},
    second::{Opinion, Second},
};
use crate::{
    backend::Wrapping,
    guard::Release,
    inference::{
        AnswerReader, CallPiece, CrossCheck, Edit, Failure, FailureKind, FinishReason, Part, ToolChoice, Tools,
    },
    matcher::Program,
};

/// What an attempt is judged with.
#[derive(Clone, Default)]
pub(super) struct Standards {
    /// The answer's constraint.
    pub answer: Option<Arc<Program>>,
    /// The second opinion on it.
    pub second: Option<Arc<Second>>,
    pub wrapping: Wrapping,
    /// When text goes out that was not masked. None: it was.
    pub release: Option<Release>,
    pub tools: Arc<ToolStandards>,
    /// What takes an answer apart in which calls stand in the text.
    pub reader: Option<AnswerReader>,
    /// What the caller has of the answer already.
    pub sent: Arc<str>,
    /// An answer that was cut may be closed.
    pub allow_completion: bool,
}

/// What calls are judged with.
#[derive(Default)]
pub(super) struct ToolStandards {
    /// By the tool's name.
    pub parameters: HashMap<String, ToolStandard>,
    pub wanted: Tools,
}

/// What the arguments of one tool are judged with.
pub(super) struct ToolStandard {
    pub schema: Arc<str>,
    pub program: Arc<Program>,
    /// The second opinion on them.
    pub second: Option<Arc<Second>>,
}

/// What a piece of an answer is made of, in this order.
#[derive(Default)]
pub(super) struct Said {
    pub thought: String,
    pub text: String,
    pub calls: Vec<CallPiece>,
}

/// What a choice ended with.
pub(super) struct Ending {
    pub said: Said,
    pub edits: Vec<Edit>,
    pub cross_check: Option<CrossCheck>,
}

impl Ending {
    /// Takes note of what a second validator said of one part: all of them agree, or why one was not asked.
    fn add(&mut self, opinion: CrossCheck) {
        if self.cross_check.as_ref().is_none_or(|known| *known == CrossCheck::Agreed) {
            self.cross_check = Some(opinion);
        }
    }
}

/// One choice of an attempt.
pub(super) struct Choice {
    standards: Standards,
    judge: Option<Judge>,
    /// What went out so far, where a second opinion is to be asked for.
    passed: String,
    /// Some text was written.
    spoke: bool,
    calls: Vec<Call>,
    pub refused: bool,
    pub ended: Option<FinishReason>,
    /// It was cut, and what was open was closed here.
    pub completed: bool,
}

struct Call {
    index: u32,
    name: String,
    judge: Judge,
    /// The second opinion on the arguments, where they were not masked, and what of them went out.
    second: Option<(Arc<Second>, String)>,
    /// Arguments that are a text with JSON in it, as far as they came.
    quoted: Option<Vec<u8>>,
    empty: bool,
}

impl Choice {
    pub fn new(standards: Standards) -> Self {
        let terms = Terms { wrapping: standards.wrapping, release: standards.release, sent: &standards.sent };
        let judge = standards.answer.as_ref().map(|standard| Judge::new(standard, terms));
        let passed = standards.sent.to_string();
        Self {
            standards,
            judge,
            passed,
            spoke: false,
            calls: Vec::new(),
            refused: false,
            ended: None,
            completed: false,
        }
    }

    /// What the caller has is an answer, and nothing that matters could come behind it.
    pub fn is_whole(&mut self) -> bool {
        self.calls.is_empty() && self.judge.as_mut().is_some_and(Judge::is_whole)
    }

    /// What was changed on the way to what the caller has.
    pub fn edits(&mut self) -> Vec<Edit> {
        self.judge.as_mut().map_or_else(Vec::new, Judge::edits)
    }

    /// What the model wrote so far, where it was judged.
    pub fn written(&self) -> Option<String> {
        self.judge.as_ref().filter(|_| self.spoke).map(Judge::written)
    }

    /// Its text or its calls were held against something.
    pub fn was_judged(&self) -> bool {
        self.judge.is_some() || !self.calls.is_empty()
    }

    /// Takes more text; gives what may go out.
    pub fn text(&mut self, text: String) -> Result<Said, Failure> {
        self.spoke |= !text.is_empty();
        let Some(judge) = &mut self.judge else { return Ok(Said { text, ..Said::default() }) };
        let out = judge.take(text.as_bytes()).map_err(failure)?;
        if self.standards.second.is_some() {
            self.passed.push_str(&out);
        }
        match &mut self.standards.reader {
            None => Ok(Said { text: out, ..Said::default() }),
            Some(reader) => {
                let parts = reader.take(&out);
                self.said(parts)
            }
        }
    }

    /// Parts of an answer in which calls stand in the text.
    fn said(&mut self, parts: Vec<Part>) -> Result<Said, Failure> {
        let mut said = Said::default();
        for part in parts {
            let count = self.calls.len() as u32;
            let piece = match part {
                Part::Thought(text) => {
                    said.thought.push_str(&text);
                    continue;
                }
                Part::Text(text) => {
                    said.text.push_str(&text);
                    continue;
                }
                Part::Call { name, id } => CallPiece { index: count, id, name: Some(name), arguments: String::new() },
                Part::Arguments(arguments) => {
                    CallPiece { index: count.saturating_sub(1), id: None, name: None, arguments }
                }
            };
            said.calls.extend(self.call(piece)?);
        }
        Ok(said)
    }

    /// Takes a piece of a call; gives what may go out.
    pub fn call(&mut self, piece: CallPiece) -> Result<Option<CallPiece>, Failure> {
        let CallPiece { index, id, name, arguments } = piece;
        let begins = !self.calls.iter().any(|call| call.index == index);
        if begins {
            let Some(name) = &name else { return Err(violation("a call without the name of a tool")) };
            self.begin(index, name)?;
        }
        let Some(call) = self.calls.iter_mut().find(|call| call.index == index) else { return Ok(None) };
        let out = call.take(&arguments)?;
        if begins {
            let id = id.unwrap_or_else(|| format!("call_{}", uuid::Uuid::new_v4().simple()));
            return Ok(Some(CallPiece { index, id: Some(id), name, arguments: out }));
        }
        Ok((!out.is_empty()).then_some(CallPiece { index, id: None, name: None, arguments: out }))
    }

    fn begin(&mut self, index: u32, name: &str) -> Result<(), Failure> {
        let tools = &self.standards.tools;
        let Some(standard) = tools.parameters.get(name) else {
            return Err(violation(&format!("there is no tool {name:?}")));
        };
        match &tools.wanted.choice {
            ToolChoice::None => return Err(violation("no tool was to be called")),
            ToolChoice::Named(wanted) if wanted != name => {
                return Err(violation(&format!("the tool {wanted:?} was to be called, not {name:?}")));
            }
            _ => {}
        }
        if !tools.wanted.parallel && !self.calls.is_empty() {
            return Err(violation("one tool was to be called, not several"));
        }
        let judge = Judge::new(&standard.program, Terms { release: self.standards.release, ..Terms::default() });
        let second = standard.second.clone().filter(|_| self.standards.release.is_some());
        let second = second.map(|second| (second, String::new()));
        self.calls.push(Call { index, name: name.to_owned(), judge, second, quoted: None, empty: true });
        Ok(())
    }

    /// The choice ends.
    pub fn end(&mut self, reason: FinishReason) -> Result<Ending, Failure> {
        let cut = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
        let mut ending = Ending { said: Said::default(), edits: Vec::new(), cross_check: None };
        if let Some(reader) = &mut self.standards.reader {
            let parts = reader.finish();
            ending.said = self.said(parts)?;
        }
        for call in &mut self.calls {
            call.end(cut, &mut ending)?;
        }
        if !cut && self.calls.is_empty() && self.standards.tools.wanted.must_call() && !self.refused {
            return Err(violation("a tool was to be called, and none was"));
        }
        if let (false, false, Some(judge)) = (self.standards.sent.is_empty(), self.spoke, &mut self.judge) {
            // Nothing came behind what the caller has: right where that is an answer, and else no word of a model.
            if !cut && !judge.is_accepting() {
                return Err(Failure::new(FailureKind::Upstream, "the answer was not continued"));
            }
            self.spoke = true;
        }
        // Tool calls, or an answer: with calls there is no answer to judge, and no text may stand beside them.
        let answers = self.calls.is_empty() || self.spoke;
        if let (Some(judge), true, false) = (&mut self.judge, answers, self.refused) {
            let close = match cut {
                false => Close::Done,
                true if reason == FinishReason::Length && self.standards.allow_completion => Close::Completed,
                true => Close::Cut,
            };
            let Ended { rest, edits, whole } = judge.end(close).map_err(failure)?;
            ending.said.text += &rest;
            ending.edits.extend(edits);
            self.completed = close == Close::Completed && whole;
            if !cut || self.completed {
                self.passed.push_str(&rest);
                self.cross_check(&self.passed)?.into_iter().for_each(|opinion| ending.add(opinion));
            }
        }
        let called = reason == FinishReason::Stop && self.standards.reader.is_some() && !self.calls.is_empty();
        self.ended = Some(if called { FinishReason::ToolCalls } else { reason });
        Ok(ending)
    }

    /// What its text is judged with, where that is an answer and nothing around it.
    pub fn answer_program(&self) -> Option<&Arc<Program>> {
        self.standards.answer.as_ref().filter(|_| self.standards.reader.is_none())
    }

    /// What the second opinion on an answer is.
    pub fn cross_check(&self, text: &str) -> Result<Option<CrossCheck>, Failure> {
        self.standards.second.as_ref().map(|second| checked(second, text, "an answer")).transpose()
    }

    /// Nothing came of it: no text, no call, no refusal.
    pub fn is_empty(&self) -> bool {
        !self.spoke && self.calls.is_empty() && !self.refused
    }
}

impl Call {
    fn take(&mut self, arguments: &str) -> Result<String, Failure> {
        if let Some(quoted) = &mut self.quoted {
            quoted.extend_from_slice(arguments.as_bytes());
            return Ok(String::new());
        }
        if self.empty {
            match arguments.trim_ascii_start().as_bytes().first() {
                None => return Ok(String::new()),
                Some(b'"') => {
                    self.empty = false;
                    self.quoted = Some(arguments.as_bytes().to_vec());
                    return Ok(String::new());
                }
                Some(_) => self.empty = false,
            }
        }
        let out = self.judge.take(arguments.as_bytes()).map_err(|fault| self.blame(fault))?;
        if let Some((_, passed)) = &mut self.second {
            passed.push_str(&out);
        }
        Ok(out)
    }

    fn end(&mut self, cut: bool, ending: &mut Ending) -> Result<(), Failure> {
        let index = self.index;
        let mut out = String::new();
        let mut edit = |what: &str, before: String, after: &str| {
            let at = format!("tool_calls[{index}].function.arguments");
            ending.edits.push(Edit { at, what: what.to_owned(), before, after: after.to_owned() });
        };
        if let Some(quoted) = self.quoted.take() {
            // Cut, it is no text yet, and nothing of it has gone out.
            match serde_json::from_slice::<String>(&quoted) {
                Ok(inner) => {
                    out += &self.judge.take(inner.as_bytes()).map_err(|fault| self.blame(fault))?;
                    edit(
                        "the arguments were JSON within a text",
                        String::from_utf8_lossy(&quoted).into_owned(),
                        &inner,
                    );
                }
                Err(_) if cut => {}
                Err(error) => return Err(violation(&format!("the arguments of {:?} are no JSON: {error}", self.name))),
            }
        } else if self.empty && !cut {
            out += &self.judge.take(b"{}").map_err(|fault| self.blame(fault))?;
            edit("there were no arguments", String::new(), "{}");
        }
        // Arguments that were cut are never completed: somebody would act on them.
        let close = if cut { Close::Cut } else { Close::Done };
        let Ended { rest, edits, .. } = self.judge.end(close).map_err(|fault| self.blame(fault))?;
        out += &rest;
        ending.edits.extend(edits);
        if let (Some((second, passed)), false) = (&mut self.second, cut) {
            passed.push_str(&out);
            let what = format!("the arguments of {:?}", self.name);
            ending.add(checked(second, passed, &what)?);
        }
        if !out.is_empty() {
            ending.said.calls.push(CallPiece { index, id: None, name: None, arguments: out });
        }
        Ok(())
    }

    fn blame(&self, fault: Fault) -> Failure {
        let mut failure = failure(fault);
        failure.message = format!("the arguments of {:?}: {}", self.name, failure.message);
        failure
    }
}

/// What a second validator says of a text that ours takes.
///
/// # Errors
/// It objects.
fn checked(second: &Second, text: &str, what: &str) -> Result<CrossCheck, Failure> {
    match second.on(text) {
        Opinion::Agrees => Ok(CrossCheck::Agreed),
        Opinion::Skipped(reason) => Ok(CrossCheck::Skipped(reason)),
        Opinion::Objects(why) => {
            tracing::error!(%why, "{what} satisfies its constraint, and a second validator says that it does not");
            let message = format!(
                "two validators disagree about {what}, which is therefore withheld; this is a defect of one of them, and \
                 the second says: {why}"
            );
            Err(Failure::new(FailureKind::Internal, message).coded("cross_check_failed"))
        }
    }
}

fn violation(message: &str) -> Failure {
    Failure::new(FailureKind::ConstraintNotMet, message)
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Violation(words) => violation(&words),
        Fault::Outgrown(overrun) => {
            let message = format!("the answer cannot be judged within the limits of its constraint: {overrun}");
            Failure::new(FailureKind::Constraint, message).coded("constraint_too_large")
        }
    }
}
