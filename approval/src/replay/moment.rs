//! A time as a record writes it: RFC 3339 in UTC, with milliseconds.

use serde::{Deserialize, Deserializer};

use crate::words::Timestamp;

/// A time that was read from `2026-11-23T20:01:44.123Z`, and from no other spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a time in RFC 3339 with milliseconds"))
    }
}

fn read(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date.splitn(3, '-'))?;
    let (time, millis) = time.split_once('.')?;
    let [hour, minute, second] = numbers(time.splitn(3, ':'))?;
    let [millis] = numbers(std::iter::once(millis))?;
    let seconds = ((days(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second;
    let moment = Timestamp::from_millis(seconds * 1000 + millis);
    // What was read is what it would be written as: no 30 February, no hour 24, no single digit.
    (moment.to_string() == text).then_some(moment)
}

fn numbers<'a, const N: usize>(mut parts: impl Iterator<Item = &'a str>) -> Option<[i64; N]> {
    let mut read = [0; N];
    for number in &mut read {
        let text = parts.next()?;
        let is_number = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then_some(text)?.parse().ok()?;
    }
    Some(read)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by what each whole year and month before
/// it has.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before = usize::try_from(month - 1).ok()?;
    let of_months = BEFORE_MONTH.get(before)? + i64::from(is_leap && month > 2);
    let past = year - 1;
    let of_years = past * 365 + past / 4 - past / 100 + past / 400;
    // 719,162 days lie between the beginnings of the years 1 and 1970.
    Some(of_years + of_months + day - 1 - 719_162)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0..=Timestamp::LATEST.as_millis()) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(read(&moment.to_string()), Some(moment));
        }

        #[test]
        fn anything_else_is_refused(text in "[0-9T:.Z+-]{0,30}|.{0,30}") {
            if let Some(moment) = read(&text) {
                prop_assert_eq!(moment.to_string(), text);
            }
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "2026-11-23T20:01:44Z",
            "2026-11-23T20:01:44.123+00:00",
            "2026-11-23 20:01:44.123Z",
            "2026-02-29T20:01:44.123Z",
            "2026-11-23T24:00:00.000Z",
            "2026-11-23T20:01:60.000Z",
            "2026-1-23T20:01:44.123Z",
            "2026-11-23T20:01:44.1234Z",
            "1969-12-31T23:59:59.999Z",
            "+026-11-23T20:01:44.123Z",
            "2026-00-23T20:01:44.123Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
