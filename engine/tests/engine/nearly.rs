//! Text that is nearly JSON, as logs and programs write it: labels act in it as in any text.

use serde_json::{Value, json};
use velum_engine::{Options, Profile};

use crate::support::{check_splits, masked, profile};

/// What a text in a member without a telling name becomes.
fn text(profiles: &[Profile], text: &str) -> String {
    let builder = profiles
        .iter()
        .fold(velum_engine::Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        });
    let rules = std::sync::Arc::new(builder.build().unwrap());
    let body = json!({"memo": text}).to_string();
    let out = masked(&rules, Options::default(), &body);
    check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
    assert_eq!(masked(&rules, Options::default(), &out), out, "again");
    let value: Value = serde_json::from_str(&out).unwrap();
    value["memo"].as_str().unwrap().to_owned()
}

/// Ways to write a member with `NAME` and `VALUE`.
const FORMS: &[&str] = &[
    // A comma too many, no end, no beginning.
    r#"{"NAME": "VALUE",}"#,
    r#"{"a": 1, "NAME": "VALUE""#,
    r#"{"a": [1, {"NAME":"VALUE"#,
    r#""NAME":"VALUE"}]}"#,
    // Single quotes and names without quotes: JavaScript, JSON5, Python, Ruby.
    "{'NAME': 'VALUE'}",
    "{NAME: 'VALUE'}",
    "{NAME:VALUE}",
    "{'NAME': u'VALUE', 'b': None}",
    "{:NAME => \"VALUE\"}",
    "{\"NAME\"=>\"VALUE\"}",
    "User(id=7, NAME='VALUE')",
    "{NAME: \"VALUE\", // why\n b: .5}",
    "/* who */ {\"NAME\": \"VALUE\" /* what */}",
    // Escaped once more and twice.
    r#"{\"NAME\": \"VALUE\",}"#,
    r#"payload={\\\"NAME\\\":\\\"VALUE\\\"}"#,
    // Logs, YAML, forms, environment.
    "level=info NAME=VALUE done=1",
    "level=info NAME=\"VALUE\" done=1",
    "a: 1\nNAME: VALUE\nb: 2",
    "- NAME:   'VALUE'",
    "a=1&NAME=VALUE&b=2",
    "export NAME=VALUE",
    "<NAME>VALUE</NAME>",
    "<p:NAME>VALUE</p:NAME>",
    "`NAME`: `VALUE`",
    "NAME := VALUE",
];

/// Ways in which labels alone count, but for those of secrets.
const LOOSE: &[&str] = &["NAME\tVALUE", "NAME|VALUE", "NAME -> VALUE"];

#[test]
fn labels_act_in_what_is_nearly_json() {
    let mut missed = Vec::new();
    for form in FORMS.iter().chain(LOOSE) {
        for (name, value) in [
            ("ssn", "123456789"),
            ("SSN", "123456789"),
            ("patientSsn", "123456789"),
            ("patient_ssn", "123456789"),
            ("PatientSSN", "123456789"),
            ("social_security_number", "123456789"),
            ("socialSecurityNumber", "123456789"),
            ("patient.ssn", "123456789"),
            ("mrn", "A123456"),
            ("patientMrn", "1234567"),
            ("medical_record_number", "1234567"),
            ("medicalRecordNumber", "1234567"),
            ("phone", "2125550123"),
            ("homePhone", "2125550123"),
            ("cell_phone", "2125550123"),
            ("dob", "19750314"),
            ("date_of_birth", "19750314"),
            ("dateOfBirth", "19750314"),
            ("patientDob", "19750314"),
            ("npi", "1234567893"),
            ("providerNpi", "1234567893"),
            ("memberId", "XYZ123456789"),
            ("member_id", "XYZ123456789"),
            ("accountNumber", "00123456"),
            ("cardNumber", "4111111111111112"),
            ("routing_number", "021000021"),
            ("zip", "02115"),
            ("zipCode", "02115"),
            ("age", "94"),
            ("patientAge", "94"),
        ] {
            let given = form.replace("NAME", name).replace("VALUE", value);
            let out = text(&[Profile::HipaaSafeHarbor], &given);
            if out.contains(value) {
                missed.push(format!("{given}   =>   {out}"));
            }
        }
    }
    assert!(missed.is_empty(), "{} {:#?}", missed.len(), missed);
}

#[test]
fn escapes_in_what_is_nearly_json_are_read() {
    for (given, expected) in [
        (
            r#"{"a":"123\u002d45\u002d6789","#,
            r#"{"a":"[masked:ssn]","#,
        ),
        (
            r#"{\"a\":\"123\\u002d45\\u002d6789\","#,
            r#"{\"a\":\"[masked:ssn]\","#,
        ),
        (r#"{"dob":"03\/14\/1975","#, r#"{"dob":"[masked:date]","#),
        (r"C:\users\x\new\1", r"C:\users\x\new\1"),
    ] {
        assert_eq!(text(&[Profile::HipaaSafeHarbor], given), expected);
    }
}

#[test]
fn names_of_what_is_no_json_after_all_are_masked_there_alone() {
    let rules = profile(Profile::Pii);
    for (inner, shown) in [
        (
            r#"{"surname":"Smith","note":"Smith came",}"#,
            r#"{"surname":"[masked:name]","note":"[masked:name] came",}"#,
        ),
        (
            r#"{"surname":"Smith","no"#,
            r#"{"surname":"[masked:name]","no"#,
        ),
    ] {
        let body = json!({"a": inner, "b": "Smith came", "surname": "Quillan", "c": inner});
        let out: Value =
            serde_json::from_str(&masked(&rules, Options::default(), &body.to_string())).unwrap();
        assert_eq!((&out["a"], &out["c"]), (&json!(shown), &json!(shown)));
        assert_eq!(out["b"], json!("Smith came"));
    }
    // What was known before stays known.
    let body = r#"{"surname":"Smith","a":"{\"surname\":\"Smith\",}","b":"Smith came"}"#;
    assert!(!masked(&rules, Options::default(), body).contains("Smith"));
}

#[test]
fn secrets_are_found_in_what_is_nearly_json() {
    let mut missed = Vec::new();
    for form in FORMS {
        for (name, value) in [
            ("password", "hunter2secret"),
            ("dbPassword", "hunter2secret"),
            ("DB_PASSWORD", "hunter2secret"),
            ("api_key", "Zm3kQ9xw72LpQqv8"),
            ("apiKey", "Zm3kQ9xw72LpQqv8"),
            ("clientSecret", "Zm3kQ9xw72LpQqv8"),
            ("accessToken", "Zm3kQ9xw72LpQqv8Rt"),
        ] {
            let given = form.replace("NAME", name).replace("VALUE", value);
            let out = text(&[Profile::Credentials], &given);
            if out.contains(value) {
                missed.push(format!("{given}   =>   {out}"));
            }
        }
    }
    assert!(missed.is_empty(), "{} {:#?}", missed.len(), missed);
}
