//! `velum audit events`: the catalogue of records.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_approval::record::{EventKind, MEMBERS};

use super::record::short_type;
use crate::arguments::EventsOptions;
use crate::failure::Failure;

/// Prints it.
pub(super) fn run(options: &EventsOptions) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    if options.json {
        writeln!(output, "{}", to_json())?;
    } else {
        for kind in EventKind::ALL {
            writeln!(output, "{}  {}", kind.code(), short_type(kind.event_type()))?;
            writeln!(output, "         {}", kind.when())?;
            writeln!(output, "         {}", kind.why())?;
            writeln!(output, "         holds {}", kind.holds().join(", "))?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn to_json() -> Value {
    let events = EventKind::ALL.iter().map(|kind| {
        json!({
            "code": kind.code(), "type": kind.event_type(), "when": kind.when(), "why": kind.why(),
            "holds": kind.holds(),
        })
    });
    let members = MEMBERS
        .iter()
        .map(|(member, holds)| ((*member).to_owned(), Value::from(*holds)));
    json!({
        "events": events.collect::<Value>(),
        "members": members.collect::<serde_json::Map<_, _>>(),
    })
}
