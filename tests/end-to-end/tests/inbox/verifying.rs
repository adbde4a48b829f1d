//! A record is verified in the reader's own browser, and one that was changed is shown as such.

use serde_json::json;
use velum_end_to_end::stage::{Stage, figure};
use velum_engine::Class;
use velum_harness::{Browser, BrowserOptions};

use crate::kit::{
    Asked, asked, assert_quiet, last_record, signed_in, stage, stage_beside_playground, store, vote,
};

const VERDICT: &str = "(document.getElementById('check-title')?.textContent ?? '…')";

/// Asks, approves, and gives the index of the record of that, once a head is over it.
async fn recorded(stage: &Stage) -> i64 {
    let id = asked(stage, &Asked::new(1, &[Class::Name])).await;
    vote(stage, "grace", &id, "approve").await;
    last_record(stage, &id).await
}

/// What the record's page says once it has made up its mind.
async fn verdict(browser: &Browser, stage: &Stage, index: i64) -> String {
    let page = format!("{}/audit/{index}", stage.service.url());
    browser.open(&page).await.expect("the record's page");
    let decided = format!("!{VERDICT}.endsWith('…') && !{VERDICT}.startsWith('Not checked')");
    browser.wait_until(&decided).await.expect("a verdict");
    let title = browser.text("#check-title").await.expect("its title");
    let steps = browser.text("#check-steps").await.unwrap_or_default();
    format!("{title} {steps}")
}

#[tokio::test]
async fn a_record_is_verified_in_the_browser_and_one_that_was_changed_is_shown_as_such() {
    let stage = stage_beside_playground(1, "").await;
    let index = recorded(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let held = verdict(&browser, &stage, index).await;
    assert!(held.starts_with("It is in the log, unchanged."), "{held}");
    assert_eq!(browser.count("#check-steps .ok").await.unwrap(), 2);
    let text = browser.text("#check-text").await.unwrap();
    let says = format!("this record is index {index} of a log of");
    assert!(text.contains(&says), "{text}");
    assert_eq!(browser.hindrances().await.unwrap(), Vec::<String>::new());

    let mut store = store(&stage).await;
    sqlx::query("DROP TRIGGER audit_entry_is_append_only")
        .execute(&mut store)
        .await
        .unwrap();
    let entry = format!("audit_entry WHERE idx = {index}");
    let mut told = Vec::new();
    for (what, column, table, change, signed) in [
        (
            "who approved",
            "entry",
            entry.as_str(),
            "CAST(replace(CAST(entry AS TEXT), '\"grace\"', '\"mabel\"') AS BLOB)",
            true,
        ),
        // No JSON any more, and not even text.
        ("all of it", "entry", &entry, "X'00FF7B'", true),
        (
            "the tree",
            "hashes",
            "log_tile WHERE log = 1 AND level = 0 AND number = 0",
            "zeroblob(length(hashes))",
            true,
        ),
        (
            "the head",
            "note",
            "log_head WHERE log = 1",
            // Of the root.
            "replace(note, substr(note, instr(note, char(10, 10)) - 8, 4), 'AAAA')",
            false,
        ),
        (
            "the key",
            "key",
            "log_key WHERE log = 1",
            // Another one: of RFC 8032, section 7.1.
            "X'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'",
            false,
        ),
    ] {
        // In one transaction with what was there: nobody signs in between.
        let (table, condition) = table.split_once(" WHERE ").unwrap();
        let kept =
            format!("CREATE TEMP TABLE kept AS SELECT {column} FROM {table} WHERE {condition}");
        let changed = format!("UPDATE {table} SET {column} = {change} WHERE {condition}");
        let restored =
            format!("UPDATE {table} SET {column} = (SELECT {column} FROM kept) WHERE {condition}");
        let mut run = async |statement: String| {
            let done = sqlx::query(sqlx::AssertSqlSafe(statement))
                .execute(&mut store)
                .await;
            done.expect(what)
        };
        run(kept).await;
        assert_eq!(run(changed).await.rows_affected(), 1, "{what}");
        let fell = verdict(&browser, &stage, index).await;
        assert!(fell.starts_with("It does NOT hold."), "{what}: {fell}");
        let yes = browser.count("#check-steps .ok").await.unwrap();
        assert_eq!(yes, usize::from(signed), "{what}: {fell}");
        assert_eq!(browser.hindrances().await.unwrap(), Vec::<String>::new());
        run(restored).await;
        run("DROP TABLE kept".to_owned()).await;
        told.push(what);
    }
    let held = verdict(&browser, &stage, index).await;
    assert!(held.starts_with("It is in the log, unchanged."), "{held}");
    assert_quiet(&browser).await;
    figure(
        "a_record_is_verified_in_the_browser_and_one_that_was_changed_is_shown_as_such",
        &format!(
            "holds as it was; does not hold with {} changed",
            told.join(", ")
        ),
    );
}

#[tokio::test]
async fn where_nothing_can_verify_it_the_page_says_that_nobody_has() {
    // Without a script, and where the playground is not served.
    let with = stage_beside_playground(1, "").await;
    let without = stage(1).await;
    for (stage, scripts, title) in [
        (&with, false, "Not checked."),
        (&without, true, "Not checked here."),
    ] {
        let index = recorded(stage).await;
        let options = BrowserOptions {
            scripts,
            ..BrowserOptions::default()
        };
        let browser = signed_in(stage, "grace", options).await;
        let page = format!("{}/audit/{index}", stage.service.url());
        browser.open(&page).await.unwrap();
        assert_eq!(browser.text("#check-title").await.unwrap(), title);
        assert_eq!(browser.count("#check-steps li").await.unwrap(), 0);
        let download = format!("a[download][href='/audit/{index}/proof']");
        assert_eq!(browser.count(&download).await.unwrap(), 1);
    }
    // A browser that gets no verifier, and one that gets no proof.
    let index = recorded_again(&with).await;
    let browser = signed_in(&with, "omar", BrowserOptions::default()).await;
    for (blocked, why) in [
        ("*/velum_playground_bg.wasm", "The verifier did not start"),
        ("*/proof", "The service gave no proof"),
    ] {
        let urls = json!({"urls": [blocked]});
        browser.command("Network.enable", &json!({})).await.unwrap();
        browser
            .command("Network.setBlockedURLs", &urls)
            .await
            .unwrap();
        let said = verdict(&browser, &with, index).await;
        assert!(said.starts_with("It could not be checked here."), "{said}");
        let text = browser.text("#check-text").await.unwrap();
        assert!(text.starts_with(why), "{text}");
    }
}

/// The first record of all, which is under a head by now.
async fn recorded_again(stage: &Stage) -> i64 {
    let mut store = store(stage).await;
    let first = sqlx::query_scalar("SELECT min(idx) FROM audit_entry");
    first.fetch_one(&mut store).await.expect("a record")
}
