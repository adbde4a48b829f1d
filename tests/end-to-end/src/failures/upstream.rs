//! What the upstream does wrong, and what the caller sees then.

use super::Part::Upstream;
use super::{Failure, failure};

/// All of them.
pub(super) const FAILURES: &[Failure] = &[
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
        "A limit is exceeded",
        "As a body that is not JSON; a string that is too long is masked whole",
        &[
            "nesting_beyond_the_limit_lets_nothing_through",
            "a_token_beyond_the_limit_is_masked_or_refused",
        ],
    ),
    failure(
        Upstream,
        "Another media type, or a partial answer",
        "502 `response-not-maskable`, or the body as it is where `responses.otherwise` is `pass` \
         and it is plainly no JSON",
        &[
            "other_media_types_encodings_and_parts_are_refused",
            "conditions_and_ranges_do_not_reach_the_upstream_and_parts_are_refused",
        ],
    ),
    failure(
        Upstream,
        "An encoding, though `identity` was asked for",
        "Decoded where the policy says so; else 502 `response-not-maskable`",
        &[
            "what_can_be_decoded_is_masked_and_comes_decoded",
            "encodings_that_nobody_decodes_here_are_a_502",
            "other_media_types_encodings_and_parts_are_refused",
        ],
    ),
    failure(
        Upstream,
        "An encoding that is decoded and is broken, cut off, or expands beyond its bound",
        "502 before the first bytes, else the stream is cut",
        &["what_is_broken_cut_off_or_a_bomb_is_never_whole_nor_unmasked"],
    ),
    failure(
        Upstream,
        "A text that the policy masks, without a length, longer than may be held, or in another \
         charset",
        "502 `response-not-maskable`; where the host cannot hold headers, a stream that is cut",
        &[
            "a_text_whose_end_length_or_charset_is_not_known_is_withheld",
            "where_headers_do_not_wait_a_bad_text_is_cut",
            "where_the_policy_names_no_text_none_passes",
        ],
    ),
    failure(
        Upstream,
        "Its trailers come before the document is whole",
        "An incomplete body, without them",
        &["trailers_and_ends_at_every_point_let_nothing_unmasked_through_and_tell_what_is_missing"],
    ),
    failure(
        Upstream,
        "It answers a plain request with gRPC",
        "502 `response-not-maskable`",
        &["a_grpc_client_is_told_permission_denied"],
    ),
    failure(
        Upstream,
        "It is not there",
        "503 from Envoy, as a problem document without Envoy's text",
        &["no_upstream_is_a_503_without_its_text"],
    ),
    failure(
        Upstream,
        "It takes longer than the route's `timeout`",
        "504 from Envoy, as a problem document",
        &["an_upstream_that_is_too_slow_is_a_504"],
    ),
    failure(
        Upstream,
        "It pretends that its answer is the gateway's own",
        "502 `response-not-maskable`: what Envoy does not call its own is masked or refused",
        &["nothing_of_an_upstream_passes_as_the_gateways_own"],
    ),
];
