//! How much the detectors find, and how much of that is right: a labelled corpus by templates.
//!
//! [`values`] makes values of every detector, right ones in every form and near misses; [`spelling`]
//! writes them as people and programs do; [`contexts`] puts them into JSON, prose and encodings, with
//! and without a label; [`negatives`] makes what is nobody's identifier. [`judge`] masks all of it
//! with the detectors alone, through the public API, and counts; [`targets`] says how much must be
//! found and right. Everything follows from a seed, so that [`document`] can compare the figures.
//!
//! What is missed and what is wrong, one line each:
//!
//! ```sh
//! cargo test -p velum-engine --test corpus -- --ignored --nocapture list
//! ```
//!
//! [`fhir`] counts false finds in public synthetic bundles; [`oracles`] asks other libraries.

mod contexts;
mod document;
mod fhir;
mod judge;
mod kind;
mod negatives;
mod oracles;
#[expect(dead_code, reason = "the other test needs more of it")]
#[path = "../deidentify/random.rs"]
mod random;
mod sample;
mod spelling;
mod targets;
mod values;

use std::sync::{Arc, LazyLock};

use velum_engine::{ProfileDocument, Ruleset};

/// Every detector and no rule.
fn detectors_alone() -> Arc<Ruleset> {
    static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
        let profile = ProfileDocument::from_json(
            r#"{"profile": "detectors", "version": 1, "about": "Detectors alone.",
                "detectors": ["identifiers", "credentials"]}"#,
        );
        let builder = Ruleset::builder().document(profile.unwrap());
        Arc::new(builder.build().unwrap())
    });
    Arc::clone(&RULES)
}
