//! `fuzz`: the properties of the engine, and of what the filter reads, against inputs that nobody wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use crate::{Result, process, say, workspace};

/// The targets, as `engine/fuzz/src/lib.rs` has them.
const TARGETS: &[&str] = &[
    "tokenizer",
    "splits",
    "policy",
    "labels",
    "operators",
    "idempotence",
    "detectors",
    "inside",
    "forms",
    "multipart",
    "inflate",
    "structs",
    "pairs",
];

/// Coverage as libFuzzer wants it, from a stable compiler.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Cdebug-assertions=on -Coverflow-checks=on";

/// What is run, and for how long.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Seconds for each target
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only this target
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
}

/// Builds the targets and runs all of them, so many seconds each.
pub(crate) fn run_all(seconds: u64) -> Result {
    run(&Arguments {
        seconds,
        target: None,
    })
}

/// Runs one target.
pub(crate) fn run_target_for(target: &str, seconds: u64) -> Result {
    run(&Arguments {
        seconds,
        target: Some(target.to_owned()),
    })
}

/// Builds the targets and runs them one after the other.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let compiler = cxx();
    let program = if compiler.is_some() {
        build_libfuzzer()?
    } else {
        say::step(
            "no C++ compiler (apt install g++): corpora and plain mutations, without coverage",
        );
        build_mutations()?
    };
    let mut failed = 0;
    for target in TARGETS {
        if arguments.target.as_ref().is_none_or(|only| only == target) {
            say::step(&format!("fuzzing {target} for {} s", arguments.seconds));
            let outcome = run_target(&program, compiler.is_some(), target, arguments.seconds)?;
            failed += usize::from(!outcome);
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(format!(
            "{failed} of the targets failed; `cargo test --package velum-engine-fuzz` shows the fault once the input is in its corpus"
        )),
    }
}

/// The C++ compiler that libFuzzer would be built with.
fn cxx() -> Option<String> {
    let named = std::env::var("CXX").ok();
    let known = ["c++", "g++", "clang++"].map(str::to_owned);
    named
        .into_iter()
        .chain(known)
        .find(|name| process::quiet_output(Command::new(name).arg("--version")).is_some())
}

fn build_libfuzzer() -> Result<PathBuf> {
    say::step("building the fuzz targets with libFuzzer");
    let host = host()?;
    let directory = directory()?;
    // With a target named, build scripts and macros are built without coverage.
    process::run(
        process::cargo()
            .env("RUSTFLAGS", COVERAGE)
            .env("CARGO_TARGET_DIR", &directory)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .args(["build", "--locked", "--release", "--target", &host])
            .args(["--package", "velum-engine-fuzz", "--features", "libfuzzer"])
            .args(["--bin", "velum-fuzz"]),
    )?;
    Ok(directory.join(host).join("release/velum-fuzz"))
}

fn build_mutations() -> Result<PathBuf> {
    let directory = directory()?;
    process::run(
        process::cargo()
            .env("CARGO_TARGET_DIR", &directory)
            .args(["build", "--locked", "--release"])
            .args([
                "--package",
                "velum-engine-fuzz",
                "--bin",
                "velum-fuzz-mutate",
            ]),
    )?;
    Ok(directory.join("release/velum-fuzz-mutate"))
}

/// The build's own folder: its flags would make every other build start anew.
fn directory() -> Result<PathBuf> {
    let programs = workspace::program_directory()?;
    let target = programs.parent().ok_or("no target folder")?;
    Ok(target.join("fuzz"))
}

fn host() -> Result<String> {
    let text = process::output(Command::new("rustc").arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not tell its host".into())
}

/// Runs one target; false if an input made it fail.
fn run_target(program: &Path, coverage: bool, target: &str, seconds: u64) -> Result<bool> {
    let fuzz = workspace::root().join("engine/fuzz");
    let artifacts = fuzz.join("artifacts").join(target);
    let found = directory()?.join("corpus").join(target);
    for folder in [&artifacts, &found] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = Command::new(program);
    if coverage {
        command
            .env("VELUM_FUZZ_TARGET", target)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_final_stats=1", "-timeout=10"])
            // New inputs go to the first folder, not into the checkout.
            .arg(found)
            .arg(fuzz.join("corpus").join(target));
    } else {
        command.args([target, &seconds.to_string()]).arg(&artifacts);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} could not be started: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    say::result(&summary(target, &text, seconds));
    if !output.status.success() {
        text.lines()
            .filter(|line| tells_fault(line))
            .for_each(|line| say::result(&format!("{target}: {line}")));
    }
    Ok(output.status.success())
}

fn tells_fault(line: &str) -> bool {
    ["failed: ", "panicked at", "Test unit written to", "ERROR: "]
        .iter()
        .any(|mark| line.contains(mark))
}

fn summary(target: &str, text: &str, seconds: u64) -> String {
    let executions = text.lines().find_map(|line| {
        let (name, count) = line.rsplit_once(':')?;
        let counts = ["stat::number_of_executed_units", "executions"].contains(&name);
        counts.then(|| count.trim().parse::<u64>().ok())?
    });
    match executions {
        Some(count) => format!(
            "{target}: {count} executions, {} a second",
            count / seconds.max(1)
        ),
        None => format!("{target}: it did not say how many executions"),
    }
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn executions_are_read_from_either_program() {
        for text in [
            "x\nstat::number_of_executed_units: 120\n",
            "executions: 120\n",
        ] {
            assert_eq!(summary("t", text, 10), "t: 120 executions, 12 a second");
        }
        assert!(summary("t", "no", 10).contains("did not say"));
    }
}
