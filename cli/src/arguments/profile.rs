//! The options of `velum profile`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};
use velum_engine::Profile;

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles that are shipped, and what each is for
    #[command(after_help = "Examples:
  velum profile list
  velum profile list --json")]
    List(ListProfiles),
    /// Print a shipped profile as it is, to be copied and changed
    #[command(after_help = "Examples:
  velum profile show fhir-r4
  velum profile show pii > our-pii.json

A profile of yours has another name than those that are shipped: change its \"profile\".")]
    Show(ShowProfile),
    /// Say whether profiles are valid, or the place of the first fault
    #[command(after_help = "Example:
  velum profile check our-pii.json

Ends with 1 where a profile is refused.")]
    Check(CheckProfiles),
    /// Make a profile of a configuration of Microsoft's FHIR anonymizer
    #[command(after_help = "Examples:
  velum profile import-ms configuration.json --output anonymizer.json
  velum profile import-ms configuration.json --name our-fhir > anonymizer.json

What cannot be expressed, and what differs, is listed on standard error and in the profile's \"about\".
Ends with 1 where a rule that masks could not be expressed: what it selects would stay.")]
    ImportMs(ImportMicrosoft),
}

#[derive(Debug, Args)]
pub(crate) struct ListProfiles {
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowProfile {
    /// The profile
    #[arg(value_name = "NAME", value_parser = shipped())]
    pub(crate) profile: Profile,
}

#[derive(Debug, Args)]
pub(crate) struct CheckProfiles {
    /// Profiles (JSON or YAML)
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportMicrosoft {
    /// The configuration (JSON), with its fhirPathRules
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Write the profile to this file instead of standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// The profile's name
    #[arg(long, default_value = "ms-fhir-anonymizer")]
    pub(crate) name: String,
}

/// Knows the shipped profiles by name; clap suggests a near one.
fn shipped() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.iter().map(|profile| profile.name()))
        .try_map(|name| Profile::from_name(&name).ok_or("no such profile"))
}
