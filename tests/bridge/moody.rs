//! A broker that keeps our session and changes its mind about what it allows.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Client, Hub, in_time, until};
use crate::{figure, link};

/// A broker of MQTT 5 that is told word by word what to say.
struct Moody {
    listener: TcpListener,
    stream: Option<TcpStream>,
    unread: VecDeque<u8>,
}

/// A PUBLISH of QoS 1 or 2: whether it came before, its packet id and its topic.
type Published = (bool, u16, String);

impl Moody {
    async fn listening() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, stream: None, unread: VecDeque::new() }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Lets the link in, with these properties.
    async fn welcome(&mut self, session_present: bool, properties: &[u8]) {
        let (stream, _) = in_time("the link", self.listener.accept()).await.unwrap();
        self.stream = Some(stream);
        self.unread.clear();
        let (connect, _) = self.packet().await;
        assert_eq!(connect >> 4, 1);
        let lengths = [3 + properties.len(), properties.len()].map(|length| u8::try_from(length).unwrap());
        let head = [0x20, lengths[0], u8::from(session_present), 0, lengths[1]];
        self.say(&[&head[..], properties].concat()).await;
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.stream.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// The first byte of the next packet, and its body.
    async fn packet(&mut self) -> (u8, Vec<u8>) {
        loop {
            let bytes: Vec<u8> = self.unread.iter().copied().collect();
            // All that is sent here is shorter than 16,384 bytes.
            let (length, head) = match bytes.get(1..3) {
                Some([low, _]) if *low < 0x80 => (usize::from(*low), 2),
                Some([low, high]) => (usize::from(low & 0x7f) | usize::from(*high) << 7, 3),
                _ => (usize::MAX / 2, 3),
            };
            if bytes.len() >= head + length {
                self.unread.drain(..head + length);
                return (bytes[0], bytes[head..head + length].to_vec());
            }
            let mut chunk = [0; 4096];
            let read = in_time("a packet", self.stream.as_mut().unwrap().read(&mut chunk)).await.unwrap();
            assert!(read > 0, "the link closed");
            self.unread.extend(&chunk[..read]);
        }
    }

    async fn published(&mut self) -> Published {
        loop {
            let (first, body) = self.packet().await;
            if first >> 4 == 3 {
                let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                let id = if first & 6 == 0 { 0 } else { u16::from_be_bytes([body[end], body[end + 1]]) };
                return (first & 8 != 0, id, String::from_utf8(body[2..end].to_vec()).unwrap());
            }
        }
    }

    async fn acknowledge(&mut self, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.say(&[0x40, 2, high, low]).await;
    }

    fn close(&mut self) {
        self.stream = None;
    }
}

async fn with_three_on_their_way(moody: &mut Moody) -> (Hub, Vec<Published>) {
    let hub = Hub::with_links(&[("house", &link(moody.port(), "", &[("out", "x/#")]))], &[]);
    moody.welcome(false, &[]).await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    here.publish("x/1/set", "1").await;
    here.publish("x/2/set", &format!("\"{}\"", "long".repeat(100))).await;
    here.publish("x/3/set", "3").await;
    let mut published = Vec::new();
    for _ in 0..3 {
        published.push(moody.published().await);
    }
    assert!(published.iter().all(|(again, ..)| !again));
    moody.close();
    (hub, published)
}

#[tokio::test]
async fn a_broker_that_comes_back_and_takes_fewer_at_once_gets_them_all() {
    let mut moody = Moody::listening().await;
    let (hub, before) = with_three_on_their_way(&mut moody).await;
    // Receive maximum 1.
    moody.welcome(true, &[33, 0, 1]).await;
    let (again, id, topic) = moody.published().await;
    assert_eq!((again, id, topic.as_str()), (true, before[0].1, "x/1/set"));
    moody.acknowledge(id).await;
    for expected in ["x/2/set", "x/3/set"] {
        let (again, id, topic) = moody.published().await;
        assert_eq!((again, topic.as_str()), (false, expected));
        moody.acknowledge(id).await;
    }
    in_time("all to be told", async { while figure(&hub, "house", "messages_out_total").await < 3 {} }).await;
    assert_eq!(figure(&hub, "house", "queue_messages").await, 0);
}

#[tokio::test]
async fn a_broker_that_comes_back_and_takes_only_small_ones_gets_the_small_ones() {
    let mut moody = Moody::listening().await;
    let (hub, before) = with_three_on_their_way(&mut moody).await;
    // Maximum packet size 200.
    moody.welcome(true, &[39, 0, 0, 0, 200]).await;
    for at in [0, 2] {
        let (again, id, topic) = moody.published().await;
        assert_eq!((again, id, topic.as_str()), (true, before[at].1, before[at].2.as_str()));
        moody.acknowledge(id).await;
    }
    in_time("both to be told", async { while figure(&hub, "house", "messages_out_total").await < 2 {} })
        .await;
    assert_eq!(figure(&hub, "house", "messages_lost_total").await, 1);
    assert_eq!(figure(&hub, "house", "queue_messages").await, 0, "nothing is waited for");
    hub.logs("the broker takes 200; raise the broker's largest packet").await;
}

#[tokio::test]
async fn a_broker_that_comes_back_and_acknowledges_nothing_any_more_is_not_waited_for() {
    let mut moody = Moody::listening().await;
    let (hub, _) = with_three_on_their_way(&mut moody).await;
    // Maximum QoS 0.
    moody.welcome(true, &[36, 0]).await;
    for expected in ["x/1/set", "x/2/set", "x/3/set"] {
        assert_eq!(moody.published().await, (false, 0, expected.to_owned()));
    }
    assert_eq!(figure(&hub, "house", "messages_out_total").await, 3);
    assert_eq!(figure(&hub, "house", "queue_messages").await, 0, "nothing is waited for");
}

#[tokio::test]
async fn a_broker_that_refuses_a_subscription_is_told_with_the_line_of_the_rule() {
    let mut moody = Moody::listening().await;
    let rules: Vec<_> = (0..60).map(|n| format!("[[rule]]\ndirection = 'in'\nfilter = 'in/{n}'\n")).collect();
    let file = link(moody.port(), "", &[("out", "out/#")]) + &rules.concat();
    let line = 1 + file.lines().position(|line| line.contains("'in/57'")).unwrap() - 2;
    let hub = Hub::with_links(&[("house", &file)], &[]);
    moody.welcome(false, &[]).await;
    for filters in [50, 10_u8] {
        let (first, body) = moody.packet().await;
        assert_eq!(first, 0x82);
        let mut answer = vec![0x90, 3 + filters, body[0], body[1], 0];
        answer.extend((0..filters).map(|n| if filters == 10 && n == 7 { 0x87 } else { 1 }));
        moody.say(&answer).await;
    }
    hub.logs("the broker refuses a subscription").await;
    hub.logs(&format!("file=bridges/house.toml line={line} filter=\"in/57\" why=\"this user may not\""))
        .await;
    assert_eq!(hub.log().matches("refuses a subscription").count(), 1);
}

#[tokio::test]
async fn a_broker_that_keeps_a_session_without_our_subscriptions_is_asked_again() {
    let mut moody = Moody::listening().await;
    let hub = Hub::with_links(&[("house", &link(moody.port(), "", &[("in", "x/#")]))], &[]);
    // The connection ends before the broker has answered.
    moody.welcome(false, &[]).await;
    assert_eq!(moody.packet().await.0, 0x82);
    moody.close();
    moody.welcome(true, &[]).await;
    let (first, body) = moody.packet().await;
    assert_eq!(first, 0x82);
    assert!(!hub.log().contains("link is connected"), "it hears nothing yet");
    moody.say(&[0x90, 4, body[0], body[1], 0, 1]).await;
    hub.logs("link is connected").await;
    // Now it is, and is not asked a third time: the next thing it hears is that we go.
    moody.close();
    moody.welcome(true, &[]).await;
    until("the second connection", || hub.log().matches("link is connected").count() == 2).await;
    hub.signal("TERM");
    assert_eq!(moody.packet().await.0, 0xe0);
}

#[tokio::test]
async fn a_message_that_is_never_acknowledged_holds_up_nothing_but_its_own_place() {
    let mut moody = Moody::listening().await;
    let file = link(moody.port(), "inflight = 2", &[("out", "x/#")]);
    let hub = Hub::with_links(&[("house", &file)], &[]);
    moody.welcome(false, &[]).await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let mut held = 0;
    for n in 0..300 {
        here.publish("x/set", &n.to_string()).await;
        let (_, id, _) = moody.published().await;
        if n == 0 {
            held = id;
        } else {
            assert_ne!(id, held);
            moody.acknowledge(id).await;
        }
    }
    moody.acknowledge(held).await;
    in_time("all to be told", async { while figure(&hub, "house", "messages_out_total").await < 300 {} })
        .await;
}
