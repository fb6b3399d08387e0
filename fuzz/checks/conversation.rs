//! Four clients talk to a hub with small bounds: whatever they say, what they hear is well-formed.
//!
//! The text is cut at form feeds. The first character of each piece says whose it is and whether that client is to
//! be drained behind it, the rest is the message.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clown_hub::hub::{Bounds, Client, Drained, Hub, Rates, Rights, Session, Settings, Side};
use clown_hub::talk::{Frames, Request};
use clown_hub::topic::{Base, Limits, Topic};
use serde_json::value::RawValue;

const SEATS: [(&str, Side); 4] =
    [("", Side::Dashboard), ("nodes/ž\"\\", Side::Node), ("nodes", Side::Dashboard), ("a", Side::Node)];

const BAD_FRAMES: u32 = 20;

/// Frames in a queue, last values, answers to openings that were refused and to the one that was not, and the count of
/// what gave way.
const MOST_WAITING: u64 = 24 + 8 + 9 + 2;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut now = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
    let hub = Hub::new(settings(), now);
    let mut seats = SEATS.map(|(base, side)| Some(Seat::take(&hub, base, side, now)));
    for piece in text.split('\u{c}') {
        let mut rest = piece.chars();
        let sign = rest.next().map_or(0, u32::from);
        now += Duration::from_millis(u64::from(sign & 8) * 100);
        let Some(place) = seats.get_mut((sign & 3) as usize) else { return };
        let Some(seat) = place else { continue };
        let ended = seat.session.receive(rest.as_str(), now).is_err();
        if sign & 4 != 0 {
            seat.drain(1 + (sign as usize & 0x70) * 8, now);
        }
        if ended || seat.session.outbox().thrown() > 0 {
            *place = None;
        }
        check_bounds(&hub);
    }
    for at in 0..seats.len() {
        for seat in seats.iter_mut().flatten() {
            let before = seat.heard;
            while seat.drain(64, now) != Drained::Everything {}
            assert!(seat.heard - before <= MOST_WAITING, "{} frames waited", seat.heard - before);
        }
        if let Some(place) = seats.get_mut(at) {
            *place = None;
        }
    }
    assert_eq!((hub.figures().clients.value(), hub.figures().filters.value()), (0, 0));
    check_bounds(&hub);
}

fn settings() -> Settings {
    Settings {
        topic: Limits { max_bytes: 64, max_levels: 6 },
        filters: 6,
        message_bytes: 4096,
        outbox: Bounds { messages: 6, bytes: 2048, hard_messages: 24, hard_bytes: 16_384 },
        retained_topics: 8,
        retained_bytes: 2048,
        cached_routes: 4,
        ..Settings::default()
    }
}

fn check_bounds(hub: &Hub) {
    let (settings, figures) = (hub.settings(), hub.figures());
    assert!(figures.retained.value() <= settings.retained_topics as u64);
    assert!(figures.retained_bytes.value() <= settings.retained_bytes);
    assert!(figures.filters.value() <= 4 * settings.filters as u64);
}

struct Seat {
    session: Session,
    heard: u64,
}

impl Seat {
    fn take(hub: &Arc<Hub>, base: &str, side: Side, now: SystemTime) -> Self {
        let Ok(base) = Base::parse(base, &hub.settings().topic) else { panic!("{base} is no base") };
        let rates = Rates { frames_per_second: Some(200), bad_frames_per_minute: Some(BAD_FRAMES) };
        let client =
            Client { user: "ja\"na".into(), rights: Arc::new(Rights::everything()), base, side, rates };
        Self { session: hub.connect(client, now), heard: 0 }
    }

    fn drain(&mut self, bytes: usize, now: SystemTime) -> Drained {
        let (is_open, limits) = (self.session.is_open(), Limits::default());
        let heard = &mut self.heard;
        self.session.drain(bytes, now, &mut |pieces| {
            let text = pieces.concat();
            let Ok(line) = String::from_utf8(text) else { panic!("not UTF-8") };
            let topic = check_line(&line, pieces.len());
            let is_opening =
                |topic: &str| matches!(topic, "clown.talk/-/config/ok" | "clown.talk/-/config/error");
            assert!(*heard > 0 || is_opening(&topic), "first of all came {line}");
            assert!(is_open || topic == "clown.talk/-/config/error", "before the opening came {line}");
            assert!(Topic::parse(&topic, &limits).is_ok(), "{line}");
            // One piece is the hub speaking for itself; nobody else may sound like it.
            assert_eq!(Request::claims(&topic), pieces.len() == 1, "{line}");
            *heard += 1;
        })
    }
}

/// One line, one frame, two elements, and three for those who asked. Returns the topic.
fn check_line(line: &str, pieces: usize) -> String {
    assert!(!line.contains(['\n', '\r']), "{line:?}");
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(line) else { panic!("not JSON: {line}") };
    assert_eq!(elements.len(), if pieces == 4 { 3 } else { 2 }, "{line}");
    let mut frames = Frames::of(line);
    let Some(Ok(frame)) = frames.next() else { panic!("no frame: {line}") };
    assert!(frames.next().is_none(), "{line}");
    assert_eq!(frame.options.is_some(), pieces == 4, "{line}");
    if let Some(options) = frame.options {
        let keys: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(options).ok();
        // A number beyond those of a computer is JSON, too.
        for key in keys.iter().flat_map(|_| ["retained", "time", "from"]) {
            assert!(keys.as_ref().is_some_and(|keys| keys.contains_key(key)), "{line}");
        }
        assert!(options.starts_with("{\"retained\": "), "{line}");
    }
    frame.topic.into_owned()
}
