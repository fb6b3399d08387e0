//! A session that outlives its connection: it waits for its client, for the end of its time, and for what else may end it. What it
//! has subscribed to waits in its outbox, within the bounds of every outbox.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use super::super::{App, gate};
use super::roster::{Kept, Parking, Seat};
use crate::access::SignedIn;
use crate::connection::{Carrier, Ending, Mqtt, MqttRest, Stay};
use crate::hub::{Claimed, Client, Found, Relayed, Session, Side, Until};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::topic::Base;

/// Keeps the session of a connection that has ended, if it is to be kept.
pub(super) fn keep<S: Carrier>(
    app: &Arc<App>,
    wire: &mut Mqtt<S>,
    mut stay: Stay,
    ending: &Ending,
    seat: Seat,
    who: SignedIn,
) {
    if *ending == Ending::TakenOver {
        app.hub.figures().mqtt_taken_over.add(1);
    }
    let Some(talk) = wire.talk() else { return };
    let was_leaving = talk.is_leaving();
    let (client, mut rest) = talk.apart();
    if client.session_seconds == 0 || matches!(ending, Ending::AccountChanged | Ending::SignedOut) {
        return ends(app, &mut stay, &mut rest);
    }
    if matches!(ending, Ending::SlowConsumer | Ending::CutOff { .. }) {
        ends(app, &mut stay, &mut rest);
        return given_up(&stay, "too much waited for it, and it read too slowly");
    }
    let Some(mut session) = stay.into_session() else { return };
    if !app.shutdown.drain().is_cancelled() {
        session.passes_everything_on();
        if was_leaving {
            // An UNSUBSCRIBE was not done with: now it is, and the store has to know.
            rest.remember(&client);
        }
    }
    rest.lands();
    rest.is_left(Moment::now());
    if client.will_delay == 0 {
        session.publish_will(Moment::now());
    }
    session.holds(rest.held());
    let kept = Kept { session, client, rest };
    if seat.taken().is_said() {
        return hand_over(app, seat, kept);
    }
    let lasts = Duration::from_secs(kept.client.session_seconds.into());
    park(app, seat, kept, who, lasts);
}

/// Gives a session to who has come for it. It ends where nobody has.
fn hand_over(app: &App, seat: Seat, kept: Kept) {
    if let Some(mut kept) = seat.give(kept) {
        ends(app, &mut kept.session, &mut kept.rest);
    }
}

/// A session ends. What it leaves behind of groups goes to their other members, unless all end with the hub.
pub(super) fn ends(app: &App, session: &mut Session, rest: &mut MqttRest) {
    if !app.shutdown.drain().is_cancelled() {
        session.leaves_all(rest.take_shared());
    }
    rest.ends();
}

/// Has a session wait for its client, where any may.
fn park(app: &Arc<App>, seat: Seat, mut kept: Kept, who: SignedIn, lasts: Duration) {
    let Some(parking) = app.mqtt.park(&who.user.name, app.settings.mqtt.sessions) else {
        ends(app, &mut kept.session, &mut kept.rest);
        return given_up(&kept.session, "mqtt.sessions is 0");
    };
    // At once: what is published after the good-bye goes to others.
    kept.session.stands_back();
    let shares = kept.rest.shares(true);
    let unsent = kept.rest.take_unsent_of(&shares);
    kept.session.leaves(&shares, unsent);
    app.shutdown.spawn(wait(Arc::clone(app), seat, kept, (who, lasts), parking));
}

/// Has all sessions wait for their clients that the store has given back. To be called before anybody can come in.
pub(in crate::server) fn restore(app: &Arc<App>) {
    let (mut sessions, mut messages, mut over) = (0, 0, Vec::new());
    for claimed in app.hub.lasting().claim_all() {
        let (name, waiting) = (Arc::clone(&claimed.name), claimed.messages.len());
        let Revived { kept, who, lasts } = match revive(app, claimed) {
            Ok(revived) => revived,
            Err(left) => {
                over.push(left);
                continue;
            }
        };
        sessions += 1;
        messages += waiting;
        let (seat, _) = app.mqtt.enter(&who.user.name, &name, &who.ended);
        park(app, seat, kept, who, lasts);
    }
    let ended = over.len();
    // Now all members of their groups are here.
    for left in over {
        left.pass_on(app);
    }
    if sessions + ended > 0 {
        tracing::info!(
            sessions,
            messages,
            over = ended,
            "MQTT: sessions are back, and wait for their clients"
        );
    }
}

/// A session that goes on after a restart.
pub(super) struct Revived {
    pub(super) kept: Kept,
    who: SignedIn,
    /// How much of its time is left.
    lasts: Duration,
}

/// What is left of a session that does not go on.
pub(super) struct Left {
    user: Arc<str>,
    rest: MqttRest,
    unsent: Vec<Relayed>,
}

impl Left {
    /// Gives to other members of its groups what the session had of them.
    pub(super) fn pass_on(self, app: &App) {
        let Self { user, mut rest, unsent } = self;
        let unsent = unsent.into_iter().filter(|relayed| relayed.share.is_some());
        app.hub.pass_on_all(&user, rest.take_shared().into_iter().chain(unsent), None);
        rest.ends();
    }
}

/// Makes a session of what the store had, unless its time is over, or its user may not be here any more.
pub(super) fn revive(app: &Arc<App>, claimed: Claimed) -> Result<Revived, Box<Left>> {
    let (now, limits) = (Moment::now(), &app.hub.settings().topic);
    let (user, name, left) = (Arc::clone(&claimed.user), Arc::clone(&claimed.name), claimed.left);
    let Some((mut client, rest, unsent)) = MqttRest::restored(claimed, limits, now) else {
        return Err(Box::new(Left { user, rest: MqttRest::default(), unsent: Vec::new() }));
    };
    client.session_seconds = client.session_seconds.min(app.settings.mqtt.session_seconds);
    // Where the clock is not set yet, none of its time is over.
    let away = left.and_then(|left| now.wall().duration_since(left).ok()).unwrap_or_default();
    let lasts = Duration::from_secs(client.session_seconds.into()).saturating_sub(away);
    let who = app
        .access
        .returning(&user)
        .filter(|who| gate::may_stand(&who.user, &Base::ROOT, Side::Device).is_ok() && !lasts.is_zero());
    let Some(who) = who else { return Err(Box::new(Left { user, rest, unsent })) };
    let (user, rights) = (Arc::clone(&who.user.name), Arc::clone(&who.user.rights));
    let stands = Client { user, rights, base: Base::ROOT, side: Side::Device, rates: app.settings.rates };
    let mut session = app.hub.connect_from(stands, None, now);
    session.begins(&name);
    if let Some(lasting) = rest.lasting() {
        lasting.is_received_by(session.outbox());
        session.is_to_be_noted();
    }
    let mut filters = rest.filters(false);
    filters.retain(|filter| session.may_hold(filter));
    let mut shares = rest.shares(false);
    shares.retain(|share| session.may_hold(share.filter()));
    let held = session.add_filters(filters, false);
    let held = held.and_then(|()| shares.iter().try_for_each(|share| session.joins(share)));
    if let Err(reason) = held {
        given_up(&session, &reason);
        let user = Arc::clone(&who.user.name);
        return Err(Box::new(Left { user, rest, unsent }));
    }
    // Within the bounds of every outbox.
    for relayed in unsent {
        session.waits_for(relayed);
    }
    session.holds(rest.held());
    Ok(Revived { kept: Kept { session, client, rest }, who, lasts })
}

/// Counts and logs that a session ends which was to be kept.
fn given_up(session: &Session, why: &str) {
    static GIVEN_UP: Seldom = Seldom::new();
    session.figures().mqtt_given_up.add(1);
    if let Some(times) = GIVEN_UP.again(&session.name()) {
        tracing::warn!(client = %session.name(), %times, "MQTT: the session is not kept, its client has to subscribe anew: {why}");
    }
}

/// Why a session waits no more.
enum Over {
    /// Its client has come again.
    Taken,
    /// Its time is over, or its sign-in is.
    Ended,
    /// Too much waits.
    Full,
    /// Too many wait.
    GivenUp,
    /// The hub is being stopped.
    Stopping,
}

async fn wait(
    app: Arc<App>,
    seat: Seat,
    mut kept: Kept,
    (who, lasts): (SignedIn, Duration),
    parking: Parking,
) {
    kept.session.rests();
    let of_qos_0 = kept.rest.filters(true);
    if !of_qos_0.is_empty() {
        kept.session.remove_filters(of_qos_0);
    }
    let over = until_it_is_over(&app, &seat, &mut kept, (&who, lasts), &parking).await;
    kept.session.rests_no_more();
    match over {
        Over::Taken => return hand_over(&app, seat, kept),
        Over::Ended => ends(&app, &mut kept.session, &mut kept.rest),
        Over::Full => {
            ends(&app, &mut kept.session, &mut kept.rest);
            given_up(
                &kept.session,
                "too much waits for it (outbox.hard_messages, outbox.hard_bytes, store.bytes)",
            );
        }
        Over::GivenUp => {
            ends(&app, &mut kept.session, &mut kept.rest);
            given_up(&kept.session, "mqtt.sessions wait already, and its account has the most of them");
        }
        Over::Stopping => kept.session.dismiss(),
    }
    // Whatever the account may do now decides about the will.
    kept.session.ends_with_rights(who.standing.rights());
}

async fn until_it_is_over(
    app: &App,
    seat: &Seat,
    kept: &mut Kept,
    (who, lasts): (&SignedIn, Duration),
    parking: &Parking,
) -> Over {
    let outbox = Arc::clone(kept.session.outbox());
    let full = poll_fn(|cx| {
        outbox.wakes(cx.waker());
        if outbox.look(Until::Overflow) == Some(Found::Overflow) { Poll::Ready(()) } else { Poll::Pending }
    });
    let seconds = |seconds: u32| sleep(Duration::from_secs(seconds.into()));
    let mut full = std::pin::pin!(full);
    let mut end = std::pin::pin!(sleep(lasts));
    let mut will = std::pin::pin!(seconds(kept.client.will_delay));
    let mut has_will = kept.client.will_delay > 0;
    loop {
        tokio::select! {
            biased;
            () = app.shutdown.drain().cancelled() => return Over::Stopping,
            () = seat.ended().cancelled() => return if seat.taken().is_said() { Over::Taken } else { Over::Ended },
            () = &mut full => return Over::Full,
            () = parking.given_up().cancelled() => return Over::GivenUp,
            () = &mut end => return Over::Ended,
            () = &mut will, if has_will => {
                has_will = false;
                kept.session.ends_with_rights(who.standing.rights());
                kept.session.publish_will(Moment::now());
            }
        }
    }
}
