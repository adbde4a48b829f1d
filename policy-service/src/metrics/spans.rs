//! What became of spans, where they are exported.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::http::App;

/// Two series, or none.
pub(super) fn register(app: &App, registry: &mut Registry) {
    let Some((exported, lost)) = app.parts().spans.counts() else {
        return;
    };
    for (name, help, value) in [
        (
            "spans_exported",
            "spans of requests that the collector has taken",
            exported,
        ),
        (
            "spans_lost",
            "spans that it has not taken, or for which there was no room",
            lost,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
}
