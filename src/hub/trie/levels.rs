//! The words between the slashes, each kept once, however many paths it stands in, and for as long as it does.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::slots::{Id, Slots};

/// `+` and `#`, which are not kept as the others are.
pub(super) const PLUS: Id = Id::RESERVED[0];
pub(super) const HASH: Id = Id::RESERVED[1];

#[derive(Debug, Default)]
pub(super) struct Levels {
    words: Slots<Word>,
    by_text: HashTable<Id>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Word {
    text: Box<str>,
    /// In how many nodes.
    uses: u32,
}

impl Levels {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.words.len(), self.by_text.len());
        self.words.len()
    }

    pub(super) fn find(&self, text: &str) -> Option<Id> {
        match text {
            "+" => Some(PLUS),
            "#" => Some(HASH),
            _ => self.by_text.find(self.hasher.hash_one(text), |id| &*self.words[*id].text == text).copied(),
        }
    }

    /// Makes room for so many words more.
    pub(super) fn reserve(&mut self, words: usize) {
        let (all, hasher) = (&self.words, &self.hasher);
        self.by_text.reserve(words, |id| hasher.hash_one(&*all[*id].text));
    }

    /// What a word is called, for one more use; `found` is what [`find`](Self::find) says of it.
    pub(super) fn hold(&mut self, found: Option<Id>, text: &str) -> Id {
        if let Some(id) = found {
            if !is_wildcard(id) {
                self.words[id].uses += 1;
            }
            return id;
        }
        let (words, hasher) = (&mut self.words, &self.hasher);
        let id = words.put(Word { text: text.into(), uses: 1 });
        self.by_text.insert_unique(hasher.hash_one(text), id, |id| hasher.hash_one(&*words[*id].text));
        id
    }

    /// One use less.
    pub(super) fn let_go(&mut self, id: Id) {
        if is_wildcard(id) {
            return;
        }
        let word = &mut self.words[id];
        word.uses -= 1;
        if word.uses > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&*word.text);
        if let Ok(entry) = self.by_text.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        self.words.take(id);
        let (words, hasher) = (&self.words, &self.hasher);
        shrink(&mut self.by_text, |id| hasher.hash_one(&*words[*id].text));
    }

    pub(super) fn text(&self, id: Id) -> &str {
        match id {
            PLUS => "+",
            HASH => "#",
            id => &self.words[id].text,
        }
    }
}

pub(super) fn is_wildcard(id: Id) -> bool {
    id == PLUS || id == HASH
}

/// Gives memory back once most of it is empty, and not to the last byte, as the next one may come at once.
pub(super) fn shrink(table: &mut HashTable<Id>, hash: impl Fn(&Id) -> u64) {
    if table.is_empty() || table.capacity() / 8 > table.len() {
        table.shrink_to(table.len() * 2, hash);
    }
}
