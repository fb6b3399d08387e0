//! Requests by hand, so that a test may also send what no library would.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Hub, in_time};

/// What the hub answered, up to the end of the head or of the stream.
pub struct Answer {
    /// As it came.
    pub text: String,
}

impl Answer {
    /// The status; 0 where there is none.
    pub fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value.trim()))
    }

    /// What follows the head.
    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// The value of the header `Authorization`.
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

impl Hub {
    /// Sends these bytes on a connection of their own and reads until the hub ends it.
    pub async fn answers(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A reset after the answer is an end like any other.
        let _ = in_time("the end of the answer", stream.read_to_end(&mut bytes)).await;
        Answer { text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// One request with a body, after which the connection is to be closed.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            write!(text, "Host: {}\r\n", self.address).unwrap();
        }
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        self.answers(&format!("{text}\r\n{body}")).await
    }

    /// Tries the WebSocket handshake with these headers instead of, or besides, the usual ones; reads the head of
    /// the answer.
    pub async fn knocks(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let host = self.address.to_string();
        let usual = [
            ("Host", host.as_str()),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut text = format!("GET {path} HTTP/1.1\r\n");
        let replaced = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        for (name, value) in usual.iter().filter(|(name, _)| !replaced(name)).chain(headers) {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        self.knocks_with(&format!("{text}\r\n")).await
    }

    /// Sends a head as it is, and reads the head of the answer.
    pub async fn knocks_with(&self, head: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n")
            && let Ok(byte) = in_time("the head of the answer", stream.read_u8()).await
        {
            bytes.push(byte);
        }
        Answer { text: String::from_utf8(bytes).unwrap() }
    }

    /// Waits until one of the hub's own figures is this.
    pub async fn figure_is(&self, name: &str, value: u64) {
        in_time("the figure", async {
            while self.figure(name).await != value {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// One of the hub's own figures, as `messages_published`, from `/metrics`.
    pub async fn figure(&self, name: &str) -> u64 {
        let answer = self.request("GET", "/metrics", &[], "").await;
        let found = answer.body().lines().find_map(|line| {
            let (left, value) = line.strip_prefix("clown_hub_")?.split_once(' ')?;
            (left == name || left == format!("{name}_total")).then(|| value.parse().ok())?
        });
        found.unwrap_or_else(|| panic!("no figure {name}: {}", answer.text))
    }
}
