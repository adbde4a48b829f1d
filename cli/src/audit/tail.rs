//! `velum audit tail`: the audit log as it grows.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::arguments::TailOptions;
use crate::failure::Failure;
use crate::service::Service;
use crate::show::{text, words};

/// How many records are asked for at once.
const PAGE: usize = 1000;
/// How long to wait before asking for more.
const PAUSE: Duration = Duration::from_secs(2);

/// Prints the last records, and with `--follow` those that come.
pub(super) fn tail(service: &Service, options: &TailOptions) -> Result<ExitCode, Failure> {
    let mut after = options.after;
    let mut last: VecDeque<Value> = VecDeque::new();
    loop {
        let entries = page(service, after)?;
        after = index_of(entries.last()).or(after);
        let is_end = entries.len() < PAGE;
        last.extend(entries);
        if options.after.is_none() {
            last.drain(..last.len().saturating_sub(options.lines));
        } else {
            print(last.drain(..), options.json)?;
        }
        if is_end {
            break;
        }
    }
    print(last.drain(..), options.json)?;
    if !options.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        thread::sleep(PAUSE);
        let entries = page(service, after)?;
        after = index_of(entries.last()).or(after);
        print(entries.into_iter(), options.json)?;
    }
}

/// The records after an index: fewer than a page has where there are no more.
pub(super) fn page(service: &Service, after: Option<u64>) -> Result<Vec<Value>, Failure> {
    let after = after.map_or_else(String::new, |after| format!("&after={after}"));
    match service
        .get(&format!("/v1/audit?limit={PAGE}{after}"))?
        .get_mut("entries")
    {
        Some(Value::Array(entries)) => Ok(std::mem::take(entries)),
        _ => Err(Failure::new("the answer is not that of a policy service")),
    }
}

pub(super) fn index_of(entry: Option<&Value>) -> Option<u64> {
    entry?["index"].as_u64()
}

fn print(entries: impl Iterator<Item = Value>, json: bool) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    for entry in entries {
        if json {
            writeln!(output, "{entry}")?;
        } else {
            writeln!(output, "{}", line(&entry))?;
        }
    }
    output.flush()?;
    Ok(())
}

/// Index, time, code, what happened, to what, by whom.
pub(super) fn line(entry: &Value) -> String {
    let leaf = &entry["leaf"];
    let data = &leaf["data"];
    let kind = text(&leaf["type"]);
    let kind = kind
        .trim_start_matches("org.velum.")
        .trim_end_matches(".v1");
    let mut line = format!(
        "{:>6}  {}  {}  {kind}  {}  {}",
        text(&entry["index"]),
        text(&leaf["time"]),
        text(&data["code"]),
        text(&data["outcome"]),
        text(&leaf["subject"]),
    );
    let classes = [
        &data["grant"]["classes"],
        &data["use"]["classes"],
        &data["request"]["classes"],
    ];
    let known = [
        ("by", text(&data["actor"]["id"])),
        ("for", text(&data["requester"]["id"])),
        ("action", text(&data["request"]["action"])),
        (
            "classes",
            classes
                .into_iter()
                .find(|list| list.is_array())
                .map_or("-".to_owned(), words),
        ),
    ];
    for (name, value) in known.iter().filter(|(_, value)| value != "-") {
        line += &["  ", name, " ", value.as_str()].concat();
    }
    line
}
