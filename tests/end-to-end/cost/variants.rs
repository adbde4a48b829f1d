//! The Envoys that are compared: bare, with an empty filter, with Velum under three policies, and with
//! two filters that need the whole body.

use std::path::PathBuf;

use crate::lua;
use serde_json::{Value, json};
use velum_harness::{
    BootstrapOptions, Envoy, EnvoyOptions, Failure, PolicyDocument, Result, Upstream, bootstrap,
    example_policy,
};

/// 32 bytes in base64, for this run only.
const MASKING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What Envoy buffers for filters that need a whole body, in bytes.
const WHOLE_BODIES: u32 = 4 << 20;

/// An Envoy, and what stands over its column.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) envoy: Envoy,
    /// Whether a large body takes it so long that fewer requests are enough.
    pub(crate) is_slow: bool,
}

/// Starts all of them before one upstream; the bare one comes first.
pub(crate) async fn start(upstream: &Upstream) -> Result<Vec<Variant>> {
    let mut bare = BootstrapOptions::bare(upstream.address());
    bare.jwks = None;
    let with = |filter: &str, policy| -> Result<BootstrapOptions> {
        let mut options = bare.clone();
        options.filter = Some(wasm(filter)?);
        options.policy = Some(policy);
        Ok(options)
    };
    let velum = |policy| with("VELUM_WASM", PolicyDocument::Struct(policy));
    let empty = PolicyDocument::Text("{}".to_owned());
    // These two wait for the whole body, and fail where Envoy does not buffer as much.
    let mut with_lua = bare.clone();
    with_lua.filters_after = vec![lua::filter()];
    with_lua.buffer_limit = Some(WHOLE_BODIES);
    let mut with_serde = with("VELUM_SERDE_WASM", empty.clone())?;
    with_serde.buffer_limit = Some(WHOLE_BODIES);
    let mut variants = Vec::new();
    for (name, is_slow, options) in [
        ("bare", false, bare.clone()),
        ("empty filter", false, with("VELUM_EMPTY_WASM", empty)?),
        ("Velum, 10 rules", false, velum(with_rules(10))?),
        ("Velum, 200 rules", false, velum(with_rules(200))?),
        ("Velum, all profiles", false, velum(example_policy()?)?),
        ("serde_json filter", true, with_serde),
        ("Lua filter", true, with_lua),
    ] {
        let options = EnvoyOptions::new(bootstrap(&options)?)
            .environment("VELUM_MASKING_KEY", MASKING_KEY)
            .environment("VELUM_GATEWAY_TOKEN", "unused");
        let envoy = Envoy::start(options).await?;
        variants.push(Variant {
            name,
            envoy,
            is_slow,
        });
    }
    Ok(variants)
}

/// A policy of nothing but rules that a team might write, half of them by key; some select what
/// FHIR has.
fn with_rules(count: usize) -> Value {
    const KEYS: [&str; 5] = ["birthDate", "family", "given", "postalCode", "mrn"];
    const PATHS: [&str; 5] = [
        "$..telecom[*].value",
        "$..address[*].line",
        "$..subject.display",
        "$.entry[*].resource.text.div",
        "$..patient.ssn",
    ];
    let rule = |index: usize| {
        let known = index / 2;
        if index.is_multiple_of(2) {
            let key = KEYS.get(known).map(|key| (*key).to_owned());
            let key = key.unwrap_or_else(|| format!("customerField{index}"));
            return json!({"key": key, "class": "other"});
        }
        let path = PATHS.get(known).map(|path| (*path).to_owned());
        let path = path.unwrap_or_else(|| match index % 3 {
            0 => format!("$.records[*].field{index}"),
            1 => format!("$..section{index}.value"),
            _ => format!("$..secret{index}"),
        });
        json!({"path": path, "class": "other"})
    };
    let rules: Vec<Value> = (0..count).map(rule).collect();
    json!({
        "version": 1,
        "masking": {"rules": rules},
        "responses": {"otherwise": "refuse"},
        "host": {"headers_stop_iteration": true},
        "mode": "enforce",
    })
}

fn wasm(variable: &str) -> Result<PathBuf> {
    let unset = || {
        Failure::new(format!(
            "{variable} is not set; run `cargo xtask bench envoy`"
        ))
    };
    std::env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(unset)
}
