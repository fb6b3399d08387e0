//! `clown-hub import mosquitto`, with files that `mosquitto_passwd` has made.

use std::path::Path;
use std::process::Command;

use crate::support::{Hub, basic, run};

/// A file of users, all with the password "old".
fn passwd(path: &Path, names: &[&str]) {
    std::fs::write(path, "").unwrap();
    for name in names {
        let made = Command::new("mosquitto_passwd").arg("-b").arg(path).args([name, "old"]).status();
        assert!(made.expect("mosquitto_passwd is not installed: run tests/brokers/install").success());
    }
}

#[tokio::test]
async fn a_broker_of_a_house_comes_over_with_its_users_and_their_rights() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    passwd(&path("passwd"), &["jana", "lamp", "bad+name"]);
    std::fs::write(
        path("acl"),
        "user jana\ntopic house/#\ntopic deny house/safe\nuser lamp\ntopic write house/lamp\npattern read set/%u\nuser gone\ntopic #\n",
    )
    .unwrap();
    std::fs::write(
        path("mosquitto.conf"),
        "listener 1883 127.0.0.1\nallow_anonymous true\npassword_file passwd\nacl_file acl\nmax_inflight_messages 30\nlog_dest stdout\n",
    )
    .unwrap();
    let conf = path("mosquitto.conf").display().to_string();
    let ours = path("ours").display().to_string();
    let told = run(&["import", "mosquitto", &conf, "--directory", &ours], "").succeeds();
    for line in [
        "mosquitto.conf:2: allow_anonymous: everybody has an account here; one account may serve many devices",
        "mosquitto.conf:6: log_dest: the log goes to standard error; log.filter and log.format say what is in it",
        "acl:3: rights here only add: narrow what else allows it, as far as that is possible",
        "acl:7: there is no account \"gone\"",
        "passwd:3: the account \"bad+name\" is not made: must not contain '+'",
        "users.toml, 2 accounts",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(!told.contains("mosquitto.conf:5"), "{told}");
    let config = std::fs::read_to_string(path("ours/hub.toml")).unwrap();
    assert!(config.contains("listen = \"127.0.0.1:1883\"") && config.contains("window = 30"), "{config}");
    run(&["config", "check", "--config", &path("ours/hub.toml").display().to_string()], "").succeeds();

    // The hub takes the accounts, with the new passwords and with the rights, and the old passwords are none.
    let users = std::fs::read_to_string(path("ours/users.toml")).unwrap();
    let hub = Hub::with_users(&[users], &["mqtt.listen=127.0.0.1:0"]);
    let password = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("  {name}  ")));
        line.unwrap().to_owned()
    };
    let port = hub.mqtt.unwrap().port().to_string();
    let publishes = |name: &str, password: &str, topic: &str| {
        let args = ["-h", "127.0.0.1", "-p", &port, "-V", "5", "-u", name, "-P", password, "-t", topic];
        let output =
            Command::new("mosquitto_pub").args(args).args(["-m", "1", "-r", "-q", "1"]).output().unwrap();
        output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("Not authorized")
    };
    assert!(publishes("lamp", &password("lamp"), "house/lamp"));
    assert!(!publishes("lamp", &password("lamp"), "house/door"));
    assert!(!publishes("lamp", "old", "house/lamp"));
    let login = basic("jana", &password("jana"));
    let answer = hub.request("GET", "/api/topics/house/lamp", &[("Authorization", &login)], "").await;
    assert_eq!((answer.status(), answer.body()), (200, "1"));

    // Nothing of ours is written over.
    let again = run(&["import", "mosquitto", &conf, "--directory", &ours], "");
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
}

#[test]
fn the_files_may_be_named_and_what_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    passwd(&dir.path().join("users"), &["jana"]);
    std::fs::write(path("m.conf"), "listener 1883\npassword_file /nowhere\n").unwrap();
    run(&["import", "mosquitto", &path("m.conf"), &path("users"), "--directory", &path("ours")], "")
        .succeeds();
    // Without rules everybody may do everything.
    let users = std::fs::read_to_string(path("ours/users.toml")).unwrap();
    assert!(users.contains("subscribe = [\"#\"]") && users.contains("retain = true"), "{users}");
    let missing = run(&["import", "mosquitto", &path("m.conf"), "--directory", &path("other")], "");
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("/nowhere cannot be read"), "{}", missing.stderr);
    assert!(!dir.path().join("other").exists(), "nothing is written where something is missing");
}

#[test]
fn new_passwords_are_told_also_where_what_was_written_has_a_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    passwd(&dir.path().join("users"), &["jana"]);
    std::fs::write(path("ca.crl"), "").unwrap();
    let conf = format!(
        "listener 8883\ncertfile {0}\nkeyfile {0}\ncapath /etc/ssl/certs\ncrlfile {1}\npassword_file {2}\n",
        path("hub.pem"),
        path("ca.crl"),
        path("users")
    );
    std::fs::write(path("m.conf"), conf).unwrap();
    let ran = run(&["import", "mosquitto", &path("m.conf"), "--directory", &path("ours")], "");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("correct them by hand"), "{}", ran.stderr);
    assert!(ran.stdout.contains("  jana  ") && ran.stdout.contains("Not taken over"), "{}", ran.stdout);
}
