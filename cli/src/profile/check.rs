//! `velum profile check`: whether somebody's profile can be used.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_engine::Ruleset;

use crate::arguments::CheckProfiles;
use crate::failure::Failure;
use crate::show;

/// Checks every file, and fails at the end if any was refused.
pub(crate) fn run(options: &CheckProfiles) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    for file in &options.files {
        findings.push((show::path(file), check(file)?));
    }
    let mut output = io::stdout().lock();
    if options.json {
        let all: Vec<Value> = findings.iter().map(to_json).collect();
        writeln!(output, "{}", Value::from(all))?;
    } else {
        for (file, finding) in &findings {
            print(file, finding, &mut output)?;
        }
    }
    output.flush()?;
    let is_ok = findings.iter().all(|(_, finding)| finding.is_ok());
    Ok(if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What a profile that can be used consists of.
struct Sound {
    name: String,
    version: u32,
    rules: usize,
    detectors: usize,
    needs_key: bool,
}

/// The place of a fault in a profile, and what is wrong.
struct Fault {
    pointer: String,
    message: String,
}

fn check(file: &Path) -> Result<Result<Sound, Fault>, Failure> {
    let profile = match super::read(file)? {
        Ok(profile) => profile,
        Err(error) => {
            let (pointer, message) = (error.pointer, error.message);
            return Ok(Err(Fault { pointer, message }));
        }
    };
    let sound = Sound {
        name: profile.name().to_owned(),
        version: profile.version(),
        rules: profile.rules().count(),
        detectors: profile.detectors().count(),
        needs_key: profile.needs_key(),
    };
    let built = Ruleset::builder().document(profile).build();
    Ok(built.map(|_| sound).map_err(|error| Fault {
        pointer: String::new(),
        message: error.message().to_owned(),
    }))
}

fn print(
    file: &str,
    finding: &Result<Sound, Fault>,
    output: &mut impl Write,
) -> Result<(), Failure> {
    match finding {
        Ok(sound) => {
            let Sound { name, version, .. } = sound;
            let rules = counted(sound.rules, "rule");
            let detectors = counted(sound.detectors, "detector");
            let key = if sound.needs_key { ", needs a key" } else { "" };
            writeln!(
                output,
                "{file}: ok, {name} version {version}, {rules}, {detectors}{key}"
            )?;
        }
        Err(Fault { pointer, message }) if pointer.is_empty() => {
            writeln!(output, "{file}: {}", show::plain(message))?;
        }
        Err(Fault { pointer, message }) => {
            let (pointer, message) = (show::plain(pointer), show::plain(message));
            writeln!(output, "{file}: {pointer}: {message}")?;
        }
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn to_json((file, finding): &(String, Result<Sound, Fault>)) -> Value {
    match finding {
        Ok(sound) => json!({
            "file": file,
            "ok": true,
            "profile": sound.name,
            "version": sound.version,
            "rules": sound.rules,
            "detectors": sound.detectors,
            "needs_key": sound.needs_key,
        }),
        Err(Fault { pointer, message }) => {
            json!({"file": file, "ok": false, "pointer": pointer, "message": message})
        }
    }
}
