//! The project's own files: tests and the demo run what users read.

use std::fs;

use serde_json::{Value, json};

use crate::failure::During;
use crate::{Failure, Result, locations};

/// `envoy/bootstrap.yaml` as JSON.
pub fn bootstrap_document() -> Result<Value> {
    project_yaml("envoy/bootstrap.yaml")
}

/// `examples/policy.yaml` as JSON.
pub fn example_policy() -> Result<Value> {
    project_yaml("examples/policy.yaml")
}

/// The policy inside a bootstrap: the value of the filter's `configuration`.
pub fn policy_in_bootstrap(bootstrap: &Value) -> Option<&Value> {
    bootstrap
        .pointer(
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters",
        )?
        .as_array()?
        .iter()
        .find(|filter| filter["name"] == "velum")?
        .pointer("/typed_config/config/configuration/value")
}

/// The policy with these public keys of the policy service in place of its own. A policy that
/// names no policy service stays as it is.
#[must_use]
pub fn with_public_keys(mut policy: Value, keys: &[String]) -> Value {
    if let Some(service) = policy.get_mut("policy_service") {
        service["public_keys"] = json!(keys);
    }
    policy
}

/// A YAML file of the project, by its path from the root, as JSON.
pub fn project_yaml(path: &str) -> Result<Value> {
    serde_saphyr::from_str(&text(path)?).map_err(|error| Failure::new(format!("{path}: {error}")))
}

pub(crate) fn text(path: &str) -> Result<String> {
    fs::read_to_string(locations::project().join(path)).during(path)
}
