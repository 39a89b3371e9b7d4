//! Every host that speaks OpenAI's chat protocol.

use std::time::Duration;

use super::{
    Call, Framing, Host, Reader, Settings, Vendor,
    anthropic::takes_prefill,
    bedrock::escaped,
    hosts::{Auth, Prefill},
    ways::{Schemas, answer_tool, check_sampling, messages},
};
use crate::{
    backend::{Job, Way},
    inference::{Constraint, Event, Failure, FailureKind, Method, Request},
    wire::openai::upstream::{Ask, Reader as ChatReader, encode, failure_of},
};

/// One host's protocol, with the schemas that were lowered for it.
pub(super) struct OpenAiCompatible {
    host: &'static Host,
    schemas: Schemas,
}

impl OpenAiCompatible {
    pub fn new(host: &'static Host) -> Self {
        Self { host, schemas: Schemas::new(host.schema, host.forced_tool, host.strict_tools) }
    }
}

impl Vendor for OpenAiCompatible {
    fn kind(&self) -> &'static str {
        self.host.kind
    }

    fn ways(&self, settings: &Settings, request: &Request) -> Result<Vec<Way>, Failure> {
        check_sampling(request, self.host.shape.sampling, self.host.kind)?;
        if request.tools.in_play() && !self.host.tools {
            let message = format!("providers of the kind {} take no tools", self.host.kind);
            return Err(Failure::new(FailureKind::BadRequest, message).about("tools").coded("unsupported_parameter"));
        }
        Ok(self.schemas.ways(settings.structured, request))
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let request = &job.request;
        let strict = self.schemas.strict_tools(&request.tools.list);
        let schema = self.schemas.of(job)?;
        let messages = messages(job, self.host.show_schema);
        let tool = schema.as_deref().filter(|_| job.way.method == Method::ForcedTool).map(answer_tool);
        let object = request.constraint.as_ref().is_some_and(is_object) && !request.tools.in_play();
        let prefill = job.prefix.as_ref().and_then(|_| self.prefill(settings));
        let ask = Ask {
            messages: &messages,
            strict_tools: &strict,
            schema: schema.as_deref().filter(|_| job.way.method == Method::Native),
            answer_tool: tool.as_ref(),
            json_object: self.host.json_object && object && job.way.method == Method::Prompted && job.prefix.is_none(),
            is_begun: matches!(prefill, Some(Prefill::Marked { .. })),
            extra: if let Some(Prefill::Asked(members)) = prefill { members } else { "" },
            ..Ask::plain(&settings.model, stream)
        };
        let ours = |error: serde_json::Error| Failure::new(FailureKind::Internal, error.to_string());
        let body = encode(request, &ask, &self.host.shape).map_err(ours)?;
        let base = settings.base_url.trim_end_matches('/');
        let url = match &settings.api_version {
            None => format!("{base}{}", self.host.path),
            Some(version) => {
                let base = base.strip_suffix("/openai").unwrap_or(base);
                let deployment = escaped(&settings.model);
                format!("{base}/openai/deployments/{deployment}{}?api-version={}", self.host.path, escaped(version))
            }
        };
        let mut headers = Vec::new();
        if let Some(key) = &settings.key {
            headers.push(match self.host.auth {
                Auth::Bearer => ("authorization", format!("Bearer {}", key.reveal())),
                Auth::Header(name) => (name, key.reveal().to_owned()),
            });
        }
        Ok(Call { url, headers, body })
    }

    fn reader(&self, job: &Job) -> Box<dyn Reader> {
        let from_tool = job.way.method == Method::ForcedTool;
        let constrained = job.request.constraint.is_some();
        Box::new(Chat(ChatReader::new(job.request.output.choices, from_tool, constrained)))
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn failure(&self, status: u16, body: &[u8], retry_after: Option<Duration>, constrained: bool) -> Failure {
        failure_of(status, body, retry_after, constrained)
    }

    fn prefill(&self, settings: &Settings) -> Option<Prefill> {
        let known = match self.host.kind {
            "deepseek" => self.host.prefill.filter(|_| settings.base_url.trim_end_matches('/').ends_with("/beta")),
            "openrouter" if takes_prefill(&settings.model) => Some(Prefill::Plain { echoes: true }),
            _ => self.host.prefill,
        };
        match settings.prefill {
            None => known,
            Some(true) => known.or(self.host.prefill).or(Some(Prefill::Plain { echoes: true })),
            Some(false) => None,
        }
    }

    fn refused(&self, job: &Job) {
        self.schemas.refused(job);
    }
}

struct Chat(ChatReader);

impl Reader for Chat {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        self.0.chunk(data, out)
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

/// Whether every answer is an object, so that a mode for any JSON object does not exclude the right one.
pub(super) fn is_object(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::JsonObject => true,
        Constraint::Written(_) | Constraint::Built(_) | Constraint::Sql(_) => false,
        Constraint::JsonSchema(schema) => serde_json::from_str::<serde_json::Value>(&schema.text)
            .is_ok_and(|schema| schema.get("type").is_some_and(|kind| kind == "object")),
    }
}
