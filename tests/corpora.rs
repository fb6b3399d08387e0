//! Every input that the fuzzer has kept, read again with its checks, as plain tests.

#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read fails the test")]
#![expect(clippy::print_stdout, reason = "shown for failed tests only")]

#[path = "../fuzz/checks/chunk.rs"]
mod chunk;
#[path = "../fuzz/checks/conversation.rs"]
mod conversation;
#[path = "../fuzz/checks/device.rs"]
mod device;
#[path = "../fuzz/checks/device_session.rs"]
mod device_session;
#[path = "../fuzz/checks/filter.rs"]
mod filter;
#[path = "../fuzz/checks/frame.rs"]
mod frame;
#[path = "../fuzz/checks/matching.rs"]
mod matching;
#[path = "../fuzz/checks/messages.rs"]
mod messages;
#[path = "../fuzz/checks/packets.rs"]
mod packets;
#[path = "../fuzz/checks/rest.rs"]
mod rest;
#[path = "../fuzz/checks/shape.rs"]
mod shape;
#[path = "../fuzz/checks/stored.rs"]
mod stored;
#[path = "../fuzz/checks/subject.rs"]
mod subject;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        // The name of the file at fault is the last thing that a failed test prints.
        println!("{}", path.display());
        check(&std::fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "{} is empty", corpus.display());
}

#[test]
fn frames() {
    replay("frame", frame::check);
}

#[test]
fn filters() {
    replay("filter", filter::check);
}

#[test]
fn matches() {
    replay("match", matching::check);
}

#[test]
fn conversations() {
    replay("conversation", conversation::check);
}

#[test]
fn websocket_messages() {
    replay("messages", messages::check);
}

#[test]
fn mqtt_packets_of_devices() {
    replay("device", device::check);
}

#[test]
fn sessions_of_devices() {
    replay("device_session", device_session::check);
}

#[test]
fn mqtt_packets() {
    replay("packets", packets::check);
}

#[test]
fn rows_of_the_store() {
    replay("stored", stored::check);
}

#[test]
fn payloads_of_the_store() {
    replay("shape", shape::check);
}

#[test]
fn what_few_last_values_have() {
    replay("rest", rest::check);
}

#[test]
fn chunks_of_history() {
    replay("chunk", chunk::check);
}

#[test]
fn subjects_of_the_cluster() {
    replay("subject", subject::check);
}
