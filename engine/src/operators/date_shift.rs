//! Dates moved by a number of days that is the same for everything about one patient.
//!
//! Intervals between a patient's dates survive; the real dates do not. It is not Safe Harbor,
//! which allows no more than the year, and it is not idempotent: who shifts twice gets a third
//! date. The offset is a keyed hash, not a linear function, of the patient's reference: one known
//! date tells one patient's offset and no other's.

use crate::keys::Keys;
use crate::operators::{Scalar, Setting, redact};

mod calendar;

pub(crate) use calendar::Date;

/// The most days that dates may be moved by.
const MOST_DAYS: u16 = 3650;
const VERSION: &[u8] = b"velum date shift 1";

/// What is wrong with a number of days.
pub(crate) fn check_days(days: u16) -> Result<(), &'static str> {
    if (1..=MOST_DAYS).contains(&days) {
        Ok(())
    } else {
        Err("dates are shifted by 1 to 3650 days")
    }
}

/// Writes the shifted date, or the placeholder.
pub(crate) fn write(scalar: Scalar<'_>, days: u16, setting: Setting<'_>, out: &mut Vec<u8>) {
    let is_string = scalar.source.first() == Some(&b'"');
    let shifted = setting
        .keys
        .first()
        .zip(setting.subject)
        // Of numbers, only YYYYMMDD is a date.
        .filter(|_| is_string || scalar.text.len() == 8)
        .and_then(|(keys, reference)| shift(keys, reference, days, scalar.text));
    match shifted {
        Some(date) if is_string => {
            out.push(b'"');
            out.extend_from_slice(date.as_bytes());
            out.push(b'"');
        }
        Some(date) => out.extend_from_slice(date.as_bytes()),
        None => redact::write(setting.class, out),
    }
}

/// The date, or date and time, moved by the offset of the patient whose reference this is. `None`
/// for whatever is not a day of the calendar from 1800 to 2200, and where the reference names none.
pub(crate) fn shift(keys: &Keys, reference: &str, days: u16, text: &str) -> Option<String> {
    let written = Written::parse(text)?;
    let moved = written.date.plus(offset(keys, reference, days)?);
    let Date { year, month, day } = moved;
    let (dash, rest) = (if written.is_basic { "" } else { "-" }, written.rest);
    Some(format!("{year:04}{dash}{month:02}{dash}{day:02}{rest}"))
}

/// By how many days the dates of a patient are moved: from `-days` to `days`, never 0.
fn offset(keys: &Keys, reference: &str, days: u16) -> Option<i64> {
    let reference = patient_id(reference)?;
    let code = keys.date_shift(&[VERSION, reference.as_bytes()]);
    let days = u64::from(days);
    let choices = days.checked_mul(2).filter(|choices| *choices > 0)?;
    // What is beyond the last whole multiple would favour the first choices.
    let fair = u64::MAX - u64::MAX % choices;
    let (draws, _) = code.as_chunks::<8>();
    let draw = draws
        .iter()
        .map(|draw| u64::from_be_bytes(*draw))
        .find(|draw| *draw < fair)?;
    let choice = i64::try_from(draw % choices).ok()?;
    let days = i64::try_from(days).ok()?;
    let offset = choice - days;
    Some(if offset < 0 { offset } else { offset + 1 })
}

/// The id in a reference: `1` of `1`, `Patient/1`, `http://x/Patient/1` and `Patient/1/_history/2`.
pub(crate) fn patient_id(reference: &str) -> Option<&str> {
    let reference = reference.trim();
    let reference = reference
        .split_once("/_history/")
        .map_or(reference, |(reference, _)| reference);
    let id = reference.rsplit('/').next().unwrap_or_default();
    let id = id.strip_prefix("urn:uuid:").unwrap_or(id);
    (!id.is_empty()).then_some(id)
}

/// A date as it is written.
struct Written<'a> {
    date: Date,
    /// `YYYYMMDD`.
    is_basic: bool,
    /// The time and zone, with what is before them.
    rest: &'a str,
}

impl<'a> Written<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if text.len() == 8 {
            let number = digits(text)?;
            let date = Date::new(number / 10_000, number / 100 % 100, number % 100)?;
            return Some(Self {
                date,
                is_basic: true,
                rest: "",
            });
        }
        let (date, rest) = text.split_at_checked(10)?;
        let mut parts = date.split('-');
        let mut part = |length| {
            let part = parts.next().filter(|part| part.len() == length)?;
            digits(part)
        };
        let date = Date::new(part(4)?, part(2)?, part(2)?)?;
        (rest.is_empty() || is_time(rest.strip_prefix(['T', ' '])?)).then_some(Self {
            date,
            is_basic: false,
            rest,
        })
    }
}

/// `hh:mm[:ss[.fff]]` and, perhaps, `Z` or `±hh:mm`.
fn is_time(text: &str) -> bool {
    let (time, zone) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let is_zone = match zone {
        "" | "Z" => true,
        zone => {
            let zone = zone.get(1..).and_then(|zone| zone.split_once(':'));
            zone.is_some_and(|(hour, minute)| is_pair(hour, 14) && is_pair(minute, 59))
        }
    };
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (parts.next(), parts.next());
    let is_second = parts.next().is_none_or(|second| {
        let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
        let is_fraction = (1..=9).contains(&fraction.len()) && digits(fraction).is_some();
        is_pair(second, 60) && is_fraction
    });
    is_zone
        && hour.is_some_and(|hour| is_pair(hour, 23))
        && minute.is_some_and(|minute| is_pair(minute, 59))
        && is_second
}

fn is_pair(text: &str, most: u32) -> bool {
    text.len() == 2 && digits(text).is_some_and(|number| number <= most)
}

/// The number that digits and nothing else make.
fn digits(text: &str) -> Option<u32> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::{Operator, testing::written};
    use crate::{Class, Keyring};

    const REFERENCE: &str = "Patient/1";

    fn shifted(text: &str) -> Option<String> {
        let ring = Keyring::of(&[1]);
        shift(ring.first().unwrap(), REFERENCE, 50, text)
    }

    fn of(ring: &Keyring, reference: &str, days: u16) -> i64 {
        offset(ring.first().unwrap(), reference, days).unwrap()
    }

    #[test]
    fn the_written_form_is_kept() {
        let date = shifted("1980-02-03").unwrap();
        for (text, expected) in [
            ("1980-02-03T04:05:06Z", format!("{date}T04:05:06Z")),
            (
                "1980-02-03T04:05:06.789-05:00",
                format!("{date}T04:05:06.789-05:00"),
            ),
            ("1980-02-03T04:05+14:00", format!("{date}T04:05+14:00")),
            ("1980-02-03 23:59", format!("{date} 23:59")),
            ("1980-02-03T23:59:60", format!("{date}T23:59:60")),
            ("19800203", date.replace('-', "")),
        ] {
            assert_eq!(shifted(text), Some(expected), "{text}");
        }
        assert_ne!(date, "1980-02-03");
    }

    #[test]
    fn what_is_no_day_cannot_be_shifted() {
        for text in [
            "",
            "1980",
            "1980-02",
            "198002",
            "1980-02-30",
            "1900-02-29",
            "1980-13-01",
            "1980-00-01",
            "1980-01-00",
            "1799-12-31",
            "2201-01-01",
            "03.02.1980",
            "1980-2-3",
            "1980-02-03T",
            "1980-02-03T04",
            "1980-02-03T24:00",
            "1980-02-03T04:60",
            "1980-02-03T04:05:61",
            "1980-02-03T04:05:06.",
            "1980-02-03T04:05:06.1234567890",
            "1980-02-03T04:05Ann",
            "1980-02-03T04:05+99:00",
            "1980-02-03T04:05ZZ",
            "1980-02-03x",
            " 1980-02-03",
            "1980-02-03 and 1981-02-03",
            "198002é",
            "+9800203",
            "1980-02-0é",
            "1980-02-03T04:05:06:07",
        ] {
            assert_eq!(shifted(text), None, "{text}");
        }
    }

    #[test]
    fn intervals_survive() {
        let days = |text: &str| Written::parse(text).unwrap().date.number();
        let shifted_days = |text: &str| days(&shifted(text).unwrap());
        for (from, to) in [
            ("1980-02-28", "1980-03-01"),
            ("1999-12-31", "2000-01-01"),
            ("1936-08-18", "2024-02-29"),
        ] {
            assert_eq!(shifted_days(to) - shifted_days(from), days(to) - days(from));
        }
    }

    #[test]
    fn every_way_to_name_a_patient_gives_one_offset() {
        let ring = Keyring::of(&[1]);
        for same in [
            "1",
            " 1 ",
            "http://x/Patient/1",
            "urn:uuid:1",
            "Patient/1/_history/2",
        ] {
            assert_eq!(of(&ring, same, 3650), of(&ring, REFERENCE, 3650), "{same}");
        }
        assert_ne!(of(&ring, "Patient/2", 3650), of(&ring, REFERENCE, 3650));
        for none in ["", "Patient/", "urn:uuid:", " "] {
            assert_eq!(offset(ring.first().unwrap(), none, 50), None, "{none}");
        }
    }

    #[test]
    fn offsets_are_fair_and_not_linear_in_the_key() {
        let ring = Keyring::of(&[1]);
        let mut counts = [0_u32; 7];
        for patient in 0..6_000 {
            let offset = of(&ring, &patient.to_string(), 3);
            counts[usize::try_from(offset + 3).unwrap()] += 1;
        }
        assert_eq!(counts[3], 0, "nothing stays where it was");
        for (place, count) in counts.iter().enumerate() {
            assert!(place == 3 || (850..1_150).contains(count), "{counts:?}");
        }
        let differences: std::collections::BTreeSet<i64> = (1..20)
            .map(|byte| Keyring::of(&[byte]))
            .map(|ring| of(&ring, "1", 3650) - of(&ring, "2", 3650))
            .collect();
        assert!(differences.len() > 15, "{differences:?}");
    }

    #[test]
    fn without_key_or_patient_it_redacts_and_a_number_stays_one() {
        let ring = Keyring::of(&[1]);
        let out = |keys, subject, source| {
            let setting = Setting {
                class: Class::Date,
                keys,
                year: crate::Options::EARLIEST_YEAR,
                subject,
            };
            written(&Operator::DateShift { days: 50 }, source, setting)
        };
        let masked = "\"[masked:date]\"";
        assert_eq!(out(Keyring::none(), Some("1"), "\"1980-02-03\""), masked);
        assert_eq!(out(&ring, None, "\"1980-02-03\""), masked);
        assert_eq!(out(&ring, Some("1"), "true"), masked);
        assert_eq!(out(&ring, Some("1"), "1980"), masked);
        let expected = shifted("19800203").unwrap();
        assert_eq!(out(&ring, Some("1"), "19800203"), expected);
        assert_eq!(
            out(&ring, Some("1"), "\"1980\\u00302\\u00303\""),
            format!("\"{expected}\"")
        );
    }
}
