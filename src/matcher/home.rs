//! The shortest way home in tokens: what an answer needs at least to be complete.

use super::Matcher;
use crate::vocab::{TokenId, TokenKind, TokenTrie};

/// In what a text costs, a token outweighs so many bytes.
const TOKEN: u32 = 1 << 12;
/// Tokens that are tried to make an answer longer.
const TRIED: usize = 16;
/// A way of more tokens is not looked for where they are counted.
const LONGEST_WAY: usize = 1 << 14;

impl Matcher {
    /// Text that completes the answer, of about as few tokens as any; empty where the answer may end. None if none was
    /// found within the budget: then nothing is known.
    ///
    /// Cost: some tens of microseconds for usual schemas, less where the same containers were open before.
    pub fn home(&mut self) -> Option<Vec<u8>> {
        if self.finished {
            return Some(Vec::new());
        }
        let vocabulary = self.program.engine().vocabulary().clone();
        if self.program.counts_tokens() {
            let tokens = self.counted_home()?;
            return Some(tokens.iter().flat_map(|token| vocabulary.bytes(*token).iter().copied()).collect());
        }
        let trie = vocabulary.trie();
        let cost = |text: &[u8]| steps(trie, text)[0].map_or(u32::MAX, |(count, ..)| cost_of(count, text.len()));
        self.running.machine().home(self.state, &cost)
    }

    /// [`Matcher::home`] as the fewest tokens that spell it. They are allowed one after another.
    pub fn home_tokens(&mut self) -> Option<Vec<TokenId>> {
        if self.program.counts_tokens() {
            return self.counted_home();
        }
        let text = self.home()?;
        self.fewest_tokens(&text)
    }

    /// Where tokens are counted, they are taken as they come: what must follow may change at the end of each, and where more
    /// are needed than the shortest way has, some are put before it.
    fn counted_home(&mut self) -> Option<Vec<TokenId>> {
        let (mut at, mut way) = (self.clone(), Vec::new());
        while !at.is_accepting() {
            let tokens = at.uncounted_home()?;
            let (mut after, mut taken) = (at.clone(), 0);
            while taken < tokens.len() && after.accept(tokens[taken]).is_ok() {
                taken += 1;
            }
            if after.is_accepting() || (0 < taken && taken < tokens.len()) {
                way.extend_from_slice(&tokens[..taken]);
                at = after;
            } else if taken == tokens.len() {
                way.push(at.take_any()?);
            } else {
                return None;
            }
            if way.len() > LONGEST_WAY || self.fault().is_some() {
                return None;
            }
        }
        Some(way)
    }

    /// The shortest way as if nobody counted how many tokens the whole has.
    fn uncounted_home(&mut self) -> Option<Vec<TokenId>> {
        let text = {
            let mut machine = self.running.machine();
            let state = if machine.bounds_tokens() { machine.loosened(self.state) } else { self.state };
            machine.home(state, &|text| text.len() as u32)?
        };
        self.fewest_tokens(&text)
    }

    /// Takes a token behind which something may follow.
    fn take_any(&mut self) -> Option<TokenId> {
        let mask = self.mask();
        let vocabulary = self.program.engine().vocabulary().clone();
        let is_plain = |token: &TokenId| vocabulary.bytes(*token).iter().all(|byte| byte.is_ascii_alphanumeric());
        let is_text = |token: &TokenId| vocabulary.kind(*token) == TokenKind::Text;
        let plain = mask.iter().filter(is_text).filter(is_plain).take(TRIED);
        let candidates: Vec<TokenId> = plain.chain(mask.iter().filter(is_text).take(TRIED)).collect();
        for token in candidates {
            if self.accept(token).is_err() {
                continue;
            }
            if self.uncounted_home().is_some() && self.mask().iter().next().is_some() {
                return Some(token);
            }
            self.rollback(1);
        }
        None
    }

    /// The fewest tokens of the vocabulary that spell a text, which need not be those that its tokenizer would take.
    /// None if the vocabulary cannot spell it.
    pub fn fewest_tokens(&self, text: &[u8]) -> Option<Vec<TokenId>> {
        cover(self.program.engine().vocabulary().trie(), text)
    }
}

fn cost_of(tokens: u32, bytes: usize) -> u32 {
    tokens.saturating_mul(TOKEN).saturating_add(bytes.min(TOKEN as usize - 1) as u32)
}

/// From a place in a text to its end: how many tokens, the first of them, and where that ends.
type Step = (u32, TokenId, u32);

/// The fewest tokens from each place of a text to its end.
fn steps(trie: &TokenTrie, text: &[u8]) -> Vec<Option<Step>> {
    let nodes = trie.nodes();
    let mut best: Vec<Option<Step>> = vec![None; text.len() + 1];
    best[text.len()] = Some((0, 0, 0));
    for from in (0..text.len()).rev() {
        let mut found = trie.root(text[from]);
        let mut behind = from;
        while let Some(at) = found {
            behind += 1;
            // Of equally few, the longest comes first.
            if let (Some(token), Some((count, ..))) = (trie.tokens_at(at).first(), best[behind])
                && best[from].is_none_or(|(least, ..)| count < least)
            {
                best[from] = Some((count + 1, *token, behind as u32));
            }
            let Some(byte) = text.get(behind) else { break };
            let (mut child, end) = (at + 1, nodes[at as usize].next);
            while child < end && nodes[child as usize].byte < *byte {
                child = nodes[child as usize].next;
            }
            found = (child < end && nodes[child as usize].byte == *byte).then_some(child);
        }
    }
    best
}

/// The fewest tokens that spell a text. None if no tokens do.
fn cover(trie: &TokenTrie, text: &[u8]) -> Option<Vec<TokenId>> {
    let best = steps(trie, text);
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (_, token, behind) = best[at]?;
        tokens.push(token);
        at = behind as usize;
    }
    Some(tokens)
}
