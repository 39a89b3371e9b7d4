//! The KV cache: which tokens each sequence of the context holds, and whose beginning a new prompt can share.
//!
//! A sequence that nobody uses any more keeps its tokens until its place is needed. A new prompt takes the longest
//! common beginning, from a free sequence in place or from any sequence as a copy (in one shared buffer a copy is a
//! mark on each cell, no data moves).

use llama_cpp_2::{DecodeError, context::LlamaContext, llama_batch::LlamaBatch};

use crate::vocab::TokenId;

/// A shorter common beginning is not worth keeping.
const WORTH: usize = 16;

pub(super) struct Cache<'model> {
    context: LlamaContext<'model>,
    sequences: Vec<Held>,
    /// Models with a recurrent state cannot go back to an earlier position.
    reuse: bool,
    clock: u64,
}

#[derive(Default)]
struct Held {
    tokens: Vec<TokenId>,
    used: bool,
    /// When it was last taken or given back.
    since: u64,
}

impl<'model> Cache<'model> {
    pub fn new(context: LlamaContext<'model>, sequences: usize, reuse: bool) -> Self {
        Self { context, sequences: (0..sequences).map(|_| Held::default()).collect(), reuse, clock: 0 }
    }

    /// How many tokens the sequence holds.
    pub fn held(&self, sequence: usize) -> usize {
        self.sequences[sequence].tokens.len()
    }

    pub fn has_free(&self) -> bool {
        self.sequences.iter().any(|held| !held.used)
    }

    /// Takes a free sequence for a text that begins with these tokens; it holds as many of them as can be had.
    /// None if all are used.
    pub fn take(&mut self, tokens: &[TokenId]) -> Option<usize> {
        let free = |held: &Held| !held.used;
        let oldest = |this: &Self, but: Option<usize>| {
            let free = (0..this.sequences.len()).filter(|s| free(&this.sequences[*s]) && Some(*s) != but);
            free.min_by_key(|s| (!this.sequences[*s].tokens.is_empty(), this.sequences[*s].since))
        };
        let first = oldest(self, None)?;
        let source = (0..self.sequences.len()).max_by_key(|s| (self.common(*s, tokens), free(&self.sequences[*s])))?;
        let common = if self.reuse { self.common(source, tokens) } else { 0 };
        let sequence = if common < WORTH {
            self.keep(first, 0);
            first
        } else {
            let in_place = free(&self.sequences[source]) && common * 2 >= self.held(source);
            let target = if in_place { source } else { oldest(self, Some(source)).unwrap_or(source) };
            if target != source {
                self.copy(source, target);
            }
            self.keep(target, common);
            target
        };
        self.clock += 1;
        self.sequences[sequence].used = true;
        self.sequences[sequence].since = self.clock;
        Some(sequence)
    }

    /// Gives a sequence back. Its tokens stay until the place is needed.
    pub fn give_back(&mut self, sequence: usize) {
        self.clock += 1;
        self.sequences[sequence].used = false;
        self.sequences[sequence].since = self.clock;
        if !self.reuse {
            self.keep(sequence, 0);
        }
    }

    /// Empties the sequence.
    pub fn clear(&mut self, sequence: usize) {
        self.keep(sequence, 0);
    }

    /// Empties the free sequence that was not used for the longest time. False if there is none to empty.
    pub fn evict(&mut self) -> bool {
        let full = |held: &Held| !held.used && !held.tokens.is_empty();
        let oldest = (0..self.sequences.len()).filter(|s| full(&self.sequences[*s]));
        let Some(oldest) = oldest.min_by_key(|s| self.sequences[*s].since) else { return false };
        self.keep(oldest, 0);
        true
    }

    /// Runs the model over a batch.
    pub fn decode(&mut self, batch: &mut LlamaBatch) -> Result<(), DecodeError> {
        self.context.decode(batch)
    }

    /// Tells that a decoded batch brought these tokens.
    pub fn extend(&mut self, sequence: usize, tokens: &[TokenId]) {
        self.sequences[sequence].tokens.extend_from_slice(tokens);
    }

    /// The logits of a token of the last batch.
    pub fn logits(&self, row: usize) -> &[f32] {
        self.context.get_logits_ith(row as i32)
    }

    fn common(&self, sequence: usize, tokens: &[TokenId]) -> usize {
        self.sequences[sequence].tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count()
    }

    fn copy(&mut self, source: usize, target: usize) {
        self.keep(target, 0);
        // Whole sequences only: parts cannot be copied between separate buffers. The rest is cut off afterwards.
        let copied = self.context.copy_kv_cache_seq(source as i32, target as i32, None, None);
        if copied.is_ok() {
            self.sequences[target].tokens = self.sequences[source].tokens.clone();
        }
    }

    fn keep(&mut self, sequence: usize, count: usize) {
        if self.held(sequence) <= count {
            return;
        }
        let from = |count: usize| (count > 0).then_some(count as u32);
        let cut = self.context.clear_kv_cache_seq(Some(sequence as u32), from(count), None);
        if matches!(cut, Ok(true)) {
            self.sequences[sequence].tokens.truncate(count);
            return;
        }
        // A cache that cannot drop a part drops the whole: that always works.
        let _ = self.context.clear_kv_cache_seq(Some(sequence as u32), None, None);
        self.sequences[sequence].tokens.clear();
    }
}
