//! What the first view costs a slow line, with a thousand that wait.

use std::collections::BTreeMap;

use serde_json::json;
use velum_end_to_end::stage::figure;
use velum_engine::Class;
use velum_harness::BrowserOptions;

use crate::kit::{Asked, ask_all, assert_quiet, signed_in, stage_with};

const WAITING: usize = 1000;
/// A view has to come within so many bytes, headers and all.
const MOST: u64 = 100_000;

#[tokio::test]
async fn the_first_view_of_a_thousand_that_wait_is_small() {
    let limits = "[limits]\npending_per_principal = 2000\npending_per_action = 2000\npending = 2000\n\
                  asks_per_minute = 100000\n";
    let stage = stage_with(1, limits).await;
    let mut ask = Asked::new(1, &[Class::Name, Class::Date]);
    ask.reason =
        Some("weekly list of open follow-ups; names are needed to call people back".to_owned());
    ask_all(&stage, &ask, WAITING).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    // As somebody who was never here: nothing is kept.
    browser.command("Network.enable", &json!({})).await.unwrap();
    browser
        .command("Network.clearBrowserCache", &json!({}))
        .await
        .unwrap();
    browser.open(&stage.service.url()).await.unwrap();
    let shown = format!("document.querySelector('.tabs b').textContent === '{WAITING}'");
    browser.wait_until(&shown).await.unwrap();
    browser
        .wait_until("!document.getElementById('live').hidden")
        .await
        .unwrap();
    assert_eq!(browser.count("article.card").await.unwrap(), 30);
    let loaded = browser
        .run(
            "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
             return Object.fromEntries(all.map((it) => [new URL(it.name).pathname, it.transferSize]))",
        )
        .await
        .unwrap();
    let loaded: BTreeMap<String, u64> = serde_json::from_value(loaded).expect("sizes by path");
    // The page, its style, its script and its icon; beside them only the stream of changes.
    let names: Vec<_> = loaded
        .keys()
        .map(|path| path.split('-').next().unwrap_or_default())
        .collect();
    for part in ["/", "/assets/inbox"] {
        assert!(names.contains(&part), "{part}: {loaded:?}");
    }
    let sum: u64 = loaded.values().sum();
    assert!(loaded["/"] > 10_000 && sum < MOST, "{sum}: {loaded:?}");
    assert_quiet(&browser).await;
    figure(
        "the_first_view_of_a_thousand_that_wait_is_small",
        &format!(
            "{sum} bytes over the wire, {} of them the page, not compressed",
            loaded["/"]
        ),
    );
}
