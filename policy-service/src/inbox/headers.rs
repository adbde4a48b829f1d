//! What every page tells the browser to keep to (threats 23 to 25 of docs/inbox.md).

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Runs;
use crate::http::App;

const SCRIPTS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";
const WASM: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Adds them to whatever is answered.
pub(super) async fn add(
    State((app, runs)): State<(App, Runs)>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let inbox = app.parts().inbox.as_ref();
    // Nothing may run that is not there.
    let has_wasm = inbox.is_some_and(|inbox| inbox.has_playground);
    let runs = if has_wasm { runs } else { Runs::Scripts };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy(runs)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // No other site learns an approval's id. Without any at all a browser would send forms with
        // `Origin: null` (Fetch, section 3.2), and those that know no Sec-Fetch-Site could send none.
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What never changes may say so itself.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if inbox.is_some_and(|inbox| inbox.origin.is_secure()) {
        let value = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

fn policy(runs: Runs) -> &'static str {
    match runs {
        Runs::Scripts => SCRIPTS,
        Runs::Wasm => WASM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_verifies_may_run_wasm_and_nothing_else_more() {
        let more = policy(Runs::Wasm).replace(" 'wasm-unsafe-eval'", "");
        assert_eq!(more, policy(Runs::Scripts));
        assert_ne!(policy(Runs::Wasm), policy(Runs::Scripts));
    }
}
