//! A browser as far as the inbox can tell: it keeps cookies, says where its requests come from, and goes where
//! it is sent only when it is told to.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};

/// Cookies, and a client that follows nothing.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What came back.
pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Shown {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The token of the page's forms.
    pub(crate) fn form_token(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("name=\"form_token\" value=\"")
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub(crate) fn new() -> Browser {
        let client = Client::builder().no_proxy().redirect(Policy::none());
        Browser {
            client: client.build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// Opens a page as somebody does who types its address.
    pub(crate) async fn open(&mut self, url: &str) -> Shown {
        let from = [("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")];
        self.send(Method::GET, url, &from, None).await
    }

    /// Follows a link of another site.
    pub(crate) async fn arrive(&mut self, url: &str) -> Shown {
        let from = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ];
        self.send(Method::GET, url, &from, None).await
    }

    /// Sends a form of a page of the same site.
    pub(crate) async fn submit(&mut self, url: &str, fields: &[(&str, &str)]) -> Shown {
        let from = [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
        ];
        self.send(Method::POST, url, &from, Some(fields)).await
    }

    /// Sends whatever it is told to. Cookies go along, also where a browser would keep them.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        fields: Option<&[(&str, &str)]>,
    ) -> Shown {
        let mut request = self.client.request(method, url);
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", pairs.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(fields) = fields {
            let mut body = form_urlencoded::Serializer::new(String::new());
            body.extend_pairs(fields);
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.finish());
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (pair, attributes) = text.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") || attributes.contains("01 Jan 1970") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Shown {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }
}
