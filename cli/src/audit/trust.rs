//! Whose signature is believed: keys that were given, never those of the log itself.

use std::fs;

use velum_ledger::checkpoint::Trust;
use velum_ledger::note::VerifierKey;

use crate::arguments::Trusted;
use crate::failure::Failure;
use crate::show::path;

/// The log that these keys sign for, and these witnesses cosign.
pub(super) fn of(trusted: &Trusted) -> Result<Trust, Failure> {
    let mut keys = trusted.keys.clone();
    if let Some(file) = &trusted.key_file {
        let text = fs::read_to_string(file).map_err(|error| Failure::unread(file, &error))?;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key: VerifierKey = line.parse().map_err(|error| {
                Failure::misused(format!("{}: line {number}: {error}", path(file)))
            })?;
            keys.push(key);
        }
        if keys.is_empty() {
            let message = format!("{}: no key in it: one `name+id+base64` a line", path(file));
            return Err(Failure::misused(message));
        }
    }
    let origin = match &trusted.origin {
        Some(origin) => origin.clone(),
        None => one_name(&keys)?,
    };
    let trust = Trust::new(origin, keys);
    let trust = trust.map_err(|error| Failure::misused(format!("--key: {error}")))?;
    let (witnesses, needed) = (trusted.witnesses.clone(), trusted.witnesses.len());
    let trust = trust.with_witnesses(witnesses, needed);
    trust.map_err(|error| Failure::misused(format!("--witness: {error}")))
}

fn one_name(keys: &[VerifierKey]) -> Result<String, Failure> {
    let mut names = keys.iter().map(|key| key.name().as_str());
    let first = names.next().unwrap_or_default();
    if names.all(|name| name == first) {
        return Ok(first.to_owned());
    }
    Err(Failure::misused(
        "the keys have different names: say with --origin of which log they are",
    ))
}
