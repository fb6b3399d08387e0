//! `clown-hub bench` in miniature against the real program. How long things take is nobody's business here; that
//! every message comes once and in order is.

#![cfg(target_os = "linux")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

fn bench(args: &str) -> Value {
    run(args.split(' '))
}

fn run<'a>(args: impl Iterator<Item = &'a str>) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_clown-hub"))
        .args(["bench", "--json", "--seconds", "0.1"])
        .args(args)
        .output()
        .unwrap();
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
    let hub = concat!(env!("CARGO_BIN_EXE_clown-hub"), " --listen 127.0.0.1:0");
    let report = run(["roundtrip", "--rounds", "1", "--vs", hub].into_iter());
    assert!(report["ratio"]["p50_us"].is_number() && report["vs"]["lost"] == 0);
}

#[test]
fn filters_that_do_not_match_get_nothing_and_those_that_do_get_everything() {
    let report = bench("unmatched --filters 500 --matches 3 --readers 5");
    assert_eq!(report["hub"]["deliveries"].as_u64().unwrap() % 3, 0);
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
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/mosquitto.sh {port} websockets");
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
    let output = Command::new(env!("CARGO_BIN_EXE_clown-hub"))
        .args(["bench", "fanout", "--target", "mqtt://127.0.0.1:{port} ls /there/is/no/such/thing"])
        .output()
        .unwrap();
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
    let hub = concat!(env!("CARGO_BIN_EXE_clown-hub"), " --listen 127.0.0.1:0");
    let output = Command::new(env!("CARGO_BIN_EXE_clown-hub"))
        .args(["bench", "fanout", "--seconds", "0.1", "--rounds", "1", "--over", "readers=2,20", "--vs", hub])
        .arg("--svg")
        .arg(&file)
        .output()
        .unwrap();
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
        let output = Command::new(env!("CARGO_BIN_EXE_clown-hub"))
            .args(["bench", "fanout"])
            .args(place)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not this machine"));
    }
    let started = Command::new(env!("CARGO_BIN_EXE_clown-hub"))
        .args(["bench", "fanout", "--target", "mqtt://192.0.2.1:{port} cat"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&started.stderr).contains("is not this machine"));
}
