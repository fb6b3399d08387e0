use super::*;
use crate::hub::{Client, Hub, Rates, Rights, Settings, Side};
use crate::moment::Moment;
use crate::topic::Base;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const PATIENCE: Patience = Patience {
    ping: Duration::from_mins(10),
    pong: Duration::from_secs(5),
    write: Duration::from_secs(10),
    vanished: Duration::from_secs(40),
};
const PING: [u8; 2] = [0x89, 0];

fn hub() -> Arc<Hub> {
    Hub::new(Settings::default(), SystemTime::UNIX_EPOCH)
}

fn client(user: &str) -> Client {
    let rights = Arc::new(Rights::everything());
    Client { user: user.into(), rights, base: Base::ROOT, side: Side::Dashboard, rates: Rates::UNLIMITED }
}

/// A connection of a client at a hub, over a stream.
fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    hub: &Arc<Hub>,
    user: &str,
    stream: S,
) -> impl Future<Output = ()> + Send + use<S> {
    let session = hub.connect(client(user), SystemTime::UNIX_EPOCH);
    let wire = WebSocket::new(stream, Vec::new(), 1024 * 1024);
    run(wire, session, PATIENCE, Signs::with(&CancellationToken::new(), None))
}

/// A client whose socket nobody else sees, and its connection.
fn connected() -> (DuplexStream, impl Future<Output = ()> + Send) {
    let (ours, theirs) = tokio::io::duplex(4096);
    (theirs, connection(&hub(), "u", ours))
}

/// A text as a client frames it, under a mask of nothing.
fn framed(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0xff];
    frame.extend_from_slice(&(text.len() as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[tokio::test(start_paused = true)]
async fn a_client_has_its_whole_time_to_answer_however_seldom_it_is_pinged() {
    let (mut client, connection) = connected();
    let answers = async {
        for _ in 0..20 {
            let began = Instant::now();
            let mut frame = [0; 2];
            client.read_exact(&mut frame).await.unwrap();
            assert_eq!(frame, PING, "one ping, and no good-bye");
            let silence = began.elapsed();
            assert!(
                silence >= PATIENCE.ping && silence.as_secs() <= (PATIENCE.ping * 25 / 24).as_secs(),
                "{silence:?}"
            );
            tokio::time::sleep(PATIENCE.pong.mul_f64(0.9)).await;
            client.write_all(&[0x8a, 0x80, 1, 2, 3, 4]).await.unwrap();
            // The next silence begins here.
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { () = answers => {}, () = connection => panic!("it ended") }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_is_pinged_twice_and_then_let_go() {
    let (mut client, connection) = connected();
    let hangs = async {
        let mut heard = [0; 2];
        client.read_exact(&mut heard).await.unwrap();
        let first = Instant::now();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!((heard, first.elapsed().as_secs()), (PING, 5));
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!((heard[0], first.elapsed().as_secs()), (0x88, 10), "the close");
        drop(client);
    };
    tokio::join!(hangs, connection);
}

#[tokio::test(start_paused = true)]
async fn the_abrupt_end_of_a_socket_is_told_at_once() {
    let (client, connection) = connected();
    let began = Instant::now();
    drop(client);
    connection.await;
    // The clock moves only when everybody waits.
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// A socket that has broken, whose last bytes can still be read.
struct Broken(io::Cursor<Vec<u8>>);

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_good_bye_of_a_client_counts_although_its_socket_broke_and_nobody_waits_for_more() {
    for (good_bye, wills) in [(&[0x88, 0x80, 0, 0, 0, 0][..], 0), (&[], 1)] {
        let (hub, began) = (hub(), Instant::now());
        let opening = r#"["clown.talk/-/config/set", {"will": ["gone", 1], "filters": []}]"#;
        let mut said = framed(opening);
        // An answer is due, and so the socket is written to before the good-bye is read.
        said.extend_from_slice(&[0x89, 0x80, 0, 0, 0, 0]);
        said.extend_from_slice(good_bye);
        connection(&hub, "u", Broken(io::Cursor::new(said))).await;
        assert_eq!((hub.figures().published.value(), began.elapsed()), (wills, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_end_of_the_hub_cuts_off_leaves_no_will() {
    for (is_stopped, wills) in [(true, 0), (false, 1)] {
        let (hub, drain) = (hub(), CancellationToken::new());
        let session = hub.connect(client("u"), SystemTime::UNIX_EPOCH);
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let wire = WebSocket::new(ours, Vec::new(), 1024 * 1024);
        let mut connection = Box::pin(run(wire, session, PATIENCE, Signs::with(&drain, None)));
        let opening = r#"["clown.talk/-/config/set", {"will": ["gone", 1], "filters": []}]"#;
        theirs.write_all(&framed(opening)).await.unwrap();
        assert!(futures_util::poll!(&mut connection).is_pending());
        if is_stopped {
            drain.cancel();
        }
        drop(connection);
        assert_eq!(hub.figures().published.value(), wills);
    }
}

/// A client that never makes a pause: its messages come one after the other, and there is always a next one. It counts
/// what it said, and after a while has the other one say something.
struct Flooder {
    message: Vec<u8>,
    /// What it says once, before all messages.
    first: io::Cursor<Vec<u8>>,
    at: usize,
    said: Arc<AtomicUsize>,
    /// Wakes the honest client once so many bytes were said.
    honest: Option<(usize, std::os::unix::net::UnixStream)>,
}

impl AsyncRead for Flooder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let n = into.remaining().min(this.first.get_ref().len());
        io::Read::read(&mut this.first, into.initialize_unfilled_to(n)).map(|n| into.advance(n))?;
        while into.remaining() > 0 {
            let n = into.remaining().min(this.message.len() - this.at);
            into.put_slice(&this.message[this.at..this.at + n]);
            this.at = (this.at + n) % this.message.len();
        }
        let said = this.said.fetch_add(into.filled().len(), Ordering::Relaxed) + into.filled().len();
        if let Some((_, honest)) = this.honest.take_if(|(after, _)| said >= *after) {
            io::Write::write_all(&mut &honest, &framed(r#"["honest", 1]"#)).unwrap();
            std::mem::forget(honest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flooder {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Has one client repeat a message for ever, and another one, on a real socket, say something in between. Returns how many
/// bytes and frames of the first were taken from then on until the other one was served.
fn passed_before_an_honest_client(message: &str) -> (usize, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let hub = hub();
        let mut reader = hub.connect(client("reader"), SystemTime::UNIX_EPOCH);
        let opening = r#"["clown.talk/-/config/set", {"filters": ["honest"]}]"#;
        reader.receive(opening, Moment::now()).unwrap();
        reader.drain(usize::MAX, Moment::now(), &mut |_| {});
        let (theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = tokio::net::UnixStream::from_std(ours).unwrap();
        let after = (message.len() * 4).max(512 * 1024);
        let said = Arc::new(AtomicUsize::new(0));
        let flooder = Flooder {
            message: framed(message),
            first: io::Cursor::new(framed(r#"["clown.talk/-/config/set", {"filters": []}]"#)),
            at: 0,
            said: Arc::clone(&said),
            honest: Some((after, theirs)),
        };
        let mut connections = JoinSet::new();
        connections.spawn(connection(&hub, "honest", ours));
        tokio::task::yield_now().await;
        connections.spawn(connection(&hub, "flooder", flooder));
        let received = |hub: &Hub| hub.figures().received.value();
        let mut at_arrival = None;
        let outbox = Arc::clone(reader.outbox());
        let served = std::future::poll_fn(|cx| {
            assert!(connections.try_join_next().is_none(), "a connection has ended");
            if said.load(Ordering::Relaxed) < after {
                at_arrival = Some(received(&hub));
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            outbox.wakes(cx.waker());
            if outbox.look(crate::hub::Until::Something).is_none() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready((said.load(Ordering::Relaxed), received(&hub)))
        });
        let (bytes, frames) = served.await;
        (bytes - after, frames - at_arrival.unwrap())
    })
}

/// What may pass: the rest of the read in which the other client spoke, and the turn that this read ends with.
const A_TURN_AND_A_READ: usize = 2 * turn::BYTES;

#[test]
fn a_client_that_talks_without_a_pause_keeps_nobody_waiting() {
    let (bytes, frames) = passed_before_an_honest_client(r#"["flood", 1, {"id": "x"}]"#);
    assert!(
        bytes <= A_TURN_AND_A_READ && frames <= 2 * turn::FRAMES as u64 + 1,
        "{bytes} bytes, {frames} frames"
    );
}

#[test]
fn nor_does_a_client_with_messages_of_a_mebibyte() {
    let message = format!(r#"["flood", "{}"]"#, "x".repeat(1024 * 1024 - 100));
    let (bytes, frames) = passed_before_an_honest_client(&message);
    assert!(bytes <= A_TURN_AND_A_READ && frames <= 2, "{bytes} bytes, {frames} frames");
}

#[test]
fn nor_does_one_message_with_many_large_frames() {
    let frame = format!("[\"flood\", \"{}\"]\n", "x".repeat(32 * 1024));
    let (bytes, frames) = passed_before_an_honest_client(&frame.repeat(31));
    assert!(bytes <= A_TURN_AND_A_READ && frames <= 5, "{bytes} bytes, {frames} frames");
}

#[test]
fn nor_does_one_message_with_many_requests_that_are_much_work() {
    let filters: Vec<_> = (0..400).map(|n| format!("{n}")).collect();
    let request = serde_json::json!(["clown.talk/-/subscription/remove", { "filters": filters }]);
    let (bytes, frames) = passed_before_an_honest_client(&format!("{request}\n").repeat(24));
    assert!(bytes <= A_TURN_AND_A_READ && frames <= 3, "{bytes} bytes, {frames} frames");
}

#[test]
fn nor_does_a_message_that_never_ends_in_pieces_of_nothing() {
    // Continuations without a byte are no frames of Clown.Talk, complete nothing and break no limit.
    let (begin, go_on) = (vec![0x01, 0x80, 0, 0, 0, 0], vec![0x00, 0x80, 0, 0, 0, 0]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let said = Arc::new(AtomicUsize::new(0));
        let first = io::Cursor::new(begin);
        let flooder = Flooder { message: go_on, first, at: 0, said: Arc::clone(&said), honest: None };
        let mut connection = Box::pin(connection(&hub(), "flooder", flooder));
        for turn in 1..100 {
            assert!(futures_util::poll!(&mut connection).is_pending());
            let said = said.load(Ordering::Relaxed);
            assert!(said <= turn * A_TURN_AND_A_READ, "{said} bytes in {turn} turns");
            tokio::task::yield_now().await;
        }
        assert!(said.load(Ordering::Relaxed) >= 50 * turn::BYTES, "it goes on");
    });
}

#[tokio::test]
async fn what_a_connection_waits_with_is_small() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let connection = connection(&hub(), "u", stream);
    let bytes = size_of_val(&connection);
    // With what the runtime adds, this fits into a block of 1024 bytes; the next larger block has 1280.
    assert!(bytes <= 888, "{bytes} bytes");
}
