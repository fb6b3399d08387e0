//! A clock on the wall that jumps, while the hub runs and between two of its lives: libfaketime tells the hub another time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::support::{COMMIT, folder, not_tested, under};
use crate::support::{Client, Hub, in_time};

const RIGHT: &str = "+0";
const BACK: &str = "-3600";
const FAR_AHEAD: &str = "+315360000";

/// The clock of a hub. Only that on the wall jumps, as with a real one.
struct Clock {
    library: PathBuf,
    dir: TempDir,
}

impl Clock {
    fn new() -> Option<Self> {
        let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
        let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
        let Some(library) = libraries.find(|library| library.exists()) else {
            not_tested("libfaketime is not installed");
            return None;
        };
        let clock = Self { library, dir: folder() };
        clock.jumps(RIGHT);
        Some(clock)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("clock")
    }

    /// From now on it is wrong by so many seconds.
    fn jumps(&self, by: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, format!("{by}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn hub(&self, store: &Path) -> Hub {
        let file = self.file();
        let variables = [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        Hub::with_env(&variables, &[&format!("store.directory={}", store.display()), COMMIT])
    }
}

/// When a value was said.
async fn time_of(hub: &Hub, topic: &str) -> String {
    under(hub, "n/t").await[&format!("n/t/{topic}")].1["time"].as_str().unwrap().to_owned()
}

/// Whether a clock that is wrong by so much says this at most some minutes after it has said rightly that it `began`.
fn is_at(by: &str, time: &str, began: &str) -> bool {
    let year = |time: &str| time[..4].parse::<u32>().unwrap();
    let is_far_ahead = year(time) > year(began) + 8;
    match by {
        FAR_AHEAD => is_far_ahead,
        BACK => time < began,
        _ => time >= began && !is_far_ahead,
    }
}

#[tokio::test]
async fn a_clock_that_jumps_while_the_hub_runs_hides_nothing_and_the_last_word_is_the_last_one() {
    let Some(clock) = Clock::new() else { return };
    let dir = folder();
    let hub = clock.hub(dir.path());
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish_with("t/hour", "1", r#", "expires": 3600"#).await;
    let began = time_of(&hub, "hour").await;
    for (number, by) in [RIGHT, BACK, FAR_AHEAD, RIGHT, FAR_AHEAD, BACK].iter().enumerate() {
        clock.jumps(by);
        in_time("the jump", async {
            loop {
                node.publish("t/clock", "1").await;
                if is_at(by, &time_of(&hub, "clock").await, &began) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        node.publish("t/last", &number.to_string()).await;
        node.publish(&format!("t/{number}"), "1").await;
        let now = under(&hub, "n/t").await;
        assert_eq!(now["n/t/last"].0, number);
        assert!(is_at(by, now["n/t/last"].1["time"].as_str().unwrap(), &began), "{now:?}");
        assert_eq!(now.len(), number + 4, "{now:?}");
    }
    let before = under(&hub, "n/t").await;
    drop(node);
    clock.jumps(RIGHT);
    hub.killed().await;
    let hub = clock.hub(dir.path());
    assert_eq!(under(&hub, "n/t").await, before);
}

#[tokio::test]
async fn a_clock_that_is_wrong_at_a_start_deletes_nothing_and_the_last_word_is_the_last_one() {
    let Some(clock) = Clock::new() else { return };
    let dir = folder();
    for (life, by) in [RIGHT, BACK, RIGHT, FAR_AHEAD, RIGHT, BACK].iter().enumerate() {
        clock.jumps(by);
        let hub = clock.hub(dir.path());
        let found = under(&hub, "n/t").await;
        for before in 0..life {
            assert_eq!(found[&format!("n/t/{before}")].0, before, "life {life}");
        }
        if life > 0 {
            assert_eq!(found["n/t/last"].0, life - 1);
            // What is good for an hour is not delivered ten years later, and is there again when the clock is right.
            assert_eq!(found.contains_key("n/t/hour"), *by != FAR_AHEAD, "life {life}");
        }
        let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
        if life == 0 {
            node.publish_with("t/hour", "1", r#", "expires": 3600"#).await;
        }
        node.publish(&format!("t/{life}"), &life.to_string()).await;
        node.publish("t/last", &life.to_string()).await;
        assert_eq!(under(&hub, "n/t").await["n/t/last"].0, life);
        drop(node);
        if life % 2 == 0 { hub.killed().await } else { hub.stopped().await }
    }
}

#[tokio::test]
async fn who_sets_the_clock_is_in_the_log_and_in_the_figures() {
    let Some(clock) = Clock::new() else { return };
    let dir = folder();
    let hub = clock.hub(dir.path());
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    // The hub writes down what it has seen of the clock: who stops it before that stops it at the time before.
    for (jumps, by) in [(1, FAR_AHEAD), (2, BACK), (3, RIGHT)] {
        clock.jumps(by);
        hub.figure_is("clock_jumps", jumps).await;
    }
    for direction in ["forward", "back"] {
        let told = format!("direction=\"{direction}\"");
        assert!(hub.log().contains(&told), "{}", hub.log());
    }
    drop(node);
    hub.stopped().await;
    // A board whose battery is empty.
    for (by, warns) in [(BACK, true), (RIGHT, false)] {
        clock.jumps(by);
        let hub = clock.hub(dir.path());
        hub.logs("the last values are back").await;
        let warned = hub.log().contains("before the time at which the hub wrote last");
        assert_eq!(warned, warns, "{by}: {}", hub.log());
        hub.killed().await;
    }
}
