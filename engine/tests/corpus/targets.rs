//! How much must be found, and how much of what is found must be right.

use velum_engine::DetectorDoc;

use crate::contexts;
use crate::document;
use crate::judge::{Count, Counts, judge};
use crate::kind::Kind;
use crate::negatives;
use crate::random::Random;
use crate::sample::{Place, Sample};
use crate::values;

/// Samples of each detector in each kind of place.
const SAMPLES: usize = 300;
/// Samples of each near miss, and of each thing that is nobody's, in JSON and in prose.
const NEGATIVES: usize = 100;

/// What is to be reached by a detector, in percent: of values in JSON, in prose and in encodings
/// found; of its finds in JSON and in prose right.
pub(crate) struct Target {
    pub(crate) detector: &'static str,
    pub(crate) recall: [f64; 3],
    pub(crate) precision: [f64; 2],
}

const ALL_OF_IT: [f64; 3] = [100.0; 3];
const NEARLY: [f64; 3] = [100.0, 98.0, 98.0];
const RIGHT: [f64; 2] = [99.0; 2];

const fn of(detector: &'static str, recall: [f64; 3]) -> Target {
    Target {
        detector,
        recall,
        precision: RIGHT,
    }
}

/// Cards, IBAN, SSN, email and network addresses: every value; telephone numbers 97 %, dates 95 %. The
/// others: what a form or a label tells, every value; where words, quotes or tags end a value, nearly.
pub(crate) const TARGETS: &[Target] = &[
    of("email", ALL_OF_IT),
    of("ssn", ALL_OF_IT),
    of("itin", ALL_OF_IT),
    of("ein", ALL_OF_IT),
    of("iccid", ALL_OF_IT),
    of("card", ALL_OF_IT),
    of("iban", ALL_OF_IT),
    of("routing", ALL_OF_IT),
    of("mbi", ALL_OF_IT),
    of("npi", ALL_OF_IT),
    of("dea", ALL_OF_IT),
    of("vin", ALL_OF_IT),
    of("imei", ALL_OF_IT),
    of("fax", [97.0; 3]),
    of("phone", [97.0; 3]),
    of("ipv4", ALL_OF_IT),
    of("ipv6", ALL_OF_IT),
    of("mac", ALL_OF_IT),
    of("date", [95.0; 3]),
    of("age", NEARLY),
    of("zip", NEARLY),
    of("street", NEARLY),
    of("url", NEARLY),
    of("mrn", ALL_OF_IT),
    of("health-plan", ALL_OF_IT),
    of("account", ALL_OF_IT),
    of("license", ALL_OF_IT),
    of("api-token", ALL_OF_IT),
    of("jwt", NEARLY),
    of("private-key", ALL_OF_IT),
    of("url-password", ALL_OF_IT),
    of("connection-string", ALL_OF_IT),
    of("authorization", ALL_OF_IT),
    of("secret", NEARLY),
];

/// The whole corpus.
pub(crate) fn corpus() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (number, kind) in values::ALL.iter().copied().flatten().enumerate() {
        let mut random = Random::new(number as u64);
        positives(kind, &mut random, &mut samples);
        for make in kind.near {
            for place in [Place::Json, Place::Prose] {
                for _ in 0..NEGATIVES {
                    let sample = contexts::negative(kind.detector, None, *make, place, &mut random);
                    samples.push(sample);
                }
            }
        }
    }
    let mut random = Random::new(1000);
    for negative in negatives::ALL {
        for place in [Place::Json, Place::Prose] {
            for turn in 0..NEGATIVES {
                let name = negative.names[turn % negative.names.len()];
                let name = (place == Place::Json).then_some(name);
                let sample =
                    contexts::negative(negative.what, name, negative.make, place, &mut random);
                samples.push(sample);
            }
        }
    }
    samples
}

/// Every form of a value in every context that it has, in every spelling.
fn positives(kind: &Kind, random: &mut Random, samples: &mut Vec<Sample>) {
    for place in Place::ALL {
        let contexts = contexts::ALL
            .iter()
            .filter(|context| context.place == place);
        let mut ways = Vec::new();
        for context in contexts {
            ways.extend(context.forms(kind).map(|form| (context, form)));
        }
        assert!(
            !ways.is_empty(),
            "{} is nowhere in {place:?}",
            kind.detector
        );
        let turns = SAMPLES.div_ceil(ways.len()).max(kind.spellings.len());
        for turn in 0..turns {
            for (context, form) in &ways {
                let spelling = kind.spellings[turn % kind.spellings.len()];
                samples.push(context.sample(kind, form, spelling, random));
            }
        }
    }
}

#[test]
fn every_detector_finds_as_much_and_as_well_as_it_should() {
    let (counts, _) = judge(&corpus());
    let known: Vec<_> = DetectorDoc::ALL.iter().map(|doc| doc.name).collect();
    let aimed: Vec<_> = TARGETS.iter().map(|target| target.detector).collect();
    assert_eq!(aimed, known, "a target for every detector, in order");
    let mut failures = Vec::new();
    for target in TARGETS {
        for (place, least) in Place::ALL.iter().zip(target.recall) {
            let count = count(&counts, target.detector, *place);
            assert!(
                count.values >= 200,
                "too few samples of {} in {place:?}",
                target.detector
            );
            if count.recall() < least {
                failures.push(format!("{} {place:?}: {count:?}", target.detector));
            }
        }
        for (place, least) in [Place::Json, Place::Prose].iter().zip(target.precision) {
            let count = count(&counts, target.detector, *place);
            if count.precision() < least {
                failures.push(format!("{} {place:?}: {count:?}", target.detector));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    document::check(&counts);
}

/// The counts of a detector in a kind of place.
pub(crate) fn count(counts: &Counts, detector: &str, place: Place) -> Count {
    let key = (detector.to_owned(), place);
    counts.get(&key).copied().unwrap_or_default()
}

#[test]
#[ignore = "prints what is missed and what is wrong"]
#[expect(clippy::print_stdout, reason = "it is for reading")]
fn list() {
    let samples = corpus();
    let (counts, faults) = judge(&samples);
    let wanted = std::env::var("VELUM_DETECTOR").ok();
    let mut shown = std::collections::BTreeMap::new();
    for fault in &faults {
        if wanted
            .as_ref()
            .is_some_and(|name| *name != fault.detector && *name != fault.source)
        {
            continue;
        }
        let seen = shown
            .entry((
                fault.detector.clone(),
                fault.what,
                fault.source,
                fault.context,
                fault.place,
            ))
            .or_insert(0);
        *seen += 1;
        if *seen <= 4 {
            println!(
                "{} {} [{} {} {:?}]\n    {}\n    {}",
                fault.detector,
                fault.what,
                fault.source,
                fault.context,
                fault.place,
                fault.line,
                fault.out
            );
        }
    }
    for (key, count) in &shown {
        println!("{count:5} {key:?}");
    }
    for ((detector, place), count) in &counts {
        println!("{detector:18} {place:?}: {count:?}");
    }
    println!("{} samples", samples.len());
}
