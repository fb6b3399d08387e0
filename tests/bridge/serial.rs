//! Gateways of radio nodes on serial ports: real ports, with a simulated dongle at the other end.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dongle::{Dongle, GATEWAY, link_to, terminal};
use crate::figure;
use crate::support::{Client, Hub, in_time, run, until};

/// A place for the names of ports, which stay when what is plugged in there changes.
struct Ports(TempDir);

impl Ports {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The file of a link to a port.
    fn link(&self, name: &str, keys: &str) -> String {
        format!("kind = \"serial\"\nport = {:?}\n{keys}\n", self.path(name).to_str().unwrap())
    }
}

/// Everything that is said under these filters, with the last values first.
async fn listen(hub: &Hub, filters: &str) -> Client {
    Client::open(hub, "/talk", &format!("{{\"filters\": [{filters}]}}")).await
}

/// Somebody who only speaks.
async fn speaker(hub: &Hub) -> Client {
    listen(hub, "").await
}

/// The next message under a topic.
async fn heard(client: &mut Client, topic: &str) -> Value {
    in_time(topic, async {
        loop {
            let [found, payload] = client.two().await;
            if found == topic {
                return payload;
            }
        }
    })
    .await
}

/// A hub with a dongle, when it knows its nodes.
async fn with_dongle(ports: &Ports, keys: &str) -> (Hub, Dongle) {
    let dongle = Dongle::plugged_into(&ports.path("dongle"));
    let hub = Hub::with_links(&[("usb-dongle", &ports.link("dongle", keys))], &[]);
    dongle.hears("/nodes/get").await;
    (hub, dongle)
}

#[tokio::test]
async fn readings_of_radio_nodes_arrive_under_the_topics_they_always_had_and_their_relay_is_switched() {
    let ports = Ports::new();
    let (hub, dongle) = with_dongle(&ports, "").await;
    let mut page = listen(&hub, "\"node/#\", \"gateway/#\"").await;
    let mut say = speaker(&hub).await;
    let info = heard(&mut page, "gateway/usb-dongle/info").await;
    assert_eq!(info, json!({"id": GATEWAY, "firmware": "bcf-gateway-usb-dongle", "version": "v1.7.0"}));
    let nodes = dongle.nodes();
    dongle.says(&format!("[\"{}/thermometer/0:9/temperature\", 22.50]", nodes[1]));
    let temperature = heard(&mut page, &format!("node/{}/thermometer/0:9/temperature", nodes[1])).await;
    assert_eq!(temperature.to_string(), "22.5");
    let state = format!("node/{}/relay/0:0/state", nodes[0]);
    say.publish(&format!("{state}/set"), "true").await;
    assert_eq!(heard(&mut page, &state).await, json!(true));
    // By anybody's word, however it came, a state is no command.
    say.publish(&state, "false").await;
    say.publish(&format!("{state}/get"), "null").await;
    dongle.hears("state/get").await;
    let fired: Vec<_> = dongle.fired().into_iter().filter(|fired| fired.contains("relay")).collect();
    assert_eq!(
        fired,
        [format!("{}/relay/0:0/state/set", nodes[0]), format!("{}/relay/0:0/state/get", nodes[0])]
    );
}

#[tokio::test]
async fn a_node_that_says_what_it_is_gets_a_name_that_the_dongle_keeps() {
    let ports = Ports::new();
    let (hub, dongle) = with_dongle(&ports, "").await;
    let mut page = listen(&hub, "\"node/+/info\", \"gateway/#\"").await;
    let mut say = speaker(&hub).await;
    let nodes = dongle.nodes();
    dongle.says(&format!(
        "[\"{}/info\", {{\"firmware\": \"kit-push-button\", \"version\": \"v1.6.1\", \"mode\": 3}} ]",
        nodes[2]
    ));
    let told = heard(&mut page, "gateway/usb-dongle/alias/set/ok").await;
    assert_eq!(told, json!({"id": nodes[2], "alias": "push-button:0"}));
    assert_eq!(dongle.aliases()[&nodes[2]], "push-button:0");
    dongle.says(&format!("[\"{}/push-button/-/event-count\", 5]", nodes[2]));
    let mut button = listen(&hub, "\"node/push-button:0/#\"").await;
    assert_eq!(heard(&mut button, "node/push-button:0/push-button/-/event-count").await, json!(5));
    assert_eq!(
        heard(&mut listen(&hub, "\"node/push-button:0/info\"").await, "node/push-button:0/info").await["mode"],
        3
    );

    // Somebody calls it otherwise; what it has said goes with it.
    say.publish("gateway/usb-dongle/alias/set", &json!({"id": nodes[2], "alias": "door"}).to_string()).await;
    assert_eq!(heard(&mut page, "gateway/usb-dongle/alias/set/ok").await["alias"], "door");
    dongle.says(&format!("[\"{}/push-button/-/event-count\", 6]", nodes[2]));
    let mut fresh = listen(&hub, "\"node/+/push-button/-/event-count\"").await;
    assert_eq!(
        fresh.two().await,
        [json!("node/door/push-button/-/event-count"), json!(6)],
        "and nothing of its old name"
    );
    // A name that another one has is refused with an answer.
    say.publish("gateway/usb-dongle/alias/set", &json!({"id": nodes[1], "alias": "door"}).to_string()).await;
    let refused = heard(&mut page, "gateway/usb-dongle/alias/set/error").await;
    assert!(refused["reason"].as_str().unwrap().contains("is the name of node"), "{refused}");
    // Commands go by both names.
    for name in ["door", &nodes[2]] {
        say.publish(&format!("node/{name}/led/-/state/set"), "true").await;
    }
    until("both commands", || {
        dongle.heard().iter().filter(|line| line.contains("led/-/state/set")).count() == 2
    })
    .await;
}

#[tokio::test]
async fn more_names_than_one_page_has_are_all_read_before_a_node_is_called_by_one() {
    let ports = Ports::new();
    let dongle = Dongle::plugged_into(&ports.path("dongle"));
    dongle.has_aliases((0..19).map(|n| (format!("0000000000{n:02}"), format!("node:{n}"))));
    let last = dongle.nodes()[1].clone();
    dongle.has_aliases([(last.clone(), "yard".to_owned())]);
    dongle.is_not_ready(2);
    let hub = Hub::with_links(&[("usb-dongle", &ports.link("dongle", ""))], &[]);
    dongle.hears("/nodes/get").await;
    let mut page = listen(&hub, "\"gateway/usb-dongle/nodes\"").await;
    let nodes = heard(&mut page, "gateway/usb-dongle/nodes").await;
    let yard = nodes.as_array().unwrap().iter().find(|node| node["id"] == last.as_str()).unwrap();
    assert_eq!(yard["alias"], "yard");
    assert_eq!(dongle.heard().iter().filter(|line| line.contains("alias/list")).count(), 3);
    assert!(
        dongle.heard().iter().filter(|line| line.contains("/info/get")).count() >= 3,
        "it was asked until it had an id"
    );
}

#[tokio::test]
async fn a_dongle_that_is_unplugged_is_told_away_and_one_that_is_plugged_in_again_is_back() {
    let ports = Ports::new();
    let (hub, mut dongle) = with_dongle(&ports, "").await;
    let mut page = listen(&hub, "\"gateway/#\", \"node/#\"").await;
    let mut say = speaker(&hub).await;
    assert!(heard(&mut page, "gateway/usb-dongle/info").await.is_object());
    dongle.unplug();
    assert_eq!(heard(&mut page, "gateway/usb-dongle/info").await, Value::Null);
    hub.logs("the connection to").await;
    fs::remove_file(ports.path("dongle")).unwrap();
    hub.logs("there is no such port: is the gateway plugged in?").await;
    // A command that comes meanwhile is not forgotten yet.
    let relay = format!("node/{}/relay/0:0/state", dongle.nodes()[0]);
    say.publish(&format!("{relay}/set"), "true").await;
    dongle.plug_into(&ports.path("dongle"));
    assert!(heard(&mut page, "gateway/usb-dongle/info").await.is_object());
    assert_eq!(heard(&mut page, &relay).await, json!(true));
    assert_eq!(figure(&hub, "usb-dongle", "connects_total").await, 2);
}

#[tokio::test]
async fn a_command_that_waits_too_long_for_its_dongle_is_lost_and_counted() {
    let ports = Ports::new();
    let hub = Hub::with_links(&[("usb-dongle", &ports.link("dongle", "wait_seconds = 1"))], &[]);
    let mut say = speaker(&hub).await;
    hub.logs("there is no such port").await;
    say.publish("node/836d1983718a/relay/0:0/state/set", "true").await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let dongle = Dongle::plugged_into(&ports.path("dongle"));
    hub.logs("message for the gateway is lost: it has waited for longer than wait_seconds allows").await;
    dongle.hears("/nodes/get").await;
    assert!(!dongle.heard().iter().any(|line| line.contains("relay")), "{:?}", dongle.heard());
    assert_eq!(figure(&hub, "usb-dongle", "messages_lost_total").await, 1);
}

#[tokio::test]
async fn several_dongles_each_get_the_commands_for_their_own_nodes_and_answer_together() {
    let ports = Ports::new();
    let (one, two) = (Dongle::plugged_into(&ports.path("one")), Dongle::plugged_into(&ports.path("two")));
    one.says("[\"/attach\", \"0000000000a1\"]");
    let hub = Hub::with_links(
        &[("attic", &ports.link("one", "")), ("cellar", &ports.link("two", "gateway = \"cellar-{id}\""))],
        &[],
    );
    let cellar = format!("cellar-{GATEWAY}");
    let mut page = listen(&hub, "\"gateway/#\"").await;
    let mut say = speaker(&hub).await;
    one.hears("/nodes/get").await;
    two.hears("/nodes/get").await;
    say.publish("gateway/ping", "null").await;
    let mut pongs = [heard(&mut page, "gateway/pong").await, heard(&mut page, "gateway/pong").await];
    pongs.sort_by_key(ToString::to_string);
    assert_eq!(pongs, [json!("attic"), json!(cellar)]);
    say.publish(&format!("gateway/{cellar}/nodes/add"), "\"0000000000b2\"").await;
    assert_eq!(heard(&mut page, &format!("gateway/{cellar}/attach")).await, json!("0000000000b2"));
    say.publish("node/0000000000b2/led/-/state/set", "true").await;
    two.hears("0000000000b2/led/-/state/set").await;
    say.publish("gateway/all/pairing-mode/start", "null").await;
    one.hears("/pairing-mode/start").await;
    two.hears("/pairing-mode/start").await;
    assert!(!one.heard().iter().any(|line| line.contains("0000000000b2")), "{:?}", one.heard());
}

#[tokio::test]
async fn two_gateways_of_one_name_are_told_and_the_first_one_goes_on() {
    let ports = Ports::new();
    let (one, _two) = (Dongle::plugged_into(&ports.path("one")), Dongle::plugged_into(&ports.path("two")));
    let hub = Hub::with_links(&[("a", &ports.link("one", "gateway = \"same\""))], &[]);
    one.hears("/nodes/get").await;
    fs::write(hub.dir().join("bridges/b.toml"), ports.link("two", "gateway = \"same\"")).unwrap();
    hub.logs("which is the name of the gateway of link a").await;
    assert_eq!(figure(&hub, "a", "connected").await, 1);
}

#[tokio::test]
async fn noise_on_the_line_costs_the_lines_that_it_hits_and_no_other() {
    let ports = Ports::new();
    let (hub, dongle) = with_dongle(&ports, "").await;
    let mut page = listen(&hub, "\"node/#\", \"log/#\"").await;
    dongle.raw(b"\0\0\0[\"00000000000a/orientation\", 1]\n");
    assert_eq!(heard(&mut page, "node/00000000000a/orientation").await, json!(1));
    for bad in [
        &b"[\"00000000000a/thermometer/0:0/temperature\", nan]\n"[..],
        b"[\"00000000000a/custom/-/text\", \"a \"quoted\" word\"]\n",
        b"[\"00000000000a/thermometer/0:0/tempera",
        b"[\"00000000000a/lost\", 1]\n",
        b"\xff\xfe\x80\x81\n",
        b"[\"00000000000a/x/y\", 1, {}]\n",
    ] {
        dongle.raw(bad);
    }
    dongle.raw(&vec![b'x'; 20_000]);
    dongle.raw(b"\n# 12.30 <W> APP: Low battery\r\n[\"00000000000a/orientation\", 2]\r\n");
    assert_eq!(heard(&mut page, "log/usb-dongle/warning").await, json!("12.30 <W> APP: Low battery"));
    assert_eq!(heard(&mut page, "node/00000000000a/orientation").await, json!(2));
    assert_eq!(figure(&hub, "usb-dongle", "messages_refused_total").await, 6);
    hub.logs("message of the gateway is dropped").await;
    assert!(hub.log().contains("nan"), "{}", hub.log());
}

#[tokio::test]
async fn a_port_that_is_no_port_or_is_held_is_told_with_what_to_do() {
    let ports = Ports::new();
    fs::write(ports.path("file"), "").unwrap();
    std::os::unix::fs::symlink("/dev/null", ports.path("null")).unwrap();
    let dongle = Dongle::plugged_into(&ports.path("held"));
    let other = fs::File::open(ports.path("held")).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let links: Vec<_> = ["file", "null", "held"].map(|name| (name, ports.link(name, ""))).into();
    let links: Vec<_> = links.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let hub = Hub::with_links(&links, &[]);
    until("both complaints", || hub.log().matches("that is no serial port").count() >= 2).await;
    hub.logs("another program holds it: stop that one").await;
    // It is let go of.
    drop(other);
    dongle.hears("/nodes/get").await;
    assert_eq!(fs::read(ports.path("file")).unwrap(), b"", "nothing is written to what is no port");
}

#[tokio::test]
async fn what_is_no_gateway_is_told_by_what_it_says() {
    let ports = Ports::new();
    let names = ["silent", "garbage", "other", "third"];
    let ends: Vec<_> = names
        .iter()
        .map(|name| {
            let (master, slave, path) = terminal();
            link_to(&ports.path(name), &path);
            (master, slave)
        })
        .collect();
    let links: Vec<_> = names.map(|name| (name, ports.link(name, ""))).into();
    let links: Vec<_> = links.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let hub = Hub::with_links(&links, &[]);
    // It throws away what came before it was there, so it is told again and again.
    let speaking = async {
        loop {
            let says: [&[u8]; 3] = [
                b"\x9c\xf3\x80\xe6\x98\xfe\x00\x86\xf8\x9e\x0a\xe6\xff\x80",
                b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n",
                b"\x03\x60\x01\x0e\x03\x03app\x02fw\x01\x60\x44\x10\x0b\x00",
            ];
            for ((master, _), bytes) in ends[1..].iter().zip(says) {
                let _ = rustix::io::write(master, bytes);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let told = async {
        hub.logs("a TOWER device of the third generation is there (protocol 3, app fw)").await;
        hub.logs("nothing was heard there in 10 s").await;
        hub.logs("what comes from there is no text").await;
        hub.logs("does not speak as a TOWER gateway: it began with \"$GPGGA").await;
    };
    tokio::select! {
        () = speaking => {}
        () = told => {}
    }
}

#[test]
fn the_command_line_asks_a_port_who_is_there() {
    let ports = Ports::new();
    let dongle = Dongle::plugged_into(&ports.path("dongle"));
    let port = ports.path("dongle");
    let told = run(&["bridge", "ports", port.to_str().unwrap()], "").succeeds();
    assert!(told.contains(&format!("a TOWER gateway: {GATEWAY}, bcf-gateway-usb-dongle v1.7.0")), "{told}");
    drop(dongle);
    let told = run(&["bridge", "ports", "/nowhere"], "").succeeds();
    assert!(told.contains("/nowhere: there is no such port"), "{told}");
}

#[test]
fn the_check_of_a_file_tells_what_a_serial_link_carries_and_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("usb-dongle.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        run(&["bridge", "check", file.to_str().unwrap()], "")
    };
    let told = check(
        "kind = 'serial'\nport = '/dev/ttyUSB0'\nprefix = 'home/'\n[names]\n836d1983718a = 'kitchen'\n",
    )
    .succeeds();
    assert!(told.contains("/dev/ttyUSB0") && told.contains("made: home/node/# ↔ node/#"), "{told}");
    let told = check(
        "kind = 'serial'\ninflight = 3\ngateway = 'all'\nwait_seconds = 0\n[names]\nkitchen = 'x'\n836d1983718a = 'a/b'\n",
    );
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    for part in [
        ":2:1: inflight: is for links of kind \"mqtt\" or \"hub\", and this one is of kind \"serial\"",
        ":3:11: gateway: \"all\" is no name of one gateway",
        ":4:16: wait_seconds: expected a whole number from 1 to 86400",
        ":6:1: names.kitchen: is no id of a node",
        ":7:16: names.836d1983718a: \"a/b\" is no name",
    ] {
        assert!(told.stderr.contains(part), "{part}\n{}", told.stderr);
    }
    let told = check("kind = 'serial'\n");
    assert!(told.stderr.contains("port: is missing"), "{}", told.stderr);
    let told = check("kind = 'usb'\n");
    assert!(told.stderr.contains("kind: expected one of \"mqtt\", \"serial\""), "{}", told.stderr);
}
