//! What is in the log after a crash.

use std::path::Path;

use bytes::Bytes;

use crate::error::{Context, Error, Result};
use crate::filesystem::FileSystem;
use crate::record::{self, Found};
use crate::segment::{HEADER, Segment};

/// Why only the last segment may end in something that cannot be read.
pub(crate) const FOLLOWED: &str = "a record cannot be read and the next segment exists";

/// The segments of a log as found, and the terms of their records as runs: from which index on
/// which term.
pub(crate) struct Recovered {
    pub(crate) segments: Vec<Segment>,
    pub(crate) terms: Vec<(u64, u64)>,
}

/// Opens every segment. Only the last one may end in a torn write, which is cut; everything
/// that is left is made durable, because a crash may have come before its sync.
pub(crate) fn recover(
    fs: &dyn FileSystem,
    dir: &Path,
    cluster: u64,
    must_reach: u64,
) -> Result<Recovered> {
    let numbers = numbers(fs, dir)?;
    let mut out = Recovered { segments: Vec::with_capacity(numbers.len()), terms: Vec::new() };
    for (at, number) in numbers.iter().enumerate() {
        let (mut segment, bytes) = Segment::open(fs, dir, cluster, *number)?;
        let before = out.segments.last().map(|before| Neighbour {
            path: &before.path,
            number: before.number,
            last: before.last(),
        });
        check_neighbour(&segment, before)?;
        let durable = scan(&mut segment, &bytes, &mut out.terms);
        let rest = &bytes[segment.end as usize..];
        if at + 1 == numbers.len() {
            if segment.last() < must_reach {
                let last = segment.last();
                let reason =
                    format!("it ends with record {last}, but {must_reach} was durable before");
                return Err(damage(&segment, &reason));
            }
            finish_last(&mut segment, &bytes, durable)?;
        } else if rest.iter().any(|byte| *byte != 0) {
            return Err(damage(&segment, FOLLOWED));
        }
        out.segments.push(segment);
    }
    Ok(out)
}

/// Numbers of the segments in order. Files that were never finished are removed.
fn numbers(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for name in fs.list(dir).context("list", dir)? {
        if let Some(number) = Segment::number_of(&name) {
            numbers.push(number);
        } else if name.ends_with(".tmp") {
            let path = dir.join(&name);
            fs.remove(&path).context("remove", &path)?;
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The segment before another one.
pub(crate) struct Neighbour<'a> {
    pub(crate) path: &'a Path,
    pub(crate) number: u64,
    /// Index of its last record.
    pub(crate) last: u64,
}

pub(crate) fn check_neighbour(segment: &Segment, before: Option<Neighbour<'_>>) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    if segment.number != before.number + 1 {
        let reason = format!(
            "the segment before it, number {}, is missing ({} is there)",
            segment.number - 1,
            before.path.display()
        );
        return Err(Error::corrupt(&segment.path, 0, reason));
    }
    if segment.first != before.last + 1 {
        let reason = format!(
            "it begins with record {} but {} ends with record {}",
            segment.first,
            before.path.display(),
            before.last
        );
        return Err(Error::corrupt(&segment.path, 24, reason));
    }
    Ok(())
}

/// Takes records as long as they can be read and follow one another. Gives the offset up to which
/// the last of them says that the segment was durable.
pub(crate) fn scan(segment: &mut Segment, bytes: &Bytes, terms: &mut Vec<(u64, u64)>) -> u32 {
    let mut at = HEADER as usize;
    let mut known = HEADER;
    while let Some(Found { record, durable, end }) = record::decode(bytes, at, 0, segment.salt()) {
        let Ok(offset) = u32::try_from(at) else { break };
        if record.index != segment.last() + 1 {
            break;
        }
        if terms.last().is_none_or(|(_, term)| *term != record.term) {
            terms.push((record.index, record.term));
        }
        segment.offsets.push(offset);
        known = known.max(durable.min(offset));
        at = end;
    }
    segment.end = at as u32;
    known
}

fn finish_last(segment: &mut Segment, bytes: &Bytes, durable: u32) -> Result<()> {
    let end = segment.end as usize;
    let torn = bytes[end..].iter().any(|byte| *byte != 0);
    if torn {
        refuse_damage(segment, bytes)?;
    }
    // What we read may be in the operating system's memory only, and after a failed sync it
    // would never be written: a further sync succeeds and does nothing. So the last group, the
    // only one that can be in this state, is written again before it is synced.
    let group = &bytes[durable as usize..end];
    segment.file.write_at(group, u64::from(durable)).context("write", &segment.path)?;
    if torn {
        tracing::warn!(
            file = %segment.path.display(),
            offset = end,
            "the log ended in a write that a crash cut short; it was never acknowledged, \
             and is cut off"
        );
        return segment.cut(segment.end);
    }
    segment.file.sync().context("sync", &segment.path)
}

/// A write that was never synced may be there in parts, in any order. So a readable record
/// after the unreadable one proves damage only if it was written when the unreadable one was
/// already durable.
pub(crate) fn refuse_damage(segment: &Segment, bytes: &Bytes) -> Result<()> {
    let end = segment.end as usize;
    let mut at = end + 1;
    while at + record::OVERHEAD <= bytes.len() {
        // Two fields are looked at before the checksum, which is dear: this runs over every byte.
        let worth = record::peek(bytes, at).is_some_and(|(durable, index)| {
            durable as usize > end && durable as usize <= at && index > segment.last()
        });
        if worth && let Some(found) = record::decode(bytes, at, 0, segment.salt()) {
            let next = found.record.index;
            let reason = format!("a record cannot be read, record {next} after it can");
            return Err(damage(segment, &reason));
        }
        at += 1;
    }
    Ok(())
}

pub(crate) fn damage(segment: &Segment, reason: &str) -> Error {
    Error::corrupt(&segment.path, u64::from(segment.end), reason)
}
