//! What the store has to do with it: a last value with its properties outlives the hub, and under `commit` a message is
//! acknowledged when it is on the disk.

use crate::device::{Device, PUBACK, PUBCOMP, PUBREC, PUBREL, V5, text};
use crate::support::Hub;

#[tokio::test]
async fn a_retained_message_outlives_the_hub_with_all_that_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = &["mqtt.listen=127.0.0.1:0"];
    let hub = Hub::with_store(folder.path(), settings);
    let mut device = Device::connect(&hub, V5, "device").await;
    let properties = [&[0x03][..], &text("text/plain"), &[0x26], &text("k"), &text("v")].concat();
    device.publish("kept/a", " \"ON\"\n", 0b001, 0, &properties).await;
    device.hears_nothing().await;
    hub.stopped().await;
    let hub = Hub::with_store(folder.path(), settings);
    let mut device = Device::connect(&hub, V5, "device").await;
    device.subscribe("kept/#", 2).await;
    let heard = device.message().await;
    assert_eq!((heard.text(), heard.retain, heard.qos), (" \"ON\"\n", true, 0));
    assert_eq!(heard.properties, properties);
}

#[tokio::test]
async fn under_commit_nothing_that_was_acknowledged_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = &["mqtt.listen=127.0.0.1:0", "store.durability=commit"];
    let hub = Hub::with_store(folder.path(), settings);
    let mut device = Device::connect(&hub, V5, "device").await;
    for id in 1..=20_u16 {
        let flags = if id.is_multiple_of(2) { 0b011 } else { 0b101 };
        device.publish(&format!("kept/{id}"), id.to_string(), flags, id, &[]).await;
    }
    // In the order of the messages, of each kind.
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    while ones.len() + twos.len() < 20 {
        let heard = device.next().await.unwrap();
        let id = u16::from_be_bytes([heard.body[0], heard.body[1]]);
        assert!(heard.body.len() == 2, "{heard:?}");
        match heard.first {
            PUBACK => ones.push(id),
            PUBREC => {
                twos.push(id);
                device.answer(PUBREL, id).await;
            }
            // Of one that was released while others were not on the disk yet.
            first => assert_eq!(first, PUBCOMP, "{heard:?}"),
        }
    }
    assert!(ones.is_sorted() && twos.is_sorted());
    hub.killed().await;
    let hub = Hub::with_store(folder.path(), settings);
    let mut device = Device::connect(&hub, V5, "device").await;
    device.subscribe("kept/#", 0).await;
    let mut kept = std::collections::BTreeSet::new();
    for _ in 0..ones.len() + twos.len() {
        kept.insert(device.message().await.text().parse::<u16>().unwrap());
    }
    assert!(ones.iter().chain(&twos).all(|id| kept.contains(id)), "{kept:?}");
}
