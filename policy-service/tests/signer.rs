//! The signer as a process: what it refuses, and what a kill leaves.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::Note;
use velum_ledger::proof::prove_consistency;
use velum_ledger::tile::{Edge, Tile, TileHashes, encode_hashes};

const ORIGIN: &str = "audit.example.org/velum/2026";

struct Signer {
    child: Child,
    said: Value,
}

impl Signer {
    fn start(folder: &Path) -> Signer {
        Signer::with(folder, "")
    }

    /// With more in its configuration.
    fn with(folder: &Path, more: &str) -> Signer {
        let (mut child, line) = spawn(folder, more);
        let said = serde_json::from_str(&line);
        if said.is_err() {
            let _ = child.wait();
        }
        Signer {
            child,
            said: said.unwrap(),
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program, and gives its first line, which is empty where it ended without one.
fn spawn(folder: &Path, more: &str) -> (Child, String) {
    let text = format!(
        "socket = \"signer.sock\"\nname = \"audit.example.org/velum\"\ndata = \"data\"\n{more}"
    );
    std::fs::write(folder.join("signer.toml"), text).unwrap();
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
        .args(["signer", "--config"])
        .arg(folder.join("signer.toml"))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    (child, line)
}

fn connect(folder: &Path) -> UnixStream {
    let stream = UnixStream::connect(folder.join("signer.sock")).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// One line to the signer, and what it answers.
fn ask(folder: &Path, line: &str) -> Value {
    let mut stream = connect(folder);
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// A log of so many leaves, whose first is another one where `is_other`.
fn tree(size: u64, is_other: bool) -> Edge {
    let mut edge = Edge::new();
    for leaf in 0..size {
        let text = format!("{leaf}{}", is_other && leaf == 0);
        edge.append(leaf_hash(text.as_bytes()), |_, _: &[Hash]| {})
            .unwrap();
    }
    edge
}

fn sign(from: u64, to: u64, is_other: bool) -> String {
    let edge = tree(to, is_other);
    let tiles: std::collections::BTreeMap<_, _> = edge
        .partial()
        .map(|(tile, hashes)| (tile, encode_hashes(hashes)))
        .collect();
    let mut reader = TileHashes::new(to, |tile: Tile| tiles.get(&tile).cloned().ok_or(()));
    let proof = prove_consistency(from, to, &mut reader).unwrap();
    let proof: Vec<_> = proof.iter().map(ToString::to_string).collect();
    let checkpoint = Checkpoint::new(ORIGIN, to, edge.root()).unwrap();
    format!(
        "{}\n",
        json!({"ask": "sign", "checkpoint": checkpoint.to_string(), "proof": proof})
    )
}

fn last(folder: &Path) -> u64 {
    let known = ask(
        folder,
        &format!("{}\n", json!({"ask": "known", "origin": ORIGIN})),
    );
    let last = known["last"].as_str().unwrap_or("x\n0\n");
    last.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn it_signs_what_continues_and_nothing_else_whatever_it_was_through() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut signer = Signer::start(at);
    let key = signer.said["keys"][0].clone();
    let answer = ask(at, &sign(0, 5, false));
    let note = Note::parse(answer["note"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(note.signatures().len(), 1);
    // Two roots for one size, a smaller size, another past.
    for (asked, why) in [
        (sign(0, 5, true), "other-root"),
        (sign(0, 4, false), "smaller"),
        (sign(0, 4, true), "smaller"),
        (sign(5, 9, true), "not-consistent"),
        (sign(4, 9, false), "not-consistent"),
        (
            sign(5, 9, false).replace("velum/2026", "other/2026"),
            "other-log",
        ),
        ("nonsense\n".to_owned(), "unreadable"),
        ("{\"ask\":\"more\"}\n".to_owned(), "unreadable"),
        (" ".repeat(32 * 1024), "unreadable"),
    ] {
        let answer = ask(at, &asked);
        assert_eq!(answer, json!({"answer": "refused", "why": why}));
    }
    // Killed in the middle of a request, and before it has answered one.
    let mut half = connect(at);
    half.write_all(&sign(5, 9, false).as_bytes()[..40]).unwrap();
    signer.kill();
    let mut signer = Signer::start(at);
    assert_eq!(last(at), 5, "half a request");
    assert_eq!(signer.said["keys"][0], key);
    let mut unread = connect(at);
    unread.write_all(sign(5, 9, false).as_bytes()).unwrap();
    signer.kill();
    let _signer = Signer::start(at);
    // It has signed it or not; in either case nothing else of this size is signed from now on.
    let from = last(at);
    assert!(from == 5 || from == 9, "{from}");
    let other = ask(at, &sign(from, 9, true));
    assert_eq!(other["answer"], "refused", "{other}");
    assert_eq!(ask(at, &sign(from, 9, false))["answer"], "signed");
    assert_eq!(ask(at, &sign(0, 5, false))["why"], "smaller");
    assert_eq!(last(at), 9);
}

#[test]
fn kills_at_any_moment_leave_one_root_for_each_size() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut notes = std::collections::BTreeMap::new();
    let mut size = 0;
    for round in 0..12_u64 {
        let mut signer = Signer::start(at);
        let begun = Instant::now();
        let moment = Duration::from_millis(round % 4);
        while begun.elapsed() < moment {
            let from = last(at);
            size = from.max(size) + 1;
            let answer = ask(at, &sign(from, size, false));
            let note = answer["note"].as_str().unwrap().to_owned();
            assert!(notes.insert(size, note).is_none(), "{size}");
        }
        let from = last(at);
        let mut unread = connect(at);
        unread
            .write_all(sign(from, from + 1, false).as_bytes())
            .unwrap();
        signer.kill();
    }
    let _signer = Signer::start(at);
    let stands = last(at);
    for (size, note) in &notes {
        assert!(*size <= stands, "signed beyond what it knows: {note}");
        let why = ask(at, &sign(0, *size, true))["why"].clone();
        assert!(why == "smaller" || why == "other-root", "{why}");
    }
}

#[test]
fn its_socket_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut signer = Signer::start(at);
    let socket = at.join("signer.sock");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o660);
    for path in ["data", "data/heads"] {
        assert_eq!(mode(&at.join(path)), 0o700, "{path}");
    }
    assert_eq!(mode(&at.join("data/log.key")), 0o600);
    let (mut second, line) = spawn(at, "");
    assert_eq!(line, "");
    assert_eq!(second.wait().unwrap().code(), Some(2));
    let log = std::fs::read_to_string(at.join("log")).unwrap();
    assert!(log.contains("another signer listens there"), "{log}");
    // One that was killed leaves its socket behind, and one that ends takes it away.
    signer.kill();
    assert!(socket.exists());
    let mut signer = Signer::start(at);
    let id = signer.child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert_eq!(signer.child.wait().unwrap().code(), Some(0));
    assert!(!socket.exists());
    // Where everybody can write, anybody could put another socket in its place.
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o777)).unwrap();
    let (mut open, line) = spawn(at, "");
    assert_eq!((line.as_str(), open.wait().unwrap().code()), ("", Some(2)));
    let log = std::fs::read_to_string(at.join("log")).unwrap();
    assert!(log.contains("everybody can write to its folder"), "{log}");
}

#[test]
fn only_the_user_that_may_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mine = std::fs::metadata(at).unwrap().uid();
    let signer = Signer::with(at, &format!("uid = {}\n", mine + 1));
    let refused = json!({"answer": "refused", "why": "other-user"});
    assert_eq!(ask(at, &sign(0, 5, false)), refused);
    assert_eq!(ask(at, "{\"ask\":\"known\"}\n"), refused);
    drop(signer);
    let _signer = Signer::with(at, &format!("uid = {mine}\n"));
    assert_eq!(ask(at, &sign(0, 5, false))["answer"], "signed");
}

#[test]
fn who_says_nothing_keeps_nobody_else_waiting_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let _signer = Signer::start(at);
    let silent: Vec<_> = (0..40).map(|_| connect(at)).collect();
    let begun = Instant::now();
    assert_eq!(ask(at, &sign(0, 5, false))["answer"], "signed");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    drop(silent);
}
