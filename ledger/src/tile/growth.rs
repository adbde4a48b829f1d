//! Which tiles and bundles a log gets as it grows.

use std::iter;

use super::{Bundle, FULL, HEIGHT, LEVELS, Tile};
use crate::tree::MOST_LEAVES;

/// The tiles that are made or change when a tree grows from `old` leaves to `new`, those of level 0 first,
/// each with the width that it has then. None where it does not grow, or beyond [`MOST_LEAVES`].
///
/// ```
/// use velum_ledger::tile::{Tile, tiles_of_growth};
/// let paths: Vec<String> = tiles_of_growth(255, 257).map(Tile::path).collect();
/// assert_eq!(paths, ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
/// ```
pub fn tiles_of_growth(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    (0..LEVELS).flat_map(move |level| tiles_of_level(level, old, new))
}

/// The bundles that are made or change when a log grows from `old` entries to `new`.
///
/// ```
/// use velum_ledger::tile::{Bundle, bundles_of_growth};
/// let paths: Vec<String> = bundles_of_growth(0, 257).map(Bundle::path).collect();
/// assert_eq!(paths, ["tile/entries/000", "tile/entries/001.p/1"]);
/// ```
pub fn bundles_of_growth(old: u64, new: u64) -> impl Iterator<Item = Bundle> {
    tiles_of_level(0, old, new).map(Bundle::of)
}

fn tiles_of_level(level: u8, old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let hashes = |size: u64| size >> (level * HEIGHT);
    // The tile of the first hash that is new, and all behind it.
    let grows = hashes(old) < hashes(new) && new <= MOST_LEAVES;
    let first = hashes(old) / u64::from(FULL);
    iter::successors(grows.then_some(first), |index| index.checked_add(1))
        .map_while(move |index| Tile::in_tree(level, index, new))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Bundle, Tile, bundles_of_growth, tiles_of_growth};
    use crate::tree::MOST_LEAVES;

    /// All tiles of a tree, by place.
    fn tiles(size: u64) -> BTreeMap<(u8, u64), Tile> {
        tiles_of_growth(0, size)
            .map(|tile| ((tile.level(), tile.index()), tile))
            .collect()
    }

    #[test]
    fn a_growth_is_the_difference_between_two_trees() {
        let sizes = [
            0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000,
        ];
        for old in sizes {
            for new in sizes.into_iter().filter(|new| *new >= old) {
                let (before, after) = (tiles(old), tiles(new));
                let mut expected: Vec<Tile> = after
                    .values()
                    .filter(|tile| before.get(&(tile.level(), tile.index())) != Some(tile))
                    .copied()
                    .collect();
                expected.sort();
                let found: Vec<Tile> = tiles_of_growth(old, new).collect();
                assert_eq!(found, expected, "{old} to {new}");
                let bundles: Vec<Tile> = bundles_of_growth(old, new).map(Bundle::tile).collect();
                let level0 = expected.into_iter().filter(|tile| tile.level() == 0);
                assert_eq!(bundles, level0.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        let tiles: Vec<Tile> = tiles(70_000).into_values().collect();
        assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
        let partial = tiles.iter().filter(|tile| !tile.is_full());
        let partial: Vec<String> = partial.map(|tile| tile.path()).collect();
        assert_eq!(
            partial,
            ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
    }

    #[test]
    fn what_does_not_grow_has_none() {
        assert_eq!(tiles_of_growth(5, 5).count(), 0);
        assert_eq!(tiles_of_growth(6, 5).count(), 0);
        assert_eq!(tiles_of_growth(MOST_LEAVES, u64::MAX).count(), 0);
        assert_eq!(tiles_of_growth(MOST_LEAVES - 1, MOST_LEAVES).count(), 1);
    }
}
