//! What the audit log promises.

mod verifying;

use super::approvals::{all_of, optimised, way};
use super::{Claim, Measure, Verdict};

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "other people's tools verify a log: Go's sumdb, tlog_tiles, signed_note and ct-merkle, \
               signature, every entry, inclusion, consistency between any two checkpoints",
        tests: &[
            "velum-ledger::suite::trees::every_root_and_proof_up_to_300_is_that_of_ct_merkle",
            "velum-ledger::suite::trees::every_proof_up_to_300_is_that_of_tlog_tiles",
            "velum-ledger::suite::notes::each_believes_what_the_other_signed",
            "velum-ledger::suite::notes::checkpoints_are_those_of_tlog_tiles",
            "velum-ledger::suite::go::go_verifies_every_entry_and_any_two_checkpoints",
            "velum-ledger::suite::go::go_verifies_what_is_kept_as_proofs",
            "velum::command_line::auditing::go::go_verifies_what_was_exported",
            "velum::command_line::auditing::go::a_log_is_fetched_with_curl_alone_and_go_verifies_it",
            "velum::command_line::auditing::crates::the_crates_of_others_verify_what_was_exported",
        ],
    },
    Claim {
        text: "what was done to a log is seen as the table of docs/audit.md says, also a release without \
               the people it needed; a log that was rewritten and signed again is told as what it is",
        tests: &[
            "velum::command_line::auditing::matrix::what_was_done_to_a_log_is_seen_as_the_table_says",
            "velum-ledger::suite::tamper::a_log_rewritten_with_the_key_needs_an_older_head",
        ],
    },
    Claim {
        text: "the rules that read a log again are not those that wrote it: whatever histories there are \
               hold, and what is changed in them is found",
        tests: &[
            "velum-approval::suite::replay::a_good_log_has_no_finding",
            "velum-approval::suite::replay::tampering::whatever_is_changed_is_found",
            "velum-approval::suite::replay::corruptions::whatever_is_changed_in_any_history_is_found",
            "velum-approval::suite::replay::every_history_replays_without_a_finding",
        ],
    },
    Claim {
        text: "a service's log begins with its name, is fenced and signed, and anyone can verify it; each \
               record has a proof for keeping",
        tests: &[
            "velum-policy-service::tests::log::a_log_begins_with_its_name_and_anyone_can_verify_it",
            "velum-policy-service::tests::log::silence_is_proven",
            "velum-policy-service::log::fence::tests::it_is_raised_from_where_it_stands_and_never_lowered",
            "velum::command_line::auditing::a_proof_is_made_with_and_without_the_service_and_anyone_checks_it",
        ],
    },
    Claim {
        text: "no record, no release: where a signed head is wanted nothing is released before it; a leaf \
               that was changed is signed by nobody",
        tests: &[
            "velum-policy-service::tests::log::where_a_head_is_wanted_nothing_is_released_before_it",
            "velum-policy-service::tests::log::a_leaf_that_was_changed_is_signed_by_nobody",
            "velum-policy-service::tests::faults::what_has_a_record_that_the_database_drops_does_not_take_place_on_sqlite",
            "velum-policy-service::tests::faults::what_has_a_record_that_the_database_drops_does_not_take_place_on_postgres",
            "velum-policy-service::tests::faults::behind_a_record_that_is_missing_nothing_is_written_on_either_engine",
            "velum-policy-service::tests::faults::a_use_that_the_database_drops_releases_nothing_on_either_engine",
            "velum-policy-service::tests::faults::a_record_that_is_changed_behind_its_insert_releases_nothing_where_a_head_is_wanted",
            "velum-policy-service::tests::faults::a_full_disk_refuses_and_recovers",
        ],
    },
    Claim {
        text: "the key is exchanged under load, both sign meanwhile, and whoever knows the old key alone, the \
               new one or both can verify; an exchange that the old key has not signed is told",
        tests: &[
            "velum-policy-service::tests::rotation::a_key_is_exchanged_under_load_and_who_knows_either_key_can_verify",
            "velum-policy-service::tests::rotation::the_old_key_may_not_go_before_it_has_signed_over_the_exchange",
            "velum::command_line::auditing::keys::whoever_knows_one_key_can_believe_those_after_it",
            "velum::command_line::auditing::keys::an_exchange_that_the_old_key_has_not_signed_is_told",
            "velum::command_line::auditing::keys::an_export_has_every_key_and_what_leads_from_one_to_the_next",
            "velum-ledger::suite::go::go_takes_old_and_new_keys_while_they_are_rotated",
        ],
    },
    Claim {
        text: "a signer with a user of its own signs only what continues what it has signed, whatever it was \
               through; without it the log stands still and what waits for it too",
        tests: &[
            "velum-policy-service::signer::it_signs_what_continues_and_nothing_else_whatever_it_was_through",
            "velum-policy-service::signer::kills_at_any_moment_leave_one_root_for_each_size",
            "velum-policy-service::signer::only_the_user_that_may_is_answered",
            "velum-policy-service::tests::signing::without_its_signer_a_log_stands_still_and_what_waits_for_it_too",
            "velum-policy-service::tests::signing::the_signers_key_is_exchanged_while_the_service_runs",
        ],
    },
    Claim {
        text: "the database's volume is full: 503 within a second, masking goes on, and the same process goes on \
               when there is room",
        tests: &[
            "velum-end-to-end::operations::full_disk::a_full_database_volume_lets_masking_go_on_and_reviews_go_on_when_there_is_room",
            "velum-policy-service::full_disk::a_full_database_volume_refuses_within_a_second_and_recovers_without_a_restart",
            "velum-policy-service::full_disk::a_full_volume_of_a_postgres_server_refuses_within_a_second_and_recovers_without_a_restart",
            "velum-end-to-end::operations::full_disk::a_postgres_without_room_for_its_log_lets_masking_go_on_and_reviews_go_on_when_it_is_back",
        ],
    },
    Claim {
        text: "the fence's volume is full: releases that wait for a head stop, others go on, and a metric says \
               so",
        tests: &[
            "velum-policy-service::full_disk::a_full_fence_volume_stops_strict_releases_and_no_others_and_recovers",
        ],
    },
    Claim {
        text: "a database that was restored releases nothing until its log is recovered, and none of its \
               grants then",
        tests: &[
            "velum-policy-service::tests::log::a_database_that_was_restored_releases_nothing",
            "velum-policy-service::tests::log::records_that_are_lost_under_a_running_service_stop_it",
            "velum-policy-service::tests::putback::a_database_put_back_under_two_services_stops_both_not_only_the_one_that_signs",
            "velum-policy-service::tests::anchors::lost::years_that_were_lost_as_a_whole_are_recovered_by_anchors_alone_and_no_index_is_given_twice",
            "velum-policy-service::tests::lost_key::a_key_that_is_lost_before_a_years_last_head_keeps_the_next_log_from_nothing",
        ],
    },
    Claim {
        text: "what is masked without review is one record a minute and gateway, by action, principal and \
               class, however much it is; gaps in a worker's batches are in it; none is lost or counted \
               twice",
        tests: &[
            "velum-policy-service::tests::events::however_many_batches_come_the_log_has_one_record_of_a_minute",
            "velum-policy-service::tests::events::a_batch_counts_once_and_what_is_missing_shows",
            "velum-policy-service::tests::events::a_minute_that_was_over_while_the_service_stood_still_is_recorded",
            "velum-policy-service::tests::events::two_services_on_one_store_record_each_minute_once",
            "velum-approval::suite::records::a_summary_adds_up_what_is_alike_and_names_what_is_missing",
            "velum-approval::suite::records::the_largest_summary_fits_and_loses_no_count",
        ],
    },
    Claim {
        text: "no PHI in it: 200 canaries through every operation, and through a real Envoy, are found in \
               the erasable column alone, and nowhere once that is erased; what a gateway does not leave out \
               the service does",
        tests: &[
            "velum-policy-service::tests::canaries::what_a_gateway_does_not_leave_out_is_left_out_here",
            "velum-approval::suite::records::a_record_has_the_policys_words_of_a_route_and_no_others",
            "velum-approval::words::route::tests::nothing_of_a_caller_is_in_it",
            "velum-policy-service::tests::canaries::two_hundred_canaries_are_in_what_people_wrote_and_once_that_is_erased_nowhere",
            "velum-policy-service::tests::canaries::two_hundred_canaries_are_nowhere_else_in_a_postgres_servers_folder_either",
            "velum-policy-service::tests::canaries::what_was_erased_is_missing_nowhere_in_the_log",
            "velum-end-to-end::first_light::canaries::planted_in_body_key_path_query_and_reason_are_found_nowhere",
            "velum-end-to-end::first_light::canaries::two_hundred_through_envoy_are_found_in_the_erasable_column_alone",
        ],
    },
    Claim {
        text: "what people wrote is what the log has a commitment to: a text that was changed in the database is shown \
               to nobody, nothing is approved by it, and anyone who has text, salt and log can tell",
        tests: &[
            "velum-policy-service::tests::texts::a_text_that_was_changed_is_shown_to_nobody_and_nothing_is_approved_by_it_on_sqlite",
            "velum-policy-service::tests::texts::a_text_that_was_changed_is_shown_to_nobody_and_nothing_is_approved_by_it_on_postgres",
            "velum::command_line::auditing::a_text_is_checked_against_the_commitment_of_the_log",
        ],
    },
    Claim {
        text: "a bit that is flipped in the log later is told within ten seconds, by every replica, and \
               nothing is signed over it",
        tests: &[
            "velum-policy-service::tests::rereading::a_bit_that_is_flipped_in_the_log_is_told_within_ten_seconds_and_nothing_is_signed_over_it",
            "velum-policy-service::tests::rereading::every_service_on_a_damaged_store_tells_of_it",
            "velum-policy-service::tests::rereading::a_closed_log_that_cannot_be_read_is_told_once_and_when_that_changes",
        ],
    },
    Claim {
        text: "a log ends with its year and the next one has its root; nothing is lost or in both, whatever ends \
               in between; closed logs go after their retention alone, and a record says so",
        tests: &[
            "velum-policy-service::tests::years::the_log_of_a_year_ends_with_it_and_the_next_one_goes_on_under_load",
            "velum-policy-service::tests::years::of_two_replicas_one_closes_the_year_and_an_approval_goes_on_over_it",
            "velum-policy-service::tests::years::an_end_after_any_step_into_the_new_year_is_taken_up_again",
            "velum-policy-service::tests::years::a_service_that_was_off_over_new_year_closes_the_old_year_when_it_starts",
            "velum-policy-service::tests::pruning::a_closed_log_goes_after_its_retention_and_no_grant_of_it_comes_to_life",
            "velum::command_line::auditing::years::logs_of_several_years_are_verified_each_and_one_after_the_other",
            "velum::command_line::auditing::years::logs_that_do_not_belong_together_are_told",
            "velum::command_line::auditing::years::a_log_that_was_removed_is_accounted_for_by_a_record",
        ],
    },
    Claim {
        text: "one table says what records there are, when and why each is written and what it holds; a code is \
               never given to another",
        tests: &[
            "velum-approval::suite::catalogue::the_catalogue_says_what_each_record_holds",
            "velum-approval::suite::catalogue::the_document_is_the_catalogue",
            "velum-approval::suite::catalogue::a_code_is_never_given_to_another_event",
        ],
    },
    Claim {
        text: "a requester gets the proof of their own release through Envoy, and nobody else does",
        tests: &[
            "velum-end-to-end::grants::proofs::a_requester_keeps_the_proof_of_their_own_release_and_nobody_elses",
        ],
    },
    Claim {
        text: "heads leave the machine: a file, a webhook and a witness get each, a slow or dead one keeps \
               nothing from going on; where they are wanted nothing is released before them; one that knows \
               more than the log, or another history of it, stops the service",
        tests: &[
            "velum-policy-service::tests::anchors::each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so",
            "velum-policy-service::tests::anchors::a_dead_and_a_silent_anchor_keep_nothing_from_going_on",
            "velum-policy-service::tests::anchors::where_an_anchor_is_wanted_nothing_is_released_before_it",
            "velum-policy-service::tests::anchors::as_many_anchors_as_are_needed_have_to_have_it",
            "velum-policy-service::tests::anchors::a_cosignature_counts_only_when_it_is_the_witnesss_own",
            "velum-policy-service::tests::anchors::noted::what_was_made_up_of_a_file_in_the_store_releases_nothing",
            "velum-policy-service::tests::anchors::lost::a_database_that_is_behind_an_anchors_file_releases_nothing",
            "velum-policy-service::tests::anchors::lost::a_witness_that_has_seen_more_stops_the_service_at_its_start_and_while_it_runs",
            "velum-policy-service::tests::anchors::lost::a_witness_that_has_seen_another_history_stops_the_service",
            "velum-policy-service::tests::anchors::lost::a_file_with_another_history_of_the_same_length_stops_the_service",
            "velum::command_line::auditing::the_file_of_an_anchor_is_compared_head_by_head",
        ],
    },
    Claim {
        text: "evidence for an auditor: a sample that anyone can draw again, with proofs, and what is \
               missing",
        tests: &[
            "velum::command_line::auditing::evidence_is_a_sample_that_anyone_can_draw_again",
            "velum::command_line::auditing::what_is_missing_is_told_in_the_evidence",
        ],
    },
];

/// What is measured.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        text: "verifying 1,000,000 records of mixed approvals, hashes and rules, takes less than 20 s and 200 MB",
        run: verifying::million,
    },
    Measure {
        text: "many approvals of every kind through a whole service, on both engines (at length 10,000): \
               their log holds",
        run: |is_long| {
            at_length(
                is_long,
                &[
                    "velum-policy-service::tests::many::many_approvals_of_every_kind_leave_a_log_that_holds_on_sqlite",
                    "velum-policy-service::tests::many::many_approvals_of_every_kind_leave_a_log_that_holds_on_postgres",
                ],
            )
        },
    },
    Measure {
        text: "killed at any step of integrating, fencing, signing and publishing (at length 100 kills), or \
               standing still there beyond its lease: never two roots for a size, never a head that was \
               not fenced",
        run: |is_long| {
            at_length(
                is_long,
                &[
                    "velum-policy-service::drills::killed_at_any_step_it_has_one_root_for_each_size_and_no_head_beyond_the_fence",
                    "velum-policy-service::drills::killed_at_any_step_on_postgres_it_has_one_root_for_each_size_and_no_head_beyond_the_fence",
                    "velum-policy-service::drills::one_that_stood_still_beyond_its_lease_signs_nothing_that_another_has_signed",
                    "velum-policy-service::tests::log::an_end_after_any_step_leaves_one_root_for_each_size_and_no_head_beyond_the_fence",
                ],
            )
        },
    },
    Measure {
        text: "its record costs the transaction of a use less than a tenth of its time without (both take the order and the \
               time that replicas share), on either engine",
        run: |_| {
            all_of(
                optimised(false),
                &[
                    "velum-policy-service::tests::rate::a_record_costs_a_use_less_than_a_tenth_of_its_time",
                ],
            )
        },
    },
];

/// What is claimed of a long run: a short one can show that it does not hold, and never that it does.
fn at_length(is_long: bool, names: &[&str]) -> Verdict {
    of_a_run(is_long, all_of(way(is_long), names))
}

pub(super) fn of_a_run(is_long: bool, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Holds(figures) if !is_long => {
            let short = figures.into_iter().map(|figure| format!("short: {figure}"));
            Verdict::Skipped(
                std::iter::once("with --long".to_owned())
                    .chain(short)
                    .collect(),
            )
        }
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_holds_nothing_that_is_claimed_of_a_long_one() {
        let holds = || Verdict::Holds(vec!["320 approvals".to_owned()]);
        let fails = || Verdict::FallsShort(vec!["two roots".to_owned()]);
        assert_eq!(of_a_run(true, holds()), holds());
        assert_eq!(
            of_a_run(false, holds()).describe(),
            "skipped: with --long; short: 320 approvals"
        );
        assert_eq!(of_a_run(false, fails()), fails());
        assert_eq!(of_a_run(true, fails()), fails());
    }
}
