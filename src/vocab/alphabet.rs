//! How tokenizers write bytes as text, and back.
//!
//! Two spellings cover the field. *Byte-level* vocabularies (GPT-2's) write each of the 256 bytes as one printable
//! character: a byte that is printable in Latin-1 stands for itself, the 68 others are numbered from U+0100 on, so that
//! a space is `Ġ`. *SentencePiece* vocabularies write text as text, a space as `▁` (U+2581), and the bytes that no
//! piece covers as `<0x0A>`.

/// What SentencePiece writes instead of a space.
pub(crate) const METASPACE: char = '\u{2581}';

/// The bytes that a piece of a byte-level vocabulary stands for; none if a character is not in the alphabet.
pub(crate) fn byte_level(piece: &str) -> Option<Vec<u8>> {
    piece.chars().map(byte_of).collect()
}

/// The byte that `<0xNN>` names, if the piece is written so.
pub(crate) fn byte_fallback(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(digits, 16).expect("two hexadecimal digits make a byte"))
}

fn is_written_as_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The bytes that are not written as themselves, in the order in which they got the characters from U+0100 on.
const RENUMBERED: [u8; 68] = renumbered();

const fn renumbered() -> [u8; 68] {
    let mut bytes = [0; 68];
    let (mut byte, mut count) = (0, 0);
    while byte <= 255 {
        // The same ranges as `is_written_as_itself`, negated; a test holds the two together.
        if byte < 0x21 || (byte > 0x7E && byte < 0xA1) || byte == 0xAD {
            bytes[count] = byte as u8;
            count += 1;
        }
        byte += 1;
    }
    bytes
}

fn byte_of(character: char) -> Option<u8> {
    match u32::from(character).checked_sub(0x100) {
        None => u8::try_from(character).ok().filter(|byte| is_written_as_itself(*byte)),
        Some(index) => RENUMBERED.get(index as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_exactly_one_character() {
        let mut seen = [false; 256];
        for character in (0..0x200).filter_map(char::from_u32) {
            if let Some(byte) = byte_of(character) {
                assert!(!std::mem::replace(&mut seen[usize::from(byte)], true), "{byte:#x} is written twice");
            }
        }
        assert!(seen.iter().all(|seen| *seen));
        assert!(RENUMBERED.iter().all(|byte| !is_written_as_itself(*byte)));
    }

    #[test]
    fn known_pieces() {
        assert_eq!(byte_level("ĠĊĉ").as_deref(), Some(&b" \n\t"[..]));
        assert_eq!(byte_level("Ã¤").as_deref(), Some("ä".as_bytes()));
        assert_eq!(byte_level("▁"), None);
        assert_eq!(byte_level(" "), None);
        assert_eq!(byte_fallback("<0x0A>"), Some(b'\n'));
        assert_eq!(byte_fallback("<0xfF>"), Some(255));
        assert_eq!(byte_fallback("<0x+1>"), None);
        assert_eq!(byte_fallback("<0x0A"), None);
    }
}
