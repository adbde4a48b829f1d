//! `examples/service.toml`: it is read as it stands, and again with everything in it that is commented
//! out; and it has every key that there is.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Config;

const SAMPLE: &str = include_str!("../../../examples/service.toml");

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}

/// The sample with every key and table in force that is commented out.
pub(super) fn whole() -> String {
    let is_key = |text: &str| {
        let name = text.split(" = ").next().unwrap_or_default();
        text.starts_with('[')
            || (text.contains(" = ")
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()))
    };
    let lines = SAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(text) if is_key(text) => text,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn it_is_read_as_it_stands() {
    Config::from_toml(SAMPLE, examples()).unwrap();
}

#[test]
fn it_is_read_with_all_that_is_commented_out() {
    // One of two keys that exclude each other, and what TLS makes needless.
    let text = whole();
    for line in [
        "url_environment = \"VELUM_DATABASE\"",
        "insecure_listen = false",
    ] {
        assert!(text.contains(line), "{line}");
    }
    let text = text.replace("url_environment = \"VELUM_DATABASE\"", "");
    Config::from_toml(&text, examples()).unwrap();
}

/// Serde says which keys it knows when it meets one that it does not.
#[test]
fn it_has_every_key_that_there_is() {
    let whole = whole();
    let table: toml::Table = whole.parse().unwrap();
    let mut looked = 0;
    for (place, path) in [
        ("", &[][..]),
        ("[tls]", &["tls"]),
        ("[metrics]", &["metrics"]),
        ("[store]", &["store"]),
        ("[lifetimes]", &["lifetimes"]),
        ("[limits]", &["limits"]),
        ("[[people]]", &["people"]),
        ("[[agents]]", &["agents"]),
        ("[[reviewers]]", &["reviewers"]),
        ("[[auditors]]", &["auditors"]),
        ("[[gateways]]", &["gateways"]),
        ("[actions.read]", &["actions", "read"]),
        ("[break_glass]", &["break_glass"]),
        ("[audit]", &["audit"]),
        ("[[audit.anchors]]", &["audit", "anchors"]),
        ("[inbox]", &["inbox"]),
        ("[inbox.provider]", &["inbox", "provider"]),
        ("[inbox.keys]", &["inbox", "keys"]),
        ("[[webhooks]]", &["webhooks"]),
        ("[traces]", &["traces"]),
    ] {
        let changed = if place.is_empty() {
            format!("no_such_key = 1\n{whole}")
        } else {
            whole.replacen(
                &format!("\n{place}\n"),
                &format!("\n{place}\nno_such_key = 1\n"),
                1,
            )
        };
        let error = Config::from_toml(&changed, examples())
            .unwrap_err()
            .to_string();
        let (_, known) = error
            .split_once("unknown field `no_such_key`, expected ")
            .unwrap_or_else(|| panic!("{place}: {error}"));
        let line = known.lines().next().unwrap();
        let known: BTreeSet<_> = line.split('`').skip(1).step_by(2).collect();
        assert!(known.len() > 1, "{place}: {line}");
        // Of several tables of one list each has what the others may not have.
        let mut values = vec![toml::Value::Table(table.clone())];
        for key in path {
            let of_key = values.iter().filter_map(|value| value.get(key)).cloned();
            values = of_key
                .flat_map(|value| match value {
                    toml::Value::Array(elements) => elements,
                    value => vec![value],
                })
                .collect();
        }
        let keys = values
            .iter()
            .flat_map(|value| value.as_table().unwrap().keys());
        let given: BTreeSet<_> = keys.map(String::as_str).collect();
        assert_eq!(known, given, "{place} of examples/service.toml");
        looked += 1;
    }
    let tables = table.values().filter(|value| {
        value.is_table()
            || value
                .as_array()
                .is_some_and(|list| list.iter().all(toml::Value::is_table))
    });
    // And the document itself, the anchors, the provider and the keys within tables.
    assert_eq!(
        looked,
        tables.count() + 4,
        "a table of the sample is not looked at"
    );
}

#[test]
fn the_signers_sample_is_read_with_every_key_that_there_is() {
    const SIGNER: &str = include_str!("../../../examples/signer.toml");
    let whole = SIGNER
        .replace("# keys = ", "keys = ")
        .replace("# uid = ", "uid = ");
    for text in [SIGNER, &whole] {
        crate::SignerConfig::from_toml(text, examples()).unwrap();
    }
    let error = crate::SignerConfig::from_toml(&format!("no_such_key = 1\n{whole}"), examples());
    let error = error.unwrap_err().to_string();
    let (_, known) = error.split_once("`, expected one of ").unwrap();
    let known: BTreeSet<_> = known
        .lines()
        .next()
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2)
        .collect();
    let given: toml::Table = whole.parse().unwrap();
    assert_eq!(known, given.keys().map(String::as_str).collect());
}
