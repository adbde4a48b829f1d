//! RFC 8259: what is accepted comes out as it came, what is not is refused.

use crate::support::{
    all_profiles, check_splits, files, limits, lines, mask, no_rules, shared_data,
};
use velum_engine::{ErrorKind, Masker, Options};

const VALID: &[&str] = &[
    "{}",
    "[]",
    " [ ] ",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0e-1",
    "1E+2",
    "\"\"",
    "\t7\r\n",
    "\u{FEFF}{}",
    "[[],{},[{\"\":[]}]]",
    "{\"a\":1,\"a\":2}",
    r#""\ud83d\ude00 \"\\\/\b\f\n\r\t\u0000""#,
    "[1,-2.5,3e7,null,true,false,\"é€😀\"]",
    "{ \"a\" : { \"b\" : [ 1 , 2 ] } , \"c\" : \"d\" }\n\n",
    "\"a string that is longer than a block of sixteen bytes, with é in it\"",
];

const INVALID: &[&str] = &[
    "",
    " ",
    "{",
    "[",
    "\"",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "[1,",
    "-",
    "1.",
    "1e",
    "tru",
    "{]",
    "[}",
    "[1,]",
    "{\"a\":1,}",
    "{,}",
    "[,1]",
    "{\"a\" 1}",
    "{1:2}",
    "{a:1}",
    "01",
    "+1",
    ".5",
    "1.e2",
    "0x1",
    "NaN",
    "Infinity",
    "-Infinity",
    "nul",
    "nullx",
    "True",
    "'a'",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12G4\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\t\"",
    "\"\u{0}\"",
    "\"\n\"",
    "{} {}",
    "1 2",
    "[] x",
    "{}}",
    "[1 2]",
    "/*c*/1",
    "[1,,2]",
    "\",\":",
    "{x:1}",
    "{\"a\" \"b\":1}",
    "{\"a\"x:1}",
    "\"a\"x",
    "\"a\" x",
    "x\"a\"",
    "1\u{C}",
    "[1\u{1A}2]",
    "{\"a\"\u{1A}1}",
    "[1\u{C}2]",
    "\u{A0}1",
    " \u{FEFF}1",
    "{\"a\":\u{FEFF}1}",
    "\u{FEFF}",
    "\u{FEFF}\u{FEFF}1",
    "\"\\ud800\\ud800\"",
];

const INVALID_BYTES: &[&[u8]] = &[
    b"\"\x80\"",
    b"\"\xC0\xAF\"",
    b"\"\xED\xA0\x80\"",
    b"\"\xF5\x80\x80\x80\"",
    b"\"\xE2\x82\"",
    b"\xFF",
    b"\xEF\xBB{}",
    b"\xFE\xFF\0{\0}",
    b"{\"\xFF\":1}",
];

/// What stands around a text: deep inside and behind names that are known, most is read another way.
const AROUND: &[(&str, &str)] = &[
    ("[[[", "]]]"),
    ("[[{\"k\":1,\"k\":\"\",\"k\":", ",\"k\":[ ]}]]"),
    ("[[[{},\"\\n\" , ", "\n]\n]\n]"),
];

fn nested(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let is_value = !text.starts_with(b"\xEF") && !text.trim_ascii().is_empty();
    let around = AROUND.iter().filter(move |_| is_value);
    around.map(move |(before, behind)| [before.as_bytes(), text, behind.as_bytes()].concat())
}

#[test]
fn texts_are_the_same_inside_of_others() {
    let rules = no_rules();
    for text in VALID {
        for whole in nested(text.as_bytes()) {
            let (out, result) = mask(&rules, Options::default(), &whole);
            assert!(result.is_ok(), "{text}: {result:?}");
            assert_eq!(out, whole, "{text}");
            check_splits(&rules, &Options::default(), &whole, 0..=whole.len());
        }
    }
    let texts = INVALID.iter().map(|text| text.as_bytes());
    for text in texts.chain(INVALID_BYTES.iter().copied()) {
        for whole in nested(text) {
            let (_, result) = mask(&rules, Options::default(), &whole);
            assert!(result.is_err(), "{}", String::from_utf8_lossy(&whole));
            check_splits(&rules, &Options::default(), &whole, 0..=whole.len());
        }
    }
}

#[test]
fn valid_texts_come_out_as_they_came() {
    for rules in [no_rules(), all_profiles()] {
        for text in VALID {
            let (out, result) = mask(&rules, Options::default(), text.as_bytes());
            assert!(result.is_ok(), "{text}: {result:?}");
            assert_eq!(out, text.as_bytes(), "{text}");
            check_splits(&rules, &Options::default(), text.as_bytes(), 0..=text.len());
        }
    }
}

#[test]
fn invalid_texts_are_refused() {
    let rules = no_rules();
    let texts = INVALID
        .iter()
        .map(|text| text.as_bytes())
        .chain(INVALID_BYTES.iter().copied());
    for text in texts {
        let (_, result) = mask(&rules, Options::default(), text);
        assert!(result.is_err(), "{}", String::from_utf8_lossy(text));
        check_splits(&rules, &Options::default(), text, 0..=text.len());
    }
}

#[test]
fn errors_tell_kind_and_place() {
    for (text, kind, offset) in [
        (&b"[1,x]"[..], ErrorKind::Syntax, 3),
        (b"{\"a\":\"b", ErrorKind::Truncated, 7),
        (b"[\"ab\xFF\"]", ErrorKind::Utf8, 4),
        (b"[[[[]]]]", ErrorKind::Depth(3), 3),
        (b"[ 12345678901234567 ]", ErrorKind::Token(16), 2),
        (b"{\"a2345678901234567\":1}", ErrorKind::Token(16), 1),
        (b"[1,                  x]", ErrorKind::Token(16), 2),
    ] {
        let (_, result) = mask(&no_rules(), limits(3, 16, 16), text);
        let error = result.unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset));
        check_splits(&no_rules(), &limits(3, 16, 16), text, 0..=text.len());
    }
}

#[test]
fn nothing_is_emitted_after_an_error() {
    let mut masker = Masker::new(no_rules(), Options::default());
    let mut out = Vec::new();
    masker.feed(b"{\"a\":1,\"b\":\"two", &mut out).unwrap();
    assert_eq!(out, b"{\"a\":1,\"b\":", "a token that is not whole waits");
    let error = masker.feed(b"\",\"c\":3,x", &mut out).unwrap_err();
    for more in [&b"\"d\":4}"[..], b"}", b""] {
        assert_eq!(masker.feed(more, &mut out), Err(error));
        assert_eq!(masker.finish(&mut out), Err(error));
    }
    assert_eq!(out, b"{\"a\":1,\"b\":");
    assert!(!masker.is_closed());
}

#[test]
fn nothing_waits_once_the_value_has_closed() {
    for text in ["{\"a\":[1]}", "[]", "\"x\"", "null", "7 "] {
        let mut masker = Masker::new(all_profiles(), Options::default());
        let mut out = Vec::new();
        masker.feed(text.as_bytes(), &mut out).unwrap();
        assert_eq!(out, text.as_bytes());
        assert!(masker.is_closed(), "{text}");
    }
    let mut masker = Masker::new(no_rules(), Options::default());
    let mut out = Vec::new();
    masker.feed(b"7", &mut out).unwrap();
    assert!(out.is_empty() && !masker.is_closed(), "7 may become 77");
    masker.finish(&mut out).unwrap();
    assert_eq!(out, b"7");
    assert_eq!(
        masker.feed(b"7", &mut out).unwrap_err().kind,
        ErrorKind::Finished
    );
}

#[test]
fn lines_are_texts_of_their_own() {
    for (text, records) in [
        ("", Some(0)),
        ("\n\n", Some(0)),
        ("{}\n[]\n1\n\"a\"\r\nnull", Some(5)),
        ("1\n\n2\n", Some(2)),
        ("1 2", None),
        ("{}{}", None),
        ("[1,\n2]", None),
        ("{}\n{", None),
        ("{}\nx\n", None),
        ("{} x", None),
    ] {
        let (out, result) = mask(&all_profiles(), lines(), text.as_bytes());
        assert_eq!(
            result.as_ref().ok().map(velum_engine::Report::records),
            records,
            "{text:?}"
        );
        assert!(result.is_err() || out == text.as_bytes());
        check_splits(&all_profiles(), &lines(), text.as_bytes(), 0..=text.len());
    }
}

/// `i_` cases are left open by RFC 8259. Velum accepts numbers of any size (they are passed on as
/// they are), deep nesting within `limits.depth`, and a byte order mark; it refuses every string
/// that is not UTF-8 or has a lone surrogate.
#[test]
fn json_test_suite() {
    let Some(folder) = shared_data("json-test-suite/test_parsing") else {
        return;
    };
    let rules = no_rules();
    let mut seen = 0;
    for (name, body) in files(&folder) {
        let (out, result) = mask(&rules, Options::default(), &body);
        let accepted = match name.get(..2) {
            Some("y_") => true,
            Some("n_") => false,
            _ => name.starts_with("i_number_") || name == "i_structure_UTF-8_BOM_empty_object.json",
        };
        assert_eq!(result.is_ok(), accepted, "{name}: {result:?}");
        assert!(!accepted || out == body, "{name}");
        if body.len() < 2000 {
            check_splits(&rules, &Options::default(), &body, 0..=body.len());
            for whole in nested(&body) {
                let (out, result) = mask(&rules, Options::default(), &whole);
                assert_eq!(result.is_ok(), accepted, "{name} inside: {result:?}");
                assert!(!accepted || out == whole, "{name} inside");
            }
        }
        seen += 1;
    }
    assert!(seen > 300, "the suite has more than {seen} cases");
}

#[test]
fn which_of_two_faults_is_met_does_not_depend_on_the_cut() {
    let body = [b"\"".as_slice(), &[b'x'; 40], b"\xFF\x01\""].concat();
    check_splits(&no_rules(), &limits(8, 32, 64), &body, 0..=body.len());
}
