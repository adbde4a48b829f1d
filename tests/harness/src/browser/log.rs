//! What pages complain of, and how many are looked at: both stand in the browser's log, which outlives them.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, fs, io};

use serde_json::{Value, json};

/// Runs in every document before anything of its own.
pub(super) const WATCH: &str = "if (window === top && location.protocol.startsWith('http')) {
    console.info('a page is looked at');
}
document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`${event.effectiveDirective} ${event.blockedURI} on ${location.pathname} ${event.sample}`);
});";
/// What the first line of that leaves.
const LOOKED: &str = "a page is looked at";
/// Where each browser leaves a line for `cargo xtask claims`: how many pages it has looked at, and what of them
/// was complained of.
const FIGURES: &str = "browsers.txt";
/// How long the driver may take over its last words.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was heard of the pages of one browser.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    pages: usize,
    /// What a complaint may have in it: a test is about that.
    expected: Vec<String>,
}

impl Heard {
    /// From now on a complaint may have this in it.
    pub(super) fn expect(&self, part: &str) {
        self.kept().expected.push(part.to_owned());
    }

    /// The complaints among the driver's log entries, but for those that a test is about. Pages are counted.
    pub(super) fn read(&self, log: &Value) -> Vec<String> {
        let mut kept = self.kept();
        let mut complaints = Vec::new();
        for entry in log.as_array().into_iter().flatten() {
            let message = entry["message"].to_string();
            kept.pages += usize::from(message.contains(LOOKED));
            // That an answer was no 2xx is what a test may be after.
            if entry["level"] == "SEVERE" && entry["source"] != "network" {
                complaints.push(message);
            }
        }
        complaints
    }

    /// What is left of complaints that no test is about.
    pub(super) fn unexpected(&self, mut complaints: Vec<String>) -> Vec<String> {
        let kept = self.kept();
        complaints.retain(|it| !kept.expected.iter().any(|part| it.contains(part)));
        complaints
    }

    /// Leaves the figures of a browser that has ended, where somebody collects them.
    pub(super) fn leave_figures(&self, complaints: usize) -> io::Result<()> {
        let Some(folder) = env::var_os("VELUM_FIGURES") else {
            return Ok(());
        };
        let file = Path::new(&folder).join(FIGURES);
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)?;
        // In one write: others leave theirs at the same time.
        let line = format!("{} {complaints}\n", self.kept().pages);
        file.write_all(line.as_bytes())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log of a session's browser since it was last asked for, by a call that needs no runtime: a browser ends where
/// there may be none.
pub(super) fn last_entries(address: SocketAddr, session: &str) -> io::Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = json!({"type": "browser"}).to_string();
    let call = format!(
        "POST /session/{session}/se/log HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(call.as_bytes())?;
    let unreadable = || io::Error::other("the driver's answer cannot be read");
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(body) = body_of(&answer) {
            let answer: Value = serde_json::from_slice(body).map_err(io::Error::other)?;
            // Anything but a list says that there was no log.
            let log = answer["value"].as_array().cloned();
            return log.map(Value::Array).ok_or_else(unreadable);
        }
        let length = read(&mut stream, &mut part)?;
        if length == 0 {
            return Err(unreadable());
        }
        answer.extend_from_slice(part.get(..length).unwrap_or_default());
    }
}

/// Reads what comes next. A read that has a time limit is given up for any signal, such as that of a process which ends
/// at this moment; it is asked for again.
pub(super) fn read(stream: &mut impl Read, part: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// The body of an answer, once all of it is there.
fn body_of(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(answer.get(..end)?).to_ascii_lowercase();
    let (_, length) = head.split_once("content-length:")?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    answer.get(end..end + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_a_signal_ends_is_asked_for_again() {
        struct Signalled(u8);
        impl Read for Signalled {
            fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
                let Some(left) = self.0.checked_sub(1) else {
                    part[0] = b'x';
                    return Ok(1);
                };
                self.0 = left;
                Err(io::ErrorKind::Interrupted.into())
            }
        }
        let mut part = [0; 4];
        assert_eq!(read(&mut Signalled(2), &mut part).unwrap(), 1);
        assert_eq!(part[0], b'x');
    }

    #[test]
    fn a_body_is_there_once_all_of_it_is() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\n{}";
        assert_eq!(body_of(whole), Some(&b"{}"[..]));
        for cut in 0..whole.len() {
            assert_eq!(body_of(&whole[..cut]), None);
        }
    }

    #[test]
    fn what_a_test_is_about_is_no_fault_of_a_page_and_all_else_is() {
        let heard = Heard::default();
        heard.expect("frame-ancestors");
        let entry = |level: &str, source: &str, message: &str| json!({"level": level, "source": source, "message": message});
        let log = json!([
            entry("INFO", "console-api", "a page is looked at"),
            entry("SEVERE", "network", "404"),
            entry("WARNING", "deprecation", "soon"),
            entry("SEVERE", "security", "frame-ancestors 'none'"),
            entry("SEVERE", "javascript", "hit is not defined"),
            entry("SEVERE", "console-api", "script-src-elem inline"),
        ]);
        let complaints = heard.read(&log);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        let left = heard.unexpected(complaints);
        assert_eq!(
            left,
            ["\"hit is not defined\"", "\"script-src-elem inline\""]
        );
        assert_eq!(heard.kept().pages, 1);
    }
}
