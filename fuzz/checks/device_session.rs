//! Two devices and a store that comes by now and then: whatever they say, what they hear is packets, no more is on its way to one than it
//! takes, and nothing is left in the hub when they have gone.
//!
//! The bytes are cut at 0xff 0xfe. The first byte of each piece says whose it is and what happens behind it, the rest is what that
//! device sends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clown_hub::connection::mqtt::by_hand::ByHand;
use clown_hub::hub::{Bounds, Client, Hub, Rates, Rights, Settings, Side};
use clown_hub::moment::Moment;
use clown_hub::mqtt::{Head, Version};
use clown_hub::topic::{Base, Limits};

/// What a device takes at one time.
const WINDOW: usize = 3;

pub(crate) fn check(bytes: &[u8]) {
    let hub = Hub::new(settings(), SystemTime::UNIX_EPOCH);
    hub.lasting().turn_on(4096);
    let mut devices = [0, 1].map(|number| Some(device(&hub, number)));
    for piece in pieces(bytes) {
        let Some((sign, said)) = piece.split_first() else { continue };
        let Some(place) = devices.get_mut(usize::from(sign & 1)) else { return };
        let Some(mut device) = place.take() else { continue };
        if !device.says(said) {
            continue;
        }
        if sign & 2 != 0 {
            let now = Moment::from(Moment::now().wall() + Duration::from_secs(9));
            let changes = hub.lasting().changes(now, true);
            if sign & 4 != 0 {
                hub.lasting().written(changes);
            } else {
                hub.lasting().not_written(changes, (sign & 8 != 0).then_some("no disk"), now);
            }
        }
        if sign & 16 != 0 {
            let version = if sign & 32 != 0 { Version::V3 } else { Version::V5 };
            device = device.comes_again(version);
        }
        if sign & 64 != 0 {
            let Some(heard) = device.hears() else { continue };
            assert_packets(&heard);
            assert!(device.on_their_way().0 <= WINDOW, "{:?}", device.on_their_way());
        }
        *place = Some(device);
    }
    drop(devices);
    assert_eq!((hub.figures().clients.value(), hub.figures().filters.value()), (0, 0));
}

/// Between two devices, what stands between two signs.
fn pieces(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == [0xff, 0xfe]) {
        pieces.push(bytes.get(..at).unwrap_or_default());
        bytes = bytes.get(at + 2..).unwrap_or_default();
    }
    pieces.push(bytes);
    pieces
}

fn device(hub: &Arc<Hub>, number: usize) -> ByHand {
    let user: Arc<str> = format!("user-{number}").into();
    let client = Client {
        user: Arc::clone(&user),
        rights: Arc::new(Rights::everything()),
        base: Base::ROOT,
        side: Side::Device,
        rates: Rates::UNLIMITED,
    };
    let version = if number == 0 { Version::V5 } else { Version::V3 };
    let mut device = ByHand::new(hub.connect(client, Moment::now()), version);
    device.lasts(hub, &user, "device");
    device
}

fn assert_packets(mut packets: &[u8]) {
    while !packets.is_empty() {
        let Ok(Some(head)) = Head::read(packets) else { panic!("no packet: {packets:?}") };
        assert!(head.whole() <= packets.len(), "{packets:?}");
        packets = packets.get(head.whole()..).unwrap_or_default();
    }
}

fn settings() -> Settings {
    Settings {
        topic: Limits { max_bytes: 64, max_levels: 6 },
        filters: 6,
        message_bytes: 4096,
        outbox: Bounds { messages: 6, bytes: 2048, hard_messages: 12, hard_bytes: 4096 },
        retained_topics: 8,
        retained_bytes: 4096,
        cached_routes: 4,
        ..Settings::default()
    }
}
