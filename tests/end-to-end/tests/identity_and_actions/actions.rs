//! Every condition on a real Envoy: what a request meets there is what `velum policy explain` says.

use std::process::Command;

use serde_json::{Value, json};
use velum_harness::locations;

use crate::site::{Options, Site, with_service};

const PLACE: [&str; 2] = ["envoy.filters.http.jwt_authn", "claims"];

fn review(name: &str, when: &Value) -> Value {
    json!({"name": name, "when": when, "effect": "review", "hold": "9s"})
}

fn policy() -> Value {
    let roles = |path: &str, claims: Value| json!({"path": path, "claims": claims});
    with_service(json!({
        "version": 1,
        "identity": {"jwt": {"metadata": PLACE}},
        "masking": {"profiles": ["fhir-r4"], "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}]},
        "actions": [
            {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
            {"name": "open", "when": {"route": "open"}, "effect": "pass"},
            {"name": "admin", "when": {"path": {"prefix": "/admin/"}}, "effect": "deny"},
            review("by-route", &json!({"route": ["bulk", "export"]})),
            review("role", &roles("/role", json!({"/realm_access/roles": {"contains": "auditor"}}))),
            review("group", &roles("/group", json!({"groups": {"contains": "audit"}}))),
            review("text", &roles("/text", json!({"dept": "oncology"}))),
            review("number", &roles("/number", json!({"level": 3}))),
            review("flag", &roles("/flag", json!({"on_call": true}))),
            review("off", &roles("/off", json!({"on_call": false}))),
            review("item", &roles("/item", json!({"levels": {"contains": 7}}))),
            review("object", &roles("/object", json!({"realm_access": {"present": true}}))),
            review("lacks", &roles("/lacks", json!({"nothing": {"present": false}}))),
            review("indexed", &roles("/indexed", json!({"/groups/1": "audit"}))),
            review("within", &roles("/within", json!({"/realm_access/level": 4}))),
            review("principal", &json!({"path": "/principal",
                "principal": {"issuer": "https://idp.example", "subject": {"prefix": "triage-"}}})),
            review("header", &json!({"path": "/header", "header": {"x-kind": {"prefix": "bulk"}}})),
            review("query", &json!({"path": "/query", "query": {"kind": "bulk"}})),
            review("authority", &json!({"path": "/authority", "authority": {"suffix": ".partner.example"}})),
            review("everything", &json!({"path": {"segments": "/Patient/{id}/$everything"}})),
            review("file", &json!({"path": {"suffix": ".ndjson"}})),
            review("joined", &json!({"path": {"prefix": "/joined/"},
                "any": [{"method": "POST"}, {"all": [{"method": "GET"}, {"not": {"path": "/joined/free"}}]}]})),
            review("purge", &json!({"method": "DELETE"})),
            {"name": "rest", "effect": "mask"},
        ],
    }))
}

fn routes() -> Value {
    let route = json!({"cluster": "upstream", "timeout": "0s"});
    json!([
        {"name": "bulk", "match": {"prefix": "/bulk/"}, "route": route},
        {"name": "export", "match": {"path": "/export"}, "route": route},
        {"name": "open", "match": {"prefix": "/open/"}, "route": route},
        {"match": {"prefix": "/"}, "route": route},
    ])
}

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "sub": "dr-jones", "act": {"sub": "triage-bot"},
        "dept": "oncology", "level": 3, "on_call": true, "levels": [5, 7], "groups": ["clinical", "audit"],
        "realm_access": {"roles": ["reader", "auditor"], "level": 4}, "exp": 32_503_680_000_u64,
    })
}

fn other_claims() -> Value {
    json!({
        "iss": "https://idp.example", "sub": "dr-smith", "exp": 32_503_680_000_u64,
        "dept": "surgery", "level": 3.5, "on_call": false, "levels": [], "groups": [],
        "realm_access": {"roles": "auditor"}, "nothing": "",
    })
}

/// Requests, and what they meet with either token: an action that is reviewed, else how they are
/// answered. The route is what Envoy will find.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("GET /healthz", "", "passed", "passed"),
    ("GET /healthz/", "", "passed", "passed"),
    ("POST /healthz", "", "masked", "masked"),
    ("GET /open/a", "open", "passed", "passed"),
    (
        "GET /open/../Patient/p1",
        "open",
        "ambiguous-path",
        "ambiguous-path",
    ),
    ("GET /admin/log", "", "action-denied", "action-denied"),
    ("GET /bulk/a", "bulk", "by-route", "by-route"),
    ("GET /export", "export", "by-route", "by-route"),
    ("GET /role", "", "role", "masked"),
    ("GET /group", "", "group", "masked"),
    ("GET /text", "", "text", "masked"),
    ("GET /number", "", "number", "masked"),
    ("GET /flag", "", "flag", "masked"),
    ("GET /off", "", "masked", "off"),
    ("GET /item", "", "item", "masked"),
    ("GET /object", "", "object", "object"),
    ("GET /lacks", "", "lacks", "masked"),
    ("GET /within", "", "within", "masked"),
    ("GET /indexed", "", "indexed", "masked"),
    ("GET /principal", "", "principal", "masked"),
    ("GET /header\nx-kind: bulk-file", "", "header", "header"),
    ("GET /header\nx-kind: other", "", "masked", "masked"),
    (
        "GET /header\nx-kind: bulk\nx-kind: other",
        "",
        "ambiguous-request",
        "ambiguous-request",
    ),
    ("GET /header", "", "masked", "masked"),
    ("GET /query?kind=bulk", "", "query", "query"),
    ("GET /query?kind=b%75lk", "", "query", "query"),
    ("GET /query?kind=bulk&kind=bulk", "", "query", "query"),
    (
        "GET /query?kind=bulk&kind=other",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /query?KIND=bulk",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /authority\nhost: lab.partner.example",
        "",
        "authority",
        "authority",
    ),
    (
        "GET /authority\nhost: LAB.Partner.Example:8080",
        "",
        "authority",
        "authority",
    ),
    (
        "GET /authority\nhost: partner.example",
        "",
        "masked",
        "masked",
    ),
    (
        "GET /Patient/p1/$everything",
        "",
        "everything",
        "everything",
    ),
    (
        "GET /Patient/p1/%24everything",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /Patient/p1/%2524everything",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /Patient/p1/$everything/",
        "",
        "everything",
        "everything",
    ),
    (
        "GET /Patient/p1/$Everything",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET //Patient/p1/$everything",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /Patient/p1%2f$everything",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /Patient/p1/$everything;x=1",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /x/%2e%2e/Patient/p1/$everything",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    ("GET /a/Patient.ndjson", "", "file", "file"),
    ("POST /joined/a", "", "joined", "joined"),
    ("GET /joined/a", "", "joined", "joined"),
    ("GET /joined/free", "", "masked", "masked"),
    ("PUT /joined/a", "", "masked", "masked"),
    ("DELETE /Patient/p1", "", "purge", "purge"),
    (
        "GET /Patient/p1\nx-http-method-override: DELETE",
        "",
        "method-override",
        "method-override",
    ),
    (
        "GET /Patient/p1?_method=delete",
        "",
        "method-override",
        "method-override",
    ),
    (
        "GET /Patient/p1\nx-original-url: /admin/log",
        "",
        "ambiguous-path",
        "ambiguous-path",
    ),
    (
        "GET /Patient/p1\nvelum-lifted: name",
        "",
        "masked",
        "masked",
    ),
];

#[tokio::test]
async fn a_request_meets_on_envoy_what_the_command_line_explains() {
    let site = Site::start(Options {
        policy: policy(),
        routes: Some(routes()),
        ..Options::default()
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let policy_file = file("policy.json", &policy().to_string());
    let mut wrong = Vec::new();
    for (claims, column) in [(claims(), 0), (other_claims(), 1)] {
        let claims_file = file("claims.json", &claims.to_string());
        let token = site.jwt.signed(&claims);
        for (text, route, one, two) in TABLE {
            let expected = [*one, *two][column];
            let mut lines = text.lines();
            let (method, path) = lines
                .next()
                .and_then(|it| it.split_once(' '))
                .expect("a line");
            let mut call = site.envoy.client().call(method, path).bearer(&token);
            for line in lines {
                let (name, value) = line.split_once(": ").expect("a field");
                call = call.header(name, value);
            }
            let met = site.meets(call).await.what;
            let request = file("request.http", text);
            let mut command = Command::new(locations::program("velum").expect("velum"));
            command
                .args(["policy", "explain", "--json", "--policy"])
                .arg(&policy_file);
            command
                .arg("--claims")
                .arg(&claims_file)
                .arg("--request")
                .arg(&request);
            if !route.is_empty() {
                command.args(["--route", route]);
            }
            let output = command.output().expect("velum runs");
            let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let explained = match (said["effect"].as_str(), said["refused"].as_str()) {
                (Some("pass"), _) => "passed",
                (Some("mask"), _) => "masked",
                (Some("deny"), _) => "action-denied",
                (Some(_), _) => said["action"].as_str().expect("an action"),
                (None, refused) => refused.expect("a refusal"),
            };
            if met != expected || explained != expected {
                wrong.push(format!(
                    "{text:?} ({column}): {expected}, Envoy {met}, explain {explained}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_claim_that_cannot_be_read_is_a_doubt() {
    let site = Site::start(Options {
        policy: policy(),
        ..Options::default()
    })
    .await;
    for (roles, expected) in [
        (json!([{"name": "auditor"}]), "masked"),
        (json!([{"name": null}]), "ambiguous-request"),
        (json!(["auditor", null]), "ambiguous-request"),
        (json!([null]), "ambiguous-request"),
        (json!(["a", "b"]), "masked"),
        (json!({}), "masked"),
        (json!(null), "ambiguous-request"),
        (json!(["auditor"]), "role"),
        (json!(7), "masked"),
    ] {
        let mut claims = claims();
        claims["realm_access"] = json!({"roles": roles});
        let token = site.jwt.signed(&claims);
        let met = site
            .meets(site.envoy.client().get("/role").bearer(&token))
            .await;
        assert_eq!(met.what, expected, "{roles}");
    }
}
