use super::*;
use crate::connection::WebSocket;
use crate::hub::{Client, Hub, Rates, Rights, Settings, Side};
use crate::topic::Base;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PATIENCE: Patience = Patience {
    ping: Duration::from_mins(10),
    pong: Duration::from_secs(5),
    write: Duration::from_secs(10),
    vanished: Duration::from_secs(40),
};
const PING: [u8; 2] = [0x89, 0];

/// A client whose socket nobody else sees, and its connection.
fn connected() -> (DuplexStream, impl Future<Output = ()> + Send) {
    let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
    let rights = Arc::new(Rights::everything());
    let client =
        Client { user: "u".into(), rights, base: Base::ROOT, side: Side::Dashboard, rates: Rates::UNLIMITED };
    let session = hub.connect(client, SystemTime::UNIX_EPOCH);
    let (ours, theirs) = tokio::io::duplex(4096);
    let signs = Signs { drain: CancellationToken::new(), signed_out: None };
    (theirs, run(WebSocket::new(ours, Vec::new(), 1024), session, PATIENCE, signs))
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
