//! The parts, started.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use velum_harness::{
    BootstrapOptions, Client, Envoy, EnvoyOptions, Failure, Jwt, PolicyService,
    PolicyServiceOptions, Process, Result, Reviewer, bootstrap, example_policy, locations,
};

/// 32 bytes in base64: a key for this demo only, since nothing here outlives it.
const MASKING_KEY: &str = "ZGVtbyBvbmx5OiBub3RoaW5nIGhlcmUgaXMgc2VjcmU=";

/// Everything that runs; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) envoy: Envoy,
    pub(crate) service: PolicyService,
    pub(crate) fhir: SocketAddr,
    /// What the agent triage-bot shows: it acts for dr-jones.
    pub(crate) agent_token: String,
    _fhir_process: Process,
    _folder: TempDir,
}

impl Stage {
    /// Starts the FHIR API, the policy service and Envoy, in that order.
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
        let mut command = Command::new(locations::program("velum-example-fhir-api")?);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut fhir_process = Process::start("fhir-api", command, folder.path())?;
        let line = fhir_process.first_line(Duration::from_secs(10)).await?;
        let fhir = line
            .strip_prefix("http://")
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| Failure::new("the FHIR API does not say where it listens"))?;

        let service = PolicyService::start(PolicyServiceOptions::new(example_policy()?)?).await?;
        let issuer = Jwt::new()?;
        let mut options = BootstrapOptions::new(
            fhir,
            locations::filter()?,
            service.policy().clone(),
            issuer.jwks(),
        );
        options.policy_service = Some(service.address());
        let options = EnvoyOptions::new(bootstrap(&options)?)
            .environment("VELUM_GATEWAY_TOKEN", service.gateway_token("edge")?)
            .environment("VELUM_MASKING_KEY", MASKING_KEY);
        let envoy = Envoy::start(options).await?;
        let agent_token = issuer.agent("triage-bot", "dr-jones");
        Ok(Self {
            envoy,
            service,
            fhir,
            agent_token,
            _fhir_process: fhir_process,
            _folder: folder,
        })
    }

    /// The agent's way to the API: through Envoy.
    pub(crate) fn agent(&self) -> Client {
        self.envoy.client()
    }

    /// Past Envoy, for comparison.
    pub(crate) fn direct(&self) -> Client {
        Client::new(self.fhir)
    }

    /// A reviewer's way to the policy service.
    pub(crate) fn reviewer(&self, person: &str) -> Result<Reviewer> {
        self.service.reviewer(person)
    }
}
