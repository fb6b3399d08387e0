//! Load while the broker and the network come and go: ten minutes of it with `CLOWN_LONG_TESTS=1`, else some seconds.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::broker::Broker;
use crate::load::Load;
use crate::proxy::Proxy;
use crate::support::Hub;
use crate::{figure, link, so_long};

/// Fewer than these are duplicates at the worst: what may be on its way at each interruption, both ways.
const ON_THE_WAY: u64 = 1_100;

async fn soak(seconds: u64, a_second: u64) {
    let mut broker = Broker::mosquitto().await;
    let proxy = Proxy::to(broker.port).await;
    let file = link(proxy.port, "queue_messages = 200000\nqueue_bytes = 67108864", &[("both", "load/#")]);
    let settings = ["outbox.messages=100000", "outbox.hard_messages=1000000", "outbox.hard_bytes=100000000"];
    let hub = Hub::with_links(&[("house", &file)], &settings);
    hub.logs("link is connected").await;
    let load = Load::start(&hub, broker.port, a_second).await;
    let (began, mut interruptions, mut resident) = (Instant::now(), 0, Vec::new());
    // A short soak has short pauses.
    let share: f64 = if seconds < 60 { 0.1 } else { 1.0 };
    let least = Duration::from_millis(1_500).mul_f64(share.max(0.3));
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    while began.elapsed() < Duration::from_secs(seconds) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        sleep(least + Duration::from_millis(random % 6_000).mul_f64(share)).await;
        interruptions += 1;
        if random.is_multiple_of(2) {
            broker.stop().await;
            sleep(Duration::from_millis(random % 2_000)).await;
            broker.start().await;
        } else {
            proxy.break_off();
        }
        resident.push(hub.resident_kib());
        println!(
            "{:>4} s, {interruptions} interruptions, {} KiB",
            began.elapsed().as_secs(),
            hub.resident_kib()
        );
    }
    let (out, inward) = load.finish().await;
    println!("out {out:?}\nin {inward:?}\ninterruptions {interruptions}, KiB {resident:?}");
    for count in [&out, &inward] {
        assert_eq!((count.arrived, count.gaps), (count.sent, 0), "{count:?}");
        assert!(count.again <= ON_THE_WAY * (interruptions + 1), "{count:?}");
    }
    assert_eq!(figure(&hub, "house", "messages_lost_total").await, 0);
    assert_eq!(figure(&hub, "house", "messages_skipped_total").await, 0);
    // Memory: the last quarter is not above the second by more than the noise of an allocator.
    if resident.len() >= 40 {
        let most = |quarter: usize| {
            *resident.chunks(resident.len().div_ceil(4)).nth(quarter).unwrap().iter().max().unwrap()
        };
        assert!(most(3) < most(1) * 5 / 4 + 4096, "memory grows: {resident:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_lost_while_broker_and_network_come_and_go() {
    let is_long = so_long(0, 600) > Duration::ZERO;
    soak(so_long(4, 600).as_secs(), if is_long { 2_000 } else { 500 }).await;
}
