//! What is masked, and how: from a policy or from profiles.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use velum_engine::{Keyring, Limits, Profile, Ruleset};
use velum_policy::document;

use crate::arguments::MaskOptions;
use crate::failure::Failure;
use crate::show;

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

fn from_profiles(named: &[Profile]) -> Result<Setup, Failure> {
    let profiles = if named.is_empty() {
        Profile::ALL
    } else {
        named
    };
    let rules = profiles
        .iter()
        .fold(Ruleset::builder(), |builder, profile| {
            builder.profile(*profile)
        })
        .build()
        .map_err(|error| Failure::misused(error.to_string()))?;
    Ok(Setup {
        rules: Arc::new(rules),
        limits: Limits::default(),
        keys: Keyring::default(),
    })
}
