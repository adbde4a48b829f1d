//! The verifier, one file after the other.

use std::collections::VecDeque;

use super::difference::{Difference, Differences, MOST_DIFFERENCES};
use crate::checkpoint::SignedCheckpoint;
use crate::hash::{Hash, leaf_hash};
use crate::tile::{Bundle, Edge, FULL, Resource, Tile};

/// What a log was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has, each of them verified.
    pub entries: u64,
    /// How many tiles, each of them verified.
    pub tiles: u64,
    /// With how many older heads it is consistent.
    pub older: usize,
}

/// Verifies a log as its files are given: it says which one it wants, and takes it. Which ones these are
/// depends on the size alone, so that they can be fetched ahead: each bundle, the tile over it, and the
/// tiles above that end there.
///
/// ```
/// use velum_ledger::checkpoint::{Checkpoint, Trust};
/// use velum_ledger::{hash::leaf_hash, note::NoteSigner, verify::LogVerifier};
///
/// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
/// let trust = Trust::new("log.example", vec![signer.verifier().clone()])?;
/// let head = Checkpoint::new("log.example", 1, leaf_hash(b"a"))?.sign(&[&signer])?;
/// let head = trust.open_note(head)?;
///
/// let mut verifier = LogVerifier::new(&head, &[]);
/// assert_eq!(verifier.wants().unwrap().path(), "tile/entries/000.p/1");
/// verifier.give(Some(b"\0\x01a"));
/// assert_eq!(verifier.wants().unwrap().path(), "tile/0/000.p/1");
/// verifier.give(Some(leaf_hash(b"a").as_bytes()));
/// assert_eq!(verifier.wants(), None);
/// assert_eq!(verifier.finish()?.entries, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LogVerifier {
    size: u64,
    root: Hash,
    older: VecDeque<(u64, Hash)>,
    stage: Stage,
    entries: Edge,
    /// What the tiles of level 0 lead to, from where they first differ from the entries.
    by_tiles: Option<Edge>,
    found: Vec<Difference>,
    suspects: Vec<Suspect>,
    more: bool,
    verified: Verified,
}

/// What is wanted next.
#[derive(Debug, Clone)]
enum Stage {
    Bundle(Bundle),
    /// The tile over a bundle whose entries have these hashes, if it could be read.
    Leaves(Bundle, Option<Vec<Hash>>),
    /// Tiles above, and then the next bundle.
    Above(VecDeque<Above>),
    Done,
}

/// A tile above level 0 and what its hashes must be: by the entries, and by the tiles where these lead
/// elsewhere.
#[derive(Debug, Clone)]
struct Above {
    tile: Tile,
    by_entries: Vec<Hash>,
    by_tiles: Option<Vec<Hash>>,
}

/// Something that differs; from what, is known when the root is.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    what: What,
    /// Whether it agrees with the entries, and with the tiles of level 0.
    with_entries: bool,
    with_tiles: bool,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// An entry and its hash, which differ.
    Leaf {
        index: u64,
        tile: Tile,
        position: usize,
    },
    Hash {
        tile: Tile,
        position: usize,
    },
    Older {
        size: u64,
    },
}

impl LogVerifier {
    /// Of the log with this head, which has to be consistent with the `older` ones.
    pub fn new(head: &SignedCheckpoint, older: &[SignedCheckpoint]) -> Self {
        let head = head.checkpoint();
        let size = head.size();
        let mut verifier = Self {
            size,
            root: *head.root(),
            older: VecDeque::new(),
            stage: Bundle::in_log(0, size).map_or(Stage::Done, Stage::Bundle),
            entries: Edge::new(),
            by_tiles: None,
            found: Vec::new(),
            suspects: Vec::new(),
            more: false,
            verified: Verified {
                entries: 0,
                tiles: 0,
                older: 0,
            },
        };
        let mut kept = Vec::new();
        for older in older.iter().map(SignedCheckpoint::checkpoint) {
            if older.origin() != head.origin() {
                verifier.tell(Difference::OlderOrigin { size: older.size() });
            } else if older.size() > size {
                let older = older.size();
                verifier.tell(Difference::Smaller { older, size });
            } else {
                kept.push((older.size(), *older.root()));
            }
        }
        kept.sort_unstable();
        verifier.older = kept.into();
        verifier.compare_older();
        verifier
    }

    /// The file that it wants next; nothing when it has all.
    pub fn wants(&self) -> Option<Resource> {
        match &self.stage {
            Stage::Bundle(bundle) => Some(Resource::Bundle(*bundle)),
            Stage::Leaves(bundle, _) => Some(Resource::Tile(bundle.tile())),
            Stage::Above(above) => above.front().map(|above| Resource::Tile(above.tile)),
            Stage::Done => None,
        }
    }

    /// Takes the bytes of the file that it [`wants`](Self::wants), or that there is none.
    pub fn give(&mut self, bytes: Option<&[u8]>) {
        if let (Some(resource), None) = (self.wants(), bytes) {
            self.tell(Difference::Missing { resource });
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Bundle(bundle) => {
                let hashes = bytes.and_then(|bytes| self.hash_entries(bundle, bytes));
                Stage::Leaves(bundle, hashes)
            }
            Stage::Leaves(bundle, by_entries) => {
                let by_tile = bytes.and_then(|bytes| self.read_tile(bundle.tile(), bytes));
                self.add(bundle, by_entries, by_tile)
            }
            Stage::Above(mut above) => {
                if let (Some(above), Some(bytes)) = (above.pop_front(), bytes) {
                    self.compare(&above, bytes);
                }
                self.go_on(above)
            }
            Stage::Done => Stage::Done,
        };
    }

    /// The outcome. Fails with all differences, also that it was not given everything.
    pub fn finish(mut self) -> Result<Verified, Differences> {
        if self.wants().is_some() {
            let from = self.entries.size();
            self.tell(Difference::Unread { from });
        }
        if self.entries.size() == self.size {
            self.judge();
        }
        if self.found.is_empty() {
            return Ok(self.verified);
        }
        Err(Differences {
            found: self.found,
            more: self.more,
        })
    }

    fn tell(&mut self, difference: Difference) {
        if self.found.len() < MOST_DIFFERENCES {
            self.found.push(difference);
        } else {
            self.more = true;
        }
    }

    fn suspect(&mut self, suspect: Suspect) {
        if suspect.with_entries && suspect.with_tiles {
            return;
        }
        if self.suspects.len() < MOST_DIFFERENCES {
            self.suspects.push(suspect);
        } else {
            self.more = true;
        }
    }

    fn hash_entries(&mut self, bundle: Bundle, bytes: &[u8]) -> Option<Vec<Hash>> {
        match bundle.parse(bytes) {
            Ok(entries) => {
                self.verified.entries += u64::from(bundle.width());
                Some(entries.into_iter().map(leaf_hash).collect())
            }
            Err(fault) => {
                self.tell(Difference::Bundle { bundle, fault });
                None
            }
        }
    }

    fn read_tile(&mut self, tile: Tile, bytes: &[u8]) -> Option<Vec<Hash>> {
        match tile.parse(bytes) {
            Ok(hashes) => {
                self.verified.tiles += 1;
                Some(hashes)
            }
            Err(length) => {
                self.tell(Difference::TileLength { tile, length });
                None
            }
        }
    }

    /// Adds the leaves of a bundle. Where one side could not be read, the other stands for it.
    fn add(
        &mut self,
        bundle: Bundle,
        by_entries: Option<Vec<Hash>>,
        by_tile: Option<Vec<Hash>>,
    ) -> Stage {
        let (by_entries, by_tile) = match (by_entries, by_tile) {
            (Some(by_entries), Some(by_tile)) => (by_entries, by_tile),
            (Some(hashes), None) | (None, Some(hashes)) => (hashes.clone(), hashes),
            (None, None) => {
                let from = bundle.entries().start;
                self.tell(Difference::Unread { from });
                return Stage::Done;
            }
        };
        if self.by_tiles.is_none() && by_entries != by_tile {
            self.by_tiles = Some(self.entries.clone());
        }
        let mut above = Vec::new();
        let mut above_by_tiles = Vec::new();
        for (position, (entry, hash)) in by_entries.iter().zip(&by_tile).enumerate() {
            let index = self.entries.size();
            append(&mut self.entries, *entry, &mut above);
            if let Some(edge) = &mut self.by_tiles {
                append(edge, *hash, &mut above_by_tiles);
            }
            if entry != hash {
                let tile = bundle.tile();
                self.suspect(Suspect {
                    what: What::Leaf {
                        index,
                        tile,
                        position,
                    },
                    with_entries: false,
                    with_tiles: false,
                });
            }
            self.compare_older();
        }
        if self.entries.size() == self.size {
            above.extend(partial(&self.entries));
            above_by_tiles.extend(self.by_tiles.iter().flat_map(partial));
        }
        let mut by_tiles = above_by_tiles.into_iter().map(|(_, hashes)| hashes);
        let above = above.into_iter().map(|(tile, by_entries)| Above {
            tile,
            by_entries,
            by_tiles: by_tiles.next(),
        });
        self.go_on(above.collect())
    }

    fn go_on(&self, above: VecDeque<Above>) -> Stage {
        if !above.is_empty() {
            return Stage::Above(above);
        }
        let next = self.entries.size() / u64::from(FULL);
        let is_all = self.entries.size() >= self.size;
        let bundle = Bundle::in_log(next, self.size).filter(|_| !is_all);
        bundle.map_or(Stage::Done, Stage::Bundle)
    }

    /// Compares a tile above level 0 with what is below it.
    fn compare(&mut self, above: &Above, bytes: &[u8]) {
        let Some(stored) = self.read_tile(above.tile, bytes) else {
            return;
        };
        let by_tiles = above.by_tiles.as_ref().unwrap_or(&above.by_entries);
        let expected = above.by_entries.iter().zip(by_tiles);
        for (position, (hash, (by_entries, by_tiles))) in stored.iter().zip(expected).enumerate() {
            let tile = above.tile;
            self.suspect(Suspect {
                what: What::Hash { tile, position },
                with_entries: hash == by_entries,
                with_tiles: hash == by_tiles,
            });
        }
    }

    /// Compares with every older head of the size that has been reached.
    fn compare_older(&mut self) {
        while let Some((size, root)) = self.older.front().copied()
            && size == self.entries.size()
        {
            self.older.pop_front();
            let with_entries = self.entries.root() == root;
            let by_tiles = self.by_tiles.as_ref().map(|edge| edge.root() == root);
            let with_tiles = by_tiles.unwrap_or(with_entries);
            self.verified.older += 1;
            self.suspect(Suspect {
                what: What::Older { size },
                with_entries,
                with_tiles,
            });
        }
    }

    /// With the signed root as judge: what of all that differs is wrong.
    fn judge(&mut self) {
        let entries_stand = self.entries.root() == self.root;
        let by_tiles = self.by_tiles.as_ref().map(|edge| edge.root() == self.root);
        let tiles_stand = by_tiles.unwrap_or(entries_stand);
        for suspect in std::mem::take(&mut self.suspects) {
            let agrees = match (entries_stand, tiles_stand) {
                (true, _) => suspect.with_entries,
                (false, true) => suspect.with_tiles,
                (false, false) => suspect.with_entries || suspect.with_tiles,
            };
            let difference = match suspect.what {
                What::Leaf { tile, position, .. } if entries_stand => {
                    Difference::Tile { tile, position }
                }
                What::Leaf { index, .. } if tiles_stand => Difference::Entry { index },
                What::Leaf { index, .. } => Difference::EntryOrTile { index },
                What::Hash { tile, position } => Difference::Tile { tile, position },
                What::Older { size } => Difference::Older { size },
            };
            if !agrees {
                self.tell(difference);
            }
        }
        if !entries_stand && !tiles_stand {
            self.tell(Difference::Root { size: self.size });
        }
    }
}

/// Adds a leaf, and notes the tiles above level 0 that are full with it.
fn append(edge: &mut Edge, leaf: Hash, above: &mut Vec<(Tile, Vec<Hash>)>) {
    let full = |tile: Tile, hashes: &[Hash]| {
        if tile.level() > 0 {
            above.push((tile, hashes.to_vec()));
        }
    };
    // Within the size of a checkpoint there is room.
    let _ = edge.append(leaf, full);
}

/// The partial tiles above level 0.
fn partial(edge: &Edge) -> impl Iterator<Item = (Tile, Vec<Hash>)> {
    let above = edge.partial().filter(|(tile, _)| tile.level() > 0);
    above.map(|(tile, hashes)| (tile, hashes.to_vec()))
}
