//! Answers in one piece and as a stream.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use sha2::{Digest, Sha256};

use super::{App, HttpError, body, router::json};
use crate::{
    gateway::Answer,
    inference::{Failure, FailureKind, Method, Receipt, Update},
    wire::{
        openai::{Call, Dialect, ErrorBody, Head, InputText, Whole},
        sse,
    },
};

/// Silence after which a stream says that it is alive.
const PING_EVERY: Duration = Duration::from_secs(15);

/// The handler of every endpoint that generates.
pub async fn answer<D: Dialect>(State(app): State<Arc<App>>, request: Request) -> Result<Response, HttpError> {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, app.body_limit).await?;
    let id = format!("{}{}", D::ID_PREFIX, uuid::Uuid::new_v4().simple());
    let Call { request, stream, include_usage, constraint_param, custom } = D::read(&bytes, &id)?;
    drop(bytes);
    let (choices, logprobs) = (request.output.choices, request.output.logprobs.is_some());
    let answer = app.gateway.start(request).await.map_err(|failure| blame(failure, constraint_param))?;
    let head = Head { custom, ..head(id, answer.model()) };
    let run = Run { app, begun, first: false, answer };
    match stream {
        false => whole::<D>(run, head, choices, logprobs).await,
        true => streamed::<D>(run, head, choices, logprobs, include_usage).await,
    }
}

/// A refused constraint is about the field that it came from.
fn blame(mut failure: Failure, constraint_param: Option<String>) -> HttpError {
    if failure.kind == FailureKind::Constraint && failure.param.is_none() {
        failure.param = constraint_param;
    }
    failure.into()
}

fn head(id: String, model: &str) -> Head {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let digest = Sha256::digest(format!("{} {model}", env!("CARGO_PKG_VERSION")));
    let fingerprint = digest.iter().take(5).fold("fp_".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    Head { id, created, model: model.to_owned(), fingerprint, custom: Vec::new() }
}

/// An answer under way with its measurements.
struct Run {
    app: Arc<App>,
    begun: Instant,
    first: bool,
    answer: Answer,
}

impl Run {
    async fn next(&mut self) -> Option<Update> {
        let update = self.answer.next().await?;
        let seconds = self.begun.elapsed().as_secs_f64();
        match &update {
            Update::Text { .. } if !self.first => {
                self.first = true;
                self.app.metrics.first_token(seconds);
            }
            Update::Finished { receipt: Some(receipt), .. } => self.count(receipt),
            Update::Failed { receipt: Some(receipt), .. } => self.count(receipt),
            Update::Done { usage } => self.app.metrics.answered(*usage, seconds),
            _ => {}
        }
        Some(update)
    }

    fn count(&self, receipt: &Receipt) {
        if receipt.method == Method::Masked {
            self.app.metrics.masked(receipt);
        }
        self.app.metrics.attempts(receipt);
    }
}

async fn whole<D: Dialect>(mut run: Run, head: Head, choices: u32, logprobs: bool) -> Result<Response, HttpError> {
    let mut whole = Whole::new(choices, logprobs);
    while let Some(update) = run.next().await {
        whole.take(update).map_err(|(failure, receipt)| HttpError::with_receipt(failure, receipt))?;
    }
    let mut response = json(StatusCode::OK, D::whole(&head, &whole));
    let headers = response.headers_mut();
    name(headers, &head.id);
    if let Some(receipt) = &whole.receipt {
        headers.insert(HeaderName::from_static("x-espalier-method"), HeaderValue::from_static(receipt.method.as_str()));
        headers
            .insert(HeaderName::from_static("x-espalier-verdict"), HeaderValue::from_static(receipt.verdict.as_str()));
    }
    Ok(response)
}

async fn streamed<D: Dialect>(
    mut run: Run,
    head: Head,
    choices: u32,
    logprobs: bool,
    include_usage: bool,
) -> Result<Response, HttpError> {
    // Until generation begins, failures are plain HTTP errors.
    let first = match run.next().await {
        Some(Update::Failed { failure, receipt }) => return Err(HttpError::with_receipt(failure, receipt)),
        first => first,
    };
    let id = head.id.clone();
    let mut writer =
        Writer { head, logprobs, include_usage, offsets: vec![0; choices as usize], inputs: HashMap::new() };
    let opening = first.map(|update| writer.write::<D>(update)).unwrap_or_default();
    let state = (run, writer, Some(opening));
    let events = stream::unfold(state, async |(mut run, mut writer, opening)| {
        if let Some(opening) = opening {
            return Some((Ok::<Bytes, std::convert::Infallible>(opening.into()), (run, writer, None)));
        }
        let text = match tokio::time::timeout(PING_EVERY, run.next()).await {
            Err(_) => sse::PING.to_owned(),
            Ok(None) => return None,
            Ok(Some(update)) => writer.write::<D>(update),
        };
        Some((Ok(text.into()), (run, writer, None)))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    name(headers, &id);
    Ok(response)
}

/// Updates as events.
struct Writer {
    head: Head,
    logprobs: bool,
    include_usage: bool,
    /// Code points written so far, by choice.
    offsets: Vec<usize>,
    /// Calls of custom tools, by choice and number.
    inputs: HashMap<(u32, u32), InputText>,
}

impl Writer {
    fn write<D: Dialect>(&mut self, update: Update) -> String {
        let Self { head, logprobs, include_usage, offsets, inputs } = self;
        match update {
            Update::Started => {
                let opening = |choice| D::opening(head, choice as u32, *include_usage);
                (0..offsets.len()).filter_map(opening).map(|chunk| sse::event(&chunk)).collect()
            }
            Update::Text { choice, text, logprobs: tokens } => {
                let offset = offsets.get(choice as usize).copied().unwrap_or(0);
                if let Some(offset) = offsets.get_mut(choice as usize) {
                    *offset += text.chars().count();
                }
                let tokens = logprobs.then_some((&*tokens, offset));
                sse::event(&D::delta(head, choice, &text, tokens, *include_usage))
            }
            Update::Thought { choice, text } => sse::event(&D::thought(head, choice, &text, *include_usage)),
            Update::Call { choice, mut piece } => {
                let key = (choice, piece.index);
                if piece.name.as_ref().is_some_and(|name| head.custom.contains(name)) {
                    inputs.insert(key, InputText::default());
                }
                let input = inputs.get_mut(&key);
                let is_custom = input.is_some();
                if let Some(input) = input {
                    piece.arguments = input.push(&piece.arguments);
                    if piece.arguments.is_empty() && piece.id.is_none() {
                        return String::new();
                    }
                }
                sse::event(&D::call(head, choice, &piece, is_custom, *include_usage))
            }
            Update::Refusal { choice, text } => sse::event(&D::refusal(head, choice, &text, *include_usage)),
            Update::Finished { choice, reason, receipt } => {
                sse::event(&D::finish(head, choice, reason, receipt.as_deref(), *include_usage))
            }
            Update::Done { usage } => {
                let usage = include_usage.then(|| sse::event(&D::usage(head, usage))).unwrap_or_default();
                usage + sse::DONE
            }
            Update::Failed { failure, receipt } => sse::event(&ErrorBody::new(&failure, receipt.as_deref()).to_json()),
        }
    }
}

fn name(headers: &mut HeaderMap, id: &str) {
    let id = HeaderValue::from_str(id).expect("an id is a prefix and hexadecimal digits");
    headers.insert(HeaderName::from_static("x-espalier-id"), id.clone());
    // What OpenAI's clients show as `_request_id`.
    headers.insert(HeaderName::from_static("x-request-id"), id);
}
