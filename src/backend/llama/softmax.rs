//! Sums of exponentials and the likeliest tokens over a row of logits, in blocks of 64 tokens: a word of the mask each.
//!
//! Cost: the exponential is a polynomial without branches (relative error below 3e-7), so that whole blocks run in
//! vector registers; blocks without allowed tokens are skipped.

use std::cmp::Ordering;

use crate::vocab::{TokenId, TokenMask};

const BLOCK: usize = 64;

/// A token with its logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub token: TokenId,
    pub logit: f32,
}

impl Candidate {
    /// Likeliest first; of equals the lower id.
    pub fn order(&self, other: &Self) -> Ordering {
        other.logit.total_cmp(&self.logit).then(self.token.cmp(&other.token))
    }
}

/// A row of logits, and which of its tokens count.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub logits: &'a [f32],
    pub mask: Option<&'a TokenMask>,
}

/// `exp(x)` for `x <= 0`; zero below -87.
fn exp_of_negative(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_145_75;
    const LN2_LOW: f32 = 1.428_606_8e-6;
    let clamped = x.max(-87.0);
    let n = (clamped * std::f32::consts::LOG2_E).round_ties_even();
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = (p * r + 1.0) * r + 1.0;
    let scale = f32::from_bits(((n as i32 + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { p * scale }
}

impl<'a> Row<'a> {
    pub fn free(logits: &'a [f32]) -> Self {
        Self { logits, mask: None }
    }

    fn blocks(&self) -> impl Iterator<Item = (usize, &'a [f32], u64)> + '_ {
        let words = self.mask.map(TokenMask::words);
        self.logits.chunks(BLOCK).enumerate().map(move |(index, block)| {
            (index * BLOCK, block, words.map_or(u64::MAX, |words| words.get(index).copied().unwrap_or(0)))
        })
    }

    /// The highest logit; negative infinity if no token counts.
    pub fn max(&self) -> f32 {
        let mut best = f32::NEG_INFINITY;
        for (_, block, word) in self.blocks() {
            if word == u64::MAX {
                best = block.iter().fold(best, |best, logit| best.max(*logit));
            } else {
                bits(word).filter_map(|bit| block.get(bit)).for_each(|logit| best = best.max(*logit));
            }
        }
        best
    }

    /// The sum of `exp((logit - max) * scale)`; the sum of each block goes to `sums`.
    pub fn sum(&self, max: f32, scale: f32, sums: &mut Vec<f32>) -> f64 {
        sums.clear();
        let mut total = 0.0;
        for (_, block, word) in self.blocks() {
            let sum = block_sum(block, word, max, scale);
            total += f64::from(sum);
            sums.push(sum);
        }
        total
    }

    /// The token at which the running sum over tokens in the order of their ids passes `target`; `sums` as
    /// [`Row::sum`] left them. None if no token has any weight.
    pub fn at(&self, target: f64, max: f32, scale: f32, sums: &[f32]) -> Option<TokenId> {
        let mut before = 0.0;
        let mut last = None;
        for ((first, block, word), sum) in self.blocks().zip(sums) {
            let after = before + f64::from(*sum);
            if *sum > 0.0 {
                let mut running = before;
                for bit in bits(word) {
                    let Some(logit) = block.get(bit) else { break };
                    let weight = exp_of_negative((logit - max) * scale);
                    if weight > 0.0 {
                        running += f64::from(weight);
                        last = Some((first + bit) as TokenId);
                    }
                    if after >= target && running >= target {
                        return last;
                    }
                }
                if after >= target {
                    return last;
                }
            }
            before = after;
        }
        last
    }

    /// The `count` likeliest tokens, likeliest first. `floor`: logits below it are left out, as are those of negative
    /// infinity.
    pub fn top(&self, count: usize, floor: f32) -> Vec<Candidate> {
        let room = (count * 2).max(256);
        let mut best: Vec<Candidate> = Vec::with_capacity(room.min(self.logits.len()));
        let mut least = floor.max(f32::MIN);
        if count == 0 {
            return best;
        }
        for (first, block, word) in self.blocks() {
            if word == 0 || (word == u64::MAX && block.iter().fold(f32::MIN, |best, logit| best.max(*logit)) < least) {
                continue;
            }
            for bit in bits(word) {
                let Some(&logit) = block.get(bit) else { break };
                if logit >= least {
                    best.push(Candidate { token: (first + bit) as TokenId, logit });
                }
            }
            if best.len() >= room - BLOCK && best.len() > count {
                best.select_nth_unstable_by(count - 1, Candidate::order);
                best.truncate(count);
                least = best[count - 1].logit;
            }
        }
        best.sort_unstable_by(Candidate::order);
        best.truncate(count);
        best
    }
}

/// The weights of candidates relative to the first, which is the likeliest.
pub(super) fn weights(candidates: &[Candidate], scale: f32) -> impl Iterator<Item = f64> + '_ {
    let max = candidates.first().map_or(0.0, |candidate| candidate.logit);
    candidates.iter().map(move |candidate| f64::from(exp_of_negative((candidate.logit - max) * scale)))
}

fn bits(word: u64) -> impl Iterator<Item = usize> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
        rest &= rest - 1;
        Some(bit)
    })
}

fn block_sum(block: &[f32], word: u64, max: f32, scale: f32) -> f32 {
    if word == 0 {
        return 0.0;
    }
    if word != u64::MAX || block.len() < BLOCK {
        let allowed = bits(word).map_while(|bit| block.get(bit));
        return allowed.map(|logit| exp_of_negative((logit - max) * scale)).sum();
    }
    let mut lanes = [0.0f32; 16];
    for part in block.chunks_exact(16) {
        for (lane, logit) in lanes.iter_mut().zip(part) {
            *lane += exp_of_negative((logit - max) * scale);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 % 1009) as f32 / 40.0) - 12.0).collect()
    }

    #[test]
    fn exponential_is_close_to_the_libraries() {
        for step in 0..87_000 {
            let x = -(step as f32) / 1000.0;
            let error = (f64::from(exp_of_negative(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(error < 1e-6, "exp({x}) is off by {error}");
        }
        assert_eq!(exp_of_negative(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_of_negative(0.0), 1.0);
    }

    #[test]
    fn sums_and_tops_equal_the_plain_way() {
        let logits = row(1000);
        let mut mask = TokenMask::new(logits.len());
        (0..1000).filter(|id| id % 3 != 0 || *id < 200).for_each(|id| mask.insert(id));
        for mask in [None, Some(&mask)] {
            let row = Row { logits: &logits, mask };
            let allowed = |id: usize| mask.is_none_or(|mask| mask.contains(id as u32));
            let mut plain: Vec<Candidate> = (0..1000)
                .filter(|id| allowed(*id))
                .map(|id| Candidate { token: id as u32, logit: logits[id] })
                .collect();
            plain.sort_by(Candidate::order);
            assert_eq!(row.max(), plain[0].logit);
            for count in [1, 5, 300, 1000] {
                assert_eq!(row.top(count, f32::NEG_INFINITY), plain[..count.min(plain.len())]);
            }
            let expected: f64 = plain.iter().map(|c| (f64::from(c.logit - plain[0].logit) * 0.7).exp()).sum();
            let mut sums = Vec::new();
            let total = row.sum(plain[0].logit, 0.7, &mut sums);
            assert!((total / expected - 1.0).abs() < 1e-5, "{total} against {expected}");
            let drawn = row.at(total * 0.999_999, plain[0].logit, 0.7, &sums);
            assert!(drawn.is_some_and(|token| allowed(token as usize)));
        }
    }
}
