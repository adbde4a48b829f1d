//! `velum profile list`.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_engine::Profile;

use crate::arguments::ListProfiles;
use crate::failure::Failure;

/// The longest name of a shipped profile has so many letters.
const NAME: usize = 22;

pub(crate) fn run(options: &ListProfiles) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    let profiles = Profile::ALL.iter().map(|profile| profile.document());
    if options.json {
        let all: Vec<Value> = profiles
            .map(|profile| {
                json!({
                    "profile": profile.name(),
                    "version": profile.version(),
                    "about": profile.about(),
                })
            })
            .collect();
        writeln!(output, "{}", Value::from(all))?;
    } else {
        for profile in profiles {
            let (name, version) = (profile.name(), profile.version());
            let purpose = first_sentence(profile.about());
            writeln!(output, "{name:<NAME$}  {version}  {purpose}")?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What a text says first.
fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first)
}
