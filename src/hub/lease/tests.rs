use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::topic::Limits;

const START: u64 = 1_000_000;

fn topic(number: usize) -> Topic {
    Topic::parse(&format!("relay/{number}/set"), &Limits::default()).unwrap()
}

fn state(number: usize) -> Topic {
    Topic::parse(&format!("relay/{number}"), &Limits::default()).unwrap()
}

fn at(seconds: u64) -> Moment {
    Moment::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn terms(user: &str, holder: u64, seconds: u64) -> Terms {
    let time = Duration::from_secs(seconds);
    Terms {
        user: user.into(),
        holder: SessionId(holder),
        time,
        safe: "false".into(),
        keep: false,
        is_near: false,
    }
}

fn row(seconds: u64, written: u64, until: u64) -> LeaseRow {
    LeaseRow {
        topic: topic(0),
        user: "u".into(),
        safe: "false".into(),
        is_near: true,
        time: Duration::from_secs(seconds),
        written: at(written).wall(),
        until: at(until).wall(),
    }
}

/// How many seconds a lease has left that comes back at this moment; none if it is over.
fn left(row: LeaseRow, lived: u64, now: u64) -> Option<u64> {
    let mut leases = Leases::<()>::default();
    leases.keep();
    leases.restore(row, at(lived).wall(), at(now));
    leases.expire(at(now));
    let told = leases.told(at(now).steady());
    let is_owed = told[0].is_owed;
    assert_eq!(is_owed, leases.owed() == 1);
    (!is_owed).then(|| told[0].left.as_secs())
}

#[test]
fn a_lease_that_comes_back_has_what_is_left_of_it_and_never_more_than_was_asked_for() {
    assert_eq!(left(row(60, START, START + 60), START + 10, START + 20), Some(40));
    assert_eq!(left(row(60, START, START + 60), START + 10, START + 60), None, "late");
    assert_eq!(left(row(60, START, START + 60), START, START + 1_000_000), None, "very late");
    assert_eq!(left(row(60, START, START + 500), START, START + 1), Some(60), "a row that cannot be");
}

#[test]
fn a_lease_whose_time_cannot_be_known_because_the_clock_was_set_back_is_over() {
    assert_eq!(left(row(60, START, START + 60), START, START - 1), None);
    assert_eq!(left(row(60, START, START + 60), START + 30, START + 29), None);
}

#[test]
fn where_somebody_sets_the_clock_the_disk_is_told_anew_and_the_lease_runs_on() {
    let mut leases = Leases::default();
    leases.keep();
    assert!(leases.ask(&topic(0), terms("u", 1, 3600), (), at(START)).is_ok());
    let changes = leases.changes(at(START));
    leases.written(changes);
    assert!(leases.changes(at(START + 1)).is_empty());
    let later = at(START + 10).with_wall(at(START - 86_400).wall());
    assert_eq!(leases.expire(later), 0);
    let changes = leases.changes(later);
    let row = changes.rows[0].1.as_ref().unwrap();
    assert_eq!(row.until, at(START - 86_400 + 3590).wall());
    assert_eq!(leases.told(later.steady())[0].left, Duration::from_secs(3590));
}

#[test]
fn there_are_bounds_for_a_user_and_for_all() {
    let mut leases = Leases::default();
    let mut ask = |user: usize, number: usize| {
        let granted = leases.ask(&topic(number), terms(&user.to_string(), 1, 60), (), at(START));
        granted.map(drop).map_err(|(full, ())| full)
    };
    assert!((0..OF_A_USER).all(|number| ask(0, number).is_ok()));
    assert_eq!(ask(0, OF_A_USER), Err(Full::OfAUser));
    assert_eq!(ask(0, 0), Ok(()), "one more of what there is");
    assert!((OF_A_USER..OF_ALL).all(|number| ask(1 + number / OF_A_USER, number).is_ok()));
    assert_eq!(ask(99, OF_ALL), Err(Full::OfAll));
    assert_eq!(ask(99, 0), Ok(()), "to take one over is no further one");
    assert_eq!(ask(0, OF_ALL), Err(Full::OfAll));
}

#[test]
fn a_node_that_does_not_say_what_it_has_done_is_not_asked_for_ever() {
    let mut leases = Leases::default();
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START)).is_ok());
    leases.expire(at(START + 60));
    assert!(leases.tell(&topic(0), Some(SessionId(5)), false, at(START + 60).steady()).is_some());
    assert!(
        leases.tell(&topic(0), Some(SessionId(5)), false, at(START + 61).steady()).is_none(),
        "once for each connection"
    );
    assert!(!leases.hear(&state(0), "true"), "it is on still");
    assert!(leases.tell(&topic(0), Some(SessionId(6)), false, at(START + 62).steady()).is_some());
    leases.expire(at(START + 62 + LINGER.as_secs()));
    assert_eq!((leases.len(), leases.owed(), leases.next()), (0, 0, None));
}

#[test]
fn a_command_for_a_second_is_routed_before_its_lease_is_over_however_slow_the_disk_is() {
    let mut leases = Leases::default();
    leases.keep();
    let granted = leases.ask(&topic(0), terms("u", 1, 1), "on", at(START));
    assert!(matches!(granted, Ok((Granted::Later, None))));
    // Also where the hub itself comes late.
    leases.expire(at(START + 5));
    let ready: Vec<_> = leases.take_ready().into_iter().map(|ready| ready.command).collect();
    assert_eq!((ready, leases.owed()), (vec!["on"], 1), "it is answered, and the safe command goes out");
}

#[test]
fn what_runs_is_ended_although_a_newer_command_waits_for_the_disk_when_its_right_is_withdrawn() {
    let mut leases = Leases::default();
    leases.keep();
    assert!(leases.ask(&topic(0), terms("jana", 1, 60), "first", at(START)).is_ok());
    let changes = leases.changes(at(START));
    leases.written(changes);
    assert_eq!(leases.take_ready().len(), 1, "the relay is on");
    let newer = Terms { safe: "null".into(), ..terms("emil", 2, 60) };
    assert!(leases.ask(&topic(0), newer, "second", at(START + 1)).is_ok());
    let (ended, refused) = leases.withdraw(|user, _| user != "emil", at(START + 1));
    assert_eq!((ended, refused, leases.owed()), (1, vec!["second"], 1));
}

/// What happens to three relays, a hub and its disk.
#[derive(Debug, Clone, Copy)]
enum Event {
    On {
        relay: usize,
        holder: u64,
        seconds: u64,
        keep: bool,
    },
    Off {
        relay: usize,
    },
    Gone {
        holder: u64,
        end: End,
    },
    Wait {
        seconds: u64,
    },
    SetClock {
        seconds: i64,
    },
    /// The disk takes what has changed.
    Write,
    /// The disk does not.
    Fail,
    /// The hub is killed, before or after its last write, and started again.
    Kill {
        wrote: bool,
        away: u64,
    },
    NodeGoes,
    NodeComes,
    /// Nobody may command any more.
    Withdraw,
}

fn event() -> impl Strategy<Value = Event> {
    let end = prop_oneof![Just(End::Vanished), Just(End::Farewell), Just(End::OfTheHub)];
    prop_oneof![
        5 => (0..3usize, 0..3u64, 1..30u64, any::<bool>())
            .prop_map(|(relay, holder, seconds, keep)| Event::On { relay, holder, seconds, keep }),
        1 => (0..3usize).prop_map(|relay| Event::Off { relay }),
        1 => (0..3u64, end).prop_map(|(holder, end)| Event::Gone { holder, end }),
        4 => (0..9u64).prop_map(|seconds| Event::Wait { seconds }),
        1 => (-1000..1000i64).prop_map(|seconds| Event::SetClock { seconds }),
        5 => Just(Event::Write),
        1 => Just(Event::Fail),
        2 => (any::<bool>(), 0..40u64).prop_map(|(wrote, away)| Event::Kill { wrote, away }),
        1 => Just(Event::NodeGoes),
        2 => Just(Event::NodeComes),
        1 => Just(Event::Withdraw),
    ]
}

/// A hub with a disk and a node. It is the plainest one that keeps the promise: a relay is on until a date.
struct World {
    leases: Leases<usize>,
    disk: HashMap<Topic, LeaseRow>,
    /// Seconds of the steady clock, and by how many the other one is ahead.
    now: u64,
    ahead: i64,
    lived: SystemTime,
    node: Option<u64>,
    nodes: u64,
    /// Whether each relay is on, until when it may be, and whether the hub has said that the disk does not know.
    on: [bool; 3],
    asked_until: [u64; 3],
    may_be_on_until: [u64; 3],
    is_unstored: [bool; 3],
}

impl World {
    fn new() -> Self {
        let mut leases = Leases::default();
        leases.keep();
        Self {
            leases,
            disk: HashMap::default(),
            now: START,
            ahead: 0,
            lived: at(START).wall(),
            node: Some(1),
            nodes: 1,
            on: [false; 3],
            asked_until: [0; 3],
            may_be_on_until: [0; 3],
            is_unstored: [false; 3],
        }
    }

    fn moment(&self) -> Moment {
        let wall = at(self.now.saturating_add_signed(self.ahead)).wall();
        at(self.now).with_wall(wall)
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::On { relay, holder, seconds, keep } => {
                let terms = Terms { keep, ..terms("u", holder, seconds) };
                let until = self.now + seconds;
                self.asked_until[relay] = until;
                // As long as it waits for the disk, what was asked for before holds, too.
                self.may_be_on_until[relay] = self.may_be_on_until[relay].max(until);
                let (granted, _) = self.leases.ask(&topic(relay), terms, relay, self.moment()).unwrap();
                if let Granted::Now(relay, stored) = granted {
                    self.switch_on(relay, stored);
                }
            }
            Event::Off { relay } => {
                self.leases.commanded(&topic(relay));
                self.on[relay] &= self.node.is_none();
                // Whoever has no node to tell it leaves it as it is: that is not the hub's promise.
                self.may_be_on_until[relay] = if self.on[relay] { u64::MAX } else { 0 };
            }
            Event::Gone { holder, end } => {
                let now = self.moment();
                self.leases.gone(SessionId(holder), end, now);
            }
            Event::Wait { seconds } => self.now += seconds,
            Event::SetClock { seconds } => {
                self.ahead += seconds;
                self.now += LOOK.as_secs();
                self.tend();
                self.write();
                self.lived = self.moment().wall();
            }
            Event::Write => self.write(),
            Event::Fail => {
                let _ = self.leases.changes(self.moment());
                self.leases.not_written();
            }
            Event::Kill { wrote, away } => {
                if wrote {
                    let changes = self.leases.changes(self.moment());
                    self.put(&changes);
                }
                self.now += away;
                self.leases = Leases::default();
                let now = self.moment();
                for row in self.disk.values() {
                    self.leases.restore(row.clone(), self.lived, now);
                }
                self.leases.keep();
                // What was told to be unstored, nobody ends.
                for relay in (0..3).filter(|relay| self.is_unstored[*relay]) {
                    self.may_be_on_until[relay] = u64::MAX;
                }
                self.node = self.node.map(|_| self.nodes + 1);
                self.nodes += 1;
            }
            Event::NodeGoes => self.node = None,
            Event::Withdraw => {
                let now = self.moment();
                self.leases.withdraw(|_, _| false, now);
            }
            Event::NodeComes => {
                self.nodes += 1;
                self.node = Some(self.nodes);
            }
        }
        self.lived = self.lived.max(self.moment().wall());
        self.tend();
    }

    fn switch_on(&mut self, relay: usize, stored: Stored) {
        self.on[relay] |= self.node.is_some();
        self.may_be_on_until[relay] = self.asked_until[relay];
        self.is_unstored[relay] = !stored.0;
    }

    fn write(&mut self) {
        let changes = self.leases.changes(self.moment());
        self.put(&changes);
        for (name, row) in &changes.rows {
            if row.is_some() {
                (0..3)
                    .filter(|relay| topic(*relay) == *name)
                    .for_each(|relay| self.is_unstored[relay] = false);
            }
        }
        self.leases.written(changes);
    }

    fn put(&mut self, changes: &LeaseChanges) {
        if changes.are_all {
            self.disk.clear();
        }
        for (topic, row) in &changes.rows {
            match row {
                Some(row) => drop(self.disk.insert(topic.clone(), row.clone())),
                None => drop(self.disk.remove(topic)),
            }
        }
    }

    /// As the hub does it.
    fn tend(&mut self) {
        let now = self.moment();
        self.leases.expire(now);
        for Ready { topic, version, command, stored } in self.leases.take_ready() {
            if self.leases.is_current(&topic, version) {
                self.switch_on(command, stored);
            }
        }
        let Some(node) = self.node else { return };
        for name in self.leases.owed_topics() {
            let relay = (0..3).find(|relay| topic(*relay) == name).unwrap();
            if self.leases.tell(&name, Some(SessionId(node)), false, now.steady()).is_some() {
                self.on[relay] = false;
                assert!(self.leases.hear(&state(relay), "false"));
            }
        }
    }
}

proptest! {
    #[test]
    fn no_relay_is_on_longer_than_was_asked_for_whatever_happens(
        events in prop::collection::vec(event(), 0..60)
    ) {
        let mut world = World::new();
        for event in events {
            world.happens(event);
            for relay in 0..3 {
                let may_be = world.now < world.may_be_on_until[relay];
                prop_assert!(!world.on[relay] || may_be || world.node.is_none(), "{relay} after {event:?}");
            }
            let on_time = world.leases.next().is_none_or(|next| next > world.moment().steady());
            prop_assert!(on_time, "nothing is left that is due");
        }
    }
}

fn far(seconds: u64) -> FarLease {
    FarLease { hub: "a".into(), left: Duration::from_secs(seconds), safe: "false".into() }
}

#[test]
fn a_safe_command_that_no_node_has_reported_is_sent_to_other_hubs_a_few_times() {
    let mut leases = Leases::default();
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START)).is_ok());
    leases.expire(at(START + 60));
    let mut sent = Vec::new();
    for second in 60..60 + LINGER.as_secs() + 2 {
        leases.expire(at(START + second));
        for topic in leases.owed_topics().into_iter().chain(leases.take_again()) {
            if leases.tell(&topic, None, true, at(START + second).steady()).is_some() {
                sent.push(second - 60);
            }
        }
    }
    assert_eq!(sent, [0, 2, 6, 14, 30, 62]);
    assert_eq!((leases.len(), leases.next()), (0, None), "nobody has contradicted");
}

#[test]
fn where_a_node_here_had_the_command_it_is_owed_until_a_node_here_has_the_safe_one() {
    let mut leases = Leases::default();
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START)).is_ok());
    leases.is_near(&topic(0));
    leases.expire(at(START + 60));
    assert!(leases.tell(&topic(0), None, true, at(START + 60).steady()).is_some());
    let late = START + 60 + 2 * LINGER.as_secs();
    leases.expire(at(late));
    assert_eq!(leases.owed(), 1);
    assert!(leases.tell(&topic(0), Some(SessionId(9)), true, at(late).steady()).is_some());
    assert!(leases.hear(&state(0), "false"));
}

#[test]
fn a_hub_that_has_the_node_runs_the_lease_of_another_hub_a_little_longer() {
    let mut leases = Leases::<()>::default();
    let (none, run) = leases.run_as_well(&topic(0), "u", far(60), at(START));
    assert_eq!((none, run), (None, Ok(())));
    let told = leases.told(at(START).steady());
    assert_eq!((told[0].user, told[0].left), ("cluster:a:u", Duration::from_mins(1)));
    leases.end_all(at(START + 1));
    assert_eq!((leases.owed(), leases.expire(at(START + 61))), (0, 0));
    // It is given again: its time begins anew, and nothing has ended.
    assert!(leases.run_as_well(&topic(0), "u", far(60), at(START + 61)).1.is_ok());
    assert_eq!((leases.take_ended().len(), leases.expire(at(START + 122))), (0, 0));
    assert_eq!((leases.expire(at(START + 123)), leases.owed()), (1, 1));
    // A client here takes it over.
    assert!(leases.ask(&topic(0), terms("v", 1, 60), (), at(START + 124)).is_ok());
    assert_eq!(leases.told(at(START + 124).steady())[0].user, "v");
    assert!(leases.take_safe(&topic(0), "a", "false").is_err(), "it is not that of the other hub any more");
    assert_eq!((leases.len(), leases.of_user.len()), (1, 1));
}

#[test]
fn the_safe_command_of_the_hub_that_took_the_lease_is_owed_where_the_node_is() {
    let mut leases = Leases::<()>::default();
    assert!(leases.run_as_well(&topic(0), "u", far(60), at(START)).1.is_ok());
    assert!(
        leases.take_safe(&topic(1), "a", "false").is_ok_and(|safe| safe.is_none()),
        "nobody has taken that"
    );
    assert!(leases.take_safe(&topic(0), "b", "false").is_err(), "another hub has taken it since");
    let safe = leases.take_safe(&topic(0), "a", "false").unwrap().unwrap();
    assert_eq!(leases.len(), 0);
    // No node is there, and the other hub tells all others.
    let now = at(START + 5).steady();
    leases.was_given(&topic(0), safe, None, now);
    assert_eq!((leases.owed(), leases.tell(&topic(0), None, true, now)), (1, None));
    assert!(leases.tell(&topic(0), Some(SessionId(3)), true, now).is_some());
    leases.expire(at(START + 5 + LINGER.as_secs()));
    assert_eq!((leases.len(), leases.next(), leases.of_user.len()), (0, None, 0));
}

#[test]
fn leases_of_other_hubs_have_the_same_bounds() {
    let mut leases = Leases::<()>::default();
    let mut run = |number: usize| leases.run_as_well(&topic(number), "u", far(60), at(START)).1;
    assert!((0..OF_A_USER).all(|number| run(number).is_ok()));
    assert_eq!(run(OF_A_USER), Err(Full::OfAUser));
    assert_eq!(run(0), Ok(()));
    assert_eq!(leases.len(), OF_A_USER);
}

#[test]
fn a_command_that_was_given_for_a_time_never_goes_to_other_hubs_without_its_end() {
    let mut leases = Leases::default();
    let at_once = |leases: &Leases<()>, second| leases.leased(&topic(0), at(START + second).steady());
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START)).is_ok());
    assert!(matches!(at_once(&leases, 10), Leased::With(left, _) if left == Duration::from_secs(50)));
    // While it waits for the cluster, another hub takes the lease: its own command is the newer one.
    assert!(leases.run_as_well(&topic(0), "u", far(30), at(START + 20)).1.is_ok());
    assert_eq!(at_once(&leases, 21), Leased::Over);
    // Or a command without a lease, or the node's word, or time has ended it.
    leases.commanded(&topic(0));
    assert_eq!(at_once(&leases, 22), Leased::Over);
}

#[test]
fn a_lease_that_is_renewed_while_its_node_is_away_is_owed_until_the_node_is_back() {
    let mut leases = Leases::default();
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START)).is_ok());
    leases.is_near(&topic(0));
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START + 30)).is_ok());
    leases.expire(at(START + 90));
    assert!(leases.tell(&topic(0), None, true, at(START + 90).steady()).is_some());
    let late = START + 90 + 2 * LINGER.as_secs();
    leases.expire(at(late));
    assert!(
        leases.tell(&topic(0), Some(SessionId(9)), true, at(late).steady()).is_some(),
        "the node is back"
    );
}

#[test]
fn what_is_not_the_safe_command_ends_no_lease_of_another_hub() {
    let mut leases = Leases::<()>::default();
    assert!(leases.run_as_well(&topic(0), "u", far(60), at(START)).1.is_ok());
    assert!(leases.take_safe(&topic(0), "a", "true").unwrap().is_none());
    assert_eq!((leases.has_near(&topic(0)), leases.expire(at(START + 63)), leases.owed()), (true, 1, 1));
}

#[test]
fn a_lease_that_comes_back_where_no_node_had_the_command_is_not_owed_for_ever() {
    let is_owed_for_ever = |is_near: bool| {
        let mut before = Leases::default();
        before.keep();
        assert!(before.ask(&topic(0), Terms { is_near, ..terms("u", 1, 60) }, (), at(START)).is_ok());
        let changes = before.changes(at(START));
        let row = changes.rows[0].1.clone().unwrap();
        let mut leases = Leases::<()>::default();
        leases.keep();
        leases.restore(row, at(START + 5).wall(), at(START + 100));
        leases.expire(at(START + 100));
        assert!(leases.tell(&topic(0), None, true, at(START + 100).steady()).is_some(), "others are told");
        leases.expire(at(START + 100 + LINGER.as_secs()));
        leases.owed() == 1
    };
    assert!(is_owed_for_ever(true));
    assert!(!is_owed_for_ever(false));
}

#[test]
fn the_disk_is_told_when_a_node_gets_the_command_that_was_not_there_before() {
    let mut leases = Leases::default();
    leases.keep();
    assert!(leases.ask(&topic(0), terms("u", 1, 60), (), at(START)).is_ok());
    let written = |leases: &mut Leases<()>| {
        let changes = leases.changes(at(START));
        let near: Vec<_> = changes.rows.iter().map(|(_, row)| row.as_ref().unwrap().is_near).collect();
        leases.written(changes);
        near
    };
    let _ = written(&mut leases);
    assert_eq!(written(&mut leases), [false; 0]);
    leases.is_near(&topic(0));
    assert_eq!(written(&mut leases), [true]);
    leases.is_near(&topic(0));
    assert_eq!(written(&mut leases), [false; 0], "once");
}
