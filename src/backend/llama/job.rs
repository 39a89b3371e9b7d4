//! One request while it is answered: where its events go, and what they add up to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc::UnboundedSender;

use super::text::Piece;
use crate::inference::{Event, Failure, FailureKind, FinishReason, Times, Usage};

/// A place in the queue, given back when dropped.
pub(super) struct Ticket(Arc<AtomicUsize>);

impl Ticket {
    /// None if `most` wait already.
    pub fn draw(waiting: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let drawn =
            waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < most).then_some(count + 1));
        drawn.ok().map(|_| Self(waiting.clone()))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Dropped before its end, it fails: whoever listens always gets an end.
pub(super) struct Job {
    events: UnboundedSender<Event>,
    ticket: Option<Ticket>,
    /// Choices that are not finished.
    open: u32,
    echo: Option<String>,
    usage: Usage,
    marks: Marks,
    mask_time: Duration,
}

struct Marks {
    submitted: Instant,
    admitted: Option<Instant>,
    read: Option<Instant>,
}

impl Job {
    pub fn new(events: UnboundedSender<Event>, ticket: Ticket, choices: u32, echo: Option<String>) -> Self {
        let marks = Marks { submitted: Instant::now(), admitted: None, read: None };
        let (usage, mask_time) = (Usage::default(), Duration::ZERO);
        Self { events, ticket: Some(ticket), open: choices, echo, usage, marks, mask_time }
    }

    /// Nobody listens any more.
    pub fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    /// The prompt was read, so that other choices can share it.
    pub fn is_read(&self) -> bool {
        self.marks.read.is_some()
    }

    pub fn count_mask_time(&mut self, time: Duration) {
        self.mask_time += time;
    }

    /// The first choice has a sequence, which holds `cached` of the prompt's tokens already.
    pub fn admit(&mut self, prompt: usize, cached: usize) {
        if self.marks.admitted.is_none() {
            self.marks.admitted = Some(Instant::now());
            self.usage.prompt_tokens = prompt as u32;
            self.usage.cached_tokens = cached as u32;
            self.ticket = None;
        }
    }

    /// The prompt is in the cache, or is not needed.
    pub fn read(&mut self) {
        if self.marks.read.is_none() {
            self.marks.read = Some(Instant::now());
            self.send(Event::Started { prompt_tokens: self.usage.prompt_tokens });
            let echo = self.echo.take().filter(|text| !text.is_empty()).into_iter();
            let echoes = echo.flat_map(|text| (0..self.open).map(move |choice| (choice, text.clone())));
            echoes.collect::<Vec<_>>().into_iter().for_each(|(choice, text)| self.tell(choice, (text, Vec::new())));
        }
    }

    pub fn tell(&self, choice: u32, (text, logprobs): Piece) {
        self.send(Event::Text { choice, text, logprobs });
    }

    /// True if this was the last choice: the job is done.
    pub fn finish(&mut self, choice: u32, reason: FinishReason, written: usize, forced: u32) -> bool {
        self.usage.completion_tokens += written as u32;
        self.usage.forced_tokens += forced;
        self.send(Event::Finished { choice, reason });
        self.open -= 1;
        if self.open == 0 {
            self.send(Event::Done { usage: self.usage, times: self.times() });
        }
        self.open == 0
    }

    pub fn fail(mut self, failure: Failure) {
        self.open = 0;
        self.send(Event::Failed(failure));
    }

    fn times(&self) -> Times {
        let Marks { submitted, admitted, read } = self.marks;
        let now = Instant::now();
        let (admitted, read) = (admitted.unwrap_or(now), read.unwrap_or(now));
        let micros = |time: Duration| time.as_micros() as u64;
        Times {
            queued_us: micros(admitted - submitted),
            prefill_us: micros(read - admitted),
            decode_us: micros(now - read),
            mask_us: micros(self.mask_time),
        }
    }

    fn send(&self, event: Event) {
        // A receiver that is gone abandons the job; the next step sees it.
        let _ = self.events.send(event);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.open > 0 {
            let message = "the local model stopped in the middle of the answer; see the log";
            self.send(Event::Failed(Failure::new(FailureKind::Internal, message)));
        }
    }
}
