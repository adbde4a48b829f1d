//! `velum profile import-ms`, with configurations that were invented for it.

use serde_json::{Value, json};

use crate::program::{Folder, Outcome, command, run};

/// Rules and parameters as a configuration.
fn configuration(rules: &Value, parameters: &Value) -> Value {
    json!({"fhirVersion": "R4", "processingErrors": "raise", "fhirPathRules": rules, "parameters": parameters})
}

/// Imports a configuration.
fn import(folder: &Folder, configuration: &Value) -> Outcome {
    folder.write("configuration.json", configuration.to_string());
    folder.velum(&[
        "profile",
        "import-ms",
        "configuration.json",
        "--output",
        "made.json",
    ])
}

/// What a body becomes under the profile that was made.
fn masked(folder: &Folder, body: &Value) -> Value {
    let profile: Value = serde_json::from_str(&folder.read("made.json")).unwrap();
    let policy = json!({"version": 1, "masking": {
        "profiles": [profile], "keys": [{"id": "k1", "environment": "VELUM_TEST_KEY"}]
    }});
    let policy = folder.write("policy.json", policy.to_string());
    let mut mask = command(&["mask", "--policy", &policy]);
    mask.env(
        "VELUM_TEST_KEY",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    );
    let outcome = run(mask, &body.to_string());
    assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
    serde_json::from_str(&outcome.output).unwrap()
}

/// A rule alone: what it makes of a body.
fn check(rules: &Value, parameters: &Value, body: &Value, expected: &Value) {
    let folder = Folder::new();
    let outcome = import(&folder, &configuration(rules, parameters));
    assert_eq!(outcome.code, Some(0), "{rules}: {}", outcome.errors);
    assert_eq!(&masked(&folder, body), expected, "{rules}");
}

#[test]
fn redaction_removes() {
    check(
        &json!([{"path": "Patient.birthDate", "method": "redact"}]),
        &json!({}),
        &json!({"birthDate": "1970-02-03", "_birthDate": {"extension": []}, "gender": "male"}),
        &json!({"gender": "male"}),
    );
    check(
        &json!([{"path": "nodesByType('ContactPoint')", "method": "REDACT"}]),
        &json!({}),
        &json!({"telecom": [{"system": "phone", "value": "x"}], "active": true}),
        &json!({"active": true}),
    );
    // A name that others have too is masked by what is in it.
    check(
        &json!([{"path": "nodesByType('HumanName')", "method": "redact"}]),
        &json!({}),
        &json!({"name": [{"family": "Doe", "use": "old"}], "code": {"name": "kept"}}),
        &json!({"name": [{"family": "[masked:name]"}], "code": {"name": "kept"}}),
    );
}

#[test]
fn parts_stay_where_parameters_say_so() {
    let parts = json!({
        "enablePartialDatesForRedact": true,
        "enablePartialAgesForRedact": true,
        "enablePartialZipCodesForRedact": true,
        "restrictedZipCodeTabulationAreas": ["036"]
    });
    check(
        &json!([
            {"path": "nodesByType('date') | nodesByType('instant')", "method": "redact"},
            {"path": "nodesByType('Address')", "method": "redact"},
            {"path": "nodesByType('Age')", "method": "redact"}
        ]),
        &parts,
        &json!({
            "birthDate": "1970-02-03",
            "issued": "2020-03-04T05:06:07Z",
            "address": [{"city": "Boston", "postalCode": "02139", "period": {"start": "2001-02-03"}}],
            "onsetAge": {"value": 93, "unit": "a"}
        }),
        &json!({
            "birthDate": "1970",
            "issued": "2020-01-01T00:00:00Z",
            "address": [{"city": "[masked:address]", "postalCode": "021", "period": {"start": "2001"}}],
            "onsetAge": {"value": 90, "unit": "a"}
        }),
    );
}

#[test]
fn the_first_rule_that_selects_decides() {
    check(
        &json!([
            {"path": "nodesByType('Address').state", "method": "keep"},
            {"path": "nodesByType('HumanName').use | nodesByType('HumanName').given", "method": "keep"},
            {"path": "Group.name", "method": "redact"},
            {"path": "nodesByType('Narrative')", "method": "redact"},
            {"path": "nodesByType('Address')", "method": "redact"},
            {"path": "nodesByType('HumanName')", "method": "redact"}
        ]),
        &json!({}),
        &json!({
            "text": {"status": "generated", "div": "<div>Doe</div>"},
            "address": [{"state": "MA", "city": "Boston"}],
            "contact": {"name": {"use": "old", "family": "Doe", "given": ["Ann"], "text": "Ann Doe"}}
        }),
        &json!({
            "text": {},
            "address": [{"state": "MA", "city": "[masked:address]"}],
            "contact": {"name": {"use": "old", "family": "[masked:name]", "given": ["Ann"], "text": "[masked:name]"}}
        }),
    );
}

#[test]
fn methods_with_keys_become_operators_with_keys() {
    let folder = Folder::new();
    let rules = json!([
        {"path": "Resource.id", "method": "cryptoHash"},
        {"path": "nodesByType('Identifier').value", "method": "encrypt"},
        {"path": "nodesByType('dateTime')", "method": "dateShift"}
    ]);
    let parameters = json!({"dateShiftKey": "hunter22", "dateShiftScope": "file", "cryptoHashKey": "hunter22", "encryptKey": "hunter22"});
    let outcome = import(&folder, &configuration(&rules, &parameters));
    assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
    for fragment in [
        "differs: cryptoHash: ",
        "differs: encrypt: ",
        "differs: dateShift: ",
        "masking.keys",
    ] {
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
    }
    assert!(!outcome.errors.contains("hunter22") && !folder.read("made.json").contains("hunter22"));
    let body = json!({
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "identifier": [{"system": "s", "value": "c1"}],
        "recordedDate": "2020-03-04", "onsetDateTime": "2020-03-14T10:00:00Z"
    });
    let out = masked(&folder, &body);
    let id = out["id"].as_str().unwrap();
    assert!(id.len() == 22 && id != "c1");
    assert_ne!(out["identifier"][0]["value"], "c1");
    assert_eq!(out["identifier"][0]["system"], "s");
    let day = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .get(..10)
            .unwrap()
            .parse::<jiff::civil::Date>()
            .unwrap()
    };
    let (first, second) = (day(&out["recordedDate"]), day(&out["onsetDateTime"]));
    assert_ne!(out["recordedDate"], "2020-03-04");
    assert_eq!(first.until(second).unwrap().get_days(), 10);
}

#[test]
fn substitutes_are_put_in() {
    check(
        &json!([
            {"path": "Patient.gender", "method": "substitute", "replaceWith": "unknown"},
            {"path": "nodesByType('Address').city", "method": "substitute", "replaceWith": "Anytown"}
        ]),
        &json!({}),
        &json!({"gender": "male", "address": [{"city": "Boston", "state": "MA"}]}),
        &json!({"gender": "unknown", "address": [{"city": "Anytown", "state": "MA"}]}),
    );
}

#[test]
fn a_choice_of_types_is_all_of_them_or_one() {
    check(
        &json!([{"path": "Condition.onset", "method": "redact"}]),
        &json!({}),
        &json!({"onsetDateTime": "2020", "onsetString": "x", "onsetAge": {"value": 1}, "abatementString": "y"}),
        &json!({"abatementString": "y"}),
    );
    check(
        &json!([{"path": "Condition.onset as Age", "method": "redact"}]),
        &json!({}),
        &json!({"onsetString": "x", "onsetAge": {"value": 1}}),
        &json!({"onsetString": "x"}),
    );
}

#[test]
fn what_cannot_be_expressed_is_masked_more_and_listed() {
    for (rule, body, expected, said) in [
        (
            json!({"path": "Observation.value as Quantity", "method": "perturb", "span": 2}),
            json!({"valueQuantity": {"value": 7, "unit": "kg"}}),
            json!({"valueQuantity": {"unit": "kg"}}),
            "there is no noise",
        ),
        (
            json!({"path": "Patient.address.postalCode", "method": "generalize", "cases": {"true": "$this"}}),
            json!({"address": [{"postalCode": "02139", "city": "Boston"}]}),
            json!({"address": [{"city": "Boston"}]}),
            "cases are not read",
        ),
        (
            json!({"path": "nodesByType('ContactPoint').where(use = 'home').value", "method": "redact"}),
            json!({"telecom": [{"use": "work", "value": "x"}]}),
            json!({"telecom": [{"use": "work"}]}),
            "where is left out, and all elements are taken",
        ),
        (
            json!({"path": "nodesByType('Address')", "method": "substitute", "replaceWith": {"city": "x"}}),
            json!({"valueAddress": {"city": "Boston"}, "active": true}),
            json!({"active": true}),
            "",
        ),
        (
            json!({"path": "Device.serialNumber", "method": "redact"}),
            json!({"serialNumber": "x", "status": "active"}),
            json!({"status": "active"}),
            "",
        ),
    ] {
        let folder = Folder::new();
        let outcome = import(&folder, &configuration(&json!([rule]), &json!({})));
        assert_eq!(outcome.code, Some(0), "{rule}: {}", outcome.errors);
        assert!(outcome.errors.contains(said), "{rule}: {}", outcome.errors);
        let about: Value = serde_json::from_str(&folder.read("made.json")).unwrap();
        assert!(about["about"].as_str().unwrap().contains(said), "{rule}");
        assert_eq!(masked(&folder, &body), expected, "{rule}");
    }
}

#[test]
fn what_would_stay_fails_the_import_with_the_profile_written() {
    let sound = json!({"path": "Patient.birthDate", "method": "redact"});
    for (rule, code, said) in [
        (
            json!({"path": "Patient.name.family = 'x'", "method": "redact"}),
            1,
            "not expressed: rule 1, Patient.name.family = 'x': this is more FHIRPath",
        ),
        (
            json!({"path": "Pacient.name", "method": "redact"}),
            1,
            "R4 has no resource Pacient",
        ),
        (
            json!({"path": "nodesByType('Nome')", "method": "redact"}),
            1,
            "R4 has no type Nome",
        ),
        (
            json!({"path": "Patient.name", "method": "blur"}),
            1,
            "this method is not known",
        ),
        (
            json!({"path": "Patient.maritalStatus", "method": "dateShift"}),
            1,
            "the method does nothing to what is there",
        ),
        (
            json!({"path": "Patient", "method": "redact"}),
            1,
            "it selects whole resources",
        ),
        (
            json!({"path": "Organization.address", "method": "keep"}),
            0,
            "masks more: rule 1, Organization.address: an element cannot be kept in one resource",
        ),
    ] {
        let folder = Folder::new();
        let rules = json!([sound, rule]);
        let outcome = import(&folder, &configuration(&rules, &json!({})));
        assert_eq!(outcome.code, Some(code), "{rule}: {}", outcome.errors);
        assert!(outcome.errors.contains(said), "{rule}: {}", outcome.errors);
        assert_eq!(masked(&folder, &json!({"birthDate": "1970"})), json!({}));
    }
    let folder = Folder::new();
    let with = |name: &str, value: Value| {
        let mut configuration = configuration(&json!([sound]), &json!({"customSettings": {}}));
        configuration[name] = value;
        configuration
    };
    let outcome = import(&folder, &with("extra", json!(1)));
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.errors.contains("extra: not known"),
        "{}",
        outcome.errors
    );
    assert!(
        outcome
            .errors
            .contains("parameters.customSettings: not known")
    );
    let outcome = import(&folder, &with("fhirVersion", json!("Stu3")));
    assert!(
        outcome
            .errors
            .contains("fhirVersion: the elements are those of R4")
    );
}

#[test]
fn what_is_no_configuration_is_refused() {
    let folder = Folder::new();
    for (text, said) in [
        ("{", "is no configuration with fhirPathRules"),
        (
            "{\"fhirPathRules\": [{\"path\": \"a\"}]}",
            "each with a path and a method",
        ),
        ("{\"fhirPathRules\": []}", "none of its rules masks"),
    ] {
        let file = folder.write("bad.json", text);
        let outcome = folder.velum(&["profile", "import-ms", &file, "-o", "none.json"]);
        assert_eq!((outcome.code, outcome.output.as_str()), (Some(1), ""));
        assert!(outcome.errors.contains(said), "{}", outcome.errors);
    }
    assert_eq!(folder.files(), ["bad.json"]);
    let sound = json!([{"path": "Patient.birthDate", "method": "redact"}]);
    let file = folder.write("good.json", configuration(&sound, &json!({})).to_string());
    let outcome = folder.velum(&["profile", "import-ms", &file, "--name", "pii"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .errors
            .contains("/profile: is the name of a shipped profile")
    );
    let printed = folder.velum(&["profile", "import-ms", &file, "--name", "ours"]);
    assert!(
        printed.output.contains("\"profile\": \"ours\""),
        "{}",
        printed.output
    );
}
