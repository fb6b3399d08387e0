//! `clown-hub reply`: a program answers commands, and whatever it does, each command has one answer.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Client, Hub, binary, in_time, run, until};

/// A program that answers commands at a hub. Dropping it ends it.
struct Replying(Child);

impl Drop for Replying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Replying {
    /// It is there once the presence of its base says so, and it reads commands once the hub has its filter.
    async fn at(hub: &Hub, args: &[&str]) -> Self {
        let mut dashboard = Client::open(hub, "/talk", r#"{"filters": ["lamp/presence"]}"#).await;
        let url = format!("ws://clown:bigclown@{}/lamp", hub.address);
        let filters = hub.figure("subscriptions_count").await;
        let mut command = binary();
        command.args(["reply", "--url", &url]).args(args);
        let program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while dashboard.two().await[1]["state"] != "online" {}
        in_time("its filter", async { while hub.figure("subscriptions_count").await <= filters {} }).await;
        Self(program)
    }
}

fn url(hub: &Hub) -> String {
    format!("ws://clown:bigclown@{}/lamp", hub.address)
}

/// What `req` prints, and its exit code.
async fn asks(hub: &Hub, topic: &str, payload: &str) -> (Option<i32>, String) {
    let (url, topic, payload) = (url(hub), topic.to_owned(), payload.to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        run(&["req", &topic, &payload, "--timeout", "30s", "--url", &url], "")
    });
    let ran = ran.await.unwrap();
    (ran.code, ran.stdout)
}

#[tokio::test]
async fn a_program_reads_the_payload_and_what_it_prints_is_the_answer() {
    let hub = Hub::demo();
    let script = "read payload; echo \"{\\\"topic\\\": \\\"$CLOWN_TOPIC\\\", \\\"had\\\": $payload}\"";
    let _replying = Replying::at(&hub, &["+/set", "sh", "-c", script]).await;
    assert_eq!(
        asks(&hub, "0/set", "{\"on\": true}").await,
        (Some(0), "0/ok {\"topic\": \"0/set\", \"had\": {\"on\": true}}\n".to_owned())
    );
    assert_eq!(asks(&hub, "1/set", "5").await.1, "1/ok {\"topic\": \"1/set\", \"had\": 5}\n");
}

#[tokio::test]
async fn a_switch_that_a_program_serves_is_confirmed() {
    let hub = Hub::demo();
    let _replying = Replying::at(&hub, &["--state", "+/set", "cat"]).await;
    let mut operator = Client::open(&hub, "/talk/lamp", r#"{"filters": ["0"]}"#).await;
    operator.say(r#"["0/set", {"state": true}, {"id": 7, "confirm": 30}]"#).await;
    let mut heard = vec![operator.two().await, operator.two().await];
    heard.sort_by_key(|[topic, _]| topic.to_string());
    assert_eq!(heard[0], [Value::from("0"), json!({"state": true})]);
    assert!(heard[1][0].as_str().unwrap().ends_with("/publish/ok"), "{heard:?}");
}

#[tokio::test]
async fn a_program_that_fails_or_hangs_or_floods_is_answered_with_an_error_and_nothing_of_it_stays() {
    let hub = Hub::demo();
    let script = r"case $CLOWN_TOPIC in
        fails/set) exit 3;;
        hangs/set) sleep 4242 & sleep 4242;;
        floods/set) yes;;
        *) echo well;;
    esac";
    let _replying = Replying::at(&hub, &["--timeout", "2s", "+/set", "sh", "-c", script]).await;
    for (command, reason) in
        [("fails", "exit status: 3"), ("hangs", "took longer than 2s"), ("floods", "more than 1048576 bytes")]
    {
        let (code, said) = asks(&hub, &format!("{command}/set"), "{}").await;
        assert_eq!(code, Some(3), "{said}");
        assert!(said.starts_with(&format!("{command}/error ")) && said.contains(reason), "{said}");
    }
    assert_eq!(asks(&hub, "works/set", "{}").await, (Some(0), "works/ok \"well\"\n".to_owned()));
    until("the program and its children are gone", || {
        !Command::new("pgrep").args(["-fx", "sleep 4242"]).stdout(Stdio::null()).status().unwrap().success()
    })
    .await;
}

#[tokio::test]
async fn it_ends_after_so_many_answers_and_takes_only_commands() {
    let hub = Hub::demo();
    let mut replying = Replying::at(&hub, &["--count", "2", "#", "echo", "1"]).await;
    let mut other = Client::open(&hub, "/talk/lamp", r#"{"filters": []}"#).await;
    other.publish("0", "5").await;
    asks(&hub, "0/set", "{}").await;
    asks(&hub, "1/get", "{}").await;
    until("it has ended", || replying.0.try_wait().unwrap().is_some()).await;
    let mut printed = String::new();
    std::io::Read::read_to_string(replying.0.stdout.as_mut().unwrap(), &mut printed).unwrap();
    assert_eq!(printed, "0/ok 1\n1/ok 1\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let hub = Hub::demo();
    let mut replying = Replying::at(&hub, &["+/set", "/there/is/none"]).await;
    run(&["pub", "0/set", "{}", "--url", &url(&hub)], "").succeeds();
    until("it has ended", || replying.0.try_wait().unwrap().is_some()).await;
    let mut told = String::new();
    std::io::Read::read_to_string(replying.0.stderr.as_mut().unwrap(), &mut told).unwrap();
    assert_eq!(replying.0.wait().unwrap().code(), Some(2));
    assert!(told.contains("the program /there/is/none cannot be run"), "{told}");
}
