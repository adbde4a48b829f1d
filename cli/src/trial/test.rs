//! `velum policy test`: whether a policy does what is wanted of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_filter::simulate::{Exchange, Gateway, Message, Outcome};

use super::cases::{Case, Cases, Expectation};
use super::{explain, gateway, message, now, stand_ins};
use crate::arguments::TestOptions;
use crate::failure::Failure;
use crate::show::{path, plain};

/// One thing that is not as it was wanted.
struct Difference {
    what: String,
    wanted: String,
    got: String,
}

/// What came of a case.
struct Finding {
    file: String,
    name: String,
    differences: Vec<Difference>,
    /// What the filter wrote into Envoy's log, which may say why.
    log: Vec<String>,
}

/// Runs every case of every file, and fails at the end if any did.
pub(crate) fn run(options: &TestOptions) -> Result<ExitCode, Failure> {
    let mut gateways = BTreeMap::new();
    let mut findings = Vec::new();
    for file in &options.files {
        let fault = |message: String| Failure::new(format!("{}: {message}", path(file)));
        let text =
            std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
        let cases = Cases::read(&text).map_err(fault)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for case in &cases.cases {
            let at_case = |message: String| fault(format!("{}: {message}", plain(&case.name)));
            let policy = cases.policy(case, folder).map_err(at_case)?;
            let gateway = opened(&mut gateways, policy)?;
            let (differences, log) = check(gateway, case).map_err(at_case)?;
            findings.push(Finding {
                file: path(file),
                name: plain(&case.name),
                differences,
                log,
            });
        }
    }
    let output = &mut io::stdout().lock();
    let failed = findings
        .iter()
        .filter(|it| !it.differences.is_empty())
        .count();
    if options.json {
        let all: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        writeln!(output, "{}", Value::from(all))?;
    } else {
        for finding in &findings {
            finding.print(output)?;
        }
        writeln!(
            output,
            "{} passed, {failed} failed",
            findings.len() - failed
        )?;
    }
    output.flush()?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The gateway of a policy, made once.
fn opened(gateways: &mut BTreeMap<PathBuf, Gateway>, policy: PathBuf) -> Result<&Gateway, Failure> {
    use std::collections::btree_map::Entry;
    match gateways.entry(policy) {
        Entry::Occupied(there) => Ok(there.into_mut()),
        Entry::Vacant(place) => {
            let gateway = gateway(place.key())?;
            if let Some(note) = stand_ins(&gateway) {
                // Nothing is left to tell a failure of this to.
                let _ = writeln!(io::stderr(), "velum: {}: {note}", path(place.key()));
            }
            Ok(place.insert(gateway))
        }
    }
}

fn check(gateway: &Gateway, case: &Case) -> Result<(Vec<Difference>, Vec<String>), String> {
    let request = case.request()?;
    let response = case.response()?;
    let exchange = Exchange {
        route: case.route.as_deref(),
        policy: case.route_policy.as_deref(),
        claims: case.claims.as_ref(),
        peer: case.peer.as_deref(),
        approved: case.approved()?,
        now: now(),
    };
    let outcome = gateway.run(&exchange, &request, response.as_ref())?;
    let mut differences = Differences(Vec::new());
    if let Some(decided) = explain::decide(gateway, &exchange, &request) {
        let action = decided
            .action
            .or(decided.refused.map(|code| format!("refused: {code}")));
        let wanted = &case.expect;
        differences.of(
            "action",
            wanted.action.as_ref(),
            &action.as_deref().unwrap_or("none"),
        );
        let effect = decided.effect.unwrap_or("refused");
        differences.of("effect", wanted.effect.as_ref(), &effect);
    } else if case.expect.action.is_some() || case.expect.effect.is_some() {
        return Err(explain::NOT_CHOSEN.to_owned());
    }
    compare(&case.expect, &outcome, &mut differences);
    Ok((differences.0, outcome.log))
}

fn compare(wanted: &Expectation, outcome: &Outcome, differences: &mut Differences) {
    differences.of(
        "forwarded",
        wanted.forwarded.as_ref(),
        &outcome.upstream.is_some(),
    );
    let answer = outcome.answer.as_ref();
    let status = answer.and_then(|answer| message::field(answer, ":status"));
    let status = status.as_deref().unwrap_or(UNKNOWN);
    differences.of("status", wanted.status.as_ref(), &status);
    let body = answer.map(message::body);
    let own = body.as_ref().filter(|_| outcome.is_own_answer);
    let problem = own.and_then(|body| body.get("type")?.as_str()?.rsplit('/').next());
    differences.of(
        "problem",
        wanted.problem.as_ref(),
        &problem.unwrap_or("none"),
    );
    if let Some(wanted) = &wanted.body
        && Some(wanted) != body.as_ref()
    {
        let got = body
            .as_ref()
            .map_or_else(|| UNKNOWN.to_owned(), Value::to_string);
        differences.add("body", wanted.to_string(), got);
    }
    for (name, wanted) in &wanted.headers {
        let got = answer.and_then(|answer| message::field(answer, &name.to_ascii_lowercase()));
        if got.as_deref() != wanted.as_deref() {
            let show = |value: Option<&str>| value.unwrap_or("none").to_owned();
            let what = format!("header {name}");
            differences.add(&what, show(wanted.as_deref()), show(got.as_deref()));
        }
    }
    if (!wanted.absent.is_empty() || !wanted.present.is_empty()) && answer.is_none() {
        differences.add("answer", "one to look into".to_owned(), UNKNOWN.to_owned());
    }
    for text in &wanted.absent {
        if answer.is_some_and(|answer| shows(answer, text, true)) {
            differences.add("absent", format!("no {text:?}"), "it shows".to_owned());
        }
    }
    for text in &wanted.present {
        if answer.is_some_and(|answer| !shows(answer, text, false)) {
            differences.add(
                "present",
                format!("{text:?}"),
                "it does not show".to_owned(),
            );
        }
    }
    if outcome.is_cut {
        differences.add("answer", "a whole one".to_owned(), "it is cut".to_owned());
    }
}

/// What there is of an answer where the case gives no response, and the filter none of its own.
const UNKNOWN: &str = "not known: the case gives no response";

fn shows(message: &Message, text: &str, in_headers: bool) -> bool {
    let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
    has(&message.body) || (in_headers && message.headers.iter().any(|(_, value)| has(value)))
}

struct Differences(Vec<Difference>);

impl Differences {
    fn of(&mut self, what: &str, wanted: Option<&impl ToString>, got: &impl ToString) {
        if let Some(wanted) = wanted.map(ToString::to_string)
            && wanted != got.to_string()
        {
            self.add(what, wanted, got.to_string());
        }
    }

    fn add(&mut self, what: &str, wanted: String, got: String) {
        self.0.push(Difference {
            what: what.to_owned(),
            wanted,
            got,
        });
    }
}

impl Finding {
    fn print(&self, output: &mut impl Write) -> io::Result<()> {
        let word = if self.differences.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        writeln!(output, "{}: {}: {word}", self.file, self.name)?;
        for difference in &self.differences {
            writeln!(output, "  {}", plain(&difference.what))?;
            writeln!(output, "  - {}", plain(&difference.wanted))?;
            writeln!(output, "  + {}", plain(&difference.got))?;
        }
        if !self.differences.is_empty() && !self.log.is_empty() {
            writeln!(output, "  Envoy's log")?;
            for line in &self.log {
                writeln!(output, "    {}", plain(line))?;
            }
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let differences: Vec<Value> = self
            .differences
            .iter()
            .map(|it| json!({"what": it.what, "wanted": it.wanted, "got": it.got}))
            .collect();
        json!({
            "file": self.file, "name": self.name, "ok": self.differences.is_empty(),
            "differences": differences, "log": self.log,
        })
    }
}
