//! The story, one function a step; each checks what it tells.

use std::time::Duration;

use serde_json::Value;
use velum_harness::{Call, Failure, Response, Result};

use crate::patient::{self, Names, expect};
use crate::stage::Stage;
use crate::telling;

const REASON: &str = "call back about the lab result";

/// Tells all of it; the failure names the step that was wrong.
pub(crate) async fn tell(stage: &mut Stage) -> Result<()> {
    let original = stage.direct().get("/Patient/7").send().await?.json();
    step(1, masked(stage, &original).await)?;
    let approval = step(2, lifted(stage, &original).await)?;
    step(3, used_again(stage, &approval).await)?;
    step(4, denied(stage).await)?;
    step(5, service_down(stage, &original).await)?;
    step(6, audit(stage, &original).await)
}

fn step<T>(number: usize, told: Result<T>) -> Result<T> {
    told.map_err(|failure| Failure::new(format!("step {number}: {failure}")))
}

async fn masked(stage: &Stage, original: &Value) -> Result<()> {
    telling::step(
        1,
        "triage-bot reads a patient. What identifies is masked, codes are not.",
    );
    let response = send(stage, "GET", "/Patient/7", &[]).await?;
    status(&response, 200)?;
    telling::patient(&patient::check(&response.body, original, Names::Masked)?);
    Ok(())
}

/// Gives the approval's id.
async fn lifted(stage: &Stage, original: &Value) -> Result<String> {
    telling::step(2, "It asks for names and dates, says why, and waits.");
    let waiting = tokio::spawn(call(stage, "GET", "/Patient/7", ASK).send());
    let grace = stage.reviewer("grace")?;
    let pending = grace.wait_for_pending(Duration::from_secs(15)).await?;
    say("grace sees:");
    telling::approval(&pending);
    expect(
        pending["principal"]["subject"] == "triage-bot",
        "the requester is triage-bot",
    )?;
    expect(
        !pending.to_string().contains("/Patient/7"),
        "the reviewer's card names no resource",
    )?;
    let id = pending["id"].as_str().unwrap_or_default().to_owned();

    say("dr-jones, for whom triage-bot acts, tries to approve it:");
    let own = stage.reviewer("dr-jones")?.approve(&id, None).await?;
    telling::object(&own.body);
    expect(own.status == 403, "nobody approves what they are behind")?;
    problem(&own.body, "self-approval")?;
    expect(!waiting.is_finished(), "the request still waits")?;

    say("grace approves the name only.");
    let granted = grace.approve(&id, Some(&["name"])).await?;
    expect(
        granted.status == 200,
        &format!("grace may approve: {}", granted.body),
    )?;

    say("The waiting request returns:");
    let response = waiting
        .await
        .map_err(|error| Failure::new(error.to_string()))??;
    telling::answer(&response);
    status(&response, 200)?;
    expect(
        response.header("velum-lifted") == Some("name"),
        "velum-lifted says: name",
    )?;
    telling::patient(&patient::check(&response.body, original, Names::Clear)?);
    Ok(id)
}

async fn used_again(stage: &Stage, approval: &str) -> Result<()> {
    telling::step(
        3,
        "A grant is used once: the same request again, naming that approval.",
    );
    let mut headers = ASK.to_vec();
    headers.push(("velum-approval", approval));
    let response = send(stage, "GET", "/Patient/7", &headers).await?;
    refused(&response, 403, "approval-used")
}

async fn denied(stage: &Stage) -> Result<()> {
    telling::step(4, "It wants to delete a patient. grace denies.");
    let headers = [("velum-reason", "duplicate record"), ("prefer", "wait=60")];
    let waiting = tokio::spawn(call(stage, "DELETE", "/Patient/8", &headers).send());
    let grace = stage.reviewer("grace")?;
    let pending = grace.wait_for_pending(Duration::from_secs(15)).await?;
    let id = pending["id"].as_str().unwrap_or_default();
    let answer = grace
        .deny(id, Some("Merge it instead: ask the records office."))
        .await?;
    expect(
        answer.status == 200,
        &format!("grace may deny: {}", answer.body),
    )?;
    let response = waiting
        .await
        .map_err(|error| Failure::new(error.to_string()))??;
    telling::answer(&response);
    refused(&response, 403, "approval-denied")?;
    let there = stage.direct().get("/Patient/8").send().await?;
    expect(there.status == 200, "the patient is still there")
}

async fn service_down(stage: &mut Stage, original: &Value) -> Result<()> {
    telling::step(
        5,
        "The policy service is stopped. Reading goes on, masked; a lift is refused.",
    );
    stage.service.stop();
    let response = send(stage, "GET", "/Patient/7", &[]).await?;
    status(&response, 200)?;
    patient::check(&response.body, original, Names::Masked)?;
    say("(all masked, as in 1)");
    let response = send(stage, "GET", "/Patient/7", ASK).await?;
    refused(&response, 503, "approval-unavailable")
}

async fn audit(stage: &mut Stage, original: &Value) -> Result<()> {
    telling::step(
        6,
        "The service is back. What the audit log has of all that, without PHI:",
    );
    stage.service.restart().await?;
    let entries = stage.reviewer("grace")?.audit(None).await?;
    entries.iter().for_each(telling::record);
    for kind in RECORDED {
        let found = entries.iter().any(|entry| entry["leaf"]["type"] == *kind);
        expect(found, &format!("there is a record {kind}"))?;
    }
    let text = Value::from(entries).to_string();
    expect(!text.contains(REASON), "the reason is in no record")?;
    let family = original["name"][0]["family"].as_str().unwrap_or_default();
    expect(!text.contains(family), "no name is in a record")
}

const ASK: &[(&str, &str)] = &[
    ("velum-lift", "name,date"),
    ("velum-reason", REASON),
    ("prefer", "wait=60"),
];

const RECORDED: &[&str] = &[
    "org.velum.approval.requested.v1",
    "org.velum.vote.refused.v1",
    "org.velum.grant.issued.v1",
    "org.velum.grant.used.v1",
    "org.velum.grant.refused.v1",
    "org.velum.vote.denied.v1",
];

/// Tells the request; gives it ready to be sent.
fn call(stage: &Stage, method: &str, path: &str, headers: &[(&str, &str)]) -> Call {
    telling::request(&format!("{method} {path}"), headers);
    let call = stage.agent().call(method, path).bearer(&stage.agent_token);
    headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value))
}

async fn send(
    stage: &Stage,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response> {
    let response = call(stage, method, path, headers).send().await?;
    telling::answer(&response);
    Ok(response)
}

fn refused(response: &Response, expected: u16, code: &str) -> Result<()> {
    telling::object(&response.json());
    status(response, expected)?;
    let media_type = response.header("content-type");
    expect(
        media_type == Some("application/problem+json"),
        "a refusal is a problem (RFC 9457)",
    )?;
    problem(&response.json(), code)
}

fn status(response: &Response, expected: u16) -> Result<()> {
    let Response {
        status, complete, ..
    } = response;
    expect(*complete, "the answer is whole")?;
    expect(
        *status == expected,
        &format!("status {expected}, not {status}: {}", response.text()),
    )
}

fn problem(body: &Value, code: &str) -> Result<()> {
    let kind = body["type"].as_str().unwrap_or_default();
    expect(
        kind.rsplit('/').next() == Some(code),
        &format!("a problem {code}, not {kind}"),
    )
}

fn say(text: &str) {
    telling::say(&format!("   {text}"));
}
