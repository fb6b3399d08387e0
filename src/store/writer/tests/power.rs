//! Power that fails at any write. What the medium has then is what was waited for, and of what was written since any part,
//! in pieces of a sector.

use super::*;

const SECTOR: usize = 512;
/// The journal begins with this; SQLite waits for the medium to have it before anything comes behind it.
const JOURNAL_HEAD: usize = 32;

/// The file of a hub that runs, and what of it is surely on the medium.
struct Medium {
    dir: tempfile::TempDir,
    /// Both files as they were when the medium had all of them.
    safe: Files,
    /// And after each write since then.
    since: Vec<Files>,
    /// The turn that was safe, and the newest one.
    turns: (usize, usize),
}

impl Medium {
    fn files(&self) -> Files {
        ["", "-wal"]
            .map(|ending| fs::read(self.dir.path().join(format!("hub.db{ending}"))).unwrap_or_default())
    }

    /// All that was written until this turn is on the medium.
    fn has_all(&mut self, turn: usize) {
        (self.safe, self.turns) = (self.files(), (turn, turn));
        self.since.clear();
    }

    /// Something was written that may be there or not.
    fn may_have(&mut self, turn: usize) {
        let now = self.files();
        if now[1].get(..JOURNAL_HEAD) != self.safe[1].get(..JOURNAL_HEAD) {
            let head = now[1].iter().take(JOURNAL_HEAD).copied();
            self.safe[1].splice(..self.safe[1].len().min(JOURNAL_HEAD), head);
        }
        self.since.push(now);
        self.turns.1 = turn;
    }

    /// The power fails: a sector is as it was safe, or as it was after one of the writes since.
    fn fails(&self, random: &mut Random) -> Files {
        // In half of the cases most is there, in the others little.
        let share = 1 + random.below(8);
        [0, 1].map(|which| {
            let newest = self.since.last().unwrap_or(&self.safe);
            let mut bytes = vec![0; newest[which].len().max(self.safe[which].len())];
            for (number, sector) in bytes.chunks_mut(SECTOR).enumerate() {
                let from = if random.below(8) < share && !self.since.is_empty() {
                    &self.since[random.below(self.since.len())]
                } else {
                    &self.safe
                };
                let from = from[which].get(number * SECTOR..).unwrap_or_default();
                let len = from.len().min(sector.len());
                sector[..len].copy_from_slice(&from[..len]);
            }
            bytes
        })
    }

    /// Whatever is left of it, it is as it was after a turn that may be the newest.
    fn survives(&self, copies: usize, random: &mut Random) {
        for copy in 0..copies {
            let files = self.fails(random);
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("hub.db"), &files[0]).unwrap();
            fs::write(dir.path().join("hub.db-wal"), &files[1]).unwrap();
            let (hub, mut writer) = hub_and_writer(dir.path());
            let (found, turns) = (kept(&hub), self.turns);
            let text = format!("copy {copy}, turns {turns:?}, {} writes since", self.since.len());
            assert!((turns.0..=turns.1).any(|turn| found == after(turn)), "{text}: {found:?}");
            say(&hub, topic(0), &payload("here", 0, turns.1), Retention::Keep);
            writer.come_by(Instant::now());
            writer.tables.as_ref().unwrap().wait_for_the_check();
            say(&hub, topic(0), &payload("here", 0, turns.1), Retention::Keep);
            writer.come_by(Instant::now());
            assert!(!writer.was_replaced && writer.tables.is_some(), "{text}");
            assert_eq!(hub.figures().store_damaged.value(), 0, "{text}");
        }
    }
}

/// One turn more, which is on the medium if it was waited for.
fn turn(hub: &Hub, writer: &mut Writer, medium: &mut Medium, turn: usize, sync: bool) {
    take_turns("here", hub, writer, turn..turn + 1);
    if sync {
        writer.write(Instant::now(), true, true, false, Duties::default());
        medium.has_all(turn);
    } else {
        medium.may_have(turn);
    }
}

#[test]
fn whatever_the_medium_has_of_the_last_writes_when_the_power_fails_the_store_is_as_it_was_after_one_of_them()
{
    let copies = if std::env::var_os("CLOWN_LONG_TESTS").is_some() { 40 } else { 3 };
    let dir = tempfile::tempdir().unwrap();
    let (hub, mut writer) = hub_and_writer(dir.path());
    let mut medium = Medium { dir, safe: Files::default(), since: Vec::new(), turns: (0, 0) };
    let mut random = Random(3);
    turn(&hub, &mut writer, &mut medium, 0, true);
    for number in 1..TURNS {
        if number % 7 == 3 {
            writer.head.begin_settling(writer.seq);
        }
        // The medium has all of every fourth turn, and each second time all of it is moved from the journal into the file.
        turn(&hub, &mut writer, &mut medium, number, number % 4 == 0);
        medium.survives(copies, &mut random);
        if number % 8 == 0 {
            writer.tables.as_ref().unwrap().wait_for_the_check();
            writer.tables.as_ref().unwrap().checkpoint();
            medium.may_have(number);
            medium.survives(copies, &mut random);
            // Nothing is written over the journal before the medium has the file.
            medium.has_all(number);
        }
    }
    assert!(!writer.was_replaced);
}
