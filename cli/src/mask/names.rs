//! What the name of a file says of what is in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use velum_engine::Framing;

/// Endings of compressed files.
const COMPRESSED: &[&str] = &["gz", "zst"];

/// Endings of files that hold JSON, and how it is laid out in them.
const LAYOUTS: &[(&str, Framing)] = &[
    ("json", Framing::Document),
    ("ndjson", Framing::Lines),
    ("jsonl", Framing::Lines),
    ("json-seq", Framing::Sequence),
];

/// How JSON is laid out in a file of this name; `None` where the name does not say that it holds any.
pub(super) fn layout(file: &Path) -> Option<Framing> {
    let plain = without_compression(file);
    let ending = plain.extension()?.to_str()?;
    LAYOUTS
        .iter()
        .find(|(known, _)| ending.eq_ignore_ascii_case(known))
        .map(|(_, framing)| *framing)
}

/// Whether the name is one of a compressed file.
pub(super) fn says_compressed(file: &Path) -> bool {
    let ending = file.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| {
        COMPRESSED
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// The name without the ending of a compressed file.
pub(super) fn without_compression(file: &Path) -> PathBuf {
    if says_compressed(file) {
        file.with_extension("")
    } else {
        file.to_path_buf()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_json_is_laid_out() {
        for (name, framing) in [
            ("a.json", Some(Framing::Document)),
            ("a.JSON.GZ", Some(Framing::Document)),
            ("dir.x/a.ndjson.zst", Some(Framing::Lines)),
            ("a.jsonl", Some(Framing::Lines)),
            ("a.json-seq.gz", Some(Framing::Sequence)),
            ("a.gz", None),
            ("a.json.bak", None),
            ("json", None),
            (".json", None),
        ] {
            assert_eq!(layout(Path::new(name)), framing, "{name}");
        }
    }

    #[test]
    fn the_ending_of_compression_can_be_taken_away() {
        for (name, plain) in [
            ("a/b.json.gz", "a/b.json"),
            ("b.zst", "b"),
            ("b.json", "b.json"),
        ] {
            assert_eq!(without_compression(Path::new(name)), Path::new(plain));
        }
    }
}
