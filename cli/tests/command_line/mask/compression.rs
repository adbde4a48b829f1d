//! gzip and Zstandard, in and out.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::program::{self, Folder};

const TEXT: &[u8] = br#"{"ssn":"123-45-6789","n":1}"#;
const MASKED: &[u8] = br#"{"ssn":"[masked:ssn]","n":1}"#;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

/// With a checksum, as the program `zstd` has it.
fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn unzstd(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).unwrap()
}

type Codec = (fn(&[u8]) -> Vec<u8>, fn(&[u8]) -> Vec<u8>);
const CODECS: [Codec; 2] = [(gzip, gunzip), (zstd, unzstd)];

/// Whatever the name, and in pieces too.
#[test]
fn what_is_compressed_is_known_by_its_bytes_and_comes_out_so() {
    let folder = Folder::new();
    for (compress, decompress) in CODECS {
        let whole = compress(TEXT);
        let pieces = [compress(&TEXT[..9]), compress(b""), compress(&TEXT[9..])].concat();
        for input in [&whole, &pieces] {
            let output = program::run_bytes(program::command(&["mask", "--profile", "pii"]), input);
            assert_eq!(output.status.code(), Some(0));
            assert_eq!(decompress(&output.stdout), MASKED);
            let plain = program::run_bytes(
                program::command(&["mask", "--profile", "pii", "--decompress"]),
                input,
            );
            assert_eq!(plain.stdout, MASKED);
            folder.write("no-ending", input);
            let outcome = folder.velum(&["mask", "--profile", "pii", "--in-place", "no-ending"]);
            assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""));
            let written = std::fs::read(folder.at("no-ending")).unwrap();
            assert_eq!(decompress(&written), MASKED);
        }
    }
    // A frame that decoders skip may come first.
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd(TEXT)].concat();
    let output = program::run_bytes(program::command(&["mask", "--profile", "pii"]), &skipped);
    assert_eq!(unzstd(&output.stdout), MASKED);
}

#[test]
fn a_name_says_how_lines_are_laid_out_behind_its_compression() {
    let folder = Folder::new();
    let lines = [TEXT, TEXT].join(&b"\n"[..]);
    folder.write("in/a.ndjson.gz", gzip(&lines));
    folder.write("in/b.jsonl.zst", zstd(&lines));
    // A name that promises more than there is.
    folder.write("in/c.json.gz", TEXT);
    let outcome = folder.velum(&["mask", "--profile", "pii", "in", "--output", "out"]);
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""));
    let read = |name: &str| std::fs::read(folder.at(name)).unwrap();
    let masked = [MASKED, MASKED].join(&b"\n"[..]);
    assert_eq!(gunzip(&read("out/a.ndjson.gz")), masked);
    assert_eq!(unzstd(&read("out/b.jsonl.zst")), masked);
    assert_eq!(read("out/c.json.gz"), MASKED);
    let outcome = folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "in",
        "--output",
        "plain",
        "--decompress",
    ]);
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""));
    assert_eq!(read("plain/a.ndjson"), masked);
    assert_eq!(read("plain/b.jsonl"), masked);
    assert_eq!(read("plain/c.json"), MASKED);
}

#[test]
fn what_is_cut_or_spoilt_fails_and_changes_nothing() {
    let folder = Folder::new();
    for (compress, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
        let whole = compress(TEXT);
        let length = whole.len();
        let mut spoilt = whole.clone();
        spoilt[length - 3] ^= 0x55;
        for (input, fragment) in [
            (&whole[..length - 1], "data ends too early"),
            (&whole[..length / 2], "data ends too early"),
            (&whole[..5], "data ends too early"),
            (&[&whole[..], &whole[..3]].concat(), "data ends too early"),
            (
                &[&whole[..], b"junk behind it"].concat(),
                "data cannot be read",
            ),
            (&spoilt, "data cannot be read"),
        ] {
            let file = folder.write("a.json", input);
            for arguments in [
                &["mask", "--profile", "pii", &file][..],
                &["mask", "--profile", "pii", "--in-place", &file],
            ] {
                let output = program::run_bytes(program::command(arguments), b"");
                let errors = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(3), "{name} {fragment}: {errors}");
                assert!(
                    errors.contains(&format!("{file}: {name} {fragment}")),
                    "{errors}"
                );
                assert!(!errors.contains("123-45"));
                // What did leave can be told from what is whole.
                assert!(!is_whole(&output.stdout));
            }
            assert_eq!(std::fs::read(&file).unwrap(), input);
            assert_eq!(folder.files(), ["a.json"]);
        }
    }
    let file = folder.write("empty.ndjson.gz", "");
    let outcome = program::velum(&["mask", "--profile", "pii", &file]);
    assert_eq!(outcome.code, Some(3));
    assert!(
        outcome.errors.contains("ends too early"),
        "{}",
        outcome.errors
    );
}

/// A frame may ask for any window; what that takes is bounded.
#[test]
fn a_frame_that_needs_too_much_memory_is_refused() {
    let length = u8::try_from(TEXT.len()).unwrap();
    // No flags, the window of 2^(10 + n/8) bytes, and one last block that is not compressed.
    let frame = |window: u8| {
        let head = [0x28, 0xb5, 0x2f, 0xfd, 0, window, (length << 3) | 1, 0, 0];
        [&head[..], TEXT].concat()
    };
    let run = |frame: &[u8]| {
        let arguments = ["mask", "--profile", "pii", "--decompress"];
        program::run_bytes(program::command(&arguments), frame)
    };
    assert_eq!(run(&frame(17 << 3)).stdout, MASKED);
    let refused = run(&frame(18 << 3));
    assert_eq!(refused.status.code(), Some(3));
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert!(
        errors.contains("standard input: zstd data cannot be read: "),
        "{errors}"
    );
    assert!(errors.contains("memory"), "{errors}");
}

fn is_whole(bytes: &[u8]) -> bool {
    let is_gzip = MultiGzDecoder::new(bytes)
        .read_to_end(&mut Vec::new())
        .is_ok();
    !bytes.is_empty() && (is_gzip || zstd::decode_all(bytes).is_ok())
}

#[test]
fn a_fault_is_placed_in_what_was_compressed() {
    let output = program::run_bytes(
        program::command(&["mask", "--profile", "pii"]),
        &gzip(b"{\"a\":1,}"),
    );
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "velum: standard input: invalid JSON at byte 7 of what is compressed\n"
    );
    assert!(!is_whole(&output.stdout));
}

/// Findings of two files that are both much larger than the memory allowed: those of the second wait.
#[test]
fn memory_is_bounded_whatever_is_read_and_found() {
    let folder = Folder::new();
    let lines = b"{\"ssn\":\"123-45-6789\"}\n".repeat(50_000);
    folder.write("a.ndjson.zst", zstd(&lines).repeat(20));
    folder.write("b.ndjson.gz", gzip(&lines).repeat(20));
    let check = format!(
        "ulimit -v 60000; exec '{}' mask --profile pii --check --jobs 2 .",
        env!("CARGO_BIN_EXE_velum")
    );
    let mut child = Command::new("sh")
        .args(["-c", &check])
        .current_dir(folder.path())
        // More of them reserve more than they use.
        .env("MALLOC_ARENA_MAX", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut found = 0;
    let mut output = child.stdout.take().unwrap();
    loop {
        let length = output.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        found += buffer[..length].split(|byte| *byte == b'\n').count() - 1;
    }
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    assert_eq!(outcome.status.code(), Some(1));
    assert_eq!(found, 2 * 20 * 50_000);
}
