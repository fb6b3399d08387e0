//! A form that somebody filled in: questions are asked of it, and what is wrong is noted with its place.

use super::mistake::{Mistake, Mistakes, key_name};
use super::near::nearest;
use super::question::{self, Found, Tells};
use super::syntax;
use super::value::{Kind, Table, Value};

/// How many mistakes are told of one file. They are lines of the log, and nobody mends more at one time.
const MOST_MISTAKES: usize = 100;

/// The text of a file, and what was found wrong with it so far.
///
/// ```
/// use clown_hub::operator::{Form, Tells};
///
/// let mut form = Form::new("house.toml", "colour = 'red'\nsize = 'large'", Tells::Values);
/// let table = form.table(|key| key == "size").unwrap();
/// form.unknown(&table, &["size"], |_| None);
/// assert_eq!(form.whole(&table, "size", 1..=5, "metres"), None);
/// assert_eq!(
///     form.finish(()).unwrap_err().to_string(),
///     "house.toml:1:1: colour: unknown key; there is size\n\
///      house.toml:2:8: size: expected a whole number from 1 to 5 (metres), found the text \"large\""
/// );
/// ```
#[derive(Debug)]
pub struct Form<'t> {
    file: &'t str,
    text: &'t str,
    lines: Lines<'t>,
    tells: Tells,
    /// What stands before the name of a key in a mistake, as `rule.`.
    within: String,
    /// With the byte where each stands.
    mistakes: Vec<(usize, Mistake)>,
}

impl<'t> Form<'t> {
    /// A text, and the name that people know its file by.
    pub fn new(file: &'t str, text: &'t str, tells: Tells) -> Self {
        Self { file, text, lines: Lines::of(text), tells, within: String::new(), mistakes: Vec::new() }
    }

    /// What was read, or every mistake in the order of the file.
    pub fn finish<T>(mut self, read: T) -> Result<T, Mistakes> {
        self.mistakes.sort_by_key(|(at, _)| *at);
        let more = self.mistakes.len().saturating_sub(MOST_MISTAKES);
        let mut mistakes: Vec<_> =
            self.mistakes.into_iter().take(MOST_MISTAKES).map(|(_, mistake)| mistake).collect();
        if more > 0 {
            mistakes.push(Mistake::at(self.file, format!("{more} more mistakes, which are not told here")));
        }
        Mistakes::of(mistakes).map_or(Ok(read), Err)
    }

    /// The whole text as a table. Where it is no TOML that is noted, and there is nothing more to ask: what a parser
    /// makes of a broken text says little about what was meant. `is_key` tells the names of keys.
    pub fn table(&mut self, is_key: impl Fn(&str) -> bool) -> Option<Table> {
        match syntax::parse(self.text, self.tells, is_key) {
            Ok(table) => Some(table),
            Err(mistakes) => {
                for (at, sentence) in mistakes {
                    self.note(at, None, sentence);
                }
                None
            }
        }
    }

    /// Says what stands before the name of a key in the mistakes that follow.
    pub fn within(&mut self, within: impl Into<String>) {
        self.within = within.into();
    }

    /// The name of the file.
    pub fn file(&self) -> &'t str {
        self.file
    }

    /// How many mistakes were found so far.
    pub fn mistakes(&self) -> usize {
        self.mistakes.len()
    }

    /// The number of the line with this byte in it, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.lines.line_and_column(at).0
    }

    /// `FILE:LINE:COLUMN` of a byte; both count from 1, columns in characters.
    pub fn place(&self, at: usize) -> String {
        let (line, column) = self.lines.line_and_column(at);
        format!("{}:{line}:{column}", self.file)
    }

    /// Notes a mistake of a key.
    pub fn say(&mut self, at: usize, key: &str, sentence: impl Into<String>) {
        let key = format!("{}{key}", self.within);
        self.note(at, Some(key), sentence.into());
    }

    /// Notes a mistake of the value of a key, or of its absence.
    pub fn refuse(&mut self, table: &Table, key: &str, sentence: impl Into<String>) {
        self.say(table.at(key), key, sentence);
    }

    /// Notes a mistake of no key.
    pub fn say_alone(&mut self, at: usize, sentence: impl Into<String>) {
        self.note(at, None, sentence.into());
    }

    fn note(&mut self, at: usize, key: Option<String>, sentence: String) {
        let place = self.place(at);
        self.mistakes.push((at, Mistake { place, key, sentence }));
    }

    /// Notes the keys that mean nothing. `instead` knows better words for some. No value is repeated: it may be a
    /// password under the wrong name.
    pub fn unknown(&mut self, table: &Table, known: &[&str], instead: impl Fn(&str) -> Option<&'static str>) {
        for entry in table.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let sentence = match (instead(&entry.key), nearest(&entry.key, known.iter().copied())) {
                (Some(sentence), _) => sentence.to_owned(),
                (None, Some(near)) => format!("unknown key; did you mean {near}?"),
                (None, None) if known.len() == 1 => format!("unknown key; there is {}", known.concat()),
                (None, None) => format!("unknown key; there are {}", known.join(", ")),
            };
            self.say(entry.at, &key_name(&entry.key), sentence);
        }
    }

    /// A text. `None` where there is none, or something else, which is noted.
    pub fn text<'v>(&mut self, table: &'v Table, key: &str) -> Option<&'v str> {
        let value = table.get(key)?;
        self.text_of(value, key)
    }

    /// As [`Form::text`], of a value in hand.
    pub fn text_of<'v>(&mut self, value: &'v Value, key: &str) -> Option<&'v str> {
        let answer = question::text(Found::from(&value.kind), self.tells);
        self.take(value.at, key, answer)
    }

    /// True or false.
    pub fn truth(&mut self, table: &Table, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let answer = question::truth(Found::from(&value.kind), self.tells);
        self.take(value.at, key, answer)
    }

    /// A whole number.
    pub fn whole(
        &mut self,
        table: &Table,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u64> {
        let value = table.get(key)?;
        let answer = question::whole(Found::from(&value.kind), range, unit, self.tells);
        self.take(value.at, key, answer)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, table: &Table, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(table, key)?;
        let all = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        self.take(table.at(key), key, question::choice(text, words, &all))
    }

    /// The items of a list; `items` is what belongs in it.
    pub fn list<'v>(&mut self, table: &'v Table, key: &str, items: &str) -> Option<&'v [Value]> {
        let value = table.get(key)?;
        if let Kind::List(list) = &value.kind {
            return Some(list);
        }
        let sentence = Found::from(&value.kind).mismatch(&format!("a list of {items}"), self.tells);
        self.say(value.at, key, sentence);
        None
    }

    fn take<T>(&mut self, at: usize, key: &str, answer: Result<T, String>) -> Option<T> {
        answer.map_err(|sentence| self.say(at, key, sentence)).ok()
    }
}

/// A text, and where its lines begin, so that a file of many lines is not counted anew for each of them.
#[derive(Debug)]
struct Lines<'t> {
    text: &'t str,
    begin: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, begin: std::iter::once(0).chain(after).collect() }
    }

    /// Both from 1, columns in characters.
    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.begin.partition_point(|begin| *begin <= at);
        let begin = self.begin.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, self.text.get(begin..at).map_or(0, |before| before.chars().count()) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_full_of_mistakes_the_first_hundred_are_told_and_the_others_counted() {
        let text = (0..1000).map(|n| format!("key{n} = 1")).collect::<Vec<_>>().join("\n");
        let mut form = Form::new("f.toml", &text, Tells::Values);
        let table = form.table(|_| false).unwrap();
        form.unknown(&table, &["size"], |_| None);
        let told = form.finish(()).unwrap_err().to_string();
        assert_eq!(told.lines().count(), MOST_MISTAKES + 1);
        assert!(told.starts_with("f.toml:1:1: key0: unknown key"), "{told}");
        assert!(told.ends_with("f.toml: 900 more mistakes, which are not told here"), "{told}");
    }

    #[test]
    fn lines_and_columns_count_from_one_and_columns_count_characters() {
        let text = "a\n℃ b\n";
        let places =
            [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (5, (2, 2)), (6, (2, 3)), (8, (3, 1)), (99, (3, 1))];
        for (at, place) in places {
            assert_eq!(Lines::of(text).line_and_column(at), place, "{at}");
        }
    }
}
