//! Reads a request's body within our own limits.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::HttpError;

/// Time for a body to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// A body that is too large is read on for so long, so that the client comes to read our answer instead of a reset.
const MOST_SKIPPED: usize = 256 << 20;

/// The whole body.
///
/// # Errors
/// 415 for another content type than JSON (none is fine), 413 beyond `limit` bytes, 408 when it takes too long, 400
/// when the client does not send it to its end.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, HttpError> {
    check_content_type(headers)?;
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let waits = headers.contains_key(header::EXPECT);
    if waits && declared.is_some_and(|bytes| bytes > limit) {
        return Err(HttpError::too_large(limit));
    }
    let read = collect(body.into_data_stream(), limit, declared.unwrap_or(0).min(limit));
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| Err(HttpError::slow_body()))
}

async fn collect(mut stream: BodyDataStream, limit: usize, expected: usize) -> Result<Bytes, HttpError> {
    // A declared length is only a claim: memory is taken as bytes arrive, beyond the first megabyte.
    let mut all = BytesMut::with_capacity(expected.min(1 << 20));
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| HttpError::cut_body())?;
        if all.len() + part.len() > limit {
            drop(all);
            skip(stream).await;
            return Err(HttpError::too_large(limit));
        }
        all.extend_from_slice(&part);
    }
    Ok(all.freeze())
}

async fn skip(mut stream: BodyDataStream) {
    let mut skipped = 0;
    while let Some(Ok(part)) = stream.next().await {
        skipped += part.len();
        if skipped > MOST_SKIPPED {
            break;
        }
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), HttpError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or("something unreadable");
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json") {
        true => Ok(()),
        false => Err(HttpError::wrong_content_type(text)),
    }
}
