//! Every way in which something can fail, what the caller sees then, and the tests that show it.
//! `docs/failure-modes.md` is made of this table.

mod filter;
mod request;
mod seeing;
mod surroundings;
mod upstream;

/// One way to fail.
pub struct Failure {
    /// What fails, under which heading.
    pub part: Part,
    /// What happens.
    pub what: &'static str,
    /// What whoever waits for an answer sees.
    pub seen: &'static str,
    /// The tests that show it, by the names of their functions.
    pub tests: &'static [&'static str],
}

/// The part that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The policy document and the environment.
    Configuration,
    /// What the upstream answers.
    Upstream,
    /// What the caller sends.
    Request,
    /// The policy service and the way to it.
    Service,
    /// The filter itself.
    Filter,
    /// Metrics, logs and events.
    Seeing,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::Configuration,
        Self::Upstream,
        Self::Request,
        Self::Service,
        Self::Filter,
        Self::Seeing,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Configuration => "The configuration",
            Self::Upstream => "The upstream",
            Self::Request => "The request",
            Self::Service => "The policy service",
            Self::Filter => "The filter itself",
            Self::Seeing => "What operators see",
        }
    }
}

const fn failure(
    part: Part,
    what: &'static str,
    seen: &'static str,
    tests: &'static [&'static str],
) -> Failure {
    Failure {
        part,
        what,
        seen,
        tests,
    }
}

use Part::{Configuration, Service};

/// All of them, in no order.
pub fn all() -> impl Iterator<Item = &'static Failure> {
    let parts = [
        FAILURES,
        upstream::FAILURES,
        request::FAILURES,
        filter::FAILURES,
        seeing::FAILURES,
        surroundings::FAILURES,
    ];
    parts.into_iter().flatten()
}

/// Those round the filter.
const FAILURES: &[Failure] = &[
    failure(
        Configuration,
        "The policy has a fault",
        "Envoy does not start; `envoy --mode validate` and `velum policy check` name the place. An \
         update over xDS is rejected, and the old policy stays in force",
        &[
            "a_bad_configuration_is_refused_with_the_pointer_of_its_fault",
            "envoy_and_the_command_line_find_the_same_faults_at_the_same_places",
        ],
    ),
    failure(
        Configuration,
        "A secret is not in the environment",
        "Envoy does not start; its log names the variable",
        &["a_missing_secret_is_refused"],
    ),
    failure(
        Configuration,
        "A detector or the rule of a key lets a known value through (the self-check at each start)",
        "Envoy does not start; `velum policy check` refuses it too",
        &[
            "a_rule_that_an_exemption_undoes_fails_the_self_check",
            "a_detector_that_finds_nothing_is_told",
            "envoy_and_the_command_line_find_the_same_faults_at_the_same_places",
        ],
    ),
    failure(
        Configuration,
        "Envoy discovers the filter (ECDS) and gets none, or one that it refuses",
        "500 to every request, from Envoy. An update that is refused leaves the filter before it \
         in force",
        &[
            "without_the_filter_nothing_passes",
            "an_update_that_is_refused_changes_nothing",
        ],
    ),
    failure(
        Configuration,
        "Envoy fetches the module and gets none, or one with another hash",
        "503 to every request, from Envoy",
        &["another_hash_or_no_module_closes_with_503"],
    ),
    failure(
        Configuration,
        "The list of capabilities lacks a function that the filter calls",
        "What needs a call to the service gets 503 `approval-unavailable`, what needs to write a \
         body is refused or cut",
        &[
            "without_the_capability_to_call_nothing_is_lifted_and_nothing_released",
            "without_the_capability_to_write_a_body_nothing_unmasked_leaves",
        ],
    ),
    failure(
        Configuration,
        "The list of capabilities lacks a callback, `proxy_on_response_body` above all",
        "**Bodies leave unmasked**: Envoy skips the callback and no module can notice. `velum \
         policy check` of the bootstrap warns; the shipped files have the whole list",
        &[
            "every_capability_that_is_missing_is_warned_of",
            "the_capabilities_in_every_file_are_those_that_the_filter_has",
        ],
    ),
    failure(
        Configuration,
        "Of several policies the route names none, or one that is not there",
        "503 `policy-not-chosen`; the upstream does not get it",
        &[
            "a_request_is_under_the_policy_that_its_route_names_and_else_refused",
            "a_route_chosen_by_the_method_or_missing_is_refused_too",
        ],
    ),
    failure(
        Service,
        "It is down, or the connection is refused (Envoy's own 503)",
        "What would be masked anyway is; what asked and waits for more gets 503 \
         `approval-unavailable`",
        &["down"],
    ),
    failure(
        Service,
        "It does not answer (Envoy's own 504)",
        "The same, when the hold and 5 s are over",
        &["silent"],
    ),
    failure(
        Service,
        "It breaks off in its answer, answers with another status, too much, or no answer of ours",
        "The same, at once",
        &[
            "closing_before_it_says_anything",
            "talking_rubbish",
            "a_broken_connection_is_no_answer",
        ],
    ),
    failure(
        Service,
        "It does not know the gateway's token, or the headers of the call are too large for it",
        "The same, at once; no approval is made",
        &[
            "a_gateway_whose_token_it_does_not_know",
            "a_call_whose_headers_are_too_large_for_it",
        ],
    ),
    failure(
        Service,
        "Its answer has no signature, another's, or is an old one",
        "The same, at once: nothing is lifted",
        &["unsigned_or_signed_by_another", "replaying_an_old_answer"],
    ),
    failure(
        Service,
        "No call can be sent: its cluster is unknown or has no room for more",
        "The same, at once",
        &[
            "a_cluster_that_envoy_does_not_have",
            "a_cluster_that_takes_no_more_calls",
        ],
    ),
    failure(
        Service,
        "It takes longer than the route's `idle_timeout`",
        "504 from Envoy, whatever the hold is; the approval lives",
        &["a_hold_beyond_the_routes_idle_timeout_ends_with_a_504"],
    ),
    failure(
        Service,
        "It takes longer than `request_timeout` or `max_stream_duration`",
        "504 from Envoy; the approval lives",
        &["each_timeout_of_envoy_ends_a_wait_as_documented_and_no_approval"],
    ),
    failure(
        Service,
        "The listener changes (LDS) while it takes its time",
        "The connection is closed when the drain time ends; the approval lives",
        &["a_changed_listener_cuts_a_request_that_waits_and_the_same_request_finds_its_approval"],
    ),
    failure(
        Service,
        "Envoy is killed while a request is held",
        "The connection is closed, and nothing is used; the approval lives, and the same request finds it at the next Envoy",
        &["an_envoy_that_is_killed_in_mid_hold_leaves_the_approval_to_the_same_request"],
    ),
    failure(
        Service,
        "Envoy's listeners are drained while requests are held",
        "Each of those is answered as ever; new connections are refused",
        &["requests_that_are_held_when_envoy_is_drained_are_all_answered"],
    ),
    failure(
        Service,
        "Envoy is restarted hot (`--restart-epoch`) while requests are held",
        "Each is answered as ever while the old process is there, and new connections by the new one. When the old one ends, what it still holds is closed; the approval lives, and the same request finds it at the new one",
        &[
            "what_is_held_at_a_hot_restart_ends_as_decided_or_finds_its_approval_at_the_new_envoy",
            "who_reads_through_a_hot_restart_gets_masked_answers_only_and_all_of_them_are_told",
        ],
    ),
    failure(
        Service,
        "Envoy is restarted hot while values are lifted",
        "The old process goes on under its lease, and masks the rest of what is taken back. What it has not sent when it ends is cut and not released again; the use shows as one without outcome",
        &["a_response_that_is_lifted_goes_on_in_the_old_envoy_and_is_cut_when_that_ends"],
    ),
    failure(
        Service,
        "Nobody decides within the hold",
        "403 `approval-required` with the approval's id; the identical request redeems it",
        &["a_hold_that_ran_out_names_the_approval_which_the_same_request_redeems_once"],
    ),
    failure(
        Service,
        "A replica of it goes away while a request is held",
        "Nothing: the same ask is sent again, at most three times in a row, and another replica answers",
        &[
            "requests_that_wait_are_released_although_one_replica_is_killed",
            "a_broken_connection_is_no_answer",
        ],
    ),
    failure(
        Service,
        "It goes away while values are lifted",
        "They are masked from 10 s on after the worker last heard of it, within valid JSON",
        &[
            "without_the_service_a_release_ends_with_its_lease",
            "without_a_lease_the_rest_is_masked",
        ],
    ),
    failure(
        Service,
        "Somebody stops releases, or revokes the grant",
        "403 `releases-stopped` to held requests and asks; what is being lifted is masked from then on",
        &[
            "an_emergency_stop_holds_within_its_time_and_says_so",
            "a_request_that_is_held_learns_of_the_stop",
            "revoking_masks_the_rest_of_a_response",
        ],
    ),
    failure(
        Service,
        "The response is another one than reviewers saw, or more than was granted",
        "What was not seen, or is beyond the rules, records or bytes that were granted, is masked, and counted as \
         drift; a class that was not granted is masked as ever",
        &[
            "other_values_behind_the_same_counts_do_not_pass_and_are_drift",
            "by_records_and_by_bytes",
            "by_rule",
            "by_class",
        ],
    ),
];

/// The document's table, in Markdown.
pub fn table() -> String {
    let sections = Part::ALL.map(|part| {
        let of_part = all().filter(|failure| failure.part == part);
        let rows: Vec<String> = of_part.map(Failure::row).collect();
        format!(
            "\n## {}\n\n| what fails | what the caller sees | shown by |\n| --- | --- | --- |\n{}",
            part.title(),
            rows.concat()
        )
    });
    sections.concat() + "\n"
}

impl Failure {
    fn row(&self) -> String {
        let tests: Vec<_> = self.tests.iter().map(|test| format!("`{test}`")).collect();
        let (what, seen) = (self.what, self.seen);
        format!("| {what} | {seen} | {} |\n", tests.join(", "))
    }
}
