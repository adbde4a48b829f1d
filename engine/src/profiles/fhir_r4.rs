//! `fhir-r4`: the Patient resource of HL7 FHIR R4 (hl7.org/fhir/R4/patient.html), and the
//! references to it, by place.
//!
//! Places are given from the data type on (`name[*].family`), so that they hold for a bare
//! resource, in `Bundle.entry[].resource`, in `contained` and in NDJSON lines, whatever the order
//! of members. What the operators write keeps its FHIR type where a reader would notice: dates
//! become years, a narrative stays an XHTML `div`, what cannot be masked in type is removed.

use super::{ByPath, Companions, Definition, Evidence, Sibling, Source, Verdict};
use crate::detectors::{EMAIL, PHONE, SSN};
use crate::{Class, Generalize, Operator, Replacement};

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
                "$..valueHumanName[*].family",
                "$..valueHumanName.given",
                "$..valueHumanName[*].given",
                "$..valueHumanName.prefix",
                "$..valueHumanName[*].prefix",
                "$..valueHumanName.suffix",
                "$..valueHumanName[*].suffix",
                "$..valueHumanName.text",
                "$..valueHumanName[*].text",
            ],
        },
        ByPath {
            class: Class::Date,
            operator: || Operator::Generalize(Generalize::Year),
            paths: &[
                "$..birthDate",
                "$..deceasedDateTime",
                "$..name[*].period",
                "$..name.period",
                "$..valueHumanName.period",
                "$..valueHumanName[*].period",
                "$..address[*].period",
                "$..address.period",
                "$..valueAddress.period",
                "$..valueAddress[*].period",
                "$..telecom[*].period",
                "$..valueContactPoint.period",
                "$..valueContactPoint[*].period",
                "$..identifier[*].period",
                "$..identifier.period",
                "$..valueIdentifier.period",
                "$..valueIdentifier[*].period",
                "$..contact[*].period",
                "$..contact.period",
            ],
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
                "$..valueAddress[*].line",
                "$..valueAddress.city",
                "$..valueAddress[*].city",
                "$..valueAddress.district",
                "$..valueAddress[*].district",
                "$..valueAddress.postalCode",
                "$..valueAddress[*].postalCode",
                "$..valueAddress.text",
                "$..valueAddress[*].text",
            ],
        },
        ByPath {
            class: Class::Narrative,
            operator: || Operator::Replace(Replacement::text(NARRATIVE)),
            paths: &["$..text.div"],
        },
        ByPath {
            class: Class::Photo,
            operator: || Operator::Remove,
            paths: &["$..photo"],
        },
    ],
    // Extensions can repeat a value whole (rendered-value), its parts (iso21090-ADXP) or what it
    // stands for (geolocation), whichever member of the type they hang on.
    companions: &[
        Companions {
            class: Class::Name,
            objects: &["$."],
            members: &["_family", "_given", "_display"],
            forced: false,
        },
        Companions {
            class: Class::Name,
            objects: &[
                "$..name[*]",
                "$..name",
                "$..valueHumanName",
                "$..valueHumanName[*]",
            ],
            members: &[
                "extension",
                "modifierExtension",
                "_use",
                "_text",
                "_prefix",
                "_suffix",
                "_period",
            ],
            forced: false,
        },
        Companions {
            class: Class::Name,
            objects: &["$..extension[*]", "$..modifierExtension[*]"],
            members: &["_valueString"],
            forced: false,
        },
        Companions {
            class: Class::Address,
            objects: &[
                "$..address[*]",
                "$..address",
                "$..valueAddress",
                "$..valueAddress[*]",
            ],
            members: &[
                "extension",
                "modifierExtension",
                "_use",
                "_type",
                "_text",
                "_line",
                "_city",
                "_district",
                "_state",
                "_postalCode",
                "_country",
                "_period",
            ],
            forced: false,
        },
        Companions {
            class: Class::Identifier,
            objects: &[
                "$..identifier[*]",
                "$..identifier",
                "$..valueIdentifier",
                "$..valueIdentifier[*]",
            ],
            members: &[
                "extension",
                "modifierExtension",
                "_use",
                "_system",
                "_value",
                "_period",
                "type.extension",
                "type._text",
                "assigner.extension",
            ],
            forced: true,
        },
        Companions {
            class: Class::Identifier,
            objects: &[
                "$..telecom[*]",
                "$..telecom",
                "$..valueContactPoint",
                "$..valueContactPoint[*]",
            ],
            members: &[
                "extension",
                "modifierExtension",
                "_system",
                "_value",
                "_use",
                "_rank",
                "_period",
            ],
            forced: true,
        },
        Companions {
            class: Class::Name,
            objects: &["$..contact[*]", "$..contact"],
            members: &["extension", "modifierExtension", "_period"],
            forced: true,
        },
        Companions {
            class: Class::Date,
            objects: &["$."],
            members: &["_birthDate", "_deceasedDateTime"],
            forced: false,
        },
        Companions {
            class: Class::Narrative,
            objects: &["$..text"],
            members: &["extension", "modifierExtension", "_status", "_div"],
            forced: false,
        },
        Companions {
            class: Class::Photo,
            objects: &["$."],
            members: &["_photo"],
            forced: false,
        },
    ],
    keep: &[
        "$..name[*].use",
        "$..name.use",
        "$..valueHumanName.use",
        "$..valueHumanName[*].use",
        "$..address[*].use",
        "$..address[*].type",
        "$..address[*].state",
        "$..address[*].country",
        "$..address.use",
        "$..address.type",
        "$..address.state",
        "$..address.country",
        "$..valueAddress.use",
        "$..valueAddress[*].use",
        "$..valueAddress.type",
        "$..valueAddress[*].type",
        "$..valueAddress.state",
        "$..valueAddress[*].state",
        "$..valueAddress.country",
        "$..valueAddress[*].country",
    ],
    siblings: &[
        Sibling {
            objects: &[
                "$..identifier[*]",
                "$..identifier",
                "$..valueIdentifier",
                "$..valueIdentifier[*]",
            ],
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
            objects: &[
                "$..telecom[*]",
                "$..telecom",
                "$..valueContactPoint",
                "$..valueContactPoint[*]",
            ],
            candidate: "value",
            sources: &[Source {
                path: "system",
                read: contact_system,
            }],
            resolve: |evidence| evidence.class_or(Class::Phone),
        },
        // Where FHIR has nothing but codings, one member of a Coding is enough.
        Sibling {
            objects: &[
                "$..coding[*]",
                "$..coding",
                "$..valueCoding",
                "$..concept[*]",
                "$..meta.tag[*]",
                "$..meta.security[*]",
            ],
            candidate: "display",
            sources: CODING_OR_REFERENCE,
            resolve: |evidence| {
                display(
                    evidence,
                    evidence.has(Evidence::SYSTEM) || evidence.has(Evidence::CODE),
                )
            },
        },
        Sibling {
            objects: &["$."],
            candidate: "display",
            sources: CODING_OR_REFERENCE,
            resolve: |evidence| {
                display(
                    evidence,
                    evidence.has(Evidence::SYSTEM) && evidence.has(Evidence::CODE),
                )
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

/// What tells a Coding from a Reference.
const CODING_OR_REFERENCE: &[Source] = &[
    Source {
        path: "reference",
        read: |_| Evidence::REFERENCE,
    },
    Source {
        path: "type",
        read: |_| Evidence::REFERENCE,
    },
    Source {
        path: "identifier.value",
        read: |_| Evidence::REFERENCE,
    },
    Source {
        path: "identifier.system",
        read: |_| Evidence::REFERENCE,
    },
    Source {
        path: "system",
        read: |_| Evidence::SYSTEM,
    },
    Source {
        path: "code",
        read: |_| Evidence::CODE,
    },
    Source {
        path: "version",
        read: |_| Evidence::CODE,
    },
    Source {
        path: "userSelected",
        read: |_| Evidence::CODE,
    },
];

/// A display names a person or an organization, unless it is that of a coding.
fn display(evidence: Evidence, is_coding: bool) -> Verdict {
    if is_coding && !evidence.has(Evidence::REFERENCE) {
        Verdict::Unselected
    } else {
        Verdict::Class(Class::Name)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_masked_has_its_companion_removed() {
        let removed = |object: &str, member: &str| {
            DEFINITION.companions.iter().any(|companions| {
                let is_there = companions.objects.contains(&object);
                (is_there || companions.objects.contains(&"$."))
                    && companions.members.contains(&member)
            })
        };
        let by_path = DEFINITION.paths.iter().flat_map(|paths| paths.paths);
        let by_path = by_path.filter_map(|path| path.rsplit_once('.'));
        let by_sibling = DEFINITION.siblings.iter().flat_map(|sibling| {
            let objects = sibling.objects.iter();
            objects.map(|object| (*object, sibling.candidate))
        });
        let kept = DEFINITION.keep.iter();
        let kept = kept.filter_map(|path| path.rsplit_once('.'));
        for (object, member) in by_path.chain(by_sibling).chain(kept) {
            assert!(removed(object, &format!("_{member}")), "{object} {member}");
            let has_own = !matches!(object, "$." | "$..extension[*]" | "$..modifierExtension[*]");
            if has_own && member != "display" {
                assert!(removed(object, "extension"), "{object}");
            }
        }
    }
}
