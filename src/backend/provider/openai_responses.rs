//! OpenAI's Responses protocol.

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
        lower::OPENAI_STRICT,
        openai::upstream::failure_of,
        responses::{Ask, LEAST_TOKENS, Reader as ItemReader, encode},
    },
};

pub(super) struct OpenAiResponses {
    schemas: Schemas,
}

impl OpenAiResponses {
    pub fn new() -> Self {
        let native = SchemaMode::Subset(&OPENAI_STRICT);
        Self { schemas: Schemas::new(native, None, Some(&OPENAI_STRICT)) }
    }
}

impl Vendor for OpenAiResponses {
    fn kind(&self) -> &'static str {
        "openai_responses"
    }

    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure> {
        check_one_choice(request)?;
        check_sampling(request, &[], self.kind())?;
        if !request.output.stop.is_empty() {
            let failure = Failure::new(FailureKind::BadRequest, "stop: this protocol has no texts that end an answer");
            return Err(failure.about("stop").coded("unsupported_parameter"));
        }
        if request.output.max_tokens.is_some_and(|most| most < LEAST_TOKENS) {
            let message = format!("max_tokens: this protocol takes {LEAST_TOKENS} or more");
            return Err(Failure::new(FailureKind::BadRequest, message).about("max_tokens").coded("invalid_value"));
        }
        Ok(self.schemas.ways(settings.structured, request))
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let strict = self.schemas.strict_tools(&job.request.tools.list);
        let schema = self.schemas.of(job)?;
        let messages = messages(job, false);
        let object = job.request.constraint.as_ref().is_some_and(is_object) && !job.request.tools.in_play();
        let ask = Ask {
            model: &settings.model,
            stream,
            messages: &messages,
            schema: schema.as_deref(),
            json_object: object && job.way.method == Method::Prompted,
            strict_tools: &strict,
        };
        let ours = |error: serde_json::Error| Failure::new(FailureKind::Internal, error.to_string());
        let body = encode(&job.request, &ask).map_err(ours)?;
        let url = format!("{}/responses", settings.base_url.trim_end_matches('/'));
        let key = settings.key.as_ref().map(|key| ("authorization", format!("Bearer {}", key.reveal())));
        Ok(Call { url, headers: key.into_iter().collect(), body })
    }

    fn reader(&self, job: &Job) -> Box<dyn Reader> {
        Box::new(Items(ItemReader::new(job.request.constraint.is_some())))
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
        failure_of(status, body, retry_after, constrained)
    }

    fn refused(&self, job: &Job) {
        self.schemas.refused(job);
    }
}

struct Items(ItemReader);

impl Reader for Items {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.event(data, out)
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
