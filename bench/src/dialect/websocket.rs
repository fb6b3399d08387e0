//! The little of RFC 6455 that a client needs: a handshake, masked frames out, whole frames in. Pure.

use std::net::SocketAddr;

use anyhow::bail;

use super::Frame;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// Any key will do where no proxy stands between; it must not be zero, or the server would have less to do.
const KEY: [u8; 4] = [0x5a, 0xc3, 0x96, 0x0f];

/// The request of a handshake; `headers` are lines with their ends.
pub(crate) fn request(path: &str, host: SocketAddr, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2xvd24taHViLWJlbmNoIQ==\r\n{headers}\r\n"
    )
}

/// How long the answer to a handshake is, once it is all there.
pub(crate) fn accepted(bytes: &[u8]) -> anyhow::Result<Option<((), usize)>> {
    match memchr::memmem::find(bytes, b"\r\n\r\n") {
        Some(at) if bytes.starts_with(b"HTTP/1.1 101") => Ok(Some(((), at + 4))),
        Some(_) => bail!("the hub answered {}", String::from_utf8_lossy(bytes).trim_end()),
        None => Ok(None),
    }
}

/// Appends a text message.
pub(crate) fn text(payload: &[u8], out: &mut Vec<u8>) {
    masked(0x80 | TEXT, payload, out);
}

/// Appends a message that is no text.
pub(crate) fn binary(payload: &[u8], out: &mut Vec<u8>) {
    masked(0x80 | BINARY, payload, out);
}

/// Appends the answer to a ping.
pub(crate) fn pong(payload: &[u8], out: &mut Vec<u8>) {
    masked(0x8a, payload, out);
}

fn masked(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0xfe);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&KEY);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// The first frame and how many bytes it takes; `None` while it is not all there.
pub(crate) fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (head, rest) = bytes.split_at_checked(2)?;
    let &[first, short] = head else { return None };
    let (len, rest) = match short & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*len)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    let payload = rest.get(..len)?;
    let frame = match first & 0x0f {
        TEXT | BINARY => Frame::Data(payload),
        PING => Frame::Ping(payload),
        CLOSE => Frame::Close(farewell(payload)),
        _ => Frame::Other,
    };
    Some((frame, bytes.len() - rest.len() + len))
}

fn farewell(payload: &[u8]) -> String {
    match payload.split_first_chunk::<2>() {
        Some((code, reason)) => {
            format!("{} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason))
        }
        None => "no code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_once_all_of_it_is_there() {
        for len in [0, 5, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; len];
            let mut bytes = vec![0x81];
            match len {
                0..126 => bytes.push(u8::try_from(len).unwrap()),
                126..65_536 => {
                    bytes.push(126);
                    bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend_from_slice(&(len as u64).to_be_bytes());
                }
            }
            bytes.extend_from_slice(&payload);
            let whole = bytes.len();
            assert_eq!(first(&bytes[..whole - 1]), None);
            bytes.extend_from_slice(b"\x81\x01y");
            assert_eq!(first(&bytes), Some((Frame::Data(&payload), whole)));
        }
    }

    #[test]
    fn what_is_sent_is_masked() {
        let mut out = Vec::new();
        text(b"ahoj", &mut out);
        assert_eq!(out.len(), 2 + 4 + 4);
        let unmasked: Vec<u8> = out[6..].iter().zip(&out[2..6]).map(|(byte, key)| byte ^ key).collect();
        assert_eq!(unmasked, b"ahoj");
    }

    #[test]
    fn a_close_is_told_with_its_reason() {
        let (frame, _) = first(b"\x88\x07\x03\xf5bye!!").unwrap();
        assert_eq!(frame, Frame::Close("1013 bye!!".to_owned()));
    }
}
