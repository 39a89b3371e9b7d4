//! What becomes of an answer whose attempt fails when the caller has a part of it already.
//!
//! That part stays. Where it broke off and nothing can be added to it, it is the answer; else another attempt goes on with
//! it: the same deployment or a later one, if it masks, or takes the beginning of an answer. Where none is left and the
//! request allows it, what is open is closed; else the stream ends in an error.

use std::time::Duration;

use super::{
    answer::{Answer, Phase},
    attempt::Attempt,
    course::Next,
    judge::{Close, Ended, Judge, Terms},
};
use crate::{
    guard::Release,
    inference::{Failure, FailureKind, FinishReason, Prompt, Update, Verdict},
};

impl Answer {
    /// The attempt has failed; `left` is the time for others.
    pub(super) fn after_bytes(&mut self, mut attempt: Attempt, failure: Failure, left: Duration) {
        self.receipt.edits.append(&mut attempt.edits_so_far());
        if !self.is_open_to_more(&attempt, &failure) {
            self.course.record(&failure);
            return self.give_up(failure);
        }
        if attempt.is_whole() {
            self.course.record(&failure);
            // What breaks the constraint behind a whole answer would be content that is dropped.
            return match failure.kind {
                FailureKind::ConstraintNotMet => self.give_up(failure),
                _ => self.end(&mut attempt, Verdict::Satisfied, FinishReason::Stop),
            };
        }
        match self.course.after_bytes(&failure, left) {
            next @ (Next::Begin | Next::Wait(_)) if !left.is_zero() => self.go_on(next, failure),
            _ if self.closes(&attempt) => self.end(&mut attempt, Verdict::Completed, FinishReason::Length),
            _ => self.give_up(failure),
        }
    }

    /// What was sent is the text of one constrained answer, and the failure is one that another attempt may mend.
    fn is_open_to_more(&self, attempt: &Attempt, failure: &Failure) -> bool {
        let is_text = !self.released.is_empty() && !self.beyond_text && self.request.output.choices == 1;
        let is_asked = self.request.constraint.is_some() && !self.request.tools.must_call();
        let counts = attempt.masking.as_ref().is_some_and(|program| program.counts_tokens());
        let is_final =
            matches!(failure.kind, FailureKind::Internal | FailureKind::Constraint | FailureKind::ShuttingDown);
        is_text && is_asked && !counts && !is_final && matches!(self.request.prompt, Prompt::Chat(_))
    }

    /// Closes what is open, if the request allows it and nothing has to be made up for it.
    fn closes(&mut self, attempt: &Attempt) -> bool {
        let Some(program) = attempt.answer_program().filter(|_| self.request.allow_completion) else { return false };
        let terms = Terms { release: Some(Release::Strict), sent: &self.released, ..Terms::default() };
        let Ok(Ended { rest, edits, whole: true }) = Judge::new(program, terms).end(Close::Completed) else {
            return false;
        };
        self.receipt.edits.extend(edits);
        self.released.push_str(&rest);
        self.ready.push_back(Update::Text { choice: 0, text: rest, logprobs: Vec::new() });
        true
    }

    /// What was sent is the answer.
    fn end(&mut self, attempt: &mut Attempt, verdict: Verdict, reason: FinishReason) {
        match attempt.second_opinion(&self.released) {
            Ok(opinion) => self.receipt.cross_check = opinion,
            Err(failure) => return self.give_up(failure),
        }
        self.phase = Phase::Ended;
        self.receipt.verdict = verdict;
        let receipt = Some(Box::new(self.receipt.clone()));
        self.ready.push_back(Update::Finished { choice: 0, reason, receipt });
        self.ready.push_back(Update::Done { usage: self.usage });
    }
}
