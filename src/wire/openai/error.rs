//! OpenAI's error body.

use serde::Serialize;

use super::json;
use crate::inference::{Failure, FailureKind, Receipt};

/// `{"error": {"message", "type", "param", "code"}}`, with the receipt beside it when there is one.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    error: Detail<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    espalier: Option<&'a Receipt>,
}

#[derive(Debug, Serialize)]
struct Detail<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    pub fn new(failure: &'a Failure, receipt: Option<&'a Receipt>) -> Self {
        let (kind, code) = words(failure.kind);
        let code = failure.code.as_deref().or(code);
        Self {
            error: Detail { message: &failure.message, kind, param: failure.param.as_deref(), code },
            espalier: receipt,
        }
    }

    /// JSON on one line.
    pub fn to_json(&self) -> String {
        json(self)
    }
}

/// OpenAI's `type` for each kind of failure, and the `code` where the failure has none of its own.
fn words(kind: FailureKind) -> (&'static str, Option<&'static str>) {
    const CALLER: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match kind {
        FailureKind::BadRequest => (CALLER, None),
        FailureKind::UnknownModel => (CALLER, Some("model_not_found")),
        FailureKind::ContextLength => (CALLER, Some("context_length_exceeded")),
        FailureKind::Constraint => (CALLER, Some("unsupported_constraint")),
        FailureKind::ConstraintNotMet => (CALLER, Some("constraint_not_met")),
        FailureKind::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        FailureKind::Upstream | FailureKind::SchemaRefused => (SERVER, Some("upstream_error")),
        FailureKind::Misconfigured => (SERVER, Some("upstream_refused")),
        FailureKind::Overloaded => (SERVER, Some("overloaded")),
        FailureKind::ShuttingDown => (SERVER, Some("shutting_down")),
        FailureKind::Timeout => (SERVER, Some("timeout")),
        FailureKind::Internal => (SERVER, Some("internal_error")),
    }
}
