//! What an approval promises, by the rules and by the stores.

use std::fs;

use super::audit::of_a_run;
use super::tests_run::{self, Outcome, TestName, Way};
use super::{Claim, Measure, SKIPPED, Verdict};
use crate::{Result, workspace};

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "the state machine is one pure function, model-checked and tested with 100,000 histories: \
               no release with fewer people than needed outside the lineage, none after its end, none \
               twice, none wider, none under a stop (at length also among three reviewers whose clock is set back)",
        tests: &[
            "velum-approval::suite::model::no_order_of_events_releases_what_it_must_not",
            "velum-approval::suite::model::no_order_of_events_among_three_reviewers_releases_what_it_must_not",
            "velum-approval::suite::model::no_order_of_events_gives_a_grant_of_two_uses_a_third",
            "velum-approval::suite::properties::no_history_breaks_the_rules",
            "velum-approval::suite::properties::histories_reach_every_state",
        ],
    },
    Claim {
        text: "self, admin, alias, agent owner, nested act, unknown identity: nobody behind a request \
               approves it",
        tests: &[
            "velum-policy-service::tests::situations::every_situation_has_tests_that_exist",
            "velum-policy-service::tests::situations::who_asks_never_approves_be_they_in_every_group_and_admitted_in_emergencies",
            "velum-policy-service::tests::situations::another_name_of_the_same_person_is_the_same_person",
            "velum-policy-service::tests::answers::the_owner_of_an_agent_is_looked_up_again_for_every_vote",
            "velum-policy-service::tests::situations::everyone_between_the_agent_and_the_person_it_acts_for_is_behind_the_request",
            "velum-policy-service::tests::situations::somebody_whom_the_directory_has_forgotten_since_stops_the_vote",
            "velum-policy-service::tests::answers::what_nobody_here_can_judge_is_refused",
            "velum-end-to-end::first_light::approvals::nobody_behind_the_request_approves_it",
            "velum-end-to-end::first_light::identities::everyone_in_a_nested_act_chain_is_lineage",
        ],
    },
    Claim {
        text: "several roles by one person, a duplicate approver, an empty approver set, a double click, \
               a stale version: one person is one vote on what they saw",
        tests: &[
            "velum-policy-service::tests::situations::one_person_in_two_groups_stands_for_one_of_them",
            "velum-policy-service::tests::life::two_of_two_have_to_approve_and_one_of_them_in_the_group",
            "velum-policy-service::tests::answers::nobody_is_left_to_review",
            "velum-policy-service::tests::situations::a_double_click_is_one_vote",
            "velum-policy-service::tests::life::a_vote_on_a_version_that_has_passed_is_refused",
        ],
    },
    Claim {
        text: "a mismatch asks nobody anew, a changed policy ends the approval, clocks revive nothing, a \
               restart keeps what is pending and approved, a decision outlives a withdrawal",
        tests: &[
            "velum-policy-service::tests::situations::a_redemption_that_does_not_fit_asks_nobody_anew",
            "velum-policy-service::tests::answers::a_change_of_policy_between_ask_and_use_ends_the_approval",
            "velum-policy-service::tests::situations::a_grant_ends_to_the_millisecond_and_a_clock_set_back_gives_it_no_more_time",
            "velum-policy-service::tests::restart::a_clock_set_back_over_a_restart_revives_nothing",
            "velum-policy-service::tests::restart::approvals_grants_and_the_log_outlive_the_process",
            "velum-policy-service::http::withdraw::tests::only_the_requester_withdraws_and_a_decision_stands",
            "velum-policy-service::tests::situations::a_used_grant_cannot_be_withdrawn_and_an_unused_one_can",
        ],
    },
    Claim {
        text: "a connection that is cut at the COMMIT: the same answer on retry, one use, one record",
        tests: &[
            "velum-policy-service::tests::cut::a_line_that_is_cut_at_the_commit_leaves_one_use_and_the_same_answer",
            "velum-policy-service::tests::faults::a_use_whose_commit_is_in_doubt_is_found_or_made_but_never_made_twice",
        ],
    },
    Claim {
        text: "a client that hangs up at any moment, in any operation: done whole with its record, or not at all, \
               and once when it is said again (at length more than 1,000 cuts on each engine)",
        tests: &[
            "velum-policy-service::tests::hangups::whoever_hangs_up_has_said_it_once_or_not_at_all_on_sqlite",
            "velum-policy-service::tests::hangups::whoever_hangs_up_has_said_it_once_or_not_at_all_on_postgres",
            "velum-policy-service::tests::races::whoever_says_something_and_leaves_has_said_it_once_or_not_at_all",
        ],
    },
    Claim {
        text: "a grant of several uses has so many within its time, and none after it is revoked; the suite of the \
               stores notices a store that is weakened",
        tests: &[
            "velum-policy-service::tests::several::a_grant_of_three_uses_has_three_within_its_time_unless_it_is_revoked_on_sqlite",
            "velum-policy-service::tests::several::a_grant_of_three_uses_has_three_within_its_time_unless_it_is_revoked_on_postgres",
            "velum-policy-service::tests::engines::a_store_on_sqlite_that_is_weakened_does_not_pass",
            "velum-policy-service::tests::engines::a_store_on_postgres_that_is_weakened_does_not_pass",
        ],
    },
    Claim {
        text: "two replicas on one Postgres: a vote at one wakes who waits at the other, nothing is used \
               behind a stop; a store moves from SQLite to Postgres whole",
        tests: &[
            "velum-policy-service::tests::replicas::who_waits_at_one_service_is_woken_by_a_vote_at_the_other",
            "velum-policy-service::tests::stopping::nothing_is_used_behind_a_stop_in_the_log_however_they_race",
            "velum-policy-service::tests::moving::a_store_moves_whole_and_the_old_one_does_not_open_again",
        ],
    },
    Claim {
        text: "through a real Envoy: hold, mask-first offer and redeem, an impostor service, a captured \
               allow replayed",
        tests: &[
            "velum-end-to-end::first_light::approvals::a_held_request_returns_with_what_was_approved_and_no_more",
            "velum-end-to-end::first_light::approvals::a_hold_that_ran_out_names_the_approval_which_the_same_request_redeems_once",
            "velum-end-to-end::first_light::approvals::an_approval_is_good_for_its_request_and_its_principal_alone",
            "velum-end-to-end::grants::evidence::a_masked_answer_comes_at_once_and_what_it_holds_is_released_later",
            "velum-end-to-end::places::impostors::an_impostor_of_the_policy_service_is_never_asked",
            "velum-end-to-end::places::impostors::an_impostor_that_is_asked_all_the_same_lifts_nothing",
            "velum-end-to-end::first_light::service_faults::replaying_an_old_answer",
        ],
    },
    Claim {
        text: "through a real Envoy: narrower by class and by rule, limits on records and bytes, other \
               values behind the same counts are masked and told as drift",
        tests: &[
            "velum-end-to-end::grants::narrower::by_class",
            "velum-end-to-end::grants::narrower::by_rule",
            "velum-end-to-end::grants::narrower::by_records_and_by_bytes",
            "velum-end-to-end::grants::evidence::other_values_behind_the_same_counts_do_not_pass_and_are_drift",
        ],
    },
    Claim {
        text: "through a real Envoy: revoke in mid-response, an emergency stop with its confirmation time, \
               also when the line is cut; two replicas on one Postgres of which one is killed while \
               requests wait; break-glass",
        tests: &[
            "velum-end-to-end::grants::stopping::revoking_masks_the_rest_of_a_response",
            "velum-end-to-end::grants::stopping::an_emergency_stop_holds_within_its_time_and_says_so",
            "velum-end-to-end::grants::stopping::without_the_service_a_release_ends_with_its_lease",
            "velum-end-to-end::grants::stopping::a_request_that_is_held_learns_of_the_stop",
            "velum-end-to-end::grants::replicas::requests_that_wait_are_released_although_one_replica_is_killed",
            "velum-end-to-end::grants::emergencies::what_is_held_and_what_comes_is_released_and_each_use_has_its_record",
        ],
    },
    Claim {
        text: "through a real Envoy that is restarted hot: what is held ends as decided or finds its approval at the \
               new process, every answer is masked, and what is lifted goes on under its lease or is cut",
        tests: &[
            "velum-end-to-end::operations::hot_restart::held::what_is_held_at_a_hot_restart_ends_as_decided_or_finds_its_approval_at_the_new_envoy",
            "velum-end-to-end::operations::hot_restart::who_reads_through_a_hot_restart_gets_masked_answers_only_and_all_of_them_are_told",
            "velum-end-to-end::operations::hot_restart::a_response_that_is_lifted_goes_on_in_the_old_envoy_and_is_cut_when_that_ends",
        ],
    },
    Claim {
        text: "the clock of the service's machine an hour forward, an hour back, back while it is down, fast and slow: \
               what has expired is never revived",
        tests: &[
            "velum-policy-service::system_clock::where_the_clock_goes_an_hour_forward_what_was_open_has_expired_and_the_service_goes_on",
            "velum-policy-service::system_clock::where_the_clock_goes_an_hour_back_nothing_is_revived_and_the_service_says_that_it_is_not_ready",
            "velum-policy-service::system_clock::a_machine_whose_clock_goes_back_while_the_service_is_down_revives_nothing",
            "velum-policy-service::system_clock::a_clock_that_is_fast_or_slow_ends_grants_by_its_own_time_and_keeps_nothing_else",
        ],
    },
    Claim {
        text: "schemathesis against the OpenAPI document finds no 5xx and no undocumented answer (at length in 500 \
               requests of an operation)",
        tests: &[
            "velum-policy-service::tests::generated::no_generated_request_finds_a_fault_or_an_answer_that_is_not_in_the_document",
        ],
    },
    Claim {
        text: "people decide, stop and review emergencies on the command line",
        tests: &[
            "velum::command_line::deciding::an_approval_of_less_is_shown_with_its_receipt",
            "velum::command_line::deciding::on_a_terminal_it_shows_what_it_would_approve_and_asks",
            "velum::command_line::stopping::everything_is_stopped_and_another_person_resumes",
            "velum::command_line::stopping::an_emergency_is_opened_used_and_reviewed_by_somebody_else",
        ],
    },
];

/// What is measured, shortly or at length.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        text: "16 racers for each grant, on both engines (at length 1,500 grants): as many releases as \
               grants",
        run: |is_long| {
            all_of(
                way(is_long),
                &[
                    "velum-policy-service::tests::engines::sqlite_keeps_what_an_engine_has_to",
                    "velum-policy-service::tests::engines::postgres_keeps_what_an_engine_has_to",
                    "velum-policy-service::tests::races::through_a_whole_service_on_sqlite_every_grant_is_used_once",
                    "velum-policy-service::tests::races::through_a_whole_service_on_postgres_every_grant_is_used_once",
                ],
            )
        },
    },
    Measure {
        text: "kills under load (at length 200 of the service on each engine and 25 of Postgres): nothing \
               acknowledged is lost, nothing released twice, no gap in the log",
        run: |is_long| {
            all_of(
                way(is_long),
                &[
                    "velum-policy-service::crash::a_service_killed_under_load_on_sqlite_keeps_what_it_said",
                    "velum-policy-service::crash::a_service_killed_under_load_on_postgres_keeps_what_it_said",
                    "velum-policy-service::crash::a_server_killed_under_load_keeps_what_it_said",
                ],
            )
        },
    },
    Measure {
        text: "power loss on SQLite (at length at 200 moments, each twice): what was written and not flushed is thrown \
               away, nothing acknowledged is lost, nothing released twice; a disk that lies is found out",
        run: |is_long| {
            all_of(
                way(is_long),
                &[
                    "velum-policy-service::power_loss::a_machine_that_loses_its_power_keeps_what_the_service_said_on_sqlite",
                    "velum-policy-service::power_loss::a_disk_that_only_says_that_it_has_flushed_is_found_to_lose_what_was_said",
                ],
            )
        },
    },
    Measure {
        text: "a network to Postgres that holds packets back, loses connections, is cut or slow (at length 36 rounds of \
               uses, 8 of the log): each grant is used once, no head contradicts another, who waits hears what is true",
        run: |is_long| {
            all_of(
                way(is_long),
                &[
                    "velum-policy-service::network::uses_whose_packets_are_held_back_release_each_grant_once",
                    "velum-policy-service::network::one_that_signs_and_is_cut_off_beyond_its_lease_contradicts_nothing_the_other_has_signed",
                    "velum-policy-service::network::who_waits_at_a_service_that_is_cut_off_hears_what_is_true_once_it_is_back",
                    "velum-policy-service::network::over_a_slow_line_everything_goes_on_more_slowly",
                    "velum-policy-service::network::connections_that_are_lost_without_a_word_are_given_up_and_others_made",
                ],
            )
        },
    },
    Measure {
        text: "Postgres away (at length for a minute), and coming and going (at length ten times): each call is 503 within \
               4 s, all goes on within 5 s of its coming back, each grant is used once, nothing is left open",
        run: |is_long| {
            all_of(
                way(is_long),
                &[
                    "velum-policy-service::outage::a_postgres_that_is_away_or_comes_and_goes_is_told_of_and_used_again_when_it_is_back",
                ],
            )
        },
    },
    Measure {
        text: "a flood of asks from one and from five hundred (at length 2,000 a second for a minute): caps hold, one card \
               an ask, those who behave are served (at length in 100 ms at p99)",
        run: |is_long| {
            all_of(
                optimised(is_long),
                &[
                    "velum-policy-service::flood::a_flood_from_one_is_refused_beyond_its_caps_and_others_are_served",
                    "velum-policy-service::flood::a_flood_from_five_hundred_fills_its_action_and_no_other",
                ],
            )
        },
    },
    Measure {
        text: "a use is a transaction: at least 0.3 of the disk's syncs a second on SQLite, by two at once \
               that share none; Postgres beside its own",
        run: |_| {
            all_of(
                optimised(true),
                &["velum-policy-service::tests::rate::figures_of_uses_a_second"],
            )
        },
    },
    Measure {
        text: "how long a wrong token takes tells nothing of the right one",
        run: |_| {
            all_of(
                optimised(true),
                &["velum-policy-service::auth::tests::figures_of_the_time_that_wrong_tokens_take"],
            )
        },
    },
    Measure {
        text: "many that wait on one process (at length 10,000 for one approval and 2,000 for one each, under \
               300 MB), on both engines: a denial and an approval reach them in 50 ms at the median of 100, \
               in a second at p99 of 10,000",
        run: |is_long| {
            let short = [
                "velum-policy-service::waiters::a_decision_reaches_five_hundred_that_wait",
                "velum-policy-service::waiters::a_decision_reaches_five_hundred_that_wait_on_postgres",
            ];
            let long = [
                "velum-policy-service::waiters::a_decision_reaches_ten_thousand_that_wait",
                "velum-policy-service::waiters::a_decision_reaches_ten_thousand_that_wait_on_postgres",
            ];
            let tests = if is_long { long } else { short };
            of_a_run(is_long, all_of(optimised(is_long), &tests))
        },
    },
];

/// Tests do more where they are told that they may take long.
pub(super) fn way(is_long: bool) -> Way {
    Way {
        variable: is_long.then_some(("VELUM_LONG", "1")),
        is_optimised: false,
    }
}

/// The same, built as what is delivered is.
pub(super) fn optimised(is_long: bool) -> Way {
    Way {
        is_optimised: true,
        ..way(is_long)
    }
}

pub(super) fn all_of(way: Way, names: &[&str]) -> Verdict {
    run(way, names).unwrap_or_else(|error| Verdict::FallsShort(vec![error]))
}

fn run(way: Way, names: &[&str]) -> Result<Verdict> {
    let folder = workspace::root().join("target/claims");
    let tests = names.iter().map(|name| TestName::parse(name));
    let tests = tests.collect::<Result<Vec<_>>>()?;
    let outcomes = tests_run::run(&tests, &folder, way)?;
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for name in names {
        let function = name.rsplit("::").next().unwrap_or_default();
        let figure = fs::read_to_string(folder.join(format!("{function}.txt")));
        let figure = figure.unwrap_or_default().trim().to_owned();
        if outcomes.get(*name) == Some(&Outcome::Passed) {
            figures.extend(Some(figure).filter(|figure| !figure.is_empty()));
        } else {
            failed.push(format!("{name} failed {figure}").trim().to_owned());
        }
    }
    let (skipped, figures): (Vec<_>, Vec<_>) = figures
        .into_iter()
        .partition(|figure: &String| figure.starts_with(SKIPPED));
    Ok(if !failed.is_empty() {
        Verdict::FallsShort(failed)
    } else if skipped.is_empty() {
        Verdict::Holds(figures)
    } else {
        Verdict::Skipped(skipped)
    })
}
