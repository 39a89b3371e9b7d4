//! The thread that owns the context: one forward pass after another, over all running sequences at once.
//!
//! A step: abandoned jobs are dropped, waiting choices get free sequences (first come, first served; the choices of one
//! job wait until the first of them has read the prompt, and then share it), a batch is put together, masks are asked
//! for, the model runs over the batch while they are made, and the tokens drawn from its logits go out.
//!
//! A batch holds first all that the answering sequences need (their last token and what was forced behind it), then
//! prompts, oldest first; while anybody is answering, prompts get a bounded part of each batch, so that they slow the
//! others down without starving them.
//!
//! The KV cache is shared. If it is full, sequences that nobody uses are emptied; if that is not enough, the youngest
//! running sequence gives up its place, waits at the head of the queue and is decoded again later, unharmed.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc},
    time::Instant,
};

use llama_cpp_2::{DecodeError, llama_batch::LlamaBatch, token::LlamaToken};
use rustc_hash::FxHashMap;

use super::{
    cache::Cache,
    choice::{Choice, Model},
    job::Job,
    masks::Masker,
    sampler::Scratch,
};
use crate::inference::{Failure, FailureKind};

/// What comes in from outside.
pub(super) enum Message {
    Start(Job, Vec<Choice>),
    /// No more jobs come; at the deadline those that still run fail.
    Shutdown(Instant),
}

/// How batches are put together.
pub(super) struct Pace {
    /// Most tokens in one batch.
    pub batch: usize,
    /// Most tokens of prompts in one batch while others are answering.
    pub chunk: usize,
    /// Cells of the KV cache.
    pub cells: usize,
}

pub(super) struct Worker<'model> {
    model: Arc<Model>,
    cache: Cache<'model>,
    batch: LlamaBatch<'static>,
    pace: Pace,
    masker: Masker,
    scratch: Scratch,
    inbox: mpsc::Receiver<Message>,
    /// By sequence.
    running: Vec<Option<Running>>,
    waiting: VecDeque<Choice>,
    jobs: FxHashMap<u64, Job>,
    admissions: u64,
    deadline: Option<Instant>,
}

struct Running {
    choice: Choice,
    /// Lower is older.
    age: u64,
}

/// A sequence's part of a batch.
struct Share {
    sequence: usize,
    /// The place of its first token in the sequence, and in the batch.
    from: usize,
    row: usize,
    count: usize,
}

impl<'model> Worker<'model> {
    pub fn new(
        model: Arc<Model>,
        cache: Cache<'model>,
        sequences: usize,
        pace: Pace,
        masker: Masker,
        inbox: mpsc::Receiver<Message>,
    ) -> Self {
        Self {
            model,
            cache,
            batch: LlamaBatch::new(pace.batch, 1),
            pace,
            masker,
            scratch: Scratch::default(),
            inbox,
            running: (0..sequences).map(|_| None).collect(),
            waiting: VecDeque::new(),
            jobs: FxHashMap::default(),
            admissions: 0,
            deadline: None,
        }
    }

    /// Works until it is shut down or nobody can send any more.
    pub fn run(mut self) {
        loop {
            if self.jobs.is_empty() {
                if self.deadline.is_some() {
                    return;
                }
                match self.inbox.recv() {
                    Ok(message) => self.receive(message),
                    Err(mpsc::RecvError) => return,
                }
            }
            while let Ok(message) = self.inbox.try_recv() {
                self.receive(message);
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let failure = Failure::new(FailureKind::ShuttingDown, "the server is going down");
                self.jobs.drain().for_each(|(_, job)| job.fail(failure.clone()));
                return;
            }
            self.step();
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Shutdown(deadline) => self.deadline = Some(deadline),
            Message::Start(job, choices) => {
                let Some(id) = choices.first().map(|choice| choice.id.job) else { return };
                self.jobs.insert(id, job);
                self.waiting.extend(choices);
            }
        }
    }

    fn step(&mut self) {
        self.drop_abandoned();
        self.admit();
        let shares = self.fill();
        if shares.is_empty() {
            return;
        }
        self.ask_for_masks(&shares);
        let decoded = self.cache.decode(&mut self.batch);
        self.take_masks();
        match decoded {
            Ok(()) => self.take_outputs(&shares),
            Err(DecodeError::NoKvCacheSlot) => self.make_room(),
            Err(error) => self.give_up(&shares, &error),
        }
    }

    fn drop_abandoned(&mut self) {
        let abandoned = self.jobs.iter().filter(|(_, job)| job.is_abandoned()).map(|(id, _)| *id);
        for id in abandoned.collect::<Vec<_>>() {
            self.forget(id);
        }
    }

    /// Takes everything of a job out.
    fn forget(&mut self, id: u64) -> Option<Job> {
        self.waiting.retain(|choice| choice.id.job != id);
        for sequence in 0..self.running.len() {
            if self.running[sequence].as_ref().is_some_and(|running| running.choice.id.job == id) {
                self.running[sequence] = None;
                self.cache.give_back(sequence);
            }
        }
        self.jobs.remove(&id)
    }

    fn fail(&mut self, id: u64, failure: Failure) {
        if let Some(job) = self.forget(id) {
            job.fail(failure);
        }
    }

    /// Gives free sequences to those who wait.
    fn admit(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() && self.cache.has_free() {
            let choice = &self.waiting[index];
            let job = self.jobs.get(&choice.id.job).expect("a choice waits only while its job lives");
            if choice.id.index > 0 && !job.is_read() {
                index += 1;
                continue;
            }
            let idle = self.running.iter().all(Option::is_none);
            if !idle && self.cells_wanted() + choice.wanted() >= self.pace.cells {
                // Those behind must not overtake: they would keep the room from ever becoming free.
                return;
            }
            let choice = self.waiting.remove(index).expect("the index is below the length");
            self.place(choice);
        }
    }

    fn cells_wanted(&self) -> usize {
        self.running.iter().flatten().map(|running| running.choice.wanted()).sum()
    }

    fn place(&mut self, choice: Choice) {
        let job = self.jobs.get_mut(&choice.id.job).expect("a choice waits only while its job lives");
        let sequence = self.cache.take(&choice.tokens[..choice.reusable()]).expect("the caller saw a free sequence");
        job.admit(choice.prompt, self.cache.held(sequence).min(choice.prompt));
        self.admissions += 1;
        self.running[sequence] = Some(Running { choice, age: self.admissions });
        self.report(sequence);
    }

    /// Fills the batch.
    fn fill(&mut self) -> Vec<Share> {
        self.batch.clear();
        let mut order: Vec<(bool, u64, usize)> = Vec::new();
        for (sequence, running) in self.running.iter().enumerate() {
            let Some(Running { choice, age }) = running else { continue };
            order.push((self.cache.held(sequence) + 1 < choice.prompt, *age, sequence));
        }
        order.sort_unstable();
        let answering = order.iter().any(|(reading, ..)| !reading);
        let mut chunk = if answering { self.pace.chunk } else { self.pace.batch };
        let mut shares = Vec::new();
        for (reading, _, sequence) in order {
            let room = self.pace.batch - self.batch.n_tokens() as usize;
            let most = if reading { room.min(chunk) } else { room };
            if let Some(share) = self.add(sequence, most) {
                chunk -= if reading { share.count } else { 0 };
                shares.push(share);
            }
        }
        shares
    }

    fn add(&mut self, sequence: usize, most: usize) -> Option<Share> {
        let choice = &self.running[sequence].as_ref()?.choice;
        let from = self.cache.held(sequence);
        // What could come from the cache is decoded apart from what could not: the shape of a batch changes the rounding,
        // and a prompt that is asked again is to be answered as the first time.
        let alike = choice.reusable();
        let end = if from < alike { alike } else { choice.wanted() };
        let count = (end.min(choice.wanted()) - from).min(most);
        let row = self.batch.n_tokens() as usize;
        for (place, token) in choice.tokens.iter().enumerate().skip(from).take(count) {
            let added =
                self.batch.add(LlamaToken(*token as i32), place as i32, &[sequence as i32], choice.needs_logits(place));
            added.expect("the caller counted the room");
        }
        (count > 0).then_some(Share { sequence, from, row, count })
    }

    fn ask_for_masks(&mut self, shares: &[Share]) {
        for share in shares {
            let Some(Running { choice, .. }) = &mut self.running[share.sequence] else { continue };
            if share.from + share.count == choice.tokens.len()
                && let Some(matcher) = choice.lend_matcher()
            {
                self.masker.ask(share.sequence, matcher);
            }
        }
    }

    fn take_masks(&mut self) {
        for made in self.masker.collect() {
            let Some(Running { choice, .. }) = &mut self.running[made.slot] else { continue };
            match made.outcome {
                Some((matcher, mask)) => choice.take_mask(matcher, mask, made.took),
                None => {
                    let id = choice.id.job;
                    let message = format!("the constraint's mask failed at token {} of the answer", choice.written());
                    self.fail(id, Failure::new(FailureKind::Internal, message));
                }
            }
        }
    }

    fn take_outputs(&mut self, shares: &[Share]) {
        for share in shares {
            let Some(Running { choice, .. }) = &mut self.running[share.sequence] else { continue };
            let places = share.from..share.from + share.count;
            self.cache.extend(share.sequence, &choice.tokens[places.clone()]);
            let mut outcome = Ok(());
            for place in places.start.max(choice.prompt - 1)..places.end {
                if outcome.is_ok() && choice.needs_logits(place) {
                    let logits = self.cache.logits(share.row + place - share.from);
                    outcome = choice.take_logits(place, logits, &self.model, &mut self.scratch);
                }
            }
            let id = choice.id.job;
            match outcome {
                Ok(()) => self.report(share.sequence),
                Err(failure) => self.fail(id, failure),
            }
        }
    }

    /// Sends out what a sequence has to say, and ends it if that was all.
    fn report(&mut self, sequence: usize) {
        let Some(Running { choice, .. }) = &mut self.running[sequence] else { return };
        let Some(job) = self.jobs.get_mut(&choice.id.job) else { return };
        if self.cache.held(sequence) < choice.prompt && !choice.is_over() {
            return;
        }
        job.read();
        let (piece, reason) = choice.flush();
        if let Some(piece) = piece {
            job.tell(choice.id.index, piece);
        }
        job.count_mask_time(choice.take_mask_time());
        let Some(reason) = reason else { return };
        let id = choice.id.job;
        if job.finish(choice.id.index, reason, choice.written(), choice.forced) {
            self.jobs.remove(&id);
        }
        self.running[sequence] = None;
        self.cache.give_back(sequence);
    }

    /// The KV cache is full: empties what nobody uses, or lets the youngest wait.
    fn make_room(&mut self) {
        if self.cache.evict() {
            return;
        }
        let used = self.running.iter().enumerate().filter_map(|(s, running)| running.as_ref().map(|r| (r.age, s)));
        let used: Vec<(u64, usize)> = used.collect();
        let Some((_, youngest)) = used.iter().max().copied() else { return };
        let Some(Running { choice, .. }) = self.running[youngest].take() else { return };
        self.cache.clear(youngest);
        self.cache.give_back(youngest);
        if used.len() == 1 {
            let held = format!("the KV cache has no room for a sequence of {} tokens", choice.tokens.len());
            self.fail(choice.id.job, Failure::new(FailureKind::Internal, held));
        } else {
            self.waiting.push_front(choice);
        }
    }

    fn give_up(&mut self, shares: &[Share], error: &DecodeError) {
        tracing::error!(%error, "llama.cpp cannot decode");
        for share in shares {
            let Some(Running { choice, .. }) = &self.running[share.sequence] else { continue };
            let id = choice.id.job;
            self.fail(id, Failure::new(FailureKind::Internal, format!("the model cannot be run: {error}")));
        }
        // How much of the batch went in is unknown, and all its sequences are free now.
        shares.iter().for_each(|share| self.cache.clear(share.sequence));
    }
}
