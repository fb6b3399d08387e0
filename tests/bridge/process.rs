//! Programs as links: real ones, started by the hub.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::figure;
use crate::support::{Bystander, Client, Hub, in_time, until};

/// A program of the shell.
fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The file of a link to it.
fn link(program: &Path, keys: &str) -> String {
    format!("kind = \"process\"\ncommand = [{:?}]\n{keys}\n", program.to_str().unwrap())
}

/// What the first bridge does, in a few lines: waits for the handshake, measures, has a relay.
const BRIDGE: &str = r#"
while read -r line; do
  case "$line" in
    *clown.talk/-/config/set*)
      echo '["clown.talk/-/config/ok", {"ack":false, "device":"bridge", "capabilities":1,  "firmware-release":"1.0.2"}]'
      echo '["thermometer/i2c0-48", {"temperature": [23.62, "\u2103"]}]' ;;
    *relay/i2c0-3b/set*true*) echo '["relay/i2c0-3b", {"state": true}]' ;;
    *relay/i2c0-3b/get*) echo '["relay/i2c0-3b", {"state": null}]' ;;
  esac
done
"#;

#[tokio::test]
async fn a_bridge_as_a_child_measures_and_switches_its_relay() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "bridge", BRIDGE);
    let hub = Hub::with_links(&[("bridge", &link(&program, "base = \"nodes/bridge/0\""))], &[]);
    let mut page = Client::open(&hub, "/talk/nodes/bridge/0", r#"{"filters": ["+/+"]}"#).await;
    assert_eq!(page.two().await, [json!("thermometer/i2c0-48"), json!({"temperature": [23.62, "℃"]})]);
    page.say(r#"["relay/i2c0-3b/set", {"state": true}]"#).await;
    assert_eq!(page.two().await, [json!("relay/i2c0-3b"), json!({"state": true})]);
    page.say(r#"["relay/i2c0-3b/get", {}]"#).await;
    assert_eq!(page.two().await, [json!("relay/i2c0-3b"), json!({"state": null})]);
    // Its answer to the handshake is for the hub alone; that it is there is for everybody.
    let mut late = Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/0/#"]}"#).await;
    let mut found = Vec::new();
    while found.len() < 3 {
        let [topic, payload] = late.two().await;
        if topic.as_str().unwrap().starts_with("nodes/bridge/0/") {
            found.push(format!("{} {}", topic.as_str().unwrap(), payload["state"]));
        }
    }
    found.sort();
    assert_eq!(
        found,
        [
            "nodes/bridge/0/presence \"online\"",
            "nodes/bridge/0/relay/i2c0-3b null",
            "nodes/bridge/0/thermometer/i2c0-48 null",
        ]
    );
}

#[tokio::test]
async fn one_that_does_not_wait_is_not_greeted_and_rules_say_what_it_hears() {
    let dir = tempfile::tempdir().unwrap();
    let program =
        script(dir.path(), "echo", "echo '[\"boot\", null]'\nexec sed -u 's/^/[\"heard\", /; s/$/]/'");
    let rules = "handshake = false\n[[rule]]\ndirection = 'in'\nfilter = '#'\nlocal_prefix = 'child/'\n\
                 [[rule]]\ndirection = 'out'\nfilter = 'x/#'\n";
    let hub = Hub::with_links(&[("echo", &link(&program, rules))], &[]);
    hub.logs("link is connected link=echo").await;
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["child/heard"]}"#).await;
    let mut say = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    say.publish("y/reading", "1").await;
    say.publish("x/reading", "2.50").await;
    assert_eq!(page.hear().await, "[\"child/heard\", [\"x/reading\", 2.50]]");
}

#[tokio::test]
async fn a_program_that_ends_is_told_offline_and_started_again_with_its_last_words_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let once = dir.path().join("once");
    let text = format!(
        "if [ -e {once:?} ]; then\n{BRIDGE}\nfi\ntouch {once:?}\necho '[\"boot\", null]'\nread -r line\nread -r line\necho 'no USB, giving up' >&2\nexit 3"
    );
    let program = script(dir.path(), "fails", &text);
    let hub = Hub::with_links(&[("bridge", &link(&program, "base = 'b'"))], &[]);
    hub.logs("link is connected link=bridge").await;
    let mut page = Client::open(&hub, "/talk/b", r#"{"filters": ["presence"]}"#).await;
    assert_eq!(page.two().await[1]["state"], "online");
    page.say("[\"a/b/set\", 1]").await;
    assert_eq!(page.two().await[1]["state"], "offline");
    hub.logs("it has ended (exit status: 3); its last words: no USB, giving up").await;
    hub.logs("the program says: no USB, giving up").await;
    assert_eq!(page.two().await[1]["state"], "online");
}

#[tokio::test]
async fn a_program_is_started_again_although_a_helper_that_it_has_left_behind_holds_its_output_open() {
    let dir = tempfile::tempdir().unwrap();
    let (starts, helpers) = (dir.path().join("starts"), dir.path().join("helpers"));
    let text = format!(
        "echo x >> {starts:?}\nsetsid sh -c 'echo $$ >> {helpers:?}; exec sleep 1000' 2>/dev/null &\n\
         sleep 1.2\nfor n in $(seq 30); do echo \"[\\\"n/$n\\\", $n]\"; done\nexit 3"
    );
    let program = script(dir.path(), "leaves", &text);
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["c/n/#"]}"#).await;
    fs::create_dir(hub.dir().join("bridges")).unwrap();
    // More slowly than it has spoken: what it said before its end is heard all the same.
    let keys = "base = 'c'\nmessages_per_second = 10";
    fs::write(hub.dir().join("bridges/leaves.toml"), link(&program, keys)).unwrap();
    for n in 1..=30 {
        assert_eq!(reader.two().await, [json!(format!("c/n/{n}")), json!(n)]);
    }
    hub.logs("it has ended (exit status: 3)").await;
    let lines = |file: &Path| fs::read_to_string(file).unwrap_or_default().lines().count();
    until("another start", || lines(&starts) >= 2).await;
    hub.stopped().await;
    for helper in fs::read_to_string(&helpers).unwrap().lines() {
        let _ = std::process::Command::new("kill").arg(helper).status();
    }
}

#[tokio::test]
async fn one_that_dies_at_once_for_ever_is_started_ever_more_rarely() {
    let dir = tempfile::tempdir().unwrap();
    let starts = dir.path().join("starts");
    let program = script(dir.path(), "dies", &format!("echo x >> {starts:?}\necho broken >&2\nexit 1"));
    let hub = Hub::with_links(&[("dies", &link(&program, ""))], &[]);
    hub.logs("it has ended (exit status: 1); its last words: broken").await;
    let count = || fs::read_to_string(&starts).unwrap_or_default().lines().count();
    until("a third attempt", || count() >= 3).await;
    // The waits are drawn from 1, 2, 4 s and so on, and each complaint but the powers of two is left out.
    let complaints = hub.log().matches("its last words: broken").count();
    assert!(complaints <= 3, "{complaints}: {}", hub.log());
    assert_eq!(figure(&hub, "dies", "connected").await, 0);
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    fs::write(&plain, "").unwrap();
    let nowhere = link(&script(dir.path(), "ok", "cat"), "directory = '/nowhere'");
    let hub = Hub::with_links(
        &[
            ("a", &link(&dir.path().join("absent"), "")),
            ("b", &link(&plain, "")),
            ("c", &nowhere),
            ("d", "kind = 'process'\ncommand = 'bc-bridge -f'\n"),
            ("e", "kind = 'process'\ncommand = []\n"),
        ],
        &[],
    );
    hub.logs("there is no such program; write its whole path").await;
    hub.logs("the user of the hub may not run it").await;
    hub.logs("/nowhere: there is no such folder (directory)").await;
    hub.logs("bridges/d.toml:2:11: command: is a list: a program and its arguments").await;
    hub.logs("bridges/e.toml:2:11: command: has 1 to 64 texts").await;
}

#[tokio::test]
async fn a_flood_of_a_program_leaves_the_others_their_turns_and_the_log_its_room() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(
        dir.path(),
        "floods",
        "yes 'an error again and again' >&2 &\nyes 'no message' | head -100000 &\nexec yes '[\"x/y\", 1]'",
    );
    let hub = Hub::with_links(&[("floods", &link(&program, "base = 'f'"))], &[]);
    hub.logs("message of the program is dropped").await;
    let mut bystander = Bystander::at(&hub).await;
    for _ in 0..10 {
        bystander.is_undisturbed().await;
    }
    hub.logs("the program says: an error again").await;
    let heard = figure(&hub, "floods", "messages_in_total").await;
    in_time("more of the flood", async {
        while figure(&hub, "floods", "messages_in_total").await <= heard {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let lines = hub.log().matches("the program says").count();
    assert!(lines <= 40, "{lines} lines of its standard error in the log");
}

#[tokio::test]
async fn a_program_that_says_too_much_is_read_more_slowly_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(
        dir.path(),
        "counts",
        "sleep 1\nfor n in $(seq 200); do echo \"[\\\"n/$n\\\", $n]\"; done\nexec sleep 1000",
    );
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["c/n/#"]}"#).await;
    fs::create_dir(hub.dir().join("bridges")).unwrap();
    fs::write(hub.dir().join("bridges/counts.toml"), link(&program, "base = 'c'\nmessages_per_second = 50"))
        .unwrap();
    for n in 1..=200 {
        assert_eq!(reader.two().await, [json!(format!("c/n/{n}")), json!(n)]);
    }
    hub.logs("the program says more than 50 messages a second").await;
    assert_eq!(figure(&hub, "counts", "messages_lost_total").await, 0);
}

#[tokio::test]
async fn a_program_that_neither_reads_nor_speaks_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "sleeps", "exec sleep 1000");
    let hub = Hub::with_links(&[("sleeps", &link(&program, "base = 's'\nqueue_messages = 10"))], &[]);
    hub.logs("link is connected link=sleeps").await;
    let mut say = Client::open(&hub, "/talk/s", r#"{"filters": []}"#).await;
    // A pipe takes 64 KiB, and the hub some more.
    let long = json!("x".repeat(1000)).to_string();
    for n in 0..200 {
        say.publish(&format!("a/{n}/set"), &long).await;
    }
    hub.logs("the queue for the program is full").await;
    assert!(figure(&hub, "sleeps", "messages_lost_total").await > 0);
    hub.stopped().await;
}

#[tokio::test]
async fn a_program_and_all_that_it_has_started_end_with_their_link() {
    let dir = tempfile::tempdir().unwrap();
    let ids = dir.path().join("ids");
    let program = script(
        dir.path(),
        "family",
        &format!(
            "sh -c 'trap \"\" TERM; while :; do sleep 1; done' &\necho $! > {ids:?}\necho $$ >> {ids:?}\ntrap '' TERM\nwhile :; do sleep 1; done"
        ),
    );
    let hub = Hub::with_links(&[("family", &link(&program, ""))], &[]);
    until("both", || fs::read_to_string(&ids).unwrap_or_default().lines().count() == 2).await;
    let ids: Vec<_> = fs::read_to_string(&ids).unwrap().lines().map(str::to_owned).collect();
    let lives = |id: &String| {
        let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state.split(") ").nth(1).is_some_and(|rest| !rest.starts_with('Z'))
    };
    assert!(ids.iter().all(lives));
    fs::remove_file(hub.dir().join("bridges/family.toml")).unwrap();
    until("the end of both", || !ids.iter().any(lives)).await;
}

#[tokio::test]
async fn two_programs_that_repeat_all_they_hear_do_not_go_on_for_ever() {
    let rules = "handshake = false\n[[rule]]\ndirection = 'both'\nfilter = 'x/#'\n";
    let file = format!("kind = 'process'\ncommand = ['cat']\n{rules}");
    let hub = Hub::with_links(&[("one", &file), ("two", &file)], &[]);
    hub.logs("link is connected link=one").await;
    hub.logs("link is connected link=two").await;
    let mut say = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    say.publish("x/y", "1").await;
    // What one repeats the other one is expected to repeat, once.
    in_time("the end of it", async {
        while figure(&hub, "one", "messages_returned_total").await
            + figure(&hub, "two", "messages_returned_total").await
            < 2
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut bystander = Bystander::at(&hub).await;
    bystander.is_undisturbed().await;
    let (one, two) =
        (figure(&hub, "one", "messages_in_total").await, figure(&hub, "two", "messages_in_total").await);
    assert!(one + two <= 40, "{one} and {two} messages");
}

#[tokio::test]
async fn a_program_does_not_get_what_stands_in_the_environment_of_the_hub() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "env", "env | grep -c SECRET >&2\nexec sleep 1000");
    let hub = Hub::with_env(&[("SECRET", "hunter2"), ("PATH", "/usr/bin:/bin")], &[]);
    fs::create_dir_all(hub.dir().join("bridges")).unwrap();
    fs::write(hub.dir().join("bridges/env.toml"), link(&program, "")).unwrap();
    hub.logs("the program says: 0").await;
}
