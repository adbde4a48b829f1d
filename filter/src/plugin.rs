//! Root contexts and the streams they made: which configuration a stream runs under.

use std::collections::BTreeMap;
use std::rc::Rc;

use velum_engine::Keyring;
use velum_policy::{Policies, Policy};

use crate::choice::Choice;
use crate::host::{Buffer, Flow, Host, Level};
use crate::protobuf;
use crate::stream::Stream;

/// One accepted configuration with its secrets; read-only, shared by the streams made under it.
pub(crate) struct Plugin {
    pub(crate) policy: Policy,
    /// What the rules mask with; empty where none of them needs a key.
    pub(crate) keys: Keyring,
    /// There is one wherever an action reviews or may be asked.
    pub(crate) secrets: Option<Secrets>,
}

/// What the environment gives, never the configuration.
pub(crate) struct Secrets {
    pub(crate) fingerprint_key: [u8; 32],
    pub(crate) resource_key: [u8; 32],
    pub(crate) gateway_token: String,
}

/// Where Envoy gives variables to a filter.
const LISTED: &str = "list it under vm_config.environment_variables";

/// Every context of this VM, by the number that the host gave it.
#[derive(Default)]
pub(crate) struct Dispatcher {
    roots: BTreeMap<u32, Choice>,
    streams: BTreeMap<u32, Stream>,
    /// Which stream made a call that is not answered yet.
    calls: BTreeMap<u32, u32>,
}

impl Dispatcher {
    /// Reads a root context's configuration; false makes Envoy refuse it.
    pub(crate) fn configure(&mut self, host: &impl Host, root: u32, size: usize) -> bool {
        match load(host, size) {
            Ok(choice) => {
                self.roots.insert(root, choice);
                true
            }
            Err(fault) => {
                host.log(
                    Level::Error,
                    &format!("velum: configuration refused: {fault}"),
                );
                false
            }
        }
    }

    /// Makes a context: a root where the parent is 0, else a stream under that root.
    pub(crate) fn create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.roots.entry(context).or_default();
        } else {
            let choice = self.roots.get(&parent).cloned().unwrap_or_default();
            self.streams.insert(context, Stream::new(choice));
        }
    }

    /// Runs a stream's callback and remembers the call it made. A stream nobody knows stops.
    pub(crate) fn run<H: Host>(
        &mut self,
        host: &H,
        context: u32,
        callback: impl FnOnce(&mut Stream, &H) -> Flow,
    ) -> Flow {
        let Some(stream) = self.streams.get_mut(&context) else {
            return Flow::Pause;
        };
        let flow = callback(stream, host);
        if let Some(token) = stream.take_call() {
            self.calls.insert(token, context);
        }
        flow
    }

    /// The stream that made a call; the call is forgotten.
    pub(crate) fn owner_of(&mut self, token: u32) -> Option<u32> {
        self.calls.remove(&token)
    }

    /// Hands a call's answer to its stream, if that is still there.
    pub(crate) fn answer<H: Host>(&mut self, host: &H, context: u32, headers: usize, body: usize) {
        self.run(host, context, |stream, host| {
            stream.on_call_answer(host, headers, body);
            Flow::Continue
        });
    }

    /// Forgets a context.
    pub(crate) fn delete(&mut self, host: &impl Host, context: u32) {
        if let Some(mut stream) = self.streams.remove(&context) {
            stream.on_end(host);
        }
        self.roots.remove(&context);
        self.calls.retain(|_, owner| *owner != context);
    }
}

impl Plugin {
    fn new(host: &impl Host, policy: Policy) -> Result<Self, String> {
        let secrets = Secrets::load(host, &policy)?;
        let keys = policy
            .keyring(|name| host.environment(name))
            .map_err(|error| {
                if error.message.ends_with("is not set") {
                    format!("{error}; {LISTED}")
                } else {
                    error.to_string()
                }
            })?;
        Ok(Self {
            policy,
            keys,
            secrets,
        })
    }

    fn announce(&self, host: &impl Host, name: Option<&str>) {
        use std::fmt::Write as _;
        let digest = self.policy.digest();
        let digest = digest.iter().fold(String::new(), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        });
        host.log(
            Level::Info,
            &format!(
                "velum: policy {}sha256:{digest} is in force",
                name.map_or_else(String::new, |name| format!("{name} "))
            ),
        );
        if self.policy.trusts_any_peer() {
            host.log(
                Level::Warn,
                "velum: identity.header is believed from any peer",
            );
        }
    }
}

impl Secrets {
    fn load(host: &impl Host, policy: &Policy) -> Result<Option<Self>, String> {
        let Some(service) = policy.policy_service() else {
            return Ok(None);
        };
        let gateway_token = variable(host, &service.token_environment, "/policy_service/token")?;
        let first = policy
            .keys()
            .first()
            .ok_or("/masking/keys: a policy service needs a key")?;
        let master = variable(host, &first.environment, "/masking/keys/0")?;
        let master = first
            .decode(&master)
            .map_err(|fault| format!("/masking/keys/0: {fault}"))?;
        Ok(Some(Self {
            fingerprint_key: velum_approval::derive_key(&master, "fingerprint"),
            resource_key: velum_approval::derive_key(&master, "resource"),
            gateway_token: gateway_token.trim().to_owned(),
        }))
    }
}

/// Reads the configuration, and tells what it is.
fn load(host: &impl Host, size: usize) -> Result<Choice, String> {
    let configuration = host
        .body(Buffer::PluginConfiguration, size)
        .map_err(|error| format!("cannot be read (host status {})", error.0))?;
    let mut plugins = Vec::new();
    for (name, policy) in parse(&configuration)?.into_named() {
        let plugin = Plugin::new(host, policy).map_err(|fault| match &name {
            Some(name) => format!("policy {name}: {fault}"),
            None => fault,
        })?;
        plugin.announce(host, name.as_deref());
        plugins.push((name, Rc::new(plugin)));
    }
    Ok(Choice::new(plugins))
}

/// Policies as JSON, or as the `Struct` that plain YAML in Envoy's configuration becomes.
fn parse(configuration: &[u8]) -> Result<Policies, String> {
    let document = match protobuf::decode_struct(configuration) {
        Some(document) if !configuration.is_empty() => document.to_string().into_bytes(),
        _ => configuration.to_vec(),
    };
    Policies::parse(&document).map_err(|error| error.to_string())
}

fn variable(host: &impl Host, name: &str, pointer: &str) -> Result<String, String> {
    host.environment(name)
        .filter(|value| !value.trim().is_empty())
        .ok_or_else(|| format!("{pointer}: the environment variable {name} is not set; {LISTED}"))
}
