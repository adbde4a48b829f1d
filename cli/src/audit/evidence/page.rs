//! A page for people: no script, nothing from elsewhere, everything escaped.

use serde_json::Value;
use velum_ledger::checkpoint::Checkpoint;

use super::gathering::Gathered;
use super::{Chosen, sampling};
use crate::arguments::EvidenceOptions;
use crate::audit::record;
use crate::audit::verify::{Verdict, report};
use crate::show;

/// What the page is of.
pub(super) struct Shown<'s> {
    pub(super) options: &'s EvidenceOptions,
    pub(super) verdict: &'s Verdict,
    pub(super) head: &'s Checkpoint,
    pub(super) gathered: &'s Gathered,
    pub(super) chosen: &'s [Chosen],
    pub(super) gaps: &'s Value,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%;margin:1rem 0}\
    th,td{border:1px solid #888;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
    th{background:#eee}code{overflow-wrap:anywhere}";

/// A control, and what of this folder is evidence for it.
const CONTROLS: &[(&str, &str)] = &[
    (
        "HIPAA 45 CFR 164.312(b), audit controls",
        "The log records what was asked, decided and released; this folder examines it. population.json, sample/",
    ),
    (
        "SOC 2 CC6.1, logical access",
        "Each release of the sample has the votes before it, of persons who are not behind the request. sample/, reviewers.csv",
    ),
    (
        "SOC 2 CC7.2, monitoring",
        "Where the record is thin: batches missing, silence, outcomes missing. gaps.json",
    ),
    (
        "SOC 2 CC8.1, change management",
        "When what decisions are made under became another, and which part of it. configurations.json",
    ),
    (
        "FedRAMP AU-2, event logging",
        "The types of events in the period, below",
    ),
    (
        "FedRAMP AU-3, content of records",
        "What, when, where, source, outcome, who: each record in sample/",
    ),
    (
        "FedRAMP AU-6, review and analysis",
        "Material for a review. That somebody reviewed the log is not shown by it",
    ),
    (
        "FedRAMP AU-9, protection of audit information",
        "The signature, the root over all records, and the older checkpoints that it was compared with",
    ),
    (
        "FedRAMP AU-12, record generation",
        "The population by type; a release is not made before its record is committed. population.json, gaps.json",
    ),
];

/// The page.
pub(super) fn write(shown: &Shown<'_>) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Evidence of releases</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Evidence of releases</h1>\n"
    );
    let (options, head) = (shown.options, shown.head);
    facts(
        &mut page,
        &[
            ("Log", head.origin().to_owned()),
            ("Period", format!("{} to {}", options.from, options.to)),
            ("Records in the log", head.size().to_string()),
            ("Root", head.root().to_string()),
            (
                "Releases in the period",
                shown.gathered.releases.len().to_string(),
            ),
            (
                "of them in an emergency",
                shown.gathered.in_emergency.to_string(),
            ),
            (
                "Sample",
                format!(
                    "{} of {} that were asked for",
                    shown.chosen.len(),
                    options.sample
                ),
            ),
            ("Seed", options.seed.clone()),
            ("How it was chosen", sampling::METHOD.to_owned()),
        ],
    );
    paragraph(
        &mut page,
        "The whole log was verified before this was written: its signature, every record and tile, and that \
         no release breaks the rules of approval.",
    );
    if let Some(foundation) = report::rests_on(&shown.verdict.report) {
        paragraph(&mut page, &foundation);
    }
    paragraph(&mut page, &shown.verdict.limit());
    sample(&mut page, shown.chosen);
    reviewers(&mut page, shown.gathered);
    gaps(&mut page, shown);
    configurations(&mut page, shown.gathered);
    let events = shown.gathered.events.iter();
    table(
        &mut page,
        "Events in the period",
        &["type", "records"],
        events.map(|(name, count)| vec![name.clone(), count.to_string()]),
    );
    let controls = CONTROLS.iter();
    table(
        &mut page,
        "What this is evidence for",
        &["control", "evidence"],
        controls.map(|(control, evidence)| vec![(*control).to_owned(), (*evidence).to_owned()]),
    );
    paragraph(
        &mut page,
        "Each file in sample/ is verified by `velum audit check-proof FILE --key VKEY`, with the key that you \
         got some other way. What a log does not prove is in docs/audit.md.",
    );
    page += "</body>\n</html>\n";
    page
}

fn sample(page: &mut String, chosen: &[Chosen]) {
    let rows = chosen.iter().map(|one| {
        let data = &one.leaf["data"];
        vec![
            one.index.to_string(),
            show::text(&one.leaf["time"]),
            record::approval(&one.leaf).unwrap_or_default().to_owned(),
            show::words(&data["approved_by"]),
            show::text(&data["use"]["emergency"]),
            show::words(&data["use"]["scope"]["classes"]),
            one.related.len().to_string(),
        ]
    });
    let headings = [
        "record",
        "time",
        "approval",
        "approved by",
        "emergency",
        "classes",
        "proofs",
    ];
    table(page, "Sample", &headings, rows);
}

fn reviewers(page: &mut String, gathered: &Gathered) {
    let rows = gathered.votes.iter();
    let rows = rows
        .map(|((person, verdict), votes)| vec![person.clone(), verdict.clone(), votes.to_string()]);
    table(
        page,
        "Votes in the period",
        &["person", "verdict", "votes"],
        rows,
    );
}

fn gaps(page: &mut String, shown: &Shown<'_>) {
    let count = |name: &str| shown.gaps[name].as_array().map_or(0, Vec::len).to_string();
    let rows = [
        (
            "batches of workers that are missing, or requests not counted",
            count("worker_batches"),
        ),
        ("silence longer than the heartbeat", count("silences")),
        (
            "releases of which it was not told what left",
            count("outcomes_missing"),
        ),
    ];
    let rows = rows
        .into_iter()
        .map(|(what, count)| vec![what.to_owned(), count]);
    table(page, "Gaps", &["what", "how many"], rows);
    if shown.gathered.begins_late() {
        paragraph(
            page,
            "The log begins after the period does: what was before is in another log, if anywhere.",
        );
    }
    if shown.gathered.ends_early() {
        paragraph(page, "The log ends before the period does.");
    }
}

fn configurations(page: &mut String, gathered: &Gathered) {
    let rows = gathered.configurations.iter().map(|told| {
        let changed = told["changed"].as_array().map(|changed| {
            let names = changed.iter().filter_map(Value::as_str);
            names.collect::<Vec<_>>().join(", ")
        });
        vec![
            told["index"].to_string(),
            told["time"].as_str().unwrap_or_default().to_owned(),
            changed.unwrap_or_else(|| "as it was when the log began, or all of it anew".to_owned()),
        ]
    });
    table(
        page,
        "What decisions were made under",
        &["record", "time", "what changed"],
        rows,
    );
}

fn facts(page: &mut String, facts: &[(&str, String)]) {
    let rows = facts
        .iter()
        .map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
    rows_of(page, &[], rows);
}

fn table(
    page: &mut String,
    title: &str,
    headings: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    page.push_str("<h2>");
    escape(page, title);
    page.push_str("</h2>\n");
    rows_of(page, headings, rows);
}

fn rows_of(page: &mut String, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str("<table>\n");
    if !headings.is_empty() {
        row(page, "th", headings.iter().copied());
    }
    for cells in rows {
        row(page, "td", cells.iter().map(String::as_str));
    }
    page.push_str("</table>\n");
}

fn row<'c>(page: &mut String, tag: &str, cells: impl Iterator<Item = &'c str>) {
    page.push_str("<tr>");
    for cell in cells {
        page.extend(["<", tag, ">"]);
        escape(page, cell);
        page.extend(["</", tag, ">"]);
    }
    page.push_str("</tr>\n");
}

fn paragraph(page: &mut String, text: &str) {
    page.push_str("<p>");
    escape(page, text);
    page.push_str("</p>\n");
}

/// Text as text, whatever it holds.
fn escape(page: &mut String, text: &str) {
    for character in show::plain(text).chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_is_markup() {
        let mut page = String::new();
        escape(&mut page, "<b a='1' c=\"2\">&amp;\u{202e}");
        assert_eq!(
            page,
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;\\u{202e}"
        );
    }
}
