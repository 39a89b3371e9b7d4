//! One request under way: what the backend says, judged, with the receipt.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    time::Instant,
};

use super::{load::Place, programs::Pair};
use crate::{
    budget::Overrun,
    inference::{
        Attempt, Event, Failure, FailureKind, FinishReason, Method, Receipt, Request, Times, TokenLogprob, Update,
        Usage, Verdict,
    },
    matcher::{Matcher, Program},
};

/// One request under way. Dropping it abandons the request.
pub struct Answer {
    /// Gone when the answer has ended.
    events: Option<UnboundedReceiver<Event>>,
    /// Updates that are ready to be read.
    ready: VecDeque<Update>,
    choices: Vec<ChoiceState>,
    /// A choice's end that waits for the receipt, in case it is the last.
    held: Option<(u32, FinishReason)>,
    receipt: Receipt,
    /// What the text is masked with.
    masking: Option<Arc<Program>>,
    stop: watch::Receiver<bool>,
    deadline: Instant,
    limit: Duration,
    place: Place,
}

struct ChoiceState {
    /// Judges the text on its way out, for a constrained answer.
    judge: Option<Matcher>,
    ended: Option<FinishReason>,
}

impl Answer {
    pub(super) fn new(
        request: &Arc<Request>,
        programs: Option<Pair>,
        events: UnboundedReceiver<Event>,
        place: Place,
        stop: watch::Receiver<bool>,
        limit: Duration,
    ) -> Self {
        let choice = || ChoiceState { judge: programs.as_ref().map(|pair| pair.judging.matcher()), ended: None };
        let receipt = Receipt {
            id: request.id.clone(),
            method: if programs.is_some() { Method::Masked } else { Method::Free },
            backend: request.model.clone(),
            attempts: Vec::new(),
            edits: Vec::new(),
            verdict: Verdict::Failed,
            annotations: programs.as_ref().map_or(Vec::new(), |pair| pair.masking.annotations().to_vec()),
            soft: false,
        };
        Self {
            events: Some(events),
            ready: VecDeque::new(),
            choices: std::iter::repeat_with(choice).take(request.output.choices as usize).collect(),
            held: None,
            receipt,
            masking: programs.map(|pair| pair.masking),
            stop,
            deadline: Instant::now() + limit,
            limit,
            place,
        }
    }

    /// The model that answers, by its own name.
    pub fn model(&self) -> &str {
        &self.receipt.backend
    }

    /// The receipt as far as it is known; complete after the last update.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The next step; nothing after the last one.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Some(update);
            }
            let events = self.events.as_mut()?;
            let stopped = async {
                if self.stop.wait_for(|stop| *stop).await.is_err() {
                    pending::<()>().await; // the gateway is gone; the backend's channel says the rest
                }
            };
            let event = tokio::select! {
                event = events.recv() => event.ok_or_else(|| ours("the backend ended without a word")),
                () = stopped => Err(going_down()),
                () = tokio::time::sleep_until(self.deadline) => {
                    let message = format!("the answer was not finished within {} seconds", self.limit.as_secs());
                    Err(Failure::new(FailureKind::Timeout, message))
                }
            };
            if let Err(failure) = event.and_then(|event| self.take(event)) {
                self.fail(failure, Usage::default(), Times::default());
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Started { .. } => {
                self.place.run();
                self.ready.push_back(Update::Started);
                Ok(())
            }
            Event::Text { choice, text, logprobs } => self.text(choice, text, logprobs),
            Event::Finished { choice, reason } => self.finished(choice, reason),
            Event::Done { usage, times } => self.done(usage, times),
            Event::Failed(failure) => Err(failure),
        }
    }

    fn text(&mut self, choice: u32, text: String, logprobs: Vec<TokenLogprob>) -> Result<(), Failure> {
        let state = self.choice(choice)?;
        if let Some(judge) = &mut state.judge {
            let taken = judge.accept_bytes(text.as_bytes());
            if taken < text.len() {
                if let Some(overrun) = judge.fault() {
                    return Err(outgrown(&overrun));
                }
                tracing::error!(
                    id = self.receipt.id,
                    choice,
                    taken,
                    text,
                    "masked text does not satisfy the constraint"
                );
                return Err(broken());
            }
        }
        self.ready.push_back(Update::Text { choice, text, logprobs });
        Ok(())
    }

    fn finished(&mut self, choice: u32, reason: FinishReason) -> Result<(), Failure> {
        let state = self.choice(choice)?;
        state.ended = Some(reason);
        let accepted = state.judge.as_mut().is_none_or(Matcher::is_accepting);
        if reason == FinishReason::Stop && !accepted {
            if let Some(overrun) = state.judge.as_ref().and_then(Matcher::fault) {
                return Err(outgrown(&overrun));
            }
            tracing::error!(id = self.receipt.id, choice, "a masked answer ended where the constraint does not");
            return Err(broken());
        }
        if let Some((choice, reason)) = self.held.replace((choice, reason)) {
            self.ready.push_back(Update::Finished { choice, reason, receipt: None });
        }
        Ok(())
    }

    fn done(&mut self, usage: Usage, times: Times) -> Result<(), Failure> {
        let Some((choice, reason)) = self.held.take().filter(|_| self.choices.iter().all(|c| c.ended.is_some())) else {
            return Err(ours("the backend ended before all choices did"));
        };
        let cut = self.choices.iter().any(|choice| choice.ended == Some(FinishReason::Length));
        self.receipt.verdict = match (self.receipt.method, cut) {
            (Method::Free, _) => Verdict::Unconstrained,
            (Method::Masked, true) => Verdict::Truncated,
            (Method::Masked, false) => Verdict::Satisfied,
        };
        self.attempt(usage, times, None);
        let receipt = Some(Box::new(self.receipt.clone()));
        self.ready.push_back(Update::Finished { choice, reason, receipt });
        self.ready.push_back(Update::Done { usage });
        self.events = None;
        Ok(())
    }

    /// A choice that has not ended.
    fn choice(&mut self, choice: u32) -> Result<&mut ChoiceState, Failure> {
        let state = self.choices.get_mut(choice as usize).filter(|state| state.ended.is_none());
        state.ok_or_else(|| ours("the backend spoke of a choice that is not open"))
    }

    fn fail(&mut self, failure: Failure, usage: Usage, times: Times) {
        if failure.kind == FailureKind::Internal {
            tracing::error!(id = self.receipt.id, %failure, "an answer failed");
        }
        self.receipt.verdict = Verdict::Failed;
        self.attempt(usage, times, Some(failure.message.clone()));
        self.held = None;
        self.events = None;
        self.ready.push_back(Update::Failed { failure, receipt: Some(Box::new(self.receipt.clone())) });
    }

    fn attempt(&mut self, tokens: Usage, times: Times, error: Option<String>) {
        self.receipt.soft = self.masking.as_ref().is_some_and(|program| program.is_soft());
        let Receipt { backend, verdict, .. } = &self.receipt;
        let attempt = Attempt { backend: backend.clone(), outcome: *verdict, times, tokens, error };
        self.receipt.attempts.push(attempt);
    }
}

pub(super) fn going_down() -> Failure {
    Failure::new(FailureKind::ShuttingDown, "the server is going down")
}

fn ours(message: &str) -> Failure {
    Failure::new(FailureKind::Internal, message)
}

fn outgrown(overrun: &Overrun) -> Failure {
    let message = format!("the answer cannot be judged within the limits of its constraint: {overrun}");
    Failure::new(FailureKind::Constraint, message).coded("constraint_too_large")
}

fn broken() -> Failure {
    ours("the answer does not satisfy its constraint; this is a defect of the server, and the answer was withheld")
}
