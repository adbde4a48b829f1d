//! Policies as people keep them: YAML, JSON, or inside an Envoy configuration or a manifest of Istio or
//! Envoy Gateway. Only with the feature `yaml`; the filter is given JSON.
//!
//! YAML is read as YAML 1.2 has it: `yes` and `on` are words, duplicate keys are refused.

mod place;

use std::error::Error;
use std::fmt;

use velum_engine::ProfileDocument;

use crate::cursor::Cursor;
use crate::error::{ConfigError, child_pointer};
use crate::load;
use crate::policies::Policies;
use crate::policy::Policy;
use crate::tree::Node;
pub use place::{Place, place};

/// Members by which an Envoy configuration is known: a bootstrap, a discovery file, one resource.
/// A list, such as the filters of a chain, is one too, and so is a Kubernetes manifest, whose custom
/// resource holds the same.
const ENVOY: &[&str] = &[
    "apiVersion",
    "static_resources",
    "dynamic_resources",
    "resources",
    "@type",
];
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const SEVERAL: &str = "holds several policies that differ: give each in a file of its own";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";
const STRING: &str = "type.googleapis.com/google.protobuf.StringValue";
/// Manifests that hold a plugin, and where.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("WasmPlugin", &["spec"]),
    ("TrafficExtension", &["spec", "wasm"]),
    ("EnvoyExtensionPolicy", &["spec", "wasm"]),
];
/// Where plugins in manifests have their configuration.
const MANIFEST_CONFIGURATIONS: &[&str] = &["pluginConfig", "config"];

/// Why a text gives no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Where in the text's document, as a JSON Pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "the document"
        } else {
            &self.pointer
        };
        write!(formatter, "{place}: {}", self.message)
    }
}

impl Error for DocumentError {}

impl From<ConfigError> for DocumentError {
    fn from(error: ConfigError) -> Self {
        Self {
            pointer: error.pointer,
            message: error.message,
        }
    }
}

/// Reads the one policy of a text: a policy in YAML or JSON, or an Envoy configuration whose HTTP
/// filters hold one.
///
/// ```
/// let policy = velum_policy::document::from_text("version: 1\nmasking: {profiles: [fhir-r4]}\n")?;
/// assert!(policy.actions().is_empty());
/// # Ok::<(), velum_policy::document::DocumentError>(())
/// ```
///
/// # Errors
/// The first fault, as for [`Policy::parse`]; also where an Envoy configuration holds no policy, or
/// several that differ (see [`all_from_text`]).
pub fn from_text(text: &str) -> Result<Policy, DocumentError> {
    let mut policies = all_from_text(text)?.into_iter();
    let Some(first) = policies.next() else {
        return Err(fault("", "holds no Velum policy"));
    };
    if policies.any(|other| other.digest() != first.digest()) {
        return Err(fault("", SEVERAL));
    }
    Ok(first)
}

/// Reads every policy of a text, in its order: one, or as many as an Envoy configuration holds.
///
/// # Errors
/// The first fault of any of them; where an Envoy configuration holds none.
pub fn all_from_text(text: &str) -> Result<Vec<Policy>, DocumentError> {
    let documents = documents_from_text(text)?.into_iter();
    let named = documents.flat_map(Policies::into_named);
    Ok(named.map(|(_, policy)| policy).collect())
}

/// Reads every document of a text, in its order, each with its one policy or its several.
///
/// # Errors
/// As for [`all_from_text`].
pub fn documents_from_text(text: &str) -> Result<Vec<Policies>, DocumentError> {
    with_documents(text, load::policies)
}

/// The one document of a text as JSON, as Envoy hands it to the filter.
///
/// ```
/// let json = velum_policy::document::json_from_text("version: 1\nmasking: {profiles: [pii]}\n")?;
/// assert_eq!(json, r#"{"masking":{"profiles":["pii"]},"version":1}"#);
/// # Ok::<(), velum_policy::document::DocumentError>(())
/// ```
///
/// # Errors
/// As for [`all_from_text`]; also where an Envoy configuration holds several that differ.
pub fn json_from_text(text: &str) -> Result<String, DocumentError> {
    let mut documents = with_documents(text, |document| {
        load::policies(document)?;
        Ok(String::from_utf8_lossy(&document.canonical()).into_owned())
    })?;
    documents.dedup();
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => Ok(document),
        (None, _) => Err(fault("", "holds no Velum policy")),
        (Some(_), false) => Err(fault("", SEVERAL)),
    }
}

fn with_documents<T>(
    text: &str,
    read_one: impl Fn(&Node) -> Result<T, ConfigError>,
) -> Result<Vec<T>, DocumentError> {
    let document = read(text)?;
    let is_envoy = matches!(document, Node::Array(_))
        || ENVOY.iter().any(|name| document.member(name).is_some());
    if !is_envoy {
        return Ok(vec![read_one(&document)?]);
    }
    let mut plugins = Vec::new();
    find_plugins(&document, "", &mut plugins);
    // Other people's plugins may stand beside ours.
    if plugins.len() > 1 && plugins.iter().any(Plugin::is_ours) {
        plugins.retain(Plugin::is_ours);
    }
    if plugins.is_empty() {
        return Err(fault(
            "",
            "is an Envoy configuration without a Wasm HTTP filter of Velum",
        ));
    }
    let plugins = plugins.iter();
    plugins.map(|plugin| plugin.read(&read_one)).collect()
}

/// Reads a profile in YAML or JSON.
///
/// ```
/// let text = "{profile: badges, version: 1, about: Ours., rules: [{class: identifier, keys: [badge]}]}";
/// let profile = velum_policy::document::profile_from_text(text)?;
/// assert_eq!(profile.name(), "badges");
/// # Ok::<(), velum_policy::document::DocumentError>(())
/// ```
///
/// # Errors
/// The first fault: neither YAML nor JSON, a duplicate key, and what
/// [`ProfileDocument::from_json`] refuses.
pub fn profile_from_text(text: &str) -> Result<ProfileDocument, DocumentError> {
    Ok(load::profile(&Cursor::root(&read(text)?))?)
}

fn fault(pointer: impl Into<String>, message: impl Into<String>) -> DocumentError {
    DocumentError {
        pointer: pointer.into(),
        message: message.into(),
    }
}

fn read(text: &str) -> Result<Node, DocumentError> {
    if text.trim_start().starts_with('{')
        && let Ok(node) = serde_json::from_str::<Node>(text)
    {
        node.refuse_duplicates("")?;
        return Ok(node);
    }
    let options = serde_saphyr::options! {
        // Passed on, so that the refusal has its pointer.
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let single = serde_saphyr::from_str_with_options::<Node>(text, options.clone());
    let node = single.or_else(|error| {
        // Manifests are kept several in one text.
        let all = serde_saphyr::from_multiple_with_options::<Node>(text, options);
        if let Ok(all) = all
            && all.iter().all(|node| node.member("apiVersion").is_some())
        {
            return Ok(Node::Array(all));
        }
        let place = error.location().map_or_else(String::new, |location| {
            format!(" (line {}, column {})", location.line(), location.column())
        });
        Err(fault("", format!("not a YAML or JSON document{place}")))
    })?;
    node.refuse_duplicates("")?;
    Ok(node)
}

/// The configuration of one Wasm HTTP filter.
struct Plugin<'a> {
    config: &'a Node,
    pointer: String,
}

impl Plugin<'_> {
    fn is_ours(&self) -> bool {
        let names = ["name", "root_id", "pluginName", "rootID"];
        let names = names.map(|name| self.config.member(name).and_then(Node::text));
        names
            .into_iter()
            .flatten()
            .any(|name| name.contains("velum"))
    }

    fn read<T>(
        &self,
        read_one: impl Fn(&Node) -> Result<T, ConfigError>,
    ) -> Result<T, DocumentError> {
        for name in MANIFEST_CONFIGURATIONS {
            if let Some(value) = self.config.member(name) {
                return read_one(value).map_err(|error| DocumentError {
                    pointer: format!("{}{}", child_pointer(&self.pointer, name), error.pointer),
                    message: error.message,
                });
            }
        }
        let pointer = child_pointer(&self.pointer, "configuration");
        let configuration = self
            .config
            .member("configuration")
            .ok_or_else(|| fault(&self.pointer, "needs the key \"configuration\""))?;
        let value = configuration.member("value");
        let inner = child_pointer(&pointer, "value");
        match (configuration.member("@type").and_then(Node::text), value) {
            (Some(STRUCT), Some(value)) => read_one(value).map_err(|error| DocumentError {
                pointer: format!("{inner}{}", error.pointer),
                message: error.message,
            }),
            (Some(STRING), Some(Node::String(json))) => Node::from_json(json.as_bytes())
                .and_then(|document| read_one(&document))
                .map_err(|error| fault(inner, format!("in the JSON text there, {error}"))),
            _ => Err(fault(
                pointer,
                "must be a google.protobuf.Struct or StringValue with a value",
            )),
        }
    }
}

fn find_plugins<'a>(node: &'a Node, pointer: &str, plugins: &mut Vec<Plugin<'a>>) {
    match node {
        Node::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_plugins(item, &child_pointer(pointer, &index.to_string()), plugins);
            }
        }
        Node::Object(members) => {
            if node.member("@type").and_then(Node::text) == Some(WASM)
                && let Some(config) = node.member("config")
            {
                plugins.push(Plugin {
                    config,
                    pointer: child_pointer(pointer, "config"),
                });
                return;
            }
            if find_in_manifest(node, pointer, plugins) {
                return;
            }
            for (name, member) in members {
                find_plugins(member, &child_pointer(pointer, name), plugins);
            }
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::String(_) => {}
    }
}

/// Whether the node is a manifest that is known to hold plugins; they are added.
fn find_in_manifest<'a>(node: &'a Node, pointer: &str, plugins: &mut Vec<Plugin<'a>>) -> bool {
    let kind = node.member("kind").and_then(Node::text);
    let Some((_, place)) = MANIFESTS.iter().find(|(known, _)| kind == Some(*known)) else {
        return false;
    };
    let (mut config, mut pointer) = (node, pointer.to_owned());
    for name in *place {
        let Some(member) = config.member(name) else {
            return true;
        };
        config = member;
        pointer = child_pointer(&pointer, name);
    }
    let mut add = |config: &'a Node, pointer: String| {
        let mut names = MANIFEST_CONFIGURATIONS.iter();
        if names.any(|name| config.member(name).is_some()) {
            plugins.push(Plugin { config, pointer });
        }
    };
    if let Node::Array(all) = config {
        for (index, one) in all.iter().enumerate() {
            add(one, child_pointer(&pointer, &index.to_string()));
        }
    } else {
        add(config, pointer);
    }
    true
}
