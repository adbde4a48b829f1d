//! Software bills of materials (`CycloneDX` 1.5): every package that the module, or the policy service, is
//! built from, macros with what is behind them among those, build scripts not.
//!
//! What they are is told by `cargo tree`: `cargo metadata` counts the features that other packages of
//! the workspace turn on, and so packages that a product does not have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::wasm::sha256_of;
use crate::{Result, process};

/// What a bill is of.
pub(super) struct Product<'a> {
    pub(super) package: &'a str,
    pub(super) target: &'a str,
    /// The file's name and bytes.
    pub(super) file: &'a str,
    pub(super) bytes: &'a [u8],
}

/// A package's name and version.
type Package = (String, String);

/// The bill of a product; licences are in `cargo metadata`, hashes in `Cargo.lock`.
pub(super) fn of(product: &Product<'_>, metadata: &Value, lock: &str) -> Result<Value> {
    let known: BTreeMap<Package, &Value> = array(&metadata["packages"])
        .filter_map(|package| Some((named(package)?, package)))
        .collect();
    let checksums = checksums(lock);
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut subject = Value::Null;
    for (package, on) in edges(&tree(product)?)? {
        let data = known.get(&package);
        let data = data.ok_or_else(|| format!("cargo metadata has no {}", purl(&package)))?;
        if package.0 == product.package {
            subject = json!({
                "type": "application",
                "bom-ref": purl(&package),
                "name": product.file,
                "version": package.1,
                "licenses": [{"expression": expression(data)?}],
                "hashes": [{"alg": "SHA-256", "content": sha256_of(product.bytes)}],
            });
        } else {
            components.push(component(&package, data, &checksums)?);
        }
        let on: Vec<_> = on.iter().map(purl).collect();
        dependencies.push(json!({"ref": purl(&package), "dependsOn": on}));
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Each package of the product on a line, behind how deep it stands.
fn tree(product: &Product<'_>) -> Result<String> {
    process::output(process::cargo().args([
        "tree",
        "--locked",
        &format!("--package={}", product.package),
        &format!("--target={}", product.target),
        "--edges=normal",
        "--prefix=depth",
        "--format={p}",
        "--no-dedupe",
    ]))
}

/// Every package of a tree and those that it depends on.
fn edges(tree: &str) -> Result<BTreeMap<Package, BTreeSet<Package>>> {
    let mut edges = BTreeMap::<Package, BTreeSet<Package>>::new();
    let mut above: Vec<Package> = Vec::new();
    for line in tree.lines() {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let (depth, text) = line.split_at(digits);
        let mut parts = text.split(' ');
        let package = parts
            .next()
            .zip(parts.next().and_then(|version| version.strip_prefix('v')))
            .map(|(name, version)| (name.to_owned(), version.to_owned()));
        let (Ok(depth), Some(package)) = (depth.parse(), package) else {
            return Err(format!("cargo tree wrote `{line}`"));
        };
        above.truncate(depth);
        if let Some(parent) = above.last() {
            edges
                .entry(parent.clone())
                .or_default()
                .insert(package.clone());
        }
        edges.entry(package.clone()).or_default();
        above.push(package);
    }
    Ok(edges)
}

fn component(
    package: &Package,
    data: &Value,
    checksums: &BTreeMap<Package, String>,
) -> Result<Value> {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.0,
        "version": package.1,
        "purl": purl(package),
        "licenses": [{"expression": expression(data)?}],
    });
    // Packages of ours come from here and have none.
    if !data["source"].is_null() {
        let checksum = checksums
            .get(package)
            .ok_or_else(|| format!("Cargo.lock has no checksum of {}", purl(package)))?;
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

fn named(package: &Value) -> Option<Package> {
    let text = |name: &str| Some(package[name].as_str()?.to_owned());
    Some((text("name")?, text("version")?))
}

fn purl((name, version): &Package) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// The hashes by name and version, from the lock file's `[[package]]` tables.
fn checksums(lock: &str) -> BTreeMap<Package, String> {
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

    use serde_json::Value;

    use super::{Product, checksums, edges, expression, of};
    use crate::workspace;

    const MODULE: Product<'_> = Product {
        package: "velum-filter",
        target: "wasm32-unknown-unknown",
        file: "velum.wasm",
        bytes: b"",
    };

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    #[test]
    fn the_service_has_a_bill_too() {
        let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock")).unwrap();
        let product = Product {
            package: "velum-policy-service",
            target: "x86_64-unknown-linux-gnu",
            file: "velum-policy-service",
            bytes: b"",
        };
        let bill = of(&product, &workspace::metadata().unwrap(), &lock).unwrap();
        let names: BTreeSet<_> = bill["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| text(&it["name"]))
            .collect();
        for name in [
            "rustls",
            "sqlx",
            "axum",
            "velum-approval",
            "prometheus-client",
        ] {
            assert!(names.contains(name), "{name}");
        }
        assert!(
            !names.contains("rcgen"),
            "what only tests need is no part of it"
        );
    }

    #[test]
    fn the_bill_is_complete_and_every_foreign_package_has_the_hash_of_the_lock_file() {
        let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock")).unwrap();
        let metadata = workspace::metadata().unwrap();
        let bill = of(&MODULE, &metadata, &lock).unwrap();
        let components = bill["components"].as_array().unwrap();
        let listed: BTreeSet<_> = components.iter().map(|it| text(&it["name"])).collect();
        let locked = checksums(&lock);
        for component in components {
            let (name, version) = (text(&component["name"]), text(&component["version"]));
            let ours = name.starts_with("velum-");
            assert_eq!(component["hashes"].is_null(), ours, "{name}");
            if !ours {
                let key = (name.to_owned(), version.to_owned());
                assert_eq!(component["hashes"][0]["content"], *locked[&key], "{name}");
            }
            assert!(!text(&component["licenses"][0]["expression"]).is_empty());
        }
        // Complete: what a listed package cannot be without, by its manifest, is listed too.
        let packages = metadata["packages"].as_array().unwrap();
        let mut needs = 0;
        for package in packages.iter().filter(|package| {
            let version = &package["version"];
            package["name"] == MODULE.package
                || components
                    .iter()
                    .any(|it| it["name"] == package["name"] && it["version"] == *version)
        }) {
            for dependency in package["dependencies"].as_array().unwrap() {
                let always = dependency["kind"].is_null()
                    && dependency["optional"] == false
                    && dependency["target"].is_null();
                if always {
                    let name = text(&dependency["name"]);
                    assert!(listed.contains(name), "{} needs {name}", package["name"]);
                    needs += 1;
                }
            }
        }
        assert!(needs > 30, "{needs}");
        // What only other programs have, and features that only they turn on.
        for name in ["tokio", "axum", "serde-saphyr", "clap", "sqlx"] {
            assert!(!listed.contains(name), "{name} is listed");
        }
        let mut references: BTreeSet<_> =
            components.iter().map(|it| text(&it["bom-ref"])).collect();
        assert_eq!(references.len(), components.len(), "each once");
        references.insert(text(&bill["metadata"]["component"]["bom-ref"]));
        for dependency in bill["dependencies"].as_array().unwrap() {
            assert!(references.remove(text(&dependency["ref"])));
        }
        assert!(references.is_empty(), "{references:?}");
    }

    #[test]
    fn a_tree_is_read_with_its_edges() {
        let tree = "0a v1.0.0 (/a)\n1b v2.0.0\n2c v3.0.0 (proc-macro)\n1c v3.0.0 (proc-macro)\n";
        let edges = edges(tree).unwrap();
        let of = |name: &str| {
            let (_, on) = edges.iter().find(|((it, _), _)| it == name).unwrap();
            on.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(
            (of("a"), of("b"), of("c")),
            (vec!["b", "c"], vec!["c"], vec![])
        );
        assert!(super::edges("a v1\n").is_err());
    }

    #[test]
    fn slashes_in_licences_are_alternatives() {
        let package = serde_json::json!({"license": "MIT/Apache-2.0"});
        assert_eq!(expression(&package).unwrap(), "MIT OR Apache-2.0");
        assert!(expression(&serde_json::json!({"name": "a"})).is_err());
    }
}
