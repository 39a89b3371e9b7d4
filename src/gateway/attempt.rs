//! One attempt under way: what the backend says, judged, and held back as long as it has to be.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    choice::{Choice, Ending, Said, Standards},
    programs::Pair,
};
use crate::{
    backend::Way,
    inference::{
        CrossCheck, Edit, Event, Failure, FailureKind, FinishReason, Method, Times, TokenLogprob, Update, Usage,
        Verdict,
    },
    matcher::Program,
};

/// What an attempt is about to be.
pub(super) struct Setting {
    pub backend: String,
    pub provider: Option<&'static str>,
    pub way: Way,
    pub pair: Option<Pair>,
    pub standards: Standards,
    pub choices: u32,
    /// Nothing goes out before all of it is known to be right.
    pub hold: bool,
    /// The stream begins with the first word and not before, since another attempt may follow.
    pub patient: bool,
}

/// One attempt.
pub(super) struct Attempt {
    pub events: UnboundedReceiver<Event>,
    pub backend: String,
    pub provider: Option<&'static str>,
    pub way: Way,
    pub masking: Option<Arc<Program>>,
    /// How many bytes of the answer the caller has from attempts before, where this one goes on with it.
    pub continued_at: Option<u64>,
    choices: Vec<Choice>,
    hold: bool,
    patient: bool,
    started: bool,
    /// What is held back.
    held: Vec<Update>,
    pub edits: Vec<Edit>,
    pub cross_check: Option<CrossCheck>,
    pub usage: Usage,
    pub times: Times,
    pub cost: Option<f64>,
    /// Bytes that came, for want of a count of tokens.
    pub bytes: u64,
}

/// What an event led to.
#[derive(Default)]
pub(super) struct Progress {
    /// The backend has begun to work.
    pub running: bool,
    /// For the caller, in order.
    pub updates: Vec<Update>,
    /// The attempt is complete, with this verdict.
    pub verdict: Option<Verdict>,
}

impl Attempt {
    pub fn new(setting: Setting, events: UnboundedReceiver<Event>) -> Self {
        let Setting { backend, provider, way, pair, standards, choices, hold, patient } = setting;
        let choice = || Choice::new(standards.clone());
        let continued_at = Some(standards.sent.len() as u64).filter(|bytes| *bytes > 0);
        Self {
            events,
            backend,
            provider,
            way,
            masking: pair.map(|pair| pair.masking),
            continued_at,
            choices: std::iter::repeat_with(choice).take(choices as usize).collect(),
            hold,
            patient,
            // A stream begins once.
            started: continued_at.is_some(),
            held: Vec::new(),
            edits: Vec::new(),
            cross_check: None,
            usage: Usage::default(),
            times: Times::default(),
            cost: None,
            bytes: 0,
        }
    }

    /// What was spent on an attempt that is given up, as far as the backend has said it.
    pub fn settle(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Spent { usage, cost } => (self.usage, self.cost) = (usage, cost),
                Event::Done { usage, times } => (self.usage, self.times) = (usage, times),
                _ => {}
            }
        }
    }

    /// What the caller has is an answer, and nothing that matters could come behind it.
    pub fn is_whole(&mut self) -> bool {
        let [only] = &mut self.choices[..] else { return false };
        only.is_whole()
    }

    /// What its text is judged with, where that is an answer and nothing around it.
    pub fn answer_program(&self) -> Option<&Arc<Program>> {
        self.choices.first().and_then(Choice::answer_program)
    }

    /// What a second validator says of a text that is the whole answer.
    ///
    /// # Errors
    /// It objects.
    pub fn second_opinion(&self, text: &str) -> Result<Option<CrossCheck>, Failure> {
        self.choices.first().map_or(Ok(None), |choice| choice.cross_check(text))
    }

    /// What was changed on the way to what the caller has.
    pub fn edits_so_far(&mut self) -> Vec<Edit> {
        self.choices.first_mut().map_or_else(Vec::new, Choice::edits)
    }

    /// The answer that was not taken, as it was written.
    pub fn written(&self) -> Option<String> {
        self.choices.first().and_then(Choice::written)
    }

    /// Takes what the backend says next.
    ///
    /// # Errors
    /// The attempt has failed; `ConstraintNotMet` says that its text breaks the constraint.
    pub fn take(&mut self, event: Event) -> Result<Progress, Failure> {
        let mut progress = Progress::default();
        match event {
            Event::Started { .. } => {
                progress.running = true;
                if !self.patient {
                    self.start(&mut progress);
                }
            }
            Event::Text { choice, text, logprobs } => self.text(choice, text, logprobs, &mut progress)?,
            Event::Call { choice, piece } => {
                self.bytes += piece.arguments.len() as u64;
                if let Some(piece) = self.choice(choice)?.call(piece)? {
                    self.put(Update::Call { choice, piece }, &mut progress);
                }
            }
            Event::Refusal { .. } if self.continued_at.is_some() => {
                let message = "the model declined to go on with the answer";
                return Err(Failure::new(FailureKind::ConstraintNotMet, message));
            }
            Event::Refusal { choice, text } => {
                self.choice(choice)?.refused = true;
                self.put(Update::Refusal { choice, text }, &mut progress);
            }
            Event::Finished { choice, reason } => self.finished(choice, reason, &mut progress)?,
            Event::Spent { usage, cost } => (self.usage, self.cost) = (usage, cost),
            Event::Done { usage, times } => {
                (self.usage, self.times) = (usage, times);
                progress.verdict = Some(self.done(&mut progress)?);
            }
            Event::Failed(failure) => return Err(failure),
        }
        Ok(progress)
    }

    fn start(&mut self, progress: &mut Progress) {
        if !std::mem::replace(&mut self.started, true) {
            progress.updates.push(Update::Started);
        }
    }

    /// Hands an update on, or holds it back.
    fn put(&mut self, update: Update, progress: &mut Progress) {
        if self.hold {
            return self.held.push(update);
        }
        self.start(progress);
        progress.updates.push(update);
    }

    fn text(
        &mut self,
        choice: u32,
        text: String,
        logprobs: Vec<TokenLogprob>,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        self.bytes += text.len() as u64;
        let masked = self.way.method == Method::Masked;
        let said = match self.choice(choice)?.text(text) {
            Err(failure) if masked => return Err(broken(failure)),
            result => result?,
        };
        self.say(choice, said, logprobs, progress);
        Ok(())
    }

    /// Hands on what a choice said.
    fn say(&mut self, choice: u32, said: Said, logprobs: Vec<TokenLogprob>, progress: &mut Progress) {
        let Said { thought, text, calls } = said;
        if !thought.is_empty() {
            self.put(Update::Thought { choice, text: thought }, progress);
        }
        if !text.is_empty() || !logprobs.is_empty() {
            self.put_text(choice, text, logprobs, progress);
        }
        for piece in calls {
            self.put(Update::Call { choice, piece }, progress);
        }
    }

    fn put_text(&mut self, choice: u32, text: String, logprobs: Vec<TokenLogprob>, progress: &mut Progress) {
        // Pieces that are held back anyway become one.
        if let (true, true, Some(Update::Text { choice: last, text: all, logprobs: before })) =
            (self.hold, logprobs.is_empty(), self.held.last_mut())
            && *last == choice
            && before.is_empty()
        {
            return all.push_str(&text);
        }
        self.put(Update::Text { choice, text, logprobs }, progress);
    }

    fn finished(&mut self, choice: u32, reason: FinishReason, progress: &mut Progress) -> Result<(), Failure> {
        let masked = self.way.method == Method::Masked;
        let Ending { said, edits, cross_check } = match self.choice(choice)?.end(reason) {
            Err(failure) if masked => return Err(broken(failure)),
            result => result?,
        };
        self.say(choice, said, Vec::new(), progress);
        self.edits.extend(edits);
        self.cross_check = cross_check.or_else(|| self.cross_check.take());
        Ok(())
    }

    fn done(&mut self, progress: &mut Progress) -> Result<Verdict, Failure> {
        if self.choices.iter().any(|choice| choice.ended.is_none()) {
            return Err(ours("the backend ended before all choices did"));
        }
        // An empty answer of a provider is no answer; that of a local model is what it chose to say.
        let ended = |reason| self.choices.iter().any(|choice| choice.ended == Some(reason));
        let (cut, filtered) = (ended(FinishReason::Length), ended(FinishReason::ContentFilter));
        if self.provider.is_some() && !cut && !filtered && self.choices.iter().all(Choice::is_empty) {
            return Err(Failure::new(FailureKind::Upstream, "the provider's answer is empty"));
        }
        let verdict = match self.way.method {
            _ if filtered => Verdict::Filtered,
            _ if self.choices.iter().any(|choice| choice.refused) => Verdict::Refused,
            _ if cut && self.choices.iter().all(|choice| choice.completed) => Verdict::Completed,
            _ if cut && self.way.method != Method::Free => Verdict::Truncated,
            Method::Free if self.choices.iter().any(Choice::was_judged) => Verdict::Satisfied,
            Method::Free => Verdict::Unconstrained,
            _ => Verdict::Satisfied,
        };
        self.start(progress);
        progress.updates.append(&mut self.held);
        Ok(verdict)
    }

    /// How the choices ended, in their order.
    pub fn reasons(&self) -> impl Iterator<Item = (u32, FinishReason)> {
        self.choices.iter().zip(0..).filter_map(|(choice, index)| Some((index, choice.ended?)))
    }

    /// A choice that has not ended.
    fn choice(&mut self, choice: u32) -> Result<&mut Choice, Failure> {
        let state = self.choices.get_mut(choice as usize).filter(|state| state.ended.is_none());
        state.ok_or_else(|| ours("the backend spoke of a choice that is not open"))
    }
}

pub(super) fn ours(message: &str) -> Failure {
    Failure::new(FailureKind::Internal, message)
}

/// A masked answer that breaks its constraint is our fault; one that outgrew its limits is not.
fn broken(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::ConstraintNotMet => {
            tracing::error!(%failure, "masked text does not satisfy the constraint");
            ours(
                "the answer does not satisfy its constraint; this is a defect of the server, and the answer was withheld",
            )
        }
        _ => failure,
    }
}
