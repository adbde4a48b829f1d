//! The logs of a service.

use serde_json::Value;

use crate::approvals::not_ours;
use crate::failure::Failure;
use crate::service::Service;

/// A log as the service tells of it.
pub(super) struct Log {
    pub(super) number: u64,
    pub(super) name: String,
    /// The index of the record which says that it was removed.
    pub(super) pruned: Option<u64>,
    /// Whether nothing of it is under a signed head, nor will be.
    pub(super) is_lost: bool,
    /// How many records are behind its last head, where none over them will be signed.
    pub(super) unsigned: u64,
    /// The keys that have signed it, as it says, the first one first.
    pub(super) keys: Vec<Key>,
}

/// A key of a log.
pub(super) struct Key {
    /// As verifiers take it.
    pub(super) text: String,
    /// The record that made it the log's key.
    pub(super) from: u64,
    /// The record that put another in its place.
    pub(super) until: Option<u64>,
    /// A head over the first of the two which the key before it has signed.
    pub(super) signed_over: Option<String>,
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            text: value["key"].as_str()?.to_owned(),
            from: value["from"].as_u64()?,
            until: value["until"].as_u64(),
            signed_over: value["signed_over"].as_str().map(str::to_owned),
        })
    }
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
        let keys = log["keys"].as_array().into_iter().flatten();
        let keys: Option<_> = keys.map(Key::read).collect();
        let (size, signed) = (log["size"].as_u64(), log["signed"].as_u64());
        let unsigned = size.unwrap_or(0).saturating_sub(signed.unwrap_or(0));
        let is_awaited = unsigned > 0 && log["lacks_last_head"] != true;
        Ok(Self {
            number,
            name: name.to_owned(),
            pruned: log["pruned"].as_u64(),
            keys: keys.ok_or_else(not_ours)?,
            is_lost: log["is_open"] == false && log["signed"] == 0 && !is_awaited,
            unsigned: if is_awaited { 0 } else { unsigned },
        })
    }

    /// The bytes of one of its files.
    pub(super) fn bytes(&self, service: &Service, path: &str) -> Result<Vec<u8>, Failure> {
        service.bytes(&format!("/v1/logs/{}/{path}", self.number))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_closed_log_it_is_known_what_no_head_will_be_over() {
        for (size, signed, is_open, lacks_last_head, is_lost, unsigned) in [
            (7, 5, true, false, false, 0),
            (7, 0, true, false, false, 0),
            // Its last head is signed any moment.
            (7, 5, false, false, false, 0),
            (7, 0, false, false, false, 0),
            (7, 7, false, false, false, 0),
            (7, 5, false, true, false, 2),
            (7, 0, false, true, true, 7),
            (0, 0, false, false, true, 0),
        ] {
            let told = json!({
                "number": 1, "name": "audit.example.org/velum/2026", "keys": [], "size": size,
                "signed": signed, "is_open": is_open, "lacks_last_head": lacks_last_head,
            });
            let log = Log::read(&told).map_err(|failure| failure.to_string());
            let log = log.unwrap();
            assert_eq!((log.is_lost, log.unsigned), (is_lost, unsigned), "{told}");
        }
    }
}
