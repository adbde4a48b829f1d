//! The proleptic Gregorian calendar, as far as moving a date needs it.

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
}

const EARLIEST_YEAR: u32 = 1800;
const LATEST_YEAR: u32 = 2200;

/// Days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;

impl Date {
    /// A day that there is, in the years that dates of patients and of their care may have.
    pub(crate) fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        ((EARLIEST_YEAR..=LATEST_YEAR).contains(&year) && (1..=days).contains(&day))
            .then_some(Self { year, month, day })
    }

    /// The date so many days later, or earlier.
    pub(super) fn plus(self, days: i64) -> Self {
        Self::from_number(self.number() + days)
    }

    /// Its number: 0 is 0000-03-01, so that a leap day is the last day of its year.
    pub(super) fn number(self) -> i64 {
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let month = (month + 9) % 12;
        year * 365 + year / 4 - year / 100
            + year / 400
            + (month * 153 + 2) / 5
            + i64::from(self.day)
            - 1
    }

    /// Numbers here are never negative: ten years before 1800 are far from the year 0.
    fn from_number(number: i64) -> Self {
        let (cycle, day) = (number.div_euclid(CYCLE), number.rem_euclid(CYCLE));
        let year = (day - day / 1_460 + day / 36_524 - day / (CYCLE - 1)) / 365;
        let day = day - (year * 365 + year / 4 - year / 100);
        let month = (day * 5 + 2) / 153;
        let day = day - (month * 153 + 2) / 5 + 1;
        let year = cycle * 400 + year + i64::from(month >= 10);
        let month = if month < 10 { month + 3 } else { month - 9 };
        let whole = |number: i64| u32::try_from(number).unwrap_or_default();
        Self {
            year: whole(year),
            month: whole(month),
            day: whole(day),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_its_number_and_follows_the_one_before() {
        let mut number = Date::new(1800, 1, 1).unwrap().number();
        let mut days = 0;
        for year in EARLIEST_YEAR..=LATEST_YEAR {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(date) = Date::new(year, month, day) {
                        assert_eq!(date.number(), number, "{date:?}");
                        assert_eq!(Date::from_number(number), date);
                        number += 1;
                        days += 1;
                    }
                }
            }
        }
        assert_eq!(days, CYCLE + 365);
    }

    #[test]
    fn known_distances() {
        for (from, days, to) in [
            ((1970, 1, 1), 19_782, (2024, 2, 29)),
            ((2000, 2, 28), 2, (2000, 3, 1)),
            ((1900, 2, 28), 1, (1900, 3, 1)),
            ((2000, 1, 1), -1, (1999, 12, 31)),
            ((1800, 1, 1), -3650, (1790, 1, 3)),
            ((2200, 12, 31), 3650, (2210, 12, 29)),
        ] {
            let (year, month, day) = from;
            let date = Date::new(year, month, day).unwrap().plus(days);
            assert_eq!((date.year, date.month, date.day), to);
        }
    }
}
