//! The files of a `.tar.gz`.

use std::{fs::File, io::Read, path::Path};

/// Names without a leading `./`, and contents, of all plain files whose names fit into a header's 100 and 155 bytes.
pub fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let mut files = Vec::new();
    let mut rest = bytes.as_slice();
    // A header of 512 bytes, then the content in blocks of 512; zeros at the end.
    while let Some((header, behind)) = rest.split_at_checked(512) {
        let text = |from: usize, length: usize| {
            let field = &header[from..from + length];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
            std::str::from_utf8(&field[..end]).unwrap().trim()
        };
        if text(0, 100).is_empty() {
            break;
        }
        let size = usize::from_str_radix(text(124, 12), 8).unwrap();
        let kind = header[156];
        // What is said of the next file besides, such as its exact time; a name too long for a plain header is not read.
        let says = |what: &[u8]| behind[..size].windows(what.len()).any(|part| part == what);
        assert!(kind != b'L' && !(kind == b'x' && says(b" path=")), "a name is too long for a plain header");
        if matches!(kind, b'0' | 0) {
            let prefix = if text(257, 5) == "ustar" { text(345, 155) } else { "" };
            let name = if prefix.is_empty() { text(0, 100).to_owned() } else { format!("{prefix}/{}", text(0, 100)) };
            files.push((name.trim_start_matches("./").to_owned(), behind[..size].to_vec()));
        }
        rest = &behind[size.next_multiple_of(512)..];
    }
    files
}
