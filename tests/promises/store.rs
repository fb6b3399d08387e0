//! What survives the end of the hub, however it ends (`docs/protocol.md`, clauses 5.2 and 5.3).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Client, Hub, in_time, run_to_the_end};

const COMMIT: &str = "store.durability=commit";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The last values that these filters name, by their topics, with what came with them.
async fn last_values(hub: &Hub, filters: &str) -> HashMap<String, (Value, Value)> {
    let mut client = Client::connect(hub, "/talk").await;
    client.say(&format!(r#"["clown.talk/-/config/set", {{"filters": {filters}, "options": true}}]"#)).await;
    client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
    let mut found = HashMap::new();
    let mut answers = 0;
    while answers < 2 {
        let frame = client.frame().await;
        let topic = frame[0].as_str().unwrap().to_owned();
        if topic.starts_with("clown.talk/-/") {
            answers += 1;
            // What is looked up behind the first answer to `get` is there at the second one.
            if topic.ends_with("subscription/ok") && answers == 2 && !found.contains_key("asked") {
                found.insert("asked".to_owned(), (Value::Null, Value::Null));
                client.say(r#"["clown.talk/-/subscription/get", {}]"#).await;
                answers -= 1;
            }
        } else {
            found.insert(topic, (frame[1].clone(), frame[2].clone()));
        }
    }
    found.remove("asked");
    found
}

/// The values of a topic and of those below it.
async fn under(hub: &Hub, topic: &str) -> HashMap<String, (Value, Value)> {
    last_values(hub, &format!(r#"["{topic}/#"]"#)).await
}

/// A figure of the hub, as `/metrics` tells it.
async fn figure(hub: &Hub, name: &str) -> u64 {
    let text = hub.request("GET", "/metrics", &[], "").await.text;
    let line = text.lines().find(|line| line.split(' ').next() == Some(&format!("clown_hub_store_{name}")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits until a figure is this.
async fn figure_is(hub: &Hub, name: &str, wanted: impl Fn(u64) -> bool) {
    in_time(name, async {
        while !wanted(figure(hub, name).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn last_values_are_there_again_after_a_restart_with_time_sender_and_options() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/exact", "20.10").await;
    node.publish("t/text", r#"{"temperature": [20.01, "℃"], "b": "\u2103"}"#).await;
    node.publish_with("t/passed", "1", r#", "qos": [1, 2], "expires": 3600"#).await;
    node.publish_with("relay/set", "true", r#", "retain": true"#).await;
    node.publish("t/gone", "1").await;
    node.publish_with("t/gone", "null", r#", "retain": true"#).await;
    node.publish_with("t/passes", "1", r#", "retain": false"#).await;
    node.publish_with("t/expired", "1", r#", "expires": 0.001"#).await;
    node.leave().await;
    let before = under(&hub, "n").await;
    assert_eq!(before.len(), 5, "four values and the presence: {before:?}");
    hub.stopped().await;

    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n").await, before);
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/exact"]}"#).await;
    assert_eq!(reader.hear().await, r#"["n/t/exact", 20.10]"#, "to the letter");
    drop(reader);
    // Nobody has said anything since; what was read is still in the file.
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n").await, before);
    let figures = last_values(&hub, r#"["$SYS/hub/store/state"]"#).await;
    assert_eq!(figures["$SYS/hub/store/state"].0, "on");
}

#[tokio::test]
async fn what_was_acknowledged_under_commit_is_there_after_kill_9() {
    survives_kills(&[COMMIT], Safe::Acknowledged).await;
}

#[tokio::test]
async fn what_was_said_before_the_last_write_is_there_after_kill_9() {
    survives_kills(&["store.write_milliseconds=50"], Safe::BeforeTheLast("writes_total")).await;
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

/// How often something is done in the short form of a test, and in the long one.
fn times(short: usize, long: usize) -> usize {
    if std::env::var_os("CLOWN_LONG_TESTS").is_some() { long } else { short }
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
}

impl Speaker {
    const TOPICS: u64 = 50;

    fn new(safe: Safe) -> Self {
        Self { safe, number: 0, safe_to: 0 }
    }

    async fn batch(&mut self, node: &mut Client) {
        let mut frames = String::new();
        for _ in 0..20 {
            self.number += 1;
            let number = self.number;
            writeln!(frames, "[\"t/{}\", {number}, {{\"id\": {number}}}]", number % Self::TOPICS).unwrap();
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
            let (value, place) = (value.as_u64().unwrap(), topic.rsplit('/').next().unwrap());
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

#[tokio::test]
async fn a_node_that_was_there_when_the_hub_died_is_offline_since_then_until_it_is_there_again() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    let online = under(&hub, "n").await;
    assert_eq!(online["n/presence"].0["state"], "online");
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let offline = under(&hub, "n").await;
    let (state, options) = &offline["n/presence"];
    assert_eq!((&state["state"], &options["from"]), (&"offline".into(), &"hub".into()));
    let since = state["since"].as_str().unwrap();
    assert!(since >= online["n/t"].1["time"].as_str().unwrap(), "{since}");
    assert_eq!(options["time"], since);
    // It is written, and does not change with another restart.
    figure_is(&hub, "writes_total", |writes| writes > 0).await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    assert_eq!(under(&hub, "n").await["n/presence"], offline["n/presence"]);
    let _node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    assert_eq!(under(&hub, "n").await["n/presence"].0["state"], "online");
}

#[tokio::test]
async fn a_second_hub_does_not_start_and_names_the_first() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[]);
    let second = starts_not(dir.path());
    assert!(second.contains(&format!("another hub uses it: process {}", hub.pid())), "{second}");
    hub.stopped().await;
    Hub::with_store(dir.path(), &[]).stopped().await;
}

/// What a hub says that does not start with this folder.
fn starts_not(dir: &Path) -> String {
    let directory = format!("store.directory={}", dir.display());
    let ran =
        run_to_the_end(&["--listen", "127.0.0.1:0", "--set", &directory, "--set", "simulator.run=off"], "");
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    said
}

/// A store with values in it, of a hub that was stopped.
async fn filled(dir: &Path, values: usize) {
    let hub = Hub::with_store(dir, &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for value in 0..values {
        node.publish(&format!("t/{value}"), &format!("{{\"number\": {value}}}")).await;
    }
    drop(node);
    hub.stopped().await;
}

#[tokio::test]
async fn a_file_of_a_newer_version_or_of_another_program_ends_the_start_and_is_not_touched() {
    let dir = folder();
    filled(dir.path(), 3).await;
    let file = dir.path().join("hub.db");
    for (place, bytes, sentence) in [
        (60, 99_u32.to_be_bytes(), "the file has version 99, and this hub knows versions up to 2"),
        (68, *b"Gimp", "the file is a database of another program"),
    ] {
        let good = fs::read(&file).unwrap();
        let mut changed = good.clone();
        changed[place..place + 4].copy_from_slice(&bytes);
        fs::write(&file, &changed).unwrap();
        let said = starts_not(dir.path());
        assert!(said.contains(sentence) && said.contains("the file was not changed"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), changed);
        fs::write(&file, good).unwrap();
    }
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "the file and the lock, and nothing beside them"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_and_the_hub_serves() {
    let dir = folder();
    fs::write(dir.path().join("hub.db"), "these are my notes, do not lose them").unwrap();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    hub.logs("the store was damaged: the file was set aside as it is").await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    let lost = fs::read_dir(dir.path().join("lost")).unwrap().next().unwrap().unwrap();
    assert!(lost.file_name().to_str().unwrap().ends_with("-damaged.db"));
    assert_eq!(fs::read_to_string(lost.path()).unwrap(), "these are my notes, do not lose them");
    assert_eq!((figure(&hub, "state").await, figure(&hub, "replaced_total").await), (4, 1));
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await["n/t"].0, 1);
}

#[tokio::test]
async fn folder_and_files_are_for_the_user_of_the_hub_alone() {
    let dir = folder();
    let store = dir.path().join("state");
    let hub = Hub::with_store(&store, &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store), 0o700);
    let files: Vec<_> = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_damaged_copy_gives_back_what_is_whole_and_never_a_wrong_value() {
    const VALUES: usize = 60;
    let dir = folder();
    filled(dir.path(), VALUES).await;
    let good = fs::read(dir.path().join("hub.db")).unwrap();
    let copies = times(8, 100);
    let mut random = 12_345_u64;
    let mut whole = 0;
    for copy in 0..copies {
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        let mut bytes = good.clone();
        match copy % 4 {
            // Bits, but for the marks that make it a file of another program.
            0 => {
                for _ in 0..8 {
                    bytes[100 + next(good.len() - 100)] ^= 1 << next(8);
                }
            }
            1 => bytes.truncate(next(good.len())),
            2 => {
                let page = 1024 * (1 + next(good.len() / 1024 - 1));
                bytes[page..page + 1024].fill(0);
            }
            _ => {
                let (from, to) =
                    (1024 * (1 + next(good.len() / 1024 - 1)), 1024 * (1 + next(good.len() / 1024 - 1)));
                bytes.copy_within(from..from + 1024, to);
            }
        }
        let damaged = folder();
        fs::write(damaged.path().join("hub.db"), bytes).unwrap();
        let hub = Hub::with_store(damaged.path(), &[]);
        let found = under(&hub, "n/t").await;
        for (topic, (value, _)) in &found {
            let number: u64 = topic.strip_prefix("n/t/").unwrap().parse().unwrap();
            assert_eq!(value["number"], number, "{topic}");
        }
        assert!(!hub.log().contains("panicked"), "{}", hub.log());
        whole += found.len();
        let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
        node.publish("t/0", r#"{"number": 0}"#).await;
        hub.stopped().await;
        let hub = Hub::with_store(damaged.path(), &[]);
        let again = under(&hub, "n/t").await;
        assert!(
            again.len() >= found.len(),
            "what came back once is there to stay: {} of {}",
            again.len(),
            found.len()
        );
    }
    assert!(whole > 0, "nothing ever came back");
}

/// Says past the harness, which would keep it to itself, that a test has not tested anything.
fn not_tested(why: &str) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\nNOT TESTED: {name}: {why}");
}

/// A file system of so many bytes in memory, if this process may make one. It is gone with this.
struct Small(TempDir);

impl Small {
    fn of(size: &str) -> Option<Self> {
        let dir = folder();
        let ran = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        if ran.is_ok_and(|ran| ran.status.success()) {
            return Some(Self(dir));
        }
        not_tested("this process may not mount a file system");
        None
    }

    fn remount(&self, how: &str) -> bool {
        let options = format!("remount,{how}");
        Command::new("mount")
            .args(["-o", &options])
            .arg(self.0.path())
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_stops_no_message_and_when_there_is_room_everything_is_written() {
    let Some(disk) = Small::of("2m") else { return };
    let store = disk.0.path().join("store");
    let hub = Hub::with_store(&store, &[COMMIT, "store.keep_free_bytes=0"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/before", "1").await;
    let filler = disk.0.path().join("filler");
    let mut full = fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut full, &[0; 4096]).is_ok() {}
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/#"], "retained": false}"#).await;
    let large = "x".repeat(60_000);
    let mut refused = None;
    for n in 0..60 {
        node.say(&format!(r#"["t/{n}", "{large}", {{"id": {n}}}]"#)).await;
        let [topic, payload] = node.two().await;
        assert_eq!(reader.two().await[0], format!("n/t/{n}"));
        if topic == "clown.talk/-/publish/error" {
            refused = Some(payload["reason"].as_str().unwrap().to_owned());
            break;
        }
    }
    let refused = refused.expect("the disk was never full");
    assert!(refused.starts_with("routed, but not on the disk: "), "{refused}");
    hub.logs("the store cannot be written").await;
    figure_is(&hub, "state", |state| state == 3).await;
    node.say(r#"["t/meanwhile", 2]"#).await;
    assert_eq!(reader.two().await[1], 2);
    node.say(r#"["t/before", null, {"retain": true}]"#).await;
    assert_eq!(reader.two().await[1], Value::Null);
    drop(full);
    fs::remove_file(filler).unwrap();
    assert!(disk.remount("size=64m"));
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    let before = under(&hub, "n/t").await;
    assert_eq!(before["n/t/meanwhile"].0, 2);
    drop((node, reader));
    hub.stopped().await;
    let hub = Hub::with_store(&store, &[]);
    assert_eq!(under(&hub, "n/t").await, before);
}

#[tokio::test]
async fn room_is_left_on_the_disk_for_others_and_it_is_said_how_much_was_not_written() {
    let Some(disk) = Small::of("8m") else { return };
    let store = disk.0.path().join("store");
    let settings = [COMMIT, "store.keep_free_bytes=4000000"];
    let hub = Hub::with_store(&store, &settings);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/before", "1").await;
    // Of others there are 5 MiB from now on.
    let others = disk.0.path().join("others");
    fs::write(&others, vec![0; 5 << 20]).unwrap();
    hub.logs("store.keep_free_bytes leaves 4000000 to others").await;
    for n in 0..5 {
        node.say(&format!(r#"["t/meanwhile", {n}, {{"id": {n}}}]"#)).await;
        let [topic, payload] = node.two().await;
        assert_eq!(topic, "clown.talk/-/publish/error");
        assert!(payload["reason"].as_str().unwrap().starts_with("routed, but not on the disk"), "{payload}");
    }
    assert_eq!(under(&hub, "n/t").await["n/t/meanwhile"].0, 4, "it is served from memory");
    // As much as is to be left, and not more, does not begin it again.
    assert_eq!(figure(&hub, "state").await, 3);
    fs::remove_file(others).unwrap();
    hub.logs("the store can be written again").await;
    hub.logs("unwritten=5").await;
    assert_eq!(figure(&hub, "unwritten_total").await, 5);
    node.publish("t/after", "1").await;
    hub.killed().await;
    let hub = Hub::with_store(&store, &settings);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
}

#[tokio::test]
async fn a_file_that_another_program_holds_stops_no_message_and_is_written_when_that_lets_go() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &["store.write_milliseconds=50"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/before", "1").await;
    figure_is(&hub, "writes_total", |writes| writes > 0).await;
    let other = rusqlite::Connection::open(dir.path().join("hub.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    node.publish("t/meanwhile", "2").await;
    hub.logs("another program holds the file").await;
    node.publish("t/later", "3").await;
    assert_eq!(under(&hub, "n/t").await["n/t/later"].0, 3);
    other.execute_batch("ROLLBACK").unwrap();
    hub.logs("the store can be written again").await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 3);
}

/// A file system on an image, which can be made to fail as a worn card does: from one moment on it is read-only.
struct Worn {
    dir: TempDir,
    /// Which disk it is.
    count: usize,
}

impl Worn {
    fn new() -> Option<Self> {
        let worn = Self { dir: folder(), count: 0 };
        fs::File::create(worn.image()).unwrap().set_len(32 << 20).unwrap();
        fs::create_dir(worn.place()).unwrap();
        let made =
            Command::new("mkfs.ext4").arg("-q").arg(worn.image()).status().is_ok_and(|made| made.success());
        if made && worn.mount(&worn.image()) && worn.trigger().is_some_and(|trigger| trigger.exists()) {
            return Some(worn);
        }
        not_tested("this process may not make a file system on an image");
        None
    }

    fn image(&self) -> std::path::PathBuf {
        self.dir.path().join(format!("image-{}", self.count))
    }

    fn place(&self) -> std::path::PathBuf {
        self.dir.path().join("place")
    }

    fn mount(&self, image: &Path) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,errors=remount-ro"]).args([image, &self.place()]);
        mount.status().is_ok_and(|status| status.success())
    }

    fn trigger(&self) -> Option<std::path::PathBuf> {
        let found = Command::new("findmnt").args(["-no", "SOURCE"]).arg(self.place()).output().ok()?;
        let device = String::from_utf8(found.stdout).ok()?.trim().strip_prefix("/dev/")?.to_owned();
        Some(Path::new("/sys/fs/ext4").join(device).join("trigger_fs_error"))
    }

    fn fails(&self) {
        fs::write(self.trigger().unwrap(), "test").unwrap();
    }

    /// What the disk has at one moment: a copy is one if nothing has changed while it was made.
    fn snapshot(&self) -> Vec<u8> {
        let mut image = fs::read(self.image()).unwrap();
        loop {
            let again = fs::read(self.image()).unwrap();
            if image == again {
                return image;
            }
            image = again;
        }
    }

    /// The disk after a power cut. The old one stays what it is, somewhere.
    fn is_switched_on_with(&mut self, image: &[u8]) {
        let is_off = Command::new("umount").arg("-l").arg(self.place()).status().unwrap();
        assert!(is_off.success());
        self.count += 1;
        fs::write(self.image(), image).unwrap();
        assert!(self.mount(&self.image()));
    }

    /// As somebody does who looks after the machine: taken off, checked, and mounted again. A copy of it, as the hub's open
    /// files hold the old one.
    fn is_mended(&self) -> bool {
        Command::new("umount").arg("-l").arg(self.place()).status().unwrap();
        let copy = self.dir.path().join("copy");
        fs::copy(self.image(), &copy).unwrap();
        let checked = Command::new("e2fsck").arg("-fy").arg(&copy).output().unwrap();
        checked.status.code().is_some_and(|code| code < 4) && self.mount(&copy)
    }
}

impl Drop for Worn {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.place()).status();
    }
}

#[tokio::test]
async fn a_file_system_that_becomes_read_only_stops_no_message_and_loses_nothing_once_it_is_mended() {
    let Some(disk) = Worn::new() else { return };
    let store = disk.place().join("store");
    let hub = Hub::with_store(&store, &["store.write_milliseconds=50", "store.keep_free_bytes=0"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/1", "1").await;
    node.publish("t/cleared", "1").await;
    figure_is(&hub, "writes_total", |writes| writes > 0).await;
    disk.fails();
    node.publish("t/2", "2").await;
    hub.logs("the store cannot be written").await;
    node.publish("t/3", "3").await;
    node.publish_with("t/cleared", "null", r#", "retain": true"#).await;
    assert!(disk.is_mended());
    hub.logs("the store can be written again").await;
    figure_is(&hub, "state", |state| state == 1).await;
    drop(node);
    hub.stopped().await;
    let hub = Hub::with_store(&store, &[]);
    let mut found: Vec<_> = under(&hub, "n/t").await.into_keys().collect();
    found.sort();
    assert_eq!(found, ["n/t/1", "n/t/2", "n/t/3"]);
}

#[tokio::test]
async fn a_file_that_vanishes_while_the_hub_runs_is_made_again_from_memory() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for n in 0..10 {
        node.publish(&format!("t/{n}"), "1").await;
    }
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(dir.path().join(format!("hub.db{ending}"))).unwrap();
    }
    hub.logs("the file of the store has vanished").await;
    node.publish("t/10", "1").await;
    figure_is(&hub, "values", |values| values >= 12).await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &[]);
    assert_eq!(under(&hub, "n/t").await.len(), 11);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_ends_the_start_if_it_was_named() {
    let dir = folder();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let said = starts_not(&file.join("store"));
    assert!(
        said.contains("cannot be used (store.directory)") && said.contains("name another folder"),
        "{said}"
    );
}

#[tokio::test]
async fn the_usual_folder_that_cannot_be_made_does_not_end_the_start_and_is_used_once_it_can() {
    let dir = folder();
    let state = dir.path().join("state");
    fs::write(&state, "").unwrap();
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    hub.logs("the store cannot be written").await;
    assert_eq!(figure(&hub, "state").await, 3);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    fs::remove_file(&state).unwrap();
    hub.logs("the store can be written again").await;
    drop(node);
    hub.stopped().await;
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    assert_eq!(under(&hub, "n/t").await["n/t"].0, 1);
    assert!(state.join("clown-hub/hub.db").exists());
}

#[tokio::test]
async fn a_folder_that_is_there_late_gives_its_values_back_and_what_was_said_meanwhile_stays() {
    let dir = folder();
    let state = dir.path().join("state");
    filled(&state.join("clown-hub"), 3).await;
    let away = dir.path().join("away");
    fs::rename(&state, &away).unwrap();
    fs::write(&state, "").unwrap();
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    hub.logs("the store cannot be written").await;
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["n/t/#"], "retained": false}"#).await;
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t/1", r#""new""#).await;
    assert_eq!(reader.two().await[1], "new");
    fs::remove_file(&state).unwrap();
    fs::rename(&away, &state).unwrap();
    // Who reads already hears of what comes back.
    let mut back = [reader.two().await, reader.two().await].map(|[topic, value]| format!("{topic} {value}"));
    back.sort();
    assert_eq!(back, [r#""n/t/0" {"number":0}"#, r#""n/t/2" {"number":2}"#]);
    hub.logs("the store can be written again").await;
    let now = under(&hub, "n/t").await;
    assert_eq!((now.len(), &now["n/t/1"].0), (3, &"new".into()));
    assert_eq!(under(&hub, "n").await["n/presence"].0["state"], "online");
    hub.killed().await;
    let hub = Hub::with_env(&[("XDG_STATE_HOME", state.to_str().unwrap())], &[]);
    assert_eq!(under(&hub, "n/t").await, now);
}

#[tokio::test]
async fn more_than_the_queue_of_the_store_holds_is_counted_and_written_later() {
    let dir = folder();
    let settings = ["store.queue_messages=1024", "retained.topics=200000", "limits.messages_per_second=0"];
    let hub = Hub::with_store(dir.path(), &settings);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    // One message, which is taken without a pause long enough for the writer.
    let mut topics = 0_u64;
    while figure(&hub, "skipped_total").await == 0 {
        let frames: Vec<_> = (0..20_000).map(|n| format!("[\"t/{}\", 1]", topics + n)).collect();
        topics += 20_000;
        assert!(topics <= 200_000, "never too much");
        node.say(&frames.join("\n")).await;
        node.publish("done", "1").await;
    }
    hub.logs("the store cannot keep up").await;
    figure_is(&hub, "state", |state| state == 1).await;
    figure_is(&hub, "values", |values| values == topics + 2).await;
    hub.killed().await;
    let hub = Hub::with_store(dir.path(), &settings);
    hub.logs("the last values are back").await;
    // The values, `done` and the presence.
    let kept = hub.request("GET", "/metrics", &[], "").await.text;
    let kept = kept.lines().find(|line| line.starts_with("clown_hub_store_values ")).unwrap().to_owned();
    assert_eq!(kept, format!("clown_hub_store_values {}", topics + 2));
}

#[tokio::test]
async fn who_asks_too_much_at_once_is_told_so_and_the_others_are_answered() {
    let dir = folder();
    let hub = Hub::with_store(dir.path(), &[COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let frames: Vec<_> = (0..3000).map(|n| format!("[\"t\", {n}, {{\"id\": {n}}}]")).collect();
    node.say(&frames.join("\n")).await;
    let (mut confirmed, mut refused) = (0, 0);
    for _ in 0..3000 {
        let [topic, payload] = node.two().await;
        match topic.as_str().unwrap() {
            "clown.talk/-/publish/ok" => confirmed += 1,
            "clown.talk/-/publish/error" => {
                assert!(
                    payload["reason"].as_str().unwrap().starts_with("not published: 1000 messages"),
                    "{payload}"
                );
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(confirmed >= 1000 && confirmed + refused == 3000, "{confirmed} and {refused}");
    figure_is(&hub, "unconfirmed", |waiting| waiting == 0).await;
    node.publish("t", "1").await;
}

#[tokio::test]
async fn without_a_store_nothing_is_written_and_nothing_waits() {
    let hub = Hub::with(&["store.directory=", COMMIT]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    node.publish("t", "1").await;
    assert_eq!(fs::read_dir(hub.dir()).unwrap().count(), 0);
    assert_eq!(figure(&hub, "state").await, 0);
}
