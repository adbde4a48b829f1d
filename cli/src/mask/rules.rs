//! What is masked, and how: from a policy or from profiles.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use velum_engine::{Keyring, Limits, Profile, ProfileDocument, Ruleset, RulesetBuilder};
use velum_policy::document;

use crate::arguments::{ChosenProfile, MaskOptions};
use crate::failure::Failure;
use crate::{profile, show};

/// What every input is masked with.
pub(super) struct Setup {
    pub(super) rules: Arc<Ruleset>,
    pub(super) limits: Limits,
    pub(super) keys: Keyring,
}

/// Compiles what the options say. Fails before any input is read.
pub(super) fn setup(options: &MaskOptions) -> Result<Setup, Failure> {
    let mut setup = match &options.policy {
        Some(file) => from_policy(file)?,
        None => from_profiles(&options.profile)?,
    };
    for (doc, number) in &options.limit {
        *doc.of(&mut setup.limits) = *number;
    }
    Ok(setup)
}

fn from_policy(file: &Path) -> Result<Setup, Failure> {
    let at_fault = |error: &dyn Display| Failure::misused(format!("{}: {error}", show::path(file)));
    let text = std::fs::read_to_string(file)
        .map_err(|error| at_fault(&format!("cannot be read: {error}")))?;
    let policy = document::from_text(&text).map_err(|error| at_fault(&error))?;
    let keys = policy
        .keyring(|name| std::env::var(name).ok())
        .map_err(|error| at_fault(&error))?;
    Ok(Setup {
        rules: Arc::clone(policy.rules()),
        limits: policy.limits().engine,
        keys,
    })
}

fn from_profiles(named: &[ChosenProfile]) -> Result<Setup, Failure> {
    let profiles = if named.is_empty() {
        Profile::STRICTEST
            .iter()
            .map(|profile| profile.document())
            .collect()
    } else {
        named.iter().map(document).collect::<Result<Vec<_>, _>>()?
    };
    let rules = profiles
        .into_iter()
        .fold(Ruleset::builder(), RulesetBuilder::document)
        .build()
        .map_err(|error| Failure::misused(error.to_string()))?;
    Ok(Setup {
        rules: Arc::new(rules),
        limits: Limits::default(),
        keys: Keyring::default(),
    })
}

/// A profile, shipped or from a file. One that masks with a key needs a policy, which names the key.
fn document(chosen: &ChosenProfile) -> Result<ProfileDocument, Failure> {
    let file = match chosen {
        ChosenProfile::Shipped(profile) => return Ok(profile.document()),
        ChosenProfile::File(file) => file,
    };
    let at_fault = |error: &dyn Display| Failure::misused(format!("{}: {error}", show::path(file)));
    let read = profile::read(file).map_err(|failure| Failure::misused(failure.to_string()))?;
    let document = read.map_err(|error| at_fault(&error))?;
    if document.needs_key() {
        return Err(at_fault(
            &"its operators need a key: put the profile into masking.profiles of a policy with \
              masking.keys, and use --policy",
        ));
    }
    Ok(document)
}
