//! The head of a GGUF file, as far as a person wants to see it.
//!
//! Source: the GGUF specification in the ggml project (`docs/gguf.md`): all numbers little-endian; magic, version,
//! number of tensors, number of entries, then the entries (key, type, value).

use std::io::{self, Error, ErrorKind, Read, Seek, SeekFrom};

/// What stands at the beginning of a file.
pub(super) struct Head {
    pub version: u32,
    pub tensors: u64,
    /// Keys with their values; lists are described by their length.
    pub entries: Vec<(String, String)>,
}

/// No real file has more entries, nor longer texts among them than this.
const MOST_ENTRIES: u64 = 100_000;
const LONGEST_TEXT: u64 = 16 << 20;

pub(super) fn read(input: &mut (impl Read + Seek)) -> io::Result<Head> {
    if bytes::<4>(input)? != *b"GGUF" {
        return Err(bad("not a GGUF file"));
    }
    let version = u32::from_le_bytes(bytes(input)?);
    let tensors = long(input)?;
    let count = long(input)?;
    if version < 2 || count > MOST_ENTRIES {
        return Err(bad("not a GGUF file of version 2 or later"));
    }
    let entries = (0..count).map(|_| {
        let key = text(input)?;
        let kind = u32::from_le_bytes(bytes(input)?);
        Ok((key, value(input, kind)?))
    });
    Ok(Head { version, tensors, entries: entries.collect::<io::Result<_>>()? })
}

fn value(input: &mut (impl Read + Seek), kind: u32) -> io::Result<String> {
    Ok(match kind {
        0 => u8::from_le_bytes(bytes(input)?).to_string(),
        1 => i8::from_le_bytes(bytes(input)?).to_string(),
        2 => u16::from_le_bytes(bytes(input)?).to_string(),
        3 => i16::from_le_bytes(bytes(input)?).to_string(),
        4 => u32::from_le_bytes(bytes(input)?).to_string(),
        5 => i32::from_le_bytes(bytes(input)?).to_string(),
        6 => f32::from_le_bytes(bytes(input)?).to_string(),
        7 => (bytes::<1>(input)? != [0]).to_string(),
        8 => text(input)?,
        9 => list(input)?,
        10 => long(input)?.to_string(),
        11 => i64::from_le_bytes(bytes(input)?).to_string(),
        12 => f64::from_le_bytes(bytes(input)?).to_string(),
        _ => return Err(bad("a value of unknown type")),
    })
}

/// Lists are skipped.
fn list(input: &mut (impl Read + Seek)) -> io::Result<String> {
    let kind = u32::from_le_bytes(bytes(input)?);
    let length = long(input)?;
    let size = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        8 => {
            for _ in 0..length {
                let bytes = long(input)?;
                skip(input, bytes)?;
            }
            0
        }
        _ => return Err(bad("a list of unknown type")),
    };
    skip(input, length.checked_mul(size).ok_or_else(|| bad("a list that is too long"))?)?;
    Ok(format!("a list of {length}"))
}

fn skip(input: &mut impl Seek, count: u64) -> io::Result<()> {
    input.seek(SeekFrom::Current(i64::try_from(count).map_err(|_| bad("a length that is too long"))?)).map(|_| ())
}

fn text(input: &mut impl Read) -> io::Result<String> {
    let length = long(input)?;
    if length > LONGEST_TEXT {
        return Err(bad("a text that is too long"));
    }
    let mut text = vec![0; length as usize];
    input.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn long(input: &mut impl Read) -> io::Result<u64> {
    Ok(u64::from_le_bytes(bytes(input)?))
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_and_damage_is_told() {
        let mut file = b"GGUF\x03\0\0\0\x05\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0".to_vec();
        file.extend(b"\x01\0\0\0\0\0\0\0a\x04\0\0\0\x07\0\0\0");
        file.extend(b"\x01\0\0\0\0\0\0\0b\x09\0\0\0\x08\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0hi");
        let head = read(&mut io::Cursor::new(&file)).unwrap();
        assert_eq!((head.version, head.tensors), (3, 5));
        assert_eq!(head.entries, [("a".into(), "7".into()), ("b".into(), "a list of 1".into())]);
        for cut in [0, 3, 10, 30] {
            assert!(read(&mut io::Cursor::new(&file[..cut])).is_err());
        }
        file[24] = 255;
        file[31] = 255;
        assert!(read(&mut io::Cursor::new(&file)).is_err());
    }
}
