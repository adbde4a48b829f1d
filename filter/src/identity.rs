//! Who makes a request, and who stands behind it: read from what Envoy verified, never guessed.
//!
//! Absence is "no identity". So is anything that cannot be told for certain: a name that is not
//! UTF-8, a header given twice, an actor without a subject.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Number, Value};
use velum_approval::{Identity, IdentityKind};
use velum_policy::{CertificateField, IdentitySource, Peers, Policy, TokenRoles};

use crate::host::{Header, Host, values};
use crate::pairs;

/// How deep `act` may nest; a longer chain is no identity.
const LONGEST_CHAIN: usize = 8;
/// What pairs take in the ABI's form: their number, and for each its lengths and two NULs.
const COUNT: usize = 4;
const PAIR: usize = 10;

/// The verified caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Who makes the request: the outermost actor, else the subject.
    pub(crate) principal: Identity,
    /// Everyone behind the request, the principal first.
    pub(crate) lineage: Vec<Identity>,
    /// The claims that the policy's conditions look at; null where one of them is of a form that
    /// cannot be read, which the policy takes for a doubt.
    pub(crate) claims: Option<Value>,
    /// The `sub` of the token, where the caller comes from one.
    token_subject: Option<Identity>,
}

impl Caller {
    /// Whether an `authorization` header is the token that the caller comes from, perhaps renewed:
    /// a bearer token of the same issuer and subject. Any other credential is the upstream's
    /// business, and so part of the request that is reviewed.
    pub(crate) fn is_token(&self, authorization: &[u8]) -> bool {
        let payload = || {
            let token = std::str::from_utf8(authorization)
                .ok()?
                .strip_prefix("Bearer ")?;
            let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
            let claims: Value = serde_json::from_slice(&payload).ok()?;
            jwt_identity(claims.get("iss")?.as_str()?, claims.get("sub")?.as_str()?)
        };
        self.token_subject.is_some() && payload() == self.token_subject
    }

    fn alone(principal: Identity) -> Self {
        Self {
            lineage: vec![principal.clone()],
            principal,
            claims: Some(Value::Object(Map::new())),
            token_subject: None,
        }
    }
}

/// Reads the caller from the source that the policy names.
pub(crate) fn read(host: &impl Host, policy: &Policy, headers: &[Header<'_>]) -> Option<Caller> {
    match policy.identity()? {
        IdentitySource::Jwt { metadata, roles } => {
            let mut caller = jwt(host, metadata, *roles)?;
            caller.claims = Some(claims(host, metadata, &policy.claims()));
            Some(caller)
        }
        IdentitySource::PeerCertificate { field } => {
            let subject = peer_certificate(host, *field)?;
            Identity::new(IdentityKind::Certificate, "peer-certificate", subject)
                .ok()
                .map(Caller::alone)
        }
        IdentitySource::Header { name, from } => header(host, name, from, headers),
        IdentitySource::FilterState { key } => {
            let subject = text(host.property(&["filter_state", key]).ok()??)?;
            Identity::new(IdentityKind::FilterState, key.as_str(), subject)
                .ok()
                .map(Caller::alone)
        }
    }
}

/// RFC 8693: `sub` is the party on whose behalf, `act.sub` the actor, and `act` nests. Where the
/// roles are reversed, `sub` acts, and `act` is behind it.
fn jwt(host: &impl Host, metadata: &[String], roles: TokenRoles) -> Option<Caller> {
    let mut path = vec!["metadata", "filter_metadata"];
    path.extend(metadata.iter().map(String::as_str));
    let token_issuer = claim(host, &path, "iss")?;
    let mut chain = vec![jwt_identity(&token_issuer, &claim(host, &path, "sub")?)?];
    loop {
        path.push("act");
        // An error says that an actor is there, but is a message and no bytes.
        if host.property(&path) == Ok(None) {
            break;
        }
        if chain.len() > LONGEST_CHAIN {
            return None;
        }
        let issuer = match host.property(&with(&path, "iss")) {
            Ok(None) => token_issuer.clone(),
            Ok(Some(bytes)) => text(bytes)?,
            Err(_) => return None,
        };
        // The outermost actor is the present one: it comes first after all others are read.
        chain.push(jwt_identity(&issuer, &claim(host, &path, "sub")?)?);
    }
    let token_subject = chain.first().cloned();
    let actor = match roles {
        TokenRoles::Rfc8693 => chain.get(1),
        TokenRoles::Reversed => None,
    };
    let principal = actor.or(chain.first())?.clone();
    let mut lineage = vec![principal.clone()];
    lineage.extend(chain.into_iter().filter(|identity| *identity != principal));
    Some(Caller {
        principal,
        lineage,
        claims: None,
        token_subject,
    })
}

/// The claims at these paths, as an object; null where one is there and cannot be read, as Envoy
/// gives null itself and what holds it.
fn claims(host: &impl Host, metadata: &[String], paths: &[&[String]]) -> Value {
    let mut claims = Value::Object(Map::new());
    for path in paths {
        let mut full = vec!["metadata", "filter_metadata"];
        full.extend(metadata.iter().map(String::as_str));
        full.extend(path.iter().map(String::as_str));
        let value = match host.property(&full) {
            Ok(None) => continue,
            Ok(Some(bytes)) => claim_value(&bytes),
            Err(_) => None,
        };
        put(&mut claims, path, value.unwrap_or(Value::Null));
    }
    claims
}

/// Envoy gives a list as pairs whose names are the elements, and an object as pairs of its members,
/// of which only that they are there is told here.
fn claim_value(bytes: &[u8]) -> Option<Value> {
    let size = |(name, value): &Header<'_>| name.len() + value.len() + PAIR;
    let pairs = pairs::decode(bytes)
        .filter(|pairs| COUNT + pairs.iter().map(size).sum::<usize>() == bytes.len());
    match pairs {
        Some(pairs) if pairs.iter().any(|(_, value)| !value.is_empty()) => {
            Some(Value::Object(Map::new()))
        }
        Some(pairs) => {
            let elements = pairs.into_iter().map(|(element, _)| scalar(element));
            elements.collect::<Option<_>>().map(Value::Array)
        }
        None => scalar(bytes),
    }
}

/// Envoy gives a text as its bytes, a number as a double, and a boolean as one byte. No integer that
/// a policy may compare with has the bytes of a text (the loader sees to that).
fn scalar(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok();
    if let Some(text) = text.filter(|text| !text.chars().any(char::is_control)) {
        return Some(text.into());
    }
    match bytes {
        [flag @ (0 | 1)] => Some((*flag == 1).into()),
        _ => match bytes.try_into().map(f64::from_le_bytes) {
            Ok(number) => Number::from_f64(number).map(Value::Number),
            Err(_) => text.map(Value::from),
        },
    }
}

fn put(claims: &mut Value, path: &[String], value: Value) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = claims;
    for parent in parents {
        // What is in a list is there with the list, and a scalar has nothing in it.
        let Some(members) = at.as_object_mut() else {
            return;
        };
        at = members.entry(parent.as_str()).or_insert(Value::Null);
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
    }
    let Some(members) = at.as_object_mut() else {
        return;
    };
    // An object has been put there by a claim within it, perhaps.
    let is_less = value.is_object() || value.is_null();
    if !(is_less && members.contains_key(last)) {
        members.insert(last.clone(), value);
    }
}

fn jwt_identity(issuer: &str, subject: &str) -> Option<Identity> {
    Identity::new(IdentityKind::Jwt, issuer, subject).ok()
}

fn claim(host: &impl Host, path: &[&str], name: &str) -> Option<String> {
    text(host.property(&with(path, name)).ok()??)
}

fn with<'a>(path: &[&'a str], name: &'a str) -> Vec<&'a str> {
    let mut longer = path.to_vec();
    longer.push(name);
    longer
}

fn peer_certificate(host: &impl Host, field: CertificateField) -> Option<String> {
    if host.property(&["connection", "mtls"]).ok()?? != [1] {
        return None;
    }
    let name = match field {
        CertificateField::UriSan => "uri_san_peer_certificate",
        CertificateField::DnsSan => "dns_san_peer_certificate",
        CertificateField::Subject => "subject_peer_certificate",
    };
    text(host.property(&["connection", name]).ok()??)
}

fn header(host: &impl Host, name: &str, from: &Peers, headers: &[Header<'_>]) -> Option<Caller> {
    let asserted_by = match from {
        Peers::Any => "any-peer".to_owned(),
        Peers::Listed(peers) => {
            let peer = peer_certificate(host, CertificateField::UriSan)?;
            peers.contains(&peer).then_some(peer)?
        }
    };
    let mut given = values(headers, name);
    let (Some(value), None) = (given.next(), given.next()) else {
        return None;
    };
    // Proxies fold several values of one header into one with commas: that is more than one.
    let subject = text(value.to_vec()).filter(|subject| !subject.contains(','))?;
    Identity::new(IdentityKind::Header, asserted_by, subject)
        .ok()
        .map(Caller::alone)
}

/// A name that is one: UTF-8, not empty, without control characters (numbers come as raw bytes).
fn text(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests;
