//! Who people are by the word of a real OpenID provider, and what that takes from them.

use serde_json::{Value, json};
use tempfile::TempDir;
use velum_end_to_end::stage::{Setup, Stage, patients};
use velum_harness::{Authority, Browser, BrowserOptions, OpenIdProvider, TlsFront};

use crate::kit::{PEOPLE, assert_quiet, held, records, waiting};

const CLIENT: &str = "velum";
const SECRET: &str = "a secret";

/// What browsers reach, over TLS and under a name that the provider does not have, and the provider.
struct Doors {
    front: TlsFront,
    provider: OpenIdProvider,
    folder: TempDir,
}

impl Doors {
    async fn open() -> Doors {
        let authority = Authority::new().unwrap();
        let front = TlsFront::open(&authority.server().unwrap()).await.unwrap();
        let redirect = format!(
            "https://localhost:{}/sign-in/callback",
            front.address().port()
        );
        let provider = OpenIdProvider::start(CLIENT, SECRET, &redirect)
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, owner).unwrap();
        for person in ["grace", "omar"] {
            provider
                .set_groups(person, &["Velum Privacy"])
                .await
                .unwrap();
        }
        Doors {
            front,
            provider,
            folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.front.address().port())
    }

    /// An installation behind them, with this for the action.
    async fn stage(&self, action: &str) -> Stage {
        let mut people = PEOPLE.to_owned();
        for person in ["grace", "omar"] {
            let one = format!("subject = \"{person}\" }}]");
            let other = format!(
                "subject = \"{person}\" }}, {{ kind = \"jwt\", issuer = \"{}\", subject = \"{person}\" }}]",
                self.provider.issuer()
            );
            people = people.replace(&one, &other);
        }
        let mut setup = Setup::new(patients);
        setup.service = format!(
            "{people}\n[inbox]\nurl = \"{}\"\n[inbox.provider]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\n\
             client_secret = \"{}\"\nscopes = [\"groups\"]\ngroups_claim = \"groups\"\n\
             groups = {{ \"Velum Privacy\" = \"privacy\" }}\n[actions.read]\n{action}\n",
            self.url(""),
            self.provider.issuer(),
            self.folder.path().join("secret").display(),
        );
        let stage = setup.start().await;
        self.front.point_at(stage.service.address());
        stage
    }

    /// A browser in which this person has signed in at the provider, at what waits.
    async fn signed_in(&self, person: &str) -> Browser {
        let browser = Browser::start(BrowserOptions::default()).await.unwrap();
        browser.open(&self.url("/")).await.unwrap();
        browser.click("main a").await.unwrap();
        self.provider.log_in(&browser, person).await.unwrap();
        browser.wait_for("#queue").await.unwrap();
        browser
    }
}

/// The records of this kind.
async fn of_kind(stage: &Stage, kind: &str) -> Vec<Value> {
    let mut records = records(stage).await;
    let kind = format!("org.velum.{kind}.v1");
    records.retain(|record| record["leaf"]["type"] == json!(kind));
    records
}

#[tokio::test]
async fn who_signs_in_anew_for_it_approves_exactly_that_by_the_same_button() {
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 1\nstep_up = \"fresh-login\"").await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    let page = doors.url(&format!("/approvals/{id}"));
    browser.open(&page).await.unwrap();
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=date]").await.unwrap();
    browser.click("#less button").await.unwrap();
    // There, although she is signed in there too.
    browser.wait_for("input[name=login]").await.unwrap();
    assert!(
        browser
            .url()
            .await
            .unwrap()
            .starts_with(doors.provider.issuer())
    );
    doors.provider.log_in(&browser, "grace").await.unwrap();
    browser.wait_for("#sheet").await.unwrap();
    assert_eq!(browser.url().await.unwrap(), page);
    assert_eq!(of_kind(&stage, "session.confirmed").await.len(), 1);
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 0);
    // More than what she has signed in for asks again.
    browser.click("#approve button").await.unwrap();
    browser.wait_for("input[name=login]").await.unwrap();
    browser.open(&page).await.unwrap();
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 0);
    // Exactly that does not.
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=date]").await.unwrap();
    browser.click("#less button").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(!answer.text().contains("1971-04-09"), "{}", answer.text());
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 1);
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn another_who_signs_in_in_her_place_confirms_nothing() {
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 1\nstep_up = \"fresh-login\"").await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    browser
        .open(&doors.url(&format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("#approve button").await.unwrap();
    browser.wait_for("input[name=login]").await.unwrap();
    doors.provider.log_in(&browser, "omar").await.unwrap();
    let told = "document.body.textContent.includes('not whose session this is')";
    browser.wait_until(told).await.unwrap();
    assert_eq!(of_kind(&stage, "session.confirmed").await.len(), 0);
    let shown = stage.reviewer("grace").show(&id).await.unwrap();
    assert_eq!(shown.body["state"], "pending");
    // Denying needs nothing more.
    browser
        .open(&doors.url(&format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("details:has(#deny) summary").await.unwrap();
    browser.click("#deny button").await.unwrap();
    assert_eq!(call.await.unwrap().status, 403);
}

#[tokio::test]
async fn who_was_taken_out_of_the_group_since_she_signed_in_decides_nothing() {
    let doors = Doors::open().await;
    // Of her alone the directory has it.
    let stage = doors.stage("quorum = 1\ngroups = [\"privacy\"]").await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    let page = doors.url(&format!("/approvals/{id}"));
    browser.open(&page).await.unwrap();
    assert_eq!(browser.count("#approve button").await.unwrap(), 1);
    doors.provider.set_groups("grace", &[]).await.unwrap();
    // The page that she has before her still has its buttons.
    browser.click("#approve button").await.unwrap();
    browser.wait_for(".notice.bad").await.unwrap();
    let shown = stage.reviewer("grace").show(&id).await.unwrap();
    assert_eq!(shown.body["state"], "pending");
    assert_eq!(shown.body["votes"], json!([]));
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 0);
    assert_eq!(browser.count("#approve button").await.unwrap(), 0);
    // She is in it again.
    doors
        .provider
        .set_groups("grace", &["Velum Privacy"])
        .await
        .unwrap();
    browser.open(&doors.url("/session")).await.unwrap();
    browser
        .click("form[action='/session/groups'] button")
        .await
        .unwrap();
    browser.wait_for("#queue").await.unwrap();
    browser.open(&page).await.unwrap();
    browser.click("#approve button").await.unwrap();
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert_quiet(&browser).await;
}
