//! Root contexts and the streams they made: which configuration a stream runs under.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use velum_approval::RouteWords;
use velum_engine::Keyring;
use velum_policy::{Mode, Policies, Policy};

use crate::check::{self, Arrival};
use crate::choice::Choice;
use crate::events::Reporter;
use crate::host::{Buffer, Flow, Host, Level, Map};
use crate::lease::{Lease, Leasing};
use crate::metrics::{Metrics, hexadecimal};
use crate::outbox::{Lost, Outbox};
use crate::protobuf;
use crate::stream::Stream;
use crate::watch::{Account, Shared, Terms, Watched};

/// One accepted configuration with its secrets; read-only, shared by the streams made under it.
pub(crate) struct Plugin {
    pub(crate) policy: Policy,
    /// What of the policy may be shown where a path is.
    pub(crate) words: RouteWords,
    /// What the rules mask with; empty where none of them needs a key.
    pub(crate) keys: Keyring,
    /// There is one wherever an action reviews or may be asked.
    pub(crate) secrets: Option<Secrets>,
    /// What this worker may lift at present.
    pub(crate) lease: RefCell<Lease>,
}

/// What the environment gives, never the configuration.
pub(crate) struct Secrets {
    pub(crate) fingerprint_key: [u8; 32],
    pub(crate) resource_key: [u8; 32],
    pub(crate) principal_key: [u8; 32],
    pub(crate) evidence_key: [u8; 32],
    pub(crate) gateway_token: String,
}

/// Where Envoy gives variables to a filter.
const LISTED: &str = "list it under vm_config.environment_variables";

/// How often a root context hands over what was counted, and looks whether there are events to send.
const TICK: Duration = Duration::from_secs(1);
/// On every answer where nothing is changed.
const MODE: (&[u8], &[u8]) = (b"velum-mode", b"observe");

/// Every context of this VM, by the number that the host gave it.
#[derive(Default)]
pub(crate) struct Dispatcher {
    roots: BTreeMap<u32, Choice>,
    /// The roots that the host calls back again and again.
    ticking: Vec<u32>,
    streams: BTreeMap<u32, Running>,
    /// Who made a call that is not answered yet.
    calls: BTreeMap<u32, Caller>,
    /// What a root reports, where it has somebody to report to.
    reporters: Vec<(u32, Reporter)>,
    /// What asks for the leases of a root, each by a number of its own.
    leasings: BTreeMap<u32, (u32, Leasing)>,
    /// The last of these numbers.
    leasing: u32,
    /// What streams leave behind, by their root.
    outboxes: BTreeMap<u32, Outbox>,
    metrics: Metrics,
    shared: Rc<Shared>,
}

/// Who made a call, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Stream(u32),
    /// A root, to report events.
    Events(u32),
    /// A root, for the lease of this number.
    Lease(u32, u32),
    /// A root, with what a stream left behind.
    Outbox(u32),
}

impl Caller {
    /// The context that called.
    pub(crate) fn context(self) -> u32 {
        match self {
            Self::Stream(context)
            | Self::Events(context)
            | Self::Lease(context, _)
            | Self::Outbox(context) => context,
        }
    }
}

/// A stream, and what is known of it.
struct Running {
    root: u32,
    stream: Stream,
    /// The call it made last.
    call: Option<u32>,
    account: Rc<RefCell<Account>>,
}

impl Dispatcher {
    /// Reads a root context's configuration; false makes Envoy refuse it.
    pub(crate) fn configure(&mut self, host: &impl Host, root: u32, size: usize) -> bool {
        // A host may give up a VM that refuses.
        self.metrics.hand_over(host);
        match load(host, size) {
            Ok((choice, plugins)) => {
                self.metrics.begin(host);
                let ticks = host.tick_every(TICK).is_ok();
                if ticks && !self.ticking.contains(&root) {
                    self.ticking.push(root);
                }
                for plugin in plugins {
                    let (policy, observes) = (plugin.policy.digest(), plugin.terms().observes);
                    self.metrics.mode(host, &policy, observes);
                    if plugin.terms().reports && ticks {
                        if let Some(made) = Leasing::new(host, Rc::clone(&plugin)) {
                            self.leasing += 1;
                            self.leasings.insert(self.leasing, (root, made));
                        }
                        let made = Reporter::new(host, plugin);
                        self.reporters.extend(made.map(|made| (root, made)));
                    }
                }
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
            let running = Running {
                root: parent,
                call: None,
                account: Rc::default(),
                stream: Stream::new(choice),
            };
            self.streams.insert(context, running);
        }
    }

    /// Runs a stream's callback and remembers the call it made. A stream nobody knows stops.
    pub(crate) fn run<'h, H: Host>(
        &mut self,
        host: &'h H,
        context: u32,
        callback: impl FnOnce(&mut Stream, &Watched<'h, H>) -> Flow,
    ) -> Flow {
        self.run_response(host, context, false, callback)
    }

    /// The same for a callback about the response; `end`: there is nothing more of it.
    pub(crate) fn run_response<'h, H: Host>(
        &mut self,
        host: &'h H,
        context: u32,
        end: bool,
        callback: impl FnOnce(&mut Stream, &Watched<'h, H>) -> Flow,
    ) -> Flow {
        let Some(running) = self.streams.get_mut(&context) else {
            return Flow::Pause;
        };
        if running.account.borrow().is_bystander() {
            return Flow::Continue;
        }
        let watched = Watched::new(host, &running.account, &self.shared);
        let flow = callback(&mut running.stream, &watched);
        if let Some(token) = running.stream.take_call() {
            self.calls.insert(token, Caller::Stream(context));
            running.call = Some(token);
        }
        let (observes, settled) = {
            let account = running.account.borrow();
            (account.terms.observes, account.is_settled())
        };
        if settled || !running.stream.is_gathering() {
            watched.forget();
        }
        if end || settled {
            self.finish(host, context, end);
        }
        if observes { Flow::Continue } else { flow }
    }

    /// Says on an answer that nothing is changed, where that is so.
    pub(crate) fn mark(&self, host: &impl Host, context: u32) {
        let running = self.streams.get(&context);
        if running.is_some_and(|running| running.account.borrow().terms.observes) {
            let (name, value) = MODE;
            // An upstream's own would be believed; without the header the gauge still says it.
            let _missing = host
                .remove_header(Map::ResponseHeaders, name)
                .and_then(|()| host.add_header(Map::ResponseHeaders, name, value));
        }
    }

    /// Who made a call; the call is forgotten.
    pub(crate) fn owner_of(&mut self, token: u32) -> Option<Caller> {
        self.calls.remove(&token)
    }

    /// How many bytes are gathered of bodies that are only observed.
    #[cfg(test)]
    pub(crate) fn gathered(&self) -> usize {
        self.shared.gathered.get()
    }

    /// Hands a call's answer to who made it, if that is still there.
    pub(crate) fn answer<H: Host>(
        &mut self,
        host: &H,
        caller: Caller,
        headers: usize,
        body: usize,
    ) {
        let context = match caller {
            Caller::Stream(context) => context,
            Caller::Events(root) => {
                let mut of_root = self.reporters.iter_mut().filter(|(of, _)| *of == root);
                if let Some((_, reporter)) = of_root.find(|(_, reporter)| reporter.is_sending()) {
                    let arrival = check::read_arrival(host, headers);
                    self.metrics.lost(reporter.arrived(arrival));
                    self.metrics.sent(arrival == Arrival::Taken);
                }
                return;
            }
            Caller::Lease(root, number) => {
                let leasing = self.leasings.get_mut(&number);
                // What waited for news waits on at once; what failed, from the next tick on.
                if leasing.is_some_and(|(_, leasing)| leasing.answered(host, headers, body)) {
                    self.ask_leases(host, root);
                }
                return;
            }
            Caller::Outbox(root) => {
                if let Some(outbox) = self.outboxes.get_mut(&root) {
                    let arrived = outbox.arrived(check::read_arrival(host, headers));
                    let next = outbox.send(host);
                    self.left(root, arrived.map(|()| None));
                    self.left(root, next);
                }
                return;
            }
        };
        if let Some(running) = self.streams.get(&context) {
            let waited = host
                .now()
                .saturating_sub(running.account.borrow().called_at);
            self.metrics.waited(host, waited / 1_000_000);
        }
        self.run(host, context, |stream, host| {
            stream.on_call_answer(host, headers, body);
            Flow::Continue
        });
    }

    /// Hands over what was counted, asks for leases, and sends what a root has to tell, if it is time.
    pub(crate) fn tick(&mut self, host: &impl Host, root: u32) {
        self.metrics.hand_over(host);
        self.ask_leases(host, root);
        if let Some(outbox) = self.outboxes.get_mut(&root) {
            let next = outbox.tick(host);
            self.left(root, next);
        }
        let mut of_root = self.reporters.iter_mut().filter(|(of, _)| *of == root);
        // One call at a time, so that it is known whose answer comes.
        if of_root.any(|(_, reporter)| reporter.is_sending()) {
            return;
        }
        let mut of_root = self.reporters.iter_mut().enumerate();
        let sent = of_root.find_map(|(place, (of, reporter))| {
            let token = (*of == root).then(|| reporter.tick(host)).flatten();
            Some((place, token?))
        });
        if let Some((place, token)) = sent {
            self.calls.insert(token, Caller::Events(root));
            // The others' turn is before its next.
            let reporter = self.reporters.remove(place);
            self.reporters.push(reporter);
        }
    }

    /// Takes note of the call of an outbox, or that one of its messages is lost.
    fn left(&mut self, root: u32, call: Result<Option<u32>, Lost>) {
        match call {
            Ok(token) => self
                .calls
                .extend(token.map(|token| (token, Caller::Outbox(root)))),
            Err(Lost) => self.metrics.lost(1),
        }
    }

    fn ask_leases(&mut self, host: &impl Host, root: u32) {
        for (number, (of, leasing)) in &mut self.leasings {
            if *of == root {
                let token = leasing.ask(host);
                self.calls
                    .extend(token.map(|token| (token, Caller::Lease(root, *number))));
            }
        }
    }

    /// Forgets a context.
    pub(crate) fn delete(&mut self, host: &impl Host, context: u32) {
        self.finish(host, context, false);
        if let Some(mut running) = self.streams.remove(&context) {
            let watched = Watched::new(host, &running.account, &self.shared);
            running.stream.on_end(&watched);
            watched.forget();
            running.call.and_then(|token| self.calls.remove(&token));
        }
        if self.roots.remove(&context).is_none() {
            return;
        }
        self.ticking.retain(|root| *root != context);
        self.reporters.retain(|(root, reporter)| {
            if *root == context {
                self.metrics.lost(reporter.untold());
            }
            *root != context
        });
        self.leasings.retain(|_, (root, _)| *root != context);
        if let Some(outbox) = self.outboxes.remove(&context) {
            self.metrics
                .lost(u64::try_from(outbox.len()).unwrap_or(u64::MAX));
        }
        self.calls.retain(|_, caller| caller.context() != context);
        self.metrics.hand_over(host);
    }

    /// Counts a stream, once.
    fn finish(&mut self, host: &impl Host, context: u32, ended: bool) {
        let Some(running) = self.streams.get_mut(&context) else {
            return;
        };
        let account = &mut *running.account.borrow_mut();
        // Of a request that an earlier filter answered, nothing is known.
        let is_known = account.met.is_some() || account.is_settled();
        if std::mem::replace(&mut account.is_counted, true) || !is_known {
            return;
        }
        let outcome = account.outcome(ended);
        self.metrics.count(account, outcome);
        if account.terms.access_log {
            account.show(host, outcome);
        }
        for message in account.reports(ended) {
            let outbox = self.outboxes.entry(running.root).or_default();
            if outbox.post(message) == Err(Lost) {
                self.metrics.lost(1);
            }
        }
        let mut of_root = self
            .reporters
            .iter_mut()
            .filter(|(of, _)| *of == running.root);
        let of_stream = of_root.find(|(_, reporter)| reporter.is_of(account));
        if let Some((_, reporter)) = of_stream {
            let lost = reporter.note(account, outcome, host.now());
            self.metrics.lost(lost);
        }
        if self.ticking.is_empty() {
            self.metrics.hand_over(host);
        }
    }
}

impl Plugin {
    /// What is to be known of its streams.
    pub(crate) fn terms(&self) -> Terms {
        let observes = self.policy.mode() == Mode::Observe;
        Terms {
            observes,
            access_log: self.policy.access_log(),
            reports: !observes && self.secrets.is_some(),
        }
    }

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
            words: RouteWords::new(policy.literal_segments(), policy.query_names()),
            policy,
            keys,
            secrets,
            lease: RefCell::default(),
        })
    }

    fn announce(&self, host: &impl Host, name: Option<&str>) {
        let digest = hexadecimal(&self.policy.digest());
        host.log(
            Level::Info,
            &format!(
                "velum: policy {}sha256:{digest} is in force",
                name.map_or_else(String::new, |name| format!("{name} "))
            ),
        );
        if self.terms().observes {
            host.log(
                Level::Warn,
                "velum: mode is observe: nothing is masked, withheld or refused",
            );
        }
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
            principal_key: velum_approval::derive_key(&master, "principal"),
            evidence_key: velum_approval::derive_key(&master, "evidence"),
            gateway_token: gateway_token.trim().to_owned(),
        }))
    }
}

/// Reads the configuration, and tells what it is.
fn load(host: &impl Host, size: usize) -> Result<(Choice, Vec<Rc<Plugin>>), String> {
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
    let all = plugins
        .iter()
        .map(|(_, plugin)| Rc::clone(plugin))
        .collect();
    Ok((Choice::new(plugins), all))
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
