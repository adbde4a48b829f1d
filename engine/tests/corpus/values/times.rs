//! Dates and ages.

use crate::kind::{Kind, marked, plain, told};
use crate::random::Random;
use crate::spelling::{OF_NUMBERS, Spelling};

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "date",
        names: &[
            "date",
            "birthDate",
            "date_of_birth",
            "dob",
            "admission-date",
            "timestamp",
        ],
        labels: &["DOB", "date", "Date of birth", "admission date"],
        forms: &[
            plain(|random| Day::any(random).write("Y-M-D")),
            plain(|random| Day::any(random).write("Y-M-D")),
            plain(|random| format!("{}T{}Z", Day::any(random).write("Y-M-D"), clock(random))),
            plain(|random| {
                format!(
                    "{}T{}.{}-05:00",
                    Day::any(random).write("Y-M-D"),
                    clock(random),
                    random.digits(3)
                )
            }),
            plain(|random| format!("{} {}", Day::any(random).write("Y-M-D"), clock(random))),
            plain(|random| Day::any(random).write("M/D/Y")),
            plain(|random| Day::any(random).write("m/d/Y")),
            plain(|random| Day::any(random).write("m/d/y")),
            plain(|random| Day::any(random).write("D.M.Y")),
            plain(|random| Day::any(random).write("D-M-Y")),
            plain(|random| Day::any(random).write("Y/M/D")),
            plain(|random| Day::any(random).write("N d, Y")),
            plain(|random| Day::any(random).write("d N Y")),
            plain(|random| Day::any(random).write("n d, Y")),
            plain(|random| Day::any(random).write("D-n-Y")),
            plain(|random| Day::any(random).write("N dth, Y")),
            plain(|random| Day::any(random).write("N d")),
            plain(|random| Day::any(random).write("N Y")),
            plain(|random| Day::any(random).write("Y-M")),
            told(|random| Day::any(random).write("YMD")),
            told(|random| {
                format!(
                    "{}{}",
                    Day::any(random).write("YMD"),
                    clock(random).replace(':', "")
                )
            }),
            told(|random| Day::any(random).write("D-M-y")),
            told(|random| format!("{}-02-30", random.within(1900, 2030))),
        ],
        near: &[
            |random| random.within(1900, 2030).to_string(),
            |random| {
                format!(
                    "{}-{}-{}",
                    random.within(1900, 2030),
                    random.within(13, 99),
                    random.within(32, 99)
                )
            },
            |random| format!("{}/{}", random.within(1, 9), random.within(2, 9)),
            |random| clock(random),
            |random| Day::any(random).write("YMD"),
            |random| format!("{}-{}", random.within(100, 999), random.within(10, 99)),
            |random| format!("{}/{} mmHg", random.within(100, 180), random.within(60, 99)),
            |random| format!("may {} be", random.within(2, 9)),
            |random| {
                format!(
                    "{}.{}.{}",
                    random.below(9),
                    random.below(20),
                    random.below(99)
                )
            },
            |random| format!("{}.{}", random.below(99), random.digits(4)),
        ],
        spellings: OF_NUMBERS,
        skips: &["glued", "beside letters"],
    },
    Kind {
        detector: "age",
        names: &["age", "patientAge", "age_in_years", "Age"],
        labels: &["age", "aged", "Age"],
        forms: &[
            plain(|random| format!("{}-year-old", old(random))),
            plain(|random| format!("{} years old", old(random))),
            plain(|random| format!("{} year old", old(random))),
            plain(|random| format!("{} y/o", old(random))),
            plain(|random| format!("{}yo", old(random))),
            plain(|random| format!("{} years of age", old(random))),
            plain(|random| format!("a {} woman", marked(&format!("{}-yr-old", old(random))))),
            told(old),
            told(old),
        ],
        near: &[
            |random| format!("{}-year-old", random.within(1, 89)),
            |random| format!("{} years old", random.within(1, 89)),
            |random| format!("{} mg", old(random)),
            |random| format!("{} patients", old(random)),
            |random| format!("{} years ago", old(random)),
            |random| format!("{}%", old(random)),
            |random| old(random),
            |random| format!("{} bpm", old(random)),
        ],
        spellings: &[
            Spelling::AsItIs,
            Spelling::Fullwidth,
            Spelling::Dashes,
            Spelling::Spaces,
            Spelling::Escaped,
        ],
        // Words behind it would be another; a list of ages has one label.
        skips: &["glued", "list", "behind", "beside letters"],
    },
];

struct Day {
    year: usize,
    month: usize,
    number: usize,
}

impl Day {
    fn any(random: &mut Random) -> Self {
        Self {
            year: random.within(1905, 2035),
            month: random.within(1, 12),
            number: random.within(1, 28),
        }
    }

    fn write(&self, form: &str) -> String {
        let name = MONTHS[self.month - 1];
        let part = |letter| match letter {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year % 100),
            'M' => format!("{:02}", self.month),
            'm' => self.month.to_string(),
            'N' => name.to_owned(),
            'n' => name[..3].to_owned(),
            'D' => format!("{:02}", self.number),
            'd' => self.number.to_string(),
            other => String::from(other),
        };
        form.chars().map(part).collect()
    }
}

fn clock(random: &mut Random) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        random.below(24),
        random.below(60),
        random.below(60)
    )
}

fn old(random: &mut Random) -> String {
    random.within(90, 115).to_string()
}
