//! The last value of a topic, as small as it can be kept: what its channel knows as well, such as the topic, and what
//! can be said again, such as the frame, is left out.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Retention;
use super::clock::Clock;
use super::publication::{Extras, Publication, Source};
use super::rhythm::{self, GAPS_BITS, PACE_BITS, Rhythm};
use super::saying::Edition;
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

const PACE: u64 = (1 << PACE_BITS) - 1;
const GAPS: u64 = (1 << GAPS_BITS) - 1;
/// The greatest number that has room above the gaps.
const LAST_NUMBER: u64 = u64::MAX >> GAPS_BITS;

/// What is kept of a message.
#[derive(Debug)]
pub(super) struct LastValue {
    payload: Box<str>,
    from: Arc<str>,
    /// Milliseconds since 1970, which is as exactly as it is ever told; below them the pace of the topic (`rhythm.rs`).
    time_and_pace: u64,
    /// The number of the message, and below it the gaps of the topic. There may be a million last values, and so they are not
    /// larger for it.
    number_and_gaps: u64,
    /// An unusual kind, options, the trail, and a clock that is not its time, if it has any of them.
    rest: Option<Box<Rest>>,
}

#[derive(Debug)]
struct Rest {
    kind: Kind,
    extras: Extras,
    /// `None` where it is the time.
    clock: Option<Clock>,
}

/// What was said before the hub ended, as a file has it.
#[derive(Debug)]
pub struct SaidBefore {
    /// JSON text.
    pub payload: Box<str>,
    /// Its shape.
    pub kind: Kind,
    /// When it was said.
    pub time: SystemTime,
    /// Who said it.
    pub from: Arc<str>,
    /// What few messages have.
    pub extras: Extras,
    /// How often the topic speaks.
    pub rhythm: Rhythm,
}

impl LastValue {
    pub(super) fn of(message: &Publication) -> Self {
        let (pace, gaps) = message.rhythm.parts();
        let mut value = Self {
            payload: Box::default(),
            from: Arc::clone(&message.from),
            time_and_pace: pace,
            number_and_gaps: gaps,
            rest: None,
        };
        value.replace(message);
        value
    }

    /// Whether it is too old to be delivered.
    pub(super) fn has_expired(&self, now: Moment) -> bool {
        let expires = self.rest.as_ref().and_then(|rest| rest.extras.expires);
        expires.is_some_and(|expires| expires <= now.steady())
    }

    /// One that comes back from a file.
    pub(super) fn restored(said: SaidBefore) -> Self {
        let SaidBefore { payload, kind, time, from, extras, rhythm } = said;
        let (pace, gaps) = rhythm.parts();
        let time_and_pace = milliseconds(time) << PACE_BITS | pace;
        let mut value = Self { payload, from, time_and_pace, number_and_gaps: gaps, rest: None };
        if kind != Kind::Reading || !extras.are_none() {
            value.rest = Some(Box::new(Rest { kind, extras, clock: None }));
        }
        value
    }

    /// Who said it, and what.
    pub(super) fn said(&self) -> (&str, &str) {
        (&self.from, &self.payload)
    }

    /// Puts another payload in its place, of another time.
    pub(super) fn correct(&mut self, payload: String, time: SystemTime) {
        self.payload = payload.into_boxed_str();
        self.time_and_pace = milliseconds(time) << PACE_BITS | self.time_and_pace & PACE;
    }

    /// Takes the place of an older one, and its memory, as values of one topic are often of one length.
    pub(super) fn replace(&mut self, message: &Publication) {
        let mut payload = String::from(std::mem::take(&mut self.payload));
        payload.clear();
        payload.push_str(message.payload());
        self.payload = payload.into_boxed_str();
        if !Arc::ptr_eq(&self.from, &message.from) {
            self.from = Arc::clone(&message.from);
        }
        let time = message.milliseconds();
        let (mut pace, mut gaps) = (self.time_and_pace & PACE, self.number_and_gaps & GAPS);
        // A value from before the start says when there was no hub, and not how often the topic speaks.
        let is_after_another = self.number_and_gaps > GAPS;
        if is_after_another && message.kind == Kind::Reading && message.source != Source::FarLastValue {
            (pace, gaps) = rhythm::hear(pace, gaps, time.saturating_sub(self.time_and_pace >> PACE_BITS));
        }
        self.time_and_pace = time << PACE_BITS | pace;
        self.number_and_gaps = message.number.min(LAST_NUMBER) << GAPS_BITS | gaps;
        let clock = message.clock_beside_time();
        let is_usual = message.kind == Kind::Reading && message.extras().is_none() && clock.is_none();
        self.rest = (!is_usual).then(|| {
            let extras = message.extras().cloned().unwrap_or_default();
            Box::new(Rest { kind: message.kind, extras, clock })
        });
    }

    /// The message again.
    pub(super) fn message(&self, topic: &Topic) -> Publication {
        let kind = self.rest.as_ref().map_or(Kind::Reading, |rest| rest.kind);
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.time_and_pace >> PACE_BITS));
        let time = time.unwrap_or(SystemTime::UNIX_EPOCH);
        let from = Arc::clone(&self.from);
        let mut message = Publication::new(topic.clone(), &self.payload, kind, from, time);
        (message.retention, message.rhythm) = (Retention::Keep, self.rhythm());
        message.number = self.number();
        if let Some(rest) = &self.rest {
            message.set_extras(rest.extras.clone());
            if let Some(clock) = rest.clock {
                message.set_clock(clock);
            }
        }
        message
    }

    /// Which message of this hub it is; 0 if it is from before the start. Of a hub that has had a million million messages it
    /// may be one that is yet to come: who looks for what is new finds too much then, and never too little.
    pub(super) fn number(&self) -> u64 {
        match self.number_and_gaps >> GAPS_BITS {
            LAST_NUMBER => u64::MAX,
            number => number,
        }
    }

    /// Which of all that were said under its topic.
    pub(super) fn edition(&self) -> Edition {
        Edition { number: self.number(), milliseconds: self.time_and_pace >> PACE_BITS }
    }

    /// When it was said, as the hubs of a cluster count it, and its text.
    pub(super) fn standing(&self) -> (Clock, &str) {
        let clock = self.rest.as_ref().and_then(|rest| rest.clock);
        (clock.unwrap_or(Clock::at(self.time_and_pace >> PACE_BITS)), &self.payload)
    }

    /// How often the topic speaks.
    pub(super) fn rhythm(&self) -> Rhythm {
        Rhythm::of(self.time_and_pace & PACE, self.number_and_gaps & GAPS)
    }

    /// What [`Publication::len`] was, found by that of a message of the same topic.
    pub(super) fn len_beside(&self, message: &Publication) -> usize {
        let extras = message.extras().map_or(0, Extras::len);
        let frame = message.len() - extras - message.payload_len() + self.payload.len();
        frame + self.rest.as_ref().map_or(0, |rest| rest.extras.len())
    }

    /// What [`Publication::len`] was.
    pub(super) fn len(&self, topic: &Topic) -> usize {
        let extras = self.rest.as_ref().map_or(0, |rest| rest.extras.len());
        Publication::frame_len(topic, self.payload.len()) + extras
    }
}

/// Milliseconds since 1970.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs().saturating_mul(1000).saturating_add(since.subsec_millis().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Trail, View};
    use crate::moment::Moment;
    use crate::topic::{Base, Limits};
    use proptest::prelude::*;

    fn said(message: &Publication) -> String {
        let root = View::from(&Base::ROOT);
        String::from_utf8(message.frame_with_options(root, &message.annotation_of_last_value()).concat())
            .unwrap()
    }

    proptest! {
        #[test]
        fn what_was_kept_is_said_again_as_it_was(
            levels in prop::collection::vec("[a-z\"\\\\ž]{1,4}", 1..4),
            values in prop::collection::vec(("[0-9]{1,9}", any::<bool>(), 0..4_000_000_000_000_u64), 1..4),
        ) {
            let topic = Topic::parse(&levels.join("/"), &Limits::default()).unwrap();
            let mut kept: Option<LastValue> = None;
            for (payload, is_usual, time) in values {
                let time = SystemTime::UNIX_EPOCH + Duration::from_millis(time);
                let kind = if is_usual { Kind::Reading } else { Kind::Command };
                let mut message = Publication::new(topic.clone(), &payload, kind, "u".into(), time);
                message.number = payload.len() as u64;
                if !is_usual {
                    message.set_extras(Extras {
                        expires: Some(Moment::from(time).steady().after(Duration::from_secs(1))),
                        passed_on: r#""qos": 1"#.into(),
                        trail: Some(Trail { stamp: "a.1 a".into(), heard_from: "b".into() }),
                    });
                }
                match &mut kept {
                    Some(kept) => kept.replace(&message),
                    none => *none = Some(LastValue::of(&message)),
                }
                let kept = kept.as_ref().unwrap();
                let again = kept.message(&topic);
                prop_assert_eq!(said(&again), said(&message));
                prop_assert_eq!((again.kind, again.extras()), (message.kind, message.extras()));
                prop_assert_eq!(again.number, message.number);
                prop_assert_eq!((kept.len(&topic), again.len()), (message.len(), message.len()));
                let other = Publication::new(topic.clone(), "null", Kind::Reading, "u".into(), time);
                prop_assert_eq!(kept.len_beside(&other), message.len());
            }
        }
    }
}
