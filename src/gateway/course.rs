//! What is tried for one request, and what comes next: the plan, the counts, the bounds.

use std::{sync::Arc, time::Instant};

use super::Route;
use crate::{
    backend::{Backend, Way},
    inference::{Failure, FailureKind, Message, Method, Prompt, Request, ToolChoice},
    route::{self, Deployment, Step},
};

/// The course of one request.
pub(super) struct Course {
    route: Arc<Route>,
    /// Deployments that can answer, in the order in which they are tried, with their ways.
    plan: Vec<(usize, Vec<Way>)>,
    at: usize,
    way: usize,
    reasks: u32,
    retries: u32,
    attempts: u32,
    most_attempts: u32,
    tokens: u64,
    cost: f64,
    /// What is asked: the request, and after a re-ask the conversation about it.
    pub asked: Arc<Request>,
    /// Some attempt gave an answer that breaks the constraint.
    pub violated: bool,
}

/// What comes after a failed attempt.
pub(super) enum Next {
    Begin,
    /// After this time.
    Wait(std::time::Duration),
    End,
}

impl Course {
    /// `counts_tokens`: the constraint does, so a deployment of which no vocabulary is known cannot answer.
    ///
    /// # Errors
    /// No deployment can answer such a request: the reason of the first.
    pub fn new(route: Arc<Route>, request: Arc<Request>, counts_tokens: bool) -> Result<Self, Failure> {
        let order = route.plan();
        let (mut plan, mut reason) = (Vec::new(), None);
        for index in order {
            if counts_tokens && route.backends[index].engine().is_none() {
                reason.get_or_insert_with(|| uncountable(&route.deployments[index]));
                continue;
            }
            match route.backends[index].ways(&request) {
                Ok(ways) if !ways.is_empty() => plan.push((index, ways)),
                Ok(_) => {}
                Err(failure) => drop(reason.get_or_insert(failure)),
            }
        }
        if plan.is_empty() {
            let none = || Failure::new(FailureKind::Constraint, "no deployment can answer such a request");
            return Err(reason.unwrap_or_else(none));
        }
        let most_attempts = request.max_attempts.map_or(route.policy.attempts, |most| most.min(route.policy.attempts));
        Ok(Self {
            route,
            plan,
            at: 0,
            way: 0,
            reasks: 0,
            retries: 0,
            attempts: 0,
            most_attempts,
            tokens: 0,
            cost: 0.0,
            asked: request,
            violated: false,
        })
    }

    /// Which of the planned deployments has its turn.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn deployment(&self) -> &Deployment {
        &self.route.deployments[self.plan[self.at].0]
    }

    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.route.backends[self.plan[self.at].0]
    }

    pub fn way(&self) -> &Way {
        &self.plan[self.at].1[self.way]
    }

    /// An attempt begins.
    pub fn begin(&mut self) {
        self.attempts += 1;
    }

    /// Nothing but the attempt that is about to begin is left to try.
    pub fn is_last(&self) -> bool {
        self.attempts + 1 >= self.most_attempts
            || (self.plan.len() == self.at + 1 && self.backend().provider().is_none())
    }

    /// What an attempt took.
    pub fn spend(&mut self, tokens: u64, cost: Option<f64>) {
        self.tokens += tokens;
        self.cost += cost.unwrap_or(0.0);
    }

    pub fn good(&self) {
        self.route.record(self.plan[self.at].0, route::Outcome::Good);
    }

    /// Takes note of a failure. Whether another attempt may be made at all.
    pub fn record(&mut self, failure: &Failure) -> bool {
        if let Some(outcome) = route::blame(failure.kind, failure.retry_after) {
            self.route.record(self.plan[self.at].0, outcome);
        }
        self.violated |= failure.kind == FailureKind::ConstraintNotMet;
        let policy = &self.route.policy;
        let spent =
            policy.tokens.is_some_and(|most| self.tokens >= most) || policy.cost.is_some_and(|most| self.cost >= most);
        !spent && self.attempts < self.most_attempts
    }

    /// What comes after this failure of the current attempt. `written`: the answer that was not taken.
    pub fn after(&mut self, failure: &Failure, written: Option<String>, left: std::time::Duration) -> Next {
        if !self.record(failure) {
            return Next::End;
        }
        let policy = &self.route.policy;
        match route::step(failure.kind) {
            Step::GiveUp => Next::End,
            Step::Reask if self.reasks < policy.reasks && self.way().method != Method::Masked => {
                self.reasks += 1;
                self.asked = Arc::new(reasked(&self.asked, written, &failure.message));
                Next::Begin
            }
            Step::Weaker if self.way + 1 < self.plan[self.at].1.len() => {
                self.way += 1;
                Next::Begin
            }
            Step::Retry => self.retry(failure, left).unwrap_or_else(|| self.next_deployment()),
            _ => self.next_deployment(),
        }
    }

    /// What comes after this failure once the caller has a part of the answer: only deployments that can go on with it.
    pub fn after_bytes(&mut self, failure: &Failure, left: std::time::Duration) -> Next {
        if !self.record(failure) {
            return Next::End;
        }
        let again = match route::step(failure.kind) {
            Step::GiveUp => return Next::End,
            Step::Reask if self.reasks < self.route.policy.reasks && self.goes_on() => {
                self.reasks += 1;
                Some(Next::Begin)
            }
            Step::Retry if self.goes_on() => self.retry(failure, left),
            _ => None,
        };
        again.unwrap_or_else(|| {
            loop {
                match self.next_deployment() {
                    Next::End => return Next::End,
                    _ if self.goes_on() => return Next::Begin,
                    _ => {}
                }
            }
        })
    }

    /// Whether the current deployment can go on with an answer that was begun; from then on that is the way it takes.
    fn goes_on(&mut self) -> bool {
        match self.backend().continues() {
            Some(way) => {
                self.plan[self.at].1 = vec![way];
                self.way = 0;
                true
            }
            None => false,
        }
    }

    /// The same deployment after a wait, if that is worth it.
    fn retry(&mut self, failure: &Failure, left: std::time::Duration) -> Option<Next> {
        let policy = &self.route.policy;
        if self.retries >= policy.retries {
            return None;
        }
        let time = route::wait(policy, self.retries, failure.retry_after, self.route.chance())?;
        (time < left).then(|| {
            self.retries += 1;
            Next::Wait(time)
        })
    }

    fn next_deployment(&mut self) -> Next {
        if self.at + 1 == self.plan.len() {
            return Next::End;
        }
        self.at += 1;
        (self.way, self.reasks, self.retries) = (0, 0, 0);
        Next::Begin
    }
}

/// Only where the vocabulary is known are there tokens to count.
fn uncountable(deployment: &Deployment) -> Failure {
    let message = format!(
        "the constraint counts the model's tokens, and the vocabulary of \"{}\" is not known here: use a local model, or \
         count characters or words",
        deployment.id
    );
    Failure::new(FailureKind::Constraint, message).coded("unsupported_constraint")
}

/// The request, where the caller has a part of the answer already: no tool is called any more.
pub(super) fn continued(request: &Request, sent: &str, counts: bool) -> Request {
    let mut request = request.clone();
    request.tools.choice = ToolChoice::None;
    if let (false, Some(most)) = (counts, &mut request.output.max_tokens) {
        // Whoever knows the tokens of what was sent takes them off. Elsewhere four bytes are taken for one.
        *most = most.saturating_sub((sent.len() / 4) as u32).max(1);
    }
    request
}

/// The request with the answer that was not taken, and why.
fn reasked(request: &Request, written: Option<String>, why: &str) -> Request {
    let mut request = request.clone();
    if let Prompt::Chat(messages) = &mut request.prompt {
        messages.extend(written.filter(|text| !text.trim().is_empty()).map(|text| Message::new("assistant", text)));
        let words = format!(
            "That answer was not taken: {why}. Answer again from the beginning, with nothing but the answer that was \
             asked for."
        );
        messages.push(Message::new("user", words));
    }
    request
}

impl Route {
    fn plan(&self) -> Vec<usize> {
        if self.deployments.len() == 1 {
            return vec![0];
        }
        let health = self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        route::plan(&self.deployments, &health, Instant::now(), || self.chance())
    }

    fn record(&self, deployment: usize, outcome: route::Outcome) {
        let mut health = self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        health.record(deployment, outcome, Instant::now());
    }

    /// A number from 0 to 1.
    fn chance(&self) -> f64 {
        use std::{hash::BuildHasher, sync::atomic::Ordering::Relaxed};
        // A keyed hash of a counter: spreads well, and needs no generator.
        let hash = self.dice.hash_one(self.drawn.fetch_add(1, Relaxed));
        (hash >> 11) as f64 / (1u64 << 53) as f64
    }
}
