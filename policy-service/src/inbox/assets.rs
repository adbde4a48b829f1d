//! What the pages load: a style sheet, a script and others where security keys are used and a record is verified, an
//! icon. Each has a hash of its content in its name, so
//! browsers keep it for good, and never show a page with another's.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Where they are.
const FOLDER: &str = "/assets/";

struct Asset {
    path: String,
    tag: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, content: &'static str) -> Asset {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        let hash = hash.get(..16).unwrap_or(&hash);
        Asset {
            path: format!("{FOLDER}{stem}-{hash}.{extension}"),
            tag: format!("\"{hash}\""),
            kind,
            content,
        }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/inbox.css");
    Asset::new("inbox", "css", "text/css; charset=utf-8", content)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/inbox.js");
    Asset::new("inbox", "js", "text/javascript; charset=utf-8", content)
});
static VERIFIER: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/verify.js");
    Asset::new("verify", "js", "text/javascript; charset=utf-8", content)
});
static KEYS: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/keys.js");
    Asset::new("keys", "js", "text/javascript; charset=utf-8", content)
});
static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", content)
});

/// The path of the style sheet.
pub(super) fn style() -> &'static str {
    &STYLE.path
}

/// The path of the script.
pub(super) fn script() -> &'static str {
    &SCRIPT.path
}

/// The path of the script that verifies a record; it is a module.
pub(super) fn verifier() -> &'static str {
    &VERIFIER.path
}

/// The path of the script of the pages that ask for a security key.
pub(super) fn keys() -> &'static str {
    &KEYS.path
}

/// The path of the icon.
pub(super) fn icon() -> &'static str {
    &ICON.path
}

/// `GET /assets/{name}`.
pub(super) async fn handle(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("{FOLDER}{name}");
    let assets = [&*STYLE, &*SCRIPT, &*VERIFIER, &*KEYS, &*ICON];
    let Some(asset) = assets.into_iter().find(|asset| asset.path == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let common = [
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::ETAG, &asset.tag),
    ];
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == asset.tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, asset.kind)];
    (common, kind, asset.content).into_response()
}
