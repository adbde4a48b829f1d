mod events;
mod failing;
mod finding;
mod grants;
mod requests;
mod responses;
mod seeing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use velum_approval::messages::{Answer, Check};
use velum_approval::{
    Allow, ApprovalId, GatewayId, PublicKey, Scope, SignedAllow, SigningKey, Timestamp,
};
use velum_engine::{Class, ClassSet};

use super::*;
use crate::fake::{Fake, Reply};
use crate::host::header;
use crate::plugin::Dispatcher;

const ROOT: u32 = 1;
const STREAM: u32 = 2;
const ISSUER: &str = "https://idp.example";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn policy() -> Value {
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
            {"name": "export", "when": {"method": "GET", "path": {"prefix": "/bulk/"}},
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

/// A VM with one stream, as Envoy would drive it.
struct Vm {
    host: Fake,
    dispatcher: Dispatcher,
}

impl Vm {
    fn new() -> Self {
        Self::with(&policy())
    }

    fn with(policy: &Value) -> Self {
        let host = Fake::default();
        host.now.set(1_700_000_000_000_000_000);
        host.environment.borrow_mut().extend([
            ("VELUM_MASKING_KEY".to_owned(), STANDARD.encode([9_u8; 32])),
            ("VELUM_GATEWAY_TOKEN".to_owned(), "gateway-token".to_owned()),
        ]);
        let base = [
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
            "claims",
        ];
        for (path, value) in [
            (&["iss"][..], ISSUER),
            (&["sub"], "dr-jones"),
            (&["act", "sub"], "triage-bot"),
        ] {
            host.set_property(&[&base[..], path].concat(), value.as_bytes());
        }
        let mut dispatcher = Dispatcher::default();
        dispatcher.create(ROOT, 0);
        let text = policy.to_string();
        host.set_body(Buffer::PluginConfiguration, text.as_bytes());
        assert!(
            dispatcher.configure(&host, ROOT, text.len()),
            "{:?}",
            host.log.borrow()
        );
        dispatcher.create(STREAM, ROOT);
        Self { host, dispatcher }
    }

    fn anonymous() -> Self {
        let vm = Self::new();
        vm.host.properties.borrow_mut().clear();
        vm
    }

    fn request(&mut self, method: &str, path: &str, more: &[(&str, &str)]) -> Flow {
        self.request_with(method, path, more, true)
    }

    fn request_with(&mut self, method: &str, path: &str, more: &[(&str, &str)], end: bool) -> Flow {
        let mut pairs = vec![
            (":method", method),
            (":path", path),
            (":authority", "fhir.example"),
        ];
        pairs.extend_from_slice(more);
        self.host.set_map(Map::RequestHeaders, &pairs);
        self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.on_request_headers(host, end)
        })
    }

    fn request_body(&mut self, body: &str, end: bool) -> Flow {
        self.host.set_body(Buffer::RequestBody, body.as_bytes());
        self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.on_request_body(host, body.len(), end)
        })
    }

    fn response(&mut self, pairs: &[(&str, &str)], end: bool) -> Flow {
        self.host.set_map(Map::ResponseHeaders, pairs);
        self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.on_response_headers(host, end)
        })
    }

    fn json_response(&mut self) -> Flow {
        self.response(
            &[(":status", "200"), ("content-type", "application/json")],
            false,
        )
    }

    fn response_body(&mut self, body: &str, end: bool) -> (Flow, String) {
        self.host.set_body(Buffer::ResponseBody, body.as_bytes());
        let flow = self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.on_response_body(host, body.len(), end)
        });
        (flow, self.host.body_text(Buffer::ResponseBody))
    }

    fn check(&self) -> Check {
        let sent = self.host.sent.borrow();
        serde_json::from_slice(&sent.last().expect("a call was made").body).unwrap()
    }

    fn answer_text(&mut self, status: &str, body: &str) {
        self.host
            .set_map(Map::CallResponseHeaders, &[(":status", status)]);
        self.host
            .set_body(Buffer::CallResponseBody, body.as_bytes());
        let token = u32::try_from(self.host.sent.borrow().len()).unwrap();
        let owner = self
            .dispatcher
            .owner_of(token)
            .expect("the call is the stream's");
        self.dispatcher.answer(&self.host, owner, 1, body.len());
    }

    fn answer(&mut self, answer: &Answer) {
        self.answer_text("200", &serde_json::to_string(answer).unwrap());
    }

    fn reply(&self) -> Reply {
        self.host
            .replies
            .borrow()
            .last()
            .cloned()
            .expect("the filter replied")
    }

    fn problem(&self) -> (u32, String) {
        let reply = self.reply();
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let code = body["type"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        (reply.status, code)
    }
}

fn names() -> ClassSet {
    [Class::Name].into_iter().collect()
}

fn allow(check: &Check, classes: ClassSet) -> Allow {
    Allow {
        gateway: GatewayId::new("edge").unwrap(),
        use_key: check.use_key,
        fingerprint: check.fingerprint,
        approval: approval(),
        scope: Scope::of(classes),
        tags: None,
        lifts_until: Timestamp::from_millis(1_700_000_300_000),
        emergency: None,
        expires: Timestamp::from_millis(1_700_000_060_000),
    }
}

fn approval() -> ApprovalId {
    "0192f0c1-2b3c-7d4e-8f50-123456789abc".parse().unwrap()
}

fn pending() -> Answer {
    Answer::Pending {
        approval: approval(),
        retry_after_seconds: 5,
        expires: Timestamp::from_millis(1_700_000_900_000),
        evidence: false,
    }
}

const ASK: &[(&str, &str)] = &[
    ("velum-lift", "name,date"),
    ("velum-reason", "discharge"),
    ("prefer", "wait=30"),
];
const PATIENT: &str =
    r#"{"resourceType":"Patient","name":[{"family":"Quill"}],"birthDate":"1970-02-03"}"#;

#[test]
fn an_ordinary_answer_is_masked_and_its_validators_put_right() {
    let mut vm = Vm::new();
    let more = [
        ("range", "bytes=0-9"),
        ("if-none-match", "\"a\""),
        ("velum-x", "1"),
    ];
    assert_eq!(vm.request("GET", "/Patient/1", &more), Flow::Continue);
    let upstream = vm.host.map(Map::RequestHeaders);
    assert_eq!(header(&upstream, "accept-encoding"), Some(&b"identity"[..]));
    for name in ["range", "if-none-match", "velum-x"] {
        assert_eq!(header(&upstream, name), None, "{name}");
    }
    let pairs = [
        (":status", "200"),
        ("content-type", "application/fhir+json"),
        ("content-length", "80"),
        ("etag", "\"strong\""),
        ("velum-lifted", "name"),
    ];
    assert_eq!(
        vm.response(&pairs, false),
        Flow::Pause,
        "headers wait for the first chunk"
    );
    let answer = vm.host.map(Map::ResponseHeaders);
    for name in ["content-length", "etag", "velum-lifted"] {
        assert_eq!(header(&answer, name), None, "{name}");
    }
    let (flow, body) = vm.response_body(PATIENT, true);
    assert_eq!(flow, Flow::Continue);
    assert!(
        body.contains("Patient") && !body.contains("Quill") && !body.contains("02-03"),
        "{body}"
    );
}

#[test]
fn a_bad_first_chunk_is_a_502_and_a_later_one_cuts_the_stream() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    assert_eq!(
        vm.response_body("{\"name\":\"Quill\"]", false).0,
        Flow::Pause
    );
    assert_eq!(vm.problem(), (502, "response-not-maskable".into()));

    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    assert_eq!(vm.response_body("{\"a\":1,", false).0, Flow::Continue);
    let (flow, body) = vm.response_body("\"name\":\"Quill\"]", false);
    assert_eq!((flow, body.as_str()), (Flow::Pause, ""));
    assert_eq!(*vm.host.resets.borrow(), [Side::Response]);
    let (_, body) = vm.response_body("{\"name\":\"Quill\"}", true);
    assert_eq!(body, "", "nothing follows a cut");
}

#[test]
fn a_body_that_ends_early_is_cut_at_its_end_or_its_trailers() {
    for by_trailers in [false, true] {
        let mut vm = Vm::new();
        vm.request("GET", "/Patient/1", &[]);
        vm.json_response();
        vm.response_body("{\"a\":[1,", false);
        if by_trailers {
            vm.dispatcher
                .run(&vm.host, STREAM, Stream::on_response_trailers);
        } else {
            vm.response_body("", true);
        }
        assert_eq!(
            *vm.host.resets.borrow(),
            [Side::Response],
            "trailers: {by_trailers}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_withheld() {
    for pairs in [
        &[(":status", "200"), ("content-type", "text/html")][..],
        &[(":status", "200"), ("content-length", "5")],
        &[(":status", "206"), ("content-type", "application/json")],
        &[
            (":status", "200"),
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
    ] {
        let mut vm = Vm::new();
        vm.request("GET", "/Patient/1", &[]);
        assert_eq!(vm.response(pairs, false), Flow::Pause, "{pairs:?}");
        assert_eq!(vm.problem().0, 502, "{pairs:?}");
        assert_eq!(vm.response_body("Quill", true).1, "", "{pairs:?}");
    }
}

#[test]
fn the_gateways_own_answer_keeps_its_status_and_loses_its_text() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.host.set_property(
        &["response", "code_details"],
        b"upstream_reset_before_response_started",
    );
    assert_eq!(
        vm.response(&[(":status", "503"), ("content-type", "text/plain")], false),
        Flow::Continue
    );
    let (_, body) = vm.response_body("upstream connect error to Quill", true);
    assert!(body.contains("503") && !body.contains("Quill"), "{body}");
}

#[test]
fn the_gateways_own_answer_is_replaced_once_however_its_body_comes() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    let details = ["response", "code_details"];
    vm.host.set_property(&details, b"direct_response");
    vm.response(&[(":status", "503"), ("content-type", "text/plain")], false);
    let chunks = [("", false), ("Qui", false), ("ll", false), ("", true)];
    let pieces = chunks.map(|(chunk, end)| vm.response_body(chunk, end).1);
    let whole: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(whole["status"], 503);
}

#[test]
fn a_passed_route_is_untouched_and_a_denied_one_is_refused() {
    let mut vm = Vm::new();
    assert_eq!(vm.request("GET", "/healthz", &[]), Flow::Continue);
    assert_eq!(
        vm.response(&[(":status", "200"), ("content-type", "text/plain")], false),
        Flow::Continue
    );
    assert_eq!(
        vm.response_body("Quill", true),
        (Flow::Continue, "Quill".into())
    );

    let mut vm = Vm::new();
    assert_eq!(vm.request("GET", "/closed/x", &[]), Flow::Pause);
    assert_eq!(vm.problem(), (403, "action-denied".into()));
    assert_eq!(
        vm.response(&[(":status", "403")], false),
        Flow::Continue,
        "our own reply passes"
    );
}

#[test]
fn an_ask_is_held_and_lifts_only_what_is_granted() {
    let mut vm = Vm::new();
    assert_eq!(
        vm.request("GET", "/Patient/42?name=Quill", ASK),
        Flow::Pause
    );
    let check = vm.check();
    assert_eq!(check.principal.subject(), "triage-bot");
    let lineage: Vec<_> = check
        .lineage
        .identities()
        .iter()
        .map(|i| i.subject().to_owned())
        .collect();
    assert_eq!(lineage, ["triage-bot", "dr-jones"]);
    assert_eq!(check.action.as_str(), "read");
    let sent = vm.host.sent.borrow().last().cloned().unwrap();
    let text = String::from_utf8(sent.body).unwrap();
    assert!(
        !text.contains("42") || !text.contains("/Patient/42"),
        "{text}"
    );
    assert!(!text.contains("Quill"), "{text}");
    assert_eq!(header(&sent.headers, "prefer"), Some(&b"wait=25"[..]));
    vm.answer(&Answer::Allow(SignedAllow::sign(
        &allow(&check, names()),
        &key(),
    )));
    assert_eq!(*vm.host.resumed.borrow(), [Side::Request]);
    vm.json_response();
    let answer = vm.host.map(Map::ResponseHeaders);
    assert_eq!(header(&answer, "velum-lifted"), Some(&b"name"[..]));
    assert_eq!(header(&answer, "cache-control"), Some(&b"no-store"[..]));
    let (_, body) = vm.response_body(PATIENT, true);
    assert!(body.contains("Quill") && !body.contains("02-03"), "{body}");
}

#[test]
fn the_policy_service_is_called_where_and_as_the_policy_says() {
    let mut changed = policy();
    changed["policy_service"]["cluster"] = json!("elsewhere");
    changed["policy_service"]["authority"] = json!("desk.velum:8470");
    changed["policy_service"]["token"]["environment"] = json!("VELUM_MASKING_KEY");
    let usual = [
        "velum-policy-service",
        "policy-service.velum",
        "gateway-token",
    ];
    let token = STANDARD.encode([9_u8; 32]);
    for (policy, [cluster, authority, token]) in [
        (policy(), usual),
        (changed, ["elsewhere", "desk.velum:8470", token.as_str()]),
    ] {
        let mut vm = Vm::with(&policy);
        vm.request("DELETE", "/Patient/1", &[]);
        let sent = vm.host.sent.borrow();
        let sent = sent.last().expect("a call was made");
        assert_eq!(sent.cluster, cluster);
        let given = |name| header(&sent.headers, name);
        assert_eq!(given(":authority"), Some(authority.as_bytes()));
        let bearer = format!("Bearer {token}");
        assert_eq!(given("authorization"), Some(bearer.as_bytes()));
    }
}

#[test]
fn a_pending_answer_is_asked_again_until_the_hold_is_spent() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    let first = vm.check();
    vm.host.now.set(vm.host.now.get() + 25_000_000_000);
    vm.answer(&pending());
    assert_eq!(vm.host.sent.borrow().len(), 2);
    assert_eq!(vm.check().use_key, first.use_key, "one stream, one key");
    vm.host.now.set(vm.host.now.get() + 5_000_000_000);
    vm.answer(&pending());
    assert_eq!(vm.problem(), (403, "approval-required".into()));
    let reply = vm.reply();
    let location = format!("/.well-known/velum/approvals/{}", approval());
    assert_eq!(
        header(&reply.headers, "location"),
        Some(location.as_bytes())
    );
    assert_eq!(header(&reply.headers, "retry-after"), Some(&b"5"[..]));
}

#[test]
fn a_decision_that_came_while_waiting_is_fetched_by_a_call_of_its_own() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    // The hold is almost over when the reviewer decides.
    vm.host.now.set(vm.host.now.get() + 29_900_000_000);
    let Answer::Pending {
        approval, expires, ..
    } = pending()
    else {
        unreachable!()
    };
    vm.answer(&Answer::Pending {
        approval,
        retry_after_seconds: 0,
        expires,
        evidence: false,
    });
    assert_eq!(vm.host.sent.borrow().len(), 2);
    let check = vm.check();
    let mut allow = allow(&check, names());
    allow.expires = Timestamp::from_millis(1_700_000_090_000);
    vm.answer(&Answer::Allow(SignedAllow::sign(&allow, &key())));
    assert_eq!(*vm.host.resumed.borrow(), [Side::Request]);
}

#[test]
fn only_what_is_plainly_no_json_may_pass_where_the_policy_lets_it() {
    let mut policy = policy();
    policy["responses"] = json!({"otherwise": "pass"});
    let gzip = ("content-encoding", "gzip");
    for (pairs, passes) in [
        (&[("content-type", "text/html")][..], true),
        (&[("content-type", "application/json"), gzip], false),
        (&[("content-type", "text/html"), gzip], false),
        (
            &[("content-type", "application/json; charset=utf-16")],
            false,
        ),
        (&[], false),
    ] {
        let mut vm = Vm::with(&policy);
        vm.request("GET", "/Patient/1", &[]);
        let headers = [&[(":status", "200")][..], pairs].concat();
        vm.response(&headers, false);
        assert_eq!(
            vm.response_body("Quill", true).1 == "Quill",
            passes,
            "{pairs:?}"
        );
    }
}

#[test]
fn a_head_answer_does_not_tell_the_length_of_the_unmasked_body() {
    let mut vm = Vm::new();
    vm.request("HEAD", "/Patient/1", &[]);
    let pairs = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", "80"),
    ];
    vm.response(&pairs, true);
    assert_eq!(
        header(&vm.host.map(Map::ResponseHeaders), "content-length"),
        None
    );
}

#[test]
fn another_credential_than_the_token_is_part_of_the_request() {
    // {"iss":"https://idp.example","sub":"dr-jones"}, renewed or not, and somebody else's.
    let token = |claims: Value, rest: &str| {
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("Bearer e30.{claims}.{rest}")
    };
    let own = json!({"iss": ISSUER, "sub": "dr-jones"});
    let fingerprint = |authorization: &str| {
        let mut vm = Vm::new();
        vm.request("DELETE", "/Patient/1", &[("authorization", authorization)]);
        vm.check().fingerprint
    };
    let first = fingerprint(&token(own.clone(), "a"));
    assert_eq!(
        first,
        fingerprint(&token(own, "b")),
        "a renewed token is the same principal"
    );
    let other = json!({"iss": ISSUER, "sub": "someone-else"});
    assert_ne!(first, fingerprint(&token(other, "a")));
    assert_ne!(first, fingerprint("Basic dXNlcjpwdw=="));
}

#[test]
fn a_service_that_never_waits_cannot_make_the_filter_spin() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    for _ in 0..100 {
        if !vm.host.replies.borrow().is_empty() {
            break;
        }
        vm.answer(&pending());
    }
    assert_eq!(vm.problem(), (403, "approval-required".into()));
    assert!(vm.host.sent.borrow().len() < 12);
}

#[test]
fn an_answer_that_cannot_be_believed_lifts_nothing() {
    type Forge = fn(&Check) -> String;
    let forgeries: &[(&str, Forge)] = &[
        ("rubbish", |_| "{}".into()),
        ("not JSON", |_| "<html>".into()),
        ("unsigned", |check| {
            let mut signed = SignedAllow::sign(&allow(check, names()), &key());
            signed.signature = String::new();
            serde_json::to_string(&Answer::Allow(signed)).unwrap()
        }),
        ("another's key", |check| {
            let signed =
                SignedAllow::sign(&allow(check, names()), &SigningKey::from_bytes(&[4; 32]));
            serde_json::to_string(&Answer::Allow(signed)).unwrap()
        }),
        ("another stream's", |check| {
            let mut old = allow(check, names());
            old.use_key = velum_approval::UseKey::from_bytes([8; 16]);
            serde_json::to_string(&Answer::Allow(SignedAllow::sign(&old, &key()))).unwrap()
        }),
        ("expired", |check| {
            let mut old = allow(check, names());
            old.expires = Timestamp::from_millis(1_699_999_999_999);
            serde_json::to_string(&Answer::Allow(SignedAllow::sign(&old, &key()))).unwrap()
        }),
        ("more than asked", |check| {
            let more = allow(check, [Class::Name, Class::Ssn].into_iter().collect());
            serde_json::to_string(&Answer::Allow(SignedAllow::sign(&more, &key()))).unwrap()
        }),
        ("what this version does not know", |check| {
            let mut unknown = serde_json::to_value(allow(check, names())).unwrap();
            unknown["only_on"] = json!("Tuesdays");
            let json = unknown.to_string();
            let signed = SignedAllow::sign(&allow(check, names()), &key());
            let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
            let forged = SignedAllow {
                allow: text,
                ..signed
            };
            serde_json::to_string(&Answer::Allow(forged)).unwrap()
        }),
    ];
    for (name, forge) in forgeries {
        let mut vm = Vm::new();
        vm.request("GET", "/Patient/1", ASK);
        let forged = forge(&vm.check());
        vm.answer_text("200", &forged);
        assert_eq!(vm.problem(), (503, "approval-unavailable".into()), "{name}");
        assert!(vm.host.resumed.borrow().is_empty(), "{name}");
    }
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    let signed = Answer::Allow(SignedAllow::sign(&allow(&vm.check(), names()), &key()));
    let signed = serde_json::to_string(&signed).unwrap();
    for _ in 0..4 {
        vm.answer_text("503", &signed);
    }
    assert_eq!(
        vm.problem(),
        (503, "approval-unavailable".into()),
        "not a 200"
    );
}

#[test]
fn a_broken_connection_is_no_answer() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    // Another replica may answer, so it is asked again, at most three times.
    for token in 1..=4 {
        assert!(vm.host.replies.borrow().is_empty(), "{token}");
        let owner = vm.dispatcher.owner_of(token).unwrap();
        vm.dispatcher.answer(&vm.host, owner, 0, 0);
    }
    assert_eq!(vm.problem(), (503, "approval-unavailable".into()));
    let sent = vm.host.sent.borrow();
    let first: Check = serde_json::from_slice(&sent[0].body).unwrap();
    for again in sent.iter() {
        let again: Check = serde_json::from_slice(&again.body).unwrap();
        assert_eq!(again.use_key, first.use_key, "it is the same ask");
    }
}

#[test]
fn who_is_not_held_asks_once_and_a_hold_that_is_over_asks_no_more() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[("velum-lift", "name")]);
    vm.answer_text("503", "");
    assert_eq!(vm.host.sent.borrow().len(), 1);
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    vm.host.now.set(vm.host.now.get() + 29_500_000_000);
    vm.answer_text("503", "");
    assert_eq!(vm.host.sent.borrow().len(), 1);
    assert_eq!(vm.problem(), (503, "approval-unavailable".into()));
}

#[test]
fn without_a_hold_the_masked_answer_comes_at_once() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[("velum-lift", "name")]);
    assert_eq!(header(&vm.host.sent.borrow()[0].headers, "prefer"), None);
    vm.answer(&pending());
    assert_eq!(*vm.host.resumed.borrow(), [Side::Request]);
    vm.json_response();
    let answer = vm.host.map(Map::ResponseHeaders);
    let link = format!(
        "</.well-known/velum/approvals/{}>; rel=\"approval\"",
        approval()
    );
    assert_eq!(header(&answer, "link"), Some(link.as_bytes()));
    assert!(!vm.response_body(PATIENT, true).1.contains("Quill"));

    let mut vm = Vm::new();
    vm.host.calls_fail.set(true);
    assert_eq!(
        vm.request("GET", "/Patient/1", &[("velum-lift", "name")]),
        Flow::Continue
    );
    vm.json_response();
    assert!(!vm.response_body(PATIENT, true).1.contains("Quill"));
}

#[test]
fn an_unsafe_request_waits_for_its_review_whatever_it_asks() {
    let mut vm = Vm::new();
    let asked = [("velum-lift", "name"), ("prefer", "wait=5")];
    assert_eq!(vm.request("DELETE", "/Patient/1", &asked), Flow::Pause);
    let check = vm.check();
    assert_eq!(check.action.as_str(), "purge");
    assert!(check.classes.is_empty());
    let upstream = vm.host.map(Map::RequestHeaders);
    assert_eq!(header(&upstream, "x-envoy-max-retries"), Some(&b"0"[..]));
    for _ in 0..4 {
        vm.answer_text("503", "upstream connect error");
    }
    assert_eq!(vm.problem(), (503, "approval-unavailable".into()));
}

#[test]
fn trailers_end_a_request_body_and_lose_what_is_ours() {
    let mut vm = Vm::new();
    vm.request_with("DELETE", "/Patient/1", &[], false);
    vm.request_body("{}", false);
    vm.host.set_map(
        Map::RequestTrailers,
        &[("velum-lift", "name"), ("x-kept", "1")],
    );
    vm.dispatcher
        .run(&vm.host, STREAM, Stream::on_request_trailers);
    assert_eq!(vm.check().action.as_str(), "purge");
    assert_eq!(
        vm.host.map(Map::RequestTrailers),
        vec![(b"x-kept".to_vec(), b"1".to_vec())]
    );
}

#[test]
fn a_reviewed_body_is_bound_by_its_digest() {
    let mut fingerprints = Vec::new();
    for body in ["{\"a\":1}", "{\"a\":2}"] {
        let mut vm = Vm::new();
        assert_eq!(
            vm.request_with("DELETE", "/Patient/1", &[], false),
            Flow::Pause
        );
        assert_eq!(vm.request_body("{\"a\"", false), Flow::Pause);
        assert!(
            vm.host.sent.borrow().is_empty(),
            "the body is not whole yet"
        );
        assert_eq!(vm.request_body(body, true), Flow::Pause);
        fingerprints.push(vm.check().fingerprint);
    }
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[test]
fn where_headers_cannot_be_held_a_body_is_not_reviewable() {
    let mut policy = policy();
    policy["host"] = json!({"headers_stop_iteration": false});
    let mut vm = Vm::with(&policy);
    vm.request_with("DELETE", "/Patient/1", &[], false);
    assert_eq!(vm.problem(), (403, "body-not-reviewable".into()));
}

#[test]
fn a_masked_value_written_back_is_refused_and_a_clear_one_goes_on() {
    for (body, expected) in [
        (
            r#"{"name":[{"family":"[masked:name]"}]}"#,
            Some((422, "masked-value".to_owned())),
        ),
        (
            r#"{"name":[{"family":"\u005bmasked:name]"}]}"#,
            Some((422, "masked-value".into())),
        ),
        (r#"{"name":"#, Some((400, "body-not-json".into()))),
        (r#"{"name":[{"family":"Quill"}]}"#, None),
    ] {
        let mut vm = Vm::new();
        let json = [("content-type", "application/fhir+json")];
        assert_eq!(
            vm.request_with("PUT", "/Patient/1", &json, false),
            Flow::Pause
        );
        let flow = vm.request_body(body, true);
        match expected {
            Some(problem) => assert_eq!(vm.problem(), problem, "{body}"),
            None => assert_eq!(flow, Flow::Continue, "{body}"),
        }
    }
}

#[test]
fn a_refusal_that_comes_after_the_upstreams_answer_cuts_the_stream() {
    let mut policy = policy();
    policy["host"] = json!({"headers_stop_iteration": false});
    let mut vm = Vm::with(&policy);
    let json = [("content-type", "application/json")];
    assert_eq!(
        vm.request_with("PUT", "/Patient/1", &json, false),
        Flow::Continue
    );
    vm.json_response();
    vm.request_body(r#"{"name":"[masked:name]"}"#, true);
    assert!(vm.host.replies.borrow().is_empty());
    assert_eq!(
        vm.response_body(PATIENT, true).1,
        "",
        "nothing of that answer passes"
    );
}

#[test]
fn what_may_not_be_asked_is_refused_with_what_may() {
    for (lift, code) in [
        ("nmae", "unknown-class"),
        ("ssn", "unknown-class"),
        ("credential", "unknown-class"),
    ] {
        let mut vm = Vm::new();
        vm.request("GET", "/Patient/1", &[("velum-lift", lift)]);
        assert_eq!(vm.problem(), (400, code.into()), "{lift}");
        assert!(
            vm.reply()
                .body
                .contains(r#""may_be_asked":["name","date"]"#),
            "{}",
            vm.reply().body
        );
    }
}

#[test]
fn a_review_without_identity_is_refused() {
    let mut vm = Vm::anonymous();
    vm.request("DELETE", "/Patient/1", &[]);
    assert_eq!(vm.problem(), (403, "identity-required".into()));
    let mut vm = Vm::anonymous();
    vm.request("GET", "/Patient/1", ASK);
    assert_eq!(vm.problem(), (403, "identity-required".into()));
    let mut vm = Vm::anonymous();
    assert_eq!(
        vm.request("GET", "/Patient/1", &[]),
        Flow::Continue,
        "masked all the same"
    );
}

#[test]
fn a_review_may_fall_back_to_the_masked_answer() {
    let mut vm = Vm::new();
    assert_eq!(
        vm.request("GET", "/bulk/Patient.ndjson", &[("velum-lift", "name")]),
        Flow::Pause
    );
    vm.answer_text("503", "");
    assert_eq!(*vm.host.resumed.borrow(), [Side::Request]);
    vm.json_response();
    assert!(!vm.response_body(PATIENT, true).1.contains("Quill"));
}

#[test]
fn a_poll_is_answered_for_the_one_who_asked() {
    let path = format!("/.well-known/velum/approvals/{}", approval());
    let mut vm = Vm::new();
    assert_eq!(vm.request("GET", &path, &[]), Flow::Pause);
    vm.answer_text("200", r#"{"state":"pending","retry_after_seconds":5}"#);
    assert_eq!(vm.reply().status, 200);
    assert!(vm.reply().body.contains("pending"));
    let mut vm = Vm::new();
    vm.request("GET", &path, &[]);
    vm.answer_text("404", "{}");
    assert_eq!(vm.problem(), (404, "approval-unknown".into()));
    let mut vm = Vm::new();
    vm.request("GET", &path, &[]);
    vm.answer_text("200", "{}");
    assert_eq!(vm.problem(), (503, "approval-unavailable".into()));
    let mut vm = Vm::anonymous();
    vm.request("GET", &path, &[]);
    assert_eq!(vm.problem(), (403, "identity-required".into()));
}

#[test]
fn a_requester_gets_the_proof_of_a_release_as_the_service_gave_it() {
    let path = format!("/.well-known/velum/approvals/{}/proofs/1", approval());
    let mut vm = Vm::new();
    assert_eq!(vm.request("GET", &path, &[]), Flow::Pause);
    vm.answer_text("200", "c2sp.org/tlog-proof@v1\n");
    assert_eq!(vm.reply().status, 200);
    assert_eq!(vm.reply().body, "c2sp.org/tlog-proof@v1\n");
    for (status, expected) in [
        ("404", (404, "approval-unknown".into())),
        ("503", (503, "approval-unavailable".into())),
    ] {
        let mut vm = Vm::new();
        vm.request("GET", &path, &[]);
        vm.answer_text(status, "{}");
        assert_eq!(vm.problem(), expected);
    }
    let mut vm = Vm::anonymous();
    vm.request("GET", &path, &[]);
    assert_eq!(vm.problem(), (403, "identity-required".into()));
    // Nothing else is asked for so, and nothing taken back.
    let mut vm = Vm::new();
    vm.request("DELETE", &path, &[]);
    assert_eq!(vm.problem().0, 403);
    for wrong in ["/proofs/", "/proofs/one", "/proofs/1/2", "/other"] {
        let path = format!("/.well-known/velum/approvals/{}{wrong}", approval());
        let mut vm = Vm::new();
        vm.request("GET", &path, &[]);
        assert_eq!(vm.problem().0, 400, "{wrong}");
    }
}

#[test]
fn a_reply_that_fails_cuts_the_stream() {
    let mut vm = Vm::new();
    vm.host.replies_fail.set(true);
    assert_eq!(vm.request("GET", "/closed/x", &[]), Flow::Pause);
    assert_eq!(*vm.host.resets.borrow(), [Side::Request]);
}

#[test]
fn a_stream_without_a_policy_gets_nothing() {
    let host = Fake::default();
    let mut dispatcher = Dispatcher::default();
    dispatcher.create(ROOT, 0);
    dispatcher.create(STREAM, ROOT);
    let flow = dispatcher.run(&host, STREAM, |stream, host| {
        stream.on_request_headers(host, true)
    });
    assert_eq!(flow, Flow::Pause);
    assert_eq!(host.replies.borrow()[0].status, 503);
    assert_eq!(
        dispatcher.run(&host, 99, |_, _| Flow::Continue),
        Flow::Pause
    );
}

#[test]
fn a_configuration_that_is_refused_says_where() {
    for (change, expected) in [
        (json!({"version": 2}), "/version"),
        (json!({"identty": {}}), "/identty"),
    ] {
        let mut policy = policy();
        for (key, value) in change.as_object().unwrap() {
            policy[key] = value.clone();
        }
        let host = Fake::default();
        let text = policy.to_string();
        host.set_body(Buffer::PluginConfiguration, text.as_bytes());
        assert!(!Dispatcher::default().configure(&host, ROOT, text.len()));
        assert!(
            host.log.borrow().join("").contains(expected),
            "{:?}",
            host.log.borrow()
        );
    }
    let host = Fake::default();
    let text = policy().to_string();
    host.set_body(Buffer::PluginConfiguration, text.as_bytes());
    assert!(
        !Dispatcher::default().configure(&host, ROOT, text.len()),
        "secrets are missing"
    );
    assert!(host.log.borrow().join("").contains("VELUM_GATEWAY_TOKEN"));
}

#[test]
fn a_body_is_written_as_often_as_it_comes() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    assert_eq!(vm.response_body("{\"a\":[1,", false).0, Flow::Continue);
    assert_eq!(vm.response_body("", false).0, Flow::Continue);
    assert_eq!(vm.response_body("2]}", false).0, Flow::Continue);
    assert_eq!(vm.response_body("", true).0, Flow::Continue);
    assert_eq!(vm.host.writes.get(), 2);
    // A number ends where the body ends.
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    vm.response_body("12", false);
    assert_eq!(
        vm.response_body("", true),
        (Flow::Continue, "12".to_owned())
    );
}

#[test]
fn nothing_logged_or_replied_holds_a_value_of_the_request() {
    let mut vm = Vm::new();
    let more = [
        ("velum-lift", "name"),
        ("velum-reason", "Canary"),
        ("prefer", "wait=1"),
    ];
    vm.request("GET", "/Patient/Canary?family=Canary&Canary=1", &more);
    let sent = String::from_utf8(vm.host.sent.borrow()[0].body.clone()).unwrap();
    let mut check: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        check.as_object_mut().unwrap().remove("reason"),
        Some("Canary".into())
    );
    assert!(!check.to_string().contains("Canary"), "{check}");
    vm.answer_text("500", "Canary");
    assert!(!vm.reply().body.contains("Canary"));
    assert!(!vm.host.log.borrow().join("\n").contains("Canary"));
}

#[test]
fn tokens_are_made_with_the_keys_of_the_environment() {
    let mut policy = policy();
    policy["masking"]["rules"] =
        json!([{"key": "mrn", "class": "mrn", "operator": {"token": {"prefix": "MRN-"}}}]);
    let mut vm = Vm::with(&policy);
    vm.request("GET", "/Patient/1", &[]);
    vm.response(
        &[(":status", "200"), ("content-type", "application/json")],
        false,
    );
    let body = r#"{"mrn":"12"}"#;
    vm.response_body(body, true);
    let out = vm.host.body_text(Buffer::ResponseBody);
    assert!(
        out.starts_with(r#"{"mrn":"MRN-"#) && out.len() == body.len() + 24,
        "{out}"
    );

    // Written back, it would become the number.
    let mut vm = Vm::with(&policy);
    let json = [("content-type", "application/json")];
    vm.request_with("PUT", "/Patient/1", &json, false);
    vm.request_body(&out, true);
    assert_eq!(vm.problem(), (422, "masked-value".into()));

    let host = Fake::default();
    let text = policy.to_string();
    host.set_body(Buffer::PluginConfiguration, text.as_bytes());
    let variables = [("VELUM_GATEWAY_TOKEN".to_owned(), "gateway-token".to_owned())];
    host.environment.borrow_mut().extend(variables);
    assert!(!Dispatcher::default().configure(&host, ROOT, text.len()));
    let log = host.log.borrow().concat();
    assert!(
        log.contains("VELUM_MASKING_KEY is not set; list it under"),
        "{log}"
    );
}
