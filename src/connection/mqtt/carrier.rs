//! What carries the packets of a client: a socket, or the messages of a WebSocket.

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes in both directions, which may know more than its bytes.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin {
    /// The client was let in: from now on one of its messages may have so many bytes, where there are messages.
    fn lets_in(&mut self, _limit: usize) {}

    /// Bytes of memory that it takes.
    fn held(&self) -> usize {
        0
    }

    /// Whether a sign of life has come that is no packet. Each is told once.
    fn take_sign(&mut self) -> bool {
        false
    }
}

#[cfg(test)]
impl Carrier for tokio::io::DuplexStream {}
