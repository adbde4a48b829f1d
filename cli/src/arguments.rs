//! The command line.

mod approvals;
mod audit;
mod mask;
mod policy;
mod profile;
mod stops;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use approvals::{
    ApprovalsCommand, ApproveOptions, DenyOptions, ListOptions, NoteOptions, QuestionOptions,
    ShowOptions, WatchOptions,
};
pub(crate) use audit::{
    AuditCommand, CheckProofOptions, CheckTextOptions, EventsOptions, EvidenceOptions,
    ExportFormat, ExportOptions, Kept, ProveOptions, SearchOptions, TailOptions, Trusted,
    VerifyOptions,
};
pub(crate) use mask::{ChosenProfile, FramingName, KeyOptions, MaskOptions, ReportForm};
pub(crate) use policy::{Asked, ExplainOptions, TestOptions, TryOptions};
pub(crate) use profile::{CheckProfiles, ImportMicrosoft, ListProfiles, ProfileCommand};
pub(crate) use stops::{
    EmergencyCommand, ListStops, OpenOptions, ResumeOptions, ReviewOptions, StopCommand,
};

/// Masks PHI, checks policies, and decides who may see more.
#[derive(Debug, Parser)]
#[command(name = "velum", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mask JSON in files, folders or standard input, or say where it would be masked
    #[command(after_help = mask::AFTER_HELP)]
    Mask(MaskOptions),
    /// Check, explain, try and test policy documents
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// List, print, check and import profiles: sets of rules and detectors
    Profile {
        #[command(subcommand)]
        command: ProfileCommand,
    },
    /// Read, follow and decide approvals
    #[command(after_help = approvals::AFTER_HELP)]
    Approvals {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: ApprovalsCommand,
    },
    /// Stop releases at once, in every worker
    #[command(after_help = stops::STOP_HELP)]
    Stop {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: StopCommand,
    },
    /// List what is stopped, and which workers keep to it
    #[command(after_help = "Examples:
  velum stops
  velum stops --all --json")]
    Stops {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        options: ListStops,
    },
    /// End a stop that another person began
    #[command(after_help = "Example:
  velum resume 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e")]
    Resume {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        options: ResumeOptions,
    },
    /// Access without a review, in an emergency, and the review afterwards
    #[command(after_help = stops::EMERGENCY_HELP)]
    Emergency {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: EmergencyCommand,
    },
    /// Read, export and verify the audit log
    #[command(after_help = audit::AFTER_HELP)]
    Audit {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Print a script that completes these commands in a shell
    #[command(after_help = "Example:
  velum completions bash > ~/.local/share/bash-completion/completions/velum")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual pages of these commands
    #[command(after_help = "Examples:
  velum man | man -l -
  velum man mask | man -l -
  velum man --output ~/.local/share/man/man1")]
    Man(ManOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ManOptions {
    /// Write the page of every command into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) output: Option<PathBuf>,
    /// The command whose page to print, such as `mask` or `policy check`; the program's own where
    /// absent
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether documents are valid, and their digest or the place of the first fault
    #[command(after_help = "Examples:
  velum policy check policy.yaml
  velum policy check --bootstrap /etc/envoy/envoy.yaml

Ends with 1 where a document is refused. Warnings do not change that.")]
    Check(CheckOptions),
    /// Say which action a request meets, and which of its conditions hold
    #[command(after_help = policy::EXPLAIN_HELP)]
    Explain(ExplainOptions),
    /// Show what the filter would do with a request and its answer, without Envoy
    #[command(after_help = policy::TRY_HELP)]
    Try(TryOptions),
    /// Run cases: requests, and what is wanted of each
    #[command(after_help = policy::TEST_HELP)]
    Test(TestOptions),
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Policies (YAML or JSON), or Envoy configurations that hold some
    #[arg(required_unless_present = "bootstrap")]
    pub(crate) files: Vec<PathBuf>,
    /// An Envoy configuration to check together with the policies in it: warns of what would let a
    /// released request happen twice, or cut one that waits
    #[arg(long, value_name = "FILE")]
    pub(crate) bootstrap: Vec<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the policy service is, and who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The policy service; the environment's `VELUM_URL` where absent
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) url: Option<String>,
    /// A file that holds the reviewer's token; the environment's `VELUM_TOKEN` where absent
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Send the token over plain HTTP to another machine
    #[arg(long, global = true)]
    pub(crate) plain_http: bool,
}
