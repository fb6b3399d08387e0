//! Somebody sets the clock of the system, forwards and backwards, while the hub runs and between two runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::{COMMIT, folder, not_tested, under};
use crate::support::{Client, Hub};

/// The clock of a hub, by libfaketime: the one on the wall only.
struct Clock(PathBuf, PathBuf);

impl Clock {
    /// One that can be set, where the library is there.
    fn new(dir: &Path) -> Option<Self> {
        let places = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
        let found = places.chain(["/usr/local/lib".into(), "/usr/lib64".into()]);
        let found =
            found.map(|place| place.join("faketime/libfaketime.so.1")).find(|library| library.exists());
        let Some(library) = found else {
            not_tested("libfaketime is not there (tests/clock/install)");
            return None;
        };
        let clock = Self(library, dir.join("clock"));
        clock.is_off_by("+0");
        Some(clock)
    }

    /// As libfaketime writes it: `+10y`, `-1h`.
    fn is_off_by(&self, offset: &str) {
        // In one piece: the hub reads it all the time.
        let new = self.1.with_extension("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, &self.1).unwrap();
    }

    fn hub(&self, store: &Path) -> Hub {
        let directory = format!("store.directory={}", store.display());
        let environment = [
            ("LD_PRELOAD", self.0.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", self.1.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ];
        Hub::with_env(&environment, &[&directory, COMMIT])
    }
}

async fn node(hub: &Hub) -> Client {
    Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await
}

/// Says something that is worth delivering for an hour.
async fn says(node: &mut Client, topic: &str, payload: &str) {
    node.publish_with(topic, payload, r#", "expires": 3600"#).await;
}

#[tokio::test]
async fn a_clock_that_is_set_while_the_hub_runs_loses_no_value_and_is_in_the_log() {
    let (dir, place) = (folder(), folder());
    let Some(clock) = Clock::new(place.path()) else { return };
    let hub = clock.hub(dir.path());
    let mut speaker = node(&hub).await;
    says(&mut speaker, "t/before", "1").await;
    says(&mut speaker, "t/each", "1").await;
    clock.is_off_by("+10y");
    hub.logs("the clock of the system was set").await;
    assert!(hub.log().contains("forward"), "{}", hub.log());
    says(&mut speaker, "t/far", "1").await;
    says(&mut speaker, "t/each", "2").await;
    let then = under(&hub, "n/t").await;
    assert_eq!(then.len(), 3, "nothing has expired: {then:?}");
    clock.is_off_by("-1h");
    hub.logs("back").await;
    says(&mut speaker, "t/each", "3").await;
    says(&mut speaker, "t/after", "1").await;
    let now = under(&hub, "n/t").await;
    assert_eq!((now.len(), &now["n/t/each"].0), (4, &3.into()), "the newest is what came last: {now:?}");
    let time = |topic: &str| now[topic].1["time"].as_str().unwrap().to_owned();
    assert!(time("n/t/each") < time("n/t/before") && time("n/t/before") < time("n/t/far"), "{now:?}");
    let jumps = hub.request("GET", "/metrics", &[], "").await.text;
    assert!(jumps.contains("\nclown_hub_clock_jumps_total 2\n"), "{jumps}");
    hub.killed().await;
    // The order in which they came is that of the file, too, and the hour is not over.
    let hub = clock.hub(dir.path());
    let again = under(&hub, "n/t").await;
    assert_eq!((again.len(), &again["n/t/each"]), (4, &now["n/t/each"]));
}

#[tokio::test]
async fn a_start_with_a_clock_that_is_wrong_forgets_nothing() {
    let (dir, place) = (folder(), folder());
    let Some(clock) = Clock::new(place.path()) else { return };
    let hub = clock.hub(dir.path());
    let mut speaker = node(&hub).await;
    says(&mut speaker, "t/an_hour", "1").await;
    speaker.publish("t/always", "1").await;
    drop(speaker);
    hub.stopped().await;
    // A board whose battery is empty, and one that takes a wrong time from somewhere.
    for (offset, warns) in [("-10y", true), ("+10y", false)] {
        clock.is_off_by(offset);
        let hub = clock.hub(dir.path());
        let found = under(&hub, "n/t").await;
        assert!(found.contains_key("n/t/always"), "{offset}: {found:?}");
        let warned = hub.log().contains("before the time at which the hub wrote last");
        assert_eq!(warned, warns, "{offset}: {}", hub.log());
        hub.stopped().await;
    }
    clock.is_off_by("+0");
    let hub = clock.hub(dir.path());
    hub.logs("before the time at which the hub wrote last").await;
    let mut found: Vec<_> = under(&hub, "n/t").await.into_keys().collect();
    found.sort();
    assert_eq!(found, ["n/t/always", "n/t/an_hour"], "the hour is not over by the clock that is right");
}
