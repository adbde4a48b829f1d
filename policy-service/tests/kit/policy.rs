//! The policy that is asked under.

use std::sync::LazyLock;

use velum_approval::PolicyDigest;

pub(crate) const POLICY: &str = include_str!("../data/policy.yaml");

/// Its digest. It is read once: that takes longer than a check to be answered.
pub(crate) static DIGEST: LazyLock<PolicyDigest> = LazyLock::new(|| {
    let policy = velum_policy::document::from_text(POLICY).unwrap();
    PolicyDigest::from_bytes(policy.digest())
});
