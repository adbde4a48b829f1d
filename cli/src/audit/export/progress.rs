//! How far an export is, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(200);
/// Back to the beginning of the line, and nothing on it.
const CLEAR: &str = "\r\x1b[2K";

pub(super) struct Progress {
    is_shown: bool,
    whole: u64,
    done: u64,
    drawn: Instant,
}

impl Progress {
    /// Of so many records.
    pub(super) fn new(whole: u64) -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            whole,
            done: 0,
            drawn: Instant::now(),
        }
    }

    /// So many records more are there.
    pub(super) fn count(&mut self, records: u64) {
        self.done = self.done.saturating_add(records);
        if self.is_shown && self.drawn.elapsed() >= PERIOD {
            self.drawn = Instant::now();
            let line = format!("{CLEAR}{} of {} records", self.done, self.whole);
            Self::draw(&line);
        }
    }

    fn draw(line: &str) {
        let mut errors = io::stderr().lock();
        // Nothing is left to tell a failure of this to.
        let _ = errors
            .write_all(line.as_bytes())
            .and_then(|()| errors.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            Self::draw(CLEAR);
        }
    }
}
