//! `velum approvals watch`: approvals as they come and change.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use velum_approval::{ApprovalId, State};

use super::{all, not_ours, row};
use crate::arguments::WatchOptions;
use crate::clock;
use crate::failure::Failure;
use crate::service::Service;

/// How long one call waits for a change; under the longest that the service waits.
const WAIT: u64 = 20;
/// How often to ask where nothing waits for us.
const PAUSE: Duration = Duration::from_secs(1);
/// It ended without being approved.
const NOT_APPROVED: u8 = 3;

/// Follows one, or all that are pending.
pub(super) fn run(service: &Service, options: &WatchOptions) -> Result<ExitCode, Failure> {
    match &options.id {
        Some(id) => one(service, id, options.json),
        None => pending(service, options.json),
    }
}

/// Prints an approval whenever it has changed, until it is decided.
fn one(service: &Service, id: &ApprovalId, json: bool) -> Result<ExitCode, Failure> {
    let mut seen = (0, State::Collecting);
    loop {
        let begun = clock::since_epoch();
        // A service that does not wait answers at once, and is asked again after a pause.
        let version = seen.0;
        let path = format!("/v1/approvals/{id}?wait={WAIT}&after_version={version}");
        let card = service.get(&path)?;
        let state = state_of(&card)?;
        let now = (card["version"].as_u64().ok_or_else(not_ours)?, state);
        if now != seen {
            print(&card, json)?;
            seen = now;
        }
        match state {
            State::Approved | State::Used => return Ok(ExitCode::SUCCESS),
            state if state.is_final() => return Ok(ExitCode::from(NOT_APPROVED)),
            _ => pause(begun),
        }
    }
}

/// Waits for what is left of the pause that began then.
fn pause(begun: Option<Duration>) {
    let passed = clock::since_epoch().zip(begun);
    let passed = passed.map(|(now, begun)| now.saturating_sub(begun));
    thread::sleep(PAUSE.saturating_sub(passed.unwrap_or_default()));
}

/// Prints every approval that waits for reviewers, what changes of it, and how it ended.
fn pending(service: &Service, json: bool) -> Result<ExitCode, Failure> {
    let mut known: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let mut present = BTreeMap::new();
        for card in all(service, State::Pending)? {
            let id = card["id"].as_str().ok_or_else(not_ours)?.to_owned();
            let version = card["version"].as_u64().ok_or_else(not_ours)?;
            if known.get(&id) != Some(&version) {
                print(&card, json)?;
            }
            present.insert(id, version);
        }
        for gone in known.keys().filter(|id| !present.contains_key(*id)) {
            let id: ApprovalId = gone.parse().map_err(|_| not_ours())?;
            print(&service.get(&format!("/v1/approvals/{id}"))?, json)?;
        }
        known = present;
        thread::sleep(PAUSE);
    }
}

fn state_of(card: &Value) -> Result<State, Failure> {
    let name = card["state"].as_str();
    name.and_then(State::from_name).ok_or_else(not_ours)
}

/// One line, which is there at once whoever reads it.
fn print(card: &Value, json: bool) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    if json {
        writeln!(output, "{card}")?;
    } else {
        let state = state_of(card)?;
        let [id, when, action, classes, votes, by, request] = row(card);
        let name = state.name();
        writeln!(
            output,
            "{id}  {name:<10}  {when:<10}  {votes}  {action}  {classes}  by {by}  {request}"
        )?;
    }
    output.flush()?;
    Ok(())
}
