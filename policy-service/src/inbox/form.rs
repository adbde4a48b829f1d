//! Forms: the only way in which a page takes what somebody sends.
//!
//! A form counts when our own page has sent it (`Sec-Fetch-Site`, else `Origin`) and it has the token of the
//! session it was made for (threat 23). Its fields are those that its type names and no others; one that is a
//! list may stand more than once, every other may not.

mod values;

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

use super::Origin;
use super::page::Said;
use super::session::Session;
use crate::http::App;

/// How long a form may take to arrive.
const TIME: Duration = Duration::from_secs(10);
/// The field with the session's token.
const TOKEN: &str = "form_token";

/// The fields of a form, sent by the session's own page.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Said;

    async fn from_request(request: Request, app: &App) -> Result<Form<T>, Said> {
        let session = request.extensions().get::<Session>().cloned();
        let session = session.ok_or_else(Said::signed_out)?;
        let bytes = read(request, app).await?;
        let mut tokens = pairs(&bytes).filter(|(name, _)| name == TOKEN);
        let is_own = tokens.next().is_some_and(|(_, token)| {
            let expected = session.form_token.as_bytes();
            bool::from(token.as_bytes().ct_eq(expected))
        });
        if !is_own || tokens.next().is_some() {
            return Err(foreign());
        }
        let fields = pairs(&bytes).filter(|(name, _)| name != TOKEN);
        values::read(fields).map(Form).map_err(|_| malformed())
    }
}

/// The same for somebody who has not signed in: a form of our own page that has no fields.
pub(crate) struct Press;

impl FromRequest<App> for Press {
    type Rejection = Said;

    async fn from_request(request: Request, app: &App) -> Result<Press, Said> {
        let bytes = read(request, app).await?;
        match pairs(&bytes).next() {
            None => Ok(Press),
            Some(_) => Err(malformed()),
        }
    }
}

/// The fields of a form that was sent before, as the same type.
pub(super) fn read_again<T: DeserializeOwned>(fields: &[(String, String)]) -> Option<T> {
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| (Cow::from(name), Cow::from(value)));
    values::read(fields).ok()
}

/// The bytes of a form that a page of ours has sent.
async fn read(request: Request, app: &App) -> Result<Bytes, Said> {
    let inbox = app.parts().inbox.as_ref();
    let is_own = inbox.is_some_and(|inbox| is_own(&inbox.origin, request.headers()));
    if !is_own {
        return Err(foreign());
    }
    if !is_form(request.headers()) {
        return Err(Said::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "That was no form",
            "Nothing was done. Pages take forms; tools call the API below /v1, with a token.",
        ));
    }
    // The listener bounds its length.
    match tokio::time::timeout(TIME, Bytes::from_request(request, app)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Said::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The form is too large",
            "Nothing was done. A form has at most 65536 bytes.",
        )),
        Err(_) => Err(Said::new(
            StatusCode::REQUEST_TIMEOUT,
            "The form came too slowly",
            "Nothing was done. A form arrives within 10 seconds.",
        )),
    }
}

/// Whether a page of ours has sent it. A browser that says nothing about that is no reason to believe it.
pub(super) fn is_own(origin: &Origin, headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if let Some(site) = sites.next() {
        return site == "same-origin" && sites.next().is_none();
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    origins.next().is_some_and(|it| it == origin.as_str()) && origins.next().is_none()
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let value = value.to_str().unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(bytes)
}

pub(super) fn foreign() -> Said {
    Said::new(
        StatusCode::FORBIDDEN,
        "That form was not ours",
        "Nothing was done. Forms count only when the page of your own session has sent them. Go back, reload \
         the page and send it again.",
    )
}

fn malformed() -> Said {
    Said::new(
        StatusCode::BAD_REQUEST,
        "The form cannot be read",
        "Nothing was done. A field is missing, unknown, twice there, or holds what does not belong there.",
    )
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_a_page_of_ours_sends_forms() {
        let origin = Origin::parse("https://approvals.example.org").unwrap();
        for (lines, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "")], false),
            (&[("origin", "https://approvals.example.org")], true),
            (&[("origin", "https://approvals.example.org:8443")], false),
            (&[("origin", "http://approvals.example.org")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("referer", "https://approvals.example.org/")], false),
            (&[], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://approvals.example.org"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (
                &[
                    ("origin", "https://approvals.example.org"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                let value = HeaderValue::from_static(value);
                headers.append(HeaderName::from_static(name), value);
            }
            assert_eq!(is_own(&origin, &headers), expected, "{lines:?}");
        }
    }
}
