//! A proxy-wasm module (ABI 0.2.1) that masks as one would at first: it waits for the whole body,
//! parses it into `serde_json::Value`, replaces texts under some member names, and prints it back.
//! The benchmarks show what that costs beside streaming. On a host that is not wasm the crate is
//! empty.
#![cfg_attr(
    target_arch = "wasm32",
    expect(
        unsafe_code,
        reason = "the ABI is a set of imports and unmangled exports"
    )
)]
#![cfg(target_arch = "wasm32")]

use std::alloc::{Layout, alloc};

use serde_json::Value;

/// `Action::Continue` and `Action::Pause` of the ABI.
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;
const YES: u32 = 1;
/// Numbers of the ABI.
const RESPONSE_BODY: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
/// Members whose texts are replaced, whatever is around them.
const NAMES: [&str; 8] = [
    "family",
    "given",
    "birthDate",
    "value",
    "line",
    "city",
    "postalCode",
    "display",
];

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_remove_header_map_value(map: u32, name: *const u8, size: usize) -> u32;
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
}

/// Says which ABI the module speaks; Envoy looks for the name and never calls it.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the host hands over.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(bytes: usize) -> *mut u8 {
    match Layout::array::<u8>(bytes.max(1)) {
        // SAFETY: the layout has a size.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// A root context or a stream begins.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_context_create(_context: u32, _parent: u32) {}

/// The VM starts.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_vm_start(_context: u32, _configuration_bytes: u32) -> u32 {
    YES
}

/// Any configuration is accepted and ignored.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_configure(_context: u32, _configuration_bytes: u32) -> u32 {
    YES
}

/// The body's length changes.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_headers(_context: u32, _headers: u32, _end: u32) -> u32 {
    let name = "content-length";
    // SAFETY: pointer and length are of a live string.
    unsafe { proxy_remove_header_map_value(RESPONSE_HEADERS, name.as_ptr(), name.len()) };
    CONTINUE
}

/// Waits for the whole body, and replaces it.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_body(_context: u32, bytes: usize, end: u32) -> u32 {
    if end == 0 {
        return PAUSE;
    }
    let (mut at, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the out pointers are live.
    let status =
        unsafe { proxy_get_buffer_bytes(RESPONSE_BODY, 0, bytes, &raw mut at, &raw mut size) };
    if status != 0 || at.is_null() {
        return CONTINUE;
    }
    // SAFETY: allocated by `proxy_on_memory_allocate` with this size, and handed over.
    let body = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(at, size)) };
    let Ok(mut value) = serde_json::from_slice::<Value>(&body) else {
        return CONTINUE;
    };
    mask(&mut value, false);
    let printed = value.to_string();
    // SAFETY: pointer and length are of a live string.
    unsafe { proxy_set_buffer_bytes(RESPONSE_BODY, 0, size, printed.as_ptr(), printed.len()) };
    CONTINUE
}

fn mask(value: &mut Value, is_named: bool) {
    match value {
        Value::String(text) if is_named => "[masked]".clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, is_named)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                mask(member, NAMES.contains(&name.as_str()));
            }
        }
        _ => {}
    }
}

/// The context goes; nothing was kept for it.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_delete(_context: u32) {}
