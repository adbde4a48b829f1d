//! The table of `docs/audit.md`: what was done to a log, and what the verifier says of it.

use std::collections::BTreeMap;

use serde_json::Value;
use velum_ledger::note::{Algorithm, KeyName, Note, NoteSigner, Series, VerifierKey};
use velum_ledger::tile::Bundle;

use super::made::{Log, write};
use super::{export, release};
use crate::desk::Desk;
use crate::program::{Folder, velum};

/// How a log is changed.
enum Change {
    Nothing,
    /// What it says, before it is numbered anew and signed again with the same key.
    Leaves(fn(&mut Log)),
    /// Its files, whose checkpoint stays.
    Files(fn(&mut Files)),
}

type Files = BTreeMap<String, Vec<u8>>;
/// What is at hand, from before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtHand {
    None,
    /// A checkpoint.
    Older,
    /// The file in which an anchor has kept each.
    Anchor,
    /// The key of a witness, which has cosigned the log as it was.
    Witness,
}

/// A change, and what is at hand.
type Case = (&'static str, Change, AtHand);

const CASES: &[Case] = &[
    ("nothing", Change::Nothing, AtHand::None),
    (
        "nothing, with an older checkpoint",
        Change::Nothing,
        AtHand::Older,
    ),
    (
        "nothing, with an anchor's file",
        Change::Nothing,
        AtHand::Anchor,
    ),
    (
        "nothing, with a witness's key",
        Change::Nothing,
        AtHand::Witness,
    ),
    (
        "a bit of an entry flipped",
        Change::Files(flip_entry),
        AtHand::None,
    ),
    (
        "a bit of a tile flipped",
        Change::Files(flip_tile),
        AtHand::None,
    ),
    ("two entries swapped", Change::Files(swap), AtHand::None),
    ("an entry dropped", Change::Files(drop_entry), AtHand::None),
    (
        "an entry inserted",
        Change::Files(insert_entry),
        AtHand::None,
    ),
    (
        "the last entries cut off",
        Change::Files(truncate),
        AtHand::None,
    ),
    (
        "a tile exchanged for another",
        Change::Files(exchange),
        AtHand::None,
    ),
    ("a file removed", Change::Files(remove), AtHand::None),
    (
        "the checkpoint signed with another key",
        Change::Files(forge),
        AtHand::None,
    ),
    (
        "a bit of the signature flipped",
        Change::Files(flip_signature),
        AtHand::None,
    ),
    (
        "the checkpoint of another log",
        Change::Files(other_log),
        AtHand::None,
    ),
    (
        "rewritten and signed again, an older checkpoint at hand",
        Change::Leaves(rewrite),
        AtHand::Older,
    ),
    (
        "rewritten and signed again, no older checkpoint",
        Change::Leaves(rewrite),
        AtHand::None,
    ),
    (
        "cut off and signed again, an older checkpoint at hand",
        Change::Leaves(cut),
        AtHand::Older,
    ),
    (
        "rewritten and signed again, an anchor at hand",
        Change::Leaves(rewrite),
        AtHand::Anchor,
    ),
    (
        "cut off and signed again, an anchor at hand",
        Change::Leaves(cut),
        AtHand::Anchor,
    ),
    (
        "rewritten and signed again, a witness's key at hand",
        Change::Leaves(rewrite),
        AtHand::Witness,
    ),
    (
        "signed again without an approval",
        Change::Leaves(without_vote),
        AtHand::None,
    ),
    (
        "signed again without any approval",
        Change::Leaves(without_votes),
        AtHand::None,
    ),
    (
        "signed again, approved by the requester",
        Change::Leaves(by_requester),
        AtHand::None,
    ),
    (
        "signed again, used after its expiry",
        Change::Leaves(late),
        AtHand::None,
    ),
    (
        "signed again, used twice",
        Change::Leaves(twice),
        AtHand::None,
    ),
    (
        "signed again without its first record",
        Change::Leaves(beheaded),
        AtHand::None,
    ),
    (
        "signed again without its first half",
        Change::Leaves(half),
        AtHand::None,
    ),
    (
        "signed again, records of another log",
        Change::Leaves(foreign),
        AtHand::None,
    ),
];

#[test]
fn what_was_done_to_a_log_is_seen_as_the_table_says() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit.md");
    let table = table(&std::fs::read_to_string(document).unwrap());
    let names: Vec<_> = CASES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let told: Vec<_> = table.iter().map(|(name, ..)| name.clone()).collect();
    assert_eq!(told, names, "the table has these cases");
    let good = good();
    let (w1, signed) = cosigned(&good);
    for ((name, change, at_hand), (_, code, words)) in CASES.iter().zip(&table) {
        let folder = Folder::new();
        let mut log = good.clone();
        let mut files = match change {
            Change::Leaves(change) => {
                change(&mut log);
                log.number();
                log.files()
            }
            _ => log.files(),
        };
        if let Change::Files(change) = change {
            change(&mut files);
        }
        if *at_hand == AtHand::Witness && matches!(change, Change::Nothing) {
            files.insert("checkpoint".to_owned(), signed.clone().into_bytes());
        }
        let out = write(&folder, "log", &files);
        let key = good.key();
        let mut arguments = vec!["audit", "verify", &out, "--key", &key];
        let older = folder.write("older", &good.files()["checkpoint"]);
        let anchor = folder.write("heads", heads(&good));
        match at_hand {
            AtHand::None => {}
            AtHand::Older => arguments.extend(["--since", &older]),
            AtHand::Anchor => arguments.extend(["--anchor", &anchor]),
            AtHand::Witness => arguments.extend(["--witness", &w1]),
        }
        let outcome = velum(&arguments);
        assert_eq!(outcome.code, Some(*code), "{name}: {outcome:?}");
        assert!(
            outcome.output.contains(words),
            "{name}: {words}: {}",
            outcome.output
        );
        assert_eq!(outcome.errors, "", "{name}");
        if matches!(change, Change::Leaves(_))
            && *at_hand == AtHand::None
            && !name.ends_with("another log")
        {
            // It is what was signed: only what it says can be wrong.
            assert!(
                outcome.output.contains("records    holds"),
                "{name}: {outcome:?}"
            );
        }
        let holds = outcome.output.contains("The log holds.");
        assert_eq!(holds, *code == 0, "{name}: {}", outcome.output);
        arguments.push("--json");
        let verdict: Value = serde_json::from_str(&velum(&arguments).output).unwrap();
        assert_eq!(verdict["holds"], *code == 0, "{name}: {verdict}");
    }
    let seen = table.iter().filter(|(_, code, _)| *code == 1).count();
    super::told(
        "what_was_done_to_a_log_is_seen_as_the_table_says",
        &format!(
            "{} rows of the table, {seen} of them tampered with and seen so",
            table.len()
        ),
    );
}

/// The rows under `| what was done |`: a name, an exit code, words of the output.
fn table(document: &str) -> Vec<(String, i32, String)> {
    let rows = document
        .lines()
        .skip_while(|line| !line.starts_with("| what was done "));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let words = cells[2].trim_matches('`').to_owned();
        (cells[0].to_owned(), cells[1].parse().unwrap(), words)
    })
    .collect()
}

/// What a real service wrote, and 300 minutes of silence.
fn good() -> Log {
    let desk = Desk::with("", 2);
    release(&desk, 1);
    release(&desk, 2);
    let folder = Folder::new();
    export(&desk, &folder);
    let mut log = Log::exported(&folder, "log");
    log.take_over();
    log.beat(300);
    log
}

/// What an anchor's file has of it: each tenth head, and one of another log.
fn heads(log: &Log) -> String {
    let mut other = Log::heartbeats(3);
    "audit.example.org/other/2026".clone_into(&mut other.name);
    let mut all = vec![other];
    for size in (10..log.leaves.len()).step_by(10).chain([log.leaves.len()]) {
        let mut before = log.clone();
        before.leaves.truncate(size);
        all.push(before);
    }
    let entries = all.iter().map(|log| {
        let head = Note::parse(&log.files()["checkpoint"]).unwrap();
        Series::entry(&head)
    });
    entries.collect()
}

/// The key of a witness, and the log's checkpoint as it has cosigned it.
pub(super) fn cosigned(log: &Log) -> (String, String) {
    cosign(&log.files()["checkpoint"])
}

/// The key of a witness, and this checkpoint as it has cosigned it.
pub(super) fn cosign(checkpoint: &[u8]) -> (String, String) {
    let name: KeyName = "w1.example".parse().unwrap();
    let signer = NoteSigner::from_seed(name.clone(), &[11; 32]);
    let key = VerifierKey::new(
        name,
        Algorithm::CosignatureV1,
        signer.verifier().public_key(),
    );
    let key = key.unwrap();
    let mut head = Note::parse(checkpoint).unwrap();
    let message = format!("cosignature/v1\ntime 1795464105\n{}", head.text());
    let bytes = [
        &1_795_464_105_u64.to_be_bytes()[..],
        signer.sign(&message).bytes(),
    ]
    .concat();
    head.add(key.signature(bytes)).unwrap();
    (key.to_string(), head.to_string())
}

/// The first bundle's entries, to be changed.
fn entries(files: &Files) -> Vec<Vec<u8>> {
    let bundle = Bundle::new(0, 256).unwrap();
    let parsed = bundle.parse(&files["tile/entries/000"]).unwrap();
    parsed.into_iter().map(<[u8]>::to_vec).collect()
}

/// As they are, however many.
fn put(files: &mut Files, entries: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(u16::try_from(entry.len()).unwrap().to_be_bytes());
        bytes.extend(entry);
    }
    files.insert("tile/entries/000".to_owned(), bytes);
}

fn flip_entry(files: &mut Files) {
    let mut entries = entries(files);
    entries[200][40] ^= 1;
    put(files, &entries);
}

fn flip_tile(files: &mut Files) {
    files.get_mut("tile/0/000").unwrap()[32 * 9] ^= 1;
}

fn swap(files: &mut Files) {
    let mut entries = entries(files);
    entries.swap(100, 200);
    put(files, &entries);
}

fn drop_entry(files: &mut Files) {
    let mut entries = entries(files);
    entries.remove(3);
    put(files, &entries);
}

fn insert_entry(files: &mut Files) {
    let mut entries = entries(files);
    entries.insert(3, entries[3].clone());
    put(files, &entries);
}

fn truncate(files: &mut Files) {
    files
        .retain(|path, _| !path.starts_with("tile/entries/001") && !path.starts_with("tile/0/001"));
}

fn exchange(files: &mut Files) {
    let mut other = files["tile/0/000"].clone();
    other.rotate_left(32);
    files.insert("tile/0/000".to_owned(), other);
}

fn remove(files: &mut Files) {
    files.remove("tile/0/000");
}

fn forge(files: &mut Files) {
    let text = String::from_utf8(files["checkpoint"].clone()).unwrap();
    let name = text.lines().next().unwrap();
    let signer = NoteSigner::from_seed(name.parse().unwrap(), &[8; 32]);
    let text = text.split_once("\n\n").unwrap().0;
    let head: velum_ledger::checkpoint::Checkpoint = format!("{text}\n").parse().unwrap();
    let head = head.sign(&[&signer]).unwrap();
    files.insert("checkpoint".to_owned(), head.to_string().into_bytes());
}

fn flip_signature(files: &mut Files) {
    let text = String::from_utf8(files["checkpoint"].clone()).unwrap();
    let (note, last) = text.trim_end().rsplit_once(' ').unwrap();
    // Within the signature, behind the id of the key.
    let mut last = last.as_bytes().to_vec();
    last[20] = if last[20] == b'A' { b'B' } else { b'A' };
    let last = String::from_utf8(last).unwrap();
    files.insert(
        "checkpoint".to_owned(),
        format!("{note} {last}\n").into_bytes(),
    );
}

fn other_log(files: &mut Files) {
    let mut other = Log::heartbeats(3);
    other.beat(1);
    files.insert("checkpoint".to_owned(), other.files()["checkpoint"].clone());
}

/// As if a minute in the middle had never been; what it leaves is a good log.
fn rewrite(log: &mut Log) {
    log.leaves.remove(100);
    log.beat(1);
}

fn cut(log: &mut Log) {
    log.leaves.truncate(290);
}

fn without_vote(log: &mut Log) {
    let vote = log.place("VA1101I", 0);
    log.leaves.remove(vote);
}

fn without_votes(log: &mut Log) {
    log.leaves.remove(log.place("VA1111I", 0));
    log.leaves.remove(log.place("VA1101I", 0));
}

fn by_requester(log: &mut Log) {
    let vote = log.place("VA1111I", 0);
    log.leaves[vote]["data"]["actor"]["id"] = "dr-jones".into();
    let used = log.place("VA1201I", 0);
    log.leaves[used]["data"]["approved_by"] = serde_json::json!(["dr-jones", "grace"]);
}

/// From the use on, an hour later.
fn late(log: &mut Log) {
    let used = log.place("VA1201I", 0);
    for leaf in &mut log.leaves[used..] {
        let time: jiff::Timestamp = leaf["time"].as_str().unwrap().parse().unwrap();
        let time = velum_approval::Timestamp::from_millis(time.as_millisecond() + 3_600_000);
        leaf["time"] = time.to_string().into();
    }
}

fn twice(log: &mut Log) {
    let used = log.place("VA1201I", 0);
    let again = log.leaves[used].clone();
    log.leaves.insert(used + 1, again);
}

fn beheaded(log: &mut Log) {
    log.leaves.remove(0);
}

/// Of what is left nothing else is wrong: it is silence.
fn half(log: &mut Log) {
    let half = log.leaves.len() / 2;
    log.leaves.drain(..half);
}

fn foreign(log: &mut Log) {
    for leaf in &mut log.leaves {
        leaf["source"] = "urn:velum:audit.example.org/other/2026".into();
        if let Some(name) = leaf.pointer_mut("/data/log/name") {
            *name = "audit.example.org/other/2026".into();
        }
    }
}
