//! What the engine promises.

use std::path::PathBuf;

use super::{Claim, Measure, Verdict};
use crate::{bench, fuzz, process};

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "reading: RFC 8259 strictly; valid texts come out as they came, all others are refused, \
               at the top and deep inside",
        tests: &[
            "velum-engine::engine::json::json_test_suite",
            "velum-engine::engine::json::valid_texts_come_out_as_they_came",
            "velum-engine::engine::json::invalid_texts_are_refused",
            "velum-engine::engine::json::texts_are_the_same_inside_of_others",
        ],
    },
    Claim {
        text: "framings: lines, JSON text sequences, events, texts one after the other; nothing is \
               held back behind a text",
        tests: &[
            "velum-engine::engine::framings::sequences",
            "velum-engine::engine::framings::faulty_sequences",
            "velum-engine::engine::framings::texts_one_after_the_other",
            "velum-engine::engine::framings::each_text_is_masked_by_itself_and_leaves_with_its_end",
            "velum-engine::engine::events::an_event_leaves_with_its_last_byte",
        ],
    },
    Claim {
        text: "limits fail closed, with the limit and the byte; the document has all of them",
        tests: &[
            "velum-engine::engine::limits::members_and_elements",
            "velum-engine::engine::limits::member_names",
            "velum-engine::engine::limits::long_strings",
            "velum-engine::engine::limits::limits_are_the_same_where_names_are_known",
            "velum-engine::engine::held::what_is_held_does_not_depend_on_cuts_nor_on_the_way",
            "velum-engine::engine::limits::what_is_deeper_than_the_fast_way_goes_comes_out_the_same",
            "velum-engine::engine::limits::the_document_has_every_limit",
            "velum-engine::engine::json::errors_tell_kind_and_place",
        ],
    },
    Claim {
        text: "selecting by key in every spelling, by path, by label in either order, each with \
               exemptions and in the order that is documented",
        tests: &[
            "velum-engine::rules::keys::tests::spellings_of_one_key_are_one",
            "velum-engine::engine::lessons::auth_does_not_hit_author",
            "velum-engine::engine::masking::paths_select_by_place",
            "velum-engine::engine::labels::a_sibling_says_what_a_value_is_in_either_order",
            "velum-engine::engine::labels::beyond_the_limit_what_waits_is_masked_whatever_its_label",
            "velum-engine::engine::masking::exemptions_and_precedence",
            "velum-engine::engine::lessons::each_of_two_members_of_one_name_is_masked",
            "velum-engine::engine::lessons::objects_under_a_sensitive_key_are_masked_throughout",
            "velum-engine::engine::lessons::names_that_are_values_do_not_survive",
        ],
    },
    Claim {
        text: "operators do what their table says, write valid JSON, and change nothing when they \
               come again, but for those that say so",
        tests: &[
            "velum-engine::operators::reference::tests::the_examples_are_true",
            "velum-engine::operators::tests::the_output_is_json_and_masking_it_again_changes_nothing",
            "velum-engine::operators::fpe::tests::the_samples_of_nist_are_met",
            "velum-engine::operators::zip3::tests::the_table_is_that_of_the_census_without_those_of_hhs",
            "velum-engine::engine::masking::removal_takes_the_right_comma",
            "velum-engine::engine::operators::the_document_has_the_reference",
            "velum-engine::engine::properties::valid_json_comes_out_and_masking_it_again_changes_nothing",
        ],
    },
    Claim {
        text: "dates are shifted by whom their record is about, wherever that stands, else redacted",
        tests: &[
            "velum-engine::engine::dates::one_patient_one_offset_wherever_the_reference_stands",
            "velum-engine::engine::dates::each_record_has_its_own",
            "velum-engine::engine::dates::nobody_or_two_is_redacted",
            "velum-engine::operators::date_shift::tests::intervals_survive",
        ],
    },
    Claim {
        text: "own output is known exactly or by proof, here and in what is written back",
        tests: &[
            "velum-engine::operators::tests::exact_placeholders_stay_and_a_value_that_was_not_seen_is_redacted",
            "velum-engine::engine::inspector::placeholders_are_found_however_they_are_written",
            "velum-engine::engine::inspector::own_tokens_are_found_and_nothing_that_looks_like_one",
        ],
    },
    Claim {
        text: "reports: by class and rule, bytes not looked at with reasons, places without values",
        tests: &[
            "velum-engine::engine::reporting::values_are_counted_for_what_decided",
            "velum-engine::engine::reporting::bytes_that_are_not_looked_at_have_a_reason",
            "velum-engine::engine::reporting::places_are_json_pointers_and_nothing_is_a_value",
        ],
    },
    Claim {
        text: "no cut changes what comes out, natively and in the built wasm",
        tests: &[
            "velum-engine::engine::properties::every_cut_gives_the_same",
            "velum-end-to-end::first_light::wasm_host::every_split_gives_the_same_bytes_in_the_built_wasm",
            "velum-end-to-end::first_light::wasm_bodies::bodies_that_nobody_wrote_give_the_native_bytes_however_they_are_cut",
        ],
    },
    Claim {
        text: "a slow masker over a tree agrees",
        tests: &["velum-engine::engine::agreement::a_slow_tree_masker_agrees"],
    },
    Claim {
        text: "nothing is allocated for a chunk once warm, and less than 64 KiB are kept for a stream",
        tests: &[
            "velum-engine::allocations::a_warm_masker_allocates_nothing_and_a_long_body_takes_little",
        ],
    },
    Claim {
        text: "a body costs no more in the built wasm than when that was last written down",
        tests: &["velum-end-to-end::first_light::instructions::a_body_costs_no_more_than_before"],
    },
];

/// What is measured.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        text: "natively with 200 rules, 12 times serde_json's parse and print minified, 15 times \
               indented",
        run: throughput,
    },
    Measure {
        text: "through Envoy, Envoy's CPU: at 1 MB 2.5 times bare, at 64 KB 1.7 times, at 2 KB 1.15 \
               times an empty filter",
        run: envoy,
    },
    Measure {
        text: "the fuzz targets find nothing",
        run: fuzzing,
    },
];

fn throughput(_: bool) -> Verdict {
    throughput_of("200 rules", &[12.0, 15.0], &[])
}

/// How many times as fast as `serde_json` that set of rules is at least: minified, indented; of these
/// bodies, or of some that are made.
pub(super) fn throughput_of(set: &str, least: &[f64; 2], bodies: &[PathBuf]) -> Verdict {
    let mut command = process::cargo();
    command.args(["run", "--locked", "--release", "--quiet"]);
    command.args(["--package", "velum-engine", "--example", "throughput", "--"]);
    let output = process::output(command.args(bodies));
    output.map_or_else(fallen, |output| judge_throughput(&output, set, least))
}

/// Reads the two lines of a set: minified first, then indented.
fn judge_throughput(output: &str, set: &str, least: &[f64; 2]) -> Verdict {
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(set))
        .collect();
    let ratio = |line: &&str| {
        let mut words = line.split_whitespace().rev();
        words.nth(1).and_then(|word| word.parse::<f64>().ok())
    };
    let ratios: Vec<f64> = lines.iter().filter_map(ratio).collect();
    let told = lines.join("; ");
    match ratios[..] {
        [minified, indented] if minified >= least[0] && indented >= least[1] => {
            Verdict::Holds(vec![told])
        }
        _ => Verdict::FallsShort(vec![told]),
    }
}

fn envoy(is_long: bool) -> Verdict {
    let most = MostCpu {
        large: 2.5,
        middle: 1.7,
        small: 1.15,
    };
    envoy_of("Velum, 200 rules", &most, is_long)
}

/// What Envoy's CPU is at most: at 1 MB and 64 KB in multiples of bare, at 2 KB of an empty filter.
pub(super) struct MostCpu {
    pub(super) large: f64,
    pub(super) middle: f64,
    pub(super) small: f64,
}

/// What the benchmark says of the filter of this name.
pub(super) fn envoy_of(name: &str, most: &MostCpu, is_long: bool) -> Verdict {
    if !is_long {
        return Verdict::Skipped(vec!["only with --long".to_owned()]);
    }
    bench::envoy().map_or_else(fallen, |output| judge_envoy(&output, name, most))
}

fn judge_envoy(output: &str, name: &str, most: &MostCpu) -> Verdict {
    // Each body has a table of its own, under its name and the heads of the columns.
    let head = |line: &str| {
        line.split_once("CPU, ")
            .map(|(size, _)| size.trim().to_owned())
    };
    let cell = |size: &str| {
        let table = output
            .lines()
            .skip_while(|line| head(line).as_deref() != Some(size));
        let mut rows = table.skip(1).take_while(|line| head(line).is_none());
        let row = rows.find(|line| line.starts_with(name))?;
        let inside = row.split('(').nth(1)?.split(')').next()?;
        let (bare, empty) = inside.split_once(", ")?;
        Some((bare.parse::<f64>().ok()?, empty.parse::<f64>().ok()?))
    };
    let (Some(small), Some(middle), Some(large)) = (cell("2 KB"), cell("64 KB"), cell("1 MB"))
    else {
        return Verdict::FallsShort(vec!["the benchmark's output cannot be read".to_owned()]);
    };
    let told = format!(
        "with {name} {:.2} times bare at 1 MB, {:.2} at 64 KB, {:.2} times an empty filter at 2 KB",
        large.0, middle.0, small.1
    );
    if large.0 <= most.large && middle.0 <= most.middle && small.1 <= most.small {
        Verdict::Holds(vec![told])
    } else {
        Verdict::FallsShort(vec![told])
    }
}

fn fuzzing(is_long: bool) -> Verdict {
    let seconds = if is_long { 600 } else { 10 };
    fuzz::run_all(seconds).map_or_else(fallen, |()| {
        Verdict::Holds(vec![format!("{seconds} s for each")])
    })
}

fn fallen(fault: String) -> Verdict {
    Verdict::FallsShort(vec![fault])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_they_are_printed() {
        let lines = |first: &str, second: &str| {
            format!(
                "minified, 5 bytes\n  serde_json 1 MB/s\n  200 rules  1721 MB/s  {first} x\n\
                 indented, 9 bytes\n  10 rules 3 MB/s 1.0 x\n  200 rules  2607 MB/s  {second} x\n"
            )
        };
        let holds = |verdict| matches!(verdict, Verdict::Holds(_));
        let judge = |output: &str| judge_throughput(output, "200 rules", &[12.0, 15.0]);
        assert!(holds(judge(&lines("12.0", "15.5"))));
        assert!(!holds(judge(&lines("11.9", "15.5"))));
        assert!(!holds(judge(&lines("12.0", "14.9"))));
        assert!(!holds(judge("")));
        let table = |large: &str| {
            let rows = |size: &str, ours: &str| {
                format!(
                    "\n{size}   CPU, µs   (bare, empty)   s / GB   requests / s\n\
                     bare                56  (1.00, 0.88)   1.2   17000 (1.00)\n\
                     Velum, 200 rules    70  {ours}   2.2   14000 (0.82)\n\
                     Velum, all profiles 90  (9.9, 9.9)   3.2   fewer\n\
                     Lua filter          fails\n"
                )
            };
            let small = rows("2 KB", "(1.2, 1.10)") + &rows("64 KB", "(1.6, 1.5)");
            let indented = rows("64 KB, indented", "(8.8, 8.8)");
            small + &rows("1 MB", &format!("({large}, 2.4)")) + &indented
        };
        let most = MostCpu {
            large: 2.5,
            middle: 1.7,
            small: 1.15,
        };
        let judge = |output: &str, name| judge_envoy(output, name, &most);
        assert!(holds(judge(&table("2.5"), "Velum, 200 rules")));
        assert!(!holds(judge(&table("2.5"), "Velum, all profiles")));
        assert!(!holds(judge(&table("2.5"), "Lua filter")));
        assert!(!holds(judge(&table("2.6"), "Velum, 200 rules")));
        assert!(!holds(judge("", "Velum, 200 rules")));
    }
}
