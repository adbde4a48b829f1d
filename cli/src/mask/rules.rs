//! What is masked, and how: from a policy or from profiles.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use velum_engine::{
    Ids, Keyring, Limits, Options, Profile, ProfileDocument, Ruleset, RulesetBuilder, year_at,
};
use velum_policy::{MaskingKey, document};

use crate::arguments::{ChosenProfile, KeyOptions, MaskOptions};
use crate::failure::Failure;
use crate::{clock, profile, show};

/// What every input is masked with.
pub(super) struct Setup {
    pub(super) rules: Arc<Ruleset>,
    pub(super) limits: Limits,
    pub(super) keys: Keyring,
    /// The present one.
    pub(super) year: u16,
}

fn present_year() -> u16 {
    clock::since_epoch().map_or(Options::EARLIEST_YEAR, |since| year_at(since.as_secs()))
}

/// Compiles what the options say. Fails before any input is read.
pub(super) fn setup(options: &MaskOptions) -> Result<Setup, Failure> {
    let mut setup = match &options.policy {
        Some(file) => from_policy(file)?,
        None => from_profiles(options)?,
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
        year: present_year(),
    })
}

fn from_profiles(options: &MaskOptions) -> Result<Setup, Failure> {
    let keys = keyring(&options.keys)?;
    let profiles: Vec<_> = if options.profile.is_empty() {
        Profile::STRICTEST
            .iter()
            .map(|profile| profile.document())
            .collect()
    } else {
        let document = |chosen| document(chosen, !keys.is_empty());
        options
            .profile
            .iter()
            .map(document)
            .collect::<Result<_, _>>()?
    };
    if options.ids == Ids::Pseudonym {
        check_ids(&profiles, !keys.is_empty())?;
    }
    let rules = profiles
        .into_iter()
        .fold(Ruleset::builder(), RulesetBuilder::document)
        .ids(options.ids)
        .build()
        .map_err(|error| Failure::misused(error.to_string()))?;
    if !keys.is_empty() && !rules.needs_key() {
        let message = "no key is needed: nothing here is masked with one; leave the keys out, or use \
                       --ids pseudonym";
        return Err(Failure::misused(message));
    }
    Ok(Setup {
        rules: Arc::new(rules),
        limits: Limits::default(),
        keys,
        year: present_year(),
    })
}

/// Fails where ids could not become pseudonyms.
fn check_ids(profiles: &[ProfileDocument], has_keys: bool) -> Result<(), Failure> {
    let message = if !has_keys {
        "--ids pseudonym needs a key: name one by --key-file or --key"
    } else if !profiles.iter().any(ProfileDocument::is_about_ids) {
        "--ids pseudonym has no effect: no profile here has rules about ids; add --profile \
         hipaa-safe-harbor or --profile fhir-r4"
    } else {
        return Ok(());
    };
    Err(Failure::misused(message))
}

/// The keys that the options name.
fn keyring(options: &KeyOptions) -> Result<Keyring, Failure> {
    let mut secrets = Vec::new();
    for name in &options.key {
        let key = MaskingKey {
            id: name.clone(),
            environment: name.clone(),
        };
        let value = std::env::var(name).unwrap_or_default();
        secrets.push((
            key.id.clone(),
            key.decode(&value).map_err(Failure::misused)?,
        ));
    }
    for file in &options.key_file {
        let name = show::path(file);
        let at_fault = |error: &dyn Display| Failure::misused(format!("{name}: {error}"));
        let text = std::fs::read_to_string(file)
            .map_err(|error| at_fault(&format!("cannot be read: {error}")))?;
        let secret = MaskingKey::secret(&text).map_err(|message| at_fault(&message))?;
        secrets.push((name, secret));
    }
    Keyring::new(secrets).map_err(|error| Failure::misused(error.to_string()))
}

/// A profile, shipped or from a file. One that masks with a key needs one.
fn document(chosen: &ChosenProfile, has_keys: bool) -> Result<ProfileDocument, Failure> {
    let file = match chosen {
        ChosenProfile::Shipped(profile) => return Ok(profile.document()),
        ChosenProfile::File(file) => file,
    };
    let at_fault = |error: &dyn Display| Failure::misused(format!("{}: {error}", show::path(file)));
    let read = profile::read(file).map_err(|failure| Failure::misused(failure.to_string()))?;
    let document = read.map_err(|error| at_fault(&error))?;
    if document.needs_key() && !has_keys {
        return Err(at_fault(
            &"its operators need a key: name one by --key-file or --key, or put the profile into \
              masking.profiles of a policy with masking.keys, and use --policy",
        ));
    }
    Ok(document)
}
