//! The gateway's own answers: their text is replaced, since nobody has looked into it.

use crate::host::{Buffer, Flow, Host};

pub(super) fn blank(
    host: &impl Host,
    status: u32,
    written: &mut bool,
    size: usize,
) -> Result<Flow, ()> {
    let text = format!(
        "{{\"type\":\"about:blank\",\"title\":\"The gateway answered itself\",\"status\":{status}}}"
    );
    let text = if *written { "" } else { text.as_str() };
    let replaced = host.replace_body(Buffer::ResponseBody, size, text.as_bytes());
    *written |= replaced.is_ok();
    replaced.map(|()| Flow::Continue).map_err(|_| ())
}
