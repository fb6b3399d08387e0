//! Is everything in the tables of history what was written? For who looks through the store.

use super::super::log;
use super::super::tables::{Checked, Fault, Tables, newer};
use super::chunk::Chunk;

/// So many rows, and so many of them are not what was written.
pub(crate) type Counted = (u64, u64);

fn count<T>(counted: &mut Counted, row: &Checked<T>) {
    counted.0 += 1;
    counted.1 += u64::from(matches!(row, Checked::Damaged));
}

pub(crate) fn series(tables: &Tables) -> Result<Counted, Fault> {
    let mut counted = (0, 0);
    tables.series(|_, row| count(&mut counted, &row))?;
    Ok(counted)
}

pub(crate) fn thinned(tables: &Tables) -> Result<Counted, Fault> {
    let mut counted = (0, 0);
    tables.thinned(|_, row| count(&mut counted, &row))?;
    Ok(counted)
}

pub(crate) fn spans(tables: &Tables) -> Result<Counted, Fault> {
    let mut counted = (0, 0);
    tables.spans(|_, row| count(&mut counted, &row))?;
    Ok(counted)
}

pub(crate) fn gaps(tables: &Tables) -> Result<Counted, Fault> {
    let mut counted = (0, 0);
    tables.gaps(|_, row| count(&mut counted, &row))?;
    Ok(counted)
}

pub(crate) fn clock(tables: &Tables) -> Result<Counted, Fault> {
    let (all, is_read) = (tables.count("clock")?, tables.clock()?.is_some());
    Ok((all, if is_read { 0 } else { all }))
}

pub(crate) fn chunks(tables: &Tables) -> Result<Counted, Fault> {
    let (mut counted, mut from) = ((0, 0), 0);
    while let Some(id) = tables.chunk_from(from)? {
        let bytes = tables.chunk(id)?.unwrap_or_default();
        counted.0 += 1;
        match Chunk::read([tables.mark(), id], &bytes) {
            Ok(_) => {}
            Err(log::Fault::Damaged) => counted.1 += 1,
            Err(log::Fault::Newer) => return Err(newer()),
        }
        from = id + 1;
    }
    Ok(counted)
}
