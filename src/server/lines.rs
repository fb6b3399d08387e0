//! Lines over TCP: the first line says who is there, and then it is a connection like any other
//! (`docs/protocol.md`, clause 2.6).

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;

use super::hello::{self, FirstLine, Hello};
use super::introduction::{Language, introduced};
use super::peer::Peer;
use super::place::Place;
use super::{App, Door, Plain, gate, secure};
use crate::access::SignedIn;
use crate::connection::{self, Ending, Lines, Patience, Signs, Wire};
use crate::hub::Session;
use crate::moment::Moment;
use crate::talk::{Frames, Reply};
use crate::tls::Stream;
use crate::topic::Base;

/// The answer to a client for whom there is no place.
pub(super) const FULL: &[u8] =
    b"[\"clown.talk/-/close\", {\"code\": 1013, \"reason\": \"too many connections, try again in a while\"}]\n";

/// What a connection hears that is refused before it says anything.
pub(super) fn closes(reason: &str) -> Vec<u8> {
    let reason = serde_json::Value::from(reason);
    format!("[\"clown.talk/-/close\", {{\"code\": 1002, \"reason\": {reason}}}]\n").into_bytes()
}

/// Serves a connection that comes without TLS.
pub(super) async fn serve_plain(app: Arc<App>, mut stream: TcpStream, mut place: Place) {
    let is_introduced = tokio::select! {
        is_introduced = introduced(&app, &mut stream, &mut place, Language::Lines) => is_introduced,
        () = app.shutdown.drain().cancelled() => return,
    };
    if is_introduced {
        serve(app, stream.into(), place).await;
    }
}

/// Serves a connection that comes with TLS.
pub(super) async fn serve_tls(
    app: Arc<App>,
    config: Arc<ServerConfig>,
    mut stream: TcpStream,
    mut place: Place,
) {
    let answer = secure::LINE_WITHOUT_TLS;
    let is_introduced = tokio::select! {
        is_introduced = introduced(&app, &mut stream, &mut place, Language::Tls { of_streams: true }) => is_introduced,
        () = app.shutdown.drain().cancelled() => return,
    };
    if !is_introduced {
        return;
    }
    // In a box, so that no connection holds room for its handshake.
    let encrypted = Box::pin(secure::encrypt(&app, config, stream, &mut place, answer)).await;
    if let Some(stream) = encrypted {
        serve(app, stream, place).await;
    }
}

async fn serve(app: Arc<App>, stream: Stream, place: Place) {
    /// The kernel's keep-alive does the asking; the hub has no ping on a byte stream.
    const NEVER: Duration = Duration::from_hours(87600);
    let mut wire = Lines::new(stream, app.hub.settings().message_bytes);
    let peer = Peer::of_connection(&app.settings.trusted_proxies, Arc::new(place));
    if app.settings.plain != Plain::Serve && !peer.is_encrypted() && !peer.is_near() {
        let ending = counted(&app, refused("from other machines lines are taken over TLS only"));
        return refuse(&mut wire, &ending).await;
    }
    if app.access.accounts().is_demo() && !peer.is_near() {
        let ending = counted(&app, refused("the demo user is for this machine alone: set up accounts"));
        return refuse(&mut wire, &ending).await;
    }
    let greeted = tokio::select! {
        greeted = timeout(app.settings.handshake, greet(&app, &mut wire, &peer)) => greeted,
        () = app.shutdown.drain().cancelled() => Ok(Err(Ending::ShuttingDown)),
    };
    match greeted {
        Ok(Ok((mut session, signs, line))) => {
            let _held = peer.sign_in();
            let begun = tokio::select! {
                begun = begin(&app, &mut wire, &mut session, &line) => begun,
                // The end of the hub, or of what the client has signed in by.
                () = signs.ended().cancelled() => Err(signs.reason()),
            };
            if let Err(ending) = begun {
                return refuse(&mut wire, &ending).await;
            }
            let patience = Patience { ping: NEVER, ..app.settings.patience };
            connection::run(wire, session, patience, signs).await;
        }
        Ok(Err(ending)) => refuse(&mut wire, &ending).await,
        Err(_) => refuse(&mut wire, &counted(&app, refused("no first line in time"))).await,
    }
}

/// Tells a client who gave no good first line so, in the words of the protocol.
async fn refuse(wire: &mut Lines<Stream>, ending: &Ending) {
    let reply = Reply::ConfigError { reason: ending.cause().into_owned(), filters: vec![] };
    wire.frame(&[reply.text().as_bytes()]);
    wire.close(ending).await;
}

/// Reads the first line and lets its sender in.
async fn greet(app: &App, wire: &mut Lines<Stream>, peer: &Peer) -> Result<(Session, Signs, String), Ending> {
    let message_bytes = app.hub.settings().message_bytes;
    let of_its_form = |ending| counted(app, ending);
    let (line, hello, signed_in) = match hello::first_line(wire, message_bytes).await.map_err(of_its_form)? {
        FirstLine::Whole(line) => {
            let hello = Hello::parse(&line).map_err(of_its_form)?;
            let signed_in = if let Some(named) = &hello.credentials() {
                sign_in(app, peer, &named.user, &named.password).await?
            } else {
                let named = app.signed_in_by_certificate(peer);
                let named = named.ok_or_else(|| of_its_form(hello::nobody()))?;
                let let_in = app.let_in(named, peer, Door::Lines);
                let_in.map_err(|error| counted(app, refused(error.to_string())))?
            };
            (line, hello, signed_in)
        }
        FirstLine::Begun(begun) => {
            let signed_in = sign_in(app, peer, &begun.user, &begun.password).await?;
            let line = hello::rest_of_first_line(wire, message_bytes).await.map_err(of_its_form)?;
            let hello = Hello::parse(&line).map_err(of_its_form)?;
            if hello.credentials().as_ref() != Some(&begun) {
                return Err(counted(app, refused("the first line names two users")));
            }
            (line, hello, signed_in)
        }
    };
    wire.set_limit(message_bytes);
    let base = Base::parse(&hello.base, &app.hub.settings().topic)
        .map_err(|error| counted(app, refused(format!("no such base: {error}"))))?;
    let side = hello.side.into();
    if let Err(why) = gate::may_stand(&signed_in.user, &base, side) {
        app.log_forbidden(peer, Door::Lines, &signed_in, (&base, side), why);
        return Err(refused(why));
    }
    let connected = app.place_of_user(peer, &signed_in).map_err(refused)?;
    let session = app.session(&signed_in, peer, Door::Lines, base, side);
    Ok((session, app.signs(Some((&signed_in, connected))), line))
}

/// Takes the first line as the `config/set` that it is. In a cluster its answer waits until what it asks for was read from the servers,
/// which may take longer than signing in may.
async fn begin(app: &App, wire: &mut Lines<Stream>, session: &mut Session, line: &str) -> Result<(), Ending> {
    let mut frames = Frames::of(line);
    while session.receive_some(&mut frames, usize::MAX, Moment::now()).map_err(Ending::TooMuch)? {
        poll_fn(|cx| session.poll_awaited(cx)).await;
    }
    if !session.is_open() {
        session.drain(usize::MAX, Moment::now(), &mut |pieces| wire.frame(pieces));
        return Err(counted(app, refused("the first line is not a valid config/set")));
    }
    Ok(())
}

async fn sign_in(app: &App, peer: &Peer, user: &str, password: &str) -> Result<SignedIn, Ending> {
    let login = app.login(peer, Door::Lines, user, password.as_bytes()).await;
    login.map_err(|error| refused(error.to_string()))
}

/// Counts a first line that is refused for its form. Who left before it was whole was not refused.
fn counted(app: &App, ending: Ending) -> Ending {
    if ending != Ending::Vanished {
        app.hub.figures().connections_refused.add(1);
    }
    ending
}

fn refused(why: impl Into<Cow<'static, str>>) -> Ending {
    Ending::NotSignedIn(why.into())
}
