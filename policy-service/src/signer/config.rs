//! The signer's configuration.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use velum_approval::LogName;

use crate::config::{ConfigError, LONGEST_AUDIT_NAME};

/// What a signer is started with.
///
/// ```
/// use std::path::Path;
/// use velum_policy_service::SignerConfig;
///
/// let text = "socket = \"signer.sock\"\nname = \"audit.example.org/velum\"\ndata = \"signer-data\"";
/// assert!(SignerConfig::from_toml(text, Path::new(".")).is_ok());
/// let error = SignerConfig::from_toml("sokcet = \"s\"", Path::new(".")).unwrap_err();
/// assert!(error.to_string().contains("unknown field `sokcet`"));
/// ```
#[derive(Debug, Clone)]
pub struct SignerConfig {
    /// Where it listens.
    pub(super) socket: PathBuf,
    /// For the logs of which name it signs: `[audit] name` of the service.
    pub(super) name: LogName,
    /// What it knows of them, and its keys unless they are elsewhere.
    pub(super) data: PathBuf,
    /// Where the keys are that others provide.
    pub(super) keys: Option<PathBuf>,
    /// Who may ask; whoever can reach the socket where absent.
    pub(super) uid: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    socket: PathBuf,
    name: LogName,
    data: PathBuf,
    keys: Option<PathBuf>,
    uid: Option<u32>,
}

impl SignerConfig {
    /// Reads the file at `path`; relative paths in it start at the folder it is in.
    ///
    /// # Errors
    /// When the file cannot be read, or as for [`SignerConfig::from_toml`].
    pub fn from_file(path: &Path) -> Result<SignerConfig, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(path.display(), error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        SignerConfig::from_toml(&text, folder)
    }

    /// Reads a TOML document whose relative paths start at `folder`.
    ///
    /// # Errors
    /// When a key is unknown, missing or twice there, or its value is none.
    pub fn from_toml(text: &str, folder: &Path) -> Result<SignerConfig, ConfigError> {
        let document: Document =
            toml::from_str(text).map_err(|error| ConfigError::new("configuration", error))?;
        if document.name.as_str().len() > LONGEST_AUDIT_NAME {
            let fault = format!("at most {LONGEST_AUDIT_NAME} bytes");
            return Err(ConfigError::new("name", fault));
        }
        Ok(SignerConfig {
            socket: folder.join(document.socket),
            name: document.name,
            data: folder.join(document.data),
            keys: document.keys.map(|keys| folder.join(keys)),
            uid: document.uid,
        })
    }
}
