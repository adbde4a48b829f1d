//! Who can sign in, before the service runs.

use std::collections::BTreeMap;

use velum_approval::{PersonId, Timestamp};

use super::{Inbox, Links, Origin, Provider};
use crate::config::{Config, KeySettings};
use crate::{Options, StartError, random};

/// Where people sign in, if anywhere, by whose word, and with `--try` the tokens of the links that sign them in.
#[derive(Default)]
pub(crate) struct Doors {
    origin: Option<Origin>,
    provider: Option<Provider>,
    links: Option<BTreeMap<PersonId, String>>,
    has_playground: bool,
    keys: KeySettings,
}

impl Doors {
    /// What the configuration says; with `--try` there is an inbox also where it says nothing, at the
    /// listener's own address.
    pub(crate) fn of(
        config: &Config,
        options: &Options,
        listener: Origin,
    ) -> Result<Doors, StartError> {
        let settings = config.inbox.as_ref();
        if settings.is_none() && !options.try_mode {
            return Ok(Doors::default());
        }
        let origin = settings.map_or(listener, |settings| settings.origin.clone());
        let provider = settings.and_then(|settings| settings.provider.as_ref());
        let provider = provider.map(|settings| Provider::open(settings, &origin));
        let provider = provider.transpose().map_err(StartError::Inbox)?;
        let keys = settings.map(|settings| settings.keys.clone());
        let keys = keys.unwrap_or_default();
        if !options.try_mode {
            if provider.is_none() {
                let fault =
                    "inbox: nobody could sign in: add [inbox.provider]; only --try starts so";
                return Err(StartError::Inbox(fault.to_owned()));
            }
            return Ok(Doors {
                origin: Some(origin),
                provider,
                links: None,
                has_playground: false,
                keys,
            });
        }
        if !origin.is_loopback() {
            let fault =
                "inbox.url: --try prints links that sign in whoever has them, so only on loopback";
            return Err(StartError::Inbox(fault.to_owned()));
        }
        let mut links = BTreeMap::new();
        for person in config.reviewers.keys() {
            let token = random::token(&*options.random).map_err(|_| StartError::NoRandomness)?;
            links.insert(person.clone(), token);
        }
        Ok(Doors {
            origin: Some(origin),
            provider,
            links: Some(links),
            has_playground: false,
            keys,
        })
    }

    /// The same beside a playground, or without one.
    #[must_use]
    pub(crate) fn beside_playground(mut self, has_playground: bool) -> Doors {
        self.has_playground = has_playground;
        self
    }

    /// The links, by person.
    pub(crate) fn links(&self) -> BTreeMap<String, String> {
        let (Some(origin), Some(links)) = (&self.origin, &self.links) else {
            return BTreeMap::new();
        };
        let link = |(person, token): (&PersonId, &String)| {
            (person.to_string(), format!("{origin}/link/{token}"))
        };
        links.iter().map(link).collect()
    }

    /// From now on they are open.
    pub(crate) fn open(self, now: Timestamp) -> Option<Inbox> {
        let links = self.links.map(|tokens| {
            let mut links = Links::new(now);
            for (person, token) in tokens {
                links.add(&token, person);
            }
            links
        });
        Some(Inbox {
            origin: self.origin?,
            links,
            provider: self.provider,
            has_playground: self.has_playground,
            keys: self.keys,
        })
    }
}
