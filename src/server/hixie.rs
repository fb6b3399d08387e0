//! Handshakes of the drafts of 2010, for boards that nobody updates any more: draft-hixie-thewebsocketprotocol-75 and -76. They are
//! off unless `legacy.hixie` is set. What is asked and answered is here; frames are in
//! [`OldFrames`]. Pure but for [`OldHandshake::open`].
//!
//! The answer of draft 76 ends with 16 bytes that prove that both keys in the header and the eight bytes behind it were read.
//! Draft 75 proves nothing, and its clients compare the answer byte by byte; so the answer is written here and not by hyper.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::http::header::{CONNECTION, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderMap, Uri};
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::App;
use super::peer::Peer;
use super::request::lists;
use crate::connection::{OldFrames, WebSocket};
use crate::tls::Stream;

const KEY1: &str = "sec-websocket-key1";
const KEY2: &str = "sec-websocket-key2";
/// The bytes behind the header.
const BODY: usize = 8;

/// What every old client is told where the old handshakes are off.
pub(super) const OFF: &str = "this is a handshake of 2010 (draft hixie-75 or hixie-76): the hub speaks version 13 of WebSocket, and these \
    only with legacy.hixie = true";

/// A handshake of 2010.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldHandshake {
    /// The numbers of both keys, in draft 76.
    keys: Option<[u32; 2]>,
    origin: Option<String>,
    location: String,
    protocol: Option<&'static str>,
}

/// Whether these headers are those of a handshake of 2010.
pub(super) fn is_old(headers: &HeaderMap) -> bool {
    let is_new = headers.contains_key(SEC_WEBSOCKET_VERSION) || headers.contains_key(SEC_WEBSOCKET_KEY);
    !is_new && lists(headers, CONNECTION, "upgrade") && lists(headers, UPGRADE, "websocket")
}

/// The headers as the questions at the door get them. Boards of that time write their name where a browser writes the origin of a
/// page; no page can do that.
pub(super) fn at_the_door(headers: &HeaderMap) -> Cow<'_, HeaderMap> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_a_name = |origin: &str| !origin.contains(':') && origin != "null";
    if !is_old(headers) || !origin.is_some_and(is_a_name) {
        return Cow::Borrowed(headers);
    }
    let mut headers = headers.clone();
    headers.remove(ORIGIN);
    Cow::Owned(headers)
}

impl OldHandshake {
    /// Reads it; the error says what is wrong with it.
    pub(super) fn read(
        headers: &HeaderMap,
        peer: &Peer,
        (prefix, uri): (&str, &Uri),
        protocol: Option<&'static str>,
    ) -> Result<Self, String> {
        let key = |name: &str| headers.get(name).and_then(|key| key.to_str().ok());
        let keys = match (key(KEY1), key(KEY2)) {
            (None, None) => None,
            (Some(first), Some(second)) => {
                let number = |name: &str, key: &str| number(key).map_err(|why| format!("{name} {why}"));
                Some([number("Sec-WebSocket-Key1", first)?, number("Sec-WebSocket-Key2", second)?])
            }
            _ => return Err("one of Sec-WebSocket-Key1 and Sec-WebSocket-Key2 is missing".to_owned()),
        };
        let scheme = if peer.is_encrypted() { "wss" } else { "ws" };
        let host = peer.host().ok_or("the header Host is missing")?;
        let location = format!("{scheme}://{host}{prefix}{uri}");
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
        Ok(Self { keys, origin, location, protocol })
    }

    /// Whether it is of draft 76, whose clients say good-bye.
    fn is_76(&self) -> bool {
        self.keys.is_some()
    }

    /// The answer, up to the empty line. The first three lines are those that clients of draft 75 compare byte by byte.
    fn head(&self) -> String {
        let (phrase, start) = match self.keys {
            Some(_) => ("WebSocket Protocol Handshake", "Sec-WebSocket"),
            None => ("Web Socket Protocol Handshake", "WebSocket"),
        };
        let mut head = format!("HTTP/1.1 101 {phrase}\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n");
        let lines = [
            ("Origin", self.origin.as_deref()),
            ("Location", Some(&self.location)),
            ("Protocol", self.protocol),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                let _ = write!(head, "{start}-{name}: {value}\r\n");
            }
        }
        head.push_str("\r\n");
        head
    }

    /// Answers, and makes a socket of the stream. `None` where the client has left.
    pub(super) async fn open(
        &self,
        app: &App,
        mut stream: Stream,
        mut already_read: Vec<u8>,
        limit: usize,
    ) -> Option<WebSocket<OldFrames<Stream>>> {
        timeout(app.settings.handshake, self.answer(&mut stream, &mut already_read)).await.ok()??;
        let frames = OldFrames::new(stream, &already_read, self.is_76());
        Some(WebSocket::new(frames, Vec::new(), limit))
    }

    /// Answers, and leaves in `already_read` what came behind the handshake. `None` where the client has left.
    async fn answer(&self, stream: &mut Stream, already_read: &mut Vec<u8>) -> Option<()> {
        let mut answer = self.head().into_bytes();
        if let Some(numbers) = self.keys {
            let mut body = [0; BODY];
            let here = already_read.len().min(BODY);
            let (first, rest) = body.split_at_mut(here);
            first.copy_from_slice(already_read.get(..here)?);
            already_read.drain(..here);
            stream.read_exact(rest).await.ok()?;
            answer.extend_from_slice(&proof(numbers, body));
        }
        stream.write_all(&answer).await.ok()?;
        stream.flush().await.ok()
    }
}

/// The number of a key: its digits, divided by the number of its spaces.
fn number(key: &str) -> Result<u32, &'static str> {
    let digits: String = key.chars().filter(char::is_ascii_digit).collect();
    let spaces = key.bytes().filter(|byte| *byte == b' ').count() as u64;
    let number: u64 = digits.parse().map_err(|_| "has no number in it")?;
    if spaces == 0 {
        return Err("has no space in it");
    }
    if !number.is_multiple_of(spaces) {
        return Err("has a number that its spaces do not divide");
    }
    u32::try_from(number / spaces).map_err(|_| "has a number that is too large")
}

/// What proves that the handshake was read.
fn proof([first, second]: [u32; 2], body: [u8; BODY]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(first.to_be_bytes());
    hash.update(second.to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}

/// Says at the start what it means that they are on.
pub(super) fn warn_if_on(is_on: bool) {
    if is_on {
        tracing::warn!(
            "legacy.hixie is on: handshakes of 2010 are taken. They prove little, and a proxy in between may take what follows for \
             requests of its own; leave it on only as long as there are boards that need it"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_draft_has_the_answer_of_the_draft() {
        let numbers = [number("4 @1  46546xW%0l 1 5").unwrap(), number("12998 5 Y3 1  .P00").unwrap()];
        assert_eq!(numbers, [829_309_203, 259_970_620]);
        assert_eq!(proof(numbers, *b"^n:ds[4U"), *b"8jKS'y:G*Co,Wxa-");
    }

    #[test]
    fn the_other_example_of_the_draft_too() {
        let numbers = [
            number("18x 6]8vM;54 *(5:  {   U1]8  z [  8").unwrap(),
            number("1_ tx7X d  <  nw  334J702) 7]o}` 0").unwrap(),
        ];
        assert_eq!(numbers, [155_712_099, 173_347_027]);
        assert_eq!(proof(numbers, *b"Tm[K T2u"), *b"fQJ,fN/4F4!~K~MH");
    }

    #[test]
    fn a_key_without_a_space_or_a_number_or_whose_number_does_not_divide_is_refused() {
        assert_eq!(number("4@146546xW%0l15"), Err("has no space in it"));
        assert_eq!(number("abc def"), Err("has no number in it"));
        assert_eq!(number("1 2 3"), Err("has a number that its spaces do not divide"));
        assert_eq!(number("99999999999 "), Err("has a number that is too large"));
        assert_eq!(
            number("99999999999999999999999 "),
            Err("has no number in it"),
            "not even a number of 64 bits"
        );
        // Every space counts, wherever it stands and however many stand together.
        assert_eq!(number("6  x "), Ok(2));
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn what_names_a_version_or_a_key_is_not_of_2010() {
        let old = [("Upgrade", "WebSocket"), ("Connection", "Upgrade")];
        assert!(is_old(&headers(&old)));
        assert!(!is_old(&headers(&old[..1])));
        for newer in [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "x")] {
            assert!(!is_old(&headers(&[old[0], old[1], newer])));
        }
    }

    #[test]
    fn the_name_of_a_board_is_no_origin_of_a_page_and_an_origin_of_a_page_stays_one() {
        let old = [("Upgrade", "WebSocket"), ("Connection", "Upgrade")];
        let asked = |origin: &str| {
            let headers = headers(&[old[0], old[1], ("Origin", origin)]);
            at_the_door(&headers).contains_key(ORIGIN)
        };
        assert!(!asked("ArduinoWebSocketClient"));
        for origin in ["http://evil.example", "null", "file://"] {
            assert!(asked(origin), "{origin}");
        }
        let newer = headers(&[old[0], old[1], ("Origin", "Arduino"), ("Sec-WebSocket-Version", "13")]);
        assert!(at_the_door(&newer).contains_key(ORIGIN));
    }

    #[test]
    fn the_answer_of_draft_75_begins_byte_by_byte_as_its_clients_expect() {
        let handshake = OldHandshake {
            keys: None,
            origin: Some("http://example.com".to_owned()),
            location: "ws://example.com/demo".to_owned(),
            protocol: Some("clown.talk"),
        };
        assert_eq!(
            handshake.head(),
            "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
             WebSocket-Origin: http://example.com\r\nWebSocket-Location: ws://example.com/demo\r\n\
             WebSocket-Protocol: clown.talk\r\n\r\n"
        );
    }

    proptest! {
        #[test]
        fn a_key_as_a_client_makes_it_gives_its_number_back(
            number_of_client in any::<u32>(),
            spaces in 1..13_u64,
            noise in prop::collection::vec((0..40_usize, "[!-/:-~]"), 0..12),
        ) {
            let number_of_client = u64::from(number_of_client) / spaces;
            let mut key: Vec<char> = (number_of_client * spaces).to_string().chars().collect();
            for (at, character) in noise {
                key.insert(at % (key.len() + 1), character.chars().next().unwrap());
            }
            for space in 0..spaces {
                key.insert(usize::try_from(space).unwrap() % key.len().max(1) + usize::from(key.len() > 1), ' ');
            }
            let key: String = key.into_iter().collect();
            prop_assert_eq!(number(&key), Ok(u32::try_from(number_of_client).unwrap()));
        }
    }
}
