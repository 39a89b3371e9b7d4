//! Masks made on a thread of their own while the forward pass runs.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{matcher::Matcher, vocab::TokenMask};

/// A matcher with the mask of its state.
pub(super) struct Made {
    /// As it was given to [`Masker::ask`].
    pub slot: usize,
    /// None if the matcher panicked; it is lost then.
    pub outcome: Option<(Matcher, Arc<TokenMask>)>,
    pub took: Duration,
}

/// The thread and the questions that it has not answered yet.
pub(super) struct Masker {
    questions: Option<mpsc::Sender<(usize, Matcher)>>,
    answers: mpsc::Receiver<Made>,
    open: usize,
    thread: Option<JoinHandle<()>>,
}

impl Masker {
    pub fn new() -> std::io::Result<Self> {
        let (questions, inbox) = mpsc::channel::<(usize, Matcher)>();
        let (outbox, answers) = mpsc::channel();
        let work = move || {
            for (slot, mut matcher) in inbox {
                let start = Instant::now();
                // A bug in one constraint's automaton must not take the other answers with it.
                let made = catch_unwind(AssertUnwindSafe(move || {
                    let mask = matcher.mask();
                    (matcher, mask)
                }));
                let made = Made { slot, outcome: made.ok(), took: start.elapsed() };
                if outbox.send(made).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("masks".to_owned()).spawn(work)?;
        Ok(Self { questions: Some(questions), answers, open: 0, thread: Some(thread) })
    }

    /// Has the mask made of the state that the matcher is in.
    pub fn ask(&mut self, slot: usize, matcher: Matcher) {
        let sent = self.questions.as_ref().is_some_and(|questions| questions.send((slot, matcher)).is_ok());
        self.open += usize::from(sent);
    }

    /// Waits for all that was asked.
    pub fn collect(&mut self) -> Vec<Made> {
        let count = std::mem::take(&mut self.open);
        self.answers.iter().take(count).collect()
    }
}

impl Drop for Masker {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // Its panics were caught; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}
