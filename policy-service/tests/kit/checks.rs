//! What gateways ask.

use serde_json::{Value, json};
use velum_approval::{Fingerprint, UseKey};

use crate::policy::DIGEST;

/// A check of what nobody else has asked for, by one of the streams that want it.
pub(crate) fn check(request: u128, stream: u128) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    let mut fingerprint = [0; 32];
    fingerprint[..16].copy_from_slice(&request.to_be_bytes());
    json!({
        "use_key": UseKey::from_bytes((request << 8 | stream).to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        // Asks for one resource would be refused from the third denial on.
        "resource": UseKey::from_bytes(request.to_be_bytes()),
        "fingerprint": Fingerprint::from_bytes(fingerprint),
        "policy": *DIGEST,
        "classes": ["name"],
    })
}
