//! `velum mask`: the engine over files.

use std::fs::File;
use std::io::{self, Read, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use velum_engine::{
    Class, ClassSet, Framing, Keyring, Limits, Masker, Options, Profile, Report, Ruleset,
};
use velum_policy::document;

use crate::arguments::{FramingName, MaskOptions};
use crate::failure::Failure;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Masks all inputs one after the other. Ends at the first that is faulty.
pub(crate) fn run(options: &MaskOptions) -> Result<ExitCode, Failure> {
    let (rules, mut limits, keys) = rules(options)?;
    for (doc, number) in &options.limit {
        *doc.of(&mut limits) = *number;
    }
    let standard_input = [Path::new("-").to_path_buf()];
    let files = if options.files.is_empty() {
        &standard_input[..]
    } else {
        &options.files
    };
    for file in files {
        let framing = options.framing.map_or_else(|| guessed(file), framing);
        let masker = Masker::new(
            Arc::clone(&rules),
            Options {
                framing,
                limits,
                lift: ClassSet::EMPTY,
                keys: keys.clone(),
            },
        );
        let report = if file.as_os_str() == "-" {
            mask(io::stdin().lock(), Path::new("standard input"), masker)?
        } else {
            let opened = File::open(file).map_err(|error| Failure::unreadable(file, &error))?;
            mask(opened, file, masker)?
        };
        if options.report {
            tell(file, &report);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rules(options: &MaskOptions) -> Result<(Arc<Ruleset>, Limits, Keyring), Failure> {
    if let Some(file) = &options.policy {
        let text =
            std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
        let at_fault =
            |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
        let policy = document::from_text(&text).map_err(|error| at_fault(&error))?;
        let keys = policy
            .keyring(|name| std::env::var(name).ok())
            .map_err(|error| at_fault(&error))?;
        return Ok((Arc::clone(policy.rules()), policy.limits().engine, keys));
    }
    let profiles = if options.profile.is_empty() {
        Profile::ALL
    } else {
        options.profile.as_slice()
    };
    let rules = profiles
        .iter()
        .fold(Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        })
        .build()
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok((Arc::new(rules), Limits::default(), Keyring::default()))
}

fn framing(name: FramingName) -> Framing {
    match name {
        FramingName::Json => Framing::Document,
        FramingName::Ndjson => Framing::Lines,
        FramingName::JsonSeq => Framing::Sequence,
        FramingName::Concatenated => Framing::Concatenated,
        FramingName::Events => Framing::Events,
    }
}

/// What the name of a file says.
fn guessed(file: &Path) -> Framing {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("ndjson" | "jsonl") => Framing::Lines,
        Some("json-seq") => Framing::Sequence,
        _ => Framing::Document,
    }
}

fn mask(mut input: impl Read, name: &Path, mut masker: Masker) -> Result<Report, Failure> {
    let mut output = io::stdout().lock();
    let mut chunk = vec![0; CHUNK];
    let mut ready = Vec::with_capacity(CHUNK);
    loop {
        let length = match input.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::unreadable(name, &error)),
        };
        let fed = match &chunk[..length] {
            [] => masker.finish(&mut ready),
            bytes => masker.feed(bytes, &mut ready),
        };
        flush(&mut output, &mut ready)?;
        fed.map_err(|error| Failure::new(format!("{}: {error}", name.display())))?;
        if length == 0 {
            return Ok(masker.report().clone());
        }
    }
}

/// What was masked goes out with its chunk: a pipe's reader does not wait for the end.
fn flush(output: &mut StdoutLock<'_>, ready: &mut Vec<u8>) -> Result<(), Failure> {
    output.write_all(ready)?;
    ready.clear();
    output.flush()?;
    Ok(())
}

fn tell(file: &Path, report: &Report) {
    let counts: Vec<String> = Class::ALL
        .iter()
        .filter(|class| report.masked(**class) > 0)
        .map(|class| format!("{}={}", class.name(), report.masked(*class)))
        .collect();
    let counts = if counts.is_empty() {
        "nothing".to_owned()
    } else {
        counts.join(" ")
    };
    // The report is a by-product: that it cannot be written is no reason to fail.
    let _ = writeln!(
        io::stderr(),
        "velum: {}: masked {counts} in {} records",
        file.display(),
        report.records()
    );
}
