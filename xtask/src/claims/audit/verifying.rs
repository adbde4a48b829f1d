//! What verifying a log of real records takes: `velum audit verify`, as a process of its own, on an exported
//! folder that the rules of approvals have written.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::Verdict;
use crate::{Result, process, workspace};

const RECORDS: u64 = 1_000_000;
const MOST: Duration = Duration::from_secs(20);
const MOST_MEGABYTES: u64 = 200;

/// What it took.
#[derive(Debug)]
struct Taken {
    time: Duration,
    megabytes: u64,
    /// What the verifier says.
    verdict: Value,
}

pub(super) fn million(_: bool) -> Verdict {
    let folder = workspace::root().join("target/claims-log");
    let taken = measure(&folder);
    // It is more than a gigabyte.
    let _ = fs::remove_dir_all(&folder);
    match taken {
        Ok(taken) => judge(&taken),
        Err(error) => Verdict::FallsShort(vec![error]),
    }
}

fn measure(folder: &Path) -> Result<Taken> {
    let mut build = process::cargo();
    build.args(["build", "--locked", "--quiet", "--profile", "figures"]);
    build.args([
        "--package",
        "velum",
        "--package",
        "velum-log-writer",
        "--bins",
    ]);
    process::run(&mut build)?;
    let programs = workspace::program_directory()?.with_file_name("figures");
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut write = Command::new(programs.join("velum-log-writer"));
    let key = process::output(write.arg(folder).arg(RECORDS.to_string()))?;
    verify(&programs.join("velum"), folder, key.trim())
}

/// Its answer goes into a file: a pipe that nobody reads would stop it.
fn verify(program: &Path, folder: &Path, key: &str) -> Result<Taken> {
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    let answer = folder.join("answer");
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(["audit", "verify", "--json", "--key", key])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(File::create(&answer).map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let mut megabytes = 0;
    while child.try_wait().map_err(failed)?.is_none() {
        megabytes = peak_megabytes(child.id()).max(megabytes);
        std::thread::sleep(Duration::from_millis(10));
    }
    let time = begun.elapsed();
    let answer = fs::read(answer).map_err(failed)?;
    Ok(Taken {
        time,
        megabytes,
        verdict: serde_json::from_slice(&answer).map_err(|error| error.to_string())?,
    })
}

/// The most that it had resident so far; nothing once it has ended.
fn peak_megabytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

fn judge(taken: &Taken) -> Verdict {
    let Taken {
        time,
        megabytes,
        verdict,
    } = taken;
    let (size, used) = (&verdict["size"], &verdict["releases"]["approved"]);
    let told = vec![format!(
        "{size} records, {used} releases: velum audit verify takes {:.1} s and {megabytes} MB",
        time.as_secs_f64()
    )];
    let is_whole = verdict["holds"] == true
        && verdict["records_read"] == verdict["size"]
        && size.as_u64() >= Some(RECORDS)
        && used.as_u64() > Some(RECORDS / 10);
    // Nothing resident: it was not looked at, and nothing is known.
    let is_small = *megabytes > 0 && *megabytes < MOST_MEGABYTES;
    if is_whole && is_small && *time < MOST {
        Verdict::Holds(told)
    } else {
        Verdict::FallsShort(told)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_it_took_is_judged_with_what_it_found() {
        let verdict = |holds: bool, size: u64, read: u64, used: u64| {
            json!({
                "holds": holds, "size": size, "records_read": read, "releases": {"approved": used},
            })
        };
        let good = || verdict(true, 1_000_001, 1_000_001, 200_000);
        for (seconds, megabytes, verdict, is_enough) in [
            (19, 199, good(), true),
            (20, 50, good(), false),
            (9, 200, good(), false),
            (9, 0, good(), false),
            (9, 50, verdict(false, 1_000_001, 1_000_001, 200_000), false),
            (9, 50, verdict(true, 999_999, 999_999, 200_000), false),
            (9, 50, verdict(true, 1_000_001, 1_000_000, 200_000), false),
            (9, 50, verdict(true, 1_000_001, 1_000_001, 0), false),
            (9, 50, json!({}), false),
        ] {
            let taken = Taken {
                time: Duration::from_secs(seconds),
                megabytes,
                verdict,
            };
            let judged = judge(&taken);
            assert_eq!(matches!(judged, Verdict::Holds(_)), is_enough, "{taken:?}");
        }
    }
}
