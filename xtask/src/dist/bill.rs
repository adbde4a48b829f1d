//! The module's software bill of materials (`CycloneDX` 1.5): every package that is built into it, as
//! cargo resolved it for the module's target.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::Result;
use crate::wasm::sha256_of;

const FILTER: &str = "velum-filter";

/// The bill of `velum-filter` from `cargo metadata` and `Cargo.lock`, which has the hashes.
pub(super) fn of_filter(metadata: &Value, lock: &str, module: &[u8]) -> Result<Value> {
    let packages: BTreeMap<&str, &Value> = array(&metadata["packages"])
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = array(&metadata["resolve"]["nodes"])
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let checksums = checksums(lock);
    let (root, _) = packages
        .iter()
        .find(|(_, package)| package["name"] == FILTER)
        .ok_or("cargo metadata has no velum-filter")?;
    let closure = closure(root, &nodes);
    let mut components = Vec::new();
    for package in closure.iter().filter_map(|id| packages.get(id)) {
        if package["name"] != FILTER {
            components.push(component(package, &checksums)?);
        }
    }
    components.sort_by_key(|component| component["purl"].to_string());
    let mut dependencies = Vec::new();
    for id in &closure {
        let of = |id: &str| packages.get(id).map(|package| purl(package));
        let mut on: Vec<_> = linked(id, &nodes).filter_map(of).collect();
        on.sort();
        on.dedup();
        dependencies.push(json!({"ref": of(id), "dependsOn": on}));
    }
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());
    let filter = packages
        .get(root)
        .ok_or("cargo metadata has no velum-filter")?;
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purl(filter),
                "name": "velum.wasm",
                "version": filter["version"],
                "licenses": [{"expression": filter["license"]}],
                "hashes": [{"alg": "SHA-256", "content": sha256_of(module)}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// What the module is built from: normal dependencies, from the root on, macros with what is behind
/// them among those. Build scripts are not.
fn closure<'a>(root: &'a str, nodes: &BTreeMap<&'a str, &'a Value>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        for next in linked(id, nodes) {
            if found.insert(next) {
                open.push(next);
            }
        }
    }
    found
}

fn linked<'a>(id: &str, nodes: &BTreeMap<&'a str, &'a Value>) -> impl Iterator<Item = &'a str> {
    let dependencies = nodes.get(id).map(|node| array(&node["deps"]));
    dependencies.into_iter().flatten().filter_map(|dependency| {
        let normal = array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
        dependency["pkg"].as_str().filter(|_| normal)
    })
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Result<Value> {
    let name = package["name"].as_str().unwrap_or_default();
    let version = package["version"].as_str().unwrap_or_default();
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
        "licenses": [{"expression": expression(package)?}],
    });
    // Packages of ours come from here and have none.
    if !package["source"].is_null() {
        let checksum = checksums
            .get(&(name.to_owned(), version.to_owned()))
            .ok_or_else(|| format!("Cargo.lock has no checksum of {name} {version}"))?;
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    Ok(component)
}

/// An SPDX expression; older packages write a slash for OR.
fn expression(package: &Value) -> Result<String> {
    let license = package["license"].as_str();
    let license = license.ok_or_else(|| format!("{} states no licence", package["name"]))?;
    Ok(license.replace('/', " OR "))
}

fn purl(package: &Value) -> String {
    format!(
        "pkg:cargo/{}@{}",
        package["name"].as_str().unwrap_or_default(),
        package["version"].as_str().unwrap_or_default()
    )
}

/// The hashes by name and version, from the lock file's `[[package]]` tables.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let tables = lock.split("[[package]]").skip(1);
    tables
        .filter_map(|table| {
            let field = |name: &str| {
                let lines = table.lines();
                let mut values = lines.filter_map(|line| line.strip_prefix(name));
                let value = values.next()?.strip_prefix(" = \"")?.strip_suffix('"')?;
                Some(value.to_owned())
            };
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{checksums, expression, of_filter};
    use crate::workspace;

    /// What `cargo tree`, which resolves by itself, says is in the module is what the bill says.
    #[test]
    fn the_bill_is_complete_and_every_foreign_package_has_its_hash() {
        let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock")).unwrap();
        let bill = of_filter(&super::super::wasm_metadata().unwrap(), &lock, b"").unwrap();
        let tree = crate::process::output(crate::process::cargo().args([
            "tree",
            "--locked",
            "--package=velum-filter",
            "--target=wasm32-unknown-unknown",
            "--edges=normal,no-proc-macro",
            "--prefix=none",
            "--format={p}",
        ]))
        .unwrap();
        let tree: BTreeSet<_> = tree
            .lines()
            .filter_map(|line| {
                let mut parts = line.split(' ');
                let name = parts.next().filter(|name| !name.is_empty())?;
                let version = parts.next()?.strip_prefix('v')?;
                Some(format!("pkg:cargo/{name}@{version}"))
            })
            .collect();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let components = bill["components"].as_array().unwrap();
        let mut listed: BTreeSet<_> = components.iter().map(|it| text(&it["purl"])).collect();
        assert_eq!(listed.len(), components.len(), "each once");
        listed.insert(text(&bill["metadata"]["component"]["bom-ref"]));
        let missing: Vec<_> = tree.difference(&listed).collect();
        assert!(missing.is_empty(), "not listed: {missing:?}");
        // Macros are listed with what is behind them: they wrote part of the module.
        let locked = checksums(&lock);
        for component in components {
            let (name, version) = (text(&component["name"]), text(&component["version"]));
            let ours = name.starts_with("velum-");
            assert_eq!(component["hashes"].is_null(), ours, "{name}");
            if !ours {
                assert_eq!(
                    component["hashes"][0]["content"],
                    locked[&(name.clone(), version)].as_str(),
                    "{name}"
                );
            }
            assert!(!text(&component["licenses"][0]["expression"]).is_empty());
        }
        assert!(components.len() > 20, "{}", components.len());
    }

    #[test]
    fn slashes_in_licences_are_alternatives() {
        let package = serde_json::json!({"license": "MIT/Apache-2.0"});
        assert_eq!(expression(&package).unwrap(), "MIT OR Apache-2.0");
        assert!(expression(&serde_json::json!({"name": "a"})).is_err());
    }
}
