//! Dates that are shifted: by whom the record is about, wherever that stands.

use std::sync::Arc;

use velum_engine::{Class, Keyring, Limits, Operator, Options, Profile, Rule, Ruleset, Selector};

use crate::support::{check_splits, lines, mask, masked};

fn rules(profiles: &[Profile]) -> Arc<Ruleset> {
    let rule = Rule {
        name: "dates".into(),
        select: Selector::Keys(vec!["*date".into(), "*dateTime".into(), "period".into()]),
        class: Class::Date,
        operator: Operator::DateShift { days: 365 },
    };
    let profiles = profiles
        .iter()
        .fold(Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        });
    Arc::new(profiles.rule(rule).build().unwrap())
}

fn options() -> Options {
    Options {
        keys: Keyring::new([("k1".to_owned(), vec![1; 32])]).unwrap(),
        ..Options::default()
    }
}

fn shift_all(options: &Options, body: &str) -> String {
    let rules = rules(&[]);
    check_splits(&rules, options, body.as_bytes(), 0..=body.len());
    masked(&rules, options.clone(), body)
}

fn shift(body: &str) -> String {
    shift_all(&options(), body)
}

/// What becomes of 1980-02-03 in a record about this patient.
fn of(id: &str) -> String {
    let out = shift(&format!(
        r#"{{"resourceType":"Patient","id":"{id}","birthDate":"1980-02-03"}}"#
    ));
    let date = out.split('"').nth_back(1).unwrap().to_owned();
    assert!(date.len() == 10 && date != "1980-02-03", "{out}");
    date
}

const MASKED: &str = "[masked:date]";

#[test]
fn one_patient_one_offset_wherever_the_reference_stands() {
    let (one, two) = (of("p1"), of("p2"));
    assert_ne!(one, two);
    for body in [
        r#"{"subject":{"reference":"Patient/p1"},"date":"1980-02-03"}"#,
        r#"{"date":"1980-02-03","subject":{"reference":"Patient/p1"}}"#,
        r#"{"date":"1980-02-03","patient":{"display":"x","reference":"https://a/fhir/Patient/p1/_history/2"}}"#,
        r#"{"birthDate":"1980-02-03","id":"p1","resourceType":"Patient","x":[{"date":"1980-02-03"}]}"#,
        r#"{"x":{"y":[{"date":"1980-02-03"}]},"id":"o1","resourceType":"Observation","subject":{"reference":"urn:uuid:p1"}}"#,
        r#"{"date":"1980-02-03","subject":{"reference":"Patient/p1"},"patient":{"reference":"Patient/p1"}}"#,
        r#"{"date":["1980-02-03",null],"contained":[{"subject":{"reference":"Patient/p2"},"id":"x","date":"1980-02-03"}],"subject":{"reference":"Patient\/p\u0031"}}"#,
    ] {
        assert_eq!(shift(body), body.replace("1980-02-03", &one), "{body}");
    }
}

#[test]
fn each_record_has_its_own() {
    let (one, two) = (of("p1"), of("p2"));
    let first = r#"{"date":"1980-02-03","subject":{"reference":"Patient/p1"}}"#;
    let second = r#"{"subject":{"reference":"Patient/p2"},"x":[[{"date":"1980-02-03"}]]}"#;
    let third = r#"{"date":"1980-02-03","a":{"b":"c"}}"#;
    let done = [
        first.replace("1980-02-03", &one),
        second.replace("1980-02-03", &two),
        third.replace("1980-02-03", MASKED),
    ];
    let texts = [first, second, third].map(String::from);
    let list = |texts: &[String]| format!("[{}]", texts.join(" , "));
    assert_eq!(shift(&list(&texts)), list(&done));
    let resources = |texts: &[String], date: &str| {
        let entries = texts
            .iter()
            .map(|text| format!(r#"{{"fullUrl":"x","resource":{text}}}"#));
        let entries = entries.collect::<Vec<_>>().join(",");
        format!(
            r#"{{"resourceType":"Bundle","date":"{date}","entry":[{entries}],"id":"b","dateTime":"{date}"}}"#
        )
    };
    // Of the bundle itself nobody can say whom it is about.
    assert_eq!(
        shift(&resources(&texts, "1980-02-03")),
        resources(&done, MASKED)
    );
    let nested = |texts: &[String], date: &str| {
        let inner = format!(r#"{{"resource":{}}}"#, resources(texts, date));
        format!(r#"{{"entry":[{inner}]}}"#)
    };
    assert_eq!(shift(&nested(&texts, "1980-02-03")), nested(&done, MASKED));
    let lines = Options {
        keys: options().keys,
        ..lines()
    };
    let join = |texts: &[String]| texts.join("\n");
    assert_eq!(shift_all(&lines, &join(&texts)), join(&done));
}

#[test]
fn nobody_or_two_is_redacted() {
    let id = "1980-02-03";
    for body in [
        r#""1980-02-03""#,
        r#"{"date":"1980-02-03"}"#,
        r#"[["1980-02-03"],{"date":"1980-02-03"}]"#,
        r#"{"date":"1980-02-03","subject":{"reference":"Group/p1"}}"#,
        r##"{"date":"1980-02-03","subject":{"reference":"#p1"},"contained":[{"resourceType":"Patient","id":"p1"}]}"##,
        r#"{"date":"1980-02-03","subject":{"display":"Patient/p1"},"x":{"reference":"Patient/p1"}}"#,
        r#"{"date":"1980-02-03","subject":[{"reference":"Patient/p1"}]}"#,
        r#"{"date":"1980-02-03","subject":{"x":{"reference":"Patient/p1"}}}"#,
        r#"{"date":"1980-02-03","subject":{"reference":["Patient/p1"]}}"#,
        r#"{"date":"1980-02-03","id":"p1","resourceType":"Observation"}"#,
        r#"{"subject":{"reference":"Patient/p1"},"patient":{"reference":"Patient/p2"},"date":"1980-02-03"}"#,
        r#"{"id":"p1","id":"p2","resourceType":"Patient","x":{"date":"1980-02-03"}}"#,
        r#"{"resourceType":"Patient","id":"p1","id":"p2","x":{"date":"1980-02-03"}}"#,
        r#"{"resourceType":"Patient","id":7,"date":"1980-02-03"}"#,
    ] {
        let out = shift(body);
        let expected = if body.contains("date") {
            body.replacen(r#""date":"1980-02-03""#, r#""date":"[masked:date]""#, 1)
        } else {
            body.to_owned()
        };
        assert_eq!(out, expected, "{body} {id}");
    }
}

#[test]
fn what_waits_is_bounded_and_lifting_does_not_wait() {
    let narrow = Options {
        limits: Limits {
            held_bytes: 200,
            ..Limits::default()
        },
        ..options()
    };
    let body = |pad: usize, date: &str| {
        let pad = "x".repeat(pad);
        format!(
            r#"{{"date":"{date}","pad":"{pad}","subject":{{"reference":"Patient/p1"}},"period":"{date}"}}"#
        )
    };
    let short = body(20, "1980-02-03");
    assert_eq!(shift_all(&narrow, &short), body(20, &of("p1")));
    let long = shift_all(&narrow, &body(300, "1980-02-03"));
    let expected = body(300, &of("p1")).replacen(&of("p1"), MASKED, 1);
    assert_eq!(long, expected);
    let lifted = Options {
        lift: [Class::Date].into_iter().collect(),
        ..options()
    };
    assert_eq!(shift_all(&lifted, &short), short);
    let (_, result) = mask(&rules(&[]), Options::default(), short.as_bytes());
    assert_eq!(result.unwrap().masked(Class::Date), 2);
}

#[test]
fn siblings_and_profiles_beside_it() {
    let rules = rules(&[Profile::FhirR4, Profile::Pii]);
    let body = concat!(
        r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","birthDate":"1980-02-03","#,
        r#""telecom":[{"value":"1","system":"phone"}],"id":"p1"}},{"resource":{"resourceType":"Condition","#,
        r#""code":{"text":"x"},"recordedDate":"1980-03-04T10:00:00Z","subject":{"reference":"Patient/p1"}}}]}"#
    );
    check_splits(&rules, &options(), body.as_bytes(), 0..=body.len());
    let out = masked(&rules, options(), body);
    assert!(
        out.contains(&format!(r#""birthDate":"{}""#, of("p1"))),
        "{out}"
    );
    assert!(
        !out.contains("1980-03-04") && !out.contains("recordedDate\":\"["),
        "{out}"
    );
}
