//! `velum stop`, `velum stops`, `velum resume` and `velum emergency`.

use clap::{Args, Subcommand, ValueEnum};
use velum_approval::{ActionName, EmergencyId, GatewayId, Identity, IdentityKind, StopId};

use crate::quantity;

pub(super) const STOP_HELP: &str = "Examples:
  velum stop everything --comment 'token leaked' --wait
  velum stop gateway edge
  velum stop action bulk-file
  velum stop principal triage-bot --issuer https://idp.example

A stop holds in every worker ten seconds after it was written, at the latest. Any reviewer stops; to
resume takes another one. One approval alone is stopped by `velum approvals revoke`.";

pub(super) const EMERGENCY_HELP: &str = "Examples:
  velum emergency open triage-bot --issuer https://idp.example --action read --for 10m --reason 'unconscious, no relatives'
  velum emergency list
  velum emergency review 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --justified";

#[derive(Debug, Subcommand)]
pub(crate) enum StopCommand {
    /// Every release
    Everything(StopOptions),
    /// Every release through one gateway
    Gateway {
        /// The gateway's id
        id: GatewayId,
        #[command(flatten)]
        options: StopOptions,
    },
    /// Every release of one action
    Action {
        /// The action's name in the policy
        name: ActionName,
        #[command(flatten)]
        options: StopOptions,
    },
    /// Every release that somebody asks for or stands behind
    Principal {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        options: StopOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StopOptions {
    /// For the other reviewers and the auditor
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Stay until it holds in every worker
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An identity: never a bare name.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Whose: the subject, as the approval shows it
    pub(crate) subject: String,
    /// Who says that they are called so; empty for a certificate
    #[arg(long, value_name = "ISSUER", default_value = "")]
    pub(crate) issuer: String,
    /// What the identity was read from
    #[arg(long, value_name = "KIND", default_value = "jwt")]
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    Jwt,
    Certificate,
    Header,
    FilterState,
}

impl Who {
    /// As the service knows it.
    pub(crate) fn identity(&self) -> Result<Identity, String> {
        let kind = match self.kind {
            Kind::Jwt => IdentityKind::Jwt,
            Kind::Certificate => IdentityKind::Certificate,
            Kind::Header => IdentityKind::Header,
            Kind::FilterState => IdentityKind::FilterState,
        };
        Identity::new(kind, &*self.issuer, &*self.subject).map_err(|fault| fault.to_string())
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListStops {
    /// Those that have ended too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, one stop a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeOptions {
    /// The stop
    pub(crate) id: StopId,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmergencyCommand {
    /// Open one: releases the requests of one principal and one action at once
    Open(OpenOptions),
    /// List those that wait for a review
    List(ListEmergencies),
    /// Say afterwards whether it was justified; where it still lasts, it ends
    Review(ReviewOptions),
}

#[derive(Debug, Args)]
pub(crate) struct OpenOptions {
    #[command(flatten)]
    pub(crate) who: Who,
    /// The action, as the policy names it
    #[arg(long, value_name = "NAME")]
    pub(crate) action: ActionName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// For how long: whole minutes, an hour at most
    #[arg(long = "for", value_name = "TIME", value_parser = quantity::seconds)]
    pub(crate) seconds: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListEmergencies {
    /// Those that were reviewed too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("finding").required(true).args(["justified", "unjustified"])))]
pub(crate) struct ReviewOptions {
    /// The emergency access
    pub(crate) id: EmergencyId,
    /// It was justified
    #[arg(long)]
    pub(crate) justified: bool,
    /// It was not
    #[arg(long)]
    pub(crate) unjustified: bool,
    /// For the auditor
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
