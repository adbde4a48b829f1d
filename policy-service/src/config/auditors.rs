//! Who reads the audit log and decides nothing: `[[auditors]]`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use velum_approval::PersonId;

use super::Faults;
use super::document::{Person, token};
use crate::auth::TokenHash;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditorTable {
    person: PersonId,
    token_sha256: Option<String>,
}

/// The auditors by their token. Nobody is one who reviews: what they would audit is theirs.
pub(super) fn auditors(
    given: Vec<AuditorTable>,
    people: &[Person],
    reviewers: &BTreeMap<PersonId, Option<TokenHash>>,
    tokens: &mut BTreeSet<TokenHash>,
    faults: &mut Faults,
) -> BTreeMap<PersonId, Option<TokenHash>> {
    let mut auditors = BTreeMap::new();
    for (index, auditor) in given.into_iter().enumerate() {
        let place = format!("auditors[{index}]");
        if !people.iter().any(|person| person.id == auditor.person) {
            let fault = format!("no [[people]] has the id `{}`", auditor.person);
            faults.add(format!("{place}.person"), fault);
        }
        if reviewers.contains_key(&auditor.person) {
            let fault =
                "reviews: who approves does not audit that; a reviewer's token reads the log too";
            faults.add(format!("{place}.person"), fault);
        }
        let token = faults.note(token(&place, auditor.token_sha256.as_deref(), tokens));
        if auditors.insert(auditor.person, token.flatten()).is_some() {
            faults.add(format!("{place}.person"), "stands twice");
        }
    }
    auditors
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::testing::{CONFIGURATION, POLICY};

    fn read(auditors: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        let people = "[[people]]\nid = \"ivy\"\n";
        let text = format!("{CONFIGURATION}\n{people}{auditors}");
        Config::from_toml(&text, folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_auditor_is_a_person_who_does_not_review() {
        let ivy = "[[auditors]]\nperson = \"ivy\"\n";
        let config = read(ivy).unwrap();
        assert_eq!(config.auditors.len(), 1);
        // On no panel, and no way to one.
        let ivy_id = "ivy".parse().unwrap();
        assert!(!config.reviewers.contains_key(&ivy_id));
        assert!(!config.actions.by_person().contains_key(&ivy_id));
        let hex = "ab".repeat(32);
        let of_grace = format!(
            "[[auditors]]\nperson = \"ivy\"\ntoken_sha256 = \"{hex}\"\n\
             [[gateways]]\nid = \"third\"\ntoken_sha256 = \"{hex}\"\n"
        );
        for (auditors, expected) in [
            (
                "[[auditors]]\nperson = \"nobody\"\n",
                "auditors[0].person: no [[people]]",
            ),
            (
                "[[auditors]]\nperson = \"grace\"\n",
                "auditors[0].person: reviews",
            ),
            (&*format!("{ivy}{ivy}"), "auditors[1].person: stands twice"),
            (
                &*format!("{ivy}token_sha256 = \"ab\"\n"),
                "auditors[0].token_sha256: 64 hex",
            ),
            (&*format!("{ivy}groups = []\n"), "unknown field `groups`"),
            (&of_grace, "the same token"),
        ] {
            let error = read(auditors).unwrap_err();
            assert!(error.contains(expected), "{auditors}: {error}");
        }
    }
}
