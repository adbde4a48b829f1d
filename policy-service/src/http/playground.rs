//! `/playground`: the files of a folder, for whoever reaches the listener. They hold no data and ask
//! nothing of this service.
//!
//! They are read once, when the service starts, so that what is served is what was there then, and a
//! request names one of them or nothing: no path leads out of the folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Name, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What files are by their endings. One that ends otherwise is refused.
const TYPES: &[(&str, &str)] = &[
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("ndjson", "text/plain; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("tlog-proof", "text/plain; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("vkey", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("yaml", "text/plain; charset=utf-8"),
];
/// The page that a folder's name stands for.
const INDEX: &str = "index.html";
const MOST_FILES: usize = 256;
const MOST_BYTES: u64 = 32 << 20;

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types velum",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // Asked for again each time, and answered in a few bytes where it has not changed.
    (header::CACHE_CONTROL, "no-cache"),
];

/// The files, by their paths below the folder.
#[derive(Clone)]
pub(crate) struct Playground(Arc<BTreeMap<String, File>>);

struct File {
    bytes: Bytes,
    media_type: &'static str,
    tag: HeaderValue,
}

impl Playground {
    /// Reads the folder.
    ///
    /// # Errors
    /// It cannot be read, has no page, has a file of which nobody knows what it is, or too much.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let fault = |fault: &str| format!("playground: {}: {fault}", folder.display());
        let mut files = BTreeMap::new();
        let mut left = MOST_BYTES;
        read_folder(folder, "", &mut files, &mut left).map_err(|error| fault(&error))?;
        if !files.contains_key(INDEX) {
            return Err(fault(
                "has no index.html: `cargo xtask playground` makes the folder",
            ));
        }
        Ok(Self(Arc::new(files)))
    }

    /// What answers under `/playground`.
    pub(crate) fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route(
                "/playground",
                get(async || Redirect::permanent("/playground/")),
            )
            .route("/playground/", get(index))
            .route("/playground/{*name}", get(file))
            .with_state(self.clone())
    }

    fn answer(&self, name: &str, asked: &HeaderMap) -> Response {
        let Some(file) = self.0.get(name) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let is_known = asked.get(header::IF_NONE_MATCH) == Some(&file.tag);
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            file.bytes.clone().into_response()
        };
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static(file.media_type);
        headers.insert(header::CONTENT_TYPE, media_type);
        headers.insert(header::ETAG, file.tag.clone());
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

async fn index(State(playground): State<Playground>, asked: HeaderMap) -> Response {
    playground.answer(INDEX, &asked)
}

async fn file(
    State(playground): State<Playground>,
    Name(name): Name<String>,
    asked: HeaderMap,
) -> Response {
    playground.answer(&name, &asked)
}

fn read_folder(
    folder: &Path,
    above: &str,
    files: &mut BTreeMap<String, File>,
    left: &mut u64,
) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        let kind = entry.file_type().map_err(|error| error.to_string())?;
        let name = entry.file_name();
        let name = name.to_str().ok_or("a name is not UTF-8")?;
        let path = format!("{above}{name}");
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files, left)?;
            continue;
        }
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let known = TYPES.iter().find(|(known, _)| *known == ending);
        // A link could lead anywhere.
        let Some((_, media_type)) = known.filter(|_| kind.is_file()) else {
            return Err(format!("{path} is nothing of the playground"));
        };
        let unread = |error| format!("{path}: {error}");
        let length = entry.metadata().map_err(unread)?.len();
        *left = left
            .checked_sub(length)
            .filter(|_| files.len() < MOST_FILES)
            .ok_or("holds too much for a playground")?;
        let bytes = fs::read(entry.path()).map_err(unread)?;
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
        let tag =
            HeaderValue::from_str(&format!("\"{hash}\"")).map_err(|error| error.to_string())?;
        let file = File {
            bytes: bytes.into(),
            media_type,
            tag,
        };
        files.insert(path, file);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use reqwest::StatusCode;
    use reqwest::redirect::Policy;
    use tempfile::TempDir;

    use super::Playground;
    use crate::testing::{CONFIGURATION, Stopped};

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("engine")).unwrap();
        put("index.html", "<!doctype html>");
        put("engine/module.wasm", "\0asm");
        folder
    }

    fn configuration(folder: &TempDir) -> String {
        format!("playground = {:?}\n{CONFIGURATION}", folder.path())
    }

    #[tokio::test]
    async fn the_folder_is_served_with_rules_for_browsers_and_nothing_beside_it() {
        let folder = folder();
        let service = Stopped::new().start(&configuration(&folder)).await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none());
        let client = client.build().unwrap();
        let get = async |path: &str, tag: &str| {
            let url = format!("http://{}{path}", service.running.address);
            let request = client.get(url).header("if-none-match", tag);
            request.send().await.unwrap()
        };
        let page = get("/playground/", "").await;
        assert_eq!(page.status(), StatusCode::OK);
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        let rules = header("content-security-policy");
        assert!(rules.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"));
        assert!(rules.contains("frame-ancestors 'none'") && !rules.contains("unsafe-inline"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        let again = get("/playground/", &header("etag")).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let module = get("/playground/engine/module.wasm", "").await;
        assert_eq!(module.headers()["content-type"], "application/wasm");
        assert_eq!(module.text().await.unwrap(), "\0asm");
        let moved = get("/playground", "").await;
        assert_eq!(moved.headers()["location"], "/playground/");
        for beside in [
            "/playground/nothing.js",
            "/playground/engine/",
            "/playground/%2e%2e/policy.yaml",
            "/playground//etc/passwd",
        ] {
            assert_eq!(
                get(beside, "").await.status(),
                StatusCode::NOT_FOUND,
                "{beside}"
            );
        }
    }

    #[tokio::test]
    async fn without_the_key_there_is_no_playground() {
        let service = Stopped::new().start(CONFIGURATION).await;
        let url = format!("http://{}/playground/", service.running.address);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let status = client.get(url).send().await.unwrap().status();
        assert_eq!(status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_folder_that_is_no_playground_is_refused_at_the_start() {
        let folder = folder();
        fs::remove_file(folder.path().join("index.html")).unwrap();
        let refusal = Stopped::new().refusal(&configuration(&folder)).await;
        assert!(refusal.contains("has no index.html"), "{refusal}");
    }

    #[test]
    fn what_nobody_knows_is_no_part_of_it() {
        for name in ["signing.key", "README", "page.html.orig"] {
            let folder = folder();
            fs::write(folder.path().join(name), "x").unwrap();
            let fault = Playground::read(folder.path()).err().unwrap();
            assert!(
                fault.ends_with(&format!("{name} is nothing of the playground")),
                "{fault}"
            );
        }
        let linked = folder();
        std::os::unix::fs::symlink("/etc/passwd", linked.path().join("a.txt")).unwrap();
        assert!(Playground::read(linked.path()).is_err());
    }
}
