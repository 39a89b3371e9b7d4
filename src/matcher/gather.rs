//! Tokens that are gathered for a piece of a mask: most pieces have few, and a set of all the vocabulary costs more than
//! they do.

use crate::vocab::{TokenId, TokenMask};

/// Sets with fewer tokens are lists.
const FEW: usize = 256;
/// Beyond so many tokens, some of which may be there twice, a mask takes their place.
const MANY: usize = 4 * FEW;

/// Tokens, as a list or as a mask.
#[derive(Debug)]
pub enum Set {
    Few(Box<[TokenId]>),
    Many(TokenMask),
}

impl Set {
    pub fn bytes(&self) -> usize {
        match self {
            Self::Few(tokens) => tokens.len() * 4,
            Self::Many(mask) => mask.words().len() * 8,
        }
    }
}

/// See the module's head.
#[derive(Debug)]
pub struct Gather {
    /// Those that came before there was a mask.
    few: Vec<TokenId>,
    many: Option<TokenMask>,
    /// Size of the vocabulary.
    len: usize,
}

impl From<TokenMask> for Gather {
    fn from(mask: TokenMask) -> Self {
        Self { few: Vec::new(), len: mask.len(), many: Some(mask) }
    }
}

impl Gather {
    pub fn new(len: usize) -> Self {
        Self { few: Vec::new(), many: None, len }
    }

    pub fn extend(&mut self, tokens: &[TokenId]) {
        match &mut self.many {
            Some(mask) => tokens.iter().for_each(|token| mask.insert(*token)),
            None => {
                self.few.extend_from_slice(tokens);
                if self.few.len() > MANY {
                    self.many = Some(self.mask());
                    self.few = Vec::new();
                }
            }
        }
    }

    pub fn add(&mut self, set: &Set) {
        match (set, &mut self.many) {
            (Set::Few(tokens), _) => self.extend(tokens),
            (Set::Many(other), Some(mask)) => mask.union(other),
            (Set::Many(other), None) => {
                let mut mask = other.clone();
                self.few.drain(..).for_each(|token| mask.insert(token));
                self.many = Some(mask);
            }
        }
    }

    /// The list as a mask.
    fn mask(&self) -> TokenMask {
        let mut mask = TokenMask::new(self.len);
        self.few.iter().for_each(|token| mask.insert(*token));
        mask
    }

    /// Adds what was gathered.
    pub fn add_to(&self, mask: &mut TokenMask) {
        match &self.many {
            Some(many) => mask.union(many),
            None => self.few.iter().for_each(|token| mask.insert(*token)),
        }
    }

    pub fn set(mut self) -> Set {
        let mut few = match &self.many {
            Some(mask) => mask.iter().take(FEW).collect(),
            None => std::mem::take(&mut self.few),
        };
        few.sort_unstable();
        few.dedup();
        if few.len() < FEW {
            return Set::Few(few.into());
        }
        self.few = few;
        Set::Many(self.many.take().unwrap_or_else(|| self.mask()))
    }
}
