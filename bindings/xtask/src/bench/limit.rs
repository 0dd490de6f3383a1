//! What the disk allows: a loop that writes and syncs, with nothing around it.

use crate::Fallible;
use crate::fault::Doing;
use pinfold_conformance::load::{Figures, Latency};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Room that is made before, as a log does; the loop begins again at its start.
const ROOM: u64 = 256 << 20;
/// What a record of the log has around its data.
const OVERHEAD: usize = 128;

/// Writes so many records of so many bytes at once and syncs them, again and again.
pub(super) fn sync_loop(
    folder: &Path,
    records: usize,
    bytes: usize,
    time: Duration,
) -> Fallible<Figures> {
    let path = folder.join("sync-loop");
    let file = File::create(&path).doing("making a file")?;
    // Without it the loop is a little slower, and just as much of a limit.
    let _ = fallocate(&file, FallocateFlags::empty(), 0, ROOM);
    file.sync_all().doing("syncing a file")?;
    let batch = vec![b'x'; records * (bytes + OVERHEAD)];
    let (begun, mut offset, mut times) = (Instant::now(), 0, Vec::new());
    while begun.elapsed() < time {
        if offset + batch.len() as u64 > ROOM {
            offset = 0;
        }
        let sent = Instant::now();
        file.write_all_at(&batch, offset).doing("writing")?;
        file.sync_data().doing("syncing")?;
        times.push(sent.elapsed().as_secs_f64() * 1e6);
        offset += batch.len() as u64;
    }
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_file(&path).doing("removing a file")?;
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(times.len().saturating_sub(1) * part / 1000).copied();
    let at = |part| at(part).unwrap_or_default();
    let operations = (times.len() * records) as u64;
    Ok(Figures {
        operations,
        seconds,
        per_second: operations as f64 / seconds,
        latency: Latency { p50: at(500), p99: at(990), p999: at(999), max: at(1000) },
        ..Figures::default()
    })
}
