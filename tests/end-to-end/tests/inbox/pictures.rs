//! Pictures of the pages, for people to look at: `cargo xtask screenshots`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use velum_approval::{Evidence, FieldPath, Found, MaskedBy, Shape, ShapeField, Tags, UseKey};
use velum_end_to_end::stage::{Stage, text};
use velum_engine::Class;
use velum_harness::{Browser, BrowserOptions, Client};

use crate::kit::{Asked, asked, last_record, signed_in, stage_beside_playground, vote};

/// The sizes of a desk, a tablet and a telephone.
const SIZES: [(&str, (u32, u32)); 3] = [
    ("wide", (1280, 800)),
    ("middle", (820, 1100)),
    ("narrow", (390, 844)),
];

/// So many values of each class, in fields as a FHIR server has them.
fn shape(classes: &[Class], count: u64) -> Shape {
    let paths = |class: Class| match class {
        Class::Name => &[
            "$.name[*].family",
            "$.name[*].given[*]",
            "$.contact[*].name.family",
        ][..],
        Class::Date => &["$.birthDate", "$.*[*].period.start"][..],
        _ => &["$.identifier[*].value"][..],
    };
    let fields = classes.iter().flat_map(|class| {
        let paths = paths(*class);
        let first = count - (paths.len() as u64 - 1);
        let counts = std::iter::once(first).chain(std::iter::repeat(1));
        paths.iter().zip(counts).map(|(path, count)| ShapeField {
            path: FieldPath::new(*path).expect("a path"),
            class: *class,
            by: MaskedBy::Profile,
            rule: None,
            count,
        })
    });
    Shape::new(fields, Found::default())
}

async fn fill(stage: &Stage) -> Vec<String> {
    let mut ids = Vec::new();
    for (number, (classes, path, reason, found)) in (1..).zip([
        (&[Class::Name, Class::Date][..], "/Patient/{…}", Some("discharge summary for the transfer to ward 4"), Some((1, 3, 1_480))),
        (&[Class::Name, Class::Date, Class::Mrn], "/Patient", Some("weekly list of open follow-ups; names and birth dates are needed to call people back"), Some((20, 96, 31_700))),
        (&[Class::Mrn], "/Observation", Some("reconcile lab results with the registry"), None),
        (&[Class::Name], "/Patient/{…}", None, None),
        (&[Class::Name, Class::Date], "/Encounter/{…}", Some("\u{202e}ecnalubma rof\u{202c} handover of the night shift"), Some((4, 11, 8_200))),
    ]) {
        let mut ask = Asked::new(number, classes);
        ask.path = path.to_owned();
        ask.reason = reason.map(str::to_owned);
        ask.evidence = found.is_some();
        let id = asked(stage, &ask).await;
        if let Some((records, values, bytes)) = found {
            let evidence = Evidence {
                use_key: UseKey::from_bytes([number; 16]),
                found: Found::new(classes.iter().map(|class| (*class, values / 2 + 1))),
                records,
                bytes,
                tags: Tags::new((0..values).map(u64::to_be_bytes)).expect("tags"),
                complete: number != 2,
                shape: Some(shape(classes, values / 2 + 1)),
            };
            let token = stage.service.gateway_token("edge").expect("a token");
            let client = Client::new(stage.service.address());
            let call = client.call("POST", &format!("/v1/approvals/{id}/evidence")).bearer(token);
            let body = serde_json::to_value(evidence).expect("JSON");
            let answer = call.json(&body).send().await.expect("an answer");
            assert_eq!(answer.status, 204, "{}", answer.text());
        }
        ids.push(id);
    }
    ids
}

/// When a page has become what it will be.
const LOADED: &str = "document.readyState === 'complete'";
const LIVE: &str = "!document.getElementById('live').hidden";
const VERIFIED: &str =
    "document.getElementById('check-title').textContent === 'It is in the log, unchanged.'";
const MASKED: &str = "document.querySelectorAll('#findings tbody tr').length > 5 \
     && document.querySelector('#equal').textContent !== ''";
const PROVEN: &str = "document.getElementById('verdict-title').textContent === 'It holds.'";

/// The pages that README.md shows.
const IN_README: [&str; 4] = ["pending", "approval", "record", "playground"];

#[tokio::test]
#[ignore = "for people to look at: `cargo xtask screenshots`"]
async fn every_page_at_three_widths_and_in_two_themes() {
    let folder = PathBuf::from(std::env::var_os("VELUM_PICTURES").expect("VELUM_PICTURES"));
    let readme = std::env::var_os("VELUM_README_PICTURES").map(PathBuf::from);
    let stage = stage_beside_playground(
        2,
        "[limits]\npending_per_principal = 100\nasks_per_minute = 1000\n\
         [break_glass]\ngroup = \"privacy\"\nlifetime = \"30m\"\nactions = [\"read\"]\n",
    )
    .await;
    // What is over already.
    let mut over = Vec::new();
    for (number, verb) in [(101, "deny"), (102, "approve"), (103, "approve")] {
        let mut ask = Asked::new(number, &[Class::Name, Class::Date]);
        ask.resource = 1;
        ask.reason = Some("discharge summary".to_owned());
        let id = asked(&stage, &ask).await;
        vote(&stage, "omar", &id, verb).await;
        if verb == "approve" {
            vote(&stage, "grace", &id, verb).await;
        }
        over.push(id);
    }
    let stop = json!({"scope": {"kind": "gateway", "id": "edge"}, "comment": "drill of the week"});
    let stopped = stage
        .reviewer("omar")
        .post("/v1/stops", &stop)
        .await
        .expect("an answer");
    assert_eq!(stopped.status, 201, "{}", stopped.body);
    let ids = fill_after_stop(&stage, &stopped.body["id"]).await;
    vote(&stage, "omar", &ids[0], "approve").await;
    let record = last_record(&stage, &over[2]).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let pages = [
        ("pending", "/".to_owned(), LIVE),
        ("approval", format!("/approvals/{}", ids[0]), LIVE),
        ("approval-unseen", format!("/approvals/{}", ids[3]), LIVE),
        ("approval-over", format!("/approvals/{}", over[0]), LIVE),
        ("history", "/history".to_owned(), LOADED),
        ("grants", "/grants".to_owned(), LOADED),
        ("activity", "/activity".to_owned(), LOADED),
        ("audit", "/audit".to_owned(), LOADED),
        ("record", format!("/audit/{record}"), VERIFIED),
        ("stops", "/stops".to_owned(), LOADED),
        ("emergencies", "/emergencies".to_owned(), LOADED),
        ("policy", "/policy".to_owned(), LOADED),
        ("session", "/session".to_owned(), LOADED),
        ("missing", "/audit/9999".to_owned(), LOADED),
        ("playground", "/playground/".to_owned(), MASKED),
        ("proof", "/playground/proof.html".to_owned(), LOADED),
    ];
    for (theme, is_dark) in [("light", false), ("dark", true)] {
        browser.prefer_dark(is_dark).await.expect("a theme");
        for (width, size) in SIZES {
            browser.resize(size).await.expect("a size");
            for (name, path, ready) in &pages {
                let url = format!("{}{path}", stage.service.url());
                browser.open(&url).await.expect("a page");
                if *name == "proof" {
                    browser.click("#sample").await.expect("the sample");
                    browser.wait_until(PROVEN).await.expect("a verdict");
                }
                browser.wait_until(ready).await.expect("the page's end");
                let picture = browser.picture().await.expect("a picture");
                let file = folder.join(format!("{name}-{width}-{theme}.png"));
                std::fs::write(file, picture).expect("a file");
                let is_shown = width == "wide" && IN_README.contains(name);
                if let Some(readme) = readme.as_ref().filter(|_| is_shown) {
                    let picture = sharp(&browser, size).await;
                    let file = readme.join(format!("{name}-{theme}.webp"));
                    std::fs::write(file, picture).expect("a file");
                    browser.resize(size).await.expect("a size");
                }
            }
        }
    }
}

/// A picture in WebP with more points than the page has pixels, for screens that show them.
async fn sharp(browser: &Browser, (width, height): (u32, u32)) -> Vec<u8> {
    let metrics = json!({
        "width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": false,
    });
    let resized = browser.command("Emulation.setDeviceMetricsOverride", &metrics);
    resized.await.expect("a size");
    let format = json!({"format": "webp", "quality": 80});
    let picture = browser.command("Page.captureScreenshot", &format).await;
    let picture = picture.expect("a picture");
    STANDARD.decode(text(&picture["data"])).expect("base64")
}

/// What waits; the stop is resumed before, or nothing could be asked.
async fn fill_after_stop(stage: &Stage, stop: &serde_json::Value) -> Vec<String> {
    let id = stop.as_str().expect("an id");
    let path = format!("/v1/stops/{id}/resume");
    let resumed = stage
        .reviewer("grace")
        .post(&path, &json!({}))
        .await
        .expect("an answer");
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    fill(stage).await
}
