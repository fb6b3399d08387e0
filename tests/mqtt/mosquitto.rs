//! Mosquitto's own tools at the hub's door. `tests/brokers/install` installs them.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::json;

use crate::hub;
use crate::support::{Client, House, Hub};

/// One of the tools, with the address and the sign-in of the demo.
fn tool(hub: &Hub, program: &str, version: &str, args: &[&str]) -> Command {
    let port = hub.mqtt.unwrap().port().to_string();
    // A pipe would get what is said in blocks.
    let mut command = Command::new("stdbuf");
    command
        .args([
            "-oL",
            program,
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-V",
            version,
            "-u",
            "clown",
            "-P",
            "bigclown",
        ])
        .args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn run(mut command: Command) -> Output {
    crate::support::in_time("a tool", tokio::task::spawn_blocking(move || command.output().unwrap()))
        .await
        .unwrap()
}

async fn publishes(hub: &Hub, version: &str, args: &[&str]) {
    let output = run(tool(hub, "mosquitto_pub", version, args)).await;
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// What `mosquitto_sub` prints of so many messages.
async fn reads(hub: &Hub, version: &str, args: &[&str]) -> String {
    let output = run(tool(hub, "mosquitto_sub", version, args)).await;
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// `mosquitto_sub` that has subscribed: what it prints comes after that.
struct Reader {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Reader {
    async fn new(hub: &Hub, version: &str, args: &[&str]) -> Self {
        let mut child = tool(hub, "mosquitto_sub", version, &[&["-d"], args].concat()).spawn().unwrap();
        let mut reader = Self { says: BufReader::new(child.stdout.take().unwrap()), child };
        while !reader.line().await.starts_with("Subscribed") {}
        reader
    }

    async fn line(&mut self) -> String {
        let says = &mut self.says;
        let line = tokio::task::block_in_place(|| {
            let mut line = String::new();
            says.read_line(&mut line).unwrap();
            line
        });
        assert!(!line.is_empty(), "mosquitto_sub has ended");
        line
    }

    /// The next message that it prints.
    async fn message(&mut self) -> String {
        loop {
            let line = self.line().await;
            if let Some(message) = line.strip_prefix("MESSAGE ") {
                return message.trim_end_matches('\n').to_owned();
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_every_qos_go_from_one_tool_to_the_other() {
    let hub = hub();
    for version in ["311", "5"] {
        let mut reader =
            Reader::new(&hub, version, &["-t", "m/#", "-q", "2", "-F", "MESSAGE %t %q %r %p"]).await;
        for qos in ["0", "1", "2"] {
            publishes(&hub, version, &["-t", "m/a", "-m", "hello", "-q", qos]).await;
            assert_eq!(reader.message().await, format!("m/a {qos} 0 hello"));
        }
        // Many at one time, of QoS 2, in their order.
        let many: String = (0..300).map(|number| format!("{number}\n")).collect();
        let file = hub.dir().join("many");
        std::fs::write(&file, many).unwrap();
        let mut command = tool(&hub, "mosquitto_pub", version, &["-t", "m/set", "-q", "2", "-l"]);
        command.stdin(std::fs::File::open(&file).unwrap());
        assert!(run(command).await.status.success());
        for number in 0..300 {
            assert_eq!(reader.message().await, format!("m/set 2 0 {number}"));
        }
    }
}

#[tokio::test]
async fn retained_messages_and_their_end() {
    let hub = hub();
    for version in ["311", "5"] {
        publishes(&hub, version, &["-t", "r/a", "-m", "21.5 °C", "-r", "-q", "1"]).await;
        let told = reads(&hub, version, &["-t", "r/#", "-C", "1", "-F", "%t %r %p"]).await;
        assert_eq!(told, "r/a 1 21.5 °C\n");
        publishes(&hub, version, &["-t", "r/a", "-n", "-r"]).await;
        let none = run(tool(&hub, "mosquitto_sub", version, &["-t", "r/#", "-W", "1"])).await;
        assert_eq!((none.status.code(), &*none.stdout), (Some(27), &b""[..]), "it has waited in vain");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_a_will() {
    let hub = hub();
    for version in ["311", "5"] {
        let session = ["-i", "house", "-c", "-q", "1", "-t", "s/#"];
        reads(&hub, version, &[&session[..], &["-E"]].concat()).await;
        publishes(&hub, version, &["-t", "s/a", "-m", "in the meantime", "-q", "1"]).await;
        let told = reads(&hub, version, &[&session[..], &["-C", "1"]].concat()).await;
        assert_eq!(told, "in the meantime\n");
        let mut page = Client::open(&hub, "/talk", r#"{"filters": ["will/#"]}"#).await;
        let will = ["-t", "x", "--will-topic", "will/house", "--will-payload", "gone"];
        drop(Reader::new(&hub, version, &will).await);
        assert_eq!(page.frame().await, json!(["will/house", "gone"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_mosquitto_sub_of_one_group_share_the_messages() {
    let hub = hub();
    for version in ["311", "5"] {
        // Those of the first round may not be gone yet.
        let filter = format!("$share/house-{version}/m/#");
        let args = ["-t", &filter, "-q", "1", "-F", "MESSAGE %t %q %p"];
        let mut one = Reader::new(&hub, version, &args).await;
        let mut two = Reader::new(&hub, version, &args).await;
        for number in 0..10 {
            publishes(&hub, version, &["-t", "m/set", "-m", &number.to_string(), "-q", "1"]).await;
        }
        for number in 0..10 {
            let reader = if number % 2 == 0 { &mut one } else { &mut two };
            assert_eq!(reader.message().await, format!("m/set 1 {number}"));
        }
        // One is killed: all goes to the other one.
        drop(one);
        let mut heard = 0;
        publishes(&hub, version, &["-t", "m/set", "-m", "10", "-q", "1"]).await;
        publishes(&hub, version, &["-t", "m/set", "-m", "11", "-q", "1"]).await;
        while heard < 2 {
            let message = two.message().await;
            assert!(["m/set 1 10", "m/set 1 11"].contains(&&*message), "{message}");
            heard += 1;
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_forbidden_topic_are_told() {
    let hub = hub();
    let wrong = run(tool(&hub, "mosquitto_pub", "5", &["-t", "a", "-m", "1", "-P", "wrong"])).await;
    assert_eq!(wrong.status.code(), Some(134), "{wrong:?}");
    let output = run(tool(&hub, "mosquitto_pub", "5", &["-t", "$SYS/hub/x", "-m", "1", "-q", "1"])).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("Not authorized"), "{output:?}");
}

#[tokio::test]
async fn the_relay_is_switched_by_mosquitto_pub() {
    let hub = hub();
    let mut page = Client::open(&hub, "/talk/nodes/bridge/0", r#"{"filters": ["relay/+/set"]}"#).await;
    let topic = "nodes/bridge/0/relay/i2c0-3b/set";
    publishes(&hub, "311", &["-t", topic, "-m", "{\"state\": true}", "-q", "2"]).await;
    assert_eq!(page.frame().await, json!(["relay/i2c0-3b/set", {"state": true}]));
}

#[tokio::test]
async fn over_tls() {
    let house = House::new();
    let settings = house.settings();
    let settings: Vec<&str> =
        settings.iter().map(String::as_str).chain(["mqtt.tls_listen=127.0.0.1:0"]).collect();
    let hub = Hub::with(&settings);
    let port = hub.tls_mqtt.unwrap().port().to_string();
    let ca = house.path("authority.pem").display().to_string();
    let mut command = Command::new("mosquitto_pub");
    command.args([
        "-h",
        "localhost",
        "-p",
        &port,
        "--cafile",
        &ca,
        "-u",
        "clown",
        "-P",
        "bigclown",
        "-t",
        "a/b",
        "-m",
        "1",
        "-r",
        "-q",
        "1",
    ]);
    let output = run(command).await;
    assert!(output.status.success(), "{output:?}");
    let mut page = Client::open(&hub, "/talk", r#"{"filters": ["a/#"]}"#).await;
    assert_eq!(page.frame().await, json!(["a/b", 1]));
}
