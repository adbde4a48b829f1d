//! What decisions were made under, as far as records say: digests of the configuration's parts.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::kind::Kind;
use super::said::Configured;
use crate::record::ConfigurationPart;
use crate::words::PolicyDigest;

/// SHA-256 of each part in base64url, as a policy's digest is.
type Parts = BTreeMap<ConfigurationPart, PolicyDigest>;

/// What a record says of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    #[serde(default)]
    changed: Option<BTreeSet<ConfigurationPart>>,
    parts: Parts,
}

/// What the records before have said.
#[derive(Debug, Default)]
pub(super) struct Configurations {
    last: Option<Parts>,
    /// Whether that was in the log that is read.
    is_of_this_log: bool,
}

impl Configurations {
    /// Another log begins.
    pub(super) fn begin(&mut self) {
        self.is_of_this_log = false;
    }

    pub(super) fn configured(&mut self, said: Configured, found: &mut Findings) {
        let Told { changed, parts } = said.configuration;
        let differs = |before: &Parts| -> BTreeSet<_> {
            let all = before.keys().chain(parts.keys());
            let differs = all.filter(|part| before.get(part) != parts.get(part));
            differs.copied().collect()
        };
        let differs = self.last.as_ref().map(differs);
        if let Some(changed) = &changed {
            found.require(
                self.is_of_this_log && !changed.is_empty() && differs.as_ref() == Some(changed),
                Kind::Contradiction,
                "What the record says has changed is not what differs from the record before.",
            );
        }
        let differs = differs.filter(|differs| !differs.is_empty());
        if let Some(differs) = differs {
            let names: Vec<_> = differs.iter().map(|part| part.name()).collect();
            let sentence = format!(
                "The configuration is another from here on: {}.",
                names.join(", ")
            );
            found.add(Kind::ConfigurationChanged, sentence);
        }
        self.last = Some(parts);
        self.is_of_this_log = true;
    }
}
