//! What the answers of one request are judged with.

use std::{collections::HashMap, sync::Arc};

use super::{
    choice::ToolStandards,
    course::Course,
    programs::{Pair, Programs},
};
use crate::{
    inference::{Constraint, Failure, FailureKind, Policy, Request, Tool},
    vocab::byte_vocabulary,
};

/// Parameters of a tool that has none.
const NO_PARAMETERS: &str = r#"{"type":"object","additionalProperties":false}"#;

impl Programs {
    /// The request's constraint, compiled for the backend whose turn it is. A backend whose vocabulary is not known is
    /// judged byte by byte.
    pub(super) async fn pair_for(&self, course: &Course, request: &Request) -> Result<Option<Pair>, Failure> {
        let Some(constraint) = &request.constraint else { return Ok(None) };
        match course.backend().engine() {
            Some(engine) => self.get(engine, constraint, request.policy).await.map(Some),
            None => self.get(self.byte_engine(), constraint, request.policy.lenient()).await.map(Some),
        }
    }

    /// What calls of tools are judged with, and what of it could not be enforced.
    pub(super) async fn tools(&self, request: &Request) -> Result<(Arc<ToolStandards>, Vec<String>), Failure> {
        if !request.tools.in_play() {
            return Ok((Arc::default(), Vec::new()));
        }
        let (mut parameters, mut notes) = (HashMap::new(), Vec::new());
        for (index, tool) in request.tools.list.iter().enumerate() {
            let pair = match self.parameters(tool, request.policy).await {
                Ok(pair) => pair,
                Err(failure) if failure.kind == FailureKind::Constraint && !tool.strict => {
                    notes.push(format!("tools[{index}].function.parameters: {failure}"));
                    self.get(self.byte_engine(), &Constraint::JsonObject, Policy::LENIENT).await?
                }
                Err(failure) => return Err(failure.about(format!("tools[{index}].function.parameters"))),
            };
            parameters.insert(tool.name.clone(), pair.judging);
        }
        Ok((Arc::new(ToolStandards { parameters, wanted: request.tools.clone() }), notes))
    }

    async fn parameters(&self, tool: &Tool, policy: Policy) -> Result<Pair, Failure> {
        let text = tool.parameters.clone().unwrap_or_else(|| NO_PARAMETERS.into());
        let constraint = Constraint::JsonSchema(text.into());
        self.get(self.byte_engine(), &constraint, policy.lenient()).await
    }

    fn byte_engine(&self) -> &Arc<crate::matcher::Engine> {
        self.bytes.get_or_init(|| crate::matcher::Engine::new(Arc::new(byte_vocabulary())))
    }
}
