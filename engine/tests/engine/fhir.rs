//! The `fhir-r4` profile, on an invented patient and on public synthetic bundles.

use serde_json::Value;

use crate::support::{
    all_profiles, check_splits, files, lift, limits, lines, mask, masked, profile, shared_data,
};
use velum_engine::{Class, Framing, Options, Profile};

const PATIENT: &str = r#"{
  "resourceType": "Patient", "id": "p1", "meta": {"versionId": "3"},
  "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Zoe Quill</div>"},
  "extension": [
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Quark"},
    {"valueString": "Quark", "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"},
    {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": "F"},
    {"url": "text", "valueString": "Not Hispanic or Latino"},
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Quito", "country": "EC"}}
  ],
  "identifier": [
    {"use": "usual", "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}, "system": "urn:x", "value": "Q-111"},
    {"value": "Q-222", "system": "http://hl7.org/fhir/sid/us-ssn"},
    {"value": "Q-333", "type": {"text": "Driver's License"}},
    {"system": "urn:unknown", "value": 444}
  ],
  "name": [{"use": "official", "family": "Quill", "given": ["Zo\u00e9", "Q."], "prefix": ["Ms."], "period": {"start": "2001-02-03"}}],
  "telecom": [
    {"system": "phone", "value": "Q-555", "use": "home"},
    {"value": "zoe-at-quill", "system": "email"},
    {"use": "work", "value": "Q-666"}
  ],
  "gender": "female", "birthDate": "1936-08-18", "_birthDate": {"extension": [{"valueDateTime": "1936-08-18T01:02:03Z"}]},
  "deceasedDateTime": "2007-03-25T19:08:38+00:00",
  "address": [{"extension": [{"url": "geo", "valueDecimal": 42.3}], "line": ["5 Quay St"], "city": "Quincy", "state": "MA", "postalCode": "02169", "country": "US"}],
  "maritalStatus": {"coding": [{"system": "http://s", "code": "M", "display": "Married"}], "text": "M"},
  "photo": [{"contentType": "image/png", "data": "UXVpbGw="}],
  "contact": [{"name": {"text": "Quentin Quill"}, "relationship": [{"coding": [{"display": "Next of kin", "code": "N"}]}]}],
  "generalPractitioner": [{"reference": "Practitioner/1", "display": "Dr. Quack"}, {"display": "Dr. Quack"}],
  "managingOrganization": {"display": "Quarry Clinic", "reference": "Organization/1"}
}"#;

const MASKED: &str = r#"{
  "resourceType": "Patient", "id": "p1", "meta": {"versionId": "3"},
  "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">[masked:narrative]</div>"},
  "extension": [
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "[masked:name]"},
    {"valueString": "[masked:name]", "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"},
    {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": "F"},
    {"url": "text", "valueString": "Not Hispanic or Latino"},
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "[masked:address]", "country": "EC"}}
  ],
  "identifier": [
    {"use": "usual", "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}, "system": "urn:x", "value": "[masked:mrn]"},
    {"value": "[masked:ssn]", "system": "http://hl7.org/fhir/sid/us-ssn"},
    {"value": "[masked:license]", "type": {"text": "Driver's License"}},
    {"system": "urn:unknown", "value": "[masked:identifier]"}
  ],
  "name": [{"use": "official", "family": "[masked:name]", "given": ["[masked:name]", "[masked:name]"], "prefix": ["[masked:name]"], "period": {"start": "2001"}}],
  "telecom": [
    {"system": "phone", "value": "[masked:phone]", "use": "home"},
    {"value": "[masked:email]", "system": "email"},
    {"use": "work", "value": "[masked:phone]"}
  ],
  "gender": "female", "birthDate": "1936",
  "deceasedDateTime": "2007",
  "address": [{"line": ["[masked:address]"], "city": "[masked:address]", "state": "MA", "postalCode": "021", "country": "US"}],
  "maritalStatus": {"coding": [{"system": "http://s", "code": "M", "display": "Married"}], "text": "[masked:narrative]"},
  "contact": [{"name": {"text": "[masked:name]"}, "relationship": [{"coding": [{"display": "Next of kin", "code": "N"}]}]}],
  "generalPractitioner": [{"reference": "Practitioner/1", "display": "[masked:name]"}, {"display": "[masked:name]"}],
  "managingOrganization": {"display": "[masked:name]", "reference": "Organization/1"}
}"#;

/// One resource on one line.
fn line(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

#[test]
fn a_patient_is_masked_whatever_else_is_active() {
    for rules in [profile(Profile::FhirR4), all_profiles()] {
        assert_eq!(masked(&rules, Options::default(), PATIENT), MASKED);
        assert_eq!(masked(&rules, Options::default(), MASKED), MASKED, "again");
        check_splits(
            &rules,
            &Options::default(),
            PATIENT.as_bytes(),
            0..=PATIENT.len(),
        );
    }
}

#[test]
fn a_patient_is_masked_wherever_it_stands() {
    let bundle = |patient: &str| {
        format!(r#"{{"entry":[{{"resource":{patient}}}],"resourceType":"Bundle"}}"#)
    };
    let rules = all_profiles();
    assert_eq!(
        masked(&rules, Options::default(), &bundle(PATIENT)),
        bundle(MASKED)
    );
    let (patient, expected) = (line(PATIENT), line(MASKED));
    let body = format!("{patient}\n{patient}\n");
    assert_eq!(
        masked(&rules, lines(), &body),
        format!("{expected}\n{expected}\n")
    );
    check_splits(
        &rules,
        &lines(),
        body.as_bytes(),
        (0..=body.len()).step_by(7),
    );
}

#[test]
fn lifting_one_class_shows_only_that_class() {
    let rules = all_profiles();
    for (class, shown) in [
        (Class::Mrn, &["Q-111"][..]),
        (Class::Ssn, &["Q-222"]),
        (Class::License, &["Q-333"]),
        (Class::Identifier, &["444"]),
        (Class::Email, &["zoe-at-quill"]),
        (Class::Phone, &["Q-555", "Q-666"]),
        (Class::Name, &["Quill", "Quark", "Quack", "Quarry"]),
        (
            Class::Address,
            &["Quay", "Quincy", "02169", "Quito", "42.3"],
        ),
        (Class::Date, &["1936-08-18", "2001-02-03", "2007-03-25"]),
        (Class::Photo, &["UXVpbGw="]),
    ] {
        let options = lift(&[class]);
        let out = masked(&rules, options.clone(), PATIENT);
        let report = mask(&rules, options.clone(), PATIENT.as_bytes()).1.unwrap();
        assert!(report.lifted(class) > 0 && report.lifted_total() == report.lifted(class));
        let canaries = [
            "Q-111",
            "Q-222",
            "Q-333",
            "444",
            "zoe-at-quill",
            "Q-555",
            "Q-666",
            "Quark",
            "Quack",
            "Quay",
            "Quincy",
            "02169",
            "Quito",
            "42.3",
            "1936-08-18",
            "2001-02-03",
            "2007-03-25",
            "UXVpbGw=",
        ];
        for canary in canaries {
            assert_eq!(
                out.contains(canary),
                shown.contains(&canary),
                "{canary} with {class}"
            );
        }
        check_splits(
            &rules,
            &options,
            PATIENT.as_bytes(),
            (0..=PATIENT.len()).step_by(11),
        );
    }
}

#[test]
fn contradicting_siblings_are_an_identifier_that_is_never_lifted() {
    let rules = profile(Profile::FhirR4);
    let options = lift(&[Class::Mrn, Class::Ssn, Class::Identifier]);
    for (body, expected) in [
        (
            r#"{"identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"1","system":"http://hl7.org/fhir/sid/us-ssn"}]}"#,
            r#"{"identifier":[{"type":{"coding":[{"code":"MR"}]},"value":"[masked:identifier]","system":"http://hl7.org/fhir/sid/us-ssn"}]}"#,
        ),
        (
            r#"{"telecom":[{"system":"fax","value":"1","system":"url"}]}"#,
            r#"{"telecom":[{"system":"fax","value":"[masked:identifier]","system":"url"}]}"#,
        ),
        (
            r#"{"identifier":{"value":{"deep":["1",{"x":2}]},"system":"http://hl7.org/fhir/sid/us-ssn"}}"#,
            r#"{"identifier":{"value":{"deep":["[masked:identifier]",{"x":"[masked:identifier]"}]},"system":"http://hl7.org/fhir/sid/us-ssn"}}"#,
        ),
        (
            r#"{"x":{"display":"A","code":"c","reference":"r"}}"#,
            r#"{"x":{"display":"[masked:name]","code":"c","reference":"r"}}"#,
        ),
    ] {
        assert_eq!(masked(&rules, options.clone(), body), expected);
        check_splits(&rules, &options, body.as_bytes(), 0..=body.len());
    }
}

#[test]
fn what_waits_beyond_the_limit_is_an_identifier_that_is_not_lifted() {
    let rules = profile(Profile::FhirR4);
    let system = "http://hl7.org/fhir/sid/us-ssn";
    let mut waited = [false, false];
    for padding in 0..120 {
        let space = " ".repeat(padding);
        let body = format!(
            r#"[{{"display":"A","identifier":{{"value":"1",{space}"value":"2","system":"{system}"}},"reference":"r"}},{{"identifier":{{"value":"3","system":"{system}"}}}}]"#
        );
        let mut options = limits(8, 256, 340);
        options.lift = [Class::Ssn, Class::Identifier, Class::Name]
            .into_iter()
            .collect();
        check_splits(&rules, &options, body.as_bytes(), 0..=body.len());
        let out = masked(&rules, options, &body);
        assert!(
            out.contains(r#""value":"3""#),
            "the next object is on its own: {out}"
        );
        waited[usize::from(out.contains(r#""display":"[masked:identifier]""#))] = true;
    }
    assert_eq!(waited, [true, true], "both sides of the limit are seen");
}

#[test]
fn nested_references_and_detectors_inside_of_what_stays() {
    let rules = all_profiles();
    let body = r#"{"subject":{"display":"A B","identifier":{"value":"7","system":"http://hl7.org/fhir/sid/us-ssn","assigner":{"display":"C"}},"reference":"Patient/1"},"code":{"coding":[{"display":"ask 212-555-0123","code":"x"}]}}"#;
    let expected = r#"{"subject":{"display":"[masked:name]","identifier":{"value":"[masked:ssn]","system":"http://hl7.org/fhir/sid/us-ssn","assigner":{"display":"[masked:name]"}},"reference":"Patient/1"},"code":{"coding":[{"display":"ask [masked:phone]","code":"x"}]}}"#;
    assert_eq!(masked(&rules, Options::default(), body), expected);
    check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
}

/// Types of FHIR that are masked, where they stand, and their members.
const MASKED_TYPES: &[(&[&str], &[&str])] = &[
    (
        &["name", "valueHumanName"],
        &[
            "text", "family", "given", "prefix", "suffix", "period", "use",
        ],
    ),
    (
        &["address", "valueAddress"],
        &[
            "text",
            "line",
            "city",
            "district",
            "postalCode",
            "period",
            "state",
            "country",
            "use",
            "type",
        ],
    ),
    (
        &["identifier", "valueIdentifier"],
        &["value", "period", "system", "use"],
    ),
    (
        &["telecom", "valueContactPoint"],
        &["value", "period", "system", "use", "rank"],
    ),
    (&["contact"], &["period"]),
    (&["text"], &["div", "status"]),
    (&["subject", "managingOrganization"], &["display"]),
    (&["resource"], &["birthDate", "deceasedDateTime", "photo"]),
];

#[test]
fn extensions_of_what_is_masked_do_not_repeat_it() {
    let rules = profile(Profile::FhirR4);
    let extension = r#"[{"url":"http://hl7.org/fhir/StructureDefinition/rendered-value","valueString":"Thistle"},{"extension":[{"valueCode":"Thistle"}],"valueAddress":{"state":"Thistle"}}]"#;
    let mut bodies = Vec::new();
    for (places, members) in MASKED_TYPES {
        for place in *places {
            for member in *members {
                let sibling = format!(
                    r#"{{"{member}":null,"_{member}":{{"id":"Thistle","extension":{extension}}}}}"#
                );
                let list =
                    format!(r#"{{"_{member}":[null,{{"extension":{extension}}}],"{member}":[]}}"#);
                bodies.extend([(place, sibling), (place, list)]);
            }
            if !["subject", "managingOrganization", "resource"].contains(place) {
                bodies.push((place, format!(r#"{{"extension":{extension},"use":"old"}}"#)));
                bodies.push((place, format!(r#"{{"modifierExtension":{extension}}}"#)));
            }
        }
    }
    for (place, value) in bodies {
        for body in [
            format!(r#"{{"{place}":{value}}}"#),
            format!(r#"{{"contact":[{{"{place}":{value}}}]}}"#),
            format!(r#"[{{"entry":[{{"x":1,"{place}":[{value},{value}],"y":2}}]}}]"#),
        ] {
            if body.contains(r#""text":["#) {
                continue; // No narrative is in an array.
            }
            let out = masked(&rules, Options::default(), &body);
            assert!(!out.contains("Thistle"), "{body}\n{out}");
            assert_eq!(masked(&rules, Options::default(), &out), out, "again");
            check_splits(
                &rules,
                &Options::default(),
                body.as_bytes(),
                (0..=body.len()).step_by(13),
            );
        }
    }
}

#[test]
fn extensions_of_identifiers_are_not_lifted_with_another_class() {
    let rules = profile(Profile::FhirR4);
    let body = r#"{"identifier":[{"value":"1","system":"http://hl7.org/fhir/sid/us-ssn","_value":{"extension":[{"valueString":"1"}]}}]}"#;
    let expected =
        r#"{"identifier":[{"value":"[masked:ssn]","system":"http://hl7.org/fhir/sid/us-ssn"}]}"#;
    let options = lift(&[Class::Identifier]);
    assert_eq!(masked(&rules, options, body), expected);
}

#[test]
fn a_display_is_shown_where_it_is_that_of_a_coding() {
    let rules = profile(Profile::FhirR4);
    for clear in [
        r#"{"code":{"coding":[{"code":"x","display":"Orla"}]}}"#,
        r#"{"type":{"coding":[{"display":"Orla","system":"s"}]}}"#,
        r#"{"class":{"display":"Orla","code":"AMB","system":"s"}}"#,
        r#"{"valueCoding":{"code":"x","display":"Orla"}}"#,
        r#"{"meta":{"tag":[{"code":"x","display":"Orla"}]}}"#,
    ] {
        assert_eq!(masked(&rules, Options::default(), clear), clear);
    }
    for body in [
        r#"{"code":"x","display":"Orla"}"#,
        r#"{"display":"Orla","system":"s"}"#,
        r#"{"subject":{"code":"x","version":"1","display":"Orla"}}"#,
        r#"{"system":"s","code":"x","display":"Orla","type":"Patient"}"#,
    ] {
        let out = masked(&rules, Options::default(), body);
        assert!(out.contains(r#""display":"[masked:name]""#), "{out}");
        assert_eq!(masked(&rules, Options::default(), &out), out, "again");
        check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
    }
}

/// Every string in a document with the pointer to it.
fn strings(value: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((pointer.to_owned(), text.clone())),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                strings(element, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                strings(member, &format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn public_bundles_lose_what_identifies_and_keep_what_does_not() {
    let Some(folder) = shared_data("fhir-r4") else {
        return;
    };
    let rules = all_profiles();
    for (name, body) in files(&folder) {
        let (out, result) = mask(&rules, Options::default(), &body);
        let report = result.unwrap();
        let (before, after): (Value, Value) = (
            serde_json::from_slice(&body).unwrap(),
            serde_json::from_slice(&out).unwrap(),
        );
        let entries = before["entry"].as_array().unwrap();
        assert_eq!(report.records(), entries.len() as u64);
        let patient = entries
            .iter()
            .map(|entry| &entry["resource"])
            .find(|resource| resource["resourceType"] == "Patient")
            .unwrap();
        let mut secrets = Vec::new();
        for part in ["name", "telecom", "address"] {
            strings(&patient[part], part, &mut secrets);
        }
        for (index, identifier) in patient["identifier"].as_array().unwrap().iter().enumerate() {
            secrets.push((
                format!("{index}/value"),
                identifier["value"].as_str().unwrap().to_owned(),
            ));
        }
        secrets.retain(|(pointer, _)| {
            !["use", "system", "state", "country", "url"]
                .iter()
                .any(|part| pointer.ends_with(part))
        });
        let mut left = Vec::new();
        strings(&after["entry"][0]["resource"], "", &mut left);
        assert_eq!(after["entry"][0]["resource"]["resourceType"], "Patient");
        for (pointer, secret) in &secrets {
            for (place, text) in &left {
                assert!(
                    !(text.contains(secret.as_str())
                        && secret.len() > 3
                        && !place.ends_with("/id")),
                    "{name}: {pointer} at {place}"
                );
            }
        }
        for kept in ["id", "gender", "multipleBirthBoolean"] {
            assert_eq!(
                after["entry"][0]["resource"][kept],
                before["entry"][0]["resource"][kept]
            );
        }
        let marital = "/entry/0/resource/maritalStatus/coding";
        assert_eq!(after.pointer(marital), before.pointer(marital));
        assert_eq!(mask(&rules, Options::default(), &out).0, out, "again");
        for size in [1, 7, 4096, 65_536] {
            let (split, result) =
                crate::support::mask_chunks(&rules, Options::default(), body.chunks(size));
            assert!(
                split == out && result.unwrap() == report,
                "{name} by {size}"
            );
        }
        let plain = mask(&crate::support::no_rules(), Options::default(), &body).0;
        assert!(plain == body, "{name} without rules");
        let one_line: String = before.to_string() + "\n";
        let options = Options {
            framing: Framing::Lines,
            ..Options::default()
        };
        assert_eq!(
            mask(&rules, options, one_line.as_bytes())
                .1
                .unwrap()
                .records(),
            1
        );
    }
}

#[test]
fn results_of_tools_that_are_json_are_masked_inside_and_others_whole() {
    let rules = profile(Profile::FhirR4);
    let patient = r#"{\"birthDate\":\"1971-04-09\",\"name\":[{\"family\":\"Quill\"}]}"#;
    let inside = r#"{\"birthDate\":\"1971\",\"name\":[{\"family\":\"[masked:name]\"}]}"#;
    for (around, is_looked_into) in [
        (
            r#"{"result":{"content":[{"type":"text","text":"T"}]}}"#,
            true,
        ),
        (r#"{"result":{"contents":[{"uri":"u","text":"T"}]}}"#, true),
        (r#"{"content":[{"resource":{"text":"T"}}]}"#, true),
        (r#"{"parts":[{"kind":"text","text":"T"}]}"#, true),
        (r#"{"resourceType":"Patient","note":[{"text":"T"}]}"#, false),
        (r#"{"text":"T"}"#, false),
    ] {
        let whole = "[masked:narrative]";
        for (text, expected) in [
            (patient, if is_looked_into { inside } else { whole }),
            ("Quill came", whole),
            (r#"{\"family\":\"Quill\""#, whole),
        ] {
            let body = around.replace("\"T\"", &format!("\"{text}\""));
            let expected = around.replace("\"T\"", &format!("\"{expected}\""));
            assert_eq!(
                masked(&rules, Options::default(), &body),
                expected,
                "{body}"
            );
            let cuts = 1..body.len();
            check_splits(&rules, &Options::default(), body.as_bytes(), cuts);
        }
    }
}
