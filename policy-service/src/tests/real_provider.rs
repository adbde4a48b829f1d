//! Signing in by a real OpenID provider: npm's `oidc-provider`, as `cargo xtask test` sets it up and says by
//! `VELUM_NODE` and `VELUM_OIDC`. Bad tokens are `provider`'s, whose provider says what it is told to.

use serde_json::json;
use velum_harness::OpenIdProvider;

use crate::clock::{Clock as _, SystemClock};
use crate::testing::browser::{Browser, Shown};
use crate::testing::provider::{CLIENT, configuration};
use crate::testing::{START, Service, Stopped};

/// The provider, with the file of its client's secret.
struct RealProvider {
    provider: OpenIdProvider,
    folder: tempfile::TempDir,
}

impl RealProvider {
    async fn start() -> RealProvider {
        let redirect = "http://127.0.0.1:1/sign-in/callback";
        let provider = OpenIdProvider::start(CLIENT, "a secret", redirect);
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a secret").unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, owner).unwrap();
        RealProvider {
            provider: provider.await.unwrap(),
            folder,
        }
    }

    fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// From now on it says that somebody is in these groups.
    async fn set_groups(&self, subject: &str, groups: &[&str]) {
        self.provider.set_groups(subject, groups).await.unwrap();
    }

    async fn service(&self) -> Service {
        let further = "scopes = [\"groups\"]\ngroups_claim = \"groups\"\ngroups = {\"Velum Privacy\" = \"privacy\"}";
        let text = configuration(self.issuer(), &self.folder.path().join("secret"), further);
        let text = text.replace(
            "[actions.read]\nquorum = 1",
            "[actions.read]\nquorum = 1\ngroups = [\"privacy\"]",
        );
        let stopped = Stopped::new();
        // It goes by the clock of the world.
        let now = SystemClock.now();
        stopped.advance(now.as_millis() - START.as_millis());
        stopped.start(&text).await
    }
}

/// Logs in at the provider's own pages, and gives where it sends the browser back to.
async fn log_in(
    provider: &RealProvider,
    browser: &mut Browser,
    address: &str,
    login: &str,
) -> String {
    let mut shown = browser.open(address).await;
    for _ in 0..12 {
        let next = match shown.status.as_u16() {
            302 | 303 => shown.header("location").to_owned(),
            200 => {
                let prompt = if shown.text.contains("value=\"consent\"") {
                    "consent"
                } else {
                    "login"
                };
                let (_, action) = shown.text.split_once("action=\"").unwrap();
                let action = action.split('"').next().unwrap().to_owned();
                let fields = [("prompt", prompt), ("login", login), ("password", "any")];
                shown = browser.submit(&action, &fields).await;
                continue;
            }
            status => panic!("{status}: {}", shown.text),
        };
        if next.starts_with("http://127.0.0.1:1/") {
            return next;
        }
        let next = if next.starts_with('/') {
            format!("{}{next}", provider.issuer())
        } else {
            next
        };
        shown = browser.open(&next).await;
    }
    panic!("it never came back: {}", shown.text)
}

/// There and back, with a browser for each side, since both are on one host.
async fn sign_in(
    provider: &RealProvider,
    service: &Service,
    (ours, theirs): (&mut Browser, &mut Browser),
    login: &str,
) -> Shown {
    let left = ours
        .open(&service.url("/sign-in/provider?next=%2Fsession"))
        .await;
    assert_eq!(left.status, 303, "{}", left.text);
    let back = log_in(provider, theirs, left.header("location"), login).await;
    let back = back.replace("http://127.0.0.1:1", &service.url(""));
    ours.arrive(&back).await
}

#[tokio::test]
async fn there_and_back_and_a_group_that_is_taken_away_in_between() {
    let provider = RealProvider::start().await;
    provider.set_groups("grace-sub", &["Velum Privacy"]).await;
    let service = provider.service().await;
    let (mut ours, mut theirs) = (Browser::new(), Browser::new());
    let shown = sign_in(&provider, &service, (&mut ours, &mut theirs), "grace-sub").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let shown = ours.open(&service.url("/session")).await;
    assert!(
        shown.text.contains("You are grace") && shown.text.contains(": privacy."),
        "{}",
        shown.text
    );
    let token = shown.form_token();
    let id = service.pending(&service.ask(1)).await;
    let approve = json!({"version": 1, "unseen": true});
    // Taken away after signing in: the next form that she sends has it read.
    provider.set_groups("grace-sub", &[]).await;
    let url = service.url("/session/groups");
    let fields = [("form_token", token.as_str())];
    assert_eq!(ours.submit(&url, &fields).await.status, 303);
    let (status, body) = service.approve("grace", &id, approve.clone()).await;
    assert_eq!(
        (status.as_u16(), body["type"].as_str()),
        (403, Some("https://velum.dev/problems/not-a-reviewer"))
    );
    provider.set_groups("grace-sub", &["Velum Privacy"]).await;
    assert_eq!(ours.submit(&url, &fields).await.status, 303);
    let (status, body) = service.approve("grace", &id, approve).await;
    assert_eq!(status, 200, "{body}");
    let again = ours.submit(&service.url("/sign-out"), &fields).await;
    assert_eq!(again.status, 200);
    assert_eq!(ours.open(&service.url("/session")).await.status, 303);
}

#[tokio::test]
async fn who_is_unknown_here_and_a_code_that_comes_twice_are_refused() {
    let provider = RealProvider::start().await;
    let service = provider.service().await;
    let (mut ours, mut theirs) = (Browser::new(), Browser::new());
    let shown = sign_in(&provider, &service, (&mut ours, &mut theirs), "stranger").await;
    assert_eq!(shown.status, 403);
    assert!(
        shown.text.contains("knows nobody of that issuer"),
        "{}",
        shown.text
    );
    let (mut ours, mut theirs) = (Browser::new(), Browser::new());
    let left = ours.open(&service.url("/sign-in/provider")).await;
    let back = log_in(&provider, &mut theirs, left.header("location"), "grace-sub").await;
    let back = back.replace("http://127.0.0.1:1", &service.url(""));
    let mut thief = ours.clone();
    // Another browser has none of it.
    assert_eq!(Browser::new().arrive(&back).await.status, 403);
    assert_eq!(ours.arrive(&back).await.status, 200);
    assert_eq!(thief.arrive(&back).await.status, 403);
}
