//! What all vendors share: what no cloud model can do, schemas lowered and kept, schemas in the prompt.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::value::RawValue;

use crate::{
    backend::{Way, Wrapping},
    inference::{Constraint, Failure, FailureKind, Message, Method, Prompt, Request, Tool},
    wire::lower::{Lowered, NoForm},
};

/// Refuses what no cloud model does here.
pub(super) fn check(request: &Request) -> Result<(), Failure> {
    let refuse = |param: &str, message: &str| {
        Err(Failure::new(FailureKind::BadRequest, message).about(param).coded("unsupported_parameter"))
    };
    if !matches!(request.prompt, Prompt::Chat(_)) {
        return refuse("prompt", "cloud models answer chats; use /v1/chat/completions");
    }
    if request.output.logprobs.is_some() {
        return refuse("logprobs", "log-probabilities are not passed on from cloud models by this version");
    }
    if request.output.choices > 1 && (request.constraint.is_some() || request.tools.in_play()) {
        return refuse("n", "a constrained answer from a cloud model has one choice in this version");
    }
    Ok(())
}

/// Refuses a sampling parameter that a host does not know; it would drop it in silence.
pub(super) fn check_sampling(request: &Request, known: &[&str], kind: &str) -> Result<(), Failure> {
    match request.sampling.set_extras().into_iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name}: providers of the kind {kind} do not know it");
            Err(Failure::new(FailureKind::BadRequest, message).about(name).coded("unsupported_parameter"))
        }
    }
}

/// What is known of one constraint at one deployment.
pub(super) struct Known {
    /// Rewritten for the provider, if it has a form there.
    pub lowered: Option<Lowered>,
    /// The provider has refused it.
    refused: std::sync::atomic::AtomicBool,
}

/// Constraints lowered for one vendor, by content. Emptied when it is full: filling it again costs little.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<Constraint, Arc<Known>>>);

const MOST_KEPT: usize = 512;

impl Kept {
    /// What is known of a constraint.
    pub fn get(&self, constraint: &Constraint, lower: impl FnOnce() -> Result<Lowered, NoForm>) -> Arc<Known> {
        if let Some(known) = self.lock().get(constraint) {
            return known.clone();
        }
        let lowered = lower().inspect_err(|reason| tracing::debug!(%reason, "a schema is not lowered")).ok();
        let known = Arc::new(Known { lowered, refused: false.into() });
        let mut kept = self.lock();
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(constraint.clone(), known.clone());
        known
    }

    /// The provider does not take it.
    pub fn refuse(&self, constraint: &Constraint) {
        if let Some(known) = self.lock().get(constraint) {
            known.refused.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Constraint, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Its form, unless the provider has refused it.
    pub fn usable(&self) -> Option<&Lowered> {
        let refused = self.refused.load(std::sync::atomic::Ordering::Relaxed);
        self.lowered.as_ref().filter(|_| !refused)
    }

    /// As a way.
    pub fn way(&self, method: Method) -> Option<Way> {
        let lowered = self.usable()?;
        Some(Way {
            method,
            wrapping: Wrapping { value: lowered.wrapped, nulls: lowered.nullable },
            not_told: lowered.dropped.clone().into(),
        })
    }
}

/// The constraint in words.
pub(super) fn instruction(constraint: &Constraint) -> String {
    match constraint {
        Constraint::JsonObject => "Answer with one JSON object and nothing else: no explanation, no code fence.".into(),
        Constraint::JsonSchema(schema) => {
            let mut text =
                "Answer with one JSON value that satisfies the JSON Schema below, and with nothing else: no \
                            explanation, no code fence.\n"
                    .to_owned();
            text.push_str(&schema.text);
            text
        }
    }
}

/// The messages with an instruction in the first system message, which is made if there is none.
pub(super) fn instructed(messages: &[Message], instruction: &str) -> Vec<Message> {
    let mut messages = messages.to_vec();
    match messages.first_mut().filter(|first| ["system", "developer"].contains(&first.role.as_str())) {
        Some(first) => {
            first.content.push_str("\n\n");
            first.content.push_str(instruction);
        }
        None => messages.insert(0, Message::new("system", instruction)),
    }
    messages
}

/// The tool whose arguments are the answer.
pub(super) fn answer_tool(schema: &RawValue) -> Tool {
    Tool {
        name: "answer".to_owned(),
        description: Some("Gives the answer.".to_owned()),
        parameters: Some(schema.get().into()),
        strict: true,
    }
}
