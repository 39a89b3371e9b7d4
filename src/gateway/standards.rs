//! What the answers of one request are judged with.

use std::{collections::HashMap, sync::Arc};

use super::{
    calls,
    choice::{ToolStandard, ToolStandards},
    course::Course,
    programs::{Pair, Programs},
    second::Second,
};
use crate::{
    inference::{Constraint, Failure, FailureKind, Policy, Prompt, Reasoning, Request, ToolForm},
    vocab::byte_vocabulary,
};

/// Parameters of a tool that has none.
const NO_PARAMETERS: &str = r#"{"type":"object","additionalProperties":false}"#;

/// Parameters that cannot be enforced, of a tool that is not strict.
const ANY_PARAMETERS: &str = r#"{"type":"object"}"#;

impl Programs {
    /// How the backend whose turn it is makes up its text, if that is more than an answer: with calls of tools, or with
    /// thoughts before a constrained answer.
    pub(super) fn text_form(&self, course: &Course, request: &Request) -> Option<ToolForm> {
        let form = course.backend().tool_form()?;
        let parts = form.reasoning != Reasoning::None || form.family.answer_mark().is_some();
        // Documents that a schema refers to are not to be had within a grammar: then the answer is all there is.
        let stands_in_grammar = match &request.constraint {
            Some(Constraint::JsonSchema(schema)) => schema.documents.is_empty() && self.documents.is_empty(),
            constraint => constraint.is_some(),
        };
        let thinks = parts && stands_in_grammar && matches!(request.prompt, Prompt::Chat(_));
        (request.tools.in_play() || thinks).then_some(form)
    }

    /// The request's constraint, compiled for the backend whose turn it is. A backend whose vocabulary is not known is
    /// judged byte by byte. Where the model writes calls of tools into its text, the text as a whole is meant.
    pub(super) async fn pair_for(
        &self,
        course: &Course,
        request: &Request,
        tools: &ToolStandards,
    ) -> Result<Option<Pair>, Failure> {
        let text = match self.text_form(course, request) {
            Some(form) => Some(calls::constraint(form, request, tools)?),
            None => None,
        };
        match text.as_ref().or(request.constraint.as_ref()) {
            Some(constraint) => self.compiled_for(course, constraint, request.policy).await.map(Some),
            None => Ok(None),
        }
    }

    /// What is demanded of an answer, and nothing around it, compiled for the backend whose turn it is.
    pub(super) async fn answer_pair(&self, course: &Course, request: &Request) -> Result<Option<Pair>, Failure> {
        match &request.constraint {
            Some(constraint) => self.compiled_for(course, constraint, request.policy).await.map(Some),
            None => Ok(None),
        }
    }

    async fn compiled_for(&self, course: &Course, constraint: &Constraint, policy: Policy) -> Result<Pair, Failure> {
        match course.backend().engine() {
            Some(engine) => self.get(engine, constraint, policy).await,
            None => self.get(self.byte_engine(), constraint, policy.lenient()).await,
        }
    }

    /// The second opinion on a masked answer of which a stranger wrote the beginning.
    pub(super) async fn second(&self, request: &Request, continues: bool) -> Result<Option<Arc<Second>>, Failure> {
        match request.constraint.as_ref().filter(|_| continues) {
            Some(constraint) => Ok(self.get(self.byte_engine(), constraint, request.policy.lenient()).await?.second),
            None => Ok(None),
        }
    }

    /// What calls of tools are judged with, and what of it could not be enforced.
    pub(super) async fn tools(&self, request: &Request) -> Result<(Arc<ToolStandards>, Vec<String>), Failure> {
        if !request.tools.in_play() {
            return Ok((Arc::default(), Vec::new()));
        }
        let (mut parameters, mut notes) = (HashMap::new(), Vec::new());
        for (index, tool) in request.tools.list.iter().enumerate() {
            let mut schema = tool.parameters.clone().unwrap_or_else(|| NO_PARAMETERS.into());
            let pair = match self.parameters(&schema, request.policy).await {
                Ok(pair) => pair,
                Err(failure) if failure.kind == FailureKind::Constraint && !tool.strict => {
                    notes.push(format!("tools[{index}].function.parameters: {failure}"));
                    schema = ANY_PARAMETERS.into();
                    self.get(self.byte_engine(), &Constraint::JsonObject, Policy::LENIENT).await?
                }
                Err(failure) => return Err(failure.about(format!("tools[{index}].function.parameters"))),
            };
            parameters.insert(tool.name.clone(), ToolStandard { schema, program: pair.judging, second: pair.second });
        }
        Ok((Arc::new(ToolStandards { parameters, wanted: request.tools.clone() }), notes))
    }

    async fn parameters(&self, schema: &Arc<str>, policy: Policy) -> Result<Pair, Failure> {
        let constraint = Constraint::JsonSchema(schema.clone().into());
        self.get(self.byte_engine(), &constraint, policy.lenient()).await
    }

    fn byte_engine(&self) -> &Arc<crate::matcher::Engine> {
        self.bytes.get_or_init(|| crate::matcher::Engine::new(Arc::new(byte_vocabulary())))
    }
}
