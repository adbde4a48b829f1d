//! Somebody who approves faster than anybody reads: nothing is refused, and it is told.

use serde_json::json;
use velum_harness::Postgres;

use crate::testing::browser::Browser;
use crate::testing::{CONFIGURATION, Service, reply};

/// Beside whatever else is in a configuration: metrics, many asks, and this limit.
fn configuration(store: &str, limit: u32) -> String {
    let metrics = format!("[metrics]\nlisten = \"127.0.0.1:0\"\n\n{store}[lifetimes]");
    CONFIGURATION.replacen("[lifetimes]", &metrics, 1).replace(
        "pending_per_principal = 5",
        &format!("pending_per_principal = 1000\napprovals_per_minute = {limit}"),
    )
}

/// Has these requests approved one after the other, some time apart.
async fn approve(service: &Service, person: &str, requests: std::ops::Range<u8>, apart: i64) {
    for request in requests {
        let id = service.pending(&service.ask(request)).await;
        let (status, body) = service.approve(person, &id, json!({})).await;
        assert_eq!(status, 200, "{body}");
        service.clock.advance(apart);
    }
}

/// How many were too many, as this service counts.
async fn counted(service: &Service) -> u64 {
    let address = service.running.metrics_address.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (status, text) = reply(client.get(format!("http://{address}/metrics"))).await;
    assert_eq!(status, 200);
    let text = text.as_str().unwrap();
    assert!(!text.contains("grace"), "a label names somebody: {text}");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("velum_policy_service_hasty_approvals_total "));
    line.unwrap().parse().unwrap()
}

/// Somebody who looks at the inbox.
async fn onlooker(service: &Service) -> Browser {
    let mut browser = Browser::new();
    let link = &service.running.links["nora"];
    assert_eq!(browser.submit(link, &[]).await.status, 303);
    browser
}

/// What the activity page says of it, if anything: the cells of each line.
async fn shown(service: &Service, browser: &mut Browser) -> Vec<Vec<String>> {
    let page = browser.open(&service.url("/activity")).await;
    assert_eq!(page.status, 200);
    let Some((_, rest)) = page.text.split_once("aria-label=\"Approved too fast\"") else {
        return Vec::new();
    };
    let (section, _) = rest.split_once("</section>").unwrap();
    let (_, body) = section.split_once("<tbody>").unwrap();
    let lines = body.split("<tr>").skip(1);
    let text = |cell: &str| {
        let shown = cell.split('<').filter_map(|part| part.split_once('>'));
        shown.map(|(_, text)| text).collect::<String>()
    };
    lines
        .map(|line| {
            let cells = line.split("</t").filter(|cell| cell.contains("<t"));
            cells
                .map(|cell| text(cell.get(cell.find("<t").unwrap()..).unwrap()))
                .collect()
        })
        .collect()
}

async fn a_person_who_approves_more_than_ten_a_minute(service: &Service, browser: &mut Browser) {
    approve(service, "grace", 0..10, 1000).await;
    assert_eq!(counted(service).await, 0);
    assert!(shown(service, browser).await.is_empty());
    // Somebody else is counted alone.
    approve(service, "omar", 10..15, 1000).await;
    assert_eq!(counted(service).await, 0);
    approve(service, "grace", 15..18, 1000).await;
    assert_eq!(counted(service).await, 3);
    let lines = shown(service, browser).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0][..3], ["grace", "13", "3"], "{lines:?}");
    // A minute later they are at leisure, and what was is still shown.
    service.clock.advance(60_000);
    approve(service, "grace", 18..19, 1000).await;
    assert_eq!(counted(service).await, 3);
    assert_eq!(shown(service, browser).await, lines);
    // A no, and a yes that is taken back, are no haste.
    for request in 20..35 {
        let id = service.pending(&service.ask(request)).await;
        assert_eq!(service.deny("omar", &id, json!({})).await.0, 200);
    }
    assert_eq!(counted(service).await, 3);
}

#[tokio::test]
async fn more_than_ten_approvals_a_minute_of_one_person_are_counted_and_shown_on_sqlite() {
    let service = Service::with(&configuration("", 10)).await;
    let mut browser = onlooker(&service).await;
    a_person_who_approves_more_than_ten_a_minute(&service, &mut browser).await;
    // It is in the store, so whoever starts anew shows it too.
    let lines = shown(&service, &mut browser).await;
    let service = service.restart().await;
    let mut browser = onlooker(&service).await;
    assert_eq!(shown(&service, &mut browser).await, lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_ten_approvals_a_minute_of_one_person_are_counted_over_all_replicas() {
    let server = Postgres::start().await.unwrap();
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n",
        server.url()
    );
    let configuration = configuration(&store, 10);
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    approve(&one, "grace", 100..106, 0).await;
    approve(&other, "grace", 106..110, 0).await;
    assert_eq!((counted(&one).await, counted(&other).await), (0, 0));
    approve(&other, "grace", 110..112, 0).await;
    assert_eq!((counted(&one).await, counted(&other).await), (0, 2));
    let (mut at_one, mut at_other) = (onlooker(&one).await, onlooker(&other).await);
    let lines = shown(&one, &mut at_one).await;
    assert_eq!(lines[0][..3], ["grace", "12", "2"]);
    assert_eq!(shown(&other, &mut at_other).await, lines);
    for service in [&one, &other] {
        service.clock.advance(120_000);
    }
    drop(other);
    a_person_who_approves_more_than_ten_a_minute_again(&one, &mut at_one).await;
}

/// The same once more, with what was before still shown behind it.
async fn a_person_who_approves_more_than_ten_a_minute_again(
    service: &Service,
    browser: &mut Browser,
) {
    approve(service, "grace", 0..11, 1000).await;
    assert_eq!(counted(service).await, 1);
    let lines = shown(service, browser).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0][..3], ["grace", "11", "1"], "{lines:?}");
}

#[tokio::test]
async fn a_limit_of_nought_is_none() {
    let service = Service::with(&configuration("", 0)).await;
    approve(&service, "grace", 0..40, 0).await;
    let mut browser = onlooker(&service).await;
    assert_eq!(counted(&service).await, 0);
    assert!(shown(&service, &mut browser).await.is_empty());
}
