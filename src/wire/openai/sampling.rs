//! How the next token is drawn and where the answer stops: the fields that chat and completions share.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{
    inference::{Failure, Output, Sampling},
    wire::Fields,
};

/// Most stop texts a request may have (OpenAI allows 4, llama.cpp any number).
const MOST_STOPS: usize = 16;
/// OpenAI's bound for `n`.
const MOST_CHOICES: i64 = 128;

pub(super) fn sampling(fields: &Fields) -> Result<Sampling, Failure> {
    let default = Sampling::default();
    // -1 switches it off in vLLM, 0 in llama.cpp.
    let top_k = fields.integer("top_k", -1..=i64::from(u32::MAX))?.map_or(default.top_k, |k| k.max(0) as u32);
    let penalty = "repetition_penalty";
    let (vllm, llama) = (fields.number(penalty, 0.01..=100.0)?, fields.number("repeat_penalty", 0.01..=100.0)?);
    if vllm.is_some() && llama.is_some() && vllm != llama {
        return Err(fields.invalid(penalty, "differs from repeat_penalty; send one of them"));
    }
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0..=2.0)?.unwrap_or(default.temperature),
        top_p: fields.number("top_p", 0.0..=1.0)?.unwrap_or(default.top_p),
        top_k,
        min_p: fields.number("min_p", 0.0..=1.0)?.unwrap_or(default.min_p),
        presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?.unwrap_or(default.presence_penalty),
        frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?.unwrap_or(default.frequency_penalty),
        repeat_penalty: vllm.or(llama).unwrap_or(default.repeat_penalty),
        seed: seed(fields)?,
        logit_bias: logit_bias(fields)?,
    })
}

/// Everything about the end of an answer; log-probabilities differ between the endpoints and are read there.
pub(super) fn output(fields: &Fields) -> Result<Output, Failure> {
    let choices = fields.integer("n", 1..=MOST_CHOICES)?.unwrap_or(1) as u32;
    Ok(Output { max_tokens: max_tokens(fields)?, stop: stop(fields)?, choices, logprobs: None, echo: false })
}

fn max_tokens(fields: &Fields) -> Result<Option<u32>, Failure> {
    let read = |name| fields.integer(name, 1..=i64::from(u32::MAX));
    match (read("max_tokens")?, read("max_completion_tokens")?) {
        (Some(old), Some(new)) if old != new => {
            Err(fields.invalid("max_tokens", "differs from max_completion_tokens; send one of them"))
        }
        (old, new) => Ok(new.or(old).map(|tokens| tokens as u32)),
    }
}

fn seed(fields: &Fields) -> Result<Option<u64>, Failure> {
    // Any 64-bit integer; -1 asks for a random one, as in llama.cpp.
    let Some(raw) = fields.raw("seed") else { return Ok(None) };
    match (raw.get().parse::<i64>(), raw.get().parse::<u64>()) {
        (Ok(-1), _) => Ok(None),
        (Ok(seed), _) => Ok(Some(seed as u64)),
        (_, Ok(seed)) => Ok(Some(seed)),
        _ => Err(fields.wrong_type("seed", "an integer of 64 bits")),
    }
}

fn stop(fields: &Fields) -> Result<Vec<String>, Failure> {
    let stops = match fields.raw("stop").map(RawValue::get) {
        None => return Ok(Vec::new()),
        Some(text) if text.starts_with('"') => fields.string("stop")?.into_iter().collect(),
        Some(text) if text.starts_with('[') => fields.read::<Vec<String>>("stop")?.unwrap_or_default(),
        Some(_) => return Err(fields.wrong_type("stop", "a string or a list of strings")),
    };
    if stops.len() > MOST_STOPS {
        return Err(fields.invalid("stop", &format!("at most {MOST_STOPS} texts, not {}", stops.len())));
    }
    if stops.iter().any(String::is_empty) {
        return Err(fields.invalid("stop", "an empty text would stop every answer at once"));
    }
    Ok(stops)
}

fn logit_bias(fields: &Fields) -> Result<Vec<(u32, f32)>, Failure> {
    let Some(biases) = fields.read::<BTreeMap<String, f32>>("logit_bias")? else { return Ok(Vec::new()) };
    let bias = |(token, bias): (String, f32)| match token.parse::<u32>() {
        Err(_) => Err(fields.invalid("logit_bias", &format!("{token:?} is not a token id"))),
        Ok(_) if !(-100.0..=100.0).contains(&bias) => {
            Err(fields.invalid("logit_bias", &format!("biases are from -100 to 100, not {bias}")))
        }
        Ok(token) => Ok((token, bias)),
    };
    biases.into_iter().map(bias).collect()
}
