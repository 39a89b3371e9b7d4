//! The local part of a mailbox: RFC 5321, section 4.1.2, with what RFC 6531, section 3.3, adds beyond ASCII.

/// Where the text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    Start,
    Atom,
    Dot,
    Quoted,
    /// Behind a backslash in quotes.
    Pair,
    Unquoted,
    /// Behind the `@`.
    Domain,
}

impl Local {
    /// The place behind a byte of a text that is UTF-8.
    pub fn read(self, byte: u8) -> Option<Self> {
        let atom = byte >= 0x80 || byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        Some(match (self, byte) {
            (Self::Start, b'"') => Self::Quoted,
            (Self::Start | Self::Dot | Self::Atom, _) if atom => Self::Atom,
            (Self::Atom, b'.') => Self::Dot,
            (Self::Atom | Self::Unquoted, b'@') => Self::Domain,
            (Self::Quoted, b'"') => Self::Unquoted,
            (Self::Quoted, b'\\') => Self::Pair,
            (Self::Quoted, b' '..) if byte != 0x7F => Self::Quoted,
            (Self::Pair, b' '..=b'~') => Self::Quoted,
            _ => return None,
        })
    }

    /// The least number of characters that complete a mailbox.
    pub fn least(self) -> u32 {
        match self {
            Self::Domain => 1,
            Self::Atom | Self::Unquoted => 2,
            Self::Start | Self::Dot | Self::Quoted => 3,
            Self::Pair => 4,
        }
    }
}
