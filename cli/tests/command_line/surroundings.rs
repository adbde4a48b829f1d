//! `velum policy check --bootstrap`: what stands round the filter in an Envoy configuration.

use crate::program::{Folder, velum};

const BOOTSTRAP: &str = include_str!("../../../envoy/bootstrap.yaml");
const SERVICE: &str = include_str!("../../../envoy/policy-service.yaml");
const CONFIG: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/1/typed_config/config";
const ROUTES: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";

/// `allowed_capabilities: {…}` as the bootstrap has it, on one line.
pub(crate) fn capabilities() -> String {
    let (_, list) = BOOTSTRAP.split_once("allowed_capabilities:\n").unwrap();
    let names: Vec<&str> = list
        .lines()
        .map(str::trim)
        .take_while(|line| line.ends_with(": {}"))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    format!("allowed_capabilities: {{{}}}", names.join(", "))
}

fn warnings(folder: &Folder, text: String) -> Vec<String> {
    let file = folder.write("envoy.yaml", text);
    let outcome = velum(&["policy", "check", "--bootstrap", &file]);
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.output,
        outcome.errors
    );
    let lines = outcome.output.lines();
    lines
        .filter_map(|line| Some(line.split_once(": warning: ")?.1.to_owned()))
        .collect()
}

/// The bootstrap with the cluster of `envoy/policy-service.yaml` in place of its own.
fn with_tls() -> String {
    let (before, _) = BOOTSTRAP
        .split_once("    # Every waiting request holds")
        .unwrap();
    let cluster: String = SERVICE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| ["    ", line, "\n"])
        .collect();
    [before, &cluster].concat()
}

#[test]
fn what_we_ship_has_nothing_to_warn_of() {
    let folder = Folder::new();
    for text in [BOOTSTRAP.to_owned(), with_tls()] {
        assert_eq!(warnings(&folder, text), Vec::<String>::new());
    }
}

#[test]
fn each_thing_that_is_left_out_or_too_small_is_warned_of() {
    let folder = Folder::new();
    let tls = "/static_resources/clusters/1/transport_socket";
    let context = format!("{tls}/typed_config/common_tls_context/validation_context");
    for (text, from, to, pointer, fragment) in [
        (
            BOOTSTRAP.to_owned(),
            "                          vm_id: velum\n",
            "",
            format!("{CONFIG}/vm_config/vm_id"),
            "shares its data",
        ),
        (
            BOOTSTRAP.to_owned(),
            "capability_restriction_config:",
            "nack_on_code_cache_miss:",
            format!("{CONFIG}/vm_config/capability_restriction_config"),
            "every call",
        ),
        (
            BOOTSTRAP.to_owned(),
            "                              proxy_on_response_body: {}\n",
            "",
            format!(
                "{CONFIG}/vm_config/capability_restriction_config/allowed_capabilities/proxy_on_response_body"
            ),
            "would mask or review passes",
        ),
        (
            BOOTSTRAP.to_owned(),
            "idle_timeout: 130s",
            "idle_timeout: 129s",
            format!("{ROUTES}/0/route/idle_timeout"),
            "up to 120 s would be cut; take 130 s",
        ),
        (
            BOOTSTRAP.to_owned(),
            "idle_timeout: 70s",
            "idle_timeout: 69.5s",
            format!("{ROUTES}/1/route/idle_timeout"),
            "up to 60 s",
        ),
        (
            BOOTSTRAP.to_owned(),
            ", idle_timeout: 130s",
            "",
            String::new(),
            "",
        ),
        (
            BOOTSTRAP.replace("stream_idle_timeout: 300s", "stream_idle_timeout: 0s"),
            ", idle_timeout: 130s",
            "",
            format!("{ROUTES}/0/route/idle_timeout"),
            "is off",
        ),
        (
            BOOTSTRAP.replace("stream_idle_timeout: 300s", "stream_idle_timeout: 60s"),
            ", idle_timeout: 70s",
            "",
            format!("{ROUTES}/1/route/idle_timeout"),
            "is 60 s",
        ),
        (
            BOOTSTRAP.to_owned(),
            "      per_connection_buffer_limit_bytes: 262144\n      filter_chains",
            "      per_connection_buffer_limit_bytes: 32768\n      filter_chains",
            "/static_resources/listeners/0/per_connection_buffer_limit_bytes".to_owned(),
            "32768, less than limits.held_body of the policy (262144)",
        ),
        (
            BOOTSTRAP.to_owned(),
            "address: 127.0.0.1, port_value: 8470",
            "address: 192.0.2.7, port_value: 8470",
            tls.to_owned(),
            "plain text",
        ),
        (
            with_tls(),
            "trusted_ca: {filename: /etc/envoy/policy-service-ca.pem}",
            "verify_certificate_hash: []",
            format!("{context}/trusted_ca"),
            "verifies no certificate",
        ),
        (
            with_tls(),
            "match_typed_subject_alt_names:\n                - {san_type: DNS, matcher: {exact: policy-service.velum}}",
            "match_typed_subject_alt_names: []",
            format!("{context}/match_typed_subject_alt_names"),
            "any name",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not there");
        let found = warnings(&folder, changed);
        if fragment.is_empty() {
            // Envoy's, or here the listener's, 300 s are enough.
            assert_eq!(found, Vec::<String>::new(), "{to}");
            continue;
        }
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        assert!(
            found[0].starts_with(&format!("{pointer}: ")) && found[0].contains(fragment),
            "{found:?}"
        );
    }
}

#[test]
fn a_timeout_that_counts_the_wait_is_warned_of_where_it_is_shorter() {
    const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let folder = Folder::new();
    let idle = "                stream_idle_timeout: 300s\n";
    let routes = BOOTSTRAP.find("                route_config:").unwrap();
    let filters = BOOTSTRAP.find("                http_filters:").unwrap();
    let elsewhere = [&BOOTSTRAP[..routes], &BOOTSTRAP[filters..]].concat();
    let of_manager = |text: &str, member: &str| {
        text.replacen(idle, &format!("{idle}                {member}\n"), 1)
    };
    let of_routes = |text: &str, [first, second]: [&str; 2]| {
        let text = text.replacen("idle_timeout: 130s", first, 1);
        text.replacen("idle_timeout: 70s", second, 1)
    };
    let duration =
        |seconds| format!("common_http_protocol_options: {{max_stream_duration: {seconds}s}}");
    let request = format!("{MANAGER}/request_timeout: is 129 s: requests that wait up to 120 s");
    let stream = format!("{MANAGER}/common_http_protocol_options/max_stream_duration: is");
    for (text, expected) in [
        (
            of_manager(BOOTSTRAP, "request_timeout: 129s"),
            vec![request.clone()],
        ),
        (
            of_manager(&elsewhere, "request_timeout: 129s"),
            vec![request],
        ),
        (of_manager(BOOTSTRAP, "request_timeout: 130s"), vec![]),
        (of_manager(BOOTSTRAP, "request_timeout: 0s"), vec![]),
        (of_manager(BOOTSTRAP, "request_headers_timeout: 1s"), vec![]),
        (
            of_manager(BOOTSTRAP, &duration(60)),
            vec![format!("{stream} 60 s: requests that wait up to 120 s")],
        ),
        (of_manager(BOOTSTRAP, &duration(130)), vec![]),
        // A route's own stands in its place; 0 is none.
        (
            of_routes(
                &of_manager(BOOTSTRAP, &duration(60)),
                [
                    "idle_timeout: 130s, max_stream_duration: {max_stream_duration: 0s}",
                    "idle_timeout: 70s",
                ],
            ),
            vec![format!("{stream} 60 s: requests that wait up to 60 s")],
        ),
        (
            of_routes(
                BOOTSTRAP,
                [
                    "idle_timeout: 130s, max_stream_duration: {max_stream_duration: 5s}",
                    "idle_timeout: 70s, max_stream_duration: {max_stream_duration: 70s}",
                ],
            ),
            vec![format!(
                "{ROUTES}/0/route/max_stream_duration/max_stream_duration: is 5 s"
            )],
        ),
    ] {
        let found = warnings(&folder, text);
        assert_eq!(found.len(), expected.len(), "{found:?} for {expected:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(&expected), "{found} for {expected}");
        }
    }
}

#[test]
fn manifests_are_searched_too() {
    let folder = Folder::new();
    let plugin = include_str!("../../../envoy/istio/wasm-plugin.yaml");
    let extension = include_str!("../../../envoy/istio/traffic-extension.yaml");
    let gateway = include_str!("../../../envoy/gateway/extension-policy.yaml");
    let all = [plugin, extension, gateway].join("---\n");
    assert_eq!(warnings(&folder, all.clone()), Vec::<String>::new());
    for (text, from, to, expected) in [
        (
            plugin,
            "failStrategy: FAIL_RELOAD\n",
            "failStrategy: FAIL_CLOSE\n",
            "/spec/failStrategy: is not",
        ),
        (
            plugin,
            "failStrategy: FAIL_RELOAD\n",
            "failStrategy: FAIL_OPEN\n",
            "/spec/failStrategy: lets bodies",
        ),
        (
            plugin,
            "phase: STATS",
            "phase: AUTHZ",
            "/spec/phase: is not STATS",
        ),
        (
            extension,
            "    failStrategy: FAIL_RELOAD\n",
            "",
            "/spec/wasm/failStrategy: is not",
        ),
        (
            gateway,
            "failOpen: false\n",
            "failOpen: true\n",
            "/spec/wasm/0/failOpen: lets bodies",
        ),
        (
            &*all,
            "phase: STATS",
            "phase: AUTHN",
            "/0/spec/phase: is not",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        let found = warnings(&folder, changed);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{found:?}"
        );
    }
}
