//! Which releases are looked at: nobody chooses, and anyone can choose the same again.

use sha2::{Digest, Sha256};

/// The rule, as it is written into what is handed over.
pub(super) const METHOD: &str = "the releases of the period in the order of SHA-256(seed, a zero byte, the \
    record's index in decimal digits), the first ones of them";

/// The chosen indices, the smallest first. All, where there are not more.
pub(super) fn choose(seed: &str, releases: &[u64], count: usize) -> Vec<u64> {
    let mut ordered: Vec<([u8; 32], u64)> = releases
        .iter()
        .map(|index| (rank(seed, *index), *index))
        .collect();
    ordered.sort_unstable();
    let mut chosen: Vec<u64> = ordered
        .into_iter()
        .take(count)
        .map(|(_, index)| index)
        .collect();
    chosen.sort_unstable();
    chosen
}

fn rank(seed: &str, index: u64) -> [u8; 32] {
    Sha256::digest(format!("{seed}\0{index}").as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{choose, rank};

    /// `printf 'q1\0%s' 41 | sha256sum` says the same.
    #[test]
    fn the_rule_is_the_one_that_is_told() {
        let releases: Vec<u64> = (0..100).collect();
        let chosen = choose("q1", &releases, 10);
        assert_eq!(chosen.len(), 10);
        assert_eq!(chosen, choose("q1", &releases, 10));
        assert_ne!(chosen, choose("q2", &releases, 10));
        let last = chosen.iter().map(|index| rank("q1", *index)).max().unwrap();
        for index in releases.iter().filter(|index| !chosen.contains(index)) {
            assert!(rank("q1", *index) > last, "{index}");
        }
        assert_eq!(choose("q1", &[4, 2], 10), [2, 4]);
        let hex = velum_ledger::hash::Hash::from_bytes(rank("q1", 41)).to_hex();
        assert_eq!(
            hex,
            "521ded40df87e789e11db3d69446f7b0b3ed353ea3f258f3035622a58ed86c29"
        );
    }
}
