//! Sealing, thinning and letting go, with a file and without a clock.

mod rules;
mod week;
mod work;

use std::sync::Arc;

use super::answer::{Past, Told, Wanted};
use super::gap::Why;
use super::grain::{MINUTES, QUARTERS, RAW};
use super::heard::Heard;
use super::keeper::Keeper;
use super::settings::Settings;
use super::tables::Chunks;
use crate::hub::Figures;
use crate::store::tables::Tables;
use crate::talk::control::PastSeries;
use crate::topic::{Limits, Topic};

const DAY: u64 = 86_400_000;
/// The beginning of a day.
const START: u64 = 1_795_824_000_000;

struct House {
    dir: tempfile::TempDir,
    tables: Tables,
    keeper: Keeper,
    figures: Arc<Figures>,
    seq: u64,
    said: Vec<(u64, f64)>,
    settings: Settings,
    /// Hundredths between which values jump.
    noise: u64,
}

impl House {
    fn new(settings: Settings, bytes: u64) -> Self {
        Self::beginning(START, settings, bytes)
    }

    fn beginning(start: u64, settings: Settings, bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let figures = Arc::<Figures>::default();
        let mut keeper = Keeper::new(settings.clone(), bytes, &figures, start);
        keeper.load((&tables, &[]), false, start).unwrap();
        Self { dir, tables, keeper, figures, seq: 0, said: Vec::new(), settings, noise: 5000 }
    }

    /// A reading each so many seconds.
    fn says(&mut self, from: u64, to: u64, every: u64) {
        let topic = topic();
        let times = (from..to).step_by(usize::try_from(every).unwrap() * 1000);
        let said: Vec<_> =
            times.map(|time| (time + time % 7, (time / 1000 * 7919 % self.noise) as f64 / 100.0)).collect();
        let texts: Vec<_> = said.iter().map(|(_, value)| value.to_string()).collect();
        self.keeper.hear(said.iter().zip(&texts).map(|((time, _), text)| heard(&topic, *time, text)));
        self.said.extend(said);
    }

    fn seals(&mut self) {
        let wall = self.said.last().map_or(START, |(time, _)| *time);
        self.keeper.passes(wall);
        self.begins_sealing();
        while self.keeper.is_sealing() {
            self.goes_on();
        }
    }

    fn begins_sealing(&mut self) {
        self.seq += 1;
        self.keeper.begin_sealing(self.seq);
    }

    fn goes_on(&mut self) -> bool {
        let gaps = self.keeper.gaps();
        let step = self.keeper.step(&self.tables).unwrap();
        let written = self.tables.write(false, |writing| {
            gaps.iter().try_for_each(|(id, gap)| writing.put_gap(*id, gap.as_ref()))?;
            step.as_ref().map_or(Ok(()), |step| step.write(writing))
        });
        self.keeper.gaps_written(&gaps);
        let (Some(step), Ok(())) = (step, written) else { return false };
        self.keeper.stepped(step);
        true
    }

    /// Does what there is to do once it is this time, to which all of it has passed second by second.
    fn works(&mut self, wall: u64) {
        self.keeper.passes(wall);
        self.works_on();
    }

    fn works_on(&mut self) {
        let mut idle = 0;
        while idle < 2 {
            if !self.goes_on() && !self.keeper.is_busy() {
                idle += 1;
                self.keeper.look_again();
            }
        }
    }

    /// A start.
    fn begins_again(&mut self, wall: u64) {
        self.keeper = Keeper::new(self.settings.clone(), 1 << 30, &self.figures, wall);
        self.keeper.load((&self.tables, &[]), false, wall).unwrap();
    }

    fn spans(&self, tier: u64) -> usize {
        self.keeper.live().lock().spans().values().filter(|span| span.tier == tier).count()
    }

    /// How many chunks of each grain the file has of a series.
    fn chunks_of(&self, series: u32) -> [usize; 3] {
        let live = self.keeper.live().lock();
        [RAW, MINUTES, QUARTERS].map(|tier| {
            let spans = live.spans().iter().filter(|(_, span)| span.tier == tier);
            let has =
                |span: u64| self.tables.size_of_chunk(super::chunk::number(span, series)).unwrap().is_some();
            spans.filter(|(id, _)| has(**id)).count()
        })
    }

    fn tells(&self, since: u64, until: u64, points: usize, step: Option<u64>) -> Option<PastSeries> {
        let told = self.reads(since, until, points, step)?;
        assert_eq!(told.damaged(), 0);
        told.series
    }

    fn reads(&self, since: u64, until: u64, points: usize, step: Option<u64>) -> Option<Told> {
        let chunks = Chunks::open(&self.dir.path().join("hub.db")).unwrap();
        let past = {
            let live = self.keeper.live().lock();
            let (id, series) = live.series().iter().next()?;
            Past::of(id, series, "t", live.spans(), 7)
        };
        let wanted = Wanted { since, until, points, step };
        Some(past.tell(&wanted, &mut |id| chunks.chunk(id)).unwrap())
    }

    /// All that is told by a step is what a list of all readings says.
    fn is_told(&self, since: u64, until: u64, step: u64) {
        let told = self.tells(since, until, 5000, Some(step)).unwrap();
        let mut twin = std::collections::BTreeMap::<u64, Vec<f64>>::new();
        for (time, value) in self.said.iter().filter(|(time, _)| (since..=until).contains(time)) {
            twin.entry(time / step * step).or_default().push(*value);
        }
        assert_eq!(told.step, step / 1000);
        assert_eq!(told.times, twin.keys().copied().collect::<Vec<_>>());
        for (at, values) in twin.values().enumerate() {
            assert_eq!(told.count[at], values.len() as u64);
            assert!((told.min[at] - values.iter().copied().fold(f64::INFINITY, f64::min)).abs() < 1e-9);
            assert!((told.max[at] - values.iter().copied().fold(f64::NEG_INFINITY, f64::max)).abs() < 1e-9);
            assert!((told.last[at] - values.last().unwrap()).abs() < 1e-9);
            assert!((told.mean[at] - values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-6);
        }
    }
}

fn heard<'m>(topic: &'m Topic, time: u64, payload: &'m str) -> Heard<'m> {
    Heard { topic, id: None, time, payload, apart: None, number: 1, is_walked: false }
}

fn topic() -> Topic {
    Topic::parse("t", &Limits::default()).unwrap()
}

#[test]
fn every_step_says_the_same_before_during_and_after_each_way_of_thinning() {
    let mut house = House::new(Settings::some(), 1 << 30);
    for hours in 0..30 {
        house.says(START + hours * DAY / 24, START + (hours + 1) * DAY / 24, 10);
        if hours == 29 {
            break;
        }
        house.seals();
    }
    let end = START + 30 * DAY / 24;
    let check = |house: &House| {
        for step in [10_000, 60_000, 900_000, 3_600_000] {
            let since = end - (step * 4000).min(30 * DAY / 24);
            house.is_told(since, end, step);
        }
    };
    check(&house);
    house.seals();
    check(&house);
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (30, 30, 0));
    house.works(end);
    assert_eq!(house.spans(QUARTERS), 1);
    check(&house);
    house.begins_again(end);
    check(&house);
    // A week later the readings themselves are gone, and steps are told as before.
    house.works(end + 8 * DAY);
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (0, 30, 1));
    for step in [60_000, 900_000, 3_600_000] {
        house.is_told(end - (step * 4000).min(30 * DAY / 24), end, step);
    }
    assert_eq!(house.tells(START, end, 5000, Some(0)).unwrap().step, 60, "what is left of them");
    house.works(end + 91 * DAY);
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (0, 0, 1));
    house.is_told(START, end, 900_000);
    house.works(end + 1096 * DAY);
    assert_eq!((house.spans(QUARTERS), house.keeper.live().lock().series().len()), (0, 0));
    house.begins_again(end);
    assert!(house.tells(START, end, 500, None).is_none());
}

#[test]
fn where_bytes_run_out_the_oldest_readings_go_first_and_their_minutes_stay() {
    let mut house = House::new(Settings::some(), 200 << 10);
    for hours in 0..40 {
        house.says(START + hours * DAY / 24, START + (hours + 1) * DAY / 24, 1);
        house.seals();
        house.works(START + (hours + 1) * DAY / 24);
    }
    let used = house.tables.used().unwrap();
    assert!(used <= 200 << 10, "{used}");
    assert!(
        house.spans(RAW) < 40 && house.spans(MINUTES) == 40,
        "{} {}",
        house.spans(RAW),
        house.spans(MINUTES)
    );
    house.is_told(START, START + 40 * DAY / 24, 3_600_000);
}

#[test]
fn a_clock_that_is_set_deletes_nothing_keeps_the_order_and_is_told() {
    const YEARS: u64 = 10 * 365 * DAY;
    let hour = DAY / 24;
    let mut house = House::new(Settings::some(), 1 << 30);
    house.keeper.passes(START);
    // An hour; the same hour once more; ten years later, and a start there; and back.
    for (at, offset) in [0, 0, YEARS, 2 * hour].into_iter().enumerate() {
        house.keeper.look(START + offset);
        if at == 1 || at == 2 {
            assert!(house.keeper.is_full(START + offset), "what was said before is sealed for itself");
            house.begins_sealing();
        }
        house.works_on();
        house.says(START + offset, START + offset + hour, 10);
        // As if that hour had passed.
        house.keeper.shows(START + offset + hour);
        if at == 2 {
            house.begins_sealing();
            house.works_on();
            house.begins_again(START + offset + hour);
            house.works_on();
        }
    }
    house.begins_sealing();
    house.works_on();
    assert_eq!((house.spans(RAW), house.spans(MINUTES)), (4, 4), "nothing is deleted");
    let told = house.tells(0, START + 2 * YEARS, 5000, Some(0)).unwrap();
    assert_eq!(
        told.times,
        house.said.iter().map(|(time, _)| *time).collect::<Vec<_>>(),
        "in the order of arrival"
    );
    // The last one of a step is the last one that came.
    let steps = house.tells(START, START + hour, 5000, Some(60_000)).unwrap();
    let minute = START + 60_000..START + 120_000;
    let last = house.said.iter().rev().find(|(time, _)| minute.contains(time)).unwrap();
    assert!((steps.last[1] - last.1).abs() < 1e-9);
    assert_eq!(steps.count[1], 12, "it came twice");
    let gaps = house.keeper.live().lock().gaps.between(0, u64::MAX);
    let why = |why: Why| gaps.iter().filter(|gap| gap.why == why).count();
    assert_eq!((why(Why::SetBack), why(Why::SetForward)), (2, 1), "{gaps:?}");
    // When the clock is believed and a week has passed, they go.
    house.works(START + YEARS + 20 * DAY);
    assert_eq!(house.spans(RAW), 0);
}

/// Says something on many topics.
fn many(house: &mut House, topics: usize, readings: u64) {
    for number in 0..topics {
        let topic = Topic::parse(&format!("t/{number:04}"), &Limits::default()).unwrap();
        for reading in 0..readings {
            let text = (number as u64 * 1000 + reading).to_string();
            house.keeper.hear([heard(&topic, START + reading * 1000, &text)].into_iter());
        }
    }
}

#[test]
fn a_question_in_the_middle_of_sealing_is_answered_as_before_it_and_after_it() {
    let mut house = House::new(Settings::some(), 1 << 30);
    many(&mut house, 300, 50);
    let library = house.keeper.library(house.dir.path().join("hub.db"));
    let all = || {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let question = format!(r##"{{"filters": ["#"], "since": 0, "step": 0, "points": 100{after}}}"##);
            let answer = library.told(&question).unwrap();
            found.extend(answer.series);
            match answer.more {
                Some(more) => after = format!(r#", "after": {}"#, more["after"]),
                None => return found,
            }
        }
    };
    let before = all();
    assert_eq!(before.len(), 300);
    assert!(before.iter().all(|series| series.times.len() == 50));
    house.begins_sealing();
    let mut steps = 0;
    while house.keeper.is_sealing() {
        assert_eq!(all(), before);
        house.goes_on();
        steps += 1;
    }
    assert_eq!(all(), before);
    assert!(steps >= 5, "{steps}");
}

/// Of the one topic in particular is thinned what stays of the other one, or both go together.
#[test]
fn whatever_goes_while_a_question_is_answered_the_answer_is_whole() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let hour = DAY / 24;
    let own = Settings::with(&[("u", Some([3650, 3650, 3650]))]);
    for (settings, left) in [(Settings::some(), [0, 0, 1]), (own, [30, 30, 1])] {
        let mut house = House::new(settings, 1 << 30);
        let other = Topic::parse("u", &Limits::default()).unwrap();
        for hours in 0..30 {
            house.keeper.hear([heard(&other, START + hours * hour, "1")].into_iter());
            house.says(START + hours * hour, START + (hours + 1) * hour, 10);
            house.seals();
        }
        let said = house.said.len() as u64;
        let library = house.keeper.library(house.dir.path().join("hub.db"));
        let (is_over, answers) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    for step in [60, 900, 3600] {
                        let until = START + 30 * hour;
                        let question = format!(
                            r#"{{"filters": ["t"], "step": {step}, "until": {until}, "since": {START}}}"#
                        );
                        let answer = library.told(&question).unwrap();
                        let count: u64 = answer.series[0].count.iter().sum();
                        assert_eq!(count, said, "by {step} s");
                        answers.fetch_add(1, Ordering::AcqRel);
                    }
                }
            });
            for days in [2, 10, 95] {
                let before = answers.load(Ordering::Acquire);
                house.works(START + days * DAY);
                while answers.load(Ordering::Acquire) < before + 6 && !asks.is_finished() {
                    std::thread::yield_now();
                }
            }
            is_over.store(true, Ordering::Release);
            asks.join().unwrap();
        });
        assert_eq!([RAW, MINUTES, QUARTERS].map(|tier| house.spans(tier)), left);
        assert_eq!(house.chunks_of(2), [0, 0, 1], "what is gone of the topic is gone from the file");
    }
}

#[test]
fn a_damaged_chunk_is_a_gap_of_its_series_and_a_damaged_span_is_read_from_its_other_grain() {
    let hour = DAY / 24;
    let mut house = House::new(Settings::some(), 1 << 30);
    for hours in 0..3 {
        house.says(START + hours * hour, START + (hours + 1) * hour, 10);
        house.seals();
    }
    let run = |house: &House, sql: &str| house.tables.connection.execute(sql, []).unwrap();
    // The raw chunk of the second hour, and the row of the third one's raw span.
    run(&house, "UPDATE chunk SET data = zeroblob(30) WHERE id = (3 << 24) + 1");
    run(&house, "UPDATE span SET readings = 7 WHERE id = 5");
    house.begins_again(START + 3 * hour);
    let told = house.reads(START, START + 3 * hour, 5000, Some(0)).unwrap();
    assert_eq!(told.damaged(), 1);
    let series = told.series.unwrap();
    assert_eq!(series.times.len(), house.said.len() * 2 / 3);
    let [gap] = &series.gaps[..] else { panic!("{:?}", series.gaps) };
    assert_eq!((&*gap.why, gap.from), ("damaged", START + hour + (START + hour) % 7));
    assert!(gap.to < START + 2 * hour && gap.to >= START + 2 * hour - 10_000);
    // Its minutes are there.
    house.is_told(START, START + 3 * hour - 1, 60_000);
    // Both rows of the third hour.
    run(&house, "UPDATE span SET readings = 7 WHERE id = 6");
    house.begins_again(START + 3 * hour);
    let told = house.tells(START, START + 3 * hour, 5000, Some(60_000)).unwrap();
    assert_eq!(told.times.len(), 120);
    let gaps = house.keeper.live().lock().gaps.between(START + 2 * hour, START + 3 * hour);
    assert!(gaps.iter().any(|gap| gap.why == Why::Damaged), "{gaps:?}");
    // What cannot be read goes, and its number is not given again.
    house.works_on();
    assert_eq!(run(&house, "DELETE FROM chunk WHERE id >= 5 << 24"), 0);
}

#[test]
fn a_damaged_series_is_a_gap_of_its_topic_or_of_all_where_the_topic_is_not_known() {
    let hour = DAY / 24;
    let mut house = House::new(Settings::some(), 1 << 30);
    let topics = ["a", "b", "c"].map(|text| Topic::parse(text, &Limits::default()).unwrap());
    let says = |house: &mut House, from: u64, to: u64| {
        for (at, topic) in (0..).zip(&topics) {
            for time in (from..to).step_by(60_000) {
                house.keeper.hear([heard(topic, time + at, "[1, 2]")].into_iter());
            }
        }
    };
    for hours in 0..3 {
        says(&mut house, START + hours * hour, START + (hours + 1) * hour);
        house.seals();
    }
    let run = |house: &House, sql: &str| house.tables.connection.execute(sql, []).unwrap();
    let end = START + 3 * hour;
    let told = |house: &House, filter: &str, since: u64| {
        let library = house.keeper.library(house.dir.path().join("hub.db"));
        let answer = library.told(&format!(r#"{{"filters": ["{filter}"], "since": {since}}}"#)).unwrap();
        let gaps: Vec<_> = answer.gaps.iter().filter(|gap| gap.why == "damaged").cloned().collect();
        (answer.series.len(), gaps)
    };
    // The path of the second series of the first topic.
    assert_eq!(run(&house, "UPDATE series SET path = '/7' WHERE id = 2"), 1);
    house.begins_again(end);
    let (series, gaps) = told(&house, "a", START);
    assert_eq!((series, gaps.len()), (1, 1));
    assert_eq!((gaps[0].from, gaps[0].to / 60_000), (START, (end - 1) / 60_000));
    assert_eq!(told(&house, "b", START), (2, vec![]), "others are whole");
    assert_eq!(told(&house, "a", end + DAY), (0, vec![]), "there it has said nothing");
    // A topic that was never there: it may be any.
    assert_eq!(run(&house, "UPDATE series SET topic = 'x' WHERE id = 4"), 1);
    house.begins_again(end);
    assert_eq!(["a", "b", "c"].map(|topic| told(&house, topic, START).1.len()), [2, 1, 1]);
    // It is told as long as something of it is there; then its row goes, too.
    says(&mut house, end, end + 1);
    house.seals();
    house.begins_again(end);
    assert_eq!(told(&house, "a", START), (2, told(&house, "a", START).1), "it speaks on as another series");
    house.works(end + 1200 * DAY);
    house.begins_again(end + 1200 * DAY);
    assert_eq!(told(&house, "#", START), (0, vec![]));
    house.works(end + 1200 * DAY);
    assert_eq!(house.tables.count("series").unwrap(), 0);
}

#[test]
fn new_series_without_end_are_counted_and_take_no_room() {
    let mut house = House::new(Settings { series: 100, ..Settings::some() }, 1 << 30);
    many(&mut house, 5000, 1);
    assert_eq!(house.figures.history_refused.value(), 4900);
    assert_eq!(house.keeper.live().lock().series().len(), 100);
    // Ten thousand numbers in one payload, and a name that is another one each time.
    let topic = topic();
    let numbers: Vec<_> = (0..10_000).map(|number| format!(r#""k{number}": {number}"#)).collect();
    let mut house = House::new(Settings::some(), 1 << 30);
    house.keeper.hear([heard(&topic, START, &format!("{{{}}}", numbers.join(", ")))].into_iter());
    for number in 0..1000 {
        house.keeper.hear([heard(&topic, START, &format!(r#"{{"id{number}": 1}}"#))].into_iter());
    }
    assert_eq!(house.keeper.live().lock().series().len(), 32);
    assert_eq!(house.figures.history_refused.value(), 1001);
    assert!(house.keeper.live().lock().open_bytes() < 1000);
}

#[test]
fn a_state_is_told_that_was_said_long_before_the_time_that_is_asked_for() {
    let hour = DAY / 24;
    let mut house = House::new(Settings::some(), 1 << 30);
    let relay = topic();
    house.keeper.hear([heard(&relay, START, "true")].into_iter());
    house.seals();
    let other = Topic::parse("u", &Limits::default()).unwrap();
    for hours in 1..20 {
        house.keeper.hear([heard(&other, START + hours * hour, "1")].into_iter());
        house.seals();
    }
    let told = house.tells(START + 18 * hour, START + 20 * hour, 500, None).unwrap();
    assert_eq!((told.times, told.value.len()), (vec![START], 1));
}
