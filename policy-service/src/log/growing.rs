//! The tree grows by the records that were written since.

use std::time::Duration;

use velum_approval::{LogName, Timestamp};
use velum_ledger::hash::{EMPTY_ROOT, Hash, leaf_hash};
use velum_ledger::tile::{Edge, Tile, encode_hashes};

use crate::http::App;
use crate::store::{LogRow, Operation, StoreError, Tiles, Transaction};

/// How many records are added in one transaction.
const MOST_LEAVES: u64 = 4096;
/// How long a service that has extended the tree is the only one that does.
const HELD: Duration = Duration::from_secs(10);

/// This service extends the tree no more.
pub(super) struct LetGo {
    pub(super) app: App,
}

impl Operation for LetGo {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut tree = transaction.tree().await?;
        if tree.holder.as_deref() == Some(self.app.parts().log.holder.as_str()) {
            (tree.holder, tree.held_until) = (None, Timestamp::from_millis(0));
            transaction.grow(&tree, &Tiles::new()).await?;
        }
        Ok(())
    }
}

/// Extends the tree of the open log.
pub(super) struct Grow {
    pub(super) app: App,
}

/// The tree as it is then.
#[derive(Debug, Clone)]
pub(super) enum Grown {
    /// Another service extends it.
    Elsewhere,
    Here(Root),
}

/// A tree with its root.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) log: u64,
    pub(super) name: LogName,
    /// The index of the log's first record.
    pub(super) first: u64,
    pub(super) size: u64,
    pub(super) hash: Hash,
    /// Whether there are more records than these.
    pub(super) is_behind: bool,
    /// How much of it a fence has, as the store knows.
    pub(super) fenced: u64,
    /// Whether its year is over, and this is all of it.
    pub(super) is_closed: bool,
}

impl Operation for Grow {
    type Output = Grown;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Grown, StoreError> {
        let log = &self.app.parts().log;
        let now = self.app.now();
        let mut tree = transaction.tree().await?;
        let has_rivals = transaction.has_rivals();
        if has_rivals
            && tree.held_until > now
            && tree.holder.as_deref() != Some(log.holder.as_str())
        {
            return Ok(Grown::Elsewhere);
        }
        let open = transaction.open_log().await?;
        let end = open.size.min(tree.size.saturating_add(MOST_LEAVES));
        let (edge, mut tiles) = extend(transaction, &open, tree.size, end).await?;
        let name = open.name.ok_or(StoreError::Corrupt("name of the log"))?;
        let root = Root {
            log: tree.log,
            name,
            first: open.first,
            size: edge.size(),
            hash: edge.root(),
            is_behind: edge.size() < open.size,
            fenced: match tree.fenced {
                // The first head of a year has the last one of the year before behind the fence.
                0 => before(transaction, tree.log).await?,
                fenced => fenced,
            },
            is_closed: false,
        };
        let has_grown = edge.size() > tree.size;
        let is_to_be_held = has_rivals && tree.held_until < now.after(HELD / 2);
        if has_grown || is_to_be_held {
            tiles.extend(unfinished(&edge));
            tree.size = edge.size();
            tree.holder = Some(log.holder.clone());
            tree.held_until = now.after(HELD);
            transaction.grow(&tree, &tiles).await?;
        }
        Ok(Grown::Here(root))
    }
}

/// The edge of a log's tree once it has been extended from one size to another, and the tiles that became
/// full on the way.
async fn extend(
    transaction: &mut Transaction,
    log: &LogRow,
    from: u64,
    end: u64,
) -> Result<(Edge, Tiles), StoreError> {
    if from > end {
        // The tree has records that are gone.
        return Err(StoreError::Corrupt("absence of a leaf"));
    }
    let mut edge = load(transaction, log.number, from).await?;
    let mut tiles = Tiles::new();
    while edge.size() < end {
        let from = log.first + edge.size();
        for leaf in transaction.leaves(from).await? {
            let hash = leaf_hash(&leaf.entry);
            // Computed anew: what is signed is what is there, not what once was noted.
            if leaf.index != log.first + edge.size() || hash.as_bytes()[..] != leaf.hash {
                return Err(StoreError::Corrupt("leaf"));
            }
            let full = |tile: Tile, hashes: &[Hash]| _ = tiles.insert(tile, encode_hashes(hashes));
            edge.append(hash, full)
                .map_err(|_| StoreError::Refused("a leaf too many"))?;
        }
        if from == log.first + edge.size() {
            return Err(StoreError::Corrupt("absence of a leaf"));
        }
    }
    Ok((edge, tiles))
}

/// Puts every record of the open log into its tree; gives the root over all of them.
pub(super) async fn finish(
    transaction: &mut Transaction,
    log: &LogRow,
) -> Result<Hash, StoreError> {
    let mut tree = transaction.tree().await?;
    let (edge, mut tiles) = extend(transaction, log, tree.size, log.size).await?;
    tiles.extend(unfinished(&edge));
    tree.size = edge.size();
    transaction.grow(&tree, &tiles).await?;
    Ok(edge.root())
}

/// How large the open log's tree is without the records behind it, and its root; nothing, where its tiles are not
/// there.
pub(super) async fn standing(
    transaction: &mut Transaction,
    log: &LogRow,
) -> Result<(u64, Hash), StoreError> {
    let size = transaction.tree().await?.size;
    match load(transaction, log.number, size).await {
        Ok(edge) => Ok((size, edge.root())),
        Err(StoreError::Corrupt(_)) => Ok((0, EMPTY_ROOT)),
        Err(error) => Err(error),
    }
}

/// The tree of the open log as it stands, where it cannot grow by what was written since.
pub(super) struct Stand;

impl Operation for Stand {
    type Output = Root;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Root, StoreError> {
        let fenced = transaction.tree().await?.fenced;
        let open = transaction.open_log().await?;
        let (size, hash) = standing(transaction, &open).await?;
        Ok(Root {
            log: open.number,
            name: open.name.ok_or(StoreError::Corrupt("name of the log"))?,
            first: open.first,
            size,
            hash,
            is_behind: true,
            fenced,
            is_closed: false,
        })
    }
}

/// The root over all records of a closed log, by its tiles.
pub(crate) struct Whole(pub(crate) LogRow);

impl Operation for Whole {
    type Output = Hash;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Hash, StoreError> {
        let edge = load(transaction, self.0.number, self.0.size).await?;
        Ok(edge.root())
    }
}

/// The tiles of an edge that are not full.
fn unfinished(edge: &Edge) -> impl Iterator<Item = (Tile, Vec<u8>)> {
    let partial = edge.partial();
    partial.map(|(tile, hashes)| (tile, encode_hashes(hashes)))
}

/// How much a fence had of the log before this one when its year was over.
async fn before(transaction: &mut Transaction, log: u64) -> Result<u64, StoreError> {
    let logs = transaction.logs().await?;
    let before = logs.iter().find(|other| other.number + 1 == log);
    let closed = before.map(|before| &before.closed);
    Ok(closed
        .filter(|closed| closed.root.is_some())
        .map_or(0, |closed| closed.fenced))
}

/// The unfinished tiles of a tree of this size.
async fn load(transaction: &mut Transaction, log: u64, size: u64) -> Result<Edge, StoreError> {
    let levels = (0..8).map_while(|level: u8| {
        let hashes = size >> (level * velum_ledger::tile::HEIGHT);
        (hashes > 0)
            .then(|| Tile::in_tree(level, hashes / u64::from(velum_ledger::tile::FULL), size))
    });
    let partial: Vec<_> = levels.flatten().collect();
    let tiles = transaction.tiles(log, &partial).await?;
    let mut read = |tile: Tile| tiles.get(&tile).cloned().ok_or(());
    Edge::load(size, &mut read).map_err(|_| StoreError::Corrupt("tile"))
}

/// Says how much a fence has, and where a head is that was signed.
pub(super) struct Publish {
    pub(super) log: u64,
    pub(super) head: crate::store::Head,
    pub(super) is_fenced: bool,
    /// Whether it is the last head of a log whose year is over.
    pub(super) is_last: bool,
    /// The public keys that have signed it.
    pub(super) signed_by: Vec<[u8; 32]>,
}

impl Operation for Publish {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut tree = transaction.tree().await?;
        // The tree of a log whose year is over is whole since it was closed.
        let is_closed = self.is_last && tree.log > self.log;
        if !is_closed && (tree.log != self.log || tree.size < self.head.size) {
            return Err(StoreError::Refused("a head of another tree"));
        }
        let keys = transaction.log_keys(self.log).await?;
        let is_current = keys
            .current()
            .is_some_and(|key| self.signed_by.contains(&key));
        if !is_current {
            // Another service has recorded an exchange of the key meanwhile, and signs with the next one.
            return Err(StoreError::Refused(
                "a head that the log's key has not signed",
            ));
        }
        transaction.set_head(self.log, &self.head).await?;
        transaction
            .prove_keys(self.log, &self.head, &self.signed_by)
            .await?;
        if self.is_fenced && !is_closed {
            tree.fenced = tree.fenced.max(self.head.size);
            transaction.grow(&tree, &Tiles::new()).await?;
        }
        Ok(())
    }
}
