//! Hubs as the measurements find them, without a socket: what a session is fed, and what it is drained of, is all that
//! an edge does with it.

#![allow(dead_code, reason = "each of the programs that share this needs another part of it")]

use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use clown_hub::hub::trie::Trie;
use clown_hub::hub::{Client, Drained, Hub, Rates, Rights, Session, Settings, Side};
use clown_hub::moment::Moment;
use clown_hub::topic::Base;

/// Time stands still. Whoever reads a socket has looked at the clock before.
pub(crate) static NOW: LazyLock<Moment> = LazyLock::new(|| SystemTime::UNIX_EPOCH.into());

/// As much as an edge takes at once.
const BYTES_A_WRITE: usize = 64 * 1024;

/// How many filters match a topic of [`topic`].
pub(crate) const MATCHES: usize = 10;

/// As many as one connection may hold by default.
const FILTERS_A_READER: usize = 1_000;

/// A hub that keeps whatever it is told.
pub(crate) fn hub() -> Arc<Hub> {
    let settings = Settings { retained_topics: usize::MAX, retained_bytes: u64::MAX, ..Settings::default() };
    Hub::new(settings, *NOW)
}

/// A client that may do everything and has said nothing yet.
pub(crate) fn client(hub: &Arc<Hub>, base: &str, side: Side) -> Session {
    let base = Base::parse(base, &hub.settings().topic).unwrap();
    let rights = Arc::new(Rights::everything());
    hub.connect(Client { user: "bench".into(), rights, base, side, rates: Rates::UNLIMITED }, *NOW)
}

/// A dashboard that has named its filters and has heard the welcome.
pub(crate) fn reader(hub: &Arc<Hub>, filters: &[String]) -> Session {
    let mut reader = client(hub, "", Side::Dashboard);
    say(
        &mut reader,
        &format!(r#"["clown.talk/-/config/set", {{"filters": {filters:?}, "retained": false}}]"#),
    );
    drain(&mut reader, &mut Vec::new());
    reader
}

/// So many readers of everything.
pub(crate) fn audience(hub: &Arc<Hub>, count: usize) -> Vec<Session> {
    (0..count).map(|_| reader(hub, &["#".to_owned()])).collect()
}

/// A client says something.
pub(crate) fn say(session: &mut Session, text: &str) {
    session.receive(text, *NOW).unwrap();
}

/// Takes everything that waits, as one write after the other. Returns how many frames there were.
pub(crate) fn drain(session: &mut Session, buffer: &mut Vec<u8>) -> usize {
    let mut frames = 0;
    loop {
        buffer.clear();
        let drained = session.drain(BYTES_A_WRITE, *NOW, &mut |pieces| {
            frames += 1;
            for piece in pieces {
                buffer.extend_from_slice(piece);
            }
        });
        if drained == Drained::Everything {
            return frames;
        }
    }
}

/// Readings of so many sensors, as a node says them.
pub(crate) fn readings(sensors: usize) -> Vec<String> {
    (0..sensors).map(|sensor| format!(r#"["thermometer/{sensor:03}/temperature", 21.5]"#)).collect()
}

/// One of `count` filters. They come in groups of ten that match the same topic and nothing else, as those of
/// `clown-hub-bench filters` do.
fn filter(number: usize) -> String {
    let (group, pluses) = (number / MATCHES, number % MATCHES + 1);
    let level = |(n, name)| if pluses >> n & 1 == 1 { "+" } else { name };
    let levels: Vec<_> = ["house", "floor", "room", "lamp"].into_iter().enumerate().map(level).collect();
    format!("{}/{group:06}", levels.join("/"))
}

/// The topics that match ten of so many filters, in no order that a cache could like.
pub(crate) fn topics(filters: usize) -> Vec<String> {
    const PRIME: usize = 1_000_003;
    let groups = filters / MATCHES;
    (0..groups).map(|turn| format!("house/floor/room/lamp/{:06}", turn * PRIME % groups)).collect()
}

/// So many filters alone.
pub(crate) fn filters_alone(count: usize) -> Trie<usize> {
    let mut trie = Trie::default();
    for number in 0..count {
        trie.change(&filter(number), |_| Some(number));
    }
    trie
}

/// Which of these filters match a topic.
pub(crate) fn find(trie: &Trie<usize>, topic: &str, found: &mut Vec<usize>) {
    trie.matching(topic, &mut |number| found.push(*number));
}

/// So many filters, a thousand to a reader, the ten of a group with ten readers.
pub(crate) fn crowd(hub: &Arc<Hub>, count: usize) -> Vec<Session> {
    let readers = (count / FILTERS_A_READER).max(MATCHES);
    let filters_of = |first: usize| (first..count).step_by(readers).map(filter).collect::<Vec<_>>();
    (0..readers).map(|first| reader(hub, &filters_of(first))).collect()
}

/// Keeps `values` last values, spread evenly over `bases`.
pub(crate) fn keep_values(hub: &Arc<Hub>, bases: usize, values: usize) {
    let mut node = client(hub, "nodes", Side::Node);
    for value in 0..values {
        let (base, sensor) = (value % bases, value / bases);
        say(&mut node, &format!(r#"["{base:05}/thermometer/{sensor:03}/temperature", 21.5]"#));
    }
}
