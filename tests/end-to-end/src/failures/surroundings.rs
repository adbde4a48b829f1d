//! What fails round the policy service: its machine's power and clock, its network, and callers without measure.

use super::Part::Seeing;
use super::{Failure, failure};

pub(super) const FAILURES: &[Failure] = &[
    failure(
        Seeing,
        "The machine of the policy service loses its power (SQLite)",
        "What was answered is there when it starts again, by itself and not in recovery, and nothing is released \
         twice; what was not answered is done whole or not at all. A disk that says it has flushed and has not \
         loses what was said",
        &[
            "a_machine_that_loses_its_power_keeps_what_the_service_said_on_sqlite",
            "a_disk_that_only_says_that_it_has_flushed_is_found_to_lose_what_was_said",
        ],
    ),
    failure(
        Seeing,
        "The clock of the policy service's machine goes forward (SQLite)",
        "What was open has expired, and sessions end; new asks go on. When it is right again, the next row",
        &["where_the_clock_goes_an_hour_forward_what_was_open_has_expired_and_the_service_goes_on"],
    ),
    failure(
        Seeing,
        "It goes back, also while the service is down",
        "What has ended as expired stays so, and records' times never go back. Time stands still until the clock has caught up, \
         so what is open lasts as much longer: `velum_policy_service_clock_behind_seconds` says how far it is, and \
         beyond 30 s `/readyz` is 503; whoever calls all the same is answered",
        &[
            "where_the_clock_goes_an_hour_back_nothing_is_revived_and_the_service_says_that_it_is_not_ready",
            "a_clock_that_is_behind_shows_by_how_much",
            "a_machine_whose_clock_goes_back_while_the_service_is_down_revives_nothing",
        ],
    ),
    failure(
        Seeing,
        "It is fast or slow",
        "Nothing but that grants end by it",
        &["a_clock_that_is_fast_or_slow_ends_grants_by_its_own_time_and_keeps_nothing_else"],
    ),
    failure(
        Seeing,
        "PostgreSQL is away for a while, or comes and goes",
        "Checks, votes, reads and `/readyz` are each 503 after about 2 s where its port refuses (at most 4 s), at once \
         where its socket is gone; `/livez` is 200, and nothing is released. When it is back the same process uses it \
         again within 5 s, without a connection, file or thread more. A grant is used once: the same stream gets the same \
         answer for a minute, and is told later that it is used",
        &["a_postgres_that_is_away_or_comes_and_goes_is_told_of_and_used_again_when_it_is_back"],
    ),
    failure(
        Seeing,
        "A replica's packets to PostgreSQL are held back, in one direction or both",
        "Its callers get 503 after about 6 s, and within 11 s; behind Envoy, who does not wait gets it after 5 s. A commit that \
         arrives late counts: the same stream gets its answer if it asks again, else it is a use without outcome. Each grant \
         is released once at most. Callers of other replicas may get 503 for up to 7 s, until the database \
         ends what the first had locked",
        &[
            "uses_whose_packets_are_held_back_release_each_grant_once",
            "silent",
        ],
    ),
    failure(
        Seeing,
        "A replica's connections to PostgreSQL are lost without a word",
        "503 within 11 s each, then others are made",
        &["connections_that_are_lost_without_a_word_are_given_up_and_others_made"],
    ),
    failure(
        Seeing,
        "The replica that signs the audit log is cut off from PostgreSQL for longer than its lease",
        "Another signs within 25 s (about 13 s as measured). The first contradicts nothing when it is back",
        &[
            "one_that_signs_and_is_cut_off_beyond_its_lease_contradicts_nothing_the_other_has_signed",
        ],
    ),
    failure(
        Seeing,
        "A replica is cut off from PostgreSQL while somebody decides at another",
        "Who waits there waits on, and hears of it when the line is back; what was revoked meanwhile is released \
         to nobody",
        &["who_waits_at_a_service_that_is_cut_off_hears_what_is_true_once_it_is_back"],
    ),
    failure(
        Seeing,
        "The line to PostgreSQL is slow (20 ms each way)",
        "Everything, more slowly",
        &["over_a_slow_line_everything_goes_on_more_slowly"],
    ),
    failure(
        Seeing,
        "One principal, or hundreds, flood the policy service with asks (SQLite)",
        "429 `rate-limited` beyond the caps; at most 60 refusals a minute of each caller are in the log, \
         and 600 of a gateway with the first of each caller. \
         The same ask has one card. Others are served, but for an action whose own cap is full",
        &[
            "a_flood_from_one_is_refused_beyond_its_caps_and_others_are_served",
            "a_flood_from_five_hundred_fills_its_action_and_no_other",
        ],
    ),
];
