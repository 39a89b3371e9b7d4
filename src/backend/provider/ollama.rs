//! Ollama's own chat protocol.

use std::time::Duration;

use super::{
    Call, Framing, Reader, Settings, Vendor,
    openai_compatible::is_object,
    ways::{SchemaMode, Schemas, check_one_choice, check_sampling, messages},
};
use crate::{
    backend::{Job, Way},
    inference::{Event, Failure, FailureKind, Method, Request},
    wire::{
        ollama::{Ask, Form, Reader as LineReader, encode},
        openai::upstream::failure_of,
    },
};

pub(super) struct Ollama {
    schemas: Schemas,
}

impl Ollama {
    pub fn new() -> Self {
        Self { schemas: Schemas::new(SchemaMode::Any, None, None) }
    }
}

impl Vendor for Ollama {
    fn kind(&self) -> &'static str {
        "ollama"
    }

    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure> {
        check_one_choice(request)?;
        let known = &["min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "top_k", "seed"];
        check_sampling(request, known, self.kind())?;
        if request.tools.must_call() {
            let message = "tool_choice: no tool can be forced with this provider";
            let failure = Failure::new(FailureKind::BadRequest, message);
            return Err(failure.about("tool_choice").coded("unsupported_parameter"));
        }
        Ok(self.schemas.ways(settings.structured, request))
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let schema = self.schemas.of(job)?;
        // The schema makes the grammar and is not shown to the model.
        let messages = messages(job, true);
        let object = job.request.constraint.as_ref().is_some_and(is_object) && !job.request.tools.in_play();
        let form = match &schema {
            Some(schema) => Form::Schema(schema),
            None if object && job.way.method == Method::Prompted => Form::Json,
            None => Form::Any,
        };
        let ask = Ask { model: &settings.model, stream, messages: &messages, form };
        let body = encode(&job.request, &ask).map_err(|error| {
            let message = format!("messages: the arguments of a call are no JSON: {error}");
            Failure::new(FailureKind::BadRequest, message).about("messages").coded("invalid_value")
        })?;
        let url = format!("{}/api/chat", settings.base_url.trim_end_matches('/'));
        let key = settings.key.as_ref().map(|key| ("authorization", format!("Bearer {}", key.reveal())));
        Ok(Call { url, headers: key.into_iter().collect(), body })
    }

    fn reader(&self, job: &Job) -> Box<dyn Reader> {
        Box::new(Lines(LineReader::new(job.request.constraint.is_some())))
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
        failure_of(status, body, retry_after, constrained)
    }

    fn refused(&self, job: &Job) {
        self.schemas.refused(job);
    }
}

struct Lines(LineReader);

impl Reader for Lines {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.line(data, out)
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.end(out)
    }

    fn whole(&mut self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.line(body, out)?;
        self.0.end(out)
    }
}
