//! Where Velum runs: every file of `envoy/`, the older Envoys, and what stands between filter and
//! policy service.

mod capabilities;
mod discovery;
mod impostors;
mod installation;
mod listeners;
mod manifests;
mod plain_files;
mod remote_code;
mod schema;
mod versions;
