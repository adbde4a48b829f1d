//! Forms that somebody else has made for a person who is signed in: with everything that is there to be decided, and
//! the right fields, none of them does anything.

use axum::routing::MethodFilter;
use reqwest::Method;
use serde_json::json;
use velum_approval::ApprovalId;

use crate::auth::Access;
use crate::inbox::PAGES;
use crate::testing::browser::Browser;
use crate::testing::{CONFIGURATION, Service, identity};

const GLASS: &str =
    "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";

/// What is there to be decided, by whoever is signed in.
struct Stage {
    pending: [ApprovalId; 4],
    agreed: ApprovalId,
    granted: ApprovalId,
    stop: String,
    emergency: String,
}

impl Stage {
    async fn set(service: &Service) -> Stage {
        let mut pending = Vec::new();
        for request in 1..=4 {
            pending.push(service.pending(&service.ask(request)).await);
        }
        let mut purge = service.ask(5);
        purge.principal = identity("nora");
        purge.lineage = velum_approval::Lineage::new(vec![identity("nora")]).unwrap();
        purge.action = "purge".parse().unwrap();
        purge.classes = velum_engine::ClassSet::EMPTY;
        let agreed = service.pending(&purge).await;
        assert_eq!(service.approve("grace", &agreed, json!({})).await.0, 200);
        let mut other = service.ask(6);
        other.principal = identity("omar");
        other.lineage = velum_approval::Lineage::new(vec![identity("omar")]).unwrap();
        let granted = service.pending(&other).await;
        assert_eq!(service.approve("grace", &granted, json!({})).await.0, 200);
        let stop = json!({"scope": {"kind": "gateway", "id": "second-edge"}});
        let (status, stop) = service.post("omar", "/v1/stops", &stop).await;
        assert!(status.is_success(), "{stop}");
        let open = json!({
            "principal": identity("omar"), "action": "read", "reason": "unconscious", "minutes": 10,
        });
        let (status, emergency) = service.post("dr-jones", "/v1/emergencies", &open).await;
        assert_eq!(status, 201, "{emergency}");
        Stage {
            pending: pending.try_into().unwrap(),
            agreed,
            granted,
            stop: stop["id"].as_str().unwrap().to_owned(),
            emergency: emergency["id"].as_str().unwrap().to_owned(),
        }
    }

    /// Where the form of a page goes, and what it says; `None` of what has no form to be forged.
    fn form(&self, path: &str) -> Option<(String, Vec<(&'static str, String)>)> {
        let [approved, denied, questioned, helped] = &self.pending;
        let one = ("version", "1".to_owned());
        let (id, fields) = match path {
            "/approvals/{id}/approve" => (approved.as_str(), vec![one]),
            "/approvals/{id}/deny" => (denied.as_str(), vec![one]),
            "/approvals/{id}/question" => (
                questioned.as_str(),
                vec![one, ("comment", "which?".to_owned())],
            ),
            "/approvals/{id}/take-back" => {
                (self.agreed.as_str(), vec![("version", "2".to_owned())])
            }
            "/approvals/{id}/revoke" => (self.granted.as_str(), vec![one]),
            "/stops" => ("", vec![("kind", "everything".to_owned())]),
            "/stops/{id}/resume" => (self.stop.as_str(), vec![]),
            "/emergencies" => {
                let fields = [("reason", "unconscious"), ("minutes", "10")];
                let fields = fields.map(|(name, text)| (name, text.to_owned()));
                let of = ("approval", helped.to_string());
                ("", fields.into_iter().chain([of]).collect())
            }
            "/emergencies/{id}/review" => (
                self.emergency.as_str(),
                vec![("justified", "true".to_owned())],
            ),
            "/sign-out" => ("", vec![]),
            // They only read, or ask the provider or the browser first.
            "/session/groups"
            | "/keys"
            | "/keys/new"
            | "/keys/{id}/remove"
            | "/confirm/{id}"
            | "/approvals/{id}/sign" => return None,
            other => panic!("{other} has a form: say here what it does"),
        };
        Some((path.replace("{id}", id), fields))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_form_of_somebody_else_does_anything_with_whatever_is_there() {
    let service = Service::with(&format!("{CONFIGURATION}{GLASS}")).await;
    let stage = Stage::set(&service).await;
    let [mut grace, mut omar] = [Browser::new(), Browser::new()];
    for (browser, person) in [(&mut grace, "grace"), (&mut omar, "omar")] {
        let shown = browser.submit(&service.running.links[person], &[]).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
    }
    let token = grace.open(&service.url("/")).await.form_token();
    let others = omar.open(&service.url("/")).await.form_token();
    let forms: Vec<_> = PAGES
        .iter()
        .filter(|page| page.method == MethodFilter::POST && page.access == Access::Session)
        .filter_map(|page| stage.form(page.path))
        .collect();
    assert_eq!(forms.len(), 10);
    let before = service.log().await.len();
    for (path, fields) in &forms {
        let url = service.url(path);
        let fields = |token: Option<&str>| {
            let token = token.map(|token| ("form_token", token.to_owned()));
            token.into_iter().chain(fields.clone()).collect::<Vec<_>>()
        };
        let ours = ("sec-fetch-site", "same-origin");
        for (headers, fields) in [
            // A page elsewhere that has learnt the token.
            (("sec-fetch-site", "cross-site"), fields(Some(&token))),
            (("sec-fetch-site", "same-site"), fields(Some(&token))),
            (("origin", "https://evil.example"), fields(Some(&token))),
            (("origin", "null"), fields(Some(&token))),
            // One of this site that has not, or somebody else's.
            (ours, fields(None)),
            (
                ours,
                fields(Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
            ),
            (ours, fields(Some(&others))),
        ] {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect();
            let shown = grace
                .send(Method::POST, &url, &[headers], Some(&fields))
                .await;
            assert_eq!(shown.status, 403, "{path} {headers:?}: {}", shown.text);
        }
    }
    assert_eq!(service.log().await.len(), before, "something was done");
    // With the session's own token each of them does what it says, or nothing above would show anything. Signing out
    // comes last.
    let (last, rest): (Vec<_>, Vec<_>) = forms.iter().partition(|(path, _)| path == "/sign-out");
    for (path, fields) in rest.into_iter().chain(last) {
        let own = [("form_token", token.as_str())];
        let fields = fields.iter().map(|(name, text)| (*name, text.as_str()));
        let fields: Vec<_> = own.into_iter().chain(fields).collect();
        let before = service.log().await.len();
        let shown = grace.submit(&service.url(path), &fields).await;
        let is_done = [200, 303].contains(&shown.status.as_u16());
        assert!(is_done, "{path}: {}", shown.text);
        assert!(service.log().await.len() > before, "{path} did nothing");
    }
}
