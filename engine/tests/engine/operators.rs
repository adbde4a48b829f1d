//! The operators from outside: their reference, and keyed ones in a body.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::support::{check_splits, document_has, masked};
use velum_engine::{
    Class, Fpe, Generalize, Keyring, Operator, Options, Rule, RuleError, Ruleset, Selector,
    is_own_token,
};

/// The reference as the table of the document.
fn table() -> String {
    let mut table = String::from(
        "| operator | writes | again | key | example |\n| --- | --- | --- | --- | --- |\n",
    );
    for doc in Operator::REFERENCE {
        let (before, after) = doc.example;
        let after = match after {
            "" => String::new(),
            after => format!(" `{after}`"),
        };
        writeln!(
            table,
            "| `{}` | {} | {} | {} | `{before}` →{after} |",
            doc.configuration,
            doc.writes,
            if doc.is_idempotent { "same" } else { "differs" },
            if doc.needs_key { "yes" } else { "no" },
        )
        .unwrap();
    }
    table
}

#[test]
fn the_document_has_the_reference() {
    document_has("docs/operators.md", &table());
}

fn rules(rules: &[(&str, Class, Operator)]) -> Result<Ruleset, RuleError> {
    let rules = rules.iter().map(|(key, class, operator)| Rule {
        name: (*key).to_owned(),
        select: Selector::Keys(vec![(*key).to_owned()]),
        class: *class,
        operator: operator.clone(),
    });
    rules
        .fold(Ruleset::builder(), velum_engine::RulesetBuilder::rule)
        .build()
}

fn token() -> Operator {
    Operator::Token {
        prefix: "MRN-".to_owned(),
    }
}

fn keys() -> Keyring {
    Keyring::new([("k1".to_owned(), vec![1; 32])]).unwrap()
}

fn with(keys: Keyring) -> Options {
    Options {
        keys,
        ..Options::default()
    }
}

#[test]
fn keys_reach_the_operators_however_the_body_is_cut() {
    let rules = rules(&[
        ("mrn", Class::Mrn, token()),
        (
            "card",
            Class::Card,
            Operator::Fpe(Fpe::Digits { luhn: true }),
        ),
        ("born", Class::Date, Operator::DateShift { days: 50 }),
        (
            "zip",
            Class::Address,
            Operator::Generalize(Generalize::Zip3),
        ),
        ("age", Class::Age, Operator::Generalize(Generalize::Age)),
    ]);
    let rules = Arc::new(rules.unwrap());
    assert!(rules.needs_key());
    let body = r#"{"mrn":["1\u0032",12,{"x":null}],"card":4111111111111111,"born":"1980-02-03","zip":2139,"age":94}"#;
    let out = masked(&rules, with(keys()), body);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["mrn"][0], value["mrn"][1]);
    assert!(is_own_token(
        &keys(),
        "MRN-",
        Class::Mrn,
        value["mrn"][0].as_str().unwrap()
    ));
    assert!(value["mrn"][2]["x"].is_null());
    let card = value["card"].as_u64().unwrap();
    assert!(card != 4_111_111_111_111_111 && card.to_string().len() == 16);
    assert_eq!(
        value["born"], "[masked:date]",
        "nobody said whose date it is"
    );
    assert_eq!(
        (&value["zip"], &value["age"]),
        (&"021".into(), &"90+".into())
    );
    check_splits(&rules, &with(keys()), body.as_bytes(), 0..=body.len());

    let out = masked(&rules, Options::default(), body);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        value["mrn"][0], "[masked:mrn]",
        "without a key it is redacted"
    );
    assert_eq!(value["card"], "[masked:card]");
}

#[test]
fn a_string_too_long_to_be_looked_at_has_no_token() {
    let rules = Arc::new(rules(&[("mrn", Class::Mrn, token())]).unwrap());
    let body = format!("{{\"mrn\":\"{}\"}}", "1".repeat(100));
    let mut options = with(keys());
    options.limits.token_bytes = 64;
    assert_eq!(masked(&rules, options, &body), r#"{"mrn":"[masked:mrn]"}"#);
}

#[test]
fn parameters_out_of_bounds_are_refused_when_rules_are_built() {
    for (operator, fragment) in [
        (
            Operator::Token {
                prefix: "a b".to_owned(),
            },
            "prefix",
        ),
        (Operator::DateShift { days: 0 }, "1 to 3650 days"),
        (
            Operator::Generalize(Generalize::Range { width: 0 }),
            "at least 1",
        ),
    ] {
        let error = rules(&[("x", Class::Other, operator)]).unwrap_err();
        assert!(error.to_string().contains(fragment), "{error}");
        assert_eq!(error.rule_index(), Some(0));
    }
}
