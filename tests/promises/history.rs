//! What can be looked back on (`docs/protocol.md`, clause 4.9).

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Hub, in_time, user};

/// So that tests need not wait for the usual second.
const AT_ONCE: &str = "store.write_milliseconds=10";
/// What was said is sealed after a second.
const SEALED: &str = "history.span_seconds=1";

/// What the hub answers to this question.
async fn asked(client: &mut Client, question: &Value) -> Value {
    client.say(&json!(["clown.talk/-/history/get", question]).to_string()).await;
    client.frame().await
}

/// The series of the answer to this question.
async fn series(client: &mut Client, question: &Value) -> Vec<Value> {
    let answer = asked(client, question).await;
    assert_eq!(answer[0], "clown.talk/-/history/ok", "{answer}");
    answer[1]["series"].as_array().unwrap().clone()
}

/// Asks until there are so many readings of one series.
async fn readings(client: &mut Client, topic: &str, count: usize) -> Value {
    in_time("the readings", async {
        loop {
            let found = series(client, &json!({"filters": [topic]})).await;
            if found.first().is_some_and(|series| series["t"].as_array().unwrap().len() >= count) {
                return found.into_iter().next().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn is_sealed(hub: &Hub) {
    in_time("something is sealed", async {
        while hub.figure("history_spans").await < 2 || hub.figure("history_open_bytes").await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn store(dir: &Path, settings: &[&str]) -> Hub {
    Hub::with_store(dir, &[&[AT_ONCE], settings].concat())
}

async fn at(hub: &Hub) -> Client {
    Client::open(hub, "/talk?side=node", r#"{"filters": [], "retained": false}"#).await
}

#[tokio::test]
async fn every_number_and_every_state_that_was_said_can_be_looked_back_on() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for payload in
        [r#"{"temperature": [20.10, "℃"], "on": true}"#, r#"{"temperature": [20.25, "℃"], "on": true}"#]
    {
        client.publish("n/t", payload).await;
    }
    client.publish("n/t", r#"{"temperature": [19, "℃"], "on": false, "mode": "2-dot", "bad": "NaN"}"#).await;
    let found = in_time("all of it", async {
        loop {
            let found = series(&mut client, &json!({"filters": ["n/+"], "id": 7})).await;
            if found.len() == 3 {
                return found;
            }
            drop(found);
        }
    })
    .await;
    let told: Vec<_> =
        found.iter().map(|one| (one["path"].clone(), one["value"].clone(), one["unit"].clone())).collect();
    assert_eq!(
        told,
        [
            (json!("/mode"), json!(["2-dot"]), Value::Null),
            (json!("/on"), json!([true, false]), Value::Null),
            (json!("/temperature/0"), json!([20.1, 20.25, 19]), json!("℃")),
        ]
    );
    assert_eq!((&found[0]["topic"], &found[0]["step"]), (&json!("n/t"), &json!(0)));
    let only = series(&mut client, &json!({"filters": ["#"], "path": "/temperature/0", "step": 86400})).await;
    let [one] = &*only else { panic!("{only:?}") };
    assert_eq!(
        (&one["count"], &one["min"], &one["max"], &one["last"]),
        (&json!([3]), &json!([19]), &json!([20.25]), &json!([19]))
    );
    assert_eq!(one["step"], 86400);
}

#[tokio::test]
async fn what_was_said_before_a_restart_is_in_the_history_after_it_sealed_or_not_and_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for n in 0..300 {
        client.publish("n/t", &format!("{n}.5")).await;
    }
    let before = readings(&mut client, "n/t", 300).await;
    let expected: Vec<_> = (0..300).map(|n| json!(f64::from(n) + 0.5)).collect();
    assert_eq!(before["value"], json!(expected));
    hub.stopped().await;
    // From the log.
    let hub = store(dir.path(), &[SEALED]);
    assert_eq!(readings(&mut at(&hub).await, "n/t", 300).await, before);
    is_sealed(&hub).await;
    assert_eq!(readings(&mut at(&hub).await, "n/t", 300).await, before, "sealed");
    hub.killed().await;
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    assert_eq!(
        readings(&mut client, "n/t", 300).await,
        before,
        "from what is sealed, and not from the log again"
    );
    client.publish("n/t", "7").await;
    let after = readings(&mut client, "n/t", 301).await;
    assert_eq!(after["value"].as_array().unwrap().last(), Some(&json!(7)));
}

#[tokio::test]
async fn a_number_that_becomes_a_text_and_a_number_again_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for payload in ["1", r#""on""#, "1e400", r#""22.25""#, "null", "1e300"] {
        client.publish("n/t", payload).await;
    }
    let numbers = readings(&mut client, "n/t", 3).await;
    assert_eq!(numbers["value"], json!([1, 22.25, 1e300]));
    let all = series(&mut client, &json!({"filters": ["n/t"]})).await;
    assert_eq!(
        all.iter().map(|one| one["value"].clone()).collect::<Vec<_>>(),
        [json!([1, 22.25, 1e300]), json!(["on"])]
    );
}

#[tokio::test]
async fn nobody_looks_back_on_what_he_may_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let users = [user("boss", &["#"], &["#"], true), user("guest", &["open/#"], &[], false)];
    let place = format!("store.directory={}", dir.path().display());
    let hub = Hub::with_users(&users, &[AT_ONCE, &place]);
    let mut boss = Client::open_as(&hub, "boss", "/talk?side=node", r#"{"filters": []}"#).await;
    boss.publish("open/a", "1").await;
    boss.publish("shut/a", "2").await;
    readings(&mut boss, "shut/a", 1).await;
    let mut guest = Client::open_as(&hub, "guest", "/talk", r#"{"filters": []}"#).await;
    readings(&mut guest, "open/#", 1).await;
    for filter in ["#", "shut/a"] {
        let answer = asked(&mut guest, &json!({"filters": [filter], "id": "q"})).await;
        assert_eq!(answer[0], "clown.talk/-/history/error", "{answer}");
        assert_eq!(answer[1]["id"], "q");
        assert!(answer[1]["reason"].as_str().unwrap().contains("subscribe"), "{answer}");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_answered_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for (question, reason) in [
        (json!({"filters": ["#"], "since": "2100-01-01T00:00:00Z"}), "in the future"),
        (json!({"filters": ["#"], "points": 1_000_000}), "1 to 5000"),
        (json!({"filters": vec!["a"; 10_000]}), "100 are the most"),
        (json!({"filters": ["a/#/b"]}), "a/#/b"),
        (json!({}), "filters is missing"),
        (json!([]), "must be an object"),
    ] {
        let answer = asked(&mut client, &question).await;
        assert_eq!(answer[0], "clown.talk/-/history/error", "{answer}");
        assert!(answer[1]["reason"].as_str().unwrap().contains(reason), "{answer}");
    }
    let hub = Hub::with(&["store.directory="]);
    let answer = asked(&mut at(&hub).await, &json!({"filters": ["#"]})).await;
    assert_eq!(answer[1]["reason"], "history is off: the hub has no store, or history.filters is empty");
}

#[tokio::test]
async fn too_many_series_are_counted_and_the_operator_is_told_of_which_topic() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &["history.series=40", "history.series_per_topic=10"]);
    let mut client = at(&hub).await;
    let many = (0..10_000).map(|n| format!(r#""k{n}": {n}"#)).collect::<Vec<_>>().join(", ");
    client.publish("n/many", &format!("{{{many}}}")).await;
    readings(&mut client, "n/many", 1).await;
    for n in 0..50 {
        client.publish(&format!("n/t{n}"), "1").await;
    }
    in_time("the last one was written", async {
        while hub.figure("history_refused").await < 21 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(hub.figure("history_series").await, 40);
    assert!(hub.log().contains("readings have no history") && hub.log().contains("n/many"), "{}", hub.log());
    let found = series(&mut client, &json!({"filters": ["n/many"]})).await;
    assert_eq!(found.len(), 10);
    assert!(hub.figure("retained_count").await >= 51, "all have a last value");
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces_and_each_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    for n in 0..250 {
        client.publish(&format!("n/t{n:03}"), "1").await;
    }
    readings(&mut client, "n/t249", 1).await;
    let (mut question, mut topics) = (json!({"filters": ["n/#"], "id": 1}), Vec::new());
    let mut answers = 0;
    while !question.is_null() {
        let answer = asked(&mut client, &question).await;
        assert_eq!(answer[1]["id"], 1, "{answer}");
        topics.extend(
            answer[1]["series"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["topic"].as_str().unwrap().to_owned()),
        );
        question = answer[1]["more"].clone();
        answers += 1;
    }
    assert_eq!(topics, (0..250).map(|n| format!("n/t{n:03}")).collect::<Vec<_>>());
    assert_eq!(answers, 3);
}

#[tokio::test]
async fn history_that_is_not_wanted_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let hub = store(dir.path(), &[r#"history.never=["n/secret/#"]"#]);
    let mut client = at(&hub).await;
    client.publish("n/secret/a", "1").await;
    client.publish("n/open", "1").await;
    readings(&mut client, "n/open", 1).await;
    assert_eq!(series(&mut client, &json!({"filters": ["n/#"]})).await.len(), 1);
    hub.stopped().await;
    let hub = store(dir.path(), &[]);
    let mut client = at(&hub).await;
    readings(&mut client, "n/open", 1).await;
}
