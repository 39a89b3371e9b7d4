//! Data that is not part of the repository. A test that needs it says so and is skipped where it is not there.

use std::{io::Read, path::PathBuf};

/// The content of `data/<path>` in the folder that `ESPALIER_SHARED` names, or in `../shared`; unpacked if the name
/// ends in .gz.
pub fn data(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("ESPALIER_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let file = root.join("data").join(path);
    let Ok(packed) = std::fs::read(&file) else {
        eprintln!("SKIPPED: {path} is not there (set ESPALIER_SHARED to the folder above data/)");
        return None;
    };
    if !path.ends_with(".gz") {
        return Some(packed);
    }
    let mut content = Vec::new();
    flate2::read::MultiGzDecoder::new(&*packed).read_to_end(&mut content).expect("a whole gzip file");
    Some(content)
}
