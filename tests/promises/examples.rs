//! The examples in Rust, run as their users run them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{Client, Hub};

/// Where an example is, built from what stands there now.
fn built(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_clown-hub")).parent().unwrap().parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // Of one package alone the libraries would be compiled anew, with what it wants of them.
    cargo
        .args(["build", "--quiet", "--locked", "--workspace", "--example", name, "--target-dir"])
        .arg(target);
    // What describes this package to this test would have others built anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert!(cargo.args(["--manifest-path", manifest]).status().unwrap().success());
    target.join("debug/examples").join(name)
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_operator_switches_the_relay_of_the_device_and_hears_it_from_the_device() {
    let hub = Hub::demo();
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let (device, operator) = (built("device"), built("operator"));
    let operate = |wish: &str| Command::new(&operator).args([&url, "home/attic", wish]).output().unwrap();
    let alone = operate("on");
    assert!(!alone.status.success());
    assert!(String::from_utf8_lossy(&alone.stderr).contains("the device did not answer"));

    let mut watcher = Client::open(&hub, "/talk/home/attic", r#"{"filters": ["thermometer/0"]}"#).await;
    let mut device =
        Running(Command::new(device).args([&url, "home/attic"]).stdout(Stdio::piped()).spawn().unwrap());
    let [topic, payload] = watcher.two().await;
    assert_eq!((topic, &payload["temperature"][1]), (json!("thermometer/0"), &json!("℃")));
    let mut says = BufReader::new(device.0.stdout.take().unwrap()).lines();
    for wish in ["on", "off"] {
        let done = operate(wish);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(String::from_utf8_lossy(&done.stdout), format!("the relay is {wish}\n"));
        assert_eq!(says.next().unwrap().unwrap(), format!("relay {wish}"));
    }
}

#[test]
fn each_example_in_rust_has_at_most_eighty_lines() {
    for name in ["device", "operator"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(format!("{name}.rs"));
        assert!(std::fs::read_to_string(path).unwrap().lines().count() <= 80, "{name}");
    }
}
