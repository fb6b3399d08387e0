//! Topics are forgotten, and with them all that history has of them.

use super::{Arc, BURIED, BURIED_BYTES, Fault, Keeper, LOOKED_AT, Tables, Topic};
use crate::store::history::chunk;

/// Series that are to be forgotten, and where it goes on.
#[derive(Debug)]
pub(crate) struct Forgetting {
    named: Vec<u32>,
    /// The next span of the last one of them.
    next: u64,
}

impl Keeper {
    /// All series of the topics that are named. To be asked when everything is sealed.
    pub(crate) fn named(&self, is_named: impl Fn(&Topic) -> bool) -> Forgetting {
        let live = self.live.lock();
        let named = live.series().iter().filter(|(_, series)| is_named(&series.topic));
        Forgetting { named: named.map(|(id, _)| id).collect(), next: 0 }
    }

    /// Forgets the next pieces, in one transaction of a few milliseconds. Says whether there is more. While spans are being made
    /// it does nothing, as they may have chunks of these series, too.
    pub(crate) fn forget(&self, forgetting: &mut Forgetting, tables: &mut Tables) -> Result<bool, Fault> {
        let Some(id) = forgetting.named.last().copied() else { return Ok(false) };
        if self.sealing.is_some() || self.rolling.is_some() {
            return Ok(true);
        }
        let spans = Arc::clone(self.live.lock().spans());
        let (mut chunks, mut bytes, mut next) = (Vec::new(), 0, None);
        for (at, span) in spans.range(forgetting.next..).map(|(span, _)| *span).enumerate() {
            if at >= LOOKED_AT || chunks.len() >= BURIED || bytes >= BURIED_BYTES {
                next = Some(span);
                break;
            }
            let number = chunk::number(span, id);
            if let Some(size) = tables.size_of_chunk(number)? {
                chunks.push(number);
                bytes += size;
            }
        }
        tables.write(false, |writing| {
            chunks.iter().try_for_each(|number| writing.forget_chunk(*number))?;
            if next.is_none() { writing.forget_series(id.into()) } else { Ok(()) }
        })?;
        forgetting.next = next.unwrap_or(0);
        if next.is_none() {
            forgetting.named.pop();
            let mut live = self.live.lock();
            live.forget_series(&[id]);
            self.tell(&live);
        }
        Ok(true)
    }
}

impl Forgetting {
    /// How many series there are to be forgotten.
    pub(crate) fn len(&self) -> usize {
        self.named.len()
    }
}
