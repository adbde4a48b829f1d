//! The checks can fail: whatever is planted is found, and what is chance is not.

use crate::encode::{base64, base64url, entities, escapes, percent};
use crate::harvest::{Value, harvest, search_for};
use crate::place::Types;
use crate::tree::Tree;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"1c9e6679-7425-40de-944b-e07fc1f90ae7",
  "identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-12-3456"},{"value":"MRN-0042-Q7"},
    {"value":"1c9e6679-7425-40de-944b-e07fc1f90ae7"}],
  "name":[{"family":"Núñez","given":["María José"]},{"text":"Łukasz O'Neil"},{"family":"Boston"},{"family":"王","given":["小明"]},{"family":"Ng"}],
  "telecom":[{"system":"phone","value":"(212) 555-0123"},{"system":"email","value":"m.n+x@example.org"}],
  "birthDate":"1936-08-09","deceasedDateTime":"2007-03-25T19:08:38+00:00",
  "extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Ordóñez"}],
  "contact":[{"name":{"family":"Weißmann","given":["Jörg"]}}],
  "address":[{"line":["548 Corwin Ferry"],"city":"Thistledown","state":"Massachusetts","postalCode":"02108-1234",
    "extension":[{"extension":[{"url":"latitude","valueDecimal":42.338551},{"url":"longitude","valueDecimal":-71.018253}]}]}]}"#;

/// Kinds of values found in a document, beside the patient's own.
fn found(document: &str) -> Vec<&'static str> {
    let before = [Tree::read(PATIENT)];
    let mut search = search_for(&before);
    let tree = [Tree::read(document)];
    let leaks = search.leaks(&tree[0], &Types::read(&tree));
    leaks.iter().map(|leak| leak.value.kind).collect()
}

fn in_note(text: &str) -> Vec<&'static str> {
    found(&serde_json::json!({"resourceType": "Flag", "note": [{"text": text}]}).to_string())
}

#[test]
fn the_harvest_takes_what_identifies() {
    let values = harvest(&[Tree::read(PATIENT)]);
    for (kind, text) in [
        ("name", "Núñez"),
        ("name", "Łukasz O'Neil"),
        ("name", "Ordóñez"),
        ("name", "Weißmann"),
        ("full name", "María José Núñez"),
        ("identifier", "999-12-3456"),
        ("phone", "(212) 555-0123"),
        ("email", "m.n+x@example.org"),
        ("birth date", "1936-08-09"),
        ("address line", "548 Corwin Ferry"),
        ("city", "Thistledown"),
        ("postal code", "02108-1234"),
        ("coordinate", "42.338551"),
        ("coordinate", "-71.018253"),
    ] {
        let value = Value {
            kind,
            text: text.to_owned(),
        };
        assert!(values.contains(&value), "{kind} {text}");
    }
    assert!(
        values
            .iter()
            .all(|value| !value.text.contains("Massachusetts"))
    );
}

#[test]
fn what_is_planted_is_found_however_it_is_written() {
    for (kind, text) in [
        ("name", "Núñez"),
        ("name", "Łukasz O'Neil"),
        ("name", "Lukasz"),
        ("name", "o’neil"),
        ("name", "WEISSMANN"),
        ("name", "小明"),
        ("name", "Ng"),
        ("name", "Ordonez"),
        ("identifier", "999-12-3456"),
        ("identifier", "999 12 3456"),
        ("identifier", "999123456"),
        ("identifier", "mrn0042q7"),
        ("phone", "+1 212.555.0123"),
        ("phone", "12125550123"),
        ("email", "M.N+x@Example.org"),
        ("birth date", "1936-08-09T01:02:03Z"),
        ("birth date", "19360809"),
        ("birth date", "08/09/1936"),
        ("birth date", "8/9/1936"),
        ("birth date", "9.8.1936"),
        ("birth date", "August 9, 1936"),
        ("birth date", "9 Aug 1936"),
        ("date of death", "2007-03-25"),
        ("address line", "548 CORWIN FERRY"),
        ("city", "Thistledown"),
        ("postal code", "02108"),
        ("coordinate", "42.338551,-71"),
    ] {
        let upper = text.to_uppercase();
        let escaped = escapes(text, '\0');
        let numbers = entities(text, '\0');
        let sentence = format!("seen: {text}, today");
        for written in [
            text.to_owned(),
            upper,
            sentence.clone(),
            format!("({text}'s)"),
            percent(text),
            percent(&percent(&sentence)),
            format!("https://a.example/Patient?q={}&x=1", percent(text)),
            escaped.clone(),
            numbers.clone(),
            format!("<div><p>{numbers}</p></div>"),
            base64(sentence.as_bytes()),
            base64url(sentence.as_bytes()),
            base64(base64(sentence.as_bytes()).as_bytes()),
            format!(
                "data:text/plain;base64,{}",
                base64(percent(&sentence).as_bytes())
            ),
            format!("https://a.example/f/{}/x", base64url(sentence.as_bytes())),
            serde_json::json!({"a": [text]}).to_string(),
        ] {
            assert!(
                in_note(&written).contains(&kind),
                "{kind} {text}: {written}"
            );
        }
        // The document itself in ASCII.
        let document = format!(r#"{{"a":"{escaped}"}}"#);
        assert!(found(&document).contains(&kind), "{document}");
    }
    let file = [
        b"%PDF-1.4 \xff\xfe\x80 some bytes that are no text at all, ".as_slice(),
        "for María José Núñez".as_bytes(),
    ]
    .concat();
    assert!(in_note(&base64(&file)).contains(&"name"));
    let wide: Vec<u8> = "a note of somebody else for María José Núñez"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(in_note(&base64(&wide)).contains(&"name"));
    assert_eq!(in_note("Nu<b>ñez</b>"), ["name"]);
    assert_eq!(found(r#"{"x":[42.338551]}"#), ["coordinate"]);
    assert_eq!(
        found(r#"{"x":{"Núñez":1}}"#),
        Vec::<&str>::new(),
        "one word in a name of a member"
    );
    assert_eq!(
        found(r#"{"x":{"María José Núñez":1}}"#),
        ["name", "full name"]
    );
}

#[test]
fn chance_is_no_leak() {
    for text in [
        "",
        "[masked:name]",
        "Massachusetts",
        "1936",
        "021",
        "an exam, no ng/mL",
        "548",
        "2007",
        "42.3",
        "1999-12-34567",
        "street",
        "u00f1",
        "9991234567",
    ] {
        assert_eq!(in_note(text), Vec::<&str>::new(), "{text}");
    }
    for document in [
        r#"{"code":{"coding":[{"system":"s","code":"02108","display":"Boston exam"}],"text":"Boston exam"}}"#,
        r#"{"valueQuantity":{"value":2108,"unit":"Ng","code":"Ng"}}"#,
        r#"{"resourceType":"Patient","address":[{"state":"Boston","country":"Boston"}]}"#,
        r#"{"resourceType":"Practitioner","name":[{"family":"Núñez"}],"address":[{"city":"Thistledown"}]}"#,
        r#"{"resourceType":"Location","name":"Thistledown ward","physicalType":{"coding":[{"code":"wa"}]}}"#,
        r#"{"performer":[{"reference":"Practitioner/1","display":"Dr. María José Núñez"}]}"#,
        r#"{"performer":[{"reference":"Practitioner?identifier=x|1","display":"Dr. Núñez"}]}"#,
        r#"{"managingOrganization":{"display":"Thistledown Hospital"}}"#,
        r#"{"resourceType":"Flag","id":"1c9e6679-7425-40de-944b-e07fc1f90ae7","subject":{"reference":"urn:uuid:1c9e6679-7425-40de-944b-e07fc1f90ae7"}}"#,
        r#"[{"fullUrl":"urn:uuid:7","resource":{"resourceType":"Practitioner"}},{"actor":{"reference":"urn:uuid:7","display":"Núñez"}}]"#,
    ] {
        assert_eq!(found(document), Vec::<&str>::new(), "{document}");
    }
}

#[test]
fn a_place_of_staff_hides_nothing_beside_it() {
    for (document, kind) in [
        (
            r#"{"code":{"coding":[{"system":"s","code":"c","display":"of María José Núñez"}]}}"#,
            "full name",
        ),
        (
            r#"{"code":{"coding":[{"system":"s","code":"999-12-3456"}]}}"#,
            "identifier",
        ),
        (r#"{"code":{"coding":[{"display":"Núñez"}]}}"#, "name"),
        (
            r#"{"code":{"coding":[{"system":"s","display":"exam"}],"text":"Núñez"}}"#,
            "name",
        ),
        (
            r#"{"subject":{"reference":"Patient/1","display":"Núñez"}}"#,
            "name",
        ),
        (r#"{"performer":[{"display":"Núñez"}]}"#, "name"),
        (
            r#"{"performer":[{"reference":"Practitioner/Nunez","display":"x"}]}"#,
            "name",
        ),
        (
            r#"{"resourceType":"Location","name":"Núñez","physicalType":{"coding":[{"code":"ho"}]}}"#,
            "name",
        ),
        (
            r#"{"resourceType":"Practitioner","contained":[{"resourceType":"Flag","x":"Núñez"}]}"#,
            "name",
        ),
        (
            r#"{"resourceType":"Flag","note":"1c9e6679-7425-40de-944b-e07fc1f90ae7"}"#,
            "identifier",
        ),
    ] {
        assert!(found(document).contains(&kind), "{document}");
    }
}
