//! What an approval is bound to: the exact request of the exact principal.

use hmac::Mac as _;
use velum_engine::ClassSet;

use crate::keys::keyed_hmac;
use crate::words::{Fingerprint, Identity};

/// Headers that an identical request may carry differently when it is sent again, so that they are
/// not part of its fingerprint: hop-by-hop, tracing, forwarding, and those that say how an answer is
/// carried, not what is asked. Lower case. See [`UNBOUND_PREFIXES`] for the rest.
pub const UNBOUND_HEADERS: &[&str] = &[
    // Bound as fields of their own, in canonical form.
    ":authority",
    ":method",
    ":path",
    // Hop-by-hop (RFC 9110, section 7.6.1).
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Tracing.
    "b3",
    "baggage",
    "grpc-trace-bin",
    "traceparent",
    "tracestate",
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-client-trace-id",
    "x-cloud-trace-context",
    "x-ot-span-context",
    "x-request-id",
    // Forwarding.
    "forwarded",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    // Written by Envoy itself on the way. What else begins like these may say whom or what a
    // request is for, and is bound.
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-max-retries",
    // How the answer is carried. The body's length is bound by its digest.
    "accept-encoding",
    "content-length",
    "user-agent",
];

/// Beginnings of names of headers that are not part of a fingerprint: tracing, and
/// ours.
pub const UNBOUND_PREFIXES: &[&str] = &["velum-", "velum_", "x-b3-", "x-datadog-"];

/// A request as it is bound. Nothing in it is kept.
#[derive(Clone, Copy)]
pub struct FingerprintInput<'a> {
    /// The principal, then everyone on whose behalf it acts, in order.
    pub principal_chain: &'a [Identity],
    /// The method, as sent.
    pub method: &'a [u8],
    /// The authority, as sent.
    pub authority: &'a [u8],
    /// The canonical path.
    pub path: &'a [u8],
    /// The raw query, without its `?`; empty where there is none.
    pub query: &'a [u8],
    /// SHA-256 of the raw body; of nothing where there is none.
    pub body_digest: &'a [u8; 32],
    /// The classes asked to be lifted.
    pub classes: ClassSet,
    /// Every header, names in lower case. Those that are not bound are left out here.
    pub headers: &'a [(Vec<u8>, Vec<u8>)],
    /// Whether `authorization` is where the principal comes from: then it is left out, because the
    /// principal is bound itself and its token may have been renewed.
    pub authorization_is_principal: bool,
}

/// HMAC-SHA-256 over the request, each field with its length before it, so that no two different
/// requests give the same bytes. Headers count in the order of their names; several of one name in
/// the order in which they were sent, which is part of what they mean (RFC 9110, section 5.3).
pub fn fingerprint(key: &[u8; 32], input: &FingerprintInput<'_>) -> Fingerprint {
    let mut mac = Fields(keyed_hmac(key));
    mac.0.update(b"velum-fingerprint-v1\0");
    mac.count(input.principal_chain.len());
    for identity in input.principal_chain {
        mac.field(identity.kind().name().as_bytes());
        mac.field(identity.issuer().as_bytes());
        mac.field(identity.subject().as_bytes());
    }
    for field in [
        input.method,
        input.authority,
        input.path,
        input.query,
        input.body_digest,
    ] {
        mac.field(field);
    }
    mac.count(input.classes.iter().count());
    for class in input.classes.iter() {
        mac.field(class.name().as_bytes());
    }
    let is_left_out = |name: &[u8]| input.authorization_is_principal && name == b"authorization";
    let mut bound = Vec::with_capacity(input.headers.len());
    for (name, value) in input.headers {
        if is_bound(name) && !is_left_out(name) {
            // Values of one name stay in their order.
            let place = bound.partition_point(|(other, _)| *other <= name);
            bound.insert(place, (name, value));
        }
    }
    mac.count(bound.len());
    for (name, value) in bound {
        mac.field(name);
        mac.field(value);
    }
    Fingerprint::from_bytes(mac.0.finalize().into_bytes().into())
}

/// Whether a header of this lower-case name is part of a fingerprint.
pub fn is_bound(name: &[u8]) -> bool {
    !UNBOUND_HEADERS
        .iter()
        .any(|unbound| unbound.as_bytes() == name)
        && !UNBOUND_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix.as_bytes()))
}

struct Fields(hmac::Hmac<sha2::Sha256>);

impl Fields {
    fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_be_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::IdentityKind;
    use std::collections::BTreeSet;
    use velum_engine::Class;

    fn identity(subject: &str) -> Identity {
        Identity::new(IdentityKind::Jwt, "https://idp.example", subject).unwrap()
    }

    fn chain(subjects: &[&str]) -> &'static [Identity] {
        Vec::leak(subjects.iter().map(|subject| identity(subject)).collect())
    }

    fn headers(pairs: &[(&str, &str)]) -> &'static [(Vec<u8>, Vec<u8>)] {
        let own = |(name, value): &(&str, &str)| (name.as_bytes().into(), value.as_bytes().into());
        Vec::leak(pairs.iter().map(own).collect())
    }

    /// The fingerprint of a base request after one change.
    fn changed(change: impl FnOnce(&mut FingerprintInput<'static>)) -> Fingerprint {
        let headers = headers(&[
            ("accept", "application/json"),
            ("authorization", "Bearer a"),
        ]);
        let mut input = FingerprintInput {
            principal_chain: chain(&["triage-bot", "dr-jones"]),
            method: b"GET",
            authority: b"fhir.example",
            path: b"/Patient/1",
            query: b"_format=json",
            body_digest: &[0; 32],
            classes: ClassSet::EMPTY,
            headers,
            authorization_is_principal: false,
        };
        change(&mut input);
        fingerprint(&[1; 32], &input)
    }

    #[test]
    fn every_field_is_bound() {
        let other_chain = chain(&["dr-jones", "triage-bot"]);
        let shorter_chain = chain(&["triage-bot"]);
        let mut class = ClassSet::EMPTY;
        class.insert(Class::Name);
        let header = headers(&[("accept", "text/plain"), ("authorization", "Bearer a")]);
        let fewer = headers(&[("accept", "application/json")]);
        let all = [
            changed(|_| ()),
            changed(|input| input.principal_chain = other_chain),
            changed(|input| input.principal_chain = shorter_chain),
            changed(|input| input.method = b"HEAD"),
            changed(|input| input.authority = b"fhir.example:443"),
            changed(|input| input.path = b"/Patient/2"),
            changed(|input| input.query = b"_format=xml"),
            changed(|input| input.body_digest = &[1; 32]),
            changed(|input| input.classes = class),
            changed(|input| input.headers = header),
            changed(|input| input.headers = fewer),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        // The same bytes divided otherwise are another request.
        let moved = changed(|input| {
            input.path = b"/Patient/1_format=json";
            input.query = b"";
        });
        assert!(!all.contains(&moved));
    }

    #[test]
    fn unbound_headers_and_the_order_of_names_do_not_matter() {
        let more = headers(&[
            ("authorization", "Bearer a"),
            ("x-request-id", "1"),
            ("traceparent", "00-1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-envoy-attempt-count", "2"),
            ("user-agent", "curl"),
            ("velum-approval", "abc"),
            ("velum_reason", "why"),
            ("content-length", "0"),
            ("accept", "application/json"),
        ]);
        assert_eq!(changed(|_| ()), changed(|input| input.headers = more));
    }

    #[test]
    fn headers_that_say_whom_or_what_a_request_is_for_are_bound() {
        for name in [
            "x-forwarded-user",
            "x-forwarded-host",
            "x-forwarded-prefix",
            "x-envoy-original-path",
        ] {
            assert!(is_bound(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn repeated_headers_keep_their_order() {
        let one = headers(&[("x-a", "1"), ("x-a", "2")]);
        let two = headers(&[("x-a", "2"), ("x-a", "1")]);
        let joined = headers(&[("x-a", "1, 2")]);
        let [one, two, joined] =
            [one, two, joined].map(|list| changed(|input| input.headers = list));
        assert!(one != two && two != joined && one != joined);
    }

    #[test]
    fn authorization_is_left_out_only_if_told() {
        let renewed = headers(&[
            ("accept", "application/json"),
            ("authorization", "Bearer b"),
        ]);
        assert_ne!(changed(|_| ()), changed(|input| input.headers = renewed));
        let told = |list| {
            changed(|input| {
                input.headers = list;
                input.authorization_is_principal = true;
            })
        };
        let first = headers(&[
            ("accept", "application/json"),
            ("authorization", "Bearer a"),
        ]);
        assert_eq!(told(first), told(renewed));
    }

    #[test]
    fn the_lists_are_lower_case_and_sorted_out() {
        for name in UNBOUND_HEADERS.iter().chain(UNBOUND_PREFIXES) {
            assert_eq!(*name, name.to_ascii_lowercase());
            assert!(!is_bound(name.as_bytes()));
        }
        for bound in [
            "cookie",
            "range",
            "if-match",
            "x-http-method-override",
            "x-velum",
            ":scheme",
        ] {
            assert!(is_bound(bound.as_bytes()), "{bound}");
        }
    }
}
