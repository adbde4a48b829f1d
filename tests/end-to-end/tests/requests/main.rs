//! Requests on a real Envoy: what of a body goes on, what waits, what is refused, and that no way of
//! writing a request slips past.

mod held;
mod inspected;
mod once;
mod ours;
mod paths;
mod raw;
mod tunnels;
mod unheld;
mod written_back;

use serde_json::{Value, json};
use velum_end_to_end::stage::Setup;
use velum_harness::{Received, Reply, example_policy};

/// The example's installation with these actions, in front of an upstream that answers `{}`.
fn setup(actions: &Value) -> Setup {
    let mut setup = Setup::new(answer);
    setup.policy = policy(actions);
    setup
}

/// The example's policy with these actions, and with detectors and keys of flat records.
fn policy(actions: &Value) -> Value {
    let mut policy = example_policy().expect("the example's policy");
    policy["masking"]["profiles"] = json!(["pii", "hipaa-safe-harbor", "credentials"]);
    policy["actions"] = actions.clone();
    policy
}

fn answer(_: &Received) -> Reply {
    Reply::json(&json!({}))
}

/// The value that must not leave, and what is shown in its place.
const SSN: &str = "000-12-3456";
const MASKED: &str = "[masked:ssn]";
