//! What the pages load: a style sheet, a script and others where security keys are used and a record is verified, an
//! icon. Each has a hash of its content in its name, so
//! browsers keep it for good, and never show a page with another's. They are compressed for whoever takes that: there
//! is no secret in them, as there is in pages.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Where they are.
const FOLDER: &str = "/assets/";

struct Asset {
    path: String,
    tag: String,
    kind: &'static str,
    content: &'static str,
    /// The same compressed by gzip (RFC 1952), with the tag of that; none where it could not be made.
    gzip: Option<(String, Vec<u8>)>,
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
            gzip: gzip(content).map(|bytes| (format!("\"{hash}-gzip\""), bytes)),
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
    let compressed = asset.gzip.as_ref().filter(|_| takes_gzip(&headers));
    let tag = compressed.map_or(&asset.tag, |(tag, _)| tag);
    let common = [
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
        (header::ETAG, tag.as_str()),
    ];
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, asset.kind)];
    match compressed {
        Some((_, bytes)) => {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            (common, kind, encoding, bytes.as_slice()).into_response()
        }
        None => (common, kind, asset.content).into_response(),
    }
}

fn gzip(content: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content.as_bytes()).ok()?;
    encoder.finish().ok()
}

/// Whether the client says that it takes gzip, and does not say with a weight how little it likes that (RFC 9110,
/// section 12.5.3): then it gets what it can read in any case.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    codings.any(|coding| coding.trim().eq_ignore_ascii_case("gzip"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::http::HeaderValue;
    use flate2::read::GzDecoder;

    use super::*;

    #[tokio::test]
    async fn an_asset_is_compressed_for_whoever_takes_that_and_is_the_same() {
        let name = style().strip_prefix(FOLDER).unwrap();
        for (accepts, is_compressed) in [
            (Some("gzip, deflate, br"), true),
            (Some("br;q=1.0, GZIP"), true),
            (Some("gzip;q=0, identity"), false),
            (Some("br"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accepts) = accepts {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepts));
            }
            let answer = handle(Path(name.to_owned()), headers.clone()).await;
            let coding = answer.headers().get(header::CONTENT_ENCODING);
            assert_eq!(coding.is_some(), is_compressed, "{accepts:?}");
            let tag = answer.headers()[header::ETAG].clone();
            let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
            let bytes = bytes.unwrap();
            let mut text = String::new();
            if is_compressed {
                assert!(bytes.len() * 2 < STYLE.content.len());
                GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
            } else {
                text = String::from_utf8(bytes.to_vec()).unwrap();
            }
            assert_eq!(text, STYLE.content, "{accepts:?}");
            headers.insert(header::IF_NONE_MATCH, tag);
            let again = handle(Path(name.to_owned()), headers).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{accepts:?}");
        }
    }
}
