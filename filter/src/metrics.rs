//! What Envoy's statistics know of the filter. Names hold names of the policy and nothing of a
//! request: statistics are never freed, and everybody reads them.

use velum_engine::Class;

use crate::host::{Host, HostError, Level, Metric};
use crate::watch::{Account, Outcome};

/// Requests, by outcome and action.
const REQUESTS: &str = "velum_requests_total";
/// Values, by what was done to them, class and action.
const VALUES: &str = "velum_values_total";
/// Bytes of bodies that were read, by action.
const BYTES: &str = "velum_body_bytes_total";
const OBSERVE: &str = "velum_observe";
const WAIT: &str = "velum_service_milliseconds";
const LOST: &str = "velum_events_lost_total";
const SENT: &str = "velum_event_batches_sent_total";
const FAILED: &str = "velum_event_batches_failed_total";

/// What stands for the action of a request that matched none: no action can have this name.
const NO_ACTION: &str = "-";
/// How much of a policy's digest tells it apart in names, in bytes.
const DIGEST: usize = 4;

/// The places of the series of an action: its outcomes, what was masked and lifted by class, bytes.
const MASKED: usize = Outcome::ALL.len();
const LIFTED: usize = MASKED + Class::ALL.len();
const READ: usize = LIFTED + Class::ALL.len();

/// The metrics of one VM, by the numbers that the host gave them. Counts wait here until they are handed
/// over: a host call for each would cost a small answer more than its headers do.
#[derive(Default)]
pub(crate) struct Metrics {
    /// `None` where the host gives no metrics: nothing is counted then.
    wait: Option<u32>,
    events: Events,
    actions: Vec<OfAction>,
    /// Whether something waits to be handed over.
    is_pending: bool,
}

/// A counter, and what the host has not been told of it.
#[derive(Clone, Default)]
struct Counter {
    /// Made when it first counts something: `None` until then.
    metric: Option<u32>,
    pending: u64,
}

/// What every policy has.
#[derive(Default)]
struct Events {
    lost: Counter,
    sent: Counter,
    failed: Counter,
}

struct OfAction {
    policy: [u8; 32],
    action: Option<String>,
    observes: bool,
    series: Vec<Counter>,
}

impl Metrics {
    /// Makes what every policy has. Where the host gives no metrics, nothing is counted.
    pub(crate) fn begin(&mut self, host: &impl Host) {
        if self.wait.is_some() {
            return;
        }
        if let Err(HostError(status)) = self.define(host) {
            host.log(
                Level::Warn,
                &format!("velum: there are no metrics: the host gives none (status {status})"),
            );
        }
    }

    fn define(&mut self, host: &impl Host) -> Result<(), HostError> {
        for (counter, name) in self.events.all() {
            counter.metric = Some(host.define_metric(Metric::Counter, name)?);
        }
        self.wait = Some(host.define_metric(Metric::Histogram, WAIT)?);
        Ok(())
    }

    /// Tells whether a policy observes. Its digest would be another if it changed its mind.
    pub(crate) fn mode(&self, host: &impl Host, policy: &[u8; 32], observes: bool) {
        if self.wait.is_some() {
            let _unset = host
                .define_metric(Metric::Gauge, &of_policy(OBSERVE, policy))
                .and_then(|gauge| host.record(gauge, u64::from(observes)));
        }
    }

    /// Counts a stream that has ended, or whose outcome is settled.
    pub(crate) fn count(&mut self, account: &Account, outcome: Outcome) {
        if self.wait.is_none() {
            return;
        }
        self.is_pending = true;
        let of_action = self.of_action(account);
        of_action.add(outcome as usize, 1);
        let counts = account.counts();
        for (first, counts) in [(MASKED, &counts.masked), (LIFTED, &counts.lifted)] {
            for (class, count) in counts.iter() {
                of_action.add(first + class as usize, count);
            }
        }
        of_action.add(READ, counts.bytes);
    }

    /// Records how long the policy service took.
    pub(crate) fn waited(&self, host: &impl Host, milliseconds: u64) {
        if let Some(wait) = self.wait {
            let _lost = host.record(wait, milliseconds);
        }
    }

    /// Counts what nobody will be told of: requests, outcomes, evidence.
    pub(crate) fn lost(&mut self, count: u64) {
        self.events.lost.add(count);
        self.is_pending |= count > 0 && self.wait.is_some();
    }

    /// Counts a batch of events that was sent, or could not be.
    pub(crate) fn sent(&mut self, arrived: bool) {
        let Events { sent, failed, .. } = &mut self.events;
        (if arrived { sent } else { failed }).add(1);
        self.is_pending |= self.wait.is_some();
    }

    /// Hands what waits to the host, each metric in one call. What it does not take waits on.
    pub(crate) fn hand_over(&mut self, host: &impl Host) {
        if self.is_pending {
            self.is_pending = !self.hand_all_over(host);
        }
    }

    /// Whether nothing waits any more.
    #[inline(never)]
    fn hand_all_over(&mut self, host: &impl Host) -> bool {
        let mut is_all = true;
        for (counter, _) in self.events.all() {
            is_all &= counter.hand_over(host);
        }
        for of_action in &mut self.actions {
            is_all &= of_action.hand_over(host);
        }
        is_all
    }

    fn of_action(&mut self, account: &Account) -> &mut OfAction {
        let policy = account.policy.unwrap_or_default();
        let action = account.met.as_ref().and_then(|met| met.action.as_deref());
        let known = self
            .actions
            .iter()
            .position(|known| known.policy == policy && known.action.as_deref() == action);
        let index = known.unwrap_or_else(|| {
            self.actions.push(OfAction {
                policy,
                action: action.map(str::to_owned),
                observes: account.terms.observes,
                series: vec![Counter::default(); READ + 1],
            });
            self.actions.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the place was just found or filled"
        )]
        &mut self.actions[index]
    }
}

impl Counter {
    fn add(&mut self, count: u64) {
        self.pending = self.pending.saturating_add(count);
    }

    /// Whether nothing waits any more.
    fn hand_over(&mut self, host: &impl Host) -> bool {
        let increment = |metric| host.increment(metric, self.pending).is_ok();
        if self.pending > 0 && self.metric.is_some_and(increment) {
            self.pending = 0;
        }
        self.pending == 0
    }
}

impl Events {
    fn all(&mut self) -> [(&mut Counter, &'static str); 3] {
        let Self { lost, sent, failed } = self;
        [(lost, LOST), (sent, SENT), (failed, FAILED)]
    }
}

impl OfAction {
    fn add(&mut self, place: usize, count: u64) {
        if let Some(counter) = self.series.get_mut(place) {
            counter.add(count);
        }
    }

    fn hand_over(&mut self, host: &impl Host) -> bool {
        let mut series = std::mem::take(&mut self.series);
        let mut is_all = true;
        for (place, counter) in series.iter_mut().enumerate() {
            if counter.pending > 0 && counter.metric.is_none() {
                let name = self.name(place);
                counter.metric = host.define_metric(Metric::Counter, &name).ok();
            }
            is_all &= counter.hand_over(host);
        }
        self.series = series;
        is_all
    }

    /// The name of a series; `stats_tags` in `envoy/bootstrap.yaml` takes it apart.
    fn name(&self, place: usize) -> String {
        let class = |first: usize| {
            Class::ALL
                .get(place - first)
                .map_or("", |class| class.name())
        };
        let (metric, done, class) = match Outcome::ALL.get(place) {
            Some(outcome) => (REQUESTS, outcome.name(), ""),
            None if place < LIFTED => (VALUES, "masked", class(MASKED)),
            None if place < READ => (VALUES, "lifted", class(LIFTED)),
            None => (BYTES, "", ""),
        };
        let is_same = !self.observes || matches!(done, "passed" | "left" | "unobserved");
        let outcome = match (done, is_same) {
            ("", _) => "",
            (_, true) => ".outcome.",
            (_, false) => ".outcome.would-be-",
        };
        let of_class = if class.is_empty() { "" } else { ".class." };
        let action = self.action.as_deref().unwrap_or(NO_ACTION);
        let start = of_policy(metric, &self.policy);
        [&start, outcome, done, of_class, class, ".action.", action].concat()
    }
}

/// The beginning of a name that tells policies apart.
fn of_policy(metric: &str, policy: &[u8; 32]) -> String {
    let digest = hexadecimal(policy.get(..DIGEST).unwrap_or_default());
    [metric, ".policy.", &digest].concat()
}

/// Bytes as operators read them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metrics as operators read them: name, kind, labels, what it counts.
    const DOCS: &[(&str, &str, &str, &str)] = &[
        (
            REQUESTS,
            "counter",
            "policy, outcome, action",
            "requests, once each, when it is known what became of them",
        ),
        (
            VALUES,
            "counter",
            "policy, outcome (`masked`, `lifted`), class, action",
            "values in bodies, by what was done to them",
        ),
        (
            BYTES,
            "counter",
            "policy, action",
            "bytes of bodies that were read",
        ),
        (
            WAIT,
            "histogram",
            "",
            "milliseconds from a call to the policy service to its answer; a call that holds a \
             request waits for a person",
        ),
        (
            OBSERVE,
            "gauge",
            "policy",
            "1 where the policy observes, else 0; it stays when the policy goes",
        ),
        (
            SENT,
            "counter",
            "",
            "batches of events that the policy service has taken",
        ),
        (
            FAILED,
            "counter",
            "",
            "attempts to send a batch that have failed; unless it was refused, it is sent again",
        ),
        (
            LOST,
            "counter",
            "",
            "what the policy service is never told: requests that are in no event, and outcomes and \
             evidence (one each). More was to be told than a worker keeps, the policy service refused it \
             (400, 404, 409, 413), an outcome or evidence did not arrive in about ten minutes, or the \
             configuration went before it had",
        ),
    ];

    const OUTCOMES: [&str; Outcome::ALL.len()] = [
        "the policy passes it",
        "answered, masked where there was something to mask",
        "answered with values lifted under a grant",
        "a body passed without being looked into: `otherwise: pass`",
        "needs a review that has not ended: 403 `approval-required`",
        "the policy, a reviewer or the policy service denies it",
        "could not be taken as it was",
        "the upstream's answer cannot be masked: 502",
        "the rest of an answer cannot be masked: the stream was reset",
        "the policy service did not answer as it should",
        "the caller asked how an approval stands",
        "the stream ended before its answer did: the caller left, or Envoy ended it",
        "with `mode: observe`: there was no room to look into the request's body, and nothing was",
    ];

    #[test]
    fn the_series_of_an_outcome_has_its_place() {
        for (place, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, place, "{}", outcome.name());
        }
    }

    fn tables() -> String {
        let metrics = DOCS.iter().map(|(name, kind, labels, what)| {
            format!("| `{name}` | {kind} | {labels} | {what} |\n")
        });
        let outcomes = Outcome::ALL.iter().zip(OUTCOMES);
        let outcomes = outcomes.map(|(of, what)| format!("| `{}` | {what} |\n", of.name()));
        [
            "| metric | kind | labels | what it counts |\n| --- | --- | --- | --- |\n".to_owned(),
            metrics.collect(),
            "\n| outcome | what became of the request |\n| --- | --- |\n".to_owned(),
            outcomes.collect(),
        ]
        .concat()
    }

    #[test]
    fn the_document_has_every_metric_and_outcome() {
        const BEGINNING: &str =
            "<!-- The tables are generated: VELUM_WRITE_DOCS=1 cargo test -p velum-filter -->\n";
        const END: &str = "<!-- End of the tables. -->\n";
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/observability.md");
        let text = std::fs::read_to_string(file).unwrap();
        let (before, rest) = text.split_once(BEGINNING).unwrap();
        let (written, after) = rest.split_once(END).unwrap();
        if std::env::var_os("VELUM_WRITE_DOCS").is_some_and(|value| value == "1") {
            let tables = tables();
            std::fs::write(file, format!("{before}{BEGINNING}{tables}{END}{after}")).unwrap();
        } else {
            assert_eq!(written, tables(), "docs/observability.md is out of date");
        }
    }
}
