//! Who is told that an approval has changed: `[[webhooks]]`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use axum::http::uri::Scheme;
use serde::Deserialize;

use super::anchors::{Peer, is_name, peer_url};
use super::{ConfigError, Faults};
use crate::outward::is_public;

/// Each is a task, and a series of metrics.
const MOST: usize = 16;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// What it is called in metrics and logs, and how far it was told in the store.
    pub(crate) name: String,
    pub(crate) peer: Peer,
    /// The file with the key that signs what is sent.
    pub(crate) secret: PathBuf,
    /// That of the key before it, while there are receivers that only know this one.
    pub(crate) previous_secret: Option<PathBuf>,
    /// Whether it may be in this network.
    pub(crate) is_inside: bool,
}

/// `[[webhooks]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookTable {
    name: String,
    url: String,
    secret: PathBuf,
    previous_secret: Option<PathBuf>,
    ca: Option<PathBuf>,
    #[serde(default)]
    private_network: bool,
}

/// Reads all of them, and refuses what could not be called.
pub(super) fn webhooks(
    given: Vec<WebhookTable>,
    folder: &Path,
) -> Result<Vec<Webhook>, ConfigError> {
    let mut faults = Faults::default();
    if given.len() > MOST {
        faults.add("webhooks", format!("at most {MOST}"));
    }
    let (mut names, mut all) = (BTreeSet::new(), Vec::new());
    for (index, table) in given.into_iter().enumerate() {
        let place = format!("webhooks[{index}]");
        let Some(webhook) = faults.note(table.webhook(&place, folder)) else {
            continue;
        };
        if !names.insert(webhook.name.clone()) {
            faults.add(format!("{place}.name"), "stands twice");
        }
        all.push(webhook);
    }
    faults.end()?;
    Ok(all)
}

impl WebhookTable {
    fn webhook(self, place: &str, folder: &Path) -> Result<Webhook, ConfigError> {
        is_name(&self.name).map_err(|fault| ConfigError::new(format!("{place}.name"), fault))?;
        let fault = |fault: &str| ConfigError::new(format!("{place}.url"), fault);
        let url = peer_url(&self.url).map_err(fault)?;
        // Plain text goes to this machine only, which whoever wrote it has named.
        let is_here = url.scheme() == Some(&Scheme::HTTP);
        let host = url.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<IpAddr>();
        if !is_here && !self.private_network && address.is_ok_and(|address| !is_public(address)) {
            return Err(fault(
                "it is in a private network: `private_network = true` where that is meant",
            ));
        }
        Ok(Webhook {
            name: self.name,
            peer: Peer {
                url,
                authorities: self.ca.map(|file| folder.join(file)),
            },
            secret: folder.join(self.secret),
            previous_secret: self.previous_secret.map(|file| folder.join(file)),
            is_inside: is_here || self.private_network,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
[[webhooks]]
name = \"desk\"
url = \"https://desk.example/velum\"
secret = \"desk.secret\"
previous_secret = \"desk.secret.before\"
ca = \"ca.pem\"

[[webhooks]]
name = \"here\"
url = \"http://127.0.0.1:9/\"
secret = \"here.secret\"
";

    fn of(text: &str) -> Result<Vec<Webhook>, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            webhooks: Vec<WebhookTable>,
        }
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        webhooks(document.webhooks, Path::new("/etc/velum")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_endpoint_is_read_and_is_outside_unless_it_says_otherwise() {
        let [desk, here] = of(TWO).unwrap().try_into().unwrap();
        assert_eq!(desk.name, "desk");
        assert_eq!(desk.secret, Path::new("/etc/velum/desk.secret"));
        let previous = desk.previous_secret.as_deref();
        assert_eq!(previous, Some(Path::new("/etc/velum/desk.secret.before")));
        let ca = desk.peer.authorities.as_deref();
        assert_eq!(ca, Some(Path::new("/etc/velum/ca.pem")));
        assert!(!desk.is_inside);
        assert!(here.is_inside);
        let inside = TWO.replace("ca = \"ca.pem\"", "private_network = true");
        assert!(of(&inside).unwrap()[0].is_inside);
    }

    #[test]
    fn an_endpoint_that_could_not_be_called_is_refused_with_its_place() {
        for (from, to, expected) in [
            ("\"desk\"", "\"Desk\"", "webhooks[0].name: 1 to 64"),
            ("\"here\"", "\"desk\"", "webhooks[1].name: stands twice"),
            (
                "https://desk",
                "http://desk",
                "webhooks[0].url: https://, or",
            ),
            (
                "desk.example/",
                "user@desk.example/",
                "webhooks[0].url: without",
            ),
            (
                "desk.example/",
                "192.168.1.7/",
                "webhooks[0].url: it is in a private network",
            ),
            (
                "desk.example/",
                "169.254.169.254/",
                "webhooks[0].url: it is in a private network",
            ),
            (
                "desk.example/",
                "[::ffff:10.0.0.1]/",
                "webhooks[0].url: it is in a private network",
            ),
            ("secret = \"here", "token = \"here", "unknown field `token`"),
        ] {
            assert!(TWO.contains(from), "{from}");
            let error = of(&TWO.replacen(from, to, 1)).err();
            let error = error.unwrap_or_else(|| panic!("taken: {to}"));
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
