//! Logs, clocks, metrics, and the little of WASI that Envoy gives.

use super::{BAD_ARGUMENT, Guest, Import, NOT_FOUND, Status, index, word};

/// The functions of this file.
pub(super) const IMPORTS: &[Import] = &[
    ("proxy_log", "iii", log),
    ("proxy_get_log_level", "i", |guest, given| {
        let level = guest.state().log_level;
        guest.write(given[0], &level.to_le_bytes())
    }),
    ("proxy_get_current_time_nanoseconds", "i", time),
    ("proxy_set_tick_period_milliseconds", "i", |guest, given| {
        guest.state().tick_milliseconds = word(given[0]);
        Ok(())
    }),
    ("proxy_define_metric", "iiii", define_metric),
    ("proxy_increment_metric", "il", |guest, given| {
        let by = given[1];
        let value = metric(guest, given)?;
        *value = value.wrapping_add(by);
        Ok(())
    }),
    ("proxy_record_metric", "il", |guest, given| {
        *metric(guest, given)? = given[1];
        Ok(())
    }),
    ("proxy_get_metric", "ii", |guest, given| {
        let value = metric(guest, given)?.to_le_bytes();
        guest.write(given[1], &value)
    }),
];

/// The functions of WASI.
pub(super) const WASI: &[Import] = &[
    ("random_get", "ii", random),
    ("environ_sizes_get", "ii", environment_sizes),
    ("environ_get", "ii", environment),
    ("clock_time_get", "ili", |guest, given| {
        let time = guest.state().time;
        guest.write(given[2], &time.to_le_bytes())
    }),
    ("fd_write", "iiii", |guest, given| {
        guest.write(given[3], &[0; 4])
    }),
];

fn log(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let line = guest.read(given[1], given[2])?;
    let line = String::from_utf8_lossy(&line).into_owned();
    guest.state().log.push(line);
    Ok(())
}

fn time(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let time = guest.state().time;
    guest.write(given[0], &time.to_le_bytes())
}

/// Metrics of one name are one metric; numbers begin at 1.
fn define_metric(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let name = guest.read(given[1], given[2])?;
    let name = String::from_utf8_lossy(&name).into_owned();
    let metrics = &mut guest.state().metrics;
    let known = metrics.iter().position(|(known, _)| *known == name);
    let place = known.unwrap_or_else(|| {
        metrics.push((name, 0));
        metrics.len() - 1
    });
    guest.write_number(given[3], place + 1)
}

/// The value of a metric.
fn metric<'a>(guest: &'a mut Guest<'_, '_>, given: &[u64]) -> Result<&'a mut u64, u32> {
    let place = index(given[0]).checked_sub(1).ok_or(BAD_ARGUMENT)?;
    let metrics = &mut guest.state().metrics;
    let known = metrics.get_mut(place).ok_or(NOT_FOUND)?;
    Ok(&mut known.1)
}

/// Never the same twice, and the same in every run.
fn random(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let state = guest.state();
    state.random = state.random.wrapping_add(1);
    let bytes = vec![state.random; index(given[1])];
    guest.write(given[0], &bytes)
}

fn lines(guest: &mut Guest<'_, '_>) -> Vec<Vec<u8>> {
    let lines = guest.state().environment.iter();
    lines
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}

fn environment_sizes(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let lines = lines(guest);
    let count = guest.state().said_variables.unwrap_or(lines.len());
    guest.write_number(given[0], count)?;
    guest.write_number(given[1], lines.iter().map(Vec::len).sum())
}

fn environment(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let (mut entry, mut at) = (given[0], given[1]);
    for line in lines(guest) {
        guest.write(entry, &word(at).to_le_bytes())?;
        guest.write(at, &line)?;
        entry += 4;
        at += u64::try_from(line.len()).expect("64 bits");
    }
    Ok(())
}
