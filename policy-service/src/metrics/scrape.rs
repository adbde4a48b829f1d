//! `GET /metrics`, on a listener of its own: the counters, and how things stand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::PREFIX;
use crate::auth::{TokenHash, token_hash};
use crate::http::App;
use crate::problem::Problem;
use crate::store::{Figures, StoreError};

/// What the text format of `OpenMetrics` is called, which Prometheus asks for.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How old what was read from the store may be: who scrapes more often reads no more.
const FRESH: Duration = Duration::from_secs(2);

/// What was read from the store, and when.
type Latest = Option<(Instant, Result<Figures, StoreError>)>;

/// What the listener works with.
#[derive(Clone)]
struct Scrape {
    app: App,
    token: Option<TokenHash>,
    counters: Arc<Registry>,
    latest: Arc<Mutex<Latest>>,
}

/// The listener's one route; with a token it is for who has it.
pub(crate) fn router(app: App, token: Option<TokenHash>) -> Router {
    let mut counters = Registry::with_prefix(PREFIX);
    app.parts().metrics.register(&mut counters);
    let scrape = Scrape {
        app,
        token,
        counters: Arc::new(counters),
        latest: Arc::default(),
    };
    Router::new()
        .route("/metrics", get(handle))
        .with_state(scrape)
}

async fn handle(Extracted(scrape): Extracted<Scrape>, headers: HeaderMap) -> Response {
    if let Some(token) = &scrape.token
        && !has(&headers, token)
    {
        return Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Not the token of who may scrape",
            "Send `Authorization: Bearer <token>` with the token of [metrics].",
        )
        .into_response();
    }
    match text(&scrape).await {
        Ok(text) => ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(_) => Problem::unavailable().into_response(),
    }
}

fn has(headers: &HeaderMap, token: &TokenHash) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let sent = value.to_str().ok().and_then(|value| value.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        let is_it = token_hash(sent.trim()).as_slice().ct_eq(token.as_slice());
        scheme.eq_ignore_ascii_case("bearer") && bool::from(is_it)
    })
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPending {
    action: String,
    state: &'static str,
}

async fn text(scrape: &Scrape) -> Result<String, std::fmt::Error> {
    let parts = scrape.app.parts();
    let mut registry = Registry::with_prefix(PREFIX);
    let mut gauge = |name: &str, help: &str, value: usize| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge(
        "waits",
        "calls that wait for a decision or a state, in this process",
        parts.waiters.total(),
    );
    gauge(
        "held_streams",
        "held requests behind them, in this process",
        parts.streams.total(),
    );
    gauge(
        "leases_live",
        "workers of gateways that hold a lease of this process",
        parts.leases.live(scrape.app.now()),
    );
    gauge(
        "clock_behind_seconds",
        "how far the machine's clock is behind the latest moment that the store has seen: until it has caught up time stands still",
        usize::try_from(scrape.app.clock_behind() / 1000).unwrap_or_default(),
    );
    gauge(
        "log_damaged",
        "1 where a record, its hash or a tile of the audit log is not what was put there, or a closed log cannot be read, else 0",
        usize::from(
            parts.log.is_damaged.load(Ordering::SeqCst)
                || !parts.log.closed_damage.borrow().is_empty(),
        ),
    );
    gauge(
        "log_head_up",
        "1 where the last head of the audit log could be signed, else 0: what waits for one is not released",
        usize::from(parts.log.fault().is_none()),
    );
    let mut latest = scrape.latest.lock().await;
    let is_fresh = latest.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
    if !is_fresh {
        let figures = scrape.app.store().figures(scrape.app.now()).await;
        *latest = Some((Instant::now(), figures));
    }
    let figures = latest
        .as_ref()
        .and_then(|(_, figures)| figures.as_ref().ok());
    gauge(
        "store_up",
        "1 where the store could be read, else 0, and what is read from it is left out",
        usize::from(figures.is_some()),
    );
    if let Some(figures) = figures {
        gauge(
            "uses_without_outcome",
            "of the latest 10,000 uses those a minute old and more of which no gateway has told what left",
            figures.without_outcome,
        );
        gauge("stops_in_force", "stops in force", figures.stops);
        gauge(
            "emergencies_unreviewed",
            "emergency accesses that nobody has reviewed",
            figures.emergencies,
        );
        let pending = Family::<OfPending, Gauge>::default();
        for ((action, state), count) in pending_by_action(scrape, figures) {
            let value = i64::try_from(count).unwrap_or(i64::MAX);
            pending
                .get_or_create(&OfPending { action, state })
                .set(value);
        }
        registry.register(
            "pending",
            "approvals that wait, by action and state (collecting, pending); other: of no action that a policy has now",
            pending,
        );
    }
    drop(latest);
    super::anchors::register(&scrape.app, &mut registry);
    super::webhooks::register(&scrape.app, &mut registry);
    super::spans::register(&scrape.app, &mut registry);
    super::volumes::register(&scrape.app, &mut registry);
    let mut text = String::new();
    encode_registry(&mut text, &scrape.counters)?;
    encode_registry(&mut text, &registry)?;
    encode_eof(&mut text)?;
    Ok(text)
}

/// Those of every action that is known, also where none wait.
fn pending_by_action(
    scrape: &Scrape,
    figures: &Figures,
) -> BTreeMap<(String, &'static str), usize> {
    const STATES: [&str; 2] = ["collecting", "pending"];
    let actions = scrape.app.parts().actions.names();
    let mut counts: BTreeMap<_, _> = actions
        .flat_map(|name| STATES.map(|state| ((name.to_string(), state), 0)))
        .collect();
    for (action, state, count) in &figures.pending {
        let Some(state) = STATES.into_iter().find(|known| known == state) else {
            continue;
        };
        let key = (action.clone(), state);
        let key = if counts.contains_key(&key) {
            key
        } else {
            ("other".to_owned(), state)
        };
        *counts.entry(key).or_default() += count;
    }
    counts
}
