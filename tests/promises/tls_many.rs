//! Very many at once over TLS: sockets that are open while the certificate is renewed, and handshakes that never finish.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use crate::support::{Bystander, Client, House, Hub, basic, in_time, until};

fn hub(house: &House, more: &[&str]) -> Hub {
    let settings = house.settings();
    let settings: Vec<_> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Hub::with(&settings)
}

fn served(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// How many descriptors the hub has open.
fn descriptors(hub: &Hub) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", hub.pid())).unwrap().count()
}

#[tokio::test]
async fn a_renewed_certificate_is_served_while_a_thousand_sockets_stay() {
    const SOCKETS: usize = 1000;
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let house = House::new();
    // Who waits for all the others to come in answers no ping.
    let hub = hub(&house, &["limits.ping_seconds=3600"]);
    // One client, which comes back: a handshake that resumes takes a tenth of a whole one, and a build without
    // optimisation takes long for those. Each is a connection of TLS with keys of its own.
    let client = house.client();
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let stream = Box::new(hub.encrypted(&client).await.unwrap());
        let clown = basic("clown", "bigclown");
        let mut socket =
            Client::over(stream, "localhost", "/talk", &[("authorization", &clown)]).await.unwrap();
        socket.configure(r#"{"filters": ["a"]}"#).await;
        sockets.push(socket);
    }
    assert_eq!(hub.figure("tls_handshakes").await, SOCKETS as u64);
    let mut writer = Client::open(&hub, "/talk", "{}").await;
    let before = house.certificate();
    let mut say = async |text: &str| {
        writer.publish("a", text).await;
        for socket in &mut sockets {
            assert_eq!(socket.hear().await, format!("[\"a\", {text}]"));
        }
    };
    say("1").await;
    for (number, text) in ["2", "3"].into_iter().enumerate() {
        assert_eq!(served(&hub.encrypted(&house.client()).await.unwrap()), house.certificate().to_vec());
        house.renew();
        until("the renewal", || hub.log().matches("the certificate was renewed").count() == number + 1).await;
        // Who comes now gets the new one; who is there has lost nothing and goes on.
        assert_eq!(served(&hub.encrypted(&house.client()).await.unwrap()), house.certificate().to_vec());
        say(text).await;
    }
    assert_ne!(before, house.certificate());
    assert_eq!(hub.figure("clients_connected").await, SOCKETS as u64 + 1);
}

/// As many strangers as there are to be: ten thousand with `CLOWN_LONG_TESTS=1`, else as many as descriptors allow, up to
/// three thousand.
fn strangers() -> usize {
    let most = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    let wanted = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 10_000 } else { 3000 };
    let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(500);
    assert!(room >= 2000, "the test needs descriptors: {most} are allowed (ulimit -Hn)");
    wanted.min(room)
}

#[tokio::test]
async fn thousands_of_handshakes_that_never_finish_keep_nobody_out_and_cost_no_memory() {
    const AT_ONCE: usize = 200;
    let strangers_wanted = strangers();
    let house = House::new();
    // All of them have a place until the hub loses patience with them, so that nothing but the hub's patience ends them.
    let places = format!("limits.handshakes={}", strangers_wanted + 100);
    let connections = format!("limits.connections={}", strangers_wanted + 200);
    let hub = hub(&house, &[&places, &connections]);
    let mut bystander = Bystander::at(&hub).await;
    let client = house.client();
    let come_in = async || {
        let stream = Box::new(hub.encrypted(&client).await.unwrap());
        let clown = basic("clown", "bigclown");
        Client::over(stream, "localhost", "/talk", &[("authorization", &clown)]).await.unwrap()
    };
    come_in().await.leave().await;
    let (memory, open) = (hub.resident_kib(), descriptors(&hub));
    let failed_before = hub.figure("tls_failed").await;
    // One wave takes the hub less than its patience; a stranger who is sent away comes again.
    let mut waves = JoinSet::new();
    let address = hub.tls.unwrap();
    for _ in 0..strangers_wanted.div_ceil(AT_ONCE) {
        waves.spawn(async move {
            let mut held = Vec::with_capacity(AT_ONCE);
            for _ in 0..AT_ONCE {
                let mut stream = in_time("a connection", TcpStream::connect(address)).await.unwrap();
                // A hello that goes on.
                stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await.unwrap();
                held.push(stream);
            }
            held
        });
    }
    let mut held = Vec::new();
    let mut most_open = 0;
    while let Some(wave) = waves.join_next().await {
        held.extend(wave.unwrap());
        most_open = most_open.max(descriptors(&hub));
        bystander.is_undisturbed().await;
        come_in().await.leave().await;
    }
    // The hub sends each of them away after 5 s, so a slow machine never has all of them at once.
    assert!(most_open > strangers_wanted / 4, "{most_open} of {strangers_wanted} stood at the door at once");
    let standing = hub.resident_kib();
    // The hub ends each of them by itself, and an honest client comes in all the while.
    for stream in &mut held {
        in_time("the end of a stranger", async { while stream.read_u8().await.is_ok() {} }).await;
    }
    bystander.is_undisturbed().await;
    come_in().await.leave().await;
    until("all descriptors to be given back", || descriptors(&hub) <= open + 2).await;
    assert_eq!(hub.figure("tls_failed").await - failed_before, held.len() as u64);
    assert_eq!(hub.figure("connections_turned_away").await, 0);
    drop(held);
    // The allocator gives pages back while it is asked for memory, some seconds after it has got them.
    let allowed = memory + (standing.saturating_sub(memory)) / 2;
    let now = || hub.resident_kib();
    println!(
        "{strangers_wanted} strangers, {most_open} descriptors at the most: {memory} KiB before, {standing} KiB with them, {} KiB after",
        now()
    );
    in_time("the memory to come back", async {
        while now() > allowed {
            bystander.is_undisturbed().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    println!("{} KiB some seconds later", now());
}
