//! An operator: switches the relay of a device and waits until the device says that it has switched.
//!
//! `cargo run --example operator -- ws://clown:bigclown@127.0.0.1:8080 home/attic on`

#![expect(clippy::print_stdout, reason = "a program talks to people")]
#![expect(clippy::indexing_slicing, reason = "a JSON value has null for a key that it has not")]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use url::Url;

type Failure = Box<dyn std::error::Error>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let hub = arguments.next().unwrap_or_else(|| "ws://clown:bigclown@127.0.0.1:8080".to_owned());
    let base = arguments.next().unwrap_or_else(|| "home/attic".to_owned());
    let wish = arguments.next().is_none_or(|word| word == "on");
    let mut hub = open(&hub, &base).await?;
    say(&mut hub, json!(["clown.talk/-/config/set", {"filters": ["relay/0"], "retained": false}])).await?;
    // With an id the hub says whether the command went out, or why not.
    say(&mut hub, json!(["relay/0/set", {"state": wish}, {"id": 1}])).await?;
    tokio::time::timeout(Duration::from_secs(5), confirmed(&mut hub, wish))
        .await
        .map_err(|_| "the device did not answer")??;
    println!("the relay is {}", if wish { "on" } else { "off" });
    Ok(hub.close(None).await?)
}

/// Waits for the device's own word.
async fn confirmed(hub: &mut Socket, wish: bool) -> Result<(), Failure> {
    while let Some(message) = hub.next().await {
        let Message::Text(text) = message? else { continue };
        let (topic, payload): (String, Value) = serde_json::from_str(&text)?;
        match topic.as_str() {
            "clown.talk/-/publish/error" => return Err(format!("refused: {}", payload["reason"]).into()),
            "relay/0" if payload["state"] == wish => return Ok(()),
            _ => {}
        }
    }
    Err("the hub has gone".into())
}

/// Opens the socket of a dashboard, with name and password in the header that the hub asks for.
async fn open(hub: &str, base: &str) -> Result<Socket, Failure> {
    let mut url = Url::parse(hub)?;
    let login = STANDARD.encode(format!("{}:{}", url.username(), url.password().unwrap_or_default()));
    url.set_path(&format!("talk/{base}"));
    let without_login = url.set_username("").and_then(|()| url.set_password(None));
    without_login.map_err(|()| "this address takes no name")?;
    let mut request = url.as_str().into_client_request()?;
    request.headers_mut().insert("authorization", format!("Basic {login}").parse()?);
    Ok(tokio_tungstenite::connect_async(request).await?.0)
}

async fn say(hub: &mut Socket, frame: Value) -> Result<(), Failure> {
    Ok(hub.send(Message::text(frame.to_string())).await?)
}
