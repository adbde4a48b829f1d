//! Numbers that persons have: social security, taxpayers, Medicare.

use crate::kind::{Kind, plain, told};
use crate::random::Random;
use crate::spelling::{OF_ANY_CASE, OF_NUMBERS};

use super::check;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "ssn",
        names: &[
            "ssn",
            "patientSSN",
            "social_security_number",
            "SSN",
            "taxpayer-ssn",
        ],
        labels: &[
            "SSN",
            "ssn",
            "Social Security Number",
            "social security no.",
        ],
        forms: &[
            plain(|random| parts(random, "-")),
            plain(|random| parts(random, " ")),
            plain(|random| parts(random, ".")),
            // Never issued: examples, and what looks alike.
            plain(|random| format!("000-{:02}-{}", random.within(1, 99), random.digits(4))),
            plain(|random| format!("666-{:02}-{}", random.within(1, 99), random.digits(4))),
            told(|random| parts(random, "")),
        ],
        near: &[
            |random| parts(random, ""),
            |random| parts(random, "-")[..10].to_owned(),
            |random| format!("1{}", parts(random, "-")),
            |random| parts(random, "-").replacen('-', ".", 1),
            |random| format!("000.{}.{}", random.digits(2), random.digits(4)),
            |random| format!("{}-00", parts(random, "-")),
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
    Kind {
        detector: "itin",
        names: &[
            "itin",
            "ITIN",
            "patientItin",
            "individual_taxpayer_identification",
        ],
        labels: &["ITIN", "itin", "Individual Taxpayer Identification Number"],
        forms: &[
            plain(|random| taxpayer(random, "-")),
            plain(|random| taxpayer(random, " ")),
            told(|random| taxpayer(random, "")),
        ],
        near: &[
            |random| taxpayer(random, ""),
            |random| {
                format!(
                    "9{}.{:02}.{}",
                    random.digits(2),
                    random.within(0, 49),
                    random.digits(4)
                )
            },
            |random| format!("9{} 93 {}", random.digits(2), random.digits(4)),
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
    Kind {
        detector: "ein",
        names: &[
            "ein",
            "EIN",
            "employerEin",
            "employer_identification_number",
            "fein",
        ],
        labels: &[
            "EIN",
            "FEIN",
            "Employer Identification Number",
            "employer ID",
        ],
        forms: &[
            told(|random| format!("{:02}-{}", random.within(1, 99), random.digits(7))),
            told(|random| format!("{:02}{}", random.within(1, 99), random.digits(7))),
        ],
        near: &[
            |random| format!("{:02}-{}", random.within(1, 99), random.digits(7)),
            |random| format!("{}-{}", random.digits(2), random.digits(6)),
            |random| format!("{}-{}", random.digits(2), random.digits(8)),
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
    Kind {
        detector: "mbi",
        names: &["mbi", "MBI", "medicareBeneficiaryIdentifier", "patient_mbi"],
        labels: &["MBI", "Medicare", "Medicare number"],
        forms: &[
            plain(|random| beneficiary(random, "")),
            plain(|random| beneficiary(random, "-")),
            plain(|random| beneficiary(random, "").to_lowercase()),
            plain(|random| beneficiary(random, " ")),
        ],
        near: &[
            |random| format!("0{}", &beneficiary(random, "")[1..]),
            |random| {
                beneficiary(random, "").replace(|letter: char| letter.is_ascii_alphabetic(), "S")
            },
            |random| beneficiary(random, "")[..10].to_owned(),
            |random| format!("{}7", beneficiary(random, "")),
        ],
        spellings: OF_ANY_CASE,
        skips: &[],
    },
];

/// A number that may have been issued.
fn parts(random: &mut Random, separator: &str) -> String {
    let area = match random.within(1, 898) {
        665.. => random.within(667, 899),
        area => area,
    };
    let (group, serial) = (random.within(1, 99), random.within(1, 9999));
    format!("{area:03}{separator}{group:02}{separator}{serial:04}")
}

fn taxpayer(random: &mut Random, separator: &str) -> String {
    let groups: Vec<usize> = (50..=65)
        .chain(70..=88)
        .chain(90..=92)
        .chain(94..=99)
        .collect();
    let group = groups[random.below(groups.len())];
    format!(
        "9{}{separator}{group}{separator}{}",
        random.digits(2),
        random.digits(4)
    )
}

fn beneficiary(random: &mut Random, separator: &str) -> String {
    let mut out = String::new();
    for (at, place) in "CAXNAXNAANN".chars().enumerate() {
        if matches!(at, 4 | 7) {
            out += separator;
        }
        let is_letter = place == 'A' || place == 'X' && random.chance(50);
        out.push(match place {
            'C' => check::digit(1 + u32::try_from(random.below(9)).unwrap()),
            _ if is_letter => char::from(b"ACDEFGHJKMNPQRTUVWXY"[random.below(20)]),
            _ => check::digit(u32::try_from(random.below(10)).unwrap()),
        });
    }
    out
}
