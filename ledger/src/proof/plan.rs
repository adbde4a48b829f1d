//! Which ranges of leaves a proof has the roots of.

use std::convert::Infallible;
use std::ops::Range;

use super::{OutOfRange, ProofError};
use crate::hash::EMPTY_ROOT;
use crate::tile::Tile;
use crate::tree::{HashReader, MOST_LEAVES, Node, range_root};

/// The ranges, from the leaf's side to the root's.
pub(super) type Plan = Vec<Range<u64>>;

/// `PATH(m, D[n])` of RFC 6962, section 2.1.1: at each split, the side without the leaf.
pub(super) fn inclusion(index: u64, size: u64) -> Result<Plan, OutOfRange> {
    if index >= size || size > MOST_LEAVES {
        return Err(OutOfRange { of: index, size });
    }
    let mut plan = Vec::new();
    let mut around = 0..size;
    while let Some(middle) = split(&around) {
        if index < middle {
            plan.push(middle..around.end);
            around.end = middle;
        } else {
            plan.push(around.start..middle);
            around.start = middle;
        }
    }
    plan.reverse();
    Ok(plan)
}

/// `PROOF(m, D[n])` of RFC 6962, section 2.1.2. Empty where the trees are the same or the older one is
/// empty.
pub(super) fn consistency(old: u64, new: u64) -> Result<Plan, OutOfRange> {
    if old > new || new > MOST_LEAVES {
        return Err(OutOfRange { of: old, size: new });
    }
    let mut plan = Vec::new();
    if old == 0 {
        return Ok(plan);
    }
    let mut around = 0..new;
    while old < around.end
        && let Some(middle) = split(&around)
    {
        if old <= middle {
            plan.push(middle..around.end);
            around.end = middle;
        } else {
            plan.push(around.start..middle);
            around.start = middle;
        }
    }
    // What is left ends where the older tree does. If it is the whole older tree, its root is known.
    if around.start > 0 {
        plan.push(around);
    }
    plan.reverse();
    Ok(plan)
}

/// Where the tree over a range is split: behind the largest power of two below its length.
fn split(range: &Range<u64>) -> Option<u64> {
    let last = range.end.checked_sub(range.start)?.checked_sub(1)?;
    Some(range.start + (1 << last.checked_ilog2()?))
}

/// The tiles of the tree of `size` leaves that the hashes of a plan come from.
pub(super) fn tiles(plan: Plan, size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let mut note = |node: Node| {
        tiles.extend(Tile::holding(node, size));
        Ok::<_, Infallible>(EMPTY_ROOT)
    };
    for range in plan {
        // What it comes to is of no matter: it is asked for each hash all the same.
        let _ = range_root(range, &mut note);
    }
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// The roots over the ranges.
pub(super) fn roots<R: HashReader>(
    plan: Plan,
    reader: &mut R,
) -> Result<Vec<crate::hash::Hash>, R::Error> {
    plan.into_iter()
        .map(|range| range_root(range, reader))
        .collect()
}

/// A proof must be as long as its plan.
pub(super) fn check_length(plan: &Plan, found: usize) -> Result<(), ProofError> {
    let expected = plan.len();
    if expected == found {
        Ok(())
    } else {
        Err(ProofError::Length { expected, found })
    }
}
