//! False finds in public synthetic FHIR bundles, with the detectors alone.
//!
//! A find is true where the standard says that such a value stands there: [`FITS`] has the elements of
//! FHIR R4 by class, with what a sibling has to say. All else is false.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use velum_engine::{Class, Finder, Options};

use crate::detectors_alone;

/// What is allowed, per million bytes.
const MOST_FALSE: f64 = 2.0;

/// Where finds of a class are true.
struct Fit {
    class: Class,
    /// The last names on the way to the value, array indices left out.
    ends: &'static [&'static str],
    /// A member beside the value, and what it begins with.
    sibling: Option<(&'static str, &'static str)>,
}

const fn at(class: Class, ends: &'static [&'static str]) -> Fit {
    Fit {
        class,
        ends,
        sibling: None,
    }
}

const fn beside(
    class: Class,
    ends: &'static [&'static str],
    name: &'static str,
    begins: &'static str,
) -> Fit {
    Fit {
        class,
        ends,
        sibling: Some((name, begins)),
    }
}

/// Elements of the types `date`, `dateTime` and `instant`.
const DATES: &[&str] = &[
    "abatementDateTime",
    "authoredOn",
    "birthDate",
    "created",
    "date",
    "deceasedDateTime",
    "dueDate",
    "effectiveDateTime",
    "end",
    "expirationDate",
    "issued",
    "lastUpdated",
    "manufactureDate",
    "occurrenceDateTime",
    "onsetDateTime",
    "performedDateTime",
    "recordedDate",
    "servicedDate",
    "start",
    "started",
    "time",
    "timestamp",
    "valueDate",
    "valueDateTime",
    "whenPrepared",
];

const FITS: &[Fit] = &[
    at(Class::Date, DATES),
    beside(Class::Phone, &["telecom.value"], "system", "phone"),
    beside(Class::Fax, &["telecom.value"], "system", "fax"),
    beside(Class::Email, &["telecom.value"], "system", "email"),
    at(
        Class::Address,
        &[
            "address.line",
            "address.city",
            "address.postalCode",
            "address.text",
        ],
    ),
    beside(
        Class::Ssn,
        &["identifier.value"],
        "system",
        "http://hl7.org/fhir/sid/us-ssn",
    ),
    beside(
        Class::License,
        &["identifier.value"],
        "system",
        "http://hl7.org/fhir/sid/us-npi",
    ),
    beside(
        Class::License,
        &["identifier.value"],
        "system",
        "urn:oid:2.16.840.1.113883.4.3.",
    ),
];

impl Fit {
    fn holds(&self, class: Class, pointer: &str, body: &Value) -> bool {
        let place: Vec<&str> = pointer
            .split('/')
            .filter(|name| name.parse::<usize>().is_err())
            .collect();
        let place = place.join(".");
        let is_here = |end: &&str| {
            let before = place.strip_suffix(end);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let object = pointer.rsplit_once('/').map_or("", |(object, _)| object);
        let says = |(name, begins): (&str, &str)| {
            let sibling = body.pointer(object).and_then(|object| object.get(name));
            let text = sibling.and_then(Value::as_str);
            text.is_some_and(|text| text.starts_with(begins))
        };
        self.class == class && self.ends.iter().any(is_here) && self.sibling.is_none_or(says)
    }
}

/// Finds of a detector that are true, and those that are false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Judged {
    yes: usize,
    no: usize,
}

/// Judges every find in a body.
fn judged(body: &[u8]) -> BTreeMap<String, Judged> {
    let document: Value = serde_json::from_slice(body).unwrap();
    let mut finder = Finder::new(detectors_alone(), Options::default());
    finder.feed(body).unwrap();
    finder.finish().unwrap();
    let mut judged = BTreeMap::<_, Judged>::new();
    for find in finder.findings() {
        let pointer = find.pointer.unwrap_or_default();
        let is_true = FITS
            .iter()
            .any(|fit| fit.holds(find.class, &pointer, &document));
        let count = judged.entry(find.rule).or_default();
        count.yes += usize::from(is_true);
        count.no += usize::from(!is_true);
    }
    judged
}

/// The bundles beside the project, and those of the folder that `VELUM_BUNDLES` names.
fn bundles() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir-r4");
    let named = std::env::var_os("VELUM_BUNDLES").map(PathBuf::from);
    let mut bundles = Vec::new();
    for folder in [Some(shared), named].into_iter().flatten() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        bundles.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")));
    }
    bundles.sort();
    bundles
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures, and what was not tested")]
fn less_than_two_finds_in_a_megabyte_are_false() {
    let bundles = bundles();
    if bundles.is_empty() {
        // Also where what tests print is not shown.
        let line = "skipped: there are no bundles in ../shared/data/fhir-r4 or VELUM_BUNDLES\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let mut all = BTreeMap::<_, Judged>::new();
    let mut bytes = 0;
    for path in bundles {
        let body = std::fs::read(path).unwrap();
        bytes += body.len();
        for (detector, count) in judged(&body) {
            let sum = all.entry(detector).or_default();
            sum.yes += count.yes;
            sum.no += count.no;
        }
    }
    let megabytes = f64::from(u32::try_from(bytes).unwrap()) / 1e6;
    let rate = |count: usize| f64::from(u32::try_from(count).unwrap()) / megabytes;
    for (detector, count) in &all {
        let (yes, no) = (rate(count.yes), rate(count.no));
        eprintln!("{detector:24} {yes:8.2} true and {no:6.2} false per MB");
    }
    let no = rate(all.values().map(|count| count.no).sum());
    eprintln!("{megabytes:.2} MB, {no:.2} false per MB");
    for detector in ["date", "ssn", "phone", "zip", "street"] {
        let found = all.get(&format!("detector: {detector}"));
        assert!(
            found.is_some_and(|found| found.yes > 0),
            "{detector} finds nothing"
        );
    }
    assert!(no < MOST_FALSE, "{no:.2} false finds per MB");
}

#[test]
fn finds_in_other_places_are_false() {
    let body = br#"{"resourceType": "Patient",
        "birthDate": "1970-02-03",
        "telecom": [{"system": "phone", "value": "202-555-0173"},
                    {"system": "url", "value": "202-555-0174"}],
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-12-3456"},
                       {"system": "urn:oid:1.2.3", "value": "000-12-3457"}],
        "gender": "1970-02-03"}"#;
    let judged = judged(body);
    let count = |detector: &str| judged.get(&format!("detector: {detector}")).copied();
    let half = Some(Judged { yes: 1, no: 1 });
    assert_eq!(count("date"), half);
    assert_eq!(count("phone"), half);
    assert_eq!(count("ssn"), half);
    assert_eq!(judged.len(), 3);
}
