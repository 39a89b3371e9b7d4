//! Calls of tools that a local model writes into its text: what the whole text must be like, and how it is taken apart.

use std::sync::Arc;

use super::choice::ToolStandards;
use crate::{
    frontend::tools::{self, Choice},
    inference::{AnswerReader, Constraint, Failure, FailureKind, Reasoning, Request, ToolChoice, ToolForm},
};

/// What the whole text of an answer must be: calls, or what is demanded of an answer, or free text.
///
/// # Errors
/// The tools cannot be held to in this form, or the demand cannot stand beside them.
pub(super) fn constraint(form: ToolForm, request: &Request, standards: &ToolStandards) -> Result<Constraint, Failure> {
    let answer = request.constraint.as_ref().map(Constraint::grammar).transpose();
    let answer = answer.map_err(|why| super::programs::refusal(&why))?;
    let list: Vec<tools::Tool> = request
        .tools
        .list
        .iter()
        .map(|tool| tools::Tool {
            name: &tool.name,
            parameters: standards.parameters.get(&tool.name).map_or("true", |standard| &*standard.schema),
        })
        .collect();
    let asked = tools::Request {
        tools: &list,
        choice: match &request.tools.choice {
            ToolChoice::Auto => Choice::Auto,
            ToolChoice::Required => Choice::Required,
            ToolChoice::Named(name) => Choice::Named(name),
            ToolChoice::None => Choice::None,
        },
        parallel: request.tools.parallel,
        reasoning: form.reasoning,
        answer: answer.as_ref(),
    };
    match form.family.grammar(&asked) {
        Ok(grammar) => Ok(Constraint::Built(Arc::new(grammar))),
        Err(why) => Err(Failure::new(FailureKind::BadRequest, why.to_string()).about("tools")),
    }
}

/// What takes an answer to the request apart.
pub(super) fn reader(form: ToolForm, request: &Request) -> AnswerReader {
    let names: Vec<String> = request.tools.list.iter().map(|tool| tool.name.clone()).collect();
    let thinks = form.reasoning == Reasoning::Open;
    AnswerReader::new(form.family, names.into(), request.constraint.is_some(), thinks)
}
