//! One request under way: attempts, one after the other, until one holds; with the receipt.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::{
    attempt::{Attempt, Progress, Setting, ours},
    calls,
    choice::{Standards, ToolStandards},
    course::{Course, Next, continued},
    load::Place,
    programs::{Pair, Programs, digest},
};
use crate::{
    backend::Job,
    guard::Release,
    inference::{self, Delivery, Failure, FailureKind, Method, Receipt, Request, Update, Usage, Verdict},
};

/// One request under way. Dropping it abandons the request.
pub struct Answer {
    pub(super) request: Arc<Request>,
    pub(super) course: Course,
    programs: Arc<Programs>,
    tools: Arc<ToolStandards>,
    /// The constraint as it was last compiled, and for which of the planned deployments.
    compiled: (usize, Option<Pair>),
    pub(super) phase: Phase,
    /// Updates that are ready to be read.
    pub(super) ready: VecDeque<Update>,
    /// Something of the answer was handed on: from then on it can only be gone on with.
    sent: bool,
    /// Its text, as far as it was handed on.
    pub(super) released: String,
    /// Something was handed on that is no text and no thought.
    pub(super) beyond_text: bool,
    pub(super) receipt: Receipt,
    stop: Option<watch::Receiver<bool>>,
    deadline: Instant,
    limit: Duration,
    place: Place,
    pub(super) usage: Usage,
}

pub(super) enum Phase {
    Begin,
    Wait(Instant),
    Run(Box<Attempt>),
    Ended,
}

/// What the request is judged with, and what of it could not be enforced.
pub(super) type Judged = (Arc<ToolStandards>, Vec<String>);

impl Answer {
    pub(super) fn new(
        request: &Arc<Request>,
        course: Course,
        (tools, annotations): Judged,
        compiled: Option<Pair>,
        programs: Arc<Programs>,
        place: Place,
    ) -> Self {
        let receipt = Receipt {
            id: request.id.clone(),
            method: course.way().method,
            backend: request.model.clone(),
            attempts: Vec::new(),
            edits: Vec::new(),
            verdict: Verdict::Failed,
            continued: false,
            cross_check: None,
            cost: None,
            constraint: request.constraint.as_ref().map(digest),
            annotations,
            soft: false,
        };
        Self {
            request: request.clone(),
            compiled: (course.at(), compiled),
            course,
            programs,
            tools,
            phase: Phase::Begin,
            ready: VecDeque::new(),
            sent: false,
            released: String::new(),
            beyond_text: false,
            receipt,
            stop: None,
            deadline: Instant::now(),
            limit: Duration::ZERO,
            place,
            usage: Usage::default(),
        }
    }

    /// The first attempt begins.
    ///
    /// # Errors
    /// What can be told without starting, where nothing else is left to try.
    pub(super) async fn begun(mut self, stop: watch::Receiver<bool>, limit: Duration) -> Result<Self, Failure> {
        self.stop = Some(stop);
        self.limit = limit;
        self.deadline = Instant::now() + limit;
        self.begin().await;
        Ok(self)
    }

    /// The name of the model that was asked for.
    pub fn model(&self) -> &str {
        &self.request.model
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
            if matches!(self.phase, Phase::Begin) {
                self.begin().await;
                continue;
            }
            if self.is_over() {
                continue;
            }
            let stopped = stopped(&mut self.stop);
            let late = tokio::time::sleep_until(self.deadline);
            let event = match &mut self.phase {
                Phase::Ended | Phase::Begin => return None,
                Phase::Wait(until) => tokio::select! {
                    () = tokio::time::sleep_until(*until) => {
                        self.phase = Phase::Begin;
                        continue;
                    }
                    () = stopped => Err(going_down()),
                    () = late => Err(late_answer(self.limit)),
                },
                Phase::Run(attempt) => tokio::select! {
                    // Events first: while they come, no timer is set. What ends the answer was looked at above.
                    biased;
                    event = attempt.events.recv() => event.ok_or_else(|| ours("the backend ended without a word")),
                    () = stopped => Err(going_down()),
                    () = late => Err(late_answer(self.limit)),
                },
            };
            match (event, &mut self.phase) {
                (Ok(event), Phase::Run(attempt)) => match attempt.take(event) {
                    Ok(progress) => self.progress(progress),
                    Err(failure) => self.failed(failure),
                },
                (Err(failure), Phase::Run(_)) => self.failed(failure),
                (Err(failure), _) => self.give_up(failure),
                (Ok(_), _) => {}
            }
        }
    }

    /// Ends an answer whose time is up, or whose server goes down, however many events are waiting.
    fn is_over(&mut self) -> bool {
        let failure = match () {
            () if matches!(self.phase, Phase::Ended) => return false,
            () if self.stop.as_ref().is_some_and(|stop| *stop.borrow()) => going_down(),
            () if Instant::now() >= self.deadline => late_answer(self.limit),
            () => return false,
        };
        match self.phase {
            Phase::Run(_) => self.failed(failure),
            _ => self.give_up(failure),
        }
        true
    }

    /// Begins the attempt whose turn it is.
    async fn begin(&mut self) {
        let setting = match self.setting().await {
            Ok(setting) => setting,
            Err(failure) => return self.give_up(failure),
        };
        self.course.begin();
        let way = setting.way.clone();
        let prefix = Some(setting.standards.sent.clone()).filter(|text| !text.is_empty());
        let program = setting.pair.as_ref().filter(|_| way.method == Method::Masked).map(|pair| match &prefix {
            Some(prefix) => pair.taking(prefix),
            None => pair.masking.clone(),
        });
        let timeouts = self.course.deployment().timeouts;
        let request = match &prefix {
            Some(prefix) => Arc::new(continued(&self.course.asked, prefix, program.is_some())),
            None => self.course.asked.clone(),
        };
        let job = Job { request, program, way, timeouts, prefix };
        let (events, refused) = match self.course.backend().start(job) {
            Ok(events) => (events, None),
            Err(failure) => (tokio::sync::mpsc::unbounded_channel().1, Some(failure)),
        };
        self.phase = Phase::Run(Box::new(Attempt::new(setting, events)));
        if let Some(failure) = refused {
            self.failed(failure);
        }
    }

    /// The constraint for the deployment whose turn it is: once part of the answer was handed on, nothing but an answer
    /// will do.
    async fn pair(&mut self) -> Result<Option<Pair>, Failure> {
        if !self.released.is_empty() {
            return self.programs.answer_pair(&self.course, &self.request).await;
        }
        if self.compiled.0 != self.course.at() {
            let pair = self.programs.pair_for(&self.course, &self.request, &self.tools).await?;
            self.compiled = (self.course.at(), pair);
        }
        Ok(self.compiled.1.clone())
    }

    async fn setting(&mut self) -> Result<Setting, Failure> {
        let continues = !self.released.is_empty();
        let pair = self.pair().await?;
        let second = self.programs.second(&self.request, continues).await?;
        let way = self.course.way().clone();
        let deployment = self.course.deployment();
        let provider = self.course.backend().provider();
        self.receipt.method = way.method;
        if let Some(pair) = &pair {
            for place in pair.masking.annotations() {
                if !self.receipt.annotations.contains(place) {
                    self.receipt.annotations.push(place.clone());
                }
            }
        }
        let form = self.programs.text_form(&self.course, &self.request).filter(|_| !continues);
        let standards = Standards {
            answer: pair.as_ref().map(|pair| pair.judging.clone()),
            second: pair.as_ref().filter(|_| provider.is_some()).and_then(|pair| pair.second.clone()).or(second),
            wrapping: way.wrapping,
            release: provider.map(|_| match self.request.delivery {
                Delivery::Strict => Release::Strict,
                Delivery::Whole | Delivery::Buffered => Release::Buffered,
            }),
            tools: if continues { Arc::default() } else { self.tools.clone() },
            reader: form.map(|form| calls::reader(form, &self.request)),
            sent: self.released.as_str().into(),
            allow_completion: self.request.allow_completion,
        };
        // Whoever is the last to try has nobody to wait for.
        let alone = provider.is_none() && self.course.is_last();
        Ok(Setting {
            backend: deployment.id.clone(),
            provider,
            way,
            pair,
            standards,
            choices: self.request.output.choices,
            hold: !alone && self.request.delivery != Delivery::Strict,
            patient: !alone,
        })
    }

    fn progress(&mut self, progress: Progress) {
        if progress.running {
            self.place.run();
        }
        self.note_sent(&progress.updates);
        self.ready.extend(progress.updates);
        if let Some(verdict) = progress.verdict {
            self.done(verdict);
        }
    }

    /// Takes note of what is handed on.
    fn note_sent(&mut self, updates: &[Update]) {
        for update in updates {
            match update {
                Update::Started => continue,
                Update::Text { text, .. } => self.released.push_str(text),
                Update::Thought { .. } => {}
                _ => self.beyond_text = true,
            }
            self.sent = true;
            self.receipt.continued |= matches!(&self.phase, Phase::Run(attempt) if attempt.continued_at.is_some());
        }
    }

    /// An attempt held.
    fn done(&mut self, verdict: Verdict) {
        let Phase::Run(mut attempt) = std::mem::replace(&mut self.phase, Phase::Ended) else { return };
        self.course.good();
        self.receipt.verdict = verdict;
        self.receipt.edits.append(&mut attempt.edits);
        self.receipt.cross_check = attempt.cross_check.take();
        self.note(&attempt, verdict, None);
        let mut reasons = attempt.reasons().peekable();
        while let Some((choice, reason)) = reasons.next() {
            let receipt = reasons.peek().is_none().then(|| Box::new(self.receipt.clone()));
            self.ready.push_back(Update::Finished { choice, reason, receipt });
        }
        self.ready.push_back(Update::Done { usage: self.usage });
    }

    /// An attempt failed: another one, or the end.
    fn failed(&mut self, failure: Failure) {
        let Phase::Run(mut attempt) = std::mem::replace(&mut self.phase, Phase::Ended) else { return };
        attempt.settle();
        let violated = failure.kind == FailureKind::ConstraintNotMet;
        let outcome = if violated { Verdict::Violated } else { Verdict::Failed };
        self.note(&attempt, outcome, Some(failure.message.clone()));
        let ends = matches!(failure.kind, FailureKind::ShuttingDown) || Instant::now() >= self.deadline;
        let left = self.deadline.saturating_duration_since(Instant::now());
        if self.sent {
            return self.after_bytes(*attempt, failure, if ends { Duration::ZERO } else { left });
        }
        match self.course.after(&failure, attempt.written(), left) {
            _ if ends => self.give_up(failure),
            next => self.go_on(next, failure),
        }
    }

    /// What comes next, or the end.
    pub(super) fn go_on(&mut self, next: Next, failure: Failure) {
        match next {
            Next::End => self.give_up(failure),
            Next::Begin => self.phase = Phase::Begin,
            Next::Wait(time) => self.phase = Phase::Wait(Instant::now() + time),
        }
    }

    /// Nothing is left to try.
    pub(super) fn give_up(&mut self, failure: Failure) {
        let mut failure = failure;
        let final_word = [FailureKind::ShuttingDown, FailureKind::Constraint, FailureKind::Internal];
        if self.course.violated && !final_word.contains(&failure.kind) && failure.code.as_deref() != Some(LATE) {
            let tried = self.receipt.attempts.len();
            let count = if tried == 1 { "the attempt".to_owned() } else { format!("none of {tried} attempts") };
            let verb = if tried == 1 { "did not satisfy" } else { "satisfied" };
            failure = Failure::new(
                FailureKind::ConstraintNotMet,
                format!("{count} {verb} the constraint; the last one: {}", failure.message),
            );
        }
        if failure.kind == FailureKind::Internal {
            tracing::error!(id = self.receipt.id, %failure, "an answer failed");
        }
        self.phase = Phase::Ended;
        self.receipt.verdict = Verdict::Failed;
        self.ready.push_back(Update::Failed { failure, receipt: Some(Box::new(self.receipt.clone())) });
    }

    /// Writes an attempt into the receipt.
    fn note(&mut self, attempt: &Attempt, outcome: Verdict, error: Option<String>) {
        self.receipt.soft = attempt.masking.as_ref().is_some_and(|program| program.is_soft());
        let tokens = attempt.usage;
        let known = tokens != Usage::default();
        let priced = || self.course.deployment().prices.filter(|_| known).map(|prices| prices.cost(tokens));
        let cost = attempt.cost.or_else(priced);
        // Where nothing was counted, four bytes are taken for a token.
        let spent = if known { u64::from(tokens.prompt_tokens + tokens.completion_tokens) } else { attempt.bytes / 4 };
        self.course.spend(spent, cost);
        self.usage += tokens;
        if let Some(cost) = cost {
            *self.receipt.cost.get_or_insert(0.0) += cost;
        }
        self.receipt.attempts.push(inference::Attempt {
            backend: attempt.backend.clone(),
            provider: attempt.provider,
            method: attempt.way.method,
            outcome,
            continued_at: attempt.continued_at,
            times: attempt.times,
            tokens,
            cost,
            not_told: attempt.way.not_told.to_vec(),
            error,
        });
    }
}

const LATE: &str = "timeout";

async fn stopped(stop: &mut Option<watch::Receiver<bool>>) {
    let Some(stop) = stop else { return pending().await };
    if stop.wait_for(|stop| *stop).await.is_err() {
        pending::<()>().await; // the gateway is gone; the backend's channel says the rest
    }
}

pub(super) fn going_down() -> Failure {
    Failure::new(FailureKind::ShuttingDown, "the server is going down")
}

fn late_answer(limit: Duration) -> Failure {
    let message = format!("the answer was not finished within {} seconds", limit.as_secs());
    Failure::new(FailureKind::Timeout, message).coded(LATE)
}
