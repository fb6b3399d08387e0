//! What can be wrong at the other end: each is told in one sentence with the file and what to do, and harms neither the
//! hub nor another link.

use std::process::Command;

use clown_hub::tls::house;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::broker::Broker;
use crate::link;
use crate::mqtt::Mqtt;
use crate::support::{Bystander, Client, House, Hub, until};

/// A hub with a good link beside the bad one, and proof that both the hub and the good link are as they were.
struct Beside {
    hub: Hub,
    good: Broker,
    bystander: Bystander,
}

impl Beside {
    async fn of(bad: &str) -> Self {
        Self::with(bad, &[]).await
    }

    async fn with(bad: &str, settings: &[&str]) -> Self {
        let good = Broker::mosquitto().await;
        let hub =
            Hub::with_links(&[("good", &link(good.port, "", &[("both", "good/#")])), ("bad", bad)], settings);
        hub.logs("link is connected link=good").await;
        let bystander = Bystander::at(&hub).await;
        Self { hub, good, bystander }
    }

    /// A line of the log that says this and names the file.
    async fn says(&mut self, sentence: &str) {
        let (hub, what) = (&self.hub, format!("{sentence:?} with the file"));
        let is_said = |line: &str| line.contains(sentence) && line.contains("bridges/bad.toml");
        until(&what, || hub.log().lines().any(is_said)).await;
        self.is_undisturbed().await;
    }

    async fn is_undisturbed(&mut self) {
        self.bystander.is_undisturbed().await;
        let mut there = Mqtt::connect(self.good.port, "there").await;
        let mut here =
            Client::open(&self.hub, "/talk", r#"{"filters": ["good/#"], "retained": false}"#).await;
        there.publish("good/set", b"1", false).await;
        assert_eq!(here.hear().await, "[\"good/set\", 1]");
    }
}

const IN: &[(&str, &str)] = &[("in", "#")];

#[tokio::test]
async fn a_broker_that_is_not_there() {
    let absent = Broker::absent();
    Beside::of(&link(absent.port, "", IN)).await.says("is the broker running, and is the port right?").await;
}

#[tokio::test]
async fn a_host_that_is_not_there() {
    let file = link(1, "", IN).replace("127.0.0.1", "no-such-host.invalid");
    Beside::of(&file).await.says("is the host right, and is there a network?").await;
}

#[tokio::test]
async fn a_broker_that_refuses_the_password() {
    let strict = Broker::mosquitto_with("allow_anonymous false").await;
    Beside::of(&link(strict.port, "", IN)).await.says("set user and password_file").await;
    std::fs::write(strict.dir().join("secret"), "hunter2\n").unwrap();
    for version in ["5", "3.1.1"] {
        let keys = format!(
            "version = '{version}'\nuser = 'jana'\npassword_file = '{}'",
            strict.dir().join("secret").display()
        );
        let mut beside = Beside::of(&link(strict.port, &keys, IN)).await;
        beside.says("does not let \"jana\" in; put user or the password right").await;
        assert!(!beside.hub.log().contains("hunter2"));
    }
    let keys = "user = 'jana'\npassword_file = '/nowhere/secret'";
    Beside::of(&link(strict.port, keys, IN))
        .await
        .says("password_file: /nowhere/secret cannot be read")
        .await;
}

#[tokio::test]
async fn a_password_file_or_a_certificate_that_is_a_pipe_or_never_ends() {
    let broker = Broker::mosquitto().await;
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.to_str().unwrap(), "/dev/zero"] {
        let keys = format!("user = 'jana'\npassword_file = '{path}'");
        let sentence = format!("password_file: {path} cannot be read: it is no file");
        Beside::of(&link(broker.port, &keys, IN)).await.says(&sentence).await;
        let keys = format!("ca_file = '{path}'");
        let sentence = format!("ca_file: {path} cannot be read: it is no file");
        Beside::of(&link(broker.port, &keys, IN).replace("mqtt://", "mqtts://")).await.says(&sentence).await;
    }
}

#[tokio::test]
async fn a_file_that_makes_no_sense() {
    let wild = link(1, "", IN) + "local_prefix = 'a/+/'\n";
    Beside::of(&wild).await.says("rule.local_prefix: \"a/+/\" holds a wildcard").await;
    let twice = link(1, "", &[("both", "a/#"), ("in", "+/b")]);
    let mut beside = Beside::of(&twice).await;
    beside.says("the rules of line 3 and line 6 would both carry \"a/b\" in").await;
    beside.says("(the link is not started)").await;
}

#[tokio::test]
async fn a_password_from_a_file_or_the_environment_lets_the_link_in() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    let made = Command::new("mosquitto_passwd")
        .args(["-c", "-b", users.to_str().unwrap(), "jana", "hunter2"])
        .status();
    assert!(made.unwrap().success());
    // Mosquitto reads it as another user.
    Command::new("chmod").args(["-R", "a+rX", dir.path().to_str().unwrap()]).status().unwrap();
    let strict =
        Broker::mosquitto_with(&format!("allow_anonymous false\npassword_file {}", users.display())).await;
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let keys = format!("user = 'jana'\npassword_file = '{}'", secret.display());
    let hub = Hub::with_links(&[("house", &link(strict.port, &keys, IN))], &["log.filter=trace"]);
    hub.logs("link is connected").await;
    assert!(!hub.log().contains("hunter2"));
}

#[tokio::test]
async fn a_broker_that_speaks_an_older_protocol() {
    let nats = Broker::nats().await;
    Beside::of(&link(nats.port, "", IN)).await.says("set version = \"3.1.1\"").await;
}

#[tokio::test]
async fn something_that_is_no_broker() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 100]).await;
        }
    });
    Beside::of(&link(port, "", IN))
        .await
        .says("is that port for MQTT, and encrypted or not as in url?")
        .await;
}

#[tokio::test]
async fn a_broker_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    Beside::of(&link(port, "connect_seconds = 1", IN)).await.says("did not answer in 1 s").await;
    drop(listener);
}

/// An authority, and a certificate that it signed for this name, in a folder that Mosquitto can read.
fn certificates(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |args: &str| {
        let done = Command::new("openssl").current_dir(dir.path()).args(args.split(' ')).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority",
    );
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=server",
    );
    std::fs::write(dir.path().join("san"), format!("subjectAltName={name}\n")).unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem",
    );
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key -out client.csr -subj /CN=hub",
    );
    std::fs::write(dir.path().join("none"), "keyUsage=digitalSignature\n").unwrap();
    openssl(
        "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile none -out client.pem",
    );
    Command::new("chmod").args(["-R", "a+rX", dir.path().to_str().unwrap()]).status().unwrap();
    dir
}

fn tls(dir: &std::path::Path, more: &str) -> String {
    let dir = dir.display();
    format!(
        "allow_anonymous true\ncafile {dir}/ca.pem\ncertfile {dir}/server.pem\nkeyfile {dir}/server.key\n{more}"
    )
}

#[tokio::test]
async fn a_wrong_certificate_and_the_right_one() {
    let dir = certificates("IP:127.0.0.1");
    let broker = Broker::mosquitto_with(&tls(dir.path(), "")).await;
    let secure = |keys: &str| link(broker.port, keys, IN).replace("mqtt://", "mqtts://");
    Beside::of(&secure("")).await.says("set ca_file to the certificate of the authority").await;
    let ca = format!("ca_file = '{}/ca.pem'", dir.path().display());
    let hub = Hub::with_links(&[("house", &secure(&ca))], &[]);
    hub.logs("link is connected").await;
    Beside::of(&link(broker.port, "", IN)).await.says("encrypted or not as in url?").await;
    Beside::of(&secure("ca_file = '/nowhere/ca.pem'")).await.says("ca_file: /nowhere/ca.pem").await;

    let dir = certificates("DNS:elsewhere.example");
    let broker = Broker::mosquitto_with(&tls(dir.path(), "")).await;
    let ca = format!("ca_file = '{}/ca.pem'", dir.path().display());
    let file = link(broker.port, &ca, IN).replace("mqtt://", "mqtts://");
    Beside::of(&file).await.says("the certificate is for another name; use that name in url").await;
}

/// A broker's configuration for a certificate of `clown-hub cert`, with the files where it can read them.
fn of_the_house(house: &House) -> String {
    let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(house.path("")).status().unwrap();
    assert!(opened.success());
    let shown = |name: &str| house.path(name).display().to_string();
    format!("allow_anonymous true\ncertfile {}\nkeyfile {}", shown("hub.pem"), shown("hub.key"))
}

#[tokio::test]
async fn a_certificate_of_the_house_is_good_and_each_wrong_one_is_told_over_mqtts_and_wss() {
    let day = 86_400;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let (good, expired, elsewhere) = (House::new(), House::new(), House::new());
    let put = |at: &House, name: &str, made: i64| {
        let root = house::authority("House", made).unwrap();
        let leaf = house::leaf(&root, &[name.to_owned()], made).unwrap();
        std::fs::write(at.path("authority.pem"), &root.certificate).unwrap();
        std::fs::write(at.path("hub.pem"), leaf.certificate + &root.certificate).unwrap();
        std::fs::write(at.path("hub.key"), leaf.key).unwrap();
    };
    put(&expired, "127.0.0.1", now - 800 * day);
    put(&elsewhere, "elsewhere.example", now);
    let ca = |house: &House| format!("ca_file = '{}'", house.path("authority.pem").display());
    for scheme in ["mqtts", "wss"] {
        let broker = async |house: &House| match scheme {
            "mqtts" => Broker::mosquitto_with(&of_the_house(house)).await,
            _ => Broker::websocket_with(&of_the_house(house)).await,
        };
        let file = |port: u16, keys: &str| {
            let (plain, path) =
                (format!("mqtt://127.0.0.1:{port}"), if scheme == "wss" { "/mqtt" } else { "" });
            link(port, keys, IN).replace(&plain, &format!("{scheme}://127.0.0.1:{port}{path}"))
        };
        let at = broker(&good).await;
        let hub = Hub::with_links(&[("house", &file(at.port, &ca(&good)))], &[]);
        hub.logs("link is connected").await;
        let untrusted = "set ca_file to the certificate of the authority that signed the broker's";
        Beside::of(&file(at.port, "")).await.says(untrusted).await;
        // Another house's authority, of the same name.
        Beside::of(&file(at.port, &ca(&House::new()))).await.says(untrusted).await;
        let at = broker(&expired).await;
        Beside::of(&file(at.port, &ca(&expired))).await.says("the broker's certificate has expired").await;
        let at = broker(&elsewhere).await;
        let other_name = "the certificate is for another name; use that name in url";
        Beside::of(&file(at.port, &ca(&elsewhere))).await.says(other_name).await;
    }
}

#[tokio::test]
async fn a_broker_that_wants_a_certificate_of_ours() {
    let dir = certificates("IP:127.0.0.1");
    let broker = Broker::mosquitto_with(&tls(dir.path(), "require_certificate true")).await;
    let path = dir.path().display();
    let secure = |keys: &str| link(broker.port, keys, IN).replace("mqtt://", "mqtts://");
    let mut beside = Beside::of(&secure(&format!("ca_file = '{path}/ca.pem'"))).await;
    beside.says("bridges/bad.toml").await;
    assert!(!beside.hub.log().contains("link is connected link=bad"));
    let keys =
        format!("ca_file = '{path}/ca.pem'\ncert_file = '{path}/client.pem'\nkey_file = '{path}/client.key'");
    let hub = Hub::with_links(&[("house", &secure(&keys))], &[]);
    hub.logs("link is connected").await;
}

#[tokio::test]
async fn mqtt_over_websocket() {
    let mut broker = Broker::websocket().await;
    let file = |path: &str| {
        let url = format!("ws://127.0.0.1:{}{path}", broker.port);
        link(broker.port, "", &[("both", "x/#")]).replace(&format!("mqtt://127.0.0.1:{}", broker.port), &url)
    };
    let hub = Hub::with_links(&[("house", &file("/mqtt"))], &[]);
    hub.logs("link is connected").await;
    let two = Hub::with_links(&[("house", &file("/mqtt"))], &[]);
    two.logs("link is connected").await;
    let mut there = Client::open(&two, "/talk", r#"{"filters": ["x/#"]}"#).await;
    let mut here = Client::open(&hub, "/talk", r#"{"filters": []}"#).await;
    let long = "9".repeat(200_000);
    for payload in ["1", &long, "2"] {
        here.say(&format!("[\"x/set\", {payload}]")).await;
        assert_eq!(there.hear().await, format!("[\"x/set\", {payload}]"));
    }
    broker.kill().await;
    hub.logs("is lost").await;
}

#[tokio::test]
async fn a_broker_that_drops_us_for_a_packet_that_it_finds_too_large() {
    let narrow = Broker::mosquitto_with("allow_anonymous true\nmax_packet_size 2000").await;
    for (version, sentence) in
        [("5", "the broker takes 2000"), ("3.1.1", "the broker closes the connection each time")]
    {
        let keys = format!("version = '{version}'");
        let mut beside = Beside::of(&link(narrow.port, &keys, &[("out", "x/#")])).await;
        beside.hub.logs("link is connected link=bad").await;
        let mut there = Mqtt::connect(narrow.port, "there").await;
        there.subscribe("x/#").await;
        let mut here = Client::open(&beside.hub, "/talk", r#"{"filters": []}"#).await;
        here.publish("x/large/set", &format!("\"{}\"", "x".repeat(5_000))).await;
        here.publish("x/small/set", "1").await;
        assert_eq!(there.hears().await, "x/small/set 1", "{version}");
        beside.says(sentence).await;
        assert!(beside.hub.log().contains("x/large/set"));
        assert_eq!(crate::figure(&beside.hub, "bad", "messages_lost_total").await, 1);
    }
}

#[tokio::test]
async fn a_retained_message_of_fifteen_megabytes() {
    let broker = Broker::mosquitto().await;
    let mut there = Mqtt::connect(broker.port, "foreign").await;
    there.publish("x/large", &vec![b'7'; 15 << 20], true).await;
    there.publish("x/small", b"1", true).await;
    let mut late = Mqtt::connect(broker.port, "late").await;
    late.subscribe("x/small").await;
    assert_eq!(late.hears().await, "x/small 1");
    for version in ["5", "3.1.1"] {
        let keys = format!("version = '{version}'");
        let mut beside = Beside::of(&link(broker.port, &keys, &[("in", "x/#")])).await;
        let mut here = Client::open(&beside.hub, "/talk", r#"{"filters": ["x/#"]}"#).await;
        assert_eq!(here.hear().await, "[\"x/small\", 1]", "{version}");
        // A broker of MQTT 5 knows our bound and keeps it to itself.
        if version == "3.1.1" {
            beside.says("packet_bytes allows 1048576").await;
        }
        there.publish("x/after", b"2", false).await;
        assert_eq!(here.hear().await, "[\"x/after\", 2]", "{version}");
        beside.is_undisturbed().await;
    }
    let mut beside = Beside::of(&link(broker.port, "packet_bytes = 16777216", &[("in", "x/#")])).await;
    beside.says("limits.message_bytes allows 1048576").await;
}

/// A broker that welcomes us and then sends these bytes.
async fn sends(version: &str, bytes: &'static [u8]) -> (u16, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connack: &[u8] = if version == "5" { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut chunk = [0; 1000];
            let _ = stream.read(&mut chunk).await;
            let _ = stream.write_all(&[connack, bytes].concat()).await;
            while let Ok(1..) = stream.read(&mut chunk).await {}
        }
    });
    (port, format!("version = '{version}'"))
}

#[tokio::test]
async fn a_topic_that_is_no_utf_8() {
    let (port, keys) = sends("3.1.1", &[0x30, 5, 0, 2, b'a', 0xff, b'1']).await;
    Beside::of(&link(port, &keys, IN)).await.says("its topic is not UTF-8").await;
    let (port, keys) = sends("5", &[0x32, 8, 0, 2, b'a', 0xff, 0, 1, 0, b'1']).await;
    Beside::of(&link(port, &keys, IN)).await.says("its topic is not UTF-8").await;
}

#[tokio::test]
async fn a_topic_that_the_hub_does_not_allow() {
    let broker = Broker::mosquitto().await;
    let mut beside = Beside::of(&link(broker.port, "", IN)).await;
    beside.hub.logs("link is connected link=bad").await;
    let mut there = Mqtt::connect(broker.port, "foreign").await;
    there.publish(&"deep/".repeat(40), b"1", false).await;
    beside.says("the hub does not allow it: topic has 41 levels, the limit is 32").await;
    there.publish("clown.talk/-/config/ok", b"{}", false).await;
    crate::support::in_time("both to be counted", async {
        while crate::figure(&beside.hub, "bad", "messages_refused_total").await < 2 {}
    })
    .await;
}

#[tokio::test]
async fn what_is_no_mqtt_after_the_welcome() {
    let (port, keys) = sends("5", &[0x00, 0xff, 0xff, 0xff, 0xff, 0xff]).await;
    Beside::of(&link(port, &keys, IN)).await.says("the broker sent what is no MQTT").await;
}

#[tokio::test]
async fn a_broker_that_refuses_a_subscription_or_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let acl = dir.path().join("acl");
    std::fs::write(&acl, "topic read x/in/#\ntopic write x/out/#\n").unwrap();
    Command::new("chmod").args(["-R", "a+rX", dir.path().to_str().unwrap()]).status().unwrap();
    let strict = Broker::mosquitto_with(&format!("allow_anonymous true\nacl_file {}", acl.display())).await;
    let mut beside = Beside::of(&link(strict.port, "", &[("both", "x/#")])).await;
    beside.hub.logs("link is connected link=bad").await;
    let mut here = Client::open(&beside.hub, "/talk", r#"{"filters": []}"#).await;
    here.publish("x/no/set", "1").await;
    beside.says("the broker does not allow it; give the user the right to write there").await;
}
