//! A WebSocket whose binary messages are one stream of bytes (MQTT 5, 6): packets may be cut by them in any way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::carrier::Carrier;
use crate::connection::ending::Ending;
use crate::connection::websocket::WebSocket;
use crate::connection::wire::{Incoming, Wire};

/// The most bytes of one message that is sent.
const MESSAGE: usize = 64 * 1024;

/// Things that are taken at one time, before others come to their turn.
const AT_ONCE: usize = 32;

/// A stream of bytes over a WebSocket. A message that is longer than it may be is an error of the kind `FileTooLarge`.
pub(crate) struct OverWebSocket<S> {
    socket: WebSocket<S>,
    /// Up to here the message that came last was read, if there is one.
    at: Option<usize>,
    /// Pings and pongs that came and were not told.
    signs: usize,
    is_closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> OverWebSocket<S> {
    pub(crate) fn new(socket: WebSocket<S>) -> Self {
        Self { socket, at: None, signs: 0, is_closed: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Carrier for OverWebSocket<S> {
    fn lets_in(&mut self, limit: usize) {
        self.socket.set_limit(limit);
    }

    fn held(&self) -> usize {
        self.socket.held()
    }

    fn take_sign(&mut self) -> bool {
        let has_one = self.signs > 0;
        self.signs -= usize::from(has_one);
        has_one
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> AsyncRead for OverWebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        for _ in 0..AT_ONCE {
            if let Some(at) = this.at {
                let rest = this.socket.bytes().get(at..).unwrap_or_default();
                if rest.is_empty() {
                    this.at = None;
                    this.socket.let_go();
                } else {
                    let len = rest.len().min(into.remaining());
                    into.put_slice(rest.get(..len).unwrap_or_default());
                    this.at = Some(at + len);
                    return Poll::Ready(Ok(()));
                }
            }
            this.socket.wakes(cx.waker());
            match ready!(this.socket.poll_read(cx)) {
                Incoming::Binary => this.at = Some(0),
                // A pong may be due.
                Incoming::Alive => {
                    this.signs += 1;
                    let _ = this.socket.poll_flush(cx);
                }
                Incoming::Part(_) | Incoming::Packet(_) | Incoming::Aside => {}
                Incoming::Text => return Poll::Ready(Err(io::Error::other("MQTT comes in binary messages"))),
                Incoming::End(Ending::TooBig { .. }) => {
                    return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
                }
                Incoming::End(_) => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> AsyncWrite for OverWebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.socket.waiting() >= MESSAGE {
            ready!(this.socket.poll_flush(cx)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        let len = bytes.len().min(MESSAGE);
        this.socket.put_binary(bytes.get(..len).unwrap_or_default());
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.poll_flush(cx).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_closed, true) {
            this.socket.put_close();
        }
        this.socket.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::connection::Mqtt;

    #[tokio::test]
    async fn what_waits_below_the_packets_is_held() {
        let (ours, mut theirs) = duplex(1 << 20);
        let mut wire = Mqtt::new(OverWebSocket::new(WebSocket::new(ours, Vec::new(), 1 << 20)), 1 << 20);
        assert_eq!(wire.held(), 0);
        // The first half of a binary message of 100,000 bytes, masked with nothing.
        let head = [&[0x82, 0xff][..], &100_000_u64.to_be_bytes(), &[0; 4]].concat();
        theirs.write_all(&[&head[..], &vec![0x10; 50_000]].concat()).await.unwrap();
        while wire.held() < 50_000 {
            assert!(futures_util::poll!(std::pin::pin!(wire.connect())).is_pending());
            tokio::task::yield_now().await;
        }
    }
}
