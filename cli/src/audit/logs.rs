//! The logs of a service.

use serde_json::Value;

use crate::approvals::not_ours;
use crate::failure::Failure;
use crate::service::Service;

/// A log as the service tells of it.
pub(super) struct Log {
    pub(super) number: u64,
    pub(super) name: String,
    /// The key that it signs with, as it says; none of a log that is closed.
    pub(super) key: Option<String>,
    /// The index of the record which says that it was removed.
    pub(super) pruned: Option<u64>,
}

impl Log {
    /// The log of this number, or the one that grows.
    pub(super) fn find(service: &Service, number: Option<u64>) -> Result<Self, Failure> {
        let answer = service.get("/v1/logs")?;
        let logs = answer["logs"].as_array().ok_or_else(not_ours)?;
        let is_it = |log: &&Value| match number {
            Some(number) => log["number"].as_u64() == Some(number),
            None => log["is_open"] == true,
        };
        let Some(log) = logs.iter().find(is_it) else {
            let message = format!("no such log: the service has {}, from 1 on", logs.len());
            return Err(Failure::misused(message));
        };
        Self::read(log)
    }

    /// Every log, the first one first.
    pub(super) fn all(service: &Service) -> Result<Vec<Self>, Failure> {
        let answer = service.get("/v1/logs")?;
        let logs = answer["logs"].as_array().ok_or_else(not_ours)?;
        logs.iter().map(Self::read).collect()
    }

    fn read(log: &Value) -> Result<Self, Failure> {
        let number = log["number"].as_u64().ok_or_else(not_ours)?;
        let name = log["name"].as_str().ok_or_else(|| {
            Failure::new(format!(
                "log {number} has no name yet, and so no signed head: ask again later"
            ))
        })?;
        Ok(Self {
            number,
            name: name.to_owned(),
            key: log["key"].as_str().map(str::to_owned),
            pruned: log["pruned"].as_u64(),
        })
    }

    /// The bytes of one of its files.
    pub(super) fn bytes(&self, service: &Service, path: &str) -> Result<Vec<u8>, Failure> {
        service.bytes(&format!("/v1/logs/{}/{path}", self.number))
    }
}
