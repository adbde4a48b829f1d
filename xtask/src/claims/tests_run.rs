//! Builds and runs chosen tests, each in the program that holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Result, process, say, workspace};

/// A test as the tables name it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TestName {
    whole: String,
    package: String,
    /// The path within the package: with or without the integration test's target in front.
    path: String,
}

impl TestName {
    /// `package::target::function` or `package::module::function`.
    pub(super) fn parse(whole: &str) -> Result<Self> {
        match whole.split_once("::") {
            Some((package, path)) if !package.is_empty() && !path.is_empty() => Ok(Self {
                whole: whole.to_owned(),
                package: package.into(),
                path: path.into(),
            }),
            _ => Err(format!("`{whole}` is not package::…::function")),
        }
    }

    fn is(&self, program: &Program, function: &str) -> bool {
        let with_target = || format!("{}::{function}", program.target);
        self.package == program.package && (self.path == function || self.path == with_target())
    }
}

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// It does not exist, or its program ended before it.
    Missing,
}

/// A built test program.
struct Program {
    package: String,
    target: String,
    executable: PathBuf,
    /// Where cargo would run it.
    folder: PathBuf,
}

/// How tests are built and run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    /// One variable more in their environment.
    pub(super) variable: Option<(&'static str, &'static str)>,
    /// Built as what is delivered is: for figures.
    pub(super) is_optimised: bool,
}

/// Runs the named tests, ignored ones too, with figures going to `figures`; returns an outcome for
/// each whole name.
pub(super) fn run(
    tests: &[TestName],
    figures: &Path,
    way: Way,
) -> Result<BTreeMap<String, Outcome>> {
    let mut outcomes: BTreeMap<_, _> = tests
        .iter()
        .map(|test| (test.whole.clone(), Outcome::Missing))
        .collect();
    let packages: BTreeSet<_> = tests.iter().map(|test| test.package.as_str()).collect();
    if packages.is_empty() {
        return Ok(outcomes);
    }
    for program in build(&packages, way)? {
        let listed = process::output(
            Command::new(&program.executable)
                .current_dir(&program.folder)
                .args(["--list", "--format", "terse"]),
        )?;
        let functions: Vec<_> = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .filter(|function| tests.iter().any(|test| test.is(&program, function)))
            .collect();
        if functions.is_empty() {
            continue;
        }
        for (function, outcome) in run_program(&program, &functions, figures, way.variable)? {
            for test in tests.iter().filter(|test| test.is(&program, &function)) {
                outcomes.insert(test.whole.clone(), outcome);
            }
        }
    }
    Ok(outcomes)
}

fn build(packages: &BTreeSet<&str>, way: Way) -> Result<Vec<Program>> {
    say::step("building the tests");
    let metadata = workspace::metadata()?;
    let mut command = process::cargo();
    command.args([
        "test",
        "--locked",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    if way.is_optimised {
        command.args(["--profile", "figures"]);
    }
    let known = |name: &str| {
        let all = metadata["packages"].as_array().into_iter().flatten();
        let mut ours = all.filter(|package| package["source"].is_null());
        ours.any(|package| package["name"] == name)
    };
    // A package that does not exist leaves its tests missing; it does not stop the others.
    let existing: Vec<_> = packages.iter().filter(|name| known(name)).collect();
    if existing.is_empty() {
        return Ok(Vec::new());
    }
    for package in existing {
        command.args(["--package", package]);
    }
    let messages = process::output(&mut command)?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(messages
        .filter_map(|message| program(&message, &metadata))
        .collect())
}

/// The test program that a message of cargo tells of.
fn program(message: &Value, metadata: &Value) -> Option<Program> {
    let built = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let executable = message["executable"].as_str().filter(|_| built)?;
    let packages = metadata["packages"].as_array()?;
    let package = packages
        .iter()
        .find(|package| package["id"] == message["package_id"])?;
    Some(Program {
        package: package["name"].as_str()?.to_owned(),
        target: message["target"]["name"].as_str()?.to_owned(),
        executable: PathBuf::from(executable),
        folder: Path::new(package["manifest_path"].as_str()?)
            .parent()?
            .to_owned(),
    })
}

/// Runs a program and shows what it prints as it comes.
fn run_program(
    program: &Program,
    functions: &[&str],
    figures: &Path,
    variable: Option<(&str, &str)>,
) -> Result<Vec<(String, Outcome)>> {
    say::step(&format!(
        "{}: {} tests of {}",
        program.package,
        functions.len(),
        program.target
    ));
    let mut command = Command::new(&program.executable);
    workspace::tell_parts(&mut command)?;
    command
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .env("VELUM_FIGURES", figures)
        .envs(variable)
        .args(["--exact", "--include-ignored"])
        .args(functions)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let failed = |error: std::io::Error| format!("{}: {error}", program.executable.display());
    let mut child = command.spawn().map_err(failed)?;
    let mut outcomes = Vec::new();
    for line in BufReader::new(child.stdout.take().ok_or("no standard output")?).lines() {
        let line = line.map_err(failed)?;
        say::step(&line);
        outcomes.extend(outcome(&line));
    }
    child.wait().map_err(failed)?;
    Ok(outcomes)
}

/// `test module::function ... ok` and its like, as the test programs print them.
fn outcome(line: &str) -> Option<(String, Outcome)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let outcome = match result.split_whitespace().next()? {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        _ => return None,
    };
    Some((name.to_owned(), outcome))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Outcome, Program, TestName, outcome};

    #[test]
    fn outcomes_are_read_from_what_test_programs_print() {
        let named = |outcome| Some(("a::b".to_owned(), outcome));
        assert_eq!(outcome("test a::b ... ok"), named(Outcome::Passed));
        assert_eq!(
            outcome("test a::b - should panic ... ok"),
            named(Outcome::Passed)
        );
        assert_eq!(outcome("test a::b ... FAILED"), named(Outcome::Failed));
        for other in [
            "test a::b ... ignored",
            "test result: ok. 3 passed",
            "running 3 tests",
            "",
        ] {
            assert_eq!(outcome(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_fits_with_and_without_its_target() {
        let program = Program {
            package: "velum-end-to-end".to_owned(),
            target: "first_light".to_owned(),
            executable: PathBuf::new(),
            folder: PathBuf::new(),
        };
        for (name, fits) in [
            ("velum-end-to-end::first_light::masks", true),
            ("velum-end-to-end::masks", true),
            ("velum-end-to-end::second::masks", false),
            ("velum-engine::first_light::masks", false),
            ("velum-end-to-end::first_light::mask", false),
        ] {
            assert_eq!(
                TestName::parse(name).unwrap().is(&program, "masks"),
                fits,
                "{name}"
            );
        }
        assert!(TestName::parse("masks").is_err());
    }
}
