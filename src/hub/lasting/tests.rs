use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::hub::{
    Client, Extras, Handed, Hub, Message, Rates, Relayed, Rights, Said, Saying, Session, Settings, Side,
    Until,
};
use crate::talk::Kind;
use crate::topic::{Base, Filter, Limits, Share, Topic};

const HOUR: Duration = Duration::from_hours(1);

fn hub() -> Arc<Hub> {
    let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
    hub.lasting().turn_on(1 << 20);
    hub
}

fn session(hub: &Arc<Hub>, name: &str) -> Session {
    let client = Client {
        user: name.into(),
        rights: Arc::new(Rights::everything()),
        base: Base::ROOT,
        side: Side::Device,
        rates: Rates::UNLIMITED,
    };
    let mut session = hub.connect(client, Moment::now());
    session.begins(name);
    session
}

/// A session that lasts, and has subscribed to everything.
fn lasting(hub: &Arc<Hub>, name: &str) -> (Session, Lasting) {
    let mut session = session(hub, name);
    let lasting = hub.lasting().begin(&name.into(), name, session.outbox()).unwrap();
    session.is_to_be_noted();
    session.add_filters(vec![Filter::parse("#", &Limits::default()).unwrap()], false).unwrap();
    (session, lasting)
}

fn says(session: &mut Session, topic: &str, options: &str, number: u64, received: Option<u16>) -> bool {
    let topic = Topic::parse(topic, &Limits::default()).unwrap();
    let kind = Kind::of(topic.as_str());
    let extras = Extras { passed_on: options.into(), ..Extras::default() };
    let message = Message { topic, payload: "1", kind, retention: None, extras, was_kept: false };
    let asks = Some(Asks { number, received });
    let id = number.to_string();
    let saying = Saying { message, id, confirm: None, lease: None, only_if: None, asks };
    matches!(session.say(saying, Moment::now()).unwrap(), Said::OnDiskSoon(routed) if routed.answers == 1)
}

fn heard(session: &mut Session) -> (Vec<Relayed>, Vec<String>) {
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    session.take_everything(usize::MAX, Moment::now(), &mut |handed| match handed {
        Handed::Message(relayed) => messages.push(relayed),
        Handed::Answer(answer) => answers.push(answer),
    });
    (messages, answers)
}

fn later(time: Duration) -> Moment {
    Moment::from(Moment::now().wall() + time)
}

fn changes(hub: &Hub) -> LastingChanges {
    hub.lasting().changes(later(HOUR), true)
}

fn settled(hub: &Hub) {
    let changes = changes(hub);
    hub.lasting().written(changes);
}

#[test]
fn who_publishes_is_answered_when_all_have_acknowledged_and_nothing_is_written() {
    let hub = hub();
    let ((mut one, _one), (mut two, _two)) = (lasting(&hub, "one"), lasting(&hub, "two"));
    settled(&hub);
    let mut device = session(&hub, "device");
    assert!(says(&mut device, "x/set", "\"qos\": 1", 7, None));
    let (first, second) = (heard(&mut one).0, heard(&mut two).0);
    assert_eq!((first.len(), second.len()), (1, 1));
    drop(first);
    hub.lasting().answer();
    assert!(heard(&mut device).1.is_empty(), "one of them has not acknowledged");
    drop(second);
    hub.lasting().answer();
    let answers = heard(&mut device).1;
    assert!(answers[0].contains("publish/ok"), "{answers:?}");
    let changes = changes(&hub);
    assert!(changes.is_empty(), "{changes:?}");
    hub.lasting().written(changes);
    assert_eq!(hub.lasting().inside.lock().bytes, 0);
}

#[test]
fn who_publishes_is_answered_when_it_is_written_for_those_who_have_not() {
    let hub = hub();
    let ((mut one, _one), (_two, _also)) = (lasting(&hub, "one"), lasting(&hub, "two"));
    let mut device = session(&hub, "device");
    assert!(says(&mut device, "x/set", "\"qos\": 1", 7, None));
    drop(heard(&mut one));
    let changes = changes(&hub);
    assert_eq!((changes.sessions.len(), changes.rows.len()), (2, 1), "{changes:?}");
    assert!(heard(&mut device).1.is_empty());
    hub.lasting().written(changes);
    let answers = heard(&mut device).1;
    assert!(answers[0].contains("publish/ok"), "{answers:?}");
}

#[test]
fn what_is_not_for_later_is_not_noted() {
    let hub = hub();
    let (mut one, _one) = lasting(&hub, "one");
    let mut device = session(&hub, "device");
    assert!(!says(&mut device, "x/set", "\"qos\": 0", 7, None));
    assert!(heard(&mut one).0[0].ticket.is_none());
    // And who does not last is not noted either.
    drop(one);
    assert!(!says(&mut device, "x/set", "\"qos\": 1", 8, None));
}

#[test]
fn a_message_and_the_word_that_it_has_come_are_taken_in_one_piece() {
    let hub = hub();
    let (_one, _lasting) = lasting(&hub, "one");
    let (mut device, speaker) = lasting(&hub, "device");
    settled(&hub);
    assert!(says(&mut device, "x/set", "\"qos\": 2", 7, Some(42)));
    let changes = changes(&hub);
    assert_eq!(changes.rows.len(), 1);
    assert_eq!(changes.sessions[0].received, [42]);
    hub.lasting().written(changes);
    let stamp = speaker.releases(42).unwrap();
    assert!(!speaker.is_written(stamp));
    settled(&hub);
    assert!(speaker.is_written(stamp) && speaker.releases(42).is_none());
}

#[test]
fn where_nothing_can_be_written_nobody_waits_and_who_asked_for_the_disk_hears_it() {
    for refusal in [None, Some("no disk")] {
        let hub = hub();
        let (_one, lasting) = lasting(&hub, "one");
        let mut device = session(&hub, "device");
        assert!(says(&mut device, "x/set", "\"qos\": 1", 7, None));
        let stamp = lasting.remembers(b"words".to_vec());
        let taken = changes(&hub);
        hub.lasting().not_written(taken, refusal, Moment::now());
        let answers = heard(&mut device).1;
        let expected = if refusal.is_some() { "publish/error" } else { "publish/ok" };
        assert!(answers[0].contains(expected), "{answers:?}");
        assert!(lasting.is_written(stamp));
        // It is taken again.
        let again = changes(&hub);
        assert_eq!((again.sessions.len(), again.rows.len()), (1, 1));
        hub.lasting().written(again);
    }
}

#[test]
fn what_is_dropped_with_the_hub_stays_and_what_ends_before_goes() {
    let hub = hub();
    let ((one, stays), (two, ends)) = (lasting(&hub, "one"), lasting(&hub, "two"));
    let mut device = session(&hub, "device");
    assert!(says(&mut device, "x/set", "\"qos\": 1", 7, None));
    settled(&hub);
    drop((one, stays));
    let changes = changes(&hub);
    assert!(changes.is_empty(), "{changes:?}");
    hub.lasting().written(changes);
    ends.ends();
    drop((two, ends));
    let changes = self::changes(&hub);
    assert_eq!((changes.gone_sessions.len(), changes.rows.len()), (1, 0), "{changes:?}");
    hub.lasting().written(changes);
    // Who comes again under the name begins anew.
    let (_one, _begins) = lasting(&hub, "one");
    assert_eq!(self::changes(&hub).gone_sessions.len(), 1);
}

#[test]
fn the_session_that_holds_the_most_is_given_up_where_there_is_no_room() {
    let hub = hub();
    let ((mut one, _one), (two, _two)) = (lasting(&hub, "one"), lasting(&hub, "two"));
    let mut device = session(&hub, "device");
    assert!(says(&mut device, "x/set", "\"qos\": 1", 1, None));
    let row = rows::bytes(&heard(&mut one).0[0].message, None);
    hub.lasting().turn_on(row * 10);
    for number in 2..20 {
        says(&mut device, "x/set", "\"qos\": 1", number, None);
        drop(heard(&mut one));
    }
    assert!(two.outbox().look(Until::Overflow).is_some(), "who did not take anything");
    assert!(one.outbox().look(Until::Overflow).is_none());
    assert!(hub.lasting().inside.lock().bytes <= row * 10);
}

#[test]
fn a_session_comes_back_with_all_that_is_its() {
    let (before, after) = (hub(), hub());
    let (_one, lasting) = lasting(&before, "one");
    lasting.remembers(b"words".to_vec());
    let mut device = session(&before, "device");
    says(&mut device, "x/set", "\"qos\": 1", 1, None);
    let changes = changes(&before);
    for row in &changes.sessions {
        let SessionRow { id, user, name, left, words, received } = row;
        let (user, name, words) = (Arc::clone(user), Arc::clone(name), Arc::clone(words));
        let again = AgainSession { id: *id, user, name, left: *left, words, received: received.clone() };
        after.lasting().restore_session(again, Moment::now());
    }
    for row in &changes.rows {
        let message = &row.message;
        let again = AgainRow {
            id: row.id,
            session: row.session,
            topic: message.topic.clone(),
            payload: message.payload().into(),
            kind: message.kind,
            time: message.time(),
            from: Arc::clone(&message.from),
            retention: message.retention,
            expires: None,
            passed_on: "".into(),
            share: row.share.clone(),
            is_last_value: false,
            sent: Some(SentAs { id: 5, qos: 1 }),
            is_received: false,
            is_doubtful: true,
        };
        assert!(after.lasting().restore_row(again));
    }
    let claimed = after.lasting().claim(&"one".into(), "one").unwrap();
    assert!(after.lasting().claim_all().is_empty());
    assert_eq!((&*claimed.words, &*claimed.name), (&b"words"[..], "one"));
    assert_eq!(claimed.messages[0].sent, Some(SentAs { id: 5, qos: 1 }));
    drop(claimed.messages);
    let changes = self::changes(&after);
    assert_eq!(changes.gone_rows.len(), 1, "it was acknowledged");
}

/// A member of a group whose session lasts.
fn member(hub: &Arc<Hub>, name: &str) -> (Session, Lasting) {
    let mut session = session(hub, "house");
    let lasting = hub.lasting().begin(&"house".into(), name, session.outbox()).unwrap();
    session.is_to_be_noted();
    session.joins(&Share::parse("$share/g/#", &Limits::default()).unwrap()).unwrap();
    (session, lasting)
}

#[test]
fn who_publishes_waits_for_the_member_to_which_a_message_goes_on() {
    let hub = hub();
    let ((mut one, of_one), (mut two, _two)) = (member(&hub, "one"), member(&hub, "two"));
    settled(&hub);
    let mut device = session(&hub, "device");
    assert!(says(&mut device, "x/set", "\"qos\": 1", 7, None));
    let sent = heard(&mut one).0;
    assert_eq!(sent[0].share.as_ref().unwrap().as_str(), "$share/g/#");
    assert!(heard(&mut two).0.is_empty());
    // Its session ends, with that what it has not acknowledged.
    one.leaves_all(sent);
    of_one.ends();
    hub.lasting().answer();
    assert!(heard(&mut device).1.is_empty(), "nobody has acknowledged");
    let again = heard(&mut two).0;
    assert_eq!(again.len(), 1);
    let changes = changes(&hub);
    assert_eq!((changes.gone_sessions.len(), changes.rows.len()), (1, 1), "{changes:?}");
    assert!(changes.rows[0].share.is_some());
    hub.lasting().not_written(changes, None, Moment::now());
    drop(again);
    hub.lasting().answer();
    assert!(heard(&mut device).1[0].contains("publish/ok"));
}
