//! What the first working thread, shown against a real Envoy, promises.

use super::Claim;

/// Each line, and the tests that show it.
pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        text: "JSON is masked in single and list responses over HTTP/1.1 and HTTP/2, from \
               chunked and content-length upstreams",
        tests: &[
            "velum-end-to-end::first_light::masking::single_and_list_over_both_protocols_chunked_and_by_length",
        ],
    },
    Claim {
        text: "the same bytes come out for every split of a small body into two chunks and \
               for 1-byte chunks, native and in the built wasm",
        tests: &[
            "velum-engine::engine::properties::every_cut_gives_the_same",
            "velum-end-to-end::first_light::wasm_host::every_split_gives_the_same_bytes_in_the_built_wasm",
            "velum-end-to-end::first_light::wasm_host::one_byte_chunks_through_a_real_envoy_give_the_same_bytes",
        ],
    },
    Claim {
        text: "100 MB of NDJSON are masked in stream: Envoy's resident memory grows by less \
               than 32 MiB, and the first masked line arrives before the upstream has sent \
               the last",
        tests: &[
            "velum-end-to-end::first_light::streaming::a_hundred_megabytes_of_ndjson_in_bounded_memory",
            "velum-end-to-end::first_light::streaming::the_first_masked_line_arrives_before_the_upstream_has_sent_the_last",
        ],
    },
    Claim {
        text: "a held request is released with what was approved and no more, or denied",
        tests: &[
            "velum-end-to-end::first_light::approvals::a_held_request_returns_with_what_was_approved_and_no_more",
            "velum-end-to-end::first_light::approvals::a_denial_is_told_with_its_public_reason",
        ],
    },
    Claim {
        text: "a hold that ran out names the approval, which re-sending redeems once",
        tests: &[
            "velum-end-to-end::first_light::approvals::a_hold_that_ran_out_names_the_approval_which_the_same_request_redeems_once",
        ],
    },
    Claim {
        text: "nobody approves a request of their own or of their lineage",
        tests: &[
            "velum-end-to-end::first_light::approvals::nobody_behind_the_request_approves_it",
            "velum-end-to-end::first_light::approvals::an_identity_that_the_directory_does_not_know_gets_no_review",
            "velum-end-to-end::first_light::identities::everyone_in_a_nested_act_chain_is_lineage",
        ],
    },
    Claim {
        text: "an approval is refused for a different request (409) and for another principal",
        tests: &[
            "velum-end-to-end::first_light::approvals::an_approval_is_good_for_its_request_and_its_principal_alone",
        ],
    },
    Claim {
        text: "with the policy service down, slow or answering rubbish no unmasked byte \
               leaves",
        tests: &[
            "velum-end-to-end::first_light::service_faults::down",
            "velum-end-to-end::first_light::service_faults::silent",
            "velum-end-to-end::first_light::service_faults::talking_rubbish",
            "velum-end-to-end::first_light::service_faults::slow_but_right_is_waited_for",
        ],
    },
    Claim {
        text: "invalid JSON before and in the middle of a body, nesting and a token beyond \
               the limit: no unmasked byte, and the client can tell that the body is not \
               whole",
        tests: &[
            "velum-end-to-end::first_light::bodies::invalid_from_the_start_is_a_clean_502",
            "velum-end-to-end::first_light::bodies::invalid_in_the_middle_cuts_the_body",
            "velum-end-to-end::first_light::bodies::a_document_that_ends_too_early_is_never_whole",
            "velum-end-to-end::first_light::bodies::an_upstream_that_breaks_off_leaves_an_incomplete_body",
            "velum-end-to-end::first_light::bodies::nesting_beyond_the_limit_lets_nothing_through",
            "velum-end-to-end::first_light::bodies::a_token_beyond_the_limit_is_masked_or_refused",
        ],
    },
    Claim {
        text: "a trap and a bad configuration fail closed",
        tests: &[
            "velum-end-to-end::first_light::traps::a_bad_configuration_is_refused_with_the_pointer_of_its_fault",
            "velum-end-to-end::first_light::traps::a_missing_secret_is_refused",
            "velum-end-to-end::first_light::traps::a_filter_that_traps_leaks_nothing_and_comes_back",
        ],
    },
    Claim {
        text: "a canary that a detector knows, planted in body, key, path, query and reason, \
               is found nowhere; a plain word in path, query or key is found nowhere; a plain \
               word in the reason only in its erasable column",
        tests: &[
            "velum-end-to-end::first_light::canaries::planted_in_body_key_path_query_and_reason_are_found_nowhere",
        ],
    },
    Claim {
        text: "a service that answers without or with another's signature, or replays an old \
               answer, lifts nothing",
        tests: &[
            "velum-end-to-end::first_light::service_faults::unsigned_or_signed_by_another",
            "velum-end-to-end::first_light::service_faults::replaying_an_old_answer",
        ],
    },
    Claim {
        text: "DELETE with velum-lift is still reviewed as a delete",
        tests: &[
            "velum-end-to-end::first_light::writes::a_delete_is_reviewed_whatever_it_asks_to_lift",
        ],
    },
    Claim {
        text: "/Patient/%24purge, //, ;x=1 and a doubled % are refused where an action \
               reviews",
        tests: &[
            "velum-end-to-end::first_light::paths::a_path_that_could_mean_another_is_refused_where_an_action_reviews",
        ],
    },
    Claim {
        text: "a released DELETE reaches an upstream that answers 500 once, although the \
               route retries",
        tests: &[
            "velum-end-to-end::first_light::writes::a_released_delete_happens_once_although_the_route_retries",
        ],
    },
    Claim {
        text: "a masked name written back by PUT is refused (422 masked-value)",
        tests: &["velum-end-to-end::first_light::writes::a_masked_name_written_back_is_refused"],
    },
    Claim {
        text: "README's commands run as written",
        tests: &[
            "velum-end-to-end::first_light::readme::velum_commands_run_as_written",
            "velum-end-to-end::first_light::readme::xtask_commands_exist",
            "velum-end-to-end::first_light::readme::the_demo_tells_its_story_and_finds_every_answer_right",
        ],
    },
];
