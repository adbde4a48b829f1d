//! The built wasm in a host of our own, which can cut a body anywhere: Envoy joins small chunks.

use std::sync::Arc;

use serde_json::{Value, json};
use velum_engine::{Masker, Options, Profile, Ruleset};
use velum_harness::locations;
use wasmi::{
    Caller, CompilationMode, Config, Engine, Extern, Linker, Memory, Module, Store, TypedFunc,
};

const ROOT: i32 = 1;
const RESPONSE_HEADERS: i32 = 2;
const RESPONSE_BODY: i32 = 1;
const CONFIGURATION: i32 = 7;
const OK: i32 = 0;
const NOT_FOUND: i32 = 1;

/// What the filter sees of its host: one stream at a time.
#[derive(Default)]
struct State {
    configuration: Vec<u8>,
    /// Encoded header pairs by map.
    maps: [Vec<u8>; 8],
    body: Vec<u8>,
    replies: Vec<i32>,
    resets: u32,
    log: String,
}

/// The built filter, and the host that drives it.
pub struct Filter {
    store: Store<State>,
    instance: wasmi::Instance,
    next_stream: i32,
}

impl Filter {
    /// The built filter under a policy.
    pub fn new(policy: &Value) -> Self {
        let wasm = std::fs::read(locations::filter().expect("the built filter")).expect("readable");
        let mut config = Config::default();
        config.consume_fuel(true);
        // Compiling costs fuel too.
        config.compilation_mode(CompilationMode::Eager);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, &wasm).expect("a module");
        let mut store = Store::new(&engine, State::default());
        store.set_fuel(u64::MAX).expect("fuel is counted");
        store.data_mut().configuration = policy.to_string().into_bytes();
        let instance = linker(&engine)
            .instantiate_and_start(&mut store, &module)
            .expect("an instance");
        let mut filter = Self {
            store,
            instance,
            next_stream: ROOT + 1,
        };
        filter.call("proxy_on_context_create", (ROOT, 0));
        assert_eq!(filter.ask("proxy_on_vm_start", (ROOT, 0)), 1);
        let size = i32::try_from(filter.store.data().configuration.len()).expect("small");
        assert_eq!(
            filter.ask("proxy_on_configure", (ROOT, size)),
            1,
            "{}",
            filter.store.data().log
        );
        filter
    }

    /// What the interpreter has counted so far, as it counts.
    pub fn spent(&self) -> u64 {
        u64::MAX - self.store.get_fuel().expect("fuel is counted")
    }

    fn call<P: wasmi::WasmParams>(&mut self, name: &str, parameters: P) {
        let function: TypedFunc<P, ()> = self
            .instance
            .get_typed_func(&self.store, name)
            .expect("an export");
        function.call(&mut self.store, parameters).expect("no trap");
    }

    fn ask<P: wasmi::WasmParams>(&mut self, name: &str, parameters: P) -> i32 {
        let function: TypedFunc<P, i32> = self
            .instance
            .get_typed_func(&self.store, name)
            .expect("an export");
        function.call(&mut self.store, parameters).expect("no trap")
    }

    /// Masks a body that comes in these chunks.
    pub fn mask(&mut self, content_type: &str, chunks: &[&[u8]]) -> Vec<u8> {
        self.answer(&[("content-type", content_type)], chunks)
    }

    /// Masks a body that comes in these chunks, behind these headers.
    pub fn answer(&mut self, headers: &[(&str, &str)], chunks: &[&[u8]]) -> Vec<u8> {
        let stream = self.next_stream;
        self.next_stream += 1;
        self.call("proxy_on_context_create", (stream, ROOT));
        self.store.data_mut().maps[0] = pairs(&[
            (":method", "GET"),
            (":path", "/Patient/p1"),
            (":authority", "fhir.example"),
        ]);
        assert_eq!(
            self.ask("proxy_on_request_headers", (stream, 3, 1)),
            0,
            "goes on"
        );
        self.store.data_mut().maps[usize::try_from(RESPONSE_HEADERS).expect("a map")] =
            pairs(&[&[(":status", "200")], headers].concat());
        assert_eq!(
            self.ask("proxy_on_response_headers", (stream, 2, 0)),
            0,
            "goes on"
        );
        let mut out = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            let end = index + 1 == chunks.len();
            self.store.data_mut().body = chunk.to_vec();
            let size = i32::try_from(chunk.len()).expect("small");
            let flow = self.ask("proxy_on_response_body", (stream, size, i32::from(end)));
            assert_eq!(flow, 0, "goes on");
            out.append(&mut self.store.data_mut().body);
        }
        assert_eq!(self.store.data().resets, 0);
        assert!(self.store.data().replies.is_empty());
        self.call("proxy_on_delete", stream);
        out
    }
}

/// Header pairs in the ABI's form, written from its description.
fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    let mut out = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        out.extend(number(name.len()));
        out.extend(number(value.len()));
    }
    for (name, value) in pairs {
        out.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
    }
    out
}

fn memory(caller: &Caller<'_, State>) -> Memory {
    caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .expect("the module's memory")
}

fn read(caller: &Caller<'_, State>, at: i32, size: i32) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(size).expect("a size")];
    memory(caller)
        .read(caller, usize::try_from(at).expect("an address"), &mut bytes)
        .expect("read");
    bytes
}

fn write(caller: &mut Caller<'_, State>, at: i32, bytes: &[u8]) {
    let memory = memory(caller);
    memory
        .write(caller, usize::try_from(at).expect("an address"), bytes)
        .expect("written");
}

/// Hands bytes over as Envoy does: in memory that the module gives.
fn give(caller: &mut Caller<'_, State>, bytes: &[u8], at: i32, size: i32) -> i32 {
    let length = i32::try_from(bytes.len()).expect("small");
    let mut address = 0;
    if length > 0 {
        let allocate = caller
            .get_export("proxy_on_memory_allocate")
            .and_then(Extern::into_func);
        let allocate = allocate
            .expect("an allocator")
            .typed::<i32, i32>(&*caller)
            .expect("its type");
        address = allocate.call(&mut *caller, length).expect("no trap");
        write(caller, address, bytes);
    }
    write(caller, at, &address.to_le_bytes());
    write(caller, size, &length.to_le_bytes());
    OK
}

fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    buffers(&mut linker);
    streams(&mut linker);
    surroundings(&mut linker);
    linker
}

fn buffers(linker: &mut Linker<State>) {
    linker
        .func_wrap(
            "env",
            "proxy_get_buffer_bytes",
            |mut caller: Caller<'_, State>,
             buffer: i32,
             start: i32,
             most: i32,
             at: i32,
             size: i32| {
                let bytes = match buffer {
                    CONFIGURATION => caller.data().configuration.clone(),
                    RESPONSE_BODY => caller.data().body.clone(),
                    _ => return NOT_FOUND,
                };
                let start = usize::try_from(start).expect("a start");
                let end = bytes
                    .len()
                    .min(start + usize::try_from(most).expect("a size"));
                give(&mut caller, &bytes[start..end], at, size)
            },
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_set_buffer_bytes",
            |mut caller: Caller<'_, State>,
             buffer: i32,
             start: i32,
             size: i32,
             at: i32,
             length: i32| {
                assert_eq!(
                    (buffer, start),
                    (RESPONSE_BODY, 0),
                    "only ever replaced from the front"
                );
                let bytes = read(&caller, at, length);
                let body = &mut caller.data_mut().body;
                let size = usize::try_from(size).expect("a size").min(body.len());
                body.splice(..size, bytes);
                OK
            },
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_get_header_map_pairs",
            |mut caller: Caller<'_, State>, map: i32, at: i32, size: i32| {
                let bytes = caller.data().maps[usize::try_from(map).expect("a map")].clone();
                give(&mut caller, &bytes, at, size)
            },
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_remove_header_map_value",
            |_: i32, _: i32, _: i32| OK,
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_add_header_map_value",
            |_: i32, _: i32, _: i32, _: i32, _: i32| OK,
        )
        .expect("linked");
}

fn streams(linker: &mut Linker<State>) {
    linker
        .func_wrap(
            "env",
            "proxy_send_local_response",
            |mut caller: Caller<'_, State>,
             status: i32,
             _: i32,
             _: i32,
             _: i32,
             _: i32,
             _: i32,
             _: i32,
             _: i32| {
                caller.data_mut().replies.push(status);
                OK
            },
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_http_call",
            |_: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
                NOT_FOUND
            },
        )
        .expect("linked")
        .func_wrap("env", "proxy_continue_stream", |_: i32| OK)
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_close_stream",
            |mut caller: Caller<'_, State>, _: i32| {
                caller.data_mut().resets += 1;
                OK
            },
        )
        .expect("linked")
        .func_wrap("env", "proxy_set_effective_context", |_: i32| OK)
        .expect("linked");
}

fn surroundings(linker: &mut Linker<State>) {
    linker
        .func_wrap(
            "env",
            "proxy_log",
            |mut caller: Caller<'_, State>, _: i32, at: i32, size: i32| {
                let line = String::from_utf8(read(&caller, at, size)).expect("a line");
                caller.data_mut().log.push_str(&line);
                OK
            },
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_get_current_time_nanoseconds",
            |mut caller: Caller<'_, State>, at: i32| {
                write(
                    &mut caller,
                    at,
                    &1_700_000_000_000_000_000_u64.to_le_bytes(),
                );
                OK
            },
        )
        .expect("linked")
        .func_wrap(
            "env",
            "proxy_get_property",
            |_: i32, _: i32, _: i32, _: i32| NOT_FOUND,
        )
        .expect("linked")
        .func_wrap("wasi_snapshot_preview1", "random_get", |_: i32, _: i32| OK)
        .expect("linked")
        .func_wrap(
            "wasi_snapshot_preview1",
            "environ_sizes_get",
            |mut caller: Caller<'_, State>, count: i32, size: i32| {
                write(&mut caller, count, &[0; 4]);
                write(&mut caller, size, &[0; 4]);
                OK
            },
        )
        .expect("linked")
        .func_wrap("wasi_snapshot_preview1", "environ_get", |_: i32, _: i32| OK)
        .expect("linked");
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
