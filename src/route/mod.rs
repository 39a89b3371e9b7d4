//! Which deployment answers next: pure decisions. The time and the dice are arguments.
//!
//! Nouns: a [`Deployment`] is one way to a model, with its place in the order, its weight and its prices; a [`Policy`]
//! bounds what one request may try; [`Health`] is what is known of the deployments of one public name; a [`Step`] is what
//! to do after an attempt failed.
//!
//! Invariants: a plan holds every deployment at most once; deployments of a lower order come first; among equals the
//! chance to come first is the share of the weight; a deployment whose circuit is open is planned only if no other is
//! left, so a request never fails for want of a plan. A broken schema counts as a failure, as a dead server does.
//!
//! Cost: a plan sorts a handful of numbers.

mod health;

pub use health::{Breaker, Health, Outcome};

use std::time::{Duration, Instant};

use crate::inference::{FailureKind, Timeouts, Usage};

/// Money per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    pub input: f64,
    /// Input that the provider had cached.
    pub cached_input: f64,
    pub output: f64,
}

impl Prices {
    pub fn cost(&self, usage: Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let fresh = usage.prompt_tokens - cached;
        let millionths = f64::from(fresh) * self.input
            + f64::from(cached) * self.cached_input
            + f64::from(usage.completion_tokens) * self.output;
        millionths / 1e6
    }
}

/// One way to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub id: String,
    /// Lower comes first.
    pub order: u32,
    /// Share of the requests among deployments of the same order; at least 1.
    pub weight: u32,
    pub timeouts: Timeouts,
    pub prices: Option<Prices>,
}

impl Deployment {
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), order: 0, weight: 1, timeouts: Timeouts::default(), prices: None }
    }
}

/// What one request may try.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Attempts in all.
    pub attempts: u32,
    /// Of these, how often one deployment is told what was wrong and asked again.
    pub reasks: u32,
    /// How often one deployment is tried again after a fault that passes.
    pub retries: u32,
    /// Wait before the first retry; it doubles with each, and half of it is left to chance.
    pub backoff: Duration,
    /// Longest wait; a deployment that asks for a longer one is passed over.
    pub longest_wait: Duration,
    /// Tokens over all attempts, after which no further one is begun.
    pub tokens: Option<u64>,
    /// Money over all attempts, after which no further one is begun.
    pub cost: Option<f64>,
    pub breaker: Breaker,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 6,
            reasks: 1,
            retries: 1,
            backoff: Duration::from_millis(200),
            longest_wait: Duration::from_secs(5),
            tokens: None,
            cost: None,
            breaker: Breaker::default(),
        }
    }
}

/// What to do after an attempt failed, before anything of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The same deployment, told what was wrong.
    Reask,
    /// The same deployment, in a weaker way.
    Weaker,
    /// The same deployment, after a wait.
    Retry,
    /// The next deployment.
    Next,
    /// Nothing helps.
    GiveUp,
}

/// What a failure calls for.
pub fn step(kind: FailureKind) -> Step {
    match kind {
        FailureKind::ConstraintNotMet => Step::Reask,
        FailureKind::SchemaRefused => Step::Weaker,
        FailureKind::RateLimited | FailureKind::Overloaded | FailureKind::Timeout | FailureKind::Upstream => {
            Step::Retry
        }
        // What one provider turns down another may take, and its context may be longer.
        FailureKind::Misconfigured | FailureKind::ContextLength | FailureKind::BadRequest => Step::Next,
        FailureKind::Internal | FailureKind::UnknownModel => Step::Next,
        FailureKind::Constraint | FailureKind::ShuttingDown => Step::GiveUp,
    }
}

/// What a failure says about the health of its deployment; nothing if it is the caller's fault.
pub fn blame(kind: FailureKind, retry_after: Option<Duration>) -> Option<Outcome> {
    match kind {
        FailureKind::RateLimited => Some(Outcome::Limited(retry_after)),
        FailureKind::ConstraintNotMet
        | FailureKind::Overloaded
        | FailureKind::Timeout
        | FailureKind::Upstream
        | FailureKind::Misconfigured
        | FailureKind::Internal => Some(Outcome::Failed),
        _ => None,
    }
}

/// How long to wait before retry number `retry` (from 0); nothing if it is not worth it.
pub fn wait(policy: &Policy, retry: u32, asked: Option<Duration>, chance: f64) -> Option<Duration> {
    let doubled = policy.backoff.saturating_mul(1 << retry.min(16));
    let own = doubled.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0)).min(policy.longest_wait);
    match asked {
        Some(asked) if asked > policy.longest_wait => None,
        Some(asked) => Some(asked.max(own)),
        None => Some(own),
    }
}

/// The deployments in the order in which they are tried. `chance` gives numbers from 0 to 1.
pub fn plan(deployments: &[Deployment], health: &Health, now: Instant, mut chance: impl FnMut() -> f64) -> Vec<usize> {
    let mut keyed: Vec<(u32, f64, usize)> = deployments
        .iter()
        .enumerate()
        .map(|(index, deployment)| {
            // The largest of u^(1/w) falls to each with the share of its weight.
            let drawn = chance().clamp(f64::MIN_POSITIVE, 1.0).powf(1.0 / f64::from(deployment.weight.max(1)));
            (deployment.order, -drawn, index)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let order: Vec<usize> = keyed.into_iter().map(|(_, _, index)| index).collect();
    let healthy: Vec<usize> = order.iter().copied().filter(|index| health.allows(*index, now)).collect();
    if healthy.is_empty() { order } else { healthy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(order: u32, weight: u32) -> Deployment {
        Deployment { order, weight, ..Deployment::new("x") }
    }

    /// Numbers from 0 to 1, evenly spread, the same in every run.
    fn dice() -> impl FnMut() -> f64 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    #[test]
    fn orders_come_first_and_weights_share() {
        let all = [deployment(1, 1), deployment(0, 1), deployment(0, 3)];
        let health = Health::new(3, Breaker::default());
        let (now, mut dice) = (Instant::now(), dice());
        let mut first = [0; 3];
        for _ in 0..10_000 {
            let plan = plan(&all, &health, now, &mut dice);
            assert_eq!(plan.len(), 3);
            assert_eq!(plan[2], 0);
            first[plan[0]] += 1;
        }
        assert!((7_300..7_700).contains(&first[2]), "{first:?}");
    }

    #[test]
    fn open_circuits_are_passed_over_unless_nothing_is_left() {
        let all = [deployment(0, 1), deployment(1, 1)];
        let breaker = Breaker { failures: 2, cooldown: Duration::from_secs(10) };
        let mut health = Health::new(2, breaker);
        let now = Instant::now();
        health.record(0, Outcome::Failed, now);
        assert_eq!(plan(&all, &health, now, || 0.5), [0, 1]);
        health.record(0, Outcome::Failed, now);
        assert_eq!(plan(&all, &health, now, || 0.5), [1]);
        health.record(1, Outcome::Limited(Some(Duration::from_secs(3))), now);
        assert_eq!(plan(&all, &health, now, || 0.5), [0, 1]);
        assert_eq!(plan(&all, &health, now + Duration::from_secs(4), || 0.5), [1]);
    }

    #[test]
    fn waits_double_and_respect_what_is_asked() {
        let policy = Policy::default();
        let ms = Duration::from_millis;
        assert_eq!(wait(&policy, 0, None, 0.0), Some(ms(100)));
        assert_eq!(wait(&policy, 0, None, 1.0), Some(ms(200)));
        assert_eq!(wait(&policy, 2, None, 1.0), Some(ms(800)));
        assert_eq!(wait(&policy, 30, None, 1.0), Some(ms(5000)));
        assert_eq!(wait(&policy, 0, Some(ms(3000)), 0.5), Some(ms(3000)));
        assert_eq!(wait(&policy, 0, Some(ms(5001)), 0.5), None);
    }

    #[test]
    fn costs() {
        let prices = Prices { input: 2.0, cached_input: 0.5, output: 8.0 };
        let usage = Usage { prompt_tokens: 1000, cached_tokens: 400, completion_tokens: 100, ..Usage::default() };
        assert!((prices.cost(usage) - 0.0022).abs() < 1e-12);
    }
}
