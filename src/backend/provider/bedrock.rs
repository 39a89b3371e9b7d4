//! Bedrock's Converse, signed with the keys of an AWS account or with an API key.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};

use super::{
    Aws, Call, Framing, Reader, Settings, Vendor,
    ways::{SchemaMode, Schemas, answer_tool, check_one_choice, check_sampling, messages},
};
use crate::{
    backend::{Job, Way},
    inference::{Event, Failure, FailureKind, Method, Request},
    wire::{
        bedrock::{Ask, Reader as ConverseReader, encode},
        lower::ANTHROPIC,
        openai::upstream::failure_of,
    },
};

pub(super) struct Bedrock {
    schemas: Schemas,
}

impl Bedrock {
    /// The subset of the models that have the structured mode there; all others say so, and are prompted.
    pub fn new() -> Self {
        Self { schemas: Schemas::new(SchemaMode::Subset(&ANTHROPIC), Some(&ANTHROPIC), None) }
    }
}

impl Vendor for Bedrock {
    fn kind(&self) -> &'static str {
        "bedrock"
    }

    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure> {
        check_one_choice(request)?;
        check_sampling(request, &[], self.kind())?;
        if request.sampling.temperature > 1.0 {
            let failure = Failure::new(FailureKind::BadRequest, "temperature: from 0 to 1 with this provider");
            return Err(failure.about("temperature").coded("invalid_value"));
        }
        Ok(self.schemas.ways(settings.structured, request))
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let schema = self.schemas.of(job)?;
        let messages = messages(job, false);
        let tool = schema.as_deref().filter(|_| job.way.method == Method::ForcedTool).map(answer_tool);
        let ask = Ask {
            messages: &messages,
            schema: schema.as_deref().filter(|_| job.way.method == Method::Native),
            answer_tool: tool.as_ref(),
        };
        let body = encode(&job.request, &ask).map_err(|error| {
            let message = format!("messages: the arguments of a call are no JSON: {error}");
            Failure::new(FailureKind::BadRequest, message).about("messages").coded("invalid_value")
        })?;
        let verb = if stream { "converse-stream" } else { "converse" };
        let base = settings.base_url.trim_end_matches('/');
        let url = format!("{base}/model/{}/{verb}", escaped(&settings.model));
        let headers = match (&settings.key, &settings.aws) {
            (Some(key), _) => vec![("authorization", format!("Bearer {}", key.reveal()))],
            (None, Some(aws)) => signed(&url, &body, aws, SystemTime::now())?,
            (None, None) => Vec::new(),
        };
        Ok(Call { url, headers, body })
    }

    fn reader(&self, job: &Job) -> Box<dyn Reader> {
        let constrained = job.request.constraint.is_some();
        Box::new(Converse(ConverseReader::new(job.way.method == Method::ForcedTool, constrained)))
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
        let mut failure = failure_of(status, body, retry_after, constrained);
        if status == 424 {
            failure.kind = FailureKind::Upstream; // the model failed, not the request
        }
        failure
    }

    fn refused(&self, job: &Job) {
        self.schemas.refused(job);
    }
}

/// A model's id within a path: colons and slashes are escaped.
pub(super) fn escaped(model: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    model.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The headers of a signature (version 4).
fn signed(url: &str, body: &[u8], aws: &Aws, time: SystemTime) -> Result<Vec<(&'static str, String)>, Failure> {
    let ours = |error: String| Failure::new(FailureKind::Internal, format!("a request could not be signed: {error}"));
    let token = aws.session_token.as_ref().map(|token| token.reveal().to_owned());
    let keys = Credentials::new(aws.access_key_id.reveal(), aws.secret_access_key.reveal(), token, None, "environment");
    let identity = keys.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&aws.region)
        .name("bedrock")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| ours(error.to_string()))?;
    let headers = std::iter::once(("content-type", "application/json"));
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body));
    let request = request.map_err(|error| ours(error.to_string()))?;
    let output = sign(request, &params.into()).map_err(|error| ours(error.to_string()))?;
    let (headers, _) = output.into_parts().0.into_parts();
    Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
}

struct Converse(ConverseReader);

impl Reader for Converse {
    fn event(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.frame(name, data, out)
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.end(out)
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.whole(body, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Secret, *};

    /// A signature that botocore makes of the same request.
    #[test]
    fn signatures_are_those_of_the_official_client() {
        let aws = Aws {
            access_key_id: Secret::new("AKIDEXAMPLE"),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
            region: "us-east-1".to_owned(),
        };
        let model = escaped("anthropic.claude-opus-4-6-v1:0");
        let url = format!("https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/converse");
        let body = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
        // 2026-01-02T03:04:05Z
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let headers = signed(&url, body, &aws, time).unwrap();
        let value = |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        assert_eq!(value("x-amz-date"), Some("20260102T030405Z"));
        let authorization = value("authorization").unwrap();
        assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date"), "{authorization}");
        let signature = "a1c4f1543f514bbe44d2ee7bc4cb12b0b0a6ae72d871ff91ae442d954703fdb8";
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
    }
}
