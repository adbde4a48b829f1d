//! What the service counts, for Prometheus.
//!
//! Labels have values from the configuration and from this program's own words; never an id, a
//! principal, a path or anything else that a caller chooses. So there are only so many series.

mod anchors;
pub(crate) mod scrape;
mod spans;
mod volumes;
mod webhooks;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use velum_approval::record::SessionEvent;
use velum_approval::{ActionName, Approval, Record, State, Timestamp};

/// The name that all begin with.
const PREFIX: &str = "velum_policy_service";

/// How long people take: from a second to four hours.
const DECISION_SECONDS: [f64; 13] = [
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0,
];
/// How long a store takes.
const STORE_SECONDS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDecision {
    action: String,
    decision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRefusal {
    refused: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAction {
    action: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    operation: &'static str,
}

/// All counters; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    requests: Family<OfRequest, Counter>,
    decisions: Family<OfDecision, Histogram, fn() -> Histogram>,
    refusals: Family<OfRefusal, Counter>,
    uses: Family<OfAction, Counter>,
    hasty: Counter,
    store: StoreTimes,
}

/// How long the store's operations take.
#[derive(Clone, Debug)]
pub(crate) struct StoreTimes(Family<OfOperation, Histogram, fn() -> Histogram>);

impl Default for StoreTimes {
    fn default() -> StoreTimes {
        StoreTimes(Family::new_with_constructor(|| {
            Histogram::new(STORE_SECONDS)
        }))
    }
}

impl StoreTimes {
    /// An operation of this type was done, well or not.
    pub(crate) fn took<Operation>(&self, elapsed: Duration) {
        self.observe(last_segment(std::any::type_name::<Operation>()), elapsed);
    }

    /// A connection for reading was had, or not.
    pub(crate) fn connected(&self, elapsed: Duration) {
        self.observe("connect", elapsed);
    }

    fn observe(&self, operation: &'static str, elapsed: Duration) {
        self.0
            .get_or_create(&OfOperation { operation })
            .observe(elapsed.as_secs_f64());
    }
}

/// The method, where it is one that this service knows: any other is a word of the caller's.
pub(crate) fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    }
}

fn last_segment(name: &'static str) -> &'static str {
    name.rsplit("::").next().unwrap_or(name)
}

impl Metrics {
    /// None of anything yet, but for what a store has taken since it was opened.
    pub(crate) fn new(store: StoreTimes) -> Metrics {
        Metrics {
            requests: Family::default(),
            decisions: Family::new_with_constructor(|| Histogram::new(DECISION_SECONDS)),
            refusals: Family::default(),
            uses: Family::default(),
            hasty: Counter::default(),
            store,
        }
    }

    /// A request was answered; `route` is the pattern of its route, if it has one.
    pub(crate) fn answered(&self, method: &axum::http::Method, route: Option<&str>, status: u16) {
        let method = known_method(method);
        let route = route.unwrap_or("none").to_owned();
        let labels = OfRequest {
            method,
            route,
            status,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Somebody has voted; it may have decided the approval.
    pub(crate) fn voted(&self, approval: &Approval, now: Timestamp) {
        let decision = match approval.state {
            State::Approved => "approved",
            State::Denied => "denied",
            _ => return,
        };
        let labels = OfDecision {
            action: approval.action.to_string(),
            decision,
        };
        let seconds = now.since(approval.created).as_secs_f64();
        self.decisions.get_or_create(&labels).observe(seconds);
    }

    /// A grant of this action was used.
    pub(crate) fn used(&self, action: &ActionName) {
        let action = action.to_string();
        self.uses.get_or_create(&OfAction { action }).inc();
    }

    /// Somebody said yes, and more often within a minute than they should.
    pub(crate) fn hastened(&self) {
        self.hasty.inc();
    }

    /// Something was refused; the record says what, whether it is written or not.
    pub(crate) fn refused(&self, record: &Record) {
        let (refused, reason) = match record {
            Record::RequestRefused { code, .. } => ("request", code.name()),
            Record::UseRefused { code, .. } => ("use", code.name()),
            Record::VoteRefused { refused, .. } => ("vote", refused.name()),
            Record::Barred { refused, .. } => ("stop-or-emergency", *refused),
            Record::Session(event) => match &**event {
                SessionEvent::Refused { refused, .. } => ("sign-in", refused.name()),
                _ => return,
            },
            _ => return,
        };
        self.refusals
            .get_or_create(&OfRefusal { refused, reason })
            .inc();
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "requests answered, by method, pattern of the route and status",
            self.requests.clone(),
        );
        registry.register(
            "decision_seconds",
            "seconds from an ask to its decision, by action and decision (approved, denied)",
            self.decisions.clone(),
        );
        registry.register(
            "refusals",
            "what was refused (request, use, vote, stop-or-emergency, sign-in) and why",
            self.refusals.clone(),
        );
        registry.register("uses", "grants used, by action", self.uses.clone());
        registry.register(
            "hasty_approvals",
            "votes for a yes beyond limits.approvals_per_minute of one person",
            self.hasty.clone(),
        );
        registry.register(
            "store_seconds",
            "seconds that the store's operations take, with their commit; connect: until it can be read",
            self.store.0.clone(),
        );
    }
}
