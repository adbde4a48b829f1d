//! Cookies: which there are, and how they are read and written.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, header};

use super::Origin;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Whose session it is.
    Session,
    /// Which way to the provider it was that somebody comes back from.
    Hop,
    /// What somebody has chosen before they sign in anew for it.
    Choice,
}

impl Cookie {
    /// Its name. `__Host-` has the browser see to it that no other host and no plain text has set it (RFC
    /// 6265bis, section 4.1.3.2); on loopback without TLS browsers differ about that, so it has another name
    /// there, which is never read where TLS is.
    pub(crate) fn name(self, origin: &Origin) -> &'static str {
        match (self, origin.is_secure()) {
            (Cookie::Session, true) => "__Host-velum",
            (Cookie::Session, false) => "velum",
            (Cookie::Hop, true) => "__Host-velum-hop",
            (Cookie::Hop, false) => "velum-hop",
            (Cookie::Choice, true) => "__Host-velum-choice",
            (Cookie::Choice, false) => "velum-choice",
        }
    }

    /// Its value, where the request has it exactly once.
    pub(crate) fn read<'h>(self, origin: &Origin, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name(origin);
        let lines = headers.get_all(header::COOKIE).iter();
        let mut values = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// `Set-Cookie`, for so many seconds or until the browser ends. The value has nothing that would have to
    /// be quoted.
    pub(crate) fn write(
        self,
        origin: &Origin,
        value: &str,
        seconds: Option<u64>,
    ) -> Option<HeaderValue> {
        let mut text = format!("{}={value}; Path=/; HttpOnly", self.name(origin));
        // Who comes back from the provider comes from another site.
        text.push_str(match self {
            Cookie::Session | Cookie::Choice => "; SameSite=Strict",
            Cookie::Hop => "; SameSite=Lax",
        });
        if origin.is_secure() {
            text.push_str("; Secure");
        }
        if let Some(seconds) = seconds {
            let _ = write!(text, "; Max-Age={seconds}");
        }
        HeaderValue::from_str(&text).ok()
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn clear(self, origin: &Origin) -> Option<HeaderValue> {
        self.write(origin, "", Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn it_is_read_where_it_is_there_once_and_never_by_the_name_of_plain_text_where_tls_is() {
        let secure = origin("https://approvals.example.org");
        let plain = origin("http://127.0.0.1:1");
        for (lines, in_secure, in_plain) in [
            (&["__Host-velum=one"][..], Some("one"), None),
            (&["velum=one"], None, Some("one")),
            (&["a=b; __Host-velum=one;c=d"], Some("one"), None),
            (&["__Host-velum=one; __Host-velum=two"], None, None),
            (&["__Host-velum=one", "__Host-velum=one"], None, None),
            (&["x__Host-velum=one", "__Host-velum-hop=two"], None, None),
            (&["__host-velum=one"], None, None),
            (&[], None, None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            assert_eq!(
                Cookie::Session.read(&secure, &headers),
                in_secure,
                "{lines:?}"
            );
            assert_eq!(
                Cookie::Session.read(&plain, &headers),
                in_plain,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn it_is_written_so_that_only_this_host_gets_it() {
        let secure = origin("https://approvals.example.org");
        let plain = origin("http://127.0.0.1:1");
        let write = |cookie: Cookie, origin, seconds| cookie.write(origin, "one", seconds).unwrap();
        assert_eq!(
            write(Cookie::Session, &secure, None),
            "__Host-velum=one; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            write(Cookie::Hop, &secure, Some(600)),
            "__Host-velum-hop=one; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"
        );
        assert_eq!(
            write(Cookie::Session, &plain, None),
            "velum=one; Path=/; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            Cookie::Session.clear(&plain).unwrap(),
            "velum=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
        );
    }
}
