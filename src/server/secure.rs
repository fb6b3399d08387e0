//! How a connection begins: with a TLS handshake or without, and what is told to those who took one listener for the other.

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_rustls::rustls::{self, HandshakeKind, ServerConfig, ServerConnection};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::App;
use super::place::{Encryption, Place};
use crate::hub::Hub;
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::tls::{Certificate, Facts, News, Offer, Stream, Watch};

/// How long a TLS handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);

/// What TLS holds of one connection that is encrypted and not taken by the socket: one full record. The rest waits in the
/// outbox, where it is counted.
const WAITING: usize = 16 * 1024;

/// How often the files of the certificate are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long somebody who took the wrong port may take to read so.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// From so many days on the log says that the certificate ends, and again at each smaller one.
const WARNED: [i64; 5] = [14, 7, 3, 1, 0];

/// The first byte of a TLS handshake (RFC 8446, 5.1).
pub(super) const HANDSHAKE_RECORD: u8 = 22;

/// A fatal alert: the handshake has failed. It is what a client of TLS understands.
const ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 40];

/// The answer to HTTP on the port for TLS.
pub(super) const HTTP_WITHOUT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 61\r\n\r\n\
    this port speaks TLS: the URL begins with https:// or wss://\n";

/// The answer to a line on the port for lines with TLS.
pub(super) const LINE_WITHOUT_TLS: &[u8] =
    b"[\"clown.talk/-/close\", {\"code\": 1002, \"reason\": \"this port takes lines over TLS\"}]\n";

/// How a connection has begun.
enum Begun {
    Tls(Box<TlsStream<TcpStream>>),
    /// Not with TLS.
    Plain(TcpStream),
    /// With nothing: somebody has looked whether there is a listener.
    Gone,
}

/// Does the TLS handshake; `None` where it came to nothing, which is counted and logged.
pub(super) async fn encrypt(
    app: &App,
    config: Arc<ServerConfig>,
    stream: TcpStream,
    place: &mut Place,
    without_tls: &[u8],
) -> Option<Stream> {
    let handshake = app.places.handshake(place)?;
    let begun = tokio::select! {
        begun = timeout(HANDSHAKE, begin(config, stream)) => {
            begun.unwrap_or_else(|_| Err(io::Error::other("it took more than 5 s")))
        }
        () = handshake.cut.cancelled() => Err(io::Error::other("others came, and there was no other place")),
        () = app.shutdown.drain().cancelled() => return None,
    };
    match begun {
        Ok(Begun::Tls(stream)) => {
            let (_, tls) = stream.get_ref();
            let certificate = tls.peer_certificates().and_then(|chain| Certificate::read(chain.first()?));
            let encryption = certificate.map_or(Encryption::Tls, |read| Encryption::TlsOf(Box::new(read)));
            let figures = app.hub.figures();
            figures.tls_handshakes.add(1);
            if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                figures.tls_resumed.add(1);
            }
            handshake.finish(place, encryption).then_some(Stream::Tls(stream))
        }
        Ok(Begun::Plain(mut stream)) => {
            failed(app, place.client().ip(), "the client does not speak TLS");
            tell(&mut stream, without_tls).await;
            None
        }
        Ok(Begun::Gone) => None,
        Err(error) => {
            failed(app, place.client().ip(), &reason(&error));
            None
        }
    }
}

async fn begin(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<Begun> {
    match first_byte(&stream).await? {
        None => Ok(Begun::Gone),
        Some(HANDSHAKE_RECORD) => {
            let limited = |tls: &mut ServerConnection| tls.set_buffer_limit(Some(WAITING));
            let stream = TlsAcceptor::from(config).accept_with(stream, limited).await?;
            Ok(Begun::Tls(Box::new(stream.into())))
        }
        Some(_) => Ok(Begun::Plain(stream)),
    }
}

/// Answers a client that speaks TLS to a listener without.
pub(super) async fn refuse_tls(app: &App, mut stream: Stream, place: &Place) {
    static MIXED_UP: Seldom = Seldom::new();
    app.hub.figures().connections_refused.add(1);
    if let Some(times) = MIXED_UP.again(&place.client().ip().to_string()) {
        let address = place.client();
        let advice = match app.settings.tls_port {
            Some(port) => format!("https:// and wss:// go to port {port}"),
            None => "write http:// or ws://, or set server.tls_listen".to_owned(),
        };
        tracing::warn!(%address, %times, "a client speaks TLS to a port without TLS: {advice}");
    }
    tell(&mut stream, &ALERT).await;
}

/// The first byte that comes, which stays where it is; `None` if the client has gone.
async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    Ok((stream.peek(&mut byte).await? > 0).then_some(byte[0]))
}

/// Says something to a client that is not served, and gives it a moment to read it.
pub(super) async fn tell(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &[u8]) {
    let _ = timeout(GOOD_BYE, async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        // A reset would take the answer away from who has more to say.
        let mut bin = vec![0; 4096];
        while stream.read(&mut bin).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
}

fn failed(app: &App, address: IpAddr, reason: &str) {
    static FAILED: Seldom = Seldom::new();
    app.hub.figures().tls_failed.add(1);
    // Behind one address there may be clients with different troubles.
    if let Some(times) = FAILED.again(&format!("{address} {reason}")) {
        tracing::warn!(%address, %times, "TLS handshake failed: {reason}");
    }
}

/// Why a handshake has failed, for the log of the hub.
fn reason(error: &io::Error) -> Cow<'static, str> {
    use rustls::AlertDescription as Alert;
    use rustls::CertificateError as Bad;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown)) => {
            "the client does not trust the certificate; install the authority's on it (docs/tls.md), or let it reach the \
             hub by a name that stands in the certificate"
                .into()
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            "the client shows no certificate, which server.tls_client asks for".into()
        }
        Some(rustls::Error::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature)) => {
            "the certificate of the client is of an authority that is not in server.tls_client_ca".into()
        }
        Some(rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. })) => {
            "the certificate of the client has expired".into()
        }
        Some(rustls::Error::InvalidCertificate(Bad::Revoked)) => {
            "the certificate of the client is revoked (server.tls_client_crl)".into()
        }
        _ => error.to_string().into(),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let now = Moment::now().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// Watches the files of the certificate until the stop sign, and tells how long it is good for.
pub(super) async fn watch(app: Arc<App>, offer: Arc<Offer>) {
    let mut watch = Watch::new(Arc::clone(&offer));
    let (mut clock, mut warned) = (interval(LOOK), None);
    let mut before = offer.facts().certificate.fingerprint;
    loop {
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            _ = clock.tick() => {}
        }
        let news = tokio::select! {
            // A drive that hangs holds nothing up.
            () = app.shutdown.drain().cancelled() => return,
            news = watch.look(now()) => news,
        };
        let refused = &app.hub.figures().tls_refused;
        match news {
            None => {}
            Some(News::Taken(facts)) => {
                refused.set(0);
                let fingerprint = facts.certificate.fingerprint;
                if std::mem::replace(&mut before, fingerprint) == fingerprint {
                    tracing::info!(
                        "the files of TLS were read again: clients are asked by the authorities and lists that are there now; \
                         connections that are open stay"
                    );
                } else {
                    warned = None;
                    let names = facts.certificate.all_names().collect::<Vec<_>>().join(", ");
                    let days_left = facts.certificate.days_left(now());
                    tracing::info!(
                        %names, days_left, "the certificate was renewed; connections that are open stay"
                    );
                }
            }
            Some(News::Refused(mistake)) => {
                refused.set(1);
                tracing::error!("{mistake} (the certificate from before is still served)");
            }
        }
        tell_how_long(&app.hub, &offer.facts(), &mut warned);
    }
}

/// Puts the end of the certificate into the figures, and warns when it comes near.
fn tell_how_long(hub: &Hub, facts: &Facts, warned: &mut Option<i64>) {
    let days = facts.certificate.days_left(now());
    hub.figures().tls_days_left.set(u64::try_from(days).unwrap_or(0));
    hub.figures().tls_expires.set(u64::try_from(facts.certificate.until).unwrap_or(0));
    let Some(step) = WARNED.into_iter().rfind(|step| days <= *step) else { return };
    if warned.is_some_and(|warned| warned <= step) {
        return;
    }
    *warned = Some(step);
    if days > 0 {
        tracing::warn!(days, "the certificate ends soon: renew it; the hub takes the new files by itself");
    } else {
        tracing::error!(
            "the certificate has expired, and clients refuse it: renew it; the hub takes the new files by itself"
        );
    }
}
