//! For drills with real processes: what this one does to itself at a step towards a head. Only where debug
//! assertions are: what is delivered does not have it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// `kill:fenced:2`: at the second time that the fence was raised. `stop` may be gone on from.
const VARIABLE: &str = "VELUM_DRILL";

struct Drill {
    signal: Signal,
    step: String,
    time: u32,
}

/// Does what the environment says of this step.
pub(super) fn reached(step: &str) {
    static DRILL: OnceLock<Option<Drill>> = OnceLock::new();
    static TIMES: AtomicU32 = AtomicU32::new(0);
    let Some(drill) = DRILL.get_or_init(read) else {
        return;
    };
    let is_it = step.eq_ignore_ascii_case(&drill.step);
    if is_it && TIMES.fetch_add(1, Ordering::SeqCst) + 1 == drill.time {
        // Neither can be waited for or caught.
        let _ = kill_process(getpid(), drill.signal);
    }
}

fn read() -> Option<Drill> {
    let text = std::env::var(VARIABLE).ok()?;
    let mut parts = text.split(':');
    Some(Drill {
        signal: match parts.next()? {
            "kill" => Signal::KILL,
            "stop" => Signal::STOP,
            _ => return None,
        },
        step: parts.next()?.to_owned(),
        time: parts.next()?.parse().ok()?,
    })
}
