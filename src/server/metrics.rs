//! What an operator watches, in Prometheus' text format.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::{
    gateway::Load,
    inference::{Receipt, Usage},
};

const METADATA: Metadata<'static> = Metadata::new("espalier", Level::INFO, None);
/// Seconds, from a mask to a long answer.
const BUCKETS: &[f64] =
    &[0.000_1, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The counters of one server. Not the process-wide recorder of the `metrics` crate: a process may hold several servers.
pub struct Metrics {
    recorder: PrometheusRecorder,
    prompt_tokens: Counter,
    completion_tokens: Counter,
    forced_tokens: Counter,
    first_token: Histogram,
    answer: Histogram,
    mask: Histogram,
    waiting: Gauge,
    sequences: Gauge,
    /// Constraints that have a label of their own.
    constraints: Mutex<HashSet<String>>,
}

/// Constraints that get a label of their own; all others share one, so that no caller can fill the memory.
const MOST_CONSTRAINTS: usize = 200;

impl Metrics {
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new().set_buckets(BUCKETS).expect("the list of buckets is not empty");
        let recorder = builder.build_recorder();
        let counter = |name: &'static str, what: &'static str| {
            recorder.describe_counter(name.into(), None, what.into());
            recorder.register_counter(&Key::from_static_name(name), &METADATA)
        };
        let gauge = |name: &'static str, what: &'static str| {
            recorder.describe_gauge(name.into(), None, what.into());
            recorder.register_gauge(&Key::from_static_name(name), &METADATA)
        };
        let histogram = |name: &'static str, what: &'static str| {
            recorder.describe_histogram(name.into(), Some(Unit::Seconds), what.into());
            recorder.register_histogram(&Key::from_static_name(name), &METADATA)
        };
        recorder.describe_counter(REQUESTS.into(), None, "Requests by route and status".into());
        let what = "Attempts by deployment, kind of provider, method, outcome and constraint";
        recorder.describe_counter(ATTEMPTS.into(), None, what.into());
        recorder.describe_counter(EDITS.into(), None, "Changes made to answers, by deployment and constraint".into());
        Self {
            prompt_tokens: counter("espalier_prompt_tokens_total", "Tokens read"),
            completion_tokens: counter("espalier_completion_tokens_total", "Tokens written"),
            forced_tokens: counter("espalier_forced_tokens_total", "Tokens written without sampling"),
            first_token: histogram("espalier_time_to_first_token_seconds", "From the request to its first text"),
            answer: histogram("espalier_answer_seconds", "From the request to the end of its answer"),
            mask: histogram("espalier_mask_seconds", "Time for masks, by answer"),
            waiting: gauge("espalier_requests_waiting", "Requests whose prompt was not read yet"),
            sequences: gauge("espalier_sequences_running", "Choices that are being written"),
            constraints: Mutex::default(),
            recorder,
        }
    }

    pub(super) fn request(&self, route: &str, status: u16) {
        let labels = vec![Label::new("route", route.to_owned()), Label::new("status", status.to_string())];
        self.recorder.register_counter(&Key::from_parts(REQUESTS, labels), &METADATA).increment(1);
    }

    pub(super) fn first_token(&self, seconds: f64) {
        self.first_token.record(seconds);
    }

    pub(super) fn answered(&self, usage: Usage, seconds: f64) {
        self.prompt_tokens.increment(usage.prompt_tokens.into());
        self.completion_tokens.increment(usage.completion_tokens.into());
        self.forced_tokens.increment(usage.forced_tokens.into());
        self.answer.record(seconds);
    }

    pub(super) fn masked(&self, receipt: &Receipt) {
        let mask_us: u64 = receipt.attempts.iter().map(|attempt| attempt.times.mask_us).sum();
        self.mask.record(mask_us as f64 / 1e6);
    }

    /// Every attempt behind an answer, and what was changed in it.
    pub(super) fn attempts(&self, receipt: &Receipt) {
        let constraint = self.constraint_label(receipt.constraint.as_deref());
        let count = |name: &'static str, labels: Vec<Label>, by: u64| {
            self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA).increment(by);
        };
        for attempt in &receipt.attempts {
            let labels = vec![
                Label::new("backend", attempt.backend.clone()),
                Label::new("provider", attempt.provider.unwrap_or("local")),
                Label::new("method", attempt.method.as_str()),
                Label::new("outcome", attempt.outcome.as_str()),
                Label::new("constraint", constraint.clone()),
            ];
            count(ATTEMPTS, labels, 1);
        }
        if let (Some(last), false) = (receipt.attempts.last(), receipt.edits.is_empty()) {
            let labels =
                vec![Label::new("backend", last.backend.clone()), Label::new("constraint", constraint.clone())];
            count(EDITS, labels, receipt.edits.len() as u64);
        }
    }

    fn constraint_label(&self, constraint: Option<&str>) -> String {
        let Some(constraint) = constraint else { return "none".to_owned() };
        let mut known = self.constraints.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(constraint) || (known.len() < MOST_CONSTRAINTS && known.insert(constraint.to_owned())) {
            return constraint.to_owned();
        }
        "other".to_owned()
    }

    pub(super) fn render(&self, load: &Load) -> String {
        self.waiting.set(load.waiting() as f64);
        self.sequences.set(load.sequences() as f64);
        let handle = self.recorder.handle();
        // Moves what histograms gathered into their buckets; nothing else does it.
        handle.run_upkeep();
        handle.render()
    }
}

const ATTEMPTS: &str = "espalier_attempts_total";
const EDITS: &str = "espalier_edits_total";
const REQUESTS: &str = "espalier_requests_total";

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
