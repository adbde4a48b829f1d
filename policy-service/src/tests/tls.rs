//! TLS: who gets in with which certificate, where each route answers, and files that change.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use velum_harness::{Authority, Certificate};

use crate::testing::{CONFIGURATION, POLICY};
use crate::{Config, Options, Running, StartError, serve};

const EDGE: &str = "spiffe://mesh.example/ns/edge/sa/envoy";

/// A folder with the files that `[tls]` names.
struct Place {
    folder: TempDir,
    authority: Authority,
    clients: Authority,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::new().unwrap(),
            clients: Authority::new().unwrap(),
        };
        place.write("policy.yaml", POLICY);
        place.write("clients.pem", &place.clients.certificate());
        place.show(&place.authority.server().unwrap());
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn show(&self, certificate: &Certificate) {
        self.write("service.pem", &certificate.certificate);
        self.write("service.key", &certificate.key);
        self.chmod("service.key", 0o600);
    }

    fn chmod(&self, name: &str, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.folder.path().join(name), permissions).unwrap();
    }

    /// Where the first gateway has a certificate, and the second a token.
    fn configuration(further: &str) -> String {
        let tls = "[tls]\ncertificate = \"service.pem\"\nkey = \"service.key\"\n\
                   client_ca = \"clients.pem\"\n\n[lifetimes]";
        let gateway = format!("id = \"edge\"\ncertificate = \"{EDGE}\"");
        let text =
            CONFIGURATION
                .replacen("[lifetimes]", tls, 1)
                .replacen("id = \"edge\"", &gateway, 1);
        format!("{further}\n{text}")
    }

    async fn start(&self, configuration: &str) -> Result<Running, StartError> {
        let config = Config::from_toml(configuration, self.folder.path()).unwrap();
        let options = Options {
            try_mode: true,
            ..Options::default()
        };
        serve(config, options).await
    }

    async fn connect(
        &self,
        address: SocketAddr,
        client: Option<&Certificate>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.authority.client_config(client).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(config).connect(name, stream).await
    }

    /// The status of a request, or none where TLS refuses: with version 1.3 a client learns that its
    /// certificate was refused only when it reads.
    async fn call(
        &self,
        address: SocketAddr,
        client: Option<&Certificate>,
        request: &str,
    ) -> Option<u16> {
        let mut stream = self.connect(address, client).await.ok()?;
        ask(&mut stream, request).await.ok()
    }
}

/// Sends the head of a request and reads the status of its answer.
async fn ask(stream: &mut TlsStream<TcpStream>, request: &str) -> std::io::Result<u16> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(head[9..12].parse().unwrap())
}

/// A lease, which only gateways get; with a token where there is one.
fn lease(token: Option<&str>) -> String {
    let body =
        json!({"worker": "AAAAAAAAAAAAAAAAAAAAAA", "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "seen": 0});
    let body = body.to_string();
    format!(
        "POST /v1/leases HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
        content-length: {}\r\n{}\r\n{body}",
        body.len(),
        bearer(token)
    )
}

fn list(token: Option<&str>) -> String {
    format!(
        "GET /v1/approvals HTTP/1.1\r\nhost: a\r\n{}\r\n",
        bearer(token)
    )
}

fn bearer(token: Option<&str>) -> String {
    token.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    })
}

const LIVE: &str = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_gateway_is_known_by_its_certificate_and_no_other_will_do() {
    let place = Place::new();
    let running = place.start(&Place::configuration("")).await.unwrap();
    let address = running.address;
    let client = |uri| place.clients.client(uri, "envoy").unwrap();
    let edge = client(EDGE);
    let second = &running.gateways["second-edge"];
    let grace = &running.reviewers["grace"];
    assert!(!running.gateways.contains_key("edge"), "it needs no token");

    assert_eq!(
        place.call(address, Some(&edge), &lease(None)).await,
        Some(200)
    );
    // The filter always sends a token.
    let unknown = lease(Some("nobody"));
    assert_eq!(place.call(address, Some(&edge), &unknown).await, Some(200));
    // A gateway is no reviewer, and a reviewer on its connection is neither.
    assert_eq!(
        place.call(address, Some(&edge), &list(None)).await,
        Some(403)
    );
    let borrowed = list(Some(grace));
    assert_eq!(place.call(address, Some(&edge), &borrowed).await, Some(401));

    let other = client("spiffe://mesh.example/ns/edge/sa/other");
    let longer = client(&format!("{EDGE}/more"));
    for wrong in [Some(&other), Some(&longer), None] {
        assert_eq!(place.call(address, wrong, &lease(None)).await, Some(401));
        assert_eq!(
            place.call(address, wrong, &lease(Some(second))).await,
            Some(200)
        );
        assert_eq!(place.call(address, wrong, &borrowed).await, Some(200));
    }
    // These are refused before anything is said.
    let expired = place.clients.expired_client(EDGE).unwrap();
    let forged = Authority::new().unwrap().client(EDGE, "envoy").unwrap();
    let of_server = place.clients.server_named("edge.example").unwrap();
    for refused in [&expired, &forged, &of_server] {
        assert_eq!(
            place
                .call(address, Some(refused), &lease(Some(second)))
                .await,
            None
        );
        assert_eq!(place.call(address, Some(refused), LIVE).await, None);
    }
}

#[tokio::test]
async fn each_route_answers_only_where_its_callers_are() {
    let place = Place::new();
    let further = "listen_gateways = \"127.0.0.1:0\"";
    let running = place.start(&Place::configuration(further)).await.unwrap();
    let (people, gateways) = (running.address, running.gateway_address.unwrap());
    assert!(
        running
            .announcement()
            .contains(&format!("https://{gateways}"))
    );
    let edge = place.clients.client(EDGE, "envoy").unwrap();
    let second = &running.gateways["second-edge"];
    let grace = list(Some(&running.reviewers["grace"]));
    assert_eq!(
        place.call(gateways, Some(&edge), &lease(None)).await,
        Some(200)
    );
    assert_eq!(
        place.call(gateways, None, &lease(Some(second))).await,
        Some(200)
    );
    assert_eq!(place.call(gateways, None, &grace).await, Some(404));
    assert_eq!(place.call(people, None, &grace).await, Some(200));
    assert_eq!(
        place.call(people, None, &lease(Some(second))).await,
        Some(404)
    );
    // Nobody is asked for a certificate there, so nobody is known by one.
    assert_eq!(
        place.call(people, Some(&edge), &lease(None)).await,
        Some(404)
    );
    for address in [people, gateways] {
        assert_eq!(place.call(address, None, LIVE).await, Some(200));
    }
}

#[tokio::test]
async fn where_every_gateway_has_a_certificate_nobody_gets_in_without() {
    let place = Place::new();
    let text = Place::configuration("listen_gateways = \"127.0.0.1:0\"")
        .replace("[[gateways]]\nid = \"second-edge\"\n", "");
    let running = place.start(&text).await.unwrap();
    let gateways = running.gateway_address.unwrap();
    let edge = place.clients.client(EDGE, "envoy").unwrap();
    assert_eq!(place.call(gateways, Some(&edge), LIVE).await, Some(200));
    assert_eq!(place.call(gateways, None, LIVE).await, None);
}

#[tokio::test]
async fn certificates_change_without_a_restart_and_connections_stay() {
    let place = Place::new();
    let running = place.start(&Place::configuration("")).await.unwrap();
    let address = running.address;
    let mut before = place.connect(address, None).await.unwrap();
    assert_eq!(ask(&mut before, LIVE).await.unwrap(), 200);
    let shown =
        |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();

    // Half of a change: the key does not fit, and all stays as it was.
    let next = place.authority.server().unwrap();
    place.write("service.key", &next.key);
    running.reload();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let meanwhile = place.connect(address, None).await.unwrap();
    assert_eq!(shown(&meanwhile), shown(&before));

    place.show(&next);
    let other_clients = Authority::new().unwrap();
    place.write("clients.pem", &other_clients.certificate());
    running.reload();
    let mut after = None;
    for _ in 0..100 {
        let stream = place.connect(address, None).await.unwrap();
        if shown(&stream) != shown(&before) {
            after = Some(stream);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut after = after.expect("the new certificate is shown");
    assert_eq!(ask(&mut after, LIVE).await.unwrap(), 200);
    assert_eq!(
        ask(&mut before, LIVE).await.unwrap(),
        200,
        "the old one is open"
    );
    let old = place.clients.client(EDGE, "envoy").unwrap();
    let new = other_clients.client(EDGE, "envoy").unwrap();
    assert_eq!(place.call(address, Some(&old), &lease(None)).await, None);
    assert_eq!(
        place.call(address, Some(&new), &lease(None)).await,
        Some(200)
    );
}

#[tokio::test]
async fn both_versions_of_http_and_no_plain_text_come_by_tls() {
    let place = Place::new();
    let running = place.start(&Place::configuration("")).await.unwrap();
    for (protocol, expected) in [
        (b"h2".to_vec(), reqwest::Version::HTTP_2),
        (b"http/1.1".to_vec(), reqwest::Version::HTTP_11),
    ] {
        let mut config = (*place.authority.client_config(None).unwrap()).clone();
        config.alpn_protocols = vec![protocol.clone()];
        let stream = TcpStream::connect(running.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(
            tls.get_ref().1.alpn_protocol(),
            Some(&protocol[..]),
            "{expected:?}"
        );
    }
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/livez", running.address);
    let answer = plain.get(url).send().await;
    assert!(!answer.is_ok_and(|answer| answer.status() == StatusCode::OK));
}

#[tokio::test]
async fn files_that_will_not_do_are_refused_at_the_start() {
    let place = Place::new();
    let good = place.authority.server().unwrap();
    let other = place.authority.server().unwrap();
    let file = |name: &str| place.folder.path().join(name);
    let data = file("velum-data");
    let refusal = async |expected: &str| {
        let error = place.start(&Place::configuration("")).await.err().unwrap();
        let error = error.to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(
            !Path::new(&data).exists(),
            "refused, yet something was made"
        );
        place.show(&good);
        place.write("clients.pem", &place.clients.certificate());
    };
    place.chmod("service.key", 0o644);
    refusal("tls.key").await;
    place.write("service.key", &other.key);
    refusal("tls.certificate").await;
    place.write("service.key", "nothing");
    refusal("tls.key").await;
    place.write("service.pem", "");
    refusal("tls.certificate").await;
    place.write("clients.pem", "nothing");
    refusal("tls.client_ca").await;
    std::fs::remove_file(file("service.pem")).unwrap();
    refusal("tls.certificate").await;
}

#[test]
fn certificates_of_gateways_are_refused_where_they_mean_nothing() {
    let place = Place::new();
    let read = |text: &str| {
        let error = Config::from_toml(text, place.folder.path()).err().unwrap();
        error.to_string()
    };
    let whole = Place::configuration("");
    let without = whole.replace("client_ca = \"clients.pem\"\n", "");
    assert!(read(&without).starts_with("gateways[0].certificate: needs tls.client_ca"));
    let unused = whole.replace(&format!("certificate = \"{EDGE}\"\n"), "");
    assert!(read(&unused).starts_with("tls.client_ca: no gateway"));
    let second = format!("id = \"second-edge\"\ncertificate = \"{EDGE}\"");
    let twice = whole.replace("id = \"second-edge\"", &second);
    assert!(read(&twice).starts_with("gateways[1].certificate: another gateway"));
}
