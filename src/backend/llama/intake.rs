//! The thread that makes requests ready for the worker: chat template, tokens, the constraint's first state.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::Instant,
};

use tokio::sync::mpsc::UnboundedSender;

use super::{
    choice::{Choice, ChoiceId, Model},
    job::{Job, Ticket},
    prompt,
    seam::Seam,
    template::ChatTemplate,
    worker::Message,
};
use crate::{
    backend,
    inference::{Event, Failure, FailureKind, Prompt, Request},
    vocab::TokenId,
};

/// What callers want.
pub(super) enum Order {
    Answer { job: backend::Job, events: UnboundedSender<Event>, ticket: Ticket },
    Shutdown(Instant),
}

pub(super) struct Intake {
    pub model: Arc<Model>,
    pub template: ChatTemplate,
    pub orders: mpsc::Receiver<Order>,
    pub worker: mpsc::Sender<Message>,
}

impl Intake {
    /// Works until it is told to shut down, or nobody can order any more.
    pub fn run(self) {
        let mut next = 0;
        while let Ok(order) = self.orders.recv() {
            match order {
                Order::Answer { job, events, ticket } => {
                    next += 1;
                    self.answer(next, &job, events, ticket);
                }
                Order::Shutdown(deadline) => {
                    // If the worker is gone already, nothing is left to shut down.
                    let _ = self.worker.send(Message::Shutdown(deadline));
                    break;
                }
            }
        }
        while let Ok(Order::Answer { events, .. }) = self.orders.try_recv() {
            let failure = Failure::new(FailureKind::ShuttingDown, "the server is going down");
            let _ = events.send(Event::Failed(failure));
        }
    }

    fn answer(&self, id: u64, job: &backend::Job, events: UnboundedSender<Event>, ticket: Ticket) {
        // A bug in one constraint's automaton must not end the intake.
        let made = catch_unwind(AssertUnwindSafe(|| self.prepare(id, job)));
        let broken = |_| Err(Failure::new(FailureKind::Internal, "the constraint failed before the first token"));
        let failure = match made.unwrap_or_else(broken) {
            Ok((choices, echo)) => {
                let job = Job::new(events.clone(), ticket, choices.len() as u32, echo);
                // A worker that is gone drops the job, which says so.
                let _ = self.worker.send(Message::Start(job, choices));
                return;
            }
            Err(failure) => failure,
        };
        // A receiver that is gone does not want to know.
        let _ = events.send(Event::Failed(failure));
    }

    fn prepare(&self, id: u64, job: &backend::Job) -> Result<(Vec<Choice>, Option<String>), Failure> {
        let request = &job.request;
        if (request.constraint.is_some() || request.tools.in_play()) && job.program.is_none() {
            return Err(Failure::new(FailureKind::Internal, "the request has a constraint, but none was compiled"));
        }
        let refuse = |param: &str, message: &str| {
            Err(Failure { param: Some(param.to_owned()), ..Failure::new(FailureKind::BadRequest, message) })
        };
        if request.output.echo && request.output.logprobs.is_some() {
            return refuse("echo", "echo together with logprobs is not supported");
        }
        if request.output.choices == 0 {
            return refuse("n", "at least one choice must be asked for");
        }
        let size = self.model.tokenizer.vocabulary().len();
        if request.sampling.logit_bias.iter().any(|(token, _)| *token as usize >= size) {
            return refuse("logit_bias", &format!("the model's vocabulary has {size} tokens"));
        }
        let mut prompt = prompt::tokens(request, &self.model.tokenizer, &self.template, self.model.context)?;
        let seam = self.seam(job, &mut prompt.tokens)?;
        let seed = request.sampling.seed.unwrap_or_else(rand::random);
        let choice = |index| {
            let id = ChoiceId { job: id, index };
            Choice::new(id, request, job.program.as_ref(), &prompt.tokens, seam.as_ref(), seed, &self.model)
        };
        let choices: Vec<Choice> = (0..request.output.choices).map(choice).collect();
        match choices.first().and_then(|choice| choice.lacks_room(&self.model)) {
            Some((needed, room)) => {
                let lead = seam.as_ref().map_or(0, |seam| seam.tokens.len());
                Err(too_short(request, needed + lead, room + lead))
            }
            None => Ok((choices, prompt.echo)),
        }
    }
}

impl Intake {
    /// The beginning of the answer, if the caller has one. What models write before an answer comes behind the prompt.
    fn seam(&self, job: &backend::Job, prompt: &mut Vec<TokenId>) -> Result<Option<Seam>, Failure> {
        let Some(beginning) = &job.prefix else { return Ok(None) };
        let ours = |what: &str| Failure::new(FailureKind::Internal, what);
        let program =
            job.program.as_ref().ok_or_else(|| ours("an answer without a constraint cannot be gone on with"))?;
        let tokenizer = &self.model.tokenizer;
        if let Prompt::Chat(_) = job.request.prompt {
            let form = self.template.tool_form();
            prompt.extend(tokenizer.with_special(&form.family.before_answer(form.reasoning)));
        }
        let seam = Seam::new(program, tokenizer, prompt, beginning);
        let seam = seam.ok_or_else(|| ours("the constraint does not take what was written of the answer"))?;
        let (taken, context) = (prompt.len() + seam.tokens.len(), self.model.context);
        if taken >= context {
            let message = format!("the prompt and what was written of the answer have {taken} tokens of {context}");
            return Err(Failure::new(FailureKind::ContextLength, message).coded("context_length_exceeded"));
        }
        Ok(Some(seam))
    }
}

/// No answer that satisfies the constraint fits.
fn too_short(request: &Request, needed: usize, room: usize) -> Failure {
    if let Some(most) = request.output.max_tokens.filter(|most| *most as usize <= room) {
        let message = format!(
            "max_tokens is {most}, but a text that satisfies the constraint takes {needed} tokens; ask for at least {needed}"
        );
        return Failure::new(FailureKind::BadRequest, message).about("max_tokens").coded("max_tokens_too_small");
    }
    let message = format!(
        "the prompt leaves {room} tokens of the context, but a text that satisfies the constraint takes {needed}"
    );
    Failure::new(FailureKind::ContextLength, message).coded("context_length_exceeded")
}
