//! A store, its last values and figures, and file systems that can fail.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Client, Hub, in_time, run_to_the_end};

pub(super) const COMMIT: &str = "store.durability=commit";

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The last values that these filters name, by their topics, with what came with them.
pub(super) async fn last_values(hub: &Hub, filters: &str) -> HashMap<String, (Value, Value)> {
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
pub(super) async fn under(hub: &Hub, topic: &str) -> HashMap<String, (Value, Value)> {
    last_values(hub, &format!(r#"["{topic}/#"]"#)).await
}

/// A figure of the hub, as `/metrics` tells it.
pub(super) async fn figure(hub: &Hub, name: &str) -> u64 {
    let text = hub.request("GET", "/metrics", &[], "").await.text;
    let line = text.lines().find(|line| line.split(' ').next() == Some(&format!("clown_hub_store_{name}")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits until a figure is this.
pub(super) async fn figure_is(hub: &Hub, name: &str, wanted: impl Fn(u64) -> bool) {
    in_time(name, async {
        while !wanted(figure(hub, name).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// How often something is done in the short form of a test, and in the long one.
pub(super) fn times(short: usize, long: usize) -> usize {
    if std::env::var_os("CLOWN_LONG_TESTS").is_some() { long } else { short }
}

/// What a hub says that does not start with this folder.
pub(super) fn starts_not(dir: &Path) -> String {
    let directory = format!("store.directory={}", dir.display());
    let ran =
        run_to_the_end(&["--listen", "127.0.0.1:0", "--set", &directory, "--set", "simulator.run=off"], "");
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    said
}

/// A store with values in it, of a hub that was stopped.
pub(super) async fn filled(dir: &Path, values: usize) {
    let hub = Hub::with_store(dir, &[COMMIT, "store.keep_free_bytes=0"]);
    let mut node = Client::open(&hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    for value in 0..values {
        node.publish(&format!("t/{value}"), &format!("{{\"number\": {value}}}")).await;
    }
    drop(node);
    hub.stopped().await;
}

/// Says past the harness, which would keep it to itself, that a test has not tested anything.
pub(super) fn not_tested(why: &str) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\nNOT TESTED: {name}: {why}");
}

/// A file system of so many bytes in memory, if this process may make one. It is gone with this.
pub(super) struct Small(pub(super) TempDir);

impl Small {
    pub(super) fn of(size: &str) -> Option<Self> {
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

    /// Has no room from now on, until the file is removed that takes all of it.
    pub(super) fn is_filled(&self) -> std::path::PathBuf {
        let filler = self.0.path().join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        filler
    }

    pub(super) fn remount(&self, how: &str) -> bool {
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

/// A file system on an image, which can be made to fail as a worn card does: from one moment on it is read-only.
pub(super) struct Worn {
    dir: TempDir,
    /// Which disk it is.
    count: usize,
}

impl Worn {
    pub(super) fn new() -> Option<Self> {
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

    pub(super) fn image(&self) -> std::path::PathBuf {
        self.dir.path().join(format!("image-{}", self.count))
    }

    pub(super) fn place(&self) -> std::path::PathBuf {
        self.dir.path().join("place")
    }

    pub(super) fn mount(&self, image: &Path) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,errors=remount-ro"]).args([image, &self.place()]);
        mount.status().is_ok_and(|status| status.success())
    }

    pub(super) fn trigger(&self) -> Option<std::path::PathBuf> {
        let found = Command::new("findmnt").args(["-no", "SOURCE"]).arg(self.place()).output().ok()?;
        let device = String::from_utf8(found.stdout).ok()?.trim().strip_prefix("/dev/")?.to_owned();
        Some(Path::new("/sys/fs/ext4").join(device).join("trigger_fs_error"))
    }

    pub(super) fn fails(&self) {
        fs::write(self.trigger().unwrap(), "test").unwrap();
    }

    /// What the disk has at one moment: a copy is one if nothing has changed while it was made.
    pub(super) fn snapshot(&self) -> Vec<u8> {
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
    pub(super) fn is_switched_on_with(&mut self, image: &[u8]) {
        let is_off = Command::new("umount").arg("-l").arg(self.place()).status().unwrap();
        assert!(is_off.success());
        self.count += 1;
        fs::write(self.image(), image).unwrap();
        assert!(self.mount(&self.image()));
    }

    /// As somebody does who looks after the machine: taken off, checked, and mounted again. A copy of it, as the hub's open
    /// files hold the old one.
    pub(super) fn is_mended(&self) -> bool {
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
