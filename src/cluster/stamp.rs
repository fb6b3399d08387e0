//! What stands beside the payload of a message on its way between hubs: who said what when, and which message it is. One line
//! of words, each without a blank. Pure.

mod lease;

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::hub::{Clock, Retention, Source};
use crate::talk::Kind;

pub use lease::{HEADER_OF_LEASE, Lease};

/// The header that it stands in.
pub const HEADER: &str = "Clown-Hub";
/// The version of these words. A hub that does not know the first word leaves the message alone. Words behind those that it knows,
/// and other headers, it passes over: a newer hub may say more in this way, as long as who does not read it does nothing wrong.
pub const VERSION: &str = "1";
/// Longer ones are none of ours.
pub const MOST_BYTES: usize = 16 * 1024;

const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':').remove(b'/');
/// What is not there.
const NONE: &str = "-";

/// Which message of which hub it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Among all that the session of the hub has sent, from 1 on.
    pub of_hub: u64,
    /// Among those of its topic, from 1 on. It begins anew where the hub has forgotten how many there were.
    pub of_topic: u64,
}

/// The words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp<'t> {
    /// What people call the hub.
    pub hub: &'t str,
    /// This life of it.
    pub session: &'t str,
    /// Which message.
    pub number: Number,
    /// When it was said, in milliseconds since 1970.
    pub milliseconds: u64,
    /// On which side it was said.
    pub source: Source,
    /// Its shape.
    pub kind: Kind,
    /// What became of it.
    pub retention: Retention,
    /// The user who said it.
    pub user: Cow<'t, str>,
    /// For how many milliseconds it is worth delivering.
    pub expires_in: Option<u64>,
    /// How it is known among links.
    pub trail: Option<Cow<'t, str>>,
    /// What the publisher wrote into the options.
    pub passed_on: Cow<'t, str>,
    /// When it was said as hubs count it, where that is not its time; only of what is kept, or clears.
    pub clock: Option<Clock>,
    /// Whether more follows, which a newer hub has said.
    pub says_more: bool,
}

/// Why a message is none of a hub that this one understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStamp {
    /// Another program has sent it.
    #[error(
        "it is no message of a hub: another application publishes under cluster.prefix; give it another prefix, or an account of its own"
    )]
    Foreign,
    /// A newer hub has sent it.
    #[error(
        "it is of version {0}, and this hub knows version {VERSION}: a newer hub is in the cluster; update this one"
    )]
    Newer(u32),
}

fn put(text: &mut String, word: &str) {
    text.push(' ');
    text.push_str(word);
}

fn put_number(text: &mut String, number: u64) {
    // A text takes all that it is given.
    let _ = write!(text, " {number}");
}

fn put_escaped(text: &mut String, word: &str) {
    match word {
        "" => put(text, NONE),
        // So that it is not taken for nothing.
        NONE => put(text, "%2D"),
        word => {
            text.push(' ');
            text.extend(utf8_percent_encode(word, ESCAPED));
        }
    }
}

impl<'t> Stamp<'t> {
    /// The line.
    pub fn text(&self) -> String {
        let source = match self.source {
            Source::Dashboard => 'd',
            Source::Node => 'n',
            Source::FarLastValue => 'f',
        };
        let kind = match self.kind {
            Kind::Reading => 'r',
            Kind::Command => 'c',
            Kind::Answer => 'a',
            Kind::Notification => 'n',
        };
        let retention = match self.retention {
            Retention::Pass => 'p',
            Retention::Keep => 'k',
            Retention::Clear => 'c',
        };
        let Self { hub, session, number, milliseconds, .. } = self;
        let (trail, passed_on) = (self.trail.as_deref().unwrap_or_default(), &*self.passed_on);
        let words = hub.len() + session.len() + self.user.len() + trail.len() + passed_on.len();
        // Every message has one: it is put together in one piece of memory.
        let mut text = String::with_capacity(words + 96);
        text.push_str(VERSION);
        put(&mut text, hub);
        put(&mut text, session);
        put_number(&mut text, number.of_hub);
        put_number(&mut text, number.of_topic);
        put_number(&mut text, *milliseconds);
        text.extend([' ', source, kind, retention]);
        put_escaped(&mut text, &self.user);
        match self.expires_in {
            Some(time) => put_number(&mut text, time),
            None => put(&mut text, NONE),
        }
        put_escaped(&mut text, trail);
        put_escaped(&mut text, passed_on);
        if let Some(clock) = self.clock {
            put_number(&mut text, clock.number());
        }
        text
    }

    /// The door.
    pub fn parse(text: &'t str) -> Result<Self, NoStamp> {
        if text.len() > MOST_BYTES {
            return Err(NoStamp::Foreign);
        }
        let mut words = text.split(' ');
        let version = words.next().unwrap_or_default();
        if version != VERSION {
            let newer = version.parse().ok().filter(|number| *number > 1);
            return Err(newer.map_or(NoStamp::Foreign, NoStamp::Newer));
        }
        Self::read(&mut words).ok_or(NoStamp::Foreign)
    }

    fn read(words: &mut std::str::Split<'t, char>) -> Option<Self> {
        let hub = words.next().filter(|word| is_name(word))?;
        let session = words.next().filter(|word| is_name(word))?;
        let number = Number { of_hub: count(words.next()?)?, of_topic: count(words.next()?)? };
        let milliseconds = words.next()?.parse().ok()?;
        let mut letters = words.next()?.chars();
        let source = match letters.next()? {
            'd' => Source::Dashboard,
            'n' => Source::Node,
            'f' => Source::FarLastValue,
            _ => return None,
        };
        let kind = match letters.next()? {
            'r' => Kind::Reading,
            'c' => Kind::Command,
            'a' => Kind::Answer,
            'n' => Kind::Notification,
            _ => return None,
        };
        let retention = match letters.next()? {
            'p' => Retention::Pass,
            'k' => Retention::Keep,
            'c' => Retention::Clear,
            _ => return None,
        };
        let is_all = letters.next().is_none();
        let user = unescaped(words.next()?)?;
        let expires_in = match words.next()? {
            NONE => None,
            time => Some(time.parse().ok()?),
        };
        let trail = Some(unescaped(words.next()?)?).filter(|trail| !trail.is_empty());
        let passed_on = unescaped(words.next()?)?;
        let clock = match words.next() {
            None | Some(NONE) => None,
            Some(clock) => Some(Clock::from_number(count(clock)?)),
        };
        let says_more = words.next().is_some();
        is_all.then_some(Self {
            hub,
            session,
            number,
            milliseconds,
            source,
            kind,
            retention,
            user,
            expires_in,
            trail,
            passed_on,
            clock,
            says_more,
        })
    }
}

/// Whether it may be the name of a hub, or of a life of it.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn count(word: &str) -> Option<u64> {
    word.parse().ok().filter(|count| *count > 0)
}

fn unescaped(word: &str) -> Option<Cow<'_, str>> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if word == NONE { Some(Cow::Borrowed("")) } else { percent_decode_str(word).decode_utf8().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp() -> Stamp<'static> {
        Stamp {
            hub: "a",
            session: "Xy_9",
            number: Number { of_hub: 7, of_topic: 2 },
            milliseconds: 12,
            source: Source::Node,
            kind: Kind::Reading,
            retention: Retention::Keep,
            user: "jana".into(),
            expires_in: None,
            trail: None,
            passed_on: "".into(),
            clock: None,
            says_more: false,
        }
    }

    #[test]
    fn it_is_one_line_of_words() {
        assert_eq!(stamp().text(), "1 a Xy_9 7 2 12 nrk jana - - -");
        let full = Stamp {
            user: "Jana Nováková".into(),
            expires_in: Some(500),
            trail: Some("a.7 a b".into()),
            passed_on: "\"qos\": 1, \"x\": \"\u{1}\"".into(),
            ..stamp()
        };
        assert!(full.text().is_ascii() && !full.text().contains(['\r', '\n']));
        assert_eq!(Stamp::parse(&full.text()), Ok(full));
        let later = Stamp { clock: Some(Clock::from_number(9)), ..stamp() };
        assert_eq!(later.text(), "1 a Xy_9 7 2 12 nrk jana - - - 9");
    }

    #[test]
    fn what_others_send_is_none_and_a_newer_one_says_so() {
        let good = stamp().text();
        let mut foreign = vec![String::new(), "x".to_owned(), "0 a".to_owned(), format!(" {good}")];
        foreign.extend(["more", "0", ""].map(|more| format!("{good} {more}")));
        foreign.extend(
            [
                ("Xy_9", "X/y"),
                (" 7 ", " 0 "),
                (" 7 ", " -7 "),
                ("nrk", "nr"),
                ("nrk", "nrkk"),
                ("nrk", "xrk"),
            ]
            .map(|(from, to)| good.replace(from, to)),
        );
        foreign.extend(
            [("jana", ""), ("jana", "%FF"), (" - - -", " - -"), (" - - -", " soon - -")]
                .map(|(from, to)| good.replace(from, to)),
        );
        for text in foreign {
            assert_eq!(Stamp::parse(&text), Err(NoStamp::Foreign), "{text}");
        }
        for more in ["- more", "- a b c", "- "] {
            assert_eq!(
                Stamp::parse(&format!("{good} {more}")),
                Ok(Stamp { says_more: true, ..stamp() }),
                "{more}"
            );
        }
        assert_eq!(
            Stamp::parse(&format!("{good} 7 more")).map(|stamp| stamp.clock),
            Ok(Some(Clock::from_number(7)))
        );
        assert_eq!(Stamp::parse(&format!("{good} -")), Ok(stamp()));
        assert_eq!(Stamp::parse("2 what ever"), Err(NoStamp::Newer(2)));
        assert_eq!(Stamp::parse(&format!("1 {}", "a".repeat(MOST_BYTES))), Err(NoStamp::Foreign));
    }

    proptest! {
        #[test]
        fn every_stamp_comes_back_as_it_went(
            user in "\\PC{0,12}", passed_on in any::<String>(), trail in prop::option::of("[ -~]{1,20}"),
            numbers in (1..u64::MAX, 1..u64::MAX, any::<u64>(), prop::option::of(any::<u64>())), clock in prop::option::of(1..u64::MAX),
        ) {
            let stamp = Stamp {
                user: user.into(), passed_on: passed_on.into(), trail: trail.map(Into::into),
                number: Number { of_hub: numbers.0, of_topic: numbers.1 }, milliseconds: numbers.2, expires_in: numbers.3,
                clock: clock.map(Clock::from_number),
                ..stamp()
            };
            let text = stamp.text();
            prop_assert_eq!(Stamp::parse(&text), Ok(stamp));
        }

        #[test]
        fn whatever_comes_is_read_or_refused(text in "[1 2a\\-%nrk.]{0,60}") {
            if let Ok(stamp) = Stamp::parse(&text) {
                let stamp = Stamp { says_more: false, ..stamp };
                let again = stamp.text();
                prop_assert_eq!(Stamp::parse(&again), Ok(stamp));
            }
        }
    }
}
