//! `velum stop`, `velum stops`, `velum resume`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use velum_approval::messages::StopRequest;
use velum_approval::{StopId, StopScope};

use crate::approvals::{not_ours, reason};
use crate::arguments::{ListStops, ResumeOptions, StopCommand};
use crate::failure::Failure;
use crate::service::Service;
use crate::show::{distance, text};
use crate::table::Table;

/// How often to ask whether a stop holds; how often at most, which is more than a lease.
const PAUSE: Duration = Duration::from_millis(250);
const MOST: u32 = 60;

/// Stops.
pub(crate) fn begin(service: &Service, command: &StopCommand) -> Result<ExitCode, Failure> {
    let (scope, options) = match command {
        StopCommand::Everything(options) => (StopScope::Everything, options),
        StopCommand::Gateway { id, options } => (StopScope::Gateway { id: id.clone() }, options),
        StopCommand::Action { name, options } => {
            (StopScope::Action { name: name.clone() }, options)
        }
        StopCommand::Principal { who, options } => {
            let identity = who.identity().map_err(Failure::misused)?;
            (StopScope::Principal { identity }, options)
        }
    };
    let request = StopRequest {
        scope,
        comment: reason(options.comment.as_deref())?,
    };
    let mut stop = service.post("/v1/stops", &request)?;
    let id: StopId = text(&stop["id"]).parse().map_err(|_| not_ours())?;
    for _ in 0..MOST {
        if !options.wait || stop["holds"] == true {
            break;
        }
        thread::sleep(PAUSE);
        stop = service.get(&format!("/v1/stops/{id}"))?;
    }
    print(&[stop], options.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Lists.
pub(crate) fn list(service: &Service, options: &ListStops) -> Result<ExitCode, Failure> {
    let path = format!("/v1/stops?all={}", options.all);
    let stops = service.all::<StopId>(&path, "stops")?;
    if stops.is_empty() && !options.json {
        writeln!(io::stdout(), "nothing is stopped")?;
    } else {
        print(&stops, options.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends a stop.
pub(crate) fn resume(service: &Service, options: &ResumeOptions) -> Result<ExitCode, Failure> {
    let stop = service.post(&format!("/v1/stops/{}/resume", options.id), &json!({}))?;
    print(&[stop], options.json)?;
    Ok(ExitCode::SUCCESS)
}

fn print(stops: &[Value], json: bool) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let mut table = Table::new(["ID", "STOPPED", "WHAT", "BY", "HOLDS", "COMMENT"]);
    for stop in stops {
        if json {
            writeln!(output, "{stop}")?;
        } else {
            table.row([
                text(&stop["id"]),
                distance(&stop["at"]),
                what(&stop["scope"]),
                text(&stop["by"]),
                holds(stop),
                text(&stop["comment"]),
            ]);
        }
    }
    if !json {
        table.write(&mut output)?;
    }
    output.flush()?;
    Ok(())
}

fn what(scope: &Value) -> String {
    let kind = text(&scope["kind"]);
    let which = [&scope["id"], &scope["name"], &scope["identity"]["subject"]];
    match which.into_iter().find(|which| which.is_string()) {
        Some(which) => format!("{kind} {}", text(which)),
        None => kind,
    }
}

/// Whether nothing leaves any more, and how many of the workers have said so.
fn holds(stop: &Value) -> String {
    if stop["resumed_by"].is_string() {
        let when = distance(&stop["resumed_at"]);
        return format!("no, resumed by {} {when}", text(&stop["resumed_by"]));
    }
    let workers = stop["workers"].as_array().map_or(&[][..], Vec::as_slice);
    let awaited = workers
        .iter()
        .filter(|one| one["standing"] == "awaited")
        .count();
    let after = text(&stop["holds_after_ms"]);
    if stop["holds"] == true {
        // Of several replicas none knows more than that every lease is out, but when these workers confirmed it.
        let confirmed = &stop["confirmed_after_ms"];
        let after = if confirmed.is_number() {
            text(confirmed)
        } else {
            after
        };
        format!("yes, after {after} ms in {} worker(s)", workers.len())
    } else {
        format!(
            "after {after} ms at the latest, {awaited} of {} worker(s) awaited",
            workers.len()
        )
    }
}
