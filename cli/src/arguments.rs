//! The command line.

mod mask;
mod policy;
mod profile;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use velum_approval::{ApprovalId, State};
use velum_engine::Class;

pub(crate) use mask::{ChosenProfile, FramingName, KeyOptions, MaskOptions, ReportForm};
pub(crate) use policy::{Asked, ExplainOptions, TestOptions, TryOptions};
pub(crate) use profile::{CheckProfiles, ImportMicrosoft, ListProfiles, ProfileCommand};

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
    /// Read and decide approvals
    Approvals {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: ApprovalsCommand,
    },
    /// Read the audit log
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

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List approvals, those that are pending unless told otherwise
    #[command(after_help = "Examples:
  velum approvals list
  velum approvals list --state approved --json")]
    List(ListOptions),
    /// Show one approval
    #[command(after_help = "Example:
  velum approvals show 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e")]
    Show(ShowOptions),
    /// Approve, all classes that were asked for or fewer
    #[command(after_help = "Examples:
  velum approvals approve 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e
  velum approvals approve 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --classes name --comment 'known to me'")]
    Approve(ApproveOptions),
    /// Deny
    #[command(after_help = "Example:
  velum approvals deny 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --public-reason 'ask the ward'")]
    Deny(DenyOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// collecting, pending, approved, denied, expired, cancelled, superseded, revoked or used
    #[arg(long, default_value = "pending", value_parser = state)]
    pub(crate) state: State,
    /// Print JSON, one approval a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// The approval
    pub(crate) id: ApprovalId,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveOptions {
    /// The approval
    pub(crate) id: ApprovalId,
    /// The classes to release, with commas between; all that were asked for where absent
    #[arg(long, value_delimiter = ',', value_parser = class)]
    pub(crate) classes: Option<Vec<Class>>,
    #[command(flatten)]
    pub(crate) vote: VoteOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DenyOptions {
    /// The approval
    pub(crate) id: ApprovalId,
    /// What the requester is told
    #[arg(long, value_name = "TEXT")]
    pub(crate) public_reason: Option<String>,
    #[command(flatten)]
    pub(crate) vote: VoteOptions,
}

#[derive(Debug, Args)]
pub(crate) struct VoteOptions {
    /// For the other reviewers and the auditor
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// The version that you read: the vote is refused if the approval has changed since
    #[arg(long = "if-version", value_name = "N")]
    pub(crate) version: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the last records
    #[command(after_help = "Examples:
  velum audit tail
  velum audit tail --after 41 --json
  velum audit tail --follow")]
    Tail(TailOptions),
}

#[derive(Debug, Args)]
pub(crate) struct TailOptions {
    /// How many of the last records
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "after")]
    pub(crate) lines: usize,
    /// All records after this index instead
    #[arg(long, value_name = "INDEX")]
    pub(crate) after: Option<u64>,
    /// Stay, and print what comes
    #[arg(long)]
    pub(crate) follow: bool,
    /// Print JSON, one record a line
    #[arg(long)]
    pub(crate) json: bool,
}

fn class(name: &str) -> Result<Class, String> {
    Class::from_name(name)
        .filter(|class| class.may_be_lifted())
        .ok_or_else(|| {
            let known: Vec<_> = Class::ALL
                .iter()
                .filter(|class| class.may_be_lifted())
                .map(|class| class.name())
                .collect();
            format!("classes that may be released: {}", known.join(", "))
        })
}

/// The words of the API are the words here.
fn state(name: &str) -> Result<State, String> {
    serde_json::from_value(serde_json::Value::from(name)).map_err(|_| "no such state".to_owned())
}
