use super::*;
use proptest::prelude::*;

const SECONDS: u64 = 1_000;
const MINUTES: u64 = 60 * SECONDS;
const HOURS: u64 = 60 * MINUTES;

fn after(gaps: impl IntoIterator<Item = u64>) -> Rhythm {
    gaps.into_iter().fold(Rhythm::default(), Rhythm::and)
}

fn told(gaps: impl IntoIterator<Item = u64>) -> Option<String> {
    after(gaps).every().map(|every| every.to_string())
}

fn times(count: usize, gap: u64) -> impl Iterator<Item = u64> + Clone {
    std::iter::repeat_n(gap, count)
}

#[test]
fn usual_intervals_are_told_as_people_set_them() {
    for usual in USUAL {
        let set = u64::from(usual);
        let every = Every::from_milliseconds(usual).to_string();
        for late in [0, set / 100] {
            assert_eq!(told(times(15, set + late)), Some(every.clone()), "{late} ms late");
        }
    }
    assert_eq!(told(times(15, 700)), Some("0.71".to_owned()), "others have two digits");
}

#[test]
fn nothing_is_told_before_the_fifth_gap_nor_before_a_topic_was_heard_for_a_minute_or_fifteen_times() {
    for (every, needed) in [(900, 5), (60, 5), (15, 5), (10, 6), (5, 12), (4, 15), (1, 15)] {
        assert_eq!(told(times(needed - 1, every * SECONDS)), None, "{every} s");
        assert_eq!(told(times(needed, every * SECONDS)), Some(every.to_string()));
    }
}

#[test]
fn one_message_that_is_lost_or_comes_late_breaks_no_promise() {
    let gaps = times(20, 10 * SECONDS).chain([20 * SECONDS, 10 * SECONDS, 14 * SECONDS, 6 * SECONDS]);
    assert_eq!(told(gaps), Some("10".to_owned()));
}

#[test]
fn a_door_promises_nothing_even_if_it_is_slammed() {
    let day = [
        8 * HOURS,
        20 * SECONDS,
        9 * HOURS,
        15 * SECONDS,
        30 * MINUTES,
        10 * SECONDS,
        4 * HOURS,
        12 * SECONDS,
    ];
    let mut rhythm = Rhythm::default();
    for gap in std::iter::repeat_n(day, 30).flatten() {
        rhythm = rhythm.and(gap);
        assert_eq!(rhythm.every(), None);
    }
    for _ in 0..100 {
        rhythm = rhythm.and(2 * SECONDS);
        assert_eq!(rhythm.every(), None, "slammed every two seconds");
    }
}

#[test]
fn a_detector_that_repeats_itself_while_somebody_is_there_promises_nothing() {
    let mut rhythm = Rhythm::default();
    let visits =
        [3 * HOURS].into_iter().chain(times(120, MINUTES)).chain([10 * HOURS]).chain(times(240, MINUTES));
    for gap in visits.clone().chain(visits) {
        rhythm = rhythm.and(gap);
        assert_eq!(rhythm.every(), None);
    }
}

#[test]
fn whoever_speaks_twice_a_day_may_be_a_person() {
    assert_eq!(told(times(40, 12 * HOURS)), None);
    assert_eq!(told(times(5, 6 * HOURS)), Some("21600".to_owned()));
}

#[test]
fn on_change_and_at_least_every_minute_is_every_minute_while_little_changes_and_nothing_while_much_does() {
    let calm = [60, 60, 48, 60, 60, 30, 60].map(|gap| gap * SECONDS);
    assert_eq!(told(calm), Some("60".to_owned()));
    assert_eq!(told(calm.into_iter().chain([3, 57, 5].map(|gap| gap * SECONDS))), None);
}

#[test]
fn what_comes_in_bursts_promises_nothing() {
    assert_eq!(told([60_000, 100].into_iter().cycle().take(100)), None);
    assert_eq!(told([60_000, 100, 100, 100, 100].into_iter().cycle().take(99)), None);
}

#[test]
fn after_an_outage_it_takes_a_while_until_the_interval_is_told_again() {
    let outage =
        |readings| told(times(20, 10 * SECONDS).chain([10 * MINUTES]).chain(times(readings, 10 * SECONDS)));
    assert_eq!(outage(150), None);
    assert_eq!(outage(200), Some("10".to_owned()));
}

#[test]
fn another_interval_that_is_set_is_told_after_a_while() {
    let change = |readings| told(times(20, MINUTES).chain(times(readings, SECONDS)));
    assert_eq!((change(3), change(200)), (None, Some("1".to_owned())));
    assert_eq!(told(times(20, SECONDS).chain(times(3, MINUTES))), Some("60".to_owned()));
}

#[test]
fn a_restart_forgets_nothing() {
    let rhythm = after([3 * HOURS, 5 * SECONDS, 7 * SECONDS]);
    assert_eq!(Rhythm::from_bytes(rhythm.bytes()), rhythm);
    let regular = after(times(20, MINUTES));
    assert_eq!(regular.then(Rhythm::default()), regular);
    assert_eq!(Rhythm::default().then(regular), regular);
    for later in 0..5 {
        assert_eq!(regular.then(after(times(later, MINUTES))), regular);
    }
    let door = after([8 * HOURS, 20 * SECONDS, 9 * HOURS]);
    assert_eq!(door.then(after(times(50, 2 * SECONDS))).every(), None);
}

#[test]
fn any_bytes_are_a_rhythm() {
    for bytes in [[0xFF; 5], [0xFF, 0xFF, 1, 1, 1], [0x0F, 1, 0xFF, 0, 0], [0xF5, 0, 9, 9, 9]] {
        let _ = Rhythm::from_bytes(bytes).every();
    }
}

/// The step by the definition, and not by the bits of a float: the last one that does not begin after the gap.
fn step_of(gap: u64) -> u64 {
    let begins_after = |step: &u64| start(*step) > gap as f64;
    (2..=LAST_STEP).find(begins_after).map_or(LAST_STEP, |step| step - 1)
}

proptest! {
    /// The twin keeps all gaps and forgets nothing.
    #[test]
    fn what_is_told_is_the_median_of_the_last_gaps_if_all_are_alike(
        gaps in prop_oneof![
            prop::collection::vec(1_u64..60_000, 0..40),
            prop::collection::vec(8_000_u64..15_000, 0..40),
            (10_u64..3_600_000).prop_flat_map(|usual| prop::collection::vec(usual * 4 / 5..usual * 5 / 4 + 1, 0..40)),
            prop::collection::vec(prop_oneof![20 => 9_000_u64..11_000, 1 => 1_u64..500_000_000], 0..200),
        ],
    ) {
        let found = after(gaps.iter().copied()).every();
        let newest = || gaps.iter().rev().copied();
        // Of each gap it is known how long ago it was.
        let longest = (0..).zip(newest()).map(|(age, gap)| (step_of(gap) * 16).saturating_sub(FORGOTTEN * age)).max();
        let mut last: Vec<_> = newest().take(3).collect();
        last.sort_unstable();
        let expected = (gaps.len() >= 5).then(|| {
            let steps: Vec<_> = last.iter().map(|gap| step_of(*gap)).collect();
            let most = steps[2].max(longest.unwrap() / 16);
            (steps[1] - steps[0] <= ALIKE && most - steps[1] <= ALIKE).then_some(last[1])
        }).flatten();
        match (found, expected) {
            (Some(every), Some(median)) => {
                let (every, median) = (every.time().as_secs_f64(), median as f64 / 1000.0);
                prop_assert!((every / median - 1.0).abs() < 0.09 || median < 0.066, "{every} and {median}");
                let count = gaps.len().min(15) as f64;
                prop_assert!(count > 14.0 || every * count >= 60.0);
            }
            (None, Some(median)) => {
                let is_too_few = gaps.len() < 15 && median * (gaps.len() as u64) < 66_000;
                prop_assert!(is_too_few || median > 20_000_000, "{median}");
            }
            (None, None) => {}
            (Some(every), None) => prop_assert!(false, "{every} is told of {gaps:?}"),
        }
    }
}
