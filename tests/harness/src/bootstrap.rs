use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::documents::{bootstrap_document, project_yaml};
use crate::failure::During;
use crate::{Authority, Certificate, Failure, Protocol, Result};

/// What a test puts in place of the values in `envoy/bootstrap.yaml`.
#[derive(Debug, Clone)]
pub struct BootstrapOptions {
    /// Where the protected API listens.
    pub upstream: SocketAddr,
    /// What it speaks.
    pub upstream_protocol: Protocol,
    /// Where the policy service listens; without one nothing does.
    pub policy_service: Option<SocketAddr>,
    /// Further replicas of it, behind the same cluster.
    pub policy_service_replicas: Vec<SocketAddr>,
    /// The filter's file; `None` leaves the filter out.
    pub filter: Option<PathBuf>,
    /// The identity provider's key set; `None` leaves `jwt_authn` out.
    pub jwks: Option<Value>,
    /// Whether a token goes on to the upstream once it is verified.
    pub forward_tokens: bool,
    /// The policy; `None` keeps the one in the file.
    pub policy: Option<PolicyDocument>,
    /// `allow_on_headers_stop_iteration`: whether headers wait while a body is looked at.
    pub headers_stop_iteration: bool,
    /// TLS for clients; `None` keeps plain text.
    pub tls: Option<DownstreamTls>,
    /// A `retry_policy` for every route.
    pub retry: Option<Value>,
    /// An `idle_timeout` for every route; `None` keeps the file's.
    pub idle_timeout: Option<Duration>,
    /// HTTP filters put between `jwt_authn` and Velum, or first where there is no `jwt_authn`.
    pub filters_before: Vec<Value>,
    /// HTTP filters put between Velum and the router.
    pub filters_after: Vec<Value>,
    /// `per_connection_buffer_limit_bytes` of listener and clusters; `None` keeps the file's.
    pub buffer_limit: Option<u32>,
    /// A file from which Envoy discovers Velum, in place of the bootstrap; made with the bootstrap, and
    /// published anew by [`publish_again`].
    pub discovery: Option<PathBuf>,
    /// Whether trailers of an HTTP/1.1 upstream are kept.
    pub upstream_trailers: bool,
    /// Members put into the HTTP connection manager's configuration; `null` for none.
    pub manager: Value,
    /// Members put into the action of every route; `null` for none.
    pub route: Value,
    /// Members put into the policy service's cluster; `null` for none.
    pub service_cluster: Value,
    /// The format of a line of the access log, written to Envoy's standard output; `None`: no log.
    pub access_log: Option<String>,
    /// The port of the listener; 0 lets the kernel choose.
    pub port: u16,
}

impl BootstrapOptions {
    /// HTTP/1.1 to this upstream, no Velum, no tokens: the barest Envoy.
    pub fn bare(upstream: SocketAddr) -> Self {
        Self {
            upstream,
            upstream_protocol: Protocol::Http1,
            policy_service: None,
            policy_service_replicas: Vec::new(),
            filter: None,
            jwks: None,
            forward_tokens: false,
            policy: None,
            headers_stop_iteration: true,
            tls: None,
            retry: None,
            idle_timeout: None,
            filters_before: Vec::new(),
            filters_after: Vec::new(),
            buffer_limit: None,
            discovery: None,
            upstream_trailers: false,
            manager: Value::Null,
            route: Value::Null,
            service_cluster: Value::Null,
            access_log: None,
            port: 0,
        }
    }

    /// HTTP/1.1 to this upstream, with the filter, under this policy, for tokens of these keys.
    pub fn new(upstream: SocketAddr, filter: PathBuf, policy: Value, jwks: Value) -> Self {
        Self {
            filter: Some(filter),
            policy: Some(PolicyDocument::Struct(policy)),
            jwks: Some(jwks),
            ..Self::bare(upstream)
        }
    }
}

/// The policy as it is written into the bootstrap.
#[derive(Debug, Clone)]
pub enum PolicyDocument {
    /// A `google.protobuf.Struct`; its numbers reach the filter as doubles, its members in any
    /// order.
    Struct(Value),
    /// A `google.protobuf.StringValue`, byte for byte; it may be anything but JSON.
    Text(String),
}

/// TLS on the listener.
#[derive(Debug, Clone)]
pub struct DownstreamTls {
    /// The listener's certificate.
    pub server: Certificate,
    /// The authority of client certificates, PEM; `None` asks for none.
    pub client_authority: Option<String>,
}

impl DownstreamTls {
    /// A certificate of this authority, which clients must have one of too.
    pub fn mutual(authority: &Authority) -> Result<Self> {
        Ok(Self {
            server: authority.server()?,
            client_authority: Some(authority.certificate()),
        })
    }
}

/// `envoy/bootstrap.yaml` with these values, as JSON, which Envoy reads as YAML.
pub fn bootstrap(options: &BootstrapOptions) -> Result<String> {
    let mut document = bootstrap_document()?;
    if options.discovery.is_some() {
        // Files are watched by a node that has a name.
        document["node"] = json!({"id": "edge", "cluster": "edge"});
    }
    *at(&mut document, "/admin/address/socket_address/port_value")? = json!(0);
    listener(at(&mut document, "/static_resources/listeners/0")?, options)?;
    clusters(&mut document, options)?;
    Ok(document.to_string())
}

fn listener(listener: &mut Value, options: &BootstrapOptions) -> Result<()> {
    *at(listener, "/address/socket_address/port_value")? = json!(options.port);
    if let Some(limit) = options.buffer_limit {
        listener["per_connection_buffer_limit_bytes"] = json!(limit);
    }
    if let Some(tls) = &options.tls {
        listener["filter_chains"][0]["transport_socket"] = transport_socket(tls);
    }
    let manager = at(listener, "/filter_chains/0/filters/0/typed_config")?;
    if let Some(format) = &options.access_log {
        manager["access_log"] = json!([{
            "name": "envoy.access_loggers.stdout",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                "log_format": {"text_format_source": {"inline_string": format!("{format}\n")}},
            },
        }]);
    }
    http_filters(manager, options)?;
    put(manager, &options.manager);
    for host in elements(manager, "/route_config/virtual_hosts")? {
        for route in elements(host, "/routes")? {
            let action = at(route, "/route")?;
            if let Some(retry) = &options.retry {
                action["retry_policy"] = retry.clone();
            }
            if let Some(time) = options.idle_timeout {
                action["idle_timeout"] = json!(format!("{}s", time.as_secs_f64()));
            }
            put(action, &options.route);
        }
    }
    Ok(())
}

fn put(into: &mut Value, members: &Value) {
    for (name, member) in members.as_object().into_iter().flatten() {
        into[name] = member.clone();
    }
}

fn http_filters(manager: &mut Value, options: &BootstrapOptions) -> Result<()> {
    let mut filters = Vec::new();
    for mut filter in std::mem::take(elements(manager, "/http_filters")?) {
        match filter["name"].as_str() {
            Some("envoy.filters.http.jwt_authn") => {
                let Some(jwks) = &options.jwks else { continue };
                let provider = at(&mut filter, "/typed_config/providers/idp")?;
                provider["forward"] = json!(options.forward_tokens);
                provider["local_jwks"] = json!({"inline_string": jwks.to_string()});
            }
            Some("velum") => {
                filters.extend(options.filters_before.iter().cloned());
                if let Some(file) = &options.filter {
                    velum(&mut filter, file, options)?;
                    if let Some(file) = &options.discovery {
                        filter = discovered(file, &filter)?;
                    }
                } else {
                    filters.extend(options.filters_after.iter().cloned());
                    continue;
                }
                filters.push(filter);
                filters.extend(options.filters_after.iter().cloned());
                continue;
            }
            _ => {}
        }
        filters.push(filter);
    }
    manager["http_filters"] = Value::Array(filters);
    Ok(())
}

/// Velum as `envoy/ecds/bootstrap.yaml` has it, with this filter in the file that Envoy watches.
fn discovered(file: &Path, filter: &Value) -> Result<Value> {
    let mut resource = project_yaml("envoy/ecds/velum.yaml")?;
    *at(&mut resource, "/resources/0/typed_config")? = filter["typed_config"].clone();
    publish(file, &resource)?;
    let mut source = project_yaml("envoy/ecds/bootstrap.yaml")?;
    let filters =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filter = at(&mut source, &format!("{filters}/0"))?;
    let path = "/config_discovery/config_source/path_config_source/path";
    *at(filter, path)? = json!(file);
    Ok(filter.take())
}

/// Publishes what Envoy discovers in this file once more: a new configuration of the same policy, for
/// the streams that come, while those that are there go on under the old one.
///
/// # Errors
/// When the file is not one that [`bootstrap`] made, or cannot be written.
pub fn publish_again(file: &Path, version: u64) -> Result<()> {
    let text = fs::read_to_string(file).during("reading what is discovered")?;
    let mut resource: Value = serde_json::from_str(&text).during("reading what is discovered")?;
    resource["version_info"] = json!(version.to_string());
    *at(&mut resource, "/resources/0/typed_config/config/name")? =
        json!(format!("velum-{version}"));
    publish(file, &resource)
}

/// Envoy watches for files that are moved.
fn publish(file: &Path, resource: &Value) -> Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, resource.to_string()).during("publishing")?;
    fs::rename(&beside, file).during("publishing")
}

fn velum(filter: &mut Value, file: &Path, options: &BootstrapOptions) -> Result<()> {
    let config = at(filter, "/typed_config/config")?;
    *at(config, "/vm_config/code/local/filename")? = json!(file);
    *at(config, "/allow_on_headers_stop_iteration")? = json!(options.headers_stop_iteration);
    match &options.policy {
        None => {}
        Some(PolicyDocument::Struct(policy)) => {
            config["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.Struct", "value": policy,
            });
        }
        Some(PolicyDocument::Text(text)) => {
            config["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text,
            });
        }
    }
    Ok(())
}

fn clusters(document: &mut Value, options: &BootstrapOptions) -> Result<()> {
    for cluster in elements(document, "/static_resources/clusters")? {
        let address = match cluster["name"].as_str() {
            Some("velum-policy-service") => options.policy_service,
            _ => Some(options.upstream),
        };
        let socket = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
        let socket = at(cluster, socket)?;
        // Port 1 on loopback: nothing listens there.
        let (ip, port) = address.map_or(("127.0.0.1".to_owned(), 1), |address| {
            (address.ip().to_string(), address.port())
        });
        *socket = json!({"address": ip, "port_value": port});
        if cluster["name"] == "velum-policy-service" {
            for replica in &options.policy_service_replicas {
                let endpoints = "/load_assignment/endpoints/0/lb_endpoints";
                let endpoints = at(cluster, endpoints)?.as_array_mut();
                let address =
                    json!({"address": replica.ip().to_string(), "port_value": replica.port()});
                let endpoint = json!({"endpoint": {"address": {"socket_address": address}}});
                if let Some(all) = endpoints {
                    all.push(endpoint);
                }
            }
            put(cluster, &options.service_cluster);
        }
        if cluster["name"] == "upstream" {
            match options.upstream_protocol {
                Protocol::Http2 => {
                    cluster["typed_extension_protocol_options"] =
                        protocol(&json!({"http2_protocol_options": {}}));
                }
                Protocol::Http1 if options.upstream_trailers => {
                    let trailers = json!({"http_protocol_options": {"enable_trailers": true}});
                    cluster["typed_extension_protocol_options"] = protocol(&trailers);
                }
                Protocol::Http1 => {}
            }
        }
        if let Some(limit) = options.buffer_limit {
            cluster["per_connection_buffer_limit_bytes"] = json!(limit);
        }
    }
    Ok(())
}

fn protocol(explicit: &Value) -> Value {
    json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": explicit,
    }})
}

fn transport_socket(tls: &DownstreamTls) -> Value {
    let mut common = json!({"tls_certificates": [{
        "certificate_chain": {"inline_string": tls.server.certificate},
        "private_key": {"inline_string": tls.server.key},
    }]});
    if let Some(authority) = &tls.client_authority {
        common["validation_context"] = json!({"trusted_ca": {"inline_string": authority}});
    }
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type":
                "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": common,
            "require_client_certificate": tls.client_authority.is_some(),
        },
    })
}

fn at<'a>(document: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    document
        .pointer_mut(pointer)
        .ok_or_else(|| Failure::new(format!("envoy/bootstrap.yaml: nothing at {pointer}")))
}

fn elements<'a>(document: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>> {
    at(document, pointer)?
        .as_array_mut()
        .ok_or_else(|| Failure::new(format!("envoy/bootstrap.yaml: no list at {pointer}")))
}
