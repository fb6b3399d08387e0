use super::*;
use proptest::prelude::*;

fn rest() -> impl Strategy<Value = Rest> {
    let kind = prop::sample::select(vec![Kind::Reading, Kind::Command, Kind::Answer, Kind::Notification]);
    let trail = ("[a-z.0-9 ]{0,20}", "[a-z]{0,8}")
        .prop_map(|(stamp, from)| Trail { stamp: stamp.into(), heard_from: from.as_str().into() });
    let expires = prop::option::of(any::<u64>());
    (kind, expires, "[ -~ž]{0,12}", prop::option::of(trail)).prop_map(|(kind, expires, passed_on, trail)| {
        Rest { kind, expires, passed_on: passed_on.into(), trail }
    })
}

type Told = (u64, Option<(u64, u64, String, Option<Rest>)>);

fn payload() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "\\{\"t\": \\[[12][0-9]\\.[0-9]{1,2}, \"℃\"\\]\\}",
        2 => "-?[0-9]{1,3}(\\.[0-9])?",
        1 => "\\[[0-9], -?[0-9], 1e[0-9]\\]",
        1 => "[ -~ž℃]{0,40}",
    ]
}

/// Rows that follow one another, in one span or several: few topics, so that they speak again.
fn log() -> impl Strategy<Value = Vec<(bool, u64, Vec<Told>)>> {
    let value = (any::<u64>(), 0..3_u64, payload(), prop::option::weighted(0.2, rest()));
    let record = (prop_oneof![4 => 0..6_u64, 1 => 0..1_u64 << 40], prop::option::weighted(0.9, value));
    let row = (prop::bool::weighted(0.1), any::<u64>(), prop::collection::vec(record, 0..10));
    prop::collection::vec(row, 1..20)
}

fn records(told: &[Told]) -> Vec<Record<'_>> {
    told.iter()
        .map(|(topic, value)| Record {
            topic: *topic,
            value: value.as_ref().map(|(time, user, payload, rest)| Value {
                time: *time,
                user: *user,
                payload: payload.into(),
                rest: rest.clone(),
                rhythm: Rhythm::default(),
            }),
        })
        .collect()
}

const FIRST: u64 = 100;
const MARK: u64 = 12;

/// The bytes of these rows, which begin with the number 100.
fn bytes(log: &[(bool, u64, Vec<Told>)]) -> Vec<Vec<u8>> {
    let (mut bases, mut spoken) = (Bases::starting_at(MARK, FIRST), std::collections::HashSet::new());
    let mut rows = Vec::new();
    for (seq, (is_new, time, told)) in (FIRST..).zip(log) {
        if *is_new {
            (bases, spoken) = (Bases::starting_at(MARK, seq), std::collections::HashSet::new());
        }
        let mut row = RowWriter::new(seq, *time, &bases);
        for record in records(told) {
            row.push(&record, !spoken.insert(record.topic), &mut bases);
        }
        assert_eq!(row.is_empty(), told.is_empty());
        rows.push(row.finish());
    }
    rows
}

proptest! {
    // Each is a log of up to twenty rows.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read_again(log in log()) {
        let mut bases = Bases::starting_at(MARK, 0);
        for ((seq, bytes), (_, time, told)) in (FIRST..).zip(bytes(&log)).zip(&log) {
            let read = read(seq, &bytes, &mut bases).unwrap();
            prop_assert_eq!((read.time, read.lost, read.records), (*time, 0, records(told)));
        }
    }

    /// Whatever rows are missing: what is read of the others is what was said, and what cannot be told is counted.
    #[test]
    fn rows_that_are_missing_cost_what_was_told_from_them_and_change_nothing(log in log(), missing in prop::collection::vec(any::<bool>(), 20)) {
        let mut bases = Bases::starting_at(MARK, 0);
        for (((seq, bytes), (_, _, told)), is_missing) in (FIRST..).zip(bytes(&log)).zip(&log).zip(missing) {
            if is_missing {
                continue;
            }
            let row = read(seq, &bytes, &mut bases).unwrap();
            let mut said = records(told).into_iter();
            for record in &row.records {
                prop_assert!(said.any(|said| said == *record), "{:?}", record);
            }
            prop_assert_eq!(row.records.len() as u64 + row.lost, told.len() as u64);
        }
    }

    #[test]
    fn one_flipped_bit_or_another_place_in_the_log_is_damage(log in log(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = bytes(&log).remove(0);
        let read = |seq, bytes: &[u8]| read(seq, bytes, &mut Bases::starting_at(MARK, 0)).map(|_| ());
        prop_assert_eq!(read(FIRST + 1, &bytes), Err(Fault::Damaged));
        let elsewhere = super::read(FIRST, &bytes, &mut Bases::starting_at(MARK + 1, 0)).map(|_| ());
        prop_assert_eq!(elsewhere, Err(Fault::Damaged));
        prop_assert_eq!(read(FIRST, &bytes[..at.index(bytes.len())]), Err(Fault::Damaged));
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert_eq!(read(FIRST, &bytes), Err(Fault::Damaged));
    }

    /// Whatever has a good checksum is written again to the same effect, or it is refused.
    #[test]
    fn bytes_with_a_good_checksum_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut bytes = vec![VERSION];
        bytes.extend(body);
        bytes.extend(sum(&[&MARK.to_le_bytes(), &7_u64.to_le_bytes(), &bytes]).to_le_bytes());
        if let Ok(row) = read(7, &bytes, &mut Bases::starting_at(MARK, 0)) {
            let mut bases = Bases::starting_at(MARK, row.span);
            let mut again = RowWriter::new(7, row.time, &bases);
            for record in &row.records {
                again.push(record, true, &mut bases);
            }
            let again = again.finish();
            prop_assert_eq!(read(7, &again, &mut Bases::starting_at(MARK, 0)).unwrap().records, row.records);
        }
    }
}

#[test]
fn a_kind_or_a_version_that_is_not_known_is_told_from_damage() {
    let row = |version: u8, kind: u64, generation: u8| {
        let mut row = RowWriter::new(1, 5, &Bases::starting_at(MARK, 1));
        row.begin(1, generation, kind);
        row.bytes[0] = version;
        read(1, &row.finish(), &mut Bases::starting_at(MARK, 0)).map(|row| row.records.len())
    };
    assert_eq!(row(VERSION, 7, 0), Err(Fault::Newer));
    assert_eq!(row(VERSION, CLEARED, 1), Err(Fault::Newer));
    assert_eq!(row(VERSION + 1, CLEARED, 0), Err(Fault::Newer));
    assert_eq!(row(VERSION, CLEARED, 0), Ok(1));
}

#[test]
fn a_reading_of_a_house_takes_less_than_five_bytes() {
    let mut bases = Bases::starting_at(MARK, 1);
    let mut row_of = |seq: u64| {
        let mut row = RowWriter::new(seq, 1_795_856_400_000 + 1000 * seq, &bases);
        for topic in 100..300 {
            let payload = format!("{{\"temperature\": [20.{:02}, \"℃\"]}}", (topic * 7 + seq * 3) % 40);
            let time = 1_795_856_400_000 + 1000 * seq - topic;
            let value =
                Value { time, user: 3, payload: payload.into(), rest: None, rhythm: Rhythm::default() };
            row.push(&Record { topic, value: Some(value) }, seq > 1, &mut bases);
        }
        row.finish().len()
    };
    let lengths = [row_of(1), row_of(2), row_of(3)];
    assert!(lengths[2] < 200 * 5 && lengths[1] < lengths[0] + 200 * 4, "{lengths:?}");
}

fn said(topic: u64, payload: &str, rest: Option<Rest>) -> Record<'_> {
    let value = Value { time: 7, user: 1, payload: payload.into(), rest, rhythm: Rhythm::default() };
    Record { topic, value: Some(value) }
}

/// What a draft comes to as a row: topics and payloads, and which of them were known.
fn read_again(draft: &Draft, bases: &Bases) -> (Vec<(u64, Option<String>)>, Vec<usize>) {
    let bytes = draft.row(1, 5, bases).unwrap();
    let row = read(1, &bytes, &mut Bases::starting_at(MARK, 0)).unwrap();
    let told =
        |record: &Record<'_>| (record.topic, record.value.as_ref().map(|value| value.payload.to_string()));
    (row.records.iter().map(told).collect(), row.known)
}

#[test]
fn records_of_a_draft_stand_by_topic_in_the_row_and_those_of_one_topic_in_their_order() {
    let (mut bases, mut draft) = (Bases::starting_at(MARK, 1), Draft::default());
    assert_eq!(draft.row(1, 5, &bases), None);
    let rest = Rest { kind: Kind::Command, expires: Some(9), passed_on: "\"a\": 1".into(), trail: None };
    let records = [
        (said(9, "1", None), false),
        (said(3, "true", Some(rest)), false),
        (said(9, "2", None), true),
        (Record { topic: 3, value: None }, false),
        (said(4, "7", None), true),
        (said(9, "3", None), false),
    ];
    for (record, is_known) in &records {
        draft.add(record, *is_known, || true, &mut bases);
    }
    let text = |text: &str| Some(text.to_owned());
    let expected =
        vec![(3, text("true")), (3, None), (4, text("7")), (9, text("1")), (9, text("2")), (9, text("3"))];
    assert_eq!(read_again(&draft, &bases), (expected, vec![2, 4]));
    draft.clear();
    assert_eq!((draft.len(), draft.bytes(), draft.row(2, 5, &bases)), (0, 0, None));
}

#[test]
fn a_record_that_nobody_needs_is_left_out_unless_others_are_told_from_it() {
    let (mut bases, mut draft) = (Bases::starting_at(MARK, 1), Draft::default());
    for (at, payload) in ["5", "6", "7", "8"].into_iter().enumerate() {
        let apart = draft.add(&said(1, payload, None), false, || at > 0, &mut bases);
        assert_eq!(apart.is_some(), at > 0, "{payload}");
        if at < 3 {
            draft.leave_out(at);
        }
    }
    let text = |text: &str| (1, Some(text.to_owned()));
    assert_eq!(read_again(&draft, &bases).0, [text("6"), text("8")]);
}
