//! What knows what: the dependency rules of ARCHITECTURE.md, proved from `cargo metadata`.
//!
//! Read with every feature of every package on, so that what is proved holds for each choice of
//! features.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The packages of ours that a package may depend on. One that is not listed here is a fault.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("velum-profile", &[]),
    ("velum-engine", &["velum-profile"]),
    ("velum-engine-fuzz", &["velum-engine", "velum-filter"]),
    ("velum-ledger", &[]),
    ("velum-policy", &["velum-engine"]),
    ("velum-approval", &["velum-engine"]),
    (
        "velum-filter",
        &["velum-approval", "velum-engine", "velum-policy"],
    ),
    (
        "velum-policy-service",
        &[
            "velum-approval",
            "velum-engine",
            "velum-ledger",
            "velum-policy",
        ],
    ),
    (
        "velum",
        &[
            "velum-approval",
            "velum-engine",
            "velum-filter",
            "velum-ledger",
            "velum-policy",
        ],
    ),
    (
        "velum-playground",
        &["velum-engine", "velum-ledger", "velum-policy"],
    ),
    ("velum-example-fhir-api", &[]),
    ("velum-demo", &["velum-harness"]),
    ("velum-empty-filter", &[]),
    ("velum-serde-filter", &[]),
    ("xtask", &[]),
    // Tests may point at everything.
    ("velum-harness", TESTABLE),
    ("velum-end-to-end", TESTABLE),
    ("velum-log-writer", TESTABLE),
    ("velum-wasm-host", TESTABLE),
];

const TESTABLE: &[&str] = &[
    "velum-approval",
    "velum-engine",
    "velum-filter",
    "velum-harness",
    "velum-ledger",
    "velum-policy",
    "velum-policy-service",
    "velum-wasm-host",
];

/// Packages that run anywhere: no runtime, no I/O, no randomness behind them.
const PURE: &[&str] = &[
    "velum-approval",
    "velum-engine",
    "velum-ledger",
    "velum-policy",
    "velum-profile",
];

/// Never behind a pure package, at any depth.
const IMPURE: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "proxy-wasm",
    "rand",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tokio",
    "ureq",
    "wasm-bindgen",
];

/// Returns each dependency that the tables above do not allow.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let graph = Graph::new(metadata);
    let mut faults = Vec::new();
    for member in &graph.members {
        let name = graph.name(member);
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(package, _)| *package == name) else {
            faults.push(format!("{name} is not in the table of what may know what"));
            continue;
        };
        for dependency in graph.direct(member).filter(|id| graph.members.contains(id)) {
            let dependency = graph.name(dependency);
            if !allowed.contains(&dependency) {
                faults.push(format!("{name} may not depend on {dependency}"));
            }
        }
        if PURE.contains(&name) {
            let closure = graph.closure(member);
            for impure in closure
                .iter()
                .map(|id| graph.name(id))
                .filter(|it| IMPURE.contains(it))
            {
                faults.push(format!(
                    "{name} is pure, yet {impure} is among its dependencies"
                ));
            }
        }
    }
    faults
}

/// Normal and build dependencies, by package id.
struct Graph<'m> {
    members: BTreeSet<&'m str>,
    names: BTreeMap<&'m str, &'m str>,
    edges: BTreeMap<&'m str, Vec<&'m str>>,
}

impl<'m> Graph<'m> {
    fn new(metadata: &'m Value) -> Self {
        let text = |value: &'m Value| value.as_str().unwrap_or_default();
        let names = list(&metadata["packages"])
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let edges = list(&metadata["resolve"]["nodes"]).map(|node| {
            let dependencies = list(&node["deps"])
                .filter(|dependency| {
                    list(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev")
                })
                .map(|dependency| text(&dependency["pkg"]));
            (text(&node["id"]), dependencies.collect())
        });
        Self {
            members: list(&metadata["workspace_members"]).map(text).collect(),
            names,
            edges: edges.collect(),
        }
    }

    fn name(&self, id: &str) -> &'m str {
        self.names.get(id).copied().unwrap_or("?")
    }

    fn direct(&self, id: &str) -> impl Iterator<Item = &'m str> {
        self.edges.get(id).into_iter().flatten().copied()
    }

    fn closure(&self, id: &str) -> BTreeSet<&'m str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<_> = self.direct(id).collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(self.direct(next));
            }
        }
        seen
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;

    /// A workspace of the first `members` names; an edge is (from, to, kind).
    fn metadata(members: &[&str], edges: &[(&str, &str, Option<&str>)]) -> Value {
        let mut names: Vec<_> = edges
            .iter()
            .flat_map(|(from, to, _)| [*from, *to])
            .collect();
        names.extend(members);
        names.sort_unstable();
        names.dedup();
        let node = |name: &&str| {
            let dependencies: Vec<_> = edges
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": name, "deps": dependencies})
        };
        json!({
            "packages": names.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "workspace_members": members,
            "resolve": {"nodes": names.iter().map(node).collect::<Vec<_>>()},
        })
    }

    #[test]
    fn what_points_the_right_way_is_no_fault() {
        let members = ["velum-engine", "velum-policy", "velum-filter"];
        let edges = [
            ("velum-policy", "velum-engine", None),
            ("velum-filter", "velum-policy", None),
            ("velum-engine", "memchr", None),
            // A test may use what the package may not.
            ("velum-engine", "rand", Some("dev")),
        ];
        assert_eq!(check(&metadata(&members, &edges)), Vec::<String>::new());
    }

    #[test]
    fn pointing_back_is_a_fault() {
        let members = ["velum-engine", "velum-policy"];
        let edges = [("velum-engine", "velum-policy", None)];
        assert_eq!(
            check(&metadata(&members, &edges)),
            ["velum-engine may not depend on velum-policy"]
        );
    }

    #[test]
    fn a_runtime_deep_below_a_pure_package_is_a_fault() {
        let edges = [
            ("velum-approval", "signatures", None),
            ("signatures", "getrandom", None),
        ];
        assert_eq!(
            check(&metadata(&["velum-approval"], &edges)),
            ["velum-approval is pure, yet getrandom is among its dependencies"]
        );
    }

    #[test]
    fn a_package_that_nobody_placed_is_a_fault() {
        assert_eq!(
            check(&metadata(&["velum-new"], &[])),
            ["velum-new is not in the table of what may know what"]
        );
    }
}
