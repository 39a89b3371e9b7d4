//! What becomes of all of a vocabulary in a lexeme: kept by an engine, since most grammars have names, numbers and texts,
//! and many of them the same.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::{gather::Set, leaf::Ends};
use crate::automaton::chart::{ByteSet, Form};

/// When they hold more memory than this, they are made anew.
const MAX_BYTES: usize = 64 << 20;

/// Lexemes that go on with fewer bytes have fewer tokens than would be worth it.
const FEW_BYTES: u32 = 16;

/// The tokens within, and where the lexeme may end within others.
#[derive(Debug)]
pub struct Piece {
    pub within: Set,
    pub ends: Ends,
}

impl Piece {
    pub fn bytes(&self) -> usize {
        128 + self.within.bytes() + self.ends.bytes_held()
    }
}

/// The lexeme, and the bytes that were looked for behind its ends.
pub type Key = (Form, ByteSet);

/// See the module's head.
#[derive(Debug, Default)]
pub struct Wholes {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// With the steps that were taken to find it out, which whoever uses it pays for.
    pieces: FxHashMap<Key, (Arc<Piece>, usize)>,
    bytes: usize,
}

impl Wholes {
    pub fn get(&self, key: &Key) -> Option<(Arc<Piece>, usize)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).pieces.get(key).cloned()
    }

    pub fn insert(&self, key: Key, piece: Arc<Piece>, steps: usize) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.bytes > MAX_BYTES {
            *inner = Inner::default();
        }
        inner.bytes += piece.bytes() + key.0.len() * 8 + 64;
        inner.pieces.insert(key, (piece, steps));
    }
}

/// Whether a lexeme that goes on with these bytes has many tokens.
pub fn is_wide(bytes: &ByteSet) -> bool {
    bytes.iter().map(|word| word.count_ones()).sum::<u32>() > FEW_BYTES
}

/// These bytes, and all that are of the same kind as one of them: so that grammars that differ in what may come behind a
/// lexeme have it in common.
pub fn kinds(bytes: &ByteSet) -> ByteSet {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let of = |kind: &dyn Fn(u8) -> bool| {
        let mut set = [0; 4];
        (0..=u8::MAX).filter(|byte| kind(*byte)).for_each(|byte| set[usize::from(byte) / 64] |= 1 << (byte % 64));
        set
    };
    let kinds: [ByteSet; 3] = [of(&word), of(&|byte| byte.is_ascii() && !word(byte)), of(&|byte| !byte.is_ascii())];
    let mut all = [0; 4];
    for kind in kinds {
        if kind.iter().zip(bytes).any(|(kind, bytes)| kind & bytes != 0) {
            all.iter_mut().zip(kind).for_each(|(all, kind)| *all |= kind);
        }
    }
    all
}
