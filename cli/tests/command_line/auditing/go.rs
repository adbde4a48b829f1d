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

/// The commands of `docs/audit.md` under this heading.
fn commands(heading: &str) -> String {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, section) = document.split_once(heading).expect(heading);
    let (_, block) = section.split_once("```sh\n").unwrap();
    block.split_once("```\n").unwrap().0.to_owned()
}

#[test]
fn a_log_is_fetched_with_curl_alone_and_go_verifies_it() {
    let test = "a_log_is_fetched_with_curl_alone_and_go_verifies_it";
    if Command::new("curl").arg("--version").output().is_err() {
        return super::told(test, "skipped: no curl");
    }
    let desk = Desk::with("", 1);
    // More than a tile, so that there are two levels of them.
    for request in 0..90 {
        let ask = desk.ask(request);
        let id = desk.pending(&ask);
        desk.ok("grace", &["approvals", "approve", &id, "--yes"]);
        assert_eq!(desk.check(&ask)["decision"], "allow");
    }
    let size = desk.signed()["size"].as_u64().unwrap();
    assert!(size > 256, "{size}");
    let folder = Folder::new();
    let out = folder.at("log");
    let mut script = desk.program("grace", "sh");
    script.args(["-c", &commands("### Without `velum` at all")]);
    let fetched = script.env("LOG", "1").env("OUT", &out).output().unwrap();
    let errors = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "{errors}");
    // It is what is exported, and nothing else.
    let exported = Folder::new();
    export(&desk, &exported);
    let files = |folder: &Folder| -> Vec<(String, Vec<u8>)> {
        let names = folder.files().into_iter();
        let names = names.filter(|name| name.contains("tile/") || name == "log/checkpoint");
        names
            .map(|name| (name.clone(), std::fs::read(folder.at(&name)).unwrap()))
            .collect()
    };
    // Two of each kind, one above, and the checkpoint.
    assert_eq!(files(&folder).len(), 6);
    assert!(files(&folder) == files(&exported), "{:?}", folder.files());
    let keys = exported.read("log/keys");
    let key = keys.lines().last().unwrap();
    let verified = crate::program::velum(&["audit", "verify", &out, "--key", key]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let Some((code, said)) = verify(&out, &[key]) else {
        return super::told(test, "skipped: no Go");
    };
    assert_eq!(code, Some(0), "{said}");
    super::told(
        test,
        &format!("{size} records fetched with curl, verified by Go's sumdb"),
    );
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
