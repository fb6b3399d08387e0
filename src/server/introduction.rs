//! The PROXY header of a connection, where one is due: whom the proxy speaks for, and what becomes of a connection whose header
//! is none.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::peer::is_trusted;
use super::place::Place;
use super::proxy_protocol::{self, Wrong};
use super::{App, http, lines, listen, secure};
use crate::seldom::Seldom;

/// How long a proxy may take for its header.
const PATIENCE: Duration = Duration::from_secs(5);

/// On which listeners the connections of trusted proxies begin with a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// On none.
    Off,
    /// On those for lines.
    Lines,
    /// On all.
    All,
}

/// What a listener speaks: in it a refusal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Http,
    Lines,
    Mqtt,
    /// None of them means anything before the handshake is done.
    Tls {
        of_streams: bool,
    },
}

/// Reads the PROXY header of a connection where one is due, and notes whom the proxy speaks for. False if the connection has
/// ended.
pub(super) async fn introduced(
    app: &App,
    stream: &mut TcpStream,
    place: &mut Place,
    language: Language,
) -> bool {
    let is_due = match app.settings.proxy_protocol {
        ProxyProtocol::Off => false,
        ProxyProtocol::Lines => {
            matches!(language, Language::Lines | Language::Mqtt | Language::Tls { of_streams: true })
        }
        ProxyProtocol::All => true,
    };
    if !is_due || !is_trusted(&app.settings.trusted_proxies, place.address.ip()) {
        return true;
    }
    // In a box, so that no connection holds room for it.
    Box::pin(introduce(app, stream, place, language)).await
}

async fn introduce(app: &App, stream: &mut TcpStream, place: &mut Place, language: Language) -> bool {
    let late = || Wrong::NotWhole(io::Error::other("it took more than 5 s"));
    let read = timeout(PATIENCE, proxy_protocol::read(stream)).await.unwrap_or_else(|_| Err(late()));
    let answer = match read {
        Ok(proxied) => {
            place.proxied = Some(Box::new(proxied));
            let counted = proxied.client.map_or(Ok(()), |client| app.places.count(place, client.ip()));
            let Err(full) = counted else { return true };
            let client = proxied.client.unwrap_or(place.address);
            listen::log_turned_away(app, &client, client.ip(), full);
            match language {
                Language::Http => http::FULL.to_vec(),
                Language::Lines => lines::FULL.to_vec(),
                Language::Mqtt | Language::Tls { .. } => Vec::new(),
            }
        }
        Err(wrong) => {
            refused(app, place, &wrong);
            let sentence = wrong.to_string();
            match language {
                Language::Http => http::bad_request(&sentence),
                Language::Lines => lines::closes(&sentence),
                Language::Mqtt | Language::Tls { .. } => Vec::new(),
            }
        }
    };
    secure::tell(stream, &answer).await;
    false
}

fn refused(app: &App, place: &Place, wrong: &Wrong) {
    static REFUSED: Seldom = Seldom::new();
    app.hub.figures().connections_refused.add(1);
    if let Some(times) = REFUSED.again(&place.address.ip().to_string()) {
        tracing::warn!(address = %place.address, %times, "connection refused: {wrong}");
    }
}
