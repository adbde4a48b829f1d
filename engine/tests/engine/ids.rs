//! `ids: pseudonym`: which values of a body are ids, what they become, and what has the last word.
//!
//! In what is expected, `<abc>` is the pseudonym of `abc`.

use std::sync::Arc;

use crate::support::{check_splits, mask, masked};
use velum_engine::{
    Class, Framing, Ids, Inspector, Keyring, Limits, Operator, Options, Profile, ProfileDocument,
    Pseudonym, Rule, Ruleset, RulesetBuilder, Selector,
};

const UUID: &str = "6f1b1c3a-8d1e-4f0e-9a52-0d7c5f5b2a11";

fn builder(profiles: &[Profile]) -> RulesetBuilder {
    let profiles = profiles.iter();
    profiles.fold(Ruleset::builder(), |builder, profile| {
        builder.profile(*profile)
    })
}

fn rules(profiles: &[Profile], ids: Ids) -> Arc<Ruleset> {
    Arc::new(builder(profiles).ids(ids).build().unwrap())
}

fn with_key(byte: u8) -> Options {
    Options {
        keys: Keyring::new([("k".to_owned(), vec![byte; 32])]).unwrap(),
        ..Options::default()
    }
}

/// A text with the pseudonyms for which it has `<…>`.
fn filled(text: &str) -> String {
    let fhir = rules(&[Profile::FhirR4], Ids::Pseudonym);
    let mut parts = text.split('<');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (id, rest) = part.split_once('>').unwrap();
        let made = masked(&fhir, with_key(1), &format!("{{\"id\":\"{id}\"}}"));
        out += made.split('"').nth(3).unwrap();
        out += rest;
    }
    out
}

/// Bodies of FHIR, and what becomes of them.
const FHIR: &[(&str, &str)] = &[
    (
        r##"{"resourceType":"Patient","id":"abc","meta":{"versionId":"3","source":"#req-1","profile":["http://hl7.org/fhir/StructureDefinition/Patient"]},"contained":[{"resourceType":"Organization","id":"o1"}],"managingOrganization":{"reference":"#o1","type":"Organization"},"link":[{"other":{"reference":"Patient/def"},"type":"seealso"}]}"##,
        r##"{"resourceType":"Patient","id":"<abc>","meta":{"versionId":"3","source":"#<req-1>","profile":["http://hl7.org/fhir/StructureDefinition/Patient"]},"contained":[{"resourceType":"Organization","id":"<o1>"}],"managingOrganization":{"reference":"#<o1>","type":"Organization"},"link":[{"other":{"reference":"Patient/<def>"},"type":"seealso"}]}"##,
    ),
    (
        r#"{"resourceType":"Bundle","id":"b1","link":[{"relation":"self","url":"https://ehr.example/fhir/Observation?patient=abc"},{"relation":"next","url":"https://ehr.example/fhir?page=abc"}],"entry":[{"fullUrl":"urn:uuid:UUID","resource":{"resourceType":"Observation","id":"UUID","subject":{"reference":"https://ehr.example/fhir/Patient/abc/_history/2"}},"request":{"method":"POST","url":"Observation","ifMatch":"W/\"3\""},"response":{"status":"201","location":"Observation/UUID/_history/1"}},{"request":{"method":"GET","url":"Patient/abc/$everything"}}]}"#,
        r#"{"resourceType":"Bundle","id":"<b1>","link":[{"relation":"self","url":"https://ehr.example/fhir/Observation?[masked:identifier]"},{"relation":"next","url":"[masked:identifier]"}],"entry":[{"fullUrl":"urn:uuid:<UUID>","resource":{"resourceType":"Observation","id":"<UUID>","subject":{"reference":"https://ehr.example/fhir/Patient/<abc>/_history/2"}},"request":{"method":"POST","url":"Observation","ifMatch":"W/\"3\""},"response":{"status":"201","location":"Observation/<UUID>/_history/1"}},{"request":{"method":"GET","url":"Patient/<abc>/$everything"}}]}"#,
    ),
    // A member `reference` that is a Reference itself.
    (
        r#"{"resourceType":"Consent","provision":{"data":[{"meaning":"instance","reference":{"reference":"Task/abc","type":"Task"}}]}}"#,
        r#"{"resourceType":"Consent","provision":{"data":[{"meaning":"instance","reference":{"reference":"Task/<abc>","type":"Task"}}]}}"#,
    ),
    // Where an id should be, all is one.
    (
        r#"{"resourceType":"Basic","id":{"value":["abc"]},"author":{"reference":[["Patient/abc"],{"id":"abc"}]}}"#,
        r#"{"resourceType":"Basic","id":{"value":["<abc>"]},"author":{"reference":[["Patient/<abc>"],{"id":"<abc>"}]}}"#,
    ),
    // Elements have ids too.
    (
        r#"{"resourceType":"RequestGroup","action":[{"id":"a1"},{"id":"a2","relatedAction":[{"actionId":"a1"}]}],"code":{"id":"c1","coding":[{"id":"c2","system":"http://loinc.org","code":"1-8"}]}}"#,
        r#"{"resourceType":"RequestGroup","action":[{"id":"<a1>"},{"id":"<a2>","relatedAction":[{"actionId":"<a1>"}]}],"code":{"id":"<c1>","coding":[{"id":"<c2>","system":"http://loinc.org","code":"1-8"}]}}"#,
    ),
    (
        r#"{"resourceType":"MessageHeader","response":{"identifier":"abc","code":"ok"},"eventUri":"http://e.example/admit","extension":[{"url":"http://e.example/x","valueUri":"Patient/abc"},{"url":"http://e.example/y","valueUuid":"urn:uuid:UUID"},{"url":"http://e.example/z","valueId":"abc"}]}"#,
        r#"{"resourceType":"MessageHeader","response":{"identifier":"<abc>","code":"ok"},"eventUri":"http://e.example/admit","extension":[{"url":"http://e.example/x","valueUri":"Patient/<abc>"},{"url":"http://e.example/y","valueUuid":"urn:uuid:<UUID>"},{"url":"http://e.example/z","valueId":"<abc>"}]}"#,
    ),
    (
        r#"{"resourceType":"Subscription","criteria":"Observation?subject=Patient/abc","_id":{"extension":[{"valueCode":"abc"}]}}"#,
        r#"{"resourceType":"Subscription","criteria":"Observation?[masked:identifier]"}"#,
    ),
    // In texts that are masked whole there is no id either: `YWJjLTEyMzQ1` is `abc-12345` in base64.
    (
        r#"{"resourceType":"DocumentReference","id":"abc-12345","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>abc-12345</div>"},"content":[{"attachment":{"contentType":"text/plain","data":"YWJjLTEyMzQ1","url":"Binary/abc-12345"}}]}"#,
        r#"{"resourceType":"DocumentReference","id":"<abc-12345>","text":{"status":"generated","div":"DIV"},"content":[{"attachment":{"contentType":"text/plain","data":"W21hc2tlZDpuYXJyYXRpdmVd","url":"[masked:url]"}}]}"#,
    ),
];

const DIV: &str = r#"<div xmlns=\"http://www.w3.org/1999/xhtml\">[masked:narrative]</div>"#;

/// A case with the UUID in one of its cases.
fn with_uuid(text: &str, is_upper: bool) -> String {
    let uuid = if is_upper {
        UUID.to_uppercase()
    } else {
        UUID.to_owned()
    };
    text.replace("UUID", &uuid)
}

#[test]
fn ids_and_references_of_fhir() {
    for profiles in [
        &[Profile::FhirR4][..],
        &[
            Profile::HipaaSafeHarbor,
            Profile::FhirR4,
            Profile::Credentials,
        ],
    ] {
        let rules = rules(profiles, Ids::Pseudonym);
        for (body, expected) in FHIR {
            let has_pseudonyms = expected.contains('<');
            let expected = filled(&with_uuid(expected, false)).replace("DIV", DIV);
            for is_upper in [false, true] {
                let body = with_uuid(body, is_upper);
                assert_eq!(masked(&rules, with_key(1), &body), expected);
                check_splits(&rules, &with_key(1), body.as_bytes(), 0..=body.len());
            }
            assert_eq!(masked(&rules, with_key(1), &expected), expected, "again");
            let other = masked(&rules, with_key(2), &expected);
            assert_eq!(other == expected, !has_pseudonyms, "under another key");
        }
    }
}

/// What is no word of a base, no version and no name of a host does not stay in a reference.
#[test]
fn ids_elsewhere_in_a_reference_do_not_stay() {
    const GONE: &str = "[masked:identifier]";
    let rules = rules(&[Profile::FhirR4], Ids::Pseudonym);
    for (text, expected) in [
        ("https://h.example/Patient/abc/Observation/def", GONE),
        (
            "https://h.example/fhir/Patient/abc/Observation/def/_history/2",
            GONE,
        ),
        ("https://h.example/Patient/Quillan/Patient/_history", GONE),
        (
            "https://h.example/Patient/Quillan/Observation",
            "https://h.example/Patient/<Quillan>/Observation",
        ),
        ("Patient/abc/_history/123-45-6789", GONE),
        ("Patient/abc/_history/4111111111111111", GONE),
        (
            "Patient/abc/_history/MTU0Mzg5MTQ1OTQ5MDI4MDAw",
            "Patient/<abc>/_history/MTU0Mzg5MTQ1OTQ5MDI4MDAw",
        ),
        ("Patient/abc/_history/UUID", "Patient/<abc>/_history/<UUID>"),
        ("https://123-45-6789.example/Patient/1", GONE),
        ("https://12-34-56.example/Patient/1", GONE),
        ("https://a.x123456789.example/Patient/1", GONE),
        (
            "https://my-fhir2024.eu-west-1.h.example:8080/r4/Patient/1",
            "https://my-fhir2024.eu-west-1.h.example:8080/r4/Patient/<1>",
        ),
    ] {
        let body = |text: &str| {
            format!(
                r#"{{"subject":{{"reference":"{}"}}}}"#,
                with_uuid(text, false)
            )
        };
        let expected = filled(&body(expected));
        assert_eq!(masked(&rules, with_key(1), &body(text)), expected, "{text}");
        assert_eq!(masked(&rules, with_key(1), &expected), expected, "again");
    }
}

#[test]
fn ids_are_kept_where_nothing_says_otherwise() {
    let body = r#"{"resourceType":"Observation","id":"abc","subject":{"reference":"Patient/abc"},"uuid":"u"}"#;
    for rules in [
        rules(Profile::STRICTEST, Ids::Keep),
        Arc::new(builder(Profile::STRICTEST).build().unwrap()),
    ] {
        assert!(!rules.needs_key());
        assert_eq!(masked(&rules, Options::default(), body), body);
    }
    let rules = rules(Profile::STRICTEST, Ids::Pseudonym);
    assert!(rules.needs_key());
    let redacted = body.replace("abc", "[masked:identifier]");
    let redacted = redacted
        .replace("Patient/", "")
        .replace("\"u\"", "\"[masked:identifier]\"");
    assert_eq!(
        masked(&rules, Options::default(), body),
        redacted,
        "without a key"
    );
}

#[test]
fn ids_of_plain_records() {
    let rules = rules(&[Profile::HipaaSafeHarbor], Ids::Pseudonym);
    for (body, expected) in [
        (
            r#"{"id":7,"_id":"7","patient":{"Id":"abc"},"orderId":"7","record_uuid":"UUID","ids":["abc",{"id":"7"}],"id2":null}"#,
            r#"{"id":"<7>","_id":"<7>","patient":{"Id":"<abc>"},"orderId":"<7>","record_uuid":"<UUID>","ids":["<abc>",{"id":"<7>"}],"id2":null}"#,
        ),
        // All of an object is an id; what another letter takes, it takes still.
        (
            r#"{"id":{"$oid":"abc","ssn":"x"},"patientId":"abc","idType":"MR","status":"ok","grid":"A1"}"#,
            r#"{"id":{"$oid":"<abc>","ssn":"[masked:ssn]"},"patientId":"[masked:mrn]","idType":"MR","status":"ok","grid":"A1"}"#,
        ),
        (
            r#"{"body":"{\"id\":\"abc\",\"caseId\":\"7\"}"}"#,
            r#"{"body":"{\"id\":\"<abc>\",\"caseId\":\"<7>\"}"}"#,
        ),
    ] {
        let (body, expected) = (with_uuid(body, false), filled(&with_uuid(expected, false)));
        assert_eq!(masked(&rules, with_key(1), &body), expected);
        assert_eq!(masked(&rules, with_key(1), &expected), expected, "again");
        check_splits(&rules, &with_key(1), body.as_bytes(), 0..=body.len());
    }
}

/// None of the keys is taken by another rule, here or in the profiles that stand beside it.
#[test]
fn every_key_of_an_id_acts() {
    let document = Profile::HipaaSafeHarbor.document();
    let rule = document
        .rules()
        .find(velum_engine::ProfileRule::is_about_ids)
        .unwrap();
    let (alone, all) = (
        rules(&[Profile::HipaaSafeHarbor], Ids::Pseudonym),
        rules(Profile::STRICTEST, Ids::Pseudonym),
    );
    let (mut seen, expected) = (Vec::new(), filled("<abc>"));
    for key in rule.keys() {
        let name = key.trim_start_matches('*').replace(' ', "_");
        assert!(!seen.contains(&name), "{name} is listed twice");
        for rules in [&alone, &all] {
            let out = masked(rules, with_key(1), &format!("{{\"{name}\":\"abc\"}}"));
            assert!(out.contains(&expected), "{out}");
        }
        seen.push(name);
    }
}

fn rule(select: Selector, operator: Operator) -> Rule {
    Rule {
        name: "ours".to_owned(),
        select,
        class: Class::Mrn,
        operator,
    }
}

#[test]
fn rules_of_the_policy_have_the_last_word() {
    let path = |path: &str| Selector::Path(path.to_owned());
    let token = Operator::Token {
        prefix: "P-".to_owned(),
    };
    let body = r#"{"id":"abc","subject":{"reference":"Patient/abc","id":"s"},"code":{"id":"c"}}"#;
    for (rule, expected) in [
        (
            rule(path("$.id"), Operator::Redact),
            r#"{"id":"[masked:mrn]","subject":{"reference":"Patient/<abc>","id":"<s>"},"code":{"id":"<c>"}}"#,
        ),
        (
            rule(Selector::Keys(vec!["id".to_owned()]), Operator::Null),
            r#"{"id":null,"subject":{"reference":"Patient/<abc>","id":null},"code":{"id":null}}"#,
        ),
        // What a rule masks throughout it masks throughout.
        (
            rule(path("$.subject"), Operator::Redact),
            r#"{"id":"<abc>","subject":{"reference":"[masked:mrn]","id":"[masked:mrn]"},"code":{"id":"<c>"}}"#,
        ),
        (
            rule(Selector::Keys(vec!["code".to_owned()]), Operator::Null),
            r#"{"id":"<abc>","subject":{"reference":"Patient/<abc>","id":"<s>"},"code":{"id":null}}"#,
        ),
        (
            rule(path("$..reference"), Operator::Pseudonym(Pseudonym::Id)),
            r#"{"id":"<abc>","subject":{"reference":"<Patient/abc>","id":"<s>"},"code":{"id":"<c>"}}"#,
        ),
    ] {
        for profiles in [&[Profile::FhirR4][..], Profile::STRICTEST] {
            let builder = builder(profiles).ids(Ids::Pseudonym).rule(rule.clone());
            let rules = Arc::new(builder.build().unwrap());
            assert_eq!(masked(&rules, with_key(1), body), filled(expected));
        }
    }
    let builder = builder(&[Profile::FhirR4]).ids(Ids::Pseudonym);
    let rules = builder.exempt("$.subject").rule(rule(path("$.id"), token));
    let out = masked(&Arc::new(rules.build().unwrap()), with_key(1), body);
    let (start, rest) = out.split_once("\",").unwrap();
    assert!(start.starts_with(r#"{"id":"P-"#), "{out}");
    let expected = r#""subject":{"reference":"Patient/abc","id":"s"},"code":{"id":"<c>"}}"#;
    assert_eq!(rest, filled(expected));
}

/// A name that another profile takes for something else is no mere id, in whatever order they stand.
#[test]
fn other_profiles_come_first_by_key() {
    let json = r#"{"profile": "ours", "version": 1, "about": "", "rules": [
        {"class": "credential", "keys": ["order id"]},
        {"class": "license", "keys": ["*order number"]},
        {"name": "shelves", "class": "identifier", "ids": true, "operator": "pseudonym", "at": ["shelf.no"]}]}"#;
    let ours = ProfileDocument::from_json(json).unwrap();
    assert!(ours.is_about_ids() && !ours.needs_key());
    let body = r#"{"orderId":"abc","caseId":"abc","shelf":{"no":"abc"}}"#;
    let safe_harbor = Profile::HipaaSafeHarbor.document();
    for profiles in [
        [ours.clone(), safe_harbor.clone()],
        [safe_harbor, ours.clone()],
    ] {
        let builder = profiles
            .into_iter()
            .fold(Ruleset::builder(), RulesetBuilder::document);
        let rules = Arc::new(builder.ids(Ids::Pseudonym).build().unwrap());
        let expected =
            r#"{"orderId":"[masked:credential]","caseId":"<abc>","shelf":{"no":"<abc>"}}"#;
        assert_eq!(masked(&rules, with_key(1), body), filled(expected));
    }
    let kept = Arc::new(Ruleset::builder().document(ours).build().unwrap());
    let expected = body.replacen("abc", "[masked:credential]", 1);
    assert_eq!(masked(&kept, Options::default(), body), expected);
}

#[test]
fn profiles_without_rules_about_ids_are_refused() {
    for profiles in [&[Profile::Pii][..], &[Profile::HipaaLimitedDataSet], &[]] {
        let error = builder(profiles).ids(Ids::Pseudonym).build().unwrap_err();
        assert!(error.message().contains("rules about ids"), "{error}");
        assert!(builder(profiles).ids(Ids::Keep).build().is_ok());
    }
}

/// Dates move by the patient's id as it came, whatever becomes of it.
#[test]
fn dates_are_shifted_by_the_patient_still() {
    let shifts = |ids: Ids| {
        let select = Selector::Keys(vec!["day".to_owned()]);
        let shift = Rule {
            class: Class::Date,
            ..rule(select, Operator::DateShift { days: 50 })
        };
        let builder = builder(&[Profile::FhirR4]).ids(ids).rule(shift);
        Arc::new(builder.build().unwrap())
    };
    let (kept, made) = (shifts(Ids::Keep), shifts(Ids::Pseudonym));
    for body in [
        r#"{"resourceType":"Patient","id":"abc","day":"1980-02-03"}"#,
        r#"{"day":"1980-02-03","subject":{"reference":"Patient/abc"},"id":"x"}"#,
        r#"{"entry":[{"fullUrl":"urn:uuid:abc","resource":{"day":"1980-02-03","id":"abc","resourceType":"Patient"}}]}"#,
    ] {
        let day = |out: String| {
            let (_, day) = out.split_once("\"day\":\"").unwrap();
            day.split('"').next().unwrap().to_owned()
        };
        let before = day(masked(&kept, with_key(1), body));
        let out = masked(&made, with_key(1), body);
        assert!(!out.contains("abc"), "{out}");
        assert_eq!(day(out), before, "{body}");
        assert!(before != "1980-02-03" && before.len() == 10, "{before}");
        check_splits(&made, &with_key(1), body.as_bytes(), 0..=body.len());
    }
}

#[test]
fn who_may_see_identifiers_sees_ids() {
    let rules = rules(Profile::STRICTEST, Ids::Pseudonym);
    let mut options = with_key(1);
    options.lift = [Class::Identifier].into_iter().collect();
    let body = r#"{"id":"abc","subject":{"reference":"Patient/abc"}}"#;
    assert_eq!(masked(&rules, options, body), body);
}

#[test]
fn an_id_too_long_to_be_looked_at_is_redacted() {
    let rules = rules(&[Profile::FhirR4], Ids::Pseudonym);
    let mut options = with_key(1);
    options.limits.token_bytes = 64;
    let body = format!("{{\"id\":\"{}\"}}", "1".repeat(100));
    let (out, report) = mask(&rules, options, body.as_bytes());
    assert_eq!(out, br#"{"id":"[masked:identifier]"}"#);
    assert_eq!(report.unwrap().masked(Class::Identifier), 1);
}

/// A pseudonym must not become data: a request body that holds one is refused, as with tokens.
#[test]
fn pseudonyms_are_found_in_what_comes_back() {
    let pseudonyms = rules(Profile::STRICTEST, Ids::Pseudonym);
    let kept = rules(Profile::STRICTEST, Ids::Keep);
    let found = |rules: &Arc<Ruleset>, key: u8, body: &str| {
        let inspector = Inspector::new(Limits::default(), Framing::Document);
        let mut inspector = inspector.with_tokens(Arc::clone(rules), with_key(key).keys);
        for byte in body.as_bytes().chunks(1) {
            inspector.feed(byte).unwrap();
        }
        inspector.finish().unwrap();
        inspector.found_masked()
    };
    for (body, expected) in [
        (r#"{"id":"<abc>"}"#, true),
        (r#"{"id":"<UUID>"}"#, true),
        (r#"{"subject":{"reference":"Patient/<abc>"}}"#, true),
        (
            r#"{"subject":{"reference":"Patient\/<UUID>\/_history\/2"}}"#,
            true,
        ),
        (r##"[["#<abc>"]]"##, true),
        (r#"{"fullUrl":"urn:uuid:<UUID>"}"#, true),
        (
            r#"{"url":"Observation?subject=Patient/<abc>&_count=2"}"#,
            true,
        ),
        (r#"{"<abc>":1}"#, true),
        (
            r#"{"id":"abc","uuid":"UUID","x":"7473e9c9-cc9e-8b58-9235-4432caeefd5c"}"#,
            false,
        ),
        (r#"{"id":"zjowp7vba77boi5hlwbxgq"}"#, false),
    ] {
        let body = filled(&with_uuid(body, false));
        assert_eq!(found(&pseudonyms, 1, &body), expected, "{body}");
        assert!(!found(&pseudonyms, 2, &body), "under another key");
        assert!(!found(&kept, 1, &body), "no rule makes any");
    }
}
