//! What a hostile reading found: each is a way in which a value once passed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_engine::{Class, Options, Profile, Ruleset};

use crate::support::{check_splits, lift, limits, mask, masked, profile};

fn profiles(profiles: &[Profile]) -> Arc<Ruleset> {
    let builder = profiles
        .iter()
        .fold(Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        });
    Arc::new(builder.build().unwrap())
}

fn gone(rules: &Arc<Ruleset>, options: &Options, body: &str, secrets: &[&str]) {
    let out = masked(rules, options.clone(), body);
    for secret in secrets {
        assert!(!out.contains(secret), "{secret}: {body}\n{out}");
    }
    check_splits(rules, options, body.as_bytes(), 0..=body.len());
}

#[test]
fn a_text_seen_before_a_name_was_known_is_searched_again() {
    let note = r#""note":"U21pdGggd2FzIGhlcmUgdG9kYXk=""#;
    let body = format!(r#"{{"a":{{{note}}},"surname":"Smith","b":{{{note}}}}}"#);
    let out = masked(&profile(Profile::Pii), Options::default(), &body);
    assert_eq!(
        out.matches("U21pdGggd2FzIGhlcmUgdG9kYXk=").count(),
        1,
        "{out}"
    );
}

#[test]
fn a_text_with_base64_in_it_is_searched_again() {
    let note = r#""note":"it says U21pdGggd2FzIGhlcmUgdG9kYXk= there""#;
    let body = format!(r#"{{"a":{{{note}}},"surname":"Smith","b":{{{note}}}}}"#);
    let out = masked(&profile(Profile::Pii), Options::default(), &body);
    let code = "U21pdGggd2FzIGhlcmUgdG9kYXk=";
    assert_eq!(out.matches(code).count(), 1, "{out}");
}

#[test]
fn base64_in_a_name_is_masked_where_it_is_not_lifted() {
    let rules = profile(Profile::Pii);
    let body = r#"{"it is YWJAYy5leGFtcGxlIGFuZCBzbw here":1}"#;
    masked(&rules, lift(&[Class::Email]), body);
    gone(&rules, &Options::default(), body, &["YWJAYy5leGFtcGxl"]);
    let body = r#"{"is eyJhIjoxfQ.eyJtIjoiYUBiLmV4YW1wbGUifQ.x":1}"#;
    masked(&rules, lift(&[Class::Email]), body);
    gone(
        &rules,
        &Options::default(),
        body,
        &["eyJtIjoiYUBiLmV4YW1wbGUifQ"],
    );
}

#[test]
fn what_is_lifted_in_a_name_here_is_masked_in_it_elsewhere() {
    let rules = profile(Profile::Pii);
    let body = r#"{"YWJAYy5leGFtcGxl":1}"#;
    masked(&rules, lift(&[Class::Email]), body);
    gone(&rules, &Options::default(), body, &["YWJAYy5leGFtcGxl"]);
}

#[test]
fn tags_in_a_find_keep_nothing_but_their_names() {
    let rules = profile(Profile::Pii);
    for (text, expected) in [
        (r"1<b\u003e23-45-678<i>9", "[masked:ssn]<b><i>"),
        (
            r#"123<b class=\"x 456\">-45-</b>6789"#,
            "[masked:ssn]<b></b>",
        ),
        (r"123<!-- 9 -->-45-6789", "[masked:ssn]"),
    ] {
        let out = masked(&rules, Options::default(), &format!(r#"{{"x":"{text}"}}"#));
        assert_eq!(out, format!(r#"{{"x":"{expected}"}}"#));
    }
}

#[test]
fn one_profile_shows_nothing_that_another_masks_throughout() {
    let rules = profiles(&[Profile::Pii, Profile::FhirR4]);
    for body in [
        r#"{"ssn":{"coding":{"code":"hidden"}}}"#,
        r#"{"customerSsn":{"type":{"code":"hidden"}}}"#,
        r#"{"patientName":{"type":{"display":"hidden"}}}"#,
        r#"{"patientName":{"id":"hidden","status":"hidden"}}"#,
    ] {
        gone(&rules, &Options::default(), body, &["hidden"]);
    }
}

#[test]
fn encodings_with_space_around_them_are_looked_into() {
    let rules = profile(Profile::Pii);
    for text in [
        " YUBiLmV4YW1wbGUgaXMgaXQ=",
        "YUBiLmV4\\nYW1wbGUgaXMgaXQ=\\n",
        " data:text/plain;base64,YUBiLmV4YW1wbGUgaXMgaXQ=",
    ] {
        let body = format!(r#"{{"x":"{text}"}}"#);
        gone(&rules, &Options::default(), &body, &["YW1wbGUgaXMgaXQ="]);
    }
}

#[test]
fn json_written_twice_in_lines_or_behind_a_mark_is_looked_into() {
    let rules = profile(Profile::Pii);
    for text in [
        r#""\"{\\\"surname\\\":\\\"hidden\\\"}\"""#,
        r#""{\"surname\":\"hidden\"}\n{\"surname\":\"hidden\"}""#,
        r#""\ufeff{\"surname\":\"hidden\"}""#,
    ] {
        let body = format!(r#"{{"x":{text}}}"#);
        gone(&rules, &Options::default(), &body, &["hidden"]);
    }
}

/// A string of JSON with that in it.
fn written(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[test]
fn json_written_often_is_looked_into_or_masked_whole() {
    let rules = profile(Profile::Pii);
    for inner in [
        r#"{"surname":"Quillan"}"#,
        "\u{feff} {\"surname\":\"Quillan\"} ",
        r#" [{"surname":"Quillan","#,
        "[\"a\"]\n[{\"surname\":\"Quillan\"}]",
    ] {
        let mut text = inner.to_owned();
        for _ in 0..6 {
            text = written(&text);
            gone(
                &rules,
                &Options::default(),
                &format!(r#"{{"memo":{text}}}"#),
                &["Quillan"],
            );
        }
    }
    let twice = written(&written(&written(r#"{"surname":"Quillan","n":1}"#)));
    let out = masked(
        &rules,
        Options::default(),
        &format!(r#"{{"memo":{twice}}}"#),
    );
    assert_eq!(
        out,
        format!(
            r#"{{"memo":{}}}"#,
            twice.replace("Quillan", "[masked:name]")
        )
    );
    // Words in quotes are no reason.
    let body = format!(r#"{{"memo":{}}}"#, written(r#""She said \"no\" twice""#));
    assert_eq!(masked(&rules, Options::default(), &body), body);
}

#[test]
fn arrays_that_are_cut_and_lines_of_arrays_are_looked_into() {
    let rules = profile(Profile::Pii);
    for text in [
        r#"[{"surname":"Quillan","note":"Quillan came"},{"surn"#,
        r#"[[{"surname":"Quillan","note":"Quillan came"},{"surn"#,
        r#"[1,{"surname":"Quillan","note":"Quillan came"},{"surn"#,
        "{\n\"surname\":\"Quillan\",\n\"note\":\"Quillan came\",\n\"surn",
        "[\"a\"]\n[{\"surname\":\"Quillan\"}]",
        "[1]\n{\"surname\":\"Quillan\"}",
        "[\"a\"]\r\n[{\"surname\":\"Quillan\"}]\n[{\"surn",
    ] {
        let body = format!(r#"{{"memo":{}}}"#, written(text));
        gone(&rules, &Options::default(), &body, &["Quillan"]);
    }
}

#[test]
fn the_name_of_a_member_speaks_for_json_in_its_string() {
    let rules = profile(Profile::HipaaSafeHarbor);
    let body = r#"{"npiNo":"[1234567893]","npi":"[\"1234567893\"]"}"#;
    gone(&rules, &Options::default(), body, &["1234567893"]);
}

#[test]
fn what_is_exempt_in_the_body_is_not_in_its_strings() {
    let builder = Ruleset::builder().profile(Profile::Pii).exempt("$.ab");
    let rules = Arc::new(builder.build().unwrap());
    let body = r#"{"x":"{\"ab\":\"123-45-6789\"}"}"#;
    gone(&rules, &Options::default(), body, &["123-45-6789"]);
    let body = r#"{"ab":"123-45-6789"}"#;
    assert_eq!(masked(&rules, Options::default(), body), body);
}

#[test]
fn lifting_one_class_shows_no_find_of_another_that_it_overlaps() {
    let rules = profile(Profile::HipaaSafeHarbor);
    for (class, text, secret) in [
        (Class::Email, "123-45-6789@mail.example", "123-45-6789"),
        (Class::Phone, "tel 123-45-6789", "123-45-6789"),
    ] {
        let body = format!(r#"{{"x":"{text}"}}"#);
        gone(&rules, &lift(&[class]), &body, &[secret]);
    }
}

#[test]
fn names_are_mentioned_in_whatever_spelling() {
    let rules = profile(Profile::Pii);
    for note in ["S\u{200b}mith", "Sm\u{ad}ith", "Smi&shy;th", "\u{ff33}mith"] {
        let body = format!(r#"{{"surname":"Smith","note":"{note} came"}}"#);
        let out = masked(&rules, Options::default(), &body);
        assert!(out.ends_with(r#""note":"[masked:name] came"}"#), "{out}");
    }
}

#[test]
fn the_signs_of_two_tables_of_siblings_are_not_taken_for_each_other() {
    let rules = profile(Profile::FhirR4);
    let body = r#"{"extension":[{"valueString":"hidden","system":"s","code":"c","url":"u"}]}"#;
    gone(&rules, &Options::default(), body, &["hidden"]);
}

#[test]
fn what_a_string_holds_makes_no_name_forgotten() {
    let rules = profile(Profile::Pii);
    for inner in [r#"{\"a\":1}\n{\"b\":2}"#, r"[{},{}]", r#"{\"entry\":[{}]}"#] {
        let body = format!(r#"{{"surname":"Smith","x":"{inner}","note":"Smith came"}}"#);
        gone(&rules, &Options::default(), &body, &["Smith"]);
    }
}

/// How long it takes to mask a text of such parts, so long, behind which a tag may end.
fn time(rules: &Arc<Ruleset>, part: &str, length: usize) -> Duration {
    let body = format!(r#"{{"x":"{}>"}}"#, part.repeat(length / part.len()));
    let start = Instant::now();
    let (_, result) = mask(rules, limits(64, 2 * length, 2 * length), body.as_bytes());
    assert!(result.is_ok(), "{part}: {result:?}");
    start.elapsed()
}

#[test]
fn names_of_nearly_json_are_known_until_all_of_it_is_searched() {
    let rules = profile(Profile::HipaaSafeHarbor);
    // "Lab results are attached below"; nearly JSON in base64: {"firstName":"Zoe","memo":"Zo
    for code in [
        "TGFiIHJlc3VsdHMgYXJlIGF0dGFjaGVkIGJlbG93",
        "eyJmaXJzdE5hbWUiOiJab2UiLCJtZW1vIjoiWm8=",
        // {"firstName":"Zoe","memo":"Lab results"}
        "eyJmaXJzdE5hbWUiOiJab2UiLCJtZW1vIjoiTGFiIHJlc3VsdHMifQ==",
    ] {
        let log = format!(
            r#"{{"patient":{{"lastName":"Quillan","firstName":"Zoe"}},"attachment":"{code}","summary":"Zoe Quillan was seen tod"#
        );
        let body = serde_json::json!({ "log": log, "note": "Quillan" }).to_string();
        let out = masked(&rules, Options::default(), &body);
        assert!(
            out.contains("[masked:name] [masked:name] was seen tod"),
            "{out}"
        );
        // It is known no longer than that.
        assert!(out.ends_with(r#""note":"Quillan"}"#), "{out}");
        check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
    }
}

#[test]
fn texts_that_are_nearly_encodings_take_no_longer_than_others() {
    const LENGTH: usize = 1_000_000;
    /// Of a text eight times as long: growth by the square would be 64.
    const MOST: u32 = 24;
    /// What is measured below this says nothing.
    const LEAST: Duration = Duration::from_millis(4);
    let rules = profiles(&[Profile::Pii, Profile::Credentials]);
    for part in [
        "a=",
        "eyJ.",
        "ey",
        "A=b.",
        "%25",
        "&amp;",
        "&#0",
        "&",
        "<",
        "\\\\",
        "\\\\u00",
        "{\\\"",
        "+=",
        "Ab/",
        "aB-",
        "p>",
        "<a:p>",
        "ssnA",
        "u'",
        "eyJhbGciOiJub25l.",
        "aB1cD2eF3gH4iJ5kL6mN7oP8qR9s/",
        "<!--a",
        "%253C!--a",
        "&lt;!--a",
        "<!--a%3C!--",
    ] {
        let took = || (time(&rules, part, LENGTH), time(&rules, part, LENGTH / 8));
        let is_linear = |(long, short): (Duration, Duration)| long < short.max(LEAST) * MOST;
        assert!((0..3).any(|_| is_linear(took())), "{part}: {:?}", took());
    }
}
