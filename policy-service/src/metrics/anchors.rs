//! How the anchors of the audit log stand, as gauges.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::http::App;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAnchor {
    /// Its name in the configuration.
    anchor: String,
}

/// One series for each anchor.
pub(super) fn register(app: &App, registry: &mut Registry) {
    let behind = Family::<OfAnchor, Gauge>::default();
    let lag = Family::<OfAnchor, Gauge>::default();
    let up = Family::<OfAnchor, Gauge>::default();
    for (name, standing) in app.parts().log.anchors.standings(app.now()) {
        let set = |family: &Family<OfAnchor, Gauge>, value: u64| {
            let anchor = name.to_owned();
            let gauge = family.get_or_create(&OfAnchor { anchor });
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&behind, standing.behind_seconds);
        set(&lag, standing.lag);
        set(&up, u64::from(standing.fault.is_none()));
    }
    registry.register(
        "anchor_behind_seconds",
        "seconds for which an anchor of the audit log has been without the last signed head; 0 where it has it",
        behind,
    );
    registry.register(
        "anchor_behind_records",
        "records of the audit log that are under a signed head which an anchor does not have",
        lag,
    );
    registry.register(
        "anchor_up",
        "1 where an anchor took the last head that it was told, or none yet, else 0",
        up,
    );
}
