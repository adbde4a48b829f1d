//! Fax numbers: telephone numbers behind a word that says so, or in a member whose name does. To the
//! rule they are identifiers of their own (45 CFR 164.514(b)(2)(i)(E)).

use super::edges::is_listed;
use super::{Detector, Found, Probe, Strength, phone};
use crate::Class;

pub(crate) const FAX: Detector = Detector {
    name: "fax",
    class: Class::Fax,
    shapes: phone::PHONE.shapes,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["fax", "faxes", "telefax", "facsimile"];

/// What makes a number that stands near the word another.
const OTHERS: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "pager",
    "call",
    "text",
    "dial",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    if !probe.named && !says_fax(probe.bytes()) {
        return;
    }
    let mut said_end = None;
    phone::find(probe, &mut |range, _| {
        let is_next = said_end.is_some_and(|end| is_listed(probe.bytes(), end..range.start));
        let is_fax = is_next
            || probe.is_introduced(&range, WORDS)
            || probe.is_labelled(&range, WORDS) && !probe.is_labelled(&range, OTHERS);
        if is_fax {
            said_end = Some(range.end);
            found(range, Strength::Labelled);
        }
    });
}

/// Whether one of the words may be there.
fn says_fax(bytes: &[u8]) -> bool {
    let is_word = |at: usize| {
        let start = at.saturating_sub(2);
        let word = bytes.get(start..=at).unwrap_or_default();
        word.eq_ignore_ascii_case(b"fax") || word.eq_ignore_ascii_case(b"acs")
    };
    let mut ends = memchr::memchr2_iter(b'x', b'X', bytes);
    ends.any(is_word) || memchr::memchr2_iter(b's', b'S', bytes).any(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};
    use crate::{Ruleset, mask_text};

    #[test]
    fn numbers_behind_the_word_are_found() {
        for (text, expected) in [
            ("Fax: 202-555-0173", &["202-555-0173"][..]),
            ("fax +44 20 7946 0958", &["+44 20 7946 0958"]),
            ("telefax no. 2025550173", &["2025550173"]),
            ("Facsimile (202) 555-0173", &["(202) 555-0173"]),
            ("FAX 555-0173, 555-0174", &["555-0173", "555-0174"]),
            ("(202) 555-0173 (fax)", &["(202) 555-0173"]),
            ("phone 202-555-0173", &[]),
            ("fax it to 202-555-0173", &["202-555-0173"]),
            ("fax it or call 202-555-0173", &[]),
            (
                "FAX +44 20 7946 0958 and 202-555-0174",
                &["+44 20 7946 0958", "202-555-0174"],
            ),
        ] {
            assert_eq!(found(&FAX, text), expected, "{text}");
        }
        assert_eq!(found_under(&FAX, "faxNumber", "2025550173"), ["2025550173"]);
    }

    #[test]
    fn others_are_telephone_numbers() {
        let rules = Ruleset::builder().build().unwrap();
        assert_eq!(
            mask_text(&rules, "Tel 202-555-0173, fax 202-555-0174"),
            "Tel [masked:phone], fax [masked:fax]"
        );
    }
}
