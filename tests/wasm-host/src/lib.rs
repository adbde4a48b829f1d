//! The built wasm in a host of our own, which does what Envoy rarely does: cuts a body anywhere,
//! fails, calls in any order.
//!
//! [`Vm`] drives the module as Envoy 1.40 would: `Pause` holds and gathers, a reply passes through
//! the filter's own callbacks, headers cannot be edited once they have gone. [`Fault`] makes host calls
//! fail; a host that [insists](Vm::insists) goes on calling for streams that have ended.
#![expect(
    clippy::missing_panics_doc,
    reason = "these are parts of tests: what does not hold here fails the test"
)]

mod exchange;
mod fault;
mod imports;
mod pairs;
mod state;
mod stream;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use velum_engine::{Masker, Options, Profile, Ruleset};
use velum_harness::locations;
use wasmtime::{
    Config, Engine, Instance, Linker, Module, OptLevel, Store, TypedFunc, WasmParams, WasmResults,
};

pub use fault::Fault;
pub use pairs::encode;
use state::State;
pub use state::{Answer, Headers, SentCall, header, headers};
pub use stream::{Out, Property, Seen};

/// The first root context.
pub const ROOT: u32 = 1;

/// The module is compiled once for all tests of a program.
static BUILT: LazyLock<(Module, Linker<State>)> = LazyLock::new(|| {
    let wasm = std::fs::read(locations::filter().expect("the built filter")).expect("readable");
    let mut config = Config::new();
    config.consume_fuel(true);
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).expect("an engine");
    let module = Module::new(&engine, &wasm).expect("a module");
    (module, imports::linker(&engine))
});

/// A VM with the built filter, and the host that drives it.
pub struct Vm {
    store: Store<State>,
    instance: Instance,
    next_context: u32,
    /// Whether `Pause` on headers still shows the body (`allow_on_headers_stop_iteration`).
    pub holds_headers: bool,
    /// Whether callbacks come for streams that have ended.
    pub insists: bool,
    /// Whether streams go by as they come, as if there were no filter, to compare with.
    pub is_absent: bool,
    /// The attributes of streams that are made from now on.
    pub properties: Vec<(Vec<String>, Property)>,
    /// The first trap: what the VM said when it died.
    pub trap: Option<String>,
}

impl Vm {
    /// A VM that has started and has no root context.
    pub fn start() -> Self {
        let (module, linker) = &*BUILT;
        let mut store = Store::new(module.engine(), State::default());
        store.set_fuel(u64::MAX).expect("fuel is counted");
        store.data_mut().time = 1_700_000_000_000_000_000;
        let instance = linker.instantiate(&mut store, module);
        let instance = instance.expect("an instance");
        let mut vm = Self {
            store,
            instance,
            next_context: 100,
            holds_headers: true,
            insists: false,
            is_absent: false,
            properties: Vec::new(),
            trap: None,
        };
        assert_eq!(vm.ask("proxy_on_vm_start", 0, (0, 0)), 1);
        vm
    }

    /// A VM whose first root context has this policy.
    pub fn with(policy: &Value, environment: &[(&str, &str)]) -> Self {
        let mut vm = Self::start();
        for (name, value) in environment {
            vm.set_environment(name, value);
        }
        let is_accepted = vm.configure(ROOT, policy.to_string().as_bytes());
        assert!(is_accepted, "{:?}", vm.log());
        vm
    }

    /// Sets a variable of the environment.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        let variable = (name.to_owned(), value.to_owned());
        self.state().environment.push(variable);
    }

    /// From now on the host says that there are so many variables, whatever there are.
    pub fn say_variables(&mut self, count: u32) {
        self.state().said_variables = Some(count as usize);
    }

    /// Wants log lines of information at least, as Envoy does by default; every line else.
    pub fn want_less_log(&mut self) {
        self.state().log_level = 2;
    }

    /// Makes a root context and gives it its configuration; whether that was accepted.
    pub fn configure(&mut self, root: u32, configuration: &[u8]) -> bool {
        if !self.state().roots.contains(&root) {
            self.state().roots.push(root);
            self.run("proxy_on_context_create", root, (root, 0));
        }
        self.state().configuration = configuration.to_vec();
        let size = small(configuration.len());
        let is_accepted = self.ask("proxy_on_configure", root, (root, size)) == 1;
        self.state().deferred.clear();
        is_accepted
    }

    /// Ends a root context.
    pub fn remove_root(&mut self, root: u32) {
        self.ask_if_there("proxy_on_done", root);
        self.run("proxy_on_delete", root, root);
        self.state().roots.retain(|known| *known != root);
    }

    /// The clock moves on.
    pub fn pass(&mut self, nanoseconds: u64) {
        self.state().time += nanoseconds;
    }

    /// From now on these calls fail; the count begins again.
    pub fn fail(&mut self, fault: Fault) {
        self.state().faults.set(fault);
    }

    /// The host functions called since the last [`Vm::fail`].
    pub fn called(&mut self) -> Vec<&'static str> {
        self.state().faults.called.clone()
    }

    /// The module's memory is at its end for what the host wants to put there.
    pub fn refuse_allocations(&mut self, refuse: bool) {
        self.state().allocations_fail = refuse;
    }

    /// The calls that the filter made since this was last emptied.
    pub fn calls(&mut self) -> &mut Vec<SentCall> {
        &mut self.state().calls
    }

    /// The lines of the log since this was last emptied.
    pub fn log(&mut self) -> &mut Vec<String> {
        &mut self.state().log
    }

    /// The names of all metrics, and their values.
    pub fn metrics(&self) -> &[(String, u64)] {
        &self.store.data().metrics
    }

    /// How many bytes of memory the module has; it never gives any back.
    pub fn memory(&mut self) -> usize {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.expect("the module's memory").data_size(&self.store)
    }

    /// What the VM has executed so far.
    pub fn spent(&self) -> u64 {
        u64::MAX - self.store.get_fuel().expect("fuel is counted")
    }

    /// Calls an export with these parameters, whatever they mean; `None` where it trapped.
    pub fn invoke<P: WasmParams>(
        &mut self,
        name: &str,
        context: u32,
        parameters: P,
    ) -> Option<u32> {
        let said = self.call(name, context, parameters);
        self.settle();
        said
    }

    /// The same of an export that answers nothing.
    pub fn notify<P: WasmParams>(&mut self, name: &str, context: u32, parameters: P) {
        self.run(name, context, parameters);
        self.settle();
    }

    fn state(&mut self) -> &mut State {
        self.store.data_mut()
    }

    fn next_context(&mut self) -> u32 {
        self.next_context += 1;
        self.next_context
    }

    /// Calls an export that answers a number; after a trap, one that stops everything.
    fn ask<P: WasmParams>(&mut self, name: &str, context: u32, parameters: P) -> u32 {
        self.call(name, context, parameters).unwrap_or(1)
    }

    fn run<P: WasmParams>(&mut self, name: &str, context: u32, parameters: P) {
        self.call::<P, ()>(name, context, parameters);
    }

    fn run_if_there(&mut self, name: &str, context: u32) {
        if self.instance.get_export(&mut self.store, name).is_some() {
            self.run(name, context, context);
        }
    }

    fn ask_if_there(&mut self, name: &str, context: u32) {
        if self.instance.get_export(&mut self.store, name).is_some() {
            self.ask(name, context, context);
        }
    }

    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        context: u32,
        parameters: P,
    ) -> Option<R> {
        if self.trap.is_some() {
            return None;
        }
        let function: TypedFunc<P, R> = self
            .instance
            .get_typed_func(&mut self.store, name)
            .expect("an export of this type");
        let state = self.state();
        (state.current, state.effective, state.is_stopped) = (context, 0, false);
        match function.call(&mut self.store, parameters) {
            Ok(said) => Some(said),
            Err(trap) => {
                self.trap = Some(format!("{name}: {trap:?}"));
                None
            }
        }
    }
}

/// The built filter under one policy, for bodies alone.
pub struct Filter(Vm);

impl Filter {
    /// The built filter under a policy.
    pub fn new(policy: &Value) -> Self {
        let mut vm = Vm::start();
        vm.want_less_log();
        let is_accepted = vm.configure(ROOT, policy.to_string().as_bytes());
        assert!(is_accepted, "{:?}", vm.log());
        Self(vm)
    }

    /// What the module has executed so far, in instructions.
    pub fn spent(&self) -> u64 {
        self.0.spent()
    }

    /// Masks a body that comes in these chunks.
    pub fn mask(&mut self, content_type: &str, chunks: &[&[u8]]) -> Vec<u8> {
        self.answer(&[("content-type", content_type)], chunks)
    }

    /// Masks a body of an answer with these headers.
    pub fn answer(&mut self, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Vec<u8> {
        let seen = self.0.get_with(ROOT, headers, chunks);
        assert_eq!(self.0.trap, None);
        assert!(!seen.is_reset && !seen.is_local, "{:?}", self.0.log());
        assert!(seen.client.ended, "the answer is whole");
        seen.client.body
    }
}

/// The functions that the built module asks of its host.
pub fn imports() -> Vec<String> {
    let (module, _) = &*BUILT;
    let imports = module.imports();
    imports.map(|import| import.name().to_owned()).collect()
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("small")
}

/// A policy of two profiles.
pub fn profiles() -> Value {
    json!({"version": 1, "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4"]}})
}

/// The same rules in the native engine.
pub fn native(body: &[u8]) -> Vec<u8> {
    let rules = Ruleset::builder()
        .profile(Profile::HipaaSafeHarbor)
        .profile(Profile::FhirR4);
    let rules = Arc::new(rules.build().expect("rules"));
    let mut masker = Masker::new(rules, Options::default());
    let mut out = Vec::new();
    masker
        .feed(body, &mut out)
        .and_then(|()| masker.finish(&mut out))
        .expect("masked");
    out
}
