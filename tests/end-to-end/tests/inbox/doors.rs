//! The way in that people have: over TLS, and through a real OpenID provider.

use tempfile::TempDir;
use velum_end_to_end::stage::{Setup, Stage, patients};
use velum_harness::{Authority, Browser, BrowserOptions, LyingStep, OpenIdProvider, TlsFront};

use crate::kit::PEOPLE;

/// This service as a client of the provider.
const CLIENT: &str = "velum";
const SECRET: &str = "a secret";
/// Whom it knows.
const REVIEWERS: [&str; 3] = ["grace", "omar", "dr-jones"];

/// What browsers reach, over TLS and under a name that the provider does not have, and the provider.
pub(crate) struct Doors {
    front: TlsFront,
    pub(crate) provider: OpenIdProvider,
    /// What stands before the provider, where something does.
    pub(crate) liar: Option<LyingStep>,
    folder: TempDir,
}

impl Doors {
    pub(crate) async fn open() -> Doors {
        Doors::open_with(None).await
    }

    /// The same with a step before the provider that can say anything.
    pub(crate) async fn open_behind_a_liar() -> Doors {
        Doors::open_with(Some(LyingStep::open().unwrap())).await
    }

    async fn open_with(liar: Option<LyingStep>) -> Doors {
        let authority = Authority::new().unwrap();
        let front = TlsFront::open(&authority.server().unwrap()).unwrap();
        let redirect = format!(
            "https://localhost:{}/sign-in/callback",
            front.address().port()
        );
        let name = liar.as_ref().map(LyingStep::issuer);
        let provider = OpenIdProvider::start_as(name.as_deref(), CLIENT, SECRET, &redirect);
        let provider = provider.await.unwrap();
        if let Some(liar) = &liar {
            liar.point_at(provider.address());
        }
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, owner).unwrap();
        for person in REVIEWERS {
            provider
                .set_groups(person, &["Velum Privacy", "Velum Clinical"])
                .await
                .unwrap();
        }
        Doors {
            front,
            provider,
            liar,
            folder,
        }
    }

    /// The address of this path, as browsers have it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.front.address().port())
    }

    /// An installation behind them, with this for the action.
    pub(crate) async fn stage(&self, action: &str) -> Stage {
        let mut people = PEOPLE.to_owned();
        for person in REVIEWERS {
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
             groups = {{ \"Velum Privacy\" = \"privacy\", \"Velum Clinical\" = \"clinical\" }}\n[actions.read]\n{action}\n",
            self.url(""),
            self.provider.issuer(),
            self.folder.path().join("secret").display(),
        );
        let stage = setup.start().await;
        self.front.point_at(stage.service.address());
        stage
    }

    /// A browser in which this person has signed in at the provider, at what waits.
    pub(crate) async fn signed_in(&self, person: &str) -> Browser {
        let browser = Browser::start(BrowserOptions::default()).await.unwrap();
        browser.open(&self.url("/")).await.unwrap();
        browser.click("main a").await.unwrap();
        self.provider.log_in(&browser, person).await.unwrap();
        browser.wait_for("#queue").await.unwrap();
        browser
    }
}
