//! A multipart body with a secret in one of its parts, under a name that the rules select: it is refused,
//! or what comes out is such a body again, without the secret.

use velum_engine::Options;
use velum_filter::parsers::{mask_multipart, scan_multipart};

use super::forms::{RULES, SECRET};

const CONTENT_TYPE: &str = "multipart/form-data; boundary=x";

/// The first three bytes say whether other parts pass, and where in the body the part with the secret
/// begins.
///
/// # Panics
/// Where the secret comes out, or what comes out is read in another way.
pub(crate) fn target(data: &[u8]) {
    let Some(rules) = &*RULES else { return };
    let Some(([passes, high, low], body)) = data.split_first_chunk::<3>() else {
        return;
    };
    let passes = passes % 2 == 1;
    let options = Options::default();
    let mask = |body: &[u8]| mask_multipart(rules, &options, CONTENT_TYPE, passes, body);
    assert!(scan_multipart(body) <= body.len());
    if let Some(out) = mask(body) {
        let again = mask(&out).unwrap_or_default();
        assert!(again == out, "masked twice: {}", lossy(&again));
    }
    let at = usize::from(u16::from_be_bytes([*high, *low])) % (body.len() + 1);
    let (before, behind) = body.split_at(at);
    let part = format!(
        "\r\n--x\r\ncontent-disposition: form-data; name=\"keeper\"\r\n\r\n{SECRET}\r\n--x"
    );
    // The first boundary has no line before it.
    let part = if at == 0 { part.trim_start() } else { &part };
    let whole = [before, part.as_bytes(), behind].concat();
    if let Some(out) = mask(&whole) {
        let has_own = lossy(body).contains(SECRET);
        assert!(has_own || !lossy(&out).contains(SECRET), "{}", lossy(&out));
    }
    // Whatever else a content type may say.
    if let Ok(content_type) = str::from_utf8(before) {
        let _read = mask_multipart(rules, &options, content_type, passes, behind);
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
