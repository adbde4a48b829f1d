//! `velum approvals`.

use clap::{Args, Subcommand};
use velum_approval::{ApprovalId, RuleName, State};
use velum_engine::Class;

use crate::quantity;

pub(super) const AFTER_HELP: &str = "Exit codes:
  0  it was done; of `watch ID`: it was approved
  1  it was refused, or failed, or you said no
  2  the command was called wrongly
  3  of `watch ID`: it ended without being approved";

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List approvals, those that are pending unless told otherwise
    #[command(after_help = "Examples:
  velum approvals list
  velum approvals list --state approved --json")]
    List(ListOptions),
    /// Show one approval, with its votes and what was released under it
    #[command(after_help = "Example:
  velum approvals show 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e")]
    Show(ShowOptions),
    /// Print approvals as they come and change, or wait until one is decided
    #[command(after_help = "Examples:
  velum approvals watch
  velum approvals watch 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e && echo approved

Ends with 0 when the approval is approved or used, with 3 when it has ended otherwise.")]
    Watch(WatchOptions),
    /// Approve all that was asked for, or less
    #[command(after_help = "Examples:
  velum approvals approve 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e
  velum approvals approve 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --classes name --comment 'known to me'
  velum approvals approve 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --records 10 --bytes 1MB --for 2m

On a terminal it shows what it would approve and asks; the vote counts only for what was shown.")]
    Approve(ApproveOptions),
    /// Deny, which ends it
    #[command(after_help = "Example:
  velum approvals deny 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --public-reason 'ask the ward'")]
    Deny(DenyOptions),
    /// Take your own approval back, while others are still to decide
    #[command(after_help = "Example:
  velum approvals take-back 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e")]
    TakeBack(NoteOptions),
    /// Ask the requester for a better reason
    #[command(after_help = "Example:
  velum approvals question 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --comment 'which ward?'")]
    Question(QuestionOptions),
    /// Take a grant back, used or not: what still runs under it is masked from then on
    #[command(after_help = "Example:
  velum approvals revoke 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --comment 'wrong patient'")]
    Revoke(NoteOptions),
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
pub(crate) struct WatchOptions {
    /// Only this approval, until it is decided; all that are pending where absent, until interrupted
    pub(crate) id: Option<ApprovalId>,
    /// Print JSON, one line a change
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
    /// Only values that these rules of the policy select, with commas between
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub(crate) rules: Option<Vec<RuleName>>,
    /// At most so many records of the response
    #[arg(long, value_name = "N")]
    pub(crate) records: Option<u64>,
    /// At most so many bytes of the response: 4096, 64kB, 1MB, 1MiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes)]
    pub(crate) bytes: Option<u64>,
    /// How long the grant lasts, where that is to be shorter than configured: 30s, 2m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = quantity::seconds)]
    pub(crate) seconds: Option<u32>,
    /// Although what the response holds was awaited and never came
    #[arg(long)]
    pub(crate) unseen: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
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
pub(crate) struct NoteOptions {
    /// The approval
    pub(crate) id: ApprovalId,
    #[command(flatten)]
    pub(crate) vote: VoteOptions,
}

#[derive(Debug, Args)]
pub(crate) struct QuestionOptions {
    /// The approval
    pub(crate) id: ApprovalId,
    /// What the requester is asked: they are told it
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// The version that you read: refused if the approval has changed since
    #[arg(long = "if-version", value_name = "N")]
    pub(crate) version: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VoteOptions {
    /// For the other reviewers and the auditor
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// The version that you read: refused if the approval has changed since
    #[arg(long = "if-version", value_name = "N")]
    pub(crate) version: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn class(name: &str) -> Result<Class, String> {
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
    State::from_name(name).ok_or_else(|| "no such state".to_owned())
}
