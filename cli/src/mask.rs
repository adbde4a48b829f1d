//! `velum mask`: the engine over files.

use std::fs::File;
use std::io::{self, Read, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use velum_engine::{
    Class, ClassSet, Error, Finder, Finding, Framing, Keyring, Limits, Masker, Options, Profile,
    Report, Ruleset,
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
        let engine_options = Options {
            framing,
            limits,
            lift: ClassSet::EMPTY,
            keys: keys.clone(),
        };
        let output = if options.report_only {
            let finder = Finder::new(Arc::clone(&rules), engine_options);
            Output::Findings(Box::new(finder), options.json)
        } else {
            Output::Masked(Box::new(Masker::new(Arc::clone(&rules), engine_options)))
        };
        let report = if file.as_os_str() == "-" {
            read(io::stdin().lock(), Path::new("standard input"), output)?
        } else {
            let opened = File::open(file).map_err(|error| Failure::unreadable(file, &error))?;
            read(opened, file, output)?
        };
        if options.report {
            tell(file, &rules, &report);
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

/// What is made of an input.
enum Output {
    Masked(Box<Masker>),
    /// Where values are; whether as JSON.
    Findings(Box<Finder>, bool),
}

impl Output {
    /// Reads a chunk, or at `None` the end, and appends what is to be written.
    fn feed(&mut self, name: &Path, chunk: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Masked(masker) => match chunk {
                Some(chunk) => masker.feed(chunk, out),
                None => masker.finish(out),
            },
            Self::Findings(finder, json) => {
                let fed = match chunk {
                    Some(chunk) => finder.feed(chunk),
                    None => finder.finish(),
                };
                for finding in finder.findings() {
                    write_finding(name, &finding, *json, out);
                }
                fed
            }
        }
    }

    fn report(&self) -> &Report {
        match self {
            Self::Masked(masker) => masker.report(),
            Self::Findings(finder, _) => finder.report(),
        }
    }
}

fn write_finding(name: &Path, finding: &Finding, json: bool, out: &mut Vec<u8>) {
    let line = if json {
        let object = json!({
            "file": name.display().to_string(),
            "text": finding.text,
            "pointer": finding.pointer,
            "class": finding.class.name(),
            "rule": finding.rule,
        });
        object.to_string()
    } else {
        // A name in a pointer may have any character, also one that ends a line.
        let pointer = finding.pointer.as_deref().unwrap_or("-").escape_debug();
        let (class, rule) = (finding.class.name(), &finding.rule);
        format!(
            "{}\t{}\t{pointer}\t{class}\t{rule}",
            name.display(),
            finding.text
        )
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn read(mut input: impl Read, name: &Path, mut engine: Output) -> Result<Report, Failure> {
    let mut output = io::stdout().lock();
    let mut chunk = vec![0; CHUNK];
    let mut ready = Vec::with_capacity(CHUNK);
    loop {
        let length = match input.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::unreadable(name, &error)),
        };
        let bytes = chunk.get(..length).filter(|bytes| !bytes.is_empty());
        let fed = engine.feed(name, bytes, &mut ready);
        flush(&mut output, &mut ready)?;
        fed.map_err(|error| Failure::new(format!("{}: {error}", name.display())))?;
        if length == 0 {
            return Ok(engine.report().clone());
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

fn tell(file: &Path, rules: &Ruleset, report: &Report) {
    let classes = Class::ALL.iter();
    let classes = classes.filter(|class| report.masked(**class) > 0);
    let classes = classes.map(|class| format!("{}={}", class.name(), report.masked(*class)));
    let rules = report.by_rule(rules);
    let rules = rules.map(|count| format!("\n  {}: {}", count.rule, count.masked));
    let classes: Vec<String> = classes.collect();
    let classes = if classes.is_empty() {
        "nothing".to_owned()
    } else {
        classes.join(" ")
    };
    let not_scanned = report.not_scanned();
    // The report is a by-product: that it cannot be written is no reason to fail.
    let _ = writeln!(
        io::stderr(),
        "velum: {}: masked {classes} in {} records{}\n  bytes looked at: {}; exempt: {}; in long \
         strings: {}",
        file.display(),
        report.records(),
        rules.collect::<String>(),
        report.scanned(),
        not_scanned.exempt,
        not_scanned.too_long,
    );
}
