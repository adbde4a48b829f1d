//! `GET /activity`: how much was asked and what became of it, over time, by action, principal and class; and
//! who has approved faster than anybody reads.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use velum_approval::{Approval, Party, State as ApprovalState, Timestamp};

use super::moment::exact;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use crate::haste::{self, Burst};
use crate::http::{App, unavailable};
use crate::problem::Problem;
use crate::store::{StoreError, Yes};

/// The most approvals that are counted.
const MOST: u32 = 20_000;
/// How many lines a table has.
const LINES: usize = 12;
/// The chart's size, and how much of it the bars have.
const WIDTH: usize = 960;
const HEIGHT: usize = 160;

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Period {
    #[default]
    Day,
    Week,
    Month,
}

impl Period {
    const ALL: [(Period, &'static str, &'static str); 3] = [
        (Period::Day, "day", "24 hours"),
        (Period::Week, "week", "7 days"),
        (Period::Month, "month", "30 days"),
    ];

    /// How many bars there are, and how long each is.
    fn bars(self) -> (usize, Duration) {
        match self {
            Period::Day => (24, Duration::from_hours(1)),
            Period::Week => (28, Duration::from_hours(6)),
            Period::Month => (30, Duration::from_hours(24)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    period: Period,
}

/// What became of asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    granted: usize,
    denied: usize,
    /// Expired, withdrawn, superseded.
    lapsed: usize,
    open: usize,
    released: usize,
}

impl Counts {
    fn add(&mut self, approval: &Approval, now: Timestamp) {
        self.released += usize::try_from(approval.used).unwrap_or(0);
        let is_granted = approval.grant_expires.is_some() || approval.emergency.is_some();
        match approval.state_at(now) {
            _ if is_granted => self.granted += 1,
            ApprovalState::Denied => self.denied += 1,
            ApprovalState::Collecting | ApprovalState::Pending => self.open += 1,
            _ => self.lapsed += 1,
        }
    }

    fn asked(self) -> usize {
        self.granted + self.denied + self.lapsed + self.open
    }
}

/// A table: what it is by, and its lines.
struct Table {
    title: &'static str,
    lines: Vec<(Visible, Counts)>,
    /// How many more there are.
    more: usize,
}

/// Somebody who approved too fast.
struct Hasty {
    person: Visible,
    /// The most within a minute.
    most: usize,
    /// How many were more than they should.
    beyond: usize,
    begins: String,
    ends: String,
}

impl From<&Burst> for Hasty {
    fn from(burst: &Burst) -> Hasty {
        Hasty {
            person: Visible::cut(burst.person.as_str(), 64),
            most: burst.most,
            beyond: burst.hasty,
            begins: exact(burst.begins),
            ends: exact(burst.ends),
        }
    }
}

/// What there is of a period.
struct Past {
    approvals: Vec<Approval>,
    said: Vec<Yes>,
}

impl Past {
    async fn read(app: &App, begins: Timestamp) -> Result<Past, StoreError> {
        Ok(Past {
            approvals: app.store().since(begins, MOST).await?,
            said: app.store().approved_since(begins, MOST).await?,
        })
    }
}

/// A bar of the chart, in its parts from below.
struct Bar {
    x: usize,
    parts: Vec<Part>,
    title: String,
}

struct Part {
    kind: &'static str,
    y: usize,
    height: usize,
}

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    shell: Shell,
    periods: Vec<(&'static str, &'static str, bool)>,
    all: Counts,
    bars: Vec<Bar>,
    bar_width: usize,
    most: usize,
    begins: String,
    ends: String,
    tables: Vec<Table>,
    /// The latest first.
    hasty: Vec<Hasty>,
    more_hasty: usize,
    /// How many approvals a minute are not.
    limit: u32,
    is_cut: bool,
}

/// Shows it.
pub(super) async fn handle(
    State(app): State<App>,
    session: Session,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let Ok(Query(Parameters { period })) = parameters else {
        let problem = Problem::malformed_query("Takes period=day, week or month.");
        return shell::refuse(&session, &problem);
    };
    let now = app.now();
    let (count, length) = period.bars();
    let begins = now.before(length.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)));
    match Past::read(&app, begins).await {
        Err(error) => shell::refuse(&session, &unavailable("count approvals", &error)),
        Ok(past) => {
            let shell = Shell::new(&session, Here::Activity);
            shell::show(StatusCode::OK, &page(shell, period, &past, &app, now))
        }
    }
}

fn page(shell: Shell, period: Period, past: &Past, app: &App, now: Timestamp) -> Page {
    let Past { approvals, said } = past;
    let (count, length) = period.bars();
    let total = length.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    let begins = now.before(total);
    let mut all = Counts::default();
    let mut over_time = vec![Counts::default(); count];
    let mut by_action = BTreeMap::<String, Counts>::new();
    let mut by_principal = BTreeMap::<String, Counts>::new();
    let mut by_class = BTreeMap::<String, Counts>::new();
    for approval in approvals {
        all.add(approval, now);
        let at = approval.created.since(begins).as_millis() / length.as_millis().max(1);
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(count - 1);
        if let Some(bar) = over_time.get_mut(at) {
            bar.add(approval, now);
        }
        let action = by_action.entry(approval.action.to_string());
        action.or_default().add(approval, now);
        let principal = match app.parts().directory.party(&approval.principal) {
            Some(Party::Person { id }) => id.to_string(),
            Some(Party::Agent { id, .. }) => id.to_string(),
            None => approval.principal.subject().to_owned(),
        };
        by_principal
            .entry(principal)
            .or_default()
            .add(approval, now);
        for class in approval.classes.iter() {
            let class = by_class.entry(class.name().to_owned());
            class.or_default().add(approval, now);
        }
    }
    let most = over_time.iter().map(|bar| bar.asked()).max().unwrap_or(0);
    let bar_width = WIDTH / count;
    let limit = app.parts().limits.approvals_per_minute;
    let bursts = haste::bursts(said, limit);
    Page {
        shell,
        hasty: bursts.iter().rev().take(LINES).map(Hasty::from).collect(),
        more_hasty: bursts.len().saturating_sub(LINES),
        limit,
        periods: Period::ALL
            .iter()
            .map(|(other, name, label)| (*name, *label, *other == period))
            .collect(),
        all,
        bars: over_time
            .iter()
            .enumerate()
            .map(|(number, counts)| {
                let from = begins.after(length.saturating_mul(u32::try_from(number).unwrap_or(0)));
                bar(number * bar_width, *counts, most, from)
            })
            .collect(),
        bar_width: bar_width.saturating_sub(4),
        most,
        begins: exact(begins),
        ends: exact(now),
        tables: vec![
            table("Action", by_action),
            table("Principal", by_principal),
            table("Class", by_class),
        ],
        is_cut: approvals.len() >= usize::try_from(MOST).unwrap_or(usize::MAX),
    }
}

fn table(title: &'static str, counts: BTreeMap<String, Counts>) -> Table {
    let mut lines: Vec<_> = counts.into_iter().collect();
    lines.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.asked()));
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let lines = lines
        .into_iter()
        .map(|(name, counts)| (Visible::cut(&name, 64), counts));
    Table {
        title,
        lines: lines.collect(),
        more,
    }
}

fn bar(x: usize, counts: Counts, most: usize, from: Timestamp) -> Bar {
    let mut parts = Vec::new();
    let mut top = HEIGHT;
    for (kind, count) in [
        ("granted", counts.granted),
        ("denied", counts.denied),
        ("lapsed", counts.lapsed),
        ("open", counts.open),
    ] {
        // What is there is seen, however small.
        let height = (count * (HEIGHT - 8)).div_ceil(most.max(1));
        top = top.saturating_sub(height);
        if height > 0 {
            parts.push(Part {
                kind,
                y: top,
                height,
            });
        }
    }
    let title = format!(
        "{}: {} granted, {} denied, {} lapsed, {} open",
        exact(from),
        counts.granted,
        counts.denied,
        counts.lapsed,
        counts.open
    );
    Bar { x, parts, title }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_what_it_counts_and_never_higher_than_the_chart() {
        let counts = Counts {
            granted: 6,
            denied: 1,
            lapsed: 0,
            open: 1,
            released: 6,
        };
        let bar = bar(0, counts, 8, Timestamp::from_millis(0));
        let heights: Vec<_> = bar
            .parts
            .iter()
            .map(|part| (part.kind, part.height))
            .collect();
        assert_eq!(heights, [("granted", 114), ("denied", 19), ("open", 19)]);
        assert_eq!(bar.parts.last().unwrap().y, HEIGHT - 152);
        let least = super::bar(
            0,
            Counts {
                open: 1,
                ..Counts::default()
            },
            100_000,
            Timestamp::from_millis(0),
        );
        assert_eq!(least.parts[0].height, 1);
        let none = super::bar(0, Counts::default(), 0, Timestamp::from_millis(0));
        assert!(none.parts.is_empty());
    }
}
