//! `fhir-r4`: the Patient resource of HL7 FHIR R4 (hl7.org/fhir/R4/patient.html), and the
//! references to it, by place.
//!
//! Places are given from the data type on (`name[*].family`), so that they hold for a bare
//! resource, in `Bundle.entry[].resource`, in `contained` and in NDJSON lines, whatever the order
//! of members. What the operators write keeps its FHIR type where a reader would notice: dates
//! become years, a narrative stays an XHTML `div`, what cannot be masked in type is removed.

use super::{ByPath, Definition, Evidence, Sibling, Source, Verdict};
use crate::detectors::{EMAIL, PHONE, SSN};
use crate::{Class, Operator, Replacement};

const NARRATIVE: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\">[masked:narrative]</div>";

pub(crate) const DEFINITION: Definition = Definition {
    keys: &[],
    paths: &[
        ByPath {
            class: Class::Name,
            operator: || Operator::Redact,
            paths: &[
                "$..name[*].family",
                "$..name[*].given",
                "$..name[*].prefix",
                "$..name[*].suffix",
                "$..name[*].text",
                "$..name.family",
                "$..name.given",
                "$..name.prefix",
                "$..name.suffix",
                "$..name.text",
                "$..valueHumanName.family",
                "$..valueHumanName.given",
                "$..valueHumanName.prefix",
                "$..valueHumanName.suffix",
                "$..valueHumanName.text",
            ],
        },
        ByPath {
            class: Class::Name,
            operator: || Operator::Remove,
            paths: &[
                "$.._family",
                "$.._given",
                "$..name[*]._prefix",
                "$..name[*]._suffix",
                "$..name[*]._text",
                "$..name._text",
                "$..name[*].extension",
                "$..name.extension",
            ],
        },
        ByPath {
            class: Class::Date,
            operator: || Operator::Year,
            paths: &[
                "$..birthDate",
                "$..deceasedDateTime",
                "$..name[*].period",
                "$..name.period",
                "$..valueHumanName.period",
                "$..address[*].period",
                "$..address.period",
                "$..valueAddress.period",
                "$..telecom[*].period",
                "$..valueContactPoint.period",
                "$..identifier[*].period",
                "$..identifier.period",
                "$..valueIdentifier.period",
                "$..contact[*].period",
            ],
        },
        ByPath {
            class: Class::Date,
            operator: || Operator::Remove,
            paths: &["$.._birthDate", "$.._deceasedDateTime"],
        },
        ByPath {
            class: Class::Address,
            operator: || Operator::Redact,
            paths: &[
                "$..address[*].line",
                "$..address[*].city",
                "$..address[*].district",
                "$..address[*].postalCode",
                "$..address[*].text",
                "$..address.line",
                "$..address.city",
                "$..address.district",
                "$..address.postalCode",
                "$..address.text",
                "$..valueAddress.line",
                "$..valueAddress.city",
                "$..valueAddress.district",
                "$..valueAddress.postalCode",
                "$..valueAddress.text",
            ],
        },
        ByPath {
            class: Class::Address,
            operator: || Operator::Remove,
            // Geolocation, and the parts of lines.
            paths: &[
                "$..address[*].extension",
                "$..address.extension",
                "$..valueAddress.extension",
                "$..address[*]._line",
                "$..address._line",
                "$..valueAddress._line",
                "$..address[*]._city",
                "$..address._city",
                "$..address[*]._text",
                "$..address._text",
            ],
        },
        ByPath {
            class: Class::Narrative,
            operator: || Operator::Replace(Replacement::text(NARRATIVE)),
            paths: &["$..text.div"],
        },
        ByPath {
            class: Class::Narrative,
            operator: || Operator::Remove,
            paths: &["$..text._div"],
        },
        ByPath {
            class: Class::Photo,
            operator: || Operator::Remove,
            paths: &["$..photo"],
        },
    ],
    keep: &[
        "$..name[*].use",
        "$..name.use",
        "$..valueHumanName.use",
        "$..address[*].use",
        "$..address[*].type",
        "$..address[*].state",
        "$..address[*].country",
        "$..address.use",
        "$..address.type",
        "$..address.state",
        "$..address.country",
        "$..valueAddress.use",
        "$..valueAddress.type",
        "$..valueAddress.state",
        "$..valueAddress.country",
    ],
    siblings: &[
        Sibling {
            objects: &["$..identifier[*]", "$..identifier", "$..valueIdentifier"],
            candidate: "value",
            sources: &[
                Source {
                    path: "system",
                    read: identifier_system,
                },
                Source {
                    path: "type.coding[*].code",
                    read: identifier_code,
                },
                Source {
                    path: "type.text",
                    read: identifier_text,
                },
            ],
            resolve: |evidence| evidence.class_or(Class::Identifier),
        },
        Sibling {
            objects: &["$..telecom[*]", "$..telecom", "$..valueContactPoint"],
            candidate: "value",
            sources: &[Source {
                path: "system",
                read: contact_system,
            }],
            resolve: |evidence| evidence.class_or(Class::Phone),
        },
        Sibling {
            objects: &["$."],
            candidate: "display",
            sources: &[
                Source {
                    path: "reference",
                    read: |_| Evidence::REFERENCE,
                },
                Source {
                    path: "system",
                    read: |_| Evidence::CODING,
                },
                Source {
                    path: "code",
                    read: |_| Evidence::CODING,
                },
            ],
            resolve: |evidence| {
                if evidence.has(Evidence::CODING) && !evidence.has(Evidence::REFERENCE) {
                    Verdict::Unselected
                } else {
                    Verdict::Class(Class::Name)
                }
            },
        },
        Sibling {
            objects: &["$..extension[*]", "$..modifierExtension[*]"],
            candidate: "valueString",
            sources: &[Source {
                path: "url",
                read: extension_url,
            }],
            resolve: |evidence| match evidence.classes().only() {
                Some(class) => Verdict::Class(class),
                None => Verdict::Unselected,
            },
        },
    ],
    detectors: &[&SSN, &EMAIL, &PHONE],
};

/// Well-known systems of identifiers (hl7.org/fhir/R4/identifier-registry.html, HL7 OID registry).
fn identifier_system(system: &str) -> Evidence {
    let system = system.trim().trim_end_matches('/');
    match system {
        "http://hl7.org/fhir/sid/us-ssn" | "urn:oid:2.16.840.1.113883.4.1" => {
            Evidence::of(Class::Ssn)
        }
        "http://hl7.org/fhir/sid/us-medicare"
        | "http://hl7.org/fhir/sid/us-mbi"
        | "urn:oid:2.16.840.1.113883.4.572"
        | "urn:oid:2.16.840.1.113883.4.927" => Evidence::of(Class::HealthPlan),
        // 2.16.840.1.113883.4.3.<state>: driver's licences of the states of the US.
        _ if system.starts_with("urn:oid:2.16.840.1.113883.4.3.") => Evidence::of(Class::License),
        _ if system.starts_with("urn:oid:2.16.840.1.113883.4.330.")
            || system.starts_with("http://hl7.org/fhir/sid/passport-") =>
        {
            Evidence::of(Class::Identifier)
        }
        _ => Evidence::NONE,
    }
}

/// HL7 v2 table 0203, terminology.hl7.org/CodeSystem/v2-0203.
fn identifier_code(code: &str) -> Evidence {
    match code {
        "SS" | "SB" => Evidence::of(Class::Ssn),
        "MR" | "MRT" => Evidence::of(Class::Mrn),
        "DL" | "DN" | "MD" | "LN" | "RN" | "PLAC" => Evidence::of(Class::License),
        "PPN" | "TAX" | "PI" | "PT" | "NI" | "CZ" => Evidence::of(Class::Identifier),
        "MB" | "MC" | "MA" | "MI" | "SN" | "NH" | "NIIP" => Evidence::of(Class::HealthPlan),
        "AN" | "ANON" | "ANC" | "BA" | "BC" => Evidence::of(Class::Account),
        _ => Evidence::NONE,
    }
}

fn identifier_text(text: &str) -> Evidence {
    match text.trim().to_lowercase().as_str() {
        "social security number" | "ssn" => Evidence::of(Class::Ssn),
        "medical record number" | "mrn" => Evidence::of(Class::Mrn),
        "driver's license" | "driver's licence" => Evidence::of(Class::License),
        "passport number" | "passport" => Evidence::of(Class::Identifier),
        _ => Evidence::NONE,
    }
}

/// hl7.org/fhir/R4/valueset-contact-point-system.html
fn contact_system(system: &str) -> Evidence {
    match system {
        "phone" | "pager" | "sms" => Evidence::of(Class::Phone),
        "fax" => Evidence::of(Class::Fax),
        "email" => Evidence::of(Class::Email),
        "url" => Evidence::of(Class::Url),
        _ => Evidence::NONE,
    }
}

fn extension_url(url: &str) -> Evidence {
    match url {
        "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName" => {
            Evidence::of(Class::Name)
        }
        _ => Evidence::NONE,
    }
}
