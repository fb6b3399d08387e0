//! The help texts of the commands, as they are printed on a terminal of a hundred columns.

use insta::assert_snapshot;

use crate::support::run;

fn help(command: &str) -> String {
    let args: Vec<_> = command.split(' ').chain(["-h"]).collect();
    let text = run(&args, "").succeeds();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_that_talk_to_a_hub() {
    assert_snapshot!(help("pub"), @r##"
    Publish messages

    Usage: clown-hub pub [OPTIONS] [TOPIC] [PAYLOAD]

    Arguments:
      [TOPIC]    The topic, relative to the base; without it each line of input is ["TOPIC", PAYLOAD]
      [PAYLOAD]  The payload, as JSON; without it each line of standard input is a payload

    Options:
          --text            Take the payload, or each line of input, for a text and not for JSON
          --file <FILE>     Take the whole of a file for the payload; - is standard input
          --retain          Have the hub keep the message as the last value of its topic
          --confirm         Ask the hub to confirm every message
          --lease <TIME>    Let the command hold for so long only, as 30s, 10m or 2h
          --safe <JSON>     The payload that the hub sends when the time of --lease is over
          --node            Be the node of the base: readings are kept, and it is shown online
          --url <URL>       Hub: ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL or client.toml
          --context <NAME>  The hub of this context (`clown-hub context`)
      -h, --help            Print help (see more with '--help')

    Example:
      clown-hub pub relay/i2c0-3b/set '{"state": true}' --lease 10m --safe '{"state": false}'

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("sub"), @r##"
    Print messages as they come

    Usage: clown-hub sub [OPTIONS] [FILTER]...

    Arguments:
      [FILTER]...  Topic filters, relative to the base; without a filter, all that the user may read

    Options:
          --format <FORMAT>   How a message is printed: plain, json, pretty or csv [default: plain]
          --timestamps        Print when the hub received each message
          --count <N>         End after this many messages
          --for <TIME>        End after this time, as 500ms, 10s, 2m or 1h
          --retained <WHICH>  only: print the last values and end; no: leave the last values out
          --raw               Print everything as it came, without escapes; for pipes and files only
          --reconnect         Reconnect when the connection to the hub is lost
          --url <URL>         Hub: ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL or client.toml
          --context <NAME>    The hub of this context (`clown-hub context`)
      -h, --help              Print help (see more with '--help')

    Examples:
      clown-hub sub 'thermometer/#' relay/+ --format json --count 10
      clown-hub sub --retained only --format csv --timestamps > now.csv

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("req"), @r##"
    Send a command and print its answer

    Usage: clown-hub req [OPTIONS] <TOPIC> [PAYLOAD]

    Arguments:
      <TOPIC>    The command: its last level is set, get, list, update or scan
      [PAYLOAD]  The payload, as JSON [default: {}]

    Options:
          --timeout <TIME>  How long to wait, as 500ms, 10s or 2m [default: 5s]
          --url <URL>       Hub: ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL or client.toml
          --context <NAME>  The hub of this context (`clown-hub context`)
      -h, --help            Print help (see more with '--help')

    What counts as the answer to a/b/set: a/b/ok, a/b/error, a/b/set/ok, a/b/set/error, or the state a/b
    that was asked for.

    Examples:
      clown-hub req relay/i2c0-3b/set '{"state": true}'
      clown-hub req thermometer/i2c0-48/config/set '{"publish-interval": 5}' --timeout 2s

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("nodes"), @r##"
    List the nodes

    Usage: clown-hub nodes [OPTIONS]

    Options:
          --format <FORMAT>  A table, or one JSON object a line for each node [default: table] [possible
                             values: table, json]
          --url <URL>        Hub: ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL or client.toml
          --context <NAME>   The hub of this context (`clown-hub context`)
      -h, --help             Print help (see more with '--help')

    Examples:
      clown-hub nodes
      clown-hub nodes --format json

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
}

#[test]
fn the_commands_that_work_on_files() {
    assert_snapshot!(help("user add"), @r##"
    Add an account; asks for the password, or takes a line of standard input

    Usage: clown-hub user add [OPTIONS] <NAME>

    Arguments:
      <NAME>  The name of the account

    Options:
          --admin               May do everything, and reads the hub's own figures
          --node <BASE>         A node or a gateway: reads and publishes everything under this base
          --dashboard <BASE>    Reads everything under this base; "" is the root
          --operator <BASE>     Reads everything under this base, and sends set and get
          --publish <FILTER>    Topics that the user may publish to; may be given several times
          --subscribe <FILTER>  Topics that the user may read; may be given several times
          --config <FILE>       The configuration file; without it config/hub.toml, if that exists
          --users <FILE>        The file of the accounts: the key users.file
          --set <KEY=VALUE>     Set any key, as in --set limits.filters=50
      -h, --help                Print help (see more with '--help')

    Examples:
      clown-hub user add jana --admin
      clown-hub user add kitchen --node nodes/kitchen/0

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("user passwd"), @r##"
    Change the password of an account

    Usage: clown-hub user passwd [OPTIONS] <NAME>

    Arguments:
      <NAME>  The name of the account

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Examples:
      clown-hub user passwd jana
      clown-hub user remove jana

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("user list"), @r##"
    List the accounts and what they may do

    Usage: clown-hub user list [OPTIONS]

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Example:
      clown-hub user list --users /etc/clown-hub/users.toml

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
}

#[test]
fn the_commands_that_look_into_files() {
    assert_snapshot!(help("access explain"), @r##"
    Say whether an account may do something, and by which filter

    Usage: clown-hub access explain [OPTIONS] <USER> [RIGHT] [TOPIC]

    Arguments:
      <USER>   The account
      [RIGHT]  The right in question; without it all rights are listed [possible values: publish,
               retain, subscribe]
      [TOPIC]  The topic to publish to, or the filter to subscribe to

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Write topics and filters in full, with the base in front, as in users.toml.

    Examples:
      clown-hub access explain jana
      clown-hub access explain jana publish nodes/bridge/0/relay/i2c0-3b/set
      clown-hub access explain display subscribe 'nodes/#' --users /etc/clown-hub/users.toml

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("config check"), @r##"
    Check the configuration and the accounts, and print every mistake

    Usage: clown-hub config check [OPTIONS]

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Example:
      clown-hub config check --config /etc/clown-hub/hub.toml

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("config show"), @r##"
    Print every key with its value in effect, and where the value comes from

    Usage: clown-hub config show [OPTIONS]

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Example:
      clown-hub config show --set limits.filters=50 | grep -v default

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("completions"), @r##"
    Print the completion script of a shell

    Usage: clown-hub completions <SHELL>

    Arguments:
      <SHELL>  Which shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -h, --help  Print help

    Examples:
      clown-hub completions bash > ~/.local/share/bash-completion/completions/clown-hub
      clown-hub completions zsh > "${fpath[1]}/_clown-hub"

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
}

#[test]
fn the_commands_that_run_or_measure_a_hub_and_the_small_ones() {
    assert_snapshot!(help("serve"), @r##"
    Run the hub (the default)

    Usage: clown-hub serve [OPTIONS]

    Options:
          --config <FILE>          The configuration file; without it config/hub.toml, if that exists
                                   [env: CLOWN_HUB_CONFIG=]
          --listen <ADDRESS:PORT>  Where to listen for HTTP and WebSocket: the key server.listen
          --users <FILE>           The file of the accounts: the key users.file
          --set <KEY=VALUE>        Set any key, as in --set limits.filters=50
      -h, --help                   Print help

    Examples:
      clown-hub serve --listen 0.0.0.0:80 --users /etc/clown-hub/users.toml
      clown-hub serve --set limits.filters=50

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("user hash"), @r##"
    Ask for a password and print its hash, for `password` in users.toml

    Usage: clown-hub user hash [OPTIONS]

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Example:
      echo 'correct horse battery' | clown-hub user hash
    "##);
    assert_snapshot!(help("user remove"), @r##"
    Remove an account

    Usage: clown-hub user remove [OPTIONS] <NAME>

    Arguments:
      <NAME>  The name of the account

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Examples:
      clown-hub user passwd jana
      clown-hub user remove jana

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("import mosquitto"), @r##"
    Write the configuration and the accounts from the files of Mosquitto

    Usage: clown-hub import mosquitto [OPTIONS] <CONF> [PASSWD] [ACL]

    Arguments:
      <CONF>    Its configuration, mosquitto.conf
      [PASSWD]  Its users; else those of its configuration
      [ACL]     Who may do what; else as its configuration says

    Options:
          --directory <DIR>  The folder for hub.toml and users.toml [default: config]
      -h, --help             Print help

    Examples:
      clown-hub import mosquitto /etc/mosquitto/mosquitto.conf
      clown-hub import mosquitto mosquitto.conf passwd acl --directory /etc/clown-hub

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("config docs"), @r##"
    Print every key with its default, range and meaning

    Usage: clown-hub config docs

    Options:
      -h, --help  Print help

    Example:
      clown-hub config docs | grep seconds

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
}

#[test]
fn the_commands_about_links_to_brokers() {
    assert_snapshot!(help("bridge"), @r##"
    Check the links to MQTT brokers

    Usage: clown-hub bridge <COMMAND>

    Commands:
      check  Print what each rule carries, and every mistake in the files
      ports  List the serial ports of this machine, and what is plugged in there
      help   Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Example:
      cp bridges/mosquitto.toml.example bridges/house.toml
      clown-hub bridge check
      clown-hub

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("bridge ports"), @r##"
    List the serial ports of this machine, and what is plugged in there

    Usage: clown-hub bridge ports [OPTIONS] [PORT]...

    Arguments:
      [PORT]...  Ask what is at these ports who it is, and list nothing else

    Options:
          --ask          Ask what is at each port who it is, where no other program holds it
          --baud <BAUD>  How fast the ports are [default: 115200]
      -h, --help         Print help

    Examples:
      clown-hub bridge ports
      clown-hub bridge ports --ask
      clown-hub bridge ports /dev/ttyUSB0

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
    assert_snapshot!(help("bridge check"), @r##"
    Print what each rule carries, and every mistake in the files

    Usage: clown-hub bridge check [OPTIONS] [FILE]

    Arguments:
      [FILE]  The file of a link; without it every file in bridges.directory

    Options:
          --config <FILE>    The configuration file; without it config/hub.toml, if that exists
          --users <FILE>     The file of the accounts: the key users.file
          --set <KEY=VALUE>  Set any key, as in --set limits.filters=50
      -h, --help             Print help

    Examples:
      clown-hub bridge check
      clown-hub bridge check bridges/house.toml

    Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time
    "##);
}
