//! The browser is a real one, and says what a page has complained of.

use velum_harness::{Browser, BrowserOptions, Key, Protocol, Reply, Upstream};

const PAGE: &str = "<!doctype html><meta name=viewport content=\"width=device-width\"><title>One</title><body><p id=a>Thistlewood</p>
    <input id=field><script>document.title = 'ran'</script>
    <script src=\"/own.js\"></script>";

async fn site() -> Upstream {
    Upstream::start(Protocol::Http1, |request| match request.path.as_str() {
        "/own.js" => Reply::new(200)
            .header("content-type", "text/javascript")
            .whole(
                b"addEventListener('keydown', (event) => { document.title = event.key; })".to_vec(),
            ),
        _ => Reply::new(200)
            .header("content-type", "text/html")
            .header(
                "content-security-policy",
                "default-src 'none'; script-src 'self'",
            )
            .whole(PAGE.as_bytes().to_vec()),
    })
    .await
    .expect("a site")
}

#[tokio::test]
async fn pages_are_read_typed_into_and_their_complaints_are_heard() {
    let site = site().await;
    let url = format!("http://{}/", site.address());
    let browser = Browser::start(BrowserOptions::default())
        .await
        .expect("a browser");
    browser.open(&url).await.unwrap();
    assert_eq!(browser.text("#a").await.unwrap(), "Thistlewood");
    assert_eq!(browser.run("return document.title").await.unwrap(), "One");
    let complaints = browser.complaints().await.unwrap();
    let refused = complaints.iter().filter(|it| it.contains("script-src"));
    assert_eq!(refused.count(), complaints.len(), "{complaints:?}");
    assert!(!complaints.is_empty());
    browser.click("#field").await.unwrap();
    browser.press(Key::Escape).await.unwrap();
    browser
        .wait_until("document.title === 'Escape'")
        .await
        .unwrap();
    browser.fill("#field", "ward 4").await.unwrap();
    let value = browser
        .run("return document.getElementById('field').value")
        .await;
    assert_eq!(value.unwrap(), "ward 4");
    browser.resize((390, 844)).await.unwrap();
    assert_eq!(browser.run("return innerWidth").await.unwrap(), 390);
    assert!(browser.picture().await.unwrap().starts_with(b"\x89PNG"));
    assert!(
        browser.complaints().await.unwrap().is_empty(),
        "they are told once"
    );
}

#[tokio::test]
async fn without_scripts_none_runs_and_pages_are_used_all_the_same() {
    let site = site().await;
    let options = BrowserOptions {
        scripts: false,
        dark: true,
        ..BrowserOptions::default()
    };
    let browser = Browser::start(options).await.expect("a browser");
    browser
        .open(&format!("http://{}/", site.address()))
        .await
        .unwrap();
    browser.click("#field").await.unwrap();
    browser.keys("x").await.unwrap();
    assert_eq!(browser.text("#a").await.unwrap(), "Thistlewood");
    assert_eq!(browser.run("return document.title").await.unwrap(), "One");
    let dark = browser
        .run("return matchMedia('(prefers-color-scheme: dark)').matches")
        .await;
    assert_eq!(dark.unwrap(), true);
}

#[tokio::test]
#[should_panic(expected = "pages complain")]
async fn a_browser_does_not_end_well_where_a_page_has_complained() {
    let site = site().await;
    let browser = Browser::start(BrowserOptions::default())
        .await
        .expect("a browser");
    browser
        .open(&format!("http://{}/", site.address()))
        .await
        .unwrap();
    // Another page, which complains of nothing, does not make up for it.
    browser.open("about:blank").await.unwrap();
}

#[tokio::test]
async fn a_browser_ends_well_where_a_test_is_about_what_a_page_complains_of() {
    let site = site().await;
    let browser = Browser::start(BrowserOptions::default())
        .await
        .expect("a browser");
    browser.expect("script-src");
    browser
        .open(&format!("http://{}/", site.address()))
        .await
        .unwrap();
}
