//! Where the commands find their hub: mistakes there are told with their place, and no password is ever repeated.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Hub, binary, run};

/// What `nodes` says with this `client.toml`, which is closed to others.
fn with_file(text: &str) -> (i32, String) {
    with_mode(text, 0o600)
}

fn with_mode(text: &str, mode: u32) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/clown-hub");
    std::fs::create_dir_all(&folder).unwrap();
    write(&folder.join("client.toml"), text, mode);
    write(&folder.join("password"), "s3cret\n", mode);
    let ran = binary().arg("nodes").env("HOME", home.path()).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(!said.contains("s3cret"), "{said}");
    (ran.status.code().unwrap(), said.replace(home.path().to_str().unwrap(), "HOME"))
}

fn write(file: &Path, text: &str, mode: u32) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mistake(text: &str) -> String {
    let (code, said) = with_file(text);
    assert_eq!(code, 2, "{said}");
    said
}

#[test]
fn a_mistake_in_client_toml_is_a_sentence_with_file_and_line() {
    assert_snapshot!(mistake("# mine\nurl = \"ws://anna:s3cret@hub\n"), @r#"clown-hub: HOME/.config/clown-hub/client.toml:2:28: invalid basic string, expected `"`; write url = "ws://USER:PASSWORD@HOST:PORT/BASE""#);
    assert_snapshot!(mistake("ws://anna:s3cret@hub\n"), @r#"clown-hub: HOME/.config/clown-hub/client.toml:1:3: invalid unquoted key, expected letters, numbers, `-`, `_`; write url = "ws://USER:PASSWORD@HOST:PORT/BASE""#);
    assert_snapshot!(mistake("url = ws://anna:s3cret@hub\n"), @r#"clown-hub: HOME/.config/clown-hub/client.toml:1:7: a text is in quotes; write url = "…""#);
    assert_snapshot!(mistake("\nurl = 5\n"), @r#"clown-hub: HOME/.config/clown-hub/client.toml:2:7: url: expected a text in quotes, found a number; write url = "ws://USER:PASSWORD@HOST:PORT/BASE""#);
    assert_snapshot!(mistake("url = \"ws://hub\"\npasswd = \"s3cret\"\n"), @r#"clown-hub: HOME/.config/clown-hub/client.toml:2:1: passwd: unknown key; there are url, password_file, ca_file"#);
    assert_snapshot!(mistake("\n\nurl = \"http://anna:s3cret@hub\"\n"), @"clown-hub: HOME/.config/clown-hub/client.toml:3:7: url: the URL of a hub begins with ws://, or with wss:// for TLS; write ws://USER:PASSWORD@HOST:PORT/BASE");
    assert_snapshot!(mistake("url = \"anna:s3cret@hub\"\n"), @"clown-hub: HOME/.config/clown-hub/client.toml:1:7: url: the URL of a hub begins with ws://, or with wss:// for TLS; write ws://USER:PASSWORD@HOST:PORT/BASE");
    assert_snapshot!(mistake("url = \"ws://anna:s3cret@hub\"\npassword_file = \"password\"\n"), @"clown-hub: HOME/.config/clown-hub/client.toml:2:17: password_file: goes with a url that has a user and no password, as ws://USER@HOST:PORT");
    assert_snapshot!(mistake("url = \"ws://anna@hub\"\npassword_file = \"nowhere\"\n"), @"clown-hub: HOME/.config/clown-hub/client.toml:2:17: password_file: there is no file HOME/.config/clown-hub/nowhere");
}

#[test]
fn a_password_that_others_can_read_is_worth_a_word_and_no_more() {
    let (_, said) = with_mode("url = \"ws://anna:s3cret@127.0.0.1:1\"\n", 0o644);
    assert_snapshot!(said, @r"
    clown-hub: HOME/.config/clown-hub/client.toml: holds a password and others can read it; run chmod 600 HOME/.config/clown-hub/client.toml
    clown-hub: ws://127.0.0.1:1/talk: nobody listens there; is the hub running, and is that its port?
    ");
    let (_, said) = with_mode("url = \"ws://anna@127.0.0.1:1\"\npassword_file = \"password\"\n", 0o640);
    assert_snapshot!(said, @r"
    clown-hub: HOME/.config/clown-hub/password: holds a password and others can read it; run chmod 600 HOME/.config/clown-hub/password
    clown-hub: ws://127.0.0.1:1/talk: nobody listens there; is the hub running, and is that its port?
    ");
    let (_, said) = with_mode("url = \"ws://127.0.0.1:1\"\n", 0o644);
    assert!(!said.contains("chmod"), "there is no password in it: {said}");
    let (_, said) = with_file("url = \"ws://anna:s3cret@127.0.0.1:1\"\n");
    assert!(!said.contains("chmod"), "nobody else can read it: {said}");
}

/// URLs with a mistake, each with the password at another place.
const WRONG: [&str; 12] = [
    "http://anna:s3cret@hub",
    "https://anna:s3cret@hub",
    "anna:s3cret@hub",
    "//anna:s3cret@hub",
    "ws:/anna:s3cret@",
    "ws://anna:s3cret@",
    "ws://anna:s3cret@hub:port",
    "ws://anna:s3cret@hub/?a=b",
    "ws://anna:s3cret@hub/#a",
    "ws://anna:80/s3cret@hub",
    "ws://an:na:s3cret/@hub",
    "ws://anna:s3cret@hub name",
];

#[test]
fn a_url_with_a_mistake_is_never_repeated_with_its_password() {
    let clients = ["pub a 1", "pub a", "sub", "sub a/#", "req a/set", "nodes"];
    for url in WRONG {
        let told = |mut command: std::process::Command| {
            let ran = command.output().unwrap();
            let said = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
            assert!(ran.status.code() == Some(2) && !said.is_empty(), "{command:?}: {said}");
            assert!(!said.contains("s3cret"), "{command:?}: {said}");
        };
        let with = |args: &[&str]| {
            let mut command = binary();
            command.args(args);
            command
        };
        for client in clients {
            let words: Vec<_> = client.split(' ').collect();
            told(with(&[&words[..], &["--url", url]].concat()));
            let joined = format!("--url={url}");
            told(with(&[&words[..], &[&joined]].concat()));
            let mut by_environment = with(&words);
            by_environment.env("CLOWN_HUB_URL", url);
            told(by_environment);
        }
        told(with(&["sim", url]));
        told(with(&["sim", "ws://hub", url]));
        told(with(&["nodes", url]));
        told(with(&["pub", "a", "1", url]));
        told(with(&["sub", "--for", url]));
        told(with(&["--listen", "127.0.0.1:0", url]));
    }
}

#[test]
fn who_types_the_old_name_of_the_load_generator_reads_how_it_is_run_now() {
    for args in [&["bench"][..], &["bench", "fanout", "--url", "ws://anna:s3cret@hub"]] {
        let ran = run(args, "");
        let sentence = "clown-hub: the load generator is a program of its own; in the folder of the sources run: \
                        cargo build --release && cargo run --release -p clown-hub-bench -- --help\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), sentence), "{args:?}");
    }
}

#[test]
fn a_url_in_the_place_of_a_topic_is_told_where_it_goes() {
    for args in [&["sub", "ws://anna:s3cret@hub"][..], &["pub", "ws://anna:s3cret@hub", "1"]] {
        let ran = run(args, "");
        assert!(ran.code == Some(2) && ran.stderr.contains("a URL goes behind --url"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn topics_may_begin_with_a_dash_and_misspelt_flags_are_no_topics() {
    let hub = Hub::demo();
    let url = format!("ws://clown:bigclown@{}", hub.address);
    run(&["pub", "-/a/b", "1", "--retain", "--url", &url], "").succeeds();
    run(&["pub", "--url", &url, "--", "-x/y", "-5"], "").succeeds();
    let heard = run(&["sub", "--retained", "only", "--url", &url, "--", "-/#"], "").succeeds();
    assert_eq!(heard, "-/a/b 1\n");
    let ran = run(&["sub", "-/#", "--url", &url], "");
    assert!(ran.code == Some(2) && ran.stderr.contains("use '-- -/'"), "{}", ran.stderr);
    for args in [&["pub", "--retian", "a", "1"][..], &["sub", "--cuont", "1"], &["req", "--x", "a/set"]] {
        assert_eq!(run(args, "").code, Some(2), "{args:?}");
    }
}
