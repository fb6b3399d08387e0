//! `/mqtt`: MQTT over WebSocket.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::device::{Hello, V3, V5, packet, text};
use crate::support::{Client, Hub, in_time};

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

async fn open(hub: &Hub, protocol: Option<&str>, origin: Option<&str>) -> Result<(Socket, String), u16> {
    let mut request = format!("ws://{}/mqtt", hub.address).into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let stream = tokio::net::TcpStream::connect(hub.address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, response)) => {
            let confirmed = response.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned();
            Ok((socket, confirmed))
        }
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn hub() -> Hub {
    Hub::with(&["mqtt.websocket=true"])
}

async fn hears(socket: &mut Socket, bytes: usize) -> Vec<u8> {
    in_time("bytes", async {
        let mut heard = Vec::new();
        while heard.len() < bytes {
            match socket.next().await.unwrap().unwrap() {
                Message::Binary(more) => heard.extend(more),
                Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
        heard
    })
    .await
}

#[tokio::test]
async fn mqtt_6_0_0_packets_are_a_stream_whatever_messages_they_are_cut_into() {
    let hub = hub();
    let (mut socket, confirmed) = open(&hub, Some("mqttv3.1, mqtt"), None).await.unwrap();
    assert_eq!(confirmed, "mqtt");
    let mut bytes = Hello::new(V3, "page").bytes();
    bytes.extend(packet(0x82, &[&[0, 1][..], &text("w/#"), &[0]].concat()));
    for byte in bytes.chunks(3) {
        socket.send(Message::Binary(byte.to_vec().into())).await.unwrap();
    }
    assert_eq!(hears(&mut socket, 4).await[..4], [0x20, 2, 0, 0]);
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["w/#"]}"#).await;
    socket.send(Message::Ping(b"x".to_vec().into())).await.unwrap();
    let long = "y".repeat(200_000);
    let both = [
        packet(0x30, &[&text("w/a")[..], b"1"].concat()),
        packet(0x30, &[&text("w/b")[..], long.as_bytes()].concat()),
    ];
    socket.send(Message::Binary(both.concat().into())).await.unwrap();
    assert_eq!(page.frame().await[1], 1);
    assert_eq!(page.frame().await[1], long);
    let heard = hears(&mut socket, both.concat().len()).await;
    assert!(heard.ends_with(&both[1]));
    socket.send(Message::Binary(vec![0xe0, 0].into())).await.unwrap();
    let end = in_time("the end", socket.next()).await;
    assert!(matches!(end, Some(Ok(Message::Close(_))) | None), "{end:?}");
}

#[tokio::test]
async fn the_door_over_websocket_asks_what_other_doors_ask() {
    let hub = hub();
    assert_eq!(open(&hub, None, None).await.err(), Some(400), "mqtt_6_0_0_3");
    assert_eq!(open(&hub, Some("clown.talk"), None).await.err(), Some(400));
    assert_eq!(open(&hub, Some("mqtt"), Some("http://evil.example")).await.err(), Some(403));
    let (mut socket, _) = open(&hub, Some("mqtt"), None).await.unwrap();
    socket.send(Message::Binary(Hello::new(V5, "id").user("clown", "wrong").bytes().into())).await.unwrap();
    let refused = hears(&mut socket, 4).await;
    assert_eq!((refused[0], refused[3]), (0x20, 0x86));
    // [MQTT-6.0.0-1]
    let (mut socket, _) = open(&hub, Some("mqtt"), None).await.unwrap();
    socket.send(Message::Text("MQTT".into())).await.unwrap();
    assert!(!matches!(in_time("the end", socket.next()).await, Some(Ok(Message::Binary(_)))));
    let off = Hub::demo();
    assert_eq!(open(&off, Some("mqtt"), None).await.err(), Some(404), "it is off by default");
}

#[tokio::test]
async fn pings_of_the_websocket_are_counted_like_other_signs_of_life() {
    let hub = Hub::with(&["mqtt.websocket=true", "limits.messages_per_second=10"]);
    let (mut socket, _) = open(&hub, Some("mqtt"), None).await.unwrap();
    socket.send(Message::Binary(Hello::new(V5, "page").bytes().into())).await.unwrap();
    assert_eq!(hears(&mut socket, 4).await[0], 0x20);
    for _ in 0..40 {
        socket.feed(Message::Ping(b"x".to_vec().into())).await.unwrap();
    }
    socket.flush().await.unwrap();
    let end = in_time("the end", async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) => break bytes,
                Some(Ok(Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert_eq!((end[0], end[2]), (0xe0, 0x96));
}

#[tokio::test]
async fn before_the_sign_in_a_message_of_the_websocket_is_as_short_as_a_connect() {
    let hub = hub();
    let (mut socket, _) = open(&hub, Some("mqtt"), None).await.unwrap();
    let long = packet(0x30, &[&text("w/a")[..], &vec![b'y'; 20_000]].concat());
    let both = [Hello::new(V3, "page").bytes(), long.clone()].concat();
    socket.send(Message::Binary(both.into())).await.unwrap();
    let end = in_time("the end", socket.next()).await;
    assert!(!matches!(end, Some(Ok(Message::Binary(_)))), "{end:?}");
    hub.logs("MQTT: connection refused").await;
    // Once it is in, a message may have what a packet may have.
    let (mut socket, _) = open(&hub, Some("mqtt"), None).await.unwrap();
    socket.send(Message::Binary(Hello::new(V5, "page").bytes().into())).await.unwrap();
    assert_eq!(hears(&mut socket, 4).await[0], 0x20);
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["w/#"]}"#).await;
    let mut long = text("w/a");
    long.push(0);
    long.extend(vec![b'y'; 20_000]);
    socket.send(Message::Binary(packet(0x30, &long).into())).await.unwrap();
    assert_eq!(page.frame().await[1].as_str().map(str::len), Some(20_000));
    // The hub may have closed before it is sent.
    let _ = socket.send(Message::Binary(vec![0; (1 << 20) + 1].into())).await;
    hub.logs("message over 1048576 bytes").await;
}
