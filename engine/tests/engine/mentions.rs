//! Names of persons that fields hold, found again in free text.

use std::sync::Arc;

use serde_json::json;
use velum_engine::{Class, Operator, Options, Profile, Ruleset};

use crate::labels::rule;
use crate::support::{check_splits, lift, lines, masked, profile};

fn checked(rules: &Arc<Ruleset>, options: &Options, body: &str) -> String {
    let out = masked(rules, options.clone(), body);
    check_splits(rules, options, body.as_bytes(), 0..=body.len());
    out
}

#[test]
fn names_are_masked_in_free_text_behind_their_fields() {
    let rules = profile(Profile::Pii);
    for (note, expected) in [
        ("Zoë Quillan called", "[masked:name] [masked:name] called"),
        ("ZOE QUILLAN'S chart", "[masked:name] [masked:name]'S chart"),
        ("quillan-smith", "[masked:name]-smith"),
        ("Quillane and Zo\u{eb}lle", "Quillane and Zo\u{eb}lle"),
        ("zo%C3%AB was here", "[masked:name] was here"),
        ("<b>Qui</b>llan", "<b>[masked:name]</b>"),
        ("<b>Q</b>uillan", "<b>[masked:name]</b>"),
        ("Zo&euml; was here", "[masked:name] was here"),
        ("zo%25C3%25AB was here", "[masked:name] was here"),
    ] {
        let body = json!({"firstName": "Zoë", "lastName": "Quillan", "note": note}).to_string();
        let out = checked(&rules, &Options::default(), &body);
        let expected =
            json!({"firstName": "[masked:name]", "lastName": "[masked:name]", "note": expected});
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&out).unwrap(),
            expected
        );
    }
}

#[test]
fn names_are_known_until_the_record_ends() {
    let rules = profile(Profile::Pii);
    let (first, second) = (
        r#"{"surname":"Quillan","note":"Quillan again"}"#,
        r#"{"note":"Quillan again"}"#,
    );
    let seen = r#"{"surname":"[masked:name]","note":"[masked:name] again"}"#;
    let body = format!("{first}\n{second}\n");
    assert_eq!(
        checked(&rules, &lines(), &body),
        format!("{seen}\n{second}\n")
    );
    let body = format!("[{first},{second}]");
    assert_eq!(
        checked(&rules, &Options::default(), &body),
        format!("[{seen},{second}]")
    );
    // The entries of a Bundle are about one patient.
    let entry = |note: &str| format!(r#"{{"resource":{{"memo":"{note} again"}}}}"#);
    let body = format!(
        r#"{{"resourceType":"Bundle","entry":[{{"resource":{{"name":[{{"family":"Quillan"}}]}}}},{}]}}"#,
        entry("Quillan")
    );
    let out = checked(&profile(Profile::FhirR4), &Options::default(), &body);
    assert!(out.contains(&entry("[masked:name]")), "{out}");
}

#[test]
fn a_mention_before_its_field_is_not_known() {
    // The documented limit.
    let rules = profile(Profile::Pii);
    let body = r#"{"note":"Quillan called","surname":"Quillan"}"#;
    let out = checked(&rules, &Options::default(), body);
    assert_eq!(
        out,
        r#"{"note":"Quillan called","surname":"[masked:name]"}"#
    );
}

#[test]
fn what_waited_for_a_filter_teaches_and_is_searched() {
    for (path, class, body, expected) in [
        (
            "$.patients[?@.vip == 'yes']",
            Class::Other,
            r#"{"patients":[{"surname":"Quillan","note":"Quillan","vip":"no"}],"note":"Quillan called"}"#,
            r#"{"patients":[{"surname":"[masked:name]","note":"[masked:name]","vip":"no"}],"note":"[masked:name] called"}"#,
        ),
        (
            "$.people[?@.kind == 'x'].who",
            Class::Name,
            r#"{"people":[{"who":"Quillan","kind":"x"}],"note":"Quillan called"}"#,
            r#"{"people":[{"who":"[masked:name]","kind":"x"}],"note":"[masked:name] called"}"#,
        ),
        (
            "$.people[?@.kind == 'x'].who",
            Class::Name,
            r#"{"people":[{"kind":"x","who":"Quillan"}],"note":"Quillan called"}"#,
            r#"{"people":[{"kind":"x","who":"[masked:name]"}],"note":"[masked:name] called"}"#,
        ),
        (
            "$.people[?@.kind == 'x'].who",
            Class::Name,
            r#"{"people":[{"who":"Quillan","kind":"y"}],"note":"Quillan called"}"#,
            r#"{"people":[{"who":"Quillan","kind":"y"}],"note":"Quillan called"}"#,
        ),
        // JSON that is cut off teaches what stands in it, and only there.
        (
            "$.patients[?@.vip == 'yes']",
            Class::Other,
            r#"{"patients":[{"log":"{\"surname\":\"Quillan\",\"note\":\"Quillan cal","vip":"no"}]}"#,
            r#"{"patients":[{"log":"{\"surname\":\"[masked:name]\",\"note\":\"[masked:name] cal","vip":"no"}]}"#,
        ),
    ] {
        let builder = Ruleset::builder().profile(Profile::Pii);
        let builder = builder.rule(rule(path, class, Operator::Redact));
        let rules = Arc::new(builder.build().unwrap());
        assert_eq!(checked(&rules, &Options::default(), body), expected);
    }
}

#[test]
fn names_that_siblings_tell_teach() {
    let rules = profile(Profile::FhirR4);
    for body in [
        r#"{"subject":{"type":"Patient","reference":"Patient/1","display":"Zoe Quillan"},"memo":"Quillan"}"#,
        r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Quillan"}],"memo":"Quillan"}"#,
    ] {
        let out = checked(&rules, &Options::default(), body);
        assert!(!out.contains("Quillan"), "{out}");
    }
}

#[test]
fn too_many_names_leave_no_free_text() {
    let rules = profile(Profile::Pii);
    let name = |n: u8| {
        format!(
            "Qu{}{}x",
            char::from(b'a' + n / 26),
            char::from(b'a' + n % 26)
        )
    };
    let names: Vec<_> = (0..65).map(|n| json!({"surname": name(n)})).collect();
    let names = json!(names);
    let body = format!(r#"{{"people":{names},"note":"some words","code":"word"}}"#);
    let out: serde_json::Value =
        serde_json::from_str(&masked(&rules, Options::default(), &body)).unwrap();
    assert_eq!(
        (&out["note"], &out["code"]),
        (&json!("[masked:name]"), &json!("word"))
    );
}

#[test]
fn codes_and_displays_of_codings_are_no_free_text() {
    let rules = profile(Profile::FhirR4);
    let body = r#"{"name":[{"family":"Rosebengal"}],"code":{"coding":[{"system":"s","code":"rosebengal","display":"Rosebengal stain"}]}}"#;
    let out = checked(&rules, &Options::default(), body);
    assert!(
        out.contains(r#""code":"rosebengal","display":"Rosebengal stain""#),
        "{out}"
    );
}

#[test]
fn lifted_names_are_shown_and_teach_nothing() {
    let rules = profile(Profile::Pii);
    let body = r#"{"surname":"Quillan","note":"Quillan called"}"#;
    assert_eq!(checked(&rules, &lift(&[Class::Name]), body), body);
}

#[test]
fn a_word_that_is_learned_as_a_name_is_a_label_still() {
    for profiles in [&[Profile::Pii][..], &[Profile::HipaaSafeHarbor]] {
        let rules = profiles
            .iter()
            .fold(Ruleset::builder(), |builder, profile| {
                builder.profile(*profile)
            });
        let rules = Arc::new(rules.build().unwrap());
        for (word, value) in [
            ("tel", "2125550123"),
            ("Tel", "212 555 0123"),
            ("phone", "5550123"),
            ("SSN", "123456789"),
            ("fax", "2125550123"),
            ("mrn", "A1234567"),
            ("Card", "4111111111111112"),
            ("member id", "XYZ123456789"),
            ("account number", "00123456"),
            ("mobile", "2125550123"),
        ] {
            for note in [
                format!("{word} {value}"),
                format!("{word}: {value}"),
                format!("her {word} is {value}"),
                format!("see {word} no. {value}, please"),
                format!("{value} ({word})"),
                format!("{word}%3A%20{value}"),
                format!("<b>{word}</b>: {value}"),
                format!("{{\"{word}\": \"{value}\",}}"),
            ] {
                for body in [
                    json!({"name": word, "note": note}),
                    json!({"fullName": word, "list": [{"lastName": word}, {"note": note}]}),
                ] {
                    let out = checked(&rules, &Options::default(), &body.to_string());
                    assert!(!out.contains(value), "{body}: {out}");
                    assert_eq!(masked(&rules, Options::default(), &out), out, "again");
                }
            }
        }
    }
}
