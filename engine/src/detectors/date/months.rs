//! Names of months: English with its abbreviations; in full German, French, Spanish, Italian,
//! Portuguese and Dutch, and those of their abbreviations that are no other word.

/// The longest name, in bytes.
pub(super) const LONGEST: usize = 10;

/// A name of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month {
    pub(super) number: u32,
    /// Whether the name is a usual word, too: "May", "March".
    pub(super) is_word: bool,
    /// Whether it is such a word, and written small.
    pub(super) is_vague: bool,
}

const NAMES: [&[&str]; 12] = [
    &[
        "january", "jan", "januar", "jänner", "janvier", "janv", "enero", "ene", "gennaio",
        "janeiro", "januari",
    ],
    &[
        "february",
        "feb",
        "februar",
        "februari",
        "février",
        "fevrier",
        "févr",
        "febrero",
        "febbraio",
        "fevereiro",
    ],
    &[
        "march", "mar", "märz", "mär", "maerz", "mars", "marzo", "março", "marco", "maart", "mrt",
    ],
    &["april", "apr", "avril", "avr", "abril", "abr", "aprile"],
    &["may", "mai", "mayo", "maggio", "maio", "mei"],
    &["june", "jun", "juni", "juin", "junio", "giugno", "junho"],
    &[
        "july", "jul", "juli", "juillet", "juil", "julio", "luglio", "julho",
    ],
    &["august", "aug", "août", "aout", "agosto", "augustus"],
    &[
        "september",
        "sept",
        "sep",
        "septembre",
        "septiembre",
        "setiembre",
        "settembre",
        "setembro",
    ],
    &[
        "october", "oct", "oktober", "okt", "octobre", "octubre", "ottobre", "outubro",
    ],
    &["november", "nov", "novembre", "noviembre", "novembro"],
    &[
        "december",
        "dec",
        "dezember",
        "dez",
        "décembre",
        "decembre",
        "déc",
        "diciembre",
        "dic",
        "dicembre",
        "dezembro",
    ],
];

/// Names that are words, too.
const WORDS: &[&str] = &[
    "may", "march", "mar", "mars", "marco", "mai", "mei", "sept", "sep", "dec", "dic", "abr", "ene",
];

/// The month of that name.
pub(super) fn month(word: &[u8]) -> Option<Month> {
    if !(3..=LONGEST).contains(&word.len()) {
        return None;
    }
    let is = |name: &&&str| is_alike(word, name.as_bytes());
    let index = NAMES
        .iter()
        .position(|names| names.iter().any(|name| is(&name)))?;
    let is_small = word.first().is_some_and(u8::is_ascii_lowercase);
    let is_word = WORDS.iter().any(|name| is(&name));
    Some(Month {
        number: u32::try_from(index).ok()? + 1,
        is_word,
        is_vague: is_word && is_small,
    })
}

/// Whether a word is a name, whatever its case; of the letters beyond ASCII, those here differ by
/// one bit (U+00C0 to U+00FF).
fn is_alike(word: &[u8], name: &[u8]) -> bool {
    word.len() == name.len()
        && word.iter().zip(name).all(|(one, other)| {
            one.eq_ignore_ascii_case(other) || *other >= 0xa0 && *one | 0x20 == *other
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for (name, number) in [
            ("January", 1),
            ("FEB", 2),
            ("März", 3),
            ("MÄRZ", 3),
            ("août", 8),
            ("AOÛT", 8),
            ("Sept", 9),
            ("diciembre", 12),
        ] {
            let found = month(name.as_bytes()).map(|month| month.number);
            assert_eq!(found, Some(number), "{name}");
        }
        for name in ["", "ma", "day", "course", "mayor", "Märzen", "decembers"] {
            assert_eq!(month(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn names_are_short_and_differ() {
        let names: Vec<_> = NAMES.iter().flat_map(|names| *names).collect();
        for name in &names {
            assert!((3..=LONGEST).contains(&name.len()), "{name}");
            let same = names.iter().filter(|other| **other == *name);
            assert_eq!(same.count(), 1, "{name}");
        }
        assert!(month(b"may").is_some_and(|month| month.is_vague));
        assert!(month(b"May").is_some_and(|month| !month.is_vague));
    }
}
