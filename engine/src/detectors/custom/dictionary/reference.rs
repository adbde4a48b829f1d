//! `aho-corasick` as a reference: in what is made up, both must find alike.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use proptest::prelude::*;
use proptest::sample::select;

use super::automaton::Automaton;

/// Terms that begin, end and go on like others.
fn terms() -> impl Strategy<Value = BTreeMap<String, usize>> {
    const PARTS: &[&str] = &[
        "a", "b", "c", "ab", "ba", "aaa", "-", " ", "1", "é", "è", "ł",
    ];
    let term = prop::collection::vec(select(PARTS), 1..6).prop_map(|parts| parts.concat());
    prop::collection::btree_map(term, Just(0), 1..40)
}

fn text() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "a", "b", "c", "A", "B", "C", "ab", "Ab", "bA", "aAa", "-", " ", "1", "é", "É", "è", "ł",
        "x", "\u{11}", "\u{3}9", "m",
    ];
    prop::collection::vec(select(PARTS), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn all_terms_are_those_of_the_reference(
        terms in terms(),
        texts in prop::collection::vec(text(), 8),
    ) {
        let automaton = Automaton::of(&terms).unwrap();
        let reference = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(terms.keys())
            .unwrap();
        // Terms themselves are sure to be found, one in another too.
        let joined = terms.keys().map(String::as_str).collect::<String>();
        for text in texts.iter().chain([&joined, &joined.to_ascii_uppercase()]) {
            let found: Vec<_> = automaton.terms_in(text.as_bytes()).collect();
            let expected = reference.find_overlapping_iter(text).map(|found| found.range());
            prop_assert_eq!(found, expected.collect::<Vec<_>>(), "{:?}", text);
        }
    }
}
