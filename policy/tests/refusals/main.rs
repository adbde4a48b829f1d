//! What a configuration is refused for: each vector changes one place of a valid document and names
//! where the fault is reported and a part of what is said.

mod actions;
mod conditions;
mod document;
mod identity;
mod masking;
mod requests;

use serde_json::{Value, json};
use velum_policy::{ConfigError, Policy};

fn full() -> Value {
    json!({
        "version": 1,
        "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
        "masking": {
            "profiles": ["hipaa-safe-harbor", "fhir-r4", "credentials"],
            "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}],
            "rules": [
                {"path": "$..mrn", "class": "mrn", "operator": {"partial": {"keep_last": 2}}},
                {"key": ["admitted_on", "left_on"], "class": "date"}
            ],
            "exempt": [{"path": "$.resourceType"}],
            "detectors": [
                {"name": "badge", "class": "identifier", "pattern": "[A-Z]{2}-?[0-9]{6}",
                 "checksum": "luhn", "words": ["badge", "staff card"], "required": true,
                 "boundaries": false, "codes": true},
                {"name": "ward", "class": "address", "dictionary": ["Birch Ward", "Cedar Ward"]}
            ]
        },
        "responses": {"otherwise": "refuse"},
        "host": {"headers_stop_iteration": true},
        "actions": [
            {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
            {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "120s"},
            {"name": "closed", "when": {"path": {"prefix": "/admin/"}}, "effect": "deny"},
            {"name": "read", "when": {"method": ["GET", "HEAD"]}, "effect": "mask",
             "ask": {"lift": ["name", "date"], "hold": "30s"}}
        ],
        "policy_service": {
            "cluster": "velum-policy-service",
            "authority": "policy-service.velum",
            "token": {"environment": "VELUM_GATEWAY_TOKEN"},
            "public_keys": ["ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
        },
        "mode": "enforce",
        "limits": {"depth": 64, "token_bytes": 65536, "held_bytes": 65536, "held_body": 1_048_576}
    })
}

/// Sets the member or item at a pointer; `-` at its end appends, no value removes.
fn change(document: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        *document = value.expect("a whole document");
        return;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match (
        document.pointer_mut(parent).expect("the parent is there"),
        value,
    ) {
        (Value::Object(members), Some(value)) => {
            members.insert(last, value);
        }
        (Value::Object(members), None) => {
            members.remove(&last).expect("the member is there");
        }
        (Value::Array(items), Some(value)) if last == "-" => items.push(value),
        (Value::Array(items), Some(value)) => items[last.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => {
            items.remove(last.parse().unwrap());
        }
        _ => panic!("{parent} is no container"),
    }
}

fn parse(document: &Value) -> Result<Policy, ConfigError> {
    Policy::parse(document.to_string().as_bytes())
}

#[track_caller]
fn refused(document: &Value, what: &str, pointer: &str, fragment: &str) {
    let error = parse(document).expect_err(what);
    assert_eq!(error.pointer, pointer, "{what}: {error}");
    assert!(error.message.contains(fragment), "{what}: {error}");
}

/// (where to change, to what, pointer of the fault, fragment of the message)
type Vector = (&'static str, Value, &'static str, &'static str);

fn check(vectors: Vec<Vector>) {
    for (place, value, pointer, fragment) in vectors {
        let what = format!("{place} = {value}");
        let mut document = full();
        change(&mut document, place, Some(value));
        refused(&document, &what, pointer, fragment);
    }
}
