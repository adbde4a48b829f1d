//! Hosts and words of URLs.

/// Hosts of vocabularies, standards and those who publish them: nothing in their URLs is about a
/// person. Hosts below them count too.
const PUBLIC_HOSTS: &[&str] = &[
    "hl7.org",
    "fhir.org",
    "loinc.org",
    "regenstrief.org",
    "snomed.info",
    "snomed.org",
    "unitsofmeasure.org",
    "ucum.org",
    "w3.org",
    "xmlsoap.org",
    "schema.org",
    "json-schema.org",
    "nucc.org",
    "ama-assn.org",
    "x12.org",
    "ncpdp.org",
    "nema.org",
    "ihe.net",
    "cms.gov",
    "nih.gov",
    "cdc.gov",
    "fda.gov",
    "hhs.gov",
    "healthit.gov",
    "census.gov",
    "who.int",
    "ietf.org",
    "rfc-editor.org",
    "iana.org",
    "iso.org",
    "oasis-open.org",
    "openehr.org",
    "simplifier.net",
    "doi.org",
];

/// Hosts on which the first part of a path is a person, or the one behind that word.
const PROFILE_HOSTS: &[(&str, &str)] = &[
    ("linkedin.com", "in"),
    ("facebook.com", ""),
    ("instagram.com", ""),
    ("twitter.com", ""),
    ("x.com", ""),
];

/// What is followed by the name or number of a person in a path.
const PEOPLE: &[&str] = &[
    "patient",
    "patients",
    "person",
    "persons",
    "people",
    "relatedperson",
    "user",
    "users",
    "member",
    "members",
    "subscriber",
    "subscribers",
    "beneficiary",
    "beneficiaries",
    "customer",
    "customers",
    "client",
    "clients",
    "employee",
    "employees",
    "profile",
    "profiles",
];

/// What is not, though it stands there.
const NOBODY: &[&str] = &[
    "me",
    "self",
    "new",
    "all",
    "list",
    "search",
    "index",
    "login",
    "logout",
    "signin",
    "signup",
    "register",
    "settings",
    "count",
    "export",
    "import",
    "batch",
    "about",
    "help",
    "faq",
    "docs",
    "guide",
    "guides",
    "portal",
    "home",
    "api",
    "identifier",
    "identifiers",
    "id",
    "ids",
    "mrn",
    "mrns",
    "name",
    "names",
    "v1",
    "v2",
];

/// Parameters whose values are about a person, letters and digits only.
const PERSONAL: &[&str] = &[
    "ssn",
    "mrn",
    "dob",
    "birthdate",
    "given",
    "family",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "username",
    "user",
    "userid",
    "login",
    "email",
    "mail",
    "phone",
    "phonenumber",
    "mobile",
    "telecom",
    "address",
    "addresscity",
    "addresspostalcode",
    "street",
    "zip",
    "zipcode",
    "postalcode",
    "patient",
    "patientid",
    "patientname",
    "subject",
    "person",
    "personid",
    "member",
    "memberid",
    "subscriber",
    "subscriberid",
    "beneficiary",
    "policyholder",
    "account",
    "accountid",
    "accountnumber",
    "customer",
    "customerid",
    "employeeid",
    "identifier",
];

/// Those that are so only where the path is about people.
const PERSONAL_THERE: &[&str] = &["name", "id", "city", "deathdate", "phonetic"];

/// Parameters whose values are numbers that name nobody.
const IMPERSONAL: &[&str] = &[
    "code",
    "codes",
    "system",
    "url",
    "valueset",
    "category",
    "class",
    "type",
    "format",
    "count",
    "page",
    "offset",
    "limit",
    "size",
    "sort",
    "version",
    "ver",
    "v",
    "rev",
    "build",
    "t",
    "ts",
    "time",
    "timestamp",
    "since",
    "until",
    "lastupdated",
    "hash",
    "etag",
];

/// Resources of FHIR that are about those who give care, or about no one.
const PUBLIC_RESOURCES: &[&str] = &[
    "practitioner",
    "practitionerrole",
    "organization",
    "organizationaffiliation",
    "location",
    "healthcareservice",
    "endpoint",
    "insuranceplan",
    "medication",
    "medicationknowledge",
    "substance",
    "valueset",
    "codesystem",
    "conceptmap",
    "structuredefinition",
    "searchparameter",
    "questionnaire",
    "plandefinition",
    "activitydefinition",
    "library",
    "measure",
    "group",
];

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|one| word.eq_ignore_ascii_case(one.as_bytes()))
}

/// Whether a host is one of those, or below it.
fn is_at(host: &[u8], known: &str) -> bool {
    let above = host.len().checked_sub(known.len());
    above.is_some_and(|above| {
        let end = host.get(above..).unwrap_or_default();
        let before = above.checked_sub(1).and_then(|before| host.get(before));
        end.eq_ignore_ascii_case(known.as_bytes()) && before.is_none_or(|byte| *byte == b'.')
    })
}

pub(super) fn is_public_host(host: &[u8]) -> bool {
    PUBLIC_HOSTS.iter().any(|known| is_at(host, known))
}

/// What stands before the name of a person in paths on a host; nothing, where that is the first.
pub(super) fn profile_word(host: &[u8]) -> Option<&'static str> {
    let mut hosts = PROFILE_HOSTS.iter();
    hosts
        .find(|(known, _)| is_at(host, known))
        .map(|(_, word)| *word)
}

pub(super) fn is_people(segment: &[u8]) -> bool {
    is_one_of(segment, PEOPLE)
}

pub(super) fn is_nobody(segment: &[u8]) -> bool {
    is_one_of(segment, NOBODY) || matches!(segment.first(), None | Some(b'$' | b'_' | b'{' | b':'))
}

pub(super) fn is_public_resource(segment: &[u8]) -> bool {
    is_one_of(segment, PUBLIC_RESOURCES)
}

/// What a parameter says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Person,
    Nobody,
    Nothing,
}

/// What the name of a parameter says, by letters and digits before a modifier of FHIR (`:exact`).
pub(super) fn parameter(name: &[u8], is_about_people: bool) -> Says {
    let end = name
        .iter()
        .position(|byte| matches!(byte, b':' | b'[' | b'.'));
    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
    let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let is = |words: &[&str]| {
        let is_alike = |word: &&str| {
            let letters = letters.clone().map(u8::to_ascii_lowercase);
            letters.eq(word.bytes())
        };
        words.iter().any(is_alike)
    };
    if is(PERSONAL) || is_about_people && is(PERSONAL_THERE) {
        Says::Person
    } else if is(IMPERSONAL) {
        Says::Nobody
    } else {
        Says::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_count_with_those_below() {
        assert!(is_public_host(b"terminology.HL7.org"));
        assert!(is_public_host(b"hl7.org"));
        assert!(!is_public_host(b"nothl7.org"));
        assert!(!is_public_host(b"hl7.org.example"));
        assert_eq!(profile_word(b"www.linkedin.com"), Some("in"));
    }

    #[test]
    fn parameters_speak_for_their_values() {
        for (name, says) in [
            ("patient_id", Says::Person),
            ("birthdate", Says::Person),
            ("family:exact", Says::Person),
            ("subject.identifier", Says::Person),
            ("_lastUpdated", Says::Nobody),
            ("code", Says::Nobody),
            ("name", Says::Nothing),
            ("q", Says::Nothing),
            ("", Says::Nothing),
        ] {
            assert_eq!(parameter(name.as_bytes(), false), says, "{name}");
        }
        assert_eq!(parameter(b"name", true), Says::Person);
        assert_eq!(parameter(b"_id", true), Says::Person);
    }
}
