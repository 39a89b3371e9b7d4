//! Forced text as tokens, without sampling.
//!
//! The constraint says which bytes must come next; which *tokens* they are is the tokenizer's matter, because a model
//! was trained on its tokenizer's cuts. So the forced bytes are tokenised together with the text before them, and those
//! tokens are taken that no continuation can change.
//!
//! The rule for the end: let `s` be any ending of the forced text, and `g` something that the constraint allows next.
//! If a token spells `s + g`, the tokenizer might have used it, so every token that reaches into `s` is held back and
//! left to the sampler, which finds the longer tokens in its mask. What is held back costs a step, never a wrong cut.
//!
//! At the beginning: where the tokens already written are not those that the tokenizer would have cut together with the
//! forced text (the sampler is free to cut differently), the forced text is tokenised by itself.
//!
//! Cost: two short runs of the tokenizer, and a walk in the token trie per ending (at most the longest token's length).

use super::tokenizer::Tokenizer;
use crate::{
    matcher::Matcher,
    vocab::{TokenId, TokenKind, TokenTrie},
};

/// How many tokens before the forced text the tokenizer sees.
const BEFORE: usize = 32;

/// Steps of the search for continuations; where they run out, the token is held back.
const STEPS: usize = 2_000;

/// Takes tokens for what the constraint forces next: they are accepted by `matcher` already. At most `limit` tokens,
/// possibly none. `written` is the sequence so far.
pub(super) fn take(matcher: &mut Matcher, tokenizer: &Tokenizer, written: &[TokenId], limit: usize) -> Vec<TokenId> {
    let mut forced = matcher.forced(limit.saturating_mul(16).min(1024));
    if let Err(error) = std::str::from_utf8(&forced) {
        forced.truncate(error.valid_up_to());
    }
    let Ok(text) = std::str::from_utf8(&forced) else { return Vec::new() };
    let tokens = tokens(matcher, tokenizer, written, text).into_iter().take(limit);
    // Every token is asked for again: what the mask would forbid is never written.
    tokens.map_while(|token| matcher.accept(token).ok().map(|()| token)).collect()
}

/// The tokens of the forced text that no continuation can change. `matcher` is in the state before that text.
pub(super) fn tokens(matcher: &Matcher, tokenizer: &Tokenizer, written: &[TokenId], forced: &str) -> Vec<TokenId> {
    if forced.is_empty() {
        return Vec::new();
    }
    let vocabulary = tokenizer.vocabulary();
    let safe = safe_length(matcher, vocabulary.trie(), forced.as_bytes());
    let mut length = 0;
    let is_safe = |token: &TokenId| {
        length += vocabulary.bytes(*token).len();
        length <= safe
    };
    cut(tokenizer, written, forced).unwrap_or_default().into_iter().take_while(is_safe).collect()
}

/// The tokens of `text` as it stands after `written`.
fn cut(tokenizer: &Tokenizer, written: &[TokenId], text: &str) -> Option<Vec<TokenId>> {
    let vocabulary = tokenizer.vocabulary();
    let is_text = |token: &&TokenId| vocabulary.kind(**token) == TokenKind::Text;
    let count = written.iter().rev().take(BEFORE).take_while(is_text).count();
    let mut before = &written[written.len() - count..];
    while let [first, rest @ ..] = before {
        // Bytes 0x80 to 0xBF continue a code point that began earlier.
        match vocabulary.bytes(*first)[0] & 0xC0 == 0x80 {
            true => before = rest,
            false => break,
        }
    }
    let together = String::from_utf8(tokenizer.spell(before)).ok().and_then(|lead| tokenizer.exact(&(lead + text)));
    match together.as_deref().and_then(|tokens| tokens.strip_prefix(before)) {
        Some(tokens) => Some(tokens.to_vec()),
        None => tokenizer.exact(text),
    }
}

/// How many of the forced bytes belong to tokens that no continuation can change.
fn safe_length(matcher: &Matcher, trie: &TokenTrie, forced: &[u8]) -> usize {
    let mut after = matcher.clone();
    if after.accept_bytes(forced) < forced.len() {
        return 0;
    }
    let mut steps = STEPS;
    let from = forced.len().saturating_sub(trie.max_depth());
    let unsafe_from = (from..forced.len()).find(|from| {
        let below = find(trie, &forced[*from..]);
        below.is_some_and(|(first, end)| may_continue(trie, first, end, &after, &mut steps))
    });
    unsafe_from.unwrap_or(forced.len())
}

/// The nodes below the one that spells `bytes`.
fn find(trie: &TokenTrie, bytes: &[u8]) -> Option<(usize, usize)> {
    let nodes = trie.nodes();
    let (mut at, mut end) = (0, nodes.len());
    for byte in bytes {
        while at < end && nodes[at].byte != *byte {
            at = nodes[at].next as usize;
        }
        if at >= end {
            return None;
        }
        end = nodes[at].next as usize;
        at += 1;
    }
    (at < end).then_some((at, end))
}

/// Some token among the nodes `first..end` is allowed in full.
fn may_continue(trie: &TokenTrie, first: usize, end: usize, matcher: &Matcher, steps: &mut usize) -> bool {
    let nodes = trie.nodes();
    let mut at = first;
    while at < end {
        let Some(left) = steps.checked_sub(1) else { return true };
        *steps = left;
        let mut stepped = matcher.clone();
        if stepped.accept_bytes(&[nodes[at].byte]) == 1 {
            let next = nodes[at].next as usize;
            if !trie.tokens_at(at as u32).is_empty() || may_continue(trie, at + 1, next, &stepped, steps) {
                return true;
            }
        }
        at = nodes[at].next as usize;
    }
    false
}
