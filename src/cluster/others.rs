//! Which other hubs there are, by what they say of themselves. Pure; time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::stamp::is_name;
use crate::hub::Clock;

/// How often each hub says that it is there.
pub const EVERY: Duration = Duration::from_secs(3);
/// A hub that was silent for so long is gone.
const GONE: Duration = Duration::from_secs(10);
/// More are not listed.
const MOST: usize = 1000;
/// The longest word.
const MOST_BYTES: usize = 1024;

/// What a hub says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Here {
    /// What people call it.
    pub hub: String,
    /// This life of it.
    pub session: String,
    /// Its version.
    pub version: String,
    /// Where its clock stands.
    #[serde(default)]
    pub clock: u64,
    /// Its clients.
    #[serde(default)]
    pub clients: u64,
    /// Filters that it hears.
    #[serde(default)]
    pub filters: u64,
    /// What waits there for other hubs and for the servers.
    #[serde(default)]
    pub waiting: u64,
    /// Messages of others that did not arrive there.
    #[serde(default)]
    pub missing: u64,
    /// Grows when others are to read last values again, as something of this hub may not have reached them.
    #[serde(default)]
    pub again: u64,
}

/// What was found in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A hub that was not there before, or was silent for so long that it was forgotten.
    New {
        /// Whether it has said before that others are to read last values again.
        is_again: bool,
    },
    /// One that was.
    Known,
    /// One that was, and others are to read last values again.
    Again,
    /// Another hub with the own name.
    Namesake(String),
    /// No word of a hub.
    Nonsense,
}

/// All of them.
#[derive(Debug)]
pub struct Others {
    own: Here,
    /// By the life of the hub.
    there: BTreeMap<String, (Here, Instant)>,
}

impl Others {
    /// Seen from this one.
    pub fn new(own: Here) -> Self {
        Self { own, there: BTreeMap::new() }
    }

    /// What this hub says.
    pub fn own(&self) -> String {
        serde_json::to_string(&self.own).unwrap_or_default()
    }

    /// What this hub says of itself from now on.
    pub fn own_mut(&mut self) -> &mut Here {
        &mut self.own
    }

    /// A hub has said that it is there.
    pub fn hear(&mut self, word: &[u8], now: Instant) -> (Found, Option<Clock>) {
        let read = || serde_json::from_slice::<Here>(word).ok();
        let here = Some(word).filter(|word| word.len() <= MOST_BYTES).and_then(|_| read());
        let here = here.filter(|here| is_name(&here.hub) && is_name(&here.session));
        let Some(here) = here else { return (Found::Nonsense, None) };
        let clock = Some(Clock::from_number(here.clock));
        // A server that stood still says it late, by the connection that has taken the place of ours.
        if here.session == self.own.session {
            return (Found::Known, None);
        }
        let namesake = (here.hub == self.own.hub).then(|| here.session.clone());
        let before = self.there.get(&here.session).map(|(before, _)| before.again);
        let (is_new, is_again) = (before.is_none(), here.again > before.unwrap_or(0));
        if !is_new || self.there.len() < MOST {
            self.there.insert(here.session.clone(), (here, now));
        }
        let found = match (namesake, is_new) {
            (Some(life), _) => Found::Namesake(life),
            (None, true) => Found::New { is_again },
            (None, false) if is_again => Found::Again,
            (None, false) => Found::Known,
        };
        (found, clock)
    }

    /// Forgets those that are silent. Says which lives these were, and where their clocks stood when they were heard last.
    pub fn forget(&mut self, now: Instant) -> Vec<(String, Clock)> {
        let is_gone = |heard: &Instant| now.duration_since(*heard) >= GONE;
        let gone = self.there.iter().filter(|(_, (_, heard))| is_gone(heard));
        let gone: Vec<_> =
            gone.map(|(life, (here, _))| (life.clone(), Clock::from_number(here.clock))).collect();
        self.there.retain(|_, (_, heard)| !is_gone(heard));
        gone
    }

    /// The name and the version of a hub that was heard, if that is of another version than this one.
    pub fn of_another_version(&self, word: &[u8]) -> Option<(String, String)> {
        let here = serde_json::from_slice::<Here>(word).ok()?;
        (here.version != self.own.version).then_some((here.hub, here.version))
    }

    /// Whether this life of a hub is there, or is the own one.
    pub fn lives(&self, life: &str) -> bool {
        life == self.own.session || self.there.contains_key(life)
    }

    /// How many of those that are there come before this one.
    pub fn before(&self) -> usize {
        self.there.range(..self.own.session.clone()).count()
    }

    /// How many there are beside this one.
    pub fn len(&self) -> usize {
        self.there.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// All of them, with this one, as JSON.
    pub fn told(&self) -> String {
        let mut all: Vec<_> = self.there.values().map(|(here, _)| here).chain([&self.own]).collect();
        all.sort_by(|one, other| (&one.hub, &one.session).cmp(&(&other.hub, &other.session)));
        serde_json::to_string(&all).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(hub: &str, session: &str) -> Here {
        Here { hub: hub.into(), session: session.into(), version: "0.1.0".into(), ..Here::default() }
    }

    #[test]
    fn hubs_come_and_go_and_a_namesake_is_found() {
        let (mut others, now) = (Others::new(here("a", "1")), Instant::now());
        let word = |here: &Here| serde_json::to_vec(here).unwrap();
        assert_eq!(others.hear(&word(&here("b", "2")), now).0, Found::New { is_again: false });
        assert_eq!(others.hear(&word(&here("b", "2")), now).0, Found::Known);
        let again = Here { again: 1, clock: 7, ..here("b", "2") };
        assert_eq!(others.hear(&word(&again), now), (Found::Again, Some(Clock::from_number(7))));
        assert_eq!(others.hear(&word(&again), now).0, Found::Known);
        assert_eq!(others.hear(&word(&here("a", "3")), now).0, Found::Namesake("3".to_owned()));
        assert_eq!(others.hear(&word(&here("a", "1")), now).0, Found::Known);
        for word in [&b"x"[..], b"{}", br#"{"hub": "a b", "session": "1", "version": ""}"#, &vec![b' '; 2000]]
        {
            assert_eq!(others.hear(word, now).0, Found::Nonsense);
        }
        assert!(others.told().starts_with(r#"[{"hub":"a","session":"1""#));
        assert_eq!((others.len(), others.forget(now + GONE / 2)), (2, Vec::new()));
        assert!(others.lives("1") && others.lives("2") && !others.lives("9"));
        assert_eq!(others.forget(now + GONE).len(), 2);
        assert!(others.is_empty());
        // What it has said before it was forgotten may not have been heard.
        assert_eq!(others.hear(&word(&again), now).0, Found::New { is_again: true });
        assert_eq!(others.forget(now + GONE).len(), 1);
        // What a newer one says beside that is passed over.
        let newer = br#"{"hub": "n", "session": "9", "version": "9.0.0", "mood": {"good": true}}"#;
        assert_eq!(others.hear(newer, now).0, Found::New { is_again: false });
        assert_eq!(others.of_another_version(newer), Some(("n".to_owned(), "9.0.0".to_owned())));
        assert_eq!(others.of_another_version(&word(&here("b", "2"))), None);
    }

    #[test]
    fn only_so_many_are_listed() {
        let (mut others, now) = (Others::new(here("a", "0")), Instant::now());
        for n in 1..2 * MOST {
            others.hear(&serde_json::to_vec(&here("b", &n.to_string())).unwrap(), now);
        }
        assert_eq!(others.len(), MOST);
    }
}
