//! Kill -9 and power cuts: what was safe is there.

use std::fmt::Write as _;

use super::support::{COMMIT, Worn, figure, folder, times, under};
use crate::support::{Client, Hub};

#[tokio::test]
async fn what_was_acknowledged_under_commit_is_there_after_kill_9() {
    survives_kills(&[COMMIT], Safe::Acknowledged).await;
}

#[tokio::test]
async fn what_was_said_before_the_last_write_is_there_after_kill_9() {
    survives_kills(&["store.write_milliseconds=50"], Safe::BeforeTheLast("writes_total")).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9_while_the_log_is_settled() {
    let (dir, mut speaker) = (folder(), Speaker { padding: 30_000, ..Speaker::new(Safe::Acknowledged) });
    let settings = [COMMIT, "limits.messages_per_second=0"];
    let mut settled = 0;
    for _ in 0..times(4, 20) {
        let hub = Hub::with_store(dir.path(), &settings);
        speaker.check(&hub).await;
        let before = figure(&hub, "log_bytes").await;
        let _under_way = speaker.speak(&hub).await;
        // It is settled when it has 8 MiB, and begins anew.
        settled += u32::from(figure(&hub, "log_bytes").await < before);
        hub.killed().await;
    }
    assert!(settled > 0, "the log never got long");
}

#[tokio::test]
async fn what_was_acknowledged_under_commit_is_there_after_a_power_cut() {
    survives_power_cuts(&[COMMIT], Safe::Acknowledged).await;
}

#[tokio::test]
async fn what_was_said_before_the_medium_had_everything_is_there_after_a_power_cut() {
    let settings = ["store.write_milliseconds=100", "store.sync_seconds=1"];
    survives_power_cuts(&settings, Safe::BeforeTheLast("syncs_total")).await;
}

/// Which messages may not be lost.
#[derive(Clone, Copy)]
enum Safe {
    Acknowledged,
    /// Those that were acknowledged before something began that this figure counts.
    BeforeTheLast(&'static str),
}

async fn survives_kills(settings: &[&str], safe: Safe) {
    let (dir, mut speaker) = (folder(), Speaker::new(safe));
    for _ in 0..times(3, 20) {
        let hub = Hub::with_store(dir.path(), settings);
        speaker.check(&hub).await;
        let _under_way = speaker.speak(&hub).await;
        hub.killed().await;
    }
}

/// A power cut leaves of a file system what its disk has. That is an image here, which is copied as it is.
async fn survives_power_cuts(settings: &[&str], safe: Safe) {
    let Some(mut disk) = Worn::new() else { return };
    let settings = [&["store.keep_free_bytes=0"], settings].concat();
    let mut speaker = Speaker::new(safe);
    for _ in 0..times(2, 20) {
        let hub = Hub::with_store(&disk.place().join("store"), &settings);
        speaker.check(&hub).await;
        let _under_way = speaker.speak(&hub).await;
        hub.signal("STOP");
        let image = disk.snapshot();
        hub.killed().await;
        disk.is_switched_on_with(&image);
    }
    let hub = Hub::with_store(&disk.place().join("store"), &settings);
    speaker.check(&hub).await;
}

/// Publishes numbers that only grow, each to one of fifty topics, and knows which of them have to be there.
struct Speaker {
    safe: Safe,
    number: u64,
    /// Up to here nothing may be missing.
    safe_to: u64,
    /// Bytes that come with each number.
    padding: usize,
}

impl Speaker {
    const TOPICS: u64 = 50;

    fn new(safe: Safe) -> Self {
        Self { safe, number: 0, safe_to: 0, padding: 0 }
    }

    async fn batch(&mut self, node: &mut Client) {
        let mut frames = String::new();
        for _ in 0..20 {
            self.number += 1;
            let (number, text) = (self.number, "x".repeat(self.padding));
            let topic = number % Self::TOPICS;
            writeln!(frames, "[\"t/{topic}\", [{number}, \"{text}\"], {{\"id\": {number}}}]").unwrap();
        }
        node.say(&frames).await;
    }

    /// Publishes until some of it is safe, and then a little more, whose answers nobody waits for.
    async fn speak(&mut self, hub: &Hub) -> Client {
        let mut node = Client::open(hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
        let mut acknowledged: Vec<(u64, u64)> = Vec::new();
        loop {
            self.batch(&mut node).await;
            for _ in 0..20 {
                let [topic, payload] = node.two().await;
                assert_eq!(topic, "clown.talk/-/publish/ok", "{payload}");
            }
            let seen = match self.safe {
                Safe::Acknowledged => 0,
                Safe::BeforeTheLast(name) => figure(hub, name).await,
            };
            acknowledged.push((self.number, seen));
            // One may have been under way without the message, the next one has it.
            let is_safe =
                |(_, then): &&(u64, u64)| matches!(self.safe, Safe::Acknowledged) || then + 2 <= seen;
            if acknowledged.len() >= 10
                && let Some((number, _)) = acknowledged.iter().rev().find(is_safe)
            {
                self.safe_to = *number;
                break;
            }
        }
        for _ in 0..self.number % 7 {
            self.batch(&mut node).await;
        }
        node
    }

    /// What is there are numbers that were said there, and none is older than what is safe.
    async fn check(&self, hub: &Hub) {
        let found = under(hub, "n/t").await;
        for (topic, (value, _)) in &found {
            assert_eq!(value[1].as_str().unwrap().len(), self.padding);
            let (value, place) = (value[0].as_u64().unwrap(), topic.rsplit('/').next().unwrap());
            assert_eq!((value % Self::TOPICS).to_string(), place);
            assert!(
                value <= self.number && value + Self::TOPICS > self.safe_to,
                "{topic}: {value} of {}",
                self.safe_to
            );
        }
        // What was said later may be there as well.
        assert!(found.len() as u64 >= self.safe_to.min(Self::TOPICS), "{} of {}", found.len(), self.safe_to);
    }
}
