//! Words of street addresses.

/// Kinds of streets in full, with a capital letter or in capitals.
pub(super) const FULL: &[&str] = &[
    "street",
    "avenue",
    "road",
    "boulevard",
    "lane",
    "drive",
    "way",
    "court",
    "place",
    "terrace",
    "highway",
    "parkway",
    "circle",
    "square",
    "trail",
    "turnpike",
    "pike",
    "crossing",
    "alley",
    "plaza",
    "crescent",
    "expressway",
    "freeway",
    "mews",
    "cove",
    "causeway",
];

/// The same, abbreviated.
pub(super) const SHORT: &[&str] = &[
    "st", "ave", "rd", "blvd", "ln", "dr", "ct", "pl", "ter", "hwy", "pkwy", "cir", "sq", "trl",
    "tpke", "aly", "plz", "cres", "expy", "fwy", "xing",
];

/// Kinds that are plain in small letters, too.
pub(super) const PLAIN: &[&str] = &["street", "avenue", "ave", "boulevard", "blvd", "road"];

/// Kinds of roads that have a number for a name.
pub(super) const HIGHWAYS: &[&str] = &["highway", "hwy", "route", "rte"];

pub(super) const DIRECTIONS: &[&str] = &[
    "n",
    "s",
    "e",
    "w",
    "ne",
    "nw",
    "se",
    "sw",
    "n.e",
    "n.w",
    "s.e",
    "s.w",
    "north",
    "south",
    "east",
    "west",
    "northeast",
    "northwest",
    "southeast",
    "southwest",
];

/// What stands before the number of a part of a house.
pub(super) const UNITS: &[&str] = &[
    "apt",
    "apartment",
    "suite",
    "ste",
    "unit",
    "floor",
    "fl",
    "room",
    "rm",
    "bldg",
    "building",
    "lot",
    "#",
];

/// Those of them that tell an address without a kind of street.
pub(super) const SURE_UNITS: &[&str] = &["apt", "apartment", "suite", "ste"];

/// Words that are in no name of a street: what stands behind an amount.
pub(super) const OTHERS: &[&str] = &[
    "mg", "mcg", "ug", "ml", "l", "g", "kg", "cc", "meq", "mmol", "mm", "cm", "unt", "unit",
    "units", "hr", "hour", "hours", "day", "days", "week", "weeks", "month", "months", "year",
    "years", "min", "minute", "minutes", "tab", "tablet", "tablets", "capsule", "capsules", "dose",
    "doses", "patient", "patients", "lead", "slice", "view", "views", "actuat", "oral", "tests",
    "phase", "vessel", "point", "percent", "inch", "feet", "ft", "degree", "degrees", "am", "pm",
    "the", "and", "or", "of", "in", "on", "at", "to", "for", "with", "from", "per", "by",
];

/// Words that make the kind behind them something else.
const NOT_BEFORE: &[(&str, &[&str])] = &[
    (
        "court",
        &[
            "supreme", "district", "appeals", "high", "superior", "family", "federal", "tennis",
        ],
    ),
    ("drive", &["hard", "flash", "disk", "usb", "blood"]),
    ("way", &["one", "two", "three", "same"]),
    ("ct", BODY),
    ("ln", BODY),
    ("place", &["first", "second", "third", "1st", "2nd", "3rd"]),
];

/// Words in small letters before a kind of street that are no names.
pub(super) const NO_NAMES: &[&str] = &[
    "way", "lane", "mile", "block", "city", "side", "local", "open",
];

const BODY: &[&str] = &[
    "chest",
    "head",
    "brain",
    "abdomen",
    "abdominal",
    "pelvis",
    "pelvic",
    "spine",
    "sinus",
    "neck",
    "cardiac",
    "axillary",
    "cervical",
    "inguinal",
    "positive",
    "negative",
];

/// Words that make the kind before them something else.
const NOT_BEHIND: &[(&str, &[&str])] = &[(
    "st",
    &[
        "elevation",
        "elevations",
        "depression",
        "depressions",
        "segment",
        "changes",
        "deviation",
    ],
)];

/// Endings of names of streets, and whether they need a capital letter at the beginning.
pub(super) const ENDINGS: &[(&str, bool)] = &[
    ("straße", false),
    ("strasse", false),
    ("str.", true),
    ("gasse", true),
    ("weg", true),
    ("platz", true),
    ("allee", true),
    ("chaussee", true),
    ("straat", false),
    ("gracht", true),
    ("plein", true),
];

/// Words before a number of a box.
pub(super) const BOXES: &[&str] = &["postfach", "apartado", "postbus", "casilla"];

/// Kinds of streets that stand before the name: Spanish, Portuguese, Italian.
pub(super) const BEFORE: &[&str] = &[
    "Calle", "calle", "Avenida", "Avda.", "Avda", "Paseo", "Plaza", "Carrera", "Rua", "Piazza",
    "Viale",
];

/// The same in French, behind the number.
pub(super) const RUES: &[&str] = &[
    "rue",
    "avenue",
    "boulevard",
    "bd",
    "place",
    "chemin",
    "allée",
    "impasse",
    "quai",
];

/// Small words in names.
pub(super) const LINKS: &[&str] = &[
    "de", "del", "du", "des", "la", "las", "le", "les", "los", "da", "do", "dos", "das", "di",
    "della", "dei", "y", "e", "l", "d",
];

pub(super) fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|one| word.eq_ignore_ascii_case(one.as_bytes()))
}

/// Whether a word is a kind of street, by the word before it and the one behind it.
pub(super) fn is_kind(word: &[u8], last: &[u8], next: &[u8]) -> bool {
    let is_short = is_one_of(word, SHORT);
    if !is_short && !is_one_of(word, FULL) {
        return false;
    }
    // In capitals only as everything else: `12 OAK CT`, but `2014 Chest CT`.
    let has_small = |word: &[u8]| word.iter().any(u8::is_ascii_lowercase);
    if !has_small(word) && has_small(last) && !last.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let says = |table: &[(&str, &[&str])], beside: &[u8]| {
        let mut rows = table.iter();
        rows.any(|(kind, words)| is_one_of(word, &[kind]) && is_one_of(beside, words))
    };
    // A doctor has a name.
    let is_title = is_one_of(word, &["dr"])
        && next.first().is_some_and(u8::is_ascii_uppercase)
        && !is_one_of(next, UNITS)
        && !is_one_of(next, DIRECTIONS);
    !says(NOT_BEFORE, last) && !says(NOT_BEHIND, next) && !is_title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_go_by_what_is_beside_them() {
        for (last, word, next) in [
            ("Main", "St", ""),
            ("MAIN", "ST", "APT"),
            ("42nd", "ST", ""),
            ("Elm", "Dr", "Apt"),
            ("Elm", "Court", ""),
        ] {
            let is = is_kind(word.as_bytes(), last.as_bytes(), next.as_bytes());
            assert!(is, "{last} {word} {next}");
        }
        for (last, word, next) in [
            ("Chest", "CT", ""),
            ("CHEST", "CT", ""),
            ("Saw", "Dr", "Smith"),
            ("V2", "ST", "elevation"),
            ("Supreme", "Court", ""),
            ("Main", "Tablet", ""),
        ] {
            let is = is_kind(word.as_bytes(), last.as_bytes(), next.as_bytes());
            assert!(!is, "{last} {word} {next}");
        }
    }
}
