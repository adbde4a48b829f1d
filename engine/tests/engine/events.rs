//! Server-sent events: the data of each event is masked as JSON, all else is guarded.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::Value;

use crate::support::{all_profiles, check_splits, limits, mask, mask_chunks, masked, no_rules};
use velum_engine::{
    Class, ErrorKind, Framing, Limits, Masker, Operator, Options, Rule, Ruleset, Selector,
};

fn events() -> Options {
    Options {
        framing: Framing::Events,
        ..Options::default()
    }
}

fn small(token_bytes: usize) -> Options {
    Options {
        framing: Framing::Events,
        ..limits(8, token_bytes, 64)
    }
}

/// Masks a stream, cut everywhere.
fn check(body: &str, expected: &str) {
    let rules = all_profiles();
    assert_eq!(masked(&rules, events(), body), expected, "{body:?}");
    check_splits(&rules, &events(), body.as_bytes(), 0..=body.len());
    assert_eq!(masked(&rules, events(), expected), expected, "again");
}

fn refused(options: &Options, body: &[u8], kind: ErrorKind, offset: usize) {
    let rules = all_profiles();
    let (_, result) = mask(&rules, options.clone(), body);
    let error = result.expect_err(&String::from_utf8_lossy(body));
    assert_eq!(
        (error.kind, error.offset),
        (kind, offset as u64),
        "{}",
        String::from_utf8_lossy(body)
    );
    check_splits(&rules, options, body, 0..=body.len());
}

/// What a client makes of a stream (section 9.2.6): type, data and id of each event.
fn read(stream: &[u8]) -> Vec<(String, String, String)> {
    let stream = String::from_utf8(stream.to_vec()).unwrap();
    let stream = stream.strip_prefix('\u{FEFF}').unwrap_or(&stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut kind, mut data, mut id) = (String::new(), String::new(), String::new());
    let mut events = Vec::new();
    let Some((whole, _)) = stream.rsplit_once('\n') else {
        return events;
    };
    for line in whole.split('\n') {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                if let Some(text) = data.strip_suffix('\n') {
                    events.push((std::mem::take(&mut kind), text.to_owned(), id.clone()));
                }
                (kind, data) = Default::default();
            }
            "event" => value.clone_into(&mut kind),
            "data" => data.extend([value, "\n"]),
            "id" => value.clone_into(&mut id),
            _ => {}
        }
    }
    events
}

#[test]
fn untouched_events_come_out_as_they_came() {
    for stream in [
        "",
        "\n",
        "\n\r\n\r",
        "data: {\"a\":1}\n\n",
        "data:{\"a\":1}\n\n",
        "data:  {\"a\":1} \n\n",
        "data: 1\n\ndata: 2\n\n",
        "data: \"x\"\r\n\r\n",
        "data: [\rdata: 1]\r\rdata: 3\r\r",
        "event: patient\nid: 7\nretry: 3000\ndata: {\ndata:   \"a\": 1\ndata: }\n\n",
        "data:{\ndata:  \"a\": 1\ndata:}\n\n",
        "data: {}\nid: 8\n:\nevent\n\n",
        "event: ping\n\n",
        "event: ping\ndata:\n\n",
        "event: ping\ndata: \ndata: \t\n\n",
        ":\n:\n\n",
        "retry\nid\nid:\nretry:\n\n",
        "\u{FEFF}data: {}\n\n",
        "\u{FEFF}",
        "\u{FEFF}\n\n",
        "data: [DONE]\n\n",
        "data:[DONE]\r\n\r\n",
        "event: end\ndata: [DONE]\nid: 4\n\n",
        "data: [\ndata: ]\n\n",
        "data: [\"DONE\"]\n\n",
        "data: 12",
        "data: 12\n",
        "data: [DONE]",
        "data: {}\nid: 1\n",
        "id: 3",
        "event: a\r\r\nevent: b\r\n\r",
    ] {
        check(stream, stream);
    }
}

#[test]
fn what_is_masked_and_what_is_normalised() {
    for (stream, expected) in [
        (
            "data: {\"ssn\":\"123-45-6789\"}\n\n",
            "data: {\"ssn\":\"[masked:ssn]\"}\n\n",
        ),
        (
            "event: call 212-555-0123\nid:a@b.example\ndata: 1\n\n",
            "event: call [masked:phone]\nid:[masked:email]\ndata: 1\n\n",
        ),
        // Free text, and what no client reads.
        (": 123-45-6789\ndata: 1\n\n", ":\ndata: 1\n\n"),
        ("Data: 1\nname: Quill\ndatax\n data: 2\n\n", "\n"),
        ("dat", ""),
        ("data: 1\n\nda", "data: 1\n\n"),
        // Lines of data are written like the first, other lines come behind them.
        (
            "data: [\r\ndata:1\ndata\ndata: ]\n\n",
            "data: [\r\ndata: 1\r\ndata: \r\ndata: ]\n\n",
        ),
        ("data\ndata: 1\n\n", "data:\ndata:1\n\n"),
        ("data:\ndata:  1\n\n", "data:\ndata:  1\n\n"),
        (
            "data: [\nid: 1\n: x\ndata: ]\n\n",
            "data: [\ndata: ]\nid: 1\n:\n\n",
        ),
        ("data: [\nid: 1\ndata: ]", "data: [\ndata: ]\nid: 1\n"),
        // A mark is one only at the start of the body.
        ("data: 1\n\n\u{FEFF}data: 2\n\n", "data: 1\n\n\n"),
        // No empty line becomes part of the line end before it.
        ("event: a\rx\n\n", "event: a\r\r\n"),
        (
            "data: [\rid: 1\rdata: ]\n\n",
            "data: [\rdata: ]\nid: 1\r\r\n",
        ),
    ] {
        check(stream, expected);
    }
}

#[test]
fn a_value_cut_over_chunks_and_lines_is_masked_whole() {
    check(
        "data: {\"note\":\ndata: \"ask a@b.example or 123-45-6789\",\ndata: \"ssn\"\ndata: :\ndata: \"123-45-6789\"}\n\n",
        "data: {\"note\":\ndata: \"ask [masked:email] or [masked:ssn]\",\ndata: \"ssn\"\ndata: :\ndata: \"[masked:ssn]\"}\n\n",
    );
}

/// One event with two deltas that hold a value together: each is a string of its own, and what
/// detectors see of them is no identifier, but a rule by key masks both.
#[test]
fn a_value_over_two_deltas_of_one_event() {
    let stream = "data: {\"choices\":[{\"ssn\":\"123-4\"},\ndata: {\"ssn\":\"5-6789\"}]}\n\n";
    check(
        stream,
        "data: {\"choices\":[{\"ssn\":\"[masked:ssn]\"},\ndata: {\"ssn\":\"[masked:ssn]\"}]}\n\n",
    );
}

/// The limit that the documentation states.
#[test]
fn a_value_over_two_events_is_not_seen_as_one() {
    let stream = "data: {\"delta\":\"123-45-\"}\n\ndata: {\"delta\":\"6789\"}\n\n";
    check(stream, stream);
}

#[test]
fn an_event_leaves_with_its_last_byte() {
    for end in ["\n\n", "\r\r", "\r\n\r\n"] {
        let mut masker = Masker::new(all_profiles(), events());
        let (mut out, mut all) = (Vec::new(), String::new());
        assert!(masker.is_closed());
        for delta in 0..20 {
            let event = format!("data: {{\"delta\":\"{delta}\"}}{end}");
            all.push_str(&event);
            let (first, last) = event.as_bytes().split_at(event.len() - 1);
            masker.feed(first, &mut out).unwrap();
            assert_eq!(masker.is_closed(), end == "\r\n\r\n", "{end:?}");
            masker.feed(last, &mut out).unwrap();
            assert_eq!(String::from_utf8_lossy(&out), all);
            assert!(masker.is_closed());
        }
        masker.finish(&mut out).unwrap();
        assert_eq!(masker.report().records(), 20);
        assert!(masker.feed(b"data", &mut out).is_err());
    }
}

/// Nor does a long text wait for the end of its event.
#[test]
fn data_streams_within_an_event() {
    let mut masker = Masker::new(all_profiles(), events());
    let mut out = Vec::new();
    masker.feed(b"data: [0", &mut out).unwrap();
    for _ in 0..100_000 {
        masker
            .feed(b",\ndata: \"abc\",{\"ssn\":1}", &mut out)
            .unwrap();
    }
    assert!(out.len() > 2_000_000 && !masker.is_closed());
    masker.feed(b"]\n\n", &mut out).unwrap();
    assert_eq!(masker.report().masked(Class::Ssn), 100_000);
    let read = read(&out);
    assert!(serde_json::from_str::<Value>(&read[0].1).is_ok());
}

#[test]
fn faults_are_refused_at_their_place() {
    for (body, kind, offset) in [
        (&b"data: {\"a\":x}\n\n"[..], ErrorKind::Syntax, 11),
        (
            b"data: 1\n\nid: 1\ndata: [\ndata:  1,\ndata: x]\n\n",
            ErrorKind::Syntax,
            39,
        ),
        // A string may not go over a line's end.
        (b"data: \"ab\r\ndata: cd\"\n\n", ErrorKind::Syntax, 9),
        (b"data: 1\ndata: 2\n\n", ErrorKind::Syntax, 14),
        (b"data: [\"\xFF\"]\n\n", ErrorKind::Utf8, 8),
        (b"id: a\xFF\n", ErrorKind::Utf8, 5),
        (b"\xEF\xBB\xBFid: a\xFF\n", ErrorKind::Utf8, 8),
        (b"retry: 10s\n", ErrorKind::Field, 9),
        (b"data: 1\n\nretry:  1\n", ErrorKind::Field, 16),
        (b"data: {\"a\":\n\ndata: 1}\n\n", ErrorKind::Truncated, 11),
        (b"data: {\"a\":\ndata:  \r\n\r\n", ErrorKind::Truncated, 19),
        (b"data: {\"a\":\nid: 1\n", ErrorKind::Truncated, 11),
        (b"data: {\"a\":", ErrorKind::Truncated, 11),
        (b"data: [", ErrorKind::Truncated, 7),
        // Only alone, whole and as it is.
        (b"data: [DO\n\n", ErrorKind::Syntax, 7),
        (b"data: [DON", ErrorKind::Syntax, 7),
        (b"data: [DONE] \n\n", ErrorKind::Syntax, 7),
        (b"data: [DONE]\ndata: \n\n", ErrorKind::Syntax, 7),
        (b"data: \ndata: [DONE]\n\n", ErrorKind::Syntax, 14),
        (b"data: Quill\n\n", ErrorKind::Syntax, 6),
        (b"event: a\ndata: {} {}\n\n", ErrorKind::Syntax, 18),
    ] {
        refused(&events(), body, kind, offset);
    }
}

#[test]
fn limits_hold_for_lines_and_for_what_waits() {
    let token = ErrorKind::Token(16);
    for (body, kind, offset) in [
        ("data: 1\n\nid: 3456789012345\n", token, 9),
        ("\n: 345678901234567\n", token, 1),
        ("\nunknown: 01234567\n", token, 1),
        ("data: [\nid: 45678\nid: 45678\ndata: ]\n\n", token, 18),
        ("data: [[[[[[[[[\n\n", ErrorKind::Depth(8), 14),
        ("data: [ 12345678901234567 ]\n\n", token, 8),
        // The comma is two lines before the place where it is too much.
        ("data: [1 ,\ndata:        \ndata:         2]\n\n", token, 9),
    ] {
        refused(&small(16), body.as_bytes(), kind, offset);
    }
    let long = format!("data: [\"{}\"]\n\n", "a".repeat(100));
    assert_eq!(
        mask(&no_rules(), small(16), long.as_bytes()).0,
        long.as_bytes()
    );
    let within = "id: 456789012345\nid: 4\ndata: [\nid: 45678\nid: 4\ndata: ]\n\n";
    assert!(mask(&no_rules(), small(16), within.as_bytes()).1.is_ok());
}

#[test]
fn nothing_follows_an_error_and_a_failing_feed_appends_nothing() {
    let mut masker = Masker::new(all_profiles(), events());
    let mut out = Vec::new();
    masker.feed(b"data: 1\n\n", &mut out).unwrap();
    let before = out.clone();
    let error = masker
        .feed(b"data: 2\n\ndata: x\n\n", &mut out)
        .unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::Syntax, 24));
    assert_eq!(masker.feed(b"data: 3\n\n", &mut out), Err(error));
    assert_eq!(masker.finish(&mut out), Err(error));
    assert_eq!(out, before);
    assert!(!masker.is_closed());
    assert!(!format!("{masker:?}").contains("data"));
}

#[test]
fn the_report_is_one_for_the_whole_body() {
    let stream = "id: a@b.example\ndata: [{\"ssn\":\"123-45-6789\"},{\"ssn\":1}]\n\n\
        event: none\n\ndata:\n\ndata: {\"resourceType\":\"Bundle\",\"entry\":[{},{}]}\n\n\
        data: \"212-555-0123\"\n\ndata: [DONE]\n\n";
    let options = Options {
        lift: [Class::Ssn, Class::Email].into_iter().collect(),
        ..events()
    };
    let (out, result) = mask(&all_profiles(), options, stream.as_bytes());
    let report = result.unwrap();
    assert_eq!(report.records(), 3);
    assert_eq!(report.lifted(Class::Ssn), 2);
    assert_eq!(
        report.masked(Class::Email),
        1,
        "beside the data nothing is lifted"
    );
    assert_eq!(report.masked(Class::Phone), 1);
    assert!(!String::from_utf8(out).unwrap().contains("a@b.example"));
}

/// Every profile, and a rule that takes lines away.
fn removing() -> Arc<Ruleset> {
    static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(removing_rules);
    Arc::clone(&RULES)
}

fn removing_rules() -> Arc<Ruleset> {
    let rule = Rule {
        name: "drop".into(),
        select: Selector::Path("$..drop".into()),
        class: Class::Other,
        operator: Operator::Remove,
    };
    let builder = velum_engine::Profile::STRICTEST
        .iter()
        .fold(Ruleset::builder().rule(rule), |builder, profile| {
            builder.profile(*profile)
        });
    Arc::new(builder.build().unwrap())
}

/// Lines, whole events and broken ones, with every line end.
fn stream() -> impl Strategy<Value = String> {
    let line = proptest::sample::select(
        &[
            "",
            "",
            "",
            "data: {}",
            "data: {",
            "data:\"drop\": {",
            "data: }",
            "data: ,",
            "data: \"ssn\": \"123-45-6789\"",
            "data:  \"name\": \"Quill\",",
            "data",
            "data:",
            "data: [",
            "data: ]",
            "data: 1",
            "data: [DONE]",
            "data: \"call 212-555-0123\"",
            "id: a@b.example",
            "id: 1",
            "event: 123-45-6789",
            "event: x",
            "retry: 10",
            ": 123-45-6789",
            ":",
            "unknown: 123-45-6789",
            "unknown",
            "da",
            "\u{FEFF}data: 1",
            "\u{FEFF}",
        ][..],
    );
    let text = proptest::sample::select(
        &[
            "{\"a\":1}",
            "{|\"ssn\":|\"123-45-6789\"|}",
            "[|{\"drop\":|1,|\"b\":2},|3|]",
            "\"a@b.example\"",
            "[DONE]",
            "| |",
            "[1, |  2]",
        ][..],
    );
    let prefix = proptest::sample::select(&["data: ", "data:"][..]);
    let event = (text, prefix).prop_map(|(text, prefix)| {
        let lines: Vec<String> = text
            .split('|')
            .map(|line| format!("{prefix}{line}"))
            .collect();
        lines
    });
    let lines = prop_oneof![
        2 => line.prop_map(|line| vec![line.to_owned()]),
        6 => event.prop_map(|mut lines| { lines.push(String::new()); lines }),
    ];
    let end = || proptest::sample::select(&["\n", "\n", "\r\n", "\r"][..]);
    proptest::collection::vec((lines, end(), end()), 0..8).prop_map(|parts| {
        let mut stream = String::new();
        for (lines, one, other) in parts {
            for (index, line) in lines.iter().enumerate() {
                stream.push_str(line);
                stream.push_str(if index % 2 == 0 { one } else { other });
            }
        }
        stream
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn every_cut_gives_the_same_stream(body in stream(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        token in prop_oneof![Just(24usize), Just(65536)])
    {
        let options = Options { limits: Limits { token_bytes: token, ..Limits::default() }, ..events() };
        let rules = removing();
        let (whole, result) = mask(&rules, options.clone(), body.as_bytes());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]);
        let (split, split_result) = mask_chunks(&rules, options.clone(), chunks);
        let (single, single_result) = mask_chunks(&rules, options.clone(), body.as_bytes().chunks(1));
        prop_assert_eq!(&split_result, &result);
        prop_assert_eq!(&single_result, &result);
        // What left before a fault is a beginning of the same.
        prop_assert!(single.starts_with(&whole) && single.starts_with(&split));
        if result.is_ok() {
            prop_assert_eq!(String::from_utf8_lossy(&split), String::from_utf8_lossy(&whole));
            prop_assert_eq!(String::from_utf8_lossy(&single), String::from_utf8_lossy(&whole));
        }
        for canary in ["123-45-6789", "212-555-0123", "a@b.example", "Quill"] {
            prop_assert!(!String::from_utf8_lossy(&single).contains(canary));
        }
    }

    /// A client reads the same events, of the same types, with the texts that a masker for one
    /// text makes of theirs.
    #[test]
    fn a_client_reads_the_same_events(body in stream()) {
        let rules = removing();
        let (out, result) = mask(&rules, events(), body.as_bytes());
        let before = read(body.as_bytes());
        if result.is_err() {
            return Ok(());
        }
        let texts: Vec<(String, String, String)> = before.into_iter().map(|(kind, data, id)| {
            let data = if data == "[DONE]" || data.trim().is_empty() { data } else { masked(&rules, Options::default(), &data) };
            (velum_engine::mask_text(&rules, &kind), data, velum_engine::mask_text(&rules, &id))
        }).collect();
        prop_assert_eq!(read(&out), texts);
        let (again, result) = mask(&rules, events(), &out);
        prop_assert!(result.is_ok());
        prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&out));
    }
}
