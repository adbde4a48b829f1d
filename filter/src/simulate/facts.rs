//! What Envoy would know of a request, as the properties that it gives a filter.

use serde_json::Value;
use velum_policy::{CertificateField, IdentitySource, Peers, Policies};

use super::Exchange;
use crate::fake::Fake;
use crate::pairs;

/// Puts everything that an exchange says where each policy looks for it.
pub(super) fn tell(host: &Fake, policies: &Policies, exchange: &Exchange<'_>) {
    host.set_property(&["response", "code_details"], b"via_upstream");
    if let Some(name) = exchange.policy {
        let path = [
            "xds",
            "route_metadata",
            "filter_metadata",
            "velum",
            "policy",
        ];
        host.set_property(&path, name.as_bytes());
    }
    if let Some(name) = exchange.route {
        host.set_property(&["xds", "route_name"], name.as_bytes());
    }
    for (_, policy) in policies.iter() {
        match policy.identity() {
            Some(IdentitySource::Jwt { metadata, .. }) => {
                let mut path = vec!["metadata".to_owned(), "filter_metadata".to_owned()];
                path.extend(metadata.iter().cloned());
                if let Some(Value::Object(claims)) = exchange.claims {
                    for (name, value) in claims {
                        claim(host, &mut path, name, value);
                    }
                }
            }
            Some(IdentitySource::PeerCertificate { field }) => certificate(host, *field, exchange),
            Some(IdentitySource::Header {
                from: Peers::Listed(_),
                ..
            }) => certificate(host, CertificateField::UriSan, exchange),
            Some(IdentitySource::FilterState { key }) => {
                if let Some(text) = exchange.peer {
                    host.set_property(&["filter_state", key], text.as_bytes());
                }
            }
            Some(IdentitySource::Header { .. }) | None => {}
        }
    }
}

fn certificate(host: &Fake, field: CertificateField, exchange: &Exchange<'_>) {
    let Some(name) = exchange.peer else { return };
    let property = match field {
        CertificateField::UriSan => "uri_san_peer_certificate",
        CertificateField::DnsSan => "dns_san_peer_certificate",
        CertificateField::Subject => "subject_peer_certificate",
    };
    host.set_property(&["connection", "mtls"], &[1]);
    host.set_property(&["connection", property], name.as_bytes());
}

/// A claim and those within it. What cannot be given as bytes is there all the same: to this host,
/// what has something within it.
fn claim(host: &Fake, path: &mut Vec<String>, name: &str, value: &Value) {
    path.push(name.to_owned());
    let place: Vec<&str> = path.iter().map(String::as_str).collect();
    match bytes(value) {
        Some(bytes) => host.set_property(&place, &bytes),
        None => host.set_property(&[place.as_slice(), &[""]].concat(), b""),
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                claim(host, path, name, value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                claim(host, path, &index.to_string(), value);
            }
        }
        _ => {}
    }
    path.pop();
}

/// The forms that Envoy gives: a text as its bytes, a number as a double, a boolean as one byte, a
/// list as pairs whose names are its elements, an object as pairs of its members; null, and what holds
/// it, not at all.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => vec![u8::from(*flag)],
        Value::Number(number) => number.as_f64()?.to_le_bytes().to_vec(),
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(items) => {
            let pairs = items.iter().map(|item| Some((bytes(item)?, Vec::new())));
            pairs::encode(&pairs.collect::<Option<_>>()?)
        }
        Value::Object(members) => {
            let pairs = members
                .iter()
                .map(|(name, value)| Some((name.clone().into_bytes(), bytes(value)?)));
            pairs::encode(&pairs.collect::<Option<_>>()?)
        }
    })
}
