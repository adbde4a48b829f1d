//! What the filter costs: Envoy's CPU time a request, for a bare Envoy, an empty filter and Velum,
//! interleaved in one run. `cargo xtask bench envoy` builds what this needs and runs it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod connection;

use std::path::PathBuf;
use std::time::Duration;

use connection::Connection;
use serde_json::{Value, json};
use velum_harness::{
    BootstrapOptions, Envoy, EnvoyOptions, Failure, PolicyDocument, Protocol, Reply, Result,
    Upstream, bootstrap, example_policy,
};

const ROUNDS: usize = 7;
const SIZES: [(&str, usize, u32); 3] = [
    ("2 KB", 2_000, 2_000),
    ("64 KB", 64_000, 600),
    ("1 MB", 1_000_000, 60),
];
/// 32 bytes in base64, for this run only.
const MASKING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[tokio::main]
async fn main() -> Result<()> {
    let upstream = Upstream::start(Protocol::Http1, |request| {
        let size = request
            .path
            .trim_start_matches("/size/")
            .parse()
            .unwrap_or(0);
        Reply::json(&bundle(size))
    })
    .await?;
    let mut bare = BootstrapOptions::bare(upstream.address());
    bare.jwks = None;
    let mut empty = bare.clone();
    empty.filter = Some(wasm("VELUM_EMPTY_WASM")?);
    empty.policy = Some(PolicyDocument::Text("{}".to_owned()));
    let mut velum = bare.clone();
    velum.filter = Some(wasm("VELUM_WASM")?);
    velum.policy = Some(PolicyDocument::Struct(example_policy()?));
    let variants = [
        ("bare", start(&bare).await?),
        ("empty filter", start(&empty).await?),
        ("Velum", start(&velum).await?),
    ];
    println!("Envoy's CPU a request, median of {ROUNDS} interleaved rounds (multiple of bare)");
    println!(
        "{:>7}  {:>18}  {:>18}  {:>18}",
        "body", variants[0].0, variants[1].0, variants[2].0
    );
    for (name, size, requests) in SIZES {
        let mut costs: [Vec<Duration>; 3] = Default::default();
        for round in 0..=ROUNDS {
            for (index, (_, envoy)) in variants.iter().enumerate() {
                let cost = measure(envoy, size, requests).await?;
                // The first round warms up.
                if round > 0 {
                    costs[index].push(cost);
                }
            }
        }
        let medians = costs.map(median);
        let cell = |cost: Duration| {
            let multiple = cost.as_secs_f64() / medians[0].as_secs_f64();
            format!("{:.0} µs ({multiple:.2})", cost.as_secs_f64() * 1e6)
        };
        println!(
            "{name:>7}  {:>18}  {:>18}  {:>18}",
            cell(medians[0]),
            cell(medians[1]),
            cell(medians[2])
        );
    }
    Ok(())
}

async fn start(options: &BootstrapOptions) -> Result<Envoy> {
    let options = EnvoyOptions::new(bootstrap(options)?)
        .environment("VELUM_MASKING_KEY", MASKING_KEY)
        .environment("VELUM_GATEWAY_TOKEN", "unused");
    Envoy::start(options).await
}

async fn measure(envoy: &Envoy, size: usize, requests: u32) -> Result<Duration> {
    let mut connection = Connection::open(envoy.address()).await?;
    let path = format!("/size/{size}");
    connection.get(&path).await?;
    let before = envoy.cpu_time()?;
    for _ in 0..requests {
        connection.get(&path).await?;
    }
    Ok(envoy.cpu_time()?.saturating_sub(before) / requests)
}

fn median(mut costs: Vec<Duration>) -> Duration {
    costs.sort();
    costs[costs.len() / 2]
}

fn wasm(variable: &str) -> Result<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| {
            Failure::new(format!(
                "{variable} is not set; run `cargo xtask bench envoy`"
            ))
        })
}

/// A list of invented patients and observations of about so many bytes.
fn bundle(size: usize) -> Value {
    let pair = [
        json!({"resource": {
            "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1971-04-09",
            "identifier": [
                {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-12-3456"},
                {"type": {"coding": [{"code": "MR"}]}, "value": "MRN-88213"},
            ],
            "name": [{"use": "official", "family": "Thistlewood", "given": ["Orla"]}],
            "telecom": [{"system": "phone", "value": "555-0142", "use": "home"}],
            "address": [{"line": ["4 Lantern Court"], "city": "Millbrook", "state": "VT"}],
        }}),
        json!({"resource": {
            "resourceType": "Observation", "id": "o1", "status": "final",
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "vital-signs", "display": "Vital signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2",
                "display": "Body height"}], "text": "Body height"},
            "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2024-05-02T09:30:00Z",
            "valueQuantity": {"value": 167.2, "unit": "cm", "code": "cm",
                "system": "http://unitsofmeasure.org"},
        }}),
    ];
    let mut entries = Vec::new();
    let mut length = 60;
    for resource in pair.iter().cycle() {
        if length >= size {
            break;
        }
        length += resource.to_string().len() + 1;
        entries.push(resource.clone());
    }
    json!({"resourceType": "Bundle", "type": "searchset", "entry": entries})
}
