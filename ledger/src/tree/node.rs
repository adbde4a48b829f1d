//! Complete subtrees, by their place.

use std::ops::Range;

use super::MOST_LEAVES;
use crate::hash::{EMPTY_ROOT, Hash, node_hash};

/// A complete subtree: 2^level leaves, from leaf index × 2^level on. Level 0 is a leaf.
///
/// ```
/// use velum_ledger::tree::Node;
/// let node = Node::new(3, 2).unwrap();
/// assert_eq!(node.leaves(), 16..24);
/// assert_eq!(Node::new(63, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    level: u8,
    index: u64,
}

impl Node {
    /// The subtree at this place; none where no log has leaves (see [`MOST_LEAVES`]).
    pub fn new(level: u8, index: u64) -> Option<Self> {
        let width = 1_u64.checked_shl(level.into())?;
        let end = index.checked_add(1)?.checked_mul(width)?;
        (end <= MOST_LEAVES).then_some(Self { level, index })
    }

    /// For callers who know that the place is in a log.
    pub(crate) const fn within(level: u8, index: u64) -> Self {
        Self { level, index }
    }

    /// How high it is: it has 2^level leaves.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Which one of its level, from the left, counted from 0.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// The indices of its leaves.
    pub const fn leaves(self) -> Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }
}

/// The complete subtrees that make up the leaves of `range`, from the left. The range begins where a
/// subtree can that is as large as the largest in it, as all ranges of RFC 6962 do.
pub(crate) fn complete_nodes(range: Range<u64>) -> impl Iterator<Item = Node> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let left = range.end.checked_sub(start)?;
        // The largest power of two that is not more than what is left; none for nothing.
        let level = left.checked_ilog2()?;
        let node = Node::within(u8::try_from(level).ok()?, start >> level);
        start += 1 << level;
        Some(node)
    })
}

/// The root over subtrees side by side, the largest first: each is joined with all that is right of it.
pub(crate) fn join(subtrees: &[Hash]) -> Hash {
    let mut from_the_right = subtrees.iter().rev();
    let Some(last) = from_the_right.next() else {
        return EMPTY_ROOT;
    };
    from_the_right.fold(*last, |right, left| node_hash(left, &right))
}

/// The hash of the complete subtree over `row`, whose length is a power of two.
pub(crate) fn subtree_root(row: &[Hash]) -> Hash {
    let mut row = row.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    row.first().copied().unwrap_or(EMPTY_ROOT)
}

#[cfg(test)]
mod tests {
    use super::{MOST_LEAVES, Node, complete_nodes};

    #[test]
    fn a_node_is_within_a_log() {
        assert!(Node::new(0, MOST_LEAVES - 1).is_some());
        assert!(Node::new(62, 0).is_some());
        for (level, index) in [
            (0, MOST_LEAVES),
            (62, 1),
            (63, 0),
            (64, 0),
            (255, 0),
            (0, u64::MAX),
        ] {
            assert_eq!(Node::new(level, index), None, "{level} {index}");
        }
    }

    #[test]
    fn subtrees_cover_a_range_without_gaps() {
        for size in 0..600 {
            let mut next = 0;
            for node in complete_nodes(0..size) {
                assert_eq!(node.leaves().start, next);
                next = node.leaves().end;
            }
            assert_eq!(next, size);
            assert_eq!(complete_nodes(0..size).count(), size.count_ones() as usize);
        }
        assert_eq!(complete_nodes(0..MOST_LEAVES).count(), 63);
    }
}
