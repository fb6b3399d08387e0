//! What the budget knows of one reader, and when it is to hear of a change. Pure.

/// What a connection may hold without being counted. At least a step.
pub(super) const FREE: usize = 4 * 1024;

/// A change that is smaller is not told.
pub(super) const STEP: usize = 4 * 1024;

/// What the budget knows of one reader that has held more than a step.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The bytes of its frames when it was counted last.
    pub(super) bytes: usize,
    /// This reader's part of them: what others hold as well is divided.
    part: usize,
    /// What the reader holds beside its queue.
    pub(super) beside: usize,
    /// What it is counted with.
    pub(super) counted: usize,
    /// What it held when it was cut off.
    pub(super) cut_off: Option<usize>,
}

impl Held {
    /// Takes note of the bytes of the frames that wait, and of what is held `beside` them in the hub. Returns what the
    /// reader is to be counted with, where that is something else now.
    ///
    /// A message that waits for several readers is held by all of them in equal parts, so that together they are counted
    /// with what it takes: as many as hold what came last.
    pub(super) fn settle(&mut self, bytes: usize, readers: usize, beside: usize) -> Option<usize> {
        self.part = match bytes.checked_sub(self.bytes) {
            Some(more) => self.part + more / readers,
            // Which ones went is not known: all have given the same part.
            None => (self.part as u128 * bytes as u128 / self.bytes as u128).try_into().unwrap_or(bytes),
        };
        self.bytes = bytes;
        let counted = rounded(self.part + beside + self.beside, self.counted);
        (std::mem::replace(&mut self.counted, counted) != counted).then_some(counted)
    }

    /// Whether there is nothing that has to be remembered of a reader which holds this beside its frames.
    pub(super) fn is_little(&self, beside: usize) -> bool {
        self.part + beside < FREE && self.bytes < FREE && self.beside == 0 && self.cut_off.is_none()
    }
}

/// What a connection that holds this is counted with. `counted` is what it was counted with before.
fn rounded(held: usize, counted: usize) -> usize {
    let held = held.saturating_sub(FREE);
    // In a long queue a step is larger, so that filling it is told some sixty times.
    if held >= STEP && held.abs_diff(counted) < STEP.max(counted / 8) { counted } else { held / STEP * STEP }
}

/// A count that is small, of one reader.
pub(super) fn plus(count: u32, more: u64) -> u32 {
    count.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_not_counted_and_much_in_steps() {
        assert_eq!(rounded(FREE + STEP - 1, 0), 0);
        assert_eq!(rounded(FREE + STEP, 0), STEP);
        assert_eq!(rounded(FREE + 2 * STEP - 1, STEP), STEP);
        assert_eq!(rounded(FREE + 2, 8 * STEP), 0);
        let (mut counted, mut told) = (0, 0);
        for held in (0..8 << 20).step_by(1000) {
            let now = rounded(held, counted);
            told += usize::from(now != counted);
            counted = now;
        }
        assert!(told < 80 && counted > (6 << 20), "{told} times, {counted}");
    }
}
