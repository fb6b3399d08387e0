//! Many paths, one after the other: where the last one went, and room for those to come.

use super::Id;

/// Where a path was changed, so that the next one of its branch is not looked for from the top.
#[derive(Debug, Default)]
pub struct Near {
    pub(super) path: String,
    /// The node of each of its levels, as long as no node has been removed since.
    pub(super) nodes: Vec<Id>,
    pub(super) removals: u64,
}

impl Near {
    /// How many whole levels another path begins with as this one does, and at which byte the others begin.
    pub(super) fn shared(&self, path: &str) -> (usize, usize) {
        let (mut levels, mut bytes) = (0, 0);
        let same = self.path.bytes().zip(path.bytes()).take_while(|(one, other)| one == other);
        for (at, _) in same.enumerate().filter(|(_, (byte, _))| *byte == b'/') {
            (levels, bytes) = (levels + 1, at + 1);
        }
        (levels, bytes)
    }
}

/// What paths take that are to come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// How many they are.
    pub paths: usize,
    /// The places that they take in the table of branches.
    pub entries: usize,
}

impl Needs {
    /// Of so many paths, which are thought to branch as these few of them do. Those of one branch should stand side by side.
    pub fn of<'p>(paths: usize, some: impl Iterator<Item = &'p str>) -> Self {
        let (mut count, mut entries, mut before) = (0, 0, "");
        // Of the nodes of the path before, whether they have several children.
        let mut many = Vec::new();
        for path in some {
            let shared =
                before.split('/').zip(path.split('/')).take_while(|(one, other)| one == other).count();
            if let Some(many) = many.get_mut(shared) {
                entries += if std::mem::replace(many, true) { 1 } else { 2 };
            }
            many.resize(shared + 1, false);
            many.resize(path.split('/').count(), false);
            count += 1;
            before = path;
        }
        Self { paths, entries: usize::saturating_mul(entries, paths) / count.max(1) }
    }
}
