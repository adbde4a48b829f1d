//! The host's half of proxy-wasm ABI 0.2.1, as Envoy 1.40 answers it.

mod data;
mod streams;
mod surroundings;

use wasmtime::{Caller, Engine, Extern, FuncType, Linker, Memory, Val, ValType};

use super::state::State;

/// What is not there.
const NOT_FOUND: u32 = 1;
/// What cannot be done now, or to this.
const BAD_ARGUMENT: u32 = 2;
/// A property that cannot be given as bytes.
const SERIALIZATION_FAILURE: u32 = 3;
/// Memory that cannot be read, or that the module did not give.
const INVALID_MEMORY_ACCESS: u32 = 6;
/// The data has changed meanwhile.
const COMPARE_FAILED: u32 = 8;
/// Not offered by this host.
const UNIMPLEMENTED: u32 = 12;

/// Nothing, or the status to give.
type Status = Result<(), u32>;

/// A host function: its name, its parameters (`i`: 32 bits, `l`: 64 bits), what it does.
type Import = (
    &'static str,
    &'static str,
    fn(&mut Guest<'_, '_>, &[u64]) -> Status,
);

/// The module that calls.
struct Guest<'a, 'b>(&'a mut Caller<'b, State>);

impl Guest<'_, '_> {
    fn state(&mut self) -> &mut State {
        self.0.data_mut()
    }

    fn memory(&mut self) -> Memory {
        let memory = self.0.get_export("memory").and_then(Extern::into_memory);
        memory.expect("the module's memory")
    }

    fn read(&mut self, at: u64, size: u64) -> Result<Vec<u8>, u32> {
        let memory = self.memory();
        let end = at.checked_add(size).ok_or(INVALID_MEMORY_ACCESS)?;
        let bytes = memory.data(&*self.0).get(index(at)..index(end));
        bytes.map(<[u8]>::to_vec).ok_or(INVALID_MEMORY_ACCESS)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Status {
        let memory = self.memory();
        let written = memory.write(&mut *self.0, index(at), bytes);
        written.map_err(|_| INVALID_MEMORY_ACCESS)
    }

    fn write_number(&mut self, at: u64, number: usize) -> Status {
        let number = u32::try_from(number).expect("32 bits");
        self.write(at, &number.to_le_bytes())
    }

    /// Hands bytes over as Envoy does: in memory that the module gives.
    fn give(&mut self, bytes: &[u8], at: u64, size: u64) -> Status {
        let mut address = 0;
        if !bytes.is_empty() {
            let allocate = self.0.get_export("proxy_on_memory_allocate");
            let allocate = allocate.and_then(Extern::into_func).expect("an allocator");
            let allocate = allocate.typed::<u32, u32>(&*self.0).expect("its type");
            let length = u32::try_from(bytes.len()).expect("32 bits");
            if !self.state().allocations_fail {
                address = allocate.call(&mut *self.0, length).expect("no trap");
            }
            if address == 0 {
                return Err(INVALID_MEMORY_ACCESS);
            }
            self.write(address.into(), bytes)?;
        }
        self.write(at, &address.to_le_bytes())?;
        self.write_number(size, bytes.len())
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("64 bits")
}

/// A 32-bit argument.
fn word(number: u64) -> u32 {
    u32::try_from(number).expect("32 bits")
}

/// Every function of the ABI, whether or not the module imports it today.
pub(super) fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    for (module, imports) in [
        ("env", data::IMPORTS),
        ("env", streams::IMPORTS),
        ("env", surroundings::IMPORTS),
        ("wasi_snapshot_preview1", surroundings::WASI),
    ] {
        for import in imports {
            link(&mut linker, module, *import);
        }
    }
    linker
}

fn link(linker: &mut Linker<State>, module: &str, (name, parameters, function): Import) {
    let parameters = parameters.chars().map(|kind| match kind {
        'l' => ValType::I64,
        _ => ValType::I32,
    });
    let kind = FuncType::new(linker.engine(), parameters, [ValType::I32]);
    let added = linker.func_new(module, name, kind, move |mut caller, given, results| {
        let given: Vec<u64> = given.iter().map(number).collect();
        let mut guest = Guest(&mut caller);
        let status = match guest.state().faults.meet(name) {
            Some(status) => status,
            None => function(&mut guest, &given).err().unwrap_or(0),
        };
        results[0] = Val::I32(status.cast_signed());
        Ok(())
    });
    added.expect("linked");
}

fn number(value: &Val) -> u64 {
    match value {
        Val::I32(number) => u64::from(number.cast_unsigned()),
        Val::I64(number) => number.cast_unsigned(),
        other => panic!("no function of the ABI takes {other:?}"),
    }
}
