//! A recogniser whose answers begin with a given text: what was released cannot be changed any more.

use crate::{automaton::Recognizer, budget::Overrun};

/// The answers of `inner` that begin with `text`.
pub struct Pinned<'a, R: Recognizer> {
    pub inner: &'a mut R,
    pub text: &'a [u8],
}

impl<R: Recognizer> Recognizer for Pinned<'_, R> {
    /// How much of the text has come, up to all of it, and where that leads.
    type State = (u32, R::State);
    type Mark = R::Mark;

    fn start(&mut self) -> Self::State {
        (0, self.inner.start())
    }

    fn step(&mut self, (at, state): Self::State, byte: u8) -> Option<Self::State> {
        match self.text.get(at as usize) {
            Some(pinned) if *pinned != byte => None,
            Some(_) => Some((at + 1, self.inner.step(state, byte)?)),
            None => Some((at, self.inner.step(state, byte)?)),
        }
    }

    fn read(&mut self, (at, state): &mut Self::State, text: &[u8]) -> usize {
        let due = &self.text[*at as usize..];
        let alike = due.iter().zip(text).take_while(|(due, byte)| due == byte).count();
        let pinned = if alike == due.len() { text.len() } else { alike };
        let count = self.inner.read(state, &text[..pinned]);
        *at += count.min(due.len()) as u32;
        count
    }

    fn accepts(&mut self, (at, state): Self::State) -> bool {
        at as usize == self.text.len() && self.inner.accepts(state)
    }

    fn is_free(&self, (at, _): Self::State) -> bool {
        at as usize == self.text.len()
    }

    fn finish(&mut self, (_, state): Self::State) -> Option<Vec<u8>> {
        self.inner.finish(state)
    }

    fn close(&mut self, (_, state): Self::State) -> Option<Vec<u8>> {
        self.inner.close(state)
    }

    fn forced(&mut self, (at, state): Self::State) -> Option<(u8, Self::State)> {
        match self.text.get(at as usize) {
            Some(byte) => Some((*byte, (at + 1, self.inner.step(state, *byte)?))),
            None => self.inner.forced(state).map(|(byte, state)| (byte, (at, state))),
        }
    }

    fn begin(&mut self) {
        self.inner.begin();
    }

    fn fault(&self) -> Option<Overrun> {
        self.inner.fault()
    }

    fn mark(&mut self) -> R::Mark {
        self.inner.mark()
    }

    fn forget_since(&mut self, mark: R::Mark) {
        self.inner.forget_since(mark);
    }
}
