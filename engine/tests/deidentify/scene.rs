//! A patient and the staff around, and the parts that resources of every type are made of.

use serde_json::{Value, json};

use crate::encode::{base64, base64url, entities, percent};
use crate::patients::{Name, Patient, name};
use crate::random::Random;

pub(crate) struct Scene<'r> {
    pub(crate) patient: Patient,
    pub(crate) doctor: Name,
    pub(crate) doctor_id: String,
    pub(crate) clinic_id: String,
    pub(crate) encounter_id: String,
    /// How the resources refer to each other: `Patient/1`, or the `fullUrl` of an entry.
    pub(crate) by_full_url: bool,
    pub(crate) random: &'r mut Random,
}

impl<'r> Scene<'r> {
    pub(crate) fn new(random: &'r mut Random) -> Self {
        let patient = Patient::new(random);
        let mut doctor = name(random);
        // Staff who share a name with the patient.
        if random.chance(15) {
            doctor.family.clone_from(&patient.name.family);
        }
        Self {
            patient,
            doctor,
            doctor_id: random.uuid(),
            clinic_id: random.uuid(),
            encounter_id: random.uuid(),
            by_full_url: random.chance(50),
            random,
        }
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }

    pub(crate) fn mention(&mut self) -> String {
        self.patient.mention(self.random)
    }

    /// Free text that tells who the patient is.
    pub(crate) fn says(&mut self) -> String {
        self.patient.sentence(self.random)
    }

    pub(crate) fn id(&mut self) -> String {
        self.random.uuid()
    }

    pub(crate) fn link(&self, kind: &str, id: &str) -> String {
        if self.by_full_url && id.len() == 36 {
            format!("urn:uuid:{id}")
        } else {
            format!("{kind}/{id}")
        }
    }

    /// A reference to the patient, in one of the ways that FHIR has.
    pub(crate) fn subject(&mut self) -> Value {
        let literal = self.link("Patient", &self.patient.id);
        let display = self.mention();
        let Patient { name, ssn, mrn, .. } = &self.patient;
        let by_search = match self.random.below(4) {
            0 => format!("Patient?identifier=http://hl7.org/fhir/sid/us-ssn|{ssn}"),
            1 => format!(
                "Patient?identifier={}",
                percent(&format!("urn:oid:1.2.3|{mrn}"))
            ),
            2 => format!(
                "Patient?family={}&birthdate={}",
                percent(&name.family),
                self.patient.birth_date()
            ),
            _ => format!("Patient?name={}&given={}", name.family, name.given),
        };
        match self.random.below(7) {
            0 => json!({"reference": literal}),
            1 => json!({"reference": literal, "display": display}),
            2 => json!({"display": display}),
            3 => json!({"type": "Patient", "display": display, "reference": literal}),
            4 => json!({"reference": by_search}),
            5 => json!({"identifier": self.identifier(), "display": display}),
            _ => json!({"reference": literal, "_display": {"extension": [
                {"url": "http://example.org/spoken", "valueString": display}]}}),
        }
    }

    pub(crate) fn practitioner(&mut self) -> Value {
        let reference = self.link("Practitioner", &self.doctor_id);
        let display = format!("Dr. {} {}", self.doctor.given, self.doctor.family);
        if self.chance(50) {
            json!({"reference": reference})
        } else {
            json!({"reference": reference, "display": display})
        }
    }

    pub(crate) fn organization(&mut self) -> Value {
        let reference = self.link("Organization", &self.clinic_id);
        if self.chance(50) {
            json!({"reference": reference})
        } else {
            json!({"reference": reference, "display": "General Hospital of Quarryfield"})
        }
    }

    pub(crate) fn encounter(&mut self) -> Value {
        json!({"reference": self.link("Encounter", &self.encounter_id)})
    }

    /// One of the patient's numbers; system, type or neither tells which.
    pub(crate) fn identifier(&mut self) -> Value {
        let (value, system, code, text) = {
            let p = &self.patient;
            let all = [
                (
                    &p.ssn,
                    "http://hl7.org/fhir/sid/us-ssn",
                    "SS",
                    "Social Security Number",
                ),
                (
                    &p.mrn,
                    "http://hospital.example.org",
                    "MR",
                    "Medical Record Number",
                ),
                (
                    &p.license,
                    "urn:oid:2.16.840.1.113883.4.3.25",
                    "DL",
                    "Driver's License",
                ),
                (
                    &p.passport,
                    "http://hl7.org/fhir/sid/passport-USA",
                    "PPN",
                    "Passport Number",
                ),
                (
                    &p.medicare,
                    "http://hl7.org/fhir/sid/us-mbi",
                    "MC",
                    "Medicare",
                ),
                (&p.member, "urn:example:plan", "MB", "Member Number"),
            ];
            let (value, system, code, text) = all[self.random.below(all.len())];
            (value.clone(), system, code, text)
        };
        let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203",
            "code": code, "display": text}], "text": text});
        match self.random.below(5) {
            0 => json!({"system": system, "value": value}),
            1 => json!({"type": kind, "value": value}),
            2 => json!({"value": value}),
            3 => json!({"use": "official", "type": kind, "system": system, "value": value,
                "period": {"start": self.day()}}),
            _ => json!({"system": "urn:unknown", "value": value, "assigner": self.organization(),
                "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/rendered-value",
                    "valueString": format!("***{value}")}]}),
        }
    }

    /// A number that this resource has and no other.
    pub(crate) fn record_number(&mut self, prefix: &str) -> Value {
        let value = format!("{prefix}{}", self.random.digits(9));
        json!({"system": "http://hospital.example.org/numbers", "value": value})
    }

    pub(crate) fn day(&mut self) -> String {
        // Newborns are seen on the day of birth.
        if self.chance(8) {
            return self.patient.birth_date();
        }
        let (year, month) = (self.random.within(1990, 2024), self.random.within(1, 12));
        let day = self.random.within(1, 28);
        format!("{year}-{month:02}-{day:02}")
    }

    pub(crate) fn time(&mut self) -> String {
        let zone = self.random.pick(&["Z", "+01:00", "-05:00", ".123Z"]);
        format!(
            "{}T{:02}:{:02}:09{zone}",
            self.day(),
            self.random.below(24),
            self.random.below(60)
        )
    }

    pub(crate) fn instant(&mut self) -> String {
        format!(
            "{}T12:{:02}:09.458+00:00",
            self.day(),
            self.random.below(60)
        )
    }

    pub(crate) fn period(&mut self) -> Value {
        json!({"start": self.time(), "end": self.time()})
    }

    pub(crate) fn note(&mut self) -> Value {
        let text = self.says();
        match self.random.below(3) {
            0 => json!([{"text": text}]),
            1 => {
                json!([{"text": text, "time": self.time(), "authorReference": self.practitioner()}])
            }
            _ => json!([{"authorString": self.mention(), "text": text}, {"text": self.says()}]),
        }
    }

    pub(crate) fn narrative(&mut self) -> Value {
        let text = self.says();
        let text = match self.random.below(4) {
            0 => entities(&text, char::MAX),
            1 => entities(&text, '\u{80}'),
            2 => format!(
                "<table><tr><td><b>{}</b></td></tr></table>",
                entities(&text, char::MAX)
            ),
            _ => text.replace(['<', '&'], " "),
        };
        json!({"status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{text}</p></div>")})
    }

    /// A note as an attachment; some carry only a place to get it from.
    pub(crate) fn attachment(&mut self) -> Value {
        let text = self.says();
        let title = self.mention();
        let url = format!(
            "https://files.example.org/{}/note.pdf?dob={}",
            percent(&self.patient.name.family),
            self.patient.birth_date()
        );
        match self.random.below(5) {
            0 => json!({"contentType": "text/plain", "data": base64(text.as_bytes()),
                "title": title, "creation": self.time()}),
            1 => json!({"contentType": "text/plain; charset=utf-8", "language": "en",
                "data": base64(format!("Note\n{text}\n").as_bytes()), "size": 7, "hash": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}),
            2 => json!({"contentType": "application/pdf", "url": url, "title": title}),
            3 => {
                let inner = json!({"note": text}).to_string();
                json!({"contentType": "application/json", "data": base64(base64url(inner.as_bytes()).as_bytes())})
            }
            _ => {
                let mut pdf =
                    b"%PDF-1.4\n\x80\x81\xfe\xff binary and more of it, beyond any doubt\n"
                        .to_vec();
                pdf.extend(text.as_bytes());
                json!({"contentType": "application/pdf", "data": base64(&pdf), "title": title})
            }
        }
    }

    /// Words that a code has for everybody, and no code: free text.
    pub(crate) fn free_concept(&mut self) -> Value {
        json!({"text": self.says()})
    }

    pub(crate) fn quantity(&mut self, unit: &str) -> Value {
        let value = format!(
            "{}.{}",
            self.random.within(1, 300),
            self.random.digits(2) + "5"
        );
        let value: Value = serde_json::from_str(&value).unwrap();
        json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit})
    }
}

pub(crate) fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}], "text": display})
}

pub(crate) fn snomed(code: &str, display: &str) -> Value {
    concept("http://snomed.info/sct", code, display)
}

pub(crate) fn loinc(code: &str, display: &str) -> Value {
    concept("http://loinc.org", code, display)
}
