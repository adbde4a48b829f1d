//! Few cases that have every pair of choices, and all of them.

use std::collections::BTreeSet;

use crate::case::{Case, DIMENSIONS};

type Pair = (usize, usize, usize, usize);

/// Every case there is.
pub(crate) fn product() -> Vec<Case> {
    let mut all = vec![[0; 7]];
    for (dimension, count) in DIMENSIONS.iter().enumerate() {
        all = all
            .iter()
            .flat_map(|choices| {
                (0..*count).map(move |choice| {
                    let mut choices = *choices;
                    choices[dimension] = choice;
                    choices
                })
            })
            .collect();
    }
    all.into_iter().filter_map(Case::new).collect()
}

/// Cases that have every pair of choices that any case has: each the best of some that were drawn.
pub(crate) fn all_pairs(seed: u64) -> Vec<Case> {
    let every = product();
    let mut open: BTreeSet<Pair> = every.iter().flat_map(pairs).collect();
    let mut random = seed | 1;
    let mut draw = || {
        // Xorshift: enough to vary the cases from run to run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % every.len() as u64).expect("an index")
    };
    let mut chosen = Vec::new();
    while !open.is_empty() {
        let drawn = (0..100).map(|_| &every[draw()]);
        let gain = |case: &&Case| pairs(case).filter(|pair| open.contains(pair)).count();
        let best = drawn.max_by_key(gain).expect("a case");
        if gain(&best) > 0 {
            for pair in pairs(best) {
                open.remove(&pair);
            }
            chosen.push(best.clone());
        }
    }
    chosen
}

fn pairs(case: &Case) -> impl Iterator<Item = Pair> {
    let choices = case.choices();
    (0..choices.len()).flat_map(move |one| {
        (one + 1..choices.len()).map(move |other| (one, choices[one], other, choices[other]))
    })
}

#[test]
fn all_pairs_are_there_and_few() {
    let every: BTreeSet<Pair> = product().iter().flat_map(pairs).collect();
    for seed in 1..20 {
        let cases = all_pairs(seed);
        assert_eq!(cases.iter().flat_map(pairs).collect::<BTreeSet<_>>(), every);
        assert!(cases.len() < 80, "{}", cases.len());
    }
}
