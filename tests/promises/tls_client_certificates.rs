//! Certificates of clients: what becomes of each kind at both doors, and of one that its authority has revoked.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Authority, Client, House, Hub, in_time, user};

/// What becomes of a client without a password.
#[derive(Debug, PartialEq, Eq)]
enum Becomes {
    /// The handshake of TLS fails.
    Refused,
    /// The handshake is good, and nobody has signed in.
    Nobody,
    /// This account has signed in.
    User(&'static str),
}
use Becomes::{Nobody, Refused, User};

async fn at_the_websocket(
    hub: &Hub,
    client: &Arc<ClientConfig>,
) -> Result<(Becomes, Option<Client>), String> {
    // TLS 1.3 tells a client that it is refused with the first bytes that it reads.
    let Ok(stream) = hub.encrypted(client).await else { return Ok((Refused, None)) };
    match Client::over(Box::new(stream), "localhost", "/talk", &[]).await {
        Ok(mut socket) => {
            let welcome = socket.configure(r#"{"filters": ["a"]}"#).await;
            Ok((named(welcome["name"].as_str().unwrap_or_default())?, Some(socket)))
        }
        Err(Error::Http(answer)) if answer.status() == 401 => Ok((Nobody, None)),
        Err(Error::Http(answer)) => Err(format!("{answer:?}")),
        Err(_) => Ok((Refused, None)),
    }
}

async fn at_the_lines(hub: &Hub, client: &Arc<ClientConfig>) -> Result<Becomes, String> {
    let Ok(stream) = hub.encrypted_lines(client).await else { return Ok(Refused) };
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let said = stream.write_all(b"[\"clown.talk/-/config/set\", {}]\n").await;
    let heard = in_time("the answer", stream.read_line(&mut line)).await;
    if said.is_err() || heard.is_err() || line.is_empty() {
        return Ok(Refused);
    }
    let [topic, payload]: [serde_json::Value; 2] = serde_json::from_str(&line).map_err(|_| line.clone())?;
    match topic.as_str() {
        Some("clown.talk/-/config/ok") => named(payload["name"].as_str().unwrap_or_default()),
        Some("clown.talk/-/config/error") => Ok(Nobody),
        _ => Err(line),
    }
}

/// A session is called after its account.
fn named(session: &str) -> Result<Becomes, String> {
    match session.rsplit_once('-') {
        Some(("jana", _)) => Ok(User("jana")),
        _ => Err(session.to_owned()),
    }
}

fn hub_asking(house: &House, kind: &str, more: &[&str]) -> Hub {
    let users = [user("jana", &["#"], &["#"], false)];
    let ca = format!("server.tls_client_ca={}", house.path("clients.pem").display());
    let (kind, settings) = (format!("server.tls_client={kind}"), house.settings());
    let mut all: Vec<_> = settings.iter().map(String::as_str).collect();
    all.extend([&ca, &kind, "server.line_tls_listen=127.0.0.1:0"]);
    all.extend(more);
    Hub::with_users(&users, &all)
}

#[tokio::test]
async fn each_kind_of_certificate_has_the_same_end_at_both_doors() {
    let house = House::new();
    let (ours, others) = (Authority::new("Clients"), Authority::new("Others"));
    ours.write(&house.path("clients.pem"));
    let none = house.client();
    let wrong = house.client_as(&others.identity("jana", &[], 2090));
    let expired = house.client_as(&ours.identity("jana", &[], 2001));
    let right = house.client_as(&ours.identity("jana", &[], 2090));
    let unknown = house.client_as(&ours.identity("emil", &["no.account"], 2090));
    for (kind, of_none) in [("optional", Nobody), ("required", Refused)] {
        let of_none_is_told = match of_none {
            Refused => Some("the client shows no certificate, which server.tls_client asks for"),
            Nobody | User(_) => None,
        };
        let hub = hub_asking(&house, kind, &[]);
        for (client, what, becomes, told) in [
            (&none, "none", of_none, of_none_is_told),
            (
                &wrong,
                "of another authority",
                Refused,
                Some("of an authority that is not in server.tls_client_ca"),
            ),
            (&expired, "expired", Refused, Some("the certificate of the client has expired")),
            (&right, "right", User("jana"), None),
            (
                &unknown,
                "right, of no account",
                Nobody,
                Some("the certificate of the client names no account"),
            ),
        ] {
            let (by_websocket, _) = at_the_websocket(&hub, client).await.unwrap();
            assert_eq!(by_websocket, becomes, "{what}, {kind}");
            assert_eq!(at_the_lines(&hub, client).await.unwrap(), becomes, "{what}, {kind}, lines");
            if let Some(told) = told {
                hub.logs(told).await;
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_revoked_opens_nothing_more_and_what_is_open_stays() {
    let house = House::new();
    let ours = Authority::new("Clients");
    ours.write(&house.path("clients.pem"));
    let list = house.path("revoked.pem");
    let (jana, other) = (ours.identity("jana", &[], 2090), ours.identity("jana", &[], 2090));
    ours.write_revoked(&list, &[]);
    let hub = hub_asking(&house, "optional", &[&format!("server.tls_client_crl={}", list.display())]);
    let (client, spare) = (house.client_as(&jana), house.client_as(&other));
    let (becomes, open) = at_the_websocket(&hub, &client).await.unwrap();
    assert_eq!(becomes, User("jana"));
    assert_eq!(at_the_websocket(&hub, &client).await.unwrap().0, User("jana"));
    assert_eq!(hub.figure("tls_resumed").await, 1, "it could be resumed");

    ours.write_revoked(&list, &[&jana]);
    hub.logs("clients are asked by the authorities and lists that are there now").await;
    assert_eq!(at_the_websocket(&hub, &client).await.unwrap().0, Refused);
    hub.logs("the certificate of the client is revoked (server.tls_client_crl)").await;
    assert_eq!(at_the_lines(&hub, &client).await.unwrap(), Refused);
    assert_eq!(
        at_the_websocket(&hub, &spare).await.unwrap().0,
        User("jana"),
        "another one of the same account"
    );
    open.unwrap().publish("b", "1").await;

    // A bad list keeps the one from before.
    let good = std::fs::read(&list).unwrap();
    std::fs::write(&list, &good[..good.len() / 2]).unwrap();
    hub.logs("the certificate from before is still served").await;
    assert!(hub.log().contains("server.tls_client_crl: "), "{}", hub.log());
    assert_eq!(at_the_websocket(&hub, &client).await.unwrap().0, Refused);
    assert_eq!(at_the_websocket(&hub, &spare).await.unwrap().0, User("jana"));
}
