use super::*;
use crate::topic::Limits;

const NOW: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

fn moment(seconds: u64) -> Moment {
    Moment::from(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000 + seconds))
}

fn book() -> (Arc<StoredQueues>, Arc<str>, Arc<LinkFigures>) {
    let book = Arc::<StoredQueues>::default();
    book.turn_on(1 << 20);
    (book, "house".into(), Arc::default())
}

fn message(topic: &str) -> Arc<Publication> {
    let topic = Topic::parse(topic, &Limits::default()).unwrap();
    Arc::new(Publication::new(topic, "1", Kind::Command, "u".into(), SystemTime::UNIX_EPOCH))
}

fn shown(changes: &QueueChanges) -> (Vec<&str>, usize) {
    (changes.rows.iter().map(|(_, queued)| queued.message.topic.as_str()).collect(), changes.gone.len())
}

#[test]
fn what_the_broker_acknowledges_before_it_is_due_is_never_written() {
    let (book, link, figures) = book();
    let tickets: Vec<_> = (0..3)
        .map(|n| book.put((&link, &figures), &message(&format!("{n}/set")), [].into(), moment(0)).unwrap())
        .collect();
    assert_eq!(figures.stored.value(), 3);
    assert!(book.changes(moment(0), SECOND, 100).is_empty());
    drop(tickets);
    assert!(book.changes(moment(9), SECOND, 100).is_empty());
    assert_eq!((figures.stored.value(), book.0.lock().bytes), (0, 0));
}

#[test]
fn what_waits_is_written_once_in_its_order_and_deleted_when_it_has_gone() {
    let (book, link, figures) = book();
    let put = |topic: &str, at| book.put((&link, &figures), &message(topic), [].into(), moment(at)).unwrap();
    let (one, two) = (put("1/set", 0), put("2/set", 1));
    assert_eq!(shown(&book.changes(moment(1), SECOND, 100)), (vec!["1/set", "2/set"], 0));
    assert!(book.changes(moment(9), NOW, 100).is_empty());
    drop(one);
    assert_eq!(shown(&book.changes(moment(99), NOW, 100)), (vec![], 1));
    two.stay();
    drop(two);
    assert!(book.changes(moment(99), NOW, 100).is_empty());
    assert_eq!(book.unclaimed()["house"], 1);
    let again = book.claim("house", &figures);
    assert_eq!(again[0].queued().message.topic.as_str(), "2/set");
    assert!(book.claim("house", &figures).is_empty());
}

#[test]
fn what_could_not_be_written_is_taken_again_unless_it_has_gone_meanwhile() {
    let (book, link, figures) = book();
    let put = |topic: &str| book.put((&link, &figures), &message(topic), [].into(), moment(0)).unwrap();
    let (one, two) = (put("1/set"), put("2/set"));
    let changes = book.changes(moment(1), NOW, 100);
    drop(one);
    book.not_written(changes, moment(1));
    assert_eq!(shown(&book.changes(moment(1), NOW, 100)), (vec!["2/set"], 1));
    book.all_again();
    assert_eq!(shown(&book.changes(moment(1), NOW, 100)), (vec!["2/set"], 0));
    drop(two);
}

#[test]
fn a_full_book_takes_nothing_more_and_none_is_taken_where_there_is_no_store() {
    let (book, link, figures) = book();
    book.turn_on(300);
    let one = book.put((&link, &figures), &message("1/set"), [].into(), moment(0));
    assert!(one.is_some());
    assert!(book.put((&link, &figures), &message("2/set"), [].into(), moment(0)).is_none());
    drop(one);
    assert!(book.put((&link, &figures), &message("2/set"), [].into(), moment(0)).is_some());
    let none = Arc::<StoredQueues>::default();
    assert!(none.put((&link, &figures), &message("1/set"), [].into(), moment(0)).is_none());
}

#[test]
fn what_is_forgotten_leaves_the_book_and_the_queue_learns_of_it() {
    let (book, link, figures) = book();
    let put = |topic: &str| book.put((&link, &figures), &message(topic), [].into(), moment(0)).unwrap();
    let (one, two) = (put("1/set"), put("2/set"));
    book.changes(moment(0), NOW, 100);
    assert_eq!(book.forget(moment(0), |topic| topic.as_str() == "1/set"), 1);
    assert_eq!((one.is_forgotten(), two.is_forgotten()), (true, false));
    assert_eq!(shown(&book.changes(moment(0), NOW, 100)), (vec![], 1));
    drop(one);
    assert!(book.changes(moment(0), NOW, 100).is_empty());
}

#[test]
fn what_waits_for_a_link_that_is_not_there_is_dropped_on_demand_only() {
    let (book, link, figures) = book();
    let ticket = book.put((&link, &figures), &message("1/set"), [].into(), moment(0)).unwrap();
    assert_eq!(book.drop_unclaimed("house", moment(0)), 0);
    ticket.stay();
    drop(ticket);
    assert_eq!((book.drop_unclaimed("other", moment(0)), book.drop_unclaimed("house", moment(0))), (0, 1));
}

#[test]
fn nobody_waits_for_the_book_longer_than_for_a_piece_of_it() {
    let (book, link, figures) = book();
    let put =
        |n: u64| book.put((&link, &figures), &message(&format!("{n}/set")), [].into(), moment(0)).unwrap();
    let tickets: Vec<_> = (0..1_000).map(put).collect();
    let mut pieces = Vec::new();
    book.in_pieces(|_, ids| pieces.push(ids.len()));
    assert_eq!(pieces, [256, 256, 256, 232]);
    assert_eq!(book.changes(moment(9), NOW, usize::MAX).rows.len(), 1_000);
    book.all_again();
    assert_eq!(book.changes(moment(9), NOW, usize::MAX).rows.len(), 1_000);
    tickets.iter().for_each(Ticket::stay);
    drop(tickets);
    assert_eq!(book.unclaimed()["house"], 1_000);
    let again = book.claim("house", &figures);
    let numbers = again.iter().map(|ticket| ticket.queued().message.topic.as_str());
    assert!(numbers.eq((0..1_000).map(|n| format!("{n}/set"))), "in their order");
    let is_odd = |topic: &Topic| topic.as_str().starts_with(|first| "13579".contains(first));
    let odd = again.iter().filter(|ticket| is_odd(&ticket.queued().message.topic)).count();
    assert_eq!(book.forget(moment(9), is_odd), odd as u64);
    assert_eq!(book.0.lock().held.len(), 1_000 - odd);
}

fn again(topic: &str, at: u64) -> QueuedAgain {
    QueuedAgain {
        link: "house".into(),
        topic: Topic::parse(topic, &Limits::default()).unwrap(),
        payload: "1".into(),
        kind: Kind::Command,
        time: moment(at).wall(),
        from: "u".into(),
        retention: Retention::Pass,
        expires: None,
        way: [].into(),
        at: moment(at).wall(),
    }
}

#[test]
fn of_two_messages_with_one_number_none_is_lost_and_one_that_is_read_twice_waits_once() {
    let (book, _, figures) = book();
    assert!(!book.restore(7, again("1/set", 1), moment(9)));
    assert!(!book.restore(7, again("1/set", 1), moment(9)), "the same once more");
    assert!(book.restore(7, again("2/set", 2), moment(9)));
    let changes = book.changes(moment(9), NOW, 100);
    let rows = changes.rows.iter().map(|(id, queued)| (*id, queued.message.topic.as_str()));
    assert_eq!(rows.collect::<Vec<_>>(), [(7, "1/set"), (8, "2/set")]);
    assert_eq!(book.claim("house", &figures).len(), 2);
}
