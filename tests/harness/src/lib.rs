//! Real parts for tests and for the demo: Envoy, the policy service, programmable upstreams, token
//! issuers and clients that notice when a body was cut.
//!
//! Everything listens on loopback, on ports that the kernel chose, and ends when its handle is
//! dropped. Where the programs are is told by the environment (see [`locations`]); `cargo xtask
//! test` and `cargo xtask demo` set it.

mod aside;
mod bootstrap;
mod browser;
mod certificates;
mod client;
mod documents;
mod envoy;
mod failure;
mod fake_service;
mod jwt;
pub mod locations;
mod lying_step;
mod open_id_provider;
mod policy_service;
mod postgres;
mod process;
mod reviewer;
mod tls_front;
mod upstream;

pub use bootstrap::{BootstrapOptions, DownstreamTls, PolicyDocument, bootstrap, publish_again};
pub use browser::{Authenticator, Browser, BrowserOptions, Key};
pub use certificates::{Authority, Certificate};
pub use client::{Call, Client, Response, ResponseStream};
pub use documents::{
    bootstrap_document, example_policy, policy_in_bootstrap, project_yaml, with_public_keys,
};
pub use envoy::{Envoy, EnvoyOptions, HotRestart};
pub use failure::{Failure, Result};
pub use fake_service::{Behaviour, Exchange, FakeService, signed_allow};
pub use jwt::{ISSUER, Jwt};
pub use lying_step::{Lie, LyingStep};
pub use open_id_provider::OpenIdProvider;
pub use policy_service::{PolicyService, PolicyServiceOptions};
pub use postgres::Postgres;
pub use process::Process;
pub use reviewer::{Reviewer, ServiceAnswer};
pub use tls_front::TlsFront;
pub use upstream::{Framing, Protocol, Received, Reply, Step, Upstream, gzip_stored};
