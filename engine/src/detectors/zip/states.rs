//! The states of the US with the ranges of their ZIP codes, by the first three digits: USPS Domestic
//! Mail Manual, labeling list L002, "3-Digit ZIP Code Prefix Matrix"; those of single large
//! addressees (IRS, agencies) are with the state around them.

/// A state, district, territory or theatre of the armed forces.
pub(super) struct State {
    short: &'static str,
    name: &'static str,
    prefixes: &'static [(u32, u32)],
}

impl State {
    /// Whether codes of the state begin with these three digits.
    pub(super) fn has(&self, prefix: u32) -> bool {
        self.prefixes
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&prefix))
    }
}

/// The state that a text ends with, and where.
pub(super) fn before(text: &[u8]) -> Option<(usize, &'static State)> {
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
    let last = text.iter().rev().take(16).take_while(is_letter).count();
    let word = text.get(text.len() - last..)?;
    if last == 2 {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let start = text.len() - 2;
        let is_part = start
            .checked_sub(1)
            .and_then(|at| text.get(at))
            .is_some_and(is_word);
        let is = |state: &&State| word.eq_ignore_ascii_case(state.short.as_bytes());
        let is_one_case =
            word.iter().all(u8::is_ascii_uppercase) || word.iter().all(u8::is_ascii_lowercase);
        let state = STATES.iter().find(is).filter(|_| is_one_case && !is_part)?;
        return Some((start, state));
    }
    let ends = |state: &&State| {
        let start = text.len().checked_sub(state.name.len());
        start.is_some_and(|start| {
            let before = start.checked_sub(1).and_then(|at| text.get(at));
            text.get(start..) == Some(state.name.as_bytes())
                && !before.is_some_and(u8::is_ascii_alphanumeric)
        })
    };
    let longest = STATES
        .iter()
        .filter(ends)
        .max_by_key(|state| state.name.len())?;
    Some((text.len() - longest.name.len(), longest))
}

const fn state(short: &'static str, name: &'static str, prefixes: &'static [(u32, u32)]) -> State {
    State {
        short,
        name,
        prefixes,
    }
}

const STATES: &[State] = &[
    state("AL", "Alabama", &[(350, 369)]),
    state("AK", "Alaska", &[(995, 999)]),
    state("AZ", "Arizona", &[(850, 865)]),
    state("AR", "Arkansas", &[(716, 729)]),
    state("CA", "California", &[(900, 961)]),
    state("CO", "Colorado", &[(800, 816)]),
    state("CT", "Connecticut", &[(60, 69)]),
    state("DE", "Delaware", &[(197, 199)]),
    state(
        "DC",
        "District of Columbia",
        &[(200, 200), (202, 205), (569, 569)],
    ),
    state("FL", "Florida", &[(320, 349)]),
    state("GA", "Georgia", &[(300, 319), (398, 399)]),
    state("HI", "Hawaii", &[(967, 968)]),
    state("ID", "Idaho", &[(832, 838)]),
    state("IL", "Illinois", &[(600, 629)]),
    state("IN", "Indiana", &[(460, 479)]),
    state("IA", "Iowa", &[(500, 528)]),
    state("KS", "Kansas", &[(660, 679)]),
    state("KY", "Kentucky", &[(400, 427)]),
    state("LA", "Louisiana", &[(700, 714)]),
    state("ME", "Maine", &[(39, 49)]),
    state("MD", "Maryland", &[(206, 219)]),
    state("MA", "Massachusetts", &[(10, 27), (55, 55)]),
    state("MI", "Michigan", &[(480, 499)]),
    state("MN", "Minnesota", &[(550, 567)]),
    state("MS", "Mississippi", &[(386, 397)]),
    state("MO", "Missouri", &[(630, 658)]),
    state("MT", "Montana", &[(590, 599)]),
    state("NE", "Nebraska", &[(680, 693)]),
    state("NV", "Nevada", &[(889, 898)]),
    state("NH", "New Hampshire", &[(30, 38)]),
    state("NJ", "New Jersey", &[(70, 89)]),
    state("NM", "New Mexico", &[(870, 884)]),
    state("NY", "New York", &[(5, 5), (63, 63), (100, 149)]),
    state("NC", "North Carolina", &[(270, 289)]),
    state("ND", "North Dakota", &[(580, 588)]),
    state("OH", "Ohio", &[(430, 459)]),
    state("OK", "Oklahoma", &[(730, 732), (734, 749)]),
    state("OR", "Oregon", &[(970, 979)]),
    state("PA", "Pennsylvania", &[(150, 196)]),
    state("RI", "Rhode Island", &[(28, 29)]),
    state("SC", "South Carolina", &[(290, 299)]),
    state("SD", "South Dakota", &[(570, 577)]),
    state("TN", "Tennessee", &[(370, 385)]),
    state("TX", "Texas", &[(733, 733), (750, 799), (885, 885)]),
    state("UT", "Utah", &[(840, 847)]),
    state("VT", "Vermont", &[(50, 54), (56, 59)]),
    state("VA", "Virginia", &[(201, 201), (220, 246)]),
    state("WA", "Washington", &[(980, 994)]),
    state("WV", "West Virginia", &[(247, 268)]),
    state("WI", "Wisconsin", &[(530, 549)]),
    state("WY", "Wyoming", &[(820, 831)]),
    state("PR", "Puerto Rico", &[(6, 7), (9, 9)]),
    state("VI", "Virgin Islands", &[(8, 8)]),
    state("GU", "Guam", &[(969, 969)]),
    state("AS", "American Samoa", &[(967, 967)]),
    state("MP", "Northern Mariana Islands", &[(969, 969)]),
    state("AA", "Armed Forces Americas", &[(340, 340)]),
    state("AE", "Armed Forces Europe", &[(90, 98)]),
    state("AP", "Armed Forces Pacific", &[(962, 966)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_from_the_end() {
        for (text, short) in [
            ("Boston, MA", "MA"),
            ("in west virginia, wv", "wv"),
            ("Charleston, West Virginia", "WV"),
            ("Richmond, Virginia", "VA"),
        ] {
            let (_, state) = before(text.as_bytes()).unwrap();
            assert!(state.short.eq_ignore_ascii_case(short), "{text}");
        }
        for text in ["", "Ma", "Boston, XX", "OMA", "Novirginia", "virginia"] {
            assert!(before(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn prefixes_are_those_of_one_state() {
        for prefix in 0..1000 {
            let states = STATES.iter().filter(|state| state.has(prefix));
            let shorts: Vec<_> = states.map(|state| state.short).collect();
            let is_shared = matches!(prefix, 63 | 340 | 967 | 969);
            assert!(shorts.len() <= 1 || is_shared, "{prefix:03}: {shorts:?}");
        }
    }
}
