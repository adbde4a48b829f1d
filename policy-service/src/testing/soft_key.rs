//! A security key in software, with the browser that it is used in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::Service;
use super::browser::{Browser, Shown};
use super::provider::FakeProvider;

/// Where the inbox is reached, for browsers.
pub(crate) const ORIGIN: &str = "http://localhost:8470";

/// An Ed25519 key, and how it can be made to say something else than it should.
#[derive(Clone)]
pub(crate) struct SoftKey {
    pub(crate) key: SigningKey,
    pub(crate) raw_id: Vec<u8>,
    pub(crate) count: u32,
    /// Somebody is there, and the key has made sure who.
    pub(crate) flags: u8,
    pub(crate) origin: &'static str,
    pub(crate) party: &'static str,
}

/// The value of a hidden field or of a `data-` attribute of a page.
pub(crate) fn value<'p>(page: &'p str, before: &str) -> &'p str {
    let (_, rest) = page
        .split_once(before)
        .unwrap_or_else(|| panic!("{before}: {page}"));
    rest.split('"').next().unwrap()
}

impl SoftKey {
    pub(crate) fn new(seed: u8) -> SoftKey {
        SoftKey {
            key: SigningKey::from_bytes(&[seed; 32]),
            raw_id: vec![seed; 16],
            count: 1,
            flags: 0x05,
            origin: ORIGIN,
            party: "localhost",
        }
    }

    pub(crate) fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes())
    }

    pub(crate) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.raw_id))
    }

    fn head(&self, flags: u8) -> Vec<u8> {
        let mut head = Sha256::digest(self.party.as_bytes()).to_vec();
        head.push(flags);
        head.extend_from_slice(&self.count.to_be_bytes());
        head
    }

    fn client(&self, kind: &str, challenge: &str) -> String {
        format!(
            "{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"{}\",\"crossOrigin\":false}}",
            self.origin
        )
    }

    /// What it says to be added, as the form of the page has it.
    pub(crate) fn registration(&self, page: &str) -> Vec<(&'static str, String)> {
        let mut data = self.head(self.flags | 0x40);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.raw_id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.raw_id);
        data.extend_from_slice(&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20]);
        data.extend_from_slice(self.key.verifying_key().as_bytes());
        let client = self.client("webauthn.create", value(page, "data-challenge=\""));
        vec![
            (
                "form_token",
                value(page, "name=\"form_token\" value=\"").to_owned(),
            ),
            ("nonce", value(page, "name=\"nonce\" value=\"").to_owned()),
            ("at", value(page, "name=\"at\" value=\"").to_owned()),
            ("client_data", URL_SAFE_NO_PAD.encode(client)),
            ("authenticator_data", URL_SAFE_NO_PAD.encode(data)),
        ]
    }

    /// What it signs of the page's challenge.
    pub(crate) fn assertion(&self, page: &str) -> Vec<(&'static str, String)> {
        let head = self.head(self.flags);
        let client = self.client("webauthn.get", value(page, "data-challenge=\""));
        let mut message = head.clone();
        message.extend_from_slice(&Sha256::digest(client.as_bytes()));
        let signature = self.key.sign(&message).to_bytes();
        vec![
            ("nonce", value(page, "name=\"nonce\" value=\"").to_owned()),
            ("at", value(page, "name=\"at\" value=\"").to_owned()),
            ("credential", URL_SAFE_NO_PAD.encode(&self.raw_id)),
            ("client_data", URL_SAFE_NO_PAD.encode(client)),
            ("authenticator_data", URL_SAFE_NO_PAD.encode(head)),
            ("signature", URL_SAFE_NO_PAD.encode(signature)),
        ]
    }

    /// Adds it for whoever is signed in there, who signs in anew as this subject.
    pub(crate) async fn add(
        &self,
        (provider, service): (&FakeProvider, &Service),
        browser: &mut Browser,
        subject: &str,
    ) -> Shown {
        let shown = sign_in_for_key((provider, service), browser, subject).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let page = begin(service, browser).await;
        assert_eq!(page.status, 200, "{}", page.text);
        submit(service, browser, "/keys", &self.registration(&page.text)).await
    }
}

/// Sends a form of a page of the inbox.
pub(crate) async fn submit(
    service: &Service,
    browser: &mut Browser,
    path: &str,
    fields: &[(&'static str, String)],
) -> Shown {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    browser.submit(&service.url(path), &fields).await
}

/// Presses the button that adds a key.
pub(crate) async fn begin(service: &Service, browser: &mut Browser) -> Shown {
    let page = browser.open(&service.url("/keys")).await;
    let token = page.form_token();
    submit(service, browser, "/keys/new", &[("form_token", token)]).await
}

/// Signs in anew to add a key.
pub(crate) async fn sign_in_for_key(
    (provider, service): (&FakeProvider, &Service),
    browser: &mut Browser,
    subject: &str,
) -> Shown {
    sign_in_for_key_by((provider, service), browser, subject, None).await
}

/// The same in this way, by the provider's word for it.
pub(crate) async fn sign_in_for_key_by(
    (provider, service): (&FakeProvider, &Service),
    browser: &mut Browser,
    subject: &str,
    acr: Option<&str>,
) -> Shown {
    let ours = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
    ];
    let url = service.url("/confirm-key?next=%2Fkeys");
    let shown = browser.send(Method::GET, &url, &ours, None).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let (_, address) = shown.text.split_once("content=\"0; url=").unwrap();
    let address = address.split('"').next().unwrap().replace("&amp;", "&");
    let (_, query) = address.split_once('?').unwrap();
    let asked: std::collections::BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
    assert_eq!(asked["prompt"], "login");
    let mut claims = provider.claims(service, subject, &asked["nonce"]);
    if let Some(acr) = acr {
        assert_eq!(asked["acr_values"], acr);
        claims["acr"] = acr.into();
    }
    provider.words().id_token = provider.signed(&claims);
    let query = [
        ("code", "c"),
        ("state", &asked["state"]),
        ("iss", &provider.issuer),
    ];
    FakeProvider::come_back(service, browser, &query).await
}
