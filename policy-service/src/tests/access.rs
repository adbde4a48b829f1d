//! Who may call what.

use axum::routing::MethodFilter;
use serde_json::json;

use crate::auth::{Access, token_hash};
use crate::http::ROUTES;
use crate::testing::{CONFIGURATION, POLICY, Service, reason, reply, with_auditor};
use crate::{Config, Options, StartError, serve};

#[tokio::test]
async fn every_route_lets_in_whom_it_declares_and_nobody_else() {
    let service = Service::with(&with_auditor(CONFIGURATION)).await;
    let id = service.pending(&service.ask(1)).await;
    let (gateway, reviewer) = (service.gateway(), service.reviewer("grace"));
    let auditor = service.auditor("ivy");
    for route in ROUTES {
        let method = if route.method == MethodFilter::GET {
            "GET"
        } else {
            "POST"
        };
        let path = route.path.replace("{id}", id.as_str());
        let expected = |holder| match (route.access, holder) {
            (Access::Public, _)
            | (Access::Gateway, "gateway")
            | (Access::Reviewer | Access::Audit(_), "reviewer")
            | (Access::Audit(_), "auditor") => None,
            (_, "gateway" | "reviewer" | "auditor") => Some(403),
            _ => Some(401),
        };
        for (holder, authorization) in [
            ("nobody", None),
            ("stranger", Some("Bearer nobody-has-this-token".to_owned())),
            ("empty", Some("Bearer ".to_owned())),
            ("other scheme", Some(format!("Basic {gateway}"))),
            ("bare token", Some(reviewer.to_owned())),
            ("gateway", Some(format!("Bearer {gateway}"))),
            ("reviewer", Some(format!("Bearer {reviewer}"))),
            ("auditor", Some(format!("Bearer {auditor}"))),
        ] {
            let mut request = service.request(method, &path);
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let response = request.send().await.unwrap();
            let status = response.status();
            // A stream of events does not end by itself.
            let is_stream = status == 200 && route.path.ends_with("/events");
            let body = if is_stream {
                String::new()
            } else {
                response.text().await.unwrap()
            };
            let place = format!("{holder}: {method} {}", route.path);
            match expected(holder) {
                Some(expected) => assert_eq!(status, expected, "{place}: {body}"),
                None => assert!(![401, 403].contains(&status.as_u16()), "{place}: {body}"),
            }
        }
    }
    assert_eq!(
        service.show(&id).await["version"],
        1,
        "a refused call changed something"
    );
}

#[tokio::test]
async fn an_auditor_reads_the_log_and_nothing_that_people_wrote_and_decides_nothing() {
    // Nobody is asked whom an auditor could be counted among, and none of their calls is one that changes anything.
    for route in ROUTES
        .iter()
        .filter(|it| matches!(it.access, Access::Audit(_)))
    {
        assert_eq!(route.method, MethodFilter::GET, "{}", route.path);
    }
    let service = Service::with(&with_auditor(CONFIGURATION)).await;
    let mut check = service.ask(1);
    check.reason = Some(reason("seldom-said"));
    let id = service.pending(&check).await;
    let words = json!({"comment": "seldom-said", "public_reason": "seldom-said"});
    assert_eq!(service.deny("grace", &id, words).await.0, 200);
    let read = async |path: &str| {
        let request = service.request("GET", path);
        reply(request.bearer_auth(service.auditor("ivy"))).await
    };
    let receipt = format!("/v1/approvals/{id}/receipt");
    for path in ["/v1/audit", "/v1/logs", &receipt] {
        let (status, body) = read(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(!body.to_string().contains("seldom-said"), "{path}: {body}");
    }
    // A reviewer who could have decided reads them there.
    let (_, body) = service.get("omar", &receipt).await;
    assert!(body.to_string().contains("seldom-said"), "{body}");
    assert_eq!(read("/v1/approvals").await.0, 403);
    assert_eq!(read(&format!("/v1/approvals/{id}")).await.0, 403);
    assert_eq!(read("/v1/events").await.0, 403);
    // The browser's side knows no auditors.
    assert!(!service.running.links.contains_key("ivy"));
}

#[tokio::test]
async fn two_credentials_are_none() {
    let service = Service::start().await;
    let request = service
        .request("GET", "/v1/approvals")
        .bearer_auth(service.reviewer("grace"))
        .header(
            "authorization",
            format!("Bearer {}", service.reviewer("omar")),
        );
    assert_eq!(reply(request).await.0, 401);
}

#[tokio::test]
async fn refusals_are_problems_that_repeat_nothing() {
    let service = Service::start().await;
    let check = |body: &str| {
        service
            .request("POST", "/v1/checks")
            .bearer_auth(service.gateway())
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let plain = service
        .request("POST", "/v1/checks")
        .bearer_auth(service.gateway())
        .body("{}");
    let mut unknown_key = serde_json::to_value(service.ask(1)).unwrap();
    unknown_key["canary"] = json!("canary");
    let large = format!("\"{}\"", "canary".repeat(20_000));
    for (request, status, kind) in [
        (check("{\"canary\""), 400, "malformed-body"),
        (check("{\"use_key\":\"canary\"}"), 400, "malformed-body"),
        (check(&unknown_key.to_string()), 400, "malformed-body"),
        (check(&large), 413, "body-too-large"),
        (plain, 415, "not-json"),
        (service.request("GET", "/v1/canary"), 404, "no-such-route"),
        (service.request("PUT", "/v1/checks"), 405, "no-such-method"),
        (
            service.request("GET", "/v1/approvals"),
            401,
            "unauthenticated",
        ),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{kind}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{kind}"
        );
        let text = response.text().await.unwrap();
        assert!(!text.contains("canary"), "{text}");
        let body: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["type"], format!("https://velum.dev/problems/{kind}"));
        assert_eq!(body["status"], status);
        assert_eq!(body["retryable"], false);
    }
}

#[tokio::test]
async fn both_versions_of_http_are_served() {
    let service = Service::start().await;
    let second = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let response = second.get(service.url("/readyz")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (200, reqwest::Version::HTTP_2)
    );
    let response = service.request("GET", "/livez").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (200, reqwest::Version::HTTP_11)
    );
}

#[tokio::test]
async fn tokens_are_only_made_where_others_cannot_reach_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let config = |listen: &str| {
        let listen = format!("{listen}\"\ninsecure_listen = {}", listen != "127.0.0.1:0");
        let text = CONFIGURATION.replace("127.0.0.1:0\"", &listen);
        Config::from_toml(&text, folder.path()).unwrap()
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let options = Options {
            try_mode: true,
            ..Options::default()
        };
        let error = serve(config(listen), options).await.err().unwrap();
        assert!(
            matches!(error, StartError::TryBeyondLoopback(_)),
            "{listen}: {error}"
        );
    }
    let error = serve(config("127.0.0.1:0"), Options::default())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StartError::NoToken(_)), "{error}");
    assert!(
        !folder.path().join("velum-data").exists(),
        "refused, yet something was made"
    );
}

#[tokio::test]
async fn each_listener_is_where_it_was_told_to_be() {
    let listen = "listen = \"127.0.0.2:0\"\nlisten_gateways = \"127.0.0.3:0\"";
    let metrics = "[metrics]\nlisten = \"127.0.0.4:0\"\n\n[lifetimes]";
    let text = CONFIGURATION
        .replace("listen = \"127.0.0.1:0\"", listen)
        .replacen("[lifetimes]", metrics, 1);
    let service = Service::with(&text).await;
    let running = &service.running;
    for (address, expected, path) in [
        (Some(running.address), "127.0.0.2", "/livez"),
        (running.gateway_address, "127.0.0.3", "/livez"),
        (running.metrics_address, "127.0.0.4", "/metrics"),
    ] {
        let address = address.unwrap();
        assert_eq!(address.ip().to_string(), expected);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{address}{path}")).send().await;
        assert_eq!(answer.unwrap().status(), 200, "{expected}");
    }
}

#[tokio::test]
async fn whose_token_is_configured_is_known_by_it_and_gets_no_other() {
    let hex = |token: &str| {
        let hash = token_hash(token);
        hash.iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    };
    let mut text = CONFIGURATION.to_owned();
    for (entry, token) in [
        ("person = \"grace\"", "heliotrope"),
        ("id = \"edge\"", "marigold"),
    ] {
        assert!(text.contains(entry));
        let with_token = format!("{entry}\ntoken_sha256 = \"{}\"", hex(token));
        text = text.replacen(entry, &with_token, 1);
    }
    text = format!(
        "{text}\n[[people]]\nid = \"ivy\"\n\n[[auditors]]\nperson = \"ivy\"\ntoken_sha256 = \"{}\"\n",
        hex("periwinkle"),
    );
    let service = Service::with(&text).await;
    assert!(!service.running.reviewers.contains_key("grace"));
    assert!(!service.running.gateways.contains_key("edge"));
    for (token, expected) in [("heliotrope", 200), ("periwinkle", 200), ("marigold", 403)] {
        let list = service.request("GET", "/v1/audit").bearer_auth(token);
        let (status, body) = reply(list).await;
        assert_eq!(status, expected, "{token}: {body}");
    }
    // A gateway is known, and lists nothing.
    for (token, expected) in [("heliotrope", 200), ("marigold", 403), ("violet", 401)] {
        let list = service.request("GET", "/v1/approvals").bearer_auth(token);
        let (status, body) = reply(list).await;
        assert_eq!(status, expected, "{token}: {body}");
    }
}

#[tokio::test]
async fn a_clock_far_behind_the_store_is_not_ready() {
    let service = Service::start().await;
    service.pending(&service.ask(1)).await;
    assert_eq!(
        service
            .request("GET", "/readyz")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    service.clock.advance(-31_000);
    let response = service.request("GET", "/readyz").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(
        service
            .request("GET", "/livez")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
