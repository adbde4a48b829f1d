//! Every Envoy configuration that loads a module states its failure policy, and it fails closed; so does
//! every manifest of Istio or Envoy Gateway, and every file of `envoy/` says so in words too.

use super::File;

/// What marks a wasm filter in a configuration.
const WASM_FILTER: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// Sources that write configurations for a real Envoy.
const STARTERS: &[&str] = &["examples/", "tests/"];

/// Policies that let nothing through unmasked.
const CLOSED: &[&str] = &["FAIL_CLOSED", "FAIL_RELOAD"];

/// Manifests that load a module, and what they must state.
const MANIFESTS: &[(&str, &str)] = &[
    ("kind: WasmPlugin", "failStrategy: FAIL_RELOAD"),
    ("kind: TrafficExtension", "failStrategy: FAIL_RELOAD"),
    ("kind: EnvoyExtensionPolicy", "failOpen: false"),
];

/// What lets bodies pass that nobody masked.
const OPEN: &[&str] = &["fail_open: true", "failOpen: true", "FAIL_OPEN"];

/// Sources that say what is open only to show, against a real Envoy, that it leaks, and to tell so.
const WARNINGS: &[&str] = &[
    "tests/end-to-end/src/failures/filter.rs",
    "tests/end-to-end/tests/operations/failure_policies.rs",
];

/// Returns every file that leaves a wasm filter's failure policy open or unsaid.
pub(super) fn check(files: &[File]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.has_extension(&["json", "md", "rs", "yaml", "yml"]))
        // Of the sources only those that start Envoy: others write about such files.
        .filter(|file| {
            !file.has_extension(&["rs"]) || STARTERS.iter().any(|it| file.path.starts_with(it))
        })
        .filter(|file| !WARNINGS.contains(&&*file.path))
        .flat_map(check_file)
        .collect()
}

fn check_file(file: &File) -> Vec<String> {
    let path = &file.path;
    let stated: Vec<_> = policies(&file.text).collect();
    // Where a filter comes from elsewhere, only its type is named.
    let lines = file.text.lines().filter(|line| !line.contains("type_urls"));
    let filters: usize = lines.map(|line| line.matches(WASM_FILTER).count()).sum();
    let mut faults: Vec<_> = stated
        .iter()
        .filter(|policy| !CLOSED.contains(policy) && !OPEN.contains(policy))
        .map(|policy| format!("{path}: failure policy {policy} does not fail closed"))
        .collect();
    if stated.len() < filters {
        let count = stated.len();
        faults.push(format!(
            "{path}: {filters} wasm filters, {count} failure policies"
        ));
    }
    if file.has_extension(&["md"]) {
        return faults;
    }
    let lines = file.text.lines();
    let code: Vec<_> = lines
        .map(|line| line.split('#').next().unwrap_or_default().trim_start())
        .collect();
    for open in OPEN {
        if code.iter().any(|line| line.contains(open)) {
            faults.push(format!("{path}: {open}"));
        }
    }
    for (kind, closed) in MANIFESTS {
        if code.contains(kind) && !code.iter().any(|line| line.contains(closed)) {
            faults.push(format!("{path}: {kind} without {closed}"));
        }
    }
    if path.starts_with("envoy/") && !file.text.contains("# Failure policy") {
        faults.push(format!("{path}: no comment says \"Failure policy\""));
    }
    faults
}

/// The values given to `failure_policy`, in YAML, JSON or a format string.
fn policies(text: &str) -> impl Iterator<Item = &str> {
    text.split("failure_policy").skip(1).filter_map(|rest| {
        let value = rest.trim_start_matches(['"', '\\', ':', ' ']);
        let end = value.find(|next: char| !next.is_ascii_uppercase() && next != '_');
        Some(&value[..end.unwrap_or(value.len())]).filter(|value| !value.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::{WASM_FILTER, check};
    use crate::tidy::file;

    fn faults(policy: &str) -> usize {
        let text = format!("\"@type\": type.googleapis.com/{WASM_FILTER}\nconfig:\n  {policy}\n");
        check(&[file("examples/a.yaml", &text)]).len()
    }

    #[test]
    fn a_manifest_says_that_it_fails_closed() {
        for (text, faults) in [
            ("kind: WasmPlugin\nfailStrategy: FAIL_RELOAD", 0),
            ("kind: WasmPlugin\n# failStrategy: FAIL_RELOAD", 1),
            ("kind: TrafficExtension\nfailStrategy: FAIL_OPEN", 2),
            (
                "kind: EnvoyExtensionPolicy\n- failOpen: false # never failOpen: true",
                0,
            ),
            ("kind: EnvoyExtensionPolicy\n- failOpen: true", 2),
            ("kind: EnvoyFilter", 0),
        ] {
            assert_eq!(
                check(&[file("examples/a.yaml", text)]).len(),
                faults,
                "{text}"
            );
        }
    }

    #[test]
    fn every_file_of_the_folder_says_what_failures_do() {
        assert_eq!(
            check(&[file("envoy/a.yaml", "# Failure policy: closed.\n")]).len(),
            0
        );
        assert_eq!(check(&[file("envoy/a.yaml", "a: b\n")]).len(), 1);
    }

    #[test]
    fn closed_policies_are_no_fault() {
        assert_eq!(faults("failure_policy: FAIL_RELOAD"), 0);
        assert_eq!(faults("\"failure_policy\": \"FAIL_CLOSED\""), 0);
        assert_eq!(
            faults("failure_policy: FAIL_CLOSED # never `fail_open: true`"),
            0
        );
    }

    #[test]
    fn unsaid_and_open_policies_are_faults() {
        assert_eq!(faults(""), 1);
        assert_eq!(faults("failure_policy: UNSPECIFIED"), 1);
        assert_eq!(faults("failure_policy: FAIL_OPEN"), 1);
        assert_eq!(faults("failure_policy: FAIL_CLOSED\nfail_open: true"), 1);
    }
}
