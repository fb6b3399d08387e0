//! A CONNECT: who it is, whether they may come, under which client id, and with which session.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::super::peer::Peer;
use super::super::{App, Door, Plain, gate};
use super::roster::{Kept, Seat};
use super::{MqttSettings, parked};
use crate::access::{Connected, LoginError, SignedIn};
use crate::connection::{MqttBounds, MqttClient, MqttRest, MqttTalk, retention};
use crate::hub::{AtHome, Extras, Message, Rights, Session, Settings as HubSettings, Side};
use crate::mqtt::{Carried, Connect, Version, Welcome, Will, code, inward};
use crate::seldom::Seldom;
use crate::talk::control::is_unseen;
use crate::talk::{Kind, Request};
use crate::topic::{Base, Topic};

/// The longest client id, in bytes.
const CLIENT_ID: usize = 256;

/// How long who sits at a client id may take to go.
const HAND_OVER: Duration = Duration::from_secs(5);

/// A refusal: the reason code and a sentence.
type Refusal = (u8, Cow<'static, str>);

/// A client that is let in.
pub(crate) struct Greeted {
    pub(super) session: Session,
    pub(super) talk: Option<MqttTalk>,
    pub(super) seat: Seat,
    pub(super) who: SignedIn,
    pub(super) connected: Connected,
    /// In seconds.
    pub(super) keep_alive: u16,
    pub(super) home: Option<AtHome>,
    pub(super) welcome: Welcome<'static>,
    pub(super) assigned_id: Option<String>,
}

/// Lets a client in, or says why not.
pub(super) async fn greet(app: &Arc<App>, peer: &Peer, connect: &Connect<'_>) -> Result<Greeted, Refusal> {
    may_come(app, peer)?;
    let counted = |refusal| counted(app, refusal);
    if connect.properties.authentication_method.is_some() {
        let why = "the hub knows no authentication method: sign in with a name and a password, or a token";
        return Err(counted((code::BAD_METHOD, why.into())));
    }
    let (client_id, is_assigned) = client_id(connect).map_err(counted)?;
    let will_topic = connect.will.as_ref().map(|will| topic_of(app, will)).transpose().map_err(counted)?;
    let who = sign_in(app, peer, connect).await?;
    let stands = (&Base::ROOT, Side::Device);
    let forbidden = |why| {
        app.log_forbidden(peer, Door::Mqtt, &who, stands, why);
        (code::NOT_AUTHORIZED, Cow::from(why))
    };
    gate::may_stand(&who.user, &Base::ROOT, Side::Device).map_err(forbidden)?;
    if will_topic.as_ref().is_some_and(|topic| !may_publish(&who.user.rights, topic)) {
        return Err(forbidden("forbidden: the will takes the right publish"));
    }
    let connected = app.place_of_user(peer, &who).map_err(|why| (code::QUOTA, Cow::from(why)))?;
    let (seat, handed) = app.mqtt.enter(&who.user.name, &client_id, &who.ended);
    let before = match handed {
        Some(handed) => timeout(HAND_OVER, handed).await.ok().and_then(Result::ok).map(|kept| *kept),
        None => None,
    };
    let before = before.or_else(|| from_the_store(app, &who, &client_id));
    let (mut session, mut rest, session_present) = session_of(app, peer, &who, before, connect.is_clean);
    session.begins(&client_id);
    app.tell_connected(&session, peer, Door::Mqtt, &who, Side::Device);
    if let (Some(will), Some(topic)) = (&connect.will, will_topic) {
        leave_will(app, &mut session, will, topic).map_err(forbidden)?;
    }
    let home = home(app, &session, &who, &client_id);
    let settings = &app.settings.mqtt;
    let client = client(app, connect);
    let book = app.hub.lasting();
    if !session_present {
        book.forget(&who.user.name, &client_id);
    }
    rest.is_back(&session, || {
        (client.session_seconds > 0).then(|| book.begin(&who.user.name, &client_id, session.outbox()))?
    });
    let asked = connect.properties.session_expiry.unwrap_or(0);
    let (keep_alive, told_keep_alive) = keep_alive(connect, settings.keep_alive);
    let welcome = Welcome {
        session_present,
        session_expiry: (asked != client.session_seconds).then_some(client.session_seconds),
        receive_maximum: settings.window,
        packet_maximum: u32::try_from(app.hub.settings().message_bytes).unwrap_or(u32::MAX),
        assigned_id: None,
        alias_maximum: settings.topic_aliases,
        keep_alive: told_keep_alive,
    };
    let talk = MqttTalk::new(Arc::clone(&app.mqtt_bounds), client, rest);
    talk.tells_the_hub(&session);
    talk.remember();
    let assigned_id = is_assigned.then_some(client_id);
    Ok(Greeted { session, talk: Some(talk), seat, who, connected, keep_alive, home, welcome, assigned_id })
}

/// What the hub allows every client.
pub(in crate::server) fn bounds(settings: &MqttSettings, hub: &HubSettings) -> MqttBounds {
    MqttBounds {
        window: settings.window,
        window_bytes: hub.outbox.bytes,
        aliases: settings.topic_aliases,
        keeps_readings: settings.keeps_readings,
        topic: hub.topic,
        session_seconds: settings.session_seconds,
    }
}

/// Whether anybody may come from there without being asked who they are.
fn may_come(app: &App, peer: &Peer) -> Result<(), Refusal> {
    if app.settings.plain != Plain::Serve && !peer.is_encrypted() && !peer.is_near() {
        let why = "from other machines MQTT is taken over TLS only";
        return Err(counted(app, (code::NOT_AUTHORIZED, why.into())));
    }
    if app.access.accounts().is_demo() && !peer.is_near() {
        let why = "the demo user is for this machine alone: set up accounts";
        return Err(counted(app, (code::NOT_AUTHORIZED, why.into())));
    }
    Ok(())
}

/// Counts a CONNECT that is refused for its form.
fn counted(app: &App, refusal: Refusal) -> Refusal {
    app.hub.figures().connections_refused.add(1);
    refusal
}

/// What the client is known by, and whether the hub has given it.
fn client_id(connect: &Connect<'_>) -> Result<(String, bool), Refusal> {
    let id = connect.client_id;
    if id.is_empty() {
        if connect.version == Version::V3 && !connect.is_clean {
            let why = "a session without a client id cannot be found again";
            return Err((code::CLIENT_ID, why.into()));
        }
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            return Err((code::BUSY, "there is no client id to give".into()));
        }
        return Ok((format!("auto-{:016x}", u64::from_be_bytes(random)), true));
    }
    if id.len() > CLIENT_ID || id.chars().any(|c| c.is_control() || is_unseen(c)) {
        let why = "a client id has at most 256 bytes, and no control or format character";
        return Err((code::CLIENT_ID, why.into()));
    }
    Ok((id.to_owned(), false))
}

fn topic_of(app: &App, will: &Will<'_>) -> Result<Topic, Refusal> {
    Topic::parse(will.topic, &app.hub.settings().topic)
        .map_err(|error| (code::BAD_TOPIC, format!("the topic of the will: {error}").into()))
}

fn may_publish(rights: &Rights, topic: &Topic) -> bool {
    rights.may_publish(topic) && !topic.is_system() && !Request::claims(topic.as_str())
}

/// By name and password, by a token alone, or by the certificate.
async fn sign_in(app: &App, peer: &Peer, connect: &Connect<'_>) -> Result<SignedIn, Refusal> {
    let refused = |error: LoginError| (code_of(error), Cow::from(error.to_string()));
    let password = connect.password.unwrap_or_default();
    match (connect.user.filter(|user| !user.is_empty()), connect.password) {
        (Some(user), _) => app.login(peer, Door::Mqtt, user, password).await.map_err(refused),
        (None, Some(token)) if !token.is_empty() => {
            let token = std::str::from_utf8(token).unwrap_or_default();
            app.sign_in_with_token(peer, Door::Mqtt, token).map_err(|stranger| match stranger {
                gate::Stranger::Unnamed(why) => (code::BAD_LOGIN, why.into()),
                gate::Stranger::Refused(error) => refused(error),
            })
        }
        (None, _) => {
            let why = "name and password are needed";
            let named = app.signed_in_by_certificate(peer);
            let named = named.ok_or_else(|| counted(app, (code::NOT_AUTHORIZED, why.into())))?;
            app.let_in(named, peer, Door::Mqtt).map_err(refused)
        }
    }
}

fn code_of(error: LoginError) -> u8 {
    match error {
        LoginError::Wrong { .. } => code::BAD_LOGIN,
        LoginError::TooMany { .. } => code::TOO_MANY,
        LoginError::Busy => code::BUSY,
        LoginError::NoCertificate | LoginError::NotFromHere | LoginError::Over | LoginError::Changed => {
            code::NOT_AUTHORIZED
        }
    }
}

/// The session from before, where there is one and the user may still have it, or a new one.
fn session_of(
    app: &App,
    peer: &Peer,
    who: &SignedIn,
    before: Option<Kept>,
    is_clean: bool,
) -> (Session, MqttRest, bool) {
    if let Some(Kept { mut session, mut rest, .. }) = before {
        if !is_clean {
            session.forget_will();
        }
        let rights = Arc::clone(&who.user.rights);
        if !is_clean && session.goes_on(peer.address(), peer.is_untold(), rights).is_ok() {
            if let Some(share) = app.share_of_network(peer) {
                session.within(share);
            }
            let mut filters = rest.filters(true);
            filters.retain(|filter| session.may_hold(filter));
            // They were held before, so there is room.
            let _ = session.add_filters(filters, false);
            rest.joins_again(&mut session);
            return (session, rest, true);
        }
        parked::ends(app, &mut session, &mut rest);
    }
    (app.connect(&who.user, peer, Base::ROOT, Side::Device), MqttRest::default(), false)
}

/// A session that the store has given back late, when those it knew of before had been taken over.
fn from_the_store(app: &Arc<App>, who: &SignedIn, client_id: &str) -> Option<Kept> {
    let claimed = app.hub.lasting().claim(&who.user.name, client_id)?;
    match parked::revive(app, claimed) {
        Ok(revived) => Some(revived.kept),
        Err(left) => {
            left.pass_on(app);
            None
        }
    }
}

fn leave_will(app: &App, session: &mut Session, will: &Will<'_>, topic: Topic) -> Result<(), &'static str> {
    let inward = inward(will.payload);
    let retention = retention(session, will.retain, will.payload, app.settings.mqtt.keeps_readings);
    let clears = retention == Some(crate::hub::Retention::Clear);
    let payload = if clears { "null" } else { &inward.json };
    let passed_on = Carried::options_of_will(will.qos, &will.properties, inward.raw);
    let kind = Kind::of(topic.as_str());
    let extras = Extras { passed_on, ..Extras::default() };
    let message = Message { topic, payload, kind, retention, extras, was_kept: false };
    let lasts = will.properties.message_expiry.map(|seconds| Duration::from_secs(seconds.into()));
    session.leave_will(message, lasts).map_err(|_| "forbidden: the will takes the right publish")
}

fn client(app: &App, connect: &Connect<'_>) -> MqttClient {
    let (most, properties) = (app.settings.mqtt.session_seconds, &connect.properties);
    let asked = match connect.version {
        Version::V3 if connect.is_clean => 0,
        Version::V3 => u32::MAX,
        Version::V5 => properties.session_expiry.unwrap_or(0),
    };
    let will_delay = connect.will.as_ref().and_then(|will| will.properties.will_delay).unwrap_or(0);
    MqttClient {
        version: connect.version,
        receive_maximum: properties.receive_maximum.unwrap_or(u16::MAX),
        packet_maximum: properties.packet_maximum.map_or(usize::MAX, |most| most as usize),
        alias_maximum: properties.alias_maximum.unwrap_or(0),
        session_seconds: asked.min(most),
        will_delay,
    }
}

/// The keep-alive that holds, and what the client has to be told of it. One of 3.1.1 cannot be told.
fn keep_alive(connect: &Connect<'_>, longest: u16) -> (u16, Option<u16>) {
    let asked = connect.keep_alive;
    let is_longer = longest > 0 && (asked == 0 || asked > longest);
    if is_longer && connect.version == Version::V5 { (longest, Some(longest)) } else { (asked, None) }
}

/// Announces the client as a node, where the configuration says at which base.
fn home(app: &App, session: &Session, who: &SignedIn, client_id: &str) -> Option<AtHome> {
    static NOT_AT_HOME: Seldom = Seldom::new();
    let template = &app.settings.mqtt.presence;
    if template.is_empty() {
        return None;
    }
    let text = template.replace("%u", &who.user.name).replace("%c", client_id);
    let base = Base::parse(&text, &app.hub.settings().topic).ok();
    let home = base.and_then(|base| session.at_home(base));
    if home.is_none()
        && let Some(times) = NOT_AT_HOME.again(client_id)
    {
        tracing::info!(client = %session.name(), base = ?text, %times,
            "MQTT: the client is not announced as a node: this is no base, or its account may not publish `presence` there");
    }
    home
}
