//! Runs other programs. None of them gets our standard input: nothing may wait for an answer.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// A command of this workspace's cargo, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(crate::workspace::root());
    // What cargo says of this program is nobody else's: build scripts that look at it (ring's) would run again, and
    // half of everything be built again, whenever somebody calls cargo without us.
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    for (name, _) in std::env::vars_os() {
        if ours
            .iter()
            .any(|ours| name.to_string_lossy().starts_with(ours))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs to the end with output shown; an unsuccessful end is an error.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| unstarted(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` ended with {status}", line(command)))
    }
}

/// Runs to the end and returns standard output; standard error is shown.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| unstarted(command, &error))?;
    if !output.status.success() {
        return Err(format!("`{}` ended with {}", line(command), output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| format!("`{}` wrote something that is not UTF-8", line(command)))
}

/// Standard output, or nothing where the program is missing or fails; it shows nothing.
pub(crate) fn quiet_output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).ok())?
}

/// How a bounded run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bounded {
    /// Ended by itself, successfully.
    Success,
    /// Ended by itself, unsuccessfully.
    Failure,
    /// Was ended because its time was up.
    TimedOut,
}

/// Runs with output shown, for at most `limit`.
pub(crate) fn run_bounded(command: &mut Command, limit: Duration) -> Result<Bounded> {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| unstarted(command, &error))?;
    let ended = wait_bounded(&mut child, limit).map_err(|error| error.to_string())?;
    if ended == Bounded::TimedOut {
        child
            .kill()
            .and_then(|()| child.wait())
            .map_err(|error| error.to_string())?;
    }
    Ok(ended)
}

fn wait_bounded(child: &mut Child, limit: Duration) -> std::io::Result<Bounded> {
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(Bounded::Success),
            Some(_) => return Ok(Bounded::Failure),
            None if started.elapsed() >= limit => return Ok(Bounded::TimedOut),
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The command as a person would type it, without its environment.
fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn unstarted(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", line(command))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Bounded, run_bounded};

    #[test]
    fn a_program_that_hangs_is_ended() {
        let ended = run_bounded(Command::new("sleep").arg("30"), Duration::from_millis(10));
        assert_eq!(ended, Ok(Bounded::TimedOut));
    }

    #[test]
    fn success_and_failure_are_told_apart() {
        let limit = Duration::from_secs(10);
        assert_eq!(
            run_bounded(&mut Command::new("true"), limit),
            Ok(Bounded::Success)
        );
        assert_eq!(
            run_bounded(&mut Command::new("false"), limit),
            Ok(Bounded::Failure)
        );
    }
}
