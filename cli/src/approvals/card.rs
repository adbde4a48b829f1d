//! One approval, whole.

use std::io::Write;

use serde_json::Value;

use super::not_ours;
use crate::failure::Failure;
use crate::show::{counts, identity, moment, moment_and_distance, plain, scope, text, words};

/// Path and query, both without values.
pub(super) fn path(card: &Value) -> String {
    match card["query"].as_str() {
        None | Some("") => text(&card["path"]),
        Some(query) => format!("{}?{}", text(&card["path"]), plain(query)),
    }
}

/// The people whose latest word on the present reason is a yes.
pub(super) fn approvals(card: &Value) -> Vec<String> {
    let yes = list_of(card, "votes")
        .filter(|vote| vote["counts"] == true && vote["verdict"] == "approve");
    yes.map(|vote| text(&vote["person"])).collect()
}

/// Writes it.
pub(super) fn write(output: &mut impl Write, card: &Value) -> Result<(), Failure> {
    let id = card["id"].as_str().ok_or_else(not_ours)?;
    let state = format!(
        "{}, version {}",
        text(&card["state"]),
        text(&card["version"])
    );
    let mut lines = vec![("approval", plain(id)), ("state", state)];
    lines.push(("requester", identity(&card["principal"])));
    lines.extend(list_of(card, "on_behalf_of").map(|one| ("on behalf of", identity(one))));
    let request = format!(
        "{} {}{}",
        text(&card["method"]),
        text(&card["authority"]),
        path(card)
    );
    lines.extend([
        ("action", text(&card["action"])),
        ("request", request),
        ("resource", text(&card["resource"])),
        ("asks to see", words(&card["classes"])),
    ]);
    if card["found"].is_object() {
        lines.push(("body holds", counts(&card["found"])));
    }
    lines.push(("reason", text(&card["reason"])));
    if card["needs"].is_string() {
        lines.push(("asked for", format!("a better {}", text(&card["needs"]))));
    }
    lines.push(("evidence", evidence(&card["evidence"])));
    lines.extend(list_of(&card["shape"], "fields").map(|one| ("field", field(one))));
    if card["shape"]["others"].is_object() {
        let others = counts(&card["shape"]["others"]);
        lines.push((
            "more fields",
            format!("{others} in fields that had no room"),
        ));
    }
    if list_of(card, "rules").next().is_some() {
        lines.push(("rules", words(&card["rules"])));
    }
    lines.push(("asked", moment_and_distance(&card["created"])));
    lines.extend(ends(card));
    lines.extend([
        ("needs", format!("{} approval(s)", text(&card["quorum"]))),
        ("not by", words(&card["excluded"])),
        ("waiting", waiting(card)),
    ]);
    lines.extend(list_of(card, "votes").map(|vote| ("vote", said(vote))));
    if card["public_reason"].is_string() {
        lines.push(("told", text(&card["public_reason"])));
    }
    if card["granted"].is_object() {
        let uses = text(&card["grant_uses"]);
        lines.push((
            "granted",
            format!("{}; {uses} use(s)", scope(&card["granted"])),
        ));
    }
    if card["emergency"].is_string() {
        lines.push(("emergency", text(&card["emergency"])));
    }
    lines.extend(list_of(card, "uses").flat_map(|used| receipt(card, used)));
    for (name, value) in lines {
        writeln!(output, "{name:<13} {value}")?;
    }
    Ok(())
}

fn ends(card: &Value) -> Option<(&'static str, String)> {
    let known = [
        ("ended", "ended"),
        ("grant_expires", "usable until"),
        ("expires", "expires"),
    ];
    let (member, name) = known
        .into_iter()
        .find(|(member, _)| card[member].is_i64())?;
    Some((name, moment_and_distance(&card[member])))
}

fn evidence(evidence: &Value) -> String {
    if !evidence.is_object() {
        return text(evidence);
    }
    let mut line = format!(
        "{} in {} record(s) of {} bytes, {} different value(s)",
        counts(&evidence["found"]),
        text(&evidence["records"]),
        text(&evidence["bytes"]),
        text(&evidence["values"])
    );
    if evidence["complete"] == false {
        line += "; not all of it was seen, and only what was seen is released";
    }
    line
}

/// Where values stand, of which class, how many, and what masks them.
fn field(field: &Value) -> String {
    let by = match field["rule"].as_str() {
        Some(rule) => format!("rule {}", plain(rule)),
        None => text(&field["by"]),
    };
    format!(
        "{} {} {}, by {by}",
        text(&field["path"]),
        text(&field["class"]),
        text(&field["count"])
    )
}

fn said(vote: &Value) -> String {
    let mut line = format!("{} by {}", text(&vote["verdict"]), text(&vote["person"]));
    if vote["scope"].is_object() {
        line = format!("{line} for {}", scope(&vote["scope"]));
    }
    if let Some(seconds) = vote["seconds"].as_u64() {
        line = format!("{line}; for {seconds} s");
    }
    if vote["counts"] == false {
        line += "; counts no more";
    }
    if vote["unseen"] == true {
        line += "; unseen";
    }
    line = format!("{line}, {}", moment(&vote["at"]));
    if let Some(comment) = vote["comment"].as_str() {
        line = format!("{line}: {}", plain(comment));
    }
    line
}

/// What was approved by whom, and what left.
fn receipt<'a>(card: &'a Value, used: &'a Value) -> Vec<(&'static str, String)> {
    let people = approvals(card);
    let by = match people.as_slice() {
        [] => "nobody".to_owned(),
        people => people.join(" and "),
    };
    let mut lines = vec![(
        "used",
        format!(
            "through {} at {}, approved by {by}, record {}",
            text(&used["gateway"]),
            moment(&used["at"]),
            text(&used["index"])
        ),
    )];
    let outcome = &used["outcome"];
    if !outcome.is_object() {
        lines.push(("released", "the gateway has not said what".to_owned()));
        return lines;
    }
    lines.push((
        "released",
        format!(
            "{}; {} record(s), {} bytes, status {}, {}",
            counts(&outcome["lifted"]),
            text(&outcome["records"]),
            text(&outcome["bytes"]),
            text(&outcome["status"]),
            text(&outcome["end"])
        ),
    ));
    if outcome["drift"]
        .as_object()
        .is_some_and(|drift| !drift.is_empty())
    {
        lines.push((
            "drift",
            format!("{}, masked all the same", counts(&outcome["drift"])),
        ));
    }
    lines
}

/// How many held requests wait, and whether a caller has left.
fn waiting(card: &Value) -> String {
    let count = text(&card["waiting"]);
    if card["caller_left"].is_i64() {
        let left = moment_and_distance(&card["caller_left"]);
        format!("{count} held request(s); a caller left {left}")
    } else {
        format!("{count} held request(s)")
    }
}

fn list_of<'a>(card: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    card[name].as_array().into_iter().flatten()
}
