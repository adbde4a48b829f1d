//! The keys of a policy. Those of a profile that stands in one whole are the profile's own (docs/profiles.md).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use velum_policy::Policies;

use super::{Row, hold};

const KEYS: &[Row] = &[
    (
        "version",
        &[
            "values_of_the_wrong_kind_or_range",
            "faults_are_told_at_their_place_in_the_whole_document",
        ],
    ),
    (
        "policies",
        &["a_request_is_under_the_policy_that_its_route_names_and_else_refused"],
    ),
    (
        "identity.jwt.metadata",
        &["an_identity_is_read_where_the_policy_says_that_it_is"],
    ),
    (
        "identity.jwt.roles",
        &["the_actor_is_the_principal_by_the_rfc_and_the_subject_where_roles_are_reversed"],
    ),
    (
        "identity.peer_certificate",
        &["a_certificate_counts_where_tls_is_mutual_only"],
    ),
    (
        "identity.filter_state",
        &["an_identity_is_read_where_the_policy_says_that_it_is"],
    ),
    (
        "identity.header",
        &["a_header_is_an_identity_from_listed_peers_only"],
    ),
    (
        "identity.from",
        &["a_header_is_an_identity_from_listed_peers_only"],
    ),
    (
        "host.headers_stop_iteration",
        &[
            "where_headers_cannot_be_held_a_body_is_not_reviewable",
            "a_reviewed_body_is_bound_by_its_digest",
        ],
    ),
    (
        "policy_service.cluster",
        &["the_policy_service_is_called_where_and_as_the_policy_says"],
    ),
    (
        "policy_service.authority",
        &["the_policy_service_is_called_where_and_as_the_policy_says"],
    ),
    (
        "policy_service.token.environment",
        &["the_policy_service_is_called_where_and_as_the_policy_says"],
    ),
    (
        "policy_service.public_keys",
        &[
            "an_ask_is_held_and_lifts_only_what_is_granted",
            "an_answer_that_cannot_be_believed_lifts_nothing",
        ],
    ),
    (
        "mode",
        &["observing_changes_nothing_and_counts_what_would_be_done"],
    ),
    (
        "observability.access_log",
        &["the_access_log_is_told_only_where_the_policy_says_so_and_never_a_value"],
    ),
    (
        "limits.depth",
        &["bodies_are_held_to_the_limits_of_the_policy"],
    ),
    (
        "limits.token_bytes",
        &["bodies_are_held_to_the_limits_of_the_policy"],
    ),
    (
        "limits.held_bytes",
        &["bodies_are_held_to_the_limits_of_the_policy"],
    ),
    (
        "limits.members",
        &["bodies_are_held_to_the_limits_of_the_policy"],
    ),
    (
        "limits.keys",
        &["bodies_are_held_to_the_limits_of_the_policy"],
    ),
    (
        "limits.held_body",
        &["a_body_too_long_is_refused_at_its_trailers"],
    ),
    (
        "limits.expansion",
        &["a_body_that_becomes_long_is_handed_on_in_pieces_up_to_its_limit"],
    ),
];

const MASKING: &[Row] = &[
    ("masking.profiles", &["masking"]),
    ("masking.ids", &["ids"]),
    // Nothing is named by it: two keys may not have the same.
    ("masking.keys.id", &["values_of_the_wrong_kind_or_range"]),
    (
        "masking.keys.environment",
        &["keys_are_read_where_a_rule_needs_one"],
    ),
    ("masking.rules.name", &["rules_are_lifted_by_their_names"]),
    ("masking.rules.path", &["masking"]),
    ("masking.rules.key", &["masking"]),
    ("masking.rules.class", &["masking"]),
    ("masking.rules.operator", &["masking"]),
    ("masking.rules.operator.replace", &["masking"]),
    ("masking.rules.operator.partial.keep_last", &["masking"]),
    (
        "masking.rules.operator.token.prefix",
        &["every_operator_of_the_reference_is_read_as_it_is_written_there"],
    ),
    (
        "masking.rules.operator.pseudonym",
        &["every_operator_of_the_reference_is_read_as_it_is_written_there"],
    ),
    (
        "masking.rules.operator.fpe.alphabet",
        &["every_operator_of_the_reference_is_read_as_it_is_written_there"],
    ),
    (
        "masking.rules.operator.fpe.luhn",
        &["every_operator_of_the_reference_is_read_as_it_is_written_there"],
    ),
    (
        "masking.rules.operator.date_shift.days",
        &["dates_are_shifted_by_at_most_as_many_days_as_the_rule_says"],
    ),
    (
        "masking.rules.operator.generalize",
        &["every_operator_of_the_reference_is_read_as_it_is_written_there"],
    ),
    (
        "masking.rules.operator.generalize.range.width",
        &["every_operator_of_the_reference_is_read_as_it_is_written_there"],
    ),
    ("masking.exempt.path", &["masking"]),
    (
        "masking.detectors.name",
        &["detectors_are_reported_by_the_names_that_the_policy_gives_them"],
    ),
    ("masking.detectors.class", &["detectors"]),
    ("masking.detectors.pattern", &["detectors"]),
    ("masking.detectors.dictionary", &["detectors"]),
    ("masking.detectors.checksum", &["detectors"]),
    ("masking.detectors.words", &["detectors"]),
    ("masking.detectors.required", &["detectors"]),
    ("masking.detectors.boundaries", &["detectors"]),
    ("masking.detectors.codes", &["detectors"]),
    (
        "responses.otherwise",
        &["only_what_is_plainly_no_json_may_pass_where_the_policy_lets_it"],
    ),
    (
        "responses.encodings",
        &[
            "a_compressed_body_is_decoded_masked_and_goes_on_decoded",
            "encodings_that_nobody_decodes_are_refused",
        ],
    ),
    (
        "responses.text",
        &[
            "a_text_is_gathered_and_leaves_masked_with_its_last_byte",
            "what_cannot_be_read_is_withheld",
        ],
    ),
];

const ACTIONS: &[Row] = &[
    (
        "actions.name",
        &["the_first_match_wins_and_no_match_is_masked"],
    ),
    (
        "actions.effect",
        &[
            "the_first_match_wins_and_no_match_is_masked",
            "a_passed_route_is_untouched_and_a_denied_one_is_refused",
        ],
    ),
    (
        "actions.lift",
        &[
            "the_first_match_wins_and_no_match_is_masked",
            "an_inspected_review_says_what_the_body_holds_and_masks_what_is_not_granted",
        ],
    ),
    (
        "actions.hold",
        &["nobody_is_held_longer_than_the_action_says"],
    ),
    (
        "actions.otherwise",
        &[
            "a_review_may_fall_back_to_the_masked_answer",
            "actions_and_the_policy_service",
        ],
    ),
    (
        "actions.ask.lift",
        &[
            "the_first_match_wins_and_no_match_is_masked",
            "what_may_not_be_asked_is_refused_with_what_may",
        ],
    ),
    (
        "actions.ask.hold",
        &["nobody_is_held_longer_than_the_action_says"],
    ),
    (
        "actions.requests.inspect",
        &["requests_that_could_not_be_inspected_or_flagged"],
    ),
    (
        "actions.requests.flag_on",
        &["a_flagged_body_waits_and_goes_on_with_what_was_granted"],
    ),
    (
        "actions.requests.hold",
        &["nobody_is_held_longer_than_the_action_says"],
    ),
    (
        "actions.requests.otherwise",
        &["other_bodies_pass_where_the_policy_says_so_and_unreadable_ones_never"],
    ),
    (
        "actions.writes",
        &["a_whole_replacement_is_refused_where_the_policy_says_so"],
    ),
    (
        "actions.when.method",
        &["the_first_match_wins_and_no_match_is_masked"],
    ),
    ("actions.when.path", &["paths_of_every_shape"]),
    ("actions.when.path.prefix", &["paths_of_every_shape"]),
    ("actions.when.path.suffix", &["paths_of_every_shape"]),
    ("actions.when.path.segments", &["paths_of_every_shape"]),
    ("actions.when.header", &["headers"]),
    ("actions.when.header.present", &["headers"]),
    ("actions.when.header.prefix", &["headers"]),
    ("actions.when.header.suffix", &["headers"]),
    ("actions.when.query", &["query_parameters"]),
    ("actions.when.query.present", &["query_parameters"]),
    ("actions.when.query.prefix", &["query_parameters"]),
    ("actions.when.query.suffix", &["query_parameters"]),
    ("actions.when.authority", &["authorities"]),
    ("actions.when.authority.suffix", &["authorities"]),
    (
        "actions.when.route",
        &["routes_are_compared_as_they_are_named"],
    ),
    ("actions.when.principal.issuer", &["principals_and_claims"]),
    ("actions.when.principal.subject", &["principals_and_claims"]),
    (
        "actions.when.principal.subject.prefix",
        &["principals_and_claims"],
    ),
    (
        "actions.when.principal.subject.suffix",
        &["principals_and_claims"],
    ),
    ("actions.when.claims", &["principals_and_claims"]),
    ("actions.when.claims.present", &["principals_and_claims"]),
    ("actions.when.claims.contains", &["principals_and_claims"]),
    ("actions.when.any", &["any_all_and_not"]),
    ("actions.when.all", &["any_all_and_not"]),
    ("actions.when.not", &["any_all_and_not"]),
];

fn masking() -> Value {
    let mut rules = vec![json!({"name": "one", "path": "$.a", "class": "mrn"})];
    let operators = [
        json!("redact"),
        json!({"replace": "x"}),
        json!({"partial": {"keep_last": 2}}),
        json!({"token": {"prefix": "E-"}}),
        json!({"pseudonym": "reference"}),
        json!({"fpe": {"alphabet": "digits", "luhn": true}}),
        json!({"date_shift": {"days": 50}}),
        json!({"generalize": "year"}),
        json!({"generalize": {"range": {"width": 10}}}),
    ];
    rules.extend((0..).zip(operators).map(|(number, operator)| {
        json!({"key": format!("x{number}"), "class": "other", "operator": operator})
    }));
    json!({
        "profiles": ["fhir-r4"],
        "ids": "pseudonym",
        "keys": [{"id": "k1", "environment": "K"}],
        "rules": rules,
        "exempt": [{"path": "$.k"}],
        "detectors": [
            {"name": "badge", "class": "identifier", "pattern": "[A-Z]{2}-?[0-9]{6}",
             "checksum": "luhn", "words": ["badge"], "required": true, "boundaries": false,
             "codes": true},
            {"name": "ward", "class": "address", "dictionary": ["Birch Ward"]},
        ],
    })
}

fn actions() -> Vec<Value> {
    let values = json!({
        "x-a": "a", "x-b": {"present": true}, "x-c": {"prefix": "c"}, "x-d": {"suffix": "d"},
    });
    let claims = json!({"a": "a", "b": {"present": true}, "c": {"contains": "c"}});
    let denied = [
        json!({"path": {"prefix": "/p/"}}),
        json!({"path": {"suffix": "/s"}}),
        json!({"path": {"segments": "/t/{id}"}}),
        json!({"header": values}),
        json!({"query": values}),
        json!({"authority": "partner.example"}),
        json!({"authority": {"suffix": ".example"}}),
        json!({"route": "bulk"}),
        json!({"principal": {"issuer": "i", "subject": "s"}}),
        json!({"principal": {"subject": {"prefix": "b"}}}),
        json!({"principal": {"subject": {"suffix": "e"}}}),
        json!({"claims": claims}),
        json!({"any": [{"path": "/u"}, {"path": "/v"}]}),
        json!({"all": [{"path": {"prefix": "/w"}}, {"path": {"suffix": "z"}}]}),
        json!({"method": "PATCH", "not": {"path": "/y"}}),
    ];
    let mut actions = vec![json!({
        "name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass",
    })];
    actions.extend((0..).zip(denied).map(|(number, when)| {
        json!({"name": format!("denied-{number}"), "when": when, "effect": "deny"})
    }));
    actions.extend([
        json!({
            "name": "purge", "when": {"method": "DELETE"}, "effect": "review", "lift": ["name"],
            "hold": "9s", "otherwise": "refuse",
        }),
        json!({
            "name": "read", "when": {"method": "GET"}, "effect": "mask",
            "ask": {"lift": ["name"], "hold": "9s"},
        }),
        json!({
            "name": "outward", "when": {"method": "POST"}, "effect": "mask", "writes": "refuse",
            "requests": {"inspect": true, "flag_on": ["ssn"], "hold": "9s", "otherwise": "refuse"},
        }),
    ]);
    actions
}

/// A policy that has nearly all keys.
fn full() -> Value {
    let limits = json!({
        "depth": 64, "token_bytes": 65536, "held_bytes": 65536, "held_body": 65536,
        "members": 5000, "keys": 5000, "expansion": 20,
    });
    let service = json!({
        "cluster": "c", "authority": "a", "token": {"environment": "T"},
        "public_keys": ["ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],
    });
    json!({
        "version": 1,
        "identity": {"jwt": {"metadata": ["a", "b"], "roles": "reversed"}},
        "masking": masking(),
        "responses": {"otherwise": "refuse", "encodings": "decode", "text": ["text/plain"]},
        "host": {"headers_stop_iteration": true},
        "actions": actions(),
        "policy_service": service,
        "mode": "enforce",
        "observability": {"access_log": true},
        "limits": limits,
    })
}

/// Documents that have all keys between them.
fn documents() -> Vec<Value> {
    let small = json!({"profiles": ["pii"]});
    let of = |identity: Value| json!({"version": 1, "identity": identity, "masking": small});
    vec![
        full(),
        of(json!({"peer_certificate": "uri_san"})),
        of(json!({"filter_state": "corp.user"})),
        of(json!({"header": "x-user", "from": ["spiffe://mesh/edge"]})),
        json!({"version": 1, "policies": {"ward": {"masking": small}}}),
    ]
}

/// What the documents say of the keys that there are.
#[derive(Default)]
struct Seen {
    /// Of each place, the keys that are known there, and those that some document has.
    places: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    /// The keys with a value of their own, and not of keys within it alone.
    keys: BTreeSet<String>,
}

impl Seen {
    fn look(&mut self, document: &Value, pointer: &str, place: &str) {
        match document.pointer(pointer).unwrap() {
            Value::Array(items) => {
                for index in 0..items.len() {
                    self.look(document, &format!("{pointer}/{index}"), place);
                }
            }
            Value::Object(members) => {
                let (known, given) = self.places.entry(place.to_owned()).or_default();
                known.extend(known_at(document, pointer));
                given.extend(members.keys().cloned());
                for key in members.keys() {
                    let dot = if place.is_empty() { "" } else { "." };
                    let below = format!("{place}{dot}{key}");
                    self.look_below(document, &format!("{pointer}/{key}"), &below);
                }
            }
            _ => drop(self.keys.insert(place.to_owned())),
        }
    }

    fn look_below(&mut self, document: &Value, pointer: &str, place: &str) {
        match place {
            // Whole policies, by names of anybody's choice.
            "policies" => {
                self.keys.insert(place.to_owned());
                self.look_named(document, pointer, "");
            }
            // Values, by names of the callers'.
            "actions.when.header" | "actions.when.query" | "actions.when.claims" => {
                self.look_named(document, pointer, place);
            }
            // Conditions again.
            "actions.when.any" | "actions.when.all" | "actions.when.not" => {
                self.keys.insert(place.to_owned());
                self.look(document, pointer, "actions.when");
            }
            _ => self.look(document, pointer, place),
        }
    }

    fn look_named(&mut self, document: &Value, pointer: &str, place: &str) {
        let named = document.pointer(pointer).unwrap().as_object().unwrap();
        for name in named.keys() {
            self.look(document, &format!("{pointer}/{name}"), place);
        }
    }
}

/// The keys that an object may have: what reads it says so when it meets one that it does not know.
fn known_at(document: &Value, pointer: &str) -> BTreeSet<String> {
    let mut changed = document.clone();
    changed.pointer_mut(pointer).unwrap()["no_such_key"] = json!(1);
    let error = Policies::parse(changed.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.pointer, format!("{pointer}/no_such_key"), "{error}");
    let known = error.message.strip_prefix("unknown key; known here: ");
    let known = known.unwrap_or_else(|| panic!("{error}"));
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_of_a_policy_has_tests_that_fail_where_its_value_is_ignored() {
    let mut seen = Seen::default();
    for document in documents() {
        Policies::parse(document.to_string().as_bytes()).unwrap();
        seen.look(&document, "", "");
    }
    for (place, (known, given)) in &seen.places {
        assert_eq!(known, given, "{place}: a key that no document has here");
    }
    hold(&[KEYS, MASKING, ACTIONS].concat(), &seen.keys);
}
