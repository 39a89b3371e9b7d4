//! Failures as HTTP answers: the one place where status codes are chosen.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    inference::{Failure, FailureKind, Receipt},
    wire::openai::ErrorBody,
};

/// A failure with its status.
#[derive(Debug)]
pub struct HttpError {
    status: StatusCode,
    failure: Failure,
    receipt: Option<Box<Receipt>>,
}

impl HttpError {
    pub(super) fn with_receipt(failure: Failure, receipt: Option<Box<Receipt>>) -> Self {
        Self { receipt, ..failure.into() }
    }

    pub(super) fn not_found(path: &str) -> Self {
        let message = format!("nothing is served at {path}; try /v1/chat/completions, /v1/completions or /v1/models");
        Self::plain(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn wrong_method(method: &str, path: &str) -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("{method} is not possible at {path}"))
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body is larger than this server's limit of {limit} bytes");
        Self::plain(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    pub(super) fn wrong_content_type(found: &str) -> Self {
        let message = format!("the content type must be application/json, not {found}");
        Self::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    pub(super) fn slow_body() -> Self {
        Self::plain(StatusCode::REQUEST_TIMEOUT, "request_timeout", "the body did not arrive in time".to_owned())
    }

    pub(super) fn cut_body() -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "incomplete_body", "the body could not be read to its end".to_owned())
    }

    pub(super) fn unauthorized() -> Self {
        let message = "a valid API key is needed: Authorization: Bearer KEY".to_owned();
        Self::plain(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
    }

    pub(super) fn panicked() -> Self {
        Failure::new(FailureKind::Internal, "the request hit a defect of the server").into()
    }

    fn plain(status: StatusCode, code: &str, message: String) -> Self {
        Self { status, failure: Failure::new(FailureKind::BadRequest, message).coded(code), receipt: None }
    }
}

fn status(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::BadRequest | FailureKind::ContextLength | FailureKind::Constraint => StatusCode::BAD_REQUEST,
        FailureKind::UnknownModel => StatusCode::NOT_FOUND,
        FailureKind::ConstraintNotMet => StatusCode::UNPROCESSABLE_ENTITY,
        FailureKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        FailureKind::Upstream | FailureKind::Misconfigured | FailureKind::SchemaRefused => StatusCode::BAD_GATEWAY,
        FailureKind::Overloaded | FailureKind::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Failure> for HttpError {
    fn from(failure: Failure) -> Self {
        Self { status: status(failure.kind), failure, receipt: None }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let json = ErrorBody::new(&self.failure, self.receipt.as_deref()).to_json();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self.failure.kind, FailureKind::Overloaded | FailureKind::RateLimited) {
            let seconds = self.failure.retry_after.map_or(1, |time| time.as_secs_f64().ceil().max(1.0) as u64);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
