//! The segmented write-ahead log.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;

use crate::error::{Context, Error, Result};
use crate::filesystem::FileSystem;
use crate::record::{self, MAX_RECORD_DATA, Record};
use crate::recovery;
use crate::segment::{HEADER, Segment};

/// How a log lays out its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// A segment that would grow over this many bytes is closed and a new one begun. A single
    /// larger record still gets a segment.
    pub segment_bytes: u32,
    /// Room is made on the disk in steps of this many bytes ahead of the writes.
    pub room_bytes: u32,
    /// A record that is known from elsewhere to have been durable. A log that can be read only
    /// up to a record before it is damaged, and not merely torn. 0 when nothing is known.
    pub must_reach: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, room_bytes: 4 << 20, must_reach: 0 }
    }
}

/// Records in order, in segments. Written by [`append`](Self::append), durable after
/// [`sync`](Self::sync).
///
/// After a failed write, cut or sync every call that would write gives [`Error::Poisoned`].
pub struct Log {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    cluster: u64,
    options: LogOptions,
    // In order and never empty; records go to the last one.
    segments: Vec<Segment>,
    // Runs: from this index on, this term.
    terms: Vec<(u64, u64)>,
    // Up to where the last segment is durable.
    durable: u32,
    buffer: BytesMut,
    failed: bool,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("dir", &self.dir)
            .field("first", &self.first_index())
            .field("last", &self.last_index())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log in a directory, which is made if need be, and brings it in order: a write at
    /// its end that a crash cut short is cut off, and all that is left is durable. A new log
    /// begins with record 1.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when something is damaged that a crash cannot have damaged; nothing is
    /// changed then. [`Error::Io`].
    pub fn open(
        fs: Arc<dyn FileSystem>,
        dir: &Path,
        cluster: u64,
        options: LogOptions,
    ) -> Result<Self> {
        fs.create_dir_all(dir).context("create", dir)?;
        let recovered = recovery::recover(&*fs, dir, cluster, options.must_reach)?;
        fs.sync_dir(dir).context("sync", dir)?;
        let mut log = Self {
            fs,
            dir: dir.to_owned(),
            cluster,
            options,
            segments: recovered.segments,
            terms: recovered.terms,
            durable: HEADER,
            buffer: BytesMut::new(),
            failed: false,
        };
        match log.segments.last() {
            Some(last) => log.durable = last.end,
            None => log.add_segment(1, 1)?,
        }
        Ok(log)
    }

    /// Index of the first record that is there, or would be.
    pub fn first_index(&self) -> u64 {
        self.segments.first().map_or(1, |segment| segment.first)
    }

    /// Index of the last record; `first_index() - 1` without any.
    pub fn last_index(&self) -> u64 {
        self.segments.last().map_or(0, Segment::last)
    }

    /// The term of a record; `None` if it is not there.
    pub fn term(&self, index: u64) -> Option<u64> {
        if index < self.first_index() || index > self.last_index() {
            return None;
        }
        let run = self.terms.partition_point(|(first, _)| *first <= index);
        run.checked_sub(1).map(|run| self.terms[run].1)
    }

    /// Writes records after the last one, as one write per segment. They are durable only after
    /// [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::OutOfOrder`], with nothing written; [`Error::Io`], which
    /// is final.
    pub fn append(&mut self, records: &[Record]) -> Result<()> {
        self.check_alive()?;
        let mut last = self.last_index();
        for record in records {
            let (size, limit) = (record.data.len(), MAX_RECORD_DATA);
            if size > limit {
                return Err(Error::TooLarge { what: "a log record", size, limit });
            }
            if record.index != last + 1 {
                return Err(Error::OutOfOrder { index: record.index, last });
            }
            last = record.index;
        }
        self.guarded(|log| log.write(records))
    }

    /// Makes everything appended so far durable, with one fdatasync at most.
    ///
    /// # Errors
    /// [`Error::Io`], which is final: a failed sync is never tried again, because the operating
    /// system may have thrown the data away.
    pub fn sync(&mut self) -> Result<()> {
        self.check_alive()?;
        self.guarded(Self::sync_last)
    }

    /// Reads records `low..high`. Stops early once their data have more than `max_bytes`, but
    /// gives one at least.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Corrupt`] or [`Error::Io`].
    pub fn read(&self, low: u64, high: u64, max_bytes: u64) -> Result<Vec<Record>> {
        let (first, last) = (self.first_index(), self.last_index());
        if low >= high {
            return Ok(Vec::new());
        }
        if low < first || high > last + 1 {
            let index = if low < first { low } else { high - 1 };
            return Err(Error::OutOfRange { index, first, last });
        }
        let mut out: Vec<Record> = Vec::new();
        let mut bytes = 0;
        while (out.len() as u64) < high - low && (out.is_empty() || bytes < max_bytes) {
            let next = low + out.len() as u64;
            let at = self.segments.partition_point(|segment| segment.first <= next) - 1;
            let segment = &self.segments[at];
            let until = high.min(segment.last() + 1);
            let part = segment.read(next, until, max_bytes - bytes)?;
            bytes += part.iter().map(|record| record.size() as u64).sum::<u64>();
            bytes = bytes.min(max_bytes);
            out.extend(part);
        }
        Ok(out)
    }

    /// Removes every record after `index`, durably.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when records before the first would have to go; [`Error::Io`], which
    /// is final.
    pub fn truncate_after(&mut self, index: u64) -> Result<()> {
        self.check_alive()?;
        let (first, last) = (self.first_index(), self.last_index());
        if index + 1 < first {
            return Err(Error::OutOfRange { index, first, last });
        }
        if index >= last {
            return Ok(());
        }
        self.guarded(|log| log.cut_after(index))
    }

    /// Removes segments all of whose records are before `index`. Records before it may stay.
    ///
    /// # Errors
    /// [`Error::Io`], which is final.
    pub fn purge_before(&mut self, index: u64) -> Result<()> {
        self.check_alive()?;
        self.guarded(|log| {
            // From the front and each made durable, so that a crash leaves no hole.
            while log.segments.len() > 1 && log.segments[1].first <= index {
                let segment = log.segments.remove(0);
                log.remove_segment(&segment)?;
            }
            let first = log.first_index();
            let gone = log.terms.partition_point(|(run, _)| *run <= first).saturating_sub(1);
            log.terms.drain(..gone);
            Ok(())
        })
    }

    /// Removes everything; the next record will be `next`.
    ///
    /// # Errors
    /// [`Error::Io`], which is final.
    pub fn reset(&mut self, next: u64) -> Result<()> {
        self.check_alive()?;
        self.guarded(|log| {
            let number = log.segments.last().map_or(0, |segment| segment.number);
            // From the back, so that a crash leaves a log that merely ends too early.
            while let Some(segment) = log.segments.pop() {
                log.remove_segment(&segment)?;
            }
            log.terms.clear();
            log.add_segment(number + 1, next)
        })
    }

    /// Bytes of all segments on the disk, with the room made ahead.
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.allocated).sum()
    }

    fn check_alive(&self) -> Result<()> {
        if self.failed { Err(Error::Poisoned { path: self.dir.clone() }) } else { Ok(()) }
    }

    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let result = work(self);
        self.failed = result.is_err();
        result
    }

    fn write(&mut self, records: &[Record]) -> Result<()> {
        for record in records {
            let segment = self.last_segment();
            let used = segment.end as usize + self.buffer.len();
            let limit = self.options.segment_bytes as usize;
            let has_records = used > HEADER as usize;
            if has_records && used + record.size() > limit {
                self.roll(record.index)?;
            }
            let durable = self.durable;
            let buffered = self.buffer.len();
            let last = self.segments.len() - 1;
            let segment = &mut self.segments[last];
            let offset = segment.end + buffered as u32;
            let salt = segment.salt();
            segment.offsets.push(offset);
            record::encode(record, salt, u64::from(offset), durable, &mut self.buffer);
            if self.terms.last().is_none_or(|(_, term)| *term != record.term) {
                self.terms.push((record.index, record.term));
            }
        }
        self.flush()
    }

    fn last_segment(&mut self) -> &mut Segment {
        // There is always one: `open` and `reset` end with adding it.
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    /// Writes the buffer to the last segment, after making room.
    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = self.buffer.split();
        let (room, limit) = (u64::from(self.options.room_bytes), self.options.segment_bytes);
        let segment = self.last_segment();
        let needed = u64::from(segment.end) + buffer.len() as u64;
        if needed > segment.allocated {
            let ahead = (segment.allocated + room).min(u64::from(limit)).max(needed);
            segment.file.allocate(ahead).context("make room in", &segment.path)?;
            segment.allocated = ahead;
        }
        let end = u64::from(segment.end);
        segment.file.write_at(&buffer, end).context("write", &segment.path)?;
        segment.end += buffer.len() as u32;
        // Keeps the memory of an ordinary batch, not that of the largest one ever.
        if buffer.capacity() <= 1 << 20 {
            let mut buffer = buffer;
            buffer.clear();
            self.buffer = buffer;
        }
        Ok(())
    }

    fn sync_last(&mut self) -> Result<()> {
        let durable = self.durable;
        let segment = self.last_segment();
        if segment.end > durable {
            segment.file.sync().context("sync", &segment.path)?;
            self.durable = self.last_segment().end;
        }
        Ok(())
    }

    /// Closes the last segment and begins a new one. The old one is durable and has no room left
    /// over before the new one appears, so only the last segment can end in a torn write.
    fn roll(&mut self, next: u64) -> Result<()> {
        self.flush()?;
        let segment = self.last_segment();
        let end = segment.end;
        segment.cut(end)?;
        let number = segment.number + 1;
        self.add_segment(number, next)
    }

    fn add_segment(&mut self, number: u64, first: u64) -> Result<()> {
        let room = u64::from(self.options.room_bytes.min(self.options.segment_bytes));
        let fs = &*self.fs;
        let segment = Segment::create(fs, &self.dir, self.cluster, number, first, room)?;
        self.segments.push(segment);
        self.durable = HEADER;
        Ok(())
    }

    fn cut_after(&mut self, index: u64) -> Result<()> {
        // From the back and each made durable, so that a crash leaves no hole.
        while self.segments.len() > 1 && self.last_segment().first > index {
            if let Some(segment) = self.segments.pop() {
                self.remove_segment(&segment)?;
            }
        }
        let segment = self.last_segment();
        let end = segment.offset(index + 1);
        segment.cut(end)?;
        self.durable = end;
        let kept = self.terms.partition_point(|(first, _)| *first <= index);
        self.terms.truncate(kept);
        Ok(())
    }

    fn remove_segment(&self, segment: &Segment) -> Result<()> {
        self.fs.remove(&segment.path).context("remove", &segment.path)?;
        self.fs.sync_dir(&self.dir).context("sync", &self.dir)
    }
}
