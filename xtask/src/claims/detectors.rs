//! What detectors, profiles and looking inside promise.

use std::path::PathBuf;

use super::engine::{self, MostCpu};
use super::{Claim, Measure, Verdict};
use crate::{fuzz, wasm, workspace};

/// The largest wasm module, in bytes.
const LARGEST: u64 = 1_500_000;

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "nothing about a patient leaks from 1,000 invented records, nor from shared bundles",
        tests: &[
            "velum-engine::deidentify::control::what_is_planted_is_found_however_it_is_written",
            "velum-engine::deidentify::invented::nothing_about_a_patient_leaks",
            "velum-engine::deidentify::invented::no_date_is_finer_than_a_year",
            "velum-engine::deidentify::shared::nothing_about_a_patient_leaks_from_shared_bundles",
        ],
    },
    Claim {
        text: "what the policy does not name stays, byte for byte",
        tests: &[
            "velum-engine::deidentify::invented::what_the_policy_does_not_name_is_the_same",
            "velum-engine::deidentify::shared::shared_bundles_keep_what_the_policy_does_not_name",
        ],
    },
    Claim {
        text: "recall and precision of every detector are those of docs/detectors.md; under 2 false \
               finds in a MB of bundles",
        tests: &[
            "velum-engine::corpus::targets::every_detector_finds_as_much_and_as_well_as_it_should",
            "velum-engine::corpus::fhir::less_than_two_finds_in_a_megabyte_are_false",
        ],
    },
    Claim {
        text: "JSON, base64, data URIs, tokens, percent-encoding and markup are looked into, within \
               bounds",
        tests: &[
            "velum-engine::engine::inside::json_in_a_string_is_masked_by_the_same_rules",
            "velum-engine::engine::inside::what_is_encoded_too_often_is_masked_whole",
            "velum-engine::engine::inside::base64_is_decoded_masked_and_encoded_again",
            "velum-engine::engine::inside::other_readings_of_a_text_are_searched",
        ],
    },
    Claim {
        text: "names that fields hold are masked in the free text behind them",
        tests: &[
            "velum-engine::engine::mentions::names_are_masked_in_free_text_behind_their_fields",
            "velum-engine::engine::mentions::names_are_known_until_the_record_ends",
            "velum-engine::engine::mentions::too_many_names_leave_no_free_text",
        ],
    },
    Claim {
        text: "of two profiles beside one another, none shows what the other masks; years of birth that \
               tell an age over 89 are one",
        tests: &[
            "velum-engine::engine::together::a_profile_beside_another_shows_nothing_of_what_that_masks",
            "velum-engine::engine::together::a_year_of_birth_is_one_wherever_it_stands",
        ],
    },
    Claim {
        text: "ids become pseudonyms where they are asked for, and stay tied together",
        tests: &[
            "velum-engine::deidentify::ids::ids_of_invented_patients",
            "velum-engine::deidentify::ids::ids_of_shared_bundles",
            "velum-engine::deidentify::ids::ids_are_the_same_however_the_body_is_cut",
        ],
    },
    Claim {
        text: "every letter of Safe Harbor has rules, tests and its line in the document",
        tests: &[
            "velum-engine::engine::safe_harbor::every_letter_has_rules_and_tests",
            "velum-engine::engine::safe_harbor::every_rule_acts_in_the_test_of_its_letter",
            "velum-engine::engine::safe_harbor::the_document_has_every_letter",
        ],
    },
    Claim {
        text: "detectors of a policy's own: patterns, checksums by name, words, dictionaries; no text \
               takes more than linear time",
        tests: &[
            "velum-engine::engine::custom::patterns_are_found_between_boundaries",
            "velum-engine::engine::custom::checksums_decide_and_the_longest_that_keeps_it_counts",
            "velum-engine::engine::custom::terms_are_found_as_words",
            "velum-engine::engine::custom::a_text_that_takes_too_many_steps_is_masked_whole",
        ],
    },
    Claim {
        text: "Microsoft's configuration is imported where it can be expressed; what cannot is listed",
        tests: &[
            "velum::command_line::import_ms::parts_stay_where_parameters_say_so",
            "velum::command_line::import_ms::what_cannot_be_expressed_is_masked_more_and_listed",
            "velum::command_line::import_ms::what_would_stay_fails_the_import_with_the_profile_written",
        ],
    },
    Claim {
        text: "velum mask: files, folders, compression, atomic output, --check, reports, help, manual \
               pages, completions",
        tests: &[
            "velum::command_line::mask::inputs::what_is_named_is_read",
            "velum::command_line::mask::compression::what_is_compressed_is_known_by_its_bytes_and_comes_out_so",
            "velum::command_line::mask::output::a_file_is_replaced_in_one_step",
            "velum::command_line::mask::output::a_fault_leaves_the_target_as_it_was",
            "velum::command_line::mask::looking::what_has_been_masked_is_found_no_more",
            "velum::command_line::mask::report::json_is_for_programs_and_has_no_value",
            "velum::command_line::pages::every_command_has_help",
            "velum::command_line::pages::every_command_has_a_manual_page",
            "velum::command_line::pages::every_shell_has_completions",
        ],
    },
    Claim {
        text: "detectors, classes and profiles have their tables in the documents",
        tests: &[
            "velum-engine::engine::profiles::the_document_has_every_profile",
            "velum-engine::engine::profiles::the_document_has_every_detector",
            "velum-engine::engine::profiles::the_document_has_every_class",
        ],
    },
    Claim {
        text: "shipped profiles are read, and have their tables in the document",
        tests: &[
            "velum-engine::profiles::tests::shipped_profiles_are_read_under_their_names",
            "velum-engine::engine::profiles::the_profiles_in_the_document_are_sound",
        ],
    },
];

/// What is measured.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        text: "natively with hipaa-safe-harbor, fhir-r4 and credentials, 10 times serde_json's parse \
               and print minified",
        run: |_| engine::throughput_of("Safe Harbor", &[10.0, 0.0], &shared_bundles()),
    },
    Measure {
        text: "through Envoy with these profiles, Envoy's CPU: at 1 MB 3.3 times bare, at 64 KB 2 times, \
               at 2 KB 1.3 times an empty filter",
        run: |is_long| {
            let most = MostCpu {
                large: 3.3,
                middle: 2.0,
                small: 1.3,
            };
            engine::envoy_of("Velum, all profiles", &most, is_long)
        },
    },
    Measure {
        text: "the fuzz targets of detectors and of looking inside find nothing",
        run: fuzzing,
    },
    Measure {
        text: "the wasm module is under 1.5 MB",
        run: |_| module_size(),
    },
];

/// Public FHIR bundles, where they lie beside the project.
fn shared_bundles() -> Vec<PathBuf> {
    let folder = workspace::root().join("../shared/data/fhir-r4");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut bundles: Vec<_> = paths.filter(is_json).collect();
    bundles.sort();
    bundles
}

fn fuzzing(is_long: bool) -> Verdict {
    let seconds = if is_long { 1800 } else { 10 };
    let run = |target: &&str| fuzz::run_target_for(target, seconds);
    match ["detectors", "inside"].iter().try_for_each(run) {
        Ok(()) => Verdict::Holds(vec![format!("{seconds} s for each")]),
        Err(error) => Verdict::FallsShort(vec![error]),
    }
}

fn module_size() -> Verdict {
    let size = wasm::build_modules()
        .and_then(|()| {
            std::fs::metadata(workspace::root().join("target/wasm/velum.wasm"))
                .map_err(|error| error.to_string())
        })
        .map(|data| data.len());
    match size {
        Ok(size) if size < LARGEST => Verdict::Holds(vec![format!("{size} bytes")]),
        Ok(size) => Verdict::FallsShort(vec![format!("{size} bytes")]),
        Err(error) => Verdict::FallsShort(vec![error]),
    }
}
