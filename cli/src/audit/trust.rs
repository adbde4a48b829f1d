//! Whose signature is believed: keys that were given, never those of the log itself.

use std::fs;

use velum_ledger::checkpoint::Trust;
use velum_ledger::note::VerifierKey;

use crate::arguments::Trusted;
use crate::failure::Failure;
use crate::show::path;

/// The log that these keys sign for, and these witnesses cosign.
pub(super) fn of(trusted: &Trusted) -> Result<Trust, Failure> {
    let keys = keys(trusted)?;
    let origin = match &trusted.origin {
        Some(origin) => origin.clone(),
        None => one_name(&keys)?,
    };
    let keys = keys_of(&keys, &origin);
    let trust = Trust::new(origin, keys);
    let trust = trust.map_err(|error| Failure::misused(format!("--key: {error}")))?;
    with_witnesses(trust, &trusted.witnesses)
}

/// Asks for a cosignature of each of these witnesses.
fn with_witnesses(trust: Trust, witnesses: &[VerifierKey]) -> Result<Trust, Failure> {
    let trust = trust.with_witnesses(witnesses.to_vec(), witnesses.len());
    trust.map_err(|error| Failure::misused(format!("--witness: {error}")))
}

/// The log of this origin, by keys of any year: those of its own name, and those that sign for other years of
/// a log that is named alike. None: nobody who is believed signs for it.
pub(super) fn of_year(
    keys: &[VerifierKey],
    witnesses: &[VerifierKey],
    origin: &str,
) -> Option<Trust> {
    let trust = Trust::new(origin, keys_of(keys, origin)).ok()?;
    with_witnesses(trust, witnesses).ok()
}

/// A log is named by its year, and its keys by the log: the same key has another name each year.
fn keys_of(keys: &[VerifierKey], origin: &str) -> Vec<VerifierKey> {
    let of_years = |name: &str| name.rsplit_once('/').map(|(base, _)| base.to_owned());
    let renamed = keys.iter().filter_map(|key| {
        if key.name().as_str() == origin {
            return Some(key.clone());
        }
        let is_alike =
            of_years(key.name().as_str()).is_some_and(|base| Some(base) == of_years(origin));
        let name = origin.parse().ok().filter(|_| is_alike)?;
        VerifierKey::new(name, key.algorithm(), key.public_key()).ok()
    });
    let mut own: Vec<VerifierKey> = Vec::new();
    for key in renamed {
        if !own.contains(&key) {
            own.push(key);
        }
    }
    own
}

/// All that are given.
pub(super) fn keys(trusted: &Trusted) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = trusted.keys.clone();
    if let Some(file) = &trusted.key_file {
        let text = fs::read_to_string(file).map_err(|error| Failure::unread(file, &error))?;
        for (number, line) in lines(&text) {
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
    Ok(keys)
}

/// The lines of a file of keys that are meant to be keys, with their numbers.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
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
