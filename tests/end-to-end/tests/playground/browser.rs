//! The page in a real Chromium, served by the policy service.

use std::path::PathBuf;

use serde_json::json;
use velum_end_to_end::stage::figure;
use velum_harness::{
    Browser, BrowserOptions, Key, PolicyService, PolicyServiceOptions, Protocol, Reply, Result,
    Upstream, example_policy, locations,
};

/// Findings of the first sample, which the page shows when it is opened.
const FOUND: &str = "document.querySelectorAll('#findings tbody tr').length > 5";
const IS_DONE: &str = "document.querySelector('#equal').textContent !== ''";

struct Page {
    browser: Browser,
    service: PolicyService,
}

impl Page {
    async fn open(options: BrowserOptions, file: &str) -> Result<Self> {
        let folder = locations::playground()?.join("www");
        let options_of_service = PolicyServiceOptions::new(example_policy()?)?
            .with(&format!("playground = {:?}", folder.display().to_string()))?;
        let service = PolicyService::start(options_of_service).await?;
        let browser = Browser::start(options).await?;
        let page = Self { browser, service };
        let url = format!("{}/playground/{file}", page.service.url());
        page.browser.open(&url).await?;
        Ok(page)
    }

    async fn masking() -> Result<Self> {
        let page = Self::open(BrowserOptions::default(), "").await?;
        page.browser.wait_until(FOUND).await?;
        page.browser.wait_until(IS_DONE).await?;
        Ok(page)
    }

    /// Writes a whole text, as if it had been pasted.
    async fn put(&self, id: &str, text: &str) -> Result<()> {
        let script = format!(
            "const area = document.getElementById('{id}'); area.value = {}; \
             area.dispatchEvent(new Event('input'));",
            json!(text)
        );
        self.browser.run(&script).await.map(drop)
    }

    async fn says(&self, id: &str, part: &str) -> Result<()> {
        let part = json!(part);
        let expression = format!("document.getElementById('{id}').textContent.includes({part})");
        self.browser.wait_until(&expression).await
    }

    /// Nothing was refused by the rules of the page, and no script failed.
    async fn end(self) -> Result<()> {
        assert_eq!(self.browser.complaints().await?, Vec::<String>::new());
        Ok(())
    }
}

#[tokio::test]
async fn what_is_typed_is_masked_and_listed() -> Result<()> {
    let page = Page::masking().await?;
    page.says("policy-note", "Valid.").await?;
    page.put("policy", "{version: 1, masking: {profiles: [pii]}}")
        .await?;
    page.put(
        "body",
        r#"{"phone": "202-555-0142", "note": "to orla@mail.example"}"#,
    )
    .await?;
    page.says(
        "output",
        r#"{"phone": "[masked:phone]", "note": "to [masked:email]"}"#,
    )
    .await?;
    page.says("total", "2 values masked").await?;
    let rows = "return [...document.querySelectorAll('#findings tbody tr')].map((row) =>
        [...row.cells].map((cell) => cell.textContent))";
    assert_eq!(
        page.browser.run(rows).await?,
        json!([
            ["/phone", "phone", "pii keys: phone", "redact"],
            ["/note", "email", "detector: email", "redact"],
        ])
    );
    page.browser
        .click("#findings tbody tr:nth-child(2) button")
        .await?;
    let chosen = "return [document.activeElement.id, document.querySelector('#output mark.now').textContent]";
    assert_eq!(
        page.browser.run(chosen).await?,
        json!(["body", "\"to [masked:email]\""])
    );
    page.end().await
}

#[tokio::test]
async fn faults_are_shown_at_their_line() -> Result<()> {
    let page = Page::masking().await?;
    page.put("body", "{\n  \"a\": 1,,\n}").await?;
    page.says("body-note", "line 2, column 10: invalid JSON")
        .await?;
    page.put("policy", "version: 1\nmasking:\n  profile: [pii]\n")
        .await?;
    page.says("policy-note", "line 3, column 12: /masking/profile")
        .await?;
    let line = "return document.querySelector('#policy-pane .gutter .bad').textContent.trim()";
    assert_eq!(page.browser.run(line).await?, json!("3"));
    page.says(
        "output-note",
        "Nothing is masked by a policy that is refused.",
    )
    .await?;
    page.end().await
}

#[tokio::test]
async fn chunks_change_nothing_and_show_how_the_output_grows() -> Result<()> {
    let page = Page::masking().await?;
    let step = async |id: &str, value: u32| {
        let script = format!(
            "const slider = document.getElementById('{id}'); slider.value = {value}; \
             slider.dispatchEvent(new Event('input'));"
        );
        page.browser.run(&script).await.map(drop)
    };
    for (size, told) in [(0, "1 byte"), (4, "16 bytes"), (17, "the whole body")] {
        step("chunk", size).await?;
        page.says("chunk-size", told).await?;
        page.says("equal", "byte for byte").await?;
    }
    step("chunk", 4).await?;
    page.browser
        .wait_until("Number(document.getElementById('at').max) > 20")
        .await?;
    let length = "return document.getElementById('output').textContent.length";
    let whole = page.browser.run(length).await?;
    step("at", 5).await?;
    // The page masks when it comes to it.
    let part = "document.getElementById('output').textContent.length";
    let is_part = format!("0 < {part} && {part} < {whole}");
    page.browser.wait_until(&is_part).await?;
    page.end().await
}

#[tokio::test]
async fn a_long_file_that_is_dropped_is_masked_and_not_edited() -> Result<()> {
    let page = Page::masking().await?;
    let script = "const record = '{\"phone\": \"202-555-0142\"}';
        const data = new DataTransfer();
        data.items.add(new File([`${Array(20000).fill(record).join('\\n')}\\n`], 'long.ndjson'));
        const event = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
        document.getElementById('body-pane').dispatchEvent(event);";
    page.browser.run(script).await?;
    page.says("total", "20,000 values masked").await?;
    page.says("body-note", "This file is long").await?;
    let state =
        "return [document.getElementById('media').value, document.getElementById('body').readOnly,
        document.getElementById('body').value.length]";
    assert_eq!(
        page.browser.run(state).await?,
        json!(["application/x-ndjson", true, 100_000])
    );
    page.end().await
}

#[tokio::test]
async fn a_shared_address_has_the_policy_and_never_the_body() -> Result<()> {
    let page = Page::masking().await?;
    let policy = "{version: 1, masking: {profiles: [credentials]}} # shared";
    page.put("policy", policy).await?;
    page.put("body", r#"{"ssn": "000-77-1234"}"#).await?;
    page.browser.click("#share").await?;
    page.browser
        .wait_until("location.hash.startsWith('#policy=')")
        .await?;
    let address = page.browser.url().await?;
    page.browser.open("about:blank").await?;
    page.browser.open(&address).await?;
    let value = "document.getElementById('policy').value";
    page.browser
        .wait_until(&format!("{value}.endsWith('# shared')"))
        .await?;
    page.browser.wait_until(IS_DONE).await?;
    let body = page
        .browser
        .run("return document.getElementById('body').value")
        .await?;
    // The sample stands there again.
    let body = body.as_str().unwrap_or_default();
    assert!(body.contains("Thistlewood") && !body.contains("000-77-1234"));
    page.end().await
}

#[tokio::test]
async fn a_proof_is_told_in_plain_words_and_a_changed_record_too() -> Result<()> {
    let page = Page::open(BrowserOptions::default(), "proof.html").await?;
    page.browser.click("#sample").await?;
    page.says("verdict-title", "It holds.").await?;
    page.says("record", "\"approved_by\"").await?;
    let record = page
        .browser
        .run("return document.getElementById('record').textContent")
        .await?;
    let changed = record
        .as_str()
        .unwrap_or_default()
        .replace("grace", "mallory");
    page.put("leaf", &changed).await?;
    page.says("verdict-title", "It does NOT hold.").await?;
    let hidden = "document.getElementById('record-pane').hidden";
    page.browser.wait_until(hidden).await?;
    page.end().await
}

#[tokio::test]
async fn it_is_used_by_keyboard_on_every_width_and_in_the_dark() -> Result<()> {
    let options = BrowserOptions {
        dark: true,
        ..BrowserOptions::default()
    };
    let page = Page::open(options, "").await?;
    page.browser.wait_until(FOUND).await?;
    page.browser.press(Key::Tab).await?;
    let focus = "return document.activeElement.className";
    assert_eq!(page.browser.run(focus).await?, json!("skip"));
    page.browser.press(Key::Enter).await?;
    page.browser
        .wait_until("document.activeElement.id === 'body'")
        .await?;
    for width in [390, 900, 1440] {
        page.browser.resize((width, 844)).await?;
        let overflow = "return document.documentElement.scrollWidth - innerWidth";
        let overflow = page.browser.run(overflow).await?;
        assert!(overflow.as_i64() <= Some(0), "{overflow} at {width}");
    }
    page.end().await
}

#[tokio::test]
async fn no_view_hinders_anybody() -> Result<()> {
    let page = Page::masking().await?;
    let url = page.service.url();
    let sizes = [(1440, 900), (820, 1100), (390, 844)];
    let views = ["masking", "a fault", "a proof", "a proof that fails"];
    for is_dark in [false, true] {
        page.browser.prefer_dark(is_dark).await?;
        for size in sizes {
            page.browser.resize(size).await?;
            for view in views {
                let file = if view.contains("proof") {
                    "proof.html"
                } else {
                    ""
                };
                page.browser
                    .open(&format!("{url}/playground/{file}"))
                    .await?;
                if file.is_empty() {
                    page.browser.wait_until(FOUND).await?;
                    page.browser.wait_until(IS_DONE).await?;
                } else {
                    page.browser.click("#sample").await?;
                    page.says("verdict-title", "It holds.").await?;
                }
                if view == "a fault" {
                    page.put("body", "{\n  \"a\": 1,,\n}").await?;
                    page.says("body-note", "invalid JSON").await?;
                }
                if view == "a proof that fails" {
                    page.put("leaf", "{}").await?;
                    page.says("verdict-title", "It does NOT hold.").await?;
                }
                let found = page.browser.hindrances().await?;
                assert_eq!(
                    found,
                    Vec::<String>::new(),
                    "{view} {size:?} dark: {is_dark}"
                );
                let overflow = "return document.documentElement.scrollWidth - innerWidth";
                let overflow = page.browser.run(overflow).await?;
                assert!(overflow.as_i64() <= Some(0), "{view} {size:?}: {overflow}");
            }
        }
    }
    figure(
        "no_view_hinders_anybody",
        &format!(
            "{} views of the playground, {} widths, 2 themes: 0 violations",
            views.len(),
            sizes.len()
        ),
    );
    page.end().await
}

/// A server that knows files and what they are called, and nothing else.
async fn plain_server(folder: PathBuf) -> Result<Upstream> {
    Upstream::start(Protocol::Http1, move |request| {
        let path = request.path.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/some/folder/").unwrap_or("none");
        let path = if path.is_empty() { "index.html" } else { path };
        let is_inside = path.split('/').all(|part| part != "..");
        let file = folder.join(path);
        let Some(content) = std::fs::read(&file).ok().filter(|_| is_inside) else {
            return Reply::new(404).whole(Vec::new());
        };
        let kind = match file.extension().and_then(|it| it.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("wasm") => "application/wasm",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        };
        Reply::new(200).header("content-type", kind).whole(content)
    })
    .await
}

#[tokio::test]
async fn any_host_can_serve_its_files_in_any_folder() -> Result<()> {
    let server = plain_server(locations::playground()?.join("www")).await?;
    let browser = Browser::start(BrowserOptions::default()).await?;
    browser
        .open(&format!("http://{}/some/folder/", server.address()))
        .await?;
    browser.wait_until(FOUND).await?;
    browser.wait_until(IS_DONE).await?;
    let output = "return document.getElementById('output').textContent";
    let output = browser.run(output).await?;
    let output = output.as_str().unwrap_or_default();
    assert!(output.contains("[masked:"), "{output}");
    assert!(!output.contains("Thistlewood"), "{output}");
    browser
        .open(&format!(
            "http://{}/some/folder/proof.html",
            server.address()
        ))
        .await?;
    browser.click("#sample").await?;
    let title = "document.getElementById('verdict-title').textContent.includes('It holds.')";
    browser.wait_until(title).await
}

/// The figure is for `cargo xtask claims`.
#[tokio::test]
async fn a_body_of_a_megabyte_is_masked_in_the_browser() -> Result<()> {
    let page = Page::masking().await?;
    let script = "const done = arguments[arguments.length - 1];
        (async () => {
            const { load, Policy } = await import('/playground/engine/index.js');
            await load();
            const text = async (name) => (await fetch(`/playground/samples/${name}`)).text();
            const policy = Policy.read(await text('policy.yaml'));
            policy.keyNames.forEach((name) => policy.setKey(name, btoa('k'.repeat(32))));
            const bundle = (await text('bundle.json')).trim();
            const count = Math.floor((1 << 20) / (bundle.length + 2));
            const body = new TextEncoder().encode(`[${Array(count).fill(bundle).join(',\\n')}]`);
            const times = [];
            let masked;
            for (let run = 0; run < 9; run += 1) {
                const begun = performance.now();
                masked = policy.mask(body);
                times.push(performance.now() - begun);
            }
            const first = times[0];
            times.sort((one, other) => one - other);
            done([body.length, masked.report.masked, times[4], first]);
        })().catch((error) => done([String(error)]));";
    let told = page.browser.run_to_the_end(script).await?;
    let [length, masked, median, first] = told.as_array().map_or(&[][..], Vec::as_slice) else {
        panic!("{told}");
    };
    assert!(masked.as_u64() > Some(1000), "{told}");
    let median = median.as_f64().unwrap_or(f64::MAX);
    let first = first.as_f64().unwrap_or(f64::MAX);
    figure(
        "a_body_of_a_megabyte_is_masked_in_the_browser",
        &format!(
            "{median:.1} ms in Chromium at the median of 9, {length} bytes; the first, before anything is compiled \
             for speed: {first:.1} ms"
        ),
    );
    page.end().await
}
