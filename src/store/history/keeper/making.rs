//! What a step makes: chunks of what was said, and of minutes quarters of an hour.

use super::{
    Arc, Buckets, Chunk, Fault, Gap, Instant, Joint, Keeper, QUARTER, READINGS, ROLLED, Run, SERIES, Step,
    Tables, Why, by_minutes, chunk, thin_states,
};

impl Keeper {
    /// Seals the next series, or the next part of one that has spoken much.
    pub(super) fn seal(&self, sealing: &Joint, mark: u64) -> Step {
        let (mut chunks, mut series, mut rows) = (Vec::new(), Vec::new(), sealing.rows.clone());
        let (mut count, mut part, mut readings) = (0, sealing.part, 0);
        for id in sealing.waiting.iter().take(SERIES) {
            let found = {
                let live = self.live.lock();
                live.get(*id).and_then(|series| {
                    Some((Arc::clone(series.sealing.as_ref()?), series.row(sealing.newest())))
                })
            };
            let Some((run, row)) = found else {
                (count, part) = (count + 1, 0);
                continue;
            };
            while part < run.parts() {
                let said = run.part(part);
                if readings > 0 && readings + said.len() > READINGS {
                    return Step::Seal { chunks, series, rows, clock: None, count, part };
                }
                readings += said.len();
                let Some(piece) = rows.get_mut(part) else { break };
                piece.first = said.times.iter().copied().min().unwrap_or(u64::MAX).min(piece.first);
                piece.last = said.times.iter().copied().max().unwrap_or(0).max(piece.last);
                piece.readings += said.len() as u64;
                let [raw, minutes] = [piece.from, piece.from + 1].map(|span| chunk::number(span, *id));
                chunks.push((raw, said.chunk([mark, raw])));
                chunks.push((minutes, by_minutes(&said, [mark, minutes])));
                part += 1;
            }
            series.push((u64::from(*id), row));
            (count, part) = (count + 1, 0);
        }
        let is_last = count == sealing.waiting.len();
        let clock = is_last.then(|| self.clock.row(Instant::now()));
        Step::Seal { chunks, series, rows, clock, count, part }
    }

    /// Makes quarters of an hour of the next series.
    pub(super) fn roll(&self, rolling: &Joint, tables: &Tables) -> Result<Step, Fault> {
        let (mut chunks, mut count, mut read) = (Vec::new(), 0, 0);
        for id in rolling.waiting.iter().take(ROLLED) {
            if read >= READINGS {
                break;
            }
            count += 1;
            let (mut quarters, mut states) = (Buckets::by(QUARTER), Run::default());
            for span in &rolling.from {
                let number = chunk::number(*span, *id);
                let Some(bytes) = tables.chunk(number)? else { continue };
                match Chunk::read([tables.mark(), number], &bytes) {
                    Ok(Chunk::Buckets(minutes)) => {
                        read += minutes.all.len();
                        minutes.all.iter().for_each(|minute| quarters.take(minute));
                    }
                    Ok(Chunk::Readings(readings)) => {
                        read += readings.len();
                        quarters.add_all(&readings, |_| true);
                        thin_states(&readings, QUARTER, &mut states);
                    }
                    Err(_) => self.is_damaged(*span),
                }
            }
            let number = chunk::number(rolling.id, *id);
            let place = [tables.mark(), number];
            if !quarters.all.is_empty() {
                chunks.push((number, quarters.chunk(place)));
            } else if !states.is_empty() {
                chunks.push((number, states.readings().chunk(place)));
            }
        }
        let span = rolling.rows.first().copied().filter(|_| count == rolling.waiting.len());
        Ok(Step::Roll { chunks, span: span.map(|row| (rolling.id, row)), count })
    }

    /// A chunk of a span is not what was written.
    fn is_damaged(&self, span: u64) {
        self.figures.store_damaged.add(1);
        let mut live = self.live.lock();
        if let Some(span) = live.spans().get(&span).copied() {
            live.gaps.add(Gap::new(span.first, span.last, Why::Damaged));
        }
    }
}
