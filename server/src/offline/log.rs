//! `pinfold log dump` and `pinfold log verify`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use pinfold_storage::{Error, Inspection, OsFileSystem, Rest, SegmentContents};
use serde::Serialize;

use super::entries::Line;
use super::output::{Failure, Output, settled};

/// Opens a data directory to look at it.
pub(crate) fn inspect(directory: &Path) -> Result<Inspection, Failure> {
    let opened = settled(|| Inspection::open(Arc::new(OsFileSystem), directory));
    opened.map_err(|error| match &error {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            let shown = directory.display();
            Failure::Impossible(format!("{shown} is not a Pinfold data directory: {error}"))
        }
        _ => error.into(),
    })
}

/// Gives every segment to `visit`, in order. What is damaged in one comes behind what could be
/// read of it, as an error.
pub(crate) fn walk(
    directory: &Inspection,
    mut visit: impl FnMut(&SegmentContents) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let numbers = settled(|| directory.segments())?;
    let mut before: Option<SegmentContents> = None;
    for (at, number) in numbers.iter().enumerate() {
        let is_last = at + 1 == numbers.len();
        // Damage is read again as well: a server may have been at work there.
        let mut seen = None;
        let read = settled(|| {
            let mut contents = directory.segment(*number, is_last, before.as_ref())?;
            match std::mem::replace(&mut contents.rest, Rest::Nothing) {
                Rest::Damaged(error) => {
                    seen = Some(contents);
                    Err(error)
                }
                rest => Ok(SegmentContents { rest, ..contents }),
            }
        });
        match read {
            Ok(contents) => {
                visit(&contents)?;
                before = Some(contents);
            }
            Err(error) => {
                // It can have been purged since we asked what there is.
                if !settled(|| directory.segments())?.contains(number) {
                    before = None;
                    continue;
                }
                if let Some(contents) = seen {
                    visit(&contents)?;
                }
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// A record whose bytes are whole, but make no sense.
fn meaningless(contents: &SegmentContents, offset: u64, reason: String) -> Failure {
    Error::Corrupt { path: contents.path.clone(), offset, reason }.into()
}

/// Prints records `from..=to`.
pub(crate) fn dump(out: &mut Output, dir: &Path, from: u64, to: u64) -> Result<bool, Failure> {
    let directory = inspect(dir)?;
    walk(&directory, |contents| {
        let file = contents.path.display().to_string();
        for (offset, record) in &contents.records {
            if (from..=to).contains(&record.index) {
                let line = Line::of(&file, *offset, record);
                out.tell(&line.map_err(|reason| meaningless(contents, *offset, reason))?)?;
            }
        }
        out.flush()?;
        tell_torn(contents);
        Ok(())
    })?;
    Ok(true)
}

fn tell_torn(contents: &SegmentContents) {
    if matches!(contents.rest, Rest::Torn) {
        let (file, offset) = (contents.path.display(), contents.end);
        eprintln!("pinfold: {file}: a write that was not finished, at offset {offset}");
    }
}

/// What there is of one segment.
#[derive(Debug, Serialize)]
struct Segment {
    file: String,
    first: u64,
    last: u64,
    records: usize,
    bytes: u64,
    /// Where a write begins that was not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_at: Option<u64>,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Segment { file, first, last, records, bytes, .. } = self;
        match records {
            0 => write!(f, "{file}: no records, {first} would be the first")?,
            _ => write!(f, "{file}: records {first} to {last}, {bytes} bytes")?,
        }
        match self.torn_at {
            Some(offset) => write!(f, ", then a write that was not finished at offset {offset}"),
            None => Ok(()),
        }
    }
}

/// Reads everything.
pub(crate) fn verify(out: &mut Output, dir: &Path) -> Result<bool, Failure> {
    let directory = inspect(dir)?;
    walk(&directory, |contents| {
        let file = contents.path.display().to_string();
        for (offset, record) in &contents.records {
            let line = Line::of(&file, *offset, record);
            line.map_err(|reason| meaningless(contents, *offset, reason))?;
        }
        out.tell(&Segment {
            file,
            first: contents.first,
            last: contents.last(),
            records: contents.records.len(),
            bytes: contents.end,
            torn_at: matches!(contents.rest, Rest::Torn).then_some(contents.end),
        })
    })?;
    Ok(true)
}
