//! Asking before something is approved.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;
use velum_approval::messages::ApproveRequest;

use super::card;
use crate::failure::Failure;
use crate::show::{plain, text, words};

/// Whether somebody is there to be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Shows the approval and what this vote would release of it, and asks.
pub(super) fn approve(card: &Value, request: &ApproveRequest) -> Result<bool, Failure> {
    // Standard output is for the result.
    let mut output = io::stderr().lock();
    card::write(&mut output, card)?;
    writeln!(output)?;
    write!(output, "Approve {}? [y/N] ", releases(card, request))?;
    output.flush()?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(format!("standard input: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn releases(card: &Value, request: &ApproveRequest) -> String {
    let classes = request.classes.map_or_else(
        || words(&card["classes"]),
        |classes| {
            let names: Vec<_> = classes.iter().map(velum_engine::Class::name).collect();
            names.join(",")
        },
    );
    let mut what = match classes.as_str() {
        "-" => "the request".to_owned(),
        classes => classes.to_owned(),
    };
    if let Some(rules) = &request.rules {
        let names: Vec<_> = rules.iter().map(|rule| plain(rule.as_str())).collect();
        what = format!("{what} selected by {}", names.join(","));
    }
    if let Some(records) = request.records {
        what = format!("{what}, {records} record(s) at most");
    }
    if let Some(bytes) = request.bytes {
        what = format!("{what}, {bytes} bytes at most");
    }
    if let Some(seconds) = request.seconds {
        what = format!("{what}, within {seconds} s");
    }
    if request.unseen {
        what = format!("{what}, although nobody has seen what the response holds,");
    }
    format!("{what} for {}", text(&card["principal"]["subject"]))
}
