//! What the first view costs a slow line, with a thousand that wait.

use std::collections::BTreeMap;

use serde_json::json;
use velum_approval::{FieldPath, Found, MaskedBy, Shape, ShapeField};
use velum_end_to_end::stage::Stage;
use velum_end_to_end::stage::figure;
use velum_engine::Class;
use velum_harness::BrowserOptions;

use crate::filled::tell;
use crate::kit::{Asked, ask_all, asked, assert_quiet, signed_in, stage_with};

const WAITING: usize = 1000;
/// How many of these, the oldest, are as long as they can be: more than a page has.
const LONG: u8 = 30;
/// A view has to come within so many bytes, headers and all.
const MOST: u64 = 100_000;

/// Cards that have as much as a card can have: a reason that fills its room, marks in it, as many fields as there is
/// room for, each on a long way.
async fn ask_at_length(stage: &Stage, count: u8) {
    let way = format!("$.entry[*].resource{}", ".contact[*].name".repeat(7));
    for number in 1..=count {
        let mut ask = Asked::new(number, &[Class::Name]);
        ask.reason = Some(format!(
            "{}{}",
            "\u{202e}".repeat(20),
            "w ".repeat(80).trim()
        ));
        ask.evidence = true;
        let id = asked(stage, &ask).await;
        let keys = ["family", "given[*]", "text", "display"];
        let tails = keys
            .iter()
            .flat_map(|key| [format!(".{key}"), format!(".subject.{key}")]);
        let fields = tails.map(|tail| ShapeField {
            path: FieldPath::new(format!("{way}{tail}")).expect("a path"),
            class: Class::Name,
            by: MaskedBy::Profile,
            rule: None,
            count: 1,
        });
        tell(stage, number, &id, Shape::new(fields, Found::default())).await;
    }
}

#[tokio::test]
async fn the_first_view_of_a_thousand_that_wait_is_small() {
    let limits = "[limits]\npending_per_principal = 2000\npending_per_action = 2000\npending = 2000\n\
                  asks_per_minute = 100000\n";
    let stage = stage_with(1, limits).await;
    let mut ask = Asked::new(1, &[Class::Name, Class::Date]);
    ask.reason =
        Some("weekly list of open follow-ups; names are needed to call people back".to_owned());
    ask_at_length(&stage, LONG).await;
    ask_all(&stage, &ask, WAITING - usize::from(LONG)).await;
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
    let cards = browser.count("article.card").await.unwrap();
    assert!((5..=30).contains(&cards), "{cards}");
    let fields = browser.count("article.card .fields li").await;
    assert_eq!(fields.unwrap(), 8 * cards);
    let more = WAITING - cards;
    // The list may just be read anew.
    let more = format!("document.getElementById('more').textContent === '{more}'");
    browser.wait_until(&more).await.unwrap();
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
    assert!(loaded["/"] > 40_000 && sum < MOST, "{sum}: {loaded:?}");
    assert_quiet(&browser).await;
    figure(
        "the_first_view_of_a_thousand_that_wait_is_small",
        &format!(
            "{sum} bytes over the wire, {} of them the page, which is not compressed: {cards} cards with all that a card can have",
            loaded["/"]
        ),
    );
}
