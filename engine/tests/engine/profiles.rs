//! The shipped profiles from outside: their table, and what one does to the others.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::support::{document_part, masked, profile};
use velum_engine::{Class, Options, Profile, ProfileDocument, Ruleset};

fn together(profiles: &[Profile]) -> Arc<Ruleset> {
    let builder = profiles
        .iter()
        .fold(Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        });
    Arc::new(builder.build().unwrap())
}

#[test]
fn the_document_has_every_profile() {
    let mut table =
        String::from("| profile | version | what it is | rules |\n| --- | --- | --- | --- |\n");
    for profile in Profile::ALL {
        let document = profile.document();
        writeln!(
            table,
            "| `{}` | {} | {} | {} |",
            document.name(),
            document.version(),
            document.about(),
            document.rules().count(),
        )
        .unwrap();
    }
    document_part("docs/profiles.md", "profiles", &table);
}

#[test]
fn the_document_has_every_detector() {
    let documents: Vec<_> = Profile::ALL.iter().map(|one| one.document()).collect();
    let mut detectors: Vec<(&str, Class)> = Vec::new();
    for found in documents.iter().flat_map(ProfileDocument::detectors) {
        if !detectors.contains(&found) {
            detectors.push(found);
        }
    }
    let mut table = String::from("| detector | class | profiles |\n| --- | --- | --- |\n");
    for detector in detectors {
        let users = documents
            .iter()
            .filter(|document| document.detectors().any(|found| found == detector));
        let users: Vec<_> = users
            .map(|document| format!("`{}`", document.name()))
            .collect();
        let (name, class) = detector;
        writeln!(table, "| `{name}` | `{class}` | {} |", users.join(", ")).unwrap();
    }
    document_part("docs/profiles.md", "detectors", &table);
}

#[test]
fn the_document_has_every_class() {
    let documents: Vec<_> = Profile::ALL.iter().map(|one| one.document()).collect();
    let mut table = String::from(
        "| class | may be released | detectors | rules of |\n| --- | --- | --- | --- |\n",
    );
    for class in Class::ALL {
        let mut detectors: Vec<String> = Vec::new();
        for (name, of) in documents.iter().flat_map(ProfileDocument::detectors) {
            let name = format!("`{name}`");
            if of == *class && !detectors.contains(&name) {
                detectors.push(name);
            }
        }
        let users = documents
            .iter()
            .filter(|document| document.rules().any(|rule| rule.class() == *class));
        let users: Vec<_> = users
            .map(|document| format!("`{}`", document.name()))
            .collect();
        let may = if class.may_be_lifted() {
            "yes"
        } else {
            "never"
        };
        writeln!(
            table,
            "| `{class}` | {may} | {} | {} |",
            detectors.join(", "),
            users.join(", ")
        )
        .unwrap();
    }
    document_part("docs/profiles.md", "classes", &table);
}

/// Every profile that the document shows can be used.
#[test]
fn the_profiles_in_the_document_are_sound() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/profiles.md");
    let text = std::fs::read_to_string(file).unwrap();
    let blocks = text.split("```json\n").skip(1);
    let profiles: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(profiles.len() >= 3, "{}", profiles.len());
    for json in profiles {
        let document = ProfileDocument::from_json(json).unwrap();
        Ruleset::builder().document(document).build().unwrap();
    }
}

/// What a limited data set may keep, 45 CFR 164.514(e)(2), and what it may not.
const RECORD: &str = r#"{"firstName":"Ada","dob":"1931-02-03","age":94,"city":"Boston","zip":"02139","state":"MA","county":"Suffolk","address":{"line":"12 Elm St","city":"Boston","zip":"02139"},"mrn":"12345","note":"Seen 2024-01-05 aged 94, Boston, MA 02115; call 617-555-0123, SSN 123-45-6789, 12 Elm Street","accessionNumber":"A-1"}"#;
const LIMITED: &str = r#"{"firstName":"[masked:name]","dob":"1931-02-03","age":94,"city":"Boston","zip":"02139","state":"MA","county":"[masked:address]","address":{"line":"[masked:address]","city":"Boston","zip":"02139"},"mrn":"[masked:mrn]","note":"Seen 2024-01-05 aged 94, Boston, MA 02115; call [masked:phone], SSN [masked:ssn], [masked:address]","accessionNumber":"A-1"}"#;

#[test]
fn a_limited_data_set_keeps_dates_ages_towns_and_zip_codes() {
    let rules = profile(Profile::HipaaLimitedDataSet);
    assert_eq!(masked(&rules, Options::default(), RECORD), LIMITED);
}

#[test]
fn they_are_kept_beside_other_profiles_in_either_order() {
    for others in [
        &[
            Profile::FhirR4,
            Profile::HipaaLimitedDataSet,
            Profile::Credentials,
        ][..],
        &[Profile::HipaaLimitedDataSet, Profile::FhirR4],
    ] {
        let rules = together(others);
        assert_eq!(masked(&rules, Options::default(), RECORD), LIMITED);
    }
    let rules = together(&[Profile::Pii, Profile::HipaaLimitedDataSet]);
    let body = r#"{"dob":"1931-02-03","city":"Boston","zip":"02139","note":"on 2024-01-05"}"#;
    assert_eq!(masked(&rules, Options::default(), body), body);
    let alone = masked(&profile(Profile::Pii), Options::default(), body);
    assert_ne!(alone, body);
}

#[test]
fn fhir_as_a_limited_data_set() {
    let body = r#"{"resourceType":"Patient","name":[{"family":"Doe","period":{"end":"2001-02-03"}}],"birthDate":"1931-02-03","meta":{"lastUpdated":"2024-01-05T10:00:00Z"},"address":[{"line":["12 Elm"],"city":"Boston","district":"Suffolk","state":"MA","postalCode":"02139","period":{"start":"2001-02-03"}}],"telecom":[{"system":"phone","value":"617-555-0123"}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"123456789"}],"deceasedAge":{"value":94}}"#;
    let expected = r#"{"resourceType":"Patient","name":[{"family":"[masked:name]","period":{"end":"2001-02-03"}}],"birthDate":"1931-02-03","meta":{"lastUpdated":"2024-01-05T10:00:00Z"},"address":[{"line":["[masked:address]"],"city":"Boston","district":"[masked:address]","state":"MA","postalCode":"02139","period":{"start":"2001-02-03"}}],"telecom":[{"system":"phone","value":"[masked:phone]"}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"[masked:ssn]"}],"deceasedAge":{"value":94}}"#;
    let rules = together(&[Profile::FhirR4, Profile::HipaaLimitedDataSet]);
    assert_eq!(masked(&rules, Options::default(), body), expected);
    let strict = masked(&profile(Profile::FhirR4), Options::default(), body);
    for kept in ["1931-02-03", "Boston", "02139", "2024-01-05"] {
        assert!(!strict.contains(kept), "{strict}");
    }
}

#[test]
fn profiles_that_contradict_each_other_are_refused() {
    for (profiles, at) in [
        ([Profile::HipaaSafeHarbor, Profile::HipaaLimitedDataSet], 1),
        ([Profile::HipaaLimitedDataSet, Profile::HipaaSafeHarbor], 1),
        ([Profile::Pii, Profile::Pii], 1),
    ] {
        let builder = profiles
            .iter()
            .fold(Ruleset::builder(), |builder, profile| {
                builder.profile(*profile)
            });
        let error = builder.build().unwrap_err();
        assert_eq!(error.profile_index(), Some(at), "{error}");
    }
}

#[test]
fn names_of_other_things_stay() {
    for rules in [profile(Profile::Pii), profile(Profile::HipaaSafeHarbor)] {
        let body = r#"{"fileName":"a","file_name":"b","displayName":"c","hostName":"d","className":"e","productName":"f","columnName":"g","organizationName":"h","eventName":"i","lastLogin":true,"capacity":1,"package":2,"homeTeam":"x","averageAge":30,"maxAge":3600,"gestationalAge":"38w","streetView":false,"photoCount":3,"emailVerified":true}"#;
        assert_eq!(masked(&rules, Options::default(), body), body);
    }
}
