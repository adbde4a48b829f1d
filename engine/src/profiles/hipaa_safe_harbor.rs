//! `hipaa-safe-harbor`: the eighteen identifiers of 45 CFR 164.514(b)(2)(i), by key and detector.
//!
//! A first set: keys for all eighteen, detectors for social security numbers, telephone numbers and
//! email addresses. (ii), no actual knowledge, is not something that a rule can give.

use super::pii::PERSON;
use super::{ByKey, Definition};
use crate::Class;
use crate::detectors::{EMAIL, PHONE, SSN};

const HEALTH: &[ByKey] = &[
    ByKey {
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
    ByKey {
        class: Class::Age,
        keys: &["age", "*patient age", "age at visit", "*age in years"],
    },
    ByKey {
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
    ByKey {
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
    ByKey {
        class: Class::Vehicle,
        keys: &[
            "vin",
            "*license plate",
            "*licence plate",
            "*plate number",
            "*vehicle id",
        ],
    },
    ByKey {
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
    ByKey {
        class: Class::Url,
        keys: &[
            "*homepage",
            "*website",
            "*web site",
            "*personal url",
            "*profile url",
        ],
    },
    ByKey {
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
    ByKey {
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

pub(crate) const DEFINITION: Definition = Definition {
    keys: &[PERSON, HEALTH],
    paths: &[],
    companions: &[],
    keep: &[],
    siblings: &[],
    detectors: &[&SSN, &EMAIL, &PHONE],
};
