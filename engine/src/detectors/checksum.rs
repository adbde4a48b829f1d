//! Checksums that several detectors share, and that custom detectors name.
//!
//! Each takes an identifier as it stands in a text: spaces, dashes and dots between its characters do
//! not count, and letters may have any case.

/// Tells whether an identifier keeps its rule.
pub(crate) type Checksum = fn(&[u8]) -> bool;

/// The names of all checksums.
pub(crate) const NAMES: &[&str] = &["luhn", "mod97", "npi", "dea", "vin", "aba"];

/// The checksum of that exact name, if there is one.
pub(crate) fn by_name(name: &str) -> Option<Checksum> {
    Some(match name {
        "luhn" => luhn,
        "mod97" => mod97,
        "npi" => npi,
        "dea" => dea,
        "vin" => vin,
        "aba" => aba,
        _ => return None,
    })
}

/// Digits whose Luhn sum is a multiple of ten (ISO/IEC 7812-1, annex B).
pub(crate) fn luhn(identifier: &[u8]) -> bool {
    sum_luhn(identifier).is_some_and(|sum| sum.is_multiple_of(10))
}

/// Letters and digits that leave 1 when divided by 97, the first four behind the others: IBAN
/// (ISO 13616-1, 6.1; ISO/IEC 7064, MOD 97-10).
pub(crate) fn mod97(identifier: &[u8]) -> bool {
    const HEAD: usize = 4;
    let mut rest = 0;
    let symbols = || symbols(identifier);
    if symbols().count() <= HEAD {
        return false;
    }
    for symbol in symbols().skip(HEAD).chain(symbols().take(HEAD)) {
        rest = match symbol {
            b'0'..=b'9' => rest * 10 + u32::from(symbol - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(symbol - b'A') + 10,
            _ => return false,
        } % 97;
    }
    rest == 1
}

/// Ten digits whose Luhn sum is right with `80840` before them (45 CFR 162.406; CMS, "Requirements
/// for National Provider Identifier (NPI) and NPI Check Digit").
pub(crate) fn npi(identifier: &[u8]) -> bool {
    // What the Luhn sum of 80840 is: 8 + 0 + 8 + 8 + 0.
    const PREFIX: u32 = 24;
    let first = symbols(identifier).next();
    symbols(identifier).count() == 10
        && matches!(first, Some(b'1' | b'2'))
        && sum_luhn(identifier).is_some_and(|sum| (sum + PREFIX).is_multiple_of(10))
}

/// Two characters and seven digits: the first, third and fifth digit with twice the second, fourth and
/// sixth end in the seventh (DEA, Diversion Control Division, "DEA Number" verification).
pub(crate) fn dea(identifier: &[u8]) -> bool {
    const WEIGHTS: [u32; 6] = [1, 2, 1, 2, 1, 2];
    let mut symbols = symbols(identifier);
    let (Some(registrant), Some(name)) = (symbols.next(), symbols.next()) else {
        return false;
    };
    let Some(digits) = digits::<7>(symbols) else {
        return false;
    };
    let [head @ .., last] = digits;
    registrant.is_ascii_uppercase()
        && (name.is_ascii_uppercase() || name == b'9')
        && weighted(&head, &WEIGHTS) % 10 == last
}

/// Seventeen letters and digits without I, O and Q whose weighted sum, divided by 11, leaves the ninth
/// (49 CFR 565.15(c), tables III to V).
pub(crate) fn vin(identifier: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    const CHECK: usize = 8;
    if symbols(identifier).count() != WEIGHTS.len() {
        return false;
    }
    let mut sum = 0;
    for (symbol, weight) in symbols(identifier).zip(WEIGHTS) {
        let Some(value) = vin_value(symbol) else {
            return false;
        };
        sum += value * weight;
    }
    match (symbols(identifier).nth(CHECK), sum % 11) {
        (Some(b'X'), rest) => rest == 10,
        (Some(symbol @ b'0'..=b'9'), rest) => rest == u32::from(symbol - b'0'),
        _ => false,
    }
}

/// Nine digits with weights 3, 7 and 1 whose sum is a multiple of ten, the first two of them assigned
/// (American Bankers Association, routing number policy: 00 to 12, 21 to 32, 61 to 72, 80).
pub(crate) fn aba(identifier: &[u8]) -> bool {
    const WEIGHTS: [u32; 9] = [3, 7, 1, 3, 7, 1, 3, 7, 1];
    let Some(digits) = digits::<9>(symbols(identifier)) else {
        return false;
    };
    let [tens, ones, ..] = digits;
    matches!(tens * 10 + ones, 0..=12 | 21..=32 | 61..=72 | 80)
        && weighted(&digits, &WEIGHTS).is_multiple_of(10)
}

/// What a letter or digit counts in a vehicle identification number (49 CFR 565.15, table III).
fn vin_value(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'0'..=b'9' => symbol - b'0',
        b'A'..=b'H' => symbol - b'A' + 1,
        b'J'..=b'N' => symbol - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => symbol - b'S' + 2,
        _ => return None,
    };
    Some(value.into())
}

/// The characters that count, letters in upper case.
fn symbols(identifier: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    let symbols = identifier
        .iter()
        .filter(|byte| !matches!(byte, b' ' | b'-' | b'.'));
    symbols.map(u8::to_ascii_uppercase)
}

/// As many digits, and nothing else.
fn digits<const COUNT: usize>(symbols: impl Iterator<Item = u8>) -> Option<[u32; COUNT]> {
    let mut digits = [0; COUNT];
    let mut count = 0;
    for symbol in symbols {
        *digits.get_mut(count)? = digit(symbol)?;
        count += 1;
    }
    (count == COUNT).then_some(digits)
}

fn digit(symbol: u8) -> Option<u32> {
    symbol
        .is_ascii_digit()
        .then(|| u32::from(symbol.wrapping_sub(b'0')))
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    let products = digits.iter().zip(weights);
    products.map(|(digit, weight)| digit * weight).sum()
}

/// The digits, every second from the right but the last doubled, and summed.
fn sum_luhn(identifier: &[u8]) -> Option<u32> {
    let (mut sum, mut count) = (0, 0_usize);
    for symbol in symbols(identifier).rev() {
        let digit = digit(symbol)?;
        sum += match digit * 2 {
            _ if count.is_multiple_of(2) => digit,
            double if double > 9 => double - 9,
            double => double,
        };
        count += 1;
    }
    (count > 1).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_passes_and_no_neighbour_does() {
        for (name, identifiers) in [
            (
                "luhn",
                &[
                    "4111111111111111",
                    "4111 1111-1111.1111",
                    "378282246310005",
                    "89014103211118510720",
                    "490154203237518",
                    "79927398713",
                ][..],
            ),
            (
                "mod97",
                &[
                    "GB82WEST12345698765432",
                    "gb82 west 1234 5698 7654 32",
                    "NO9386011117947",
                    "MT84MALT011000012345MTLCAST001S",
                ],
            ),
            ("npi", &["1234567893", "1245319599", "2000000002"]),
            ("dea", &["AB1234563", "f91234563", "BB1388568"]),
            ("vin", &["1HGCM82633A004352", "1m8gdm9axkp042788"]),
            ("aba", &["021000021", "011401533", "0910-0001-9"]),
        ] {
            let checksum = by_name(name).unwrap();
            for identifier in identifiers {
                assert!(checksum(identifier.as_bytes()), "{name} {identifier}");
                let at = identifier.rfind(|letter: char| letter.is_ascii_digit());
                let mut other = identifier.as_bytes().to_vec();
                let digit = &mut other[at.unwrap()];
                *digit = if *digit == b'9' { b'0' } else { *digit + 1 };
                assert!(!checksum(&other), "{name} {identifier}");
            }
        }
    }

    #[test]
    fn what_has_no_such_form_fails() {
        for name in NAMES {
            let checksum = by_name(name).unwrap();
            for identifier in [
                "",
                "0",
                "x",
                "AB",
                "\u{e9}\u{e9}",
                "12345678901234567890x!",
                "---",
            ] {
                assert!(!checksum(identifier.as_bytes()), "{name} {identifier}");
            }
        }
        assert!(by_name("LUHN").is_none() && by_name("").is_none());
    }
}
