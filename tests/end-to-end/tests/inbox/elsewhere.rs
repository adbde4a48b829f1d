//! What others have a browser do, or do themselves with an address: nothing is decided by it, and nothing shown.

use std::fmt::Write as _;

use serde_json::{Value, json};
use velum_end_to_end::stage::Stage;
use velum_engine::Class;
use velum_harness::{
    Authority, Browser, BrowserOptions, Client, Protocol, Received, Reply, TlsFront, Upstream,
};

use crate::doors::Doors;
use crate::kit::{Asked, asked, records};

/// Programs that look at what a link leads to, for whoever was sent it.
const PREVIEWS: &[&str] = &[
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Microsoft Office/16.0 (Microsoft Outlook 16.0.17126; Pro)",
    "facebookexternalhit/1.1",
    "WhatsApp/2.23.20.0",
];

/// A page of somebody else, over TLS and at a port of its own.
struct Another {
    _page: Upstream,
    front: TlsFront,
}

async fn page_of_another(body: &str) -> Another {
    let html = format!("<!doctype html>\n<title>A prize</title>\n<body>{body}\n");
    let reply = move |_: &Received| {
        let reply = Reply::new(200).header("content-type", "text/html; charset=utf-8");
        reply.whole(html.clone().into_bytes())
    };
    let page = Upstream::start(Protocol::Http2, reply);
    let page = page.await.expect("another's page");
    let certificate = Authority::new().and_then(|authority| authority.server());
    let certificate = certificate.expect("a certificate");
    let front = TlsFront::start(&certificate, page.address());
    Another {
        front: front.expect("TLS before another's page"),
        _page: page,
    }
}

/// The same port under another name is another site; under the same name it is only another origin, to which a
/// browser sends the session's cookie.
fn addresses(page: &Another) -> [(String, bool); 2] {
    let port = page.front.address().port();
    [
        (format!("https://127.0.0.1:{port}/"), true),
        (format!("https://localhost:{port}/"), false),
    ]
}

/// A grant, what waits, and somebody who may decide it, with the token of her forms.
struct Scene {
    doors: Doors,
    stage: Stage,
    browser: Browser,
    waits: String,
    token: String,
    before: Vec<Value>,
}

impl Scene {
    async fn set() -> Scene {
        let doors = Doors::open().await;
        let stage = doors.stage("quorum = 1").await;
        let waits = asked(&stage, &Asked::new(1, &[Class::Name])).await;
        let browser = doors.signed_in("grace").await;
        let token = "return document.querySelector('[name=form_token]').value";
        let token = browser.run(token).await.unwrap();
        let before = records(&stage).await;
        Scene {
            doors,
            token: token.as_str().unwrap().to_owned(),
            stage,
            browser,
            waits,
            before,
        }
    }

    /// What would be sent to decide, or to do anything else.
    fn deeds(&self) -> Vec<(String, Vec<(&'static str, &str)>)> {
        let of = |verb: &str| format!("/approvals/{}/{verb}", self.waits);
        let version = ("version", "1");
        vec![
            (of("approve"), vec![version]),
            (
                of("approve"),
                vec![version, ("less", "true"), ("classes", "name")],
            ),
            (of("deny"), vec![version]),
            (of("question"), vec![version]),
            (of("take-back"), vec![version]),
            (of("revoke"), vec![version]),
            ("/stops".to_owned(), vec![("kind", "everything")]),
            ("/session/groups".to_owned(), vec![]),
            ("/sign-out".to_owned(), vec![("everywhere", "yes")]),
        ]
    }

    /// Nothing was done: the log is as it was, and so is what waits.
    async fn assert_nothing_was_done(&self, what: &str) {
        assert_eq!(records(&self.stage).await, self.before, "{what}");
        let shown = self
            .stage
            .reviewer("grace")
            .show(&self.waits)
            .await
            .unwrap();
        assert_eq!(shown.body["state"], "pending", "{what}");
        assert_eq!(shown.body["version"], 1, "{what}");
        // And she is signed in still.
        self.browser.open(&self.doors.url("/")).await.unwrap();
        assert_eq!(
            self.browser.count("article.card").await.unwrap(),
            1,
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_form_of_another_page_decides_nothing_whatever_it_knows() {
    let scene = Scene::set().await;
    let service = scene.doors.url("");
    // As if the token of her forms had got out, too.
    let mut forms = String::new();
    for (number, (path, fields)) in scene.deeds().iter().enumerate() {
        let _ = write!(
            forms,
            "<form id=f{number} method=post action=\"{service}{path}\">"
        );
        for (name, value) in fields.iter().chain(&[("form_token", scene.token.as_str())]) {
            let _ = write!(forms, "<input name={name} value=\"{value}\">");
        }
        forms.push_str("<button>Win</button></form>");
    }
    let page = page_of_another(&forms).await;
    for (address, is_another_site) in addresses(&page) {
        for (number, (path, _)) in scene.deeds().iter().enumerate() {
            scene.browser.open(&address).await.unwrap();
            scene
                .browser
                .click(&format!("#f{number} button"))
                .await
                .unwrap();
            let said = if is_another_site {
                // Not even her session came along.
                "You are not signed in"
            } else {
                "That form was not ours"
            };
            let told = format!("document.body.textContent.includes('{said}')");
            scene.browser.wait_until(&told).await.unwrap();
            scene
                .assert_nothing_was_done(&format!("{address} {path}"))
                .await;
        }
    }
}

#[tokio::test]
async fn a_script_of_another_page_decides_nothing_and_reads_nothing() {
    let scene = Scene::set().await;
    // The browser says so of another's page that would read ours.
    scene.browser.expect("has been blocked by CORS policy");
    let service = scene.doors.url("");
    let page = page_of_another("").await;
    for (address, _) in addresses(&page) {
        for (path, fields) in scene.deeds() {
            scene.browser.open(&address).await.unwrap();
            let mut body = json!({"form_token": scene.token});
            for (name, value) in fields {
                body[name] = value.into();
            }
            let sent = scene
                .browser
                .run_to_the_end(&format!(
                    "const done = arguments[0];
                     const body = new URLSearchParams({body});
                     fetch('{service}{path}', {{method: 'POST', body, mode: 'no-cors', credentials: 'include'}})
                         .then((it) => done(it.type), () => done('failed'))"
                ))
                .await
                .unwrap();
            // It is refused to whoever asks so, before or behind the service.
            assert!(sent == "opaque" || sent == "failed", "{sent}");
            scene
                .assert_nothing_was_done(&format!("{address} {path}"))
                .await;
        }
        scene.browser.open(&address).await.unwrap();
        let read = scene
            .browser
            .run_to_the_end(&format!(
                "const done = arguments[0];
                 fetch('{service}/', {{credentials: 'include'}})
                     .then((it) => it.text()).then(done, () => done('failed'))"
            ))
            .await
            .unwrap();
        assert_eq!(read, "failed", "{address}");
        let window = scene
            .browser
            .run_to_the_end(&format!(
                "const done = arguments[0];
                 const other = window.open('{service}/approvals/{}');
                 const look = () => {{
                     if (!other) done('never opened');
                     else if (other.closed) done('gone');
                     else setTimeout(look, 50);
                 }};
                 look();",
                scene.waits
            ))
            .await
            .unwrap();
        // Another's window of it has no hold on it (Cross-Origin-Opener-Policy).
        assert_eq!(window, "gone", "{address}");
    }
}

#[tokio::test]
async fn a_frame_of_another_page_shows_none_of_ours() {
    let scene = Scene::set().await;
    let service = scene.doors.url("");
    let frame = format!(
        "<iframe src=\"{service}/approvals/{}\"></iframe>",
        scene.waits
    );
    let page = page_of_another(&frame).await;
    for (address, _) in addresses(&page) {
        scene.browser.complaints().await.unwrap();
        scene.browser.open(&address).await.unwrap();
        scene.browser.enter_frame("iframe").await.unwrap();
        let text = scene.browser.text("body").await.unwrap();
        assert!(
            !text.contains("triage-bot") && !text.contains("Approve"),
            "{text}"
        );
        for selector in ["form", "button.primary", "#sheet", "[name=form_token]"] {
            assert_eq!(
                scene.browser.count(selector).await.unwrap(),
                0,
                "{address} {selector}"
            );
        }
        scene.browser.leave_frame().await.unwrap();
        let complaints = scene.browser.complaints().await.unwrap();
        let is_refused = complaints.iter().any(|it| it.contains("frame-ancestors"));
        assert!(is_refused, "{address}: {complaints:?}");
        scene.assert_nothing_was_done(&address).await;
    }
}

#[tokio::test]
async fn an_address_that_somebody_opens_decides_nothing() {
    let scene = Scene::set().await;
    let service = scene.doors.url("");
    for (path, fields) in scene.deeds() {
        let mut query = format!("form_token={}", scene.token);
        for (name, value) in fields {
            let _ = write!(query, "&{name}={value}");
        }
        // As typed, and by a link of another's page.
        let address = format!("{service}{path}?{query}");
        scene.browser.open(&address).await.unwrap();
        scene.assert_nothing_was_done(&path).await;
        let link = address.replace('&', "&amp;");
        let page = page_of_another(&format!("<a href=\"{link}\">Win</a>")).await;
        for (elsewhere, _) in addresses(&page) {
            scene.browser.open(&elsewhere).await.unwrap();
            scene.browser.click("a").await.unwrap();
            scene.assert_nothing_was_done(&path).await;
        }
    }
    // Nor is what it is about decided by a link that leads where one can.
    for path in ["", "#approve", "?done=1", "?version=1&approve=true"] {
        let address = format!("{service}/approvals/{}{path}", scene.waits);
        scene.browser.open(&address).await.unwrap();
        scene.assert_nothing_was_done(path).await;
    }
}

#[tokio::test]
async fn a_program_that_looks_at_links_decides_nothing_and_uses_none_up() {
    let scene = Scene::set().await;
    let client = Client::new(scene.stage.service.address());
    let cookie = scene.browser.cookie("__Host-velum").await.unwrap();
    let link = scene.stage.service.link("omar").unwrap();
    let link = &link[link.find("/link/").unwrap()..];
    let waits = format!("/approvals/{}", scene.waits);
    let mut paths = vec!["/".to_owned(), waits, link.to_owned()];
    paths.extend(scene.deeds().into_iter().map(|(path, _)| path));
    for preview in PREVIEWS {
        for path in &paths {
            for method in ["GET", "HEAD"] {
                // By itself, and in the browser of whoever was sent it.
                let calls = [
                    client.call(method, path),
                    client
                        .call(method, path)
                        .header("cookie", format!("__Host-velum={cookie}")),
                ];
                for call in calls {
                    let answer = call.header("user-agent", preview).send().await.unwrap();
                    assert!(answer.status < 500, "{method} {path}: {}", answer.status);
                    let is_deed = scene.deeds().iter().any(|(deed, _)| deed == path);
                    if is_deed && path != "/stops" {
                        assert_eq!(answer.status, 405, "{method} {path}");
                    }
                }
            }
        }
    }
    scene.assert_nothing_was_done("previews").await;
    // What they looked at is still good for the person who was sent it.
    let browser = Browser::start(BrowserOptions::default()).await.unwrap();
    browser.open(&scene.doors.url(link)).await.unwrap();
    browser.click("form button").await.unwrap();
    browser.wait_for("#queue").await.unwrap();
}
