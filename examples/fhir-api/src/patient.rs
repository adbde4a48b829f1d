//! Invented patients. The same id is always the same person.
//!
//! Nobody can be meant: SSNs are of ranges that are never issued (000, 666, 9xx), phone numbers
//! are 555-01xx, mail is at example.org, names and streets are made up.

use serde_json::{Value, json};

const GIVEN: [&str; 20] = [
    "Aldora", "Benwick", "Caldra", "Dorvin", "Elspira", "Farrow", "Ginevy", "Halden", "Ismara",
    "Jorvik", "Kestra", "Lorwin", "Mirelle", "Nolwen", "Orsina", "Perrin", "Quilla", "Rowan",
    "Sorrel", "Tamsin",
];
const FAMILY: [&str; 20] = [
    "Abelthorn",
    "Brackwater",
    "Cindermoor",
    "Dunwhistle",
    "Everlock",
    "Fennimore",
    "Glimshaw",
    "Harrowgate",
    "Inkpen",
    "Jessamy",
    "Kettlewell",
    "Larkspur",
    "Merriweld",
    "Nettlefold",
    "Oakhollow",
    "Pennyfeather",
    "Quickthorn",
    "Ravenhall",
    "Silverlake",
    "Thistledown",
];
const STREET: [&str; 8] = [
    "Marigold Lane",
    "Cobbler's Row",
    "Willowmere Drive",
    "Foxglove Street",
    "Tinker's Close",
    "Larchfield Road",
    "Saltmarsh Way",
    "Copperbeech Court",
];
const CITY: [(&str, &str, &str); 6] = [
    ("Eastvale", "OH", "43099"),
    ("Norbridge", "OH", "43098"),
    ("Larkton", "IN", "46299"),
    ("Millhaven", "MI", "48399"),
    ("Stonebrook", "PA", "15299"),
    ("Fairmere", "KY", "40299"),
];
const CARE: [&str; 4] = [
    "Willowmere General Hospital",
    "Larkton Family Practice",
    "Stonebrook Clinic",
    "Saltmarsh Health Centre",
];
const MARITAL: [(&str, &str); 4] = [
    ("M", "Married"),
    ("S", "Never Married"),
    ("D", "Divorced"),
    ("W", "Widowed"),
];

/// The patient of this id, as a FHIR R4 resource.
pub(crate) fn patient(id: u64) -> Value {
    let mut dice = Dice(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x0056_454c_554d);
    let (given, middle) = (dice.pick(&GIVEN), dice.pick(&GIVEN));
    let family = dice.pick(&FAMILY);
    let female = dice.below(2) == 0;
    let mail = format!(
        "{}.{}{id}@example.org",
        given.to_lowercase(),
        family.to_lowercase()
    );
    let birth_date = dice.birth_date();
    let street = format!("{} {}", 1 + dice.below(180), dice.pick(&STREET));
    let (city, state, postal_code) = dice.pick(&CITY);
    let care = dice.below(CARE.len() as u64);
    let (marital, marital_text) = dice.pick(&MARITAL);
    json!({
        "resourceType": "Patient",
        "id": id.to_string(),
        "meta": {"versionId": "1", "lastUpdated": "2026-01-15T09:30:00Z"},
        "text": {
            "status": "generated",
            "div": format!(
                "<div xmlns=\"http://www.w3.org/1999/xhtml\">{given} {family}, born {birth_date}, \
                 {street}, {city}</div>"
            ),
        },
        "identifier": [
            {
                "use": "usual",
                "type": {"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                    "code": "MR",
                    "display": "Medical record number",
                }]},
                "system": "http://hospital.example.org/mrn",
                "value": format!("MRN{:07}", 1_000_000 + id),
            },
            {
                "use": "official",
                "system": "http://hl7.org/fhir/sid/us-ssn",
                "value": dice.social_security_number(),
            },
        ],
        "active": true,
        "name": [{"use": "official", "family": family, "given": [given, middle]}],
        "telecom": [
            {"system": "phone", "value": dice.phone(), "use": "home"},
            {"system": "email", "value": mail},
        ],
        "gender": if female { "female" } else { "male" },
        "birthDate": birth_date,
        "deceasedBoolean": false,
        "address": [{
            "use": "home",
            "line": [street],
            "city": city,
            "state": state,
            "postalCode": postal_code,
            "country": "US",
        }],
        "maritalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
            "code": marital,
            "display": marital_text,
        }]},
        "contact": [{
            "relationship": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0131",
                "code": "N",
                "display": "Next-of-Kin",
            }]}],
            "name": {"family": family, "given": [dice.pick(&GIVEN)]},
            "telecom": [{"system": "phone", "value": dice.phone()}],
        }],
        "communication": [{
            "language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-US"}]},
            "preferred": true,
        }],
        "managingOrganization": {
            "reference": format!("Organization/{}", care + 1),
            "display": CARE[usize::try_from(care).unwrap_or_default()],
        },
    })
}

/// A blood pressure of the patient of the same id, as a FHIR R4 resource.
pub(crate) fn observation(id: u64) -> Value {
    let mut dice = Dice(id ^ 0x4f42_5345_5256);
    let subject = patient(id);
    let name = &subject["name"][0];
    let display = format!(
        "{} {}",
        name["given"][0].as_str().unwrap_or_default(),
        name["family"].as_str().unwrap_or_default()
    );
    let component = |code: &str, name: &str, value: u64| {
        json!({
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}]},
            "valueQuantity": {
                "value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        })
    };
    json!({
        "resourceType": "Observation",
        "id": id.to_string(),
        "status": "final",
        "code": {"coding": [{
            "system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel",
        }]},
        "subject": {"reference": format!("Patient/{id}"), "display": display},
        "effectiveDateTime": format!("2026-01-{:02}T08:15:00Z", 1 + dice.below(28)),
        "component": [
            component("8480-6", "Systolic blood pressure", 105 + dice.below(40)),
            component("8462-4", "Diastolic blood pressure", 60 + dice.below(30)),
        ],
    })
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// A number from 0 to `end - 1`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len() as u64);
        choices[usize::try_from(index).unwrap_or_default()]
    }

    fn birth_date(&mut self) -> String {
        format!(
            "{}-{:02}-{:02}",
            1931 + self.below(75),
            1 + self.below(12),
            1 + self.below(28)
        )
    }

    /// Of the ranges that the Social Security Administration never issues.
    fn social_security_number(&mut self) -> String {
        let area = match self.below(8) {
            0 => 0,
            1 => 666,
            _ => 900 + self.below(100),
        };
        format!(
            "{area:03}-{:02}-{:04}",
            1 + self.below(99),
            1 + self.below(9999)
        )
    }

    /// Of the numbers that are kept for fiction: 555-0100 to 555-0199.
    fn phone(&mut self) -> String {
        format!("({}) 555-01{:02}", 200 + self.below(700), self.below(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_is_the_same_person_and_another_is_not() {
        assert_eq!(patient(7), patient(7));
        assert_ne!(patient(7)["name"], patient(8)["name"]);
    }

    #[test]
    fn nobody_real_can_be_meant() {
        for id in 1..2000 {
            let patient = patient(id);
            let number = patient["identifier"][1]["value"].as_str().unwrap();
            let area = &number[..3];
            assert!(
                area == "000" || area == "666" || area.starts_with('9'),
                "{number}"
            );
            assert_eq!(number.len(), 11);
            for telecom in [&patient["telecom"][0], &patient["contact"][0]["telecom"][0]] {
                assert!(
                    telecom["value"].as_str().unwrap().contains(") 555-01"),
                    "{telecom}"
                );
            }
            assert!(
                patient["telecom"][1]["value"]
                    .as_str()
                    .unwrap()
                    .ends_with("@example.org")
            );
        }
    }
}
