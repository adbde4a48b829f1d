//! Cards, bank accounts and routing numbers.

use crate::kind::{Kind, plain, told};
use crate::random::Random;
use crate::spelling::{OF_ANY_CASE, OF_NUMBERS};

use super::check;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "card",
        names: &[
            "card",
            "cardNumber",
            "credit_card_number",
            "ccn",
            "payment-card",
        ],
        labels: &["card", "Card number", "credit card", "Visa"],
        forms: &[
            plain(|random| card(random, LONG)),
            plain(|random| card(random, LONG)),
            plain(|random| fours(&card(random, SIXTEEN), " ")),
            plain(|random| fours(&card(random, SIXTEEN), "-")),
            plain(|random| fours(&card(random, SIXTEEN), ".")),
            plain(|random| grouped(&card(random, &[("34", 15), ("37", 15)]), &[4, 6, 5])),
            plain(|random| grouped(&card(random, &[("36", 14), ("305", 14)]), &[4, 6, 4])),
            plain(|random| fours(&card(random, &[("4", 19), ("62", 19)]), " ")),
            told(|random| card(random, &[("4", 13), ("5018", 12), ("6759", 13)])),
            // Behind a word, a digit may be wrong.
            told(|random| wrong(&card(random, SIXTEEN))),
        ],
        near: &[
            |random| wrong(&card(random, LONG)),
            |random| fours(&wrong(&card(random, SIXTEEN)), " "),
            // Nobody issues these.
            |random| with_check(format!("1{}", random.digits(14))),
            |random| with_check(format!("9{}", random.digits(14))),
            |random| format!("0.{}", card(random, SIXTEEN)),
            |random| format!("{}{}", card(random, SIXTEEN), random.digits(6)),
            |random| grouped(&card(random, SIXTEEN), &[2, 5, 9]),
            |random| card(random, &[("4", 13), ("5018", 12), ("6759", 13)]),
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
    Kind {
        detector: "iban",
        names: &["iban", "IBAN", "bankIban", "payee_iban"],
        labels: &["IBAN", "iban", "IBAN no."],
        forms: &[
            plain(iban),
            plain(|random| fours(&iban(random), " ")),
            plain(|random| iban(random).to_lowercase()),
            plain(|random| fours(&iban(random), "-")),
            told(|random| {
                let mut number = iban(random);
                let last = number.pop().unwrap();
                number.push(if last == '1' { '2' } else { '1' });
                number
            }),
        ],
        near: &[
            |random| {
                let number = iban(random);
                let check: usize = number[2..4].parse().unwrap();
                format!("{}{:02}{}", &number[..2], (check + 1) % 100, &number[4..])
            },
            |random| iban(random)[..14].to_owned(),
            |random| check::account("QX", &random.digits(16)),
        ],
        spellings: OF_ANY_CASE,
        skips: &[],
    },
    Kind {
        detector: "routing",
        names: &[
            "routing",
            "routingNumber",
            "aba_routing_number",
            "routing-transit-number",
        ],
        labels: &["routing number", "Routing no.", "ABA", "ABA routing number"],
        forms: &[told(routing)],
        near: &[routing, |random| random.digits(9)],
        spellings: OF_NUMBERS,
        skips: &[],
    },
];

/// Beginnings of schemes, and how many digits their cards have.
const SIXTEEN: &[(&str, usize)] = &[
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("6011", 16),
    ("644", 16),
    ("65", 16),
    ("3528", 16),
    ("3589", 16),
    ("62", 16),
    ("2200", 16),
    ("2204", 16),
];

/// What needs no word.
const LONG: &[(&str, usize)] = &[
    ("4", 16),
    ("4", 19),
    ("51", 16),
    ("54", 16),
    ("2500", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("3530", 16),
    ("300", 14),
    ("3095", 14),
    ("36", 14),
    ("38", 14),
    ("6240", 16),
    ("6240", 19),
    ("2202", 16),
    ("6759", 16),
];

fn card(random: &mut Random, schemes: &[(&str, usize)]) -> String {
    let (start, length) = schemes[random.below(schemes.len())];
    with_check(format!(
        "{start}{}",
        random.digits(length - start.len() - 1)
    ))
}

pub(super) fn with_check(mut digits: String) -> String {
    digits.push(check::luhn(&digits));
    digits
}

pub(super) fn wrong(number: &str) -> String {
    let (start, last) = number.split_at(number.len() - 1);
    format!("{start}{}", check::other(last.chars().next().unwrap()))
}

pub(super) fn fours(number: &str, separator: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    groups.join(separator)
}

pub(super) fn grouped(number: &str, lengths: &[usize]) -> String {
    let mut rest = number;
    let mut groups = Vec::new();
    for length in lengths {
        let (group, behind) = rest.split_at(*length);
        groups.push(group);
        rest = behind;
    }
    groups.join(" ")
}

/// Countries and what follows the check digits: so many letters, digits, and either.
const ACCOUNTS: &[(&str, &str)] = &[
    ("GB", "aaaannnnnnnnnnnnnn"),
    ("DE", "nnnnnnnnnnnnnnnnnn"),
    ("FR", "nnnnnnnnnnccccccccccc22"),
    ("NL", "aaaannnnnnnnnn"),
    ("CH", "nnnnncccccccccccc"),
    ("ES", "nnnnnnnnnnnnnnnnnnnn"),
    ("IT", "annnnnnnnnncccccccccccc"),
    ("NO", "nnnnnnnnnnn"),
    ("BE", "nnnnnnnnnnnn"),
    ("MT", "aaaannnnncccccccccccccccccc"),
    ("SA", "nncccccccccccccccccc"),
    ("BR", "nnnnnnnnnnnnnnnnnnnnnnnac"),
    ("PL", "nnnnnnnnnnnnnnnnnnnnnnnn"),
    ("SE", "nnnnnnnnnnnnnnnnnnnn"),
    ("AE", "nnnnnnnnnnnnnnnnnnn"),
];

fn iban(random: &mut Random) -> String {
    let (country, places) = ACCOUNTS[random.below(ACCOUNTS.len())];
    let number: String = places
        .chars()
        .map(|place| match place {
            'a' => char::from(b'A' + u8::try_from(random.below(26)).unwrap()),
            'c' => char::from(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[random.below(36)]),
            _ => check::digit(u32::try_from(random.below(10)).unwrap()),
        })
        .collect();
    check::account(country, &number)
}

fn routing(random: &mut Random) -> String {
    let starts: Vec<usize> = (1..=12).chain(21..=32).chain(61..=72).chain([80]).collect();
    let start = starts[random.below(starts.len())];
    let digits = format!("{start:02}{}", random.digits(6));
    format!("{digits}{}", check::routing(&digits))
}
