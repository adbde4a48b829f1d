use proptest::prelude::*;

use super::filter::{Condition, FilterStep, Test};
use super::*;

fn name(name: &str) -> PathStep {
    PathStep::Name(name.into())
}

fn steps(path: &str) -> Vec<(bool, PathStep)> {
    let pattern = Pattern::parse(path).unwrap_or_else(|message| panic!("{path}: {message}"));
    let segments = pattern.segments.into_iter();
    segments.map(|one| (one.descends, one.step)).collect()
}

#[test]
fn paths_of_the_subset_are_read() {
    for (path, expected) in [
        ("$", vec![]),
        ("$.a", vec![(false, name("a"))]),
        ("$..a.b", vec![(true, name("a")), (false, name("b"))]),
        (
            "$['a b'][\"c'\"]",
            vec![(false, name("a b")), (false, name("c'"))],
        ),
        (
            "$[*][3].*",
            vec![
                (false, PathStep::Any),
                (false, PathStep::Index(3)),
                (false, PathStep::Any),
            ],
        ),
        (
            "$..[*]..['x\\'y']..*",
            vec![
                (true, PathStep::Any),
                (true, name("x'y")),
                (true, PathStep::Any),
            ],
        ),
        ("$.naïve-name_1", vec![(false, name("naïve-name_1"))]),
        (
            "$ ..a\n[ 0 ]\t['']",
            vec![
                (true, name("a")),
                (false, PathStep::Index(0)),
                (false, name("")),
            ],
        ),
        (
            "$['\\u0041\\ud83d\\uDE00\\/\\\\']",
            vec![(false, name("A😀/\\"))],
        ),
        (
            "$[\"\\b\\t\\n\\f\\r\\\"'\"]",
            vec![(false, name("\u{8}\t\n\u{c}\r\"'"))],
        ),
        ("$[4294967295]", vec![(false, PathStep::Index(u32::MAX))]),
    ] {
        assert_eq!(steps(path), expected, "{path}");
    }
}

#[test]
fn anything_else_is_refused() {
    for path in [
        "",
        " $",
        "$ ",
        "$.",
        "$..",
        "$...a",
        "$. a",
        "$.. a",
        "$[",
        "$[1",
        "$[1:2]",
        "$[:]",
        "$[::2]",
        "$[1,2]",
        "$[*,1]",
        "$.[0]",
        "$.['a']",
        "$.a b",
        "$.-a",
        "$[+1]",
        "$[1.0]",
        "$[1e2]",
        "$['\\x41']",
        "$['\\ud83dx']",
        "$['\\ude00']",
        "$['\\ud83d\\u0041']",
        "$[\"\\'\"]",
        "$[?(@.a)",
        "$[?@.a",
        "$[?@.a ==]",
        "$[?@.a == 'x]",
        "$[?@.a == 'x' &&]",
        "$[?@.a && || @.b]",
        "$[?@.a === 'x']",
        "$[?@.a = 'x']",
        "$[?@.a =~ 'x']",
        "$[?@.a <= 'x']",
        "$[?@.a > 'x']",
        "$[?!]",
        "$[?!!@.a]",
        "$[?!'x' == @.a]",
        "$[?()]",
        "$[?@]",
        "$[?@.a == -1]",
        "$[?1 == @.a]",
        "$[?@.a == true]",
        "$[?@.a == false]",
        "$[?true]",
        "$[?@.a == @.b]",
        "$[?@.a == $.b]",
        "$[?@..a]",
        "$[?@.a..b]",
        "$[?@[-1]]",
        "$[?@[0:1]]",
        "$[?@['a','b']]",
        "$[?@.a, 0]",
        "$[?match(@.a, 'x')]",
        "$[?@.a.length() == 'x']",
        "$[?@.a == length(@.b)]",
        "$.a.length()",
        "$[?@.a][?@.b]",
        "$[??@.a]",
        "$[?@.a 'x']",
        "$[?@.a and @.b]",
        "$(@.a)",
        "$[(@.a)]",
    ] {
        let refusal = Pattern::parse(path).expect_err(path);
        assert!(refusal.starts_with("at character "), "{path}: {refusal}");
    }
    let deep = |depth| format!("$[?{}@.a{}]", "(".repeat(depth), ")".repeat(depth));
    assert!(Pattern::parse(&deep(16)).is_ok() && Pattern::parse(&deep(17)).is_err());
    assert!(Pattern::parse(&deep(100_000)).is_err());
}

fn filter(text: &str) -> Filter {
    match steps(&format!("$[?{text}]")).pop() {
        Some((false, PathStep::Filter(filter))) => filter,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn filters_are_read() {
    let one = filter("@.type.coding[*]['co de'][2] == 'M\\'R'");
    let step = |name: &str| FilterStep::Name(name.into());
    let test = Test {
        path: vec![
            step("type"),
            step("coding"),
            FilterStep::Any,
            step("co de"),
            FilterStep::Index(2),
        ],
        equals: Some("M'R".into()),
    };
    assert_eq!((one.tests, one.condition), (vec![test], Condition::Test(0)));
    for (text, canonical) in [
        ("@.a", "@.a"),
        ("'x'==@.a", "@.a == 'x'"),
        ("\"x\" != @ ['a']", "@.a != 'x'"),
        ("!(@.a=='x')", "@.a != 'x'"),
        ("!(@.a!='x')", "@.a == 'x'"),
        ("!( ! ( @.a ) )", "@.a"),
        ("! @.a", "!@.a"),
        ("@.a&&@.b||@.c", "@.a && @.b || @.c"),
        ("@.a&&(@.b||@.c)", "@.a && (@.b || @.c)"),
        ("(@.a||@.b)||@.c", "@.a || @.b || @.c"),
        ("((@.a && (@.b && @.c)))", "@.a && @.b && @.c"),
        ("!(@.a || @.b)", "!(@.a || @.b)"),
    ] {
        assert_eq!(filter(text).to_string(), canonical, "{text}");
    }
    let repeated = filter("@.a == 'x' || @.b && @.a == 'x'");
    assert_eq!(repeated.tests.len(), 2, "a repeated test has one number");
}

#[test]
fn what_is_not_known_decides_only_where_it_matters() {
    let both = filter("@.a && !@.b || @.c == 'x'");
    for (answers, expected) in [
        ([Some(true), Some(false), None], Some(true)),
        ([None, None, Some(true)], Some(true)),
        ([Some(false), None, Some(false)], Some(false)),
        ([None, Some(true), Some(false)], Some(false)),
        ([Some(true), None, Some(false)], None),
        ([Some(false), None, None], None),
        ([None, None, None], None),
    ] {
        assert_eq!(both.may_hold(|test| answers[test]), expected);
    }
    assert_eq!(filter("!@.a").may_hold(|_| None), None);
}

#[test]
fn what_selects_everything_and_what_can_be_removed() {
    for (path, everything, removable) in [
        ("$", true, false),
        ("$..*", true, true),
        ("$[*].*", true, true),
        ("$.a", false, true),
        ("$.a[0]", false, false),
        ("$..[?@.a]", false, false),
        ("$..[?@.a].*", false, false),
    ] {
        let pattern = Pattern::parse(path).unwrap();
        assert_eq!(pattern.selects_everything(), everything, "{path}");
        assert_eq!(pattern.check_removable().is_ok(), removable, "{path}");
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c_][a-c0-9_-]{0,3}",
        "['\"\\\\/\\x00-\\x20é😀.]{0,4}",
        any::<String>()
    ]
}

fn any_test() -> impl Strategy<Value = Test> {
    let step = prop_oneof![
        3 => any_name().prop_map(FilterStep::Name),
        1 => any::<u32>().prop_map(FilterStep::Index),
        1 => Just(FilterStep::Any),
    ];
    let path = prop::collection::vec(step, 1..4);
    (path, prop::option::of(any_name())).prop_map(|(path, equals)| Test { path, equals })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let tests = prop::collection::vec(any_test(), Filter::MOST_TESTS);
    let leaf = (0..Filter::MOST_TESTS).prop_map(Condition::Test);
    let condition = leaf.prop_recursive(4, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Condition::not),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::all),
            prop::collection::vec(inner, 1..4).prop_map(Condition::any),
        ]
    });
    (tests, condition)
        .prop_filter("too many tests", |(_, condition)| {
            mentions(condition) <= Filter::MOST_TESTS
        })
        .prop_map(|(tests, mut condition)| {
            let mut used = Vec::new();
            number(&mut condition, &tests, &mut used);
            let tests = used;
            Filter { tests, condition }
        })
}

fn mentions(condition: &Condition) -> usize {
    match condition {
        Condition::Test(_) => 1,
        Condition::Not(inner) => mentions(inner),
        Condition::All(inner) | Condition::Any(inner) => inner.iter().map(mentions).sum(),
    }
}

/// Numbers tests by their first mention.
fn number(condition: &mut Condition, tests: &[Test], used: &mut Vec<Test>) {
    match condition {
        Condition::Test(test) => {
            let meant = &tests[*test];
            let known = used.iter().position(|other| other == meant);
            *test = known.unwrap_or(used.len());
            if known.is_none() {
                used.push(meant.clone());
            }
        }
        Condition::Not(inner) => number(inner, tests, used),
        Condition::All(inner) | Condition::Any(inner) => {
            for one in inner {
                number(one, tests, used);
            }
        }
    }
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let step = prop_oneof![
        3 => any_name().prop_map(PathStep::Name),
        1 => any::<u32>().prop_map(PathStep::Index),
        1 => Just(PathStep::Any),
    ];
    let segment =
        |step| (any::<bool>(), step).prop_map(|(descends, step)| Segment { descends, step });
    let plain = prop::collection::vec(segment(step.boxed()), 0..5);
    let filtered = segment(any_filter().prop_map(PathStep::Filter).boxed());
    (
        plain,
        prop::option::of((filtered, any::<prop::sample::Index>())),
    )
        .prop_map(|(mut segments, filtered)| {
            if let Some((filtered, place)) = filtered {
                segments.insert(place.index(segments.len() + 1), filtered);
            }
            Pattern {
                segments,
                through_arrays: false,
            }
        })
}

proptest! {
    #[test]
    fn a_pattern_reads_as_it_is_written(pattern in any_pattern()) {
        prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
    }

    #[test]
    fn what_is_known_stays_so(
        filter in any_filter(),
        answers in prop::collection::vec(prop::option::of(any::<bool>()), 8),
    ) {
        let whole = filter.may_hold(|test| Some(answers[test].unwrap_or_default()));
        prop_assert!(whole.is_some());
        if let Some(holds) = filter.may_hold(|test| answers[test]) {
            prop_assert_eq!(whole, Some(holds));
        }
    }

    #[test]
    fn no_text_is_too_odd(
        text in any::<String>(),
        near in "\\$[.a*\\[\\]'\"?@=!&|()0-9 \\\\u,:-]{0,24}",
    ) {
        for text in [text, near] {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
