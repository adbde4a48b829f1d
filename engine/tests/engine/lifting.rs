//! What a grant shows, and what it does not.

use std::sync::Arc;

use velum_engine::{Class, Operator, Options, Profile, Report, Ruleset, RulesetBuilder};

use crate::labels::rule;
use crate::support::{check_splits, lift, limits, mask};

fn rules() -> Arc<Ruleset> {
    let profiles = [
        Profile::HipaaSafeHarbor,
        Profile::FhirR4,
        Profile::Credentials,
    ];
    let builder = profiles
        .into_iter()
        .fold(Ruleset::builder(), RulesetBuilder::profile);
    Arc::new(builder.build().unwrap())
}

fn lifted(classes: &[Class], body: &str) -> (String, Report) {
    let (rules, options) = (rules(), lift(classes));
    check_splits(&rules, &options, body.as_bytes(), 0..=body.len());
    let (out, report) = mask(&rules, options, body.as_bytes());
    (String::from_utf8(out).unwrap(), report.unwrap())
}

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

#[test]
fn a_grant_shows_no_other_class_within_the_value() {
    let in_json = r#"{"note":[{"text":"{\"x\":\"SSN 123-45-6789\"}"}]}"#;
    // "SSN 123-45-6789 is hers"
    let in_base64 = r#"{"note":[{"text":"U1NOIDEyMy00NS02Nzg5IGlzIGhlcnM="}]}"#;
    for (class, body, secrets) in [
        (
            Class::Narrative,
            &*format!(
                r#"{{"note":[{{"text":"password: hunter2, {TOKEN}, SSN 123-45-6789, kept"}}]}}"#
            ),
            &["hunter2", "ghp_", "6789"][..],
        ),
        (
            Class::Narrative,
            r#"{"note":[{"text":"123-45-6789"}]}"#,
            &["6789"],
        ),
        (Class::Narrative, in_json, &["6789"]),
        (Class::Narrative, in_base64, &["U1NOIDEyMy00NS02Nzg5"]),
        (
            Class::Url,
            r#"{"attachment":{"url":"https://u:hunter2@h.example/a?token=Zm3kQ9xT7vLp2RwY"}}"#,
            &["hunter2", "Zm3k"],
        ),
        (
            Class::Address,
            &format!(r#"{{"address":[{{"line":["12 Main St","SSN 123-45-6789","{TOKEN}"]}}]}}"#),
            &["6789", "ghp_"],
        ),
        (
            Class::Identifier,
            &format!(r#"{{"identifier":[{{"system":"urn:x","value":"{JWT}"}}]}}"#),
            &["eyJ"],
        ),
        (Class::Name, &format!(r#"{{"name":"{TOKEN}"}}"#), &["ghp_"]),
        (
            Class::Name,
            r#"{"name":[{"text":"Ann, SSN 123-45-6789"}]}"#,
            &["6789"],
        ),
    ] {
        let (out, report) = lifted(&[class], body);
        for secret in secrets {
            assert!(!out.contains(secret), "{secret}: {out}");
        }
        assert!(
            report.lifted(class) > 0 && report.masked_total() > 0,
            "{out}"
        );
    }
}

#[test]
fn a_value_is_what_its_rule_says_whatever_detectors_take_it_for() {
    for (class, body) in [
        (Class::Name, r#"{"name":"Ann Quillan"}"#),
        (
            Class::Address,
            r#"{"address":[{"line":["12 Main St, Boston, MA 02139"]}]}"#,
        ),
        (Class::Mrn, r#"{"mrn":"212-555-0123"}"#),
        (Class::Mrn, r#"{"mrn":" 1234567893 "}"#),
        (Class::Ssn, r#"{"ssn":1234567893}"#),
        (Class::Date, r#"{"birthDate":"1950-01-02"}"#),
        (
            Class::Narrative,
            r#"{"note":[{"text":"Feels well, sleeps well."}]}"#,
        ),
    ] {
        let (out, report) = lifted(&[class], body);
        assert_eq!(out, body);
        assert_eq!(
            (report.lifted_total(), report.masked_total()),
            (1, 0),
            "{body}"
        );
    }
}

#[test]
fn each_find_in_a_lifted_value_is_counted() {
    let body = r#"{"note":[{"text":"SSN 123-45-6789, a@b.example"}]}"#;
    let (out, report) = lifted(&[Class::Narrative, Class::Email], body);
    let expected = r#"{"note":[{"text":"SSN [masked:ssn], a@b.example"}]}"#;
    assert_eq!(out, expected);
    assert_eq!((report.lifted_total(), report.masked(Class::Ssn)), (1, 1));
}

#[test]
fn a_lifted_value_that_is_too_long_to_be_looked_at_is_masked() {
    let mut options = limits(64, 16, 1024);
    options.lift = [Class::Name].into_iter().collect();
    let body = format!(r#"{{"surname":"{}"}}"#, "Quillan ".repeat(8));
    let (out, report) = mask(&rules(), options, body.as_bytes());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"surname":"[masked:name]"}"#
    );
    assert_eq!(report.unwrap().lifted_total(), 0);
}

#[test]
fn what_waits_is_looked_at_when_it_is_lifted() {
    let builder = Ruleset::builder()
        .profile(Profile::HipaaSafeHarbor)
        .profile(Profile::Credentials)
        .rule(rule(
            "$.list[?@.kind == 'n'].who",
            Class::Name,
            Operator::Redact,
        ));
    let rules = Arc::new(builder.build().unwrap());
    let body = format!(r#"{{"list":[{{"who":"{TOKEN}","kind":"n"}},{{"who":"Ann","kind":"n"}}]}}"#);
    let options: Options = lift(&[Class::Name]);
    check_splits(&rules, &options, body.as_bytes(), 0..=body.len());
    let (out, report) = mask(&rules, options, body.as_bytes());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"list":[{"who":"[masked:credential]","kind":"n"},{"who":"Ann","kind":"n"}]}"#
    );
    let report = report.unwrap();
    assert_eq!((report.lifted_total(), report.masked_total()), (2, 1));
}
