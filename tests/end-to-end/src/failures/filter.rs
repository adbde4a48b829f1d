//! How the filter itself fails, and what the caller sees then.

use super::Part::Filter;
use super::{Failure, failure};

/// All of them.
pub(super) const FAILURES: &[Failure] = &[
    failure(
        Filter,
        "It traps in request headers, in a request body that is held, or in response headers",
        "503 at once; the upstream does not get the body",
        &[
            "a_trap_in_request_headers_refuses_its_request_and_cuts_what_streams",
            "a_trap_in_a_request_body_refuses_it_before_a_byte_has_left",
            "a_trap_in_response_headers_refuses_the_answer",
        ],
    ),
    failure(
        Filter,
        "It traps in a response body",
        "503 while the headers are held, else the stream is cut; nothing unmasked leaves",
        &[
            "a_trap_in_a_response_body_refuses_the_first_chunk_and_cuts_at_a_later_one",
            "a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed",
        ],
    ),
    failure(
        Filter,
        "It traps in the answer to a call",
        "The request that called hangs until its route's `idle_timeout`, then a 503 without a body",
        &["a_trap_in_a_calls_answer_leaves_its_request_hanging_until_its_idle_timeout"],
    ),
    failure(
        Filter,
        "It traps: answers of the same worker that are streaming",
        "They are cut at their next chunk",
        &[
            "a_trap_in_request_headers_refuses_its_request_and_cuts_what_streams",
            "a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed",
        ],
    ),
    failure(
        Filter,
        "It traps: answers of that worker whose headers wait for their first bytes",
        "They hang until their route's `idle_timeout`, then a 504, unless a chunk comes before",
        &["a_trap_in_response_headers_refuses_the_answer"],
    ),
    failure(
        Filter,
        "It traps: requests of that worker that are held",
        "They hang until their route's `idle_timeout`, then a 503 without a body: set that time to \
         the \
         longest hold and 10 s",
        &["a_request_that_is_held_while_the_filter_traps_ends_at_its_idle_timeout"],
    ),
    failure(
        Filter,
        "It trapped: new requests, with `FAIL_RELOAD`",
        "503 until the back-off since the module was last loaded is over (50 ms in the shipped \
         files, 1 s where it cannot be set, and up to half as long again), then answers as before",
        &[
            "a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed",
            "with_the_shipped_back_off_new_streams_succeed_well_within_a_second",
            "few_good_requests_fail_beside_a_poisonous_one_each_half_second",
            "a_filter_that_traps_leaks_nothing_and_comes_back",
        ],
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
        "It trapped, and somebody set `failure_policy: FAIL_OPEN` or `fail_open: true`",
        "**Everything after it leaves unmasked**, with `fail_open` the rest of the body too. \
         `velum policy check` of the bootstrap warns, and no shipped file has it",
        &[
            "failing_open_leaks_which_is_why_it_is_refused",
            "a_bootstrap_is_searched_for_what_undoes_the_policy",
        ],
    ),
    failure(
        Filter,
        "Its memory is exhausted",
        "The body that needs more is refused, a request with 503 `gateway-busy`, an answer with 502, \
         or cut, and its worker goes on; where an allocation fails that cannot be told, as a trap",
        &[
            "a_filter_short_of_memory_fails_the_large_body_and_keeps_its_worker",
            "a_chunk_that_memory_cannot_hold_fails_its_stream_alone",
            "without_memory_a_body_is_refused_and_the_next_one_goes_on",
            "under_the_largest_limits_whole_bodies_are_masked_or_refused_and_nothing_traps",
            "under_the_largest_limits_streams_that_never_end_are_refused_as_busy_and_nothing_traps",
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
        Filter,
        "Something in it panics",
        "A trap; Envoy's log has the place in the source, never the message, which might hold a \
         value",
        &["a_panic_is_told_by_its_place_and_never_by_its_message"],
    ),
    failure(
        Filter,
        "What it reads is nested beyond any limit",
        "As a body that is not JSON. Beyond its stack (512 KiB) or memory (64 MiB) the module \
         would trap",
        &[
            "nothing_that_is_nested_deeply_runs_over_the_stack",
            "the_memory_of_the_module_ends_at_64_mebibytes_and_its_stack_at_512_kibibytes",
        ],
    ),
];
