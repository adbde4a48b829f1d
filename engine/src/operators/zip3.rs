//! The first three digits of a US ZIP code, where enough people share them.
//!
//! HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(B), allows them where all ZIP codes that begin so
//! hold more than 20,000 people together by the current data of the Census, and asks for `000`
//! elsewhere. What is not known to be allowed is not: prefixes that nobody lives under, and codes
//! of other countries, become `000` too.

use crate::operators::Scalar;

const ELSEWHERE: &str = "000";

/// One bit for each prefix from 000: those of the 2020 Census with more than 20,000 people, without
/// the 17 that HHS names by the Census of 2000 in its guidance on de-identification.
const ALLOWED: [u64; 16] = [
    0x777f_ffef_ffff_fec0,
    0xffff_ffb0_03ff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffdf_c3fe,
    0xff7f_ffff_ffff_dfff,
    0xff7d_fffd_ed6f_efff,
    0xffff_cff7_ffff_7fff,
    0xdfff_ffff_ffff_f7ff,
    0xfcff_e6ff_fedd_ff1f,
    0xfeff_dfff_ffff_dff3,
    0xb02f_fbff_ff77_fdf3,
    0xfffd_ffbf_cfff_f7df,
    0x3f51_ffff_ffbf_ffe7,
    0xc80f_2ec3_9bbc_fb7f,
    0xffff_bbfd_ffff_dfd6,
    0x0000_00ff_f7ff_fd83,
];

/// Writes the three digits, as a string.
pub(crate) fn write(scalar: Scalar<'_>, out: &mut Vec<u8>) {
    let is_string = scalar.source.first() == Some(&b'"');
    let text = scalar.text.trim();
    let mut padded = [b'0'; 5];
    let text = if is_string {
        text
    } else {
        // A number has lost the zeros that it began with.
        pad(text, &mut padded).unwrap_or(text)
    };
    out.push(b'"');
    out.extend_from_slice(prefix(text, is_string).unwrap_or(ELSEWHERE).as_bytes());
    out.push(b'"');
}

fn pad<'a>(text: &str, padded: &'a mut [u8; 5]) -> Option<&'a str> {
    let missing = padded.len().checked_sub(text.len())?;
    if missing > 2 {
        return None;
    }
    for (to, from) in padded.iter_mut().skip(missing).zip(text.bytes()) {
        *to = from;
    }
    str::from_utf8(padded).ok()
}

/// The allowed prefix of `NNNNN`, `NNNNN-NNNN` or `NNNNNNNNN`, or of our own `NNN`.
fn prefix(text: &str, may_be_own: bool) -> Option<&str> {
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = match text.len() {
        3 => may_be_own && are_digits(text),
        5 | 9 => are_digits(text),
        10 => text
            .split_once('-')
            .is_some_and(|(code, rest)| code.len() == 5 && are_digits(code) && are_digits(rest)),
        _ => false,
    };
    let prefix = text.get(..3).filter(|_| is_code)?;
    let number: usize = prefix.parse().ok()?;
    let bits = ALLOWED.get(number / 64)?;
    (bits >> (number % 64) & 1 == 1).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use crate::operators::{Generalize, Operator, testing::written};

    /// HHS, "Guidance Regarding Methods for De-identification of Protected Health Information",
    /// by the Census of 2000.
    const NAMED_BY_HHS: [usize; 17] = [
        36, 59, 63, 102, 203, 556, 692, 790, 821, 823, 830, 831, 878, 879, 884, 890, 893,
    ];

    fn is_allowed(number: usize) -> bool {
        prefix(&format!("{number:03}"), true).is_some()
    }

    #[test]
    fn codes_lose_what_few_people_share() {
        let operator = Operator::Generalize(Generalize::Zip3);
        for (source, expected) in [
            ("\"02139\"", "021"),
            ("\"02139-1234\"", "021"),
            ("\"021391234\"", "021"),
            ("\" 02139 \"", "021"),
            ("2139", "021"),
            ("94103", "941"),
            ("941031234", "941"),
            ("612", "006"),
            ("\"00612\"", "006"),
            ("21", "000"),
            ("-2139", "000"),
            ("2139.0", "000"),
            ("true", "000"),
            ("\"03601\"", "000"),
            ("\"82101\"", "000"),
            ("\"20201\"", "000"),
            ("\"00101\"", "000"),
            ("\"2139\"", "000"),
            ("\"K1A 0B1\"", "000"),
            ("\"K1A0B\"", "000"),
            ("\"02139-12\"", "000"),
            ("\"0213912345\"", "000"),
            ("\"02\"", "000"),
            ("\"\"", "000"),
            ("\"\u{660}2139\"", "000"),
            ("\"021\"", "021"),
            ("\"036\"", "000"),
            ("\"000\"", "000"),
        ] {
            let out = written(&operator, source, Class::Address.into());
            assert_eq!(out, format!("\"{expected}\""), "{source}");
        }
    }

    #[test]
    fn the_table_is_that_of_the_census_without_those_of_hhs() {
        assert_eq!((0..1000).filter(|number| is_allowed(*number)).count(), 871);
        assert_eq!(ALLOWED[15] >> (1000 % 64), 0);
        for refused in NAMED_BY_HHS {
            assert!(!is_allowed(refused), "{refused}");
        }
        for refused in [0, 1, 202, 204, 205, 369, 753, 772] {
            assert!(!is_allowed(refused), "{refused}");
        }
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../shared/data/zip3_census2020.txt"
        );
        let Ok(census) = std::fs::read_to_string(path) else {
            return;
        };
        let mut expected = [false; 1000];
        for line in census.lines().filter(|line| !line.starts_with('#')) {
            let (prefix, people) = line.split_once('\t').unwrap();
            let number: usize = prefix.parse().unwrap();
            let people: u32 = people.trim().parse().unwrap();
            expected[number] = people > 20_000 && !NAMED_BY_HHS.contains(&number);
        }
        for (number, expected) in expected.into_iter().enumerate() {
            assert_eq!(is_allowed(number), expected, "{number:03}");
        }
    }
}
