//! `velum audit search`: records by type, approval, person or time.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;

use super::record;
use super::tail::{index_of, line, page};
use crate::arguments::SearchOptions;
use crate::failure::Failure;
use crate::service::Service;

/// Prints what fits, from every page.
pub(super) fn run(service: &Service, options: &SearchOptions) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    let (mut after, mut found) = (None, 0_u64);
    loop {
        let entries = page(service, after)?;
        let Some(last) = index_of(entries.last()) else {
            break;
        };
        after = Some(last);
        for entry in entries.iter().filter(|entry| fits(&entry["leaf"], options)) {
            found += 1;
            if options.json {
                writeln!(output, "{entry}")?;
            } else {
                writeln!(output, "{}", line(entry))?;
            }
        }
        output.flush()?;
        // Records are in the order of their times.
        let end = entries
            .last()
            .and_then(|entry| record::time(&entry["leaf"]));
        if is_over(end, options) {
            break;
        }
    }
    if found == 0 && !options.json {
        writeln!(output, "no record fits")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_over(end: Option<jiff::Timestamp>, options: &SearchOptions) -> bool {
    matches!((end, options.before), (Some(end), Some(before)) if end >= before)
}

fn fits(leaf: &Value, options: &SearchOptions) -> bool {
    let kind = options.kind.as_deref().is_none_or(|wanted| {
        let wanted = record::short_type(wanted);
        let kind = record::short_type(leaf["type"].as_str().unwrap_or_default());
        let rest = kind.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    let approval = options.approval.as_ref();
    let approval = approval.is_none_or(|wanted| record::approval(leaf) == Some(wanted.as_str()));
    let person = options
        .person
        .as_deref()
        .is_none_or(|person| record::names(leaf, person));
    let time = record::time(leaf);
    let is_after = options
        .after
        .is_none_or(|after| time.is_some_and(|time| time >= after));
    let is_before = options
        .before
        .is_none_or(|before| time.is_some_and(|time| time < before));
    kind && approval && person && is_after && is_before
}
