//! What the filter promises in every situation of real traffic.

use std::fs;

use super::engine::{self, MostCpu};
use super::tests_run::{self, Outcome, TestName, Way};
use super::{Claim, Measure, Verdict};
use crate::workspace;

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "answers: compressed ones decoded within a bound, text by detectors, JSON-RPC, MCP, \
               events and chats, statuses without bodies, tunnels and gRPC refused",
        tests: &[
            "velum-end-to-end::responses::encodings::what_can_be_decoded_is_masked_and_comes_decoded",
            "velum-end-to-end::responses::encodings::what_is_broken_cut_off_or_a_bomb_is_never_whole_nor_unmasked",
            "velum-end-to-end::responses::texts::a_text_of_known_length_is_masked_by_detectors",
            "velum-end-to-end::responses::rpc::results_errors_and_batches_are_masked_wherever_the_value_stands",
            "velum-end-to-end::responses::rpc::mcp_over_events_is_masked_event_by_event",
            "velum-end-to-end::responses::rpc::deltas_of_a_chat_are_masked_and_its_end_passes",
            "velum-end-to-end::responses::statuses::answers_without_a_body_pass_with_masked_headers",
            "velum-end-to-end::responses::statuses::conditions_and_ranges_do_not_reach_the_upstream_and_parts_are_refused",
            "velum-end-to-end::responses::protocols::tunnels_are_refused_before_the_upstream_sees_them",
            "velum-end-to-end::responses::protocols::a_grpc_client_is_told_permission_denied",
        ],
    },
    Claim {
        text: "headers and trailers are masked too, and what masking made false is dropped",
        tests: &[
            "velum-end-to-end::responses::fields::no_value_hides_in_a_header",
            "velum-end-to-end::responses::fields::no_value_hides_in_a_trailer",
            "velum-end-to-end::responses::fields::what_masking_made_false_is_dropped_and_the_rest_stays",
            "velum-end-to-end::responses::cost::ordinary_headers_add_little_to_a_small_answer",
        ],
    },
    Claim {
        text: "requests: raw data leaves masked, or waits for a person, or is refused; what was shown \
               does not come back as data; what is ours never reaches the upstream",
        tests: &[
            "velum-end-to-end::requests::inspected::raw_data_leaves_masked_whatever_the_protocol_and_the_media_type",
            "velum-end-to-end::requests::inspected::a_flagged_body_waits_and_arrives_with_what_was_released",
            "velum-end-to-end::requests::inspected::a_denied_body_never_leaves_and_one_without_a_find_waits_for_nobody",
            "velum-end-to-end::requests::written_back::what_was_shown_is_refused_in_every_form_and_by_every_method",
            "velum-end-to-end::requests::ours::headers_and_trailers_named_like_ours_never_reach_the_upstream_over_http1",
            "velum-end-to-end::requests::ours::headers_and_trailers_named_like_ours_never_reach_the_upstream_over_http2",
            "velum-end-to-end::requests::once::neither_the_route_nor_the_caller_makes_a_released_request_happen_twice",
        ],
    },
    Claim {
        text: "identities, conditions and policies by name mean on Envoy what velum policy explain says",
        tests: &[
            "velum-end-to-end::identity_and_actions::actions::a_request_meets_on_envoy_what_the_command_line_explains",
            "velum-end-to-end::identity_and_actions::identities::who_acts_is_told_by_act_or_by_sub_where_roles_are_reversed",
            "velum-end-to-end::identity_and_actions::policies::a_request_is_under_the_policy_that_its_route_names_and_else_refused",
            "velum-end-to-end::requests::paths::envoy_and_the_evaluator_agree_on_every_spelling",
            "velum-filter::simulate::tests::explanation_evaluation_and_filter_agree",
        ],
    },
    Claim {
        text: "held requests: callers that leave, the newest stream, polling, and many at once",
        tests: &[
            "velum-end-to-end::waiting::leaving::the_service_is_told_when_a_caller_leaves_over_either_protocol",
            "velum-end-to-end::waiting::leaving::of_two_streams_with_one_request_the_newest_takes_the_grant",
            "velum-end-to-end::waiting::leaving::the_requester_alone_learns_how_the_approval_stands_and_waits_for_it",
            "velum-end-to-end::waiting::many::three_hundred_held_requests_are_all_answered_by_one_decision",
        ],
    },
    Claim {
        text: "the built module in a host that fails, cuts and calls as Envoy rarely does: no trap, no \
               unmasked byte",
        tests: &[
            "velum-end-to-end::module::faults::a_host_call_that_fails_anywhere_lets_nothing_unmasked_through",
            "velum-end-to-end::module::cuts::every_cut_and_every_way_to_end_give_the_same_bytes",
            "velum-end-to-end::module::cuts::trailers_and_ends_at_every_point_let_nothing_unmasked_through_and_tell_what_is_missing",
            "velum-end-to-end::module::order::callbacks_in_any_order_trap_nothing_and_pass_nothing_unmasked",
            "velum-end-to-end::module::maps::bytes_that_are_no_text_in_any_header_trap_nothing_and_show_nothing",
            "velum-end-to-end::module::answers::nothing_but_a_signed_answer_to_this_stream_lets_a_held_request_go",
            "velum-end-to-end::module::contexts::callbacks_for_contexts_that_are_not_there_pass_nothing",
            "velum-end-to-end::module::limits::the_memory_of_the_module_ends_at_64_mebibytes_and_its_stack_at_512_kibibytes",
            "velum-end-to-end::module::limits::nothing_that_is_nested_deeply_runs_over_the_stack",
            "velum-end-to-end::module::limits::a_panic_is_told_by_its_place_and_never_by_its_message",
        ],
    },
    Claim {
        text: "every way to fail is in the table of docs/failure-modes.md, with the test that shows it",
        tests: &[
            "velum-end-to-end::operations::failures::the_document_has_the_table",
            "velum-end-to-end::operations::failures::every_failure_names_a_test_that_exists",
            "velum-end-to-end::operations::trapping::a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed",
            "velum-end-to-end::operations::trapping::a_request_that_is_held_while_the_filter_traps_ends_at_its_idle_timeout",
            "velum-end-to-end::operations::callbacks::a_trap_in_request_headers_refuses_its_request_and_cuts_what_streams",
            "velum-end-to-end::operations::callbacks::a_trap_in_a_request_body_refuses_it_before_a_byte_has_left",
            "velum-end-to-end::operations::callbacks::a_trap_in_response_headers_refuses_the_answer",
            "velum-end-to-end::operations::callbacks::a_trap_in_a_response_body_refuses_the_first_chunk_and_cuts_at_a_later_one",
            "velum-end-to-end::operations::callbacks::a_trap_in_a_calls_answer_leaves_its_request_hanging_until_its_idle_timeout",
            "velum-end-to-end::operations::failure_policies::with_the_shipped_back_off_new_streams_succeed_well_within_a_second",
            "velum-end-to-end::operations::failure_policies::few_good_requests_fail_beside_a_poisonous_one_each_half_second",
            "velum-end-to-end::operations::failure_policies::failing_open_leaks_which_is_why_it_is_refused",
            "velum-end-to-end::operations::checking::envoy_and_the_command_line_find_the_same_faults_at_the_same_places",
        ],
    },
    Claim {
        text: "what the filter does can be seen, and observing changes nothing",
        tests: &[
            "velum-end-to-end::operations::observing::bodies_and_headers_pass_both_ways_as_they_are",
            "velum-end-to-end::operations::seeing::counts_are_prometheus_metrics_with_labels_whatever_an_action_is_called",
            "velum-end-to-end::operations::seeing::a_line_of_the_access_log_says_what_was_done_and_no_value",
            "velum-end-to-end::operations::seeing::the_debug_log_says_which_rule_fired_where_and_never_a_value",
            "velum-end-to-end::operations::reporting::what_nobody_reviewed_arrives_in_batches_and_outlives_an_outage_of_the_service",
        ],
    },
    Claim {
        text: "files for plain Envoy, Istio and Envoy Gateway, and Envoy 1.36 to 1.40",
        tests: &[
            "velum-end-to-end::places::plain_files::envoy_validates_every_bootstrap",
            "velum-end-to-end::places::plain_files::what_istio_and_envoy_gateway_make_of_their_manifests_masks",
            "velum-end-to-end::places::manifests::every_manifest_is_one_that_its_definition_allows",
            "velum-end-to-end::places::remote_code::the_module_with_the_right_hash_is_fetched_and_masks",
            "velum-end-to-end::places::discovery::a_request_that_waits_finishes_under_the_policy_it_began_with",
            "velum-end-to-end::places::capabilities::the_capabilities_in_every_file_are_those_that_the_filter_has",
            "velum-end-to-end::places::versions::envoy_1_36",
            "velum-end-to-end::places::versions::envoy_1_37",
            "velum-end-to-end::places::versions::envoy_1_38",
            "velum-end-to-end::places::versions::envoy_1_39",
            "velum-end-to-end::places::versions::envoy_1_40",
        ],
    },
    Claim {
        text: "slow callers, callers that never read and callers that leave at every phase: memory is \
               bounded",
        tests: &[
            "velum-end-to-end::endurance::slow::forty_slow_callers_of_fifty_megabytes_take_bounded_memory",
            "velum-end-to-end::endurance::slow::a_caller_that_never_reads_is_cut_at_the_idle_timeout_and_its_upstream_with_it",
            "velum-end-to-end::endurance::slow::callers_that_leave_at_every_phase_leave_nothing_behind",
        ],
    },
];

/// What is measured, shortly or at length.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        text: "the matrix of protocols, framings, media types, encodings, outcomes and chunks on a real \
               Envoy",
        run: |is_long| {
            one_of(
                is_long,
                "velum-end-to-end::matrix::all_pairs_of_what_a_body_can_be_come_out_as_the_engine_has_them",
                "velum-end-to-end::matrix::every_combination_of_what_a_body_can_be_comes_out_as_the_engine_has_it",
            )
        },
    },
    Measure {
        text: "mixed load with reloads: no unmasked value, no answer that is not meant, flat memory",
        run: |is_long| {
            one_of(
                is_long,
                "velum-end-to-end::endurance::mixed::a_minute_of_mixed_load_leaks_nothing_and_takes_no_more_memory",
                "velum-end-to-end::endurance::mixed::ten_minutes_of_mixed_load_leak_nothing_and_take_no_more_memory",
            )
        },
    },
    Measure {
        text: "thousands of held requests at once",
        run: |is_long| {
            one_of(
                is_long,
                "velum-end-to-end::waiting::many::three_hundred_held_requests_are_all_answered_by_one_decision",
                "velum-end-to-end::waiting::many::five_thousand_held_requests_are_all_answered_by_one_decision",
            )
        },
    },
    Measure {
        text: "through Envoy with the full profile, Envoy's CPU: at 1 MB 3.3 times bare, at 64 KB 2 \
               times, at 2 KB 1.3 times an empty filter",
        run: |is_long| {
            let most = MostCpu {
                large: 3.3,
                middle: 2.0,
                small: 1.3,
            };
            engine::envoy_of("Velum, all profiles", &most, is_long)
        },
    },
];

/// Runs the short test, or the long one, which `cargo test` leaves out.
fn one_of(is_long: bool, short: &str, long: &str) -> Verdict {
    let name = if is_long { long } else { short };
    let folder = workspace::root().join("target/claims");
    let outcomes =
        TestName::parse(name).and_then(|test| tests_run::run(&[test], &folder, Way::default()));
    match outcomes.as_ref().map(|all| all.get(name)) {
        Ok(Some(Outcome::Passed)) => {
            let function = name.rsplit("::").next().unwrap_or_default();
            let figure = fs::read_to_string(folder.join(format!("{function}.txt")));
            let figure = figure.unwrap_or_default().trim().to_owned();
            Verdict::Holds(vec![figure])
        }
        Ok(_) => Verdict::FallsShort(vec![format!("{name} failed")]),
        Err(error) => Verdict::FallsShort(vec![error.clone()]),
    }
}
