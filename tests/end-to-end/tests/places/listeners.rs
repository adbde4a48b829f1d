//! The listener by discovery (LDS): each change of it cuts what waits once the drain time is over.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use velum_harness::Response;

use velum_end_to_end::stage::{REVIEWER, Stage, assert_masked, text};

use crate::discovery::{folder, publish, until};
use crate::installation::{FILTERS, Installation};

/// How long Envoy lets old connections live.
const DRAIN: Duration = Duration::from_secs(2);

/// An installation whose listener stands in a file.
struct Listened {
    stage: Stage,
    file: PathBuf,
    /// The listener as it began.
    listener: Value,
    _folder: TempDir,
}

fn resource(version: u32, listener: &Value) -> String {
    let mut listener = listener.clone();
    listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    json!({"version_info": version.to_string(), "resources": [listener]}).to_string()
}

impl Listened {
    async fn start() -> Self {
        let installation = Installation::new().await;
        let (folder, file) = folder("{\"resources\": []}");
        let mut listener = Value::Null;
        let mut options = installation.envoy_options(&installation.options(), |document| {
            listener = document["static_resources"]["listeners"][0].take();
            document["static_resources"]["listeners"] = json!([]);
            document["node"] = json!({"id": "edge", "cluster": "edge"});
            document["dynamic_resources"] = json!({"lds_config": {
                "resource_api_version": "V3", "path_config_source": {"path": file},
            }});
        });
        publish(&file, &resource(1, &listener));
        options.arguments = vec!["--drain-time-s".into(), DRAIN.as_secs().to_string()];
        let stage = installation.start(options).await;
        Self {
            stage,
            file,
            listener,
            _folder: folder,
        }
    }

    fn publish(&self, version: u32, listener: &Value) {
        publish(&self.file, &resource(version, listener));
    }

    /// The listener with a policy that denies everything.
    fn closed(&self) -> Value {
        // The filters' place in the bootstrap begins with the listener's.
        let place = FILTERS.replacen("/static_resources/listeners/0", "", 1);
        let mut closed = self.listener.clone();
        let filters = closed.pointer_mut(&place).expect("filters").as_array_mut();
        let mut filters = filters.expect("a list").iter_mut();
        let velum = filters.find(|filter| filter["name"] == "velum");
        let policy = velum
            .expect("Velum")
            .pointer_mut("/typed_config/config/configuration/value")
            .expect("a policy");
        policy["actions"] = json!([{"name": "closed", "effect": "deny"}]);
        policy
            .as_object_mut()
            .expect("one")
            .remove("policy_service");
        closed
    }

    /// What a waiting request comes to, after `change` and within a few drain times.
    async fn cut(&self, change: impl AsyncFnOnce()) -> (Option<Response>, String) {
        let waiting = tokio::spawn(self.stage.ask("/Patient/p2", "name", 60).send());
        let id = text(&self.stage.pending().await["id"]);
        let begun = Instant::now();
        change().await;
        let ended = tokio::time::timeout(5 * DRAIN, waiting).await;
        let answer = ended.expect("it ends").expect("its task").ok();
        assert!(begun.elapsed() >= DRAIN / 2, "not before the drain time");
        if let Some(answer) = &answer {
            assert_masked(&answer.text());
        }
        let received = self.stage.upstream.received();
        assert!(
            received.iter().all(|it| it.path != "/Patient/p2"),
            "it never ran"
        );
        let approval = self.stage.pending().await;
        assert_eq!(approval["id"], *id, "its approval lives");
        (answer, id)
    }

    /// Approves, and sends the same request again.
    async fn redeem(&self, id: &str) {
        let approved = self.stage.reviewer(REVIEWER).approve(id, None).await;
        assert_eq!(approved.expect("approve").status, 200);
        let again = self.stage.ask("/Patient/p2", "name", 5).send().await;
        let again = again.expect("an answer");
        assert_eq!(again.status, 200, "{}", again.text());
        assert_eq!(again.json()["name"][0]["family"], "Thistlewood");
    }
}

#[tokio::test]
async fn a_changed_listener_cuts_a_request_that_waits_and_the_same_request_finds_its_approval() {
    let listened = Listened::start().await;
    let (answer, id) = listened
        .cut(async || {
            let mut changed = listened.listener.clone();
            changed["filter_chains"][0]["filters"][0]["typed_config"]["stat_prefix"] = json!("b");
            listened.publish(2, &changed);
        })
        .await;
    assert_eq!(answer.map(|it| it.status), None, "the connection is closed");
    listened.redeem(&id).await;
}

#[tokio::test]
async fn a_changed_policy_in_the_listener_cuts_too_and_its_return_finds_the_approval() {
    let listened = Listened::start().await;
    let (answer, id) = listened
        .cut(async || {
            listened.publish(2, &listened.closed());
            until(&listened.stage, 403).await;
        })
        .await;
    assert_eq!(answer.map(|it| it.status), None, "the connection is closed");
    // An approval is one under its policy, which comes back here.
    listened.publish(3, &listened.listener);
    until(&listened.stage, 200).await;
    listened.redeem(&id).await;
}
