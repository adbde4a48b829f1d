//! Prints how many megabytes a second the engine masks, for a body made here and for files given.
//!
//! `cargo run --release -p velum-engine --example throughput [file...]`
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_engine::{Masker, Options, Profile, Ruleset};

const CHUNK: usize = 16 * 1024;
const RUN: Duration = Duration::from_millis(120);
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let every = Profile::ALL
        .iter()
        .fold(Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        });
    let sets = [
        ("no rules", Arc::new(Ruleset::builder().build()?)),
        (
            "fhir-r4",
            Arc::new(Ruleset::builder().profile(Profile::FhirR4).build()?),
        ),
        ("all profiles", Arc::new(every.build()?)),
    ];
    let mut bodies = vec![("patients".to_owned(), patients())];
    for path in std::env::args().skip(1) {
        bodies.push((path.clone(), std::fs::read(path)?));
    }
    for (name, body) in &bodies {
        for (set, rules) in &sets {
            println!(
                "{:>7.0} MB/s  {set:<13} {name} ({} bytes)",
                measure(rules, body)?,
                body.len()
            );
        }
    }
    Ok(())
}

/// The best of several runs, by CPU time where the system tells it: other work on the machine
/// disturbs it less than the clock on the wall.
fn measure(rules: &Arc<Ruleset>, body: &[u8]) -> Result<f64, velum_engine::Error> {
    let mut best = 0.0_f64;
    let mut out = Vec::with_capacity(body.len() * 2);
    let epoch = Instant::now();
    for _ in 0..RUNS {
        let (start, mut bytes) = (cpu_time(epoch), 0.0);
        while cpu_time(epoch).saturating_sub(start) < RUN {
            let mut masker = Masker::new(Arc::clone(rules), Options::default());
            for chunk in body.chunks(CHUNK) {
                out.clear();
                masker.feed(black_box(chunk), &mut out)?;
            }
            masker.finish(&mut out)?;
            bytes += 1e-6 * f64::from(u32::try_from(body.len()).unwrap_or(u32::MAX));
        }
        best = best.max(bytes / cpu_time(epoch).saturating_sub(start).as_secs_f64());
    }
    Ok(best)
}

/// Linux: nanoseconds on a CPU, the first figure of schedstat; elsewhere the time since `epoch`.
fn cpu_time(epoch: Instant) -> Duration {
    let read = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
    };
    read().unwrap_or_else(|| epoch.elapsed())
}

/// A list of invented patients, as an API would return it.
fn patients() -> Vec<u8> {
    let patients: Vec<String> = (0..2000)
        .map(|number| {
            format!(
                r#"{{"resource":{{"resourceType":"Patient","id":"p{number}","active":true,"name":[{{"use":"official","family":"Example{number}","given":["Ada","B."]}}],"identifier":[{{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-12-{number:04}"}}],"telecom":[{{"system":"phone","value":"555-555-{number:04}","use":"home"}}],"gender":"female","birthDate":"1970-01-01","address":[{{"line":["{number} Main Street"],"city":"Springfield","state":"MA","postalCode":"01101","country":"US"}}],"maritalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}}]}}}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#,
        patients.join(",")
    )
    .into_bytes()
}
