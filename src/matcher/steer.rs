//! Steering an answer towards its end while there is room for one.
//!
//! Before a token counts, it must leave enough room for a short way home (see [`Matcher::home`]). A token that does not
//! is drawn again without it; where that takes too often, the answer goes home by the way that is known. So, by
//! induction, an answer that could be completed within its limit when it began is complete when it ends.
//!
//! The same search keeps the answer out of dead ends where the constraint's masks cannot promise that there are none: a
//! token behind which no way home is found counts as one that leaves too little room, as long as a way was known before it.
//!
//! Far from the limit a completion's bytes are compared with the tokens that are left, which needs no tokens at all.

use std::sync::Arc;

use super::{Matcher, Refused};
use crate::vocab::{TokenId, TokenMask};

/// Draws that are tried before the known way is taken.
const DRAWS: usize = 24;
/// After so many states from which no way home was found, none is looked for any more.
const MISSES: u32 = 3;

/// What is known of the way home from the last token of an answer.
///
/// ```
/// # use espalier::{frontend::{Constraint, Policy}, matcher::{Engine, Steering}, vocab::byte_vocabulary};
/// let engine = Engine::new(std::sync::Arc::new(byte_vocabulary()));
/// let program = engine.compile(&Constraint::JsonSchema(r#"{"type":"array"}"#.into()), Policy::default()).unwrap();
/// let mut matcher = program.matcher();
/// let mut steering = Steering::new(&mut matcher);
/// // Whatever is wanted, within eight bytes the array is closed.
/// for written in 0..8 {
///     let mask = matcher.mask();
///     let token = steering.draw(&mut matcher, mask, 7 - written, |mask| mask.iter().max()).unwrap();
///     assert!(token.is_some());
///     if matcher.is_accepting() {
///         break;
///     }
/// }
/// assert!(matcher.is_accepting());
/// ```
#[derive(Default)]
pub struct Steering {
    /// Tokens that complete the answer; empty while it is far from its limit, and where the answer may end.
    route: Vec<TokenId>,
    misses: u32,
    /// Some way home was found before the last token, or behind it.
    known: bool,
}

impl Steering {
    /// Of an answer that begins as `matcher` stands.
    pub fn new(matcher: &mut Matcher) -> Self {
        // Elsewhere there are no dead ends, and the first token tells.
        let known = matcher.program().is_soft() && matcher.home().is_some();
        Self { known, ..Self::default() }
    }

    /// Whether the answer, after `tokens` (which `matcher` has taken), can be completed by `left` more.
    pub fn fits(&mut self, matcher: &mut Matcher, tokens: &[TokenId], left: usize) -> bool {
        let known = self.route.strip_prefix(tokens).filter(|_| !self.route.is_empty());
        let known: Option<Vec<TokenId>> = known.map(<[TokenId]>::to_vec);
        match known.filter(|route| route.len() <= left) {
            Some(route) => {
                self.route = route;
                true
            }
            None => self.search(matcher, left),
        }
    }

    fn search(&mut self, matcher: &mut Matcher, left: usize) -> bool {
        if matcher.program().counts_tokens() && self.misses < MISSES {
            return self.search_counted(matcher, left);
        }
        let text = if self.misses < MISSES { matcher.home() } else { None };
        let Some(text) = text else { return self.miss(matcher) };
        self.known = true;
        if text.len() <= left {
            self.route.clear();
            return true;
        }
        match matcher.fewest_tokens(&text).filter(|route| route.len() <= left) {
            Some(route) => {
                self.route = route;
                true
            }
            None => false,
        }
    }

    /// No way home was found. Whether the token may stay all the same.
    fn miss(&mut self, matcher: &mut Matcher) -> bool {
        if self.known && matcher.fault().is_none() && matcher.program().is_soft() {
            return false;
        }
        // Nothing is known of the way: the answer may be cut.
        self.known = false;
        self.misses += 1;
        self.route.clear();
        true
    }

    /// Where tokens are counted, a text's way home hangs on which they are.
    fn search_counted(&mut self, matcher: &mut Matcher, left: usize) -> bool {
        let Some(route) = matcher.home_tokens() else { return self.miss(matcher) };
        self.known = true;
        let fits = route.len() <= left;
        if fits {
            self.route = route;
        }
        fits
    }

    /// Draws a token after which the answer can be completed by `left` more, and has the matcher take it. `draw` gives one
    /// of a mask's tokens, None if it wants none of them. None: no token can come.
    ///
    /// # Errors
    /// A drawn token that the matcher refuses: one that was not in `mask`.
    pub fn draw(
        &mut self,
        matcher: &mut Matcher,
        mut mask: Arc<TokenMask>,
        left: usize,
        mut draw: impl FnMut(&Arc<TokenMask>) -> Option<TokenId>,
    ) -> Result<Option<TokenId>, Refused> {
        for _ in 0..DRAWS {
            // Where the mask has run out, all its tokens lead too far.
            let Some(token) = draw(&mask) else { break };
            matcher.accept(token)?;
            if matcher.is_finished() || self.fits(matcher, &[token], left) {
                return Ok(Some(token));
            }
            matcher.rollback(1);
            Arc::make_mut(&mut mask).remove(token);
        }
        let Some(token) = self.next(matcher) else { return Ok(None) };
        matcher.accept(token)?;
        if matcher.is_finished() {
            return Ok(Some(token));
        }
        // Where the way was lost before, it may be too long by now: the answer is cut then.
        self.fits(matcher, &[token], left);
        Ok(Some(token))
    }

    /// The next token on the way home: an end token, where the answer may end.
    fn next(&mut self, matcher: &mut Matcher) -> Option<TokenId> {
        if self.route.is_empty() {
            self.route = matcher.home_tokens()?;
        }
        let end = || matcher.program().engine().vocabulary().end_tokens().first();
        self.route.first().or_else(end).copied()
    }
}

impl Matcher {
    /// What the answer needs at least: the tokens of a short way home, if it is more than `most`.
    pub fn needs(&mut self, most: usize) -> Option<usize> {
        if self.program.counts_tokens() {
            return self.home_tokens().map(|tokens| tokens.len()).filter(|tokens| *tokens > most);
        }
        let text = self.home().filter(|text| text.len() > most)?;
        let tokens = self.fewest_tokens(&text)?.len();
        (tokens > most).then_some(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frontend::{Constraint, Dialect, Notation, Policy, Written},
        matcher::Engine,
        vocab::byte_vocabulary,
    };

    #[test]
    fn where_the_answer_may_end_and_all_else_leads_too_far_it_ends() {
        let engine = Engine::new(std::sync::Arc::new(byte_vocabulary()));
        let regex = Written::new(Notation::Regex(Dialect::Rust), "ab(c{30})?");
        let program = engine.compile(&Constraint::Written(regex), Policy::default()).unwrap();
        let mut matcher = program.matcher();
        let (mut steering, mut left) = (Steering::new(&mut matcher), 10);
        while !matcher.is_finished() {
            left -= 1;
            let mask = matcher.mask();
            // The model never wants to end.
            let draw = |mask: &Arc<TokenMask>| mask.iter().find(|token| *token < 256);
            let token = steering.draw(&mut matcher, mask, left, draw).unwrap().expect("it may end");
            assert!(token == 97 || token == 98 || matcher.is_finished());
        }
        assert_eq!(left, 7);
    }

    /// As many conditions on one item as are not told apart: the masks do not see that all letters must come in nine.
    #[test]
    fn where_masks_lead_into_dead_ends_the_answer_does_not() {
        let letters = ('a'..='i').map(|letter| serde_json::json!({"contains": {"pattern": letter.to_string()}}));
        let schema = serde_json::json!({"type": "array", "maxItems": 1, "items": {"type": "string", "maxLength": 9},
            "allOf": letters.collect::<Vec<_>>()});
        let engine = Engine::new(std::sync::Arc::new(byte_vocabulary()));
        let program = engine.compile(&Constraint::JsonSchema(schema.to_string().into()), Policy::default()).unwrap();
        let mut matcher = program.matcher();
        assert_eq!(matcher.accept_bytes(b"[\"zz"), 4, "the masks allow it");
        assert!(program.is_soft() && matcher.home().is_none(), "it is a dead end");
        for first in b'a'..=b'z' {
            let mut matcher = program.matcher();
            let (mut steering, mut text) = (Steering::new(&mut matcher), Vec::new());
            while !matcher.is_accepting() {
                let mask = matcher.mask();
                let wanted = [first, first + 1, b'c', b'"'].map(TokenId::from);
                let draw = |mask: &Arc<TokenMask>| wanted.into_iter().find(|token| mask.contains(*token));
                let token = steering.draw(&mut matcher, mask, 100, draw).unwrap().expect("a way is known");
                text.push(token as u8);
            }
            assert_eq!(text.len(), 13, "{}", String::from_utf8_lossy(&text));
        }
    }
}
