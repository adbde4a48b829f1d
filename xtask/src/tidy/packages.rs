//! What every package's manifest states.

use serde_json::Value;

use super::File;

const LICENSE: &str = "Apache-2.0";

/// Returns each package of ours whose licence, publishing or lints differ from the workspace's.
pub(super) fn check(metadata: &Value, files: &[File]) -> Vec<String> {
    let members = metadata["workspace_members"]
        .as_array()
        .into_iter()
        .flatten();
    let members: Vec<_> = members.collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| members.contains(&&package["id"]))
        .flat_map(|package| check_package(package, metadata, files))
        .collect()
}

fn check_package(package: &Value, metadata: &Value, files: &[File]) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let mut faults = Vec::new();
    if package["license"] != LICENSE {
        faults.push(format!("{name}: the licence is not {LICENSE}"));
    }
    // No registry is allowed: `publish = false`.
    if package["publish"]
        .as_array()
        .is_none_or(|registries| !registries.is_empty())
    {
        faults.push(format!("{name}: `publish` is not false"));
    }
    if package["description"].as_str().is_none_or(str::is_empty) {
        faults.push(format!("{name}: no description"));
    }
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let manifest = manifest
        .strip_prefix(root)
        .unwrap_or(manifest)
        .trim_start_matches('/');
    let inherits = |text: &str| text.contains("[lints]\nworkspace = true");
    if !files
        .iter()
        .any(|file| file.path == manifest && inherits(&file.text))
    {
        faults.push(format!(
            "{name}: {manifest} does not take the workspace's lints"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;
    use crate::tidy::file;

    fn faults(package: &Value, manifest: &str) -> Vec<String> {
        let metadata =
            json!({"packages": [package], "workspace_members": ["x"], "workspace_root": "/root"});
        check(&metadata, &[file("engine/Cargo.toml", manifest)])
    }

    fn good() -> Value {
        json!({
            "id": "x", "name": "x", "license": "Apache-2.0", "publish": [], "description": "d",
            "manifest_path": "/root/engine/Cargo.toml",
        })
    }

    const LINTS: &str = "[package]\n\n[lints]\nworkspace = true\n";

    #[test]
    fn a_package_like_all_others_is_no_fault() {
        assert_eq!(faults(&good(), LINTS), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_a_fault() {
        for (member, value) in [
            ("license", json!("MIT")),
            ("license", Value::Null),
            ("publish", Value::Null),
            ("publish", json!(["crates-io"])),
            ("description", Value::Null),
        ] {
            let mut package = good();
            package[member] = value.clone();
            assert_eq!(faults(&package, LINTS).len(), 1, "{member}: {value}");
        }
        assert_eq!(faults(&good(), "[package]\n").len(), 1);
    }
}
