//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use velum_approval::{ApprovalId, State};
use velum_engine::{Class, LimitDoc, Limits, Profile};

/// Masks PHI, checks policies, and decides who may see more.
#[derive(Debug, Parser)]
#[command(name = "velum", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mask JSON from files or standard input, to standard output
    #[command(after_help = "Examples:
  velum mask patient.json
  velum mask --policy policy.yaml --framing ndjson < export.ndjson > masked.ndjson
  velum mask --report-only bundle.json
  curl -s https://ehr.example/Patient/1 | velum mask --profile fhir-r4 --profile credentials
  curl -sN https://ehr.example/notifications | velum mask --framing events

The output is streamed. On invalid input it ends where the fault is, and the command with 1.")]
    Mask(MaskOptions),
    /// Check policy documents
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
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
}

#[derive(Debug, Args)]
pub(crate) struct MaskOptions {
    /// What to mask: a policy (YAML or JSON), or an Envoy configuration that holds one
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    pub(crate) policy: Option<PathBuf>,
    /// What to mask, by profile, may be repeated; all profiles where neither is given
    #[arg(long, value_name = "NAME", value_parser = profile)]
    pub(crate) profile: Vec<Profile>,
    /// How JSON texts are laid out; where it is absent, the name of a file that ends in .ndjson, .jsonl
    /// or .json-seq says it, and anything else is one text
    #[arg(long, value_name = "FRAMING")]
    pub(crate) framing: Option<FramingName>,
    /// Set a limit, over what the policy says; may be repeated. With one that is exceeded, the error
    /// names it
    #[arg(long, value_name = "NAME=NUMBER", value_parser = limit)]
    pub(crate) limit: Vec<(&'static LimitDoc, usize)>,
    /// Print to standard error how many values of each class were masked, by which rules, and how
    /// many bytes no detector looked at
    #[arg(long)]
    pub(crate) report: bool,
    /// Mask nothing: print where values would be masked, one a line, as file, number of the JSON text,
    /// JSON Pointer, class and rule; never a value
    #[arg(long)]
    pub(crate) report_only: bool,
    /// With --report-only, print one JSON object a line
    #[arg(long, requires = "report_only")]
    pub(crate) json: bool,
    /// Files to read; - and none at all are standard input
    pub(crate) files: Vec<PathBuf>,
}

/// How JSON texts are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FramingName {
    /// One JSON text
    Json,
    /// One a line
    Ndjson,
    /// A JSON text sequence (RFC 7464)
    JsonSeq,
    /// One after the other
    Concatenated,
    /// Server-sent events (text/event-stream) with JSON data; each leaves as it is complete
    Events,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether documents are valid, and their digest or the place of the first fault
    #[command(after_help = "Examples:
  velum policy check policy.yaml
  velum policy check --bootstrap /etc/envoy/envoy.yaml

Ends with 1 where a document is refused. Warnings do not change that.")]
    Check(CheckOptions),
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

fn profile(name: &str) -> Result<Profile, String> {
    Profile::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        format!("known profiles: {}", known.join(", "))
    })
}

fn limit(text: &str) -> Result<(&'static LimitDoc, usize), String> {
    let known = || {
        let known: Vec<_> = Limits::REFERENCE.iter().map(|doc| doc.name).collect();
        format!("write NAME=NUMBER; known limits: {}", known.join(", "))
    };
    let (name, number) = text.split_once('=').ok_or_else(known)?;
    let doc = Limits::REFERENCE.iter().find(|doc| doc.name == name);
    let doc = doc.ok_or_else(known)?;
    let number = number.parse().ok();
    let number = number.filter(|number| (doc.lowest..=doc.highest).contains(number));
    let range = || format!("a whole number from {} to {}", doc.lowest, doc.highest);
    Ok((doc, number.ok_or_else(range)?))
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
