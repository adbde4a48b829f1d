//! Replies, calls, and streams that go on or end.

use crate::pairs;
use crate::state::{Deferred, SentCall, header};

use super::{BAD_ARGUMENT, Guest, Import, NOT_FOUND, Status, UNIMPLEMENTED, word};

/// The functions of this file.
pub(super) const IMPORTS: &[Import] = &[
    ("proxy_send_local_response", "iiiiiiii", send_local_response),
    ("proxy_continue_stream", "i", continue_stream),
    ("proxy_close_stream", "i", close_stream),
    ("proxy_set_effective_context", "i", set_effective_context),
    ("proxy_http_call", "iiiiiiiiii", http_call),
    ("proxy_grpc_call", "iiiiiiiiiiii", |_, _| Err(UNIMPLEMENTED)),
    ("proxy_grpc_stream", "iiiiiiiii", |_, _| Err(UNIMPLEMENTED)),
    ("proxy_grpc_send", "iiii", |_, _| Err(UNIMPLEMENTED)),
    ("proxy_grpc_cancel", "i", |_, _| Err(UNIMPLEMENTED)),
    ("proxy_grpc_close", "i", |_, _| Err(UNIMPLEMENTED)),
    ("proxy_get_status", "iii", |_, _| Err(UNIMPLEMENTED)),
    ("proxy_done", "", |_, _| Ok(())),
    ("proxy_call_foreign_function", "iiiiii", |_, _| {
        Err(NOT_FOUND)
    }),
];

const RESPONSE: u64 = 1;

fn send_local_response(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let body = guest.read(given[3], given[4])?;
    let more = pairs::decode(&guest.read(given[5], given[6])?).ok_or(BAD_ARGUMENT)?;
    let stream = guest.state().acting();
    let held = guest.state().stream().ok_or(BAD_ARGUMENT)?;
    if held.is_replied {
        return Err(BAD_ARGUMENT);
    }
    held.is_replied = true;
    let mut headers = vec![(b":status".to_vec(), given[0].to_string().into_bytes())];
    if header(&more, "content-type").is_none() {
        headers.push((b"content-type".to_vec(), b"text/plain".to_vec()));
    }
    headers.extend(more);
    guest.state().is_stopped = true;
    guest.state().deferred.push(Deferred::Reply {
        stream,
        headers,
        body,
    });
    Ok(())
}

fn continue_stream(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let stream = guest.state().acting();
    let held = guest.state().stream().ok_or(BAD_ARGUMENT)?;
    let is_response = given[0] == RESPONSE;
    // From here on the headers cannot be edited.
    held.half(is_response).is_leaving = true;
    guest.state().deferred.push(Deferred::Continue {
        stream,
        is_response,
    });
    Ok(())
}

fn close_stream(guest: &mut Guest<'_, '_>, _: &[u64]) -> Status {
    let stream = guest.state().acting();
    guest.state().stream().ok_or(BAD_ARGUMENT)?;
    guest.state().is_stopped = true;
    guest.state().deferred.push(Deferred::Reset { stream });
    Ok(())
}

fn set_effective_context(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let context = word(given[0]);
    if !guest.state().is_known(context) {
        return Err(BAD_ARGUMENT);
    }
    guest.state().effective = context;
    Ok(())
}

fn http_call(guest: &mut Guest<'_, '_>, given: &[u64]) -> Status {
    let headers = pairs::decode(&guest.read(given[2], given[3])?).ok_or(BAD_ARGUMENT)?;
    let body = guest.read(given[4], given[5])?;
    let needed = [":method", ":path", ":authority"];
    if needed.iter().any(|name| header(&headers, name).is_none()) {
        return Err(BAD_ARGUMENT);
    }
    let state = guest.state();
    let acting = state.acting();
    let root = state
        .streams
        .get(&acting)
        .map_or(acting, |stream| stream.root);
    state.last_token += 1;
    let token = state.last_token;
    state.calls.push(SentCall {
        token,
        root,
        headers,
        body,
    });
    guest.write(given[9], &token.to_le_bytes())
}
