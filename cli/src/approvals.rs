//! `velum approvals`: what a reviewer reads and says.

mod card;
mod confirm;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;
use velum_approval::messages::{ApproveRequest, DenyRequest, NoteRequest};
use velum_approval::{ApprovalId, Reason, State};

use crate::arguments::{
    ApprovalsCommand, ApproveOptions, DenyOptions, ListOptions, NoteOptions, QuestionOptions,
    ShowOptions,
};
use crate::failure::Failure;
use crate::service::Service;
use crate::show::{distance, text, words};
use crate::table::Table;

/// Does what is asked.
pub(crate) fn run(service: &Service, command: &ApprovalsCommand) -> Result<ExitCode, Failure> {
    match command {
        ApprovalsCommand::List(options) => list(service, options),
        ApprovalsCommand::Show(options) => show(service, options),
        ApprovalsCommand::Watch(options) => watch::run(service, options),
        ApprovalsCommand::Approve(options) => approve(service, options),
        ApprovalsCommand::Deny(options) => deny(service, options),
        ApprovalsCommand::TakeBack(options) => note(service, options, "take-back"),
        ApprovalsCommand::Question(options) => question(service, options),
        ApprovalsCommand::Revoke(options) => note(service, options, "revoke"),
    }
}

fn list(service: &Service, options: &ListOptions) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    let until = match options.state {
        State::Collecting | State::Pending | State::Approved => "EXPIRES",
        _ => "ENDED",
    };
    let mut table = Table::new(["ID", until, "ACTION", "CLASSES", "VOTES", "BY", "REQUEST"]);
    for card in all(service, options.state)? {
        if options.json {
            writeln!(output, "{card}")?;
        } else {
            table.row(row(&card));
        }
    }
    if options.json {
    } else if table.is_empty() {
        writeln!(output, "no approval is {}", options.state.name())?;
    } else {
        table.write(&mut output)?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Every approval of a state.
fn all(service: &Service, state: State) -> Result<Vec<Value>, Failure> {
    let path = format!("/v1/approvals?state={}", state.name());
    service.all::<ApprovalId>(&path, "approvals")
}

/// What was asked for before who asked, since that is what differs; the longest comes last.
fn row(card: &Value) -> [String; 7] {
    let until = [&card["ended"], &card["grant_expires"], &card["expires"]]
        .into_iter()
        .find(|moment| moment.is_i64());
    [
        text(&card["id"]),
        until.map_or_else(|| "-".to_owned(), distance),
        text(&card["action"]),
        words(&card["classes"]),
        format!("{}/{}", card::approvals(card).len(), text(&card["quorum"])),
        text(&card["principal"]["subject"]),
        format!("{} {}", text(&card["method"]), card::path(card)),
    ]
}

fn show(service: &Service, options: &ShowOptions) -> Result<ExitCode, Failure> {
    let card = service.get(&format!("/v1/approvals/{}", options.id))?;
    print(&card, options.json)
}

fn approve(service: &Service, options: &ApproveOptions) -> Result<ExitCode, Failure> {
    let mut request = ApproveRequest {
        classes: options
            .classes
            .as_ref()
            .map(|classes| classes.iter().copied().collect()),
        rules: options
            .rules
            .as_ref()
            .map(|rules| rules.iter().cloned().collect()),
        records: options.records,
        bytes: options.bytes,
        seconds: options.seconds,
        unseen: options.unseen,
        version: options.vote.version,
        comment: reason(options.vote.comment.as_deref())?,
    };
    if !options.yes && confirm::can_ask() {
        let card = service.get(&format!("/v1/approvals/{}", options.id))?;
        if !confirm::approve(&card, &request)? {
            return Err(Failure::new("nothing was approved"));
        }
        // What was shown, and nothing that has become of it since.
        request.version = request.version.or_else(|| card["version"].as_u64());
    }
    let card = service.post(&format!("/v1/approvals/{}/approve", options.id), &request)?;
    print(&card, options.vote.json)
}

fn deny(service: &Service, options: &DenyOptions) -> Result<ExitCode, Failure> {
    let request = DenyRequest {
        public_reason: reason(options.public_reason.as_deref())?,
        version: options.vote.version,
        comment: reason(options.vote.comment.as_deref())?,
    };
    let card = service.post(&format!("/v1/approvals/{}/deny", options.id), &request)?;
    print(&card, options.vote.json)
}

fn note(service: &Service, options: &NoteOptions, verb: &str) -> Result<ExitCode, Failure> {
    let request = NoteRequest {
        version: options.vote.version,
        comment: reason(options.vote.comment.as_deref())?,
    };
    let card = service.post(&format!("/v1/approvals/{}/{verb}", options.id), &request)?;
    print(&card, options.vote.json)
}

fn question(service: &Service, options: &QuestionOptions) -> Result<ExitCode, Failure> {
    let request = NoteRequest {
        version: options.version,
        comment: reason(options.comment.as_deref())?,
    };
    let card = service.post(&format!("/v1/approvals/{}/question", options.id), &request)?;
    print(&card, options.json)
}

fn print(card: &Value, json: bool) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    if json {
        writeln!(output, "{card}")?;
    } else {
        card::write(&mut output, card)?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What somebody writes, in the bounds that the service has for it.
pub(crate) fn reason(text: Option<&str>) -> Result<Option<Reason>, Failure> {
    text.map(Reason::new)
        .transpose()
        .map_err(|error| Failure::new(error.to_string()))
}

pub(crate) fn not_ours() -> Failure {
    Failure::new("the answer is not that of a policy service")
}
