//! A client over WebSocket, and one that looks on while others misbehave.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Hub, PASSWORD, basic, in_time};

/// What a WebSocket goes over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One WebSocket.
pub struct Client {
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl Client {
    /// Goes to a path as the demo user, and says nothing.
    pub async fn connect(hub: &Hub, path: &str) -> Self {
        Self::connect_with(hub, path, &[("authorization", &basic("clown", "bigclown"))]).await.unwrap()
    }

    /// Goes to a path as one of the accounts, and says nothing.
    pub async fn connect_as(hub: &Hub, user: &str, path: &str) -> Self {
        Self::connect_with(hub, path, &[("authorization", &basic(user, PASSWORD))]).await.unwrap()
    }

    /// Goes to a path with these headers, and says nothing.
    pub async fn connect_with(
        hub: &Hub,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let stream = TcpStream::connect(hub.address).await?;
        stream.set_nodelay(true)?;
        Self::over(Box::new(stream), &hub.address.to_string(), path, headers).await
    }

    /// Goes to a path of a host over a stream, with these headers, and says nothing.
    pub async fn over(
        stream: Box<dyn Stream>,
        host: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{host}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = in_time("the handshake", tokio_tungstenite::client_async(request, stream)).await?;
        Ok(Self { socket })
    }

    /// Goes to a path as the demo user and opens the transmission with these settings.
    pub async fn open(hub: &Hub, path: &str, settings: &str) -> Self {
        let mut client = Self::connect(hub, path).await;
        client.configure(settings).await;
        client
    }

    /// As [`open`](Self::open), as one of the accounts.
    pub async fn open_as(hub: &Hub, user: &str, path: &str, settings: &str) -> Self {
        let mut client = Self::connect_as(hub, user, path).await;
        client.configure(settings).await;
        client
    }

    /// Sends `config/set` and takes `config/ok`.
    pub async fn configure(&mut self, settings: &str) -> Value {
        self.say(&format!("[\"clown.talk/-/config/set\", {settings}]")).await;
        let [topic, payload] = self.two().await;
        assert_eq!(topic, "clown.talk/-/config/ok", "{payload}");
        payload
    }

    /// Sends one text message.
    pub async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        in_time("room to write", self.socket.send(message)).await.unwrap();
    }

    /// Sends one text message to a hub that may be gone.
    pub async fn try_say(&mut self, text: &str) -> Result<(), Error> {
        in_time("room to write", self.socket.send(Message::text(text))).await
    }

    /// The next text message of a hub that may be gone.
    pub async fn try_hear(&mut self) -> Option<String> {
        loop {
            match self.message().await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// Puts a text message in without waiting for it to be written.
    pub async fn feed(&mut self, text: &str) {
        in_time("room to write", self.socket.feed(Message::text(text))).await.unwrap();
    }

    /// Writes all that was fed.
    pub async fn flush(&mut self) {
        in_time("room to write", self.socket.flush()).await.unwrap();
    }

    /// The next message, whatever it is.
    pub async fn message(&mut self) -> Option<Result<Message, Error>> {
        in_time("a message", self.socket.next()).await
    }

    /// The next text message; pings are passed over.
    pub async fn hear(&mut self) -> String {
        loop {
            match self.message().await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a text, got {other:?}"),
            }
        }
    }

    /// The next frame, as a JSON value.
    pub async fn frame(&mut self) -> Value {
        let text = self.hear().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Topic and payload of the next frame, which must have no third element.
    pub async fn two(&mut self) -> [Value; 2] {
        let frame = self.frame().await;
        serde_json::from_value(frame.clone()).unwrap_or_else(|_| panic!("not two elements: {frame}"))
    }

    /// As [`two`](Self::two), where nothing may come for longer than anything else takes.
    pub async fn two_within(&mut self, time: Duration) -> [Value; 2] {
        loop {
            let message =
                tokio::time::timeout(time, self.socket.next()).await.expect("waited in vain for a message");
            match message {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a text, got {other:?}"),
            }
        }
    }

    /// What the hub answers to this text: the payload of the next frame, which must be of this topic.
    pub async fn asks(&mut self, text: &str, answer_topic: &str) -> Value {
        self.say(text).await;
        let [topic, payload] = self.two().await;
        assert_eq!(topic, format!("clown.talk/-/{answer_topic}"), "{payload}");
        payload
    }

    /// Publishes, and returns when the hub has routed it.
    pub async fn publish(&mut self, topic: &str, payload: &str) {
        self.publish_with(topic, payload, "").await;
    }

    /// As [`publish`](Self::publish), with more options, as `, "retain": true`.
    pub async fn publish_with(&mut self, topic: &str, payload: &str, options: &str) {
        let topic = Value::from(topic);
        let answer = self.asks(&format!(r#"[{topic}, {payload}, {{"id": 0{options}}}]"#), "publish/ok").await;
        assert_eq!(answer["id"], 0);
    }

    /// Asserts that nothing is on its way to this client: the answer to a question comes next.
    pub async fn hears_nothing(&mut self) {
        self.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
        let text = self.hear().await;
        assert!(text.starts_with(r#"["clown.talk/-/subscription/ok""#), "did not expect {text}");
    }

    /// All texts until the hub closes, and its code and reason.
    pub async fn texts_until_close(&mut self) -> (Vec<String>, u16, String) {
        let mut texts = Vec::new();
        loop {
            match self.message().await {
                Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                Some(Ok(Message::Close(Some(close)))) => {
                    return (texts, close.code.into(), close.reason.to_string());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a close, got {other:?} after {} texts", texts.len()),
            }
        }
    }

    /// The code and the reason with which the hub closes.
    pub async fn closed(&mut self) -> (u16, String) {
        let (_, code, reason) = self.texts_until_close().await;
        (code, reason)
    }

    /// Says good-bye as RFC 6455 wants it, and waits for the answer.
    pub async fn leave(mut self) {
        in_time("the close", self.socket.close(None)).await.unwrap();
        in_time("the answer to the close", async { while let Some(Ok(_)) = self.socket.next().await {} })
            .await;
    }
}

/// Two connections that talk to each other while somebody else misbehaves.
pub struct Bystander {
    reader: Client,
    writer: Client,
    said: u64,
}

impl Bystander {
    /// As the demo user.
    pub async fn at(hub: &Hub) -> Self {
        Self::of(
            Client::open(hub, "/talk", r#"{"filters": ["bystander/#"]}"#).await,
            Client::open(hub, "/talk", r#"{"filters": []}"#).await,
        )
    }

    /// As an account that may read and write `bystander/#`.
    pub async fn as_user(hub: &Hub, user: &str) -> Self {
        Self::of(
            Client::open_as(hub, user, "/talk", r#"{"filters": ["bystander/#"]}"#).await,
            Client::open_as(hub, user, "/talk", r#"{"filters": []}"#).await,
        )
    }

    fn of(reader: Client, writer: Client) -> Self {
        Self { reader, writer, said: 0 }
    }

    /// Asserts that what is said arrives, next and unchanged, and that nothing else did.
    pub async fn is_undisturbed(&mut self) {
        self.said += 1;
        self.writer.publish("bystander/thing", &self.said.to_string()).await;
        assert_eq!(self.reader.hear().await, format!("[\"bystander/thing\", {}]", self.said));
    }
}
