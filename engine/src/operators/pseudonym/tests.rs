use super::*;
use crate::Class;
use crate::operators::{Operator, testing::written};

const UUID: &str = "123e4567-e89b-12d3-a456-426614174000";
/// Those of `1`, `abc` and [`UUID`] under a key of 32 bytes that are all 1: the values of Python's
/// hmac, hashlib, base64 and uuid.
const OF_1: &str = "vdzfzba74mfjmorjbu5mnk";
const OF_ABC: &str = "lgiawaajies2yi63bmhdb4";
const OF_UUID: &str = "7473e9c9-cc9e-8b58-9240-2c11885dae6d";

fn made(keys: &Keyring, what: Pseudonym, text: &str) -> String {
    let setting = Setting {
        keys,
        ..Class::Identifier.into()
    };
    let source = serde_json::to_string(text).unwrap();
    let out = written(&Operator::Pseudonym(what), &source, setting);
    serde_json::from_str(&out).unwrap()
}

fn id(text: &str) -> String {
    made(&Keyring::of(&[1]), Pseudonym::Id, text)
}

fn reference(text: &str) -> String {
    made(&Keyring::of(&[1]), Pseudonym::Reference, text)
}

#[test]
fn pseudonyms_stay_what_they_were() {
    for (text, expected) in [
        ("1", OF_1),
        ("abc", OF_ABC),
        (" abc ", OF_ABC),
        (UUID, OF_UUID),
        (&UUID.to_uppercase(), OF_UUID),
    ] {
        assert_eq!(id(text), expected, "{text}");
    }
    let keys = Keyring::of(&[1]);
    let setting = Setting {
        keys: &keys,
        ..Class::Identifier.into()
    };
    let number = written(&Operator::Pseudonym(Pseudonym::Id), "1", setting);
    assert_eq!(number, format!("\"{OF_1}\""));
    assert_ne!(id("ABC"), OF_ABC, "other ids have a case");
    assert_ne!(made(&Keyring::of(&[2]), Pseudonym::Id, "abc"), OF_ABC);
    assert_eq!(
        made(Keyring::none(), Pseudonym::Id, "abc"),
        "[masked:identifier]"
    );
}

#[test]
fn a_reference_has_the_pseudonym_of_its_id() {
    for text in [
        "#abc",
        "urn:uuid:abc",
        "Patient/abc",
        "Patient/abc/_history",
        "Patient/abc/_history/2",
        "Patient/abc/_history/aB9",
        "Patient/abc/$everything",
        "Patient/abc/Observation",
        "Observation/abc/Observation",
        "https://ehr.example/Patient/abc",
        "http://ehr.example:8080/fhir/r4/v_10/Patient/abc/_history/2",
        "https://localhost/a.b/Group/abc/$member-match",
        "https://ehr.example/Patient/Patient/abc",
    ] {
        let expected = text.replace("abc", OF_ABC);
        assert_eq!(reference(text), expected, "{text}");
        assert_eq!(reference(&expected), expected, "again");
    }
    for (text, expected) in [
        (&*format!("urn:uuid:{UUID}"), format!("urn:uuid:{OF_UUID}")),
        (
            &format!("URN:UUID:{}", UUID.to_uppercase()),
            format!("urn:uuid:{OF_UUID}"),
        ),
        (
            &format!("Encounter/{}", UUID.to_uppercase()),
            format!("Encounter/{OF_UUID}"),
        ),
        ("Patient/Patient", format!("Patient/{}", id("Patient"))),
        ("Patient/[masked:url]", "Patient/[masked:url]".to_owned()),
        ("Patient/a b", format!("Patient/{}", id("a b"))),
    ] {
        assert_eq!(reference(text), expected, "{text}");
    }
    let oid = reference("urn:oid:1.2.3");
    assert!(
        uuid::is_like_one(oid.strip_prefix("urn:uuid:").unwrap()),
        "{oid}"
    );
    assert_eq!(reference(&oid), oid, "again");
    assert_ne!(reference("urn:oid:1.2.4"), oid);
}

#[test]
fn what_refers_to_no_one_stays() {
    for text in [
        "#",
        "Patient",
        "Patient/_search",
        "Patient/_history",
        "Patient/$match",
        "https://ehr.example/fhir/Observation",
        "https://ehr.example/fhir/Observation/$lastn",
    ] {
        assert_eq!(reference(text), text);
    }
}

#[test]
fn a_query_goes_whole() {
    for (text, expected) in [
        ("Patient?identifier=urn:x|1", "Patient?[masked:identifier]"),
        ("Patient?", "Patient?[masked:identifier]"),
        (
            "https://ehr.example/fhir/Patient/_search?name=Ada?&b=#c",
            "https://ehr.example/fhir/Patient/_search?[masked:identifier]",
        ),
        (
            "Patient/abc/Observation?code=1",
            "Patient/lgiawaajies2yi63bmhdb4/Observation?[masked:identifier]",
        ),
    ] {
        assert_eq!(reference(text), expected, "{text}");
        assert_eq!(reference(expected), expected, "again");
    }
}

#[test]
fn any_other_form_is_redacted() {
    for text in [
        "",
        "abc",
        UUID,
        OF_ABC,
        "/Patient/abc",
        "Patient/",
        "Patient//abc",
        "Patient/abc/",
        "patient/abc",
        "Transport/abc",
        "fhir/Patient/abc",
        "Patient/abc/_history/",
        "Patient/abc/_history/a b",
        "Patient/abc/_history/2/x",
        "Patient/abc/Ada",
        "Patient/abc/$",
        "Patient/abc/$a1",
        "?identifier=1",
        "Ada?identifier=1",
        "urn:uuid:",
        "urn:oid:",
        "urn:isbn:1",
        "mailto:ada@mail.example",
        "ftp://ehr.example/Patient/abc",
        "https://ehr.example",
        "https://ehr.example/",
        "https://ehr.example/fhir?_id=1",
        "https:///Patient/abc",
        "https://ada@ehr.example/Patient/abc",
        "https://ada:x@ehr.example/Patient/abc",
        "https://10.0.0.1/Patient/abc",
        "https://[::1]/Patient/abc",
        "https://ehr.example:99999999/Patient/abc",
        "https://ehr.example/people/ada-byron/Patient/abc",
        "https://ehr.example/mrn123/Patient/abc",
        "https://ehr.example/a%20b/Patient/abc",
        "https://ehr.example//Patient/abc",
        "https://ehr.example/metadata",
        "https://ehr.example/Patient/abc#x/y",
    ] {
        assert_eq!(reference(text), "[masked:identifier]", "{text}");
    }
}

#[test]
fn own_pseudonyms_stay_and_what_looks_like_one_does_not() {
    let (old, both) = (Keyring::of(&[1]), Keyring::of(&[2, 1]));
    for own in [OF_ABC, OF_UUID] {
        for keys in [&old, &both] {
            assert_eq!(
                made(keys, Pseudonym::Id, own),
                own,
                "an older key proves it too"
            );
        }
        assert_ne!(made(&Keyring::of(&[2]), Pseudonym::Id, own), own);
        for at in (0..own.len()).filter(|at| own.as_bytes()[*at] != b'-') {
            let mut forged = own.as_bytes().to_vec();
            forged[at] = if forged[at] == b'b' { b'c' } else { b'b' };
            let forged = String::from_utf8(forged).unwrap();
            assert_ne!(id(&forged), forged, "{at}");
        }
    }
    assert_eq!(id(&OF_UUID.to_uppercase()), OF_UUID);
}

#[test]
fn pseudonyms_are_found_where_they_stand() {
    let holds = |keys: &[u8], text: &str| holds_own(&Keyring::of(keys), text);
    for own in [OF_ABC, OF_UUID, &OF_UUID.to_uppercase()] {
        for text in [
            "{}",
            "Patient/{}",
            "Patient/{}/_history/1",
            "#{}",
            "urn:uuid:{}",
            "https://ehr.example/Observation?subject=Patient%2F{},x",
            "see {}.",
        ] {
            let text = text.replace("{}", own);
            assert!(holds(&[1], &text) && holds(&[2, 1], &text), "{text}");
            assert!(!holds(&[2], &text) && !holds(&[], &text), "{text}");
        }
        assert!(!holds(&[1], &format!("{own}a")), "it is longer");
        assert!(!holds(&[1], &own[1..]), "it is shorter");
    }
    for other in ["", "abc", UUID, "évdzfzba74mfjmorjbu5mn", &"a".repeat(22)] {
        assert!(!holds(&[1], other), "{other}");
    }
}
