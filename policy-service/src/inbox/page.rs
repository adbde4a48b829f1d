//! Pages of a few words: signing in, and what is said in place of a page.

use std::fmt::Write as _;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use form_urlencoded::byte_serialize;

use super::assets;
use crate::store::StoreError;

/// The sign of the brand, as in the shell.
const BRAND: &str = "<svg width=\"18\" height=\"18\" viewBox=\"0 0 18 18\" aria-hidden=\"true\">\
     <path d=\"M2 3h14L9 16z\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\" stroke-linejoin=\"round\"/>\
     <path d=\"M5 6.4h8\" stroke=\"currentColor\" stroke-width=\"1.6\"/></svg>";

/// The longest path that anybody is sent back to.
const LONGEST_PATH: usize = 512;

/// Text as it may stand in an element or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

/// A page whose body is this HTML.
pub(crate) fn document(title: &str, body: &str) -> Html<String> {
    with_head(title, "", body)
}

/// A page that goes on by itself. A redirect would not do where somebody comes from another site: the browser
/// sends no session's cookie along the whole chain of them.
pub(crate) fn onward(title: &str, path: &str) -> Html<String> {
    let path = escape(path);
    let head = format!("<meta http-equiv=\"refresh\" content=\"0; url={path}\">");
    with_head(
        title,
        &head,
        &format!("<p><a href=\"{path}\">Go on</a></p>"),
    )
}

fn with_head(title: &str, head: &str, body: &str) -> Html<String> {
    let title = escape(title);
    let (icon, style) = (assets::icon(), assets::style());
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · Velum</title>\n\
         <link rel=\"icon\" href=\"{icon}\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"{style}\">\n{head}\n</head>\n\
         <body>\n<header class=\"top\"><a class=\"brand\" href=\"/\">{BRAND}<span>Velum</span></a></header>\n\
         <main class=\"gate\">\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    ))
}

/// Something that is said in place of a page.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    status: StatusCode,
    title: &'static str,
    text: &'static str,
    /// Where to go on, and what to call it.
    onward: Option<(String, &'static str)>,
}

impl Said {
    pub(crate) fn new(status: StatusCode, title: &'static str, text: &'static str) -> Said {
        Said {
            status,
            title,
            text,
            onward: None,
        }
    }

    /// The same with a link.
    pub(crate) fn with_link(mut self, path: impl Into<String>, label: &'static str) -> Said {
        self.onward = Some((path.into(), label));
        self
    }

    /// Nobody is signed in here, or no more.
    pub(crate) fn signed_out() -> Said {
        Said::new(
            StatusCode::UNAUTHORIZED,
            "You are not signed in",
            "Nothing was done. A session ends after 15 minutes in which nothing is done, and after 8 hours.",
        )
        .with_link("/sign-in", "Sign in")
    }

    /// The store failed; why is logged.
    pub(crate) fn unavailable(operation: &'static str, error: &StoreError) -> Said {
        tracing::error!(operation, %error, "the store failed");
        Said::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The service cannot answer now",
            "Nothing was done. Try again later.",
        )
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        let mut body = format!("<p>{}</p>", escape(self.text));
        if let Some((path, label)) = &self.onward {
            let (path, label) = (escape(path), escape(label));
            let _ = write!(body, "\n<p><a href=\"{path}\">{label}</a></p>");
        }
        (self.status, document(self.title, &body)).into_response()
    }
}

/// 303: look there.
pub(crate) fn see(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => StatusCode::SEE_OTHER.into_response(),
    }
}

/// Where somebody wants to go on, if it is a page of ours: a path, which no browser reads as another host.
pub(crate) fn local(path: &str) -> Option<&str> {
    // Browsers take these out of a path, also where they are encoded: what is left may be another.
    let is_dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    };
    let route = path.split(['?', '#']).next().unwrap_or_default();
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !route.split('/').any(is_dots)
        && path.len() <= LONGEST_PATH
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        // There is nothing to go on to; and nobody is led from elsewhere to confirm what others have chosen.
        && !path.starts_with("/sign-in")
        && !path.starts_with("/confirm");
    is_local.then_some(path)
}

/// A path with where to go on behind it.
pub(crate) fn with_next(path: &str, next: &str) -> String {
    let next: String = byte_serialize(next.as_bytes()).collect();
    format!("{path}?next={next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in [
            "/",
            "/approvals/01J",
            "/history?state=denied&after=x",
            "/a%2Fb",
            "/a..b/.c?d=/../e",
        ] {
            assert_eq!(local(path), Some(path));
        }
        for path in [
            "",
            "approvals",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/sign-in?next=/",
            "/sign-in",
            "/confirm/01J?what=x",
            "/./confirm/01J?what=x",
            "/%2e/confirm/01J?what=x",
            "/a/../confirm/01J?what=x",
            "/a/.%2E/confirm/01J?what=x",
            "/a/%2e%2e",
            "/å",
            &format!("/{}", "a".repeat(LONGEST_PATH)),
        ] {
            assert_eq!(local(path), None, "{path}");
        }
    }

    #[test]
    fn text_stays_text() {
        let escaped = escape("<a href='x' title=\"y\">&</a>");
        let expected = "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;&lt;/a&gt;";
        assert_eq!(escaped, expected);
        let Html(page) = onward("Go on", "/a?b=\"c\"");
        assert!(
            page.contains("content=\"0; url=/a?b=&quot;c&quot;\""),
            "{page}"
        );
    }
}
