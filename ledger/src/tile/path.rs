//! Paths of tiles and bundles, each with one spelling (C2SP tlog-tiles, "Merkle Tree", "Log entries").

use std::fmt;

use super::{Bundle, FULL, Resource, Tile};

/// Below it are tiles and entries.
const FOLDER: &str = "tile";
/// In the place of a tile's level.
const ENTRIES: &str = "entries";
/// Between a partial one's index and its width.
const PARTIAL: &str = ".p/";

impl Tile {
    /// Where it is below the log's prefix: `tile/<L>/<N>[.p/<W>]`.
    pub fn path(self) -> String {
        join(&self.level.to_string(), self.index, self.width)
    }

    /// Reads what [`path`](Self::path) writes, and nothing else that means the same.
    pub fn from_path(path: &str) -> Result<Self, InvalidPath> {
        match Resource::from_path(path)? {
            Resource::Tile(tile) => Ok(tile),
            Resource::Bundle(_) => Err(InvalidPath),
        }
    }
}

impl Bundle {
    /// Where it is below the log's prefix: `tile/entries/<N>[.p/<W>]`.
    pub fn path(self) -> String {
        join(ENTRIES, self.index, self.width)
    }

    /// Reads what [`path`](Self::path) writes, and nothing else that means the same.
    pub fn from_path(path: &str) -> Result<Self, InvalidPath> {
        match Resource::from_path(path)? {
            Resource::Bundle(bundle) => Ok(bundle),
            Resource::Tile(_) => Err(InvalidPath),
        }
    }
}

impl Resource {
    /// Where it is below the log's prefix.
    pub fn path(self) -> String {
        match self {
            Self::Tile(tile) => tile.path(),
            Self::Bundle(bundle) => bundle.path(),
        }
    }

    /// Reads a path of either kind. Fails on one that no log has, and on other spellings of those that
    /// one has, such as additional zeroes.
    pub fn from_path(path: &str) -> Result<Self, InvalidPath> {
        parse(path).ok_or(InvalidPath)
    }
}

fn join(kind: &str, index: u64, width: u16) -> String {
    let mut groups = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    if width == FULL {
        format!("{FOLDER}/{kind}/{groups}")
    } else {
        format!("{FOLDER}/{kind}/{groups}{PARTIAL}{width}")
    }
}

fn parse(path: &str) -> Option<Resource> {
    let (kind, place) = path
        .strip_prefix(FOLDER)?
        .strip_prefix('/')?
        .split_once('/')?;
    let (groups, width) = match place.split_once(PARTIAL) {
        Some((groups, width)) => (groups, width.parse().ok()?),
        None => (place, FULL),
    };
    let index = parse_index(groups)?;
    let resource = if kind == ENTRIES {
        Resource::Bundle(Bundle::new(index, width)?)
    } else {
        Resource::Tile(Tile::new(kind.parse().ok()?, index, width)?)
    };
    // Whatever else could be read so is another spelling.
    (resource.path() == path).then_some(resource)
}

fn parse_index(groups: &str) -> Option<u64> {
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}

/// Not the path of a tile or of a bundle, or not its one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPath;

impl fmt::Display for InvalidPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "not the path of a tile: `tile/<level>/<index>[.p/<width>]`, or `entries` for the level, \
             with the index in groups of three digits",
        )
    }
}

impl std::error::Error for InvalidPath {}

#[cfg(test)]
mod tests {
    use super::Resource;

    #[test]
    fn paths_come_back() {
        for path in [
            "tile/0/000",
            "tile/0/999",
            "tile/0/x001/000",
            "tile/2/x001/x234/067",
            "tile/7/000.p/127",
            "tile/entries/000.p/1",
            "tile/entries/x123/x456/789.p/255",
            "tile/0/x036/x028/x797/x018/x963/967.p/255",
        ] {
            let resource = Resource::from_path(path);
            assert_eq!(resource.map(Resource::path), Ok(path.to_owned()));
        }
    }

    #[test]
    fn other_spellings_and_places_are_refused() {
        for path in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/0/000/",
            "tile//000",
            "Tile/0/000",
            "tile/00/000",
            "tile/+0/000",
            "tile/8/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/001/001",
            "tile/0/x001/x001",
            "tile/0/xx01/001",
            "tile/0/X001/001",
            "tile/0/x1/001",
            "tile/0/+01",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/0/000.p/256",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/000.P/1",
            "tile/7/000",
            "tile/0/x036/x028/x797/x018/963/967",
            "tile/0/x036/x028/x797/x018/x963/967",
            "tile/0/x036/x028/x797/x018/x963/968.p/1",
            "tile/7/000.p/128",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/data/000",
            "tile/entries/0é0",
            "tile/0/٠٠٠",
        ] {
            assert!(Resource::from_path(path).is_err(), "{path}");
        }
    }
}
