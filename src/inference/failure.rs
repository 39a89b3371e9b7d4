//! What went wrong, and whose fault it is.

use std::time::Duration;

/// Whose fault a failure is decides what the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The request cannot be answered as it stands.
    BadRequest,
    UnknownModel,
    /// The prompt does not fit the model's context.
    ContextLength,
    /// The constraint is refused; see the diagnostic in the message.
    Constraint,
    /// Every attempt was made and none satisfied the constraint.
    ConstraintNotMet,
    /// A provider takes no more requests of ours for now.
    RateLimited,
    /// Too much to do; later it may go.
    Overloaded,
    /// The server is going down.
    ShuttingDown,
    Timeout,
    /// A provider could not be reached, or what it said makes no sense.
    Upstream,
    /// A provider does not take our key, our account or the model's name.
    Misconfigured,
    /// A provider does not take the schema in the way it was sent; another way may go.
    SchemaRefused,
    /// Our fault.
    Internal,
}

/// What went wrong, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    /// The request's field that it is about, if any.
    pub param: Option<String>,
    /// A machine-readable code that is finer than the kind, if any.
    pub code: Option<String>,
    /// How long to wait before the next try, where that is known.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None, retry_after: None }
    }

    /// The same, about one field of the request.
    pub fn about(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same, with a machine-readable code.
    pub fn coded(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    /// The same, with the time to wait.
    pub fn after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }
}
