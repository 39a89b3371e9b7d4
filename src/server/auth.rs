//! API keys.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use super::HttpError;

/// The keys that callers may use, kept as hashes. Without any, everybody may call.
#[derive(Clone, Debug, Default)]
pub struct ApiKeys(Vec<[u8; 32]>);

impl ApiKeys {
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(hash).collect())
    }

    /// # Errors
    /// 401 without one of the keys.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let key = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        // Hashes are compared, so the time tells nothing of a key.
        match key.map(|(_, key)| hash(key.trim())) {
            Some(hash) if self.0.contains(&hash) => Ok(()),
            _ => Err(HttpError::unauthorized()),
        }
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
