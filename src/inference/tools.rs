//! Tools that a model may call, and its calls.

use std::sync::Arc;

use crate::frontend::tools::Family;
pub use crate::frontend::tools::{AnswerReader, Part, Reasoning};

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    /// A JSON Schema as it was written; none takes no arguments.
    pub parameters: Option<Arc<str>>,
    /// Parameters that cannot be enforced are refused; without it any JSON object is then taken, and the receipt says so.
    pub strict: bool,
}

/// Whether tools are to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// None is called.
    None,
    /// The model decides.
    #[default]
    Auto,
    /// At least one is called.
    Required,
    /// This one is called.
    Named(String),
}

/// The tools of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    pub list: Vec<Tool>,
    pub choice: ToolChoice,
    /// More than one call may come in one answer.
    pub parallel: bool,
}

impl Default for Tools {
    fn default() -> Self {
        Self { list: Vec::new(), choice: ToolChoice::default(), parallel: true }
    }
}

impl Tools {
    /// A tool may be called.
    pub fn in_play(&self) -> bool {
        !self.list.is_empty() && self.choice != ToolChoice::None
    }

    /// A tool must be called.
    pub fn must_call(&self) -> bool {
        self.in_play() && matches!(self.choice, ToolChoice::Required | ToolChoice::Named(_))
    }
}

/// How a local model writes calls of tools into its text.
#[derive(Clone, Copy, Debug)]
pub struct ToolForm {
    pub family: &'static Family,
    /// Whether it thinks before it answers.
    pub reasoning: Reasoning,
}

/// A finished call of a tool, as a message of the conversation has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// A piece of a call while it is written. The first piece of a call has its id and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPiece {
    /// Which call of the choice, from 0.
    pub index: u32,
    pub id: Option<String>,
    pub name: Option<String>,
    /// More of the arguments' JSON text.
    pub arguments: String,
}
