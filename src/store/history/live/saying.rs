//! A topic says something: which series it goes to, and whether it was heard before. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::super::chunk::MOST_SERIES;
use super::super::heard::Heard;
use super::super::payload::{self, Found};
use super::spoken::{Ids, Spoken, Usual};
use super::{Kind, LONGEST_UNIT, Live, Series};

/// Longer skeletons are not remembered.
const LONGEST_SKELETON: usize = 256;

impl Live {
    /// Looks at what topics of these numbers will change when they speak, each step for all of them before the next one.
    pub(in super::super) fn look(&self, topics: impl Iterator<Item = u64>) -> usize {
        let first = |topic| self.topics.get(topic).and_then(|spoken| spoken.series.first().copied());
        let series: SmallVec<[u32; 32]> = topics.filter_map(first).collect();
        let found: SmallVec<[&Series; 32]> = series.iter().filter_map(|id| self.get(*id)).collect();
        let len =
            found.iter().map(|series| series.open.len() + Arc::strong_count(&series.label)).sum::<usize>();
        len + found.iter().map(|series| usize::from(series.open.newest_byte())).sum::<usize>()
    }

    /// Whether history has this message already, or gets it from the tape, where messages up to `seen` were.
    pub(in super::super) fn knows(&self, message: &Heard<'_>, seen: u64) -> bool {
        if !message.is_walked && !self.has_walked {
            return false;
        }
        let (heard, walked) = self.spoken(message).map_or((0, 0), |spoken| (spoken.heard, spoken.walked));
        if message.is_walked {
            message.number > seen || message.number <= heard
        } else {
            message.number > 0 && message.number == walked
        }
    }

    fn spoken(&self, message: &Heard<'_>) -> Option<&Spoken> {
        let known = message.id.and_then(|id| self.topics.get(id));
        known.or_else(|| self.silent.get(message.topic))
    }

    /// A topic said this. Returns how many of its readings were refused.
    pub(in super::super) fn say(&mut self, message: &Heard<'_>) -> u64 {
        self.has_walked |= message.is_walked;
        if let Some(refused) = self.say_as_usual(message) {
            return refused;
        }
        self.meet(message);
        let mut path = std::mem::take(&mut self.path);
        let (mut refused, mut told, most) = (0, 0, self.settings.series_per_topic);
        let numbers = message.apart.map_or(&[][..], |apart| apart.numbers);
        let (mut usual, mut is_usual) = (Ids::new(), message.apart.is_some());
        payload::readings(message.payload, &mut path, &mut |path, unit, found| {
            let number = numbers.get(told).copied();
            told += 1;
            let taken = if told > most { None } else { self.put(message, path, unit, found) };
            refused += u64::from(taken.is_none());
            is_usual &= number.is_some_and(|number| found == Found::Exact(number));
            usual.extend(taken);
            // The others are not looked at. They are not counted one by one either.
            told <= most
        });
        self.path = path;
        let turn = self.turn;
        if let Some(spoken) = self.spoken_mut(message) {
            spoken.hears(message, turn);
            let is_all = is_usual && usual.len() == numbers.len();
            let apart = message
                .apart
                .filter(|apart| is_all && refused == 0 && apart.skeleton.len() <= LONGEST_SKELETON);
            let series = (!spoken.series.starts_with(&usual)).then(|| Box::new(usual));
            spoken.usual = apart.map(|apart| Usual { skeleton: Arc::clone(apart.skeleton), series });
        }
        refused
    }

    /// As [`say`](Self::say), where the topic has said the same before, but for the numbers.
    fn say_as_usual(&mut self, message: &Heard<'_>) -> Option<u64> {
        let Self { topics, series, open, turn, .. } = self;
        let (spoken, apart) = (topics.get_mut(message.id?)?, message.apart?);
        let usual = spoken.usual.as_ref().filter(|usual| Arc::ptr_eq(&usual.skeleton, apart.skeleton))?;
        let mut refused = 0;
        let ids = usual.series.as_deref().unwrap_or(&spoken.series);
        for (id, number) in ids.iter().zip(apart.numbers) {
            let series = series.get_mut(*id)?;
            refused += u64::from(!open.put(series, message.time, Found::Exact(*number)));
        }
        spoken.hears(message, *turn);
        Some(refused)
    }

    /// The number of a topic is known from now on.
    fn meet(&mut self, message: &Heard<'_>) {
        let Some(id) = message.id.filter(|id| !self.topics.contains(*id)) else { return };
        if let Some(spoken) = self.silent.remove(message.topic) {
            for series in &spoken.series {
                self.series.get_mut(*series).into_iter().for_each(|series| series.is_of(Some(id)));
            }
            self.topics.insert(id, spoken);
        }
    }

    fn spoken_mut(&mut self, message: &Heard<'_>) -> Option<&mut Spoken> {
        match message.id {
            Some(id) => self.topics.get_mut(id),
            None => self.silent.get_mut(message.topic),
        }
    }

    /// What is written now is written: what is heard from now on is not yet.
    pub(in super::super) fn is_written(&mut self) {
        self.turn += 1;
    }

    /// What this process has heard of the topics and has written, whatever became of the file.
    pub(in super::super) fn remember(&mut self, before: &Self) {
        let heard = before.series.iter().filter_map(|(_, series)| {
            let spoken = match series.of() {
                Some(id) => before.topics.get(id)?,
                None => before.silent.get(&series.topic)?,
            };
            Some((&series.topic, (spoken.written(before.turn), spoken.walked)))
        });
        let heard: HashMap<_, _, RandomState> = heard.collect();
        let Self { topics, silent, series, .. } = self;
        for (_, series) in series.iter() {
            let spoken = match series.of() {
                Some(id) => topics.get_mut(id),
                None => silent.get_mut(&series.topic),
            };
            if let (Some(spoken), Some(before)) = (spoken, heard.get(&series.topic)) {
                (spoken.heard, spoken.walked) = *before;
            }
        }
        (self.turn, self.has_walked) = (before.turn + 1, before.has_walked);
    }

    /// Puts a reading down. Gives its series, unless there is no room for it.
    fn put(&mut self, message: &Heard<'_>, path: &str, unit: Option<&str>, found: Found<'_>) -> Option<u32> {
        let kind = Kind::of_found(found);
        let known = self.spoken(message).and_then(|spoken| self.find(spoken, path, kind));
        let id = known.or_else(|| self.add(message, path, kind))?;
        let Self { series, labels, open, .. } = self;
        let series = series.get_mut(id)?;
        if let Some(unit) = unit.filter(|unit| unit.len() <= LONGEST_UNIT && **unit != *series.label.unit) {
            series.label = labels.share(series.label.path.clone(), unit.into());
        }
        open.put(series, message.time, found).then_some(id)
    }

    fn find(&self, spoken: &Spoken, path: &str, kind: Kind) -> Option<u32> {
        let is_it = |series: &Series| series.kind == kind && *series.label.path == *path;
        spoken.series.iter().copied().find(|id| self.series.get(*id).is_some_and(|series| is_it(series)))
    }

    fn add(&mut self, message: &Heard<'_>, path: &str, kind: Kind) -> Option<u32> {
        let of_topic = self.spoken(message).map_or(0, |spoken| spoken.series.len());
        let has_room = of_topic < self.settings.series_per_topic
            && self.series.len() < self.settings.series
            && self.highest < MOST_SERIES;
        if !has_room {
            return None;
        }
        let id = self.highest + 1;
        // It has nothing in the spans that are there already.
        let newest = self.spans.last_key_value().map_or(0, |(id, _)| *id);
        let (gone, label) = (self.share_gone([newest; 3]), self.labels.share(path.into(), Box::default()));
        let class = self.settings.rules.class(message.topic);
        let mut series = Series::new(message.topic.clone(), label, kind, class, gone);
        series.is_of(message.id);
        self.insert(id, series);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::settings::Settings;
    use super::*;
    use crate::store::bases::Bases;
    use crate::topic::{Limits, Topic};
    use proptest::prelude::*;

    fn payload() -> impl Strategy<Value = String> {
        let number = || "-?[0-9]{1,3}(\\.[0-9]{1,2})?|-0|1e[0-9]|[0-9]{18,20}|007";
        let shaped = |before: &'static str, behind: &'static str| {
            number().prop_map(move |number| format!("{before}{number}{behind}"))
        };
        prop_oneof![
            4 => shaped("", ""),
            4 => shaped("{\"t\": [", ", \"℃\"]}"),
            2 => shaped("{\"t\": [", ", \"K\"]}"),
            2 => shaped("[", ", \"1/min\"]"),
            2 => shaped("\" ", " \""),
            2 => shaped("\"", "-dot\""),
            1 => shaped("{\"", "\": 5}"),
            2 => (number(), number()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            2 => (number(), number()).prop_map(|(a, b)| format!("{{\"a\": {a}, \"b\": {{\"c\": {b}}}}}")),
            1 => number().prop_map(|number| format!("[{}{number}]", "1, ".repeat(8))),
            1 => number().prop_map(|number| format!("[{}]", [&*number; 5].join(","))),
            1 => "true|\"on\"|null|\\[\\]",
        ]
    }

    fn all(live: &Live) -> Vec<String> {
        let all = live.series().iter();
        all.map(|(id, series)| {
            let Series { topic, label, kind, open, .. } = &**series;
            format!("{id} {topic} {} {kind:?} {} {:?}", label.path, label.unit, open.readings())
        })
        .collect()
    }

    #[test]
    fn only_a_payload_of_which_each_number_is_a_reading_and_nothing_else_is_one_is_remembered() {
        let topic = Topic::parse("t", &Limits::default()).unwrap();
        for (payload, expected) in [
            ("5", true),
            (r#"{"t": [20.5, "℃"]}"#, true),
            (r#"" 5 ""#, true),
            (r#"{"a": 1, "b": {"c": -2.5}, "d": null}"#, true),
            ("[1, 2, 3]", true),
            (r#"[1, "1/min"]"#, false),
            (r#""2-dot""#, false),
            (r#"{"1": 5}"#, false),
            (r#"{"a": 5, "b": "on"}"#, false),
            ("[1, -0]", false),
            ("[1, 1e5]", false),
            ("[1,2,3,4,5,6,7,8,9]", false),
        ] {
            let (mut live, mut bases) = (Live::new(Settings::some().into()), Bases::starting_at(0, 1));
            let telling = bases.tell(7, 1, payload, || true);
            let (id, time, apart) = (Some(7), 1_795_000_000_000, telling.apart());
            live.say(&Heard { topic: &topic, id, time, payload, apart, number: 1, is_walked: false });
            let spoken = live.topics.get(7);
            assert_eq!(spoken.is_some_and(|spoken| spoken.usual.is_some()), expected, "{payload}");
        }
    }

    proptest! {
        /// The twin looks at each payload anew.
        #[test]
        fn what_a_topic_says_again_goes_where_it_went_before(
            said in prop::collection::vec((1..4_u64, payload(), 0..5_u8), 1..80)
        ) {
            let settings = Arc::new(Settings { series_per_topic: 4, ..Settings::some() });
            let [mut live, mut twin] = [(); 2].map(|()| Live::new(Arc::clone(&settings)));
            let (mut bases, mut time) = (Bases::starting_at(0, 1), 1_795_000_000_000);
            for (at, payload, more) in &said {
                let topic = Topic::parse(&format!("t/{at}"), &Limits::default()).unwrap();
                time += 1000;
                let telling = bases.tell(*at, 1, payload, || true);
                let (id, number) = (Some(*at), time);
                let heard = Heard { topic: &topic, id, time, payload, apart: telling.apart(), number, is_walked: false };
                prop_assert_eq!(live.say(&heard), twin.say(&Heard { apart: None, ..heard }), "{}", payload);
                if *more == 0 {
                    let gone: Vec<_> = live.series().iter().map(|(id, _)| id).take(1).collect();
                    live.forget_series(&gone);
                    twin.forget_series(&gone);
                }
            }
            prop_assert_eq!(all(&live), all(&twin));
        }
    }
}
