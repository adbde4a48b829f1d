//! Places of codes: what no code looks like is masked there, and no code is.

use serde_json::{Value, json};
use velum_engine::Options;

use crate::support::{all_profiles, check_splits, files, masked, shared_data};

/// A resource with a text at places of codes, systems, units and references.
fn resource(text: &str) -> Value {
    json!({
        "resourceType": "Observation",
        "code": {"coding": [{"system": text, "code": text}]},
        "valueQuantity": {"value": 1, "unit": text, "code": text},
        "performer": [{"reference": text}],
    })
}

fn checked(text: &str) -> Value {
    let body = resource(text).to_string();
    check_splits(
        &all_profiles(),
        &Options::default(),
        body.as_bytes(),
        0..=body.len(),
    );
    let out = masked(&all_profiles(), Options::default(), &body);
    assert_eq!(
        masked(&all_profiles(), Options::default(), &out),
        out,
        "again"
    );
    serde_json::from_str(&out).unwrap()
}

#[test]
fn what_no_code_looks_like_is_masked() {
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    let github = format!("ghp_{}", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
    for (text, shown) in [
        (github.as_str(), "[masked:credential]"),
        ("AKIAIOSFODNN7EXAMPLE", "[masked:credential]"),
        (TOKEN, "[masked:credential]"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
            "[masked:credential]",
        ),
        (
            "https://app:hunter2@db.example/x",
            "https://[masked:credential]@db.example/x",
        ),
        ("4111111111111111", "[masked:card]"),
        ("4111 1111 1111 1111", "[masked:card]"),
        ("x 3782-822463-10005", "x [masked:card]"),
        ("+44 20 7946 0958", "[masked:phone]"),
        ("tel:+442079460958", "tel:[masked:phone]"),
        (
            "https://a.example/+442079460958",
            "https://a.example/+442079460958",
        ),
    ] {
        let out = checked(text);
        assert_eq!(out, resource(shown), "{text}");
    }
    let address = format!("https://a.example/{github}/x");
    assert!(!checked(&address).to_string().contains(&github));
}

/// What stands behind the beginning of a vocabulary's name or of a URN is looked at all the same.
#[test]
fn nothing_hides_behind_the_name_of_a_vocabulary() {
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    let github = format!("ghp_{}", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
    for secret in [
        TOKEN,
        &github,
        "AKIAIOSFODNN7EXAMPLE",
        "hvs.CAESIJabcdefghijklmnopqrstuvwx",
    ] {
        for before in [
            "",
            "http://loinc.org/",
            "http://snomed.info/",
            "http://snomed.info/sct/",
            "http://hl7.org/fhir/",
            "http://terminology.hl7.org/CodeSystem/",
            "http://unitsofmeasure.org/",
            "http://www.nlm.nih.gov/research/umls/rxnorm/",
            "urn:oid:",
            "urn:uuid:",
        ] {
            if before.starts_with("http") && secret.starts_with("hvs.") {
                // Where there is no digit, addresses pass.
                continue;
            }
            let out = checked(&format!("{before}{secret}")).to_string();
            assert!(!out.contains(secret), "{out}");
        }
    }
    for (text, secret) in [
        ("urn:oid:4111111111111111", "4111111111111111"),
        ("urn:uuid:4111111111111111", "4111111111111111"),
        ("SSN 123456789", "123456789"),
        ("tel 2125550123", "2125550123"),
        ("ssn:123456789", "123456789"),
    ] {
        let out = checked(text).to_string();
        assert!(!out.contains(secret), "{out}");
    }
    let body =
        format!(r#"{{"resourceType":"Bundle","entry":[{{"fullUrl":"urn:uuid:{github}"}}]}}"#);
    assert!(!masked(&all_profiles(), Options::default(), &body).contains(&github));
}

#[test]
fn codes_stay() {
    for text in [
        "4111111111111112",
        "4111111000124100",
        "378282246310005",
        "4111.1111.1111.1111",
        "10*3/uL",
        "+",
        "1+",
        "StructureDefinitionAndOthers",
        "urn:oid:2.16.840.1.113883.6.238",
        "urn:oid:2.16.840.1.113883.3.117.1.7.1.4111",
        "http://snomed.info/sct/900000000000207008/version/20240301",
        "123456789",
        "2125550123",
        "http://loinc.org/vs/LL1162-8",
        "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
        "Patient/8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        assert_eq!(checked(text), resource(text), "{text}");
    }
}

/// Compares what stands at such places in a body with what it has become.
fn compare(before: &Value, after: &Value, count: &mut usize) {
    match (before, after) {
        (Value::Object(members), Value::Object(masked)) => {
            for (name, value) in members {
                let Some(masked) = masked.get(name) else {
                    // Removed: the whole member was about a person.
                    continue;
                };
                if ["code", "system", "reference", "unit", "url"].contains(&&**name) {
                    *count += usize::from(value.is_string());
                    assert!(!value.is_string() || value == masked, "{name}: {masked}");
                }
                compare(value, masked, count);
            }
        }
        (Value::Array(elements), Value::Array(masked)) if elements.len() == masked.len() => {
            let pairs = elements.iter().zip(masked);
            pairs.for_each(|(before, after)| compare(before, after, count));
        }
        _ => {}
    }
}

#[test]
fn no_code_of_the_bundles_is_masked() {
    let Some(folder) = shared_data("fhir-r4") else {
        return;
    };
    let mut count = 0;
    for (_, body) in files(&folder) {
        let body = String::from_utf8(body).unwrap();
        let out = masked(&all_profiles(), Options::default(), &body);
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        compare(&parsed(&body), &parsed(&out), &mut count);
    }
    assert!(count > 10_000, "{count}");
}
