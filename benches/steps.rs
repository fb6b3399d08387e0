//! What the steps of a message take, each by itself and without a socket, by the clock and in allocations.
//!
//! ```sh
//! cargo bench                    all of it; half a minute, once it is built
//! cargo bench -- fan_out         one of the groups below
//! ```
//!
//! What a reader's task costs to wake is not in here: nobody waits. `clown-hub-bench` measures the whole.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends with a panic")]

mod scene;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};

use clown_hub::hub::Side;
use clown_hub::talk::Frames;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Text to a frame; the payload is checked to its last byte.
mod decode {
    use super::{Bencher, BytesCount, Frames, black_box};

    fn one(bencher: Bencher<'_, '_>, text: &str) {
        bencher
            .counter(BytesCount::of_str(text))
            .bench_local(|| Frames::of(black_box(text)).next().unwrap().unwrap().payload.len());
    }

    #[divan::bench]
    fn reading(bencher: Bencher<'_, '_>) {
        one(bencher, r#"["thermometer/007/temperature", 21.5]"#);
    }

    #[divan::bench]
    fn reading_with_options(bencher: Bencher<'_, '_>) {
        one(
            bencher,
            r#"["thermometer/007/temperature", 21.5, {"id": "a1", "retain": true, "expires": 5000}]"#,
        );
    }

    #[divan::bench]
    fn payload_of_1_kb(bencher: Bencher<'_, '_>) {
        let sensor = r#"{"name": "kitchen", "celsius": 21.5, "on": true, "error": null}"#;
        let payload = vec![sensor; 16].join(", ");
        one(bencher, &format!(r#"["gateway/1/all", [{payload}]]"#));
    }
}

/// Who gets the message? Ten filters of each of these many match a topic.
mod matching {
    use super::{Bencher, Side, scene};

    const FILTERS: [usize; 3] = [1_000, 100_000, 1_000_000];

    /// The walk through the filters alone.
    #[divan::bench(args = FILTERS)]
    fn cold(bencher: Bencher<'_, '_>, filters: usize) {
        let trie = scene::filters_alone(filters);
        let topics = scene::topics(filters);
        let mut topics = topics.iter().cycle();
        let mut found = Vec::with_capacity(scene::MATCHES);
        bencher.bench_local(|| {
            found.clear();
            scene::find(&trie, topics.next().unwrap(), &mut found);
            found.len()
        });
    }

    /// A message whose receivers are remembered, from the text to the bytes of ten readers.
    #[divan::bench(args = FILTERS)]
    fn remembered(bencher: Bencher<'_, '_>, filters: usize) {
        let hub = scene::hub();
        let mut readers = scene::crowd(&hub, filters);
        // The filters of the first group are with the first ten readers; the others stay, and hear nothing.
        let (readers, _others) = readers.split_at_mut(scene::MATCHES);
        let mut node = scene::client(&hub, "house", Side::Node);
        let mut buffer = Vec::new();
        bencher.bench_local(|| {
            scene::say(&mut node, r#"["floor/room/lamp/000000", 21.5]"#);
            let frames: usize = readers.iter_mut().map(|reader| scene::drain(reader, &mut buffer)).sum();
            assert_eq!(frames, scene::MATCHES);
        });
    }

    /// A filter more and a filter less, with the answers to both.
    #[divan::bench(args = FILTERS)]
    fn subscribe_and_unsubscribe(bencher: Bencher<'_, '_>, filters: usize) {
        let hub = scene::hub();
        let _crowd = scene::crowd(&hub, filters);
        let mut reader = scene::reader(&hub, &[]);
        let mut buffer = Vec::new();
        bencher.bench_local(|| {
            scene::say(
                &mut reader,
                r#"["clown.talk/-/subscription/add", {"filters": ["house/+/room/new/1"]}]"#,
            );
            scene::say(
                &mut reader,
                r#"["clown.talk/-/subscription/remove", {"filters": ["house/+/room/new/1"]}]"#,
            );
            assert_eq!(scene::drain(&mut reader, &mut buffer), 2);
        });
    }
}

/// From the text of one publisher to the bytes for each of so many readers. An item is a delivery.
mod fan_out {
    use super::{Bencher, ItemsCount, Side, scene};

    const READERS: [usize; 3] = [10, 100, 1_000];

    fn deliver(bencher: Bencher<'_, '_>, readers: usize, messages: &[String]) {
        let hub = scene::hub();
        let mut readers = scene::audience(&hub, readers);
        let mut node = scene::client(&hub, "house", Side::Node);
        let mut buffer = Vec::new();
        let deliveries = readers.len() * messages.len();
        let mut round = || {
            for message in messages {
                scene::say(&mut node, message);
            }
            readers.iter_mut().map(|reader| scene::drain(reader, &mut buffer)).sum::<usize>()
        };
        // The first brings the node's presence, and every queue and buffer to its size.
        assert_eq!(round(), deliveries + deliveries / messages.len());
        bencher.counter(ItemsCount::new(deliveries)).bench_local(|| assert_eq!(round(), deliveries));
    }

    #[divan::bench(args = READERS)]
    fn one_message(bencher: Bencher<'_, '_>, readers: usize) {
        deliver(bencher, readers, &scene::readings(1));
    }

    #[divan::bench(args = READERS)]
    fn burst_of_32(bencher: Bencher<'_, '_>, readers: usize) {
        deliver(bencher, readers, &scene::readings(32));
    }
}

/// A dashboard comes, hears all that is known under its base, and goes. There are 10,000 bases.
mod snapshot {
    use super::{Bencher, ItemsCount, Side, scene};

    const BASES: usize = 10_000;

    #[divan::bench(args = [100_000, 1_000_000])]
    fn one_base_of(bencher: Bencher<'_, '_>, values: usize) {
        let hub = scene::hub();
        scene::keep_values(&hub, BASES, values);
        let mut buffer = Vec::new();
        bencher.counter(ItemsCount::new(values / BASES)).bench_local(|| {
            let mut dashboard = scene::client(&hub, "nodes/04711", Side::Dashboard);
            scene::say(&mut dashboard, r#"["clown.talk/-/config/set", {}]"#);
            assert_eq!(scene::drain(&mut dashboard, &mut buffer), 1 + values / BASES);
        });
    }
}

/// A reading of a node that nobody hears, without and with a store that is to hear of it. The difference is what the hub pays.
/// The writer takes all of it in between, as it does.
mod store {
    use super::{Bencher, ItemsCount, Side, scene};
    use clown_hub::hub::{Tape, TapeBounds};
    use std::collections::VecDeque;

    const BURST: usize = 1000;

    fn say(bencher: Bencher<'_, '_>, has_store: bool) {
        let hub = scene::hub();
        let bounds = TapeBounds { messages: 65_536, bytes: 16 << 20 };
        let tape = Tape::new(bounds, false, hub.figures());
        if has_store {
            hub.record_on(std::sync::Arc::clone(&tape));
        }
        let mut node = scene::client(&hub, "house", Side::Node);
        let (messages, mut taken) = (scene::readings(1), VecDeque::new());
        bencher.counter(ItemsCount::new(BURST)).bench_local(|| {
            for message in messages.iter().cycle().take(BURST) {
                scene::say(&mut node, message);
            }
            tape.take(&mut taken);
            taken.clear();
        });
    }

    #[divan::bench]
    fn a_reading_without(bencher: Bencher<'_, '_>) {
        say(bencher, false);
    }

    #[divan::bench]
    fn a_reading_with(bencher: Bencher<'_, '_>) {
        say(bencher, true);
    }
}
