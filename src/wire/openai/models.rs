//! The list of models.

use serde::Serialize;

use super::json;
use crate::inference::ModelInfo;

/// One model, as `GET /v1/models/{id}` gives it.
#[derive(Debug, Serialize)]
pub struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    /// Tokens of the context; vLLM's name for it, which clients know.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_model_len: Option<u32>,
}

/// All models, as `GET /v1/models` gives them.
#[derive(Debug, Serialize)]
pub struct ModelList<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

impl<'a> Model<'a> {
    pub fn new(info: &'a ModelInfo) -> Self {
        let ModelInfo { id, created, owned_by, context_length, .. } = info;
        Self {
            id,
            object: "model",
            created: *created,
            owned_by,
            max_model_len: Some(*context_length).filter(|tokens| *tokens > 0),
        }
    }

    pub fn to_json(&self) -> String {
        json(self)
    }
}

impl<'a> ModelList<'a> {
    pub fn new(models: impl IntoIterator<Item = &'a ModelInfo>) -> Self {
        Self { object: "list", data: models.into_iter().map(Model::new).collect() }
    }

    pub fn to_json(&self) -> String {
        json(self)
    }
}
