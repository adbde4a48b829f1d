//! `velum policy check`, as a program.

use crate::program::{Folder, velum};

const POLICY: &str = "version: 1\nmasking: {profiles: [pii]}\n";
/// The SHA-256 of `{"masking":{"profiles":["pii"]},"version":1}`.
const DIGEST: &str = "e953a89092a723e60154d691f9847e02060cd2010cc0d30052052062f367bb58";

const BOOTSTRAP: &str = "
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          route_config:
            virtual_hosts:
            - domains: ['*']
              routes:
              - match: {prefix: /}
                route: {cluster: upstream, ROUTE}
          http_filters:
          - name: velum
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: velum
                PLUGIN
                vm_config: {vm_id: velum, runtime: envoy.wasm.runtime.v8, capability_restriction_config: {CAPABILITIES}}
                configuration:
                  '@type': type.googleapis.com/google.protobuf.Struct
                  value:
                    version: 1
                    identity: {peer_certificate: uri_san}
                    masking: {profiles: [pii], keys: [{id: k1, environment: K}]}
                    host: {headers_stop_iteration: true}
                    policy_service:
                      cluster: c
                      authority: a
                      token: {environment: T}
                      public_keys: ['ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=']
                    actions:
                    - {name: purge, when: {method: DELETE}, effect: review, hold: 10s}
";

#[test]
fn valid_documents_have_their_digest() {
    let folder = Folder::new();
    let yaml = folder.write("policy.yaml", POLICY);
    let json = folder.write(
        "policy.json",
        r#"{"masking": {"profiles": ["pii"]}, "version": 1.0}"#,
    );
    let outcome = velum(&["policy", "check", &yaml, &json]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
    assert_eq!(
        outcome.output,
        format!("{yaml}: ok, 0 actions, sha256:{DIGEST}\n{json}: ok, 0 actions, sha256:{DIGEST}\n")
    );
    let machine = velum(&["policy", "check", "--json", &yaml]);
    let value: serde_json::Value = serde_json::from_str(&machine.output).unwrap();
    assert_eq!(
        value,
        serde_json::json!([{"file": yaml, "ok": true, "sha256": [DIGEST], "warnings": []}])
    );
}

#[test]
fn faults_have_file_pointer_and_message() {
    let folder = Folder::new();
    let good = folder.write("good.yaml", POLICY);
    let bad = folder.write(
        "bad.yaml",
        "version: 1\nmasking: {profiles: [pii], rules: [{key: a, clas: name}]}\n",
    );
    let twice = folder.write("twice.yaml", "version: 1\nversion: 1\n");
    let broken = folder.write("broken.yaml", "a: [\n");
    let outcome = velum(&["policy", "check", &good, &bad, &twice, &broken]);
    assert_eq!(outcome.code, Some(1));
    let lines: Vec<&str> = outcome.output.lines().collect();
    assert!(lines[0].contains(": ok, "), "{}", outcome.output);
    assert!(
        lines[1].starts_with(&format!("{bad}: /masking/rules/0/clas: unknown key")),
        "{}",
        outcome.output
    );
    assert!(
        lines[2].starts_with(&format!("{twice}: /version: duplicate key")),
        "{}",
        outcome.output
    );
    assert!(
        lines[3].starts_with(&format!("{broken}: not a YAML or JSON document (line ")),
        "{}",
        outcome.output
    );
    let machine = velum(&["policy", "check", "--json", &bad]);
    assert_eq!(machine.code, Some(1));
    let value: serde_json::Value = serde_json::from_str(&machine.output).unwrap();
    assert_eq!(
        (&value[0]["ok"], &value[0]["pointer"]),
        (&false.into(), &"/masking/rules/0/clas".into())
    );
    let missing = velum(&["policy", "check", "/nonexistent.yaml"]);
    assert_eq!((missing.code, missing.output.as_str()), (Some(1), ""));
    assert_eq!(velum(&["policy", "check"]).code, Some(2));
}

#[test]
fn a_bootstrap_is_searched_for_what_undoes_the_policy() {
    let folder = Folder::new();
    let good = "failure_policy: FAIL_RELOAD\n                allow_on_headers_stop_iteration: true";
    let config = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0/route";
    for (plugin, in_route, pointer, fragment) in [
        (good, "timeout: 0s", None, ""),
        (
            good,
            "hedge_policy: {hedge_on_per_try_timeout: true}",
            Some(format!("{route}/hedge_policy")),
            "more than once",
        ),
        (
            good,
            "request_mirror_policies: []",
            Some(format!("{route}/request_mirror_policies")),
            "another upstream",
        ),
        (
            good,
            "internal_redirect_policy: {}",
            Some(format!("{route}/internal_redirect_policy")),
            "somewhere else",
        ),
        (
            good,
            "retry_policy: {}",
            Some(format!("{route}/retry_policy")),
            "repeat",
        ),
        (
            "failure_policy: FAIL_OPEN\n                allow_on_headers_stop_iteration: true",
            "timeout: 0s",
            Some(config.to_owned()),
            "unmasked",
        ),
        (
            "fail_open: true\n                allow_on_headers_stop_iteration: true",
            "timeout: 0s",
            Some(config.to_owned()),
            "unmasked",
        ),
        (
            "allow_on_headers_stop_iteration: true",
            "timeout: 0s",
            Some(config.to_owned()),
            "for good",
        ),
        (
            "failure_policy: FAIL_RELOAD",
            "timeout: 0s",
            Some(format!("{config}/allow_on_headers_stop_iteration")),
            "the same as",
        ),
    ] {
        let file = folder.write(
            "envoy.yaml",
            BOOTSTRAP
                .replace("PLUGIN", plugin)
                .replace("ROUTE", in_route)
                .replace("CAPABILITIES", &crate::surroundings::capabilities()),
        );
        let outcome = velum(&["policy", "check", "--bootstrap", &file]);
        assert_eq!(
            outcome.code,
            Some(0),
            "{}{}",
            outcome.output,
            outcome.errors
        );
        let warnings: Vec<&str> = outcome
            .output
            .lines()
            .filter(|line| line.contains(": warning: "))
            .collect();
        match pointer {
            None => assert!(warnings.is_empty(), "{}", outcome.output),
            Some(pointer) => {
                assert_eq!(warnings.len(), 1, "{}", outcome.output);
                assert!(
                    warnings[0].contains(&format!("warning: {pointer}: "))
                        && warnings[0].contains(fragment),
                    "{}",
                    outcome.output
                );
            }
        }
        // As a plain file, its policies are checked and nothing else.
        assert!(
            !velum(&["policy", "check", &file])
                .output
                .contains("warning")
        );
    }
    let filters = folder.write("filters.yaml", "- {name: velum, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {vm_config: {}, configuration: {'@type': type.googleapis.com/google.protobuf.Struct, value: {version: 1, masking: {profiles: [pii]}}}}}}\n");
    let outcome = velum(&["policy", "check", "--bootstrap", &filters]);
    assert!(
        outcome
            .output
            .contains("warning: /0/typed_config/config: a trap"),
        "{}",
        outcome.output
    );
    let plain = folder.write("policy.yaml", POLICY);
    let outcome = velum(&["policy", "check", "--bootstrap", &plain]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.output.contains("not an Envoy configuration"),
        "{}",
        outcome.output
    );
}

const SEVERAL: &str = "
version: 1
policies:
  ward: {masking: {profiles: [fhir-r4]}, actions: [{name: closed, effect: deny}]}
  billing: {masking: {profiles: [pii]}}
";

#[test]
fn each_of_several_policies_has_its_name_and_the_digest_that_it_has_alone() {
    let folder = Folder::new();
    let several = folder.write("several.yaml", SEVERAL);
    let outcome = velum(&["policy", "check", &several]);
    let lines: Vec<&str> = outcome.output.lines().collect();
    assert_eq!(lines.len(), 2, "{}", outcome.output);
    assert!(lines[0].starts_with(&format!("{several}: ward: ok, 1 action, sha256:")));
    assert_eq!(
        lines[1],
        format!("{several}: billing: ok, 0 actions, sha256:{DIGEST}")
    );
    let machine = velum(&["policy", "check", "--json", &several]);
    let value: serde_json::Value = serde_json::from_str(&machine.output).unwrap();
    assert_eq!(value[0]["policies"], serde_json::json!(["ward", "billing"]));
    assert_eq!(value[0]["sha256"][1], DIGEST);
    let bad = folder.write(
        "bad.yaml",
        "version: 1\npolicies: {ward: {masking: {profile: []}}}\n",
    );
    let outcome = velum(&["policy", "check", &bad]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .output
            .contains("/policies/ward/masking/profile: unknown key"),
        "{}",
        outcome.output
    );
}

#[test]
fn routes_that_name_no_policy_are_warned_of() {
    const ROUTES: &str = "
static_resources:
  routes:
  - {match: {prefix: /a}, route: {}, metadata: {filter_metadata: {velum: {policy: ward}}}}
  - {match: {prefix: /b}, route: {}, metadata: {filter_metadata: {velum: {policy: wrad}}}}
  - {match: {prefix: /c}, route: {}}
  - match: {prefix: /d, headers: [{name: x, present_match: true}, {name: range, present_match: true}]}
    route: {}
    metadata: {filter_metadata: {velum: {policy: ward}}}
  http_filters:
  - typed_config:
      '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
      config:
        name: velum
        configuration: {'@type': type.googleapis.com/google.protobuf.Struct, value: POLICY}
";
    let folder = Folder::new();
    let warnings = |policy: &str| {
        let file = folder.write("envoy.yaml", ROUTES.replace("POLICY", policy));
        let outcome = velum(&["policy", "check", "--bootstrap", &file]);
        let prefix = format!("{file}: warning: ");
        let lines = outcome.output.lines();
        let found = lines.filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned));
        found.collect::<Vec<_>>()
    };
    let place = "/metadata/filter_metadata/velum/policy";
    assert_eq!(
        warnings("{version: 1, policies: {ward: {masking: {profiles: [pii]}}}}"),
        [
            format!(
                "/static_resources/routes/1{place}: is the name of no policy: the route's requests \
                 are refused"
            ),
            "/static_resources/routes/2: names no policy: its requests are refused".to_owned(),
            "/static_resources/routes/3/match/headers/1: the filter changes this header, and Envoy then \
             routes again: the answer is withheld where that leads to another policy or route"
                .to_owned(),
        ]
    );
    let alone = warnings("{version: 1, masking: {profiles: [pii]}}");
    assert_eq!(alone.len(), 3, "{alone:?}");
    assert!(alone[0].contains("is not looked at"), "{alone:?}");
}
