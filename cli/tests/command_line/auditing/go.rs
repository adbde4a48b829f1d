//! What is exported, before Go's own implementation of notes and trees: `ledger/tests/go/verify.go`.
//!
//! `cargo xtask test` sets Go up, and says by `VELUM_GO` and `VELUM_GOPATH` where it is; without these
//! there is nothing to run.

use std::path::Path;
use std::process::Command;

use super::{export, release};
use crate::desk::Desk;
use crate::program::Folder;

/// What it says of a folder; nothing where Go was not set up.
pub(super) fn verify(out: &str, keys: &[&str]) -> Option<(Option<i32>, String)> {
    let (go, libraries) = (
        std::env::var_os("VELUM_GO")?,
        std::env::var_os("VELUM_GOPATH")?,
    );
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../ledger/tests/go/verify.go");
    let go = std::fs::canonicalize(&go).unwrap();
    let output = Command::new(&go)
        .args(["run", source, out])
        .args(keys)
        .env("GOROOT", go.ancestors().nth(2).unwrap())
        .env("GOPATH", &libraries)
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", "0")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    Some((output.status.code(), said))
}

#[test]
fn go_verifies_what_was_exported() {
    let desk = Desk::with("", 2);
    release(&desk, 2);
    let folder = Folder::new();
    export(&desk, &folder);
    let out = super::crates::exported(&desk, &folder);
    let proof = desk.ok("grace", &["audit", "prove", "--index", "3"]);
    folder.write("log/proofs/3.tlog-proof", proof);
    let keys = folder.read("log/keys");
    let key = keys.lines().last().unwrap();
    let Some((code, said)) = verify(&out, &[key]) else {
        super::told("go_verifies_what_was_exported", "skipped: no Go");
        return;
    };
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("pairs of checkpoints, 1 proofs"), "{said}");
    let figures = said.trim().split_once(", ").unwrap().1;
    let figure = format!("Go's sumdb: {figures} of a real export");
    super::told("go_verifies_what_was_exported", &figure);
    let mut bytes = std::fs::read(folder.at("log/tile/entries/000")).unwrap();
    bytes[40] ^= 1;
    folder.write("log/tile/entries/000", bytes);
    let (code, said) = verify(&out, &[key]).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("entry 0 does not have the hash in its tile"),
        "{said}"
    );
}
