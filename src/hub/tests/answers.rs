//! What clients are answered, and what of it comes into the log.

use super::*;

#[test]
fn conflate_can_be_switched_off_again_and_then_no_reading_gives_way() {
    let hub = hub();
    let mut node = node(&hub);
    let mut reader = dashboard(&hub);
    let wish = |conflate| {
        format!("[\"clown.talk/-/config/set\", {{\"conflate\": {conflate}, \"retained\": false}}]")
    };
    say(&mut reader, &wish(true));
    heard(&mut reader);
    say(&mut node, "[\"t/1\", 1]");
    say(&mut reader, &wish(false));
    say(&mut node, "[\"t/1\", 2]\n[\"t/1\", 3]");
    assert_eq!(values(&mut reader), ["[\"n/t/1\", 1]", "[\"n/t/1\", 2]", "[\"n/t/1\", 3]"]);
    assert_eq!((hub.figures().skipped.value(), hub.figures().conflated.value()), (0, 0));
}

#[test]
fn a_node_is_told_that_its_message_was_not_kept() {
    let hub = hub();
    let mut node = node(&hub);
    say(&mut node, "[\"clown.talk/-/config/set\", {\"filters\": []}]");
    say(
        &mut node,
        "[\"t/1\", 1, {\"id\": 1}]\n[\"t/1/set\", 1, {\"id\": 2}]\n[\"t/1\", 1, {\"id\": 3, \"retain\": false}]",
    );
    let told = heard(&mut node);
    assert_eq!(told[0], "[\"clown.talk/-/publish/ok\", {\"id\": 1}]");
    assert_eq!(told[1], "[\"clown.talk/-/publish/ok\", {\"id\": 2, \"kept\": false}]");
    assert_eq!(told[2], "[\"clown.talk/-/publish/ok\", {\"id\": 3, \"kept\": false}]");
    let mut operator = dashboard(&hub);
    heard(&mut operator);
    say(&mut operator, "[\"n/t/1/set\", 1, {\"id\": 4}]");
    assert!(heard(&mut operator).contains(&"[\"clown.talk/-/publish/ok\", {\"id\": 4}]".to_owned()));
}

#[test]
fn when_the_clock_on_the_wall_is_set_messages_expire_in_their_time_all_the_same() {
    let hub = hub();
    let mut node = node(&hub);
    let day = Duration::from_hours(24);
    for (set_to, passed, arrives) in
        [(NOW + day, 4, true), (NOW + day, 5, false), (NOW, 4, true), (NOW, 5, false)]
    {
        let sent = Moment::from(NOW + day);
        node.receive("[\"t/1\", 1, {\"expires\": 5}]", sent).unwrap();
        let mut reader = dashboard(&hub);
        let now = Moment::from(NOW + day + Duration::from_secs(passed)).with_wall(set_to);
        let mut heard = Vec::new();
        while reader.drain(1_000, now, &mut |pieces| heard.push(pieces.concat())) != Drained::Everything {}
        let came = heard.iter().any(|frame| frame.starts_with(b"[\"n/t/1\""));
        assert_eq!(came, arrives, "{passed} seconds later");
    }
    let later = Moment::from(NOW + Duration::from_secs(7)).with_wall(NOW + day);
    assert_eq!(hub.uptime(later), Duration::from_secs(7));
}

#[test]
fn to_ask_for_a_last_value_makes_no_channel() {
    let hub = hub();
    let topic = Topic::parse("nowhere", &Limits::default()).unwrap();
    assert!(hub.last_value(&topic).is_none());
    assert_eq!(hub.channels.len(), 0);
}

/// Writes down what the log would hold.
#[derive(Clone, Default)]
struct Lines(Arc<parking_lot::Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                let _ = std::fmt::Write::write_fmt(&mut self.0, format_args!(" {field}={value:?}"));
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().push(fields.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// Lines of the log that were written while something ran on this thread.
fn lines_while(act: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), act);
    std::mem::take(&mut *lines.0.lock())
}

#[test]
fn whatever_a_client_says_the_log_grows_by_a_few_lines_of_bounded_length() {
    let hub = hub_with(|settings| {
        settings.outbox = Bounds { messages: 4, bytes: 4096, hard_messages: 1 << 20, hard_bytes: 1 << 30 };
        settings.retained_topics = 1;
    });
    let may = |text| Filter::parse(text, &Limits::default()).unwrap();
    let rights = Rights { publish: vec![may("x/#")], subscribe: vec![may("x/#")], ..Rights::default() };
    let (rights, base) = (Arc::new(rights), Base::ROOT);
    let mut hostile = hub.connect(
        Client { user: "hostile".into(), rights, base, side: Side::Node, rates: Rates::UNLIMITED },
        NOW,
    );
    let long: Vec<_> = (0..100).map(|n| format!("\"y/{n}/{}\"", "z".repeat(900))).collect();
    let long = long.join(", ");
    let lines = lines_while(|| {
        for n in 0..60 {
            say(
                &mut hostile,
                &format!(
                    "[\"clown.talk/-/config/set\", {{\"name\": \"n{n}\", \"filters\": [\"x/#\"], \"echo\": true}}]"
                ),
            );
            say(&mut hostile, &format!("[\"y/{n}\", 1]\n[\"x/{n}\", 1, {{\"retain\": true}}]"));
            say(&mut hostile, &format!("[\"clown.talk/-/subscription/add\", {{\"filters\": [{long}]}}]"));
            for reading in 0..10 {
                say(&mut hostile, &format!("[\"x/r/{reading}\", {n}]\n[\"x/r/{reading}\", {n}]"));
            }
            heard(&mut hostile);
        }
    });
    assert!((8..70).contains(&lines.len()), "{} lines", lines.len());
    let longest = lines.iter().map(String::len).max().unwrap();
    assert!(longest < 1_000, "{longest}");
}

#[test]
fn a_name_that_stays_is_no_line_of_the_log() {
    let hub = hub();
    let mut reader = client(&hub, "", Side::Dashboard);
    let lines = lines_while(|| {
        for _ in 0..2 {
            say(&mut reader, "[\"clown.talk/-/config/set\", {\"name\": \"kitchen\"}]");
        }
    });
    assert_eq!(lines.iter().filter(|line| line.contains("has named itself")).count(), 1, "{lines:?}");
    assert_eq!(&*reader.name(), "kitchen");
}

#[test]
fn the_wills_of_dashboards_that_stand_at_a_lamp_are_commands_and_none_gives_way() {
    let hub = hub();
    let mut reader = dashboard(&hub);
    say(&mut reader, "[\"clown.talk/-/config/set\", {\"conflate\": true, \"retained\": false}]");
    heard(&mut reader);
    for payload in ["false", "true"] {
        let mut at_the_lamp = client(&hub, "n/relay/0", Side::Dashboard);
        say(&mut at_the_lamp, &format!("[\"clown.talk/-/config/set\", {{\"will\": [\"set\", {payload}]}}]"));
    }
    assert_eq!(heard(&mut reader), ["[\"n/relay/0/set\", false]", "[\"n/relay/0/set\", true]"]);
}

#[test]
fn the_will_of_a_node_has_the_shape_of_what_the_node_would_say() {
    let hub = hub();
    let mut reader = dashboard(&hub);
    say(&mut reader, "[\"clown.talk/-/config/set\", {\"conflate\": true, \"retained\": false}]");
    heard(&mut reader);
    for payload in ["1", "2"] {
        let mut node = client(&hub, "n/gone", Side::Node);
        say(&mut node, &format!("[\"clown.talk/-/config/set\", {{\"will\": [\"boot\", {payload}]}}]"));
    }
    assert_eq!(values(&mut reader), ["[\"n/gone/boot\", 1]", "[\"n/gone/boot\", 2]"]);
}
