//! The range of whole numbers that a number falls into.

use crate::Class;
use crate::operators::{Scalar, redact};

/// The most digits that are read before the point: beyond, no one would look for a range.
const MOST_DIGITS: usize = 17;

/// What is wrong with a width.
pub(crate) fn check_width(width: u32) -> Result<(), &'static str> {
    if width > 0 {
        Ok(())
    } else {
        Err("a range is at least 1 wide")
    }
}

/// Writes `"lo-hi"`, or the placeholder.
pub(crate) fn write(scalar: Scalar<'_>, width: u32, class: Class, out: &mut Vec<u8>) {
    let is_string = scalar.source.first() == Some(&b'"');
    let width = i64::from(width);
    let low = if is_string {
        let text = scalar.text.trim();
        own(text, width).or_else(|| low(text, width))
    } else {
        low(scalar.text, width)
    };
    match low {
        Some(low) => {
            let high = low + width - 1;
            out.extend_from_slice(format!("\"{low}-{high}\"").as_bytes());
        }
        None => redact::write(class, out),
    }
}

/// Where the range begins that a decimal number falls into.
fn low(text: &str, width: i64) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() > MOST_DIGITS || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let mut floor = sign * whole.parse::<i64>().ok()?;
    if sign < 0 && fraction.bytes().any(|byte| byte != b'0') {
        floor -= 1;
    }
    floor.checked_div_euclid(width)?.checked_mul(width)
}

/// Where the range begins that the text is, exactly as it is written here.
fn own(text: &str, width: i64) -> Option<i64> {
    let at = text.get(1..)?.find('-')? + 1;
    let (low, high) = (integer(text.get(..at)?)?, integer(text.get(at + 1..)?)?);
    let begins = low.checked_rem_euclid(width)? == 0;
    (begins && high == low + width - 1).then_some(low)
}

/// An integer in the one way that it is written.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_one_way = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0");
    // The ends of a range may have one digit more than what falls into it.
    (is_one_way && digits.len() <= MOST_DIGITS + 1)
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::{Generalize, Operator, testing::written};

    #[test]
    fn numbers_fall_into_ranges() {
        const MASKED: &str = "\"[masked:other]\"";
        for (width, source, expected) in [
            (10, "47", "\"40-49\""),
            (10, "40", "\"40-49\""),
            (10, "49.99", "\"40-49\""),
            (10, "0", "\"0-9\""),
            (10, "-0", "\"0-9\""),
            (10, "-0.0", "\"0-9\""),
            (10, "-0.5", "\"-10--1\""),
            (10, "-10", "\"-10--1\""),
            (10, "-11", "\"-20--11\""),
            (10, "\"47\"", "\"40-49\""),
            (10, "\" 47.5 \"", "\"40-49\""),
            (1, "47", "\"47-47\""),
            (4_294_967_295, "47", "\"0-4294967294\""),
            (10, "\"40-49\"", "\"40-49\""),
            (10, "\"-10--1\"", "\"-10--1\""),
            (10, "\"0-9\"", "\"0-9\""),
            (10, "\"41-50\"", MASKED),
            (10, "\"40-48\"", MASKED),
            (10, "\"040-049\"", MASKED),
            (10, "\"-0-9\"", MASKED),
            (10, "\"40-49 Ann\"", MASKED),
            (10, "4.7e1", MASKED),
            (10, "1234567890123456789", MASKED),
            (10, "true", MASKED),
            (10, "\"\"", MASKED),
            (10, "\"-\"", MASKED),
            (10, "\"47.\"", MASKED),
            (10, "\"é-1\"", MASKED),
        ] {
            let operator = Operator::Generalize(Generalize::Range { width });
            assert_eq!(
                written(&operator, source, Class::Other.into()),
                expected,
                "{source}"
            );
        }
    }

    #[test]
    fn the_outermost_ranges_stay_too() {
        for width in [1, 7, 1_000, u32::MAX] {
            for number in ["99999999999999999", "-99999999999999999.9"] {
                let operator = Operator::Generalize(Generalize::Range { width });
                let once = written(&operator, number, Class::Other.into());
                let twice = written(&operator, &once, Class::Other.into());
                assert_eq!(twice, once, "{number} {width}");
                assert_ne!(once, "\"[masked:other]\"");
            }
        }
    }
}
