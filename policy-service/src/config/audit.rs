//! How the audit log is kept: `[audit]`.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use velum_approval::LogName;

use super::ConfigError;
use super::anchors::{self, AnchorTable, Anchors};
use super::document::lifetime;
use super::duration::Span;

/// Six years (45 CFR 164.316(b)(2)(i)) and a quarter.
const DEFAULT_RETENTION_DAYS: u32 = 2283;
/// Longer than anything that is under way.
const RETENTION_DAYS: RangeInclusive<u32> = 30..=36_525;
const HEARTBEAT_SECONDS: RangeInclusive<u64> = 1..=86_400;
const DEFAULT_HEARTBEAT: Duration = Duration::from_mins(10);
/// A log's own name is longer, by its year.
pub(crate) const LONGEST_AUDIT_NAME: usize = 112;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditTable {
    name: Option<LogName>,
    fence: Option<PathBuf>,
    signer: Option<PathBuf>,
    heartbeat: Option<Span>,
    #[serde(default)]
    anchors: Vec<AnchorTable>,
    anchors_needed: Option<usize>,
    anchor_alert: Option<Span>,
    retention_days: Option<u32>,
    #[serde(default)]
    legal_hold: bool,
}

/// How the audit log is kept.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    /// What the logs of all years are called.
    pub(crate) name: Option<LogName>,
    /// The file that knows how far the log was.
    pub(crate) fence: Option<PathBuf>,
    /// The socket of the process that signs its heads, if this one does not.
    pub(crate) signer: Option<PathBuf>,
    /// After how long without a record one is written that says so.
    pub(crate) heartbeat: Duration,
    /// Where its heads go.
    pub(crate) anchors: Anchors,
    /// How long a closed log is kept at least.
    pub(crate) retention: Duration,
    /// Whether nothing may be removed.
    pub(crate) has_legal_hold: bool,
}

impl AuditTable {
    pub(super) fn audit(self, data: &Path, folder: &Path) -> Result<Audit, ConfigError> {
        let fence = self.fence.map(|fence| folder.join(fence));
        if fence
            .as_deref()
            .is_some_and(|fence| fence.starts_with(data))
        {
            let fault = "it is in the data folder: a backup that is restored would restore it too";
            return Err(ConfigError::new("audit.fence", fault));
        }
        // Room for the year.
        if self
            .name
            .as_ref()
            .is_some_and(|name| name.as_str().len() > LONGEST_AUDIT_NAME)
        {
            let fault = format!("at most {LONGEST_AUDIT_NAME} bytes");
            return Err(ConfigError::new("audit.name", fault));
        }
        if self.signer.is_some() && self.name.is_none() {
            let fault = "it needs audit.name: a signer signs for the logs of one name";
            return Err(ConfigError::new("audit.signer", fault));
        }
        let (needed, alert) = (self.anchors_needed, self.anchor_alert);
        let days = self.retention_days.unwrap_or(DEFAULT_RETENTION_DAYS);
        if !RETENTION_DAYS.contains(&days) {
            let (least, most) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
            let fault = format!("between {least} and {most}");
            return Err(ConfigError::new("audit.retention_days", fault));
        }
        Ok(Audit {
            retention: Duration::from_hours(24 * u64::from(days)),
            has_legal_hold: self.legal_hold,
            name: self.name,
            fence,
            anchors: anchors::anchors(self.anchors, needed, alert, data, folder)?,
            signer: self.signer.map(|signer| folder.join(signer)),
            heartbeat: lifetime(
                "audit.heartbeat",
                self.heartbeat,
                DEFAULT_HEARTBEAT,
                HEARTBEAT_SECONDS,
            )?,
        })
    }
}
