//! `velum policy check`: what Envoy would say of a policy, before Envoy does.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_policy::{Policies, Policy, document};

use crate::arguments::CheckOptions;
use crate::bootstrap;
use crate::failure::Failure;

/// Checks every file, and fails at the end if any was refused.
pub(crate) fn run(options: &CheckOptions) -> Result<ExitCode, Failure> {
    let plain = options.files.iter().map(|file| (file, false));
    let bootstraps = options.bootstrap.iter().map(|file| (file, true));
    let mut findings = Vec::new();
    for (file, is_bootstrap) in plain.chain(bootstraps) {
        findings.push(check(file, is_bootstrap)?);
    }
    let mut output = io::stdout().lock();
    if options.json {
        let all: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        writeln!(output, "{}", Value::from(all))?;
    } else {
        for finding in &findings {
            finding.print(&mut output)?;
        }
    }
    output.flush()?;
    let is_ok = findings.iter().all(|finding| finding.fault.is_none());
    Ok(if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is to be said of one file.
struct Finding {
    file: String,
    /// Its policies.
    policies: Vec<Valid>,
    /// The place of the fault and what is wrong.
    fault: Option<(String, String)>,
    warnings: Vec<(String, String)>,
}

/// A policy that is valid.
struct Valid {
    /// Where it is one of several.
    name: Option<String>,
    /// In hexadecimal.
    digest: String,
    actions: usize,
}

fn check(file: &Path, is_bootstrap: bool) -> Result<Finding, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
    let mut finding = Finding {
        file: file.display().to_string(),
        policies: Vec::new(),
        fault: None,
        warnings: Vec::new(),
    };
    match document::documents_from_text(&text) {
        Ok(documents) => {
            let policies = documents.iter().flat_map(Policies::iter);
            finding.policies = policies
                .map(|(name, policy)| Valid {
                    name: name.map(str::to_owned),
                    digest: hex(policy),
                    actions: policy.actions().len(),
                })
                .collect();
            if is_bootstrap {
                match bootstrap::warnings(&text, &documents) {
                    Some(warnings) => finding.warnings = warnings,
                    None => finding.fault = Some((String::new(), bootstrap::NONE.to_owned())),
                }
            }
        }
        Err(error) => finding.fault = Some((error.pointer, error.message)),
    }
    Ok(finding)
}

impl Finding {
    fn print(&self, output: &mut impl Write) -> Result<(), Failure> {
        let file = &self.file;
        if let Some((pointer, message)) = &self.fault {
            let place = if pointer.is_empty() {
                String::new()
            } else {
                format!("{pointer}: ")
            };
            writeln!(output, "{file}: {place}{message}")?;
            return Ok(());
        }
        for Valid {
            name,
            digest,
            actions,
        } in &self.policies
        {
            let plural = if *actions == 1 { "" } else { "s" };
            let name = name
                .as_ref()
                .map_or_else(String::new, |name| format!("{name}: "));
            writeln!(
                output,
                "{file}: {name}ok, {actions} action{plural}, sha256:{digest}"
            )?;
        }
        for (pointer, message) in &self.warnings {
            writeln!(output, "{file}: warning: {pointer}: {message}")?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let warnings: Vec<Value> = self
            .warnings
            .iter()
            .map(|(pointer, message)| json!({"pointer": pointer, "message": message}))
            .collect();
        if let Some((pointer, message)) = &self.fault {
            return json!({"file": self.file, "ok": false, "pointer": pointer, "message": message});
        }
        let digests: Vec<&String> = self.policies.iter().map(|it| &it.digest).collect();
        let mut json =
            json!({"file": self.file, "ok": true, "sha256": digests, "warnings": warnings});
        let names: Vec<&String> = self
            .policies
            .iter()
            .filter_map(|it| it.name.as_ref())
            .collect();
        if !names.is_empty() {
            json["policies"] = json!(names);
        }
        json
    }
}

fn hex(policy: &Policy) -> String {
    policy
        .digest()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('?'))
        .collect()
}
