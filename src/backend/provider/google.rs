//! Access tokens for Vertex AI: from a service account's key, or from the metadata server of a machine at Google.
//!
//! A token lasts about an hour. It is fetched when it is first needed, by one request while others wait for it, and anew
//! when little of its time is left, or when the provider does not take it any more.
//!
//! Sources: RFC 7523 (a signed assertion for a token), RFC 7515 (its form); Google's `google-auth` for Python.

use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::{rand::SystemRandom, signature};
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::Secret;
use crate::inference::{Failure, FailureKind};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// A token with less time left is not used any more.
const MARGIN: Duration = Duration::from_secs(300);

/// How long an assertion is valid: the most that is taken.
const VALID: u64 = 3600;

/// Patience with whoever gives tokens.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who asks for tokens.
enum Account {
    Service {
        email: String,
        key_id: Option<String>,
        key: signature::RsaKeyPair,
        token_uri: String,
    },
    /// The machine's own, by this address of its metadata server.
    Machine {
        host: String,
    },
}

/// Tokens of one account.
pub struct Tokens {
    account: Account,
    client: reqwest::Client,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: Secret,
    until: Instant,
}

/// The file of a service account's key, as far as it matters.
#[derive(Deserialize)]
struct KeyFile {
    r#type: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

impl Tokens {
    /// Of a service account, by the text of its key's file.
    ///
    /// # Errors
    /// In words, without the key: what the file lacks.
    pub fn of_service_account(file: &str) -> Result<Self, String> {
        // The reader's own words could show a part of the key.
        let file: KeyFile = serde_json::from_str(file).map_err(|_| "it is no JSON of a service account's key")?;
        if file.r#type != "service_account" {
            return Err(format!("it is of the type {:?}, and only \"service_account\" is known", file.r#type));
        }
        let missing = [("client_email", &file.client_email), ("token_uri", &file.token_uri)];
        if let Some((name, _)) = missing.iter().find(|(_, value)| value.is_empty()) {
            return Err(format!("it lacks {name}"));
        }
        reqwest::Url::parse(&file.token_uri).map_err(|error| format!("token_uri is no URL: {error}"))?;
        let key = rsa_key(&file.private_key).ok_or("private_key is no RSA key in the form PKCS #8")?;
        let account =
            Account::Service { email: file.client_email, key_id: file.private_key_id, key, token_uri: file.token_uri };
        Self::of(account)
    }

    /// Of the machine that this runs on, by the host of its metadata server.
    ///
    /// # Errors
    /// No client can be made.
    pub fn of_machine(host: &str) -> Result<Self, String> {
        Self::of(Account::Machine { host: host.to_owned() })
    }

    fn of(account: Account) -> Result<Self, String> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
        // A proxy could not reach this machine's own server.
        let client = if let Account::Machine { .. } = account { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| format!("no HTTP client can be made: {error}"))?;
        Ok(Self { account, client, kept: Mutex::default() })
    }

    /// A token that is valid for a while.
    ///
    /// # Errors
    /// None is given.
    pub(super) async fn token(&self) -> Result<Secret, Failure> {
        let mut kept = self.kept.lock().await;
        if let Some(Kept { token, until }) = &*kept
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let asked = Instant::now();
        let Granted { access_token, expires_in } = self.fetch().await?;
        let time = Duration::from_secs(expires_in);
        let token = Secret::new(access_token);
        // One that lasts for less than the margin is used for half of its time.
        let until = asked + time.checked_sub(MARGIN).filter(|rest| !rest.is_zero()).unwrap_or(time / 2);
        *kept = Some(Kept { token: token.clone(), until });
        Ok(token)
    }

    /// The provider does not take this token: the next request asks for another.
    pub(super) async fn forget(&self, token: &Secret) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.token == *token) {
            *kept = None;
        }
    }

    async fn fetch(&self) -> Result<Granted, Failure> {
        let request = match &self.account {
            Account::Service { email, key_id, key, token_uri } => {
                let assertion = assertion(email, key_id.as_deref(), key, token_uri, SystemTime::now())?;
                let form =
                    format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
                self.client.post(token_uri).header("content-type", "application/x-www-form-urlencoded").body(form)
            }
            Account::Machine { host } => {
                self.client.get(format!("http://{host}{TOKEN_PATH}")).header("metadata-flavor", "Google")
            }
        };
        let unreachable = |error: reqwest::Error| {
            let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Upstream };
            Failure::new(kind, "no access token for Vertex AI: whoever gives them could not be reached")
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let kind = if status.is_client_error() { FailureKind::Misconfigured } else { FailureKind::Upstream };
            let message = format!("no access token for Vertex AI: whoever gives them says {}", status.as_u16());
            return Err(Failure::new(kind, message));
        }
        serde_json::from_slice(&body).map_err(|_| {
            Failure::new(FailureKind::Upstream, "no access token for Vertex AI: what came in its place is no token")
        })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(..)")
    }
}

/// A key between the lines of a PEM file.
fn rsa_key(pem: &str) -> Option<signature::RsaKeyPair> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (inside, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let text: String = inside.split_ascii_whitespace().collect();
    signature::RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(text).ok()?).ok()
}

/// What the account says of itself, signed.
fn assertion(
    email: &str,
    key_id: Option<&str>,
    key: &signature::RsaKeyPair,
    token_uri: &str,
    now: SystemTime,
) -> Result<String, Failure> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(key_id) = key_id {
        header["kid"] = key_id.into();
    }
    let claims = json!({"iss": email, "scope": SCOPE, "aud": token_uri, "iat": now, "exp": now + VALID});
    let encode = |value: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(value);
    let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| Failure::new(FailureKind::Internal, "an assertion could not be signed"))?;
    Ok(format!("{signed}.{}", encode(&signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_keys_are_refused_without_being_shown() {
        let file = |private_key: &str| {
            json!({"type": "service_account", "client_email": "a@b", "token_uri": "https://x/token", "private_key": private_key})
                .to_string()
        };
        for (text, expected) in [
            ("secret".to_owned(), "no JSON"),
            (r#"{"type":"authorized_user","client_secret":"secret"}"#.to_owned(), "authorized_user"),
            (r#"{"type":"service_account","private_key":"secret"}"#.to_owned(), "lacks client_email"),
            (file("secret"), "no RSA key"),
            (file("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"), "no RSA key"),
        ] {
            let error = Tokens::of_service_account(&text).unwrap_err();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }
}
