//! Masks FHIR bundles and prints megabytes a second beside `serde_json`'s parse and print of the
//! same bytes, both sides in one run.
//!
//! `cargo run --release -p velum-engine --example throughput [file...]`; without files a bundle is
//! made here. Each body is measured minified and indented.
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use velum_engine::{
    Class, CustomDetector, Masker, Operator, Options, Profile, Rule, Ruleset, RulesetBuilder,
    Selector,
};

const CHUNK: usize = 64 * 1024;
const RUN: Duration = Duration::from_millis(100);
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let with = |detectors: Vec<CustomDetector>| {
        let builder = detectors
            .into_iter()
            .fold(profiles(), RulesetBuilder::detector);
        builder.build().map(Arc::new)
    };
    let badge = || CustomDetector::pattern("badge", Class::Identifier, r"[A-Z]{2}-?\d{6}");
    let sets = [
        ("no rules", Arc::new(Ruleset::builder().build()?)),
        ("10 rules", Arc::new(rules(10)?)),
        ("200 rules", Arc::new(rules(200)?)),
        ("1,000 rules", Arc::new(rules(1000)?)),
        ("Safe Harbor", Arc::new(safe_harbor()?)),
        ("all profiles", with(Vec::new())?),
        ("and a pattern", with(vec![badge()])?),
        ("8 patterns", with(patterns())?),
        ("10,000 terms", with(vec![dictionary()])?),
    ];
    let mut bodies = Vec::new();
    for path in std::env::args().skip(1) {
        bodies.extend(std::fs::read(path)?);
        bodies.push(b'\n');
    }
    if bodies.is_empty() {
        bodies = bundle();
    }
    let values: Vec<Value> = serde_json::Deserializer::from_slice(&bodies)
        .into_iter()
        .collect::<Result<_, _>>()?;
    let minified = serde_json::to_vec(&values)?;
    let indented = serde_json::to_vec_pretty(&values)?;
    for (name, body) in [("minified", minified), ("indented", indented)] {
        let mut costs = vec![Vec::new(); sets.len() + 1];
        for _ in 0..RUNS {
            for ((_, rules), costs) in sets.iter().zip(&mut costs) {
                costs.push(measure(|| masked(rules, &body))?);
            }
            if let Some(costs) = costs.last_mut() {
                costs.push(measure(|| printed(&body))?);
            }
        }
        let speed = |costs: &mut Vec<f64>| {
            costs.sort_by(f64::total_cmp);
            let median = costs.get(costs.len() / 2).copied().unwrap_or(f64::NAN);
            1e-6 * f64::from(u32::try_from(body.len()).unwrap_or(u32::MAX)) / median
        };
        let baseline = costs.last_mut().map_or(f64::NAN, speed);
        println!("{name}, {} bytes", body.len());
        println!("  serde_json    {baseline:>7.0} MB/s");
        for ((set, _), costs) in sets.iter().zip(&mut costs) {
            let speed = speed(costs);
            println!("  {set:<13} {speed:>7.0} MB/s  {:>5.1} x", speed / baseline);
        }
    }
    Ok(())
}

/// What de-identifies FHIR, and takes secrets away.
fn safe_harbor() -> Result<Ruleset, velum_engine::RuleError> {
    let profiles = [
        Profile::HipaaSafeHarbor,
        Profile::FhirR4,
        Profile::Credentials,
    ];
    let builder = profiles
        .into_iter()
        .fold(Ruleset::builder(), RulesetBuilder::profile);
    builder.build()
}

fn profiles() -> RulesetBuilder {
    let profiles = Profile::STRICTEST.iter();
    profiles.fold(Ruleset::builder(), |builder, profile| {
        builder.profile(*profile)
    })
}

/// Patterns that a team might write.
fn patterns() -> Vec<CustomDetector> {
    let patterns = [
        r"[A-Z]{2}-?\d{6}",
        r"(?i)case[ #]*\d{4,10}",
        r"EMP\d{5,8}",
        r"\d{4}/[A-Z]{2}/\d{3}",
        r"(?:room|bed) \d{1,3}[A-Z]?",
        r"[A-Z]{3}\d{2}[A-Z]\d{4}",
        r"LAB-[0-9A-F]{8}",
        r"[a-z]{2,12}\.[a-z]{2,12}\d{2}",
    ];
    let named = patterns.iter().enumerate();
    named
        .map(|(number, pattern)| {
            CustomDetector::pattern(&format!("own-{number}"), Class::Identifier, pattern)
        })
        .collect()
}

/// Ten thousand invented names of places, none of which is in what is masked here.
fn dictionary() -> CustomDetector {
    const STARTS: [&str; 20] = [
        "Al", "Ber", "Cas", "Dor", "El", "Fen", "Gar", "Hol", "In", "Jar", "Kel", "Lor", "Mor",
        "Nor", "Os", "Pel", "Ros", "Sel", "Tor", "Wel",
    ];
    const MIDDLES: [&str; 20] = [
        "a", "be", "ca", "da", "en", "fi", "go", "hu", "is", "ka", "lo", "ma", "ne", "or", "pa",
        "ra", "si", "ta", "ve", "wi",
    ];
    const ENDS: [&str; 25] = [
        "bury", "by", "cester", "combe", "cote", "croft", "dale", "den", "don", "fell", "field",
        "ford", "gate", "ham", "hurst", "leigh", "ley", "mere", "mouth", "ness", "stead", "thorpe",
        "ton", "wick", "worth",
    ];
    let terms = STARTS.iter().flat_map(|start| {
        let middles = MIDDLES.iter();
        middles.flat_map(move |middle| ENDS.iter().map(move |end| format!("{start}{middle}{end}")))
    });
    CustomDetector::dictionary("place", Class::Address, terms)
}

fn masked(rules: &Arc<Ruleset>, body: &[u8]) -> Result<usize, Box<dyn std::error::Error>> {
    let mut masker = Masker::new(Arc::clone(rules), Options::default());
    let mut out = Vec::with_capacity(CHUNK * 2);
    let mut length = 0;
    for chunk in body.chunks(CHUNK) {
        out.clear();
        masker.feed(black_box(chunk), &mut out)?;
        length += black_box(&out).len();
    }
    masker.finish(&mut out)?;
    Ok(length)
}

fn printed(body: &[u8]) -> Result<usize, Box<dyn std::error::Error>> {
    let value: Value = serde_json::from_slice(black_box(body))?;
    Ok(black_box(serde_json::to_vec(&value)?).len())
}

/// Seconds of CPU for one call, over as many calls as fill a while.
fn measure(
    mut call: impl FnMut() -> Result<usize, Box<dyn std::error::Error>>,
) -> Result<f64, Box<dyn std::error::Error>> {
    let epoch = Instant::now();
    let (start, mut calls) = (cpu_time(epoch), 0.0);
    loop {
        call()?;
        calls += 1.0;
        let spent = cpu_time(epoch).saturating_sub(start);
        if spent >= RUN {
            return Ok(spent.as_secs_f64() / calls);
        }
    }
}

/// Linux: nanoseconds on a CPU, the first figure of schedstat; elsewhere the time since `epoch`.
fn cpu_time(epoch: Instant) -> Duration {
    let read = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
    };
    read().unwrap_or_else(|| epoch.elapsed())
}

/// Rules that a team might write, half of them by key; some select what FHIR has.
fn rules(count: usize) -> Result<Ruleset, Box<dyn std::error::Error>> {
    const KEYS: &[&str] = &["birthDate", "family", "given", "postalCode", "mrn"];
    const PATHS: &[&str] = &[
        "$..telecom[*].value",
        "$..address[*].line",
        "$..subject.display",
        "$.entry[*].resource.text.div",
        "$..patient.ssn",
    ];
    let mut builder = Ruleset::builder();
    for index in 0..count {
        let known = index / 2;
        let select = if index % 2 == 0 {
            Selector::Keys(vec![KEYS.get(known).map_or_else(
                || format!("customerField{index}"),
                |key| (*key).to_owned(),
            )])
        } else {
            Selector::Path(PATHS.get(known).map_or_else(
                || match index % 3 {
                    0 => format!("$.records[*].field{index}"),
                    1 => format!("$..section{index}.value"),
                    _ => format!("$..secret{index}"),
                },
                |path| (*path).to_owned(),
            ))
        };
        builder = builder.rule(Rule {
            name: format!("rule {index}"),
            select,
            class: Class::Other,
            operator: Operator::Redact,
        });
    }
    Ok(builder.build()?)
}

/// A list of invented patients and observations, as an API would return it.
fn bundle() -> Vec<u8> {
    let entries: Vec<String> = (0..1000)
        .map(|number| {
            format!(
                r#"{{"fullUrl":"urn:uuid:00000000-0000-4000-8000-{number:012x}","resource":{{"resourceType":"Patient","id":"p{number}","active":true,"name":[{{"use":"official","family":"Example{number}","given":["Ada","B."]}}],"identifier":[{{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-12-{number:04}"}}],"telecom":[{{"system":"phone","value":"555-555-{number:04}","use":"home"}}],"gender":"female","birthDate":"1970-01-01","address":[{{"line":["{number} Main Street"],"city":"Springfield","state":"MA","postalCode":"01101","country":"US"}}],"maritalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}}]}}}}}},{{"fullUrl":"urn:uuid:00000000-0000-4000-8000-{number:012x}","resource":{{"resourceType":"Observation","id":"o{number}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"8302-2","display":"Body Height"}}],"text":"Body Height"}},"subject":{{"reference":"urn:uuid:00000000-0000-4000-8000-{number:012x}"}},"effectiveDateTime":"2010-05-16T04:15:28-04:00","issued":"2010-05-16T04:15:28.343-04:00","valueQuantity":{{"value":173.{number},"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"}}}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#,
        entries.join(",")
    )
    .into_bytes()
}
