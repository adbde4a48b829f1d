//! Detectors that a policy brings along.

use std::sync::Arc;

use velum_engine::{
    Class, CustomDetector, Finder, LooksFor, Options, Profile, RuleError, Ruleset, RulesetBuilder,
    mask_text,
};

use crate::support::{check_splits, lift, mask, masked};

fn pattern(name: &str, pattern: &str) -> CustomDetector {
    CustomDetector::pattern(name, Class::Identifier, pattern)
}

fn dictionary(name: &str, terms: &[&str]) -> CustomDetector {
    let terms = terms.iter().map(|term| (*term).to_owned());
    CustomDetector::dictionary(name, Class::Address, terms)
}

fn checked(name: &str, expression: &str, checksum: &str) -> CustomDetector {
    CustomDetector {
        looks_for: LooksFor::Pattern {
            pattern: expression.into(),
            checksum: Some(checksum.into()),
        },
        ..pattern(name, expression)
    }
}

fn rules(detectors: impl IntoIterator<Item = CustomDetector>) -> Arc<Ruleset> {
    let builder = detectors
        .into_iter()
        .fold(Ruleset::builder(), RulesetBuilder::detector);
    Arc::new(builder.build().unwrap())
}

/// What becomes of the value of a member, whatever way it goes through the engine.
#[track_caller]
fn value(rules: &Arc<Ruleset>, name: &str, value: &str) -> String {
    let quoted = serde_json::to_string(value).unwrap();
    let body =
        format!(r#"{{"x":[{{"{name}":{quoted}}},{{"{name}":{quoted}}},{{"{name}":{quoted}}}]}}"#);
    let out = masked(rules, Options::default(), &body);
    assert_eq!(
        masked(rules, Options::default(), &out),
        out,
        "again: {body}"
    );
    check_splits(rules, &Options::default(), body.as_bytes(), 0..body.len());
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    let values: Vec<_> = (0..3)
        .map(|at| out["x"][at][name].as_str().unwrap())
        .collect();
    assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{out}");
    values[0].to_owned()
}

#[test]
fn patterns_are_found_between_boundaries() {
    let rules = rules([pattern("badge", r"[A-Z]{2}-?\d{6}|é\d+")]);
    for (text, expected) in [
        ("QX-104221", "[masked:identifier]"),
        (
            "seen QX104221, QX-104222.",
            "seen [masked:identifier], [masked:identifier].",
        ),
        ("１QX-１０４２２１", "１QX-１０４２２１"),
        ("QX-１０４２２１", "[masked:identifier]"),
        ("Q\u{200b}X\u{2011}104221", "[masked:identifier]"),
        ("a%51X-104221 %20", "a%51X-104221 %20"),
        ("a %51X-104221", "a [masked:identifier]"),
        ("<b>QX</b>-104221", "<b>[masked:identifier]</b>"),
        ("\"QX-104221\"\n", "\"[masked:identifier]\"\n"),
        ("é12 é", "[masked:identifier] é"),
        ("AQX-104221", "AQX-104221"),
        ("QX-1042219", "QX-1042219"),
        ("QX-104221-7", "QX-104221-7"),
        ("[masked:ssn] QX-104221", "[masked:ssn] [masked:identifier]"),
        (
            "UVgtMTA0MjIxIGlzIGhlcmU=",
            "W21hc2tlZDppZGVudGlmaWVyXSBpcyBoZXJl",
        ),
        (r#"{"a":"QX-104221"}"#, r#"{"a":"[masked:identifier]"}"#),
        (
            "data:text/plain;base64,UVgtMTA0MjIxIGlzIGhlcmU=",
            "data:text/plain;base64,W21hc2tlZDppZGVudGlmaWVyXSBpcyBoZXJl",
        ),
        ("", ""),
    ] {
        assert_eq!(value(&rules, "note", text), expected, "{text}");
    }
}

#[test]
fn without_boundaries_they_are_found_in_longer_tokens() {
    let mut inner = pattern("inner", r"\d{4}");
    inner.boundaries = false;
    let rules = rules([inner, pattern("hashed", r"#\d+")]);
    for (text, expected) in [
        ("ab1234cd", "ab[masked:identifier]cd"),
        ("123456789", "[masked:identifier][masked:identifier]9"),
        ("case#12", "case[masked:identifier]"),
        ("case#12b", "case#12b"),
    ] {
        assert_eq!(value(&rules, "note", text), expected, "{text}");
    }
}

#[test]
fn checksums_decide_and_the_longest_that_keeps_it_counts() {
    let rules =
        rules([checked("card", r"\d{4}(?: ?\d{4}){3}(?: \d{3})?", "luhn").named("loyalty")]);
    for (text, expected) in [
        ("4111 1111 1111 1111", "[masked:identifier]"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("4111 1111 1111 1111 123", "[masked:identifier] 123"),
    ] {
        assert_eq!(value(&rules, "note", text), expected, "{text}");
    }
}

trait Named {
    fn named(self, name: &str) -> Self;
}

impl Named for CustomDetector {
    fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }
}

#[test]
fn words_are_necessary_where_they_are_required() {
    let mut case = pattern("case", r"\d{4,}");
    case.words = vec!["case".into(), "Docket No".into()];
    case.required = true;
    let rules = rules([case]);
    for (name, text, expected) in [
        ("note", "case 12345", "case [masked:identifier]"),
        ("note", "DOCKET NO: 12345", "DOCKET NO: [masked:identifier]"),
        ("note", "12345 (case)", "[masked:identifier] (case)"),
        ("note", "12345", "12345"),
        ("note", "showcase 12345", "showcase 12345"),
        ("caseNumber", "12345", "[masked:identifier]"),
        ("docket_no", "1234", "[masked:identifier]"),
        ("docket", "1234", "1234"),
    ] {
        assert_eq!(value(&rules, name, text), expected, "{name}: {text}");
    }
    let body = r#"{"case":1234567,"other":1234567,"x":{"case":[1,1234567,1.234567]}}"#;
    assert_eq!(
        masked(&rules, Options::default(), body),
        r#"{"case":"[masked:identifier]","other":1234567,"x":{"case":[1,"[masked:identifier]",1.234567]}}"#
    );
}

#[test]
fn terms_are_found_as_words() {
    let wards = ["Birch Ward", "Łódź", "C++", "masked"];
    let rules = rules([dictionary("ward", &wards)]);
    for (text, expected) in [
        ("seen on BIRCH ward.", "seen on [masked:address]."),
        ("Birch\u{a0}Ward", "[masked:address]"),
        (
            "lodz; L\u{f3}dz\u{301}",
            "[masked:address]; [masked:address]",
        ),
        ("C++ and C++11", "[masked:address] and [masked:address]11"),
        ("Birch Wards, birch-ward", "Birch Wards, birch-ward"),
        ("old-lodz_x", "old-[masked:address]_x"),
        ("[masked:ssn] masked", "[masked:ssn] [masked:address]"),
        ("Birch <i>Ward</i>", "[masked:address]<i></i>"),
        (
            "QmlyY2ggV2FyZCBpcyBoZXJl",
            "W21hc2tlZDphZGRyZXNzXSBpcyBoZXJl",
        ),
    ] {
        assert_eq!(value(&rules, "note", text), expected, "{text}");
    }
}

#[test]
fn of_what_overlaps_the_surest_has_it_then_the_longest_then_the_shipped() {
    let own = |expression: &str| {
        let builder = Ruleset::builder().profile(Profile::Pii);
        Arc::new(
            builder
                .detector(pattern("own", expression))
                .build()
                .unwrap(),
        )
    };
    // A number of that shape alone is less sure than a valid one, whatever its length.
    let text = "at 123-45-6789.";
    assert_eq!(
        mask_text(&own(r"[0-9]{3}-[0-9]{2}-[0-9]{4}"), text),
        "at [masked:ssn]."
    );
    let mut labelled = pattern("own", r"[0-9]{3}-[0-9]{2}-[0-9]{4}");
    labelled.words = vec!["at".into()];
    let builder = Ruleset::builder().profile(Profile::Pii).detector(labelled);
    let with_word = builder.build().unwrap();
    assert_eq!(mask_text(&with_word, text), "at [masked:identifier].");
    let longest = [
        pattern("short", r"AB\d\d"),
        dictionary("long", &["AB12 CD"]),
    ];
    let mut longer = pattern("longer", "AB12 CD");
    longer.class = Class::Device;
    let both = rules(longest.into_iter().chain([longer]));
    assert_eq!(mask_text(&both, "AB12 CD"), "[masked:address]");
    let both = rules([
        pattern("short", r"AB\d\d"),
        CustomDetector {
            class: Class::Device,
            ..pattern("longer", "AB12 CD")
        },
    ]);
    assert_eq!(mask_text(&both, "AB12 CD"), "[masked:device]");
}

#[test]
fn among_codes_they_look_only_if_told() {
    let body = r#"{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"QX-1042","display":"QX-1042"},{"code":"QX-1042"}]},"note":[{"text":"QX-1042"}]}"#;
    let with = |codes: bool| {
        let mut badge = pattern("badge", r"QX-\d{4}");
        badge.codes = codes;
        let builder = Ruleset::builder().profile(Profile::FhirR4).detector(badge);
        let rules = Arc::new(builder.build().unwrap());
        check_splits(&rules, &Options::default(), body.as_bytes(), 0..body.len());
        masked(&rules, Options::default(), body)
    };
    assert_eq!(with(false).matches("QX-1042").count(), 2, "{}", with(false));
    assert_eq!(with(true).matches("QX-1042").count(), 0, "{}", with(true));
}

#[test]
fn member_names_are_looked_at() {
    let rules = rules([pattern("badge", r"QX-\d{4}")]);
    assert_eq!(
        masked(&rules, Options::default(), r#"{"QX-1042":{"QX-1042":1}}"#),
        r#"{"[masked:identifier]":{"[masked:identifier]":1}}"#
    );
}

#[test]
fn reports_name_them_and_their_class_may_be_lifted() {
    let rules = rules([
        pattern("badge", r"QX-\d{4}"),
        dictionary("ward", &["Birch Ward"]),
    ]);
    let body = r#"["QX-1042","on birch ward"]"#;
    let (out, report) = mask(&rules, lift(&[Class::Address]), body.as_bytes());
    assert_eq!(out, br#"["[masked:identifier]","on birch ward"]"#);
    let report = report.unwrap();
    let counts: Vec<_> = report
        .by_rule(&rules)
        .map(|count| (count.rule.into_owned(), count.masked, count.lifted))
        .collect();
    assert_eq!(
        counts,
        [
            ("detector: badge".to_owned(), 1, 0),
            ("detector: ward".to_owned(), 0, 1)
        ]
    );
    let mut finder = Finder::new(Arc::clone(&rules), Options::default());
    finder.feed(body.as_bytes()).unwrap();
    finder.finish().unwrap();
    let found: Vec<_> = finder
        .findings()
        .map(|finding| (finding.pointer.unwrap(), finding.rule))
        .collect();
    assert_eq!(
        found,
        [
            ("/0".to_owned(), "detector: badge".to_owned()),
            ("/1".to_owned(), "detector: ward".to_owned())
        ]
    );
}

/// What is looked for with ever so much reading ahead is taken for found: the whole text goes.
#[test]
fn a_text_that_takes_too_many_steps_is_masked_whole() {
    let mut greedy = pattern("greedy", "(a|a)*b");
    greedy.boundaries = false;
    let rules = rules([greedy]);
    for (length, is_whole) in [(64, false), (60_000, true)] {
        let body = format!("[\"{}\",7]", "a".repeat(length));
        for options in [
            Options::default(),
            lift(
                &Class::ALL
                    .iter()
                    .copied()
                    .filter(|class| class.may_be_lifted())
                    .collect::<Vec<_>>(),
            ),
        ] {
            let (out, report) = mask(&rules, options, body.as_bytes());
            let report = report.unwrap();
            let out = String::from_utf8(out).unwrap();
            if is_whole {
                assert_eq!(out, "[\"[masked:other]\",7]");
                let decided: Vec<_> = report.by_rule(&rules).map(|count| count.rule).collect();
                assert_eq!(decided, ["detectors"]);
            } else {
                assert_eq!(out, body);
            }
        }
    }
}

fn refused(detectors: impl IntoIterator<Item = CustomDetector>) -> RuleError {
    let builder = detectors
        .into_iter()
        .fold(Ruleset::builder(), RulesetBuilder::detector);
    let names = format!("{builder:?}");
    builder
        .build()
        .err()
        .unwrap_or_else(|| panic!("{names:.300}"))
}

#[test]
fn what_cannot_be_a_detector_is_refused_by_name_and_part() {
    let good = || pattern("good", "x+");
    let words = |words: &[&str]| CustomDetector {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ..good()
    };
    let long = "x".repeat(60);
    let term = "x".repeat(100);
    let many: Vec<_> = (0..2700).map(|number| format!("{term}{number}")).collect();
    let numbers: Vec<_> = (0..20_001)
        .map(|number| number.to_string() + "xx")
        .collect();
    for (detectors, index, part, fragment) in [
        (vec![pattern("Bad", "x")], 0, "name", "small letters"),
        (vec![pattern("", "x")], 0, "name", "small letters"),
        (vec![pattern("a--b", "x")], 0, "name", "single dashes"),
        (vec![pattern("7a", "x")], 0, "name", "a letter first"),
        (vec![pattern(&"a".repeat(65), "x")], 0, "name", "at most 64"),
        (vec![pattern("email", "x")], 0, "name", "shipped"),
        (vec![good(), good()], 1, "name", "another detector"),
        (vec![good(), pattern("b", "x*")], 1, "pattern", "empty text"),
        (
            vec![pattern("b", "(")],
            0,
            "pattern",
            "no regular expression",
        ),
        (
            vec![checked("b", "x", "LUHN")],
            0,
            "checksum",
            "luhn, mod97, npi",
        ),
        (vec![dictionary("b", &[])], 0, "dictionary", "no term"),
        (
            vec![dictionary("b", &["abc", "ABC"])],
            0,
            "dictionary/1",
            "the same",
        ),
        (
            vec![CustomDetector::dictionary("b", Class::Other, many)],
            0,
            "dictionary",
            "262144 bytes",
        ),
        (
            vec![CustomDetector::dictionary("b", Class::Other, numbers)],
            0,
            "dictionary",
            "20000",
        ),
        (
            vec![words(&["a", "..."])],
            0,
            "words/1",
            "no letter or digit",
        ),
        (vec![words(&["a", "A"])], 0, "words/1", "listed twice"),
        (vec![words(&[&long])], 0, "words/0", "48 bytes"),
        (
            vec![CustomDetector {
                required: true,
                ..good()
            }],
            0,
            "required",
            "without words",
        ),
        (
            (0..33)
                .map(|number| pattern(&format!("n{number}"), "x"))
                .collect(),
            32,
            "",
            "at most 32",
        ),
    ] {
        let error = refused(detectors);
        assert_eq!(error.detector_part(), Some((index, part)), "{error}");
        assert!(error.message().contains(fragment), "{error}");
    }
    let error = refused([pattern("b", "x*")]);
    let expected =
        "detector 0 (b): pattern: matches the empty text: make some part of it necessary";
    assert_eq!(error.to_string(), expected);
}

/// Under the same rules one body may be lifted and the next one not: what is known of a name is shared.
#[test]
fn a_name_that_is_lifted_in_one_body_is_masked_in_the_next() {
    let shipped = Arc::new(Ruleset::builder().profile(Profile::Pii).build().unwrap());
    let own = rules([dictionary("ward", &["Birch Ward"])]);
    for (rules, class, name, placeholder) in [
        (shipped, Class::Email, "a@b.example", "[masked:email]"),
        (own, Class::Address, "Birch Ward", "[masked:address]"),
    ] {
        let body = |name: &str| format!(r#"{{"{name}":1,"x":{{"{name}":2}}}}"#);
        for _ in 0..2 {
            assert_eq!(masked(&rules, lift(&[class]), &body(name)), body(name));
            let out = masked(&rules, Options::default(), &body(name));
            assert_eq!(out, body(placeholder));
        }
    }
}
