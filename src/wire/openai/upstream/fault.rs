//! What a host says when it does not answer.

use std::{borrow::Cow, time::Duration};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::inference::{Failure, FailureKind};

/// Words of errors that are about a schema.
const SCHEMA_WORDS: &[&str] = &[
    "response_format",
    "json_schema",
    "invalid schema",
    "invalid_json_schema",
    "grammar",
    "output_config",
    "outputconfig",
    "structured output",
    "additionalproperties",
    "responsejsonschema",
    "response_schema",
    "schema",
];

/// An error's own words, whatever its shape: OpenAI's `{"error": {..}}`, the flat one of SGLang and Mistral, lists of
/// details (422), Google's list of one error, a bare text.
#[derive(Debug, Default)]
struct Words {
    message: String,
    code: String,
    status: Option<u16>,
}

fn words(body: &[u8]) -> Words {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        return Words { message: plain(&text), ..Words::default() };
    };
    let value = match value {
        Value::Array(mut list) if !list.is_empty() => list.swap_remove(0),
        other => other,
    };
    let error = value.get("error").unwrap_or(&value);
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let detail = || {
        let details = value.get("detail")?;
        Some(details.as_str().map_or_else(|| details.to_string(), str::to_owned))
    };
    let message = text("message").or_else(|| error.as_str().map(str::to_owned)).or_else(detail);
    let number = |name: &str| error.get(name).and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let code = text("code").or_else(|| text("type")).or_else(|| text("status")).unwrap_or_default();
    Words {
        message: message.unwrap_or_else(|| plain(&value.to_string())),
        code,
        status: number("code").or_else(|| number("status")).filter(|status| (400..600).contains(status)),
    }
}

/// A page or a text, cut to what a person reads.
fn plain(text: &str) -> String {
    const SHOWN: usize = 200;
    let lower = text.to_ascii_lowercase();
    if lower.contains("<html") || lower.trim_start().starts_with("<!doctype") {
        let title = lower.find("<title>").and_then(|at| {
            let rest = text.get(at + "<title>".len()..)?;
            rest.split('<').next()
        });
        return match title {
            Some(title) => format!("an HTML page, {:?}", title.trim()),
            None => "an HTML page".to_owned(),
        };
    }
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.trim().to_owned(),
    }
}

/// The failure behind a status. `constrained`: a schema was sent, so that a refusal may be about it.
pub fn failure_of(status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
    let words = words(body);
    let message = words.message.to_lowercase();
    let code = words.code.to_lowercase();
    let context = ["context_length", "context length", "too many tokens", "prompt is too long", "exceed_context"];
    let is_context = context.iter().any(|word| message.contains(word) || code.contains(word));
    let kind = match status {
        429 if code.contains("insufficient_quota") => FailureKind::Misconfigured,
        429 => FailureKind::RateLimited,
        400 | 413 | 422 if is_context => FailureKind::ContextLength,
        413 => FailureKind::ContextLength,
        // Another server of this kind, which has given up.
        422 if code == NOT_MET => FailureKind::ConstraintNotMet,
        400 | 422 if constrained && SCHEMA_WORDS.iter().any(|word| message.contains(word) || code.contains(word)) => {
            FailureKind::SchemaRefused
        }
        401..=404 => FailureKind::Misconfigured,
        408 | 504 | 524 => FailureKind::Timeout,
        503 | 529 => FailureKind::Overloaded,
        400..500 => FailureKind::BadRequest,
        _ => FailureKind::Upstream,
    };
    let text = match kind {
        // A provider's words about a key may hold a part of it.
        FailureKind::Misconfigured if matches!(status, 401 | 403) => {
            format!("the provider does not take our key (status {status})")
        }
        _ if words.message.is_empty() => format!("the provider answered with status {status}"),
        _ => format!("the provider answered with status {status}: {}", words.message),
    };
    let failure = Failure::new(kind, text).after(retry_after);
    match code.contains("content_filter") {
        true => failure.coded("content_filter"),
        false => failure,
    }
}

/// What a server of this kind says where no attempt satisfied the constraint.
const NOT_MET: &str = "constraint_not_met";

/// The failure behind an error within a stream, or within an answer whose status says that all is well.
pub fn fault(error: &RawValue, constrained: bool) -> Failure {
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow)]
        metadata: Option<Type<'a>>,
    }
    #[derive(Deserialize)]
    struct Type<'a> {
        #[serde(borrow)]
        error_type: Option<Cow<'a, str>>,
    }
    let text = error.get();
    let body = match text.starts_with('{') {
        true => format!("{{\"error\":{text}}}"),
        false => text.to_owned(),
    };
    let words = words(body.as_bytes());
    let kind = serde_json::from_str::<Metadata>(text).ok().and_then(|error| error.metadata?.error_type);
    let word = kind.as_deref().unwrap_or(&words.code).to_lowercase();
    let status = match (&*word, words.status) {
        (_, Some(status)) => status,
        (NOT_MET, _) => 422,
        (word, _) if word.contains("rate_limit") || word.contains("throttl") || word.contains("exhausted") => 429,
        (word, _) if word.contains("overloaded") || word.contains("unavailable") => 503,
        (word, _) if word.contains("timeout") || word.contains("deadline") => 504,
        (word, _) if word.contains("invalid") || word.contains("badrequest") || word.contains("validation") => 400,
        _ => 500,
    };
    let mut failure = failure_of(status, body.as_bytes(), None, constrained);
    failure.message = format!("the provider broke off: {}", words.message);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_every_shape() {
        use FailureKind::*;
        for (status, body, constrained, kind, word) in [
            (
                429,
                r#"{"error":{"message":"slow down","type":"x","param":null,"code":"rate_limit"}}"#,
                false,
                RateLimited,
                "slow down",
            ),
            (429, r#"{"error":{"message":"no money","code":"insufficient_quota"}}"#, false, Misconfigured, "no money"),
            (
                400,
                r#"{"error":{"message":"Invalid schema for response_format 'x'","param":"response_format"}}"#,
                true,
                SchemaRefused,
                "Invalid",
            ),
            (400, r#"{"error":{"message":"Invalid schema for response_format 'x'"}}"#, false, BadRequest, "Invalid"),
            (400, r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#, true, ContextLength, "x"),
            (422, r#"{"detail":[{"loc":["body","stop"],"msg":"bad"}]}"#, false, BadRequest, "bad"),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-secret"}}"#,
                false,
                Misconfigured,
                "does not take our key",
            ),
            (
                400,
                r#"{"object":"error","message":"flat","type":"BadRequest","param":null,"code":400}"#,
                false,
                BadRequest,
                "flat",
            ),
            (503, "<!DOCTYPE html><html><head><title>503 Gone</title></head></html>", false, Overloaded, "503 Gone"),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                false,
                Overloaded,
                "Overloaded",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"listed","status":"INVALID_ARGUMENT"}}]"#,
                false,
                BadRequest,
                "listed",
            ),
            (
                422,
                r#"{"error":{"message":"none of 3 attempts","code":"constraint_not_met"},"espalier":{}}"#,
                true,
                ConstraintNotMet,
                "none of 3",
            ),
            (500, r#"{"error":"text"}"#, false, Upstream, "text"),
            (502, "", false, Upstream, "502"),
            (504, "{}", false, Timeout, "504"),
        ] {
            let failure = failure_of(status, body.as_bytes(), None, constrained);
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert!(failure.message.contains(word), "{failure}");
            assert!(!failure.message.contains("sk-secret"));
        }
        for (error, kind) in [
            (r#"{"code":502,"message":"up","metadata":{"error_type":"provider_unavailable"}}"#, Upstream),
            (r#"{"message":"x","metadata":{"error_type":"rate_limit_exceeded"}}"#, RateLimited),
            (r#"{"message":"x","type":"BadRequestError","param":null,"code":400}"#, BadRequest),
            (r#"{"type":"overloaded_error","message":"Overloaded"}"#, Overloaded),
            (r#""text""#, Upstream),
        ] {
            let raw = RawValue::from_string(error.to_owned()).unwrap();
            assert_eq!(fault(&raw, false).kind, kind, "{error}");
        }
    }
}
