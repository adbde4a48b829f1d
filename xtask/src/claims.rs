//! `claims`: runs what shows each line of an area and prints the line with its figure and a verdict.
//!
//! A test leaves a figure by writing one line to `$VELUM_FIGURES/<name of its function>.txt`; one
//! that begins with `skipped: ` says what the test had not got.

mod approvals;
mod audit;
mod detectors;
mod engine;
mod filter;
mod first_light;
mod inbox;
mod tests_run;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Args;

use self::tests_run::{Outcome, TestName};
use crate::{Result, playground, say, setup, wasm, workspace};

/// Which claims.
#[derive(Args)]
pub(crate) struct Arguments {
    /// An area, for instance first-light; without it all of them
    area: Option<String>,
    /// Take the long runs too: minutes for each
    #[arg(long)]
    long: bool,
}

/// One line of an area.
struct Claim {
    /// As a reader finds it.
    text: &'static str,
    /// What shows it, each as `package::target::function` for an integration test and
    /// `package::module::function` for a unit test; all must pass.
    tests: &'static [&'static str],
}

/// A line that no test shows: a figure, taken when it is asked for.
struct Measure {
    /// As a reader finds it.
    text: &'static str,
    /// Takes the figure; whether it may take long.
    run: fn(bool) -> Verdict,
}

/// Every area, in the order in which they came.
const AREAS: &[(&str, &[Claim], &[Measure])] = &[
    ("first-light", first_light::CLAIMS, &[]),
    ("engine", engine::CLAIMS, engine::MEASURES),
    ("detectors", detectors::CLAIMS, detectors::MEASURES),
    ("filter", filter::CLAIMS, filter::MEASURES),
    ("approvals", approvals::CLAIMS, approvals::MEASURES),
    ("audit", audit::CLAIMS, audit::MEASURES),
    ("inbox", inbox::CLAIMS, inbox::MEASURES),
];

/// Runs the tests of an area and judges its claims.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let areas: Vec<_> = AREAS
        .iter()
        .filter(|(name, ..)| arguments.area.as_deref().is_none_or(|area| area == *name))
        .collect();
    if areas.is_empty() {
        let known: Vec<_> = AREAS.iter().map(|(name, ..)| *name).collect();
        return Err(format!("no such area; there are: {}", known.join(", ")));
    }
    let built = setup::run()
        .and_then(|()| setup::schemathesis::find_or_install().map(|_| ()))
        .and_then(|()| setup::go::find_or_install().map(|_| ()))
        .and_then(|()| setup::chromium::find_or_install().map(|_| ()))
        .and_then(|()| setup::axe::find_or_install().map(|_| ()))
        .and_then(|()| wasm::build_modules())
        .and_then(|()| playground::build())
        .and_then(|()| workspace::build_programs(&[]));
    if let Err(missing) = built {
        for claim in areas.iter().flat_map(|(_, claims, _)| *claims) {
            let verdict = Verdict::Skipped(vec![missing.clone()]);
            say::result(&format!("{}: {}", claim.text, verdict.describe()));
        }
        return Err("no claim could be checked".to_owned());
    }

    let folder = workspace::root().join("target/claims");
    empty(&folder)?;
    let named = areas
        .iter()
        .flat_map(|(_, claims, _)| *claims)
        .flat_map(|claim| claim.tests);
    let named: Vec<_> = named
        .map(|test| TestName::parse(test))
        .collect::<Result<_>>()?;
    // Those that do more where they may take long do it here too.
    let outcomes = tests_run::run(&named, &folder, approvals::way(arguments.long))?;
    let figures = read_figures(&folder)?;

    let mut fallen = 0;
    for (area, claims, measures) in areas {
        let mut verdicts = Vec::new();
        for claim in *claims {
            let verdict = judge(claim, &outcomes, &figures);
            say::result(&format!("{}: {}", claim.text, verdict.describe()));
            verdicts.push(verdict);
        }
        for measure in *measures {
            let verdict = (measure.run)(arguments.long);
            say::result(&format!("{}: {}", measure.text, verdict.describe()));
            verdicts.push(verdict);
        }
        let count = |kind: fn(&Verdict) -> bool| verdicts.iter().filter(|it| kind(it)).count();
        let short = count(|verdict| matches!(verdict, Verdict::FallsShort(_)));
        say::result(&format!(
            "{area}: {} hold, {short} fall short, {} skipped",
            count(|verdict| matches!(verdict, Verdict::Holds(_))),
            count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        ));
        fallen += short;
    }
    if fallen == 0 {
        Ok(())
    } else {
        Err(format!("{fallen} claims fall short"))
    }
}

/// What became of a claim, with the figures or reasons to print.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Holds(Vec<String>),
    FallsShort(Vec<String>),
    Skipped(Vec<String>),
}

impl Verdict {
    fn describe(&self) -> String {
        match self {
            Self::Holds(figures) if figures.is_empty() => "holds".to_owned(),
            Self::Holds(figures) => format!("{}: holds", figures.join("; ")),
            Self::FallsShort(reasons) => format!("falls short: {}", reasons.join("; ")),
            Self::Skipped(missing) => format!("skipped: {}", missing.join("; ")),
        }
    }
}

/// A figure for each name of a test function.
type Figures = BTreeMap<String, String>;

fn judge(claim: &Claim, outcomes: &BTreeMap<String, Outcome>, figures: &Figures) -> Verdict {
    let reasons: Vec<_> = claim
        .tests
        .iter()
        .filter_map(|test| match outcomes.get(*test) {
            Some(Outcome::Passed) => None,
            Some(Outcome::Failed) => Some(format!("{test} failed")),
            Some(Outcome::Missing) | None => Some(format!("{test} did not run")),
        })
        .collect();
    if !reasons.is_empty() {
        return Verdict::FallsShort(reasons);
    }
    if claim.tests.is_empty() {
        return Verdict::FallsShort(vec!["no test shows it".to_owned()]);
    }
    let figures = claim.tests.iter().filter_map(|test| {
        let function = test.rsplit("::").next()?;
        figures.get(function).map(String::as_str)
    });
    let (skipped, figures): (Vec<_>, Vec<_>) =
        figures.partition(|figure| figure.starts_with(SKIPPED));
    if skipped.is_empty() {
        return Verdict::Holds(figures.into_iter().map(str::to_owned).collect());
    }
    Verdict::Skipped(
        skipped
            .into_iter()
            .map(|it| it[SKIPPED.len()..].to_owned())
            .collect(),
    )
}

const SKIPPED: &str = "skipped: ";

/// No figure of an earlier run may be read as one of this run.
fn empty(folder: &Path) -> Result {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::create_dir_all(folder).map_err(failed)
}

fn read_figures(folder: &Path) -> Result<Figures> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut figures = Figures::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let line = fs::read_to_string(&path).map_err(failed)?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        figures.insert(
            name,
            line.lines().next().unwrap_or_default().trim().to_owned(),
        );
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{AREAS, Claim, Outcome, TestName, Verdict, judge};

    const CLAIM: Claim = Claim {
        text: "t",
        tests: &["p::t::a", "p::t::b"],
    };

    fn verdict(claim: &Claim, outcomes: &[(&str, Outcome)], figures: &[(&str, &str)]) -> Verdict {
        let outcomes = outcomes
            .iter()
            .map(|(name, outcome)| ((*name).to_owned(), *outcome));
        let figures = figures
            .iter()
            .map(|(name, line)| ((*name).to_owned(), (*line).to_owned()));
        judge(
            claim,
            &outcomes.collect(),
            &figures.collect::<BTreeMap<_, _>>(),
        )
    }

    #[test]
    fn a_claim_holds_only_when_all_its_tests_passed() {
        let (passed, failed, missing) = (Outcome::Passed, Outcome::Failed, Outcome::Missing);
        let both = |second| vec![("p::t::a", passed), ("p::t::b", second)];
        let figures = [("a", "12 MiB"), ("c", "of another claim")];
        assert_eq!(
            verdict(&CLAIM, &both(passed), &figures),
            Verdict::Holds(vec!["12 MiB".to_owned()])
        );
        for (outcomes, reason) in [
            (both(failed), "p::t::b failed"),
            (both(missing), "p::t::b did not run"),
            (vec![("p::t::a", passed)], "p::t::b did not run"),
        ] {
            let expected = Verdict::FallsShort(vec![reason.to_owned()]);
            assert_eq!(verdict(&CLAIM, &outcomes, &figures), expected);
        }
    }

    #[test]
    fn a_claim_without_tests_falls_short() {
        let claim = Claim {
            text: "t",
            tests: &[],
        };
        assert!(matches!(verdict(&claim, &[], &[]), Verdict::FallsShort(_)));
    }

    #[test]
    fn what_could_not_run_is_skipped_and_never_holds() {
        let outcomes = [("p::t::a", Outcome::Passed), ("p::t::b", Outcome::Passed)];
        assert_eq!(
            verdict(
                &CLAIM,
                &outcomes,
                &[("a", "skipped: no second Envoy"), ("b", "1")]
            ),
            Verdict::Skipped(vec!["no second Envoy".to_owned()])
        );
        let outcomes = [("p::t::a", Outcome::Passed), ("p::t::b", Outcome::Failed)];
        let skipped = verdict(&CLAIM, &outcomes, &[("a", "skipped: no second Envoy")]);
        assert!(matches!(skipped, Verdict::FallsShort(_)));
    }

    #[test]
    fn every_test_that_is_named_can_be_read() {
        for test in AREAS
            .iter()
            .flat_map(|(_, claims, _)| *claims)
            .flat_map(|claim| claim.tests)
        {
            assert!(TestName::parse(test).is_ok(), "{test}");
        }
    }
}
