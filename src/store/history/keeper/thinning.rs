//! What goes: spans whose time is over for all topics, and of others the chunks of those topics for which it is over sooner.

use super::{BURIED, BURIED_BYTES, Fault, Keeper, LOOKED_AT, MOST_SPANS, SERIES, Step, Tables, chunk, spans};
use crate::store::history::over::Thinning;
use crate::store::history::spans::gone_of;

/// Series of which it is looked in one step whether there is something to be done. Mostly there is not.
const ASKED: usize = 2000;

/// What a step has done, so that it ends in time.
#[derive(Debug, Default)]
struct Done {
    looked_at: usize,
    bytes: usize,
}

impl Done {
    fn is_enough(&self, chunks: usize) -> bool {
        chunks >= BURIED || self.bytes >= BURIED_BYTES || self.looked_at >= LOOKED_AT
    }
}

impl Keeper {
    /// The next chunks of a span that is no more.
    pub(super) fn bury(span: u64, tables: &Tables) -> Result<Step, Fault> {
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        let is_all = tables.sizes_of_chunks(span, |id, size| {
            chunks.push(id);
            bytes += size;
            chunks.len() < BURIED && bytes < BURIED_BYTES
        })?;
        Ok(Step::Bury { span, chunks, is_last: is_all })
    }

    /// What goes next as it is old, or as there is too much.
    pub(super) fn what_goes(&mut self, tables: &Tables, age: u64) -> Result<Option<Step>, Fault> {
        let live = self.live.lock();
        let (spans, has_series) = (live.spans(), |class: usize| live.has_series(class));
        self.over.grow_old(spans, age);
        let mut dead = self.over.dead(spans, &has_series, BURIED);
        if dead.is_empty() && spans.len() > MOST_SPANS {
            dead.extend(spans::least_wanted(spans));
        }
        if !dead.is_empty() {
            return Ok(Some(Step::Doom(dead)));
        }
        self.thinning = self.over.next_to_thin(spans, &has_series);
        if self.thinning.is_some() {
            return Ok(None);
        }
        if tables.used()? > self.most_bytes && self.over.make_room(spans, &has_series, age) {
            let dead = self.over.dead(spans, &has_series, BURIED);
            self.thinning = self.over.next_to_thin(spans, &has_series);
            if !dead.is_empty() {
                return Ok(Some(Step::Doom(dead)));
            }
            // Nothing of that class may be there.
            self.looked = None;
            return Ok(None);
        }
        let mut empty: Vec<_> = self.unnamed.iter().copied().take(SERIES).collect();
        if empty.is_empty() {
            empty = live.empty_series(SERIES);
        }
        Ok((!empty.is_empty()).then_some(Step::Forget(empty)))
    }

    /// Takes what is too old for the next series of a class.
    pub(super) fn thin(&self, thinning: &Thinning, tables: &Tables) -> Result<Step, Fault> {
        let (mut chunks, mut rows, mut next) = (Vec::new(), Vec::new(), None);
        let mut done = Done::default();
        let series: Vec<_> =
            self.live.lock().of_class(thinning.class, thinning.next).take(ASKED + 1).collect();
        for (at, (id, gone)) in series.into_iter().enumerate() {
            if at == ASKED || done.is_enough(chunks.len()) {
                next = Some(id);
                break;
            }
            let mut now = gone;
            for ((tier, old), now) in (0..).zip(&thinning.old).zip(&mut now) {
                let from = old.partition_point(|span| span <= now);
                for span in old.iter().skip(from) {
                    if done.is_enough(chunks.len()) {
                        next = Some(id);
                        break;
                    }
                    let number = chunk::number(*span, id);
                    if let Some(size) = tables.size_of_chunk(number)? {
                        chunks.push(number);
                        done.bytes += size;
                    }
                    done.looked_at += 1;
                    *now = *span;
                }
                if next.is_none() {
                    *now = gone_of(&thinning.to, tier).max(*now);
                }
            }
            if now != gone {
                rows.push((id, now));
            }
            if next.is_some() {
                break;
            }
        }
        // Questions read what is left instead, before the chunks go. Where they cannot go, the file is read anew.
        let mut live = self.live.lock();
        for (id, gone) in &rows {
            live.is_gone(*id, *gone);
        }
        drop(live);
        Ok(Step::Thin { chunks, rows, next })
    }
}
