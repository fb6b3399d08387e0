//! Mistakes that people make at the command line: each is answered by one sentence that says what to type, and by the exit
//! code of its kind.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::support::{Client, Hub, PASSWORD, binary, run, user};

/// What was said to this, without the name of the program.
fn said(code: i32, args: &[&str]) -> String {
    let ran = run(args, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{args:?}: {}", ran.stderr);
    let text = ran.stderr.trim_end().strip_prefix("clown-hub: ").unwrap_or(&ran.stderr).to_owned();
    assert!(!text.contains('\n'), "one sentence: {text}");
    text
}

/// The command that a sentence advises, as a shell takes it apart.
fn advised(sentence: &str) -> Vec<String> {
    let command = sentence.split_once("type: clown-hub ").unwrap().1;
    let split = std::process::Command::new("sh")
        .args(["-c", &format!("for word in {command}; do printf '%s\\n' \"$word\"; done")])
        .output()
        .unwrap();
    String::from_utf8(split.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_payload_that_is_no_json_is_answered_with_the_command_that_works() {
    let hub = Hub::demo();
    let url = format!("ws://clown:bigclown@{}/nodes/bridge/0", hub.address);
    let mut reader = Client::open(&hub, "/talk/nodes/bridge/0", "{}").await;
    let quotes = "JSON has its keys and texts in double quotes, and the shell needs single quotes around the whole; type: ";
    let text = "the payload is JSON: a text has double quotes, and the shell needs single quotes around them; type: ";
    let words = "the shell made 2 words of the payload, so put it in single quotes; type: ";
    for (typed, why, meant, arrives) in [
        (&["relay/i2c0-3b/set", "{'state': true}"][..], quotes, r#"'{"state": true}'"#, r#"{"state": true}"#),
        (&["relay/i2c0-3b/set", "{state: true}"], quotes, r#"'{"state": true}'"#, r#"{"state": true}"#),
        (&["relay/i2c0-3b/set", "{state:", "true}"], words, r#"'{"state": true}'"#, r#"{"state": true}"#),
        (&["greeting", "hello"], text, r#"'"hello"'"#, r#""hello""#),
        (&["greeting", "hello", "world"], words, r#"'"hello world"'"#, r#""hello world""#),
        (&["greeting", "it's on"], text, r#"'"it'\''s on"'"#, r#""it's on""#),
        (&["greeting", "True"], "True is not JSON: write true; type: ", "true", "true"),
        (&["greeting", "None"], "None is not JSON: write null; type: ", "null", "null"),
        (&["greeting", "nan"], "nan is not JSON: write null; type: ", "null", "null"),
        (&["greeting", "21,5"], "21,5 is not JSON: write 21.5; type: ", "21.5", "21.5"),
        (&["greeting", "well, yes"], text, r#"'"well, yes"'"#, r#""well, yes""#),
    ] {
        let sentence = said(2, &[&["pub"], typed].concat());
        assert_eq!(sentence, format!("{why}clown-hub pub {} {meant}", typed[0]));
        let advised = advised(&sentence);
        let advised: Vec<_> = advised.iter().map(String::as_str).chain(["--url", &url]).collect();
        run(&advised, "").succeeds();
        assert_eq!(reader.hear().await, format!("[\"{}\", {arrives}]", typed[0]));
    }
    assert_eq!(
        said(2, &["pub", "--retain", "lamp", "{'on': 1}", "--url", &url]),
        format!("{quotes}clown-hub pub --url URL --retain lamp '{{\"on\": 1}}'")
    );
    assert_eq!(
        said(2, &["pub", "lamp", "{\"on\": "]),
        "the payload is not JSON: EOF while parsing a value at line 1 column 7; an object is written as '{\"state\": true}'"
    );
    assert_eq!(
        said(2, &["pub", "lamp", ""]),
        "the payload is empty; for nothing type: clown-hub pub lamp null"
    );
    assert_eq!(
        said(2, &["req", "relay/0/set", "{state: true}"]),
        format!("{quotes}clown-hub req relay/0/set '{{\"state\": true}}'")
    );
}

#[test]
fn a_flag_of_mosquitto_that_means_nothing_here_says_what_to_type() {
    let unknown = run(&["sub", "-t", "a", "-F", "%z"], "");
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("%z means nothing; there are %t topic, %p payload"),
        "{}",
        unknown.stderr
    );
    assert_eq!(
        said(2, &["pub", "-L", "mqtt://jana:s3cret@house/lamp", "-m", "on"]),
        "-L of mosquitto_pub means nothing here: --url ws://USER:PASSWORD@HOST:PORT and the topic"
    );
    let nobody =
        said(1, &["pub", "-h", "127.0.0.1", "-p", "1", "-u", "jana", "-P", "s3cret", "-t", "a", "-m", "on"]);
    assert!(nobody.contains("127.0.0.1:1") && !nobody.contains("s3cret"), "{nobody}");
    // Alone it still asks for help.
    assert!(run(&["sub", "-h"], "").succeeds().contains("Usage"));
}

#[test]
fn wildcards_of_others_are_answered_with_ours_instead_of_silence() {
    let both = "a wildcard of NATS and of shells; here it is";
    assert_eq!(said(2, &["sub", "nodes/*"]), format!("nodes/* has {both} 'nodes/#'"));
    assert_eq!(said(2, &["sub", "nodes.>"]), "nodes.> has a wildcard of NATS; here it is 'nodes/#'");
    assert_eq!(said(2, &["sub", "a", "nodes/*/state"]), format!("nodes/*/state has {both} nodes/+/state"));
    assert_eq!(
        said(2, &["user", "add", "jana", "--subscribe", "nodes/*"]),
        format!("nodes/* has {both} 'nodes/#'")
    );
}

/// Somebody who says `answer` to whoever calls, and hangs up.
fn stranger(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(answer);
        }
    });
    format!("ws://{address}")
}

#[test]
fn what_is_no_hub_is_told_by_what_it_does() {
    let advice =
        "is that the port of an MQTT broker? A hub prints its port when it starts; the default is 8080";
    for (answer, does) in [
        (&b""[..], "it hung up"),
        (b"\x20\x02\x00\x05", "it does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it does not speak HTTP"),
    ] {
        let url = stranger(answer);
        for command in [&["sub"][..], &["pub", "a", "1"], &["req", "a/set"], &["nodes"]] {
            let sentence = said(1, &[command, &["--url", &url]].concat());
            assert_eq!(sentence, format!("{url}/talk: what listens there is no Clown Hub: {does}; {advice}"));
        }
    }
    let url = stranger(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(
        said(1, &["sub", "--url", &url]),
        format!("{url}/talk: the hub answered 200; is it a Clown Hub?")
    );
    let sentence = said(1, &["sub", "--url", "ws://nowhere.invalid"]);
    assert!(
        sentence.starts_with("ws://nowhere.invalid/talk: no address is known for the name nowhere.invalid (")
            && sentence.ends_with("); check the name, or write the address instead"),
        "{sentence}"
    );
}

#[test]
fn a_mqtt_broker_is_taken_for_no_hub() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broker.conf");
    std::fs::write(&file, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    let names = ["mosquitto", "/usr/sbin/mosquitto"];
    let start = |name: &&str| {
        let mut broker = std::process::Command::new(name);
        broker.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    };
    let Some(mut broker) = names.iter().find_map(start) else {
        println!("mosquitto is not installed, so no broker was called");
        return;
    };
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(broker.try_wait().unwrap(), None, "the broker did not start");
    }
    let url = format!("ws://127.0.0.1:{port}");
    let sentence = said(1, &["sub", "--url", &url]);
    broker.kill().unwrap();
    broker.wait().unwrap();
    let begins = format!(
        "{url}/talk: what listens there is no Clown Hub: it hung up; is that the port of an MQTT broker?"
    );
    assert!(sentence.starts_with(&begins), "{sentence}");
}

#[test]
fn an_address_without_its_beginning_is_answered_with_the_whole() {
    let said = |url| said(2, &["sub", "--url", url]);
    let origin = "--url or CLOWN_HUB_URL: the URL of a hub begins with ws://; write";
    assert_eq!(said("127.0.0.1:22100"), format!("{origin} ws://127.0.0.1:22100"));
    assert_eq!(said("house"), format!("{origin} ws://house:8080"));
    assert_eq!(said("http://house:80/"), format!("{origin} ws://house:80"));
    assert_eq!(said("https://house/"), format!("{origin} wss://house:8443"));
    let either = "--url or CLOWN_HUB_URL: the URL of a hub begins with ws://, or with wss:// for TLS; write";
    assert_eq!(said("mqtt://jana:s3cret@house"), format!("{either} ws://USER:PASSWORD@HOST:PORT/BASE"));
}

#[test]
fn a_port_alone_is_answered_with_the_addresses_that_may_be_meant() {
    for port in ["8080", ":8080"] {
        assert_eq!(
            run(&["--listen", port], "").stderr,
            "clown-hub: configuration\nflag: server.listen: found a port alone; write 127.0.0.1:8080 for programs of this \
             machine only, or 0.0.0.0:8080 for the whole network (which takes accounts)\n"
        );
    }
    let good = run(&["config", "check", "--set", "server.listen=localhost:8080"], "").succeeds();
    assert_eq!(good, "the configuration is good; it listens on 127.0.0.1:8080, with the demo user\n");
}

#[test]
fn a_text_without_quotes_in_a_file_is_answered_with_the_line_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hub.toml");
    let path = file.to_str().unwrap();
    let told = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let ran = run(&["config", "check", "--config", path], "");
        assert_eq!(ran.code, Some(2));
        ran.stderr.replace(path, "FILE").replace("clown-hub: configuration\n", "").trim_end().to_owned()
    };
    assert_eq!(
        told("[server]\nlisten = 127.0.0.1:8080 # here\n"),
        "FILE:2:10: a text is in quotes; write listen = \"127.0.0.1:8080\""
    );
    assert_eq!(
        told("[users]\nfile = /etc/users.toml\n"),
        "FILE:2:8: a text is in quotes; write file = \"/etc/users.toml\""
    );
    assert!(!told("password = s3cret!\n").contains("s3cret"));
}

#[test]
fn refusals_at_the_start_name_the_command_that_makes_an_account() {
    let refused = said(2, &["--listen", "0.0.0.0:0"]);
    assert!(refused.contains("`clown-hub user add NAME --admin`"), "{refused}");
    let missing = said(2, &["--users", "accounts.toml"]);
    assert!(missing.contains("`clown-hub user add NAME --admin --users accounts.toml`"), "{missing}");
}

#[tokio::test]
async fn the_simulator_takes_its_hub_as_every_client_does() {
    let hub = Hub::demo();
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["+/presence", "+/+/+/presence"]}"#).await;
    for (args, base) in [
        (
            vec!["sim".to_owned(), "--url".to_owned(), format!("ws://clown:bigclown@{}", hub.address)],
            "nodes/bridge/0",
        ),
        (vec!["sim".to_owned(), format!("--url=ws://clown:bigclown@{}/house", hub.address)], "house"),
    ] {
        let mut sim = crate::support::binary().args(&args).stderr(Stdio::null()).spawn().unwrap();
        let [topic, payload] = reader.two().await;
        assert_eq!((topic, &payload["state"]), (format!("{base}/presence").into(), &"online".into()));
        sim.kill().unwrap();
        sim.wait().unwrap();
        assert_eq!(reader.two().await[1]["state"], "offline");
    }
    let wrong = format!("ws://clown:s3cret@{}", hub.address);
    let ran = run(&["sim", "--url", &wrong], "");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("the hub answered 401: check the user and the password; "), "{}", ran.stderr);
    let twice = format!("ws://clown:bigclown@{}/house", hub.address);
    assert_eq!(
        said(2, &["sim", "--url", &twice, "--base", "attic"]),
        "the base is given twice, by --base and as house in the URL; leave one out"
    );
}

#[tokio::test]
async fn a_command_that_gets_no_answer_is_told_what_a_node_takes() {
    let hub = Hub::with(&["simulator.run=on"]);
    let mut reader = Client::open(&hub, "/talk/nodes/bridge/0", r#"{"filters": ["presence"]}"#).await;
    reader.hear().await;
    let url = format!("ws://clown:bigclown@{}/nodes/bridge/0", hub.address);
    let asked = |args: &[&str]| said(4, &[&["req"], args, &["--timeout", "300ms", "--url", &url]].concat());
    let sentence = asked(&["relay/i2c0-3b/set", "true"]);
    assert_eq!(
        sentence,
        "no answer to relay/i2c0-3b/set in 300ms; a node takes an object; type: clown-hub req --url URL relay/i2c0-3b/set \
         '{\"state\": true}'"
    );
    let advised = advised(&sentence.replace("URL", &url));
    run(&advised.iter().map(String::as_str).collect::<Vec<_>>(), "").succeeds();
    assert_eq!(
        asked(&["relay/7/set", "{\"state\": true}"]),
        "no answer to relay/7/set in 300ms; is the node there? `clown-hub nodes` shows it"
    );
}

#[tokio::test]
async fn a_state_that_is_not_the_one_that_was_asked_for_is_no_answer() {
    let hub = Hub::demo();
    let mut node = Client::open(&hub, "/talk/house?side=node", r#"{"filters": ["lamp/set"]}"#).await;
    let url = format!("ws://clown:bigclown@{}/house", hub.address);
    let asking = {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            said(4, &["req", "lamp/set", "{\"state\": true}", "--timeout", "1s", "--url", &url])
        })
    };
    assert_eq!(node.hear().await, r#"["lamp/set", {"state": true}]"#);
    node.publish("lamp", r#"{"state": false}"#).await;
    assert_eq!(
        asking.await.unwrap(),
        "lamp said {\"state\": false}, which is not what lamp/set asked for; what it is now: clown-hub req --url URL lamp/get"
    );
}

#[test]
fn a_flag_in_front_of_a_command_is_refused_and_not_passed_over() {
    let sentence = said(2, &["--config", "/nowhere.toml", "config", "check"]);
    assert_snapshot!(sentence, @"--config stands before the command config, where it would count for nothing: write it behind, as in `clown-hub config … --config …`");
    for words in [["--users", "other.toml", "user", "list"], ["--set", "server.listen=x", "serve", "--help"]]
    {
        let ran = run(&words, "");
        let is_help = words.contains(&"--help");
        assert_eq!(ran.code, Some(if is_help { 0 } else { 2 }), "{}", ran.stderr);
    }
    // A variable of the environment is no word in front of anything.
    let mut check = binary();
    check.args(["config", "check"]).env("CLOWN_HUB_CONFIG", "/nowhere.toml").env("CLOWN_HUB_CONTEXT", "lab");
    let told = check.output().unwrap();
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.contains("/nowhere.toml") && !told.contains("CONTEXT"), "{told}");
    let mut check = binary();
    check.args(["config", "check"]).env("CLOWN_HUB_CONTEXT", "lab").current_dir("/");
    assert!(check.output().unwrap().status.success(), "a context is for clients");
}

#[test]
fn what_is_no_command_is_answered_with_the_command_that_may_be_meant() {
    let first = "is no command: a command names what it is for and ends with /set, /get, /list, /update or /scan; type:";
    assert_eq!(
        said(2, &["req", "relay/x"]),
        format!(
            "relay/x {first} clown-hub req relay/x/get (or, to send it all the same: clown-hub pub relay/x '{{}}')"
        )
    );
    assert_eq!(
        said(2, &["req", "relay/x", "{\"state\": true}"]),
        format!(
            "relay/x {first} clown-hub req relay/x/set '{{\"state\": true}}' \
             (or, to send it all the same: clown-hub pub relay/x '{{\"state\": true}}')"
        )
    );
}

#[tokio::test]
async fn the_right_that_retain_takes_is_named_where_it_is_missing() {
    let hub = Hub::with_users(&[user("anna", &[], &["home/#"], false)], &[]);
    let url = format!("ws://anna:{}@{}", PASSWORD.replace(' ', "%20"), hub.address);
    let refused = run(&["pub", "--retain", "home/a", "1", "--url", &url], "");
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("the right `retain` is missing"), "{}", refused.stderr);
    let users = hub.dir().join("users.toml");
    let explained = |user: &str, right: &str, topic: &str| {
        let ran = run(&["access", "explain", user, right, topic, "--users", users.to_str().unwrap()], "");
        (ran.code.unwrap(), (ran.stdout + &ran.stderr).trim_end().to_owned())
    };
    assert_eq!(
        explained("anna", "retain", "home/a"),
        (
            3,
            "clown-hub: no: anna may publish to home/a, by publish = [\"home/#\"], but not with the option retain: \
             this takes the right retain; set retain = true for this account"
                .to_owned()
        )
    );
    assert_eq!(
        explained("anna", "publish", "home/a"),
        (
            0,
            "yes: anna may publish to home/a, by publish = [\"home/#\"]; but not with the option retain, as the \
             account lacks retain = true"
                .to_owned()
        )
    );
    assert_eq!(explained("anna", "retain", "cellar/a").0, 3);
}

#[test]
fn a_password_that_is_soon_guessed_is_refused() {
    for (password, has) in
        [("x", "1 character"), ("", "0 characters"), ("\u{17e}lu\u{165}ou\u{10d}", "7 characters")]
    {
        let ran = run(&["user", "hash"], &format!("{password}\n"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert_eq!(ran.stderr, format!("clown-hub: the password has {has}; choose one of 8 or more\n"));
    }
    assert!(run(&["user", "hash"], "12345678\n").succeeds().starts_with("$argon2id$"));
}

#[test]
fn flags_that_other_programs_have_are_answered_with_ours() {
    for flag in [&["--port", "9090"][..], &["--port=9090"], &["-p", "9090"]] {
        let sentence = said(2, flag);
        assert!(
            sentence.ends_with("the address and the port go together, as in --listen 127.0.0.1:9090"),
            "{sentence}"
        );
    }
    let sentence = said(2, &["user", "add", "jana", "--publish", "a/#", "--retain", "a/#"]);
    assert!(sentence.ends_with("type --publish FILTER --retain"), "{sentence}");
}

#[tokio::test]
async fn where_the_demo_user_is_gone_its_refusal_says_so() {
    let hub = Hub::with_users(&[user("jana", &["#"], &["#"], false)], &[]);
    let sentence = said(3, &["sub", "--url", &format!("ws://clown:bigclown@{}", hub.address)]);
    assert!(sentence.contains("the demo user clown exists only while a hub has no accounts"), "{sentence}");
    let sentence = said(3, &["sub", "--url", &format!("ws://jana:wrong@{}", hub.address)]);
    assert!(sentence.ends_with("the hub answered 401: check the user and the password"), "{sentence}");
}

#[tokio::test]
async fn who_may_not_be_a_node_is_told_what_the_hub_says() {
    let hub = Hub::with_users(&[user("jana", &["#"], &[], false)], &[]);
    let url = format!("ws://jana:{PASSWORD}@{}/house", hub.address);
    let sentence = said(3, &["pub", "--node", "temperature", "21.5", "--url", &url]);
    assert!(
        sentence
            .ends_with("403: this user may not be the node of this base: it may not publish its presence"),
        "{sentence}"
    );
}

#[tokio::test]
async fn who_may_read_nothing_is_told_instead_of_silence() {
    let hub = Hub::with_users(&[user("jana", &[], &["#"], false)], &[]);
    let url = format!("ws://jana:{PASSWORD}@{}", hub.address);
    for args in [&["--for", "3s"][..], &["--retained", "only"]] {
        let ran = run(&[&["sub", "--url", &url], args].concat(), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
        assert!(
            ran.stderr.starts_with("clown-hub: this account may not read anything here: "),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "once: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_program_whose_time_is_over_says_good_bye() {
    let hub = Hub::demo();
    let url = format!("ws://clown:bigclown@{}", hub.address);
    run(&["sub", "--for", "3s", "--url", &url], "").succeeds();
    hub.logs("cause=client said good-bye").await;
    assert!(!hub.log().contains("vanished"), "{}", hub.log());
}

#[tokio::test]
async fn the_topics_of_the_hub_are_told_to_be_nobody_elses() {
    let hub = Hub::demo();
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let ran = run(&["pub", "$SYS/hub/uptime", "1", "--url", &url], "");
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("\nclown-hub: topics under $SYS belong to the hub: "), "{}", ran.stderr);
}
