//! Which action a request matches, and which requests are refused because upstreams could read them
//! in different ways.

use serde_json::{Value, json};
use velum_policy::{Caller, Effect, Policy, Refusal, Request};

fn policy(actions: &Value) -> Policy {
    let document = json!({
        "version": 1,
        "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
        "masking": {"profiles": ["pii"], "keys": [{"id": "k1", "environment": "K"}]},
        "policy_service": {
            "cluster": "c", "authority": "a", "token": {"environment": "T"},
            "public_keys": ["ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
        },
        "actions": actions
    });
    Policy::parse(document.to_string().as_bytes()).unwrap()
}

/// A request as a test writes it: `METHOD target`, then `name: value` lines.
struct Wire<'w> {
    method: String,
    path: String,
    authority: String,
    headers: Vec<(&'w [u8], &'w [u8])>,
}

impl<'w> Wire<'w> {
    fn read(text: &'w str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
        let mut wire = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            authority: "ehr.example".to_owned(),
            headers: Vec::new(),
        };
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            if name == "host" {
                value.clone_into(&mut wire.authority);
            } else {
                wire.headers.push((name.as_bytes(), value.as_bytes()));
            }
        }
        wire
    }

    fn request<'a>(&'a self, caller: Option<&'a Caller<'a>>) -> Request<'a> {
        Request {
            method: self.method.as_bytes(),
            authority: self.authority.as_bytes(),
            path: self.path.as_bytes(),
            headers: &self.headers,
            route: None,
            caller,
        }
    }
}

/// The action's name, `-` for none, or the refusal's code.
fn outcome(policy: &Policy, text: &str, caller: Option<&Caller<'_>>) -> String {
    match policy.evaluate(&Wire::read(text).request(caller)) {
        Ok(verdict) => verdict
            .action
            .map_or("-".to_owned(), |action| action.name.clone()),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[track_caller]
fn check(actions: &Value, vectors: &[(&str, &str)]) {
    let policy = policy(actions);
    for (request, expected) in vectors {
        assert_eq!(outcome(&policy, request, None), *expected, "{request}");
    }
}

fn example() -> Value {
    json!([
        {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
        {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "120s"},
        {"name": "bulk", "when": {"method": "GET", "path": {"prefix": "/bulk/"}}, "effect": "review", "lift": ["name"], "hold": "60s"},
        {"name": "closed", "when": {"path": {"segments": "/Patient/{id}/$purge"}}, "effect": "deny"},
        {"name": "read", "when": {"method": ["GET", "HEAD"]}, "effect": "mask", "ask": {"lift": ["name", "date"], "hold": "30s"}}
    ])
}

#[test]
fn the_first_match_wins_and_no_match_is_masked() {
    check(
        &example(),
        &[
            ("GET /healthz", "health"),
            ("GET /healthz/", "health"),
            ("GET /healthz?x=1", "health"),
            ("HEAD /healthz", "read"),
            ("DELETE /healthz", "purge"),
            ("GET /bulk/1", "bulk"),
            ("GET /bulk", "bulk"),
            ("GET /bulky", "read"),
            ("POST /bulk/1", "-"),
            ("POST /Patient/1/$purge", "closed"),
            ("GET /Patient/1", "read"),
            ("PUT /Patient/1", "-"),
            ("OPTIONS *", "-"),
        ],
    );
    let policy = policy(&example());
    let verdict = |text: &str| policy.evaluate(&Wire::read(text).request(None)).unwrap();
    assert_eq!(verdict("PUT /Patient/1").effect(), Effect::Mask);
    assert_eq!(verdict("GET /healthz").effect(), Effect::Pass);
    assert_eq!(verdict("GET /Patient/1").askable().to_string(), "name,date");
    assert_eq!(verdict("GET /bulk/1").askable().to_string(), "name");
    assert!(verdict("PUT /Patient/1").askable().is_empty());
}

/// Spellings of a path that some upstream takes for another one.
const RESPELLED: &[&str] = &[
    "/Patient/1/%24purge",
    "/Patient//1",
    "//Patient/1",
    "/Patient/1;x=1",
    "/Patient;x=1/1",
    "/Patient/1%3Bx=1",
    "/Patient/%2524purge",
    "/Patient/%2541",
    "/Patient/1%2F$purge",
    "/Patient/1%5C$purge",
    "/Patient/1\\$purge",
    "/Patient/./1",
    "/x/../Patient/1",
    "/x/%2e%2e/Patient/1",
    "/%50atient/1",
    "/Patient/%31",
    "/Patient/1%00",
    "/Patient/1%0d%0a",
    "/Patient/1%",
    "/Patient/1%zz",
    "/Patient/%u0031",
    "/Patient/1%3Fx",
    "/Patient/1%23x",
    "/Patient/1#x",
    "Patient/1",
    "http://x.example/Patient/1",
    "/Patient/%EF%BC%841",
    "/%C0%AFPatient",
    "/Patient/1//",
];

#[test]
fn respelled_paths_are_refused_wherever_an_action_reviews_denies_or_may_be_asked() {
    let review =
        json!([{"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "1s"}]);
    let deny = json!([{"name": "closed", "when": {"path": "/closed"}, "effect": "deny"}]);
    let ask = json!([{"name": "read", "when": {"method": "GET"}, "effect": "mask", "ask": {"lift": ["name"]}}]);
    for actions in [example(), review, deny, ask] {
        let policy = policy(&actions);
        for path in RESPELLED {
            for method in ["GET", "DELETE", "POST"] {
                assert_eq!(
                    outcome(&policy, &format!("{method} {path}"), None),
                    "ambiguous-path",
                    "{method} {path}"
                );
            }
        }
    }
}

/// Where nothing is guarded, a respelled path is masked: it reaches no `pass`.
#[test]
fn respelled_paths_never_pass() {
    let actions = json!([
        {"name": "open", "when": {"any": [{"path": {"prefix": "/"}}, {"path": {"segments": "/Patient/{id}"}}]}, "effect": "pass"}
    ]);
    let policy = policy(&actions);
    assert_eq!(outcome(&policy, "GET /Patient/1", None), "open");
    for path in RESPELLED {
        assert_eq!(
            outcome(&policy, &format!("GET {path}"), None),
            "-",
            "{path}"
        );
    }
    let masked = self::policy(
        &json!([{"name": "fhir", "when": {"path": {"prefix": "/fhir/"}}, "effect": "mask"}]),
    );
    assert_eq!(outcome(&masked, "GET /x/../fhir//1", None), "fhir");
    assert_eq!(outcome(&masked, "GET /fhir/1%2F2", None), "-");
}

/// Ordinary ids stay usable.
#[test]
fn needed_and_harmless_escapes_are_let_through() {
    check(
        &example(),
        &[
            ("GET /Patient/a%20b", "read"),
            ("GET /Patient/urn%3Auuid%3A1", "read"),
            ("GET /Patient/a%40b.example", "read"),
            ("GET /Patient/M%C3%BCller", "read"),
            ("GET /Patient/a:b@c,d=e", "read"),
            ("GET /Patient?name=%2F..%2F;%25", "read"),
        ],
    );
}

/// Escapes that may stay undecoded are refused where the two readings differ.
#[test]
fn harmless_escapes_are_refused_where_they_decide() {
    check(
        &json!([
            {"name": "special", "when": {"path": "/Patient/1:purge"}, "effect": "deny"},
            {"name": "odd", "when": {"path": {"suffix": "@all"}}, "effect": "review", "hold": "1s"}
        ]),
        &[
            ("GET /Patient/1:purge", "special"),
            ("GET /Patient/1%3Apurge", "ambiguous-path"),
            ("GET /Patient/1%3aread", "-"),
            ("GET /x/%40all", "ambiguous-path"),
            ("GET /x@all", "odd"),
        ],
    );
}

#[test]
fn another_case_of_a_guarded_path_is_refused() {
    check(
        &example(),
        &[
            ("GET /BULK/1", "ambiguous-path"),
            ("POST /patient/1/$Purge", "ambiguous-path"),
            ("GET /HEALTHZ", "read"),
            ("GET /patient/1", "read"),
        ],
    );
}

#[test]
fn methods_are_case_sensitive_and_another_case_is_refused() {
    check(
        &example(),
        &[
            ("delete /Patient/1", "ambiguous-request"),
            ("Delete /Patient/1", "ambiguous-request"),
            ("get /bulk/1", "ambiguous-request"),
            ("get /Patient/1", "-"),
            ("PURGE /Patient/1", "-"),
        ],
    );
    check(
        &json!([{"name": "writes", "when": {"not": {"method": ["GET", "HEAD"]}}, "effect": "deny"}]),
        &[
            ("get /a", "ambiguous-request"),
            ("GET /a", "-"),
            ("FROB /a", "writes"),
        ],
    );
}

#[test]
fn overriding_methods_are_refused_where_they_would_change_the_action() {
    check(
        &example(),
        &[
            (
                "POST /Patient/1\nx-http-method-override: DELETE",
                "method-override",
            ),
            (
                "POST /Patient/1\nx-http-method-override: delete",
                "method-override",
            ),
            (
                "POST /Patient/1\nx-http-method-override:  DELETE ",
                "method-override",
            ),
            ("POST /Patient/1\nx-http-method: DELETE", "method-override"),
            (
                "POST /Patient/1\nx-method-override: DELETE",
                "method-override",
            ),
            (
                "POST /Patient/1\nx_http_method_override: DELETE",
                "method-override",
            ),
            (
                "POST /Patient/1\nx-http-method-override: PATCH\nx-http-method-override: DELETE",
                "method-override",
            ),
            (
                "POST /Patient/1\nx-http-method-override: PATCH, DELETE",
                "method-override",
            ),
            (
                "POST /Patient/1\nx-http-method-override: \u{1}",
                "method-override",
            ),
            ("POST /Patient/1?_method=DELETE", "method-override"),
            ("POST /Patient/1?_METHOD=delete", "method-override"),
            ("POST /Patient/1?%5Fmethod=DELETE", "method-override"),
            ("POST /Patient/1?a=1;_method=DELETE", "method-override"),
            ("POST /Patient/1?_method=%44ELETE", "method-override"),
            ("POST /Patient/1?_method[]=DELETE", "method-override"),
            ("POST /bulk/1?_method=GET", "method-override"),
            // The route itself is reviewed: whatever the override says.
            (
                "DELETE /Patient/1\nx-http-method-override: DELETE",
                "method-override",
            ),
            ("POST /Patient/1/$purge?_method=POST", "method-override"),
            // Neither more nor less than the request's own.
            ("POST /Patient/1\nx-http-method-override: PATCH", "-"),
            ("GET /Patient/1?_method=HEAD", "read"),
            ("GET /Patient/1?_method=PUT", "method-override"),
            ("GET /healthz\nx-http-method-override: GET", "health"),
            (
                "GET /healthz\nx-http-method-override: PUT",
                "method-override",
            ),
        ],
    );
    // Without a condition on methods there is nothing to override, except what is guarded.
    check(
        &json!([{"name": "closed", "when": {"path": "/closed"}, "effect": "deny"}]),
        &[
            ("POST /a\nx-http-method-override: DELETE", "-"),
            (
                "POST /closed\nx-http-method-override: DELETE",
                "method-override",
            ),
        ],
    );
}

#[test]
fn headers_that_replace_the_path_are_refused() {
    check(
        &example(),
        &[
            (
                "GET /Patient/1\nx-original-url: /Patient/1/$purge",
                "ambiguous-path",
            ),
            ("GET /Patient/1\nx-rewrite-url: /a", "ambiguous-path"),
            ("GET /Patient/1\nx_original_url: /a", "ambiguous-path"),
        ],
    );
    check(
        &json!([{"name": "a", "when": {"path": "/a"}, "effect": "mask"}]),
        &[("GET /a\nx-original-url: /b", "a")],
    );
}

#[test]
fn headers() {
    let actions = |test: Value, effect: &str| json!([{"name": "hit", "when": {"header": {"x-mode": test}}, "effect": effect}]);
    check(
        &actions(json!("bulk"), "deny"),
        &[
            ("GET /\nx-mode: bulk", "hit"),
            ("GET /", "-"),
            ("GET /\nx-mode: other", "-"),
            ("GET /\nx-mode: bulk\nx-mode: bulk", "hit"),
            ("GET /\nx-mode: bulk\nx-mode: other", "ambiguous-request"),
            ("GET /\nx-mode: other, bulk", "ambiguous-request"),
            ("GET /\nx-mode: bulk;q=1", "ambiguous-request"),
            ("GET /\nx-mode: BULK", "ambiguous-request"),
            ("GET /\nx_mode: bulk", "ambiguous-request"),
            ("GET /\nx-mode: other\nx_mode: bulk", "ambiguous-request"),
        ],
    );
    check(
        &actions(json!({"prefix": "bu"}), "deny"),
        &[("GET /\nx-mode: bulk", "hit"), ("GET /\nx-mode: abu", "-")],
    );
    check(
        &actions(json!({"suffix": "lk"}), "deny"),
        &[("GET /\nx-mode: bulk", "hit"), ("GET /\nx-mode: lka", "-")],
    );
    check(
        &actions(json!({"present": true}), "deny"),
        &[
            ("GET /\nx-mode: a\nx-mode: b", "hit"),
            ("GET /", "-"),
            ("GET /\nx_mode: a", "ambiguous-request"),
        ],
    );
    check(
        &actions(json!({"present": false}), "deny"),
        &[("GET /\nx-mode: a", "-"), ("GET /", "hit")],
    );
    // Where nothing is stopped, a doubt is no match, and every value counts.
    check(
        &actions(json!("bulk"), "mask"),
        &[
            ("GET /\nx-mode: bulk", "hit"),
            ("GET /\nx-mode: bulk\nx-mode: other", "-"),
        ],
    );
}

#[test]
fn query_parameters() {
    let actions = |test: Value, effect: &str| json!([{"name": "hit", "when": {"query": {"out put": test}}, "effect": effect}]);
    check(
        &actions(json!("a b"), "deny"),
        &[
            ("GET /?out%20put=a%20b", "hit"),
            ("GET /?out+put=a+b", "ambiguous-path"),
            ("GET /?x=1&out+put=a%20b&y=2", "hit"),
            ("GET /?out+put=c", "-"),
            ("GET /?output=a%20b", "-"),
            ("GET /", "-"),
            ("GET /?out+put=a%20b&out+put=a%20b", "hit"),
            ("GET /?out+put=a%20b&out+put=c", "ambiguous-path"),
            ("GET /?OUT+put=a%20b", "ambiguous-path"),
            ("GET /?out%2520put=a%20b", "ambiguous-path"),
            ("GET /?out+put=a%2520b", "ambiguous-path"),
            ("GET /?out+put[]=a+b", "ambiguous-path"),
            ("GET /?x=1;out+put=a%20b", "ambiguous-path"),
            ("GET /?x=1;y=2", "-"),
        ],
    );
    check(
        &actions(json!({"prefix": "a"}), "deny"),
        &[("GET /?out+put=ab", "hit"), ("GET /?out+put=b", "-")],
    );
    check(
        &actions(json!({"suffix": "b"}), "deny"),
        &[("GET /?out+put=ab", "hit"), ("GET /?out+put=a", "-")],
    );
    check(
        &actions(json!({"present": true}), "deny"),
        &[
            ("GET /?out+put", "hit"),
            ("GET /?out+put=", "hit"),
            ("GET /?a", "-"),
        ],
    );
    check(
        &actions(json!({"present": false}), "deny"),
        &[
            ("GET /?out+put", "-"),
            ("GET /?a", "hit"),
            ("GET /?OUT+PUT", "ambiguous-path"),
        ],
    );
    check(
        &actions(json!("a b"), "mask"),
        &[
            ("GET /?out+put=a%20b&out+put=c", "-"),
            ("GET /?out+put=a%20b", "hit"),
        ],
    );
}

#[test]
fn authorities() {
    let actions = |pattern: Value, effect: &str| json!([{"name": "hit", "when": {"authority": pattern}, "effect": effect}]);
    check(
        &actions(json!("partner.example"), "deny"),
        &[
            ("GET /\nhost: partner.example", "hit"),
            ("GET /\nhost: Partner.EXAMPLE", "hit"),
            ("GET /\nhost: partner.example:8443", "hit"),
            ("GET /\nhost: other.example", "-"),
            ("GET /\nhost: xpartner.example", "-"),
            ("GET /\nhost: partner.example.", "ambiguous-request"),
            ("GET /\nhost: user@partner.example", "ambiguous-request"),
            ("GET /\nhost: partner.example:", "ambiguous-request"),
            ("GET /\nhost: partner%2Eexample", "ambiguous-request"),
            (
                "GET /\nhost: a.example, partner.example",
                "ambiguous-request",
            ),
        ],
    );
    check(
        &actions(json!("partner.example:8443"), "deny"),
        &[
            ("GET /\nhost: partner.example:8443", "hit"),
            ("GET /\nhost: partner.example", "-"),
            ("GET /\nhost: partner.example:443", "-"),
        ],
    );
    check(
        &actions(json!("[::1]:80"), "deny"),
        &[
            ("GET /\nhost: [::1]:80", "hit"),
            ("GET /\nhost: [::2]:80", "-"),
        ],
    );
    check(
        &actions(json!({"suffix": ".example"}), "deny"),
        &[
            ("GET /\nhost: a.example", "hit"),
            ("GET /\nhost: a.b.example:1", "hit"),
            ("GET /\nhost: example", "-"),
            ("GET /\nhost: a.examples", "-"),
        ],
    );
    check(
        &actions(json!("partner.example"), "mask"),
        &[("GET /\nhost: partner.example.", "-")],
    );
}

#[test]
fn paths_of_every_shape() {
    let hit = |path: Value| json!([{"name": "hit", "when": {"path": path}, "effect": "mask"}]);
    check(
        &hit(json!("/a b/ü")),
        &[("GET /a%20b/%C3%BC", "hit"), ("GET /a%20b", "-")],
    );
    check(&hit(json!("/")), &[("GET /", "hit"), ("GET /a", "-")]);
    check(
        &hit(json!({"prefix": "/a"})),
        &[("GET /ab/c", "hit"), ("GET /b", "-")],
    );
    check(
        &hit(json!({"suffix": "/$export"})),
        &[("GET /Group/1/$export", "hit"), ("GET /$exports", "-")],
    );
    check(
        &hit(json!({"segments": "/Patient/{id}"})),
        &[
            ("GET /Patient/1", "hit"),
            ("GET /Patient/1/", "hit"),
            ("GET /Patient", "-"),
            ("GET /Patient/1/2", "-"),
            ("GET /x/1", "-"),
        ],
    );
}

#[test]
fn any_all_and_not() {
    check(
        &json!([
            {"name": "any", "when": {"any": [{"path": "/a"}, {"path": "/b"}]}, "effect": "mask"},
            {"name": "all", "when": {"all": [{"path": {"prefix": "/c"}}, {"path": {"suffix": "d"}}]}, "effect": "mask"},
            {"name": "not", "when": {"method": "GET", "not": {"path": {"prefix": "/e"}}}, "effect": "mask"},
            {"name": "deep", "when": {"not": {"any": [{"method": "GET"}, {"not": {"path": "/g"}}]}}, "effect": "mask"}
        ]),
        &[
            ("PUT /a", "any"),
            ("PUT /b", "any"),
            ("PUT /cd", "all"),
            ("PUT /c", "-"),
            ("GET /f", "not"),
            ("GET /e", "-"),
            ("PUT /g", "deep"),
            ("PUT /h", "-"),
        ],
    );
}

#[test]
fn principals_and_claims() {
    let claims = json!({"sub": "dr-jones", "dept": "oncology", "level": 2.0, "on_call": true, "none": null,
        "groups": ["clinical", "audit"], "realm": {"roles": ["reader"]}});
    let jones = Caller {
        kind: "jwt",
        issuer: "https://idp.example",
        subject: "dr-jones",
        claims: Some(&claims),
    };
    let unread = Caller {
        claims: None,
        ..jones
    };
    for (when, with, without, not_read) in [
        (
            json!({"principal": {"subject": "dr-jones"}}),
            "hit",
            "-",
            "hit",
        ),
        (json!({"principal": {"subject": "dr-jone"}}), "-", "-", "-"),
        (
            json!({"principal": {"subject": {"prefix": "dr-"}}}),
            "hit",
            "-",
            "hit",
        ),
        (
            json!({"principal": {"subject": {"suffix": "-jones"}}}),
            "hit",
            "-",
            "hit",
        ),
        (
            json!({"principal": {"issuer": "https://idp.example"}}),
            "hit",
            "-",
            "hit",
        ),
        (
            json!({"principal": {"issuer": "https://other.example", "subject": "dr-jones"}}),
            "-",
            "-",
            "-",
        ),
        (
            json!({"not": {"principal": {"subject": "dr-jones"}}}),
            "-",
            "hit",
            "-",
        ),
        (
            json!({"claims": {"dept": "oncology"}}),
            "hit",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"dept": "surgery"}}),
            "-",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"level": 2}}),
            "hit",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"on_call": true}}),
            "hit",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"on_call": "true"}}),
            "-",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"none": {"present": true}}}),
            "ambiguous-request",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"none": {"present": false}}}),
            "ambiguous-request",
            "hit",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"none": {"contains": "audit"}}}),
            "ambiguous-request",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"none": "audit"}}),
            "-",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"/none/within": {"present": false}}}),
            "hit",
            "hit",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"/groups/1": "audit"}}),
            "hit",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"/groups/2": {"present": true}}}),
            "-",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"groups": {"contains": "audit"}}}),
            "hit",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"groups": "audit"}}),
            "-",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"/realm/roles": {"contains": "reader"}}}),
            "hit",
            "-",
            "ambiguous-request",
        ),
        (
            json!({"claims": {"/realm/groups": {"contains": "reader"}}}),
            "-",
            "-",
            "ambiguous-request",
        ),
    ] {
        let policy = policy(&json!([{"name": "hit", "when": when, "effect": "deny"}]));
        assert_eq!(outcome(&policy, "GET /", Some(&jones)), with, "{when}");
        assert_eq!(outcome(&policy, "GET /", None), without, "{when}");
        assert_eq!(outcome(&policy, "GET /", Some(&unread)), not_read, "{when}");
    }
    let named = policy(
        &json!([{"name": "hit", "when": {"claims": {"dept": "a", "/realm/roles": {"contains": "b"}}}, "effect": "deny"}]),
    );
    let mut claims: Vec<_> = named
        .claims()
        .into_iter()
        .map(|path| path.join(" "))
        .collect();
    claims.sort();
    assert_eq!(claims, ["dept", "realm roles"]);
    assert!(!format!("{jones:?}").contains("jones"));
}

#[test]
fn what_is_printed_of_a_request_is_nothing_that_a_caller_wrote() {
    let policy = policy(&json!([{"name": "a", "effect": "mask"}]));
    let wire = Wire::read("GET /smith?smith=smith");
    let verdict = policy.evaluate(&wire.request(None)).unwrap();
    assert!(!format!("{verdict:?} {:?}", wire.request(None)).contains("smith"));
}

/// Who slips past an inspection sends what it was to mask.
#[test]
fn a_doubt_is_refused_where_requests_are_inspected_or_writes_refused() {
    for stops in [
        json!({"requests": {"inspect": true}}),
        json!({"writes": "refuse"}),
    ] {
        let mut action = json!({"name": "outward", "effect": "mask",
            "when": {"authority": "partner.example", "method": ["POST", "PUT"]}});
        for (key, value) in stops.as_object().unwrap() {
            action[key] = value.clone();
        }
        check(
            &json!([action]),
            &[
                ("POST /a\nhost: partner.example", "outward"),
                ("POST /a\nhost: other.example", "-"),
                ("post /a\nhost: partner.example", "ambiguous-request"),
                ("POST //a\nhost: partner.example", "ambiguous-path"),
                ("POST //a\nhost: other.example", "ambiguous-path"),
                (
                    "POST /a\nhost: partner.example\nx-http-method-override: PUT",
                    "method-override",
                ),
            ],
        );
    }
}

#[test]
fn refusals_have_their_codes_and_a_sentence() {
    for (refusal, code) in [
        (Refusal::AmbiguousPath, "ambiguous-path"),
        (Refusal::AmbiguousRequest, "ambiguous-request"),
        (Refusal::MethodOverride, "method-override"),
    ] {
        assert_eq!(refusal.code(), code);
        assert!(refusal.detail().ends_with('.'));
    }
}
