//! Header maps, buffers, properties, shared data.

use crate::pairs;
use crate::state::Headers;
use crate::stream::Property;

use super::{
    BAD_ARGUMENT, COMPARE_FAILED, Guest, Import, NOT_FOUND, SERIALIZATION_FAILURE, Status,
    UNIMPLEMENTED, index, word,
};

/// The functions of this file.
pub(super) const IMPORTS: &[Import] = &[
    ("proxy_get_header_map_pairs", "iii", header_map_pairs),
    ("proxy_set_header_map_pairs", "iii", set_header_map_pairs),
    ("proxy_get_header_map_value", "iiiii", header_map_value),
    ("proxy_get_header_map_size", "ii", header_map_size),
    ("proxy_add_header_map_value", "iiiii", add_header),
    ("proxy_replace_header_map_value", "iiiii", replace_header),
    ("proxy_remove_header_map_value", "iii", remove_header),
    ("proxy_get_buffer_bytes", "iiiii", buffer_bytes),
    ("proxy_get_buffer_status", "iii", buffer_status),
    ("proxy_set_buffer_bytes", "iiiii", set_buffer_bytes),
    ("proxy_get_property", "iiii", property),
    ("proxy_set_property", "iiii", set_property),
    ("proxy_get_shared_data", "iiiii", shared_data),
    ("proxy_set_shared_data", "iiiii", set_shared_data),
    ("proxy_register_shared_queue", "iii", |_, _| {
        Err(UNIMPLEMENTED)
    }),
    ("proxy_resolve_shared_queue", "iiiii", |_, _| Err(NOT_FOUND)),
    ("proxy_dequeue_shared_queue", "iii", |_, _| Err(NOT_FOUND)),
    ("proxy_enqueue_shared_queue", "iii", |_, _| Err(NOT_FOUND)),
];

const CALL_RESPONSE_HEADERS: u32 = 6;
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

/// The bytes of a map; a map that is not there reads as empty.
fn map_bytes(guest: &mut Guest<'_, '_>, map: u32) -> Vec<u8> {
    if map == CALL_RESPONSE_HEADERS {
        let answer = guest.state().answer.clone().unwrap_or_default();
        let bytes = answer.map_bytes;
        return bytes.unwrap_or_else(|| pairs::encode(&answer.headers));
    }
    let Some(stream) = guest.state().stream() else {
        return Vec::new();
    };
    let odd = match map {
        0 => stream.request.map_bytes.clone(),
        2 => stream.response.map_bytes.clone(),
        _ => None,
    };
    let headers = stream.map(map).cloned().unwrap_or_default();
    odd.unwrap_or_else(|| pairs::encode(&headers))
}

fn header_map_pairs(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let bytes = map_bytes(guest, word(given[0]));
    guest.give(&bytes, given[1], given[2])
}

fn header_map_size(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let size = map_bytes(guest, word(given[0])).len();
    guest.write_number(given[1], size)
}

fn header_map_value(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let name = guest.read(given[1], given[2])?;
    let headers = pairs::decode(&map_bytes(guest, word(given[0]))).ok_or(BAD_ARGUMENT)?;
    let (_, value) = headers
        .into_iter()
        .find(|(key, _)| *key == name)
        .ok_or(NOT_FOUND)?;
    guest.give(&value, given[3], given[4])
}

/// A map that can be edited now.
fn map<'a>(guest: &'a mut Guest<'_, '_>, map: u64) -> Result<&'a mut Headers, u32> {
    let stream = guest.state().stream().ok_or(BAD_ARGUMENT)?;
    stream.map(word(map)).ok_or(BAD_ARGUMENT)
}

fn set_header_map_pairs(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let bytes = guest.read(given[1], given[2])?;
    *map(guest, given[0])? = pairs::decode(&bytes).ok_or(BAD_ARGUMENT)?;
    Ok(())
}

fn add_header(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let name = guest.read(given[1], given[2])?;
    let value = guest.read(given[3], given[4])?;
    map(guest, given[0])?.push((name, value));
    Ok(())
}

fn remove_header(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let name = guest.read(given[1], given[2])?;
    map(guest, given[0])?.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    Ok(())
}

fn replace_header(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    remove_header(guest, given)?;
    add_header(guest, given)
}

fn buffer_bytes(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let bytes = match word(given[0]) {
        PLUGIN_CONFIGURATION => guest.state().configuration.clone(),
        CALL_RESPONSE_BODY => guest.state().answer.as_ref().ok_or(NOT_FOUND)?.body.clone(),
        buffer @ (0 | 1) => {
            let stream = guest.state().stream().ok_or(NOT_FOUND)?;
            stream.buffer(buffer).cloned().unwrap_or_default()
        }
        _ => return Err(NOT_FOUND),
    };
    let end = bytes.len().min(index(given[1].saturating_add(given[2])));
    match bytes.get(index(given[1])..end) {
        Some(bytes) if !bytes.is_empty() => guest.give(bytes, given[3], given[4]),
        // Envoy writes no answer where there is nothing to give.
        _ => Ok(()),
    }
}

fn buffer_status(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let stream = guest.state().stream().ok_or(NOT_FOUND)?;
    let size = stream.buffer(word(given[0])).ok_or(NOT_FOUND)?.len();
    guest.write_number(given[1], size)?;
    guest.write_number(given[2], 0)
}

/// Envoy knows three cases: in front of what is there, behind it, and no.
fn set_buffer_bytes(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let bytes = guest.read(given[3], given[4])?;
    let stream = guest.state().stream().ok_or(NOT_FOUND)?;
    let buffer = stream.buffer(word(given[0])).ok_or(BAD_ARGUMENT)?;
    if given[1] == 0 {
        let size = buffer.len().min(index(given[2]));
        buffer.splice(..size, bytes);
    } else if index(given[1]) >= buffer.len() {
        buffer.extend(bytes);
    } else {
        return Err(BAD_ARGUMENT);
    }
    Ok(())
}

fn property(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let path = guest.read(given[0], given[1])?;
    let stream = guest.state().stream().ok_or(NOT_FOUND)?;
    let below = [path.as_slice(), &[0]].concat();
    let is_message = stream.properties.keys().any(|key| key.starts_with(&below));
    match stream.properties.get(&path).cloned() {
        Some(Property::Bytes(bytes)) => guest.give(&bytes, given[2], given[3]),
        None if !is_message => Err(NOT_FOUND),
        Some(Property::Message) | None => Err(SERIALIZATION_FAILURE),
    }
}

fn set_property(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let path = guest.read(given[0], given[1])?;
    let value = guest.read(given[2], given[3])?;
    let stream = guest.state().stream().ok_or(NOT_FOUND)?;
    stream.written.insert(path, value);
    Ok(())
}

fn shared_data(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let key = guest.read(given[0], given[1])?;
    let (value, version) = guest.state().shared.get(&key).cloned().ok_or(NOT_FOUND)?;
    guest.give(&value, given[2], given[3])?;
    guest.write(given[4], &version.to_le_bytes())
}

fn set_shared_data(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let key = guest.read(given[0], given[1])?;
    let value = guest.read(given[2], given[3])?;
    let version = guest
        .state()
        .shared
        .get(&key)
        .map_or(0, |(_, version)| *version);
    if given[4] != 0 && word(given[4]) != version {
        return Err(COMPARE_FAILED);
    }
    guest.state().shared.insert(key, (value, version + 1));
    Ok(())
}
