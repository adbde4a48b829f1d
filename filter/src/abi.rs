//! proxy-wasm ABI 0.2.1, spoken directly: the imports, the exports, and nothing else.
//!
//! All unsafe code of the filter is in this file. Every import's status is mapped; memory that
//! the host allocates through [`proxy_on_memory_allocate`] becomes a `Vec` at once.
#![expect(
    unsafe_code,
    reason = "the module boundary is made of raw imports and exports"
)]

use std::alloc::{Layout, alloc};
use std::cell::RefCell;
use std::time::Duration;

use crate::failing;
use crate::host::{Buffer, Call, Flow, Headers, Host, HostError, Level, Map, Metric, Side};
use crate::pairs;
use crate::plugin::Dispatcher;
use crate::stream::Stream;
use crate::watch::Watched;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_property(path: *const u8, size: usize, out: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, out: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, size: usize) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        out: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        bytes: *const u8,
        len: usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_milliseconds: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_continue_stream(side: u32) -> u32;
    fn proxy_close_stream(side: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, by: i64) -> u32;
    fn proxy_record_metric(metric: u32, value: u64) -> u32;
    fn proxy_set_property(name: *const u8, size: usize, value: *const u8, value_size: usize)
    -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(bytes: *mut u8, size: usize) -> u32;
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u32;
    fn environ_get(entries: *mut *mut u8, bytes: *mut u8) -> u32;
}

/// The status of what is not there.
const NOT_FOUND: u32 = 1;

/// The real host.
struct Envoy;

static ENVOY: Envoy = Envoy;

fn check(status: u32) -> Result<(), HostError> {
    if status == 0 {
        Ok(())
    } else {
        Err(HostError(status))
    }
}

/// Runs a getter that returns a buffer which the host allocated in our memory.
fn owned(getter: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, HostError> {
    let mut bytes: *mut u8 = std::ptr::null_mut();
    let mut size = 0_usize;
    check(getter(&raw mut bytes, &raw mut size))?;
    if bytes.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: a non-null answer was allocated by `proxy_on_memory_allocate` with exactly this size
    // and alignment 1, was initialised by the host, and is handed over to us.
    let owned = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes, size)) };
    Ok(owned.into_vec())
}

impl Host for Envoy {
    fn log(&self, level: Level, message: &str) {
        // SAFETY: pointer and length are of a live string. A log line that fails is lost.
        let _lost = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
    }

    fn is_debugged(&self) -> bool {
        let mut level = Level::Error as u32;
        // SAFETY: the host writes four bytes to a live u32.
        let status = unsafe { proxy_get_log_level(&raw mut level) };
        status == 0 && level <= Level::Debug as u32
    }

    fn define_metric(&self, kind: Metric, name: &str) -> Result<u32, HostError> {
        let mut metric = 0_u32;
        // SAFETY: pointer and length are of a live string; the metric is a live u32.
        check(unsafe {
            proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut metric)
        })?;
        Ok(metric)
    }

    fn increment(&self, metric: u32, by: u64) -> Result<(), HostError> {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        // SAFETY: no memory passes.
        check(unsafe { proxy_increment_metric(metric, by) })
    }

    fn record(&self, metric: u32, value: u64) -> Result<(), HostError> {
        // SAFETY: no memory passes.
        check(unsafe { proxy_record_metric(metric, value) })
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        // SAFETY: pointers and lengths are of live slices.
        check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
    }

    fn tick_every(&self, period: Duration) -> Result<(), HostError> {
        let period = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: no memory passes.
        check(unsafe { proxy_set_tick_period_milliseconds(period) })
    }

    fn now(&self) -> u64 {
        let mut time = 0_u64;
        // SAFETY: the host writes eight bytes to a live u64. Nothing has expired at 0, so a failure is
        // the far future.
        let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
        if status == 0 { time } else { u64::MAX }
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError> {
        // SAFETY: the host fills exactly this live slice.
        check(unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) })
    }

    fn environment(&self, name: &str) -> Option<String> {
        environment().into_iter().find_map(|entry| {
            let (key, value) = entry.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        let path = path.join("\0");
        // SAFETY: pointer and length are of a live string; the out pointers are live.
        match owned(|out, len| unsafe { proxy_get_property(path.as_ptr(), path.len(), out, len) }) {
            Ok(value) => Ok(Some(value)),
            Err(HostError(NOT_FOUND)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn headers(&self, map: Map) -> Result<Vec<u8>, HostError> {
        // SAFETY: the out pointers are live.
        owned(|out, len| unsafe { proxy_get_header_map_pairs(map as u32, out, len) })
    }

    fn remove_header(&self, map: Map, name: &[u8]) -> Result<(), HostError> {
        // SAFETY: pointer and length are of a live slice.
        check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
    }

    fn add_header(&self, map: Map, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        let (map, size, value_size) = (map as u32, name.len(), value.len());
        let (name, value) = (name.as_ptr(), value.as_ptr());
        // SAFETY: pointers and lengths are of live slices.
        check(unsafe { proxy_add_header_map_value(map, name, size, value, value_size) })
    }

    fn body(&self, buffer: Buffer, size: usize) -> Result<Vec<u8>, HostError> {
        // SAFETY: the out pointers are live.
        owned(|out, len| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, size, out, len) })
    }

    fn replace_body(&self, buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), HostError> {
        // SAFETY: pointer and length are of a live slice; only the front is ever replaced, which
        // is the one form that Envoy takes at any time.
        check(unsafe {
            proxy_set_buffer_bytes(buffer as u32, 0, size, bytes.as_ptr(), bytes.len())
        })
    }

    fn append_body(&self, buffer: Buffer, bytes: &[u8]) -> Result<(), HostError> {
        let (start, len) = (usize::MAX, bytes.len());
        // SAFETY: pointer and length are of a live slice; what starts behind the end is appended.
        check(unsafe { proxy_set_buffer_bytes(buffer as u32, start, 0, bytes.as_ptr(), len) })
    }

    fn reply(&self, status: u32, headers: &Headers, body: &[u8]) -> Result<(), HostError> {
        let headers = pairs::encode(headers);
        let details = "velum";
        // SAFETY: pointers and lengths are of live slices.
        check(unsafe {
            proxy_send_local_response(
                status,
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                -1,
            )
        })
    }

    fn call(&self, call: &Call<'_>) -> Result<u32, HostError> {
        let headers = pairs::encode(&call.headers);
        let trailers = pairs::encode(&Headers::new());
        let timeout = u32::try_from(call.timeout.as_millis()).unwrap_or(u32::MAX);
        let mut token = 0_u32;
        // SAFETY: pointers and lengths are of live slices; the token is a live u32.
        check(unsafe {
            proxy_http_call(
                call.cluster.as_ptr(),
                call.cluster.len(),
                headers.as_ptr(),
                headers.len(),
                call.body.as_ptr(),
                call.body.len(),
                trailers.as_ptr(),
                trailers.len(),
                timeout,
                &raw mut token,
            )
        })?;
        Ok(token)
    }

    fn resume(&self, side: Side) -> Result<(), HostError> {
        // SAFETY: no memory passes.
        check(unsafe { proxy_continue_stream(side as u32) })
    }

    fn reset(&self, side: Side) -> Result<(), HostError> {
        // SAFETY: no memory passes.
        check(unsafe { proxy_close_stream(side as u32) })
    }
}

/// The environment as `NAME=value` lines; empty where the host gives none.
fn environment() -> Vec<String> {
    let (mut count, mut size) = (0_usize, 0_usize);
    // SAFETY: both out pointers are live.
    if unsafe { environ_sizes_get(&raw mut count, &raw mut size) } != 0 || count == 0 {
        return Vec::new();
    }
    let mut entries = vec![std::ptr::null_mut::<u8>(); count];
    let mut bytes = vec![0_u8; size];
    // SAFETY: the host fills `count` pointers and `size` bytes, as it said it would.
    if unsafe { environ_get(entries.as_mut_ptr(), bytes.as_mut_ptr()) } != 0 {
        return Vec::new();
    }
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|entry| String::from_utf8(entry.to_vec()).ok())
        .collect()
}

thread_local! {
    // A wasm module has one thread. Configuration does not live here: each root context owns its
    // own, since an old and a new one share a VM while Envoy drains.
    static DISPATCHER: RefCell<Dispatcher> = RefCell::new(Dispatcher::default());
}

/// Runs a callback on the dispatcher. The host acts on replies and resumptions after a callback
/// has returned, so it is never busy; were it, the stream would stop, not pass.
fn dispatch<T>(busy: T, callback: impl FnOnce(&mut Dispatcher, &'static Envoy) -> T) -> T {
    DISPATCHER.with(|dispatcher| match dispatcher.try_borrow_mut() {
        Ok(mut dispatcher) => callback(&mut dispatcher, &ENVOY),
        Err(_) => busy,
    })
}

/// Says which ABI this module speaks.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_abi_version_0_2_1() {}

/// Gives the host memory to put its answers in; null where there is none, which the host
/// reports as a failed call.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the layout has a size above zero.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => std::ptr::null_mut(),
    }
}

/// A VM started. A panic is logged by its place only.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_vm_start(_root: u32, _size: usize) -> bool {
    std::panic::set_hook(Box::new(|info| {
        Envoy.log(Level::Error, &failing::told(info));
    }));
    true
}

/// A root context is given its configuration.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_configure(root: u32, size: usize) -> bool {
    dispatch(false, |dispatcher, host| {
        dispatcher.configure(host, root, size)
    })
}

/// A context is made: a root's parent is 0, a stream's is its root.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    dispatch((), |dispatcher, _| dispatcher.create(context, parent));
}

/// Request headers have come.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_request_headers(context: u32, _count: usize, end: bool) -> u32 {
    flow(context, |stream, host| stream.on_request_headers(host, end))
}

/// Request body bytes have come.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_request_body(context: u32, size: usize, end: bool) -> u32 {
    flow(context, |stream, host| {
        stream.take_request_body(host, size, end)
    })
}

/// Request trailers have come.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_request_trailers(context: u32, _count: usize) -> u32 {
    flow(context, Stream::on_request_trailers)
}

/// Response headers have come.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_response_headers(context: u32, _count: usize, end: bool) -> u32 {
    let flow = answered(context, end, |stream, host| {
        stream.on_response_headers(host, end)
    });
    dispatch((), |dispatcher, host| dispatcher.mark(host, context));
    flow
}

/// Response body bytes have come.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_response_body(context: u32, size: usize, end: bool) -> u32 {
    answered(context, end, |stream, host| {
        stream.on_response_body(host, size, end)
    })
}

/// Response trailers have come.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_response_trailers(context: u32, _count: usize) -> u32 {
    answered(context, true, Stream::on_response_trailers)
}

/// A call that a stream or a root context made is answered, or has failed.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    headers: usize,
    body_size: usize,
    _trailers: usize,
) {
    dispatch((), |dispatcher, host| {
        let Some(caller) = dispatcher.owner_of(token) else {
            return;
        };
        let context = caller.context();
        // SAFETY: no memory passes. A stream that is gone makes the call fail, and is not there.
        if context != root && unsafe { proxy_set_effective_context(context) } != 0 {
            return;
        }
        // The answer's headers and body belong to the root context that called, and are read
        // through the effective one all the same.
        dispatcher.answer(host, caller, headers, body_size);
    });
}

/// The time has come that a root context asked for.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_tick(root: u32) {
    dispatch((), |dispatcher, host| dispatcher.tick(host, root));
}

/// A context ends. The host would ask before, by `proxy_on_done`, whether we are done with it; to a
/// module without that function, which we always are, it makes one call less for each stream.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_delete(context: u32) {
    dispatch((), |dispatcher, host| dispatcher.delete(host, context));
}

fn flow(context: u32, callback: impl FnOnce(&mut Stream, &Watched<'static, Envoy>) -> Flow) -> u32 {
    dispatch(Flow::Pause, |dispatcher, host| {
        dispatcher.run(host, context, callback)
    }) as u32
}

/// The same for a callback about the response, which may be the last.
fn answered(
    context: u32,
    end: bool,
    callback: impl FnOnce(&mut Stream, &Watched<'static, Envoy>) -> Flow,
) -> u32 {
    dispatch(Flow::Pause, |dispatcher, host| {
        dispatcher.run_response(host, context, end, callback)
    }) as u32
}
