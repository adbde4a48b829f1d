//! `velum emergency`: break-glass.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_approval::messages::EmergencyRequest;
use velum_approval::{EmergencyId, Reason};

use crate::approvals::reason;
use crate::arguments::{EmergencyCommand, OpenOptions, ReviewOptions};
use crate::failure::Failure;
use crate::service::Service;
use crate::show::{distance, text};
use crate::table::Table;

/// Does what is asked.
pub(crate) fn run(service: &Service, command: &EmergencyCommand) -> Result<ExitCode, Failure> {
    match command {
        EmergencyCommand::Open(options) => open(service, options)?,
        EmergencyCommand::Review(options) => review(service, options)?,
        EmergencyCommand::List(options) => {
            let path = format!("/v1/emergencies?all={}", options.all);
            let emergencies = service.all::<EmergencyId>(&path, "emergencies")?;
            if emergencies.is_empty() && !options.json {
                writeln!(io::stdout(), "no emergency access waits for a review")?;
            } else {
                print(&emergencies, options.json)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(service: &Service, options: &OpenOptions) -> Result<(), Failure> {
    if !options.seconds.is_multiple_of(60) {
        return Err(Failure::misused("--for takes whole minutes"));
    }
    let request = EmergencyRequest {
        principal: options.who.identity().map_err(Failure::misused)?,
        action: options.action.clone(),
        reason: Reason::new(&*options.reason)
            .map_err(|fault| Failure::misused(fault.to_string()))?,
        minutes: options.seconds / 60,
    };
    let emergency = service.post("/v1/emergencies", &request)?;
    print(&[emergency], options.json)
}

fn review(service: &Service, options: &ReviewOptions) -> Result<(), Failure> {
    let mut request = json!({"justified": options.justified});
    if let Some(comment) = reason(options.comment.as_deref())? {
        request["comment"] = json!(comment);
    }
    let path = format!("/v1/emergencies/{}/review", options.id);
    print(&[service.post(&path, &request)?], options.json)
}

fn print(emergencies: &[Value], json: bool) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let mut table = Table::new([
        "ID", "BY", "UNTIL", "FOR", "ACTION", "USES", "REVIEWED", "REASON",
    ]);
    for emergency in emergencies {
        if json {
            writeln!(output, "{emergency}")?;
        } else {
            table.row([
                text(&emergency["id"]),
                text(&emergency["opened_by"]),
                distance(&emergency["until"]),
                text(&emergency["principal"]["subject"]),
                text(&emergency["action"]),
                text(&emergency["uses"]),
                reviewed(&emergency["reviewed"]),
                text(&emergency["reason"]),
            ]);
        }
    }
    if !json {
        table.write(&mut output)?;
    }
    output.flush()?;
    Ok(())
}

fn reviewed(review: &Value) -> String {
    match review["justified"].as_bool() {
        Some(true) => format!("justified, {}", text(&review["by"])),
        Some(false) => format!("not justified, {}", text(&review["by"])),
        None => "no".to_owned(),
    }
}
