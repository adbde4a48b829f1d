//! `pii`: what identifies a person outside of health care.

use super::{ByKey, Definition};
use crate::Class;
use crate::detectors::{EMAIL, PHONE, SSN};

/// Keys of persons, shared with `hipaa-safe-harbor`.
pub(super) const PERSON: &[ByKey] = &[
    ByKey {
        class: Class::Name,
        keys: &[
            "name",
            "*first name",
            "*last name",
            "*middle name",
            "*full name",
            "*family name",
            "*given name",
            "given names",
            "*maiden name",
            "*birth name",
            "*preferred name",
            "*patient name",
            "*person name",
            "*customer name",
            "*member name",
            "*contact name",
            "surname",
            "forename",
            "nickname",
        ],
    },
    ByKey {
        class: Class::Address,
        keys: &[
            "address",
            "addresses",
            "*street address",
            "*home address",
            "*mailing address",
            "*postal address",
            "*billing address",
            "*shipping address",
            "*address line",
            "street",
            "street name",
            "street line",
            "city",
            "town",
            "county",
            "precinct",
            "zip",
            "*zip code",
            "*postal code",
            "*postcode",
            "latitude",
            "longitude",
            "geolocation",
            "birth place",
            "birthplace",
            "place of birth",
        ],
    },
    ByKey {
        class: Class::Date,
        keys: &[
            "dob",
            "*birth date",
            "*birthday",
            "*date of birth",
            "birthdate",
        ],
    },
    ByKey {
        class: Class::Phone,
        keys: &[
            "*phone",
            "*phones",
            "*phone number",
            "*phone numbers",
            "*telephone",
            "*telephone number",
            "*mobile number",
            "*cell number",
            "mobile",
            "msisdn",
            "pager",
        ],
    },
    ByKey {
        class: Class::Fax,
        keys: &["*fax", "*fax number"],
    },
    ByKey {
        class: Class::Email,
        keys: &[
            "*email",
            "*emails",
            "*e mail",
            "*email address",
            "*mail address",
        ],
    },
    ByKey {
        class: Class::Ssn,
        keys: &[
            "*ssn",
            "*ssn number",
            "*social security",
            "*social security number",
            "*social security no",
            "*tax id",
            "*taxpayer id",
            "tin",
            "itin",
        ],
    },
    ByKey {
        class: Class::License,
        keys: &[
            "*license number",
            "*licence number",
            "*license no",
            "*drivers license",
            "*driver license",
            "*certificate number",
        ],
    },
    ByKey {
        class: Class::Identifier,
        keys: &[
            "*passport",
            "*passport number",
            "*passport no",
            "*national id",
            "*national id number",
        ],
    },
    ByKey {
        class: Class::Account,
        keys: &[
            "*account number",
            "*account no",
            "*bank account",
            "*iban",
            "*routing number",
        ],
    },
    ByKey {
        class: Class::Card,
        keys: &[
            "*card number",
            "*credit card",
            "*debit card",
            "*credit card number",
            "cvv",
            "cvc",
        ],
    },
    ByKey {
        class: Class::Ip,
        keys: &[
            "*ip",
            "*ip address",
            "*ip addr",
            "*ipv4",
            "*ipv6",
            "*mac address",
        ],
    },
];

pub(crate) const DEFINITION: Definition = Definition {
    keys: &[PERSON],
    paths: &[],
    keep: &[],
    siblings: &[],
    detectors: &[&SSN, &EMAIL, &PHONE],
};
