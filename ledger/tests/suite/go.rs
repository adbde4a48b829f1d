//! Exported logs before Go's own implementation of notes and trees: `ledger/tests/go/verify.go`.
//!
//! `cargo xtask test` sets Go up, and says by `VELUM_GO` and `VELUM_GOPATH` where it is; without these
//! there is nothing to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::leaf_hash;
use velum_ledger::note::VerifierKey;
use velum_ledger::tile::{Bundle, Tile};

use crate::receipts::receipt;
use crate::sample::{Log, ORIGIN, entry, signer};

/// The driver, built once for a test.
struct Driver {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Driver {
    /// None where Go was not set up.
    fn build() -> Option<Self> {
        let (Some(go), Some(libraries)) = (
            std::env::var_os("VELUM_GO"),
            std::env::var_os("VELUM_GOPATH"),
        ) else {
            skipped();
            return None;
        };
        let go = fs::canonicalize(&go).unwrap_or_else(|error| panic!("VELUM_GO: {error}"));
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("verify");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/verify.go");
        let output = Command::new(&go)
            .arg("build")
            .arg("-o")
            .args([&program, &source])
            // <root>/bin/go
            .env("GOROOT", go.ancestors().nth(2).unwrap())
            .env("GOPATH", libraries)
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
            .env("GO111MODULE", "off")
            .env("GOFLAGS", "")
            .env("CGO_ENABLED", "0")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(Self { program, folder })
    }

    /// Exports the log and verifies it.
    fn run(&self, log: &Log, keys: &[&VerifierKey]) -> Output {
        let folder = self.folder.path().join("log");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        export(log, &folder);
        let keys = keys.iter().map(ToString::to_string);
        let mut command = Command::new(&self.program);
        command.arg(&folder).args(keys).output().unwrap()
    }

    #[track_caller]
    fn refuses(&self, log: &Log, reason: &str) {
        let output = self.run(log, &[signer(1).verifier()]);
        let verdict = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{reason}: {output:?}");
        assert!(
            verdict.starts_with("does not verify: ") && verdict.contains(reason),
            "{verdict}"
        );
    }

    #[track_caller]
    fn accepts(&self, log: &Log, keys: &[&VerifierKey]) {
        let output = self.run(log, keys);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let heads = log.heads.len();
        let pairs = heads * (heads - 1) / 2;
        let (verdict, size) = (String::from_utf8_lossy(&output.stdout), log.size());
        let expected = format!(
            "verifies: {ORIGIN}, {size} entries, {pairs} pairs of checkpoints, {} proofs\n",
            log.receipts.len()
        );
        assert_eq!(verdict, expected);
    }
}

#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn skipped() {
    eprintln!("skipped: Go is not here: cargo xtask test -p velum-ledger");
}

fn export(log: &Log, folder: &Path) {
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for (path, bytes) in &log.files {
        write(path, bytes);
    }
    for (number, receipt) in log.receipts.iter().enumerate() {
        write(&format!("proofs/{number}.tlog-proof"), receipt.as_bytes());
    }
    let (newest, kept) = log.heads.split_last().unwrap();
    write("checkpoint", newest.as_bytes());
    for (number, head) in kept.iter().enumerate() {
        write(&format!("checkpoints/{number}"), head.as_bytes());
    }
}

#[test]
fn go_verifies_every_entry_and_any_two_checkpoints() {
    let Some(driver) = Driver::build() else {
        return;
    };
    let key = signer(1).verifier().clone();
    for sizes in [
        &[0][..],
        &[1],
        &[0, 1, 2, 3],
        &[255, 256, 257],
        &[1, 100, 256, 511, 512, 513, 1_000],
    ] {
        driver.accepts(&Log::of(sizes), &[&key]);
    }
    // The least that has three levels of tiles.
    driver.accepts(&Log::of(&[300, 65_535, 65_537]), &[&key]);
}

#[test]
fn go_verifies_what_is_kept_as_proofs() {
    let Some(driver) = Driver::build() else {
        return;
    };
    let mut log = Log::of(&[100, 300, 700]);
    let with_extra = receipt(&log, 5).with_extra(b"more".to_vec()).unwrap();
    log.receipts = (0..700)
        .map(|index| receipt(&log, index).to_string())
        .collect();
    log.receipts.push(with_extra.to_string());
    // One that was kept since the log was smaller.
    log.receipts.push(receipt(&Log::of(&[100]), 99).to_string());
    driver.accepts(&log, &[signer(1).verifier()]);

    let changed = log.receipts[20].replacen("index 20", "index 21", 1);
    log.receipts = vec![changed];
    driver.refuses(&log, "0.tlog-proof: invalid transparency proof");
}

#[test]
fn go_takes_old_and_new_keys_while_they_are_rotated() {
    let Some(driver) = Driver::build() else {
        return;
    };
    let (old, new) = (signer(1), signer(2));
    let (old_key, new_key) = (old.verifier(), new.verifier());
    let mut log = Log::of(&[10, 20]);
    let checkpoint: Checkpoint = log
        .head()
        .split_inclusive("\n\n")
        .next()
        .unwrap()
        .strip_suffix('\n')
        .unwrap()
        .parse()
        .unwrap();
    log.heads.pop();
    log.heads
        .push(checkpoint.sign(&[&old, &new]).unwrap().to_string());
    // The first head is by the old key alone, the newest by both.
    driver.accepts(&log, &[old_key]);
    driver.accepts(&log, &[new_key, old_key]);
    assert_eq!(driver.run(&log, &[new_key]).status.code(), Some(1));
    log.heads.remove(0);
    driver.accepts(&log, &[new_key]);
}

#[test]
fn go_refuses_what_our_verifier_refuses() {
    let Some(driver) = Driver::build() else {
        return;
    };
    let log = Log::of(&[100, 300, 700]);
    let change = |change: &dyn Fn(&mut Log)| {
        let mut changed = log.clone();
        change(&mut changed);
        changed
    };
    let flip = |path: String, at: usize| change(&|log| log.files.get_mut(&path).unwrap()[at] ^= 1);
    let bundle = Bundle::in_log(1, 700).unwrap();
    driver.refuses(
        &flip(bundle.path(), 2),
        "entry 256 does not have the hash in its tile",
    );
    driver.refuses(&flip(bundle.path(), 0), "tile/entries/001");
    for (level, index) in [(0, 1), (0, 2), (1, 0)] {
        let tile = Tile::in_tree(level, index, 700).unwrap();
        // By the tile, or by the first entry whose proof needs it: Go's reader of tiles does not
        // itself verify all of them in every release.
        driver.refuses(&flip(tile.path(), 40), "entr");
        driver.refuses(
            &change(&|log| drop(log.files.remove(&tile.path()))),
            "no such file",
        );
    }
    driver.refuses(
        &change(&|log| drop(log.files.remove(&bundle.path()))),
        "no such file",
    );
    let smaller = |log: &mut Log| {
        let head = log.heads.pop().unwrap();
        log.heads.push(head.replacen("\n700\n", "\n699\n", 1));
    };
    driver.refuses(&change(&smaller), "invalid signature");

    // Rewritten with the key: the heads that were kept tell.
    let mut entries = log.entries.clone();
    entries[5] = b"rewritten".to_vec();
    let mut rewritten = Log::with(&entries, &[100, 300, 700]);
    rewritten.heads = [log.heads.as_slice(), &rewritten.heads[2..]].concat();
    driver.refuses(&rewritten, "checkpoints of 100 and 300 entries");

    let other = Checkpoint::new("another.example", 1, leaf_hash(&entry(0))).unwrap();
    let other = other.sign(&[&signer(1)]).unwrap().to_string();
    driver.refuses(
        &change(&|log| log.heads.insert(0, other.clone())),
        "another.example",
    );
}
