//! Links with a broker in memory: what holds for every link (the suite, which runs over Mosquitto, too), and what takes
//! brokers too long, such as circles and losses. Time stands still.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::file;
use super::guard::{Guard, Member};
use super::link::Link;
use super::memory::Broker;
use super::near::Near;
use crate::hub::{Client, Drained, Hub, Rates, Rights, Session, Settings, Side};
use crate::moment::Moment;
use crate::talk::Frames;
use crate::topic::{Base, Limits};

mod stored;
#[path = "../../tests/bridge/suite.rs"]
mod suite;

use suite::World;

/// A hub, and who is there.
struct House {
    hub: Arc<Hub>,
    guard: Arc<Guard>,
    node: Session,
    reader: Session,
    heard: VecDeque<String>,
    stop: CancellationToken,
    links: Vec<tokio::task::JoinHandle<super::estate::Estate>>,
}

impl House {
    fn new(number: usize) -> Self {
        let hub = Hub::new(Settings::default(), Moment::now());
        let client = |side| Client {
            user: "u".into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side,
            rates: Rates::UNLIMITED,
        };
        let open = |side, filters: &str| {
            let mut session = hub.connect(client(side), Moment::now());
            let settings = format!("[\"clown.talk/-/config/set\", {{\"filters\": [{filters}]}}]");
            session.receive(&settings, Moment::now()).unwrap();
            session
        };
        let (node, reader) = (open(Side::Node, ""), open(Side::Dashboard, "\"x/#\""));
        Self {
            guard: Arc::new(Guard::new(&format!("hub{number}"), Instant::now())),
            node,
            reader,
            heard: VecDeque::new(),
            stop: CancellationToken::new(),
            links: Vec::new(),
            hub,
        }
    }

    /// A link to a broker, with more keys.
    #[expect(clippy::disallowed_methods, reason = "the task ends with the test")]
    fn link(&mut self, broker: &Broker, far: &str, keys: &str, rules: &[(&str, &str)]) {
        let name = format!("link{}", self.links.len());
        let mut text = format!("url = \"mqtt://{far}\"\n{keys}\n");
        for (direction, filter) in rules {
            write!(text, "[[rule]]\ndirection = \"{direction}\"\nfilter = \"{filter}\"\n").unwrap();
        }
        let plan = file::parse(&name, "x.toml", &text, &Limits::default()).unwrap();
        let member = Member::of(&self.guard, broker.repeats());
        let client = broker.client(&format!("{}/{name}", self.guard.hub()), &plan.link);
        let mut link = Link::new(Near::new(&self.hub, &plan.link, member), client);
        link.begin(None);
        self.links.push(tokio::spawn(link.run(self.stop.clone())));
    }

    fn say(&mut self, topic: &str, payload: &str) {
        self.node.receive(&format!("[\"{topic}\", {payload}]"), Moment::now()).unwrap();
    }

    async fn hears(&mut self) -> String {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            let outbox = Arc::clone(self.reader.outbox());
            timeout(Duration::from_hours(1), outbox.ready()).await.expect("nothing is heard any more");
            self.listen();
        }
    }

    fn listen(&mut self) {
        let heard = &mut self.heard;
        let mut note = |pieces: &[&[u8]]| {
            let text = String::from_utf8(pieces.concat()).unwrap();
            for frame in Frames::of(&text).map(Result::unwrap) {
                if !frame.topic.starts_with("clown.talk") {
                    heard.push_back(format!("{} {}", frame.topic, frame.payload));
                }
            }
        };
        while self.reader.drain(usize::MAX, Moment::now(), &mut note) == Drained::More {}
    }

    fn figure(&self, link: &str, name: &str) -> u64 {
        let all = self.hub.links().all();
        let (_, figures) = all.iter().find(|(other, _)| **other == *link).unwrap();
        let found = figures.all().find(|(topic, ..)| *topic == name);
        found.map(|(.., value)| value).unwrap()
    }
}

/// Until nothing moves any more.
async fn quiet() {
    sleep(Duration::from_millis(1)).await;
}

/// Until links that were cut off are back.
async fn a_while() {
    sleep(Duration::from_mins(3)).await;
}

struct Memory<const REPEATS: bool> {
    broker: Broker,
    hubs: Vec<House>,
}

impl<const REPEATS: bool> World for Memory<REPEATS> {
    async fn new() -> Self {
        let broker = Broker::new(REPEATS);
        broker.listen("world");
        Self { broker, hubs: Vec::new() }
    }

    async fn hub(&mut self, rules: &[(&str, &str)]) -> usize {
        let mut house = House::new(self.hubs.len());
        house.link(&self.broker, "broker", "", rules);
        self.hubs.push(house);
        quiet().await;
        self.hubs.len() - 1
    }

    async fn say(&mut self, hub: usize, topic: &str, payload: &str) {
        self.hubs[hub].say(topic, payload);
        tokio::task::yield_now().await;
    }

    async fn hears(&mut self, hub: usize) -> String {
        self.hubs[hub].hears().await
    }

    async fn knows(&mut self, hub: usize, topic: &str) -> String {
        let topic = crate::topic::Topic::parse(topic, &Limits::default()).unwrap();
        format!("{topic} {}", self.hubs[hub].hub.last_value(&topic).unwrap().payload())
    }

    async fn far_says(&mut self, topic: &str, payload: &str, retain: bool) {
        self.broker.say(topic, payload.as_bytes(), retain);
        tokio::task::yield_now().await;
    }

    async fn far_hears(&mut self) -> String {
        let heard = async {
            loop {
                if let Some(message) = self.broker.heard("world") {
                    return message.text();
                }
                quiet().await;
            }
        };
        timeout(Duration::from_mins(10), heard).await.expect("nothing is heard there any more")
    }

    async fn goes(&mut self, forgets: bool) {
        self.broker.go(forgets);
        quiet().await;
    }

    async fn comes(&mut self) {
        self.broker.come();
        a_while().await;
    }
}

macro_rules! suite {
    ($($name:ident)+) => {
        mod with_stamps {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::suite::$name::<super::Memory<false>>().await;
            })+
        }
        mod where_the_broker_repeats {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::suite::$name::<super::Memory<true>>().await;
            })+
        }
    };
}

suite! {
    messages_are_carried_both_ways_in_order
    what_waits_while_the_far_side_is_away_comes_in_order_when_it_is_back
    a_far_side_that_forgot_everything_is_asked_and_told_again
    last_values_that_were_there_before_are_taken_and_told_once
    two_hubs_at_one_far_side_see_every_message_once
}

/// A sensor of the broker speaks, and what it said last is retained there. The link is away, and finds that again.
async fn a_sensor_behind_a_link(repeats: bool) {
    let broker = Broker::new(repeats);
    let mut house = House::new(0);
    house.link(&broker, "broker", "", &[("in", "#")]);
    a_while().await;
    let topic = crate::topic::Topic::parse("x/t", &Limits::default()).unwrap();
    let rhythm = |house: &House| house.hub.last_value(&topic).unwrap().rhythm;
    let mut rhythms = Vec::new();
    for reading in 0..4 {
        broker.say("x/t", reading.to_string().as_bytes(), true);
        assert_eq!(house.hears().await, format!("x/t {reading}"));
        rhythms.push(rhythm(&house));
    }
    rhythms.dedup();
    assert_eq!(rhythms.len(), 4, "each is a reading");
    broker.go(true);
    quiet().await;
    broker.say("x/t", b"4", true);
    broker.come();
    a_while().await;
    assert_eq!(house.hears().await, "x/t 4");
    assert_eq!(rhythm(&house), rhythms[3], "it was said at some time before");
    broker.say("x/t", b"5", true);
    assert_eq!(house.hears().await, "x/t 5");
    assert_ne!(rhythm(&house), rhythms[3]);
}

#[tokio::test(start_paused = true)]
async fn a_last_value_that_a_link_finds_again_is_no_reading_of_now() {
    a_sensor_behind_a_link(true).await;
    a_sensor_behind_a_link(false).await;
}

const EVERYTHING: &[(&str, &str)] = &[("both", "#")];

/// Publishes readings and commands at every hub and every broker, last values among them; returns for each hub how often it
/// heard each, when all is silent.
async fn seen(hubs: &mut [House], brokers: &[Broker]) -> Vec<BTreeMap<String, usize>> {
    quiet().await;
    for n in 0..10 {
        for (at, hub) in hubs.iter_mut().enumerate() {
            hub.say(&format!("x/{at}/t"), &format!("1{at}{n:02}"));
            hub.say(&format!("x/{at}/set"), &format!("1{at}{n:02}"));
            hub.say("x/shared/t", &format!("\"{at}{n:02}\""));
        }
        for (at, broker) in brokers.iter().enumerate() {
            broker.say(&format!("x/foreign/{at}"), n.to_string().as_bytes(), n % 2 == 0);
        }
        quiet().await;
        hubs.iter_mut().for_each(House::listen);
    }
    let carried = |hubs: &[House]| {
        let all = hubs.iter().flat_map(|hub| hub.hub.links().all());
        all.map(|(_, figures)| figures.heard.value() + figures.told.value()).sum::<u64>()
    };
    quiet().await;
    let before = carried(hubs);
    a_while().await;
    assert_eq!(carried(hubs), before, "it goes round");
    hubs.iter_mut()
        .map(|hub| {
            hub.listen();
            let mut counts = BTreeMap::new();
            hub.heard.drain(..).for_each(|heard| *counts.entry(heard).or_insert(0) += 1);
            counts
        })
        .collect()
}

/// Hubs that are linked to these brokers, by their numbers.
fn circle(repeats: bool, brokers: usize, links: &[&[usize]]) -> (Vec<House>, Vec<Broker>) {
    let brokers: Vec<_> = (0..brokers).map(|_| Broker::new(repeats)).collect();
    let hub = |(number, ends): (usize, &&[usize])| {
        let mut house = House::new(number);
        for end in *ends {
            house.link(&brokers[*end], &format!("broker{end}"), "", EVERYTHING);
        }
        house
    };
    (links.iter().enumerate().map(hub).collect(), brokers)
}

async fn each_once(brokers: usize, links: &[&[usize]]) {
    let (mut hubs, brokers) = circle(false, brokers, links);
    for counts in seen(&mut hubs, &brokers).await {
        let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(counts.len(), links.len() * 30 + brokers.len() * 10);
    }
}

#[tokio::test(start_paused = true)]
async fn two_hubs_that_are_bridged_twice_see_every_message_once() {
    each_once(2, &[&[0, 1], &[0, 1]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_with_two_links_to_one_broker_sees_every_message_once() {
    each_once(1, &[&[0, 0], &[0]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_ring_of_three_hubs_sees_every_message_once() {
    each_once(3, &[&[0, 1], &[1, 2], &[2, 0]]).await;
}

#[tokio::test(start_paused = true)]
async fn in_circles_of_3_1_1_every_message_is_seen_and_it_falls_silent() {
    let (mut hubs, brokers) = circle(true, 2, &[&[0, 1], &[0, 1]]);
    for counts in seen(&mut hubs, &brokers).await {
        assert_eq!(counts.len(), 2 * 30 + 2 * 10);
    }
}

#[tokio::test(start_paused = true)]
async fn last_values_that_were_there_before_come_once_and_do_not_go_round() {
    for repeats in [false, true] {
        let (mut hubs, brokers) = circle(repeats, 1, &[&[], &[]]);
        (0..20).for_each(|n| brokers[0].say(&format!("x/{n}"), b"\"old\"", true));
        for hub in &mut hubs {
            hub.link(&brokers[0], "broker0", "", EVERYTHING);
            hub.say(&format!("x/{}", hub.guard.hub()), "\"old\"");
            quiet().await;
        }
        a_while().await;
        for hub in &mut hubs {
            hub.listen();
            let mut heard: Vec<_> = hub.heard.drain(..).collect();
            heard.sort();
            let all = heard.len();
            heard.dedup();
            assert_eq!((heard.len(), all), (22, 22), "{heard:?}");
        }
    }
}

/// The numbers of commands in the order in which they came, and how often one came that had come before.
fn order(heard: impl Iterator<Item = String>) -> (Vec<u64>, usize) {
    let (mut order, mut again) = (Vec::new(), 0);
    for heard in heard {
        let number: u64 = heard.rsplit(' ').next().unwrap().parse().unwrap();
        if order.last().is_none_or(|last| *last < number) { order.push(number) } else { again += 1 }
    }
    (order, again)
}

const NUMBERS: u64 = 2_000;

fn is_all(numbers: &[u64]) -> bool {
    numbers.iter().copied().eq(0..NUMBERS)
}

/// Commands both ways, while something happens to the broker every so often.
async fn under_load(mut disturb: impl FnMut(&Broker, u64)) -> (House, (Vec<u64>, usize), (Vec<u64>, usize)) {
    let (broker, mut house) = (Broker::new(false), House::new(0));
    broker.listen("there");
    house.link(&broker, "broker", "", &[("both", "x/#")]);
    quiet().await;
    for n in 0..NUMBERS {
        disturb(&broker, n);
        house.say("x/out/set", &n.to_string());
        broker.say("x/in/set", n.to_string().as_bytes(), false);
        if n % 7 == 0 {
            sleep(Duration::from_millis(100)).await;
            house.listen();
        }
    }
    broker.come();
    broker.acknowledges(true);
    a_while().await;
    let out = std::iter::from_fn(|| broker.heard("there")).map(|message| message.text());
    let out = order(out.filter(|heard| heard.starts_with("x/out")));
    house.listen();
    let inward = order(house.heard.drain(..).filter(|heard| heard.starts_with("x/in")));
    (house, out, inward)
}

#[tokio::test(start_paused = true)]
async fn over_a_network_that_breaks_nothing_is_lost_and_nothing_is_out_of_order() {
    let mut breaks = 0;
    let (house, out, inward) = under_load(|broker, n| {
        // Now and then it takes and does not say so, so that much is sent again.
        broker.acknowledges(n / 100 % 3 != 0);
        if n % 137 == 0 {
            breaks += 1;
            broker.break_off();
        }
    })
    .await;
    assert!(is_all(&out.0), "{} out", out.0.len());
    assert!(is_all(&inward.0) && inward.1 == 0, "{} in, and {} again", inward.0.len(), inward.1);
    assert!(out.1 > 0 && out.1 < breaks * 100, "{} came again", out.1);
    assert_eq!(house.figure("link0", "messages/lost"), 0);
    assert!(house.figure("link0", "connects") > 5);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_for_a_while_gets_everything_in_order() {
    let (house, out, inward) = under_load(|broker, n| match n % 500 {
        100 => broker.go(false),
        300 => broker.come(),
        _ => {}
    })
    .await;
    assert!(is_all(&out.0), "{} out", out.0.len());
    assert!(is_all(&inward.0) && inward.1 == 0, "{} in, and {} again", inward.0.len(), inward.1);
    assert_eq!(house.figure("link0", "messages/lost"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_killed_takes_only_with_it_what_it_had_not_passed_on() {
    let (house, out, (inward, again)) = under_load(|broker, n| match n % 500 {
        100 => broker.go(true),
        110 => broker.come(),
        _ => {}
    })
    .await;
    assert!(is_all(&out.0), "on our side nothing is lost: {} out", out.0.len());
    assert!(inward.len() as u64 * 2 > NUMBERS && again == 0, "{} of {NUMBERS}", inward.len());
    assert_eq!(house.figure("link0", "messages/lost") + house.figure("link0", "messages/skipped"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_keeps_newest_readings_and_commands_and_counts_what_it_lost() {
    let (broker, mut house) = (Broker::new(false), House::new(0));
    broker.go(false);
    broker.listen("there");
    house.link(&broker, "broker", "queue_messages = 10", &[("out", "x/#")]);
    quiet().await;
    for n in 0..30 {
        house.say("x/a/t", &n.to_string());
    }
    for n in 0..12 {
        house.say("x/a/set", &n.to_string());
    }
    quiet().await;
    let figure = |name| house.figure("link0", name);
    assert_eq!((figure("messages/skipped"), figure("messages/lost"), figure("queue/messages")), (29, 3, 10));
    broker.come();
    a_while().await;
    let heard: Vec<_> = std::iter::from_fn(|| broker.heard("there")).map(|message| message.text()).collect();
    // The last value, which was lost from the queue, is told on connecting all the same.
    let expected: Vec<_> = (2..12).map(|n| format!("x/a/set {n}")).chain(["x/a/t 29".to_owned()]).collect();
    assert_eq!(heard, expected);
    assert_eq!((figure("messages/out"), figure("queue/messages")), (11, 0));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_stopped_sends_what_waits_and_then_goes() {
    let (broker, mut house) = (Broker::new(false), House::new(0));
    broker.listen("there");
    house.link(&broker, "broker", "", &[("out", "x/#")]);
    quiet().await;
    for n in 0..500 {
        house.say("x/a/set", &n.to_string());
    }
    house.stop.cancel();
    let estate = house.links.pop().unwrap().await.unwrap();
    assert_eq!(estate.len(), 0);
    assert_eq!(std::iter::from_fn(|| broker.heard("there")).count(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_stopped_while_the_broker_acknowledges_nothing_leaves_after_a_while_with_what_waits() {
    let (broker, mut house) = (Broker::new(false), House::new(0));
    broker.acknowledges(false);
    house.link(&broker, "broker", "", &[("out", "x/#")]);
    quiet().await;
    for n in 0..500 {
        house.say("x/a/set", &n.to_string());
    }
    let began = Instant::now();
    house.stop.cancel();
    let estate = house.links.pop().unwrap().await.unwrap();
    assert_eq!((estate.len(), began.elapsed()), (500, super::GRACE));
}
