//! Email addresses and telephone numbers.

use crate::kind::{Kind, plain, told};
use crate::random::Random;
use crate::spelling::{OF_NUMBERS, Spelling};

const WORDS: &[&str] = &[
    "ann", "lee", "omar", "quill", "zoe", "mbeki", "nurse", "billing", "lab", "jose", "kim", "o",
];
const DOMAINS: &[&str] = &[
    "mail.example",
    "example.org",
    "ward.clinic.example",
    "example.com",
    "hospital.invalid",
    "xn--mller-kva.example",
    "m\u{fc}ller.example",
    "mail.internal",
    "a-b.example.co",
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "email",
        names: &["email", "emailAddress", "contact_email", "e-mail"],
        labels: &["email", "E-mail", "mail", "contact"],
        forms: &[
            plain(|random| format!("{}@{}", local(random), random.pick(DOMAINS))),
            plain(|random| format!("{}@{}", local(random), random.pick(DOMAINS))),
            plain(|random| {
                format!(
                    "{}+{}@{}",
                    local(random),
                    random.digits(3),
                    random.pick(DOMAINS)
                )
            }),
            plain(|random| format!("{}%40{}", random.pick(WORDS), "mail.example")),
            plain(|random| {
                format!(
                    "\"{} {}\"@mail.example",
                    random.pick(WORDS),
                    random.pick(WORDS)
                )
            }),
            plain(|random| format!("{}@[192.0.2.{}]", random.pick(WORDS), random.within(1, 254))),
            plain(|random| format!("jos\u{e9}.{}@{}", random.pick(WORDS), random.pick(DOMAINS))),
        ],
        near: &[
            |random| format!("{}@{}", random.pick(WORDS), random.pick(WORDS)),
            |random| format!("@{}", random.pick(DOMAINS)),
            |random| {
                format!(
                    "{}@{}.{}.{}",
                    random.pick(WORDS),
                    random.below(9),
                    random.below(99),
                    random.below(9)
                )
            },
            |random| format!("icon@{}x.png", random.within(2, 3)),
            |random| format!("{} @ {}", random.pick(WORDS), random.pick(DOMAINS)),
            |random| {
                format!(
                    "{} items @ ${}.99",
                    random.within(2, 9),
                    random.within(1, 99)
                )
            },
        ],
        spellings: &[
            Spelling::AsItIs,
            Spelling::Fullwidth,
            Spelling::Invisible,
            Spelling::Upper,
            Spelling::Escaped,
        ],
        // `contact` glued to it would be a part of it.
        skips: &["glued", "number", "beside letters"],
    },
    Kind {
        detector: "phone",
        names: &[
            "phone",
            "phoneNumber",
            "home_phone",
            "Cell-Phone",
            "mobile",
            "telephone",
        ],
        labels: &[
            "phone",
            "Tel",
            "Phone number",
            "mobile",
            "cell",
            "telephone no.",
        ],
        forms: &[
            plain(|random| american(random, "({a}) {e}-{l}")),
            plain(|random| american(random, "{a}-{e}-{l}")),
            plain(|random| american(random, "{a}.{e}.{l}")),
            plain(|random| american(random, "{a} {e} {l}")),
            plain(|random| american(random, "+1 {a} {e} {l}")),
            plain(|random| american(random, "+1{a}{e}{l}")),
            plain(|random| american(random, "1-{a}-{e}-{l}")),
            plain(|random| american(random, "+1 ({a}) {e}-{l}")),
            plain(|random| american(random, "({a}){e}-{l}")),
            plain(|random| {
                format!(
                    "{} x{}",
                    american(random, "{a}-{e}-{l}"),
                    random.within(10, 9999)
                )
            }),
            plain(|random| {
                format!(
                    "{} ext. {}",
                    american(random, "({a}) {e}-{l}"),
                    random.within(10, 9999)
                )
            }),
            plain(abroad),
            plain(|random| abroad(random).replace(' ', "-")),
            plain(|random| abroad(random).replace(' ', "")),
            told(|random| american(random, "{a}{e}{l}")),
            told(|random| american(random, "1{a}{e}{l}")),
            told(|random| american(random, "{e}-{l}")),
            told(|random| abroad(random).replacen('+', "00", 1)),
            told(|random| format!("020 7946 {}", random.digits(4))),
            told(|random| format!("0{} {}", random.within(30, 99), random.digits(7))),
        ],
        near: &[
            |random| american(random, "{a}{e}{l}"),
            |random| {
                format!(
                    "1{}-{}-{}",
                    random.digits(2),
                    random.digits(3),
                    random.digits(4)
                )
            },
            |random| format!("({}) {}", random.digits(2), random.digits(4)),
            |random| format!("+0{}", random.digits(9)),
            |random| format!("+{} points", random.digits(3)),
            |random| format!("{}-{}", random.digits(3), random.digits(4)),
            |random| {
                format!(
                    "{}-{}-{}",
                    random.digits(4),
                    random.digits(3),
                    random.digits(4)
                )
            },
            |random| {
                format!(
                    "{} {} {}",
                    random.digits(3),
                    random.digits(3),
                    random.digits(3)
                )
            },
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
    Kind {
        detector: "fax",
        names: &["fax", "faxNumber", "office_fax", "Fax"],
        labels: &["Fax", "fax no.", "Telefax", "Facsimile"],
        forms: &[
            told(|random| american(random, "({a}) {e}-{l}")),
            told(|random| american(random, "{a}-{e}-{l}")),
            told(|random| american(random, "+1 {a} {e} {l}")),
            told(|random| american(random, "{a}{e}{l}")),
            told(|random| american(random, "{e}-{l}")),
            told(abroad),
        ],
        near: &[|random| american(random, "{a}{e}{l}")],
        spellings: OF_NUMBERS,
        skips: &[],
    },
];

fn local(random: &mut Random) -> String {
    let (first, last) = (random.pick(WORDS), random.pick(WORDS));
    match random.below(5) {
        0 => first.to_owned(),
        1 => format!("{first}.{last}"),
        2 => format!("{first}_{last}{}", random.below(100)),
        3 => format!("{first}-{last}"),
        _ => format!("{}{last}", &first[..1]),
    }
}

/// A number that may be assigned in North America.
fn american(random: &mut Random, form: &str) -> String {
    let area = code(random, false);
    let exchange = if random.chance(20) {
        "555".to_owned()
    } else {
        code(random, true)
    };
    form.replace("{a}", &area)
        .replace("{e}", &exchange)
        .replace("{l}", &random.digits(4))
}

fn code(random: &mut Random, may_have_nine: bool) -> String {
    loop {
        let code = format!("{}{}", random.within(2, 9), random.digits(2));
        let has_nine = &code[1..2] == "9" && !may_have_nine;
        if !code.ends_with("11") && !has_nine {
            return code;
        }
    }
}

/// Numbers as they are written in other countries: `#` is any digit.
const ABROAD: &[&str] = &[
    "+44 20 7946 0###",
    "+44 7700 900###",
    "+49 30 23125 ###",
    "+49 151 2345 ####",
    "+33 1 99 00 ## ##",
    "+33 6 39 98 ## ##",
    "+91 98765 4####",
    "+61 4 9157 0###",
    "+81 90 1234 ####",
    "+86 138 0013 ####",
    "+55 11 96123 ####",
    "+34 612 34 5# ##",
    "+39 06 699 8####",
    "+31 6 1234 5###",
    "+41 44 668 18 ##",
    "+46 8 123 456 ##",
    "+353 1 234 ####",
    "+52 55 1234 ####",
    "+27 21 123 4###",
    "+972 3 123 4###",
    "+971 4 123 4###",
    "+234 802 123 ####",
    "+63 917 123 4###",
    "+90 212 123 4###",
    "+48 22 123 4###",
    "+7 495 123 4###",
    "+65 6123 4###",
    "+64 9 123 4###",
    "+82 2 1234 ####",
    "+358 9 1234 ####",
];

fn abroad(random: &mut Random) -> String {
    let form = random.pick(ABROAD);
    form.chars()
        .map(|letter| match letter {
            '#' => random.digits(1).chars().next().unwrap(),
            other => other,
        })
        .collect()
}
