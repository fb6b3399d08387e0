//! Five pieces of work, of which callgrind counts the instructions: see the script beside this file.
//!
//! Without an argument it lists them. With a name it does that work. What is counted is one function and all that it
//! calls, and nothing of what goes before it; such a function is not inlined and holds no closure, which would have a
//! name that begins with its own.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends with a panic")]
#![expect(clippy::print_stdout, reason = "the script reads the list")]

mod scene;

use std::hint::black_box;

use clown_hub::hub::trie::Trie;
use clown_hub::hub::{Session, Side};
use clown_hub::talk::Frames;

/// Hashes have another seed in every process, and with it other places in their tables. So many rounds even that out.
const ROUNDS: usize = 1_000;

/// How often each is done before it counts, so that routes are remembered and queues have their size.
const WARM_UP: usize = 100;

struct Work {
    name: &'static str,
    /// The function that is counted.
    counted: &'static str,
    what: &'static str,
    run: fn(),
}

const WORKS: [Work; 5] = [
    Work {
        name: "frame",
        counted: "read_frame",
        what: "the text of a short reading becomes a frame",
        run: frame,
    },
    Work {
        name: "publish_to_1",
        counted: "receive",
        what: "a session takes the text of a reading and publishes it to 1 receiver, who is remembered",
        run: || publish_to(1),
    },
    Work {
        name: "publish_to_100",
        counted: "receive",
        what: "the same, with 100 receivers",
        run: || publish_to(100),
    },
    Work {
        name: "drain_32",
        counted: "drain",
        what: "a session is drained of 32 readings, into bytes",
        run: drain_32,
    },
    Work {
        name: "match_in_100000",
        counted: "find",
        what: "the walk through 100,000 filters to the 10 that match a topic",
        run: || match_in(100_000),
    },
];

fn main() {
    let Some(wanted) = std::env::args().nth(1) else {
        for Work { name, counted, what, .. } in &WORKS {
            println!("{name}\t{counted}\t{ROUNDS}\t{what}");
        }
        return;
    };
    (WORKS.iter().find(|work| work.name == wanted).unwrap().run)();
}

fn frame() {
    for text in scene::readings(WARM_UP).iter().cycle().take(ROUNDS) {
        black_box(read_frame(black_box(text)));
    }
}

#[inline(never)]
fn read_frame(text: &str) -> usize {
    Frames::of(text).next().unwrap().unwrap().payload.len()
}

fn publish_to(receivers: usize) {
    let hub = scene::hub();
    let mut readers = scene::audience(&hub, receivers);
    let mut node = scene::client(&hub, "house", Side::Node);
    let mut buffer = Vec::new();
    let mut deliver = || readers.iter_mut().map(|reader| scene::drain(reader, &mut buffer)).sum::<usize>();
    let texts = scene::readings(WARM_UP);
    for text in &texts {
        scene::say(&mut node, text);
        deliver();
    }
    for text in texts.iter().cycle().take(ROUNDS) {
        receive(&mut node, black_box(text));
        assert_eq!(deliver(), receivers);
    }
}

#[inline(never)]
fn receive(node: &mut Session, text: &str) {
    scene::say(node, text);
}

fn drain_32() {
    let hub = scene::hub();
    let mut reader = scene::audience(&hub, 1).pop().unwrap();
    let mut node = scene::client(&hub, "house", Side::Node);
    let mut buffer = Vec::new();
    let texts = scene::readings(32);
    let mut fill = || {
        for text in &texts {
            scene::say(&mut node, text);
        }
    };
    for _ in 0..WARM_UP {
        fill();
        scene::drain(&mut reader, &mut buffer);
    }
    for _ in 0..ROUNDS {
        fill();
        assert_eq!(drain(&mut reader, &mut buffer), 32);
    }
}

#[inline(never)]
fn drain(reader: &mut Session, buffer: &mut Vec<u8>) -> usize {
    scene::drain(reader, buffer)
}

fn match_in(filters: usize) {
    let trie = scene::filters_alone(filters);
    for topic in scene::topics(filters).iter().take(ROUNDS) {
        let mut found = Vec::with_capacity(scene::MATCHES);
        find(&trie, black_box(topic), &mut found);
        assert_eq!(found.len(), scene::MATCHES);
    }
}

#[inline(never)]
fn find(trie: &Trie<usize>, topic: &str, found: &mut Vec<usize>) {
    scene::find(trie, topic, found);
}
