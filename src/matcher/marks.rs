//! Tokens as the automaton reads them: text by its bytes, special tokens by marks that no text has.

use crate::{
    automaton::{Automaton, Recognizer, State, chart::MARK},
    vocab::{TokenId, TokenKind, Vocabulary},
};

/// The state behind a token; None if it may not come.
pub fn behind(automaton: &mut Automaton, vocabulary: &Vocabulary, state: State, token: TokenId) -> Option<State> {
    let bytes = vocabulary.bytes(token);
    let as_text = match vocabulary.kind(token) {
        TokenKind::Text => read(automaton, state, bytes.iter().copied()),
        TokenKind::Special | TokenKind::EndOfGeneration => None,
    };
    // JSON has no marks.
    let marked = if matches!(automaton, Automaton::Chart(_)) { automaton.step(state, MARK) } else { None };
    let Some(marked) = marked else { return as_text };
    let number = format!("[{token}]");
    let is_special = vocabulary.kind(token) != TokenKind::Text;
    let by_name = is_special.then(|| read_marked(automaton, marked, bytes)).flatten();
    let by_number = read_marked(automaton, marked, number.as_bytes());
    let ways = [as_text, by_name, by_number].into_iter().flatten();
    ways.reduce(|a, b| automaton.both(a, b))
}

/// The tokens that may come by their marks.
pub fn allowed(automaton: &mut Automaton, vocabulary: &Vocabulary, state: State, mut allow: impl FnMut(TokenId)) {
    let Some(marked) = automaton.step(state, MARK) else { return };
    let by_number = automaton.step(marked, b'[').is_some();
    for token in 0..vocabulary.len() as TokenId {
        let is_special = vocabulary.kind(token) != TokenKind::Text;
        if is_special && read_marked(automaton, marked, vocabulary.bytes(token)).is_some()
            || by_number && read_marked(automaton, marked, format!("[{token}]").as_bytes()).is_some()
        {
            allow(token);
        }
    }
}

fn read_marked(automaton: &mut Automaton, marked: State, name: &[u8]) -> Option<State> {
    read(automaton, marked, name.iter().copied().chain([MARK]))
}

fn read(automaton: &mut Automaton, state: State, mut bytes: impl Iterator<Item = u8>) -> Option<State> {
    bytes.try_fold(state, |state, byte| automaton.step(state, byte))
}
