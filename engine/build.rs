//! Packs what is large as it is written: the shipped profiles, and of Unicode's tables what is used.
//!
//! As they are, they would take a tenth of the wasm module. The profiles are compressed; the tables
//! are made from those of `unicode-normalization`, which spend several times the bytes to be fast.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use miniz_oxide::deflate::compress_to_vec;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// The best that the compressor does.
const LEVEL: u8 = 10;
/// The syllables of Hangul are taken apart by arithmetic.
const HANGUL: std::ops::RangeInclusive<char> = '가'..='힣';

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    pack_profiles(Path::new("profiles"), &out)?;
    let (text, tables) = decompositions();
    fs::write(out.join("unicode.txt"), text)?;
    fs::write(out.join("unicode.rs"), tables + &marks())?;
    // Told to cargo, by its protocol.
    println!("cargo::rerun-if-changed=profiles");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn pack_profiles(from: &Path, out: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let Some(name) = path.file_name() {
            fs::write(out.join(name), compress_to_vec(&fs::read(&path)?, LEVEL))?;
        }
    }
    Ok(())
}

/// What each character becomes that NFKD changes: the low halves of the characters, by plane, and
/// for each where its text begins in the one text, and how long it is.
fn decompositions() -> (String, String) {
    let (mut text, mut keys, mut parts, mut planes) = (String::new(), vec![], vec![], vec![0]);
    for letter in '\0'..=char::MAX {
        let mut becomes = String::new();
        decompose_compatible(letter, |part| becomes.push(part));
        let is_same = becomes.chars().eq([letter]);
        if is_same || HANGUL.contains(&letter) {
            continue;
        }
        let plane = (u32::from(letter) >> 16) as usize;
        while planes.len() <= plane {
            planes.push(keys.len());
        }
        let at = text.find(&becomes).unwrap_or_else(|| {
            text.push_str(&becomes);
            text.len() - becomes.len()
        });
        keys.push(u32::from(letter) & 0xFFFF);
        parts.push((at, becomes.len()));
    }
    planes.push(keys.len());
    let lengths: Vec<usize> = parts.iter().map(|(_, length)| *length).collect();
    let starts: Vec<usize> = parts.iter().map(|(at, _)| *at).collect();
    let tables = format!(
        "static KEYS: [u16; {count}] = {keys:?};\n\
         static STARTS: [u16; {count}] = {starts:?};\n\
         static LENGTHS: [u8; {count}] = {lengths:?};\n\
         static PLANES: [u16; {}] = {planes:?};\n",
        planes.len(),
        count = keys.len(),
    );
    (text, tables)
}

/// The first and the last of each run of combining marks.
fn marks() -> String {
    let mut runs: Vec<(char, char)> = Vec::new();
    for mark in ('\0'..=char::MAX).filter(|letter| is_combining_mark(*letter)) {
        match runs.last_mut() {
            Some((_, last)) if u32::from(*last) + 1 == u32::from(mark) => *last = mark,
            _ => runs.push((mark, mark)),
        }
    }
    format!("static MARKS: [(char, char); {}] = {runs:?};\n", runs.len())
}
