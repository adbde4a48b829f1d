//! Our own output is recognised when a client sends it back.

use std::sync::Arc;

use velum_engine::{
    Class, ErrorKind, Framing, Inspector, Keyring, Limits, Operator, Options, Rule, Ruleset,
    Selector,
};

use crate::support::masked;

fn found(body: &str, token_bytes: usize, size: usize) -> bool {
    let limits = Limits {
        token_bytes,
        ..Limits::default()
    };
    let mut inspector = Inspector::new(limits, Framing::Document);
    for chunk in body.as_bytes().chunks(size) {
        inspector.feed(chunk).unwrap();
    }
    inspector.finish().unwrap();
    inspector.found_masked()
}

#[test]
fn placeholders_are_found_however_they_are_written() {
    let long = "\\u0041é".repeat(30);
    for (body, expected) in [
        (r#"{"family":"[masked:name]"}"#, true),
        (r#"{"card":"[masked:card:1442]"}"#, true),
        (r#"[["see [masked:ssn] there"]]"#, true),
        (r#"{"[masked:ssn]":1}"#, true),
        (r#""\u005b\u006Dasked:n\u0061me\u005d""#, true),
        (r#"{"div":"<div>[masked:narrative]</div>"}"#, true),
        (
            r#"{"a":"[masked:]","b":"[masked:soul]","c":"masked:name"}"#,
            false,
        ),
        (r#"["[masked:","name]"]"#, false),
        (&format!("\"{long}[masked:name]{long}\""), true),
        (&format!("\"{long}[mask\\u0065d:name]{long}\""), true),
        (&format!("\"{long}[masked name]{long}\""), false),
    ] {
        for size in 1..=body.len() {
            for token_bytes in [32, 1000] {
                assert_eq!(found(body, token_bytes, size), expected, "{body} by {size}");
            }
        }
    }
}

#[test]
fn json_in_strings_is_looked_into() {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let plain = r#"{"family": "\u005bmasked:name]"}"#;
    let mut text = plain.to_owned();
    for depth in 0..8 {
        // As deep as the masker looks, and no deeper.
        assert_eq!(found(&text, 64 * 1024, 7), depth <= 4, "{depth}");
        text = quoted(&text);
    }
    for (text, expected) in [
        ("\u{FEFF} [1, \"\\u005bmasked:name]\"", true),
        ("{}\n{\"a\": \"\\u005bmasked:name]\"}", true),
        ("it says {\"a\": \"\\u005bmasked:name]\"}", false),
        ("[masked", false),
    ] {
        assert_eq!(found(&quoted(text), 64 * 1024, 100), expected, "{text}");
    }
}

#[test]
fn invalid_bodies_are_refused() {
    let mut inspector = Inspector::new(Limits::default(), Framing::Document);
    let error = inspector.feed(b"{x").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Syntax);
    assert_eq!(inspector.feed(b"}"), Err(error));
    assert_eq!(inspector.finish(), Err(error));
    let mut inspector = Inspector::new(Limits::default(), Framing::Document);
    inspector.feed(b"{").unwrap();
    assert_eq!(inspector.finish().unwrap_err().kind, ErrorKind::Truncated);
}

/// A rule that makes tokens of what is under a key.
fn tokens(key: &str, prefix: &str, class: Class) -> Rule {
    Rule {
        name: key.into(),
        select: Selector::Keys(vec![key.into()]),
        class,
        operator: Operator::Token {
            prefix: prefix.into(),
        },
    }
}

#[test]
fn own_tokens_are_found_and_nothing_that_looks_like_one() {
    let builder = Ruleset::builder()
        .rule(tokens("mrn", "MRN-", Class::Mrn))
        .rule(tokens("ssn", "", Class::Ssn));
    let rules = Arc::new(builder.build().unwrap());
    let ring = |byte| Keyring::new([(format!("k{byte}"), vec![byte; 32])]).unwrap();
    let options = Options {
        keys: ring(1),
        ..Options::default()
    };
    let body = masked(&rules, options, r#"{"mrn":"12","ssn":"123-45-6789"}"#);
    let found = |keys: Keyring, body: &str| {
        let inspector = Inspector::new(Limits::default(), Framing::Document);
        let mut inspector = inspector.with_tokens(Arc::clone(&rules), keys);
        inspector.feed(body.as_bytes()).unwrap();
        inspector.finish().unwrap();
        inspector.found_masked()
    };
    let part = |number: usize| body.split('"').nth(number).unwrap();
    let (mrn, ssn) = (part(3), part(7));
    assert!(mrn.starts_with("MRN-") && ssn.len() == 22, "{body}");
    for (text, expected) in [
        (mrn.to_owned(), true),
        (ssn.to_owned(), true),
        (mrn.replace('M', "\\u004d"), true),
        (format!("see {mrn}."), true),
        (format!(r#"{{\"a\": [\"{mrn}\"]}}"#), true),
        // Of another class, and almost.
        (mrn.replace("MRN-", ""), false),
        (format!("MRN-{ssn}"), false),
        (format!("see{mrn}"), false),
        (mrn.get(..mrn.len() - 1).unwrap().to_owned(), false),
        (format!("MRN-{}", "a".repeat(22)), false),
    ] {
        assert_eq!(
            found(ring(1), &format!("[{{\"a\":\"{text}\"}}]")),
            expected,
            "{text}"
        );
        assert_eq!(
            found(ring(1), &format!("{{\"{text}\":1}}")),
            expected,
            "{text}"
        );
        assert!(
            !found(ring(2), &format!("[\"{text}\"]")),
            "under another key"
        );
    }
}
