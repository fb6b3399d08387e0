//! What is wrong, in the configuration, at the servers and in what comes from there: each one sentence, counted, and nobody is
//! harmed.

use std::time::Duration;

use serde_json::json;

use crate::nats::{Node, PASSWORD};
use crate::support::{Authority, Client, Hub, run};
use crate::{connected, figure_is, hub, unconnected};

/// A stamp of another hub.
fn stamp(number: u64) -> String {
    format!("1 other Life {number} {number} 1700000000000 nrk jana - - -")
}

#[tokio::test]
async fn wrong_credentials_are_told_and_never_shown() {
    let node = Node::single().await;
    let servers = format!("cluster.servers=nats://127.0.0.1:{}", node.port);
    let settings = [
        &*servers,
        "cluster.name=a",
        "cluster.user=hub",
        "cluster.password_env=HUB_PASSWORD",
        "log.filter=debug",
    ];
    let hub = Hub::with_env(&[("HUB_PASSWORD", "wr0ng-s3cret")], &settings);
    hub.logs("the servers of the cluster do not let this hub in: correct cluster.user").await;
    assert!(!hub.log().contains("wr0ng-s3cret"), "{}", hub.log());
    let mut client = Client::open(&hub, "/talk", r#"{"filters": ["t"]}"#).await;
    let mut writer = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    writer.publish("t", "1").await;
    assert_eq!(client.two().await[1], 1);
}

#[tokio::test]
async fn tokens_and_nkeys_let_in_from_files_and_from_the_environment() {
    let token =
        Node::with("host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", authorization { token: t0ken }")
            .await;
    let servers = format!("cluster.servers=nats://127.0.0.1:{}", token.port);
    let file = token.dir().join("token");
    std::fs::write(&file, "t0ken\n").unwrap();
    let from_file = format!("cluster.token_file={}", file.display());
    connected(&Hub::with(&[&servers, "cluster.name=a", &from_file])).await;
    connected(&Hub::with_env(&[("T", "t0ken")], &[&servers, "cluster.name=a", "cluster.token_env=T"])).await;
    // The pair of the library's own documents.
    let nkey = Node::with(
        "host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", authorization { users = [ { nkey: UAMMBNV2EYR65NYZZ7IAK5SIR5ODNTTERJOBOF4KJLMWI45YOXOSWULM } ] }",
    )
    .await;
    let servers = format!("cluster.servers=nats://127.0.0.1:{}", nkey.port);
    let seed = "SUANQDPB2RUOE4ETUA26CNX7FUKE5ZZKFCQIIW63OX225F2CO7UEXTM7ZY";
    let hub = Hub::with_env(
        &[("SEED", seed)],
        &[&servers, "cluster.name=a", "cluster.nkey_env=SEED", "log.filter=debug"],
    );
    connected(&hub).await;
    assert!(!hub.log().contains(seed));
}

#[tokio::test]
async fn what_the_servers_do_not_allow_is_one_sentence() {
    let node = Node::with(
        "host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", authorization { users = [ { user: hub, password: s3cret-of-the-hubs, \
         permissions: { publish: [\"clown.h.>\"], subscribe: [\"clown.h.>\"] } } ] }",
    )
    .await;
    let a = hub("a", &[&node], &[]).await;
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    client.publish("t/x", "1").await;
    a.logs("the servers of the cluster do not allow this hub something").await;
    figure_is(&a, "cluster_not_allowed", |count| count >= 2).await;
}

#[tokio::test]
async fn messages_of_others_are_counted_and_harm_nobody() {
    let node = Node::single().await;
    let a = hub("a", &[&node], &[]).await;
    let mut client = Client::open(&a, "/talk", r##"{"filters": ["#"]}"##).await;
    let mut stranger = node.stranger().await;
    let good = stamp(1);
    let bad: [(&str, Option<&str>, &str); 12] = [
        // Another application.
        ("clown.t.k.a.-=", None, "hello"),
        ("clown.t.k.a.-=", Some("what ever"), "1"),
        // A newer hub.
        ("clown.t.k.a.-=", Some("2 other Life and more"), "1"),
        // Subjects that are no topics.
        ("clown.t.k.a", Some(&good), "1"),
        ("clown.t.k.a=zz.-=", Some(&good), "1"),
        ("clown.t.k.=2B.-=", Some(&good), "1"),
        ("clown.t.x.a.-=", Some(&good), "1"),
        // Topics of the hub itself.
        ("clown.t.k.=24SYS.hub.version.-=", Some(&good), "\"9\""),
        ("clown.t.k.clown=2Etalk.-.config.ok.-=", Some(&good), "{}"),
        // No JSON, and options that are none.
        ("clown.t.k.json.-=", Some(&good), "{"),
        ("clown.t.k.two.-=", Some(&good), "1], [2"),
        ("clown.t.k.opt.-=", Some("1 other Life 1 1 1 nrk jana - - %7D%2C1"), "1"),
    ];
    for (number, (subject, stamp, payload)) in bad.into_iter().enumerate() {
        stranger.say(subject, stamp, payload).await;
        figure_is(&a, "cluster_messages_refused", |refused| refused == number as u64 + 1).await;
    }
    a.logs("another application publishes under cluster.prefix").await;
    a.logs("it is of version 2, and this hub knows version 1").await;
    client.hears_nothing().await;
    // A good one, the same again, an older one, and one after a gap.
    for (number, payload) in [(5, "5"), (5, "5"), (3, "3"), (9, "9")] {
        stranger.say("clown.t.k.a.-=", Some(&stamp(number)), payload).await;
    }
    assert_eq!(client.two().await, [json!("a"), json!(5)]);
    assert_eq!(client.two().await, [json!("a"), json!(9)]);
    client.hears_nothing().await;
    assert_eq!(
        (a.figure("cluster_messages_again").await, a.figure("cluster_messages_missing").await),
        (2, 3)
    );
    a.logs("messages of another hub did not arrive").await;
    // A clock that is years ahead.
    stranger.say("clown.t.k.b.-=", Some("1 other Life 20 1 9900000000000 nrk jana - - -"), "1").await;
    assert_eq!(client.two().await[0], "b");
    a.logs("the clock of another hub is ahead").await;
    let nonsense = a.figure("cluster_messages_refused").await;
    stranger.say("clown.h.here", None, "{}").await;
    figure_is(&a, "cluster_messages_refused", |refused| refused == nonsense + 1).await;
}

#[tokio::test]
async fn nobody_pretends_that_subscriptions_are_in_effect_which_were_never_asked_for() {
    let node = Node::single().await;
    let a = hub("a", &[&node], &[]).await;
    let mut stranger = node.stranger().await;
    stranger.say("clown.h.here", None, r#"{"hub":"x","session":"y","version":"0"}"#).await;
    figure_is(&a, "cluster_others", |others| others == 1).await;
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    client.hears_nothing().await;
    assert_eq!(a.figure("cluster_late").await, 0);
}

#[tokio::test]
async fn two_hubs_of_one_name_are_told_loudly() {
    let node = Node::single().await;
    let (a, other) = (hub("a", &[&node], &[]).await, hub("a", &[&node], &[]).await);
    for hub in [&a, &other] {
        hub.logs("two hubs of the cluster have the same name").await;
        figure_is(hub, "cluster_conflicts", |conflicts| conflicts >= 1).await;
    }
    // They hear each other all the same.
    let mut reader = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    let mut writer = Client::open(&other, "/talk", r#"{"filters": []}"#).await;
    writer.publish("t", "1").await;
    assert_eq!(reader.two().await[1], 1);
}

#[tokio::test]
async fn a_message_that_the_servers_do_not_take_stays_here_and_the_others_go_on() {
    let node = Node::with("host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", max_payload: 2000").await;
    let servers = format!("cluster.servers=nats://127.0.0.1:{}", node.port);
    let start = |name: &str| Hub::with(&[&*servers, &format!("cluster.name={name}")]);
    let (a, b) = (start("a"), start("b"));
    connected(&a).await;
    connected(&b).await;
    a.logs("the server takes smaller messages than this hub").await;
    let mut here = Client::open(&a, "/talk", r#"{"filters": ["t/#"]}"#).await;
    let mut there = Client::open(&b, "/talk", r#"{"filters": ["t/#"]}"#).await;
    let mut writer = Client::open(&a, "/talk", r#"{"filters": []}"#).await;
    writer.publish("t/large", &format!("\"{}\"", "x".repeat(5000))).await;
    writer.publish("t/small", "1").await;
    assert_eq!(here.two().await[0], "t/large");
    assert_eq!(there.two().await[0], "t/small");
    assert_eq!(a.figure("cluster_messages_lost").await, 1);
    a.logs("it is larger than max_payload of the servers").await;
    // Nobody was disconnected for it.
    assert_eq!(a.figure("cluster_connects").await, 1);
}

#[tokio::test]
async fn who_listens_to_everything_delays_no_answer() {
    let node = Node::single().await;
    let a = hub("a", &[&node], &["cluster.answer_milliseconds=20000"]).await;
    let before = std::time::Instant::now();
    let mut client = Client::open(&a, "/talk", r#"{"filters": ["t"]}"#).await;
    client.hears_nothing().await;
    assert!(before.elapsed() < Duration::from_secs(15), "the answer came by its deadline only");
    assert_eq!(a.figure("cluster_late").await, 0);
}

#[test]
fn mistakes_in_the_configuration_are_told_at_the_start() {
    let said = |settings: &[&str]| {
        let args: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let ran = run(&[&["--listen", "127.0.0.1:0"][..], &args].concat(), "");
        assert_ne!(ran.code, Some(0));
        ran.stderr
    };
    let here = "cluster.servers=nats://127.0.0.1:4222";
    for (settings, sentence) in [
        (&[here][..], "there are servers and no cluster.name"),
        (&["cluster.servers=127.0.0.1:4222", "cluster.name=a"], "write it as nats://HOST:PORT"),
        (&["cluster.servers=nats://u:p@host", "cluster.name=a"], "without user and password"),
        (&[here, "cluster.name=a b"], "cluster.name"),
        (&[here, "cluster.name=a", "cluster.prefix=a.*"], "cluster.prefix"),
        (&[here, "cluster.name=a", "cluster.user=hub"], "is there without a password"),
        (&[here, "cluster.name=a", "cluster.password_env=X"], "is there without cluster.user"),
        (&[here, "cluster.name=a", "cluster.token_env=X", "cluster.nkey_env=Y"], "give only one of them"),
        (&[here, "cluster.name=a", "cluster.token_env=NOT_THERE"], "no variable NOT_THERE"),
        (&[here, "cluster.name=a", "cluster.token_file=/nowhere/token"], "/nowhere/token"),
        (&[here, "cluster.name=a", "cluster.credentials_file=/dev/null"], "cluster.credentials"),
        (&[here, "cluster.name=a", "cluster.tls_key=key.pem"], "is there without cluster.tls_certificate"),
        (&[here, "cluster.name=a", "cluster.tls_ca=/nowhere/ca.pem"], "/nowhere/ca.pem"),
    ] {
        let told = said(settings);
        assert!(told.contains(sentence), "{settings:?}: {told}");
    }
}

#[tokio::test]
async fn the_certificates_of_servers_are_checked() {
    let house = crate::support::House::new();
    let mut node = Node::absent();
    node.configure(&format!(
        "host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\", tls {{ cert_file: {:?}, key_file: {:?} }}",
        house.path("hub.pem"),
        house.path("hub.key")
    ));
    node.start().await;
    let trusted = format!("cluster.tls_ca={}", house.path("authority.pem").display());
    let servers = format!("cluster.servers=tls://localhost:{}", node.port);
    connected(&Hub::with(&[&servers, "cluster.name=a", &trusted])).await;
    let stranger = Authority::new("stranger");
    let other = node.dir().join("other.pem");
    stranger.write(&other);
    let wrong = format!("cluster.tls_ca={}", other.display());
    let hub = Hub::with(&[&servers, "cluster.name=a", &wrong]);
    hub.logs("or its certificate is not trusted").await;
    assert_eq!(hub.figure("cluster_connects").await, 0);
}
