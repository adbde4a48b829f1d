//! How approvals get attacked, and the rules that they keep: of each the tests that show what becomes of it, by the
//! names of their functions.

use crate::tests::named::{is_test, sources};

/// What it is, and its tests.
type Row = (&'static str, &'static [&'static str]);

/// What an attacker would do.
const THREATS: [Row; 16] = [
    (
        "another user uses somebody's approved request",
        &[
            "an_approval_is_good_for_its_request_and_its_principal_alone",
            "a_grant_is_good_once_for_one_request_of_one_principal",
            "no_operation_of_a_gateway_tells_or_changes_what_is_anothers",
        ],
    ),
    (
        "somebody pretends to be a gateway",
        &[
            "a_gateway_is_known_by_its_certificate_and_no_other_will_do",
            "a_gateway_with_a_certificate_has_to_show_it_and_whatever_else_it_has",
            "every_route_lets_in_whom_it_declares_and_nobody_else",
        ],
    ),
    (
        "somebody pretends to be the policy service",
        &[
            "an_impostor_of_the_policy_service_is_never_asked",
            "an_impostor_that_is_asked_all_the_same_lifts_nothing",
            "unsigned_or_signed_by_another",
        ],
    ),
    (
        "a captured answer is played again",
        &[
            "replaying_an_old_answer",
            "an_answer_to_another_stream_or_request_or_an_old_one_is_no",
        ],
    ),
    (
        "a flood of asks",
        &[
            "a_flood_of_asks_is_capped_for_a_principal_an_action_and_all_of_them",
            "a_principal_has_so_many_asks_open_and_no_more",
            "beyond_so_many_callers_the_rest_share_one_count",
            "a_thousand_that_wait_are_listed_soon",
        ],
    ),
    (
        "people are worn down until they say yes",
        &[
            "who_asks_the_same_again_and_again_is_put_before_people_once",
            "who_asks_again_and_again_with_a_detail_changed_is_held_to_so_many_a_minute",
            "one_denial_ends_it_and_the_same_ask_is_not_shown_again",
            "who_is_denied_thrice_does_not_get_through_with_a_detail_changed",
            "more_than_ten_approvals_a_minute_of_one_person_are_counted_over_all_replicas",
            "who_approves_too_fast_is_named_once_in_the_log",
        ],
    ),
    (
        "an insider approves their own request",
        &[
            "who_asks_never_approves_be_they_in_every_group_and_admitted_in_emergencies",
            "another_name_of_the_same_person_is_the_same_person",
            "whoever_is_brought_in_after_it_was_asked_does_not_decide_on_it",
            "no_order_of_events_among_three_reviewers_releases_what_it_must_not",
            "no_history_breaks_the_rules",
            "whatever_is_changed_is_found",
        ],
    ),
    (
        "approve, deny, expiry and use race",
        &[
            "no_order_of_events_releases_what_it_must_not",
            "of_many_that_race_for_a_grant_one_has_it",
            "through_a_whole_service_on_sqlite_every_grant_is_used_once",
            "through_a_whole_service_on_postgres_every_grant_is_used_once",
            "nothing_is_used_behind_a_stop_in_the_log_however_they_race",
        ],
    ),
    (
        "a crash or a retry releases twice",
        &[
            "a_service_killed_under_load_on_sqlite_keeps_what_it_said",
            "a_service_killed_under_load_on_postgres_keeps_what_it_said",
            "a_server_killed_under_load_keeps_what_it_said",
            "a_line_that_is_cut_at_the_commit_leaves_one_use_and_the_same_answer",
            "a_kill_at_any_moment_loses_no_answer_and_repeats_none",
        ],
    ),
    (
        "a restored backup brings grants back",
        &[
            "a_database_that_was_restored_releases_nothing",
            "a_database_put_back_under_two_services_stops_both_not_only_the_one_that_signs",
            "nothing_of_before_is_released_after_a_recovery",
        ],
    ),
    (
        "a clock that is wrong revives a grant",
        &[
            "a_grant_ends_to_the_millisecond_and_a_clock_set_back_gives_it_no_more_time",
            "a_clock_set_back_over_a_restart_revives_nothing",
            "a_service_with_other_keys_is_refused_and_one_whose_clock_is_behind_revives_nothing",
            "a_service_whose_clock_is_far_ahead_writes_nothing_that_would_end_what_has_not_ended",
        ],
    ),
    (
        "slow clients, huge heads, reset streams",
        &[
            "a_head_that_trickles_is_cut_and_one_in_time_is_not",
            "clients_that_hold_every_connection_keep_nobody_out",
            "heads_and_bodies_that_are_too_large_take_no_memory",
            "who_takes_nothing_of_an_answer_is_cut",
            "thousands_of_slow_clients_keep_nobody_out_and_take_bounded_memory",
            "streams_that_are_begun_and_reset_without_end_keep_nobody_out",
            "empty_frames_without_end_are_cut_off",
        ],
    ),
    (
        "an expression in a policy that costs everything",
        &[
            "a_condition_with_too_many_alternatives",
            "an_alias_bomb_is_refused",
            "detectors_that_cannot_be",
            "the_steps_from_one_place_are_at_most_one_a_byte",
        ],
    ),
    (
        "what a caller writes becomes SQL",
        &[
            "what_looks_like_sql_is_a_text_wherever_it_may_stand",
            "no_generated_request_finds_a_fault_or_an_answer_that_is_not_in_the_document",
        ],
    ),
    (
        "tokens are told by the time that refusing takes",
        &[
            "a_token_finds_its_own_caller_and_no_other_does",
            "figures_of_the_time_that_wrong_tokens_take",
        ],
    ),
    (
        "somebody writes an approval into the database",
        &[
            "an_approval_that_somebody_wrote_into_the_store_releases_nothing",
            "whatever_is_changed_in_any_history_is_found",
        ],
    ),
];

/// What is done to the audit log, by the rows of the threat model (33 to 39).
const LOG_THREATS: [Row; 7] = [
    (
        "somebody edits, deletes or reorders records in the database (33)",
        &[
            "what_was_done_to_a_log_is_seen_as_the_table_says",
            "a_bit_that_is_flipped_in_the_log_is_told_within_ten_seconds_and_nothing_is_signed_over_it",
            "whatever_is_changed_is_found",
        ],
    ),
    (
        "who has the key writes another past and signs it (34)",
        &[
            "what_was_done_to_a_log_is_seen_as_the_table_says",
            "each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so",
            "the_file_of_an_anchor_is_compared_head_by_head",
            "a_witness_that_is_asked_for_has_to_have_cosigned",
        ],
    ),
    (
        "records are suppressed (35)",
        &[
            "what_has_a_record_that_the_database_drops_does_not_take_place_on_sqlite",
            "what_has_a_record_that_the_database_drops_does_not_take_place_on_postgres",
            "behind_a_record_that_is_missing_nothing_is_written_on_either_engine",
            "silence_is_proven",
            "however_many_batches_come_the_log_has_one_record_of_a_minute",
        ],
    ),
    (
        "who reads the log learns whose records they are (36)",
        &[
            "however_much_somebody_reads_of_the_log_it_has_one_record_of_a_minute",
            "what_was_read_last_is_recorded_when_the_service_stops_and_the_log_holds",
            "an_auditor_reads_the_log_and_nothing_that_people_wrote_and_decides_nothing",
        ],
    ),
    (
        "what a caller writes breaks the log, or whoever looks at it (37)",
        &[
            "one_form_is_told_from_all_others",
            "what_a_gateway_does_not_leave_out_is_left_out_here",
            "what_shows_nothing_or_turns_text_round_is_shown_by_its_code",
            "records_are_written_one_a_line_and_for_spreadsheets",
            "nothing_is_markup",
        ],
    ),
    (
        "the disk is filled so that nothing can be approved (38)",
        &[
            "less_than_a_fifth_is_little_and_the_folder_of_what_is_not_made_yet_is_measured",
            "little_room_is_told_before_there_is_none",
            "a_full_fence_volume_stops_strict_releases_and_no_others_and_recovers",
            "each_caller_has_its_own_minute",
        ],
    ),
    (
        "a stolen key signs (39)",
        &[
            "a_key_is_exchanged_under_load_and_who_knows_either_key_can_verify",
            "whoever_knows_one_key_can_believe_those_after_it",
            "an_exchange_that_the_old_key_has_not_signed_is_told",
            "another_key_alone_does_not_start_and_opens_a_new_log_where_somebody_says_so",
            "a_signer_that_has_signed_more_than_there_is_stops_the_service",
            "an_end_after_any_step_leaves_one_root_for_each_size_and_no_head_beyond_the_fence",
        ],
    ),
];

/// What holds for every approval.
const RULES: [Row; 19] = [
    (
        "nobody is asked who could not approve (R1)",
        &[
            "nobody_is_left_to_review",
            "what_nobody_could_approve_is_not_opened",
            "what_cannot_be_kept_is_refused_with_its_place",
        ],
    ),
    (
        "different people count, each by their last word (R2)",
        &[
            "two_of_two_have_to_approve_and_one_of_them_in_the_group",
            "votes_are_counted_again_when_the_grant_is_used",
            "a_double_click_is_one_vote",
        ],
    ),
    (
        "groups are satisfied by different people (R3)",
        &[
            "groups_need_different_people_and_the_quorum_needs_enough",
            "the_matching_is_that_of_trying_all",
            "one_person_in_two_groups_stands_for_one_of_them",
        ],
    ),
    (
        "nobody behind a request decides it (R4)",
        &[
            "nobody_behind_the_request_votes_whatever_else_they_are",
            "nobody_behind_the_request_approves_it",
            "everyone_in_a_nested_act_chain_is_lineage",
        ],
    ),
    (
        "one no ends it, a yes may be taken back (R5)",
        &[
            "one_denial_ends_it_and_the_same_ask_is_not_shown_again",
            "a_vote_is_taken_back_while_others_are_to_decide",
            "taking_a_vote_back_never_completes_an_approval",
            "the_grant_is_what_all_agree_to",
        ],
    ),
    (
        "the fingerprint binds the whole request (R6)",
        &[
            "every_field_is_bound",
            "headers_that_say_whom_or_what_a_request_is_for_are_bound",
            "a_reviewed_body_is_bound_by_its_digest",
        ],
    ),
    (
        "a use is one swap, and each has its record (R7)",
        &[
            "of_many_that_race_for_a_grant_one_has_it",
            "a_grant_of_three_uses_is_used_three_times_by_three_streams",
            "a_change_to_what_has_changed_since_is_refused_and_leaves_no_record",
        ],
    ),
    (
        "everything ends, whoever looks (R8)",
        &[
            "nobody_decides_in_time",
            "a_grant_that_nobody_used_in_time_is_gone",
            "what_has_run_out_is_expired_before_anything_else",
        ],
    ),
    (
        "each end has a name of its own (R9)",
        &[
            "every_ending_has_a_code_of_its_own_and_says_what_to_do",
            "every_state_has_a_code_and_says_what_to_do",
            "deny_codes_have_the_names_of_the_problem_types",
        ],
    ),
    (
        "what is sent again is done once (R10)",
        &[
            "asks_that_race_open_one_approval",
            "a_vote_that_is_sent_again_counts_once_and_says_the_same",
            "of_the_same_request_to_two_replicas_at_once_one_is_carried_out",
            "a_vote_on_a_version_that_has_passed_is_refused",
        ],
    ),
    (
        "looking decides nothing (R11)",
        &[
            "whatever_is_only_looked_at_decides_nothing",
            "a_link_signs_in_once_when_its_button_is_pressed_and_not_when_it_is_looked_at",
        ],
    ),
    (
        "what is at stake says how to approve (R12)",
        &[
            "a_token_cannot_approve_it_and_neither_can_a_session_alone",
            "an_older_login_a_weaker_one_or_another_persons_confirms_nothing",
        ],
    ),
    (
        "what others wrote is text, and cut text is not approved (R13)",
        &[
            "what_shows_nothing_or_turns_text_round_is_shown_by_its_code",
            "what_requesters_write_stays_text_in_every_field",
            "what_has_no_room_on_a_card_is_approved_on_its_page_only",
        ],
    ),
    (
        "what fails releases nothing and is named (R15)",
        &[
            "down",
            "a_server_that_is_gone_is_no_reason_to_release_and_one_that_comes_back_is_used",
            "who_waits_when_the_store_fails_is_told_what_was_known_and_waits_on_on_postgres",
        ],
    ),
    (
        "emergencies are for few, short, told and reviewed (R16)",
        &[
            "an_emergency_is_opened_by_who_may_for_an_hour_at_most_and_once_until_reviewed",
            "an_emergency_is_reviewed_by_somebody_outside_of_it_and_ends_then",
            "what_is_held_and_what_comes_is_released_and_each_use_has_its_record",
            "an_unreviewed_one_blocks_the_principal_under_every_name",
        ],
    ),
    (
        "people are not flooded (R17)",
        &[
            "a_flood_of_asks_is_capped_for_a_principal_an_action_and_all_of_them",
            "who_asks_the_same_again_and_again_is_put_before_people_once",
        ],
    ),
    (
        "the policy is the one it was asked under (R18)",
        &[
            "a_change_of_policy_between_ask_and_use_ends_the_approval",
            "quorum_and_groups_are_those_of_the_time_of_use",
        ],
    ),
    (
        "a configuration that cannot work is refused (R19)",
        &[
            "what_cannot_be_kept_is_refused_with_its_place",
            "it_has_every_key_that_there_is",
            "every_key_of_the_service_has_tests_that_fail_where_its_value_is_ignored",
            "every_key_of_a_policy_has_tests_that_fail_where_its_value_is_ignored",
            "actions_that_never_match",
        ],
    ),
    (
        "agents are told what to do (R20)",
        &[
            "every_ending_has_a_code_of_its_own_and_says_what_to_do",
            "a_status_says_what_to_do_next",
        ],
    ),
];

#[test]
fn every_threat_and_every_rule_has_tests_that_exist() {
    let sources = sources();
    for (what, tests) in THREATS.iter().chain(&LOG_THREATS).chain(&RULES) {
        assert!(!tests.is_empty(), "{what}");
        for name in *tests {
            assert!(is_test(&sources, name), "{what}: there is no test {name}");
        }
    }
    // What it would find, were there none.
    assert!(!is_test(&sources, "no_test_has_this_name"));
    assert!(!is_test(&sources, "is_test"));
}
