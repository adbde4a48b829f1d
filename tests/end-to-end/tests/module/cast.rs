//! Who plays in these tests: a policy, a patient, a service that signs, and what must not show.

use serde_json::{Value, json};
use velum_approval::messages::{Answer as Decision, Check};
use velum_approval::{
    Allow, ApprovalId, GatewayId, PublicKey, Scope, SignedAllow, SigningKey, Timestamp,
};
use velum_end_to_end::stage::SECRETS;
use velum_wasm_host::{Answer, Headers, Property, ROOT, Seen, SentCall, Vm, header, headers};

/// Written into path and query: nothing that leaves sideways may hold it.
pub(crate) const IN_PATH: &str = "Kanarienvogel";
/// What the detectors know, written into the reason.
pub(crate) const IN_REASON: &str = "000-65-4321";
/// A path of a patient, with what no log may hold.
pub(crate) const PATH: &str = "/Patient/Kanarienvogel?family=Kanarienvogel";
/// 32 bytes in base64, for tests only.
const MASKING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What the filter reads from its environment.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("VELUM_MASKING_KEY", MASKING_KEY),
    ("VELUM_GATEWAY_TOKEN", "gateway-token"),
];

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

/// A policy with every effect.
pub(crate) fn policy() -> Value {
    json!({
        "version": 1,
        "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
        "masking": {
            "profiles": ["fhir-r4"],
            "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}],
        },
        "host": {"headers_stop_iteration": true},
        "actions": [
            {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
            {"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"},
            {"name": "purge", "when": {"method": "DELETE"}, "effect": "review",
             "hold": "120s", "otherwise": "refuse"},
            {"name": "bulk", "when": {"method": "GET", "path": {"prefix": "/bulk/"}},
             "effect": "review", "lift": ["name"], "hold": "60s", "otherwise": "refuse"},
            {"name": "soft", "when": {"method": "GET", "path": {"prefix": "/soft/"}},
             "effect": "review", "lift": ["name"], "hold": "60s", "otherwise": "mask"},
            {"name": "read", "when": {"method": ["GET", "HEAD"]}, "effect": "mask",
             "ask": {"lift": ["name", "date"], "hold": "60s"}},
        ],
        "policy_service": {
            "cluster": "velum-policy-service",
            "authority": "policy-service.velum",
            "token": {"environment": "VELUM_GATEWAY_TOKEN"},
            "public_keys": [PublicKey::of(&key()).to_string()],
        },
    })
}

/// The same where the host cannot hold headers.
pub(crate) fn policy_without_holding() -> Value {
    let mut policy = policy();
    policy["host"] = json!({"headers_stop_iteration": false});
    policy
}

/// One that also looks into what goes out, decodes and reads texts, and tells the access log.
pub(crate) fn outward_policy() -> Value {
    let mut policy = policy();
    policy["masking"]["profiles"] = json!(["hipaa-safe-harbor", "fhir-r4"]);
    policy["responses"] = json!({"encodings": "decode", "text": ["text/plain", "text/html"]});
    policy["observability"] = json!({"access_log": true});
    let more = json!([
        {"name": "partner", "when": {"method": "POST", "path": {"prefix": "/partner/"}},
         "effect": "mask", "requests": {"inspect": true}},
        {"name": "flagged", "when": {"method": "POST", "path": {"prefix": "/flagged/"}},
         "effect": "mask", "requests": {"inspect": true, "flag_on": ["ssn"], "hold": "60s"}},
        {"name": "amend", "when": {"method": "PATCH"}, "effect": "mask", "writes": "refuse",
         "requests": {"inspect": true}},
        {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "lift": ["name"],
         "hold": "120s", "otherwise": "refuse", "requests": {"inspect": true}},
    ]);
    let actions = policy["actions"].as_array().expect("a list");
    let actions = actions.iter().filter(|action| action["name"] != "purge");
    let actions = more.as_array().into_iter().flatten().chain(actions);
    policy["actions"] = actions.cloned().collect();
    policy
}

/// One that changes nothing, whatever its actions say.
pub(crate) fn observing_policy() -> Value {
    json!({
        "version": 1,
        "mode": "observe",
        "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4"]},
        "host": {"headers_stop_iteration": true},
        "responses": {"encodings": "decode", "text": ["text/plain"]},
        "observability": {"access_log": true},
        "actions": [
            {"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"},
            {"name": "partner", "when": {"method": "POST"}, "effect": "mask",
             "requests": {"inspect": true}},
        ],
    })
}

/// Two policies by name.
pub(crate) fn named_policies() -> Value {
    let mut ward = policy();
    let mut document = json!({"version": 1, "host": ward["host"],
        "policy_service": ward["policy_service"]});
    for shared in ["version", "host", "policy_service"] {
        ward.as_object_mut().expect("an object").remove(shared);
    }
    let closed = json!({
        "masking": ward["masking"],
        "actions": [{"name": "all", "when": {"path": {"prefix": "/"}}, "effect": "deny"}],
    });
    document["policies"] = json!({"ward": ward, "closed": closed});
    document
}

/// What Envoy verified of the caller.
pub(crate) fn caller() -> Vec<(Vec<String>, Property)> {
    let claim = |path: &[&str], value: &str| {
        let base = [
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
            "claims",
        ];
        let path = base
            .iter()
            .chain(path)
            .map(|part| (*part).to_owned())
            .collect();
        (path, Property::Bytes(value.as_bytes().to_vec()))
    };
    vec![
        claim(&["iss"], "https://idp.example"),
        claim(&["sub"], "dr-jones"),
        claim(&["act", "sub"], "triage-bot"),
    ]
}

/// A VM with this policy, and callers that Envoy knows.
pub(crate) fn vm(policy: &Value) -> Vm {
    let mut vm = Vm::with(policy, ENVIRONMENT);
    vm.properties = caller();
    vm.log().clear();
    vm
}

/// A small patient, with what must not show.
pub(crate) fn patient() -> String {
    json!({
        "resourceType": "Patient",
        "name": [{"family": "Thistlewood", "given": ["Orla"]}],
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-12-3456"}],
        "telecom": [{"value": "orla@example.org", "system": "email"}],
        "birthDate": "1971-04-09",
    })
    .to_string()
}

/// Request headers that try everything that a caller may write.
pub(crate) fn request(method: &str, path: &str, more: &[(&str, &str)]) -> Headers {
    let mut pairs = vec![
        (":method", method),
        (":path", path),
        (":authority", "fhir.example"),
        (":scheme", "https"),
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-9"),
        ("te", "trailers"),
        ("velum-lifted", "forged"),
        ("velum_lifted", "forged"),
    ];
    pairs.extend_from_slice(more);
    headers(&pairs)
}

/// Response headers that promise what a masked answer cannot keep.
pub(crate) fn response(content_type: &str) -> Headers {
    headers(&[
        (":status", "200"),
        ("content-type", content_type),
        ("content-length", "999"),
        ("etag", "\"strong\""),
        ("digest", "sha-256=x"),
        ("velum-lifted", "Thistlewood"),
        ("velum_note", "Thistlewood"),
        ("x-kept", "1"),
    ])
}

/// The same of a body whose length and coding are told.
pub(crate) fn response_of(content_type: &str, coding: Option<&str>, length: usize) -> Headers {
    let mut headers = response(content_type);
    headers.retain(|(name, _)| name != b"content-length");
    headers.push((b"content-length".to_vec(), length.to_string().into_bytes()));
    if let Some(coding) = coding {
        headers.push((b"content-encoding".to_vec(), coding.as_bytes().to_vec()));
    }
    headers
}

/// Trailers of an upstream.
pub(crate) fn trailers() -> Headers {
    headers(&[("velum-note", "Thistlewood"), ("x-kept", "1")])
}

/// What the service says to the last call, if the filter made one.
pub(crate) fn decide(vm: &mut Vm, decision: impl Fn(&Check) -> Decision) {
    let Some(call) = vm.calls().last().cloned() else {
        return;
    };
    // A check that breaks its own rules, such as one with an empty authority, is not answered.
    let Ok(check) = serde_json::from_slice::<Check>(&call.body) else {
        vm.answer(call.token, Answer::new(400, "{}"));
        return;
    };
    let body = serde_json::to_vec(&decision(&check)).expect("JSON");
    vm.answer(call.token, Answer::new(200, body));
}

/// An approval of exactly what was asked.
pub(crate) fn allowed(check: &Check) -> Allow {
    Allow {
        gateway: GatewayId::new("edge").expect("a name"),
        use_key: check.use_key,
        fingerprint: check.fingerprint,
        approval: approval(),
        scope: Scope::of(check.classes),
        tags: None,
        lifts_until: Timestamp::from_millis(1_800_000_000_000),
        emergency: None,
        expires: Timestamp::from_millis(1_800_000_000_000),
    }
}

/// The service signs.
pub(crate) fn signed(allow: &Allow) -> Decision {
    Decision::Allow(SignedAllow::sign(allow, &key()))
}

/// The service allows what was asked.
pub(crate) fn allow(check: &Check) -> Decision {
    signed(&allowed(check))
}

/// Nobody has decided.
pub(crate) fn pending(_: &Check) -> Decision {
    undecided()
}

/// The same, whatever was asked.
pub(crate) fn undecided() -> Decision {
    Decision::Pending {
        approval: approval(),
        retry_after_seconds: 5,
        expires: Timestamp::from_millis(1_700_000_900_000),
        evidence: false,
    }
}

/// Somebody said no.
pub(crate) fn deny(_: &Check) -> Decision {
    Decision::Deny {
        code: velum_approval::DenyCode::Denied,
        approval: Some(approval()),
        public_reason: None,
    }
}

/// The one approval.
pub(crate) fn approval() -> ApprovalId {
    "0192f0c1-2b3c-7d4e-8f50-123456789abc"
        .parse()
        .expect("an id")
}

/// What a stream may have left, told by its kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// The bodies of the upstream, masked, that may go out whole or cut short.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Values that were granted.
    pub(crate) lifted: &'static [&'static str],
    /// What may go to the upstream, where the policy has the request's body inspected.
    pub(crate) upstream: Option<Upward>,
}

/// What the upstream may get of a body that is inspected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upward {
    /// Masked bodies, which may go out whole or cut short.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Values that were granted.
    pub(crate) released: &'static [&'static str],
}

/// Fails if the VM died, or if anything shows that must not, wherever it went.
pub(crate) fn assert_safe(vm: &mut Vm, seen: &Seen, limits: &Limits, what: &str) {
    assert_eq!(vm.trap, None, "{what}");
    let client = seen.client.bytes();
    for secret in SECRETS {
        let is_lifted = limits.lifted.contains(&secret);
        assert!(
            is_lifted || !contains(&client, secret),
            "{what}: {secret} reaches the client: {}",
            String::from_utf8_lossy(&client)
        );
    }
    assert!(
        !contains(&client, "forged"),
        "{what}: a header that is ours to write"
    );
    for (name, _) in seen
        .upstream
        .headers
        .iter()
        .chain(&seen.upstream.trailers)
        .flatten()
    {
        let name = String::from_utf8_lossy(name);
        assert!(
            !name.starts_with("velum"),
            "{what}: {name} reaches the upstream"
        );
    }
    assert_whole(seen, limits, what);
    if let Some(upward) = &limits.upstream {
        assert_masked_upward(seen, upward, what);
    }
    assert_nothing_sideways(vm, seen, what);
}

/// A body is a masked one, from its start, and whole where its end was told; or it is our own.
fn assert_whole(seen: &Seen, limits: &Limits, what: &str) {
    let body = &seen.client.body;
    if seen.is_local || limits.bodies.is_empty() {
        return;
    }
    let fits = |expected: &Vec<u8>| {
        expected.starts_with(body) && (!seen.client.ended || expected.len() == body.len())
    };
    assert!(
        body.is_empty() || limits.bodies.iter().any(fits),
        "{what}: not a masked body: {}",
        seen.text()
    );
    if let Some(headers) = &seen.client.headers {
        for (name, _) in headers {
            let name = String::from_utf8_lossy(name);
            let is_false = ["content-length", "digest", "etag"].contains(&&*name);
            assert!(!is_false, "{what}: {name} is no longer true");
        }
    }
}

/// The upstream gets a masked body from its start, and its end only when it is whole.
fn assert_masked_upward(seen: &Seen, upward: &Upward, what: &str) {
    let upstream = &seen.upstream;
    let bytes = [upstream.body.as_slice(), &upstream.late].concat();
    for secret in SECRETS {
        assert!(
            upward.released.contains(&secret) || !contains(&bytes, secret),
            "{what}: {secret} reaches the upstream: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
    let fits = |expected: &Vec<u8>| {
        expected.starts_with(&upstream.body)
            && (!upstream.ended || expected.len() == upstream.body.len())
    };
    assert!(
        upward.bodies.is_empty()
            || upstream.body.is_empty() && !upstream.ended
            || upward.bodies.iter().any(fits),
        "{what}: the upstream gets another body: {}",
        String::from_utf8_lossy(&bytes)
    );
}

/// The last call to a path of the policy service.
pub(crate) fn last_to(vm: &mut Vm, path: &str) -> Option<u32> {
    let is_to = |call: &&SentCall| header(&call.headers, ":path") == Some(path.as_bytes());
    vm.calls().iter().rev().find(is_to).map(|call| call.token)
}

/// Logs, calls, metrics and attributes outlive a request.
pub(crate) fn assert_nothing_sideways(vm: &mut Vm, seen: &Seen, what: &str) {
    let mut places: Vec<(&str, Vec<u8>)> = Vec::new();
    places.push(("the log", vm.log().concat().into_bytes()));
    for call in vm.calls().iter() {
        places.push(("a call", call.body.clone()));
        let pairs = call
            .headers
            .iter()
            .flat_map(|(n, v)| [n.as_slice(), v].concat());
        places.push(("a call's headers", pairs.collect()));
    }
    let names = vm.metrics().iter().flat_map(|(name, _)| name.bytes());
    places.push(("the metrics", names.collect()));
    for (path, value) in &seen.written {
        places.push(("an attribute", [path.as_slice(), value].concat()));
    }
    for (place, bytes) in places {
        for secret in SECRETS.iter().chain(&[IN_PATH, IN_REASON]) {
            assert!(!contains(&bytes, secret), "{what}: {secret} is in {place}");
        }
    }
    vm.log().clear();
    vm.calls().clear();
}

/// Whether bytes hold a text.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// What the first root makes of a body that comes whole.
pub(crate) fn masked(vm: &mut Vm, content_type: &str, body: &str) -> Vec<u8> {
    let seen = vm.get(ROOT, content_type, &[body.as_bytes()]);
    assert!(seen.client.ended, "{:?}", vm.log());
    vm.log().clear();
    seen.client.body
}

/// The same answer to this call and to those that the stream makes in its place: what a broken call is
/// asked again.
pub(crate) fn answer_all(vm: &mut Vm, token: u32, answer: &Answer) {
    let mut token = token;
    for _ in 0..8 {
        vm.answer(token, answer.clone());
        match vm.calls().last() {
            Some(call) if call.token != token => token = call.token,
            _ => return,
        }
    }
}
