//! `velum approvals`: what a reviewer reads and says.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;
use velum_approval::messages::{ApproveRequest, DenyRequest};
use velum_approval::{ApprovalId, Reason};

use crate::arguments::{ApproveOptions, DenyOptions, ListOptions, ShowOptions};
use crate::failure::Failure;
use crate::service::Service;
use crate::show::{identity, moment, plain, text, words};

/// Lists all approvals of a state.
pub(crate) fn list(service: &Service, options: &ListOptions) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    let mut after = String::new();
    let mut count = 0;
    loop {
        let page = service.get(&format!(
            "/v1/approvals?state={}{after}",
            options.state.name()
        ))?;
        let cards = page["approvals"].as_array().ok_or_else(not_ours)?;
        count += cards.len();
        for card in cards {
            if options.json {
                writeln!(output, "{card}")?;
            } else {
                row(&mut output, card)?;
            }
        }
        match page["next"].as_str() {
            Some(next) if !cards.is_empty() => {
                let next: ApprovalId = next.parse().map_err(|_| not_ours())?;
                after = format!("&after={next}");
            }
            _ => break,
        }
    }
    if count == 0 && !options.json {
        writeln!(output, "no approval is {}", options.state.name())?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Shows one approval.
pub(crate) fn show(service: &Service, options: &ShowOptions) -> Result<ExitCode, Failure> {
    let card = service.get(&format!("/v1/approvals/{}", options.id))?;
    print(&card, options.json)
}

/// Approves.
pub(crate) fn approve(service: &Service, options: &ApproveOptions) -> Result<ExitCode, Failure> {
    let request = ApproveRequest {
        classes: options
            .classes
            .as_ref()
            .map(|classes| classes.iter().copied().collect()),
        rules: None,
        records: None,
        bytes: None,
        seconds: None,
        version: options.vote.version,
        comment: reason(options.vote.comment.as_deref())?,
    };
    let card = service.post(&format!("/v1/approvals/{}/approve", options.id), &request)?;
    print(&card, options.vote.json)
}

/// Denies.
pub(crate) fn deny(service: &Service, options: &DenyOptions) -> Result<ExitCode, Failure> {
    let request = DenyRequest {
        public_reason: reason(options.public_reason.as_deref())?,
        version: options.vote.version,
        comment: reason(options.vote.comment.as_deref())?,
    };
    let card = service.post(&format!("/v1/approvals/{}/deny", options.id), &request)?;
    print(&card, options.vote.json)
}

fn reason(text: Option<&str>) -> Result<Option<Reason>, Failure> {
    text.map(Reason::new)
        .transpose()
        .map_err(|error| Failure::new(error.to_string()))
}

fn not_ours() -> Failure {
    Failure::new("the answer is not that of a policy service")
}

/// One line of a list; what was asked for before who asked, since that is what differs.
fn row(output: &mut impl Write, card: &Value) -> Result<(), Failure> {
    writeln!(
        output,
        "{}  {}  {}  {} {}  {}  by {}",
        text(&card["id"]),
        moment(&card["created"]),
        text(&card["action"]),
        text(&card["method"]),
        request_path(card),
        words(&card["classes"]),
        text(&card["principal"]["subject"]),
    )?;
    Ok(())
}

fn request_path(card: &Value) -> String {
    match card["query"].as_str() {
        None | Some("") => text(&card["path"]),
        Some(query) => format!("{}?{}", text(&card["path"]), plain(query)),
    }
}

fn print(card: &Value, json: bool) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    if json {
        writeln!(output, "{card}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let id = card["id"].as_str().ok_or_else(not_ours)?;
    let mut lines = vec![
        ("approval", plain(id)),
        (
            "state",
            format!(
                "{}, version {}",
                text(&card["state"]),
                text(&card["version"])
            ),
        ),
        ("requester", identity(&card["principal"])),
    ];
    lines.extend(list_of(card, "on_behalf_of").map(|one| ("on behalf of", identity(one))));
    lines.extend([
        ("action", text(&card["action"])),
        (
            "request",
            format!(
                "{} {}{}",
                text(&card["method"]),
                text(&card["authority"]),
                request_path(card)
            ),
        ),
        ("resource", text(&card["resource"])),
        ("asks to see", words(&card["classes"])),
    ]);
    if card["granted"].is_array() {
        lines.push(("granted", words(&card["granted"])));
    }
    lines.extend([
        ("reason", text(&card["reason"])),
        ("evidence", text(&card["evidence"])),
    ]);
    lines.extend([
        ("asked", moment(&card["created"])),
        ("expires", moment(&card["expires"])),
    ]);
    lines.extend([
        ("needs", format!("{} approval(s)", text(&card["quorum"]))),
        ("not by", words(&card["excluded"])),
    ]);
    lines.push(("waiting", waiting(card)));
    for vote in list_of(card, "votes") {
        let comment = vote["comment"]
            .as_str()
            .map_or_else(String::new, |comment| format!(": {}", plain(comment)));
        let vote = format!(
            "{} by {} for {}, {}{comment}",
            text(&vote["verdict"]),
            text(&vote["person"]),
            words(&vote["classes"]),
            moment(&vote["at"])
        );
        lines.push(("vote", vote));
    }
    if card["public_reason"].is_string() {
        lines.push(("told", text(&card["public_reason"])));
    }
    for (name, value) in lines {
        writeln!(output, "{name:<13} {value}")?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// How many held requests wait, and whether a caller has left.
fn waiting(card: &Value) -> String {
    let count = text(&card["waiting"]);
    if card["caller_left"].is_i64() {
        let left = moment(&card["caller_left"]);
        format!("{count} held request(s); a caller left {left}")
    } else {
        format!("{count} held request(s)")
    }
}

fn list_of<'a>(card: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    card[name].as_array().into_iter().flatten()
}
