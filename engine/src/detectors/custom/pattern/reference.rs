//! The automaton of `regex-automata`, as a reference: what is made up, both must read alike.

use proptest::prelude::*;
use proptest::sample::select;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, Input, MatchKind};

use super::super::steps::Steps;
use super::{Pattern, read};

type Reference = dense::DFA<Vec<u32>>;

fn reference(pattern: &str) -> Reference {
    let settings = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None);
    let compiled = thompson::Compiler::new()
        .configure(settings)
        .build_from_hir(&read(pattern).unwrap())
        .unwrap();
    let settings = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .match_kind(MatchKind::All);
    dense::Builder::new()
        .configure(settings)
        .build_from_nfa(&compiled)
        .unwrap()
}

fn expected_ends(reference: &Reference, text: &[u8], start: usize, limit: usize) -> Vec<usize> {
    let input = Input::new(text).range(start..).anchored(Anchored::Yes);
    let mut state = reference.start_state_forward(&input).unwrap();
    let mut ends = Vec::new();
    for at in start..=limit {
        state = match text.get(at) {
            Some(byte) => reference.next_state(state, *byte),
            None => reference.next_eoi_state(state),
        };
        if reference.is_match_state(state) {
            ends.push(at);
        }
    }
    ends
}

/// Whether anything can go on behind a byte, whatever is before it.
fn expected_beginning(reference: &Reference, byte: u8) -> bool {
    let before = (0..=u8::MAX).map(Some).chain([None]);
    before.into_iter().any(|before| {
        let start = start::Config::new()
            .anchored(Anchored::Yes)
            .look_behind(before);
        let state = reference.start_state(&start).unwrap();
        !reference.is_dead_state(reference.next_state(state, byte))
    })
}

fn ends(pattern: &Pattern, text: &[u8], start: usize, limit: usize) -> Vec<usize> {
    let (mut found, mut steps) = (Vec::new(), Steps::of(text.len()));
    let outcome = pattern.ends(text, start, limit, &mut steps, |end| {
        found.push(end);
        false
    });
    assert_eq!(outcome, Ok(()));
    assert!(steps.taken(text.len()) <= text.len());
    found
}

/// Expressions of few letters, with every kind of look.
fn expression() -> impl Strategy<Value = String> {
    const READS: &[&str] = &[
        "a",
        "b",
        "A",
        "1",
        "_",
        "-",
        " ",
        "ab",
        "é",
        "(?:é|è|a)",
        r"\xC3",
        ".",
        "(?s:.)",
        "[ab]",
        "[^a]",
        r"\d",
        r"\w",
        r"\W",
        r"\s",
        r"\n",
        r"\r",
        r"\r\n",
        "[a&&b]",
    ];
    const LOOKS: &[&str] = &[
        "^",
        "$",
        r"\A",
        r"\z",
        "(?m:^)",
        "(?m:$)",
        "(?Rm:^)",
        "(?Rm:$)",
        r"\b",
        r"\B",
        r"\b{start}",
        r"\b{end}",
        r"\b{start-half}",
        r"\b{end-half}",
    ];
    const TIMES: &[&str] = &["?", "*", "+", "+?", "{2}", "{0,2}", "{1,3}", "{2,}"];
    const GROUPS: &[&str] = &["(", "(?i:", "(?m:", "(?Rm:", "(?U:"];
    let part = prop_oneof![3 => select(READS), 1 => select(LOOKS)];
    part.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            4 => parts().prop_map(|parts| parts.concat()),
            2 => parts().prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner.clone(), select(TIMES)).prop_map(|(part, times)| format!("(?:{part}){times}")),
            1 => (select(GROUPS), inner.clone()).prop_map(|(group, part)| format!("{group}{part})")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "a", "b", "A", "B", "1", "_", "-", " ", "\n", "\r", "\r\n", "é", "è", "ab", "aaa",
    ];
    prop::collection::vec(select(PARTS), 1..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn all_ends_are_those_of_the_reference(
        expression in expression(),
        texts in prop::collection::vec(text(), 8),
    ) {
        let pattern = match Pattern::compile(&expression) {
            Ok(pattern) => pattern,
            Err(message) => {
                let is_right = ["matches the empty text", "can never match"];
                prop_assert!(is_right.iter().any(|right| message.contains(right)), "{message}");
                return Ok(());
            }
        };
        let reference = reference(&expression);
        for text in texts.iter().map(String::as_bytes) {
            for start in 0..text.len() {
                // What is behind the limit is seen by looks, and is no part of a match.
                for limit in [text.len(), start + (text.len() - start) / 2] {
                    let expected = expected_ends(&reference, text, start, limit);
                    prop_assert_eq!(ends(&pattern, text, start, limit), expected, "{:?} from {} to {}", text, start, limit);
                }
            }
        }
        for byte in 0..=u8::MAX {
            prop_assert_eq!(pattern.may_begin_with(byte), expected_beginning(&reference, byte), "{}", byte);
        }
    }
}
