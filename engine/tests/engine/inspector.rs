//! Our own output is recognised when a client sends it back.

use velum_engine::{ErrorKind, Framing, Inspector, Limits};

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
