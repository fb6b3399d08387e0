use super::*;

const MINUTE: u64 = 60_000;

/// A hub that is simpler than the real one: it has one series of numbers, and minutes only of what is from before `thinned`.
struct Twin {
    readings: Vec<(u64, f64)>,
    thinned: u64,
    questions: usize,
}

impl Twin {
    fn answer(&mut self, question: &Value) -> HistoryAnswer {
        self.questions += 1;
        assert!(self.questions < 2000, "it does not come to an end");
        let number = |key: &str, usual| question[key].as_u64().unwrap_or(usual);
        let (since, until) = (number("since", 0), number("until", u64::MAX));
        let points = usize::try_from(number("points", 0)).unwrap();
        let has_step = |time: u64| time < self.thinned && (since - since % MINUTE..=until).contains(&time);
        let steps: Vec<u64> = self
            .readings
            .iter()
            .map(|(time, _)| time - time % MINUTE)
            .filter(|time| has_step(*time))
            .collect();
        let mut series = PastSeries { topic: "t".to_owned(), ..PastSeries::default() };
        let each = |time: u64| time >= self.thinned && (since..=until).contains(&time);
        let each: Vec<_> = self.readings.iter().filter(|(time, _)| each(*time)).collect();
        if steps.is_empty() {
            for (time, value) in each.iter().skip(each.len().saturating_sub(points)) {
                series.times.push(*time);
                series.value.push(PastValue::Number(*value));
            }
        } else {
            let of_each = each.iter().map(|(time, _)| time - time % MINUTE);
            series.times = steps.into_iter().chain(of_each).collect();
            series.times.dedup();
            series.count = vec![1; series.times.len()];
            series.step = 60;
        }
        let series = if series.times.is_empty() { Vec::new() } else { vec![series] };
        HistoryAnswer { series, ..HistoryAnswer::default() }
    }
}

/// What an export from 0 on finds, when it says that each reading begins, and after how many questions.
async fn exported(readings: Vec<(u64, f64)>, thinned: u64) -> (Vec<(u64, f64)>, Option<u64>, usize) {
    let mut twin = Twin { readings, thinned, questions: 0 };
    let mut export = Export::new(&["t".to_owned()], "1970-01-01T00:00:00Z", "now", None);
    let mut found = Vec::new();
    let take = |one: Found| {
        if let Found::Readings(series) = one {
            let PastSeries { times, value, .. } = *series;
            assert!(times.len() <= MOST_POINTS);
            found.extend(times.into_iter().zip(value).map(|(time, value)| match value {
                PastValue::Number(number) => (time, number),
                other @ (PastValue::Truth(_) | PastValue::Text(_)) => panic!("{other}"),
            }));
        }
        Ok(())
    };
    export.run(async |question| Ok(Ok(twin.answer(&question))), take).await.unwrap();
    (found, export.thinned_until(), twin.questions)
}

/// Readings a second, with a burst of many in the middle.
fn said(count: u64) -> Vec<(u64, f64)> {
    let time = |n: u64| n * 1000 + if n > count / 2 { 0 } else { n % 7 };
    let mut all: Vec<_> = (0..count).map(|n| (time(n), f64::from(u32::try_from(n).unwrap()))).collect();
    all.extend((0..20_000).map(|n| (count * 500 + n / 3000, -1.0)));
    all.sort_by_key(|(time, _)| *time);
    all
}

#[tokio::test]
async fn everything_is_found_once_and_in_its_order_however_much_it_is() {
    for count in [10, 20_000, 100_000] {
        let readings = said(count);
        let (found, thinned, questions) = exported(readings.clone(), 0).await;
        assert!(found == readings, "{count}: {} of {}", found.len(), readings.len());
        assert_eq!(thinned, None);
        assert!(questions < 150, "{questions}");
    }
    let readings: Vec<_> = (0..4999_u32).map(|n| (u64::from(n), f64::from(n))).collect();
    assert_eq!(exported(readings.clone(), 0).await, (readings, None, 1));
}

#[tokio::test]
async fn where_old_readings_have_become_steps_each_that_is_left_is_found_and_it_is_said_from_when_on() {
    for minutes in [1, 300, 1600] {
        let (readings, thinned) = (said(100_000), minutes * MINUTE);
        let (found, told, questions) = exported(readings.clone(), thinned).await;
        let left: Vec<_> = readings.into_iter().filter(|(time, _)| *time >= thinned).collect();
        assert!(found == left, "{minutes}: {} of {}", found.len(), left.len());
        assert!(told.is_some_and(|told| told.abs_diff(thinned) <= MINUTE), "{told:?} for {thinned}");
        assert!(questions < 200, "{questions}");
    }
    let (found, told, _) = exported(vec![(5, 1.0), (MINUTE, 2.0)], 10 * MINUTE).await;
    assert_eq!((found, told), (Vec::new(), Some(2 * MINUTE)));
}
