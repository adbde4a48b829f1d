//! The folders beside this package: inputs that are kept, and inputs that failed.

use std::io;
use std::path::{Path, PathBuf};

/// The inputs of a target that are checked in.
pub fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

/// The inputs of a folder, by name. A folder that is not there has none.
///
/// # Errors
/// A file cannot be read.
pub fn read(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut inputs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_file() {
            inputs.push((path.clone(), std::fs::read(path)?));
        }
    }
    inputs.sort();
    Ok(inputs)
}
