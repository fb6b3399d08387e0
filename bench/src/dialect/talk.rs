//! Clown.Talk, as the generator says it.

use std::net::TcpStream;

use anyhow::bail;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::opening::Opening;
use super::{Frame, Guest, Shape, Side, websocket};
use crate::stream::Stream;
use crate::target::Door;

pub(crate) fn shape() -> Shape {
    Shape { head: b"[\"".to_vec(), joint: b"\", ".to_vec(), hole: 0..0, end: b"]".to_vec() }
}

pub(crate) fn enter(door: &Door, guest: Guest<'_>) -> anyhow::Result<(Stream<TcpStream>, Vec<u8>)> {
    let side = match guest.side {
        Side::Dashboard => "dashboard",
        Side::Node => "node",
    };
    let mut opening = Opening::connect(door)?;
    opening.upgrade(&format!("/talk/{}?side={side}", guest.base), &authorization(door))?;
    let config = serde_json::json!({ "filters": guest.filters, "retained": false });
    let mut out = Vec::new();
    websocket::text(format!("[\"clown.talk/-/config/set\", {config}]").as_bytes(), &mut out);
    opening.say(&out)?;
    opening.hear(|bytes| match websocket::first(bytes) {
        Some((Frame::Data(text), len)) if text.starts_with(b"[\"clown.talk/-/config/ok\"") => {
            Ok(Some(((), len)))
        }
        Some((frame, _)) => bail!("the hub answered the opening with {frame:?}"),
        None => Ok(None),
    })?;
    Ok(opening.done())
}

/// The header with the credentials, line end included; empty for none.
fn authorization(door: &Door) -> String {
    door.credentials.as_ref().map_or_else(String::new, |(user, password)| {
        let pair = [user.as_slice(), password].join(&b':');
        format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_a_header() {
        let credentials = Some((b"clown".to_vec(), b"big:clown".to_vec()));
        let door = Door { address: "127.0.0.1:80".parse().unwrap(), credentials, tls: None };
        assert_eq!(authorization(&door), "Authorization: Basic Y2xvd246YmlnOmNsb3du\r\n");
    }
}
