//! A whole installation whose bootstrap a test may change.

use std::path::{Path, PathBuf};

use serde_json::Value;
use velum_end_to_end::stage::{Stage, envoy_options, patients};
use velum_harness::{
    BootstrapOptions, Envoy, EnvoyOptions, Jwt, PolicyService, PolicyServiceOptions, Protocol,
    Upstream, example_policy, locations, project_yaml,
};

/// The HTTP filters of a bootstrap.
pub(crate) const FILTERS: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";

/// Upstream, service and tokens; Envoy comes last, since its bootstrap names the others.
pub(crate) struct Installation {
    pub(crate) upstream: Upstream,
    pub(crate) service: PolicyService,
    jwt: Jwt,
}

impl Installation {
    /// Everything but Envoy, under the example's policy.
    pub(crate) async fn new() -> Self {
        Self::under(example_policy().expect("the example's policy")).await
    }

    /// Everything but Envoy, under this policy.
    pub(crate) async fn under(policy: Value) -> Self {
        let upstream = Upstream::start(Protocol::Http1, patients)
            .await
            .expect("upstream");
        let options = PolicyServiceOptions::new(policy).expect("service options");
        let service = PolicyService::start(options).await.expect("policy service");
        let jwt = Jwt::new().expect("token issuer");
        Self {
            upstream,
            service,
            jwt,
        }
    }

    /// What the example's bootstrap becomes for this installation.
    pub(crate) fn options(&self) -> BootstrapOptions {
        let filter = locations::filter().expect("the built filter");
        let mut options = BootstrapOptions::new(
            self.upstream.address(),
            filter,
            self.service.policy().clone(),
            self.jwt.jwks(),
        );
        options.policy_service = Some(self.service.address());
        options
    }

    /// Envoy's options with the secrets, and a bootstrap that was changed last.
    pub(crate) fn envoy_options(
        &self,
        options: &BootstrapOptions,
        change: impl FnOnce(&mut Value),
    ) -> EnvoyOptions {
        let token = self.service.gateway_token("edge").expect("token");
        let mut envoy = envoy_options(options, token);
        let mut document: Value = serde_json::from_str(&envoy.config_yaml).expect("JSON");
        change(&mut document);
        envoy.config_yaml = document.to_string();
        envoy
    }

    /// Starts Envoy.
    pub(crate) async fn start(self, options: EnvoyOptions) -> Stage {
        let envoy = Envoy::start(options).await.expect("Envoy");
        Stage {
            envoy,
            service: self.service,
            replicas: Vec::new(),
            upstream: self.upstream,
            jwt: self.jwt,
        }
    }
}

/// Velum among the filters of a bootstrap.
pub(crate) fn velum(bootstrap: &mut Value) -> &mut Value {
    let filters = bootstrap.pointer_mut(FILTERS).expect("filters");
    let mut filters = filters.as_array_mut().expect("a list").iter_mut();
    filters
        .find(|filter| filter["name"] == "velum")
        .expect("Velum")
}

/// A bootstrap of the folder with free ports, and its upstream where this one is.
pub(crate) fn on_free_ports(path: &str, upstream: &Upstream) -> Value {
    let mut document = project_yaml(path).expect("readable");
    for pointer in [
        "/admin/address/socket_address/port_value",
        "/static_resources/listeners/0/address/socket_address/port_value",
    ] {
        *document.pointer_mut(pointer).expect("a port") = 0.into();
    }
    *endpoint(&mut document, "upstream") = upstream.address().port().into();
    document
}

/// The port of a cluster's endpoint, which is on loopback from now on.
pub(crate) fn endpoint<'a>(document: &'a mut Value, cluster: &str) -> &'a mut Value {
    let clusters = document["static_resources"]["clusters"].as_array_mut();
    let cluster = clusters
        .expect("clusters")
        .iter_mut()
        .find(|it| it["name"] == cluster);
    let address = cluster
        .expect("the cluster")
        .pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address")
        .expect("an address");
    address["address"] = "127.0.0.1".into();
    &mut address["port_value"]
}

/// Every file of `envoy/`, by its path from the project's root, sorted.
pub(crate) fn files() -> Vec<String> {
    let root = locations::project();
    let mut folders = vec![root.join("envoy")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(relative(&path, &root));
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path, root: &PathBuf) -> String {
    let path = path.strip_prefix(root).expect("below the root");
    path.to_str().expect("UTF-8").to_owned()
}

/// A file's text.
pub(crate) fn text_of(path: &str) -> String {
    std::fs::read_to_string(locations::project().join(path)).expect("readable")
}
