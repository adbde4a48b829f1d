//! What is told about a body: counts by class and rule, bytes, and where.

use std::sync::Arc;

use velum_engine::{
    Class, Finder, Framing, Limits, NotScanned, Operator, Options, Profile, Rule, Ruleset, Selector,
};

use crate::support::{all_profiles, check_splits, lift, lines, mask, masked, profile};

fn rule(name: &str, select: Selector, class: Class, operator: Operator) -> Rule {
    Rule {
        name: name.to_owned(),
        select,
        class,
        operator,
    }
}

fn rules() -> Arc<Ruleset> {
    let path = |path: &str| Selector::Path(path.to_owned());
    let builder = Ruleset::builder()
        .rule(rule("notes", path("$..note"), Class::Date, Operator::Null))
        .rule(rule(
            "gone",
            path("$..gone"),
            Class::Other,
            Operator::Remove,
        ))
        .rule(rule(
            "kinds",
            path("$..item[?@.kind == 'x'].value"),
            Class::Name,
            Operator::Redact,
        ))
        .exempt("$..code")
        .profile(Profile::Pii)
        .profile(Profile::FhirR4);
    Arc::new(builder.build().unwrap())
}

/// Name, masked, lifted.
fn by_rule(rules: &Arc<Ruleset>, options: &Options, body: &str) -> Vec<(String, u64, u64)> {
    check_splits(rules, options, body.as_bytes(), 0..=body.len());
    let report = mask(rules, options.clone(), body.as_bytes()).1.unwrap();
    let (masked, lifted) = report
        .by_rule(rules)
        .fold((0, 0), |(masked, lifted), count| {
            (masked + count.masked, lifted + count.lifted)
        });
    assert_eq!(masked, report.masked_total());
    assert_eq!(lifted, report.lifted_total());
    let counts = report.by_rule(rules);
    counts
        .map(|count| (count.rule.into_owned(), count.masked, count.lifted))
        .collect()
}

const BODY: &str = concat!(
    r#"{"note":"a","x":{"note":[1,null,"b"]},"gone":{"note":1},"phone":"1","#,
    r#""item":[{"value":"v","kind":"x"},{"value":"w","kind":"y"}],"#,
    r#""memo":"a@b.example and 123-45-6789 and c@d.example","code":"a@b.example"}"#
);

#[test]
fn values_are_counted_for_what_decided() {
    let expected = |phone: (u64, u64), email: (u64, u64)| {
        [
            ("notes", 3, 0),
            ("gone", 1, 0),
            ("kinds", 1, 0),
            ("pii keys: phone", phone.0, phone.1),
            ("detector: ssn", 1, 0),
            ("detector: email", email.0, email.1),
        ]
        .map(|(name, masked, lifted)| (name.to_owned(), masked, lifted))
    };
    let sorted = |mut counts: Vec<(String, u64, u64)>| {
        counts.sort();
        counts
    };
    let rules = rules();
    let counts = by_rule(&rules, &Options::default(), BODY);
    assert_eq!(counts[..4], expected((1, 0), (2, 0))[..4], "in their order");
    assert_eq!(sorted(counts), sorted(expected((1, 0), (2, 0)).to_vec()));
    let counts = by_rule(&rules, &lift(&[Class::Phone, Class::Email]), BODY);
    assert_eq!(sorted(counts), sorted(expected((0, 1), (0, 2)).to_vec()));
}

#[test]
fn siblings_and_what_is_unclear() {
    let body = concat!(
        r#"{"resourceType":"Patient","telecom":[{"system":"phone","value":"1"},"#,
        r#"{"system":"email","system":"phone","value":"2"}]}"#
    );
    let rules = profile(Profile::FhirR4);
    let names: Vec<_> = by_rule(&rules, &Options::default(), body)
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert!(names.contains(&"siblings".to_owned()), "{names:?}");
    let narrow = Options {
        limits: Limits {
            held_bytes: 8,
            ..Limits::default()
        },
        ..Options::default()
    };
    let names: Vec<_> = by_rule(&rules, &narrow, body)
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert!(names.contains(&"unclear".to_owned()), "{names:?}");
}

fn bytes(options: &Options, body: &str) -> NotScanned {
    let rules = rules();
    check_splits(&rules, options, body.as_bytes(), 0..=body.len());
    let report = mask(&rules, options.clone(), body.as_bytes()).1.unwrap();
    let all = report.scanned() + report.not_scanned().total();
    assert_eq!(all, body.len() as u64, "{body}");
    report.not_scanned()
}

#[test]
fn bytes_that_are_not_looked_at_have_a_reason() {
    let none = NotScanned::default();
    let default = Options::default();
    assert_eq!(
        bytes(&default, r#"{"a":"b","note":"c","n":[1,true,null]}"#),
        none
    );
    let exempt = r#"[[[{"code":"ab","x":{"code":[{"y":"z"},null,12,"[masked:ssn]",true]}}]]]"#;
    let expected = NotScanned {
        exempt: 4 + 3 + 2 + 4,
        ..none
    };
    assert_eq!(bytes(&default, exempt), expected);
    let phone = r#"{"phone":"555"}"#;
    assert_eq!(bytes(&lift(&[Class::Phone]), phone), none);
    let path = Selector::Path("$.phone".into());
    let rule = rule("phone", path, Class::Phone, Operator::Redact);
    let rules = Arc::new(Ruleset::builder().rule(rule).build().unwrap());
    let report = mask(&rules, lift(&[Class::Phone]), phone.as_bytes())
        .1
        .unwrap();
    assert_eq!(report.not_scanned().lifted, 5);
    let narrow = Options {
        limits: Limits {
            token_bytes: 16,
            ..Limits::default()
        },
        ..default
    };
    let long = format!(
        r#"[[[{{"a":"{0}","note":"{0}","code":"{0}","b":"c"}}]]]"#,
        "x".repeat(40)
    );
    let too_long = NotScanned {
        too_long: 3 * 42,
        ..none
    };
    assert_eq!(bytes(&narrow, &long), too_long);
    let events = Options {
        framing: Framing::Events,
        ..Options::default()
    };
    let stream = "id: 1\ndata: {\"code\":\"ab\"}\n\n: comment\ndata: 1\n\n";
    assert_eq!(bytes(&events, stream), NotScanned { exempt: 4, ..none });
    assert_eq!(
        bytes(&lines(), "{\"code\":\"ab\"}\n{}\n"),
        NotScanned { exempt: 4, ..none }
    );
}

/// Text, pointer, class and rule of each; the same for every cut.
fn found(rules: &Arc<Ruleset>, options: &Options, body: &str) -> Vec<String> {
    let find = |chunks: &[&[u8]]| {
        let mut finder = Finder::new(Arc::clone(rules), options.clone());
        let mut findings = Vec::new();
        for chunk in chunks {
            finder.feed(chunk).unwrap();
            findings.extend(finder.findings());
        }
        finder.finish().unwrap();
        findings.extend(finder.findings());
        let report = mask(rules, options.clone(), body.as_bytes()).1.unwrap();
        assert_eq!(*finder.report(), report, "the counts are those of masking");
        assert_eq!(
            findings.len() as u64,
            report.masked_total() + report.lifted_total()
        );
        findings
    };
    let whole = find(&[body.as_bytes()]);
    for cut in 0..=body.len() {
        let (left, right) = body.as_bytes().split_at(cut);
        assert_eq!(find(&[left, right]), whole, "cut at {cut}");
    }
    let line = |finding: &velum_engine::Finding| {
        let place = finding.pointer.as_deref().unwrap_or("-");
        let lifted = if finding.lifted { " lifted" } else { "" };
        format!(
            "{} {place} {} {}{lifted}",
            finding.text,
            finding.class.name(),
            finding.rule
        )
    };
    whole.iter().map(line).collect()
}

#[test]
fn places_are_json_pointers_and_nothing_is_a_value() {
    let rules = rules();
    assert_eq!(
        found(&rules, &lift(&[Class::Phone]), BODY),
        [
            "0 /note date notes",
            "0 /x/note/0 date notes",
            "0 /x/note/2 date notes",
            "0 /gone other gone",
            "0 /phone phone pii keys: phone lifted",
            "0 /item/0/value name kinds",
            "0 /memo email detector: email",
            "0 /memo ssn detector: ssn",
            "0 /memo email detector: email",
        ]
    );
    let odd = r#"{"a/b":{"~":[[],[{"n\u006fte":"x"}]]},"a@b.example":{"note":1},"":"c@d.example"}"#;
    assert_eq!(
        found(&rules, &Options::default(), odd),
        [
            "0 /a~1b/~0/1/0/note date notes",
            "0 /[masked:email] email detector: email",
            "0 /[masked:email]/note date notes",
            "0 / email detector: email",
        ]
    );
    assert_eq!(
        found(
            &rules,
            &lines(),
            "\"a@b.example\"\n[]\n[\"x\",\"a@b.example\"]\n"
        ),
        ["0  email detector: email", "2 /1 email detector: email"]
    );
    let events = Options {
        framing: Framing::Events,
        ..Options::default()
    };
    assert_eq!(
        found(
            &rules,
            &events,
            "id: a@b.example\ndata: {\"note\":\"x\"}\n\n"
        ),
        ["0 - email detector: email", "0 /note date notes"]
    );
}

#[test]
fn values_that_wait_are_found_where_they_stood() {
    let body = concat!(
        r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","#,
        r#""telecom":[{"value":"1","rank":1,"system":"phone"},{"value":"2","system":"email"}]}}]}"#
    );
    let found = found(&profile(Profile::FhirR4), &Options::default(), body);
    let places: Vec<_> = found
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "/entry/0/resource/telecom/0/value",
            "/entry/0/resource/telecom/1/value"
        ]
    );
}

#[test]
fn a_fault_keeps_what_was_found_before() {
    let mut finder = Finder::new(all_profiles(), Options::default());
    finder.feed(br#"{"ssn":"1","#).unwrap();
    finder.feed(br#""ssn":"2",x"#).unwrap_err();
    assert!(finder.feed(b"}").is_err());
    assert!(finder.findings().count() >= 1);
    assert_eq!(finder.findings().count(), 0);
}

#[test]
fn a_name_that_waits_is_counted_once() {
    let select = Selector::Path("$..telecom[?@.system=='phone'].value".into());
    let rule = rule("phones", select, Class::Phone, Operator::Redact);
    let builder = Ruleset::builder().rule(rule).profile(Profile::Pii);
    let rules = Arc::new(builder.build().unwrap());
    for (system, name, cause) in [
        ("phone", "[masked:phone]", "phones"),
        ("email", "[masked:email] 12345", "detector: email"),
    ] {
        let body =
            format!(r#"{{"telecom":[{{"value":{{"a@b.example 12345":1}},"system":"{system}"}}]}}"#);
        let out = masked(&rules, Options::default(), &body);
        assert!(out.contains(&format!(r#"{{"{name}":"#)), "{out}");
        let counts = by_rule(&rules, &Options::default(), &body);
        let of_name = counts.iter().find(|(by, ..)| by == cause).unwrap();
        // Under the rule, the value is masked too.
        let expected = if system == "phone" { 2 } else { 1 };
        assert_eq!(of_name.1, expected, "{counts:?}");
        assert_eq!(counts.iter().map(|count| count.1).sum::<u64>(), expected);
    }
}

#[test]
fn what_is_no_value_is_not_counted() {
    let rules = rules();
    for end in ["\u{c}", "\u{1a}", "x"] {
        let body = format!(r#"{{"a":{{"b":{{"phone":123{end},"phone":1}}}}}}"#);
        for size in [1, body.len()] {
            let mut masker = velum_engine::Masker::new(Arc::clone(&rules), Options::default());
            let mut out = Vec::new();
            let mut chunks = body.as_bytes().chunks(size);
            chunks
                .try_for_each(|chunk| masker.feed(chunk, &mut out))
                .unwrap_err();
            assert_eq!(masker.report().masked_total(), 0, "{body:?}");
        }
    }
}

#[test]
fn a_literal_is_counted_with_its_last_letter_whatever_the_cuts() {
    let rules = rules();
    for body in [
        r#"{"a":{"b":{"phone":truex,"phone":1}}}"#,
        r#"{"a":{"phone":null"x":1}}"#,
    ] {
        let outcomes: Vec<_> = [1, 2, 3, body.len()]
            .into_iter()
            .map(|size| {
                let mut masker = velum_engine::Masker::new(Arc::clone(&rules), Options::default());
                let mut chunks = body.as_bytes().chunks(size);
                let fed = chunks.try_for_each(|chunk| masker.feed(chunk, &mut Vec::new()));
                (fed.unwrap_err(), masker.report().masked_total())
            })
            .collect();
        assert!(
            outcomes.iter().all(|outcome| *outcome == outcomes[0]),
            "{body}: {outcomes:?}"
        );
    }
}

#[test]
fn findings_taken_together_come_in_the_order_of_the_body() {
    let rule = |name, path: &str| {
        let select = Selector::Path(path.into());
        rule(name, select, Class::Other, Operator::Redact)
    };
    let builder = Ruleset::builder()
        .rule(rule("v", "$.l[?@.k=='x'].v"))
        .rule(rule("w", "$..w"));
    let rules = Arc::new(builder.build().unwrap());
    let options = Options {
        limits: Limits {
            held_bytes: 220,
            ..Limits::default()
        },
        ..Options::default()
    };
    let (a, b) = ("a".repeat(31), "b".repeat(52));
    let body = format!(r#"{{"l":[{{"v":"{a}","z":"{b}","w":"c"}}]}}"#);
    for cut in 0..=body.len() {
        let mut finder = Finder::new(Arc::clone(&rules), options.clone());
        let (left, right) = body.as_bytes().split_at(cut);
        finder.feed(left).unwrap();
        finder.feed(right).unwrap();
        finder.finish().unwrap();
        let pointers: Vec<_> = finder.findings().filter_map(|find| find.pointer).collect();
        assert_eq!(pointers, ["/l/0/v", "/l/0/w"], "cut at {cut}");
    }
}

#[test]
fn a_name_that_is_lifted_here_is_masked_elsewhere() {
    let rules = all_profiles();
    let body = r#"{"a@b.example":1,"x":{"a@b.example":2}}"#;
    let lifted = lift(&[Class::Email]);
    for _ in 0..2 {
        assert_eq!(masked(&rules, lifted.clone(), body), body);
        let report = mask(&rules, lifted.clone(), body.as_bytes()).1.unwrap();
        assert_eq!(report.lifted(Class::Email), 2);
        let expected = r#"{"[masked:email]":1,"x":{"[masked:email]":2}}"#;
        assert_eq!(masked(&rules, Options::default(), body), expected);
    }
}

#[test]
fn each_finding_names_the_operator_of_its_rule() {
    let mut finder = Finder::new(rules(), Options::default());
    finder.feed(BODY.as_bytes()).unwrap();
    finder.finish().unwrap();
    let mut operators: Vec<_> = finder
        .findings()
        .map(|finding| (finding.rule, finding.operator))
        .collect();
    operators.dedup();
    assert_eq!(
        operators,
        [
            ("notes".to_owned(), "null"),
            ("gone".to_owned(), "remove"),
            ("pii keys: phone".to_owned(), "redact"),
            ("kinds".to_owned(), "redact"),
            ("detector: email".to_owned(), "redact"),
            ("detector: ssn".to_owned(), "redact"),
            ("detector: email".to_owned(), "redact"),
        ]
    );
}
