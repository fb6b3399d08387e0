//! The little of MQTT 3.1.1 that a client needs which wants no acknowledgements, over TCP or in
//! WebSocket, one packet a frame.

use std::net::TcpStream;

use anyhow::bail;

use super::opening::Opening;
use super::{Dialect, Frame, Guest, Shape, websocket};
use crate::stream::Stream;
use crate::target::Door;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

const CLEAN_SESSION: u8 = 0x02;
const USER_NAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;

/// A filter that the broker refuses.
const FAILURE: u8 = 0x80;

/// What is published is what every reader gets: without acknowledgements there is no packet identifier.
pub(crate) fn shape(topic: usize, payload: usize) -> Shape {
    let mut head = vec![PUBLISH];
    length(2 + topic + payload, &mut head);
    head.extend_from_slice(&u16::try_from(topic).unwrap_or(u16::MAX).to_be_bytes());
    Shape { head, joint: Vec::new(), hole: 0..0, end: Vec::new() }
}

/// The first packet, the fixed header included.
pub(crate) fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (packet, len) = packet(bytes)?;
    let frame = if packet.first() == Some(&PUBLISH) { Frame::Data(packet) } else { Frame::Other };
    Some((frame, len))
}

pub(crate) fn first_in_websocket(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (frame, len) = websocket::first(bytes)?;
    let Frame::Data(payload) = frame else { return Some((frame, len)) };
    match first(payload) {
        Some((frame, all)) if all == payload.len() => Some((frame, len)),
        _ => Some((Frame::Close("said a frame that is not one packet".to_owned()), len)),
    }
}

fn packet(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut remaining = 0;
    for at in 1..5 {
        let byte = *bytes.get(at)?;
        remaining |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            let len = 1 + at + remaining;
            return Some((bytes.get(..len)?, len));
        }
    }
    // No packet is that long: the hub went mad, and nothing more is read of it.
    None
}

pub(crate) fn enter(
    dialect: Dialect,
    door: &Door,
    guest: Guest<'_>,
) -> anyhow::Result<(Stream<TcpStream>, Vec<u8>)> {
    let mut opening = Opening::connect(door)?;
    if dialect == Dialect::MqttOverWebSocket {
        opening.upgrade("/mqtt", "Sec-WebSocket-Protocol: mqtt\r\n")?;
    }
    let answer = ask(&mut opening, dialect, &connect(door, guest.number)?)?;
    let [CONNACK, 2, _, 0] = *answer else { bail!("the broker answered CONNECT with {answer:02x?}") };
    if !guest.filters.is_empty() {
        let answer = ask(&mut opening, dialect, &subscribe(dialect, guest)?)?;
        let codes = answer.get(answer.len() - guest.filters.len()..).unwrap_or_default();
        if answer.first() != Some(&SUBACK) || codes.contains(&FAILURE) {
            bail!("the broker answered SUBSCRIBE with {answer:02x?}");
        }
    }
    Ok(opening.done())
}

/// Sends a packet and returns the next one that comes.
fn ask(opening: &mut Opening, dialect: Dialect, packet_out: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    dialect.say(packet_out, &mut out);
    opening.say(&out)?;
    opening.hear(|bytes| {
        if dialect == Dialect::Mqtt {
            return Ok(packet(bytes).map(|(answer, len)| (answer.to_vec(), len)));
        }
        match websocket::first(bytes) {
            Some((Frame::Data(answer), len)) => Ok(Some((answer.to_vec(), len))),
            Some((frame, _)) => bail!("the broker answered with {frame:?}"),
            None => Ok(None),
        }
    })
}

/// Without keep-alive: a silent client stays.
fn connect(door: &Door, number: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    let credentials = if door.credentials.is_some() { USER_NAME | PASSWORD } else { 0 };
    body.extend_from_slice(&[CLEAN_SESSION | credentials, 0, 0]);
    string(format!("bench-{number}").as_bytes(), &mut body)?;
    if let Some((user, password)) = &door.credentials {
        string(user, &mut body)?;
        string(password, &mut body)?;
    }
    Ok(with_length(CONNECT, &body))
}

fn subscribe(dialect: Dialect, guest: Guest<'_>) -> anyhow::Result<Vec<u8>> {
    let mut body = 1_u16.to_be_bytes().to_vec();
    for filter in guest.filters {
        string(dialect.topic(guest.base, filter).as_bytes(), &mut body)?;
        body.push(0);
    }
    Ok(with_length(SUBSCRIBE, &body))
}

fn string(text: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
    out.extend_from_slice(&u16::try_from(text.len())?.to_be_bytes());
    out.extend_from_slice(text);
    Ok(())
}

fn with_length(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    length(body.len(), &mut packet);
    packet.extend_from_slice(body);
    packet
}

/// Seven bits a byte, the lowest first.
fn length(mut len: usize, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(len & 0x7f).unwrap_or_default();
        len >>= 7;
        if len == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_once_all_of_it_is_there() {
        for len in [0, 127, 128, 16_383, 16_384, 2_097_152] {
            let mut bytes = with_length(PUBLISH, &vec![b'x'; len]);
            let whole = bytes.len();
            assert_eq!(first(&bytes[..whole - 1]), None, "{len}");
            bytes.extend_from_slice(b"\xd0\x00");
            let (frame, end) = first(&bytes).unwrap();
            assert_eq!((frame, end), (Frame::Data(&bytes[..whole]), whole), "{len}");
            assert_eq!(first(&bytes[whole..]), Some((Frame::Other, 2)));
        }
    }

    #[test]
    fn a_frame_with_half_a_packet_is_an_end_and_no_message() {
        let frame = [&b"\x82\x03"[..], b"\x30\x05a"].concat();
        assert!(matches!(first_in_websocket(&frame), Some((Frame::Close(_), 5))));
        let frame = [&b"\x82\x03"[..], b"\x30\x01a"].concat();
        assert_eq!(first_in_websocket(&frame), Some((Frame::Data(b"\x30\x01a"), 5)));
    }
}
