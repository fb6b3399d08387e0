//! Bare sockets, for clients that break rules and for those that speak lines.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::{Hub, PASSWORD, basic, in_time};

/// The kind of a frame of WebSocket (RFC 6455, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
}

/// A WebSocket of which every byte is the test's.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// Goes to a path as the demo user.
    pub async fn connect(hub: &Hub, path: &str) -> Self {
        let stream = TcpStream::connect(hub.address).await.unwrap();
        Self::over(stream, hub, path, &basic("clown", "bigclown")).await
    }

    /// Goes to a path as one of the accounts.
    pub async fn connect_as(hub: &Hub, user: &str, path: &str) -> Self {
        let stream = TcpStream::connect(hub.address).await.unwrap();
        Self::over(stream, hub, path, &basic(user, PASSWORD)).await
    }

    /// As [`connect`](Self::connect), with a socket that holds little of what is not read.
    pub async fn connect_narrow(hub: &Hub, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = socket.connect(hub.address).await.unwrap();
        Self::over(stream, hub, path, &basic("clown", "bigclown")).await
    }

    async fn over(stream: TcpStream, hub: &Hub, path: &str, authorization: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        let mut raw = Self { stream: BufReader::new(stream) };
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: {authorization}\r\n\r\n",
            hub.address
        );
        raw.write(head.as_bytes()).await;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = in_time("the handshake", raw.stream.read_line(&mut head)).await.unwrap();
            assert!(read > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    /// Goes to a path and opens the transmission with these settings.
    pub async fn open(hub: &Hub, path: &str, settings: &str) -> Self {
        let mut raw = Self::connect(hub, path).await;
        raw.text(&format!("[\"clown.talk/-/config/set\", {settings}]")).await;
        let (opcode, payload) = raw.frame().await.unwrap();
        assert_eq!(opcode, Opcode::Text as u8);
        assert!(payload.starts_with(br#"["clown.talk/-/config/ok""#));
        raw
    }

    /// Writes these bytes.
    pub async fn write(&mut self, bytes: &[u8]) {
        in_time("room to write", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Writes these bytes; the other side may have gone.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        in_time("room to write", self.stream.write_all(bytes)).await
    }

    /// Writes one whole text message.
    pub async fn text(&mut self, text: &str) {
        self.write(&Self::encoded(true, Opcode::Text, text.as_bytes())).await;
    }

    /// A frame as a client sends it. The mask is zero, so that the payload can be read in a dump.
    pub fn encoded(is_last: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![if is_last { 0x80 | opcode as u8 } else { opcode as u8 }];
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(short @ 0..126), _) => bytes.push(0x80 | short),
            (_, Ok(medium)) => {
                bytes.push(0xfe);
                bytes.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                bytes.push(0xff);
                bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The next frame, or `None` where the stream has ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        in_time("a frame", self.try_frame()).await.ok()
    }

    async fn try_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let opcode = self.stream.read_u8().await? & 0x0f;
        let len = match self.stream.read_u8().await? {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).await?;
        Ok((opcode, payload))
    }

    /// The code and the reason with which the hub closes, and all texts before.
    pub async fn texts_until_close(&mut self) -> (Vec<String>, u16, String) {
        let mut texts = Vec::new();
        while let Some((opcode, payload)) = self.frame().await {
            match opcode {
                8 => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    return (texts, code, String::from_utf8(payload[2..].to_vec()).unwrap());
                }
                1 => texts.push(String::from_utf8(payload).unwrap()),
                _ => {}
            }
        }
        panic!("the stream ended without a close, after {} texts", texts.len());
    }

    /// The code and the reason with which the hub closes.
    pub async fn closed(&mut self) -> (u16, String) {
        let (_, code, reason) = self.texts_until_close().await;
        (code, reason)
    }
}

/// A client that speaks lines over TCP.
pub struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    /// Connects, and says nothing.
    pub async fn connect(hub: &Hub) -> Self {
        let stream = TcpStream::connect(hub.lines.unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Connects as the demo user with these keys more in the first line, as `, "base": "a"`.
    pub async fn open(hub: &Hub, keys: &str) -> Self {
        let mut line = Self::connect(hub).await;
        line.say(&format!(
            r#"["clown.talk/-/config/set", {{"user": "clown", "password": "bigclown"{keys}}}]"#
        ))
        .await;
        let answer = line.hear().await.unwrap();
        assert!(answer.starts_with(r#"["clown.talk/-/config/ok""#), "{answer}");
        line
    }

    /// Sends a line.
    pub async fn say(&mut self, text: &str) {
        self.write(format!("{text}\n").as_bytes()).await;
    }

    /// Sends these bytes.
    pub async fn write(&mut self, bytes: &[u8]) {
        in_time("room to write", self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next line without its end, or `None` where the stream has ended.
    pub async fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = in_time("a line", self.stream.read_line(&mut line)).await.unwrap_or(0);
        assert!(read == 0 || line.ends_with('\n'), "{line}");
        (read > 0).then(|| line.trim_end_matches('\n').to_owned())
    }
}
