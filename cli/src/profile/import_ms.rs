//! `velum profile import-ms`: a profile of a configuration of Microsoft's FHIR anonymizer
//! (Tools for Health Data Anonymization), as far as its rules can be expressed.
//!
//! Its rules select elements by `FHIRPath`; a profile selects places. Where the two differ, more is
//! masked rather than less, and each such case is listed. What would stay though it was to be masked
//! makes the import fail in the end, with the profile written.

mod claims;
mod configuration;
mod convert;
mod elements;
mod fhirpath;
mod notes;
mod places;
mod profile;

use std::io::{self, Write};
use std::process::ExitCode;

use velum_engine::{ProfileDocument, Ruleset};

use self::configuration::Configuration;
use crate::arguments::ImportMicrosoft;
use crate::failure::Failure;
use crate::show;

pub(crate) fn run(options: &ImportMicrosoft) -> Result<ExitCode, Failure> {
    let file = &options.file;
    let at_fault = |message: &str| Failure::new(format!("{}: {message}", show::path(file)));
    let text = std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
    let configuration: Configuration = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        at_fault(&format!(
            "is no configuration with fhirPathRules, each with a path and a method (line {line}, \
             column {column})"
        ))
    })?;
    let (rules, notes) = convert::convert(&configuration);
    if rules.is_empty() {
        return Err(at_fault(
            "none of its rules masks what a profile can select",
        ));
    }
    let document = rules.document(&options.name, &notes);
    let document = document.map_err(|_| at_fault("cannot be written as a profile"))?;
    check(&document)?;
    match &options.output {
        Some(output) => {
            std::fs::write(output, document)
                .map_err(|error| Failure::unwritable(output, &error))?;
        }
        None => io::stdout().write_all(document.as_bytes())?,
    }
    let mut errors = io::stderr().lock();
    for line in notes.lines() {
        // Nothing is left to tell a failure of this to.
        let _ = writeln!(errors, "velum: {}", show::plain(&line));
    }
    if rules.need_key() {
        let _ = writeln!(
            errors,
            "velum: the profile needs a key: put it into masking.profiles of a policy, and list a key \
             of its own under masking.keys; those of the configuration are not taken over"
        );
    }
    Ok(if notes.has_lost() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether what was made can be used: the name may be none, and the places too many.
fn check(document: &str) -> Result<(), Failure> {
    let refused = |message: &str| Failure::new(format!("the profile cannot be used: {message}"));
    let profile =
        ProfileDocument::from_json(document).map_err(|error| refused(&error.to_string()))?;
    let built = Ruleset::builder().document(profile).build();
    built.map(drop).map_err(|error| refused(error.message()))
}
