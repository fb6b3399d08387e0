//! The little of the client protocol of NATS that a client needs: lines, and payloads of a length that the line says.

use std::fmt::Write;
use std::net::TcpStream;

use anyhow::bail;
use serde_json::json;

use super::opening::Opening;
use super::{Dialect, Frame, Guest, Shape};
use crate::stream::Stream;
use crate::target::Door;

pub(crate) const PONG: &[u8] = b"PONG\r\n";

/// Numbers of subscriptions all have as many digits, so that messages have one length.
const FIRST_SUBSCRIPTION: usize = 100_000;

/// Levels are parted by dots, `*` is one of them and `>` is the rest, at least one.
pub(crate) fn subject(text: &str) -> String {
    let level = |level| match level {
        "+" => "*",
        "#" => ">",
        other => other,
    };
    text.split('/').map(level).collect::<Vec<_>>().join(".")
}

pub(crate) fn sent(payload: usize) -> Shape {
    let joint = format!(" {payload}\r\n").into_bytes();
    Shape { head: b"PUB ".to_vec(), joint, hole: 0..0, end: b"\r\n".to_vec() }
}

/// The number of the subscription is in the hole.
pub(crate) fn received(payload: usize) -> Shape {
    let joint = format!(" {FIRST_SUBSCRIPTION} {payload}\r\n").into_bytes();
    let hole = 1..1 + FIRST_SUBSCRIPTION.to_string().len();
    Shape { head: b"MSG ".to_vec(), joint, hole, end: b"\r\n".to_vec() }
}

pub(crate) fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let end = memchr::memchr(b'\n', bytes)? + 1;
    let line = bytes.get(..end)?;
    if line.starts_with(b"MSG ") {
        let len = end + payload(line) + 2;
        return Some((Frame::Data(bytes.get(..len)?), len));
    }
    let frame = match line {
        b"PING\r\n" => Frame::Ping(b""),
        line if line.starts_with(b"-ERR") => Frame::Close(String::from_utf8_lossy(line).trim().to_owned()),
        _ => Frame::Other,
    };
    Some((frame, end))
}

/// The number at the end of a line.
fn payload(line: &[u8]) -> usize {
    let digits = line.trim_ascii_end().iter().rev().take(9).take_while(|byte| byte.is_ascii_digit());
    digits.fold((0, 1), |(sum, place), digit| (sum + place * usize::from(digit - b'0'), place * 10)).0
}

pub(crate) fn enter(door: &Door, guest: Guest<'_>) -> anyhow::Result<(Stream<TcpStream>, Vec<u8>)> {
    let mut opening = Opening::connect(door)?;
    opening.hear(|bytes| match first(bytes) {
        Some((Frame::Other, len)) if bytes.starts_with(b"INFO ") => Ok(Some(((), len))),
        Some((frame, _)) => bail!("the server begins with {frame:?}"),
        None => Ok(None),
    })?;
    opening.say(&words(door, guest)?)?;
    opening.hear(|bytes| match first(bytes) {
        Some((Frame::Other, len)) if bytes.starts_with(PONG) => Ok(Some(((), len))),
        Some((frame, _)) => bail!("the server answered {frame:?}"),
        None => Ok(None),
    })?;
    Ok(opening.done())
}

/// Everything up to the ping whose answer says that all of it was understood.
fn words(door: &Door, guest: Guest<'_>) -> anyhow::Result<Vec<u8>> {
    let mut options = json!({
        "verbose": false, "pedantic": false, "echo": false, "headers": false, "tls_required": false,
        "protocol": 1, "lang": "rust", "version": env!("CARGO_PKG_VERSION"),
    });
    if let (Some((user, password)), Some(options)) = (&door.credentials, options.as_object_mut()) {
        options.insert("user".to_owned(), std::str::from_utf8(user)?.into());
        options.insert("pass".to_owned(), std::str::from_utf8(password)?.into());
    }
    let mut words = format!("CONNECT {options}\r\n");
    for (number, filter) in guest.filters.iter().enumerate() {
        let subject = Dialect::Nats.topic(guest.base, filter);
        write!(words, "SUB {subject} {}\r\n", FIRST_SUBSCRIPTION + number)?;
    }
    words.push_str("PING\r\n");
    Ok(words.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_subject() {
        assert_eq!(subject("house/+/lamp/#"), "house.*.lamp.>");
    }

    #[test]
    fn a_message_is_found_once_all_of_it_is_there() {
        let bytes = b"MSG a.b 100000 12\r\nhello\r\nworld\r\nPING\r\n-ERR 'Slow Consumer'\r\n";
        assert_eq!(first(&bytes[..32]), None);
        let (frame, len) = first(bytes).unwrap();
        assert_eq!((frame, len), (Frame::Data(&bytes[..33]), 33));
        assert_eq!(first(&bytes[33..]), Some((Frame::Ping(b""), 6)));
        assert_eq!(first(&bytes[39..]), Some((Frame::Close("-ERR 'Slow Consumer'".to_owned()), 22)));
    }
}
