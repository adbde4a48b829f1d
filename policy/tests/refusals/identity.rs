//! Where the principal comes from, and who looks at it.

use serde_json::json;

use crate::{change, check, refused};

#[test]
fn identities_that_are_none() {
    let any = json!("any-peer");
    check(vec![
        ("/identity", json!({}), "/identity", "exactly one of: jwt"),
        (
            "/identity",
            json!({"jwt": {"metadata": ["a", "b"]}, "peer_certificate": "subject"}),
            "/identity",
            "exactly one of",
        ),
        (
            "/identity",
            json!({"jwt": {"metadata": ["a"]}}),
            "/identity/jwt/metadata",
            "namespace",
        ),
        (
            "/identity",
            json!({"peer_certificate": "cn"}),
            "/identity/peer_certificate",
            "uri_san, dns_san, subject",
        ),
        (
            "/identity",
            json!({"peer_certificate": "subject", "from": any}),
            "/identity/from",
            "belongs to `header`",
        ),
        (
            "/identity",
            json!({"header": "x-user"}),
            "/identity",
            "\"from\"",
        ),
        (
            "/identity",
            json!({"header": "x-user", "from": "any"}),
            "/identity/from",
            "any-peer",
        ),
        (
            "/identity",
            json!({"header": "x-user", "from": []}),
            "/identity/from",
            "is empty",
        ),
        (
            "/identity",
            json!({"header": "x-user", "from": ["a", "a"]}),
            "/identity/from/1",
            "listed twice",
        ),
        (
            "/identity",
            json!({"header": "X-User", "from": any}),
            "/identity/header",
            "lower case",
        ),
        (
            "/identity",
            json!({"header": ":authority", "from": any}),
            "/identity/header",
            "authority",
        ),
        (
            "/identity",
            json!({"header": "x user", "from": any}),
            "/identity/header",
            "not the name",
        ),
        (
            "/identity",
            json!({"header": "velum-user", "from": any}),
            "/identity/header",
            "velum-*",
        ),
        (
            "/identity",
            json!({"header": "velum_user", "from": any}),
            "/identity/header",
            "velum-*",
        ),
    ]);
}

#[test]
fn principals_without_identity_and_claims_without_a_token() {
    for (identity, when, pointer, fragment) in [
        (
            None,
            json!({"principal": {"subject": "a"}}),
            "/actions/0/when/principal",
            "/identity",
        ),
        (
            None,
            json!({"not": {"claims": {"a": "b"}}}),
            "/actions/0/when/not/claims",
            "jwt",
        ),
        (
            Some(json!({"peer_certificate": "uri_san"})),
            json!({"claims": {"a": "b"}}),
            "/actions/0/when/claims",
            "jwt",
        ),
    ] {
        let mut document = json!({
            "version": 1, "masking": {"profiles": ["pii"]},
            "actions": [{"name": "a", "when": when, "effect": "deny"}]
        });
        if let Some(identity) = identity {
            change(&mut document, "/identity", Some(identity));
        }
        refused(&document, pointer, pointer, fragment);
    }
}
