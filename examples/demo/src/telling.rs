//! What is printed.
#![expect(clippy::print_stdout, reason = "printing is the demo's job")]

use serde_json::Value;
use velum_harness::{Response, Result};

use crate::stage::Stage;

const WIDTH: usize = 92;

pub(crate) fn say(text: &str) {
    println!("{text}");
}

pub(crate) fn opening() {
    println!("Velum: PHI stays behind the veil; a second person lifts it.");
    println!("\nStarting a FHIR API, the policy service and Envoy with the filter ...");
}

pub(crate) fn parts(stage: &Stage) {
    println!(
        "  FHIR API        http://{}   (invented patients)",
        stage.fhir
    );
    println!(
        "  policy service  {}   (SQLite in a temporary folder)",
        stage.service.url()
    );
    println!(
        "  Envoy           {}   (filter.wasm, policy examples/policy.yaml)",
        stage.envoy.url()
    );
    println!("\n  triage-bot is an agent; it acts for dr-jones. grace is another person.");
}

/// The title of a step.
pub(crate) fn step(number: usize, title: &str) {
    println!("\n{number}. {title}");
}

/// A request: its first line and the headers that matter.
pub(crate) fn request(line: &str, headers: &[(&str, &str)]) {
    println!("   > {line}");
    for (name, value) in headers {
        println!("   > {name}: {value}");
    }
}

/// The first line of an answer, and those of its headers that Velum wrote.
pub(crate) fn answer(response: &Response) {
    println!("   < {}", response.status);
    for (name, value) in &response.headers {
        if name.starts_with("velum-") || name == "location" || name == "retry-after" {
            println!("   < {name}: {value}");
        }
    }
}

/// What of a patient this story is about.
pub(crate) fn patient(patient: &Value) {
    let name = &patient["name"][0];
    line("name", &format!("{} {}", name["given"], name["family"]));
    line("birthDate", &patient["birthDate"].to_string());
    for identifier in patient["identifier"].as_array().into_iter().flatten() {
        let system = identifier["system"].as_str().unwrap_or_default();
        let label = if system.ends_with("ssn") {
            "SSN"
        } else {
            "MRN"
        };
        line(label, &identifier["value"].to_string());
    }
    for telecom in patient["telecom"].as_array().into_iter().flatten() {
        line(
            telecom["system"].as_str().unwrap_or_default(),
            &telecom["value"].to_string(),
        );
    }
    let address = &patient["address"][0];
    line(
        "address",
        &format!("{} {}", address["line"], address["city"]),
    );
    line("gender", &patient["gender"].to_string());
    line(
        "maritalStatus",
        &patient["maritalStatus"]["coding"][0]["display"].to_string(),
    );
}

/// A problem (RFC 9457), or any small object, one member a line.
pub(crate) fn object(object: &Value) {
    for (name, value) in object.as_object().into_iter().flatten() {
        line(name, &value.to_string());
    }
}

/// An approval as its reviewers see it.
pub(crate) fn approval(approval: &Value) {
    let identities = |value: &Value| {
        let subjects = value.as_array().into_iter().flatten();
        subjects
            .filter_map(|one| one["subject"].as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    line("approval", &text(&approval["id"]));
    line("requester", &text(&approval["principal"]["subject"]));
    line("on behalf of", &identities(&approval["on_behalf_of"]));
    line("may not review", &list(&approval["excluded"]));
    line(
        "request",
        &format!("{} {}", text(&approval["method"]), text(&approval["path"])),
    );
    line("action", &text(&approval["action"]));
    line("asked for", &list(&approval["classes"]));
    line("reason", &text(&approval["reason"]));
}

/// One audit record.
pub(crate) fn record(entry: &Value) {
    let leaf = &entry["leaf"];
    let data = &leaf["data"];
    let kind = leaf["type"].as_str().unwrap_or_default();
    let kind = kind
        .trim_start_matches("org.velum.")
        .trim_end_matches(".v1");
    let actor = &data["actor"];
    let who = actor["id"]
        .as_str()
        .or(actor["kind"].as_str())
        .unwrap_or_default();
    let classes = [
        &data["request"]["classes"],
        &data["vote"]["classes"],
        &data["use"]["classes"],
    ];
    let classes = classes
        .into_iter()
        .find(|classes| !classes.is_null())
        .map(list);
    let refused = data["refused"].as_str().map(|why| format!("({why})"));
    let what = classes.or(refused).unwrap_or_default();
    println!(
        "     {:>3}  {kind:<24} {who:<10} {what}",
        entry["index"].to_string()
    );
}

/// How to go on by hand.
pub(crate) fn your_turn(stage: &Stage) -> Result<()> {
    let (envoy, service) = (stage.envoy.url(), stage.service.url());
    println!("\nNow you. Everything stays up until Ctrl-C; in another terminal:");
    println!("\n  # as the agent triage-bot, for dr-jones");
    println!("  export TOKEN={}", stage.agent_token);
    println!("  curl -s -H \"authorization: Bearer $TOKEN\" {envoy}/Patient/9");
    println!("  curl -s -H \"authorization: Bearer $TOKEN\" {envoy}/Patient/9 \\");
    println!("    -H 'velum-lift: name' -H 'velum-reason: call back' -H 'prefer: wait=60'");
    println!("\n  # as grace, in a third one, while that waits");
    println!("  export GRACE={}", stage.service.reviewer_token("grace")?);
    println!(
        "  curl -s -H \"authorization: Bearer $GRACE\" '{service}/v1/approvals?state=pending'"
    );
    println!(
        "  curl -s -H \"authorization: Bearer $GRACE\" -H 'content-type: application/json' \\"
    );
    println!("    -d '{{\"classes\": [\"name\"]}}' {service}/v1/approvals/ID/approve");
    println!("\n  # or with velum");
    println!("  export VELUM_URL={service} VELUM_TOKEN=$GRACE");
    println!("  velum approvals list");
    println!("  velum approvals approve ID --classes name");
    println!("\n  # the same as an agent would do it");
    println!("  API_URL={envoy} API_TOKEN=$TOKEN examples/agent.sh 9");
    Ok(())
}

/// The ends of the logs, for whoever has to find out why.
pub(crate) fn logs(stage: &Stage) {
    for (name, log) in [
        ("policy service", stage.service.log()),
        ("Envoy", stage.envoy.log()),
    ] {
        println!("\nThe end of the log of {name}:");
        let lines: Vec<&str> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(12)..] {
            println!("  {line}");
        }
    }
}

fn line(label: &str, value: &str) {
    let value: String = if value.chars().count() > WIDTH {
        value
            .chars()
            .take(WIDTH - 4)
            .chain(" ...".chars())
            .collect()
    } else {
        value.to_owned()
    };
    println!("     {label:<15} {value}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn list(value: &Value) -> String {
    let items = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    items.collect::<Vec<_>>().join(", ")
}
