//! Every way in which something can fail, what the caller sees then, and the tests that show it.
//! `docs/failure-modes.md` is made of this table.

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

use Part::{Configuration, Filter, Request, Seeing, Service, Upstream};

/// All of them.
pub const FAILURES: &[Failure] = &[
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
        "Envoy does not start",
        &[
            "a_rule_that_an_exemption_undoes_fails_the_self_check",
            "a_detector_that_finds_nothing_is_told",
        ],
    ),
    failure(
        Upstream,
        "The body is not JSON from its first chunk on",
        "502 `response-not-maskable`; where the host cannot hold headers, a stream that is cut",
        &[
            "invalid_from_the_start_is_a_clean_502",
            "a_bad_first_chunk_is_a_502_and_a_later_one_cuts_the_stream",
        ],
    ),
    failure(
        Upstream,
        "The body stops being JSON later",
        "What was masked until then; the stream is cut, so that the client sees an incomplete body",
        &["invalid_in_the_middle_cuts_the_body"],
    ),
    failure(
        Upstream,
        "It breaks off, or its document ends too early",
        "An incomplete body",
        &[
            "an_upstream_that_breaks_off_leaves_an_incomplete_body",
            "a_document_that_ends_too_early_is_never_whole",
        ],
    ),
    failure(
        Upstream,
        "Another media type, an encoding, a partial answer",
        "502 `response-not-maskable`, or the body as it is where `responses.otherwise` is `pass` and \
         it is plainly no JSON",
        &["other_media_types_encodings_and_parts_are_refused"],
    ),
    failure(
        Upstream,
        "A limit is exceeded",
        "As a body that is not JSON; a string that is too long is masked whole",
        &[
            "nesting_beyond_the_limit_lets_nothing_through",
            "a_token_beyond_the_limit_is_masked_or_refused",
        ],
    ),
    failure(
        Request,
        "Its path, method or headers can be read in two ways, where an action reviews or denies",
        "400 `ambiguous-path`, `ambiguous-request` or `method-override`",
        &[
            "a_path_that_could_mean_another_is_refused_where_an_action_reviews",
            "a_method_override_does_not_slip_past_a_review",
        ],
    ),
    failure(
        Request,
        "It needs a review and nobody verified who sends it",
        "403 `identity-required`",
        &["a_review_without_identity_is_refused_and_the_masked_answer_is_not"],
    ),
    failure(
        Request,
        "Its body has a masked value",
        "422 `masked-value`; the upstream does not get it",
        &["a_masked_name_written_back_is_refused"],
    ),
    failure(
        Request,
        "Its body is larger than `limits.held_body` and must be held",
        "413 `body-too-large`",
        &["a_body_larger_than_may_be_held_is_refused"],
    ),
    failure(
        Request,
        "The caller leaves while it waits",
        "Nothing is released; its approval lives until its time runs out",
        &["a_caller_that_leaves_loses_its_place_and_not_its_approval"],
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
        &["talking_rubbish", "a_broken_connection_is_no_answer"],
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
        &["without_a_hold_the_masked_answer_comes_at_once"],
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
        "Nobody decides within the hold",
        "403 `approval-required` with the approval's id; the identical request redeems it",
        &["a_hold_that_ran_out_names_the_approval_which_the_same_request_redeems_once"],
    ),
    failure(
        Filter,
        "It traps in a body: that stream, and streams of the same worker that send",
        "The stream is cut; nothing unmasked leaves",
        &["a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed"],
    ),
    failure(
        Filter,
        "It traps: requests of that worker that are held",
        "They hang until their route's `idle_timeout`, then a 503 without a body: set that time to the \
         longest hold and 10 s",
        &["a_request_that_is_held_while_the_filter_traps_ends_at_its_idle_timeout"],
    ),
    failure(
        Filter,
        "It trapped: new requests, with `FAIL_RELOAD`",
        "503 until the back-off is over (50 ms in the shipped files), then answers as before",
        &["a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed"],
    ),
    failure(
        Filter,
        "It trapped: new requests, with `FAIL_CLOSED` (where nothing else can be set)",
        "503 from that worker until Envoy starts anew; other workers go on",
        &[
            "without_a_reload_a_worker_that_trapped_answers_503_for_ever",
            "other_workers_go_on_where_one_has_trapped",
        ],
    ),
    failure(
        Filter,
        "Its memory is exhausted",
        "The body that needs more is refused or cut, and its worker goes on; where an allocation \
         fails that cannot be told, as a trap",
        &[
            "a_filter_short_of_memory_fails_the_large_body_and_keeps_its_worker",
            "a_chunk_that_memory_cannot_hold_fails_its_stream_alone",
        ],
    ),
    failure(
        Filter,
        "Envoy refuses a call of it (a header or a body that cannot be written, a reply)",
        "502, or the stream is cut; where even the reset fails it is held and never passes",
        &[
            "a_header_that_cannot_be_removed_refuses_the_request",
            "a_reply_that_fails_cuts_the_stream",
        ],
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
];

/// The document's table, in Markdown.
pub fn table() -> String {
    let sections = Part::ALL.map(|part| {
        let of_part = FAILURES.iter().filter(|failure| failure.part == part);
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
