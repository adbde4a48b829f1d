//! `GET /activity`: how much was asked and what became of it, and how much was released, over time, by action,
//! principal and class; and who has approved faster than anybody reads. A line of a table shows the chart of that
//! line.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use form_urlencoded::Serializer;
use serde::Deserialize;
use velum_approval::{Approval, Party, State as ApprovalState, Timestamp};
use velum_engine::ClassSet;

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
/// No name that is asked for is longer.
const LONGEST_NAME: usize = 512;
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

    fn name(self) -> &'static str {
        let mut all = Period::ALL.iter();
        let found = all.find(|(period, ..)| *period == self);
        found.map_or("", |(_, name, _)| name)
    }
}

/// By what there are tables, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Action,
    Principal,
    Class,
}

impl By {
    const ALL: [(By, &'static str, &'static str); 3] = [
        (By::Action, "action", "Action"),
        (By::Principal, "principal", "Principal"),
        (By::Class, "class", "Class"),
    ];
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    period: Period,
    /// Only what is of these; a name that is left empty is none.
    #[serde(default)]
    action: String,
    #[serde(default)]
    principal: String,
    #[serde(default)]
    class: String,
}

impl Parameters {
    fn name(&self, by: By) -> &str {
        match by {
            By::Action => &self.action,
            By::Principal => &self.principal,
            By::Class => &self.class,
        }
    }

    /// The same page of another period, or with another name in one of its places.
    fn address(&self, period: Period, other: Option<(By, &str)>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("period", period.name());
        for (by, parameter, _) in By::ALL {
            let other = other.filter(|(other, _)| *other == by);
            let name = other.map_or(self.name(by), |(_, name)| name);
            if !name.is_empty() {
                query.append_pair(parameter, name);
            }
        }
        format!("/activity?{}", query.finish())
    }
}

/// What became of asks. Of a class: one that was asked and not granted counts as asked alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    asked: usize,
    granted: usize,
    denied: usize,
    /// Expired, withdrawn, superseded.
    lapsed: usize,
    open: usize,
    released: usize,
}

impl Counts {
    /// Adds an ask with what became of it, but for its grant.
    fn add(&mut self, approval: &Approval, now: Timestamp) {
        self.asked += 1;
        match approval.state_at(now) {
            _ if is_granted(approval) => {}
            ApprovalState::Denied => self.denied += 1,
            ApprovalState::Collecting | ApprovalState::Pending => self.open += 1,
            _ => self.lapsed += 1,
        }
    }
}

fn is_granted(approval: &Approval) -> bool {
    approval.grant_expires.is_some() || approval.emergency.is_some()
}

/// A table: what it is by, and its lines.
struct Table {
    title: &'static str,
    lines: Vec<Line>,
    /// How many more there are.
    more: usize,
}

struct Line {
    name: Visible,
    counts: Counts,
    /// Where the chart is of this line alone, or of all again where it is already.
    path: String,
    is_chosen: bool,
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
    /// When something was released in it, and under which approval: that may be older.
    releases: Vec<(Timestamp, Approval)>,
    said: Vec<Yes>,
}

impl Past {
    async fn read(app: &App, begins: Timestamp) -> Result<Past, StoreError> {
        Ok(Past {
            approvals: app.store().since(begins, MOST).await?,
            releases: app.store().released_since(begins, MOST).await?,
            said: app.store().approved_since(begins, MOST).await?,
        })
    }
}

/// A bar of the chart, in its parts from below.
struct Bar {
    x: usize,
    parts: Vec<Part>,
    /// What was released, beside what was asked.
    released: Part,
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
    /// Where each is, what it is called, and whether it is this one.
    periods: Vec<(String, &'static str, bool)>,
    /// What is left out, where something is: what the rest has in common.
    only: Vec<(&'static str, Visible)>,
    all_path: String,
    all: Counts,
    bars: Vec<Bar>,
    bar_width: usize,
    /// How far from a bar's beginning that of its releases begins, and how wide it is.
    released_at: usize,
    released_width: usize,
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
    let parameters = parameters.ok().map(|Query(it)| it).filter(|it| {
        let mut names = By::ALL.iter().map(|(by, ..)| it.name(*by));
        names.all(|name| name.len() <= LONGEST_NAME)
    });
    let Some(parameters) = parameters else {
        let problem = Problem::malformed_query(
            "Takes period=day, week or month, action=<action>, principal=<name> and class=<class>.",
        );
        return shell::refuse(&session, &problem);
    };
    let now = app.now();
    let (count, length) = parameters.period.bars();
    let begins = now.before(length.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)));
    match Past::read(&app, begins).await {
        Err(error) => shell::refuse(&session, &unavailable("count approvals", &error)),
        Ok(past) => {
            let shell = Shell::new(&session, Here::Activity);
            shell::show(StatusCode::OK, &page(shell, &parameters, &past, &app, now))
        }
    }
}

/// What is counted of a period: in all, in each bar, and in each line of each table.
struct Sums {
    all: Counts,
    over_time: Vec<Counts>,
    by: [BTreeMap<String, Counts>; 3],
}

impl Sums {
    fn of(past: &Past, parameters: &Parameters, app: &App, begins: Timestamp) -> Sums {
        let now = app.now();
        let (count, length) = parameters.period.bars();
        let mut sums = Sums {
            all: Counts::default(),
            over_time: vec![Counts::default(); count],
            by: Default::default(),
        };
        let bar = |at: Timestamp| {
            let number = at.since(begins).as_millis() / length.as_millis().max(1);
            usize::try_from(number).unwrap_or(usize::MAX).min(count - 1)
        };
        for approval in &past.approvals {
            let (classes, bar) = (approval.classes, bar(approval.created));
            let add = |counts: &mut Counts| counts.add(approval, now);
            sums.each(approval, classes, bar, parameters, app, add);
            if is_granted(approval) {
                let classes = approval.granted.classes;
                let add = |counts: &mut Counts| counts.granted += 1;
                sums.each(approval, classes, bar, parameters, app, add);
            }
        }
        for (at, approval) in &past.releases {
            let (classes, bar) = (approval.granted.classes, bar(*at));
            let add = |counts: &mut Counts| counts.released += 1;
            sums.each(approval, classes, bar, parameters, app, add);
        }
        sums
    }

    /// Adds to everything that this approval counts in, of classes to these.
    fn each(
        &mut self,
        approval: &Approval,
        classes: ClassSet,
        bar: usize,
        parameters: &Parameters,
        app: &App,
        add: impl Fn(&mut Counts),
    ) {
        let names = By::ALL.map(|(by, ..)| names(approval, classes, by, app));
        let is_meant = By::ALL.iter().zip(&names).all(|((by, ..), names)| {
            let wanted = parameters.name(*by);
            wanted.is_empty() || names.iter().any(|name| name == wanted)
        });
        if !is_meant {
            return;
        }
        add(&mut self.all);
        if let Some(bar) = self.over_time.get_mut(bar) {
            add(bar);
        }
        for (lines, names) in self.by.iter_mut().zip(names) {
            for name in names {
                add(lines.entry(name).or_default());
            }
        }
    }
}

/// What an approval with these classes is called in one of the tables.
fn names(approval: &Approval, classes: ClassSet, by: By, app: &App) -> Vec<String> {
    match by {
        By::Action => vec![approval.action.to_string()],
        By::Principal => vec![match app.parts().directory.party(&approval.principal) {
            Some(Party::Person { id }) => id.to_string(),
            Some(Party::Agent { id, .. }) => id.to_string(),
            None => approval.principal.subject().to_owned(),
        }],
        By::Class => {
            let classes = classes.iter();
            classes.map(|class| class.name().to_owned()).collect()
        }
    }
}

fn page(shell: Shell, parameters: &Parameters, past: &Past, app: &App, now: Timestamp) -> Page {
    let (count, length) = parameters.period.bars();
    let total = length.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    let begins = now.before(total);
    let Sums { all, over_time, by } = Sums::of(past, parameters, app, begins);
    let highest = over_time.iter().map(|bar| bar.asked.max(bar.released));
    let most = highest.max().unwrap_or(0);
    let bar_width = WIDTH / count;
    let limit = app.parts().limits.approvals_per_minute;
    let bursts = haste::bursts(&past.said, limit);
    let only = By::ALL.iter().filter_map(|(by, name, _)| {
        let wanted = parameters.name(*by);
        (!wanted.is_empty()).then(|| (*name, Visible::cut(wanted, 64)))
    });
    let is_full = |length: usize| u32::try_from(length).is_ok_and(|length| length >= MOST);
    Page {
        shell,
        hasty: bursts.iter().rev().take(LINES).map(Hasty::from).collect(),
        more_hasty: bursts.len().saturating_sub(LINES),
        limit,
        periods: Period::ALL
            .iter()
            .map(|(other, _, label)| {
                let is_here = *other == parameters.period;
                (parameters.address(*other, None), *label, is_here)
            })
            .collect(),
        only: only.collect(),
        all_path: Parameters::default().address(parameters.period, None),
        all,
        bars: over_time
            .iter()
            .enumerate()
            .map(|(number, counts)| {
                let from = begins.after(length.saturating_mul(u32::try_from(number).unwrap_or(0)));
                bar(number * bar_width, *counts, most, from)
            })
            .collect(),
        bar_width: bar_width * 5 / 8,
        released_at: 2 + bar_width * 5 / 8 + 1,
        released_width: bar_width / 5,
        most,
        begins: exact(begins),
        ends: exact(now),
        tables: By::ALL
            .iter()
            .zip(by)
            .map(|((by, _, title), lines)| table((*by, title), lines, parameters))
            .collect(),
        is_cut: is_full(past.approvals.len()) || is_full(past.releases.len()),
    }
}

fn table(
    (by, title): (By, &'static str),
    counts: BTreeMap<String, Counts>,
    parameters: &Parameters,
) -> Table {
    let mut lines: Vec<_> = counts.into_iter().collect();
    lines.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.asked, counts.released)));
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let lines = lines.into_iter().map(|(name, counts)| {
        let is_chosen = parameters.name(by) == name;
        let other = if is_chosen { "" } else { &name };
        Line {
            path: parameters.address(parameters.period, Some((by, other))),
            name: Visible::cut(&name, 64),
            counts,
            is_chosen,
        }
    });
    Table {
        title,
        lines: lines.collect(),
        more,
    }
}

/// How high it is in the chart. What is there is seen, however small.
fn height(count: usize, most: usize) -> usize {
    (count * (HEIGHT - 8)).div_ceil(most.max(1))
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
        let height = height(count, most);
        top = top.saturating_sub(height);
        if height > 0 {
            parts.push(Part {
                kind,
                y: top,
                height,
            });
        }
    }
    let released = height(counts.released, most);
    let title = format!(
        "{}: {} granted, {} denied, {} lapsed, {} open; {} released",
        exact(from),
        counts.granted,
        counts.denied,
        counts.lapsed,
        counts.open,
        counts.released,
    );
    Bar {
        x,
        parts,
        released: Part {
            kind: "released",
            y: HEIGHT.saturating_sub(released),
            height: released,
        },
        title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_what_it_counts_and_never_higher_than_the_chart() {
        let counts = Counts {
            asked: 8,
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
        assert_eq!((bar.released.y, bar.released.height), (HEIGHT - 114, 114));
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
