//! A proxy-wasm module (ABI 0.2.1) that is called for everything a masking filter is called for, and
//! for nothing else, and does nothing: the baseline that the benchmarks subtract.
//!
//! Written without the SDK and without an allocator, so that what is measured is Envoy's own cost
//! of entering a module. On a host that is not wasm the crate is empty.
#![cfg_attr(
    target_arch = "wasm32",
    expect(
        unsafe_code,
        reason = "the ABI is a set of unmangled exports; nothing else is unsafe here"
    )
)]
#![cfg(target_arch = "wasm32")]

/// `Action::Continue` of the ABI.
const CONTINUE: u32 = 0;
/// True as the ABI writes it.
const YES: u32 = 1;

/// Says which ABI the module speaks; Envoy looks for the name and never calls it.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the host hands over. This module asks the host for nothing, so it is not called
/// in practice; whole pages, never freed, are enough.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(bytes: usize) -> usize {
    const PAGE: usize = 65_536;
    match core::arch::wasm32::memory_grow(0, bytes.div_ceil(PAGE)) {
        usize::MAX => 0,
        page => page * PAGE,
    }
}

/// A root context or a stream begins.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_context_create(_context: u32, _parent: u32) {}

/// The VM starts; there is nothing that could fail.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_vm_start(_context: u32, _configuration_bytes: u32) -> u32 {
    YES
}

/// Any configuration is accepted and ignored.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_configure(_context: u32, _configuration_bytes: u32) -> u32 {
    YES
}

/// Request headers pass.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(_context: u32, _headers: u32, _end: u32) -> u32 {
    CONTINUE
}

/// A chunk of the request body passes.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_body(_context: u32, _bytes: u32, _end: u32) -> u32 {
    CONTINUE
}

/// Request trailers pass.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_trailers(_context: u32, _trailers: u32) -> u32 {
    CONTINUE
}

/// Response headers pass.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_headers(_context: u32, _headers: u32, _end: u32) -> u32 {
    CONTINUE
}

/// A chunk of the response body passes.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_body(_context: u32, _bytes: u32, _end: u32) -> u32 {
    CONTINUE
}

/// Response trailers pass.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_trailers(_context: u32, _trailers: u32) -> u32 {
    CONTINUE
}

/// The context goes; nothing was kept for it.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_delete(_context: u32) {}
