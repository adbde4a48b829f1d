//! A host in memory: what Envoy would do with each call, kept where a test or a simulation can look.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::{Buffer, Call, Headers, Host, HostError, Level, Map, Metric, Side};
use crate::pairs;

/// A reply that the filter made.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u32,
    pub(crate) headers: Headers,
    pub(crate) body: String,
}

/// A call that the filter made.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    #[cfg(test)]
    pub(crate) cluster: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// The state of one faked stream.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) now: Cell<u64>,
    pub(crate) environment: RefCell<BTreeMap<String, String>>,
    pub(crate) properties: RefCell<BTreeMap<Vec<String>, Vec<u8>>>,
    pub(crate) maps: RefCell<BTreeMap<u32, Headers>>,
    pub(crate) buffers: RefCell<BTreeMap<u32, Vec<u8>>>,
    pub(crate) replies: RefCell<Vec<Reply>>,
    pub(crate) sent: RefCell<Vec<Sent>>,
    pub(crate) resumed: RefCell<Vec<Side>>,
    pub(crate) resets: RefCell<Vec<Side>>,
    pub(crate) log: RefCell<Vec<String>>,
    /// The names of headers that were removed and added.
    pub(crate) written: RefCell<Vec<String>>,
    /// The attributes that were asked for, with `.` between their parts.
    pub(crate) asked: RefCell<Vec<String>>,
    /// How often a buffer was written.
    pub(crate) writes: Cell<u32>,
    /// The names of metrics, by their numbers.
    pub(crate) metrics: RefCell<Vec<String>>,
    /// What was counted or recorded last, by the names of metrics.
    pub(crate) counted: RefCell<BTreeMap<String, u64>>,
    /// Each addition to a counter, with the counter's name.
    pub(crate) increments: RefCell<Vec<(String, u64)>>,
    /// How often it was asked to call back again and again.
    pub(crate) timers: Cell<u32>,
    pub(crate) shown: RefCell<BTreeMap<String, String>>,
    pub(crate) is_debugged: Cell<bool>,
    pub(crate) metrics_fail: Cell<bool>,
    pub(crate) increments_fail: Cell<bool>,
    pub(crate) timers_fail: Cell<bool>,
    pub(crate) headers_fail: Cell<bool>,
    pub(crate) calls_fail: Cell<bool>,
    pub(crate) replies_fail: Cell<bool>,
    /// No memory is left.
    pub(crate) is_full: Cell<bool>,
}

impl Fake {
    /// The name of a metric that was defined.
    fn metric(&self, number: u32) -> Result<String, HostError> {
        let index = usize::try_from(number).unwrap_or_default().wrapping_sub(1);
        self.metrics
            .borrow()
            .get(index)
            .cloned()
            .ok_or(HostError(2))
    }

    pub(crate) fn set_map(&self, map: Map, pairs: &[(&str, &str)]) {
        let pairs = pairs
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
        self.maps.borrow_mut().insert(map as u32, pairs.collect());
    }

    pub(crate) fn map(&self, map: Map) -> Headers {
        self.maps
            .borrow()
            .get(&(map as u32))
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn set_body(&self, buffer: Buffer, bytes: &[u8]) {
        self.buffers
            .borrow_mut()
            .insert(buffer as u32, bytes.to_vec());
    }

    pub(crate) fn body_text(&self, buffer: Buffer) -> String {
        let bytes = self
            .buffers
            .borrow()
            .get(&(buffer as u32))
            .cloned()
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn write_header(&self, sign: &str, name: &[u8]) -> Result<(), HostError> {
        let name = String::from_utf8_lossy(name);
        self.written.borrow_mut().push(format!("{sign}{name}"));
        let fails = self.headers_fail.get();
        (!fails).then_some(()).ok_or(HostError(10))
    }

    pub(crate) fn set_property(&self, path: &[&str], value: &[u8]) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.properties.borrow_mut().insert(path, value.to_vec());
    }
}

impl Host for Fake {
    fn log(&self, _level: Level, message: &str) {
        self.log.borrow_mut().push(message.to_owned());
    }

    fn is_debugged(&self) -> bool {
        self.is_debugged.get()
    }

    fn define_metric(&self, _kind: Metric, name: &str) -> Result<u32, HostError> {
        if self.metrics_fail.get() {
            return Err(HostError(10));
        }
        let mut metrics = self.metrics.borrow_mut();
        metrics.push(name.to_owned());
        u32::try_from(metrics.len()).map_err(|_| HostError(10))
    }

    fn increment(&self, metric: u32, by: u64) -> Result<(), HostError> {
        let name = self.metric(metric)?;
        self.increments.borrow_mut().push((name.clone(), by));
        if self.increments_fail.get() {
            return Err(HostError(10));
        }
        *self.counted.borrow_mut().entry(name).or_default() += by;
        Ok(())
    }

    fn record(&self, metric: u32, value: u64) -> Result<(), HostError> {
        let name = self.metric(metric)?;
        self.counted.borrow_mut().insert(name, value);
        Ok(())
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        let value = String::from_utf8_lossy(value).into_owned();
        self.shown.borrow_mut().insert(name.to_owned(), value);
        Ok(())
    }

    fn tick_every(&self, _period: Duration) -> Result<(), HostError> {
        self.timers.set(self.timers.get() + 1);
        let fails = self.timers_fail.get();
        (!fails).then_some(()).ok_or(HostError(10))
    }

    fn now(&self) -> u64 {
        self.now.get()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError> {
        bytes.fill(7);
        Ok(())
    }

    fn has_room(&self, _bytes: usize) -> bool {
        !self.is_full.get()
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.environment.borrow().get(name).cloned()
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.asked.borrow_mut().push(path.join("."));
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let properties = self.properties.borrow();
        // A message is there, but cannot be given as bytes.
        let is_message = properties
            .keys()
            .any(|key| key.len() > path.len() && key.starts_with(&path));
        match properties.get(&path) {
            Some(value) => Ok(Some(value.clone())),
            None if is_message => Err(HostError(3)),
            None => Ok(None),
        }
    }

    fn headers(&self, map: Map) -> Result<Vec<u8>, HostError> {
        Ok(pairs::encode(&self.map(map)))
    }

    fn remove_header(&self, map: Map, name: &[u8]) -> Result<(), HostError> {
        self.write_header("-", name)?;
        let mut maps = self.maps.borrow_mut();
        let headers = maps.entry(map as u32).or_default();
        headers.retain(|(key, _)| key != name);
        Ok(())
    }

    fn add_header(&self, map: Map, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.write_header("+", name)?;
        let mut maps = self.maps.borrow_mut();
        let headers = maps.entry(map as u32).or_default();
        headers.push((name.to_vec(), value.to_vec()));
        Ok(())
    }

    fn body(&self, buffer: Buffer, size: usize) -> Result<Vec<u8>, HostError> {
        let buffers = self.buffers.borrow();
        let bytes = buffers.get(&(buffer as u32)).ok_or(HostError(1))?;
        Ok(bytes.get(..size).unwrap_or(bytes).to_vec())
    }

    fn replace_body(&self, buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), HostError> {
        self.writes.set(self.writes.get() + 1);
        let mut buffers = self.buffers.borrow_mut();
        let held = buffers.entry(buffer as u32).or_default();
        held.splice(..size.min(held.len()), bytes.iter().copied());
        Ok(())
    }

    fn append_body(&self, buffer: Buffer, bytes: &[u8]) -> Result<(), HostError> {
        self.writes.set(self.writes.get() + 1);
        let mut buffers = self.buffers.borrow_mut();
        let held = buffers.entry(buffer as u32).or_default();
        held.extend_from_slice(bytes);
        Ok(())
    }

    fn reply(&self, status: u32, headers: &Headers, body: &[u8]) -> Result<(), HostError> {
        if self.replies_fail.get() {
            return Err(HostError(10));
        }
        let body = String::from_utf8_lossy(body).into_owned();
        self.replies.borrow_mut().push(Reply {
            status,
            headers: headers.clone(),
            body,
        });
        Ok(())
    }

    fn call(&self, call: &Call<'_>) -> Result<u32, HostError> {
        if self.calls_fail.get() {
            return Err(HostError(10));
        }
        let mut sent = self.sent.borrow_mut();
        sent.push(Sent {
            #[cfg(test)]
            cluster: call.cluster.to_owned(),
            headers: call.headers.clone(),
            body: call.body.to_vec(),
        });
        Ok(u32::try_from(sent.len()).unwrap_or(u32::MAX))
    }

    fn resume(&self, side: Side) -> Result<(), HostError> {
        self.resumed.borrow_mut().push(side);
        Ok(())
    }

    fn reset(&self, side: Side) -> Result<(), HostError> {
        self.resets.borrow_mut().push(side);
        Ok(())
    }
}
