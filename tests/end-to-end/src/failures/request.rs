//! What the caller does wrong, and what it sees then.

use super::Part::Request;
use super::{Failure, failure};

/// All of them.
pub(super) const FAILURES: &[Failure] = &[
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
        "Its body has a masked value: a placeholder, or a token by its proof",
        "422 `masked-value`; the upstream does not get it",
        &[
            "a_masked_name_written_back_is_refused",
            "what_was_shown_is_refused_in_every_form_and_by_every_method",
            "where_headers_cannot_be_held_nothing_of_it_goes_on_either",
        ],
    ),
    failure(
        Request,
        "Its body is larger than `limits.held_body` and must be held",
        "413 `body-too-large`, at once where its length is told; beyond Envoy's own limit Envoy's \
         413",
        &[
            "a_body_larger_than_may_be_held_is_refused",
            "a_body_that_says_it_is_too_long_is_refused_before_it_comes",
            "a_chunked_body_is_refused_once_it_is_too_long",
            "a_body_too_long_is_refused_at_its_trailers",
            "a_request_body_beyond_a_limit_is_a_413_whoever_says_so",
        ],
    ),
    failure(
        Request,
        "The caller leaves while it waits",
        "Nothing is released; its approval lives until its time runs out",
        &["a_caller_that_leaves_loses_its_place_and_not_its_approval"],
    ),
    failure(
        Request,
        "The policy denies its action",
        "403 `action-denied`",
        &["a_request_is_under_the_policy_that_its_route_names_and_else_refused"],
    ),
    failure(
        Request,
        "It asks for a class that nobody may lift there",
        "400 `unknown-class`, with those that may be asked for",
        &["a_policy_of_several_is_known_to_the_service_by_its_own_digest"],
    ),
    failure(
        Request,
        "It replaces a record whole, where the policy refuses that",
        "403 `replacement-refused`",
        &["a_whole_replacement_is_refused_and_a_part_is_not"],
    ),
    failure(
        Request,
        "Its body must be reviewed, and the host cannot hold headers",
        "403 `body-not-reviewable`",
        &["where_headers_cannot_be_held_a_body_is_not_reviewable_and_none_is"],
    ),
    failure(
        Request,
        "Its body is to be masked and cannot be: another media type or charset, a file, a broken \
         form",
        "415 `request-not-maskable`, or it passes where `requests.otherwise` is `pass` and it is \
         plainly no JSON",
        &["what_cannot_be_masked_is_refused_or_passes_as_the_policy_says"],
    ),
    failure(
        Request,
        "Its body is inspected, and its query holds what would be masked there",
        "415 `request-not-maskable`, and nobody is asked",
        &["a_query_with_what_would_be_masked_in_a_body_never_arrives"],
    ),
    failure(
        Request,
        "Its body has a `content-encoding` and must be looked into",
        "415 `body-encoded`",
        &["what_cannot_be_masked_is_refused_or_passes_as_the_policy_says"],
    ),
    failure(
        Request,
        "Its body says that it is JSON and is not",
        "400 `body-not-json`, or a connection that is closed; the upstream never gets it whole",
        &["a_body_that_turns_out_to_be_no_json_never_arrives_whole"],
    ),
    failure(
        Request,
        "Its body has another length than it says, or two",
        "400 from Envoy, or nothing: the upstream never gets it",
        &["a_body_of_another_length_than_it_says_never_arrives"],
    ),
    failure(
        Request,
        "Its body ends with trailers instead of a last chunk",
        "As any other end: what is held is released or refused there",
        &[
            "a_held_body_ends_with_trailers_and_is_bound_by_its_digest",
            "a_flagged_body_that_ends_with_trailers_waits_too",
            "a_masked_value_in_a_request_is_found_however_the_body_is_cut",
        ],
    ),
    failure(
        Request,
        "A WebSocket, another upgrade, or `CONNECT` to what is masked",
        "403 `upgrade-refused`; where Envoy upgrades nothing, Envoy's own 403",
        &[
            "tunnels_are_refused_before_the_upstream_sees_them",
            "where_envoy_upgrades_nothing_the_refusal_is_its_own",
        ],
    ),
    failure(
        Request,
        "gRPC to what is masked",
        "200 with `grpc-status: 7` and `grpc-refused` in its message",
        &["a_grpc_client_is_told_permission_denied"],
    ),
    failure(
        Request,
        "A header is not UTF-8",
        "The masked answer, or 400 where the header is for the gateway; no other stream is harmed",
        &[
            "a_header_value_that_is_not_utf8_harms_nobody",
            "bytes_that_are_no_text_in_any_header_trap_nothing_and_show_nothing",
        ],
    ),
];
