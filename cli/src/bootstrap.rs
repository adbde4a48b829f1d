//! What in an Envoy configuration would undo what a policy promises.

mod surroundings;

use serde_json::{Map, Value};
use velum_policy::{Action, Policies, Policy};

/// Said of a file that is no Envoy configuration.
pub(crate) const NONE: &str = "is not an Envoy configuration";

/// Members of a route that let a released request happen again, elsewhere, or not at all.
const ROUTE: &[(&str, &str)] = &[
    (
        "hedge_policy",
        "hedging sends a released request more than once",
    ),
    (
        "request_mirror_policies",
        "mirroring sends a released request to another upstream too",
    ),
    (
        "internal_redirect_policy",
        "an internal redirect sends a released request somewhere else",
    ),
    (
        "retry_policy",
        "retries repeat a request; one that was released carries x-envoy-max-retries: 0, any other \
         unsafe one does not",
    ),
];

/// Members by which an Envoy configuration is known.
const KNOWN_BY: &[&str] = &[
    "apiVersion",
    "static_resources",
    "dynamic_resources",
    "resources",
    "@type",
];

type Warning = (String, String);

/// The warnings for a text that was read as an Envoy configuration with these policies; `None`
/// where it is none.
pub(crate) fn warnings(text: &str, documents: &[Policies]) -> Option<Vec<Warning>> {
    // Manifests are kept several in one text.
    let document = serde_saphyr::from_str(text)
        .or_else(|_| serde_saphyr::from_multiple(text).map(Value::Array))
        .ok()?;
    // A list is one too: the filters of a chain.
    let is_envoy = document.is_array() || KNOWN_BY.iter().any(|name| document.get(*name).is_some());
    if !is_envoy {
        return None;
    }
    let policies = || documents.iter().flat_map(Policies::iter);
    let reviews = policies()
        .flat_map(|(_, policy)| policy.actions())
        .any(Action::needs_service);
    let stops = policies().any(|(_, policy)| policy.headers_stop_iteration());
    let all: Vec<&Policy> = policies().map(|(_, policy)| policy).collect();
    let names: Vec<Option<&str>> = policies().map(|(name, _)| name).collect();
    let is_chosen_by_route =
        !names.contains(&None) || all.iter().any(|policy| policy.reads_route());
    let mut warnings = Vec::new();
    walk(&document, "", &mut |pointer, members| {
        if reviews {
            route(pointer, members, &mut warnings);
        }
        choice(pointer, members, &names, &mut warnings);
        if is_chosen_by_route {
            matches(pointer, members, &mut warnings);
        }
        plugin(pointer, members, stops, &mut warnings);
        surroundings::warn(pointer, members, &all, &mut warnings);
    });
    Some(warnings)
}

fn walk(node: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    match node {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{pointer}/{index}"), visit);
            }
        }
        Value::Object(members) => {
            visit(pointer, members);
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, &format!("{pointer}/{name}"), visit);
            }
        }
        _ => {}
    }
}

/// Virtual hosts may carry the same members as routes do.
fn route(pointer: &str, members: &Map<String, Value>, warnings: &mut Vec<Warning>) {
    let is_route = members.contains_key("cluster")
        || members.contains_key("weighted_clusters")
        || members.contains_key("domains");
    if is_route {
        for (name, message) in ROUTE {
            if members.contains_key(*name) {
                warnings.push((format!("{pointer}/{name}"), (*message).to_owned()));
            }
        }
    }
}

/// The policy that a route names. `names` are those of the policies there are, none for one that is
/// every request's.
fn choice(
    pointer: &str,
    members: &Map<String, Value>,
    names: &[Option<&str>],
    warnings: &mut Vec<Warning>,
) {
    if !members.contains_key("match") {
        return;
    }
    let metadata = members
        .get("metadata")
        .and_then(|it| it.get("filter_metadata"));
    let given = metadata.and_then(|it| it.get("velum")?.get("policy"));
    let is_every_requests = names.contains(&None);
    let message = match given {
        None if is_every_requests => return,
        None => "names no policy: its requests are refused",
        Some(_) if is_every_requests => {
            "is not looked at: the document has one policy, for every request"
        }
        Some(name)
            if name
                .as_str()
                .is_some_and(|name| names.contains(&Some(name))) =>
        {
            return;
        }
        Some(_) => "is the name of no policy: the route's requests are refused",
    };
    let place = match given {
        Some(_) => "/metadata/filter_metadata/velum/policy",
        None => "",
    };
    warnings.push((format!("{pointer}{place}"), message.to_owned()));
}

/// Headers that the filter takes away or writes lead to another route once it has.
fn matches(pointer: &str, members: &Map<String, Value>, warnings: &mut Vec<Warning>) {
    const CHANGED: [&str; 6] = [
        "accept-encoding",
        "range",
        "if-range",
        "if-none-match",
        "if-modified-since",
        "prefer",
    ];
    let headers = members
        .get("match")
        .and_then(|it| it.get("headers")?.as_array());
    for (index, header) in headers.into_iter().flatten().enumerate() {
        let name = header["name"].as_str().unwrap_or_default();
        let is_ours = name.starts_with("velum") || name.starts_with("x-envoy-");
        if is_ours || CHANGED.contains(&name) {
            let place = format!("{pointer}/match/headers/{index}");
            let message = "the filter changes this header, and Envoy then routes again: the answer is \
                           withheld where that leads to another policy or route";
            warnings.push((place, message.to_owned()));
        }
    }
}

/// A plugin's own settings. Those of other plugins are none of our business.
fn plugin(pointer: &str, members: &Map<String, Value>, stops: bool, warnings: &mut Vec<Warning>) {
    let holds_policy = members
        .get("configuration")
        .and_then(|configuration| configuration.get("value"))
        .is_some_and(|value| match value {
            Value::String(json) => json.contains("\"masking\""),
            value => value.get("masking").is_some() || value.get("policies").is_some(),
        });
    if !holds_policy || !members.contains_key("vm_config") {
        return;
    }
    surroundings::vm(pointer, members, warnings);
    let mut warn = |name: &str, message: &str| {
        warnings.push((format!("{pointer}{name}"), message.to_owned()));
    };
    let policy = members.get("failure_policy").and_then(Value::as_str);
    if policy == Some("FAIL_OPEN") || members.get("fail_open") == Some(&Value::Bool(true)) {
        warn(
            "",
            "lets bodies out unmasked after a trap: take failure_policy: FAIL_RELOAD",
        );
    } else if policy != Some("FAIL_RELOAD") {
        warn(
            "",
            "a trap ends the filter for good: take failure_policy: FAIL_RELOAD",
        );
    }
    let allowed = members.get("allow_on_headers_stop_iteration") == Some(&Value::Bool(true));
    if allowed != stops {
        warn(
            "/allow_on_headers_stop_iteration",
            "has to be the same as host.headers_stop_iteration of the policy",
        );
    }
}
