//! What people in browsers reach, and how they show who they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use serde::Deserialize;
use velum_approval::{ActionName, GroupName, StepUp};

use super::anchors::peer_url;
use super::duration::Span;
use super::{ActionRules, ConfigError, FreshLogin};
use crate::inbox::Origin;

/// What the provider has to be asked for at the least (OpenID Connect Core 1.0, section 3.1.2.1).
const OPENID: &str = "openid";

/// How old a security key is before it counts, unless configured: time to hear that it was added.
const KEY_AGE: Duration = Duration::from_hours(1);

/// `[inbox]`, checked.
#[derive(Clone, Debug)]
pub(crate) struct InboxSettings {
    /// What browsers call this service.
    pub(crate) origin: Origin,
    /// Who says who people are.
    pub(crate) provider: Option<ProviderSettings>,
    pub(crate) keys: KeySettings,
}

/// `[inbox.keys]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeySettings {
    /// How old a security key is before it counts.
    pub(crate) age: Duration,
    /// How whoever adds one signs in anew.
    pub(crate) login: FreshLogin,
}

impl Default for KeySettings {
    fn default() -> KeySettings {
        KeySettings {
            age: KEY_AGE,
            login: FreshLogin::default(),
        }
    }
}

/// `[inbox.provider]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderSettings {
    /// Its name, exactly as its tokens have it.
    pub(crate) issuer: String,
    /// The same as an address.
    pub(crate) url: Uri,
    pub(crate) client_id: String,
    /// The file that holds the client's secret.
    pub(crate) client_secret: PathBuf,
    /// What is asked for, `openid` among it.
    pub(crate) scopes: BTreeSet<String>,
    /// Where it says in which groups somebody is.
    pub(crate) groups: Option<ClaimedGroups>,
    /// The authorities that are believed there, in place of those that browsers believe.
    pub(crate) authorities: Option<PathBuf>,
}

/// In which groups somebody is, by the word of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimedGroups {
    /// The claim of the userinfo endpoint.
    pub(crate) claim: String,
    /// What it calls groups of the directory.
    pub(crate) names: BTreeMap<String, GroupName>,
}

/// `[inbox]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InboxTable {
    url: String,
    provider: Option<ProviderTable>,
    keys: Option<KeysTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysTable {
    age: Option<Span>,
    #[serde(default)]
    acr: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderTable {
    issuer: String,
    client_id: String,
    client_secret: PathBuf,
    scopes: Option<BTreeSet<String>>,
    groups_claim: Option<String>,
    #[serde(default)]
    groups: BTreeMap<String, GroupName>,
    ca: Option<PathBuf>,
}

impl InboxTable {
    pub(super) fn settings(self, folder: &Path) -> Result<InboxSettings, ConfigError> {
        let origin = Origin::parse(&self.url);
        let origin = origin.map_err(|fault| ConfigError::new("inbox.url", fault))?;
        let provider = self
            .provider
            .map(|table| table.settings(folder))
            .transpose()?;
        let keys = self.keys.map_or_else(KeySettings::default, |table| {
            let age = table.age.map_or(KEY_AGE, |span| span.0);
            let login = FreshLogin { acr: table.acr };
            KeySettings { age, login }
        });
        Ok(InboxSettings {
            origin,
            provider,
            keys,
        })
    }
}

impl ProviderTable {
    fn settings(self, folder: &Path) -> Result<ProviderSettings, ConfigError> {
        let fault =
            |key: &str, fault: &str| Err(ConfigError::new(format!("inbox.provider.{key}"), fault));
        let url = match peer_url(&self.issuer) {
            Ok(url) => url,
            Err(why) => return fault("issuer", why),
        };
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return fault("client_id", "the client's id as the provider has it");
        }
        let mut scopes = self.scopes.unwrap_or_default();
        let is_scope = |scope: &String| {
            let is_token = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            !scope.is_empty() && scope.bytes().all(is_token)
        };
        if !scopes.iter().all(is_scope) {
            return fault("scopes", "words without spaces, such as \"groups\"");
        }
        scopes.insert(OPENID.to_owned());
        let groups = match self.groups_claim {
            Some(claim) if claim.is_empty() => return fault("groups_claim", "it is empty"),
            Some(claim) => Some(ClaimedGroups {
                claim,
                names: self.groups,
            }),
            None if self.groups.is_empty() => None,
            None => return fault("groups", "needs groups_claim: which claim has them"),
        };
        if groups
            .as_ref()
            .is_some_and(|groups| groups.names.is_empty())
        {
            return fault(
                "groups",
                "nobody would be in any group: say which group of the directory each of the claim is",
            );
        }
        Ok(ProviderSettings {
            issuer: self.issuer,
            url,
            client_id: self.client_id,
            client_secret: folder.join(self.client_secret),
            scopes,
            groups,
            authorities: self.ca.map(|file| folder.join(file)),
        })
    }
}

/// Refuses an action that nobody could approve, since nobody can sign in anew for it, or has a security key that is
/// good here.
pub(super) fn check_step_ups(
    actions: &ActionRules,
    inbox: Option<&InboxSettings>,
) -> Result<(), ConfigError> {
    let provider = inbox.and_then(|inbox| inbox.provider.as_ref());
    let fault = |name: &ActionName, fault: &str| {
        let fault = format!("nobody could ever approve it: {fault}");
        Err(ConfigError::new(format!("actions.{name}.step_up"), fault))
    };
    if let Some(name) = actions.first_with(StepUp::FreshLogin)
        && provider.is_none()
    {
        return fault(
            name,
            "there is no [inbox.provider] where they could sign in anew",
        );
    }
    let Some(name) = actions.first_with(StepUp::Webauthn) else {
        return Ok(());
    };
    match inbox {
        None => fault(
            name,
            "there is no [inbox] where they could use a security key",
        ),
        Some(inbox) if inbox.origin.of_keys().is_none() => fault(
            name,
            "security keys are good at a host with a name, over https or on localhost: inbox.url is another",
        ),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "url = \"https://approvals.example.org\"\n[provider]\n\
        issuer = \"https://idp.example/tenant\"\nclient_id = \"velum\"\nclient_secret = \"inbox.secret\"\n";

    fn of(text: &str) -> Result<InboxSettings, String> {
        let table: InboxTable = toml::from_str(text).map_err(|error| error.to_string())?;
        let settings = table.settings(Path::new("/etc/velum"));
        settings.map_err(|error| error.to_string())
    }

    #[test]
    fn a_provider_is_asked_for_openid_whatever_else_it_is_asked_for() {
        let settings = of(&format!(
            "{PROVIDER}scopes = [\"groups\"]\ngroups_claim = \"groups\"\ngroups = {{\"Velum Privacy\" = \"privacy\"}}"
        ));
        let provider = settings.unwrap().provider.unwrap();
        assert_eq!(provider.issuer, "https://idp.example/tenant");
        assert_eq!(provider.client_secret, Path::new("/etc/velum/inbox.secret"));
        let scopes: Vec<_> = provider.scopes.iter().map(String::as_str).collect();
        assert_eq!(scopes, ["groups", "openid"]);
        let groups = provider.groups.unwrap();
        assert_eq!(groups.names["Velum Privacy"].as_str(), "privacy");
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_its_place() {
        for (text, expected) in [
            (
                "url = \"http://approvals.example.org\"".to_owned(),
                "inbox.url: https",
            ),
            (
                PROVIDER.replace("https://idp", "http://idp"),
                "inbox.provider.issuer: https://",
            ),
            (
                PROVIDER.replace("/tenant", "/tenant?a=b"),
                "inbox.provider.issuer: without",
            ),
            (
                PROVIDER.replace("\"velum\"", "\"\""),
                "inbox.provider.client_id: ",
            ),
            (
                format!("{PROVIDER}scopes = [\"a b\"]"),
                "inbox.provider.scopes: ",
            ),
            (
                format!("{PROVIDER}groups_claim = \"groups\""),
                "inbox.provider.groups: nobody",
            ),
            (
                format!("{PROVIDER}groups = {{a = \"privacy\"}}"),
                "inbox.provider.groups: needs",
            ),
        ] {
            let error = of(&text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(
            of(&format!("{PROVIDER}secret = \"x\""))
                .unwrap_err()
                .contains("unknown field")
        );
    }
}
