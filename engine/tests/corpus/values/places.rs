//! ZIP codes and streets.

use crate::kind::{Kind, plain, told};
use crate::random::Random;
use crate::spelling::{OF_NUMBERS, Spelling};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "zip",
        names: &["zip", "zipCode", "postal_code", "postalCode", "postcode"],
        labels: &["ZIP", "zip code", "Postal code", "postcode"],
        forms: &[
            plain(|random| {
                let (city, state, prefix) = town(random);
                format!("{city}, {state} {prefix}{}", random.digits(2))
            }),
            plain(|random| {
                let (city, state, prefix) = town(random);
                format!(
                    "{city}, {state} {prefix}{}-{}",
                    random.digits(2),
                    random.digits(4)
                )
            }),
            plain(|random| {
                let (city, state, prefix) = town(random);
                format!("{city} {state} {prefix}{}", random.digits(2))
            }),
            told(|random| random.digits(5)),
            told(|random| format!("{}-{}", random.digits(5), random.digits(4))),
        ],
        near: &[
            |random| random.digits(5),
            |random| format!("XX {}", random.digits(5)),
            |random| format!("OR {} items", random.digits(6)),
            |random| format!("{} patients", random.digits(5)),
            |random| format!("code {}", random.digits(5)),
        ],
        spellings: OF_NUMBERS,
        // A place beside the word, not behind it.
        skips: &["glued", "list", "behind", "beside letters"],
    },
    Kind {
        detector: "street",
        names: &["line", "street", "address_line1", "addressLine"],
        labels: &["address", "Address", "lives at"],
        forms: &[
            plain(|random| {
                format!(
                    "{} {} {}",
                    random.within(1, 9999),
                    random.pick(NAMES),
                    random.pick(STREETS)
                )
            }),
            plain(|random| {
                format!(
                    "{} {} {}",
                    random.within(1, 9999),
                    random.pick(NAMES),
                    random.pick(STREETS)
                )
            }),
            plain(|random| {
                format!(
                    "{} {} {} {}",
                    random.within(1, 9999),
                    random.pick(&["N", "South", "NW"]),
                    random.pick(NAMES),
                    random.pick(STREETS)
                )
            }),
            plain(|random| {
                format!(
                    "{} {} {}, {} {}",
                    random.within(1, 9999),
                    random.pick(NAMES),
                    random.pick(STREETS),
                    random.pick(&["Apt", "Suite", "Unit"]),
                    random.within(1, 99)
                )
            }),
            plain(|random| {
                format!(
                    "{} {} Avenue",
                    random.within(1, 999),
                    random.pick(&["2nd", "42nd", "103rd", "5th"])
                )
            }),
            plain(|random| {
                format!(
                    "{} Box {}",
                    random.pick(&["PO", "P.O.", "Post Office"]),
                    random.within(1, 9999)
                )
            }),
            plain(|random| format!("{} {}", random.pick(GERMAN), random.within(1, 200))),
            plain(|random| format!("{} {}", random.within(1, 200), random.pick(FRENCH))),
            plain(|random| format!("{} {}", random.pick(SPANISH), random.within(1, 200))),
        ],
        near: &[
            |random| format!("{} MG DR", random.within(5, 500)),
            |random| format!("{} Supreme Court", random.within(1950, 2024)),
            |random| format!("{} main points", random.within(2, 9)),
            |random| format!("{} mg tablets in the way", random.within(5, 500)),
            |random| format!("Ward {} North", random.within(1, 9)),
            |random| format!("Phase {} Trial", random.within(1, 4)),
            |random| format!("{} of {}", random.within(1, 9), random.within(10, 20)),
            |random| format!("{} ML Oral Solution", random.within(5, 500)),
        ],
        spellings: &[
            Spelling::AsItIs,
            Spelling::Fullwidth,
            Spelling::Spaces,
            Spelling::Escaped,
        ],
        skips: &["glued", "number", "behind", "beside letters"],
    },
];

const STREETS: &[&str] = &[
    "Street",
    "St",
    "St.",
    "Avenue",
    "Ave",
    "Road",
    "Rd",
    "Boulevard",
    "Blvd",
    "Lane",
    "Drive",
    "Court",
    "Place",
    "Way",
    "Terrace",
    "Parkway",
    "Highway",
    "Circle",
];
const NAMES: &[&str] = &[
    "Quay",
    "Main",
    "Oak",
    "Maple Grove",
    "Martin Luther King",
    "Washington",
    "Elm",
    "Lake",
    "Old Mill",
    "Quarry",
    "Sunset",
    "O'Hara",
    "McKinley",
    "3rd",
    "42nd",
];
const GERMAN: &[&str] = &[
    "Hauptstra\u{df}e",
    "Bahnhofstr.",
    "Berliner Stra\u{df}e",
    "Gartenweg",
    "Lindenallee",
    "Marktplatz",
    "Keizersgracht",
    "Dorpsstraat",
];
const FRENCH: &[&str] = &[
    "rue de la Paix",
    "avenue Foch",
    "boulevard Voltaire",
    "rue du Moulin",
    "all\u{e9}e des Tilleuls",
];
const SPANISH: &[&str] = &[
    "Calle Mayor",
    "Avenida del Sol",
    "Rua Augusta",
    "Paseo de Gracia",
    "Piazza Dante",
];

/// Towns with their state and the first digits of its codes.
const TOWNS: &[(&str, &str, &str)] = &[
    ("Boston", "MA", "021"),
    ("Springfield", "IL", "627"),
    ("Salt Lake City", "UT", "841"),
    ("St. Louis", "MO", "631"),
    ("Anchorage", "AK", "995"),
    ("Austin", "TX", "787"),
    ("New York", "NY", "100"),
    ("Portland", "OR", "972"),
    ("Miami", "FL", "331"),
    ("Concord", "NH", "033"),
    ("San Juan", "PR", "009"),
    ("Washington", "DC", "200"),
];

fn town(random: &mut Random) -> (&'static str, &'static str, &'static str) {
    TOWNS[random.below(TOWNS.len())]
}
