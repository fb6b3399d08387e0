use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use proptest::prelude::*;

use super::leaving::{LOOKED_AT_IN_A_STEP, STEPS_A_MOVE};
use super::*;
use crate::hub::drain::TURN;
use crate::hub::relay::Relayed;
use crate::hub::{Bounds, Client, Drained, Extras, Handed, Hub, Message, Rates, Rights, Settings, Side};
use crate::talk::Kind;
use crate::topic::{Base, Filter, Limits, Topic};

fn hub() -> Arc<Hub> {
    Hub::new(Settings::default(), SystemTime::UNIX_EPOCH)
}

fn session_with(hub: &Arc<Hub>, user: &str, rights: Rights) -> Session {
    let client = Client {
        user: user.into(),
        rights: Arc::new(rights),
        base: Base::ROOT,
        side: Side::Device,
        rates: Rates::UNLIMITED,
    };
    let mut session = hub.connect(client, SystemTime::UNIX_EPOCH);
    session.begins(user);
    session
}

fn session(hub: &Arc<Hub>) -> Session {
    session_with(hub, "jana", Rights::everything())
}

fn share(text: &str) -> Share {
    Share::parse(text, &Limits::default()).unwrap()
}

fn member(hub: &Arc<Hub>, of: &str) -> Session {
    let mut session = session(hub);
    session.joins(&share(of)).unwrap();
    session
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, &Limits::default()).unwrap()
}

fn says(session: &mut Session, topic: &str, payload: &str) {
    let (kind, topic) = (Kind::of(topic), Topic::parse(topic, &Limits::default()).unwrap());
    let message =
        Message { topic, payload, kind, retention: None, extras: Extras::default(), was_kept: false };
    session.tell(message, SystemTime::UNIX_EPOCH).unwrap();
}

/// What has come, with the groups by which.
fn heard(session: &mut Session) -> Vec<(String, Option<String>)> {
    let mut heard = Vec::new();
    let mut note = |handed| {
        if let Handed::Message(relayed) = handed {
            let Relayed { message, share, .. } = relayed;
            heard.push((message.payload().to_owned(), share.map(|share| share.as_str().to_owned())));
        }
    };
    while session.take_everything(1, SystemTime::UNIX_EPOCH, &mut note).drained == Drained::More {}
    heard
}

fn payloads(session: &mut Session) -> Vec<String> {
    heard(session).into_iter().map(|(payload, _)| payload).collect()
}

#[test]
fn each_message_goes_to_one_member_and_all_have_their_turns() {
    let hub = hub();
    let mut device = session(&hub);
    let mut members = [0; 3].map(|_| member(&hub, "$share/g/jobs/#"));
    for number in 0..9 {
        says(&mut device, &format!("jobs/{}/set", number % 2), &number.to_string());
    }
    assert_eq!(payloads(&mut members[0]), ["0", "3", "6"]);
    assert_eq!(payloads(&mut members[1]), ["1", "4", "7"]);
    assert_eq!(payloads(&mut members[2]), ["2", "5", "8"]);
    // It is of the group, whose messages come back to who says them.
    says(&mut members[0], "jobs/0/set", "9");
    assert_eq!(heard(&mut members[0]), [("9".to_owned(), Some("$share/g/jobs/#".to_owned()))]);
    // One that goes is passed over, and one that comes has its turns.
    members[1].leaves(&[share("$share/g/jobs/#")], Vec::new());
    let mut late = member(&hub, "$share/g/jobs/#");
    for number in 10..16 {
        says(&mut device, "jobs/0/set", &number.to_string());
    }
    let counts =
        [payloads(&mut members[0]), payloads(&mut members[2]), payloads(&mut late)].map(|all| all.len());
    assert_eq!(counts, [2, 2, 2]);
    assert_eq!(payloads(&mut members[1]), [""; 0]);
}

#[test]
fn groups_of_other_names_filters_and_users_get_each_message_too() {
    let hub = hub();
    let mut device = session(&hub);
    let mut one = member(&hub, "$share/g/jobs/#");
    let mut two = member(&hub, "$share/h/jobs/#");
    let mut three = member(&hub, "$share/g/jobs/+");
    let mut foreign = session_with(&hub, "karel", Rights::everything());
    foreign.joins(&share("$share/g/jobs/#")).unwrap();
    says(&mut device, "jobs/a", "1");
    for member in [&mut one, &mut two, &mut three, &mut foreign] {
        assert_eq!(payloads(member), ["1"]);
    }
    // A member that reads the same without a group gets it twice, and one of two groups, too.
    one.add_filters(vec![filter("jobs/a")], false).unwrap();
    one.joins(&share("$share/h/jobs/a")).unwrap();
    says(&mut device, "jobs/a", "2");
    let mut of = heard(&mut one).into_iter().map(|(_, of)| of).collect::<Vec<_>>();
    of.sort();
    assert_eq!(of, [None, Some("$share/g/jobs/#".to_owned()), Some("$share/h/jobs/a".to_owned())]);
}

#[test]
fn no_last_values_come_by_a_group() {
    let hub = hub();
    let mut device = session(&hub);
    says(&mut device, "jobs/a", "1");
    assert!(hub.is_kept(&Topic::parse("jobs/a", &Limits::default()).unwrap()));
    let mut one = member(&hub, "$share/g/jobs/#");
    assert_eq!(payloads(&mut one), [""; 0]);
    // Not with those of a plain filter, either, and what happens then comes by both.
    one.add_filters(vec![filter("jobs/#")], true).unwrap();
    assert_eq!(heard(&mut one), [("1".to_owned(), None)]);
    says(&mut device, "jobs/a", "2");
    assert_eq!(payloads(&mut one), ["2", "2"]);
}

#[test]
fn who_is_there_and_ready_goes_before_who_is_behind_and_who_is_away() {
    let outbox = Bounds { messages: 4, hard_messages: 6, ..Settings::default().outbox };
    let hub = Hub::new(Settings { outbox, ..Settings::default() }, SystemTime::UNIX_EPOCH);
    let mut device = session(&hub);
    let mut members = [0; 3].map(|_| member(&hub, "$share/g/jobs/#"));
    members[0].rests();
    for number in 0..4 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    assert_eq!(payloads(&mut members[0]), [""; 0], "who is away");
    assert_eq!(payloads(&mut members[1]), ["0", "2"]);
    assert_eq!(payloads(&mut members[2]), ["1", "3"]);
    // Two that wait are half of four: from there on another one goes before it.
    members[2].leaves(&[share("$share/g/jobs/#")], Vec::new());
    for number in 0..6 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    assert_eq!(payloads(&mut members[0]), [""; 0], "who is behind goes before who is away");
    assert_eq!(payloads(&mut members[1]).len(), 6);
    // Its queue is given up: it is passed over, and nothing of that is lost.
    for number in 0..7 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    let lost = hub.figures().lost.value();
    assert_eq!(lost, 7);
    for number in 7..9 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    assert_eq!(payloads(&mut members[0]), ["7", "8"]);
    assert_eq!(hub.figures().lost.value(), lost);
    members[0].rests_no_more();
}

#[test]
fn a_slow_reader_keeps_its_own_newest_reading_beside_all_that_its_groups_gave_it() {
    let outbox = Bounds { messages: 4, hard_messages: 100, ..Settings::default().outbox };
    let hub = Hub::new(Settings { outbox, ..Settings::default() }, SystemTime::UNIX_EPOCH);
    let mut device = session(&hub);
    let mut one = member(&hub, "$share/g/t/#");
    one.joins(&share("$share/h/t/#")).unwrap();
    one.add_filters(vec![filter("t/#")], false).unwrap();
    for number in 0..4 {
        says(&mut device, "t/a", &number.to_string());
    }
    // Readings of its own give way to newer ones of its own only.
    assert_eq!(hub.figures().skipped.value(), 1);
    let mut two = member(&hub, "$share/g/t/#");
    one.leaves(&[share("$share/g/t/#")], Vec::new());
    assert_eq!(payloads(&mut two), ["0", "1", "2", "3"]);
    let of = |of: Option<&str>, all: &[(String, Option<String>)]| {
        let all = all.iter().filter(|(_, by)| by.as_deref() == of);
        all.map(|(payload, _)| payload.clone()).collect::<Vec<_>>()
    };
    let heard = heard(&mut one);
    assert_eq!(of(Some("$share/h/t/#"), &heard), ["0", "1", "2", "3"]);
    assert_eq!(of(None, &heard), ["1", "2", "3"]);
    // All messages of a topic come in their order.
    assert!(heard.is_sorted_by_key(|(payload, _)| payload.clone()), "{heard:?}");
}

#[test]
fn for_one_message_few_members_are_looked_at_and_none_that_is_away_while_another_is_there() {
    let outbox = Bounds { messages: 4, hard_messages: 100, ..Settings::default().outbox };
    let hub = Hub::new(Settings { outbox, ..Settings::default() }, SystemTime::UNIX_EPOCH);
    let mut device = session(&hub);
    let mut here = [0; 20].map(|_| member(&hub, "$share/g/jobs/#"));
    let away = [0; 20].map(|_| member(&hub, "$share/g/jobs/#"));
    away.iter().for_each(Session::rests);
    for number in 0..40 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    // Now much waits for all. Whose queue is looked at while it is held here holds the publisher up.
    let (said, is_said) = std::sync::mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        let others = here[MOST_LOOKED_AT..].iter().chain(&away);
        let held: Vec<_> = others.map(|other| other.outbox.lock()).collect();
        let device = &mut device;
        scope.spawn(move || {
            says(device, "jobs/set", "40");
            said.send(()).unwrap();
        });
        is_said.recv_timeout(std::time::Duration::from_mins(2)).expect("a queue was looked at");
        drop(held);
    });
    assert_eq!(payloads(&mut here[0]), ["0", "20", "40"]);
    // One that is ready among many that are not has its turn soon.
    for number in 0..100 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    assert!(!payloads(&mut here[0]).is_empty());
    // One that is back has its turns, and one that goes away has none any more.
    away[0].rests_no_more();
    here.iter().for_each(Session::stands_back);
    says(&mut device, "jobs/set", "last");
    let [mut back, ..] = away;
    assert_eq!(payloads(&mut back), ["last"]);
}

#[test]
fn who_leaves_groups_pays_for_all_that_goes_to_others() {
    let hub = hub();
    let mut device = session(&hub);
    let (of_g, of_h) = (share("$share/g/jobs/#"), share("$share/h/jobs/#"));
    let mut one = member(&hub, "$share/g/jobs/#");
    one.joins(&of_h).unwrap();
    for number in 0..300 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    let mut two = member(&hub, "$share/g/jobs/#");
    two.joins(&of_h).unwrap();
    let before = one.allowance.steps_taken();
    one.leaves(&[of_g, of_h], Vec::new());
    assert_eq!(one.allowance.steps_taken() - before, 600 * STEPS_A_MOVE + 600 / LOOKED_AT_IN_A_STEP);
    assert!(one.end_turn(), "others have their turn");
    assert_eq!(payloads(&mut two).len(), 600);
    assert_eq!(payloads(&mut one), [""; 0]);
}

#[test]
fn what_waits_for_a_member_that_leaves_goes_to_others_in_turns() {
    const MESSAGES: usize = 9000;
    let hub = hub();
    let mut device = session(&hub);
    let of = share("$share/g/jobs/#");
    let mut one = member(&hub, "$share/g/jobs/#");
    for number in 0..MESSAGES {
        says(&mut device, "jobs/set", &number.to_string());
    }
    let mut two = member(&hub, "$share/g/jobs/#");
    one.begins_to_leave(std::slice::from_ref(&of), Vec::new());
    assert_eq!(payloads(&mut one), [""; 0], "who has left gets nothing more");
    let (mut turns, mut got) = (0, Vec::new());
    loop {
        one.end_turn();
        let before = one.allowance.steps_taken();
        let is_all = one.passes_on();
        turns += 1;
        let steps = one.allowance.steps_taken() - before;
        assert!(steps < TURN as usize + STEPS_A_MOVE, "{steps}");
        // Between two turns others are served.
        says(&mut device, "jobs/set", "x");
        got.extend(payloads(&mut two));
        if is_all {
            break;
        }
        assert!(one.is_turn_over());
    }
    assert_eq!(turns, (MESSAGES * STEPS_A_MOVE).div_ceil(TURN as usize));
    let (news, old): (Vec<_>, Vec<_>) = got.into_iter().partition(|payload| payload == "x");
    assert_eq!((news.len(), old), (turns, (0..MESSAGES).map(|number| number.to_string()).collect()));
    // A session that ends on the way passes everything on.
    for number in 0..600 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    let mut three = member(&hub, "$share/g/jobs/#");
    two.begins_to_leave(std::slice::from_ref(&of), Vec::new());
    assert!(!two.passes_on());
    drop(two);
    assert_eq!(payloads(&mut three).len(), 600);
}

#[test]
fn what_a_member_leaves_behind_goes_to_another_one_and_is_counted_where_there_is_none() {
    let hub = hub();
    let mut device = session(&hub);
    let (mut one, mut two) = (member(&hub, "$share/g/jobs/#"), member(&hub, "$share/g/jobs/#"));
    for number in 0..4 {
        says(&mut device, "jobs/set", &number.to_string());
    }
    // What the edge has taken out of the outbox as well.
    let mut held = Vec::new();
    one.take_everything(1, SystemTime::UNIX_EPOCH, &mut |handed| {
        if let Handed::Message(relayed) = handed {
            held.push(relayed);
        }
    });
    assert_eq!(held.len(), 1);
    one.leaves_all(held);
    drop(one);
    assert_eq!(payloads(&mut two), ["1", "3", "0", "2"]);
    assert_eq!(hub.figures().lost.value(), 0);
    says(&mut device, "jobs/set", "4");
    drop(two);
    assert_eq!(hub.figures().lost.value(), 1);
    // A session that ends without a word, too.
    let (one, mut two) = (member(&hub, "$share/g/jobs/#"), member(&hub, "$share/g/jobs/#"));
    says(&mut device, "jobs/set", "5");
    drop(one);
    assert_eq!(payloads(&mut two), ["5"]);
}

#[test]
fn a_group_ends_with_the_right_to_read_what_it_reads() {
    let hub = hub();
    let mut device = session(&hub);
    let mut one = member(&hub, "$share/g/jobs/#");
    one.joins(&share("$share/g/door/#")).unwrap();
    for topic in ["jobs/set", "door/set"] {
        says(&mut device, topic, "1");
    }
    let rights = Rights { subscribe: vec![filter("jobs/#")], ..Rights::everything() };
    one.take_rights(Arc::new(rights)).unwrap();
    for topic in ["jobs/set", "door/set"] {
        says(&mut device, topic, "2");
    }
    let jobs = Some("$share/g/jobs/#".to_owned());
    assert_eq!(heard(&mut one), [("1".to_owned(), jobs.clone()), ("2".to_owned(), jobs)]);
    assert_eq!(hub.figures().withheld.value(), 1);
}

#[test]
fn groups_and_their_members_are_bounded_and_nothing_is_left_of_them() {
    let hub = Hub::new(Settings { filters: 3, ..Settings::default() }, SystemTime::UNIX_EPOCH);
    let mut one = member(&hub, "$share/g/a/+");
    one.joins(&share("$share/g/a/+")).unwrap();
    one.add_filters(vec![filter("b")], false).unwrap();
    one.joins(&share("$share/g/c")).unwrap();
    assert!(one.joins(&share("$share/g/d")).is_err(), "limits.filters");
    assert!(one.add_filters(vec![filter("d")], false).is_err());
    assert_eq!(hub.figures().filters.value(), 3);
    one.leaves(&[share("$share/g/c")], Vec::new());
    one.add_filters(vec![filter("d")], false).unwrap();
    let all: Vec<_> = (1..MOST_MEMBERS).map(|_| member(&hub, "$share/g/a/+")).collect();
    assert!(session(&hub).joins(&share("$share/g/a/+")).is_err(), "members");
    drop((one, all));
    assert!(hub.groups.is_empty() && hub.subscriptions.is_empty());
    assert_eq!(hub.figures().filters.value(), 0);
    let hub = self::hub();
    let mut one = session(&hub);
    for number in 0..MOST_GROUPS {
        one.joins(&share(&format!("$share/{number}/a"))).unwrap();
    }
    assert!(one.joins(&share("$share/more/a")).is_err(), "groups of a session");
    // As in many ways at `+` as other filters.
    let mut two = session(&hub);
    let ways = |number: u32| {
        (0..10).map(|bit| if number >> bit & 1 == 1 { "+" } else { "x" }).collect::<Vec<_>>().join("/")
    };
    let joined =
        (1..100).take_while(|number| two.joins(&share(&format!("$share/g/{}", ways(number * 37)))).is_ok());
    assert!(joined.count() < 99);
    drop((one, two));
    assert!(hub.groups.is_empty() && hub.subscriptions.is_empty());
}

#[test]
fn other_hubs_are_asked_for_what_a_group_reads() {
    let hub = hub();
    let demand = Arc::clone(hub.demand());
    let (mut one, two) = (member(&hub, "$share/g/a/#"), member(&hub, "$share/h/a/#"));
    assert_eq!(demand.take().filters, [(filter("a/#"), true)]);
    drop(two);
    one.leaves(&[share("$share/g/a/#")], Vec::new());
    assert_eq!((demand.take().filters, demand.held()), (vec![(filter("a/#"), false)], 0));
}

#[derive(Debug, Clone)]
enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    End(usize),
    Plain(usize),
    Rest(usize),
    Read(usize),
    Publish(usize),
}

const MEMBERS: usize = 4;
const GROUPS: [&str; 4] = ["$share/g/t/#", "$share/g/t/+", "$share/h/t/0", "$share/g/#"];
const TOPICS: [&str; 3] = ["t/0", "t/1", "other"];

fn names(group: usize, topic: usize) -> bool {
    let topic = Topic::parse(TOPICS[topic], &Limits::default()).unwrap();
    share(GROUPS[group]).filter().matches(&topic)
}

fn step() -> impl Strategy<Value = Step> {
    let (member, group) = (0..MEMBERS, 0..GROUPS.len());
    prop_oneof![
        3 => (member.clone(), group.clone()).prop_map(|(member, group)| Step::Join(member, group)),
        1 => (member.clone(), group).prop_map(|(member, group)| Step::Leave(member, group)),
        1 => member.clone().prop_map(Step::End),
        1 => member.clone().prop_map(Step::Plain),
        1 => member.clone().prop_map(Step::Rest),
        2 => member.prop_map(Step::Read),
        6 => (0..TOPICS.len()).prop_map(Step::Publish),
    ]
}

/// What has to become of the messages of one group.
#[derive(Debug, Default)]
struct Model {
    members: BTreeSet<usize>,
    /// Messages that somebody has to hear.
    due: BTreeSet<u64>,
}

impl Model {
    fn leave(&mut self, member: usize) {
        if self.members.remove(&member) && self.members.is_empty() {
            self.due.clear();
        }
    }
}

proptest! {
    /// Whoever comes and goes, each message is heard by exactly one member of each group that had one, unless the last one has left
    /// before it was heard. Nobody hears messages of one topic out of their order as long as nobody leaves.
    #[test]
    fn each_message_reaches_exactly_one_member_of_each_group(steps in prop::collection::vec(step(), 0..120)) {
        let hub = hub();
        let mut device = session(&hub);
        let mut members: Vec<Session> = (0..MEMBERS).map(|_| session(&hub)).collect();
        let mut away = [false; MEMBERS];
        let mut plain: [Vec<u64>; MEMBERS] = Default::default();
        let mut has_plain = [false; MEMBERS];
        let mut model: Vec<Model> = GROUPS.iter().map(|_| Model::default()).collect();
        let (mut number, mut has_left) = (0_u64, false);
        let mut newest: BTreeMap<(usize, String, usize), u64> = BTreeMap::new();
        let mut topic_of = BTreeMap::new();
        let last = (0..MEMBERS).map(Step::Read);
        for step in steps.into_iter().chain(last) {
            match step {
                Step::Join(member, group) => {
                    members[member].joins(&share(GROUPS[group])).unwrap();
                    model[group].members.insert(member);
                }
                Step::Leave(member, group) => {
                    members[member].leaves(&[share(GROUPS[group])], Vec::new());
                    model[group].leave(member);
                    has_left = true;
                }
                Step::End(member) => {
                    if std::mem::take(&mut away[member]) {
                        members[member].rests_no_more();
                    }
                    members[member] = session(&hub);
                    for group in &mut model {
                        group.leave(member);
                    }
                    (has_plain[member], has_left) = (false, true);
                    plain[member].clear();
                    newest.retain(|(of, ..), _| *of != member);
                }
                Step::Plain(member) => {
                    members[member].add_filters(vec![filter("t/0")], false).unwrap();
                    has_plain[member] = true;
                }
                Step::Rest(member) => {
                    away[member] = !away[member];
                    if away[member] { members[member].rests() } else { members[member].rests_no_more() }
                }
                Step::Publish(topic) => {
                    says(&mut device, TOPICS[topic], &number.to_string());
                    topic_of.insert(number, topic);
                    for (group, model) in model.iter_mut().enumerate() {
                        if names(group, topic) && !model.members.is_empty() {
                            model.due.insert(number);
                        }
                    }
                    for (of, has) in plain.iter_mut().zip(has_plain) {
                        of.extend((has && topic == 0).then_some(number));
                    }
                    number += 1;
                }
                Step::Read(member) => {
                    let mut own = Vec::new();
                    for (payload, of) in heard(&mut members[member]) {
                        let number: u64 = payload.parse().unwrap();
                        let Some(of) = of else {
                            own.push(number);
                            continue;
                        };
                        let group = GROUPS.iter().position(|group| *group == of).unwrap();
                        prop_assert!(model[group].due.remove(&number), "{number} was not due in {of}, or came twice");
                        prop_assert!(model[group].members.contains(&member), "{number} came to who is not in {of}");
                        let before = newest.insert((member, of, topic_of[&number]), number);
                        prop_assert!(has_left || before < Some(number), "{number} after {before:?}");
                    }
                    prop_assert_eq!(&own, &plain[member]);
                    plain[member].clear();
                }
            }
        }
        for (group, model) in GROUPS.iter().zip(&model) {
            prop_assert!(model.due.is_empty(), "{group}: {:?} were not heard", model.due);
        }
        drop((members, device));
        prop_assert!(hub.groups.is_empty() && hub.subscriptions.is_empty());
    }
}

#[test]
fn nothing_is_lost_or_doubled_while_members_come_and_go_on_other_threads() {
    const MESSAGES: u64 = 4000;
    let hub = hub();
    let of = share("$share/g/t/#");
    let numbers = |session: &mut Session| -> Vec<u64> {
        payloads(session).iter().map(|payload| payload.parse().unwrap()).collect()
    };
    // It stays, so that there is always somebody.
    let mut stays = member(&hub, "$share/g/t/#");
    let mut all = Vec::new();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (hub, of, is_over) = (&hub, &of, &is_over);
        let come_and_go = || {
            let (mut session, mut got) = (session(hub), Vec::new());
            let mut round = 0;
            while !is_over.load(Ordering::Relaxed) {
                session.joins(of).unwrap();
                (0..round % 50).for_each(|_| std::hint::spin_loop());
                if round % 3 == 0 {
                    got.extend(numbers(&mut session));
                }
                if round % 2 == 0 {
                    session.leaves(std::slice::from_ref(of), Vec::new());
                } else {
                    session.leaves_all(Vec::new());
                }
                (0..200).for_each(|_| std::hint::spin_loop());
                assert!(session.outbox.is_empty(), "nothing comes to who has left");
                round += 1;
            }
            got
        };
        let members = [(); 2].map(|()| scope.spawn(come_and_go));
        let publish = |publisher: u64| {
            let mut device = session(hub);
            for number in 0..MESSAGES {
                says(
                    &mut device,
                    &format!("t/{publisher}/set"),
                    &(publisher * MESSAGES + number).to_string(),
                );
            }
        };
        let publishers = [0, 1].map(|publisher| scope.spawn(move || publish(publisher)));
        while !publishers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            all.extend(numbers(&mut stays));
        }
        is_over.store(true, Ordering::Relaxed);
        for got in members {
            all.extend(got.join().unwrap());
        }
    });
    all.extend(numbers(&mut stays));
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..2 * MESSAGES), "{} of {}", all.len(), 2 * MESSAGES);
}
