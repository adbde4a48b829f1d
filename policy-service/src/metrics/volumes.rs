//! How much room there is where the log is, as gauges.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::http::App;
use crate::volumes::ratio;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVolume {
    /// `data`, `fence`, or `anchor` with its name in the configuration.
    volume: String,
}

/// Two series for each that has answered.
pub(super) fn register(app: &App, registry: &mut Registry) {
    let free = Family::<OfVolume, Gauge>::default();
    let part = Family::<OfVolume, Gauge<f64, AtomicU64>>::default();
    for standing in app.parts().volumes.standings() {
        let of = OfVolume {
            volume: standing.name,
        };
        let bytes = i64::try_from(standing.free).unwrap_or(i64::MAX);
        free.get_or_create(&of).set(bytes);
        part.get_or_create(&of)
            .set(ratio(standing.free, standing.total));
    }
    registry.register(
        "volume_free_bytes",
        "bytes that this service may still write on the volume of its data, of the fence, and of each file anchor",
        free,
    );
    registry.register(
        "volume_free_ratio",
        "how much of that volume is free, from 0 to 1: below 0.2 the service warns",
        part,
    );
}
