//! What streams leave behind for the policy service: outcomes of releases, and evidence of what masked
//! answers hold. It is sent from the root context, since a stream's own calls end with it, and again
//! until it has arrived.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::check::{self, Arrival};
use crate::host::Host;
use crate::plugin::Plugin;

/// How much waits to be sent at most, in one worker.
const MOST_MESSAGES: usize = 256;
const MOST_BYTES: usize = 1024 * 1024;
/// How often one is sent at most: with a tick between two attempts at first, and ever more later, for
/// about ten minutes.
const MOST_ATTEMPTS: u32 = 12;
/// The most ticks between two attempts.
const LONGEST_PAUSE: u32 = 120;

/// One message.
struct Message {
    plugin: Rc<Plugin>,
    path: String,
    body: Vec<u8>,
    attempts: u32,
}

/// What waits to be sent.
#[derive(Default)]
pub(crate) struct Outbox {
    messages: VecDeque<Message>,
    bytes: usize,
    is_sending: bool,
    /// Ticks until the next attempt.
    pause: u32,
}

impl Outbox {
    /// Takes a message in; false: there is no room, and it is lost.
    pub(crate) fn post(&mut self, plugin: &Rc<Plugin>, path: String, body: Vec<u8>) -> bool {
        let bytes = self.bytes.saturating_add(body.len());
        if self.messages.len() >= MOST_MESSAGES || bytes > MOST_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.messages.push_back(Message {
            plugin: Rc::clone(plugin),
            path,
            body,
            attempts: 0,
        });
        true
    }

    /// A tick has passed: sends the next one, if it is time.
    pub(crate) fn tick(&mut self, host: &impl Host) -> Option<u32> {
        self.pause = self.pause.saturating_sub(1);
        self.send(host)
    }

    /// Sends the next one, one at a time; gives the call's token.
    pub(crate) fn send(&mut self, host: &impl Host) -> Option<u32> {
        if self.is_sending || self.pause > 0 {
            return None;
        }
        let message = self.messages.front_mut()?;
        message.attempts += 1;
        let sent = check::post(host, &message.plugin, &message.path, &message.body);
        if let Ok(token) = sent {
            self.is_sending = true;
            return Some(token);
        }
        self.put_off();
        None
    }

    /// What became of the one that was sent last; true: it is lost.
    pub(crate) fn arrived(&mut self, arrival: Arrival) -> bool {
        self.is_sending = false;
        match arrival {
            Arrival::Taken => {
                self.pop();
                false
            }
            Arrival::Refused => {
                self.pop();
                true
            }
            Arrival::Unknown => self.put_off(),
        }
    }

    /// How many messages would be lost with it.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Tries it again later, behind the others; true: it was tried often enough, and is lost.
    fn put_off(&mut self) -> bool {
        let Some(message) = self.messages.pop_front() else {
            return false;
        };
        let doubled = 1_u32.checked_shl(message.attempts).unwrap_or(LONGEST_PAUSE);
        self.pause = doubled.min(LONGEST_PAUSE);
        if message.attempts >= MOST_ATTEMPTS {
            self.bytes = self.bytes.saturating_sub(message.body.len());
            return true;
        }
        self.messages.push_back(message);
        false
    }

    fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes = self.bytes.saturating_sub(message.body.len());
        }
    }
}
