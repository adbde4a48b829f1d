//! What went wrong in other maskers: each test is named for it and cites the public issue.
//!
//! Reading, selecting and writing only; what detectors find is tested beside them. Every vector is
//! also shown to the slow masker of `reference.rs`.

use velum_engine::{Class, Options, Selector};

use crate::reference::tree::parse;
use crate::reference::{How, Masking, Policy};
use crate::support::{check_splits, lines, mask, masked, no_rules};

fn by_key(keys: &[&str], how: How) -> Policy {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    by(Selector::Keys(keys), how)
}

fn by_path(path: &str, how: How) -> Policy {
    by(Selector::Path(path.into()), how)
}

fn by(select: Selector, how: How) -> Policy {
    let class = Class::Other;
    Policy {
        rules: vec![Masking { select, class, how }],
        ..Policy::default()
    }
}

/// The engine and the slow masker write what is expected, for every cut, and once more nothing new.
/// `~` in the expected text stands for the placeholder.
fn check(policy: &Policy, body: &str, expected: &str) {
    let expected = expected.replace('~', "\"[masked:other]\"");
    let rules = policy.ruleset().unwrap();
    let options = policy.options();
    assert_eq!(masked(&rules, options.clone(), body), expected, "{body}");
    assert_eq!(
        masked(&rules, options.clone(), &expected),
        expected,
        "again: {body}"
    );
    check_splits(&rules, &options, body.as_bytes(), 0..=body.len());
    let tree = parse(body).unwrap();
    assert_eq!(policy.mask(&tree).0, expected, "the slow masker: {body}");
}

/// data-privacy-stack/presidio #2272.
#[test]
fn every_element_keeps_its_own_replacement_and_lists_stay_lists() {
    let tail = by_key(&["card"], How::Partial(1));
    check(
        &tail,
        r#"{"card":["aaa1","bbb2",["ccc3"]]}"#,
        r#"{"card":["[masked:other:1]","[masked:other:2]",["[masked:other:3]"]]}"#,
    );
    check(
        &by_key(&["card"], How::Redact),
        r#"{"card":["a"]}"#,
        r#"{"card":[~]}"#,
    );
}

/// data-privacy-stack/presidio #2272.
#[test]
fn a_key_with_a_dot_has_an_address() {
    check(
        &by_path("$['a.b'].c", How::Redact),
        r#"{"a.b":{"c":1},"a":{"b":{"c":2}}}"#,
        r#"{"a.b":{"c":~},"a":{"b":{"c":2}}}"#,
    );
}

/// Datadog's scanner, measured: it panics on a numeric leaf.
#[test]
fn numbers_are_masked_like_strings() {
    for value in ["0", "-1.5e+3", "1e400", "123456789012345678901234567890"] {
        check(
            &by_key(&["id"], How::Redact),
            &format!("{{\"id\":{value},\"x\":{value}}}"),
            &format!("{{\"id\":~,\"x\":{value}}}"),
        );
    }
}

/// Higress, measured: `content` as an array or `null` made the typed reading fail open.
#[test]
fn a_schema_that_drifts_changes_nothing() {
    let policy = by_path("$.messages[*].content", How::Redact);
    for (content, expected) in [
        ("\"a\"", "~"),
        ("null", "null"),
        (
            r#"[{"type":"text","text":"a"},"b"]"#,
            r#"[{"type":~,"text":~},~]"#,
        ),
        ("{}", "{}"),
        ("7", "~"),
    ] {
        check(
            &policy,
            &format!(r#"{{"messages":[{{"content":{content}}}]}}"#),
            &format!(r#"{{"messages":[{{"content":{expected}}}]}}"#),
        );
    }
}

/// Higress #2463: what cannot be read falls through unmasked.
#[test]
fn what_cannot_be_read_does_not_leave() {
    let rules = by_key(&["ssn"], How::Redact).ruleset().unwrap();
    for body in [
        &b"{\"ssn\":\"900\xFF\"}"[..],
        b"\x1f\x8b\x08\0",
        b"{\"ssn\":'900'}",
    ] {
        let (out, result) = mask(&rules, Options::default(), body);
        assert!(result.is_err() && out.is_empty(), "{out:?}");
    }
}

/// kgateway-dev/kgateway #1598, grafana/agento11y #49, elastic/kibana #232319.
#[test]
fn masking_does_not_reach_into_the_syntax() {
    for (value, expected) in [
        (r#""a\"}""#, "~"),
        (r#""\\""#, "~"),
        (r#""}],""#, "~"),
        (r#""""#, "~"),
    ] {
        check(
            &by_key(&["k"], How::Redact),
            &format!(r#"[{{"k":{value}}},"k\":1"]"#),
            &format!(r#"[{{"k":{expected}}},"k\":1"]"#),
        );
    }
}

/// Kong/kong #1208 and #3166.
#[test]
fn empty_arrays_and_objects_stay_what_they_are() {
    let body = r#"{"k":[],"a":[ ],"b":{},"c":[{},[]]}"#;
    check(&by_key(&["k"], How::Redact), body, body);
    check(
        &by_key(&["k"], How::Remove),
        body,
        r#"{"a":[ ],"b":{},"c":[{},[]]}"#,
    );
}

/// api7/aisix #1008.
#[test]
fn order_numbers_and_white_space_come_out_as_they_came() {
    let body = "{ \"z\" : 1e3 ,\r\n\t\"a\":1.0, \"k\":\"\" , \"m\":-0.0, \"n\":1E+2,\"\\u0062\":\"\\/\\u00e9\" }\n";
    check(
        &by_key(&["k"], How::Redact),
        body,
        &body.replace("\"\"", "~"),
    );
}

/// Measured with a tree that keeps the last of two: the first one leaves unseen.
#[test]
fn each_of_two_members_of_one_name_is_masked() {
    check(
        &by_path("$.a.k", How::Redact),
        r#"{"a":{"k":1,"k":2},"a":{"\u006b":[3]}}"#,
        r#"{"a":{"k":~,"k":~},"a":{"\u006b":[~]}}"#,
    );
}

/// open-telemetry/opentelemetry-collector-contrib #37590, #37591, #37592 and #37239.
#[test]
fn every_type_is_masked_at_every_depth() {
    check(
        &by_key(&["k"], How::Redact),
        r#"{"k":[1,true,false,null,"s",[2],{"x":[3]}],"body":{"inner":{"k":1}}}"#,
        r#"{"k":[~,~,~,null,~,[~],{"x":[~]}],"body":{"inner":{"k":~}}}"#,
    );
}

/// thesongzhu/Friday #1611: what was a number was put back as another.
#[test]
fn a_number_is_not_half_masked() {
    check(
        &by_key(&["phone"], How::Partial(4)),
        r#"{"phone":15552345678,"Phone":-15550100.5e1}"#,
        r#"{"phone":"[masked:other:5678]","Phone":"[masked:other:05e1]"}"#,
    );
}

/// davidmarkclements/fast-redact #57 and pinojs/redact #18.
#[test]
fn wildcards_reach_every_depth() {
    check(
        &by_path("$.*.*.*.password", How::Redact),
        r#"{"a":{"b":{"c":{"password":1}},"x":[[{"password":2}]]}}"#,
        r#"{"a":{"b":{"c":{"password":~}},"x":[[{"password":2}]]}}"#,
    );
    check(
        &by_path("$..password", How::Redact),
        r#"{"password":1,"a":[[[{"b":{"password":2}}]]]}"#,
        r#"{"password":~,"a":[[[{"b":{"password":~}}]]]}"#,
    );
}

/// davidmarkclements/fast-redact #71.
#[test]
fn a_wildcard_in_the_middle_selects_only_what_it_names() {
    check(
        &by_path("$.*.*.c.*", How::Redact),
        r#"{"a":{"b":{"c":{"d":1},"e":{"d":2}},"c":3},"c":4}"#,
        r#"{"a":{"b":{"c":{"d":~},"e":{"d":2}},"c":3},"c":4}"#,
    );
}

/// pinojs/pino #2478.
#[test]
fn part_of_a_name_is_selected_by_words() {
    check(
        &by_key(&["*secret*"], How::Redact),
        r#"{"clientSecret":1,"secret_name":2,"my-secret-id":3,"secretary":4}"#,
        r#"{"clientSecret":~,"secret_name":~,"my-secret-id":~,"secretary":4}"#,
    );
}

/// awslabs/ferret-scan #437 and #439, stacktale #53.
#[test]
fn keys_are_found_in_every_spelling() {
    let policy = by_key(&["*password", "patient ssn"], How::Redact);
    for name in [
        "dbPassword",
        "db.password",
        "DB-PASSWORD",
        "Password2",
        "patientSSN",
        "PatientSsn",
    ] {
        check(
            &policy,
            &format!("{{\"{name}\":1}}"),
            &format!("{{\"{name}\":~}}"),
        );
    }
}

/// getsentry/relay #1662.
#[test]
fn auth_does_not_hit_author() {
    let body = r#"{"author":1,"author-id":2,"authority":3,"coauthor":4}"#;
    for key in ["auth", "*auth", "auth*", "*auth*"] {
        check(&by_key(&[key], How::Redact), body, body);
    }
}

/// getsentry/relay #3237.
#[test]
fn a_value_that_equals_a_sensitive_name_is_a_value() {
    let body = r#"{"fields":["ssn","password"],"x":"ssn"}"#;
    check(&by_key(&["ssn", "password"], How::Redact), body, body);
}

/// getsentry/relay #1789.
#[test]
fn objects_under_a_sensitive_key_are_masked_throughout() {
    check(
        &by_key(&["auth"], How::Redact),
        r#"{"auth":{"user":"a","more":[{"deep":1},"b"]},"user":"a"}"#,
        r#"{"auth":{"user":~,"more":[{"deep":~},~]},"user":"a"}"#,
    );
}

/// ScriptedAlchemy/agent-bundle #437, thesongzhu/Friday #1611 and #1619.
#[test]
fn names_that_are_values_do_not_survive() {
    check(
        &by_key(&["tokens"], How::Redact),
        r#"{"tokens":{"900123456":1,"\u0039001x2":[{"20240101":2}],"a":3},"900123456":4}"#,
        r#"{"tokens":{~:~,~:[{~:~}],"a":~},"900123456":4}"#,
    );
}

/// coreruleset #4720 and #2512.
#[test]
fn escapes_do_not_hide_a_name() {
    let policy = by_key(&["patient_ssn"], How::Redact);
    for name in [
        r"patient\u005fssn",
        r"\u0070\u0061tient_ssn",
        r"patient_\u0053SN",
        r"patient\/ssn",
        r"patient\tssn",
    ] {
        let body = format!("{{\"{name}\":1}}");
        let rules = policy.ruleset().unwrap();
        let expected = format!("{{\"{name}\":\"[masked:other]\"}}");
        assert_eq!(masked(&rules, Options::default(), &body), expected);
        check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
        assert_eq!(policy.mask(&parse(&body).unwrap()).0, expected);
    }
    check(
        &by_path("$.ssn", How::Redact),
        r#"{"\u0073sn":1,"s\\u0073n":2}"#,
        r#"{"\u0073sn":~,"s\\u0073n":2}"#,
    );
}

/// coreruleset #4612.
#[test]
fn bytes_with_two_readings_are_refused() {
    for inside in [
        &b"\xC0\xAF"[..],
        b"\xE0\x80\xAF",
        b"\xED\xA0\x80",
        b"\xF5\x80\x80\x80",
        b"\\ud800",
        b"\\udc00\\ud800",
        b"\\x41",
    ] {
        let body = [b"{\"", inside, b"\":1}"].concat();
        let (out, result) = mask(&no_rules(), Options::default(), &body);
        assert!(result.is_err() && out.is_empty(), "{body:?}");
        check_splits(&no_rules(), &Options::default(), &body, 0..=body.len());
    }
}

/// sicuranext/karna #4.
#[test]
fn a_bare_scalar_is_a_body() {
    for body in ["\"a\"", "7", " true ", "-1.5e3\n"] {
        let expected = body.replace(body.trim(), "~");
        check(&by_path("$", How::Redact), body, &expected);
    }
    let rules = by_path("$", How::Redact).ruleset().unwrap();
    let placeholder = "\"[masked:other]\"";
    assert_eq!(
        masked(&rules, lines(), "1\n\"b\""),
        format!("{placeholder}\n{placeholder}")
    );
}

/// awslabs/ferret-scan #519.
#[test]
fn the_occurrence_that_is_selected_is_masked() {
    check(
        &by_path("$[1]", How::Redact),
        r#"["900-12-3456","900-12-3456","900-12-3456",{"a":"900-12-3456"}]"#,
        r#"["900-12-3456",~,"900-12-3456",{"a":"900-12-3456"}]"#,
    );
}

/// Kong's changelog, 3.11.0.5: replacements of another length moved what came behind them.
#[test]
fn values_that_begin_alike_are_masked_each_on_its_own() {
    check(
        &by_key(&["k"], How::Text("?")),
        r#"[{"k":"abc"},{"k":"abcdef"},{"x":"abcdef"},{"k":"a"},{"k":1}]"#,
        r#"[{"k":"?"},{"k":"?"},{"x":"abcdef"},{"k":"?"},{"k":"?"}]"#,
    );
}

/// awslabs/ferret-scan #522.
#[test]
fn masked_text_is_not_masked_further() {
    let again = r#"{"k":"[masked:other:1442]"}"#;
    check(
        &by_key(&["k"], How::Partial(4)),
        r#"{"k":"4111 1442"}"#,
        again,
    );
    check(&by_key(&["k"], How::Partial(2)), again, again);
    let names = r#"{"k":{"[masked:other]":1}}"#;
    check(
        &by_key(&["k"], How::Redact),
        names,
        r#"{"k":{"[masked:other]":~}}"#,
    );
}
