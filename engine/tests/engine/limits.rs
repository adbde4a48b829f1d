//! What a body may hold, and what is said where it holds more.

use std::fmt::Write as _;

use velum_engine::{Error, ErrorKind, Limits, Options};

use crate::support::{
    all_profiles, check_splits, document_has, lines, mask, mask_chunks, no_rules,
};

/// The limits of a test.
fn options(name: &str, value: usize) -> Options {
    let mut limits = Limits::default();
    let doc = Limits::REFERENCE.iter().find(|doc| doc.name == name);
    *doc.unwrap().of(&mut limits) = value;
    Options {
        limits,
        ..Options::default()
    }
}

fn refused(options: &Options, body: &str) -> Error {
    for rules in [no_rules(), all_profiles()] {
        check_splits(&rules, options, body.as_bytes(), 0..=body.len());
        let (out, result) = mask(&rules, options.clone(), body.as_bytes());
        let error = result.unwrap_err();
        assert!(out.is_empty(), "one feed, and nothing of it leaves");
        assert!(
            error
                .to_string()
                .ends_with(&format!("at byte {}", error.offset))
        );
    }
    mask(&no_rules(), options.clone(), body.as_bytes())
        .1
        .unwrap_err()
}

fn passes(options: &Options, body: &str) {
    let rules = no_rules();
    check_splits(&rules, options, body.as_bytes(), 0..=body.len());
    let (out, result) = mask(&rules, options.clone(), body.as_bytes());
    result.unwrap();
    assert_eq!(out, body.as_bytes());
}

#[test]
fn members_and_elements() {
    let options = options("members", 3);
    for (body, offset) in [
        (r#"{"a":1,"b":2,"c":3,"d":4}"#, 19),
        (r"[1,2,3,4]", 7),
        (r#"[[],{},"x", [] ]"#, 12),
        (r#"{"x":{"y":[{"a":"1","b":"2","c":"3" , "d":"4"}]}}"#, 38),
        (r#"{"x":{"y":[["1","2","3","4"]]}}"#, 24),
        (r#"{"x":{"y":[[{},{},{},{}]]}}"#, 21),
        (r#"{"a":{"b":{"x":{},"x":{},"x":{},"x":{}}}}"#, 32),
    ] {
        let error = refused(&options, body);
        assert_eq!(
            error,
            Error {
                kind: ErrorKind::Members(3),
                offset
            },
            "{body}"
        );
        let text = format!("more members than limits.members (3) at byte {offset}");
        assert_eq!(error.to_string(), text);
    }
    for body in [
        r#"{"a":1,"b":2,"c":[1,2,3]}"#,
        r#"[[[{},{"a":[]},{}],[],"x"],1,{"a":{"b":{"c":{}}}}]"#,
    ] {
        passes(&options, body);
    }
}

#[test]
fn member_names() {
    let options = options("keys", 4);
    for (body, offset) in [
        (r#"{"a":1,"b":{"a":{"a":{"a":1}}}}"#, 22),
        (
            r#"[[[{"a":"1","a":"2"},{"a":"3","a":"4"},{ "a":"5"}]]]"#,
            41,
        ),
    ] {
        let error = refused(&options, body);
        assert_eq!(
            error,
            Error {
                kind: ErrorKind::Keys(4),
                offset
            },
            "{body}"
        );
        let text = format!("more member names than limits.keys (4) at byte {offset}");
        assert_eq!(error.to_string(), text);
    }
    passes(
        &options,
        r#"[[[{"a":"1","b":"2"},{"c":"3","d":"4"}]],[{}]]"#,
    );
    // Of lines each has its own.
    let each = Options {
        limits: options.limits,
        ..lines()
    };
    let line = "{\"a\":{\"b\":{\"c\":{\"d\":1}}}}\n";
    passes(&each, &line.repeat(3));
    assert_eq!(
        refused(&each, &format!("{line}[{},{{\"e\":1}}]", line.trim_end())).offset,
        54
    );
}

/// A string may go on for many of the windows in which a chunk is read.
#[test]
fn long_strings() {
    let rules = all_profiles();
    for limit in [16, 1000, 2047, 2048, 2049, 5000, 65_536] {
        let options = options("token_bytes", limit);
        for length in [10, 900, 2000, 2040, 2048, 2060, 4096, 6100, 70_000, 200_000] {
            let pad = "x".repeat(length);
            let body = format!(r#"[[[{{"a":"{pad}","ssn":"{pad}","b":"y"}},["{pad}"]]]]"#);
            let kept = length + 2 <= limit;
            let expected = |name: &str| {
                let kept = kept && name == "a";
                if kept {
                    format!("\"{pad}\"")
                } else {
                    format!(
                        "\"[masked:{}]\"",
                        if name == "ssn" { name } else { "other" }
                    )
                }
            };
            let (a, ssn) = (expected("a"), expected("ssn"));
            let expected = format!(r#"[[[{{"a":{a},"ssn":{ssn},"b":"y"}},[{a}]]]]"#);
            let size = body.len();
            for chunk in [size, size / 2 + 1, 4096, 1000] {
                let (out, result) =
                    mask_chunks(&rules, options.clone(), body.as_bytes().chunks(chunk));
                result.unwrap();
                assert!(
                    out == expected.as_bytes(),
                    "{length} of {limit} in chunks of {chunk}"
                );
            }
        }
    }
}

#[test]
fn the_document_has_every_limit() {
    let mut table = String::from(
        "| limit | bounds | default | from | to | beyond |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for doc in Limits::REFERENCE {
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} | {} |",
            doc.name, doc.bounds, doc.default, doc.lowest, doc.highest, doc.beyond
        )
        .unwrap();
    }
    document_has("docs/limits.md", &table);
}

/// A body whose names are known when it comes to its last part, which nothing is unusual about: such
/// members go by without events.
fn known_names(last: &str) -> String {
    let plain = r#"{"first":"1","second":"2","third":["3"]}"#;
    format!(
        r#"{{"outer":{{"outer":{{"list":[{plain},{plain}],"then":{last}}},"behind":"{}"}}}}"#,
        "x".repeat(64)
    )
}

#[test]
fn limits_are_the_same_where_names_are_known() {
    let many = r#"{"first":"1","second":"2","third":"3","first":"4"}"#;
    let body = known_names(many);
    let error = refused(&options("members", 3), &body);
    let fourth = body.rfind(r#""first":"4""#).unwrap() as u64;
    assert_eq!((error.kind, error.offset), (ErrorKind::Members(3), fourth));
    passes(&options("members", 4), &body);

    let error = refused(&options("keys", 13), &body);
    assert_eq!((error.kind, error.offset), (ErrorKind::Keys(13), fourth));
    passes(&options("keys", 15), &body);

    let elements = known_names(r#"[["1","2","3"],["1","2","3","4"],[]]"#);
    let error = refused(&options("members", 3), &elements);
    let fourth = elements.find(r#""4""#).unwrap() as u64;
    assert_eq!((error.kind, error.offset), (ErrorKind::Members(3), fourth));

    let deep = known_names(r"[[],[[[]]]]");
    let error = refused(&options("depth", 6), &deep);
    let inner = deep.find("[[[").unwrap() as u64 + 2;
    assert_eq!((error.kind, error.offset), (ErrorKind::Depth(6), inner));
    passes(&options("depth", 7), &deep);
}

#[test]
fn what_is_deeper_than_the_fast_way_goes_comes_out_the_same() {
    for depth in [28, 31, 32, 33, 40, 70] {
        let nested = (0..depth).fold(r#"{"first":"1"}"#.to_owned(), |inner, level| {
            if level % 3 == 0 {
                format!(r#"[1,{inner},"x"]"#)
            } else {
                format!(r#"{{"first":"1","second":{inner},"third":null}}"#)
            }
        });
        passes(&Options::default(), &known_names(&nested));
    }
}
