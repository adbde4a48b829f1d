//! Providers, prescribers, vehicles and devices.

use crate::kind::{Kind, plain, told};
use crate::random::Random;
use crate::spelling::{OF_NUMBERS, Spelling};

use super::check;
use super::money::{grouped, with_check, wrong};

/// Letters and digits that people seldom write with other signs.
const OF_CODES: &[Spelling] = &[
    Spelling::AsItIs,
    Spelling::Fullwidth,
    Spelling::Invisible,
    Spelling::Escaped,
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "npi",
        names: &[
            "npi",
            "NPI",
            "providerNpi",
            "npi_number",
            "national-provider-identifier",
        ],
        labels: &["NPI", "npi", "National Provider Identifier", "NPI no."],
        forms: &[
            told(provider),
            told(provider),
            told(|random| wrong(&provider(random))),
        ],
        near: &[provider, |random| random.digits(10)],
        spellings: OF_CODES,
        skips: &[],
    },
    Kind {
        detector: "dea",
        names: &["dea", "DEA", "deaNumber", "prescriber_dea"],
        labels: &["DEA", "DEA number", "Drug Enforcement no."],
        forms: &[
            plain(prescriber),
            told(|random| prescriber(random).to_lowercase()),
            told(|random| wrong(&prescriber(random))),
        ],
        near: &[
            |random| wrong(&prescriber(random)),
            |random| format!("Q{}", &prescriber(random)[1..]),
            |random| prescriber(random).to_lowercase(),
        ],
        spellings: OF_CODES,
        skips: &[],
    },
    Kind {
        detector: "vin",
        names: &["vin", "VIN", "vehicleVin", "vehicle_identification_number"],
        labels: &["VIN", "vin", "Vehicle Identification Number", "chassis no."],
        forms: &[
            plain(vehicle),
            plain(|random| vehicle(random).to_lowercase()),
            told(|random| wrong(&vehicle(random))),
        ],
        near: &[
            |random| wrong_check(&vehicle(random)),
            |random| vehicle(random).replace(|letter: char| letter.is_ascii_alphabetic(), "O"),
            |random| vehicle(random)[..16].to_owned(),
            |random| format!("{}A", vehicle(random)),
        ],
        spellings: OF_CODES,
        skips: &[],
    },
    Kind {
        detector: "iccid",
        names: &["iccid", "simIccid", "sim_card", "SIM"],
        labels: &["ICCID", "SIM", "SIM card no."],
        forms: &[plain(sim), plain(sim), told(|random| wrong(&sim(random)))],
        near: &[
            |random| wrong(&sim(random)),
            |random| with_check(format!("88{}", random.digits(16))),
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
    Kind {
        detector: "imei",
        names: &["imei", "IMEI", "deviceImei", "phone_imei"],
        labels: &["IMEI", "imei", "IMEI no."],
        forms: &[
            plain(|random| equipment(random, &["01", "35", "86", "99"])),
            plain(|random| {
                let number = equipment(random, &["35", "86"]);
                grouped(&number, &[2, 6, 6, 1]).replace(' ', "-")
            }),
            told(|random| equipment(random, &["10", "44", "49", "91"])),
            told(|random| wrong(&equipment(random, &["35"]))),
        ],
        near: &[
            |random| wrong(&equipment(random, &["35", "86"])),
            |random| equipment(random, &["10", "44", "49", "91"]),
        ],
        spellings: OF_NUMBERS,
        skips: &[],
    },
];

fn provider(random: &mut Random) -> String {
    let digits = format!("{}{}", random.within(1, 2), random.digits(8));
    let check = check::luhn(&format!("80840{digits}"));
    format!("{digits}{check}")
}

fn prescriber(random: &mut Random) -> String {
    let registrant = char::from(b"ABCDEFGHJKLMPRSTUX"[random.below(18)]);
    let name = char::from(b'A' + u8::try_from(random.below(26)).unwrap());
    let digits = random.digits(6);
    format!("{registrant}{name}{digits}{}", check::prescriber(&digits))
}

fn vehicle(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
    let mut number = String::from(["1", "2", "4", "5", "J", "W", "K", "S"][random.below(8)]);
    for _ in 1..13 {
        number.push(char::from(LETTERS[random.below(LETTERS.len())]));
    }
    number += &random.digits(4);
    // A letter, so that it has a case.
    number.replace_range(1..2, "H");
    check::vehicle(&number)
}

fn wrong_check(number: &str) -> String {
    let check = number.chars().nth(8).unwrap();
    let other = check::other(check.to_digit(10).map_or('0', check::digit));
    format!("{}{other}{}", &number[..8], &number[9..])
}

fn sim(random: &mut Random) -> String {
    let length = random.within(16, 17);
    with_check(format!("89{}", random.digits(length)))
}

fn equipment(random: &mut Random, starts: &[&str]) -> String {
    let start = random.pick(starts);
    with_check(format!("{start}{}", random.digits(12)))
}
