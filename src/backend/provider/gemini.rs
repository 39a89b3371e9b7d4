//! Gemini's generateContent: at its own address, and within Vertex AI.

use std::time::Duration;

use super::{
    Call, Framing, Reader, Settings, Vendor,
    ways::{SchemaMode, Schemas, check_one_choice, check_sampling, messages},
};
use crate::{
    backend::{Job, Way},
    inference::{Event, Failure, FailureKind, Method, Request},
    wire::{
        gemini::{Ask, Reader as GenerateReader, encode},
        lower::GEMINI,
        openai::upstream::failure_of,
    },
};

pub(super) struct Gemini {
    within_vertex: bool,
    schemas: Schemas,
}

impl Gemini {
    pub fn new(within_vertex: bool) -> Self {
        Self { within_vertex, schemas: Schemas::new(SchemaMode::Subset(&GEMINI), None, None) }
    }
}

impl Vendor for Gemini {
    fn kind(&self) -> &'static str {
        if self.within_vertex { "vertex_gemini" } else { "gemini" }
    }

    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure> {
        check_one_choice(request)?;
        check_sampling(request, &["top_k", "seed", "presence_penalty", "frequency_penalty"], self.kind())?;
        Ok(self.schemas.ways(settings.structured, request))
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let schema = self.schemas.of(job)?;
        let messages = messages(job, false);
        // Tools beside JSON are refused by older models.
        let json = job.way.method == Method::Prompted && !job.request.tools.in_play();
        let ask = Ask { messages: &messages, schema: schema.as_deref(), json };
        let body = encode(&job.request, &ask).map_err(|error| {
            let message = format!("messages: the arguments of a call are no JSON: {error}");
            Failure::new(FailureKind::BadRequest, message).about("messages").coded("invalid_value")
        })?;
        let base = settings.base_url.trim_end_matches('/');
        let publisher = if self.within_vertex { "/publishers/google" } else { "" };
        let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let url = format!("{base}{publisher}/models/{}:{verb}", settings.model);
        let key = settings.key.as_ref().map(super::Secret::reveal).unwrap_or_default();
        let header = match self.within_vertex {
            true => ("authorization", format!("Bearer {key}")),
            false => ("x-goog-api-key", key.to_owned()),
        };
        Ok(Call { url, headers: vec![header], body })
    }

    fn reader(&self, job: &Job) -> Box<dyn Reader> {
        Box::new(Generate(GenerateReader::new(job.request.constraint.is_some())))
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
        let mut failure = failure_of(status, body, retry_after, constrained);
        if status == 400 && failure.message.contains("API key not valid") {
            failure = Failure::new(FailureKind::Misconfigured, "the provider does not take our key (status 400)");
        }
        if failure.retry_after.is_none() {
            failure.retry_after = retry_delay(body);
        }
        failure
    }

    fn refused(&self, job: &Job) {
        self.schemas.refused(job);
    }
}

/// `retryDelay: "12s"` among the details of an error, where others have a header.
fn retry_delay(body: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"retryDelay\"")?;
    let delay = rest.trim_start_matches([' ', ':', '\n']).strip_prefix('"')?.split('"').next()?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

struct Generate(GenerateReader);

impl Reader for Generate {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.chunk(data, out)
    }

    /// The end of the body is the only last word.
    fn is_done(&self) -> bool {
        false
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.end(out)
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.chunk(body, out)?;
        self.0.end(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stand_in_the_details() {
        let body = br#"{"error":{"details":[{"@type":"x","retryDelay": "12.5s"}]}}"#;
        assert_eq!(retry_delay(body), Some(Duration::from_millis(12_500)));
        assert_eq!(retry_delay(b"{}"), None);
    }
}
