//! Dates that are finer than a year: 45 CFR 164.514(b)(2)(i)(C) lets the year stand.

use crate::place::{Place, Types, each_leaf};
use crate::report::Table;
use crate::tree::{Kind, Tree};

/// Every string that is a date, dateTime or instant of FHIR as a whole, with a month or more, outside
/// of staff and organisations. The first moment of a year says no more than the year: an instant
/// cannot be shorter.
pub(crate) fn dates(source: &str, document: &Tree<'_>, types: &Types, table: &mut Table) {
    each_leaf(document, &mut Place::default(), &mut |place, leaf| {
        let Some(Tree {
            kind: Kind::String(text),
            ..
        }) = leaf
        else {
            return;
        };
        if is_fine(text) && !place.is_staff(types) {
            table.add(place.resource(), &place.path(), "date", || {
                format!("{source} {}", place.pointer())
            });
        }
    });
}

/// `YYYY-MM`, `YYYY-MM-DD`, or that and a time.
pub(crate) fn is_fine(text: &str) -> bool {
    is_date(text) && text.len() > 4 && !text[4..].starts_with("-01-01T00:00:00")
}

pub(crate) fn is_date(text: &str) -> bool {
    let (day, time) = text
        .split_once('T')
        .map_or((text, None), |(day, time)| (day, Some(time)));
    let parts: Vec<&str> = day.split('-').collect();
    let has_digits =
        |part: &&str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = match &parts[..] {
        [year] => has_digits(year, 4) && time.is_none(),
        [year, month] => has_digits(year, 4) && has_digits(month, 2) && time.is_none(),
        [year, month, day] => has_digits(year, 4) && has_digits(month, 2) && has_digits(day, 2),
        _ => false,
    };
    let is_time = |time: &str| {
        time.len() >= 5
            && time
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b":.+-Z".contains(&byte))
    };
    is_day && time.is_none_or(is_time)
}

#[test]
fn a_year_and_its_first_moment_may_stand() {
    for fine in [
        "1936-08",
        "1936-08-18",
        "1936-08-18T19:08:38.458+00:00",
        "1936-08-18T19:08Z",
    ] {
        assert!(is_fine(fine), "{fine}");
    }
    for other in [
        "1936",
        "1936-01-01T00:00:00Z",
        "",
        "555-0123",
        "a-b",
        "2051-4 x",
        "12-34-5678",
    ] {
        assert!(!is_fine(other), "{other}");
    }
}
