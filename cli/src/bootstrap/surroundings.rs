//! What stands round the filter in an Envoy configuration: its VM, the policy service's cluster,
//! timeouts and buffers. What is not in the same file is not judged.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value};
use velum_policy::{Action, Policy};

use super::Warning;

type Object = Map<String, Value>;

/// What Envoy takes where `stream_idle_timeout` is not set.
const ENVOYS_IDLE: Duration = Duration::from_mins(5);
/// What Envoy takes where `per_connection_buffer_limit_bytes` is not set.
const ENVOYS_BUFFER: u64 = 1 << 20;
/// The methods for which routes and actions are compared.
const METHODS: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];
/// How much longer than a hold a stream may be idle.
const MARGIN: Duration = Duration::from_secs(10);

/// The warnings about one object of the configuration, wherever it is.
pub(super) fn warn(pointer: &str, members: &Object, policies: &[&Policy], out: &mut Vec<Warning>) {
    let mut warn = |place: &str, message: String| out.push((format!("{pointer}{place}"), message));
    let name = members.get("name").and_then(Value::as_str);
    let mut services = policies.iter().filter_map(|policy| policy.policy_service());
    if members.contains_key("load_assignment")
        && services.any(|service| Some(&*service.cluster) == name)
    {
        cluster(members, &mut warn);
    }
    if members.contains_key("apiVersion") {
        manifest(members, &mut warn);
    }
    if members.contains_key("filter_chains") {
        buffer(members, policies, &mut warn);
    }
    if members.contains_key("http_filters") {
        let waiting = waiting(members, policies);
        idle_timeouts(members, &waiting, &mut warn);
        whole_timeouts(members, &waiting, policies, &mut warn);
    }
}

/// What is said of the plugin itself, which holds a policy.
pub(super) fn vm(pointer: &str, plugin: &Object, out: &mut Vec<Warning>) {
    let Some(vm) = plugin.get("vm_config") else {
        return;
    };
    if vm["vm_id"].as_str().unwrap_or_default().is_empty() {
        out.push((
            format!("{pointer}/vm_config/vm_id"),
            "is not set: a plugin without one shares its data with every other such plugin".into(),
        ));
    }
    let name = "capability_restriction_config";
    // Before Envoy 1.40 it stood in the plugin.
    let (list, place) = if plugin.contains_key(name) {
        (&plugin[name], format!("{pointer}/{name}"))
    } else {
        (&vm[name], format!("{pointer}/vm_config/{name}"))
    };
    let Some(list) = list["allowed_capabilities"].as_object() else {
        let message =
            "is not set: the module may make every call; envoy/bootstrap.yaml has the list";
        out.push((place, message.to_owned()));
        return;
    };
    for capability in capabilities().filter(|it| !list.contains_key(*it)) {
        let message = if capability.starts_with("proxy_on_") {
            "is missing: Envoy skips this callback silently, and what it would mask or review passes"
        } else {
            "is missing: this call fails"
        };
        let place = format!("{place}/allowed_capabilities/{capability}");
        out.push((place, message.to_owned()));
    }
}

/// What the module imports and exports, from the list in the shipped bootstrap, which is written from
/// the built module.
fn capabilities() -> impl Iterator<Item = &'static str> {
    const BOOTSTRAP: &str = include_str!("../../../envoy/bootstrap.yaml");
    let lines = BOOTSTRAP.lines().map(str::trim);
    let list = lines.skip_while(|line| *line != "allowed_capabilities:");
    list.skip(1).map_while(|line| line.strip_suffix(": {}"))
}

/// Resources of Istio and Envoy Gateway that load the filter.
fn manifest(manifest: &Object, warn: &mut impl FnMut(&str, String)) {
    let Some(spec) = manifest.get("spec") else {
        return;
    };
    let kind = manifest.get("kind").and_then(Value::as_str);
    let (plugins, place): (Vec<&Value>, &str) = match kind {
        Some("WasmPlugin") => (vec![spec], ""),
        Some("TrafficExtension") => (vec![&spec["wasm"]], "/wasm"),
        Some("EnvoyExtensionPolicy") => (array(&spec["wasm"]).collect(), "/wasm"),
        _ => return,
    };
    for (index, plugin) in plugins.into_iter().enumerate() {
        if kind == Some("EnvoyExtensionPolicy") {
            if plugin["failOpen"] == true {
                let message = "lets bodies out unmasked after a trap: take false";
                warn(&format!("/spec/wasm/{index}/failOpen"), message.to_owned());
            }
            continue;
        }
        if plugin["failStrategy"] != "FAIL_RELOAD" {
            let message = if plugin["failStrategy"] == "FAIL_OPEN" {
                "lets bodies out unmasked after a trap: take FAIL_RELOAD"
            } else {
                "is not FAIL_RELOAD: a trap ends the filter for good"
            };
            warn(&format!("/spec{place}/failStrategy"), message.to_owned());
        }
        if spec["phase"] != "STATS" {
            let message = "is not STATS: requests that authorization denies open approvals";
            warn("/spec/phase", message.to_owned());
        }
    }
}

/// Threat: someone between filter and service answers in its place.
fn cluster(members: &Object, warn: &mut impl FnMut(&str, String)) {
    let Some(socket) = members.get("transport_socket") else {
        if !addresses(&members["load_assignment"])
            .iter()
            .all(|it| is_here(it))
        {
            let message = "is not set: the policy service is asked in plain text, and whoever answers \
                           is taken for it; envoy/policy-service.yaml has the settings";
            warn("/transport_socket", message.to_owned());
        }
        return;
    };
    let place = "/transport_socket/typed_config/common_tls_context";
    let common = &socket["typed_config"]["common_tls_context"];
    if common.is_null() {
        return;
    }
    let combined = "combined_validation_context";
    let (context, place) = if common[combined].is_null() {
        let place = format!("{place}/validation_context");
        (&common["validation_context"], place)
    } else {
        let place = format!("{place}/{combined}/default_validation_context");
        (&common[combined]["default_validation_context"], place)
    };
    // What comes by secret discovery is not in this file.
    let discovered = !common["validation_context_sds_secret_config"].is_null()
        || !common[combined]["validation_context_sds_secret_config"].is_null();
    if discovered && common[combined].is_null() {
        return;
    }
    if context["trusted_ca"].is_null()
        && context["ca_certificate_provider_instance"].is_null()
        && !discovered
    {
        let message = "is not set: Envoy verifies no certificate of the policy service";
        warn(&format!("{place}/trusted_ca"), message.to_owned());
    }
    let names = context["match_typed_subject_alt_names"].as_array();
    if names.is_none_or(Vec::is_empty) {
        let message =
            "is not set: any name that the authority has signed is taken for the policy service";
        let place = format!("{place}/match_typed_subject_alt_names");
        warn(&place, message.to_owned());
    }
}

fn addresses(node: &Value) -> Vec<String> {
    match node {
        Value::Array(items) => items.iter().flat_map(addresses).collect(),
        Value::Object(members) => {
            let own = members.get("address").and_then(Value::as_str);
            let below = members.values().flat_map(addresses);
            own.map(str::to_owned).into_iter().chain(below).collect()
        }
        _ => Vec::new(),
    }
}

fn is_here(address: &str) -> bool {
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A body that is held waits in Envoy's buffer.
fn buffer(listener: &Object, policies: &[&Policy], warn: &mut impl FnMut(&str, String)) {
    let name = "per_connection_buffer_limit_bytes";
    let limit = listener.get(name).and_then(Value::as_u64);
    let limit = limit.unwrap_or(ENVOYS_BUFFER);
    let holding = policies
        .iter()
        .filter(|policy| policy.headers_stop_iteration() && longest_hold(policy).is_some());
    let held = holding.map(|policy| policy.limits().held_body).max();
    if let Some(held) = held.and_then(|held| u64::try_from(held).ok())
        && limit < held
    {
        let message = format!(
            "is {limit}, less than limits.held_body of the policy ({held}): Envoy refuses longer \
             bodies of requests that wait"
        );
        warn(&format!("/{name}"), message);
    }
}

/// A route of a manager on which requests may wait.
struct Waiting<'a> {
    place: String,
    action: &'a Value,
    hold: Duration,
}

/// The routes of a manager on which requests may wait.
fn waiting<'a>(manager: &'a Object, policies: &[&Policy]) -> Vec<Waiting<'a>> {
    let mut found = Vec::new();
    let hosts = manager.get("route_config").map(|it| &it["virtual_hosts"]);
    for (host, routes) in hosts.into_iter().flat_map(array).enumerate() {
        let mut before: Vec<&Value> = Vec::new();
        for (index, route) in array(&routes["routes"]).enumerate() {
            let action = &route["route"];
            let reaching = |policy| longest_reaching(policy, route, &before);
            let hold = policies.iter().copied().filter_map(reaching).max();
            before.push(route);
            if let Some(hold) = hold.filter(|_| action.is_object()) {
                let place = format!("/route_config/virtual_hosts/{host}/routes/{index}/route");
                found.push(Waiting {
                    place,
                    action,
                    hold,
                });
            }
        }
    }
    found
}

/// A request that waits is idle for Envoy.
fn idle_timeouts(manager: &Object, waiting: &[Waiting<'_>], warn: &mut impl FnMut(&str, String)) {
    let whole = manager.get("stream_idle_timeout").and_then(seconds);
    for route in waiting {
        let of_route = seconds(&route.action["idle_timeout"]);
        let idle = of_route.or(whole).unwrap_or(ENVOYS_IDLE);
        let message = if idle.is_zero() {
            "is off: a request that waits when the filter traps would never end".to_owned()
        } else if idle < route.hold + MARGIN {
            cut(idle, route.hold)
        } else {
            continue;
        };
        warn(&format!("{}/idle_timeout", route.place), message);
    }
}

/// Timeouts that are off by default, and count the time in which a request waits.
fn whole_timeouts(
    manager: &Object,
    waiting: &[Waiting<'_>],
    policies: &[&Policy],
    warn: &mut impl FnMut(&str, String),
) {
    let short = |limit: &Value, hold: Option<Duration>| {
        let (limit, hold) = (seconds(limit)?, hold?);
        let is_short = !limit.is_zero() && limit < hold + MARGIN;
        is_short.then(|| format!("{}, or none", cut(limit, hold)))
    };
    let longest = |waiting: &mut dyn Iterator<Item = &Waiting<'_>>| {
        if manager.contains_key("route_config") {
            waiting.map(|route| route.hold).max()
        } else {
            // Its routes come from elsewhere: any action may be behind them.
            policies.iter().filter_map(|it| longest_hold(it)).max()
        }
    };
    let of_manager = manager.get("request_timeout").unwrap_or(&Value::Null);
    if let Some(message) = short(of_manager, longest(&mut waiting.iter())) {
        warn("/request_timeout", message);
    }
    let name = "max_stream_duration";
    let of_route = |route: &Waiting<'_>| seconds(&route.action[name][name]).is_some();
    for route in waiting {
        if let Some(message) = short(&route.action[name][name], Some(route.hold)) {
            warn(&format!("{}/{name}/{name}", route.place), message);
        }
    }
    let options = "common_http_protocol_options";
    let of_manager = manager.get(options).map_or(&Value::Null, |it| &it[name]);
    let mut without = waiting.iter().filter(|route| !of_route(route));
    if let Some(message) = short(of_manager, longest(&mut without)) {
        warn(&format!("/{options}/{name}"), message);
    }
}

fn cut(limit: Duration, hold: Duration) -> String {
    format!(
        "is {} s: requests that wait up to {} s would be cut; take {} s",
        limit.as_secs(),
        hold.as_secs(),
        (hold + MARGIN).as_secs()
    )
}

fn longest_hold(policy: &Policy) -> Option<Duration> {
    let holds = policy.actions().iter().map(hold);
    holds.filter(|hold| !hold.is_zero()).max()
}

/// The longest hold of the actions that a route may lead to: those whose methods the route takes and no
/// route before it takes all of. What else actions and routes look at is not compared.
fn longest_reaching(policy: &Policy, route: &Value, before: &[&Value]) -> Option<Duration> {
    let methods = METHODS.iter().filter(|method| {
        takes(route, method) && !before.iter().any(|earlier| takes_all(earlier, method))
    });
    let holds = methods.flat_map(|method| {
        let actions = policy.actions().iter();
        actions.filter(|action| action.may_match(method)).map(hold)
    });
    holds.filter(|hold| !hold.is_zero()).max()
}

fn hold(action: &Action) -> Duration {
    action
        .ask
        .map_or(action.hold, |ask| ask.hold.max(action.hold))
}

/// Whether a route may match requests with this method.
fn takes(route: &Value, method: &str) -> bool {
    array(&route["match"]["headers"]).all(|header| {
        let exact = &header["string_match"]["exact"];
        header["name"] != ":method" || exact.is_null() || exact == method
    })
}

/// Whether a route matches every request with this method, whatever its path.
fn takes_all(route: &Value, method: &str) -> bool {
    let conditions = route["match"].as_object();
    let plain = conditions.is_some_and(|conditions| {
        let mut names = conditions.keys();
        names.all(|name| name == "prefix" || name == "headers")
    });
    plain
        && route["match"]["prefix"] == "/"
        && array(&route["match"]["headers"])
            .all(|header| header["name"] == ":method" && header["string_match"]["exact"] == method)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A `google.protobuf.Duration` in JSON: `1.5s`.
fn seconds(duration: &Value) -> Option<Duration> {
    let text = duration.as_str()?.strip_suffix('s')?;
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
