//! How the endpoints stand that are told of approvals.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::http::App;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWebhook {
    /// Its name in the configuration.
    webhook: String,
}

/// One series for each endpoint.
pub(super) fn register(app: &App, registry: &mut Registry) {
    let counters = [(); 3].map(|()| Family::<OfWebhook, Counter>::default());
    let behind = Family::<OfWebhook, Gauge>::default();
    let up = Family::<OfWebhook, Gauge>::default();
    for (name, standing) in app.parts().webhooks.standings() {
        let webhook = OfWebhook {
            webhook: name.to_owned(),
        };
        let values = [standing.delivered, standing.failed, standing.given_up];
        for (family, value) in counters.iter().zip(values) {
            family.get_or_create(&webhook).inc_by(value);
        }
        up.get_or_create(&webhook)
            .set(i64::from(standing.failure.is_none()));
        // Where another service tells it, that one knows.
        let known = app.parts().log.known();
        let lag = standing.next.map_or(0, |next| known.saturating_sub(next));
        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
        behind.get_or_create(&webhook).set(lag);
    }
    let [delivered, failed, given_up] = counters;
    registry.register(
        "webhook_events_delivered",
        "events of approvals that an endpoint has taken",
        delivered,
    );
    registry.register(
        "webhook_attempts_failed",
        "attempts to have an endpoint take an event that have failed",
        failed,
    );
    registry.register(
        "webhook_events_given_up",
        "events that an endpoint is never told, since it did not take them for days",
        given_up,
    );
    registry.register(
        "webhook_behind_records",
        "records of the audit log that are under a signed head and that an endpoint was not told of; 0 where another service tells it",
        behind,
    );
    registry.register(
        "webhook_up",
        "1 where an endpoint took what it was told last, or was told nothing yet, else 0",
        up,
    );
}
