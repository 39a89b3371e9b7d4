//! A backend that plays a script: for tests and demonstrations.
//!
//! A script is a function from a job to [`Step`]s.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Backend, Job};
use crate::{
    inference::{Event, Failure, ModelInfo, ToolForm},
    matcher::Engine,
};

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    Say(Event),
    Wait(Duration),
    /// Nothing more, and no end either.
    Hang,
}

type Script = Box<dyn Fn(&Job) -> Result<Vec<Step>, Failure> + Send + Sync>;

/// Plays a script for every job.
pub struct Scripted {
    model: ModelInfo,
    engine: Option<Arc<Engine>>,
    tool_form: Option<ToolForm>,
    script: Script,
    abandoned: Arc<AtomicUsize>,
}

impl Scripted {
    /// With an engine the backend takes constraints; whether its script obeys them is up to the script.
    pub fn new(
        id: &str,
        engine: Option<Arc<Engine>>,
        script: impl Fn(&Job) -> Result<Vec<Step>, Failure> + Send + Sync + 'static,
    ) -> Self {
        let vocabulary_size = engine.as_ref().map_or(0, |engine| engine.vocabulary().len() as u32);
        let model = ModelInfo {
            id: id.to_owned(),
            created: 0,
            owned_by: "espalier".to_owned(),
            context_length: 4096,
            vocabulary_size,
            path: None,
        };
        Self { model, engine, tool_form: None, script: Box::new(script), abandoned: Arc::default() }
    }

    /// With calls of tools in its text, as a model of this form writes them.
    pub fn with_tools(self, form: ToolForm) -> Self {
        Self { tool_form: Some(form), ..self }
    }

    /// How many jobs were given up by their callers before they ended.
    pub fn abandoned(&self) -> usize {
        self.abandoned.load(Relaxed)
    }
}

impl Backend for Scripted {
    fn models(&self) -> Vec<ModelInfo> {
        vec![self.model.clone()]
    }

    fn engine(&self) -> Option<&Arc<Engine>> {
        self.engine.as_ref()
    }

    fn tool_form(&self) -> Option<ToolForm> {
        self.tool_form
    }

    fn start(&self, job: Job) -> Result<mpsc::UnboundedReceiver<Event>, Failure> {
        let steps = (self.script)(&job)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let abandoned = self.abandoned.clone();
        tokio::spawn(async move {
            for step in steps {
                let gone = match step {
                    Step::Say(event) => sender.send(event).is_err(),
                    Step::Wait(time) => {
                        tokio::select! {
                            () = sender.closed() => true,
                            () = tokio::time::sleep(time) => false,
                        }
                    }
                    Step::Hang => {
                        sender.closed().await;
                        true
                    }
                };
                if gone {
                    abandoned.fetch_add(1, Relaxed);
                    return;
                }
            }
        });
        Ok(receiver)
    }
}
