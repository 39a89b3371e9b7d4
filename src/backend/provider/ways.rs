//! What all vendors share: what no cloud model can do, schemas lowered and kept, schemas in the prompt.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::value::RawValue;

use super::Structured;
use crate::{
    backend::{Job, Way, Wrapping},
    inference::{
        Constraint, Dialect, Failure, FailureKind, JsonSchema, Message, Method, Notation, Prompt, Request, Tool,
        Written,
    },
    wire::lower::{Lowered, NoForm, Subset, lower, verbatim},
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

/// Refuses several choices, for protocols that have one.
pub(super) fn check_one_choice(request: &Request) -> Result<(), Failure> {
    match request.output.choices {
        0 | 1 => Ok(()),
        _ => {
            let failure = Failure::new(FailureKind::BadRequest, "n: this provider gives one choice");
            Err(failure.about("n").coded("unsupported_parameter"))
        }
    }
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

/// What a provider's structured mode is.
#[derive(Clone, Copy, Debug)]
pub enum SchemaMode {
    /// It takes schemas within a subset.
    Subset(&'static Subset),
    /// It takes any schema, and enforces what it knows.
    Any,
    None,
}

/// What one vendor takes of schemas, and those that were lowered for it.
pub(super) struct Schemas {
    native: SchemaMode,
    forced: Option<&'static Subset>,
    tools: Option<&'static Subset>,
    kept_native: Kept,
    kept_forced: Kept,
    kept_tools: Kept,
}

impl Schemas {
    /// What is taken of an answer's schema, in the arguments of a forced tool, and of strict tools.
    pub fn new(native: SchemaMode, forced: Option<&'static Subset>, tools: Option<&'static Subset>) -> Self {
        let (kept_native, kept_forced, kept_tools) = (Kept::default(), Kept::default(), Kept::default());
        Self { native, forced, tools, kept_native, kept_forced, kept_tools }
    }

    /// The ways to an answer, strongest first. The schema in the prompt always goes: what a provider cannot be held to is
    /// checked here.
    pub fn ways(&self, structured: Structured, request: &Request) -> Vec<Way> {
        let Some(constraint) = &request.constraint else { return vec![Way::new(Method::Free)] };
        let tools = request.tools.in_play();
        let may = |way: Structured| structured == Structured::Auto || structured == way;
        let mut ways = Vec::new();
        // With a tool of its own the answer cannot be told from the caller's calls, and few take tools beside a schema.
        if may(Structured::Native) && !tools {
            ways.extend(self.lowered(constraint, Method::Native).way(Method::Native));
        }
        if may(Structured::ForcedTool) && !tools && ways.is_empty() {
            ways.extend(self.lowered(constraint, Method::ForcedTool).way(Method::ForcedTool));
        }
        ways.push(Way::new(Method::Prompted));
        ways
    }

    /// What is known of a constraint in one way.
    pub fn lowered(&self, constraint: &Constraint, method: Method) -> Arc<Known> {
        let none = |reason: &str| Err(NoForm { pointer: String::new(), reason: reason.to_owned() });
        match method {
            Method::ForcedTool => self.kept_forced.get(constraint, || match self.forced {
                Some(subset) => lower(constraint, subset),
                None => none("no tool can be forced there"),
            }),
            _ => self.kept_native.get(constraint, || match self.native {
                SchemaMode::Subset(subset) => lower(constraint, subset),
                SchemaMode::Any => verbatim(constraint),
                SchemaMode::None => none("no schemas are taken there"),
            }),
        }
    }

    /// The schema of a job whose way needs one.
    pub fn of(&self, job: &Job) -> Result<Option<Arc<RawValue>>, Failure> {
        let (Some(constraint), Method::Native | Method::ForcedTool) = (&job.request.constraint, job.way.method) else {
            return Ok(None);
        };
        let known = self.lowered(constraint, job.way.method);
        let ours = || Failure::new(FailureKind::Internal, "a schema was not lowered");
        known.lowered.as_ref().map(|lowered| Some(lowered.schema.clone())).ok_or_else(ours)
    }

    /// Parameters of tools as strict ones are taken.
    pub fn strict_tools(&self, tools: &[Tool]) -> Vec<Option<Arc<RawValue>>> {
        let Some(subset) = self.tools else { return Vec::new() };
        let one = |tool: &Tool| {
            let constraint = Constraint::JsonSchema(JsonSchema::from(tool.parameters.clone()?));
            let known = self.kept_tools.get(&constraint, || lower(&constraint, subset));
            // What has to be undone in an answer is not undone in arguments, so only plain forms are sent.
            let plain = known.lowered.as_ref().filter(|lowered| !lowered.wrapped && !lowered.nullable)?;
            Some(plain.schema.clone())
        };
        tools.iter().map(one).collect()
    }

    /// The provider did not take the schema of this job.
    pub fn refused(&self, job: &Job) {
        let Some(constraint) = &job.request.constraint else { return };
        match job.way.method {
            Method::Native => self.kept_native.refuse(constraint),
            Method::ForcedTool => self.kept_forced.refuse(constraint),
            _ => {}
        }
    }
}

/// The messages of a job, with the constraint in words where it has to be told, and last the beginning of the answer.
pub(super) fn messages(job: &Job, show: bool) -> Cow<'_, [Message]> {
    let Prompt::Chat(chat) = &job.request.prompt else { return Cow::Borrowed(&[]) };
    let mut messages = match &job.request.constraint {
        Some(constraint) if show || job.way.method == Method::Prompted => {
            Cow::Owned(instructed(chat, &instruction(constraint)))
        }
        _ => Cow::Borrowed(&**chat),
    };
    if let Some(prefix) = &job.prefix {
        messages.to_mut().push(Message::new("assistant", &**prefix));
    }
    messages
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
struct Kept(Mutex<HashMap<Constraint, Arc<Known>>>);

const MOST_KEPT: usize = 512;

impl Kept {
    /// What is known of a constraint.
    fn get(&self, constraint: &Constraint, lower: impl FnOnce() -> Result<Lowered, NoForm>) -> Arc<Known> {
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
    fn refuse(&self, constraint: &Constraint) {
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
    fn usable(&self) -> Option<&Lowered> {
        let refused = self.refused.load(std::sync::atomic::Ordering::Relaxed);
        self.lowered.as_ref().filter(|_| !refused)
    }

    /// As a way.
    fn way(&self, method: Method) -> Option<Way> {
        let lowered = self.usable()?;
        Some(Way {
            method,
            wrapping: Wrapping { value: lowered.wrapped, nulls: lowered.nullable },
            not_told: lowered.dropped.clone().into(),
        })
    }
}

/// The constraint in words.
fn instruction(constraint: &Constraint) -> String {
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
        Constraint::Written(written) => in_words(written),
        Constraint::Sql(sql) => format!(
            "Answer with one SELECT statement in the SQL of {} for the tables below, and with nothing else: no explanation, \
             no code fence.\n{}",
            sql.dialect, sql.catalog
        ),
        Constraint::Built(_) => "Answer with nothing but what was asked for: no explanation, no code fence.".into(),
    }
}

/// What was written, with how it is meant.
fn in_words(written: &Written) -> String {
    let what = match written.notation {
        Notation::Regex(dialect) => {
            let dialect = match dialect {
                Dialect::Ecma => "ECMA 262",
                Dialect::Rust => "Rust's regex",
                Dialect::Python => "Python's re",
            };
            format!("one text that this regular expression ({dialect}) matches as a whole")
        }
        Notation::Choice => "exactly one of the texts in this JSON array, without its quotes".to_owned(),
        Notation::Where => "one text that satisfies this condition".to_owned(),
        other => format!("one text that this {} describes", other.name()),
    };
    format!("Answer with {what}, and with nothing else: no explanation, no code fence.\n{}", written.text)
}

/// The messages with an instruction in the first system message, which is made if there is none.
fn instructed(messages: &[Message], instruction: &str) -> Vec<Message> {
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
