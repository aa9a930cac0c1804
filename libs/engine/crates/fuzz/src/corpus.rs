//! The inputs that mutation starts from.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the inputs of a target are.
pub fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a target in the order of their names.
pub fn load(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = fs::read_dir(directory(target))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(fs::read)
        .collect()
}

/// Bytes of a string of hex digits; `None` if it is none.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .trim()
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<Vec<_>>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        pairs
            .map(|pair| pair.iter().fold(0, |value, digit| value << 4 | *digit as u8))
            .collect()
    })
}

/// The reverse.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)])
        .collect()
}
