//! `velum policy try`: what the filter would do with an exchange.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use velum_engine::ClassSet;
use velum_filter::simulate::{Message, Outcome};

use super::{Trial, bytes, explain, message, stand_ins};
use crate::arguments::TryOptions;
use crate::failure::Failure;
use crate::show::{path, plain, text, words};

/// Runs one exchange, and prints what comes of it.
pub(crate) fn run(options: &TryOptions) -> Result<ExitCode, Failure> {
    let trial = Trial::new(&options.asked)?;
    let response = match &options.response {
        None => None,
        Some(file) => Some(
            message::response(&bytes(file)?)
                .map_err(|fault| Failure::new(format!("{}: {fault}", path(file))))?,
        ),
    };
    let mut exchange = trial.exchange(&options.asked);
    let approved = options.approve.as_ref();
    exchange.approved =
        approved.map(|classes| classes.iter().copied().flatten().collect::<ClassSet>());
    let outcome = trial
        .gateway
        .run(&exchange, &trial.request, response.as_ref())
        .map_err(Failure::new)?;
    if let Some(note) = stand_ins(&trial.gateway) {
        // Nothing is left to tell a failure of this to.
        let _ = writeln!(io::stderr(), "velum: {note}");
    }
    let decided = explain::decide(&trial.gateway, &exchange, &trial.request);
    let caller = trial.gateway.caller(&exchange, &trial.request);
    let output = &mut io::stdout().lock();
    if options.json {
        writeln!(output, "{}", to_json(&outcome, decided.as_ref()))?;
    } else {
        match &decided {
            Some(decided) => writeln!(output, "{}", explain::sentence(decided))?,
            None => writeln!(output, "action: none, since no policy is chosen")?,
        }
        writeln!(output, "identity: {}", explain::identity(caller.as_ref()))?;
        print(&outcome, output)?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print(outcome: &Outcome, output: &mut impl Write) -> io::Result<()> {
    if let Some(check) = &outcome.check {
        writeln!(
            output,
            "asked of the policy service: {} of {} {}, classes {}",
            text(&check["action"]),
            text(&check["method"]),
            text(&check["path"]),
            words(&check["classes"]),
        )?;
    }
    match &outcome.upstream {
        Some(request) => {
            writeln!(output, "\nto the upstream:")?;
            let line = ["method", "path"].map(|name| pseudo(request, name));
            writeln!(output, "  {} HTTP/1.1", line.join(" "))?;
            writeln!(output, "  host: {}", pseudo(request, "authority"))?;
            print_rest(request, output)?;
        }
        None => writeln!(output, "\nto the upstream: nothing")?,
    }
    match &outcome.answer {
        Some(answer) => {
            let whose = if outcome.is_own_answer {
                ", from the filter itself"
            } else {
                ""
            };
            writeln!(output, "\nto the client{whose}:")?;
            writeln!(output, "  HTTP/1.1 {}", pseudo(answer, "status"))?;
            print_rest(answer, output)?;
        }
        None if outcome.is_cut => {}
        None => writeln!(
            output,
            "\nto the client: the upstream's answer, masked unless it passes"
        )?,
    }
    if outcome.is_cut {
        writeln!(
            output,
            "\nthe stream is cut: the client sees that the answer is not whole"
        )?;
    }
    if (outcome.is_cut || outcome.is_own_answer) && !outcome.log.is_empty() {
        writeln!(output, "\nEnvoy's log:")?;
        for line in &outcome.log {
            writeln!(output, "  {}", plain(line))?;
        }
    }
    Ok(())
}

fn print_rest(message: &Message, output: &mut impl Write) -> io::Result<()> {
    for (name, value) in &message.headers {
        if !name.starts_with(b":") {
            let [name, value] = [name, value].map(|it| plain(&String::from_utf8_lossy(it)));
            writeln!(output, "  {name}: {value}")?;
        }
    }
    if !message.body.is_empty() {
        writeln!(output)?;
        let body = String::from_utf8_lossy(&message.body);
        for line in body.lines() {
            writeln!(output, "  {}", plain(line))?;
        }
    }
    Ok(())
}

fn pseudo(message: &Message, name: &str) -> String {
    plain(&message::field(message, &format!(":{name}")).unwrap_or_default())
}

fn to_json(outcome: &Outcome, decided: Option<&explain::Decided>) -> Value {
    json!({
        "action": decided.and_then(|it| it.action.clone()),
        "effect": decided.and_then(|it| it.effect),
        "refused": decided.and_then(|it| it.refused),
        "check": outcome.check,
        "upstream": outcome.upstream.as_ref().map(message_json),
        "answer": outcome.answer.as_ref().map(message_json),
        "own_answer": outcome.is_own_answer,
        "cut": outcome.is_cut,
        "log": outcome.log,
    })
}

fn message_json(message: &Message) -> Value {
    let mut headers = Map::new();
    for (name, value) in &message.headers {
        let [name, value] = [name, value].map(|it| String::from_utf8_lossy(it).into_owned());
        let values = headers.entry(name).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(value.into());
        }
    }
    json!({"headers": headers, "body": message::body(message)})
}
