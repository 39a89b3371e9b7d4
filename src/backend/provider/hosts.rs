//! Hosts that speak OpenAI's chat protocol, as data: what each takes and under which names. What is listed here is from
//! the hosts' own descriptions and clients; whatever is in doubt is set to the weaker claim, since answers are checked
//! all the same.

use super::ways::SchemaMode;
use crate::wire::{
    lower::{DEEPSEEK, OPENAI_STRICT, Subset},
    openai::upstream::Shape,
};

/// How a host is told who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    Bearer,
    /// A header of this name holds the key.
    Header(&'static str),
}

/// How a model is given the beginning of its answer: as the last message, which is the assistant's. Hosts differ in how
/// they are told that it is not a turn of its own, and in whether they say it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefill {
    /// Nothing tells them.
    Plain { echoes: bool },
    /// The message says `prefix: true`.
    Marked { echoes: bool },
    /// Members of the request say so, as JSON without its braces.
    Asked(&'static str),
}

impl Prefill {
    /// The answer may begin with what it was given.
    pub fn echoes(self) -> bool {
        matches!(self, Self::Plain { echoes: true } | Self::Marked { echoes: true })
    }
}

/// One host.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Its name in the configuration.
    pub kind: &'static str,
    /// Where it is; hosts that everyone runs for themselves have no address.
    pub base_url: Option<&'static str>,
    /// What follows the address.
    pub path: &'static str,
    pub auth: Auth,
    /// A key is needed.
    pub needs_key: bool,
    pub schema: SchemaMode,
    /// The schema is not shown to the model by the host, so it is put into the prompt too.
    pub show_schema: bool,
    /// Any-JSON mode.
    pub json_object: bool,
    /// Schemas in the arguments of a tool that must be called.
    pub forced_tool: Option<&'static Subset>,
    pub tools: bool,
    /// Strict parameters of tools.
    pub strict_tools: Option<&'static Subset>,
    /// How its models go on with an answer that was begun; none if that hangs on the model, or is not known.
    pub prefill: Option<Prefill>,
    pub shape: Shape,
}

const SHAPE: Shape = Shape {
    max_tokens: "max_tokens",
    seed: "seed",
    required: "required",
    named_choice: true,
    developer: false,
    stream_usage: true,
    parallel_calls: true,
    needs_parameters: false,
    strict: true,
    extra: "",
    sampling: &["presence_penalty", "frequency_penalty", "seed"],
    default_temperature: true,
};

const PLAIN: Host = Host {
    kind: "openai_compatible",
    base_url: None,
    path: "/chat/completions",
    auth: Auth::Bearer,
    needs_key: false,
    schema: SchemaMode::Subset(&OPENAI_STRICT),
    show_schema: false,
    json_object: true,
    forced_tool: None,
    tools: true,
    strict_tools: None,
    prefill: None,
    shape: SHAPE,
};

const LOCAL_SAMPLING: &[&str] =
    &["presence_penalty", "frequency_penalty", "repetition_penalty", "seed", "top_k", "min_p", "logit_bias"];

/// All hosts of this protocol.
pub const HOSTS: &[Host] = &[
    Host {
        kind: "openai",
        base_url: Some("https://api.openai.com/v1"),
        needs_key: true,
        forced_tool: Some(&OPENAI_STRICT),
        strict_tools: Some(&OPENAI_STRICT),
        shape: Shape {
            max_tokens: "max_completion_tokens",
            developer: true,
            sampling: &["presence_penalty", "frequency_penalty", "seed", "logit_bias"],
            ..SHAPE
        },
        ..PLAIN
    },
    // The v1 surface: https://RESOURCE.openai.azure.com/openai/v1, with the deployment's name as the model. Older addresses
    // have that name and a version in them, and begin with https://RESOURCE.openai.azure.com.
    Host {
        kind: "azure_openai",
        needs_key: true,
        auth: Auth::Header("api-key"),
        forced_tool: Some(&OPENAI_STRICT),
        strict_tools: Some(&OPENAI_STRICT),
        shape: Shape {
            max_tokens: "max_completion_tokens",
            developer: true,
            sampling: &["presence_penalty", "frequency_penalty", "seed", "logit_bias"],
            ..SHAPE
        },
        ..PLAIN
    },
    // Unknown fields are refused there, and a tool that is named is said to be, so it is sent alone.
    Host {
        kind: "mistral",
        base_url: Some("https://api.mistral.ai/v1"),
        needs_key: true,
        prefill: Some(Prefill::Marked { echoes: true }),
        shape: Shape {
            needs_parameters: true,
            seed: "random_seed",
            required: "any",
            named_choice: false,
            stream_usage: false,
            ..SHAPE
        },
        ..PLAIN
    },
    // No json_schema; forced calls need thinking to be off; strict ones, and answers that were begun, the beta address.
    Host {
        kind: "deepseek",
        base_url: Some("https://api.deepseek.com"),
        needs_key: true,
        schema: SchemaMode::None,
        forced_tool: Some(&DEEPSEEK),
        prefill: Some(Prefill::Marked { echoes: false }),
        shape: Shape {
            strict: false,
            parallel_calls: false,
            extra: r#""thinking":{"type":"disabled"}"#,
            sampling: &["presence_penalty", "frequency_penalty"],
            ..SHAPE
        },
        ..PLAIN
    },
    // Without require_parameters it routes to hosts that drop the schema.
    Host {
        kind: "openrouter",
        base_url: Some("https://openrouter.ai/api/v1"),
        needs_key: true,
        shape: Shape {
            max_tokens: "max_completion_tokens",
            stream_usage: false,
            extra: r#""provider":{"require_parameters":true}"#,
            sampling: LOCAL_SAMPLING,
            ..SHAPE
        },
        ..PLAIN
    },
    // A relay of which nothing is promised about schemas.
    Host {
        kind: "tokenmix",
        base_url: Some("https://api.tokenmix.ai/v1"),
        needs_key: true,
        schema: SchemaMode::None,
        json_object: false,
        ..PLAIN
    },
    // Older fields (guided_json) are ignored by newer servers; response_format is enforced by all.
    Host {
        kind: "vllm",
        schema: SchemaMode::Any,
        show_schema: true,
        prefill: Some(Prefill::Asked(r#""add_generation_prompt":false,"continue_final_message":true"#)),
        shape: Shape { sampling: LOCAL_SAMPLING, ..SHAPE },
        ..PLAIN
    },
    Host {
        kind: "sglang",
        schema: SchemaMode::Any,
        show_schema: true,
        prefill: Some(Prefill::Asked(r#""continue_final_message":true"#)),
        shape: Shape { sampling: LOCAL_SAMPLING, ..SHAPE },
        ..PLAIN
    },
    Host {
        kind: "llama_server",
        schema: SchemaMode::Any,
        show_schema: true,
        prefill: Some(Prefill::Plain { echoes: true }),
        shape: Shape { sampling: LOCAL_SAMPLING, strict: false, default_temperature: false, ..SHAPE },
        ..PLAIN
    },
    Host { kind: "litellm", shape: Shape { sampling: LOCAL_SAMPLING, ..SHAPE }, ..PLAIN },
    // Another server of this kind: all schemas are taken, and masked.
    Host {
        kind: "espalier",
        schema: SchemaMode::Any,
        tools: false,
        shape: Shape { sampling: LOCAL_SAMPLING, ..SHAPE },
        ..PLAIN
    },
    PLAIN,
];

/// Where a kind of provider is, and whether it needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    pub base_url: Option<&'static str>,
    pub needs_key: bool,
}

/// Those that speak a protocol of their own. Within Vertex the address ends with the project and the location:
/// `https://HOST/v1/projects/PROJECT/locations/LOCATION`, and the key is an access token, given or fetched.
const OWN: &[(&str, Home)] = &[
    ("anthropic", Home { base_url: Some("https://api.anthropic.com/v1"), needs_key: true }),
    ("vertex_anthropic", Home { base_url: None, needs_key: false }),
    ("gemini", Home { base_url: Some("https://generativelanguage.googleapis.com/v1beta"), needs_key: true }),
    ("vertex_gemini", Home { base_url: None, needs_key: false }),
    ("ollama", Home { base_url: Some("http://127.0.0.1:11434"), needs_key: false }),
    // Its address follows from the region; its keys are those of the account, or an API key.
    ("bedrock", Home { base_url: None, needs_key: false }),
    ("openai_responses", Home { base_url: Some("https://api.openai.com/v1"), needs_key: true }),
];

/// Where a kind of provider is.
pub fn home(kind: &str) -> Option<Home> {
    let own = OWN.iter().find(|(name, _)| *name == kind).map(|(_, home)| *home);
    own.or_else(|| find(kind).map(|host| Home { base_url: host.base_url, needs_key: host.needs_key }))
}

/// A host by its name in the configuration.
pub(super) fn find(kind: &str) -> Option<&'static Host> {
    HOSTS.iter().find(|host| host.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_extras_are_json() {
        for (index, host) in HOSTS.iter().enumerate() {
            assert!(HOSTS[..index].iter().all(|other| other.kind != host.kind), "{}", host.kind);
            serde_json::from_str::<serde_json::Value>(&format!("{{{}}}", host.shape.extra)).unwrap();
            if let Some(Prefill::Asked(members)) = host.prefill {
                serde_json::from_str::<serde_json::Value>(&format!("{{{members}}}")).unwrap();
            }
        }
    }
}
