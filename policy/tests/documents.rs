//! Policies as people keep them: YAML, JSON, inside an Envoy configuration.

use velum_policy::Policy;
use velum_policy::document::{all_from_text, from_text, json_from_text};

const JSON: &str = r#"{"version": 1, "masking": {"profiles": ["fhir-r4"]}, "limits": {"depth": 64},
    "actions": [{"name": "no", "when": {"method": ["GET", "NO"], "path": "/on"}, "effect": "deny"}]}"#;
const YAML: &str = "
# A policy.
version: 1
masking: {profiles: [fhir-r4]}
limits: {depth: 64}
actions:
  - name: no
    when: {method: [GET, NO], path: /on}
    effect: deny
";

fn plugin(name: &str, configuration: &str) -> String {
    let configuration = configuration.replace('\n', "\n      ");
    format!(
        "  - name: {name}
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
      config:
        name: {name}
        configuration:
          {configuration}
"
    )
}

fn bootstrap(plugins: &[String]) -> String {
    format!(
        "static_resources:
  clusters: []
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          http_filters:
{}",
        plugins
            .concat()
            .lines()
            .map(|line| ["          ", line, "\n"].concat())
            .collect::<String>()
    )
}

fn structure(policy: &str) -> String {
    let policy = policy.replace('\n', "\n            ");
    format!("'@type': type.googleapis.com/google.protobuf.Struct\n    value:{policy}")
}

fn string(policy: &str) -> String {
    let policy = policy.replace('\n', " ");
    format!("'@type': type.googleapis.com/google.protobuf.StringValue\n    value: '{policy}'")
}

/// All forms say the same: the digest is that of the JSON which Envoy hands to the filter.
#[test]
fn every_form_has_one_digest() {
    let digest = Policy::parse(JSON.as_bytes()).unwrap().digest();
    for text in [
        JSON.to_owned(),
        YAML.to_owned(),
        bootstrap(&[plugin("velum", &structure(YAML))]),
        bootstrap(&[plugin("velum", &string(JSON))]),
        bootstrap(&[
            plugin("other", &string("{\"rules\": []}")),
            plugin("velum", &string(JSON)),
        ]),
        bootstrap(&[
            plugin("velum-a", &string(JSON)),
            plugin("velum-b", &structure(YAML)),
        ]),
    ] {
        let policy = from_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(policy.digest(), digest, "{text}");
    }
    let both = bootstrap(&[
        plugin("velum-a", &string(JSON)),
        plugin("velum-b", &structure(YAML)),
    ]);
    assert_eq!(all_from_text(&both).unwrap().len(), 2);
}

#[test]
fn faults_have_their_place() {
    let filter = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    let other = JSON.replace("64", "65");
    let at = |suffix: &str| format!("{filter}{suffix}");
    for (text, pointer, fragment) in [
        (
            "version: 1\nversion: 1\n".to_owned(),
            "/version".to_owned(),
            "duplicate key",
        ),
        (
            YAML.replace("depth: 64", "depth: 64, depth: 64"),
            "/limits/depth".to_owned(),
            "duplicate key",
        ),
        (
            "{\"version\": 1, \"version\": 1}".to_owned(),
            "/version".to_owned(),
            "duplicate key",
        ),
        (
            "version: [1\n".to_owned(),
            String::new(),
            "not a YAML or JSON document (line ",
        ),
        (
            "a: 1\n---\nb: 2\n".to_owned(),
            String::new(),
            "not a YAML or JSON document",
        ),
        (
            "a: &a {b: 1}\nc:\n  <<: *a\n".to_owned(),
            String::new(),
            "not a YAML or JSON document",
        ),
        (String::new(), String::new(), "must be an object"),
        (
            YAML.replace("version: 1", "version: yes"),
            "/version".to_owned(),
            "must be a number",
        ),
        (
            YAML.replace("[GET, NO]", "yes"),
            "/actions/0/when/method".to_owned(),
            "upper case",
        ),
        (
            YAML.replace("depth: 64", "dept: 64"),
            "/limits/dept".to_owned(),
            "unknown key",
        ),
        (
            "static_resources: {listeners: []}\n".to_owned(),
            String::new(),
            "without a Wasm HTTP filter",
        ),
        (
            bootstrap(&[plugin(
                "velum",
                &structure(&YAML.replace("limits", "limit")),
            )]),
            at("/configuration/value/limit"),
            "unknown key",
        ),
        (
            bootstrap(&[plugin("velum", &string("{\"version\": 2}"))]),
            at("/configuration/value"),
            "in the JSON text there, /version: must be 1",
        ),
        (
            bootstrap(&[plugin("velum", "{}")]),
            at("/configuration"),
            "Struct or StringValue",
        ),
        (
            bootstrap(&[
                plugin("velum-a", &string(JSON)),
                plugin("velum-b", &string(&other)),
            ]),
            String::new(),
            "several policies that differ",
        ),
    ] {
        let error = from_text(&text).expect_err(&text);
        assert_eq!(error.pointer, pointer, "{error}\n{text}");
        assert!(error.message.contains(fragment), "{error}\n{text}");
    }
}

/// Aliases may not blow a small file up.
#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &[
            "a",
            &level.to_string(),
            ": &a",
            &level.to_string(),
            " [",
            &items,
            "]\n",
        ]
        .concat();
    }
    assert!(from_text(&text).is_err());
}

#[test]
fn every_operator_of_the_reference_is_read_as_it_is_written_there() {
    use std::sync::Arc;
    use velum_engine::{Keyring, Masker, Operator, Options};
    let keys = Keyring::new([("k1".to_owned(), vec![1; 32])]).unwrap();
    for doc in Operator::REFERENCE {
        let text = format!(
            "version: 1\nmasking:\n  keys: [{{id: k1, environment: A}}]\n  rules:\n  \
             - {{key: x, class: other, operator: {}}}\n",
            doc.configuration
        );
        let policy = from_text(&text).unwrap_or_else(|error| panic!("{}: {error}", doc.name));
        let options = Options {
            keys: keys.clone(),
            ..Options::default()
        };
        let (before, after) = doc.example;
        let mut out = Vec::new();
        let mut masker = Masker::new(Arc::clone(policy.rules()), options);
        let body = format!("{{\"x\":{before}}}");
        masker.feed(body.as_bytes(), &mut out).unwrap();
        masker.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        match doc.name {
            "remove" => assert_eq!(out, "{}"),
            // Nobody says here whose date it is.
            "date_shift" => assert_eq!(out, r#"{"x":"[masked:other]"}"#),
            _ => assert_eq!(out, format!("{{\"x\":{after}}}"), "{}", doc.configuration),
        }
    }
}

#[test]
fn the_detectors_of_the_documentation_are_read_and_their_limits_are_right() {
    use velum_engine::{CustomDetector, mask_text};
    let document = include_str!("../../docs/configuration.md");
    let (_, section) = document.split_once("## Detectors\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (_, example) = section.split_once("```yaml\n").unwrap();
    let (example, text) = example.split_once("```\n").unwrap();
    let policy = from_text(example).unwrap();
    for (written, expected) in [
        ("badge QX-104221", "badge [masked:identifier]"),
        ("QX-104221", "QX-104221"),
        (
            "lodz and birch ward",
            "[masked:address] and [masked:address]",
        ),
        ("9123456789012348", "[masked:account]"),
    ] {
        assert_eq!(mask_text(policy.rules(), written), expected);
    }
    let names = CustomDetector::CHECKSUMS.iter();
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    assert!(text.contains(&format!("keep: {} |", names.join(", "))));
    for limit in [
        CustomDetector::MOST,
        CustomDetector::MOST_WORDS,
        CustomDetector::LONGEST_PATTERN,
        CustomDetector::LARGEST_PATTERN,
        CustomDetector::LONGEST_TERM,
        CustomDetector::MOST_TERMS,
        CustomDetector::LARGEST_DICTIONARIES,
    ] {
        assert!(text.contains(&format!(" {limit}")), "{limit}");
    }
}

#[test]
fn several_policies_are_read_wherever_one_is() {
    let several = "version: 1\npolicies: {a: {masking: {profiles: [pii]}}, b: {masking: {profiles: [fhir-r4]}}}\n";
    assert_eq!(all_from_text(several).unwrap().len(), 2);
    let fault = from_text(several).unwrap_err();
    assert!(
        fault.message.contains("several policies that differ"),
        "{fault}"
    );
    let same = "version: 1\npolicies: {a: {masking: {profiles: [pii]}}, b: {masking: {profiles: [pii]}}}\n";
    let one = from_text("version: 1\nmasking: {profiles: [pii]}\n").unwrap();
    assert_eq!(from_text(same).unwrap().digest(), one.digest());
    let json = json_from_text(several).unwrap();
    let expected = concat!(
        r#"{"policies":{"a":{"masking":{"profiles":["pii"]}},"b":{"masking":{"profiles":["fhir-r4"]}}},"#,
        r#""version":1}"#
    );
    assert_eq!(json, expected);
    let filter = |value: &str| {
        format!(
            "- typed_config:\n    '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    \
             config: {{name: velum, configuration: {{'@type': type.googleapis.com/google.protobuf.{value}}}}}\n"
        )
    };
    let structure = filter(&format!("Struct, value: {expected}"));
    let text = filter(&format!("StringValue, value: '{expected}'"));
    for envoy in [&structure, &text, &format!("{structure}{text}")] {
        assert_eq!(all_from_text(envoy).unwrap().len() % 2, 0, "{envoy}");
        assert_eq!(json_from_text(envoy).unwrap(), expected);
    }
    let other = filter("Struct, value: {version: 1, masking: {profiles: [pii]}}");
    let fault = json_from_text(&format!("{structure}{other}")).unwrap_err();
    assert!(fault.message.contains("differ"), "{fault}");
    let bad = filter("Struct, value: {version: 1, policies: {a: {masking: {}, mod: 1}}}");
    let fault = all_from_text(&bad).unwrap_err();
    assert_eq!(
        fault.pointer,
        "/0/typed_config/config/configuration/value/policies/a/mod"
    );
}

/// What Istio and Envoy Gateway are given holds the policy under names of their own.
#[test]
fn a_policy_in_a_manifest_is_the_same_policy() {
    let policy = "{version: 1, masking: {profiles: [pii]}}";
    let plain = from_text(policy).unwrap();
    let kinds = [
        format!("kind: WasmPlugin\nspec: {{pluginName: velum, pluginConfig: {policy}}}\n"),
        format!(
            "kind: TrafficExtension\nspec: {{wasm: {{pluginName: velum, pluginConfig: {policy}}}}}\n"
        ),
        format!(
            "kind: EnvoyExtensionPolicy\nspec: {{wasm: [{{name: velum, config: {policy}}}]}}\n"
        ),
    ];
    let mut together = String::new();
    for kind in &kinds {
        let manifest = format!("apiVersion: a/v1\n{kind}");
        let found = from_text(&manifest).unwrap();
        assert_eq!(found.digest(), plain.digest(), "{kind}");
        together.extend(["---\n", &manifest]);
    }
    together.push_str("---\napiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n");
    assert_eq!(all_from_text(&together).unwrap().len(), 3);
}

#[test]
fn a_fault_in_a_manifest_has_its_place_there() {
    for (manifest, pointer) in [
        (
            "apiVersion: a/v1\nkind: WasmPlugin\nspec: {pluginConfig: {version: 2}}\n",
            "/spec/pluginConfig/version",
        ),
        (
            "apiVersion: a/v1\nkind: EnvoyExtensionPolicy\nspec: {wasm: [{name: a, rootID: velum, config: {version: 2}}]}\n",
            "/spec/wasm/0/config/version",
        ),
        ("apiVersion: v1\nkind: ConfigMap\n", ""),
        (
            "apiVersion: a/v1\nkind: WasmPlugin\nspec: {pluginName: velum}\n",
            "",
        ),
    ] {
        let fault = all_from_text(manifest).unwrap_err();
        assert_eq!(fault.pointer, pointer, "{fault}");
    }
}
