//! Numbers of which only a label says what they are.

use crate::kind::{Kind, told};
use crate::random::Random;
use crate::spelling::Spelling;

const OF_RECORDS: &[Spelling] = &[
    Spelling::AsItIs,
    Spelling::Fullwidth,
    Spelling::Dashes,
    Spelling::Invisible,
    Spelling::Escaped,
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "mrn",
        names: &[
            "mrn",
            "patientMrn",
            "medical_record_number",
            "patientId",
            "hospital-number",
        ],
        labels: &[
            "MRN",
            "mrn",
            "Medical Record Number",
            "patient ID",
            "Chart number",
        ],
        forms: &[
            told(|random| random.digits(8)),
            told(|random| random.digits(6)),
            told(|random| format!("{}{}", letters(random, 1), random.digits(7))),
            told(|random| format!("{}-{}", random.digits(3), random.digits(5))),
            told(|random| format!("MR{}", random.digits(6))),
        ],
        near: &[
            |random| random.digits(8),
            |random| format!("{}{}", letters(random, 1), random.digits(7)),
        ],
        spellings: OF_RECORDS,
        skips: &[],
    },
    Kind {
        detector: "health-plan",
        names: &[
            "memberId",
            "subscriber_id",
            "policyNumber",
            "group-number",
            "claimNumber",
            "beneficiaryId",
        ],
        labels: &[
            "Member ID",
            "Subscriber ID",
            "policy number",
            "Group number",
            "claim no.",
        ],
        forms: &[
            told(|random| random.digits(9)),
            told(|random| format!("{}{}", letters(random, 3), random.digits(9))),
            told(|random| format!("W{}-{}", random.digits(8), random.digits(2))),
        ],
        near: &[
            |random| random.digits(9),
            |random| format!("{}{}", letters(random, 3), random.digits(9)),
        ],
        spellings: OF_RECORDS,
        skips: &[],
    },
    Kind {
        detector: "account",
        names: &[
            "accountNumber",
            "account_no",
            "bankAccount",
            "acct",
            "account-id",
        ],
        labels: &["Account number", "account no.", "Acct", "bank account"],
        forms: &[
            told(|random| random.digits(10)),
            told(|random| random.digits(8)),
            told(|random| format!("{}{}", letters(random, 2), random.digits(8))),
            told(|random| {
                format!(
                    "{}-{}-{}",
                    random.digits(4),
                    random.digits(4),
                    random.digits(4)
                )
            }),
        ],
        near: &[
            |random| random.digits(8),
            |random| format!("{}{}", letters(random, 2), random.digits(8)),
        ],
        spellings: OF_RECORDS,
        skips: &[],
    },
    Kind {
        detector: "license",
        names: &[
            "licenseNumber",
            "drivers_license",
            "driverLicense",
            "certificate-number",
            "licence_no",
        ],
        labels: &[
            "License number",
            "driver's license",
            "Driver License",
            "certificate no.",
        ],
        forms: &[
            told(|random| format!("{}{}", letters(random, 1), random.digits(7))),
            told(|random| random.digits(8)),
            told(|random| {
                format!(
                    "{}-{}-{}",
                    letters(random, 1),
                    random.digits(3),
                    random.digits(6)
                )
            }),
        ],
        near: &[
            |random| random.digits(8),
            |random| format!("{}{}", letters(random, 1), random.digits(7)),
        ],
        spellings: OF_RECORDS,
        skips: &[],
    },
];

/// Letters that begin no number of another kind.
fn letters(random: &mut Random, count: usize) -> String {
    (0..count)
        .map(|_| char::from(b"KNQVWYZ"[random.below(7)]))
        .collect()
}
