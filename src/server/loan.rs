//! The stream of a connection while HTTP is spoken on it: lent to `hyper`, and taken back for what is no request and answer any
//! more. After that `hyper` finds an end where it reads, and what it writes goes nowhere. It may be muted before: then its next
//! answer goes nowhere, as somebody else writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::secure::HANDSHAKE_RECORD;
use crate::tls::Stream;

/// A stream that can be taken back.
#[derive(Debug, Clone)]
pub(super) struct Loan(Arc<Mutex<Lent>>);

#[derive(Debug)]
struct Lent {
    stream: Option<Stream>,
    /// Since when nothing of what is written goes out: something of an earlier answer waits in `hyper`.
    blocked: Option<Instant>,
    /// Whether what `hyper` writes goes nowhere.
    is_muted: bool,
    beginning: Beginning,
}

/// How the client has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// With nothing yet.
    Nothing,
    /// As somebody who speaks HTTP may.
    Http,
    /// With a handshake of TLS, where none is due.
    Tls,
}

impl Loan {
    pub(super) fn new(stream: Stream) -> Self {
        let beginning = if matches!(stream, Stream::Plain(_)) { Beginning::Nothing } else { Beginning::Http };
        let lent = Lent { stream: Some(stream), blocked: None, is_muted: false, beginning };
        Self(Arc::new(Mutex::new(lent)))
    }

    /// The stream of a client that speaks TLS where none is due. `hyper` has found an end at its beginning.
    pub(super) fn of_tls(&self) -> Option<Stream> {
        let mut lent = self.0.lock();
        if lent.beginning == Beginning::Tls { lent.stream.take() } else { None }
    }

    /// The stream, if everything was written that was given to it.
    pub(super) fn take_back(&self) -> Option<Stream> {
        let mut lent = self.0.lock();
        if lent.blocked.is_some() { None } else { lent.stream.take() }
    }

    /// For how long nothing has gone out of what is written; `None` if nothing waits.
    pub(super) fn blocked_for(&self) -> Option<Duration> {
        self.0.lock().blocked.map(|since| since.elapsed())
    }

    /// From now on what `hyper` writes goes nowhere. Says whether that can be: nothing of an earlier answer may wait.
    pub(super) fn mute(&self) -> bool {
        let mut lent = self.0.lock();
        lent.is_muted |= lent.blocked.is_none();
        lent.is_muted
    }

    fn writing<T>(
        &self,
        nothing: T,
        act: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut lent = self.0.lock();
        let Lent {
            stream: Some(stream),
            beginning: Beginning::Nothing | Beginning::Http,
            is_muted: false,
            ..
        } = &mut *lent
        else {
            return Poll::Ready(Ok(nothing));
        };
        let done = act(Pin::new(stream));
        lent.blocked = if done.is_pending() { lent.blocked.or_else(|| Some(Instant::now())) } else { None };
        done
    }
}

impl AsyncRead for Loan {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut lent = self.0.lock();
        let Lent { stream: Some(stream), beginning, .. } = &mut *lent else { return Poll::Ready(Ok(())) };
        let before = buf.filled().len();
        let read = Pin::new(stream).poll_read(cx, buf);
        if *beginning == Beginning::Nothing
            && let Some(first) = buf.filled().get(before)
        {
            *beginning = if *first == HANDSHAKE_RECORD { Beginning::Tls } else { Beginning::Http };
        }
        // It is not for `hyper`, which would answer in HTTP.
        if *beginning == Beginning::Tls {
            buf.set_filled(before);
        }
        read
    }
}

impl AsyncWrite for Loan {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writing(buf.len(), |stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        self.writing(all, |stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing((), |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing((), |stream| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_stream_that_was_taken_back_is_at_its_end_for_who_had_it_and_goes_on_for_its_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (here, _) = listener.accept().await.unwrap();
        let mut loan = Loan::new(here.into());
        loan.write_all(b"one").await.unwrap();
        let mut stream = loan.take_back().unwrap();
        assert!(loan.take_back().is_none());
        loan.write_all(b"nowhere").await.unwrap();
        assert_eq!(loan.read(&mut [0]).await.unwrap(), 0);
        stream.write_all(b"two").await.unwrap();
        drop((stream, loan));
        let mut heard = String::new();
        there.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "onetwo");
    }

    #[tokio::test]
    async fn a_stream_with_an_answer_that_is_half_written_is_not_given_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (here, _) = listener.accept().await.unwrap();
        let mut loan = Loan::new(here.into());
        let much = vec![0; 64 << 20];
        let write = std::pin::pin!(loan.clone().write_all_of(much));
        assert!(futures_util::poll!(write).is_pending());
        assert!(loan.take_back().is_none());
        drop(there);
        // A stream that is broken blocks nobody.
        while loan.write_u8(0).await.is_ok() {}
        assert!(loan.take_back().is_some());
    }

    impl Loan {
        async fn write_all_of(mut self, bytes: Vec<u8>) -> io::Result<()> {
            self.write_all(&bytes).await
        }
    }
}
