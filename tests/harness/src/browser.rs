//! A real Chromium, driven as a person drives it: by `WebDriver`, over its own driver.

mod authenticator;
mod log;

pub use authenticator::Authenticator;

use std::env;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failure::During;
use crate::{Failure, Process, Result, locations};

/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the driver and the browser may take to start, on a machine that has much to do.
const START: Duration = Duration::from_mins(1);
/// How often to try: Chromium now and then exits before it has opened anything, which the driver then says.
const STARTS: u32 = 3;
const EXITED: &str = "session not created: Chrome instance exited";
/// Under which name `WebDriver` hands on an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// No more of the browser than the pages need, and nothing of the network.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];
/// How a browser is to be.
#[derive(Debug, Clone)]
pub struct BrowserOptions {
    /// Whether pages may run scripts.
    pub scripts: bool,
    /// Whether it prefers dark pages.
    pub dark: bool,
    /// The width and height of the window's inside.
    pub size: (u32, u32),
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            scripts: true,
            dark: false,
            size: (1280, 800),
        }
    }
}

/// A key that has no letter.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    /// Sends what has the focus.
    Enter,
    /// Closes what is open.
    Escape,
    /// Goes to the next that can have the focus.
    Tab,
}

impl Key {
    fn code(self) -> char {
        match self {
            Self::Enter => '\u{e007}',
            Self::Escape => '\u{e00c}',
            Self::Tab => '\u{e004}',
        }
    }
}

/// A browser with one window and a profile of its own; both end when this is dropped.
///
/// # Panics
/// When it is dropped: where a page has complained of something that nobody has read by [`Browser::complaints`] and
/// that is not expected ([`Browser::expect`]), so that each test with a browser is a test of that.
#[derive(Debug)]
pub struct Browser {
    driver: Process,
    address: SocketAddr,
    session: String,
    heard: log::Heard,
    client: reqwest::Client,
    // Goes last: the browser writes there.
    folder: TempDir,
}

impl Browser {
    /// Starts one.
    pub async fn start(options: BrowserOptions) -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::start_once(&options).await {
                Err(failure) if tries < STARTS && failure.to_string().contains(EXITED) => {
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn start_once(options: &BrowserOptions) -> Result<Self> {
        let (browser, program) = locations::chromium()?;
        let folder = tempfile::tempdir().during("temporary folder")?;
        let mut command = Command::new(program);
        command
            .arg("--port=0")
            .arg("--allowed-ips=127.0.0.1")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path());
        find_libraries(&mut command, &browser);
        let mut driver = Process::start("chromedriver", command, folder.path())?;
        let address = address(&mut driver, folder.path()).await?;
        let client = reqwest::Client::builder().no_proxy().build();
        let mut started = Self {
            driver,
            address,
            session: String::new(),
            heard: log::Heard::default(),
            client: client.during("an HTTP client")?,
            folder,
        };
        let capabilities = started.capabilities(&browser, options);
        let session = started.call("POST", "", &capabilities).await?;
        started.session = text(&session["sessionId"], "a session")?;
        started
            .command(
                "Page.addScriptToEvaluateOnNewDocument",
                &json!({"source": log::WATCH}),
            )
            .await?;
        started.prefer_dark(options.dark).await?;
        started.resize(options.size).await?;
        Ok(started)
    }

    fn capabilities(&self, browser: &Path, options: &BrowserOptions) -> Value {
        let profile = self.folder.path().join("profile");
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|&it| it.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let mut chromium = json!({"binary": browser.display().to_string(), "args": arguments});
        if !options.scripts {
            chromium["prefs"] = json!({"profile.managed_default_content_settings.javascript": 2});
        }
        json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": chromium,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}})
    }

    /// Opens a page and waits until it is there.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.post("/url", &json!({"url": url})).await.map(|_| ())
    }

    /// Where it is now.
    pub async fn url(&self) -> Result<String> {
        let url = self.call("GET", &self.path("/url"), &Value::Null).await?;
        text(&url, "an address")
    }

    /// Makes the inside of the window so wide and high, as a telephone's screen where it is narrow.
    pub async fn resize(&self, (width, height): (u32, u32)) -> Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        let changed = self.command("Emulation.setDeviceMetricsOverride", &metrics);
        changed.await.map(|_| ())
    }

    /// Has it prefer dark pages, or light ones.
    pub async fn prefer_dark(&self, is_dark: bool) -> Result<()> {
        let scheme = if is_dark { "dark" } else { "light" };
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        let media = json!({"features": [feature]});
        let changed = self.command("Emulation.setEmulatedMedia", &media);
        changed.await.map(|_| ())
    }

    /// How many elements a CSS selector finds now.
    pub async fn count(&self, selector: &str) -> Result<usize> {
        Ok(self.all(selector).await?.len())
    }

    /// Waits until a CSS selector finds something.
    pub async fn wait_for(&self, selector: &str) -> Result<()> {
        self.find(selector).await.map(|_| ())
    }

    /// Clicks the first element that a CSS selector finds, once it is there.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.find(selector).await?;
        let path = format!("/element/{element}/click");
        self.post(&path, &json!({})).await.map(|_| ())
    }

    /// Writes into a field.
    pub async fn fill(&self, selector: &str, written: &str) -> Result<()> {
        let element = self.find(selector).await?;
        let path = format!("/element/{element}/value");
        self.post(&path, &json!({"text": written}))
            .await
            .map(|_| ())
    }

    /// The text of an element, as a person sees it: of the one that is there, where a page has put it anew meanwhile.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            let element = self.find(selector).await?;
            let path = self.path(&format!("/element/{element}/text"));
            let told = self.call("GET", &path, &Value::Null).await;
            let is_stale = |it: &Failure| it.to_string().contains("stale element reference");
            if !told.as_ref().is_err_and(is_stale) || begun.elapsed() > PATIENCE {
                return text(&told?, "a text");
            }
        }
    }

    /// Types letters, wherever the focus is.
    pub async fn keys(&self, letters: &str) -> Result<()> {
        let strokes = letters.chars().flat_map(|letter| {
            let letter = letter.to_string();
            [
                json!({"type": "keyDown", "value": letter}),
                json!({"type": "keyUp", "value": letter}),
            ]
        });
        let keyboard =
            json!({"type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>()});
        let typed = self.post("/actions", &json!({"actions": [keyboard]})).await;
        typed.map(|_| ())
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: Key) -> Result<()> {
        self.keys(&key.code().to_string()).await
    }

    /// Runs the body of a function in the page, and gives what it returns.
    pub async fn run(&self, script: &str) -> Result<Value> {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
            .await
    }

    /// Runs one whose last argument is called with what it gives.
    pub async fn run_to_the_end(&self, script: &str) -> Result<Value> {
        self.post("/execute/async", &json!({"script": script, "args": []}))
            .await
    }

    /// Waits until an expression is true in the page.
    pub async fn wait_until(&self, expression: &str) -> Result<()> {
        let script = format!("return Boolean({expression})");
        let start = Instant::now();
        while self.run(&script).await? != json!(true) {
            if start.elapsed() > PATIENCE {
                let page = self.text("body").await.unwrap_or_default();
                return Err(Failure::new(format!(
                    "never: {expression}; the page:\n{page}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// What axe-core finds on the page that hinders people, a line each; fails where it looked at nothing.
    pub async fn hindrances(&self) -> Result<Vec<String>> {
        // Once a page: it is long.
        if self.run("return Boolean(window.axe)").await? != json!(true) {
            let script = std::fs::read_to_string(locations::axe()?);
            self.run(&script.during("axe-core's script")?).await?;
        }
        let found = self
            .run_to_the_end(
                "const done = arguments[arguments.length - 1];
                 axe.run(document).then((all) => done({
                     looked: all.passes.length,
                     found: all.violations.map((it) => `${it.id}: ${it.nodes[0].html}`),
                 }), (fault) => done({looked: 0, found: [String(fault)]}));",
            )
            .await?;
        if found["looked"].as_u64().unwrap_or(0) == 0 {
            return Err(Failure::new(format!("axe-core looked at nothing: {found}")));
        }
        let found = found["found"].as_array().into_iter().flatten();
        Ok(found.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// A picture of the window in PNG.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        let path = self.path("/screenshot");
        let picture = text(&self.call("GET", &path, &Value::Null).await?, "a picture")?;
        STANDARD.decode(picture).during("a picture")
    }

    /// A cookie for the site of the page that is open.
    pub async fn set_cookie(&self, name: &str, value: &str) -> Result<()> {
        let cookie = json!({"cookie": {"name": name, "value": value}});
        self.post("/cookie", &cookie).await.map(|_| ())
    }

    /// The value of a cookie for the site of the page that is open, also of one that scripts cannot read.
    pub async fn cookie(&self, name: &str) -> Result<String> {
        let path = self.path(&format!("/cookie/{name}"));
        let cookie = self.call("GET", &path, &Value::Null).await?;
        text(&cookie["value"], "a cookie")
    }

    /// Goes into a frame of the page: what is asked from now on is asked of that.
    pub async fn enter_frame(&self, selector: &str) -> Result<()> {
        let element = self.find(selector).await?;
        let frame = json!({"id": {ELEMENT: element}});
        self.post("/frame", &frame).await.map(|_| ())
    }

    /// Goes back to the page itself.
    pub async fn leave_frame(&self) -> Result<()> {
        let frame = json!({"id": Value::Null});
        self.post("/frame", &frame).await.map(|_| ())
    }

    /// What pages have complained of since this was last asked: refused by their policies, or wrong in a
    /// script.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self.post("/se/log", &json!({"type": "browser"})).await?;
        Ok(self.heard.read(&log))
    }

    /// From now on pages may complain of what has this in it: a test is about that.
    pub fn expect(&self, part: &str) {
        self.heard.expect(part);
    }

    /// A command of Chromium's own protocol.
    pub async fn command(&self, name: &str, parameters: &Value) -> Result<Value> {
        let command = json!({"cmd": name, "params": parameters});
        self.post("/goog/cdp/execute", &command).await
    }

    async fn all(&self, selector: &str) -> Result<Vec<String>> {
        let query = json!({"using": "css selector", "value": selector});
        let found = self.post("/elements", &query).await?;
        let found = found.as_array().into_iter().flatten();
        found
            .map(|element| text(&element[ELEMENT], "an element"))
            .collect()
    }

    async fn find(&self, selector: &str) -> Result<String> {
        let start = Instant::now();
        loop {
            if let Some(first) = self.all(selector).await?.into_iter().next() {
                return Ok(first);
            }
            if start.elapsed() > PATIENCE {
                let url = self.url().await.unwrap_or_default();
                return Err(Failure::new(format!("{selector} is not on {url}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn path(&self, end: &str) -> String {
        format!("/{}{end}", self.session)
    }

    async fn post(&self, end: &str, body: &Value) -> Result<Value> {
        self.call("POST", &self.path(end), body).await
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("http://{}/session{path}", self.address);
        let method = method.parse().during("a method")?;
        let mut request = self.client.request(method, url).timeout(START);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.during("the browser's driver")?;
        let is_good = response.status().is_success();
        let mut answer: Value = response.json().await.during("the browser's driver")?;
        let value = answer["value"].take();
        if is_good {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or_default();
        let message = message.lines().next().unwrap_or_default();
        Err(Failure::new(format!("{path}: {message}")))
    }
}

impl Browser {
    /// What nobody has read yet of what pages have complained of, and none has expected.
    fn unread_complaints(&self) -> Result<Vec<String>> {
        let log = log::last_entries(self.address, &self.session).during("the browser's log")?;
        let complaints = self.heard.unexpected(self.heard.read(&log));
        let left = self.heard.leave_figures(complaints.len());
        left.during("the figures' folder")?;
        Ok(complaints)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // One that has never come up has no pages.
        let has_begun = !self.session.is_empty();
        let unread = if has_begun {
            self.unread_complaints()
        } else {
            Ok(Vec::new())
        };
        // The browser is the driver's child, and ends with its session only.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let path = format!("/session/{}", self.session);
            let end = format!(
                "DELETE {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
                self.address
            );
            let _ = stream.write_all(end.as_bytes());
            let _ = log::read(&mut stream, &mut [0; 512]);
        }
        self.driver.kill();
        // A test that fails already says why.
        if thread::panicking() {
            return;
        }
        match unread {
            Ok(complaints) => assert!(complaints.is_empty(), "pages complain: {complaints:#?}"),
            Err(failure) => panic!("what pages complain of is not known: {failure}"),
        }
    }
}

/// Waits until the driver says on which port it listens.
async fn address(driver: &mut Process, folder: &Path) -> Result<SocketAddr> {
    let output = folder.join("chromedriver.stdout");
    let port = driver.wait_for("its port", START, || {
        let text = std::fs::read_to_string(&output).ok()?;
        let (_, rest) = text.split_once("started successfully on port ")?;
        let (port, _) = rest.split_once('.')?;
        port.parse::<u16>().ok()
    });
    Ok(SocketAddr::from(([127, 0, 0, 1], port.await?)))
}

/// Where the browser was unpacked and not installed, its libraries and fonts are beside it.
fn find_libraries(command: &mut Command, browser: &Path) {
    // <root>/usr/lib/chromium/chromium
    let Some(libraries) = browser.ancestors().nth(2) else {
        return;
    };
    if libraries == Path::new("/usr/lib") {
        return;
    }
    let folder = libraries.join(format!("{}-linux-gnu", env::consts::ARCH));
    let beside = [
        folder.clone(),
        folder.join("pulseaudio"),
        folder.join("nss"),
    ];
    if let Ok(path) = env::join_paths(beside) {
        command.env("LD_LIBRARY_PATH", path);
    }
    let fonts = Path::new("etc/fonts/fonts.conf");
    if let Some(root) = libraries.ancestors().nth(2)
        && root.join(fonts).is_file()
        && !Path::new("/").join(fonts).is_file()
    {
        command.env("FONTCONFIG_SYSROOT", root);
    }
}

fn text(value: &Value, what: &str) -> Result<String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("the browser's driver gave no {what}: {value}")))
}
