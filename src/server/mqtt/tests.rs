use std::net::Ipv4Addr;

use tokio::io::AsyncWriteExt;

use super::*;
use crate::server::tests::server;

#[tokio::test]
async fn what_a_device_waits_with_is_small() {
    let server = server(10);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut device = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    device.write_all(b"\x10\x20\0\x04MQTT\x04\xc2\0\x3c\0\x03one\0\x05clown\0\x08bigclown").await.unwrap();
    let place = server.app.places.take(address, false).ok().unwrap();
    let peer = Arc::new(Peer::of_connection(&[], Arc::new(place)));
    let begun = begin(&server.app, stream, &peer).await.expect("it is let in");
    let bytes = size_of_val(&stay(&server.app, begun));
    // With what the runtime adds, this fits into a block of 1280 bytes; the next larger block has 1536.
    assert!(bytes <= 1144, "{bytes} bytes");
    let talk = size_of::<crate::connection::MqttTalk>();
    assert!(talk <= 256, "{talk} bytes");
}
