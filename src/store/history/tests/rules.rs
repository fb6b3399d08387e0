//! Topics that are kept for times of their own.

use super::*;

const HOUR: u64 = DAY / 24;
/// In the order in which they speak first, which is that of their numbers.
const TOPICS: [&str; 4] = ["short/a", "long/a", "other", "off/a"];

fn rules() -> Settings {
    Settings::with(&[
        ("short/#", Some([1, 2, 10])),
        ("long/+", Some([30, 60, 120])),
        ("off/#", None),
        ("+/a", Some([1, 1, 1])),
    ])
}

impl House {
    /// All topics speak from one hour until another one, each five minutes; what is said is sealed each other hour, and each day
    /// it is looked what is old.
    fn lives(&mut self, from: u64, to: u64) {
        let topics = TOPICS.map(|topic| Topic::parse(topic, &Limits::default()).unwrap());
        for hours in from..to {
            let start = START + hours * HOUR;
            for time in (start..start + HOUR).step_by(300_000) {
                let value = (time / 1000 % 997).to_string();
                self.keeper.hear(topics.iter().map(|topic| heard(topic, time, &value)));
                self.said.push((time, 0.0));
            }
            if hours % 2 == 1 {
                self.seals();
            }
            if hours % 24 == 23 {
                self.works(start + HOUR);
            }
        }
    }

    /// How many readings are told of a topic at a step from one day on, until the end of what was said; and the step.
    fn counts(&self, topic: &str, since: u64, step: u64) -> (u64, u64) {
        let library = self.keeper.library(self.dir.path().join("hub.db"));
        let (since, until) = (START + since * DAY, self.said.last().unwrap().0);
        let question = format!(
            r#"{{"filters": ["{topic}"], "since": {since}, "until": {until}, "step": {step}, "points": 5000}}"#
        );
        let answer = library.told(&question).unwrap();
        let Some(series) = answer.series.first() else { return (0, 0) };
        let count = if series.step == 0 { series.times.len() as u64 } else { series.count.iter().sum() };
        (count, series.step)
    }
}

#[test]
fn what_is_old_goes_by_the_rule_of_its_topic_and_what_is_left_of_it_is_told_in_its_place() {
    let mut house = House::new(rules(), 1 << 30);
    house.lives(0, 40 * 24);
    // Each says 12 times an hour, and twelve pieces are sealed a day.
    let [short, long, other] = [1, 2, 3].map(|series| house.chunks_of(series));
    assert!((11..=25).contains(&short[0]) && (23..=49).contains(&short[1]), "{short:?}");
    assert!((359..=373).contains(&long[0]) && long[1] == 480, "{long:?}");
    assert!((83..=97).contains(&other[0]) && other[1] == 480, "{other:?}");
    // Quarters of an hour are made of two days here.
    assert_eq!([short[2], long[2], other[2]], [5, 20, 20]);
    assert_eq!(house.keeper.live().lock().series().len(), 3, "what is off has no series");
    // From the 30th day on all of it is told, however coarse what is left of it is.
    for (topic, at_most) in [("short/a", 900), ("long/a", 0), ("other", 900)] {
        for step in [300, 900, 3600, 86_400] {
            assert_eq!(house.counts(topic, 31, step).0, 9 * 288, "{topic} by {step} s");
        }
        assert!(house.counts(topic, 31, 0).1 <= at_most, "{topic}: {:?}", house.counts(topic, 31, 0));
    }
    assert_eq!(house.counts("short/a", 0, 86_400).0 / 288, 10, "quarters of an hour of ten days");
    assert_eq!(house.counts("other", 0, 86_400).0, 40 * 288);
    assert_eq!(house.counts("long/a", 11, 0), (5000, 0));
}

#[test]
fn where_only_quarters_of_an_hour_are_left_they_are_told_in_whole_ones_whatever_step_is_asked_for() {
    let mut house = House::new(rules(), 1 << 30);
    house.lives(0, 40 * 24);
    let library = house.keeper.library(house.dir.path().join("hub.db"));
    let (since, until) = (START + 31 * DAY, START + 33 * DAY);
    let asked = |words: &str| {
        let question = format!(r#"{{"filters": ["short/a"], "since": {since}, "until": {until}, {words}}}"#);
        library.told(&question).unwrap().series.remove(0)
    };
    for (words, step) in [
        (r#""step": 300, "points": 5000"#, 900),
        (r#""step": 600, "points": 5000"#, 900),
        (r#""step": 1200, "points": 5000"#, 1800),
        (r#""step": 0, "points": 500"#, 900),
        (r#""step": 0, "points": 100"#, 1800),
        (r#""points": 500"#, 900),
    ] {
        let told = asked(words);
        assert_eq!(told.step, step, "{words}");
        assert!(told.times.iter().all(|time| time % (step * 1000) == 0), "{words}: {:?}", told.times);
        let gaps = told.times.windows(2).all(|pair| pair[1] - pair[0] == step * 1000);
        assert!(gaps && told.times.len() >= (2 * DAY / 1000 / step) as usize, "{words}: {:?}", told.times);
        // A reading each five minutes.
        assert!(
            told.count.iter().rev().skip(1).all(|count| *count == step / 300),
            "{words}: {:?}",
            told.count
        );
    }
}

#[test]
fn a_rule_that_is_changed_counts_from_the_next_start_on_for_what_is_there() {
    let mut house = House::new(rules(), 1 << 30);
    house.lives(0, 12 * 24);
    let end = START + 12 * DAY;
    // What is gone does not come back, and what is left of it is told.
    house.settings = Settings::with(&[("short/#", Some([30, 60, 90])), ("long/a", Some([30, 60, 90]))]);
    house.begins_again(end);
    house.works(end);
    for step in [300, 900, 86_400] {
        assert_eq!(house.counts("short/a", 3, step).0, 9 * 288, "by {step} s");
    }
    let before = house.chunks_of(1);
    house.lives(12 * 24, 14 * 24);
    assert_eq!(house.chunks_of(1)[0], before[0] + 24, "from now on all of it stays");
    // The other way round: it goes at once.
    house.settings = Settings::with(&[("long/#", Some([1, 1, 5]))]);
    house.begins_again(START + 14 * DAY);
    assert!(house.chunks_of(2)[0] >= 160);
    house.works(START + 14 * DAY);
    let [raw, minutes, quarters] = house.chunks_of(2);
    assert!(raw <= 13 && minutes <= 25 && (2..=4).contains(&quarters), "{raw} {minutes} {quarters}");
    assert_eq!(house.counts("long/a", 10, 900).0, 4 * 288);
    // Of a topic that is turned off nothing more is kept. What is there grows old as that of topics without a rule.
    house.settings = Settings::with(&[("other", None)]);
    house.begins_again(START + 14 * DAY);
    house.lives(14 * 24, 15 * 24);
    assert_eq!(house.counts("other", 8, 86_400).0, 6 * 288);
    house.works(START + 1120 * DAY);
    assert_eq!(house.keeper.live().lock().series().len(), 0);
}

#[test]
fn a_hub_that_dies_at_any_step_of_thinning_tells_what_is_left_and_goes_on() {
    let mut house = House::new(Settings::with(&[("short/#", Some([30, 60, 120]))]), 1 << 30);
    house.lives(0, 10 * 24);
    let end = START + 10 * DAY;
    house.settings = Settings::with(&[("short/#", Some([1, 2, 120]))]);
    house.begins_again(end);
    house.keeper.passes(end);
    let mut steps = 0;
    while house.chunks_of(1)[0] > 24 || steps == 0 {
        // Each step is written, and this hub never hears of it.
        let step = house.keeper.step(&house.tables).unwrap();
        if let Some(step) = &step {
            steps += usize::from(matches!(step, crate::store::history::Step::Thin { .. }));
            assert_eq!(house.counts("short/a", 1, 900).0, 9 * 288, "while it is written");
            house.tables.write(false, |writing| step.write(writing)).unwrap();
            house.begins_again(end);
        } else {
            house.keeper.look_again();
        }
        house.keeper.passes(end);
        assert_eq!(house.counts("short/a", 1, 900).0, 9 * 288);
    }
    assert!(steps > 0);
    // A row that is not what was written is found out, and what it said is found again.
    house.works(end);
    let before = house.chunks_of(1);
    assert_eq!(
        house.tables.connection.execute("UPDATE thinned SET raw = raw - 9 WHERE series = 1", []).unwrap(),
        1
    );
    let damaged = house.figures.store_damaged.value();
    house.begins_again(end);
    assert_eq!(house.figures.store_damaged.value(), damaged + 1);
    house.works(end);
    assert_eq!(house.chunks_of(1), before);
    assert_eq!(house.counts("short/a", 1, 900).0, 9 * 288);
}

#[test]
fn where_bytes_run_out_topics_that_are_to_be_kept_for_long_keep_their_readings_longest() {
    let lives = |bytes: u64| {
        let mut house = House::new(Settings::with(&[("long/#", Some([700, 900, 1095]))]), bytes);
        let topics = TOPICS.map(|topic| Topic::parse(topic, &Limits::default()).unwrap());
        for hours in (0..72).step_by(2) {
            let start = START + hours * HOUR;
            for time in (start..start + 2 * HOUR).step_by(10_000) {
                let value = (time / 1000 * 7919 % 5000).to_string();
                house.keeper.hear(topics.iter().map(|topic| heard(topic, time, &value)));
                house.said.push((time, 0.0));
            }
            house.seals();
            house.works(start + 2 * HOUR);
        }
        house
    };
    let used = lives(1 << 30).tables.used().unwrap();
    // An eighth of what is given is room for the log.
    let most = used - used / 5;
    let house = lives(most * 8 / 7 + 8);
    assert!(house.tables.used().unwrap() <= most + 2, "{} of {used}", house.tables.used().unwrap());
    let [short, long, other] = [1, 2, 3].map(|series| house.chunks_of(series));
    assert_eq!(long[0], 36, "{short:?} {long:?} {other:?}");
    assert!(short[0] < 30 && other[0] < 30, "{short:?} {long:?} {other:?}");
    for topic in TOPICS {
        assert_eq!(house.counts(topic, 0, 86_400).0, 3 * 8640, "{topic}");
    }
}
