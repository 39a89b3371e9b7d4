//! Tokens as the automaton reads them: text by its bytes, special tokens by marks that no text has.

use crate::{
    automaton::{
        Automaton, Recognizer, State,
        chart::{ENDING, MARK, SPECIAL, TEXT, spelling},
    },
    vocab::{TokenId, TokenKind, TokenMask, Vocabulary},
};

/// The state behind a token; None if it may not come.
pub fn behind(automaton: &mut Automaton, vocabulary: &Vocabulary, state: State, token: TokenId) -> Option<State> {
    let bytes = vocabulary.bytes(token);
    let as_text = match vocabulary.kind(token) {
        // What looks like a mark is none: no text has that byte, but a vocabulary may.
        TokenKind::Text if !bytes.contains(&MARK) => read(automaton, state, bytes.iter().copied()),
        TokenKind::Text | TokenKind::Special | TokenKind::EndOfGeneration => None,
    };
    // JSON has no marks.
    let marked = if matches!(automaton, Automaton::Chart(_)) { automaton.step(state, MARK) } else { None };
    let as_token = marked.and_then(|marked| read(automaton, marked, spelt(vocabulary, token).into_iter().skip(1)));
    let behind = match (as_text, as_token) {
        (Some(a), Some(b)) => Some(automaton.both(a, b)),
        (a, b) => a.or(b),
    };
    behind.and_then(|state| automaton.token_ends(state))
}

/// The tokens that may come by their marks.
pub fn allowed(automaton: &mut Automaton, vocabulary: &Vocabulary, state: State, mut allow: impl FnMut(TokenId)) {
    let Some(marked) = automaton.step(state, MARK) else { return };
    let with_text = automaton.step(marked, TEXT).is_some();
    for token in 0..vocabulary.len() as TokenId {
        let is_asked_for = with_text || vocabulary.kind(token) != TokenKind::Text;
        if !is_asked_for {
            continue;
        }
        let behind = read(automaton, marked, spelt(vocabulary, token).into_iter().skip(1));
        if behind.is_some_and(|state| automaton.token_ends(state).is_some()) {
            allow(token);
        }
    }
}

/// Takes away those that may not come since their ends are counted. `ragged` are the tokens that end within a character,
/// or begin so: no others are looked at one by one where all readings may go on behind a token.
pub fn keep_counted(
    automaton: &mut Automaton,
    vocabulary: &Vocabulary,
    state: State,
    ragged: &[TokenId],
    mask: &mut TokenMask,
) {
    let (Automaton::Chart(chart), State::Chart(at)) = (&mut *automaton, state) else { return };
    let (some, all) = chart.room(at);
    if !some {
        *mask = TokenMask::new(vocabulary.len());
        return;
    }
    let doubtful: Vec<TokenId> = match all {
        true => ragged.iter().copied().filter(|token| mask.contains(*token)).collect(),
        false => mask.iter().collect(),
    };
    for token in doubtful {
        if behind(automaton, vocabulary, state, token).is_none() {
            mask.remove(token);
        }
    }
}

fn spelt(vocabulary: &Vocabulary, token: TokenId) -> Vec<u8> {
    match vocabulary.kind(token) {
        TokenKind::Text => spelling(TEXT, token, &[]),
        TokenKind::Special => spelling(SPECIAL, token, vocabulary.bytes(token)),
        TokenKind::EndOfGeneration => spelling(ENDING, token, vocabulary.bytes(token)),
    }
}

fn read(automaton: &mut Automaton, state: State, mut bytes: impl Iterator<Item = u8>) -> Option<State> {
    bytes.try_fold(state, |state, byte| automaton.step(state, byte))
}
