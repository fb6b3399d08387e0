//! The first words with a hub, one step after the other.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::bail;

use super::websocket;
use crate::fleet::PATIENCE;
use crate::stream::Stream;
use crate::target::Door;

pub(crate) struct Opening {
    stream: Stream<TcpStream>,
    /// Read, and not yet looked at.
    bytes: Vec<u8>,
}

impl Opening {
    pub(crate) fn connect(door: &Door) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(door.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream = match &door.tls {
            Some(tls) => tls.over(stream, door.address.ip())?,
            None => Stream::Plain(stream),
        };
        Ok(Self { stream, bytes: Vec::new() })
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads until `find` sees something at the beginning, and takes as many bytes away as it says.
    pub(crate) fn hear<T>(
        &mut self,
        find: impl Fn(&[u8]) -> anyhow::Result<Option<(T, usize)>>,
    ) -> anyhow::Result<T> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((found, len)) = find(&self.bytes)? {
                self.bytes.drain(..len);
                return Ok(found);
            }
            match self.stream.read(&mut buffer)? {
                0 => bail!(
                    "the hub closed the connection, having said {:?}",
                    String::from_utf8_lossy(&self.bytes)
                ),
                n => self.bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            }
        }
    }

    /// The handshake of RFC 6455; `headers` are lines with their ends.
    pub(crate) fn upgrade(&mut self, path: &str, headers: &str) -> anyhow::Result<()> {
        let host = self.stream.socket().peer_addr()?;
        self.say(websocket::request(path, host, headers).as_bytes())?;
        self.hear(websocket::accepted)
    }

    pub(crate) fn done(mut self) -> (Stream<TcpStream>, Vec<u8>) {
        self.stream.take_rest(&mut self.bytes);
        (self.stream, self.bytes)
    }
}
