//! `CONNECT` where Envoy has a route for it: a tunnel that nobody could look into.

use serde_json::json;
use velum_end_to_end::stage::{AGENT, PERSON};
use velum_harness::BootstrapOptions;

use super::{raw, setup};

/// An Envoy that has a route for tunnels.
fn tunnelling(options: &mut BootstrapOptions) {
    let tunnel = json!([{"upgrade_type": "CONNECT", "connect_config": {}}]);
    options.manager = json!({
        "http2_protocol_options": {"allow_connect": true},
        "upgrade_configs": [{"upgrade_type": "CONNECT"}, {"upgrade_type": "websocket"}],
        "route_config": {"virtual_hosts": [{"name": "api", "domains": ["*"], "routes": [
            {"match": {"connect_matcher": {}},
             "route": {"cluster": "upstream", "upgrade_configs": tunnel}},
            {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}},
        ]}]},
    });
}

#[tokio::test]
async fn a_connect_that_envoy_would_tunnel_is_refused_over_either_protocol() {
    let mut setup = setup(&json!([{"name": "all", "effect": "mask"}]));
    setup.change = tunnelling;
    let stage = setup.start().await;
    let token = format!("Bearer {}", stage.jwt.agent(AGENT, PERSON));
    let request = format!(
        "CONNECT api.example:80 HTTP/1.1\r\nhost: api.example:80\r\nauthorization: {token}\r\n\r\n"
    );
    let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
    let expected = (403, "upgrade-refused".into());
    assert_eq!(raw::outcome(&answer), expected, "{answer}");
    let plain = [
        (":method", "CONNECT"),
        (":authority", "api.example:80"),
        ("authorization", token.as_str()),
    ];
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "api.example"),
        (":path", "/p"),
        ("authorization", token.as_str()),
    ];
    for headers in [&plain[..], &extended[..]] {
        // Data right behind the head, before anyone has agreed to a tunnel.
        let answer = raw::http2(
            stage.envoy.address(),
            headers,
            &[b"GET / HTTP/1.1\r\n"],
            &[],
        );
        let answer = answer.await;
        assert!(answer.contains("upgrade-refused"), "{headers:?}: {answer}");
    }
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn without_velum_the_same_connect_is_a_tunnel() {
    let mut setup = setup(&json!([{"name": "all", "effect": "mask"}]));
    setup.change = |options| {
        tunnelling(options);
        options.filter = None;
    };
    let stage = setup.start().await;
    let request = "CONNECT api.example:80 HTTP/1.1\r\nhost: api.example:80\r\n\r\n\
                   GET /in-the-tunnel HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let paths = stage.upstream.received();
    assert!(
        paths.iter().any(|request| request.path == "/in-the-tunnel"),
        "{answer}"
    );
}
