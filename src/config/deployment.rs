//! Models that are elsewhere: deployments, and how requests are routed among them.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

use super::at_least_one;
use crate::{inference, route};

/// One way to a model: at a provider, or a local model as the last resort. Those with the same name are tried in order.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The name that requests use.
    pub name: String,
    /// Its own name, in receipts; by default `PROVIDER/MODEL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub provider: ProviderKind,
    /// The model's name at the provider; of a local model, its id.
    pub model: String,
    /// Where the provider is; those that are in one place need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The version in Azure's older addresses, `/openai/deployments/MODEL/...?api-version=`; without it, the address is `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The region of an AWS account; by default that of `AWS_REGION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Headers that every request carries.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub headers: std::collections::BTreeMap<String, String>,
    /// The strongest way to a structured answer that is tried; what fails there is prompted for.
    #[serde(default)]
    pub structured: Structured,
    /// Whether the model goes on with the beginning of an answer, where a stream broke off; by default what is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<bool>,
    /// Lower comes first.
    #[serde(default)]
    pub order: u32,
    /// Share of the requests among deployments of the same order.
    #[serde(default = "one")]
    pub weight: NonZeroU32,
    #[serde(default)]
    pub timeouts: Timeouts,
    /// What a million tokens cost; then the receipt says what an answer did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Most bytes of an answer.
    #[serde(default = "answer_bytes")]
    pub answer_bytes: NonZeroU32,
}

/// What kind of provider it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    Openai,
    AzureOpenai,
    Mistral,
    Deepseek,
    Openrouter,
    Tokenmix,
    Vllm,
    Sglang,
    LlamaServer,
    Litellm,
    Espalier,
    OpenaiCompatible,
    OpenaiResponses,
    Anthropic,
    VertexAnthropic,
    Gemini,
    VertexGemini,
    Ollama,
    Bedrock,
    /// One of `models`.
    Local,
}

/// Which ways to a structured answer are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// The strongest that the provider is known to have.
    #[default]
    Auto,
    Native,
    ForcedTool,
    Prompted,
}

/// How long a provider is waited for, in milliseconds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    pub connect_ms: NonZeroU32,
    /// From the request to its first text, or to its whole answer if it is not streamed.
    pub first_token_ms: NonZeroU32,
    /// Of silence within a stream.
    pub between_tokens_ms: NonZeroU32,
    pub total_ms: NonZeroU32,
}

/// Money per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: f64,
    /// Input that the provider had cached; by default as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    pub output: f64,
}

/// What one request may try.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Attempts in all.
    pub attempts: NonZeroU32,
    /// Of these, how often one deployment is told what was wrong and asked again.
    pub reasks: u32,
    /// How often one deployment is tried again after a fault that passes.
    pub retries: u32,
    /// Wait before the first retry; it doubles with each, and half of it is left to chance.
    pub backoff_ms: u32,
    /// Longest wait; a deployment that asks for a longer one is passed over.
    pub longest_wait_ms: u32,
    /// Tokens over all attempts, after which no further one is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<NonZeroU64>,
    /// Money over all attempts, after which no further one is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Failures in a row after which a deployment is passed over.
    pub breaker_failures: NonZeroU32,
    /// For how long.
    pub breaker_cooldown_ms: u32,
}

impl ProviderKind {
    /// Its name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::AzureOpenai => "azure_openai",
            Self::Mistral => "mistral",
            Self::Deepseek => "deepseek",
            Self::Openrouter => "openrouter",
            Self::Tokenmix => "tokenmix",
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::LlamaServer => "llama_server",
            Self::Litellm => "litellm",
            Self::Espalier => "espalier",
            Self::OpenaiCompatible => "openai_compatible",
            Self::OpenaiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::VertexAnthropic => "vertex_anthropic",
            Self::Gemini => "gemini",
            Self::VertexGemini => "vertex_gemini",
            Self::Ollama => "ollama",
            Self::Bedrock => "bedrock",
            Self::Local => "local",
        }
    }
}

impl Deployment {
    /// Its own name.
    pub fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("{}/{}", self.provider.as_str(), self.model))
    }

    /// As routing sees it.
    pub fn routed(&self) -> route::Deployment {
        let ms = |value: NonZeroU32| std::time::Duration::from_millis(value.get().into());
        let Timeouts { connect_ms, first_token_ms, between_tokens_ms, total_ms } = self.timeouts;
        route::Deployment {
            id: self.id(),
            order: self.order,
            weight: self.weight.get(),
            timeouts: inference::Timeouts {
                connect: ms(connect_ms),
                first_token: ms(first_token_ms),
                between_tokens: ms(between_tokens_ms),
                total: ms(total_ms),
            },
            prices: self.price.map(|price| route::Prices {
                input: price.input,
                cached_input: price.cached_input.unwrap_or(price.input),
                output: price.output,
            }),
        }
    }
}

impl Routing {
    /// As routing sees it.
    pub fn policy(&self) -> route::Policy {
        let ms = |value: u32| std::time::Duration::from_millis(value.into());
        route::Policy {
            attempts: self.attempts.get(),
            reasks: self.reasks,
            retries: self.retries,
            backoff: ms(self.backoff_ms),
            longest_wait: ms(self.longest_wait_ms),
            tokens: self.tokens.map(NonZeroU64::get),
            cost: self.cost,
            breaker: route::Breaker { failures: self.breaker_failures.get(), cooldown: ms(self.breaker_cooldown_ms) },
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let inference::Timeouts { connect, first_token, between_tokens, total } = inference::Timeouts::default();
        let ms = |time: std::time::Duration| at_least_one(time.as_millis() as u32);
        Self {
            connect_ms: ms(connect),
            first_token_ms: ms(first_token),
            between_tokens_ms: ms(between_tokens),
            total_ms: ms(total),
        }
    }
}

impl Default for Routing {
    fn default() -> Self {
        let route::Policy { attempts, reasks, retries, backoff, longest_wait, tokens, cost, breaker } =
            route::Policy::default();
        Self {
            attempts: at_least_one(attempts),
            reasks,
            retries,
            backoff_ms: backoff.as_millis() as u32,
            longest_wait_ms: longest_wait.as_millis() as u32,
            tokens: tokens.and_then(NonZeroU64::new),
            cost,
            breaker_failures: at_least_one(breaker.failures),
            breaker_cooldown_ms: breaker.cooldown.as_millis() as u32,
        }
    }
}

fn one() -> NonZeroU32 {
    at_least_one(1)
}

fn answer_bytes() -> NonZeroU32 {
    at_least_one(16 << 20)
}
