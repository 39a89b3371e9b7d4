//! Conformance as a ratchet: the official JSON Schema test suite and MaskBench's schemas, compiled as the server does
//! it, against `expected.json`, which may only get better.
//!
//! Worse than recorded in any count is a failure. Better is printed; `ESPALIER_RECORD=1` writes it down. What must get
//! worse for a good reason is edited by hand. `make conformance` prints all tables. The cases lie outside the
//! repository (`ESPALIER_SHARED`, or `../shared`); without them the tests say that they skipped.

mod archive;
mod engines;
mod grammars;
mod lmql;
mod maskbench;
mod ratchet;
mod suite;
mod walks;

use std::{path::PathBuf, sync::Arc};

use espalier::{
    matcher::{Engine, Program},
    vocab::{Token, TokenKind, Vocabulary},
};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ESPALIER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(path);
    path.exists().then_some(path)
}

fn bytes_engine() -> Arc<Engine> {
    let mut tokens: Vec<Token> =
        (0..=255u8).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }).collect();
    tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
    Engine::new(Arc::new(Vocabulary::new("bytes", tokens)))
}

/// Whether a text is an answer; the bytes of it that could be taken.
fn judge(program: &Arc<Program>, text: &str) -> (bool, usize) {
    let mut matcher = program.matcher();
    let taken = matcher.accept_bytes(text.as_bytes());
    (taken == text.len() && matcher.is_accepting(), taken)
}
