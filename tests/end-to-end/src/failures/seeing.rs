//! What operators see.

use super::Part::Seeing;
use super::{Failure, failure};

/// All of them.
pub(super) const FAILURES: &[Failure] = &[
    failure(
        Seeing,
        "The policy service is down: outcomes of releases, and evidence of masked answers",
        "Traffic goes on. They wait in the worker, at most 256 or 1 MiB, and each is sent again for about \
         ten minutes, evidence first, with one attempt a second in all while the service does not \
         answer; the loss is in the metrics (`velum_events_lost_total`), and the use shows as one \
         without outcome",
        &[
            "an_outcome_is_sent_until_it_arrives_and_no_more",
            "one_that_fails_makes_no_other_wait",
            "what_was_tried_too_often_is_lost_however_it_failed",
        ],
    ),
    failure(
        Seeing,
        "The policy service's database was restored from a backup",
        "With a fence the service only reads, and every check is answered 503: what would be masked \
         anyway is, what asks for more gets 503 `approval-unavailable`, until \
         `velum-policy-service recover`",
        &[
            "a_database_that_was_restored_releases_nothing",
            "a_database_put_back_under_two_services_stops_both_not_only_the_one_that_signs",
            "records_behind_the_last_head_are_under_the_first_record_of_the_recovered_log",
        ],
    ),
    failure(
        Seeing,
        "A record of the audit log, its hash or a tile is changed in the database",
        "Within seconds every replica says so (`velum_policy_service_log_damaged`), and none extends or \
         signs the log: what an action releases only under a signed head is a 503; the rest goes on",
        &[
            "a_bit_that_is_flipped_in_the_log_is_told_within_ten_seconds_and_nothing_is_signed_over_it",
            "every_service_on_a_damaged_store_tells_of_it",
        ],
    ),
    failure(
        Seeing,
        "The same of a log that is closed, or it cannot be read at all",
        "The service says so in the same place, and of which log and why in `GET /v1/logs`; `/readyz` has a word of \
         it; the open log goes on and is signed",
        &[
            "what_is_changed_in_a_closed_log_is_told_too_and_the_open_one_goes_on",
            "a_closed_log_that_cannot_be_read_is_told_once_and_when_that_changes",
        ],
    ),
    failure(
        Seeing,
        "The key of the audit log is lost before the last head of a year is signed",
        "Nothing is signed until `velum-policy-service recover`; then the next log goes on under the new key, \
         and that the last records of the year are under no signed head is told",
        &["a_key_that_is_lost_before_a_years_last_head_keeps_the_next_log_from_nothing"],
    ),
    failure(
        Seeing,
        "An anchor of the audit log is dead, slow, or refuses heads",
        "Nothing, but where an action says `release = \"anchored\"` and too few others took the head within \
         2 s: 503, and the same stream gets its answer later. `GET /v1/logs` and the metrics say since when",
        &[
            "a_dead_and_a_silent_anchor_keep_nothing_from_going_on",
            "where_an_anchor_is_wanted_nothing_is_released_before_it",
        ],
    ),
    failure(
        Seeing,
        "A witness signs with another key, or what it was not sent",
        "It does not count: as if it were dead",
        &["a_cosignature_counts_only_when_it_is_the_witnesss_own"],
    ),
    failure(
        Seeing,
        "What the database has of an anchor is changed there",
        "It does not count and is not served, and the anchor's `fault` says so (`bad-note`); that a file or a \
         webhook has a head which was signed is the service's word",
        &[
            "what_was_made_up_of_a_file_in_the_store_releases_nothing",
            "a_cosignature_that_was_changed_in_the_store_is_not_served_and_is_told",
            "a_cosignature_that_was_made_up_in_the_store_releases_nothing",
            "what_is_not_believed_is_written_over_by_what_the_witness_signs_next",
        ],
    ),
    failure(
        Seeing,
        "An anchor knows more of the audit log than there is, or another history of it",
        "As with a database that was restored: the service only reads until \
         `velum-policy-service recover`",
        &[
            "a_database_that_is_behind_an_anchors_file_releases_nothing",
            "a_witness_that_has_seen_more_stops_the_service_at_its_start_and_while_it_runs",
            "a_file_with_another_history_of_the_same_length_stops_the_service",
            "years_that_were_lost_as_a_whole_are_recovered_by_anchors_alone_and_no_index_is_given_twice",
            "an_anchor_that_comes_back_after_a_recovery_with_more_of_the_old_log_is_taken_into_account",
            "an_anchor_that_tells_of_more_records_than_any_log_has_is_named_by_the_recovery",
        ],
    ),
    failure(
        Seeing,
        "An anchor cannot be asked when the service starts, or its file is gone",
        "A warning, and the fence decides alone; the file is not made anew",
        &["an_anchor_that_cannot_be_reached_at_a_start_leaves_it_to_the_fence"],
    ),
    failure(
        Seeing,
        "The OpenID provider of the inbox is away, or is not as the configuration says",
        "Nobody signs in, and where it says who is in which group nothing is decided at pages; who has \
         signed in still reads, and everything else goes on",
        &[
            "a_provider_that_cannot_be_asked_or_is_another_lets_nobody_in_and_ends_no_session",
            "groups_are_read_again_whenever_something_is_done_and_where_they_cannot_be_nothing_is",
        ],
    ),
    failure(
        Seeing,
        "An endpoint of `[[webhooks]]` is dead, slow, or refuses events",
        "Nothing. It is told again for days, and `velum_policy_service_webhook_up` is 0 \
         ([webhooks.md](webhooks.md))",
        &[
            "an_endpoint_that_does_not_answer_delays_nothing_else",
            "what_is_not_taken_is_sent_again_with_the_same_id_and_the_next_waits_for_it",
            "after_ten_attempts_an_event_is_given_up_and_the_next_one_goes",
        ],
    ),
    failure(
        Seeing,
        "The volume of the policy service's database is full",
        "Checks and votes are 503 at once, nothing is released, and what is there can be read; \
         traffic goes on, masked. When there is room again the same process goes on",
        &[
            "a_full_database_volume_refuses_within_a_second_and_recovers_without_a_restart",
            "a_full_volume_of_a_postgres_server_refuses_within_a_second_and_recovers_without_a_restart",
            "a_full_disk_refuses_and_recovers",
        ],
    ),
    failure(
        Seeing,
        "PostgreSQL has no room for its write-ahead log, so that it gives up",
        "As when its volume is full, after two seconds each; what is there cannot be read either. PostgreSQL is \
         started again, by whatever supervises it, once there is room; the service need not be",
        &[
            "a_postgres_without_room_for_its_log_lets_masking_go_on_and_reviews_go_on_when_it_is_back",
        ],
    ),
    failure(
        Seeing,
        "The policy service's store fails while a request waits",
        "The call that waits is no 503: it waits on, and at its end says what was known, pending; nothing is \
         released by that. Only a first decision that cannot be made is a 503",
        &[
            "who_waits_when_the_store_fails_is_told_what_was_known_and_waits_on_on_sqlite",
            "who_waits_when_the_store_fails_is_told_what_was_known_and_waits_on_on_postgres",
        ],
    ),
    failure(
        Seeing,
        "The volume of the fence is full or gone",
        "No head is signed: releases that wait for one (`checkpointed`) are 503, others go on, and \
         `velum_policy_service_log_head_up` is 0, until it can be written again",
        &[
            "a_full_fence_volume_stops_strict_releases_and_no_others_and_recovers",
            "where_a_head_is_wanted_nothing_is_released_before_it",
        ],
    ),
    failure(
        Seeing,
        "The signer of the audit log is down",
        "The same; a service whose log has not begun yet does not start",
        &["without_its_signer_a_log_stands_still_and_what_waits_for_it_too"],
    ),
    failure(
        Seeing,
        "The signer has signed more than the database has, or another past",
        "As of a database that was restored: the service only reads",
        &[
            "a_signer_that_has_signed_more_than_there_is_stops_the_service",
            "a_recovery_goes_on_from_what_the_signer_has_signed_also_in_a_year_that_was_lost",
        ],
    ),
    failure(
        Seeing,
        "The key that signs the audit log is not there",
        "The service does not start; a replica that runs follows the heads of the others",
        &[
            "another_key_alone_does_not_start_and_opens_a_new_log_where_somebody_says_so",
            "a_replica_with_the_old_key_alone_follows_and_does_not_start_again",
        ],
    ),
    failure(
        Seeing,
        "A flush of the volume of the policy service's SQLite fails",
        "Nothing is acknowledged by it. After the first the writer opens the file anew: a use is made once, a \
         vote is 503, and whoever cast it looks. After a second one in a row the process ends with status 1, for \
         its supervisor to start it",
        &[
            "a_flush_that_fails_once_loses_nothing_that_was_said_and_doubles_nothing",
            "a_disk_that_flushes_nothing_any_more_ends_the_service_and_nothing_is_acknowledged",
            "a_connection_whose_commit_failed_is_not_used_again",
        ],
    ),
    failure(
        Seeing,
        "A replica's clock is more than 30 s ahead of the database's",
        "It does not start, is not ready, and writes nothing: 503; the others go on",
        &["a_service_whose_clock_is_far_ahead_writes_nothing_that_would_end_what_has_not_ended"],
    ),
    failure(
        Seeing,
        "The policy service is down: events",
        "Traffic goes on. Batches wait and are sent again, ever more rarely; beyond 256 rows in a \
         worker requests are lost, counted in `velum_events_lost_total` and told in the next batch",
        &[
            "what_nobody_reviewed_arrives_in_batches_and_outlives_an_outage_of_the_service",
            "beyond_what_is_kept_requests_are_lost_and_the_loss_is_told",
            "a_batch_counts_once_and_what_is_missing_shows",
        ],
    ),
    failure(
        Seeing,
        "The host gives no metrics",
        "A warning at the start; traffic goes on",
        &["without_metrics_of_the_host_streams_go_on"],
    ),
    failure(
        Seeing,
        "The host does not take what is counted",
        "Traffic goes on. Counts wait in the worker for the next second, and arrive once",
        &["counts_that_the_host_does_not_take_wait_and_none_is_lost_or_doubled"],
    ),
];
