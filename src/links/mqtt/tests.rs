use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use crate::hub::{Hub, Settings};
use crate::links::file;
use crate::links::guard::{Guard, Member};
use crate::links::link::Link;
use crate::links::near::Near;
use crate::moment::Moment;
use crate::topic::Limits;

/// One packet of the link, as a broker reads it; short ones only.
async fn packet(socket: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).await.unwrap();
    assert!(head[1] < 0x80);
    let mut rest = vec![0; head[1].into()];
    socket.read_exact(&mut rest).await.unwrap();
    [&head[..], &rest].concat()
}

/// A broker that welcomes one link, takes what it asks for, and then says all this at once.
async fn broker(listener: TcpListener, says: Vec<u8>) {
    let (mut socket, _) = listener.accept().await.unwrap();
    assert_eq!(packet(&mut socket).await[0], 0x10, "CONNECT");
    socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    let subscribe = packet(&mut socket).await;
    assert_eq!(subscribe[0], 0x82, "SUBSCRIBE");
    socket.write_all(&[0x90, 3, subscribe[2], subscribe[3], 0]).await.unwrap();
    let _ = socket.write_all(&says).await;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_broker_that_sends_without_a_pause_leaves_the_others_their_turns() {
    const MESSAGES: usize = 40_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let text = format!("url = '{url}'\nversion = '3.1.1'\n[[rule]]\ndirection = 'in'\nfilter = '#'\n");
    let plan = file::parse("house", "house.toml", &text, &Limits::default()).unwrap();
    let hub = Hub::new(Settings::default(), Moment::now());
    let mqtt = std::sync::Arc::clone(plan.far.mqtt().unwrap());
    let member = Member::of(&Arc::new(Guard::new("hub", Instant::now())), mqtt.repeats());
    let client = Client::new(&plan.link, &mqtt, &member);
    let link = Link::new(Near::new(&hub, &plan.link, member), client);
    let message = [0x30, 6, 0, 3, b'a', b'/', b'b', b'1'];
    let before = hub.figures().published.value();
    let mut turns = 0;
    let others = async {
        while hub.figures().published.value() < before + MESSAGES as u64 {
            // The runtime comes back here when it has looked at the sockets.
            tokio::task::yield_now().await;
            turns += 1;
        }
    };
    tokio::select! {
        () = others => {}
        _ = link.run(CancellationToken::new()) => panic!("the link has ended"),
        () = broker(listener, message.repeat(MESSAGES)) => {}
    }
    assert!(turns >= MESSAGES / 64, "{turns} turns of others between {MESSAGES} messages");
}
