//! Topics are forgotten, and with them all that history has of them.

use super::{Fault, Keeper, SERIES, Tables, Topic};
use crate::store::history::chunk;

impl Keeper {
    /// Forgets all series of the topics that are named, when everything is sealed. Says how many that were.
    pub(crate) fn forget(
        &self,
        tables: &mut Tables,
        is_named: impl Fn(&Topic) -> bool,
    ) -> Result<usize, Fault> {
        let (named, spans): (Vec<_>, Vec<_>) = {
            let live = self.live.lock();
            let named = live.series().iter().filter(|(_, series)| is_named(&series.topic));
            (named.map(|(id, _)| *id).collect(), live.spans().keys().copied().collect())
        };
        for some in named.chunks(SERIES) {
            tables.write(false, |writing| {
                for id in some {
                    spans.iter().try_for_each(|span| writing.forget_chunk(chunk::number(*span, *id)))?;
                    writing.forget_series((*id).into())?;
                }
                Ok(())
            })?;
            self.live.lock().forget_series(some);
        }
        self.tell(&self.live.lock());
        Ok(named.len())
    }
}
