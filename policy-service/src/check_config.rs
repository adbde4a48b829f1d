//! `check-config`: whether the service would start with a configuration, without starting anything.

use std::path::Path;

use crate::config::Config;
use crate::inbox::{Provider, Unasked};
use crate::keys::{Keys, LogSeeds};
use crate::log::Anchors;
use crate::spans::Spans;
use crate::store::Place;
use crate::tls::Tls;
use crate::volumes::{self, Volumes};
use crate::webhooks::Webhooks;

/// Reads the configuration and every file that it names: policies, certificates, keys, and asks the provider of
/// the inbox for its metadata and keys. Opens no store and no address, and makes nothing. Returns what it found,
/// in a few lines.
///
/// # Errors
/// Every fault with its place.
pub async fn check_config(file: &Path) -> Result<String, Vec<String>> {
    let config = Config::from_file(file).map_err(|error| error.faults().to_vec())?;
    let mut faults = Vec::new();
    let mut note = |fault: String| faults.push(format!("{}: {fault}", file.display()));
    if let Err(fault) = Anchors::open(&config.audit.anchors) {
        note(fault);
    }
    if let Err(fault) = Webhooks::open(&config.webhooks, config.inbox.as_ref()) {
        note(fault);
    }
    if let Err(fault) = Spans::open(config.traces.as_ref()) {
        note(fault);
    }
    if let Some(Err(fault)) = config.listeners.tls.clone().map(Tls::open) {
        note(fault);
    }
    let known = match &config.keys {
        Some(folder) => Keys::read(folder).map(Some),
        None => Keys::find(&config.data),
    };
    let known = known.unwrap_or_else(|error| {
        note(error.to_string());
        None
    });
    let seeds = match (&config.audit.signer, &config.keys) {
        // The keys are the signer's.
        (Some(_), _) => Ok(None),
        (None, Some(folder)) => LogSeeds::read(folder).map(Some),
        (None, None) => LogSeeds::find(&config.data),
    };
    if let Err(error) = seeds {
        note(error.to_string());
    }
    for (id, credentials) in &config.gateways {
        if credentials.token.is_none() && credentials.certificate.is_none() {
            note(format!(
                "gateways: `{id}` has neither token_sha256 nor certificate: only --try starts so"
            ));
        }
    }
    for (person, token) in &config.reviewers {
        if token.is_none() && !config.has_provider() {
            note(format!(
                "reviewers: `{person}` has no token_sha256: only --try starts so"
            ));
        }
    }
    for (person, token) in &config.auditors {
        if token.is_none() {
            note(format!(
                "auditors: `{person}` has no token_sha256: only --try starts so"
            ));
        }
    }
    let mut warnings = String::new();
    match check_provider(&config).await {
        Ok(passing) => warnings += &passing.unwrap_or_default(),
        Err(fault) => faults.push(format!("{}: {fault}", file.display())),
    }
    if faults.is_empty() {
        let summary = summary(&config, known.as_ref());
        for warning in volumes::begin(&Volumes::of(&config)).await {
            warnings.push_str("\nwarning: ");
            warnings.push_str(&warning);
        }
        Ok(format!("{summary}{warnings}"))
    } else {
        Err(faults)
    }
}

/// Whether people can sign in by the provider. One that is away is no fault of the configuration: the service
/// starts without it.
async fn check_provider(config: &Config) -> Result<Option<String>, String> {
    let Some(inbox) = &config.inbox else {
        return Ok(None);
    };
    let Some(settings) = &inbox.provider else {
        return Err("inbox: there is no [inbox.provider]: only --try starts so".to_owned());
    };
    let provider = Provider::open(settings, &inbox.origin)?;
    let place = format!("inbox.provider.issuer ({})", settings.issuer);
    match provider.check().await {
        Ok(()) => Ok(None),
        Err(Unasked::Away(why)) => Ok(Some(format!("\nwarning: {place}: {why}"))),
        Err(error) => Err(format!("{place}: {}", error.why())),
    }
}

/// What is allowed and not recommended.
fn warnings(config: &Config) -> &'static str {
    if config.audit.anchors.all.is_empty() {
        "\nwarning: audit.anchors: there are none: whoever has this machine could write the audit log anew and \
         sign it, and nobody would see it. Add at least one [[audit.anchors]] that they do not reach"
    } else {
        ""
    }
}

fn summary(config: &Config, keys: Option<&Keys>) -> String {
    let store = match &config.store {
        Place::Folder(folder) => format!("SQLite in {}", folder.display()),
        // Says host and database, never the password.
        Place::Database(url) => format!("PostgreSQL, {url:?}"),
    };
    let addresses: Vec<_> = config
        .listeners
        .addresses()
        .map(|it| it.to_string())
        .collect();
    let protection = match config.listeners.tls {
        Some(_) => "TLS",
        None => "plain text",
    };
    let actions: Vec<_> = config.actions.names().map(ToString::to_string).collect();
    let key = keys.map_or("is made at the first start".to_owned(), |keys| {
        velum_approval::PublicKey::of(&keys.signing).to_string()
    });
    format!(
        "listens: {} ({protection})\nstore: {store}\npublic key: {key}\nreviewers: {}, gateways: {}, auditors: {}\n\
         actions: {}{}",
        addresses.join(", "),
        config.reviewers.len(),
        config.gateways.len(),
        config.auditors.len(),
        actions.join(", "),
        warnings(config),
    )
}
