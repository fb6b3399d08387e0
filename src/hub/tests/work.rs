//! What requests cost, counted and not timed: no client can make the hub do more than it pays for.

use super::*;
use crate::hub::branches::{BRANCHES_A_CONNECTION, BRANCHES_A_FIRST_LEVEL};
use crate::hub::drain::TURN;
use crate::talk::Reply;

/// A dashboard with the usual rates, which pays for what it asks.
fn payer(hub: &Arc<Hub>) -> Session {
    payer_at(hub, 20_000)
}

fn payer_at(hub: &Arc<Hub>, per_second: u32) -> Session {
    let base = Base::parse("", &Limits::default()).unwrap();
    let rates = Rates { frames_per_second: Some(per_second), bad_frames_per_minute: Some(100) };
    let rights = Arc::new(Rights::everything());
    let mut session =
        hub.connect(Client { user: "u".into(), rights, base, side: Side::Dashboard, rates }, NOW);
    say(&mut session, "[\"clown.talk/-/config/set\", {\"filters\": []}]");
    heard(&mut session);
    session
}

fn request(what: &str, filters: &[String]) -> String {
    format!("[\"clown.talk/-/{what}\", {}]", serde_json::json!({ "filters": filters }))
}

/// Filters that have `a` or `+` at the first levels as the bits of their number say, and then this.
fn branching(count: usize, levels: usize, rest: &str) -> Vec<String> {
    let level = |number: usize, at: usize| if number >> at & 1 == 0 { "+/" } else { "a/" };
    (0..count).map(|number| (0..levels).map(|at| level(number, at)).collect::<String>() + rest).collect()
}

/// The steps that a session took, and how often others had their turn in between.
fn work(session: &mut Session, now: SystemTime) -> (usize, usize) {
    let (before, mut turns) = (session.allowance.steps_taken(), 0);
    loop {
        match session.drain(64 * 1024, now, &mut |_| ()) {
            Drained::Everything => return (session.allowance.steps_taken() - before, turns),
            Drained::More => {}
            Drained::Later(wait) => {
                assert!(wait.is_zero());
                turns += 1;
            }
        }
    }
}

#[test]
fn a_look_up_of_any_size_lets_others_have_their_turn() {
    let hub = hub();
    let mut node = node(&hub);
    for n in 0..20_000 {
        say(&mut node, &format!("[\"t/{n}\", {n}]"));
    }
    let mut reader = payer(&hub);
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    let (steps, turns) = work(&mut reader, NOW);
    // A topic is one node, and its value eight steps; the filter `#` is looked at once for each.
    assert!((20_000 * 9..20_000 * 11).contains(&steps), "{steps}");
    assert!(turns >= steps / 10_000, "{turns} turns in {steps} steps");
}

#[test]
fn a_look_up_that_finds_nothing_waits_for_its_allowance() {
    let hub = hub();
    let mut node = client(&hub, "a", Side::Node);
    for n in 0..20_000 {
        say(&mut node, &format!("[\"{}{n}/x\", 1]", "a/".repeat(8)));
    }
    let mut reader = payer_at(&hub, 1_000);
    say(&mut reader, &request("config/set", &branching(16, 4, &format!("{}+/y", "a/".repeat(5)))));
    let wait = loop {
        match reader.drain(64 * 1024, NOW, &mut |_| ()) {
            Drained::Later(wait) if wait.is_zero() => {}
            Drained::More => {}
            Drained::Later(wait) => break wait,
            Drained::Everything => panic!("it is done after {} steps", reader.allowance.steps_taken()),
        }
    };
    // Two seconds' worth are there at once.
    let (most, taken) = (2 * 64 * 1_000, reader.allowance.steps_taken());
    assert!((most..most + 16_384).contains(&taken), "{taken}");
    let before = reader.allowance.steps_taken();
    assert_eq!(reader.outbox().look(Until::Something), None, "there is nothing to be done until then");
    assert_eq!(reader.drain(64 * 1024, NOW, &mut |_| ()), Drained::Later(wait));
    reader.drain(64 * 1024, NOW + wait, &mut |_| ());
    assert!((8192..16_384 + 512).contains(&(reader.allowance.steps_taken() - before)));
    let again = reader.receive(&request("subscription/add", &["b".to_owned()]), NOW + wait);
    assert!(matches!(again, Err(Excess::Steps { .. })), "{again:?}");
}

#[test]
fn filters_that_would_make_each_message_dear_are_refused_with_what_they_cost() {
    let hub = hub();
    let mut reader = payer(&hub);
    say(&mut reader, &request("subscription/set", &branching(1_000, 16, "x")));
    let told = heard(&mut reader);
    assert!(told[0].contains("subscription/error") && told[0].contains("would branch in"), "{told:?}");
    assert!(told[0].contains("a connection may have 256"), "{told:?}");
    say(&mut reader, &request("config/set", &branching(1_000, 16, "x")));
    let told = heard(&mut reader);
    assert!(told[0].contains("config/error") && told[0].contains("would branch in"), "{told:?}");
    assert_eq!(hub.figures().filters.value(), 0);
    assert!(hub.subscriptions.is_empty());
}

#[test]
fn ten_thousand_devices_with_filters_of_one_pattern_branch_in_the_same_way() {
    let hub = hub();
    let many: Vec<_> = (0..1_000).map(|n| format!("house/{n}/+/light/+/#")).collect();
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let mut reader = payer(&hub);
            say(&mut reader, &request("subscription/set", &many));
            assert!(heard(&mut reader)[0].contains("subscription/ok"));
            reader
        })
        .collect();
    assert!(hub.subscriptions.steps_of_route("house/7/x/light/y/z") < 10);
    drop(readers);
    assert!(hub.subscriptions.is_empty());
}

#[test]
fn whatever_filters_clients_hold_a_message_is_routed_in_a_bounded_number_of_steps() {
    let hub = hub();
    let mut refused = 0;
    let readers: Vec<_> = (0..40)
        .map(|seat| {
            let mut reader = payer(&hub);
            let shift = format!("{}{}", "+/".repeat(seat % 4), "a/".repeat(seat / 4));
            let filters = branching(32, 5, "").into_iter().map(|filter| format!("{shift}{filter}x/+/y"));
            say(&mut reader, &request("subscription/set", &filters.collect::<Vec<_>>()));
            refused += usize::from(heard(&mut reader)[0].contains("of all clients"));
            reader
        })
        .collect();
    let topic = "a/".repeat(31) + "z";
    let steps = hub.subscriptions.steps_of_route(&topic);
    assert!(steps <= 1 + 32 + 2 * BRANCHES_A_FIRST_LEVEL, "{steps}");
    assert!(refused > 0 && steps > BRANCHES_A_CONNECTION, "{refused} refused, {steps} steps");
    drop(readers);
    assert!(hub.subscriptions.is_empty());
}

#[test]
fn to_remove_a_filter_that_is_not_held_costs_no_walk_through_what_waits() {
    let hub = hub_with_last_values(5_000);
    let mut reader = payer(&hub);
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    let before = reader.allowance.steps_taken();
    for _ in 0..100 {
        say(&mut reader, &request("subscription/remove", &["none".to_owned()]));
    }
    assert!(reader.allowance.steps_taken() - before <= 100 * (128 + 8));
    assert_eq!(values(&mut reader).len(), 5_000);
}

#[test]
fn a_change_of_nothing_makes_no_generation() {
    let hub = hub();
    let mut reader = payer(&hub);
    say(&mut reader, &request("subscription/set", &["a/#".to_owned(), "b".to_owned()]));
    let before = hub.subscriptions.generation();
    say(&mut reader, &request("subscription/set", &["b".to_owned(), "a/#".to_owned()]));
    say(&mut reader, &request("subscription/add", &["b".to_owned()]));
    say(&mut reader, &request("subscription/remove", &["c".to_owned()]));
    say(&mut reader, "[\"clown.talk/-/config/set\", {\"filters\": [\"a/#\", \"b\"], \"retained\": false}]");
    drop(payer(&hub));
    assert_eq!(hub.subscriptions.generation(), before);
    drop(reader);
    assert_ne!(hub.subscriptions.generation(), before);
}

#[test]
fn requests_that_are_much_work_end_a_turn_and_messages_do_not() {
    let hub = hub();
    let mut reader = payer(&hub);
    let filters: Vec<_> = (0..500).map(|n| format!("house/{n}")).collect();
    let requests = vec![request("subscription/add", &filters); 3].join("\n");
    let mut frames = crate::talk::Frames::of(&requests);
    assert!(!reader.end_turn());
    for request in 0..3 {
        let mut turns = 0;
        loop {
            let has_more = reader.receive_some(&mut frames, 32, NOW).unwrap();
            turns += usize::from(reader.end_turn() && !reader.end_turn());
            if reader.pending.is_none() {
                assert_eq!(has_more, request < 2);
                break;
            }
        }
        // The frame is one, and 256 filters are one in each step that goes through them.
        assert!((8..30).contains(&turns), "{turns} turns for {request}");
    }
    let messages = "[\"a/b\", 1]\n".repeat(32);
    assert_eq!(reader.receive_some(&mut crate::talk::Frames::of(&messages), 32, NOW), Ok(false));
    assert!(!reader.end_turn());
}

#[test]
fn who_asks_for_long_filters_pays_for_each_byte_that_is_read_and_answered() {
    let hub = hub();
    let mut reader = payer(&hub);
    let filters: Vec<_> = (0..1_000).map(|n| format!("{n:04}{}", "y".repeat(990))).collect();
    say(&mut reader, &request("subscription/set", &filters));
    heard(&mut reader);
    let mut gets = 0;
    let get = "[\"clown.talk/-/subscription/get\", {}]";
    let later = NOW + Duration::from_hours(1);
    while reader.receive(get, later).is_ok() {
        assert!(reader.end_turn(), "each is a turn of its own");
        assert!(reader.outbox().take(usize::MAX, &mut std::collections::VecDeque::new()).first.is_none());
        gets += 1;
    }
    // Two seconds' worth of 1,280,000 steps a second: 32,064 are the filters, and a million bytes 62,000.
    assert!((20..=30).contains(&gets), "{gets}");
}

#[test]
fn last_values_that_have_expired_are_work_though_nothing_is_written() {
    let hub = hub();
    let mut node = node(&hub);
    let large = "x".repeat(100_000);
    for n in 0..40 {
        say(&mut node, &format!("[\"t/{n}\", \"{large}\", {{\"expires\": 1}}]"));
    }
    let mut reader = payer(&hub);
    say(&mut reader, "[\"clown.talk/-/config/set\", {}]");
    let (_, turns) = work(&mut reader, NOW + Duration::from_hours(1));
    // Each is 6,250 steps, and a turn 8,192.
    assert!((15..=40).contains(&turns), "{turns}");
    assert_eq!(hub.figures().expired.value(), 40);
}

#[test]
fn others_are_served_between_the_steps_of_a_request_and_its_frames_keep_their_order() {
    let settings = Settings { filters: 20_000, ..Settings::default() };
    let hub = Hub::new(settings, NOW);
    let (mut asks, mut other) = (payer(&hub), payer(&hub));
    say(&mut other, &request("subscription/set", &["done".to_owned(), "others".to_owned()]));
    heard(&mut other);
    let filters: Vec<_> = (0..10_000).map(|n| format!("f/{n}")).collect();
    let text = format!("{}\n[\"done\", 1]", request("subscription/add", &filters));
    let (mut frames, mut rounds, mut between, mut long) = (crate::talk::Frames::of(&text), 0, 0, 0);
    while asks.receive_some(&mut frames, 32, NOW).unwrap() {
        long += usize::from(asks.turn > 2 * TURN);
        asks.end_turn();
        say(&mut payer(&hub), "[\"others\", 1]");
        let heard = heard(&mut other);
        rounds += 1;
        between += usize::from(heard.len() == 1 && heard[0].contains("others"));
    }
    assert!(rounds >= 10_000 / 256 * 6, "{rounds}");
    assert_eq!(between, rounds, "others are served each time");
    assert!(long <= 3, "{long} pieces are more than a turn: the frame, its answer, and the switch");
    assert!(heard(&mut other).concat().contains("done"), "what was said after the request is done after it");
    let answers = heard(&mut asks);
    assert_eq!(answers.len(), 1, "one answer");
    assert_eq!(hub.figures().filters.value(), 10_002);
}

/// Takes a request up to the piece of this number. Returns whether that was the last.
fn take_pieces(session: &mut Session, text: &str, pieces: usize) -> bool {
    let mut frames = crate::talk::Frames::of(text);
    for _ in 0..pieces {
        let has_more = session.receive_some(&mut frames, 32, NOW).unwrap();
        session.end_turn();
        if !has_more {
            return true;
        }
    }
    false
}

#[test]
fn who_leaves_between_two_pieces_gives_back_the_room_for_its_filters() {
    let hub = hub();
    let some = |from, to| (from..to).map(|n| format!("house/{n}/+/x")).collect::<Vec<_>>();
    let (held, asked) = (some(0, 600), some(300, 900));
    for what in ["subscription/set", "subscription/remove", "config/set", "subscription/add"] {
        let asked = if what == "subscription/add" { &held } else { &asked };
        let mut pieces = 1;
        loop {
            let mut leaves = payer(&hub);
            if what != "subscription/add" {
                say(&mut leaves, &request("subscription/set", &held));
                leaves.end_turn();
            }
            let is_done = take_pieces(&mut leaves, &request(what, asked), pieces);
            drop(leaves);
            assert!(hub.subscriptions.is_empty(), "after {pieces} pieces of {what}");
            if is_done {
                break;
            }
            pieces += 1;
        }
        assert!(pieces > 10, "{pieces} pieces of {what}");
    }
}

#[test]
fn many_filters_go_in_pieces_and_all_at_once_for_whoever_publishes() {
    let hub = Hub::new(Settings { filters: 20_000, ..Settings::default() }, NOW);
    let filters: Vec<_> = (0..20_000).map(|n| format!("f/{n}")).collect();
    let (mut asks, mut keeps) = (payer(&hub), payer(&hub));
    for reader in [&mut asks, &mut keeps] {
        say(reader, &request("subscription/set", &filters));
        heard(reader);
    }
    let later = NOW + Duration::from_hours(1);
    let text = request("subscription/remove", &filters[..10_000]);
    let mut frames = crate::talk::Frames::of(&text);
    let (mut rounds, mut both) = (0, 0);
    let mut is_answered = false;
    while asks.receive_some(&mut frames, 32, later).unwrap() {
        asks.end_turn();
        rounds += 1;
        say(&mut payer(&hub), "[\"f/0\", 1]\n[\"f/9999\", 1]\n[\"f/10000\", 1]");
        assert_eq!(heard(&mut keeps).len(), 3, "who keeps them hears of all");
        let heard = heard(&mut asks);
        let values = heard.iter().filter(|frame| frame.starts_with("[\"f/")).count();
        is_answered |= heard.iter().any(|frame| frame.contains("subscription/ok"));
        assert_eq!(values, if is_answered { 1 } else { 3 }, "all of them go together with the answer");
        both += usize::from(values == 3);
    }
    assert!(
        is_answered && both > 100 && rounds > both + 30,
        "{both} of {rounds} rounds were before the switch"
    );
    assert_eq!(hub.figures().filters.value(), 30_000);
    drop((asks, keeps));
    assert!(hub.subscriptions.is_empty());
}

/// The table of `docs/performance.md`: the dearest frame of each kind that the defaults allow, in steps.
#[test]
fn the_dearest_frame_of_each_kind_costs_no_more_than_the_documents_say() {
    let hub = hub();
    let filters: Vec<_> = (0..1_000).map(|n| format!("house/{n}/+/light")).collect();
    let mut reader = payer(&hub);
    let mut cost = |frame: &str| {
        let before = reader.allowance.steps_taken();
        reader.receive(frame, NOW + Duration::from_hours(1)).unwrap();
        reader.allowance.steps_taken() - before
    };
    // Sixteen bytes are a step, of the request as well as of the answer.
    let asked = serde_json::json!({ "filters": filters }).to_string().len() / 16;
    let answer = |filters: &[String]| Reply::SubscriptionOk { filters: filters.to_vec() }.text().len() / 16;
    let told = answer(&filters);
    assert_eq!(cost(&request("config/set", &filters)), 64 + 32 * 1_000 + asked);
    assert_eq!(cost(&request("subscription/set", &filters)), 64 + 32 * 2_000 + asked + told);
    assert_eq!(cost(&request("subscription/add", &filters)), 64 + 32 * 2_000 + asked + told);
    assert_eq!(cost("[\"clown.talk/-/subscription/get\", {}]"), 64 + 32 * 1_000 + told);
    assert_eq!(cost(&request("subscription/remove", &filters)), 64 + 32 * 2_000 + asked + answer(&[]));
    assert_eq!(cost("[\"a\", 1]"), 0, "a message is paid by its frame");
}

#[test]
fn an_outbox_takes_no_more_than_384_bytes_of_memory() {
    // Allocators give out pieces of few sizes; the next one is 448.
    let size = size_of::<crate::hub::Outbox>() + 2 * size_of::<usize>();
    assert!(size <= 384, "{size}");
}

#[test]
fn what_a_client_is_owed_goes_out_when_nothing_more_is_taken_from_it_in_the_middle_of_its_request() {
    let hub = Hub::new(Settings { filters: 20_000, ..Settings::default() }, NOW);
    let mut node = node(&hub);
    for n in 0..10 {
        say(&mut node, &format!("[\"f/{n}\", {n}]"));
    }
    let filters: Vec<_> = (0..1_500).map(|n| format!("n/f/{n}")).collect();
    let mut asks = payer(&hub);
    let text = request("subscription/set", &filters);
    let mut frames = crate::talk::Frames::of(&text);
    while !asks.pending.as_ref().is_some_and(|change| change.is_being_noted()) {
        assert!(asks.receive_some(&mut frames, 32, NOW).unwrap());
        asks.end_turn();
    }
    let (mut heard, mut rounds) = (Vec::new(), 0);
    loop {
        match asks
            .drain(64 * 1024, NOW, &mut |pieces| heard.push(String::from_utf8(pieces.concat()).unwrap()))
        {
            Drained::Everything => break,
            Drained::More | Drained::Later(Duration::ZERO) => {}
            left @ Drained::Later(_) => panic!("{left:?}"),
        }
        rounds += 1;
        assert!(
            rounds < 100,
            "it comes to its end by itself: {:?}",
            asks.pending.as_ref().map(|change| change.step)
        );
    }
    assert_eq!(heard.iter().filter(|frame| frame.starts_with("[\"n/f/")).count(), 10);
}
