//! The shape of the document: keys that are unknown, missing or of the wrong kind, all of them at once.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{ConfigError, Faults};

/// What every document has; beside it the rest is looked at part by part.
const LEAST: &str = "listen = \"127.0.0.1:0\"\ndata = \"data\"\npolicies = []";

/// Reads the document, or says what is wrong with each of its parts: serde ends at the first fault it
/// meets, so each part is read for itself then.
pub(super) fn document<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    let error = match toml::from_str(text) {
        Ok(document) => return Ok(document),
        Err(error) => ConfigError::new("configuration", error),
    };
    let (Ok(table), Ok(least)) = (text.parse::<Table>(), LEAST.parse::<Table>()) else {
        return Err(error);
    };
    let mut faults = Faults::default();
    faults.note::<T>(Err(error));
    for (place, part) in parts(&table) {
        let mut document = least.clone();
        document.extend(part);
        if let Err(fault) = document.try_into::<T>() {
            faults.add(place, fault.message());
        }
    }
    for key in least.keys().filter(|key| !table.contains_key(*key)) {
        faults.add(key, "is missing");
    }
    // The first one was said already, with its line.
    if faults.0.len() == 2 {
        faults.0.pop();
    }
    faults.end()?;
    Err(ConfigError::new("configuration", "it cannot be read"))
}

/// Every entry of the document as a document with nothing else: single values and tables, each table of
/// an array, each table of the table of actions.
fn parts(table: &Table) -> Vec<(String, Table)> {
    let mut parts = Vec::new();
    for (key, value) in table {
        let alone = |value: Value| Table::from_iter([(key.clone(), value)]);
        match value {
            Value::Array(elements) if elements.iter().all(Value::is_table) => {
                for (index, element) in elements.iter().enumerate() {
                    let part = alone(Value::Array(vec![element.clone()]));
                    parts.push((format!("{key}[{index}]"), part));
                }
            }
            Value::Table(entries)
                if !entries.is_empty() && entries.values().all(Value::is_table) =>
            {
                for (name, entry) in entries {
                    let entry = Table::from_iter([(name.clone(), entry.clone())]);
                    parts.push((format!("{key}.{name}"), alone(Value::Table(entry))));
                }
            }
            _ => parts.push((key.clone(), alone(value.clone()))),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn faults(text: &str) -> Vec<String> {
        let error = Config::from_toml(text, Path::new("/nowhere")).unwrap_err();
        error.faults().to_vec()
    }

    #[test]
    fn every_part_that_has_a_fault_is_named() {
        let found = faults(
            "listen = \"nowhere\"\ndata = \"d\"\nlisten_gateway = \"127.0.0.1:1\"\n\
             [lifetimes]\npending = \"15\"\n[[people]]\nid = \"a\"\n[[people]]\nid = \"b\"\ngroup = []\n\
             [tls]\ncertificate = \"a\"\n[actions.read]\nquorums = 1\n[actions.purge]\nquorum = \"2\"",
        );
        assert!(
            found[0].starts_with("configuration: TOML parse error at line 1"),
            "{found:?}"
        );
        for expected in [
            "listen: ",
            "listen_gateway: unknown field",
            "lifetimes: a duration is",
            "people[1]: unknown field `group`",
            "tls: missing field `key`",
            "actions.read: unknown field `quorums`",
            "actions.purge: invalid type",
            "policies: is missing",
        ] {
            let is_told = found.iter().any(|fault| fault.starts_with(expected));
            assert!(is_told, "{expected} in {found:#?}");
        }
        assert_eq!(found.len(), 9, "{found:#?}");
    }

    #[test]
    fn one_fault_is_told_once() {
        let found = faults("listen = \"127.0.0.1:0\"\ndata = \"d\"\npolicies = []\nmore = 1");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("unknown field `more`"), "{found:#?}");
        assert!(found[0].contains("line 4"), "{found:#?}");
        assert_eq!(faults("listen =").len(), 1);
    }

    #[test]
    fn faults_of_meaning_are_told_together_too() {
        let found = faults(
            "listen = \"0.0.0.0:1\"\ndata = \"d\"\npolicies = [\"no-such.yaml\"]\n\
             [lifetimes]\npending = \"0s\"\n[[reviewers]]\nperson = \"a\"\n[[gateways]]\nid = \"b\"\n\
             token_sha256 = \"1\"\n[store]\nengine = \"postgres\"",
        );
        for expected in [
            "listen: ",
            "policies[0] (no-such.yaml): ",
            "lifetimes.pending: ",
            "reviewers[0].person: ",
            "gateways[0].token_sha256: ",
            "store: ",
        ] {
            let is_told = found.iter().any(|fault| fault.starts_with(expected));
            assert!(is_told, "{expected} in {found:#?}");
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }
}
