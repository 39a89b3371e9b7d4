//! The text of one answer on its way out: whole code points only, with the log-probabilities of the tokens behind them.

use std::collections::VecDeque;

use crate::inference::TokenLogprob;

/// A piece that may be sent.
pub(super) type Piece = (String, Vec<TokenLogprob>);

/// What an answer says so far, and how much of it was sent.
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// With the place where each token ends.
    logprobs: VecDeque<(usize, TokenLogprob)>,
    /// Bytes that never became a code point are shown as U+FFFD; in a constrained answer they are left out, because
    /// what is sent there must begin a valid answer.
    lossy: bool,
}

impl Outgoing {
    pub fn new(constrained: bool) -> Self {
        Self { bytes: Vec::new(), sent: 0, logprobs: VecDeque::new(), lossy: !constrained }
    }

    /// All bytes of the answer, sent or not.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn push(&mut self, bytes: &[u8], logprob: Option<TokenLogprob>) {
        self.bytes.extend_from_slice(bytes);
        self.logprobs.extend(logprob.map(|logprob| (self.bytes.len(), logprob)));
    }

    /// What can be sent of the bytes before `clear`; None if nothing can.
    pub fn release(&mut self, clear: usize) -> Option<Piece> {
        let (text, used) = decode(&self.bytes[self.sent..clear.max(self.sent)]);
        self.sent += used;
        let sent = self.sent;
        self.piece(text, |end| end <= sent)
    }

    /// The rest of an answer that ends before the byte `end`.
    pub fn finish(&mut self, end: usize) -> Option<Piece> {
        let begun = self.sent;
        let (mut text, used) = decode(&self.bytes[begun..end.max(begun)]);
        if begun + used < end && self.lossy {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        self.sent = end.max(begun);
        // Tokens of a stop text that began inside the answer still stand behind some of its text.
        let (mut before, mut within) = (begun, Vec::new());
        for (token_end, _) in &self.logprobs {
            within.push(before < end || *token_end <= end);
            before = *token_end;
        }
        let count = within.iter().take_while(|within| **within).count();
        let logprobs: Vec<_> = self.logprobs.drain(..).take(count).map(|(_, logprob)| logprob).collect();
        (!text.is_empty() || !logprobs.is_empty()).then_some((text, logprobs))
    }

    fn piece(&mut self, text: String, belongs: impl Fn(usize) -> bool) -> Option<Piece> {
        let mut logprobs = Vec::new();
        while self.logprobs.front().is_some_and(|(end, _)| belongs(*end)) {
            logprobs.extend(self.logprobs.pop_front().map(|(_, logprob)| logprob));
        }
        (!text.is_empty() || !logprobs.is_empty()).then_some((text, logprobs))
    }
}

/// The text of the bytes and how many of them it covers: all but an unfinished code point at the end. Bytes that are no
/// UTF-8 become U+FFFD.
fn decode(bytes: &[u8]) -> (String, usize) {
    let (mut text, mut used) = (String::new(), 0);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        used += chunk.valid().len();
        let invalid = chunk.invalid();
        let at_end = used + invalid.len() == bytes.len();
        if invalid.is_empty() || (at_end && is_unfinished(invalid)) {
            continue;
        }
        text.push(char::REPLACEMENT_CHARACTER);
        used += invalid.len();
    }
    (text, used)
}

/// More bytes may make these a code point.
fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_are_sent_whole() {
        let mut text = Outgoing::new(false);
        text.push(&[b'a', 0xE2, 0x82], None);
        assert_eq!(text.release(3), Some(("a".to_owned(), vec![])));
        text.push(&[0xAC, 0xFF, b'b', 0xF0], None);
        assert_eq!(text.release(7), Some(("€\u{FFFD}b".to_owned(), vec![])));
        assert_eq!(text.finish(7), Some(("\u{FFFD}".to_owned(), vec![])));
        assert_eq!(text.finish(7), None);
    }

    #[test]
    fn a_constrained_answer_ends_on_a_whole_code_point() {
        let mut text = Outgoing::new(true);
        text.push(&[b'a', 0xF0, 0x9F], None);
        assert_eq!(text.finish(3), Some(("a".to_owned(), vec![])));
    }

    #[test]
    fn log_probabilities_come_with_the_text_of_their_tokens() {
        let logprob = |token| Some(TokenLogprob { token, bytes: vec![], logprob: -1.0, top: vec![] });
        let tokens = |piece: Option<Piece>| piece.map(|(_, l)| l.iter().map(|l| l.token).collect::<Vec<_>>());
        let mut text = Outgoing::new(false);
        text.push(&[0xE2], logprob(1));
        text.push(&[0x82], logprob(2));
        assert_eq!(text.release(2), None);
        text.push(&[0xAC, b'x'], logprob(3));
        text.push(b"yz", logprob(4));
        text.push(b"END", logprob(5));
        assert_eq!(tokens(text.release(4)), Some(vec![1, 2, 3]));
        assert_eq!(tokens(text.finish(5)), Some(vec![4]));
    }
}
