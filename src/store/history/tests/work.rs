//! How much one step of the writer does: it is counted, as time says more about the machine.

use super::*;
use crate::store::history::Step;

/// Readings that a step takes, and chunks and their bytes that it deletes.
const READINGS: usize = 10_000;
const CHUNKS: usize = 100;
const BYTES: usize = 1 << 20;

/// Of all steps so far the most.
#[derive(Debug, Default)]
struct Work {
    steps: usize,
    sealed: u64,
    rolled: usize,
    deleted: usize,
    bytes: usize,
}

impl House {
    /// The next step, counted.
    fn counts_a_step(&mut self, work: &mut Work) -> bool {
        let sealed = |rows: &[super::super::spans::Span]| rows.iter().map(|row| row.readings).sum::<u64>();
        let before = self.keeper.sealed_so_far();
        let Some(step) = self.keeper.step(&self.tables).unwrap() else { return false };
        work.steps += 1;
        let sizes = |chunks: &[u64]| {
            let size = |id: &u64| self.tables.size_of_chunk(*id).unwrap().unwrap_or(0);
            chunks.iter().map(size).collect::<Vec<_>>()
        };
        match &step {
            Step::Seal { rows, .. } => work.sealed = work.sealed.max(sealed(rows) - before),
            Step::Roll { count, .. } => work.rolled = work.rolled.max(*count),
            Step::Bury { chunks, .. } | Step::Thin { chunks, .. } => {
                let sizes = sizes(chunks);
                work.deleted = work.deleted.max(sizes.len());
                // The last one may go over.
                let but_one = sizes.len().saturating_sub(1);
                work.bytes = work.bytes.max(sizes.iter().take(but_one).sum());
            }
            Step::Doom(spans) => assert!(spans.len() <= CHUNKS),
            Step::Forget(series) => assert!(series.len() <= CHUNKS),
        }
        self.tables.write(false, |writing| step.write(writing)).unwrap();
        self.keeper.stepped(step);
        true
    }

    fn counts_all(&mut self, wall: u64, work: &mut Work) {
        self.keeper.passes(wall);
        let mut idle = 0;
        while idle < 2 {
            if !self.counts_a_step(work) && !self.keeper.is_busy() {
                idle += 1;
                self.keeper.look_again();
            }
        }
    }
}

#[test]
fn no_step_does_more_than_it_may_however_much_was_said() {
    let mut house =
        House::new(Settings::with(&[("a/#", Some([1, 1, 2])), ("b/#", Some([3, 400, 400]))]), 1 << 30);
    let topic = |text: String| Topic::parse(&text, &Limits::default()).unwrap();
    let (loud, mut work) = (topic("a/loud".to_owned()), Work::default());
    let many: Vec<_> = (0..300).map(|number| topic(format!("{}/{number}", ["a", "b"][number % 2]))).collect();
    let mut random = 7_u64;
    for round in 0..3_u64 {
        let start = START + round * 7_200_000;
        // One topic says numbers that cannot be made small, more than are sealed in one step.
        for reading in 0..35_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let text = format!("{}.{}e{}", random % 7, random >> 20, random % 90);
            house.keeper.hear([heard(&loud, start + reading * 80, &text)].into_iter());
        }
        for minute in 0..120 {
            let text = (minute * 7 % 10).to_string();
            house.keeper.hear(many.iter().map(|topic| heard(topic, start + minute * 60_000, &text)));
        }
        house.begins_sealing();
        house.counts_all(start + 7_200_000, &mut work);
    }
    assert_eq!(house.spans(RAW), 3 * 4, "of one topic a piece has a bounded part");
    let told = house.told_of(&loud);
    assert_eq!(told.len(), 3 * 35_000);
    assert!(told.is_sorted(), "pieces have the order in which their readings came");
    for days in [1, 2, 3, 5, 8, 500] {
        house.counts_all(START + days * DAY, &mut work);
    }
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (0, 0, 0));
    assert!(work.sealed <= READINGS as u64 && work.rolled <= 8, "{work:?}");
    assert!(work.deleted <= CHUNKS && work.bytes <= BYTES, "{work:?}");
    assert!(work.sealed > 5000 && work.deleted == CHUNKS && work.bytes > BYTES / 2, "it was tried: {work:?}");
}

impl House {
    /// The times of all that is told of a topic.
    fn told_of(&self, topic: &Topic) -> Vec<u64> {
        let chunks = Chunks::open(&self.dir.path().join("hub.db")).unwrap();
        let past = {
            let live = self.keeper.live().lock();
            let (id, series) = live.series().iter().find(|(_, series)| series.topic == *topic).unwrap();
            Past::of(id, series, "t", live.spans(), 7)
        };
        let wanted = Wanted { since: 0, until: u64::MAX, points: 1 << 20, step: Some(0) };
        past.tell(&wanted, &mut |id| chunks.chunk(id)).unwrap().series.unwrap().times
    }
}

#[test]
fn a_hundred_thousand_new_topics_in_a_minute_take_the_room_of_those_that_have_history() {
    let mut house = House::new(Settings::some(), 1 << 30);
    let known = topic();
    house.keeper.hear([heard(&known, START, "1")].into_iter());
    for number in 0..100_000_u64 {
        let topic = Topic::parse(&format!("new/{number}"), &Limits::default()).unwrap();
        house.keeper.hear([heard(&topic, START + number * 60 / 100, "1")].into_iter());
    }
    house.keeper.hear([heard(&known, START + 60_000, "2")].into_iter());
    assert_eq!(house.figures.history_refused.value(), 80_001, "each is counted");
    let live = house.keeper.live().lock();
    assert_eq!((live.series().len(), live.topics()), (20_000, 20_000));
    drop(live);
    assert_eq!(house.told_of(&known), [START, START + 60_000], "who had history has it");
}
