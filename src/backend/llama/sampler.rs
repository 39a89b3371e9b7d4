//! Draws the next token from a row of raw logits.
//!
//! The order, which is llama.cpp's with the constraint put first:
//! 1. the constraint's mask: a token that it forbids is never looked at again;
//! 2. `logit_bias`, then the repeat, frequency and presence penalties;
//! 3. `top_k`, `top_p`, `min_p`, each over what the one before it left, at temperature 1;
//! 4. the temperature, and the draw.
//!
//! A bias of negative infinity bans a token only while others are left: the last tokens that the constraint allows are
//! never banned. A temperature of 0 takes the likeliest token, of equals the one with the lowest id.
//!
//! Reproducible: one number is drawn for each token with more than one candidate, from a generator seeded by the
//! request's seed and the choice's number alone.
//!
//! Cost: no full sort. With few allowed tokens only those are touched; otherwise one or two passes over the row
//! (49,000 tokens: some 20 microseconds each) and a partial selection.

use std::collections::VecDeque;

use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};
use rustc_hash::FxHashMap;

use super::softmax::{Candidate, Row, weights};
use crate::{
    inference::Sampling,
    vocab::{TokenId, TokenMask},
};

/// Up to so many allowed tokens are looked at one by one.
const FEW: usize = 2048;

/// How many of the last tokens the repeat penalty looks at: llama.cpp's default.
const REPEAT_WINDOW: usize = 64;

/// Memory that all sequences of a context share.
#[derive(Default)]
pub(super) struct Scratch {
    logits: Vec<f32>,
    pub sums: Vec<f32>,
}

/// Nothing can be drawn: the mask is empty, or the logits are no numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoCandidate;

/// The state of one choice's draws.
pub(super) struct Sampler {
    settings: Sampling,
    bias: FxHashMap<TokenId, f32>,
    random: Xoshiro256PlusPlus,
    /// How often each token stands in the answer.
    written: FxHashMap<TokenId, u32>,
    /// The last tokens, those of the prompt included.
    recent: VecDeque<TokenId>,
}

impl Sampler {
    /// `banned` tokens are those that the model's maker suppresses.
    pub fn new(settings: &Sampling, banned: &[TokenId], seed: u64, choice: u32, prompt: &[TokenId]) -> Self {
        let banned = banned.iter().map(|token| (*token, f32::NEG_INFINITY));
        // Each choice has its own stream, the first that of the seed itself.
        let stream = seed.wrapping_add(u64::from(choice).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self {
            bias: settings.logit_bias.iter().copied().chain(banned).collect(),
            random: Xoshiro256PlusPlus::seed_from_u64(stream),
            written: FxHashMap::default(),
            recent: prompt[prompt.len().saturating_sub(REPEAT_WINDOW)..].iter().copied().collect(),
            settings: settings.clone(),
        }
    }

    /// Remembers a token of the answer, for the penalties.
    pub fn written(&mut self, token: TokenId) {
        *self.written.entry(token).or_default() += 1;
        if self.recent.len() == REPEAT_WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
    }

    /// Draws a token that `mask` allows. `logits` has one number a token of the vocabulary.
    pub fn draw(
        &mut self,
        logits: &[f32],
        mask: Option<&TokenMask>,
        scratch: &mut Scratch,
    ) -> Result<TokenId, NoCandidate> {
        if let Some(mask) = mask.filter(|mask| mask.count() <= FEW) {
            let mut few = self.few(logits, mask);
            few.sort_unstable_by(Candidate::order);
            return self.choose_among(few);
        }
        let mut changed = std::mem::take(&mut scratch.logits);
        let logits = match self.adjusts() {
            false => logits,
            true => {
                changed.clear();
                changed.extend_from_slice(logits);
                self.touched().for_each(|token| changed[token as usize] = self.adjust(token, logits[token as usize]));
                &changed
            }
        };
        let drawn = self.choose_in_row(Row { logits, mask }, &mut scratch.sums);
        scratch.logits = changed;
        drawn
    }

    fn few(&self, logits: &[f32], mask: &TokenMask) -> Vec<Candidate> {
        let raw = || mask.iter().map(|token| Candidate { token, logit: logits[token as usize] });
        let adjusted = raw().map(|c| Candidate { logit: self.adjust(c.token, c.logit), ..c });
        let finite: Vec<Candidate> = adjusted.filter(|c| c.logit > f32::NEG_INFINITY).collect();
        match finite.is_empty() {
            true => raw().filter(|c| !c.logit.is_nan()).collect(),
            false => finite,
        }
    }

    fn choose_in_row(&mut self, row: Row, sums: &mut Vec<f32>) -> Result<TokenId, NoCandidate> {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.settings;
        let max = row.max();
        if max == f32::NEG_INFINITY {
            return Err(NoCandidate);
        }
        if temperature <= 0.0 {
            return row.top(1, max).first().map(|best| best.token).ok_or(NoCandidate);
        }
        if top_k > 0 {
            let best = row.top(top_k as usize, f32::NEG_INFINITY);
            return self.choose_among(best);
        }
        if top_p < 1.0 {
            let total = row.sum(max, 1.0, sums);
            let nucleus = nucleus_of(row, f64::from(top_p) * total);
            let kept = self.above_min_p(nucleus);
            return self.pick(&kept);
        }
        if min_p > 0.0 {
            let kept = row.top(row.logits.len(), max + min_p.ln().min(0.0));
            return self.pick(&kept);
        }
        let scale = temperature.recip();
        let total = row.sum(max, scale, sums);
        row.at(self.unit() * total, max, scale, sums).ok_or(NoCandidate)
    }

    /// All that may be drawn, likeliest first.
    fn choose_among(&mut self, mut candidates: Vec<Candidate>) -> Result<TokenId, NoCandidate> {
        let Sampling { temperature, top_k, top_p, .. } = self.settings;
        if temperature <= 0.0 {
            candidates.truncate(1);
        }
        if top_k > 0 {
            candidates.truncate(top_k as usize);
        }
        if top_p < 1.0 && candidates.len() > 1 {
            let total: f64 = weights(&candidates, 1.0).sum();
            let keep = reaching(&candidates, f64::from(top_p) * total).unwrap_or(candidates.len());
            candidates.truncate(keep);
        }
        let kept = self.above_min_p(candidates);
        self.pick(&kept)
    }

    fn above_min_p(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        if self.settings.min_p > 0.0
            && let Some(best) = candidates.first().map(|best| best.logit)
        {
            let floor = best + self.settings.min_p.ln().min(0.0);
            candidates.retain(|candidate| candidate.logit >= floor);
        }
        candidates
    }

    fn pick(&mut self, candidates: &[Candidate]) -> Result<TokenId, NoCandidate> {
        if let [one] = candidates {
            return Ok(one.token);
        }
        let scale = self.settings.temperature.recip();
        let target = self.unit() * weights(candidates, scale).sum::<f64>();
        let mut running = 0.0;
        let drawn = candidates.iter().zip(weights(candidates, scale)).find(|(_, weight)| {
            running += weight;
            running >= target
        });
        drawn.map(|(candidate, _)| candidate.token).or(candidates.last().map(|c| c.token)).ok_or(NoCandidate)
    }

    /// A number in `[0, 1)`.
    fn unit(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 * (-53f64).exp2()
    }

    fn penalises(&self) -> bool {
        let Sampling { presence_penalty, frequency_penalty, repeat_penalty, .. } = self.settings;
        presence_penalty != 0.0 || frequency_penalty != 0.0 || repeat_penalty != 1.0
    }

    fn adjusts(&self) -> bool {
        !self.bias.is_empty() || self.penalises()
    }

    /// Every token whose logit [`Sampler::adjust`] may change. A token may come twice.
    fn touched(&self) -> impl Iterator<Item = TokenId> + '_ {
        let penalised = self.penalises().then(|| self.written.keys().chain(&self.recent));
        self.bias.keys().chain(penalised.into_iter().flatten()).copied()
    }

    fn adjust(&self, token: TokenId, logit: f32) -> f32 {
        let mut logit = logit + self.bias.get(&token).copied().unwrap_or(0.0);
        if !self.penalises() {
            return logit;
        }
        let Sampling { presence_penalty, frequency_penalty, repeat_penalty, .. } = self.settings;
        if repeat_penalty != 1.0 && self.recent.contains(&token) {
            logit = if logit <= 0.0 { logit * repeat_penalty } else { logit / repeat_penalty };
        }
        if let Some(times) = self.written.get(&token) {
            logit -= *times as f32 * frequency_penalty + presence_penalty;
        }
        logit
    }
}

/// How many of the candidates it takes until their weights reach `enough`, if they do.
fn reaching(candidates: &[Candidate], enough: f64) -> Option<usize> {
    let mut running = 0.0;
    let last = weights(candidates, 1.0).position(|weight| {
        running += weight;
        running >= enough
    });
    last.map(|last| last + 1)
}

/// The likeliest tokens of a row that together weigh `enough`, looked for in ever larger portions.
fn nucleus_of(row: Row, enough: f64) -> Vec<Candidate> {
    let mut portion = 128;
    loop {
        let mut best = row.top(portion, f32::NEG_INFINITY);
        if let Some(keep) = reaching(&best, enough) {
            best.truncate(keep);
            return best;
        }
        if best.len() < portion {
            return best;
        }
        portion *= 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Sampling {
        Sampling { seed: Some(1), ..Sampling::default() }
    }

    fn draws(settings: &Sampling, logits: &[f32], mask: Option<&TokenMask>, count: usize) -> Vec<TokenId> {
        let mut sampler = Sampler::new(settings, &[], 1, 0, &[]);
        let mut scratch = Scratch::default();
        (0..count).map(|_| sampler.draw(logits, mask, &mut scratch).expect("a token")).collect()
    }

    fn mask_of(len: usize, tokens: impl IntoIterator<Item = TokenId>) -> TokenMask {
        let mut mask = TokenMask::new(len);
        tokens.into_iter().for_each(|token| mask.insert(token));
        mask
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits: Vec<f32> = [0.1f32, 0.2, 0.3, 0.4].iter().map(|p| p.ln()).collect();
        for (temperature, expected) in [(1.0, [0.1, 0.2, 0.3, 0.4]), (0.5, [1.0, 4.0, 9.0, 16.0].map(|w| w / 30.0))] {
            let drawn = draws(&Sampling { temperature, ..settings() }, &logits, None, 40_000);
            for (token, p) in expected.iter().enumerate() {
                let share = drawn.iter().filter(|t| **t == token as u32).count() as f64 / 40_000.0;
                assert!((share - p).abs() < 0.01, "token {token}: {share} instead of {p}");
            }
        }
    }

    #[test]
    fn few_and_many_allowed_tokens_are_drawn_alike() {
        let logits: Vec<f32> = (0..5000).map(|i| (i * 37 % 101) as f32 / 20.0).collect();
        let few = mask_of(5000, 0..2000);
        let mut narrowed = vec![f32::NEG_INFINITY; 5000];
        narrowed[..2000].copy_from_slice(&logits[..2000]);
        for change in [
            Sampling { top_k: 7, ..settings() },
            Sampling { top_p: 0.3, ..settings() },
            Sampling { min_p: 0.5, temperature: 0.4, ..settings() },
            Sampling { top_p: 0.9, min_p: 0.1, ..settings() },
        ] {
            assert_eq!(draws(&change, &logits, Some(&few), 50), draws(&change, &narrowed, None, 50), "{change:?}");
        }
    }

    #[test]
    fn greedy_takes_the_best_allowed_token() {
        let greedy = Sampling { temperature: 0.0, ..settings() };
        let mut logits = vec![0.0; 4000];
        logits[17] = 5.0;
        logits[18] = 9.0;
        assert_eq!(draws(&greedy, &logits, None, 1), [18]);
        assert_eq!(draws(&greedy, &logits, Some(&mask_of(4000, [3, 17])), 1), [17]);
        assert_eq!(draws(&greedy, &logits, Some(&mask_of(4000, (0..4000).filter(|t| *t != 18))), 1), [17]);
    }

    #[test]
    fn top_k_top_p_and_min_p_leave_out_the_tail() {
        let logits: Vec<f32> = [0.5f32, 0.25, 0.15, 0.1].iter().map(|p| p.ln()).collect();
        let kinds = |change: Sampling| {
            let mut drawn = draws(&change, &logits, None, 2000);
            drawn.sort_unstable();
            drawn.dedup();
            drawn
        };
        assert_eq!(kinds(Sampling { top_k: 2, ..settings() }), [0, 1]);
        assert_eq!(kinds(Sampling { top_p: 0.7, ..settings() }), [0, 1]);
        assert_eq!(kinds(Sampling { top_p: 0.0, ..settings() }), [0]);
        assert_eq!(kinds(Sampling { min_p: 0.25, ..settings() }), [0, 1, 2]);
        assert_eq!(kinds(Sampling { min_p: 2.0, ..settings() }), [0]);
        assert_eq!(kinds(settings()), [0, 1, 2, 3]);
    }

    #[test]
    fn bias_moves_tokens_but_never_bans_the_last_allowed_one() {
        let logits = vec![0.0, 0.0, 0.0];
        let banned = vec![(0, -100.0), (1, f32::NEG_INFINITY)];
        let change = Sampling { logit_bias: banned, ..settings() };
        assert!(draws(&change, &logits, None, 200).iter().all(|token| *token == 2));
        assert_eq!(draws(&change, &logits, Some(&mask_of(3, [0])), 1), [0]);
        assert_eq!(draws(&change, &logits, Some(&mask_of(3, [1])), 1), [1]);
    }

    #[test]
    fn penalties_count_the_answer() {
        let change = Sampling { presence_penalty: 1.0, frequency_penalty: 0.5, repeat_penalty: 2.0, ..settings() };
        let mut sampler = Sampler::new(&change, &[], 1, 0, &[7]);
        sampler.written(3);
        sampler.written(3);
        assert_eq!(sampler.adjust(3, 4.0), 4.0 / 2.0 - 2.0 * 0.5 - 1.0);
        assert_eq!(sampler.adjust(7, -1.0), -2.0);
        assert_eq!(sampler.adjust(5, 4.0), 4.0);
    }

    #[test]
    fn an_empty_mask_and_bad_logits_are_told() {
        let mut sampler = Sampler::new(&settings(), &[], 1, 0, &[]);
        let mut scratch = Scratch::default();
        assert_eq!(sampler.draw(&[0.0; 3], Some(&TokenMask::new(3)), &mut scratch), Err(NoCandidate));
        assert_eq!(sampler.draw(&[f32::NAN; 3], None, &mut scratch), Err(NoCandidate));
    }
}
