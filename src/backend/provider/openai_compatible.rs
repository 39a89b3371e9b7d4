//! Every host that speaks OpenAI's chat protocol.

use std::{sync::Arc, time::Duration};

use super::{
    Call, Framing, Host, Reader, Settings, Structured, Vendor,
    hosts::{Auth, SchemaMode},
    ways::{Kept, answer_tool, check_sampling, instructed, instruction},
};
use crate::{
    backend::{Job, Way},
    inference::{Constraint, Event, Failure, FailureKind, JsonSchema, Method, Prompt, Request, Tool},
    wire::{
        lower::{Lowered, NoForm, lower, verbatim},
        openai::upstream::{Ask, Reader as ChatReader, encode, failure_of},
    },
};

/// One host's protocol, with the schemas that were lowered for it.
pub struct OpenAiCompatible {
    host: &'static Host,
    native: Kept,
    forced: Kept,
    tools: Kept,
}

impl OpenAiCompatible {
    pub fn new(host: &'static Host) -> Self {
        Self { host, native: Kept::default(), forced: Kept::default(), tools: Kept::default() }
    }

    fn lower(&self, constraint: &Constraint) -> Result<Lowered, NoForm> {
        match self.host.schema {
            SchemaMode::Subset(subset) => lower(constraint, subset),
            SchemaMode::Any => verbatim(constraint),
            SchemaMode::None => Err(NoForm { pointer: String::new(), reason: "the host takes no schemas".into() }),
        }
    }

    fn lowered_for(&self, constraint: &Constraint, method: Method) -> Arc<super::ways::Known> {
        match method {
            Method::ForcedTool => {
                let subset = self.host.forced_tool;
                let none = || NoForm { pointer: String::new(), reason: "no tool can be forced".into() };
                self.forced.get(constraint, || subset.ok_or_else(none).and_then(|subset| lower(constraint, subset)))
            }
            _ => self.native.get(constraint, || self.lower(constraint)),
        }
    }

    /// Parameters of tools as the host takes strict ones.
    fn strict_tools(&self, tools: &[Tool]) -> Vec<Option<Arc<serde_json::value::RawValue>>> {
        let Some(subset) = self.host.strict_tools else { return Vec::new() };
        let one = |tool: &Tool| {
            let constraint = Constraint::JsonSchema(JsonSchema::from(tool.parameters.clone()?));
            let known = self.tools.get(&constraint, || lower(&constraint, subset));
            // What has to be undone in an answer is not undone in arguments, so only plain forms are sent.
            let plain = known.usable().filter(|lowered| !lowered.wrapped && !lowered.nullable)?;
            Some(plain.schema.clone())
        };
        tools.iter().map(one).collect()
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
        let Some(constraint) = &request.constraint else { return Ok(vec![Way::new(Method::Free)]) };
        let tools = request.tools.in_play();
        let may = |way: Structured| settings.structured == Structured::Auto || settings.structured == way;
        let mut ways = Vec::new();
        if may(Structured::Native) && !tools {
            ways.extend(self.lowered_for(constraint, Method::Native).way(Method::Native));
        }
        // With a tool of its own the answer cannot be told from the caller's calls.
        if may(Structured::ForcedTool) && !tools && (ways.is_empty() || settings.structured == Structured::ForcedTool) {
            ways.extend(self.lowered_for(constraint, Method::ForcedTool).way(Method::ForcedTool));
        }
        // The schema in the prompt always goes: what the host cannot hold to is checked here.
        ways.push(Way::new(Method::Prompted));
        Ok(ways)
    }

    fn call(&self, settings: &Settings, job: &Job, stream: bool) -> Result<Call, Failure> {
        let request = &job.request;
        let mut ask = Ask::plain(request, &settings.model, stream);
        let strict = self.strict_tools(&request.tools.list);
        ask.strict_tools = &strict;
        let (known, tool, messages);
        if let Some(constraint) = &request.constraint {
            match job.way.method {
                method @ (Method::Native | Method::ForcedTool) => {
                    known = self.lowered_for(constraint, method);
                    let lowered = known.lowered.as_ref().ok_or_else(|| ours("a schema was not lowered"))?;
                    if method == Method::Native {
                        ask.schema = Some(&lowered.schema);
                    } else {
                        tool = answer_tool(&lowered.schema);
                        ask.answer_tool = Some(&tool);
                    }
                }
                _ => ask.json_object = self.host.json_object && is_object(constraint) && !request.tools.in_play(),
            }
            let show = job.way.method == Method::Prompted || self.host.show_schema;
            if let (true, Prompt::Chat(chat)) = (show, &request.prompt) {
                messages = instructed(chat, &instruction(constraint));
                ask.messages = &messages;
            }
        }
        let body = encode(request, &ask, &self.host.shape).map_err(|error| ours(&error.to_string()))?;
        let url = format!("{}{}", settings.base_url.trim_end_matches('/'), self.host.path);
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

    fn refused(&self, job: &Job) {
        let Some(constraint) = &job.request.constraint else { return };
        match job.way.method {
            Method::Native => self.native.refuse(constraint),
            Method::ForcedTool => self.forced.refuse(constraint),
            _ => {}
        }
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
fn is_object(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::JsonObject => true,
        Constraint::JsonSchema(schema) => serde_json::from_str::<serde_json::Value>(&schema.text)
            .is_ok_and(|schema| schema.get("type").is_some_and(|kind| kind == "object")),
    }
}

fn ours(message: &str) -> Failure {
    Failure::new(FailureKind::Internal, message)
}
