//! Logs that are made here: leaves that can be changed, numbered anew and signed.

use std::collections::BTreeMap;

use serde_json::Value;
use velum_approval::record::{LogEvent, PreviousLog};
use velum_approval::{LogName, Record, RecordId, Timestamp};
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::leaf_hash;
use velum_ledger::note::NoteSigner;
use velum_ledger::tile::{Bundle, Edge, bundles_of_growth, encode_hashes};

use crate::program::Folder;

pub(super) const NAME: &str = "audit.example.org/velum/2026";
const START: i64 = 1_795_464_104_123;

/// Leaves as JSON, and the key.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) name: String,
    pub(super) leaves: Vec<Value>,
    pub(super) seed: u8,
}

impl Log {
    /// A log that begins, and is silent then.
    pub(super) fn heartbeats(count: usize) -> Log {
        let mut log = Log {
            name: NAME.to_owned(),
            leaves: Vec::new(),
            seed: 7,
        };
        let opened = LogEvent::Opened {
            name: LogName::new(NAME).unwrap(),
            key: log.public(),
            previous: None,
            first: 0,
        };
        log.push(START, opened);
        log.beat(count);
        log
    }

    /// The log of the next year, which begins where this one ends: closed, or as it is.
    pub(super) fn next(&mut self, name: &str, is_closed: bool) -> Log {
        let next = LogName::new(name).unwrap();
        let last = self.last() + 60_000;
        if is_closed {
            self.push(last, LogEvent::Closed { next: next.clone() });
        }
        let mut log = Log {
            name: name.to_owned(),
            leaves: Vec::new(),
            seed: self.seed,
        };
        let opened = LogEvent::Opened {
            name: next,
            key: log.public(),
            previous: Some(self.end()),
            first: self.leaves.len() as u64,
        };
        log.push(last, opened);
        log.beat(3);
        log
    }

    /// A log that goes on after this one, when records were lost of that other one.
    pub(super) fn recovered(&self, name: &str, previous: PreviousLog) -> Log {
        let left = if previous.name.as_str() == self.name {
            previous.size.min(self.leaves.len() as u64)
        } else {
            0
        };
        let mut log = Log {
            name: name.to_owned(),
            leaves: Vec::new(),
            seed: self.seed,
        };
        let event = LogEvent::Recovered {
            name: LogName::new(name).unwrap(),
            key: log.public(),
            previous,
            restored: left,
            unsigned: 0,
            first: 1_000_000_000_000,
            by: "grace".parse().unwrap(),
            reason: velum_approval::Commitment::to("restored", &[1; 32]),
        };
        log.push(self.last() + 60_000, event);
        log.beat(3);
        log
    }

    /// As the log after it has it.
    pub(super) fn end(&self) -> PreviousLog {
        let head = self.files()["checkpoint"].clone();
        let note = velum_ledger::note::Note::parse(&head).unwrap();
        let head: Checkpoint = note.text().parse().unwrap();
        PreviousLog {
            name: LogName::new(&*self.name).unwrap(),
            size: head.size(),
            root: *head.root().as_bytes(),
        }
    }

    /// Says that another log was removed.
    pub(super) fn remove(&mut self, pruned: PreviousLog) {
        let event = LogEvent::Pruned {
            pruned,
            by: "grace".parse().unwrap(),
            reason: velum_approval::Commitment::to("over", &[1; 32]),
        };
        self.push(self.last() + 60_000, event);
    }

    fn last(&self) -> i64 {
        let last = self.leaves.last().unwrap()["time"].as_str().unwrap();
        let last: jiff::Timestamp = last.parse().unwrap();
        last.as_millisecond()
    }

    /// The leaves of an exported folder, under a key of ours.
    pub(super) fn exported(folder: &Folder, name: &str) -> Log {
        let checkpoint = folder.read(&format!("{name}/checkpoint"));
        let mut lines = checkpoint.lines();
        let origin = lines.next().unwrap().to_owned();
        let size = lines.next().unwrap().parse().unwrap();
        let mut leaves = Vec::new();
        for bundle in bundles_of_growth(0, size) {
            let file = folder.path().join(name).join(bundle.path());
            let bytes = std::fs::read(file).unwrap();
            let parsed = bundle.parse(&bytes).unwrap();
            leaves.extend(
                parsed
                    .iter()
                    .map(|leaf| serde_json::from_slice::<Value>(leaf).unwrap()),
            );
        }
        Log {
            name: origin,
            leaves,
            seed: 7,
        }
    }

    /// So many minutes more in which nothing happens.
    pub(super) fn beat(&mut self, count: usize) {
        for _ in 0..count {
            self.later(LogEvent::Heartbeat);
        }
    }

    /// This a minute later.
    pub(super) fn later(&mut self, event: LogEvent) {
        let last = self.leaves.last().unwrap()["time"].as_str().unwrap();
        let last: jiff::Timestamp = last.parse().unwrap();
        self.push(last.as_millisecond() + 60_000, event);
    }

    fn push(&mut self, millis: i64, event: LogEvent) {
        let index = self.leaves.len();
        let text = format!("{millis:012x}");
        let (high, low) = text.split_at(8);
        // The last digits of the year: ids of another log are others.
        let year = &self.name[self.name.len() - 2..];
        let id = RecordId::new(format!("{high}-{low}-7000-80{year}-{index:012x}")).unwrap();
        let record = Record::Log(Box::new(event));
        let source = format!("urn:velum:{}", self.name);
        let time = Timestamp::from_millis(millis);
        let leaf = record.to_leaf(index as u64, time, &id, &source).unwrap();
        self.leaves.push(serde_json::from_slice(&leaf).unwrap());
    }

    /// The place of the `nth` record of this code.
    pub(super) fn place(&self, code: &str, nth: usize) -> usize {
        let is_it = |index: &usize| self.leaves[*index]["data"]["code"] == code;
        (0..self.leaves.len()).filter(is_it).nth(nth).expect(code)
    }

    /// Numbers records, their ids, versions of approvals, and what refers to numbers, by their places.
    pub(super) fn number(&mut self) {
        let (mut places, mut versions) = (BTreeMap::new(), BTreeMap::new());
        for (index, leaf) in self.leaves.iter().enumerate() {
            places.entry(leaf["data"]["seq"].as_u64()).or_insert(index);
        }
        for (index, leaf) in self.leaves.iter_mut().enumerate() {
            leaf["data"]["seq"] = Value::from(index);
            let id = format!("{}{index:012x}", &leaf["id"].as_str().unwrap()[..24]);
            leaf["id"] = Value::from(id);
            if let Some(used_at) = leaf.pointer_mut("/data/release/used_at")
                && let Some(place) = places.get(&used_at.as_u64())
            {
                *used_at = Value::from(*place);
            }
            let approval = leaf.pointer("/data/approval/id").map(Value::to_string);
            if let Some(told) = leaf.pointer_mut("/data/approval/version") {
                let version = versions.entry(approval).or_insert(0);
                *version += 1;
                *told = Value::from(*version);
            }
        }
    }

    /// Nobody here has a service's key: the first record names the one that signs here.
    pub(super) fn take_over(&mut self) {
        let own = Log::heartbeats(0);
        self.leaves[0]["data"]["log"]["key"] = own.leaves[0]["data"]["log"]["key"].clone();
    }

    pub(super) fn signer(&self) -> NoteSigner {
        NoteSigner::from_seed(self.name.parse().unwrap(), &[self.seed; 32])
    }

    fn public(&self) -> [u8; 32] {
        *self.signer().verifier().public_key()
    }

    pub(super) fn key(&self) -> String {
        self.signer().verifier().to_string()
    }

    /// Sorted by bytes, which is the one form where keys are ASCII.
    fn bytes(&self) -> Vec<Vec<u8>> {
        let leaves = self.leaves.iter();
        leaves
            .map(|leaf| serde_json::to_vec(leaf).unwrap())
            .collect()
    }

    /// The files of the log, by their paths.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let (mut edge, mut files) = (Edge::new(), BTreeMap::new());
        let leaves = self.bytes();
        for leaf in &leaves {
            let full = |tile: velum_ledger::tile::Tile, hashes: &[_]| {
                files.insert(tile.path(), encode_hashes(hashes));
            };
            edge.append(leaf_hash(leaf), full).unwrap();
        }
        for (tile, hashes) in edge.partial() {
            files.insert(tile.path(), encode_hashes(hashes));
        }
        for bundle in bundles_of_growth(0, edge.size()) {
            files.insert(bundle.path(), encode(bundle, &leaves));
        }
        let head = Checkpoint::new(&*self.name, edge.size(), edge.root()).unwrap();
        let head = head.sign(&[&self.signer()]).unwrap().to_string();
        files.insert("checkpoint".to_owned(), head.into_bytes());
        files
    }

    pub(super) fn write(&self, folder: &Folder, name: &str) {
        write(folder, name, &self.files());
    }
}

pub(super) fn write(folder: &Folder, name: &str, files: &BTreeMap<String, Vec<u8>>) -> String {
    for (path, bytes) in files {
        folder.write(&format!("{name}/{path}"), bytes);
    }
    folder.at(name)
}

fn encode(bundle: Bundle, leaves: &[Vec<u8>]) -> Vec<u8> {
    let range = bundle.entries();
    let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
    bundle
        .encode(leaves[range].iter().map(Vec::as_slice))
        .unwrap()
}
