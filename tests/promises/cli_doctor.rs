//! `clown-hub doctor`: each line says what was found and what to do, and the exit code is for scripts.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::support::{House, Hub, Ran, binary, user};

fn doctor(folder: &std::path::Path, settings: &[&str]) -> Ran {
    let mut command = binary();
    command.current_dir(folder).arg("doctor");
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn line<'t>(text: &'t str, begin: &str) -> &'t str {
    text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no line {begin}: {text}"))
}

#[test]
fn a_machine_on_which_all_is_well_gets_exit_code_0() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.toml");
    std::fs::write(&users, user("anna", &["#"], &["#"], false)).unwrap();
    std::fs::set_permissions(&users, PermissionsExt::from_mode(0o600)).unwrap();
    let house = House::new();
    let settings = house.settings();
    let more = [
        "server.listen=127.0.0.1:0",
        "users.file=users.toml",
        "store.directory=state",
        "store.bytes=16777216",
        "store.keep_free_bytes=0",
    ];
    let settings: Vec<_> = settings.iter().map(String::as_str).chain(more).collect();
    let ran = doctor(folder.path(), &settings);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for begin in [
        "ok    the configuration is good",
        "ok    accounts: 1 in users.toml",
        "ok    port: 127.0.0.1:0 (server.listen) is free",
        "ok    TLS: the certificate for",
        "ok    store: ",
    ] {
        line(&ran.stdout, begin);
    }
    assert!(!folder.path().join("state").exists(), "it changes nothing");
}

#[test]
fn whatever_is_wrong_is_told_with_what_to_do_and_gets_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    std::fs::write(folder.path().join("users.toml"), user("anna", &["#"], &["#"], false)).unwrap();
    std::fs::set_permissions(folder.path().join("users.toml"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::create_dir(folder.path().join("bridges")).unwrap();
    let link = "url = \"mqtt://127.0.0.1:1\"\n[[rule]]\ndirection = \"both\"\nfilter = \"a/#\"\n";
    std::fs::write(folder.path().join("bridges/house.toml"), link).unwrap();
    std::fs::write(folder.path().join("bridges/wrong.toml"), "url = 1\n").unwrap();
    let house = House::new();
    std::fs::write(house.path("hub.key"), "half").unwrap();
    let settings = house.settings();
    let listen = format!("server.line_listen={at}");
    let more = [
        "server.listen=127.0.0.1:0",
        &listen,
        "users.file=users.toml",
        "store.directory=state",
        "store.keep_free_bytes=1099511627776",
    ];
    let settings: Vec<_> = settings.iter().map(String::as_str).chain(more).collect();
    let ran = doctor(folder.path(), &settings);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    for (begin, advice) in [
        ("warn  accounts: everybody on this machine can read users.toml", "chmod 600 users.toml"),
        ("FAIL  port: cannot listen on", "another program listens there"),
        ("FAIL  TLS: ", "hub.key"),
        ("FAIL  store: ", "make room"),
        ("warn  link: bridges/house.toml: 127.0.0.1:1 cannot be reached", "is the broker running"),
        ("FAIL  link: bridges/wrong.toml", "url"),
    ] {
        let is_told = ran.stdout.lines().any(|line| line.starts_with(begin) && line.contains(advice));
        assert!(is_told, "{begin}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("5 things are wrong"), "{}", ran.stderr);
    let ran = doctor(folder.path(), &["server.listn=1"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("server.listen"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_hub_that_runs_is_no_trouble() {
    let hub = Hub::demo();
    let ran = doctor(hub.dir(), &[&format!("server.listen={}", hub.address)]);
    line(&ran.stdout, &format!("ok    port: {} (server.listen) is in use, and a hub runs", hub.address));
}

#[tokio::test]
async fn a_hub_that_waits_for_what_a_proxy_says_first_is_recognised_too() {
    let settings = ["server.proxy_protocol=all", "server.trusted_proxies=127.0.0.1"];
    let hub = Hub::with(&settings);
    let listen = format!("server.listen={}", hub.address);
    let ran = doctor(hub.dir(), &[&listen, settings[0], settings[1]]);
    line(&ran.stdout, &format!("ok    port: {} (server.listen) is in use, and a hub runs", hub.address));
    // Another program is no hub for that.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        for stream in other.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\nno\n");
        }
    });
    let ran = doctor(hub.dir(), &[&format!("server.listen={at}"), settings[0], settings[1]]);
    line(&ran.stdout, "FAIL  port: cannot listen on");
}
