//! The keys of the policy service.

use std::collections::BTreeSet;

use toml::Value;

use super::{Row, hold};
use crate::tests::sample::whole;

const LISTENERS: &[Row] = &[
    (
        "listen",
        &[
            "each_listener_is_where_it_was_told_to_be",
            "the_service_keeps_address_key_and_tokens_over_a_restart",
        ],
    ),
    (
        "listen_gateways",
        &[
            "each_listener_is_where_it_was_told_to_be",
            "each_route_answers_only_where_its_callers_are",
        ],
    ),
    (
        "insecure_listen",
        &["plain_text_stays_on_the_machine_unless_it_is_said_plainly"],
    ),
    (
        "tls.certificate",
        &["a_gateway_is_known_by_its_certificate_and_no_other_will_do"],
    ),
    (
        "tls.key",
        &["a_gateway_is_known_by_its_certificate_and_no_other_will_do"],
    ),
    (
        "tls.client_ca",
        &["a_gateway_is_known_by_its_certificate_and_no_other_will_do"],
    ),
    (
        "metrics.listen",
        &["each_listener_is_where_it_was_told_to_be"],
    ),
    (
        "metrics.token_sha256",
        &["metrics_have_a_listener_of_their_own_and_a_token_where_others_reach_it"],
    ),
];

const FILES: &[Row] = &[
    (
        "data",
        &["each_folder_of_data_has_a_store_and_keys_of_its_own"],
    ),
    (
        "keys",
        &["keys_are_those_of_the_folder_that_is_named_for_them"],
    ),
    (
        "playground",
        &["the_folder_is_served_with_rules_for_browsers_and_nothing_beside_it"],
    ),
    (
        "policies",
        &["a_change_of_policy_between_ask_and_use_ends_the_approval"],
    ),
    (
        "authorities",
        &["a_host_is_shown_where_the_configuration_names_it"],
    ),
    (
        "store.engine",
        &[
            "a_store_is_in_the_data_folder_or_where_a_url_says",
            "who_waits_at_one_service_is_woken_by_a_vote_at_the_other",
        ],
    ),
    (
        "store.url",
        &[
            "a_store_is_in_the_data_folder_or_where_a_url_says",
            "who_waits_at_one_service_is_woken_by_a_vote_at_the_other",
        ],
    ),
    (
        "store.url_environment",
        &[
            "a_store_is_in_the_data_folder_or_where_a_url_says",
            "a_place_that_is_none_is_refused_without_its_password",
        ],
    ),
];

const APPROVALS: &[Row] = &[
    (
        "lifetimes.pending",
        &["each_lifetime_is_as_long_as_the_configuration_says"],
    ),
    (
        "lifetimes.grant",
        &["each_lifetime_is_as_long_as_the_configuration_says"],
    ),
    (
        "lifetimes.evidence",
        &["each_lifetime_is_as_long_as_the_configuration_says"],
    ),
    (
        "limits.pending_per_principal",
        &["a_principal_has_so_many_asks_open_and_no_more"],
    ),
    (
        "limits.pending_per_action",
        &["a_flood_of_asks_is_capped_for_a_principal_an_action_and_all_of_them"],
    ),
    (
        "limits.pending",
        &["a_flood_of_asks_is_capped_for_a_principal_an_action_and_all_of_them"],
    ),
    // Ten of them are the default, and a thousand is what the other one has.
    (
        "limits.asks_per_minute",
        &[
            "who_asks_again_and_again_with_a_detail_changed_is_held_to_so_many_a_minute",
            "a_limit_of_nought_is_none",
        ],
    ),
    (
        "limits.approvals_per_minute",
        &[
            "a_limit_of_nought_is_none",
            "who_approves_too_fast_is_named_once_in_the_log",
        ],
    ),
    (
        "actions.quorum",
        &["two_of_two_have_to_approve_and_one_of_them_in_the_group"],
    ),
    (
        "actions.groups",
        &[
            "whoever_is_brought_in_after_it_was_asked_does_not_decide_on_it",
            "who_was_taken_out_of_a_group_since_they_signed_in_decides_nothing",
        ],
    ),
    (
        "actions.uses",
        &["a_grant_is_used_as_often_and_as_long_as_its_action_says"],
    ),
    (
        "actions.grant",
        &["a_grant_is_used_as_often_and_as_long_as_its_action_says"],
    ),
    (
        "actions.release",
        &[
            "without_its_signer_a_log_stands_still_and_what_waits_for_it_too",
            "as_many_anchors_as_are_needed_have_to_have_it",
        ],
    ),
    (
        "actions.step_up",
        &[
            "a_token_cannot_approve_it_and_neither_can_a_session_alone",
            "the_stronger_is_never_replaced_by_the_weaker",
        ],
    ),
    (
        "actions.step_up_acr",
        &["an_older_login_a_weaker_one_or_another_persons_confirms_nothing"],
    ),
    (
        "break_glass.group",
        &["an_emergency_releases_at_once_and_is_reviewed_afterwards"],
    ),
    (
        "break_glass.lifetime",
        &["an_emergency_releases_at_once_and_is_reviewed_afterwards"],
    ),
    (
        "break_glass.actions",
        &["an_emergency_releases_at_once_and_is_reviewed_afterwards"],
    ),
];

const DIRECTORY: &[Row] = &[
    (
        "people.id",
        &["another_name_of_the_same_person_is_the_same_person"],
    ),
    (
        "people.identities.kind",
        &["an_identity_is_known_by_its_kind_its_issuer_and_its_subject"],
    ),
    (
        "people.identities.issuer",
        &["an_identity_is_known_by_its_kind_its_issuer_and_its_subject"],
    ),
    (
        "people.identities.subject",
        &["an_identity_is_known_by_its_kind_its_issuer_and_its_subject"],
    ),
    (
        "people.groups",
        &["whoever_is_brought_in_after_it_was_asked_does_not_decide_on_it"],
    ),
    (
        "agents.id",
        &["an_agent_is_found_by_the_name_that_the_configuration_gives_it"],
    ),
    (
        "agents.owner",
        &["everyone_between_the_agent_and_the_person_it_acts_for_is_behind_the_request"],
    ),
    (
        "agents.identities.kind",
        &["an_identity_is_known_by_its_kind_its_issuer_and_its_subject"],
    ),
    (
        "agents.identities.issuer",
        &["an_identity_is_known_by_its_kind_its_issuer_and_its_subject"],
    ),
    (
        "agents.identities.subject",
        &["an_identity_is_known_by_its_kind_its_issuer_and_its_subject"],
    ),
    (
        "reviewers.person",
        &["whoever_is_brought_in_after_it_was_asked_does_not_decide_on_it"],
    ),
    (
        "reviewers.token_sha256",
        &["whose_token_is_configured_is_known_by_it_and_gets_no_other"],
    ),
    (
        "auditors.person",
        &["an_auditor_reads_the_log_and_nothing_that_people_wrote_and_decides_nothing"],
    ),
    (
        "auditors.token_sha256",
        &["whose_token_is_configured_is_known_by_it_and_gets_no_other"],
    ),
    (
        "gateways.id",
        &[
            "a_second_person_approves_less_and_the_waiting_request_goes_on",
            "no_operation_of_a_gateway_tells_or_changes_what_is_anothers",
        ],
    ),
    (
        "gateways.token_sha256",
        &["whose_token_is_configured_is_known_by_it_and_gets_no_other"],
    ),
    (
        "gateways.certificate",
        &["a_gateway_is_known_by_its_certificate_and_no_other_will_do"],
    ),
];

const AUDIT: &[Row] = &[
    (
        "audit.name",
        &["a_log_begins_with_its_name_and_anyone_can_verify_it"],
    ),
    (
        "audit.fence",
        &["a_database_that_was_restored_releases_nothing"],
    ),
    (
        "audit.signer",
        &["without_its_signer_a_log_stands_still_and_what_waits_for_it_too"],
    ),
    ("audit.heartbeat", &["silence_is_proven"]),
    (
        "audit.retention_days",
        &["a_closed_log_goes_after_its_retention_and_no_grant_of_it_comes_to_life"],
    ),
    (
        "audit.legal_hold",
        &["a_closed_log_goes_after_its_retention_and_no_grant_of_it_comes_to_life"],
    ),
    (
        "audit.anchors_needed",
        &["as_many_anchors_as_are_needed_have_to_have_it"],
    ),
    (
        "audit.anchor_alert",
        &["an_anchor_that_is_late_is_told_of_as_soon_as_the_configuration_says"],
    ),
    (
        "audit.anchors.name",
        &["each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so"],
    ),
    (
        "audit.anchors.kind",
        &["each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so"],
    ),
    (
        "audit.anchors.path",
        &["each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so"],
    ),
    (
        "audit.anchors.url",
        &["each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so"],
    ),
    (
        "audit.anchors.secret",
        &["each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so"],
    ),
    (
        "audit.anchors.ca",
        &["a_webhook_is_called_over_tls_and_only_who_is_believed"],
    ),
    (
        "audit.anchors.key",
        &["a_cosignature_counts_only_when_it_is_the_witnesss_own"],
    ),
    (
        "audit.anchors.previous_keys",
        &["what_a_witness_has_cosigned_of_closed_years_outlives_its_key"],
    ),
];

const INBOX: &[Row] = &[
    (
        "inbox.url",
        &[
            "where_there_is_an_inbox_an_event_has_the_page_of_its_approval",
            "links_are_printed_only_where_the_inbox_stays_on_this_machine",
        ],
    ),
    (
        "inbox.provider.issuer",
        &["a_token_that_is_not_the_providers_for_this_client_and_this_way_signs_nobody_in"],
    ),
    (
        "inbox.provider.client_id",
        &["somebody_whom_the_provider_vouches_for_is_signed_in_as_who_the_directory_says"],
    ),
    (
        "inbox.provider.client_secret",
        &["somebody_whom_the_provider_vouches_for_is_signed_in_as_who_the_directory_says"],
    ),
    (
        "inbox.provider.scopes",
        &["the_scopes_are_asked_for_and_the_claim_counts_that_are_configured"],
    ),
    (
        "inbox.provider.groups_claim",
        &["the_scopes_are_asked_for_and_the_claim_counts_that_are_configured"],
    ),
    (
        "inbox.provider.groups",
        &[
            "the_scopes_are_asked_for_and_the_claim_counts_that_are_configured",
            "who_was_taken_out_of_a_group_since_they_signed_in_decides_nothing",
        ],
    ),
    (
        "inbox.provider.ca",
        &["a_provider_is_asked_over_tls_and_only_where_it_is_believed"],
    ),
    // An hour is the default.
    (
        "inbox.keys.age",
        &[
            "a_key_signs_what_is_approved_and_the_log_holds_what_verifies_it",
            "a_key_counts_after_its_time_and_not_once_it_is_removed",
        ],
    ),
    (
        "inbox.keys.acr",
        &["a_key_is_added_by_who_signs_in_in_one_of_the_ways_that_are_configured"],
    ),
];

const OTHERS: &[Row] = &[
    (
        "traces.otlp_endpoint",
        &["a_span_is_in_the_trace_of_its_request_and_says_what_the_log_says_and_no_more"],
    ),
    (
        "traces.ca",
        &["a_collector_is_called_over_tls_and_only_where_it_is_believed"],
    ),
    (
        "webhooks.name",
        &["how_far_an_endpoint_is_moves_only_from_where_it_was"],
    ),
    (
        "webhooks.url",
        &["every_change_of_an_approval_is_told_once_and_in_order"],
    ),
    (
        "webhooks.secret",
        &["while_its_secret_is_exchanged_an_endpoint_believes_either"],
    ),
    (
        "webhooks.previous_secret",
        &["while_its_secret_is_exchanged_an_endpoint_believes_either"],
    ),
    (
        "webhooks.ca",
        &["a_name_that_leads_into_this_network_is_not_called_unless_that_is_meant"],
    ),
    (
        "webhooks.private_network",
        &["a_name_that_leads_into_this_network_is_not_called_unless_that_is_meant"],
    ),
];

/// The keys of a table, by their places. What whoever configures it names is none.
fn keys(place: &str, value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) if place != "inbox.provider.groups" => {
            for (key, value) in table {
                let dot = if place.is_empty() { "" } else { "." };
                keys(&format!("{place}{dot}{key}"), value, all);
            }
        }
        Value::Array(elements) if elements.iter().any(Value::is_table) => {
            for element in elements {
                keys(place, element, all);
            }
        }
        _ => drop(all.insert(place.to_owned())),
    }
}

#[test]
fn every_key_of_the_service_has_tests_that_fail_where_its_value_is_ignored() {
    // It has every key that there is: `sample` sees to that.
    let mut table: toml::Table = whole().parse().unwrap();
    let actions = table["actions"].as_table().unwrap().values().cloned();
    let actions = actions.collect();
    table.insert("actions".to_owned(), Value::Array(actions));
    let mut all = BTreeSet::new();
    keys("", &Value::Table(table), &mut all);
    let rows = [LISTENERS, FILES, APPROVALS, DIRECTORY, AUDIT, INBOX, OTHERS];
    hold(&rows.concat(), &all);
}
