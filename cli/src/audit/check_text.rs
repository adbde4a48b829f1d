//! `velum audit check-text`: whether a reason or a comment is the one that was written. The log has no text, only
//! a commitment to it, and whoever writes the service's database can put another text there; nobody can make the
//! commitment fit it.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;
use velum_approval::{Commitment, Reason};

use super::verify::{report, verify};
use super::{folder, record, trust};
use crate::arguments::CheckTextOptions;
use crate::failure::Failure;
use crate::show;

/// Verifies the log, and finds the records with a commitment to the text.
pub(super) fn run(options: &CheckTextOptions) -> Result<ExitCode, Failure> {
    let trust = trust::of(&options.trusted)?;
    let text = folder::read(&options.file, Reason::MOST_BYTES + 2)
        .map_err(|error| Failure::unread(&options.file, &error))?;
    let fault = |fault| Failure::Unread(format!("{}: {fault}", show::path(&options.file)));
    let text = String::from_utf8(text).map_err(|_| fault("it is not text in UTF-8"))?;
    let wanted: Vec<String> = [text.as_str(), without_line_break(&text)]
        .map(|text| Commitment::to(text, options.salt.as_bytes()).to_string())
        .into();
    let mut found = Vec::new();
    let verdict = verify(&options.dir, &trust, &options.kept, None, |index, leaf| {
        let leaf = record::parse(leaf);
        if has(&leaf["data"], &wanted) {
            let name = leaf["type"].as_str().unwrap_or_default();
            found.push((index, show::plain(record::short_type(name))));
        }
        Ok(())
    })?;
    if !verdict.holds() {
        report::print(&verdict)?;
        return Err(Failure::new(
            "nothing is known of the text: the log does not hold",
        ));
    }
    if found.is_empty() {
        return Err(Failure::new(
            "no record of the log has a commitment to this text with this salt: it is not what was written",
        ));
    }
    let mut output = io::stdout().lock();
    for (index, name) in found {
        writeln!(
            output,
            "record {index}, {name}: it has a commitment to exactly this text."
        )?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Whether a member named `…commitment` anywhere in it is one of these.
fn has(data: &Value, wanted: &[String]) -> bool {
    match data {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let is_it = name.ends_with("commitment")
                && value
                    .as_str()
                    .is_some_and(|text| wanted.iter().any(|one| one == text));
            is_it || has(value, wanted)
        }),
        Value::Array(items) => items.iter().any(|item| has(item, wanted)),
        _ => false,
    }
}
