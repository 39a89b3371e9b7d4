//! One choice of an answer: its tokens, what may come next, and what was told of it.
//!
//! ```text
//! tokens :  prompt ............ | answer ...........
//!           0            prompt ^                  ^ tokens.len()
//! told   :  answer tokens whose text went out; with log-probabilities, forced tokens wait for their logits
//! ```
//! How many of the tokens are in the KV cache is the cache's to know. A choice may lose its place there and be decoded
//! again from the start: nothing in it changes by that.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    fast_forward,
    sampler::{Sampler, Scratch},
    seam::{Seam, spelling},
    softmax::Row,
    stop::{Found, Stops},
    text::{Outgoing, Piece},
    tokenizer::Tokenizer,
};
use crate::{
    inference::{Failure, FailureKind, FinishReason, Request, TokenLogprob},
    matcher::{Matcher, Program, Steering},
    vocab::{TokenId, TokenKind, TokenMask},
};

/// What all choices of a model share.
pub(super) struct Model {
    pub tokenizer: Tokenizer,
    /// Tokens that the model's maker never wants sampled.
    pub suppressed: Vec<TokenId>,
    /// Most tokens of one sequence, prompt and answer.
    pub context: usize,
    pub fast_forward: bool,
}

/// Draws at the seam before the tokenizer's own cut is taken.
const DRAWS: usize = 8;

/// Which choice of which job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChoiceId {
    pub job: u64,
    pub index: u32,
}

pub(super) struct Choice {
    pub id: ChoiceId,
    pub tokens: Vec<TokenId>,
    pub prompt: usize,
    /// Of the answer's tokens, those that were not sampled.
    pub forced: u32,
    told: usize,
    most: usize,
    logprobs: Option<u8>,
    sampler: Sampler,
    outgoing: Outgoing,
    stops: Stops,
    constraint: Option<Constrained>,
    /// What the answer's tokens still have to spell of a beginning that the caller has.
    rest: Vec<u8>,
    ending: Option<FinishReason>,
}

/// The constraint's side of a choice.
struct Constrained {
    program: Arc<Program>,
    /// None while it is with the masker.
    matcher: Option<Matcher>,
    /// What may come after the last token, if it is known already.
    mask: Option<Arc<TokenMask>>,
    /// The state behind what the caller has of the answer before anything is written.
    begun: Matcher,
    /// The state after some bytes of what is written, to tell whether it may end where a stop text begins.
    behind: (usize, Matcher),
    steering: Steering,
    spent: Duration,
}

impl Choice {
    /// A choice with nothing written yet, behind a beginning if there is one. What its constraint forces at the beginning is
    /// written at once.
    pub fn new(
        id: ChoiceId,
        request: &Request,
        program: Option<&Arc<Program>>,
        prompt: &[TokenId],
        seam: Option<&Seam>,
        seed: u64,
        model: &Model,
    ) -> Self {
        let lead = seam.map_or(&[][..], |seam| &seam.tokens);
        let room = model.context - prompt.len() - lead.len();
        let constraint = program.map(|program| {
            let begun = seam.map_or_else(|| program.matcher(), |seam| seam.behind.clone());
            Constrained {
                program: program.clone(),
                matcher: Some(seam.map_or_else(|| program.matcher(), |seam| seam.matcher.clone())),
                mask: None,
                behind: (0, begun.clone()),
                steering: Steering::new(&mut begun.clone()),
                begun,
                spent: Duration::ZERO,
            }
        });
        let mut choice = Self {
            id,
            tokens: [prompt, lead].concat(),
            prompt: prompt.len() + lead.len(),
            forced: 0,
            told: 0,
            most: request.output.max_tokens.map_or(room, |most| room.min((most as usize).saturating_sub(lead.len()))),
            logprobs: request.output.logprobs,
            sampler: Sampler::new(&request.sampling, &model.suppressed, seed, id.index, prompt),
            outgoing: Outgoing::new(constraint.is_some()),
            stops: Stops::new(&request.output.stop),
            constraint,
            rest: seam.map_or_else(Vec::new, |seam| seam.rest.clone()),
            ending: None,
        };
        lead.iter().for_each(|token| choice.sampler.written(*token));
        choice.advance(model);
        choice
    }

    /// The tokens that an answer takes at least, if that is more than this one may have, and how many it may have.
    /// Nothing is written yet.
    pub fn lacks_room(&self, model: &Model) -> Option<(usize, usize)> {
        let mut begun = self.constraint.as_ref()?.begun.clone();
        let rest = self.rest_tokens(model).len();
        match self.most.checked_sub(rest) {
            Some(most) => begun.needs(most).map(|needed| (needed + rest, self.most)),
            None => Some((rest + begun.needs(0).unwrap_or(0), self.most)),
        }
    }

    /// What is left of the beginning, as the tokenizer cuts it.
    fn rest_tokens(&self, model: &Model) -> Vec<TokenId> {
        std::str::from_utf8(&self.rest).ok().and_then(|text| model.tokenizer.exact(text)).unwrap_or_default()
    }

    /// Tokens of the answer so far.
    pub fn written(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// How many of the tokens must be in the KV cache before anything more happens.
    pub fn wanted(&self) -> usize {
        self.tokens.len() - usize::from(self.ending.is_some())
    }

    /// How many of the first tokens need not be decoded if they are in a cache: those whose logits nobody needs.
    pub fn reusable(&self) -> usize {
        match self.logprobs {
            Some(_) => (self.prompt + self.told).min(self.tokens.len()) - 1,
            None => self.tokens.len() - 1,
        }
    }

    /// Everything was told and nothing more comes.
    pub fn is_over(&self) -> bool {
        self.ending.is_some() && self.told == self.written()
    }

    /// The logits after the token at `position` are needed.
    pub fn needs_logits(&self, position: usize) -> bool {
        let next = position + 1;
        match next == self.tokens.len() {
            true => self.ending.is_none(),
            false => self.logprobs.is_some() && next >= self.prompt + self.told,
        }
    }

    /// Time spent on masks and the like since the last call.
    pub fn take_mask_time(&mut self) -> Duration {
        self.constraint.as_mut().map_or(Duration::ZERO, |constraint| std::mem::take(&mut constraint.spent))
    }

    /// The matcher, if its mask is needed and not known yet.
    pub fn lend_matcher(&mut self) -> Option<Matcher> {
        let constraint = self.constraint.as_mut().filter(|_| self.ending.is_none())?;
        if constraint.mask.is_some() { None } else { constraint.matcher.take() }
    }

    /// The matcher comes back with its mask.
    pub fn take_mask(&mut self, matcher: Matcher, mask: Arc<TokenMask>, took: Duration) {
        if let Some(constraint) = &mut self.constraint {
            constraint.matcher = Some(matcher);
            constraint.mask = Some(mask);
            constraint.spent += took;
        }
    }

    /// Takes the logits after the token at `position`: the next token is drawn, or, if it is forced, told.
    ///
    /// # Errors
    /// A constraint that allows nothing, or refuses what its own mask allows.
    pub fn take_logits(
        &mut self,
        position: usize,
        logits: &[f32],
        model: &Model,
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        let next = position + 1;
        if next == self.tokens.len() {
            return self.draw(logits, model, scratch);
        }
        if next == self.prompt + self.told {
            let token = self.tokens[next];
            let logprob = self.logprob(token, logits, model, scratch);
            self.tell(token, logprob, model);
        }
        Ok(())
    }

    fn draw(&mut self, logits: &[f32], model: &Model, scratch: &mut Scratch) -> Result<(), Failure> {
        let mask = self.constraint.as_mut().and_then(|constraint| constraint.mask.take());
        let token = match mask {
            Some(mask) if !self.rest.is_empty() => self.draw_at_seam(&mask, logits, model, scratch)?,
            Some(mask) => self.draw_within(mask, logits, scratch)?,
            None if self.constraint.is_some() => return Err(self.broken("no mask was made")),
            None => {
                let drawn = self.sampler.draw(logits, None, scratch);
                drawn.map_err(|_| self.broken("no token can come next"))?
            }
        };
        // Within a constraint a token that ends answers elsewhere may stand for itself.
        let stands = self.constraint.as_ref().and_then(|c| c.matcher.as_ref()).is_some_and(|m| !m.is_finished());
        if model.tokenizer.vocabulary().kind(token) == TokenKind::EndOfGeneration && !stands {
            self.ending = Some(FinishReason::Stop);
            return Ok(());
        }
        let logprob = self.logprob(token, logits, model, scratch);
        self.write(token);
        self.tell(token, logprob, model);
        self.advance(model);
        Ok(())
    }

    /// Draws a token that the mask allows and that leaves room for the answer's end; the matcher has taken it then.
    fn draw_within(&mut self, mask: Arc<TokenMask>, logits: &[f32], scratch: &mut Scratch) -> Result<TokenId, Failure> {
        let left = (self.most - self.written()).saturating_sub(1);
        let Some(Constrained { matcher: Some(matcher), steering, spent, .. }) = &mut self.constraint else {
            return Err(self.broken("the matcher was not given back"));
        };
        let (start, mut sampling) = (Instant::now(), Duration::ZERO);
        let drawn = steering.draw(matcher, mask, left, |mask| {
            let start = Instant::now();
            let drawn = self.sampler.draw(logits, Some(mask), scratch).ok();
            sampling += start.elapsed();
            drawn
        });
        *spent += start.elapsed().saturating_sub(sampling);
        match drawn {
            Ok(Some(token)) => Ok(token),
            Ok(None) => Err(self.broken("no token can come next")),
            Err(refused) => Err(self.broken(&format!("token {} is in the mask, but is refused", refused.token))),
        }
    }

    /// Draws a token of what is left of the beginning, or one that begins with all of it; the matcher has taken it then.
    fn draw_at_seam(
        &mut self,
        mask: &TokenMask,
        logits: &[f32],
        model: &Model,
        scratch: &mut Scratch,
    ) -> Result<TokenId, Failure> {
        let left = (self.most - self.written()).saturating_sub(1);
        let cut = self.rest_tokens(model);
        let vocabulary = model.tokenizer.vocabulary();
        let Some(Constrained { matcher: Some(matcher), steering, begun, .. }) = &mut self.constraint else {
            return Err(self.broken("the matcher was not given back"));
        };
        // A token for each byte may be drawn: where that leaves no room for the way home, none is.
        let tight = left < self.rest.len() || begun.clone().needs(left - self.rest.len()).is_some();
        let mut fitting = Arc::new(spelling(mask, vocabulary, &self.rest));
        for _ in 0..if tight { 0 } else { DRAWS } {
            let Ok(token) = self.sampler.draw(logits, Some(&fitting), scratch) else { break };
            if matcher.accept(token).is_err() {
                return Err(self.broken(&format!("token {token} is in the mask, but is refused")));
            }
            if vocabulary.bytes(token).len() < self.rest.len() || steering.fits(matcher, &[token], left) {
                return Ok(token);
            }
            matcher.rollback(1);
            Arc::make_mut(&mut fitting).remove(token);
        }
        match cut.first().filter(|token| matcher.accept(**token).is_ok()) {
            Some(token) => Ok(*token),
            None => Err(self.broken("what the caller has cannot be spelled")),
        }
    }

    fn write(&mut self, token: TokenId) {
        self.tokens.push(token);
        self.sampler.written(token);
    }

    /// After a token, or at the beginning: writes what is forced, and finds out whether the answer is complete.
    fn advance(&mut self, model: &Model) {
        let room = self.most - self.written();
        let start = Instant::now();
        if self.rest.is_empty()
            && let Some(Constrained { matcher: Some(matcher), mask, steering, spent, .. }) = &mut self.constraint
        {
            let mut taken = match model.fast_forward && room > 0 {
                true => fast_forward::take(matcher, &model.tokenizer, &self.tokens, room),
                false => Vec::new(),
            };
            // The tokenizer's own cut can take more tokens than there is room for.
            if !taken.is_empty() && !steering.fits(matcher, &taken, room - taken.len()) {
                matcher.rollback(taken.len());
                taken.clear();
            }
            if matcher.is_accepting() {
                let vocabulary = model.tokenizer.vocabulary();
                let next = matcher.mask();
                // With no room left, what may end here does.
                let full = room == taken.len();
                if matcher.fault().is_none()
                    && (full || next.iter().all(|token| vocabulary.kind(token) == TokenKind::EndOfGeneration))
                {
                    self.ending = Some(FinishReason::Stop);
                }
                *mask = Some(next);
            }
            *spent += start.elapsed();
            self.forced += taken.len() as u32;
            for token in taken {
                self.write(token);
                if self.logprobs.is_none() {
                    self.tell(token, None, model);
                }
            }
        }
        if self.ending.is_none() && self.written() >= self.most {
            self.ending = Some(FinishReason::Length);
        }
    }

    fn tell(&mut self, token: TokenId, logprob: Option<TokenLogprob>, model: &Model) {
        self.told += 1;
        let vocabulary = model.tokenizer.vocabulary();
        // A special token that a constraint asked for is part of its text.
        let is_text = self.constraint.is_some() || vocabulary.kind(token) == TokenKind::Text;
        let bytes = if is_text { vocabulary.bytes(token) } else { &[] };
        // What the caller has is not sent again.
        let again = self.rest.len().min(bytes.len());
        self.rest.drain(..again);
        self.outgoing.push(&bytes[again..], logprob);
    }

    /// What can be sent now, and the reason if this was the last of it.
    pub fn flush(&mut self) -> (Option<Piece>, Option<FinishReason>) {
        let constraint = &mut self.constraint;
        let answer = self.outgoing.bytes();
        let may_end = |place: usize| constraint.as_mut().is_none_or(|constraint| constraint.may_end(answer, place));
        match self.stops.search(answer, may_end) {
            Found::Stop(place) => (self.outgoing.finish(place), Some(FinishReason::Stop)),
            Found::Clear(_) if self.is_over() => {
                let end = self.outgoing.bytes().len();
                (self.outgoing.finish(end), self.ending)
            }
            Found::Clear(place) => (self.outgoing.release(place), None),
        }
    }

    fn logprob(&self, token: TokenId, logits: &[f32], model: &Model, scratch: &mut Scratch) -> Option<TokenLogprob> {
        let alternatives = self.logprobs?;
        let row = Row::free(logits);
        let max = row.max();
        let total = max + row.sum(max, 1.0, &mut scratch.sums).ln() as f32;
        let bytes = |token| model.tokenizer.vocabulary().bytes(token).to_vec();
        let top = row.top(usize::from(alternatives), f32::NEG_INFINITY);
        Some(TokenLogprob {
            token,
            bytes: bytes(token),
            logprob: logits[token as usize] - total,
            top: top.into_iter().map(|c| (c.token, bytes(c.token), c.logit - total)).collect(),
        })
    }

    fn broken(&self, what: &str) -> Failure {
        let place = format!("at token {} (byte {}) of the answer", self.written(), self.outgoing.bytes().len());
        let matcher = self.constraint.as_ref().and_then(|constraint| constraint.matcher.as_ref());
        if let Some(overrun) = matcher.and_then(Matcher::fault) {
            let message = format!("the constraint cannot be enforced any further {place}: {overrun}");
            return Failure::new(FailureKind::Constraint, message).coded("constraint_too_large");
        }
        let whose = if self.constraint.is_some() { "the constraint's mask" } else { "the model's output" };
        Failure::new(FailureKind::Internal, format!("{whose} is broken {place}: {what}"))
    }
}

impl Constrained {
    /// The first `place` bytes of the answer satisfy the constraint as they stand.
    fn may_end(&mut self, answer: &[u8], place: usize) -> bool {
        // Where tokens are counted, text that is cut at a stop is not what was counted.
        if self.program.counts_tokens() {
            return false;
        }
        if place < self.behind.0 {
            self.behind = (0, self.begun.clone());
        }
        let (at, matcher) = &mut self.behind;
        *at += matcher.accept_bytes(&answer[*at..place]);
        *at == place && matcher.is_accepting()
    }
}
