//! A log in memory, written as a service would write it: grown from head to head.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use velum_ledger::checkpoint::{Checkpoint, Trust};
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::NoteSigner;
use velum_ledger::tile::{
    Bundle, Edge, Resource, Tile, bundles_of_growth, encode_hashes, tiles_of_growth,
};
use velum_ledger::tree::{Frontier, Node};
use velum_ledger::verify::{Failure, Verified, verify_log};

pub(crate) const ORIGIN: &str = "log.example/audit/2026";

pub(crate) fn signer(seed: u8) -> NoteSigner {
    NoteSigner::from_seed(ORIGIN.parse().unwrap(), &[seed; 32])
}

pub(crate) fn trust() -> Trust {
    Trust::new(ORIGIN, vec![signer(1).verifier().clone()]).unwrap()
}

/// An entry that no other has, of a length of its own; some are empty.
pub(crate) fn entry(index: u64) -> Vec<u8> {
    if index % 97 == 13 {
        return Vec::new();
    }
    let length = usize::try_from(index % 53).unwrap();
    [format!("entry {index} ").as_bytes(), &vec![b'.'; length]].concat()
}

/// The hashes of all complete subtrees, and the root of each size.
pub(crate) struct Forest {
    pub(crate) nodes: HashMap<Node, Hash>,
    pub(crate) roots: Vec<Hash>,
}

impl Forest {
    pub(crate) fn new(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let (mut tree, mut nodes) = (Frontier::new(), HashMap::new());
        let mut roots = vec![tree.root()];
        for leaf in leaves {
            let tell = |node, hash: &Hash| _ = nodes.insert(node, *hash);
            tree.append_and_tell(leaf, tell).unwrap();
            roots.push(tree.root());
        }
        Self { nodes, roots }
    }

    pub(crate) fn reader(&self) -> impl FnMut(Node) -> Result<Hash, Infallible> {
        |node| Ok(self.nodes[&node])
    }
}

#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
    /// By path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The checkpoints, the newest last.
    pub(crate) heads: Vec<String>,
    /// Proofs that somebody kept.
    pub(crate) receipts: Vec<String>,
}

impl Log {
    /// A log with [`entry`]s that has had these sizes.
    pub(crate) fn of(sizes: &[u64]) -> Self {
        let size = sizes.last().copied().unwrap_or_default();
        Self::with(&(0..size).map(entry).collect::<Vec<_>>(), sizes)
    }

    pub(crate) fn with(entries: &[Vec<u8>], sizes: &[u64]) -> Self {
        let mut log = Self {
            entries: entries.to_vec(),
            files: BTreeMap::new(),
            heads: Vec::new(),
            receipts: Vec::new(),
        };
        let mut size = 0;
        for new in sizes.iter().copied() {
            log.grow(size, new);
            size = new;
        }
        log
    }

    /// Goes on from what is stored, as a service does that has just started.
    fn grow(&mut self, old: u64, new: u64) {
        let mut edge = Edge::load(old, &mut |tile: Tile| self.file(&tile.path())).unwrap();
        let mut made = BTreeMap::new();
        for entry in &self.entries[usize(old)..usize(new)] {
            let full = |tile: Tile, hashes: &[Hash]| drop(made.insert(tile, encode_hashes(hashes)));
            edge.append(leaf_hash(entry), full).unwrap();
        }
        made.extend(
            edge.partial()
                .map(|(tile, hashes)| (tile, encode_hashes(hashes))),
        );
        for tile in tiles_of_growth(old, new) {
            self.files.insert(tile.path(), made[&tile].clone());
        }
        for bundle in bundles_of_growth(old, new) {
            self.write_bundle(bundle);
        }
        let checkpoint = Checkpoint::new(ORIGIN, new, edge.root()).unwrap();
        self.heads
            .push(checkpoint.sign(&[&signer(1)]).unwrap().to_string());
    }

    pub(crate) fn write_bundle(&mut self, bundle: Bundle) {
        let range = bundle.entries();
        let entries = &self.entries[usize(range.start)..usize(range.end)];
        let bytes = bundle.encode(entries.iter().map(Vec::as_slice)).unwrap();
        self.files.insert(bundle.path(), bytes);
    }

    pub(crate) fn file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files.get(path).cloned().ok_or(format!("no {path}"))
    }

    pub(crate) fn head(&self) -> &str {
        self.heads.last().unwrap()
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len().try_into().unwrap()
    }

    pub(crate) fn verify(&self) -> Result<Verified, Failure<Infallible>> {
        self.verify_against(&trust(), &[])
    }

    /// Also against heads that somebody kept.
    pub(crate) fn verify_against(
        &self,
        trust: &Trust,
        older: &[&str],
    ) -> Result<Verified, Failure<Infallible>> {
        let older: Vec<&[u8]> = older.iter().map(|head| head.as_bytes()).collect();
        let read = |resource: Resource| Ok(self.files.get(&resource.path()).cloned());
        verify_log(trust, self.head().as_bytes(), &older, read)
    }
}

pub(crate) fn usize(number: u64) -> usize {
    number.try_into().unwrap()
}
