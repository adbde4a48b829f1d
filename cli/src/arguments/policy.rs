//! The options of `velum policy` that need no Envoy: explaining, trying, testing.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use velum_engine::Class;

use super::approvals::class;

/// A class that is approved; none for the word `none`.
pub(crate) type Approved = Option<Class>;

pub(super) const EXPLAIN_HELP: &str = "Examples:
  velum policy explain --policy policy.yaml --request delete.http
  velum policy explain --policy policy.yaml --request read.http --claims claims.json --json

A request is written as HTTP/1.1: its line, its header fields, an empty line, its body.";

pub(super) const TRY_HELP: &str = "Examples:
  velum policy try --policy policy.yaml --request read.http --response patient.json
  velum policy try --policy policy.yaml --request ask.http --response patient.json \\
    --claims claims.json --approve name,date

A response is written as HTTP/1.1, or as the JSON of its body. Nothing is sent anywhere. Where the
environment has not the secrets that the policy names, throw-away ones stand in, which is said.";

pub(super) const TEST_HELP: &str = "Examples:
  velum policy test policy-tests.yaml
  velum policy test --json policies/*.yaml

docs/policy-tests.md says what a case is. Ends with 1 where one fails.";

/// A request, and what Envoy would know of it.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The policy (YAML or JSON), or an Envoy configuration that holds it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: PathBuf,
    /// The request, as HTTP/1.1
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) request: PathBuf,
    /// The claims of the token that Envoy verified, one JSON object; none where absent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: Option<PathBuf>,
    /// The name in the client's certificate that Envoy verified, or the text in its filter state
    #[arg(long, value_name = "NAME")]
    pub(crate) peer: Option<String>,
    /// The name of Envoy's route
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
    /// The policy that the metadata of Envoy's route names, where the document has several
    #[arg(long, value_name = "NAME")]
    pub(crate) route_policy: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TryOptions {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// What the upstream answers: HTTP/1.1, or JSON alone
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) response: Option<PathBuf>,
    /// Have these classes approved, of those that are asked; `none` approves the request and lifts
    /// nothing; without this nobody decides
    #[arg(long, value_name = "CLASSES", value_delimiter = ',', value_parser = approved)]
    pub(crate) approve: Option<Vec<Approved>>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// Files of cases (YAML or JSON)
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

fn approved(name: &str) -> Result<Approved, String> {
    if name == "none" {
        Ok(None)
    } else {
        class(name).map(Some)
    }
}
