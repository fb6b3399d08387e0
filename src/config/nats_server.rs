//! The address of a server of NATS, as it may be written.

use crate::operator::quoted;

/// A server as it may be written. There is no password in it, as that would land in logs.
pub(super) fn parse_server(text: &str) -> Result<String, String> {
    const SHAPE: &str = "write it as nats://HOST:PORT, or tls://HOST:PORT";
    let rest = text.strip_prefix("nats://").or_else(|| text.strip_prefix("tls://"));
    let rest = rest.ok_or_else(|| format!("{}: {SHAPE}", quoted(text)))?;
    if rest.contains('@') {
        return Err(format!("a server is named without user and password: {SHAPE}, and give cluster.user"));
    }
    let is_host = !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
        && !rest.contains(['/', '?', '#']);
    if is_host { Ok(text.to_owned()) } else { Err(format!("{}: {SHAPE}", quoted(text))) }
}
