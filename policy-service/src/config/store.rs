//! Where the store is.

use std::path::Path;

use serde::Deserialize;

use super::ConfigError;
use crate::store::Place;

/// `[store]`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreTable {
    #[serde(default)]
    engine: EngineName,
    url: Option<String>,
    url_environment: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum EngineName {
    #[default]
    Sqlite,
    Postgres,
}

impl StoreTable {
    /// The place that the table names; SQLite is in the data folder.
    pub(super) fn place(
        self,
        data: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Place, ConfigError> {
        let (place, url) = match (self.engine, self.url, self.url_environment) {
            (EngineName::Sqlite, None, None) => return Ok(Place::Folder(data.to_owned())),
            (EngineName::Sqlite, ..) => {
                let fault = "SQLite is in `data`; a URL is for `engine = \"postgres\"`";
                return Err(ConfigError::new("store", fault));
            }
            (EngineName::Postgres, Some(url), None) => ("store.url", url),
            (EngineName::Postgres, None, Some(name)) => {
                let place = "store.url_environment";
                let unset = || ConfigError::new(place, format!("`{name}` is not set"));
                (place, environment(&name).ok_or_else(unset)?)
            }
            (EngineName::Postgres, ..) => {
                let fault = "either `url`, or `url_environment` with the name of a variable";
                return Err(ConfigError::new("store", fault));
            }
        };
        let url = url.parse();
        url.map(Place::Database)
            .map_err(|fault: crate::store::NotAUrl| ConfigError::new(place, fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<String, String> {
        let table: StoreTable = toml::from_str(text).map_err(|error| error.to_string())?;
        let environment = |name: &str| {
            (name == "VELUM_DATABASE").then(|| "postgres://v:heliotrope@db.example/v".to_owned())
        };
        table
            .place(Path::new("data"), environment)
            .map(|place| format!("{place:?}"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_store_is_in_the_data_folder_or_where_a_url_says() {
        for (text, expected) in [
            ("", "Folder(\"data\")"),
            ("engine = \"sqlite\"", "Folder(\"data\")"),
            (
                "engine = \"postgres\"\nurl = \"postgres://v:heliotrope@127.0.0.1:5433/v\"",
                "Database(DatabaseUrl(127.0.0.1:5433/v))",
            ),
            (
                "engine = \"postgres\"\nurl_environment = \"VELUM_DATABASE\"",
                "Database(DatabaseUrl(db.example:5432/v))",
            ),
        ] {
            assert_eq!(place(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_place_that_is_none_is_refused_without_its_password() {
        for (text, expected) in [
            (
                "url = \"postgres://v:heliotrope@db.example/v\"",
                "store: SQLite",
            ),
            ("engine = \"postgres\"", "store: either"),
            (
                "engine = \"postgres\"\nurl = \"v:heliotrope\"",
                "store.url: a URL is needed",
            ),
            (
                "engine = \"postgres\"\nurl = \"postgres://v\"\nurl_environment = \"A\"",
                "store: either",
            ),
            (
                "engine = \"postgres\"\nurl_environment = \"A\"",
                "store.url_environment: `A` is not set",
            ),
            ("engine = \"mysql\"", "unknown variant `mysql`"),
            ("path = \"a\"", "unknown field `path`"),
        ] {
            let error = place(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("heliotrope"), "{error}");
        }
    }
}
