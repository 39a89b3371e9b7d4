//! Steering an answer towards its end while there is room for one.
//!
//! Before a token counts, it must leave enough room for a short way home (see [`Matcher::home`]). A token that does not
//! is drawn again without it; where that takes too often, the answer goes home by the way that is known. So, by
//! induction, an answer that could be completed within its limit when it began is complete when it ends.
//!
//! Far from the limit a completion's bytes are compared with the tokens that are left, which needs no tokens at all.

use crate::{matcher::Matcher, vocab::TokenId};

/// Draws that are tried before the known way is taken.
pub(super) const DRAWS: usize = 24;
/// After so many states from which no way home was found, none is looked for any more.
const MISSES: u32 = 3;

/// What is known of the way home from the last token.
#[derive(Default)]
pub(super) struct Steering {
    /// Tokens that complete the answer; empty while it is far from its limit, and where the answer may end.
    route: Vec<TokenId>,
    misses: u32,
}

impl Steering {
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
        let text = if self.misses < MISSES { matcher.home() } else { None };
        let Some(text) = text else {
            // Nothing is known of the way: the answer may be cut.
            self.misses += 1;
            self.route.clear();
            return true;
        };
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

    /// The next token on the way home.
    pub fn next(&self, matcher: &mut Matcher) -> Option<TokenId> {
        match self.route.first() {
            Some(token) => Some(*token),
            None => matcher.home_tokens()?.first().copied(),
        }
    }
}

/// What a constraint needs at least: the tokens of a short answer, if it is more than `most`.
pub(super) fn needs(matcher: &mut Matcher, most: usize) -> Option<usize> {
    let text = matcher.home().filter(|text| text.len() > most)?;
    let tokens = matcher.fewest_tokens(&text)?.len();
    (tokens > most).then_some(tokens)
}
