//! Bodies in which values wait for labels, under limits that many of them exceed: how much waits, and
//! what is forgotten when it is let go, must follow from the document and from nothing else.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use velum_engine::{Class, Limits, Operator, Options, Profile, Ruleset, RulesetBuilder};

use crate::labels::rule;
use crate::support::{mask, mask_chunks};

fn builder(paths: &[(&str, Class)]) -> RulesetBuilder {
    let rules = paths
        .iter()
        .map(|(path, class)| rule(path, *class, Operator::Redact));
    rules.fold(Ruleset::builder(), RulesetBuilder::rule)
}

/// Paths with filters, alone and beside what siblings tell and records are about.
static RULES: LazyLock<[Arc<Ruleset>; 2]> = LazyLock::new(|| {
    let alone = builder(&[
        ("$..telecom[?@.system=='phone'].value", Class::Phone),
        ("$..[?@.kind=='secret']..text", Class::Name),
        ("$..list[?@.type.coding[*].code == 'MR'].value", Class::Mrn),
        ("$..a[?@.b != 'x'].c", Class::Other),
    ]);
    let beside = builder(&[
        ("$..telecom[?@.system=='phone'].value", Class::Phone),
        ("$..a[?@.b != 'x'].c", Class::Other),
    ]);
    let alone = alone.exempt("$..note");
    [alone, beside.profile(Profile::FhirR4)].map(|builder| Arc::new(builder.build().unwrap()))
});

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "telecom",
        "system",
        "value",
        "kind",
        "text",
        "list",
        "type",
        "coding",
        "code",
        "a",
        "b",
        "c",
        "note",
        "identifier",
        "extension",
        "url",
        "valueString",
        "resource",
        "entry",
        "resourceType",
        "subject",
        "reference",
        "birthDate",
        "555-012-3456",
        "a@b.example 12345",
    ])
}

fn scalar() -> impl Strategy<Value = String> {
    let texts = [
        "phone",
        "email",
        "secret",
        "MR",
        "x",
        "8",
        "Thistle",
        "Patient/1",
        "Observation",
        "1936-08-18",
        "Mail a@b.example",
        "[masked:phone]",
        "a fairly long piece of text, of which nothing is to be said at all, over and over",
    ];
    prop_oneof![
        8 => prop::sample::select(texts.to_vec()).prop_map(|text| format!("\"{text}\"")),
        1 => prop::sample::select(vec!["null", "true", "7", "123456789"]).prop_map(String::from),
    ]
}

fn body() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(7, 120, 8, |inner| {
        let member =
            (name(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            2 => prop::collection::vec(inner, 0..6)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
            5 => prop::collection::vec(member, 0..8)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    });
    value.prop_map(|value| {
        format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{value}}}]}}"#)
    })
}

/// In one piece, byte by byte, in pieces of that size, and without the fast way.
fn same_however(
    rules: &Arc<Ruleset>,
    held_bytes: usize,
    body: &str,
    step: usize,
) -> Result<(), TestCaseError> {
    let options = |token_bytes| Options {
        limits: Limits {
            held_bytes,
            token_bytes,
            ..Limits::default()
        },
        ..Options::default()
    };
    let fast = options(Limits::default().token_bytes);
    let whole = mask(rules, fast.clone(), body.as_bytes());
    prop_assert!(whole.1.is_ok(), "{:?}", whole.1);
    for step in [1, step] {
        let chunks = mask_chunks(rules, fast.clone(), body.as_bytes().chunks(step));
        prop_assert_eq!(
            &chunks,
            &whole,
            "in steps of {}, {}: {}",
            step,
            held_bytes,
            body
        );
    }
    // Too few bytes for the fast way.
    let events = mask(rules, options(2047), body.as_bytes());
    prop_assert_eq!(&events, &whole, "event by event, {}: {}", held_bytes, body);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn what_is_held_does_not_depend_on_cuts_nor_on_the_way(
        body in body(),
        which in 0..RULES.len(),
        held_bytes in 60_usize..1600,
        step in 2_usize..200,
    ) {
        same_however(&RULES[which], held_bytes, &body, step)?;
    }
}

#[test]
fn what_ended_counts_no_more_once_it_is_let_go() {
    let bodies = [
        r#"{"list":{"text":"phone"},"a":{"telecom":"Thistle","b":{"telecom":"phone","telecom":"x"},"telecom":{"c":"Mail a@b.example","valueString":"Thistle"}}}"#,
        r#"{"text":[{"email":[{"555-012-3456":"of which nothing is to be said at all, over and over"}]}],"555-012-3456":{},"value":[],"555-012-3456":{"deep":[]},"telecom":[{"system":"phone","value":"7"},{"value":"8","x":{"y":[1]},"system":"email"}]}"#,
        // Let go in the inner `telecom`, whose decision hangs on that of `text` around it.
        r#"{"list":{"text":"a","identifier":"a fairly long piece of text, of which nothing is to be said at all, over and over"},"x":{"telecom":"b","telecom":"c","telecom":"d"},"list":{"telecom":"e","telecom":"f"},"text":{"telecom":"g","telecom":null,"telecom":"h","telecom":{"list":"i","text":"j","y":{"text":"k"},"text":{"list":"l","text":"m"}},"text":"n"}}"#,
    ];
    for resource in bodies {
        let body = format!(r#"{{"entry":[{{"resource":{resource}}}]}}"#);
        for held_bytes in 100..1500 {
            same_however(&RULES[0], held_bytes, &body, 7).unwrap();
        }
    }
}

#[test]
fn what_a_filter_selects_throughout_ends_by_events() {
    let rules = builder(&[("$.q[?@.kind=='secret']..text", Class::Name)]);
    let rules = Arc::new(rules.build().unwrap());
    let inner = vec![r#"{"text":{"n":null}}"#; 20].join(",");
    let body = format!(r#"{{"q":{{"q":{{"w":[[[{inner}]]],"text":"Thistle","kind":"y"}}}}}}"#);
    for held_bytes in 100..1300 {
        same_however(&rules, held_bytes, &body, 7).unwrap();
    }
}
