//! A device: publishes a temperature every second and obeys its relay's `set`.
//!
//! `cargo run --example device -- ws://clown:bigclown@127.0.0.1:8080 home/attic`

#![expect(clippy::print_stdout, reason = "a program talks to people")]
#![expect(clippy::indexing_slicing, reason = "a JSON value has null for a key that it has not")]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use url::Url;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let hub = arguments.next().unwrap_or_else(|| "ws://clown:bigclown@127.0.0.1:8080".to_owned());
    let base = arguments.next().unwrap_or_else(|| "home/attic".to_owned());
    let (mut hub, _) = tokio_tungstenite::connect_async(request(&hub, &base)?).await?;
    // The hub takes commands from whoever may send them; this asks for those that this device understands.
    hub.send(frame("clown.talk/-/config/set", &json!({"filters": ["relay/0/set", "relay/0/get"]}))).await?;
    hub.send(frame("relay/0", &json!({"state": false}))).await?;
    let (mut is_on, mut celsius) = (false, 20.0);
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = clock.tick() => {
                celsius += if is_on { 0.25 } else { -0.05 };
                hub.send(frame("thermometer/0", &json!({"temperature": [celsius, "℃"]}))).await?;
            }
            message = hub.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let (topic, payload) = parse(&text)?;
                    if topic == "relay/0/set" {
                        is_on = payload["state"] == true;
                        println!("relay {}", if is_on { "on" } else { "off" });
                    }
                    if topic.starts_with("relay/0/") {
                        // What the device says is what is so; the operator waits for it.
                        hub.send(frame("relay/0", &json!({"state": is_on}))).await?;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err("the hub has gone".into()),
                // Pings are answered by the library.
                Some(Ok(_)) => {}
            }
        }
    }
}

/// The handshake of the node of a base, with name and password in the header that the hub asks for.
fn request(hub: &str, base: &str) -> Result<Request<()>, Box<dyn std::error::Error>> {
    let mut url = Url::parse(hub)?;
    let login = STANDARD.encode(format!("{}:{}", url.username(), url.password().unwrap_or_default()));
    url.set_path(&format!("talk/{base}"));
    url.set_query(Some("side=node"));
    let without_login = url.set_username("").and_then(|()| url.set_password(None));
    without_login.map_err(|()| "this address takes no name")?;
    let mut request = url.as_str().into_client_request()?;
    request.headers_mut().insert("authorization", format!("Basic {login}").parse()?);
    Ok(request)
}

fn frame(topic: &str, payload: &Value) -> Message {
    Message::text(json!([topic, payload]).to_string())
}

fn parse(text: &str) -> Result<(String, Value), serde_json::Error> {
    serde_json::from_str(text)
}
