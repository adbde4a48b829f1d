//! Several JSON texts in a body: lines, sequences, one after the other.

use std::sync::Arc;

use velum_engine::ErrorKind::{Syntax, Truncated};
use velum_engine::{Error, ErrorKind, Framing, Inspector, Limits, Masker, Options};

use crate::support::{all_profiles, check_splits, mask, masked, no_rules};

fn options(framing: Framing) -> Options {
    Options {
        framing,
        ..Options::default()
    }
}

fn inspected(framing: Framing, body: &str) -> Result<(), Error> {
    let mut inspector = Inspector::new(Limits::default(), framing);
    inspector.feed(body.as_bytes())?;
    inspector.finish()
}

fn passes(framing: Framing, body: &str, records: u64) {
    for rules in [no_rules(), all_profiles()] {
        check_splits(&rules, &options(framing), body.as_bytes(), 0..=body.len());
        let (out, result) = mask(&rules, options(framing), body.as_bytes());
        assert_eq!(result.unwrap().records(), records, "{body:?}");
        assert_eq!(out, body.as_bytes());
    }
    assert_eq!(inspected(framing, body), Ok(()));
}

fn refused(framing: Framing, body: &str, kind: ErrorKind, offset: u64) {
    let rules = no_rules();
    check_splits(&rules, &options(framing), body.as_bytes(), 0..=body.len());
    let (_, result) = mask(&rules, options(framing), body.as_bytes());
    assert_eq!(result, Err(Error { kind, offset }), "{body:?}");
    assert_eq!(inspected(framing, body), Err(Error { kind, offset }));
}

#[test]
fn sequences() {
    for (body, records) in [
        ("", 0),
        ("\u{1E}", 0),
        ("\u{1E}\n\u{1E}\u{1E} \u{1E}", 0),
        ("\u{1E}{}\n", 1),
        (
            "\u{1E}{\"a\":[1,{}]}\n\u{1E}[]\n\u{1E}\"x\"\n\u{1E}1\n\u{1E}true\n",
            5,
        ),
        // The line feed is for the writer; what ends by itself needs none.
        ("\u{1E}{}\u{1E}[\n1\n]\u{1E}\"x\"", 3),
        ("\u{1E} null \u{1E}-1.5e3 ", 2),
    ] {
        passes(Framing::Sequence, body, records);
    }
}

#[test]
fn faulty_sequences() {
    for (body, kind, offset) in [
        ("{}\n", Syntax, 0),
        ("\u{FEFF}\u{1E}{}\n", Syntax, 0),
        ("\u{1E}{}\n{}\n", Syntax, 4),
        ("\u{1E}{\"a\":1\n\u{1E}{}\n", Syntax, 8),
        ("\u{1E}[\u{1E}]\n", Syntax, 2),
        ("\u{1E}\"a\u{1E}b\"\n", Syntax, 3),
        ("\u{1E}\"a\nb\"\n", Syntax, 3),
        ("\u{1E}{\"a\"\u{1E}:1}\n", Syntax, 5),
        // Perhaps these are cut off.
        ("\u{1E}12\u{1E}3\n", Syntax, 3),
        ("\u{1E}true\u{1E}3\n", Syntax, 5),
        ("\u{1E}1\n\u{1E}12", Truncated, 6),
        ("\u{1E}null", Truncated, 5),
        ("\u{1E}1\n\u{1E}{\"a\":", Truncated, 9),
        ("\u{1E}tru", Truncated, 4),
    ] {
        refused(Framing::Sequence, body, kind, offset);
    }
    for framing in [Framing::Document, Framing::Lines, Framing::Concatenated] {
        refused(framing, "\u{1E}{}\n", Syntax, 0);
        refused(framing, "{}\u{1E}", Syntax, 2);
        refused(framing, "1\n\u{1E}", Syntax, 2);
    }
}

#[test]
fn texts_one_after_the_other() {
    for (body, records) in [
        ("", 0),
        (" \n ", 0),
        ("{}", 1),
        ("{}[]\"a\"\"b\" 1 2\ttrue\nfalse {}", 9),
        ("\u{FEFF}{\"a\":1}\n{\"a\":2}\n", 2),
        ("[1,2]3", 2),
    ] {
        passes(Framing::Concatenated, body, records);
    }
    for (body, kind, offset) in [
        ("{},{}", Syntax, 2),
        ("{}}", Syntax, 2),
        ("{}:1", Syntax, 2),
        ("1\"a\"", Syntax, 1),
        ("12[3]", Syntax, 2),
        ("true{}", Syntax, 4),
        ("truefalse", Syntax, 4),
        ("1-2", Syntax, 1),
        ("{}{", Truncated, 3),
        ("{} \u{FEFF}{}", Syntax, 3),
    ] {
        refused(Framing::Concatenated, body, kind, offset);
    }
}

#[test]
fn each_text_is_masked_by_itself_and_leaves_with_its_end() {
    let texts = [
        r#"{"resourceType":"Patient","identifier":[{"value":"1","system":"http://hl7.org/fhir/sid/us-ssn"}]}"#,
        r#"["a@b.example"]"#,
        r#""123-45-6789""#,
        r#"{"ssn":"1","entry":[{"name":[{"family":"Quill"}]}]}"#,
    ];
    let rules = all_profiles();
    let alone = texts.map(|text| masked(&rules, Options::default(), text));
    for (framing, before, behind) in [
        (Framing::Lines, "", "\n"),
        (Framing::Sequence, "\u{1E}", "\n"),
        (Framing::Concatenated, "", ""),
    ] {
        let join = |texts: &[String]| -> String {
            let texts = texts.iter().map(|text| format!("{before}{text}{behind}"));
            texts.collect()
        };
        let body = join(&texts.map(String::from));
        let expected = join(&alone);
        assert_eq!(masked(&rules, options(framing), &body), expected);
        check_splits(&rules, &options(framing), body.as_bytes(), 0..=body.len());
        let mut masker = Masker::new(Arc::clone(&rules), options(framing));
        let mut out = Vec::new();
        for (text, masked) in texts.iter().zip(&alone) {
            out.clear();
            masker
                .feed(format!("{before}{text}").as_bytes(), &mut out)
                .unwrap();
            assert_eq!(out, format!("{before}{masked}").as_bytes());
            assert!(masker.is_closed());
            masker.feed(behind.as_bytes(), &mut out).unwrap();
        }
    }
}
