//! Mistakes of the operator: one clear message on standard error, exit code 2.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;

use argon2::password_hash::{PasswordHasher, SaltString};
use insta::assert_snapshot;

use crate::support::{Client, Hub, binary, run_to_the_end, user};

/// What standard error says to these arguments; paths and ports made the same for everybody.
fn mistake(args: &[&str]) -> String {
    let ended = run_to_the_end(args, "");
    let text = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{text}");
    assert!(ended.stdout.is_empty());
    text
}

fn mistake_in_users(users: &str, args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users.toml");
    std::fs::write(&file, users).unwrap();
    let file = file.to_str().unwrap();
    mistake(&[&["--users", file], args].concat()).replace(file, "USERS")
}

#[test]
fn a_port_that_is_taken_is_told_with_the_key_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_snapshot!(mistake(&["--listen", &address]).replace(&address, "ADDRESS"), @"clown-hub: cannot listen on ADDRESS (server.listen): Address already in use (os error 98); another program listens there, perhaps a second hub; stop it, or choose another port");
    let lines = format!("server.line_listen={address}");
    assert_snapshot!(mistake(&["--listen", "127.0.0.1:0", "--set", &lines]).replace(&address, "ADDRESS"), @"clown-hub: cannot listen on ADDRESS (server.line_listen): Address already in use (os error 98); another program listens there, perhaps a second hub; stop it, or choose another port");
}

#[test]
fn accounts_that_cannot_be_read_never_become_the_demo() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    assert_snapshot!(mistake(&["--users", path]).replace(path, "USERS"), @"clown-hub: USERS: the file of the accounts cannot be read: it is no file but a folder; name the file in it");
    assert_snapshot!(mistake_in_users("", &[]), @r"
    clown-hub: accounts
    USERS:1:1: no user in this file: add [[user]] with a name and a password
    ");
}

#[test]
fn every_mistake_in_the_accounts_is_told_with_its_line() {
    let users =
        user("anna", &["a/#/b"], &["x+"], false).replace("retain", "colour") + "[[user]]\nname = \"a/b\"\n";
    assert_snapshot!(mistake_in_users(&users, &[]), @r#"
    clown-hub: accounts
    USERS:4:14: user "anna", key subscribe: "a/#/b": '#' at byte 2 must be the last level
    USERS:5:12: user "anna", key publish: "x+": wildcard at byte 1 must be a whole level
    USERS:6:1: user "anna", key colour: unknown key; there are admin, base, certificate, from, name, note, password, publish, retain, role, subscribe, valid_until
    USERS:7:1: user "a/b", key password: is missing: run `clown-hub user hash`
    USERS:8:8: user "a/b", key name: must not contain '/'
    "#);
}

#[test]
fn every_mistake_in_the_configuration_is_told_at_once() {
    assert_snapshot!(mistake(&["--set", "limits.filter=5"]), @r"
    clown-hub: configuration
    flag: unknown key limits.filter; did you mean limits.filters?
    ");
    assert_snapshot!(mistake(&["--set", "limits.filters=0", "--set", "server.io_threads=many", "--set", "nonsense=1", "--listen", "nowhere"]), @r#"
    clown-hub: configuration
    flag: unknown key nonsense; docs/configuration.md lists them all
    flag: server.listen: expected an address and a port such as 127.0.0.1:8080 or [::]:8080, found "nowhere"
    flag: server.io_threads: expected auto or a whole number from 1 to 64 (threads), found the text "many"
    flag: limits.filters: 0 is below the least of 1 (filters)
    "#);
    assert_snapshot!(mistake(&["--config", "nowhere.toml"]), @r"
    clown-hub: configuration
    nowhere.toml: there is no such file; name one that exists, or none to run with the defaults
    ");
    assert_snapshot!(mistake(&["--set", "log.filter=loud=very"]), @r#"
    clown-hub: configuration
    flag: log.filter: expected a level (error, warn, info, debug, trace) or levels by module such as info,clown_hub::hub=debug, found "loud=very"
    "#);
}

#[test]
fn the_demo_user_is_for_this_machine_alone() {
    assert_snapshot!(mistake(&["--listen", "0.0.0.0:0"]), @"clown-hub: refusing to listen on 0.0.0.0:0 with the demo user clown, whose password everybody knows: make an account in config/users.toml with `clown-hub user add NAME --admin`, or listen on 127.0.0.1");
    let lines = ["--listen", "127.0.0.1:0", "--set", "server.line_listen=[::]:0"];
    assert!(mistake(&lines).starts_with("clown-hub: refusing to listen on [::]:0 with the demo user clown"));
}

#[test]
fn the_demo_password_opens_nothing_that_others_can_reach() {
    let salt = SaltString::from_b64("c29tZXNhbHRzYWx0").unwrap();
    let hash = argon2::Argon2::default().hash_password(b"bigclown", &salt).unwrap().to_string();
    let users = format!("[[user]]\nname = \"clown\"\npassword = {hash:?}\nsubscribe = [\"#\"]\n");
    assert_snapshot!(mistake_in_users(&users, &["--listen", "0.0.0.0:0"]), @"clown-hub: refusing to listen on 0.0.0.0:0: the account clown has the demo password, which everybody knows; give it another one with `clown-hub user passwd clown`, or listen on 127.0.0.1");
    let refused = run_to_the_end(&["user", "hash"], "bigclown\n");
    assert_eq!(refused.status.code(), Some(2));
    assert_snapshot!(String::from_utf8(refused.stderr).unwrap(), @r#"clown-hub: "bigclown" is the password of the demo account, and everybody knows it: choose another"#);
}

/// What a hub says on standard output when it has started.
fn first_words(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut hub = binary();
    hub.args(["--listen", "127.0.0.1:0"]).args(args).current_dir(dir.path());
    let mut hub = hub.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut says = BufReader::new(hub.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("WebSocket") {
        assert!(says.read_line(&mut text).unwrap() > 0, "{text}");
    }
    // All of it is one write, so it is in the pipe already.
    hub.kill().unwrap();
    hub.wait().unwrap();
    says.read_to_string(&mut text).unwrap();
    let port = text.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    text.replace(&port, "PORT")
        .replace(args.get(1).unwrap_or(&"USERS"), "USERS")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn the_first_words_of_a_hub_say_where_everything_is() {
    assert_snapshot!(first_words(&[]), @r"
    Clown Hub VERSION
      page       http://clown:bigclown@127.0.0.1:PORT/
      demo user  clown, password bigclown, from this machine only
      WebSocket  ws://clown:bigclown@127.0.0.1:PORT/talk/nodes/bridge/0
      new board  http://clown:bigclown@127.0.0.1:PORT/diagnostics
      simulated  nodes/bridge/0 and 1 more
    ");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users.toml");
    std::fs::write(&file, user("anna", &["a/#"], &[], false)).unwrap();
    let users = ["--users", file.to_str().unwrap()];
    assert_snapshot!(first_words(&users), @r"
    Clown Hub VERSION
      page       http://127.0.0.1:PORT/
      accounts   1 in USERS; the demo user is off
      WebSocket  ws://USER:PASSWORD@127.0.0.1:PORT/talk/nodes/bridge/0
    ");
    let on = ["--set", "diagnostics.enabled=true"];
    assert_snapshot!(first_words(&[users, on].concat()), @r"
    Clown Hub VERSION
      page       http://127.0.0.1:PORT/
      accounts   1 in USERS; the demo user is off
      WebSocket  ws://USER:PASSWORD@127.0.0.1:PORT/talk/nodes/bridge/0
      new board  http://127.0.0.1:PORT/diagnostics
    ");
}

#[tokio::test]
async fn sixty_simulated_nodes_are_one_line_of_the_log() {
    let hub = Hub::with(&["simulator.run=on", "simulator.bridges=60", "simulator.towers=0"]);
    hub.logs("simulated nodes are on nodes=60 first=\"nodes/bridge/0\"").await;
    let mut reader = Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/59/presence"]}"#).await;
    reader.hear().await;
    let log = hub.log();
    assert_eq!(log.lines().filter(|line| line.contains("simulated")).count(), 1, "{log}");
}

#[test]
fn accounts_that_were_copied_from_the_example_and_left_so_are_told() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/users.toml.example");
    let ended = run_to_the_end(&["config", "check", "--users", example], "");
    assert!(ended.status.success());
    let text = String::from_utf8(ended.stderr).unwrap().replace(example, "USERS");
    assert_snapshot!(text, @r"
    clown-hub: USERS: the account display still has the password of config/users.toml.example, which nobody knows; give it one with `clown-hub user passwd display`, or remove it
    clown-hub: USERS: the account gateway still has the password of config/users.toml.example, which nobody knows; give it one with `clown-hub user passwd gateway`, or remove it
    clown-hub: USERS: the account jana still has the password of config/users.toml.example, which nobody knows; give it one with `clown-hub user passwd jana`, or remove it
    ");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users.toml");
    std::fs::write(&file, user("jana", &["a/#"], &[], false)).unwrap();
    let ended = run_to_the_end(&["config", "check", "--users", file.to_str().unwrap()], "");
    assert!(ended.status.success() && ended.stderr.is_empty());
}

#[test]
fn wrong_arguments_are_told_with_the_way_out() {
    assert_snapshot!(mistake(&["--bogus"]), @r"
    error: unexpected argument '--bogus' found

    Usage: clown-hub [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
    assert_snapshot!(mistake(&["--set", "x"]), @r"
    error: invalid value 'x' for '--set <KEY=VALUE>': write it as KEY=VALUE, as in limits.filters=50

    For more information, try '--help'.
    ");
    assert_snapshot!(mistake(&["sim", "http://hub"]), @"clown-hub: the URL: the URL of a hub begins with ws://; write ws://hub:8080");
}

#[test]
fn help_says_what_there_is() {
    let help = |args: &[&str]| {
        let ended = run_to_the_end(args, "");
        assert!(ended.status.success() && ended.stderr.is_empty());
        let text = String::from_utf8(ended.stdout).unwrap();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(help(&["--help"]), @r#"
    An IoT publish/subscribe hub that speaks Clown.Talk.

    Without a subcommand it runs the hub: the page and the sockets. A hub without accounts is a demo: it
    has a demo user and simulated nodes.

    Usage: clown-hub [OPTIONS] [COMMAND]

    Commands:
      serve        Run the hub (the default)
      pub          Publish messages
      sub          Print messages as they come
      req          Send a command and print its answer
      reply        Answer commands by running a program
      nodes        List the nodes
      history      Print what was said, from the hub's history
      export       Write every reading of history, for other programs
      events       Print who did what, from the hub's record
      sim          Run simulated nodes as clients of a hub
      bridge       Check the links to MQTT brokers
      cluster      Look at the hubs of a cluster
      cert         Make certificates for TLS, with an authority of the house
      user         Manage the accounts
      token        Manage the tokens: secrets for devices and for those who are shown something
      sessions     List the pages that are signed in, or end their sign-ins
      access       Explain what an account may do
      backup       Copy the store into a file, while the hub runs
      restore      Put a copy in the place of the store
      store        Care for the store: look through it, make it smaller, forget topics
      doctor       Look at all that the hub needs on this machine, and say what to do
      import       Take over the files of another broker
      config       Check or print the configuration
      context      Give names to the hubs that one works with
      completions  Print the completion script of a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>
              The configuration file; without it config/hub.toml, if that exists

              [env: CLOWN_HUB_CONFIG=]

          --listen <ADDRESS:PORT>
              Where to listen for HTTP and WebSocket: the key server.listen

          --users <FILE>
              The file of the accounts: the key users.file

          --set <KEY=VALUE>
              Set any key, as in --set limits.filters=50

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Examples:
      clown-hub                                    the demo, on http://127.0.0.1:8080/
      clown-hub --listen 0.0.0.0:80 --users /etc/clown-hub/users.toml
      clown-hub --set limits.filters=50            any key of config/hub.toml
      clown-hub sub                                all messages of the hub that CLOWN_HUB_URL names
      clown-hub pub relay/i2c0-3b/set '{"state": true}'

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "#);
    assert_snapshot!(help(&["sim", "-h"]), @r#"
    Run simulated nodes as clients of a hub

    Usage: clown-hub sim [OPTIONS]

    Options:
          --kit <KIT>       Which hardware to simulate [default: bridge] [possible values: bridge,
                            tower]
          --base <TOPIC>    The base of the first node; the other nodes count up from its last level
                            [default: the base of the URL, else nodes/bridge/0, or node for a TOWER]
          --nodes <N>       How many nodes [default: 1]
          --seed <N>        Where the random readings begin; the same seed gives the same readings
                            [default: 1]
          --speed <FACTOR>  How fast time runs; at 60, an hour is simulated in a minute [default: 1]
          --url <URL>       Hub: ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL or client.toml
          --context <NAME>  The hub of this context (`clown-hub context`)
      -h, --help            Print help (see more with '--help')

    Example:
      clown-hub sim --url ws://clown:bigclown@127.0.0.1:8080 --base nodes/bridge/7 --nodes 3

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "#);
    assert_eq!(help(&["--version"]), concat!("clown-hub ", env!("CARGO_PKG_VERSION")));
}
