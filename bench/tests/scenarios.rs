//! The load generator in miniature against the real hub. How long things take does not matter here; that every message
//! comes once and in order does.

#![cfg(target_os = "linux")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use insta::assert_snapshot;
use serde_json::Value;

/// The hub of the same profile. A test of one package does not have the programs of another one built, so this does.
fn hub() -> &'static str {
    static HUB: OnceLock<String> = OnceLock::new();
    HUB.get_or_init(|| {
        let beside = PathBuf::from(env!("CARGO_BIN_EXE_clown-hub-bench")).with_file_name("clown-hub");
        // Who names it has built it.
        if std::env::var_os("HUB_BIN").is_some_and(|named| beside == named) && beside.is_file() {
            return beside.to_str().unwrap().to_owned();
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--bin", "clown-hub"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        // What describes this package to this test would have others built anew.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        assert!(cargo.status().unwrap().success() && beside.is_file(), "{} was not built", beside.display());
        beside.to_str().unwrap().to_owned()
    })
}

/// Runs the generator, with a hub beside it.
fn generator<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    hub();
    Command::new(env!("CARGO_BIN_EXE_clown-hub-bench")).args(args).output().unwrap()
}

fn bench(args: &str) -> Value {
    run(args.split(' '))
}

fn run<'a>(args: impl Iterator<Item = &'a str>) -> Value {
    let output = generator(["--json", "--seconds", "0.1"].into_iter().chain(args));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let hub = &report["hub"];
    assert!(hub["deliveries"].as_u64().unwrap() > 0, "{report}");
    assert_eq!((hub["lost"].as_u64(), hub["duplicated"].as_u64()), (Some(0), Some(0)), "{report}");
    assert_eq!(hub["out_of_order"].as_u64(), Some(0), "{report}");
    report
}

#[test]
fn every_reader_of_a_fan_out_gets_every_message() {
    let one = bench("fanout --readers 7");
    assert_eq!(one["hub"]["deliveries"].as_u64().unwrap() % 7, 0);
    let bursts = bench("fanout --readers 7 --burst 32");
    assert_eq!(bursts["hub"]["deliveries"].as_u64().unwrap() % (7 * 32), 0);
}

#[test]
fn every_reader_of_a_fan_in_gets_what_every_device_says() {
    let report = bench("fanin --readers 2 --devices 10 --rate 500");
    assert_eq!(report["hub"]["deliveries"], (10 + 50) * 2);
}

#[test]
fn every_command_is_answered() {
    assert_eq!(bench("roundtrip")["hub"]["deliveries"].as_u64().unwrap() % 2, 0);
}

#[test]
fn idle_connections_do_not_get_what_others_are_sent() {
    let report = bench("idle --devices 20");
    assert!(report["hub"]["bytes_per_connection"].is_number());
}

#[test]
fn as_many_filters_match_as_were_made_to() {
    let report = bench("filters --filters 600 --matches 3 --readers 5");
    assert_eq!(report["hub"]["deliveries"].as_u64().unwrap() % 3, 0);
    assert!(report["hub"]["deliveries"].as_u64().unwrap() >= 600);
}

#[test]
fn every_dashboard_gets_the_last_values_of_its_base_and_no_others() {
    let report = bench("retained --values 600 --bases 20");
    assert_eq!(report["hub"]["deliveries"], 100 * 600 / 20);
}

#[test]
fn a_sleeper_is_told_what_it_missed() {
    let report = bench("stall --readers 2 --pad 20000");
    assert_eq!(report["hub"]["sleeper_was_closed"], 0.0);
}

#[test]
fn a_day_of_a_house_passes() {
    let report = bench("mixed --devices 3 --readers 2");
    let (readings, radio, commands) = (3 * 1440 + 100, 120 * 96, 100);
    assert_eq!(report["hub"]["deliveries"], (readings + radio + commands) * 2);
}

#[test]
fn two_targets_are_measured_in_turns() {
    let other = format!("{} --listen 127.0.0.1:0", hub());
    let report = run(["roundtrip", "--rounds", "1", "--vs", &other].into_iter());
    assert!(report["ratio"]["p50_us"].is_number() && report["vs"]["lost"] == 0);
}

#[test]
fn filters_that_do_not_match_get_nothing_and_those_that_do_get_everything() {
    let report = bench("unmatched --filters 500 --matches 3 --readers 5");
    assert_eq!(report["hub"]["deliveries"].as_u64().unwrap() % 3, 0);
}

#[test]
fn an_honest_client_is_served_beside_every_kind_of_neighbour() {
    // The neighbour keeps to the usual rate. By this one it is not cut off on a machine either that stands still for a minute.
    let rate = "--set limits.messages_per_second=10000000";
    let sizes = "neighbour --json --seconds 1 --filters 20 --values 300 --readers 2 --burst 50 --pad 20000";
    let output = generator(sizes.split(' ').chain(rate.split(' ')));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds = report["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 10);
    for kind in kinds {
        let hub = &kind["report"]["hub"];
        assert_eq!((hub["lost"].as_u64(), hub["not_delivered"].as_f64()), (Some(0), Some(0.0)), "{kind}");
        assert!(hub["round_trips"].as_f64().unwrap() >= 10.0, "{kind}");
        assert!(hub["attacker_frames_per_second"].as_f64().unwrap() > 0.0, "{kind}");
        assert_eq!(hub["attacker_cut_offs"], 0.0, "what it does is allowed: {kind}");
    }
}

#[test]
fn a_neighbour_that_is_cut_off_is_counted_and_comes_again() {
    let args = "neighbour --kind small --json --seconds 1 --set limits.messages_per_second=200";
    let report: Value = serde_json::from_slice(&generator(args.split(' ')).stdout).unwrap();
    assert!(report["hub"]["attacker_cut_offs"].as_f64().unwrap() >= 2.0, "{report}");
    assert_eq!(report["hub"]["not_delivered"], 0.0);
}

#[test]
fn a_neighbour_that_is_refused_asks_for_less_until_it_gets_all_that_it_may() {
    let get = bench("neighbour --kind get --filters 100 --set limits.filters=7");
    assert_eq!(get["hub"]["attacker_filters"], 7.0);
    let set = bench("neighbour --kind set --filters 20 --values 10 --set limits.filters=7");
    assert!(set["hub"]["attacker_frames_per_second"].as_f64().unwrap() > 0.0, "{set}");
}

#[test]
fn the_neighbour_has_a_hub_of_its_own() {
    for args in ["neighbour --vs hub", "neighbour --over readers=1,2", "fanout --kind small"] {
        let output = generator(args.split(' '));
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("neighbour"), "{args}");
    }
}

/// The program of a broker, or a line that no one can overlook. `./test` installs them.
fn broker(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places.map(|place| place.join(program)).find(|file| file.is_file());
    if found.is_none() {
        // Not by a macro, whose output the harness keeps to itself.
        let line = format!("SKIPPED: {program} is not installed; tests/brokers/install does it\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// Every scenario against a broker that is not ours. What it loses for a reader that sleeps is its own business.
fn is_understood(target: &str) {
    let on = |scenario: &str| run(scenario.split(' ').chain(["--target", target]));
    let bursts = on("fanout --readers 7 --burst 32");
    assert_eq!(bursts["hub"]["deliveries"].as_u64().unwrap() % (7 * 32), 0);
    let everything = on("fanin --readers 2 --devices 10 --rate 500");
    assert_eq!(everything["hub"]["deliveries"], (10 + 50) * 2);
    assert_eq!(on("roundtrip")["hub"]["deliveries"].as_u64().unwrap() % 2, 0);
    on("idle --devices 20");
    let some = on("filters --filters 600 --matches 3 --readers 5");
    assert_eq!(some["hub"]["deliveries"].as_u64().unwrap() % 3, 0);
    on("unmatched --filters 500 --matches 3 --readers 5");
    on("mixed --devices 3 --readers 2");
}

#[test]
fn mosquitto_is_measured_by_the_same_messages() {
    if let Some(mosquitto) = broker("mosquitto") {
        is_understood(&format!("mqtt://127.0.0.1:{{port}} {} -p {{port}}", mosquitto.display()));
    }
}

#[test]
fn mosquitto_is_measured_over_websocket_as_well() {
    if broker("mosquitto").is_some() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/mosquitto.sh {port} websockets");
        let target = format!("mqtt+ws://127.0.0.1:{{port}} {script}");
        let on = |scenario: &str| run(scenario.split(' ').chain(["--target", &target]));
        assert_eq!(on("fanout --readers 7")["hub"]["deliveries"].as_u64().unwrap() % 7, 0);
        on("idle --devices 5");
    }
}

#[test]
fn nats_is_measured_by_the_same_messages() {
    if let Some(nats) = broker("nats-server") {
        is_understood(&format!("nats://127.0.0.1:{{port}} {} -a 127.0.0.1 -p {{port}}", nats.display()));
    }
}

#[test]
fn a_program_that_never_serves_is_told_with_its_own_words() {
    let output = generator(["fanout", "--target", "mqtt://127.0.0.1:{port} ls /there/is/no/such/thing"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        words.contains("nothing serves at 127.0.0.1:") && words.contains("/there/is/no/such/thing"),
        "{words}"
    );
}

#[test]
fn growth_is_a_table_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("readers.svg");
    let other = format!("{} --listen 127.0.0.1:0", hub());
    let sizes = ["fanout", "--seconds", "0.1", "--rounds", "1", "--over", "readers=2,20"];
    let compared = ["--vs", &other, "--svg", file.to_str().unwrap()];
    let output = generator(sizes.into_iter().chain(compared));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("| readers | hub | clown-hub | ratio |\n|---|---|---|---|\n| 2 | "), "{table}");
    assert!(table.contains("\n| 20 | "), "{table}");
    let picture = std::fs::read_to_string(file).unwrap();
    assert_eq!((picture.matches("<circle").count(), picture.matches("<polyline").count()), (4, 2));
}

#[test]
fn no_other_machine_is_put_under_load() {
    for place in
        [["--url", "ws://192.0.2.1:8080", "--pid", "1"], ["--target", "nats://192.0.2.1#1", "--rounds", "1"]]
    {
        let output = generator(["fanout"].into_iter().chain(place));
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not this machine"));
    }
    let started = generator(["fanout", "--target", "mqtt://192.0.2.1:{port} cat"]);
    assert!(String::from_utf8_lossy(&started.stderr).contains("is not this machine"));
}

/// URLs that are wrong, each with its password somewhere else.
const WRONG: [&str; 6] = [
    "ws://anna:s3cret@",
    "ws//anna:s3cret@hub",
    "anna:s3cret@hub:8080",
    "ws://anna:s3/cret@hub",
    "gopher://anna:s3cret@hub",
    "ws://anna:s3cret@hub:port",
];

#[test]
fn a_password_in_a_wrong_url_is_not_repeated() {
    for url in WRONG {
        for place in [vec!["--url", url, "--pid", "1"], vec!["--target", url], vec!["--vs", url], vec![url]] {
            let ran = generator(["fanout", "--seconds", "0.1", "--readers", "1"].into_iter().chain(place));
            let said = [ran.stdout, ran.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!ran.status.success() && !said.contains("cret"), "{url}: {said}");
        }
    }
}

#[test]
fn a_hub_that_is_not_there_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("clown-hub-bench");
    // A child of another test could hold a file that this process writes, and what is written cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_clown-hub-bench")).arg(&alone).status().unwrap();
    assert!(copied.success());
    let output = Command::new(alone).arg("fanout").output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("there is no hub at ") && words.contains("--hub FILE"), "{words}");
}

#[test]
fn the_help() {
    let output = generator(["-h"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() <= 36 && text.lines().all(|line| line.chars().count() <= 120), "{text}");
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_snapshot!(text, @r##"
    Put a hub on this machine under load and count what comes back

    Usage: clown-hub-bench [OPTIONS] <SCENARIO>

    Arguments:
      <SCENARIO>  What is done

    Options:
          --readers <N>          Connections that read [fanout: 1000, fanin: 4, filters and unmatched:
                                 100, stall: 10, mixed: 5, neighbour, holders of filters: 50]
          --devices <N>          Connections that publish, or do nothing [fanin: 1000, idle: 10000,
                                 mixed: 200]
          --burst <B>            Messages published at once [fanout: 1, stall: 32, neighbour, frames in
                                 one message: 10000]
          --filters <F>          Filters of all readers together [filters and unmatched: 100000;
                                 neighbour, of each: 1000]
          --seconds <SECONDS>    How long is measured [mixed: 20, neighbour: 10, else 3]
          --rounds <N>           Runs of each target, in turns; prints medians [default: 1, of two 3]
          --hub <FILE>           The program of the hub; without it the clown-hub beside this program
          --url <URL>            A hub that runs already
          --pid <PID>            The process of that hub
          --vs <URL_OR_COMMAND>  What to compare with
          --tls                  Measure the hub over TLS; beside it, if nothing else is named, without
          --json                 Print one JSON object
      -h, --help                 Print help (see more with '--help')
      -V, --version              Print version

    fanout: 1 publisher, N readers, bursts of B     filters: F wildcard filters, M match a message
    fanin: N devices, wildcard readers, a rate      stall: one of N readers stops, the data do not
    roundtrip: operator, device, operator           mixed: a day of a house in so many seconds
    idle: N connections that do nothing             retained: V last values under N bases
    unmatched: F filters match nothing, M match all handshakes: clients come and go
    neighbour: one client beside a dear one

    Example: clown-hub-bench fanout --readers 100 --burst 32 --vs target/release/floor
    All options: clown-hub-bench --help
    "##);
}

#[test]
fn a_hub_is_measured_over_tls_beside_itself_without() {
    for args in ["fanout --readers 5 --burst 3 --tls --rounds 1", "roundtrip --tls --rounds 1"] {
        let report = bench(args);
        assert_eq!(report["vs"]["lost"], 0, "{report}");
        assert!(report["vs"]["deliveries"].as_u64().unwrap() > 0, "{report}");
    }
    let report = bench("handshakes --tls --rounds 1");
    assert_eq!((&report["hub"]["resumed_share"], &report["vs"]["resumed_share"]), (&1.0.into(), &0.0.into()));
}
