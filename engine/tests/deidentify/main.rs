//! What `hipaa-safe-harbor` and `fhir-r4` take out of FHIR documents, and what they leave.
//!
//! [`resources`] makes up patients and documents about them, [`harvest`] reads from a document what
//! must not come out, [`search`] looks for it in the output, [`dates`] for dates that are finer than
//! a year, and [`utility`] for changes that nobody asked for. The same is done with the bundles in
//! `../shared/data/fhir-r4`, and with those of the folder that `VELUM_BUNDLES` names.
//!
//! The lists to work through, over `VELUM_SEEDS` seeds (200 where it says nothing):
//!
//! ```sh
//! cargo test -p velum-engine --test deidentify -- --ignored --nocapture table
//! ```

mod control;
mod dates;
mod encode;
mod harvest;
mod ideal;
mod ids;
mod invented;
mod patients;
mod place;
mod random;
mod report;
mod resources;
mod scene;
mod search;
mod shared;
mod tree;
mod utility;
mod write;

use std::sync::{Arc, LazyLock};

use velum_engine::{Framing, Masker, Options, Profile, Ruleset};

/// Masks as a policy with both profiles does.
fn masked(body: &[u8], is_lines: bool) -> String {
    static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
        let builder = Ruleset::builder().profile(Profile::HipaaSafeHarbor);
        Arc::new(builder.profile(Profile::FhirR4).build().unwrap())
    });
    let framing = if is_lines {
        Framing::Lines
    } else {
        Framing::Document
    };
    let options = Options {
        framing,
        ..Options::default()
    };
    let mut masker = Masker::new(Arc::clone(&RULES), options);
    let mut out = Vec::new();
    masker.feed(body, &mut out).unwrap();
    masker.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}
