//! A session that outlives its connection: it waits for its client, for the end of its time, and for what else may end it. What it
//! has subscribed to waits in its outbox, within the bounds of every outbox.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::super::App;
use super::roster::{Kept, Parking, Seat};
use crate::access::SignedIn;
use crate::connection::{Ending, Mqtt, Stay};
use crate::hub::{Found, Session, Until};
use crate::moment::Moment;
use crate::seldom::Seldom;

/// Keeps the session of a connection that has ended, if it is to be kept.
pub(super) fn keep<S: AsyncRead + AsyncWrite + Unpin>(
    app: &Arc<App>,
    wire: &mut Mqtt<S>,
    stay: Stay,
    ending: &Ending,
    seat: Seat,
    who: SignedIn,
) {
    if *ending == Ending::TakenOver {
        app.hub.figures().mqtt_taken_over.add(1);
    }
    let Some((client, mut rest)) = wire.talk().map(crate::connection::MqttTalk::apart) else { return };
    if client.session_seconds == 0 || matches!(ending, Ending::AccountChanged | Ending::SignedOut) {
        return;
    }
    if matches!(ending, Ending::SlowConsumer | Ending::CutOff { .. }) {
        return given_up(&stay, "too much waited for it, and it read too slowly");
    }
    let Some(mut session) = stay.into_session() else { return };
    rest.lands();
    if client.will_delay == 0 {
        session.publish_will(Moment::now());
    }
    session.holds(rest.held());
    let kept = Kept { session, client, rest };
    if seat.taken().is_cancelled() {
        return seat.give(kept);
    }
    let Some(parking) = app.mqtt.park(app.settings.mqtt.sessions) else {
        return given_up(&kept.session, "mqtt.sessions wait already");
    };
    app.shutdown.spawn(wait(Arc::clone(app), seat, kept, who, parking));
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
    /// The hub is being stopped.
    Stopping,
}

async fn wait(app: Arc<App>, seat: Seat, mut kept: Kept, who: SignedIn, _parking: Parking) {
    let of_qos_0 = kept.rest.filters(true);
    if !of_qos_0.is_empty() {
        kept.session.remove_filters(of_qos_0);
    }
    kept.session.rests();
    let over = until_it_is_over(&app, &seat, &mut kept, &who).await;
    kept.session.rests_no_more();
    match over {
        Over::Taken => return seat.give(kept),
        Over::Ended => {}
        Over::Full => {
            given_up(&kept.session, "too much waits for it (outbox.hard_messages, outbox.hard_bytes)");
        }
        Over::Stopping => kept.session.dismiss(),
    }
    // Whatever the account may do now decides about the will.
    kept.session.ends_with_rights(who.standing.rights());
}

async fn until_it_is_over(app: &App, seat: &Seat, kept: &mut Kept, who: &SignedIn) -> Over {
    let outbox = Arc::clone(kept.session.outbox());
    let full = poll_fn(|cx| {
        outbox.wakes(cx.waker());
        if outbox.look(Until::Overflow) == Some(Found::Overflow) { Poll::Ready(()) } else { Poll::Pending }
    });
    let seconds = |seconds: u32| sleep(Duration::from_secs(seconds.into()));
    let mut full = std::pin::pin!(full);
    let mut end = std::pin::pin!(seconds(kept.client.session_seconds));
    let mut will = std::pin::pin!(seconds(kept.client.will_delay));
    let mut has_will = kept.client.will_delay > 0;
    loop {
        tokio::select! {
            biased;
            () = app.shutdown.drain().cancelled() => return Over::Stopping,
            () = seat.taken().cancelled() => return Over::Taken,
            () = seat.ended().cancelled() => return Over::Ended,
            () = &mut full => return Over::Full,
            () = &mut end => return Over::Ended,
            () = &mut will, if has_will => {
                has_will = false;
                kept.session.ends_with_rights(who.standing.rights());
                kept.session.publish_will(Moment::now());
            }
        }
    }
}
