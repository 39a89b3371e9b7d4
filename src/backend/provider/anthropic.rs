//! Anthropic's Messages: at its own address, and within Vertex AI.

use std::time::Duration;

use super::{
    Call, Framing, Prefill, Reader, Settings, Vendor,
    ways::{SchemaMode, Schemas, answer_tool, check_one_choice, check_sampling, messages},
};
use crate::{
    backend::{Job, Way},
    inference::{Event, Failure, FailureKind, Method, Request},
    wire::{
        anthropic::{Ask, Reader as MessagesReader, Spoken, encode},
        lower::ANTHROPIC,
        openai::upstream::failure_of,
    },
};

/// The version whose sampling parameters older models still take; newer ones refuse these in any version.
const VERSION: &str = "2023-06-01";
const VERTEX_VERSION: &str = "vertex-2023-10-16";

pub(super) struct Anthropic {
    within_vertex: bool,
    schemas: Schemas,
}

impl Anthropic {
    /// Structured outputs within Vertex are off unless an organisation allows them, so there only a named way leads to
    /// them.
    pub fn new(within_vertex: bool) -> Self {
        let native = SchemaMode::Subset(&ANTHROPIC);
        // Forced choice is refused by newer models, so it has to be asked for.
        Self { within_vertex, schemas: Schemas::new(native, Some(&ANTHROPIC), Some(&ANTHROPIC)) }
    }
}

impl Vendor for Anthropic {
    fn kind(&self) -> &'static str {
        if self.within_vertex { "vertex_anthropic" } else { "anthropic" }
    }

    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure> {
        check_one_choice(request)?;
        check_sampling(request, &["top_k"], self.kind())?;
        if request.sampling.temperature > 1.0 && request.sampling.temperature != 1.0 {
            let message = "temperature: from 0 to 1 with this provider";
            let failure = Failure::new(FailureKind::BadRequest, message);
            return Err(failure.about("temperature").coded("invalid_value"));
        }
        let mut ways = self.schemas.ways(settings.structured, request);
        let auto = settings.structured == super::Structured::Auto;
        let wanted = |way: &Way| match way.method {
            Method::ForcedTool => !auto,
            Method::Native => !(auto && self.within_vertex),
            _ => true,
        };
        ways.retain(wanted);
        Ok(ways)
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let strict = match self.within_vertex {
            true => Vec::new(),
            false => self.schemas.strict_tools(&job.request.tools.list),
        };
        let schema = self.schemas.of(job)?;
        let mut messages = messages(job, false);
        if job.prefix.is_some()
            && let Some(begun) = messages.to_mut().last_mut()
        {
            // Refused there if white space is its end; the seam knows that it is missing.
            begun.content.truncate(begun.content.trim_end().len());
        }
        let tool = schema.as_deref().filter(|_| job.way.method == Method::ForcedTool).map(answer_tool);
        let ask = Ask {
            model: &settings.model,
            spoken: if self.within_vertex { Spoken::Within(VERTEX_VERSION) } else { Spoken::Directly },
            stream,
            messages: &messages,
            schema: schema.as_deref().filter(|_| job.way.method == Method::Native),
            answer_tool: tool.as_ref(),
            strict_tools: &strict,
        };
        let body = encode(&job.request, &ask).map_err(|error| {
            let message = format!("messages: the arguments of a call are no JSON: {error}");
            Failure::new(FailureKind::BadRequest, message).about("messages").coded("invalid_value")
        })?;
        let base = settings.base_url.trim_end_matches('/');
        let key = settings.key.as_ref().map(super::Secret::reveal).unwrap_or_default();
        Ok(match self.within_vertex {
            false => {
                let headers = vec![("x-api-key", key.to_owned()), ("anthropic-version", VERSION.to_owned())];
                Call { url: format!("{base}/messages"), headers, body }
            }
            true => {
                let verb = if stream { "streamRawPredict" } else { "rawPredict" };
                let url = format!("{base}/publishers/anthropic/models/{}:{verb}", settings.model);
                Call { url, headers: vec![("authorization", format!("Bearer {key}"))], body }
            }
        })
    }

    fn reader(&self, job: &Job) -> Box<dyn Reader> {
        let constrained = job.request.constraint.is_some();
        Box::new(Messages(MessagesReader::new(job.way.method == Method::ForcedTool, constrained)))
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
        failure_of(status, body, retry_after, constrained)
    }

    fn prefill(&self, settings: &Settings) -> Option<Prefill> {
        let takes = settings.prefill.unwrap_or_else(|| takes_prefill(&settings.model));
        takes.then_some(Prefill::Plain { echoes: false })
    }

    fn refused(&self, job: &Job) {
        self.schemas.refused(job);
    }
}

/// Whether a Claude model goes on with an answer that was begun: those up to 4.5 do, later ones refuse it.
pub(super) fn takes_prefill(model: &str) -> bool {
    let Some((_, version)) = model.split_once("claude") else { return false };
    // Dates are longer.
    let parts = version.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| part.len() < 3);
    let mut numbers = parts.filter_map(|part| part.parse::<u32>().ok());
    numbers.next().is_some_and(|major| (major, numbers.next().unwrap_or(0)) <= (4, 5))
}

struct Messages(MessagesReader);

impl Reader for Messages {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_models_take_the_beginning_of_an_answer() {
        for model in [
            "claude-3-5-sonnet-20241022",
            "claude-opus-4-20250514",
            "claude-opus-4-1@20250805",
            "claude-haiku-4-5",
            "anthropic/claude-sonnet-4.5",
            "claude-2.1",
        ] {
            assert!(takes_prefill(model), "{model}");
        }
        for model in ["claude-opus-4-6", "claude-sonnet-4.6", "claude-sonnet-5", "claude-fable-5-1", "claude", "gpt-4"]
        {
            assert!(!takes_prefill(model), "{model}");
        }
    }
}
