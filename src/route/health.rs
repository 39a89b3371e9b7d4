//! A circuit breaker for each deployment.

use std::time::{Duration, Instant};

/// When a circuit opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    pub failures: u32,
    pub cooldown: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, cooldown: Duration::from_secs(30) }
    }
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// No answer, or one that breaks its constraint.
    Failed,
    /// The provider takes no more for now; for how long, if it says so.
    Limited(Option<Duration>),
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    open_until: Option<Instant>,
}

/// What is known of the deployments of one name.
#[derive(Clone, Debug)]
pub struct Health {
    breaker: Breaker,
    states: Vec<State>,
}

impl Health {
    pub fn new(deployments: usize, breaker: Breaker) -> Self {
        Self { breaker, states: vec![State::default(); deployments] }
    }

    /// The circuit is closed, or it was open for long enough to try.
    pub fn allows(&self, deployment: usize, now: Instant) -> bool {
        self.states.get(deployment).is_none_or(|state| state.open_until.is_none_or(|until| now >= until))
    }

    /// Takes note of how an attempt went. After the cooldown one more failure opens the circuit again.
    pub fn record(&mut self, deployment: usize, outcome: Outcome, now: Instant) {
        let Some(state) = self.states.get_mut(deployment) else { return };
        match outcome {
            Outcome::Good => *state = State::default(),
            Outcome::Failed => {
                state.failures = state.failures.saturating_add(1);
                if state.failures >= self.breaker.failures {
                    state.open_until = Some(now + self.breaker.cooldown);
                }
            }
            Outcome::Limited(time) => {
                let until = now + time.unwrap_or(Duration::from_secs(1)).min(self.breaker.cooldown);
                state.open_until = Some(state.open_until.map_or(until, |open| open.max(until)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circuits_open_close_and_are_tried_again() {
        let cooldown = Duration::from_secs(10);
        let mut health = Health::new(1, Breaker { failures: 2, cooldown });
        let now = Instant::now();
        health.record(0, Outcome::Failed, now);
        health.record(0, Outcome::Good, now);
        health.record(0, Outcome::Failed, now);
        assert!(health.allows(0, now), "one success wipes the slate");
        health.record(0, Outcome::Failed, now);
        assert!(!health.allows(0, now + cooldown / 2));
        let later = now + cooldown;
        assert!(health.allows(0, later));
        health.record(0, Outcome::Failed, later);
        assert!(!health.allows(0, later), "a failed trial opens it at once");
        health.record(0, Outcome::Good, later);
        assert!(health.allows(0, later));
    }
}
