//! Something that a silent client does not have: one word until it is there. Pure.

/// It, or nothing.
#[derive(Debug)]
pub(super) struct Rare<T>(Option<Box<T>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Default> Rare<T> {
    /// It, where it is there.
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// It, which is made where it is not there.
    pub(super) fn make(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// Takes it away.
    pub(super) fn take(&mut self) -> T {
        self.0.take().map(|it| *it).unwrap_or_default()
    }
}
