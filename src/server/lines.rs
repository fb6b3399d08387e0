//! Lines over TCP: the first line says who is there, and then it is a connection like any other
//! (`docs/protocol.md`, clause 2.6).

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::place::Place;
use super::{App, SideWord, gate};
use crate::connection::{self, Ending, Incoming, Lines, Patience, Wire};
use crate::hub::Session;
use crate::talk::{Frames, Reply};
use crate::topic::Base;

/// What a client gets that there is no place for.
pub(super) const FULL: &[u8] =
    b"[\"clown.talk/-/close\", {\"code\": 1013, \"reason\": \"too many connections, try again in a while\"}]\n";

pub(super) async fn serve(app: Arc<App>, stream: TcpStream, place: Place) {
    /// The kernel's keep-alive does the asking; the hub has no ping on a byte stream.
    const NEVER: Duration = Duration::from_hours(87600);
    let mut wire = Lines::new(stream, app.hub.settings().message_bytes);
    let greeted = tokio::select! {
        greeted = timeout(app.settings.handshake, greet(&app, &mut wire, &place)) => greeted,
        () = app.shutdown.drain().cancelled() => Ok(Err(Ending::ShuttingDown)),
    };
    match greeted {
        Ok(Ok((session, ended))) => {
            place.is_signed_in();
            let patience = Patience { ping: NEVER, ..app.settings.patience };
            connection::run(wire, session, patience, app.signs(Some(ended))).await;
        }
        Ok(Err(ending)) => refuse(&mut wire, &ending).await,
        Err(_) => refuse(&mut wire, &Ending::NotSignedIn("no first line in time".into())).await,
    }
}

/// Tells a client who gave no good first line so, in the words of the protocol.
async fn refuse(wire: &mut Lines<TcpStream>, ending: &Ending) {
    let reply = Reply::ConfigError { reason: ending.cause().into_owned(), filters: vec![] };
    wire.frame(&[reply.text().as_bytes()]);
    wire.close(ending).await;
}

/// Reads the first line, lets its sender in, and takes the line as the `config/set` that it is.
async fn greet(
    app: &App,
    wire: &mut Lines<TcpStream>,
    place: &Place,
) -> Result<(Session, CancellationToken), Ending> {
    let line = first_line(wire).await?;
    let refuse = |why: Cow<'static, str>| Ending::NotSignedIn(why);
    let hello = Hello::parse(&line)?;
    let login = app.login(place, &hello.user, hello.password.as_bytes()).await;
    let signed_in = login.map_err(|error| refuse(error.to_string().into()))?;
    let base = Base::parse(&hello.base, &app.hub.settings().topic)
        .map_err(|error| refuse(format!("no such base: {error}").into()))?;
    let side = hello.side.into();
    if let Err(why) = gate::may_stand(&signed_in.user, &base, side) {
        app.log_forbidden(place, &signed_in.user, &base, side, why);
        return Err(refuse(why.into()));
    }
    let mut session = app.session(&signed_in.user, place, base, side);
    session.receive(&line, SystemTime::now()).map_err(Ending::TooMuch)?;
    if !session.is_open() {
        session.drain(usize::MAX, SystemTime::now(), &mut |pieces| wire.frame(pieces));
        return Err(refuse("the first line is not a valid config/set".into()));
    }
    Ok((session, signed_in.ended))
}

/// The first line that is not blank.
async fn first_line(wire: &mut Lines<TcpStream>) -> Result<String, Ending> {
    loop {
        match poll_fn(|cx| wire.poll_read(cx)).await {
            Incoming::Text => match wire.text() {
                None => return Err(Ending::NotUtf8),
                Some(line) if line.trim().is_empty() => {}
                Some(line) => return Ok(line.to_owned()),
            },
            Incoming::Binary | Incoming::Alive | Incoming::Part(_) => {}
            Incoming::End(ending) => return Err(ending),
        }
    }
}

/// Who speaks on a byte stream, as its first line says: a `config/set` with some keys more.
#[derive(Deserialize)]
struct Hello {
    user: String,
    password: String,
    #[serde(default)]
    base: String,
    #[serde(default)]
    side: SideWord,
}

/// What the first line must be, for whoever sent another.
const FIRST_LINE: &str =
    "the first line must be [\"clown.talk/-/config/set\", {\"user\": \"…\", \"password\": \"…\"}]";

/// The sentence goes to whoever wrote the line and nowhere else: it may quote a password.
fn complaint(error: &serde_json::Error) -> Cow<'static, str> {
    let said = error.to_string();
    if said.starts_with("missing field") {
        FIRST_LINE.into()
    } else {
        format!("the first line: {said}").into()
    }
}

impl Hello {
    fn parse(line: &str) -> Result<Self, Ending> {
        match Frames::of(line).next() {
            Some(Ok(frame)) if frame.topic == "clown.talk/-/config/set" => {
                serde_json::from_str(frame.payload).map_err(|error| Ending::NotSignedIn(complaint(&error)))
            }
            _ => Err(Ending::NotSignedIn(FIRST_LINE.into())),
        }
    }
}
