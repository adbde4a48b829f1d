//! What the module may call: the list in the files of `envoy/` is what the built module imports and
//! exports, `VELUM_WRITE_DOCS=1` writes it there, and Envoy holds the module to it.

use std::collections::BTreeSet;

use serde_json::Value;
use velum_end_to_end::stage::{assert_masked, problem};
use velum_harness::locations;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

use crate::installation::{Installation, files, text_of, velum};

/// Before the names, each on a line of its own, deeper indented.
const HEADING: &str = "allowed_capabilities:";
/// What the host needs to hand over bytes is never restricted.
const ALWAYS: &str = "proxy_on_memory_allocate";

/// The functions that the module imports and the callbacks that it exports.
fn capabilities() -> BTreeSet<String> {
    let module = std::fs::read(locations::filter().expect("the built filter")).expect("readable");
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&module) {
        match payload.expect("a module") {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.expect("an import");
                    assert!(
                        matches!(import.ty, TypeRef::Func(_)),
                        "only functions are imported"
                    );
                    names.insert(import.name.to_owned());
                }
            }
            Payload::ExportSection(exports) => {
                let exports = exports.into_iter().map(|export| export.expect("an export"));
                let callbacks = exports.filter(|export| {
                    export.kind == ExternalKind::Func
                        && export.name.starts_with("proxy_on_")
                        && export.name != ALWAYS
                });
                names.extend(callbacks.map(|export| export.name.to_owned()));
            }
            _ => {}
        }
    }
    names
}

/// The text with these names in place of those that it lists.
fn with_capabilities(text: &str, names: &BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut lists_at = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if lists_at.is_some_and(|at| indent > at && !line.trim().is_empty()) {
            continue;
        }
        lists_at = None;
        out.push_str(line);
        if line.trim() == HEADING {
            lists_at = Some(indent);
            for name in names {
                out.extend([&" ".repeat(indent + 2), name, ": {}\n"]);
            }
        }
    }
    out
}

/// An import that is not listed fails when it is called; a callback that is not listed is skipped
/// silently, and its bodies would pass.
#[test]
fn the_capabilities_in_every_file_are_those_that_the_filter_has() {
    let names = capabilities();
    for known in [
        "proxy_on_response_body",
        "proxy_http_call",
        "random_get",
        "environ_get",
    ] {
        assert!(names.contains(known), "{known} is missing: {names:?}");
    }
    let mut lists = 0;
    for file in files() {
        let text = text_of(&file);
        let right = with_capabilities(&text, &names);
        lists += right.matches(HEADING).count();
        if std::env::var_os("VELUM_WRITE_DOCS").is_some() {
            std::fs::write(locations::project().join(&file), &right).expect("written");
        } else {
            assert!(
                text == right,
                "{file} lists other capabilities than the filter has: VELUM_WRITE_DOCS=1 and the \
                 same test write them"
            );
        }
    }
    assert_eq!(
        lists, 3,
        "the bootstrap, Istio's filter, the gateway's patch"
    );
}

#[test]
fn a_list_is_replaced_whole_and_nothing_else() {
    let names: BTreeSet<_> = ["a", "b"].map(str::to_owned).into();
    let text = "x:\n  allowed_capabilities:\n    old: {}\n    older: {}\n  y: 1\n\nz: 2\n";
    let right = "x:\n  allowed_capabilities:\n    a: {}\n    b: {}\n  y: 1\n\nz: 2\n";
    assert_eq!(with_capabilities(text, &names), right);
    assert_eq!(with_capabilities(right, &names), right);
}

/// An Envoy whose list lacks one name.
async fn without(name: &str) -> velum_end_to_end::stage::Stage {
    let installation = Installation::new().await;
    let options = installation.options();
    let envoy = installation.envoy_options(&options, |document| {
        let list = velum(document)
            .pointer_mut("/typed_config/config/vm_config/capability_restriction_config")
            .and_then(|it| it.get_mut("allowed_capabilities"))
            .and_then(Value::as_object_mut);
        assert!(list.expect("a list").remove(name).is_some(), "{name}");
    });
    installation.start(envoy).await
}

/// The list of the bootstrap is in force in every test of ours; this one shows that it is.
#[tokio::test]
async fn without_the_capability_to_call_nothing_is_lifted_and_nothing_released() {
    let stage = without("proxy_http_call").await;
    let plain = stage.agent("GET", "/Patient/p1").send().await;
    let plain = plain.expect("an answer");
    assert_eq!(plain.status, 200, "masking needs no calls");
    assert_masked(&plain.text());
    stage.upstream.forget();
    let ask = stage.ask("/Patient/p1", "name", 2).send().await;
    let ask = ask.expect("an answer");
    assert_masked(&ask.text());
    assert_eq!(problem(&ask), (503, "approval-unavailable".into()));
    let delete = stage.agent("DELETE", "/Patient/p1").send().await;
    let delete = delete.expect("an answer");
    assert_eq!(problem(&delete), (503, "approval-unavailable".into()));
    assert!(stage.upstream.received().is_empty(), "nothing was deleted");
    let log = stage.envoy.log();
    assert!(
        log.contains("restricted proxy-wasm capability: proxy_http_call"),
        "{log}"
    );
}

/// What must be called to mask at all: without it answers are cut or refused, not passed.
#[tokio::test]
async fn without_the_capability_to_write_a_body_nothing_unmasked_leaves() {
    let stage = without("proxy_set_buffer_bytes").await;
    let answer = stage.agent("GET", "/Patient/p1").send().await;
    if let Ok(answer) = answer {
        assert_masked(&answer.text());
        assert!(
            answer.status != 200 || !answer.complete,
            "{} {}",
            answer.status,
            answer.text()
        );
    }
}

/// Envoy skips a callback that is not listed and says nothing: without `proxy_on_response_body` bodies
/// leave as they are, and no module can notice. So whoever checks a bootstrap must be told.
#[test]
fn every_capability_that_is_missing_is_warned_of() {
    let program = locations::program("velum").expect("the built program");
    let folder = tempfile::tempdir().expect("a folder");
    let text = text_of("envoy/bootstrap.yaml");
    for name in capabilities() {
        let lines = text.split_inclusive('\n');
        let lacking: String = lines
            .filter(|line| line.trim() != format!("{name}: {{}}"))
            .collect();
        assert_ne!(lacking, text, "{name}");
        let file = folder.path().join("bootstrap.yaml");
        std::fs::write(&file, lacking).expect("written");
        let told = std::process::Command::new(&program)
            .args(["policy", "check", "--bootstrap"])
            .arg(&file)
            .output()
            .expect("velum");
        let told = String::from_utf8(told.stdout).expect("UTF-8");
        let line = format!("/allowed_capabilities/{name}: is missing: ");
        assert!(told.contains(&line), "{name}: {told}");
        let skipped = told.contains("skips this callback silently");
        assert_eq!(skipped, name.starts_with("proxy_on_"), "{told}");
    }
}
