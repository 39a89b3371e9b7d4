//! An automaton against a vocabulary: which tokens may come next.
//!
//! Nouns: an [`Engine`] belongs to one vocabulary and holds everything that constraints share: the tokenizer pack
//! and the automata of strings; a [`Program`] is a constraint compiled for it, with what its answers found out so far;
//! a [`Matcher`] is one answer in the making.
//!
//! Invariant: a mask allows a token iff stepping its bytes one by one does ([`Matcher::oracle`] is that definition).
//! Every short cut is held against it in tests.
//!
//! Cost: a mask inside a string that may hold any text is a copy of a set and a short walk behind its closing quote;
//! inside another string or a number, the same over tables that are made when a place in the language is first masked;
//! elsewhere a walk of the part of the token trie that the automaton goes along with. Masks are kept by state.

mod course;
mod crossings;
mod gather;
mod grammar;
mod home;
mod leaf;
mod marks;
mod numbers;
mod pack;
mod program;
mod shelf;
mod sql;
mod steer;
mod strings;
mod text;
mod trail;
mod walk;
mod wholes;

#[cfg(test)]
mod counted;
#[cfg(test)]
mod inside;

pub use program::{Engine, Program};
pub use steer::Steering;

use std::sync::Arc;

use crate::{
    automaton::{Automaton, Recognizer, State},
    budget::Overrun,
    vocab::{TokenId, TokenKind, TokenMask},
};
use program::Running;
use trail::Trail;

/// One answer in the making. A clone is a fork, in constant time.
#[derive(Clone)]
pub struct Matcher {
    program: Arc<Program>,
    running: Arc<Running>,
    state: State,
    finished: bool,
    trail: Trail,
}

/// Bytes that are taken with the steps of one token.
const CHUNK: usize = 4096;

/// The token may not come next; the matcher's state has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("token {token} may not come next")]
pub struct Refused {
    pub token: TokenId,
}

impl Matcher {
    fn new(program: Arc<Program>, running: Arc<Running>) -> Self {
        let state = running.start();
        Self { program, running, state, finished: false, trail: Trail::default() }
    }

    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The limit that this answer, or another with the same automaton, has passed. From then on no token may come, no
    /// text is taken and no end is accepted: whoever finds a mask empty or a token refused asks here for the reason.
    pub fn fault(&self) -> Option<Overrun> {
        self.running.fault().cloned()
    }

    /// The tokens that may come next; the end tokens are among them iff the answer may end here. Empty after a fault.
    pub fn mask(&mut self) -> Arc<TokenMask> {
        if self.finished {
            return Arc::new(TokenMask::new(self.program.engine().vocabulary().len()));
        }
        self.running.mask(self.program.engine(), self.state)
    }

    /// The same as [`Matcher::mask`] by the slow way that defines it: every token's bytes, one by one.
    pub fn oracle(&mut self) -> TokenMask {
        let vocabulary = self.program.engine().vocabulary().clone();
        let mut mask = TokenMask::new(vocabulary.len());
        if self.finished {
            return mask;
        }
        let mut machine = self.running.machine();
        let mark = machine.mark();
        for token in 0..vocabulary.len() as TokenId {
            machine.begin();
            let allowed = match vocabulary.kind(token) {
                TokenKind::EndOfGeneration => machine.accepts(self.state),
                TokenKind::Special | TokenKind::Text => false,
            };
            if allowed || marks::behind(&mut machine, &vocabulary, self.state, token).is_some() {
                mask.insert(token);
            }
        }
        machine.forget_since(mark);
        if machine.fault().is_some() { TokenMask::new(vocabulary.len()) } else { mask }
    }

    /// Takes the next token. After an end token nothing more may come.
    ///
    /// # Errors
    /// [`Refused`] if the mask does not allow it; the state is then as before.
    pub fn accept(&mut self, token: TokenId) -> Result<(), Refused> {
        let program = self.program.clone();
        let vocabulary = program.engine().vocabulary();
        let refused = Err(Refused { token });
        if self.finished || token as usize >= vocabulary.len() || self.running.fault().is_some() {
            return refused;
        }
        let is_end = vocabulary.kind(token) == TokenKind::EndOfGeneration;
        let (state, finished) = if is_end && self.running.machine().accepts(self.state) {
            (self.state, true)
        } else {
            let mut machine = self.running.machine();
            let mark = machine.mark();
            let Some(state) = marks::behind(&mut machine, vocabulary, self.state, token) else {
                machine.forget_since(mark);
                return refused;
            };
            (state, false)
        };
        if self.running.fault().is_some() {
            return refused;
        }
        self.trail.push(self.state, self.finished);
        (self.state, self.finished) = (state, finished);
        Ok(())
    }

    /// Takes text that is not made of tokens. Returns how many of the bytes were taken: all of them, or the length of
    /// the longest prefix that some valid answer begins with (the state is then that after this prefix). It cannot be
    /// rolled back.
    ///
    /// Where a model's tokens are counted, the text is taken as if its tokens ended wherever that lets it go on.
    pub fn accept_bytes(&mut self, bytes: &[u8]) -> usize {
        let (mut taken, counts) = (0, self.program.counts_tokens());
        for chunk in bytes.chunks(CHUNK) {
            let mut machine = self.running.machine();
            // A token may end behind each byte.
            for part in chunk.chunks(if counts { 1 } else { CHUNK }) {
                let mut state = self.state;
                let read = machine.read(&mut state, part);
                if self.finished || machine.fault().is_some() {
                    return taken;
                }
                self.state = if counts && read > 0 { machine.loosened(state) } else { state };
                taken += read;
                if read < part.len() {
                    return taken;
                }
            }
        }
        taken
    }

    /// Why the text cannot go on, in words, where more is known than which characters may come.
    pub fn why(&mut self) -> Option<String> {
        match (&mut *self.running.machine(), self.state) {
            (Automaton::Sql(sql), State::Sql(state)) => Some(sql.explain(state)).filter(|why| !why.is_empty()),
            _ => None,
        }
    }

    /// The answer may end here.
    pub fn is_accepting(&mut self) -> bool {
        self.finished || (self.running.machine().accepts(self.state) && self.running.fault().is_none())
    }

    /// An end token was accepted.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The bytes that must come next whatever the model says: the longest run with a single choice at each byte, at
    /// most `limit` of them. Stops where the answer may end. None where a model's tokens are counted, since what must come
    /// may hang on where they end.
    pub fn forced(&mut self, limit: usize) -> Vec<u8> {
        let mut forced = Vec::new();
        if self.finished || self.program.counts_tokens() {
            return forced;
        }
        let mut machine = self.running.machine();
        let mark = machine.mark();
        let mut state = self.state;
        while forced.len() < limit && !machine.accepts(state) {
            let mut choices = (0..=u8::MAX).filter_map(|byte| Some((byte, machine.step(state, byte)?)));
            let (Some((byte, next)), None) = (choices.next(), choices.next()) else { break };
            forced.push(byte);
            state = next;
        }
        machine.forget_since(mark);
        if machine.fault().is_some() { Vec::new() } else { forced }
    }

    /// Takes back the last `count` accepted tokens.
    ///
    /// # Panics
    /// If fewer were accepted.
    pub fn rollback(&mut self, count: usize) {
        for _ in 0..count {
            (self.state, self.finished) = self.trail.pop().expect("no more tokens are taken back than were accepted");
        }
    }

    /// How many tokens were accepted and not taken back.
    pub fn accepted(&self) -> usize {
        self.trail.len()
    }
}
