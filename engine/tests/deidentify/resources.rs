//! FHIR R4 resources round an invented patient.
//!
//! What is said about the patient stands where FHIR has a place for it, and in free text. Words
//! beside a code are those of the code. Resources of staff and organisations say nothing about the
//! patient, except for the city that they may share.

mod clinical;
mod documents;
mod financial;
mod others;
mod people;
mod records;
mod workflow;

use serde_json::{Value, json};

use crate::encode::percent;
use crate::random::Random;
use crate::scene::Scene;
use crate::tree::Tree;
use crate::write::{Style, write};

type Builder = fn(&mut Scene<'_>) -> Value;

/// Made for every patient, in this order.
const ALWAYS: &[Builder] = &[people::patient, people::practitioner, people::organization];

/// Made now and then.
const SOMETIMES: &[&[Builder]] = &[
    people::ALL,
    clinical::ALL,
    documents::ALL,
    financial::ALL,
    workflow::ALL,
    records::ALL,
    others::ALL,
];

/// A body, and the patient's own resource where the body has none.
pub(crate) struct Body {
    pub(crate) text: String,
    /// One resource a line.
    pub(crate) is_lines: bool,
    pub(crate) patient: String,
}

impl Body {
    pub(crate) fn documents(&self) -> Vec<Tree<'_>> {
        read(&self.text, self.is_lines)
    }
}

/// The documents of a body.
pub(crate) fn read(text: &str, is_lines: bool) -> Vec<Tree<'_>> {
    if is_lines {
        Tree::read_lines(text)
    } else {
        vec![Tree::read(text)]
    }
}

/// The body of a seed: most are bundles, some are lines, some a resource of its own.
pub(crate) fn body(seed: u64) -> Body {
    let mut random = Random::new(seed);
    let mut scene = Scene::new(&mut random);
    let mut resources: Vec<Value> = ALWAYS.iter().map(|build| build(&mut scene)).collect();
    let patient = resources[0].to_string();
    for build in SOMETIMES.iter().copied().flatten() {
        if scene.chance(40) {
            resources.push(build(&mut scene));
        }
    }
    match scene.random.below(10) {
        0 | 1 => {
            let lines = resources.iter().map(|resource| {
                let style = Style::new(scene.random, true);
                write(resource, style, scene.random) + "\n"
            });
            Body {
                text: lines.collect(),
                is_lines: true,
                patient,
            }
        }
        2 => {
            let resource = resources.swap_remove(scene.random.below(resources.len()));
            let style = Style::new(scene.random, false);
            let text = write(&resource, style, scene.random);
            Body {
                text,
                is_lines: false,
                patient,
            }
        }
        _ => {
            let bundle = bundle(&mut scene, resources);
            let style = Style::new(scene.random, false);
            let text = write(&bundle, style, scene.random);
            Body {
                text,
                is_lines: false,
                patient,
            }
        }
    }
}

fn bundle(scene: &mut Scene<'_>, mut resources: Vec<Value>) -> Value {
    if scene.chance(30) {
        scene.random.shuffle(&mut resources);
    }
    let kind = scene
        .random
        .pick(&["transaction", "searchset", "collection", "batch-response"])
        .to_owned();
    let mut entries = Vec::new();
    for resource in resources {
        let name = resource["resourceType"].as_str().unwrap().to_owned();
        let id = resource["id"].as_str().unwrap_or("x").to_owned();
        let full_url = if scene.by_full_url {
            format!("urn:uuid:{id}")
        } else {
            format!("https://fhir.example.org/r4/{name}/{id}")
        };
        let mut entry = json!({"fullUrl": full_url, "resource": resource});
        match &*kind {
            "transaction" => {
                let url = if name == "Patient" && scene.chance(50) {
                    format!(
                        "Patient?identifier=http://hl7.org/fhir/sid/us-ssn|{}",
                        scene.patient.ssn
                    )
                } else {
                    format!("{name}/{id}")
                };
                entry["request"] = json!({"method": "PUT", "url": url});
                if name == "Patient" && scene.chance(30) {
                    let query = format!(
                        "birthdate={}&family={}",
                        scene.patient.birth_date(),
                        percent(&scene.patient.name.family)
                    );
                    entry["request"]["ifNoneExist"] = json!(query);
                }
            }
            "batch-response" => {
                entry["response"] = json!({"status": "201 Created", "location": format!("{name}/{id}/_history/1"),
                    "etag": "W/\"1\"", "lastModified": scene.instant()});
                if scene.chance(5) {
                    entry["response"]["outcome"] = json!({"resourceType": "OperationOutcome", "issue": [
                        {"severity": "information", "code": "informational", "diagnostics": scene.says()}]});
                }
            }
            "searchset" => entry["search"] = json!({"mode": "match"}),
            _ => {}
        }
        entries.push(entry);
    }
    let mut bundle = json!({"resourceType": "Bundle", "id": scene.id(), "type": kind,
        "timestamp": scene.instant(), "entry": entries});
    if kind == "searchset" {
        let p = &scene.patient;
        let query = match scene.random.below(3) {
            0 => format!("family={}&birthdate={}", p.name.family, p.birth_date()),
            1 => format!(
                "name={}&phone={}",
                percent(&p.name.given),
                percent(&p.phones[0])
            ),
            _ => format!(
                "identifier={}",
                percent(&format!("http://hl7.org/fhir/sid/us-ssn|{}", p.ssn))
            ),
        };
        bundle["link"] = json!([
            {"relation": "self", "url": format!("https://fhir.example.org/r4/Patient?{query}")},
            {"relation": "next", "url": format!("https://fhir.example.org/r4?_getpages=7&{query}")}]);
        bundle["total"] = json!(entries_count(&bundle));
    }
    bundle
}

fn entries_count(bundle: &Value) -> usize {
    bundle["entry"].as_array().map_or(0, Vec::len)
}
