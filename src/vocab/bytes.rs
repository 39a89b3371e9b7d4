//! A vocabulary without a model.

use super::{Token, TokenKind, Vocabulary};

/// One token for each byte, in their order, then one that ends the answer: for tools that need no model.
///
/// ```
/// let vocabulary = espalier::vocab::byte_vocabulary();
/// assert_eq!((vocabulary.len(), vocabulary.bytes(65)), (257, &b"A"[..]));
/// assert_eq!(vocabulary.end_tokens(), [256]);
/// ```
pub fn byte_vocabulary() -> Vocabulary {
    let text = (0..=u8::MAX).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text });
    let end = Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration };
    Vocabulary::new("bytes", text.chain([end]).collect())
}
