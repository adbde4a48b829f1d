//! `hipaa-safe-harbor`: the eighteen identifiers of 45 CFR 164.514(b)(2)(i), by key and detector.
//!
//! A first set: keys for all eighteen, detectors for social security numbers, telephone numbers and
//! email addresses. (ii), no actual knowledge, is not something that a rule can give.

use super::pii::PERSON;
use super::{Definition, Keys};
use crate::Class;
use crate::detectors::{EMAIL, PHONE, SSN};

const HEALTH: &[Keys] = &[
    Keys {
        class: Class::Date,
        keys: &[
            "*admission date",
            "*admit date",
            "*discharge date",
            "*service date",
            "*date of service",
            "*visit date",
            "*death date",
            "*deceased date",
            "*date of death",
            "dod",
        ],
    },
    Keys {
        class: Class::Age,
        keys: &["age", "*patient age", "age at visit", "*age in years"],
    },
    Keys {
        class: Class::Mrn,
        keys: &[
            "*mrn",
            "*mrn number",
            "*medical record number",
            "*medical record no",
            "*medical record id",
            "*chart number",
            "*hospital number",
            "*patient number",
        ],
    },
    Keys {
        class: Class::HealthPlan,
        keys: &[
            "*member id",
            "*member number",
            "*subscriber id",
            "*subscriber number",
            "*beneficiary id",
            "*beneficiary number",
            "*policy number",
            "*insurance number",
            "*insurance id",
            "*medicare number",
            "*medicaid number",
            "*health plan number",
            "*group number",
            "mbi",
            "hicn",
        ],
    },
    Keys {
        class: Class::Vehicle,
        keys: &[
            "vin",
            "*license plate",
            "*licence plate",
            "*plate number",
            "*vehicle id",
        ],
    },
    Keys {
        class: Class::Device,
        keys: &[
            "*device id",
            "*device identifier",
            "*device serial",
            "*serial number",
            "imei",
            "udi",
        ],
    },
    Keys {
        class: Class::Url,
        keys: &[
            "*homepage",
            "*website",
            "*web site",
            "*personal url",
            "*profile url",
        ],
    },
    Keys {
        class: Class::Biometric,
        keys: &[
            "*fingerprint",
            "*fingerprints",
            "*voiceprint",
            "*retina scan",
            "*biometric",
            "biometrics",
        ],
    },
    Keys {
        class: Class::Photo,
        keys: &[
            "photo",
            "photos",
            "*patient photo",
            "*profile picture",
            "portrait",
            "avatar",
        ],
    },
];

/// The keys of persons and those of health care, as one table.
const KEYS: [Keys; PERSON.len() + HEALTH.len()] = {
    let mut all = [const {
        Keys {
            class: Class::Other,
            keys: &[],
        }
    }; PERSON.len() + HEALTH.len()];
    let mut index = 0;
    while index < all.len() {
        let source = if index < PERSON.len() {
            &PERSON[index]
        } else {
            &HEALTH[index - PERSON.len()]
        };
        all[index] = Keys {
            class: source.class,
            keys: source.keys,
        };
        index += 1;
    }
    all
};

pub(crate) const DEFINITION: Definition = Definition {
    keys: &KEYS,
    paths: &[],
    keep: &[],
    siblings: &[],
    detectors: &[&SSN, &EMAIL, &PHONE],
};
