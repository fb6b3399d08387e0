//! Beside the backlog its twin: a plain list that is searched from end to end, and that keeps no book.

use super::*;
use crate::topic::Limits;
use proptest::prelude::*;

/// What waits in the tests: a message of some bytes, or something else.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    topic: Option<Topic>,
    is_reading: bool,
    bytes: usize,
    number: usize,
}

impl Waits for Waiting {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn topic(&self) -> Option<&Topic> {
        self.topic.as_ref()
    }

    fn reading(&self) -> Option<&Topic> {
        self.topic.as_ref().filter(|_| self.is_reading)
    }
}

fn topic(which: u8) -> Topic {
    Topic::parse(&format!("t/{which}"), &Limits::default()).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    /// Put at the end, or in the place of an older reading if readings give way.
    Offer {
        which: u8,
        shape: Shape,
        bytes: usize,
        gives_way: bool,
    },
    Pop,
    /// Taken one by one and put back, this many.
    PutBack(usize),
    TakeAll,
    KeepNewest,
    /// Without what has so many bytes.
    Retain(usize),
    Book(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Reading,
    Other,
    NoMessage,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let shape = prop::sample::select(vec![Shape::Reading, Shape::Reading, Shape::Other, Shape::NoMessage]);
    let offer = (0..3_u8, shape, 0..5_usize, any::<bool>())
        .prop_map(|(which, shape, bytes, gives_way)| Step::Offer { which, shape, bytes, gives_way });
    let step = prop_oneof![
        12 => offer,
        3 => Just(Step::Pop),
        2 => (0..6_usize).prop_map(Step::PutBack),
        1 => Just(Step::TakeAll),
        2 => Just(Step::KeepNewest),
        1 => (0..5_usize).prop_map(Step::Retain),
        2 => any::<bool>().prop_map(Step::Book),
    ];
    prop::collection::vec(step, 0..120)
}

/// The rules, each said in the plainest way.
#[derive(Debug, Default)]
struct Twin {
    items: Vec<Waiting>,
    has_book: bool,
}

impl Twin {
    /// Where a reading of this topic would go: to the last message of the topic, if that is a reading.
    fn place(&self, topic: &Topic) -> Option<usize> {
        let last = self.items.iter().rposition(|item| item.topic.as_ref() == Some(topic))?;
        self.items[last].is_reading.then_some(last)
    }

    fn offer(&mut self, item: Waiting, gives_way: bool) -> bool {
        let place = item.reading().filter(|_| gives_way && self.has_book).and_then(|topic| self.place(topic));
        match place {
            Some(place) => self.items[place] = item,
            None => self.items.push(item),
        }
        place.is_some()
    }

    fn keep_newest(&mut self) -> usize {
        let is_newest = |at: usize| {
            let item = &self.items[at];
            let later = |other: &Waiting| other.is_reading && other.topic == item.topic;
            !item.is_reading || !self.items[at + 1..].iter().any(later)
        };
        let stays: Vec<_> = (0..self.items.len()).filter(|at| is_newest(*at)).collect();
        let gone = self.items.len() - stays.len();
        self.items = stays.into_iter().map(|at| self.items[at].clone()).collect();
        self.has_book = true;
        gone
    }
}

fn check(backlog: &Backlog<Waiting>, twin: &Twin) {
    assert!(backlog.iter().eq(&twin.items), "{backlog:?}\n{twin:?}");
    assert_eq!((backlog.len(), backlog.is_empty()), (twin.items.len(), twin.items.is_empty()));
    assert_eq!((backlog.front(), backlog.back()), (twin.items.first(), twin.items.last()));
    assert_eq!(backlog.bytes(), twin.items.iter().map(|item| item.bytes).sum::<usize>());
    assert_eq!(backlog.has_book(), twin.has_book);
    let in_book = backlog.newest.as_ref().map_or(0, HashMap::len);
    let mut expected = 0;
    for topic in (0..3).map(topic) {
        let newest = twin.place(&topic).filter(|_| twin.has_book).map(|at| &twin.items[at]);
        assert_eq!(backlog.newest(&topic), newest);
        expected += usize::from(newest.is_some());
    }
    assert_eq!(in_book, expected, "the book has nothing that is gone");
}

proptest! {
    #[test]
    fn a_backlog_is_as_its_twin_after_every_step(steps in steps()) {
        let (mut backlog, mut twin) = (Backlog::new(), Twin::default());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Offer { which, shape, bytes, gives_way } => {
                    let topic = (shape != Shape::NoMessage).then(|| topic(which));
                    let item = Waiting { topic, is_reading: shape == Shape::Reading, bytes, number };
                    let left = if gives_way { backlog.replace(item.clone()) } else { Some(item.clone()) };
                    prop_assert_eq!(twin.offer(item, gives_way), left.is_none());
                    if let Some(item) = left {
                        backlog.push(item);
                    }
                }
                Step::Pop => {
                    let expected = (!twin.items.is_empty()).then(|| twin.items.remove(0));
                    prop_assert_eq!(backlog.pop(), expected.map(|item| (item.clone(), item.bytes)));
                }
                Step::PutBack(count) => {
                    let taken: Vec<_> = (0..count).map_while(|_| backlog.pop()).map(|(item, _)| item).collect();
                    backlog.put_back(taken.into_iter());
                }
                Step::TakeAll => {
                    let mut taken = VecDeque::new();
                    backlog.take_all(&mut taken);
                    prop_assert_eq!(taken, std::mem::take(&mut twin.items));
                    twin.has_book = false;
                }
                Step::KeepNewest => prop_assert_eq!(backlog.keep_newest(), twin.keep_newest()),
                Step::Retain(bytes) => {
                    backlog.retain(|item| item.bytes != bytes);
                    twin.items.retain(|item| item.bytes != bytes);
                }
                Step::Book(is_kept) => {
                    if is_kept { backlog.open_book() } else { backlog.close_book() }
                    twin.has_book = is_kept;
                }
            }
            backlog.shrink_to(4);
            check(&backlog, &twin);
        }
    }
}

#[test]
fn a_backlog_without_a_book_takes_no_more_than_its_parts() {
    let parts = size_of::<VecDeque<Waiting>>() + 2 * size_of::<u64>();
    let book = size_of::<Option<HashMap<Topic, u64, RandomState>>>();
    assert_eq!(size_of::<Backlog<Waiting>>(), parts + book);
}
