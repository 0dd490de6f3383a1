//! Reading a data directory without changing anything in it, whoever works on it meanwhile.
//!
//! Nothing is locked, made, repaired or removed here. A server may be running on the directory:
//! snapshots never change once they have their name, a log grows at its end. What comes while its
//! end is being read looks like a torn write, and is told as one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::datadir::{self, Identity};
use crate::error::{Context, Error, Result};
use crate::filesystem::FileSystem;
use crate::record::Record;
use crate::recovery::{self, Neighbour};
use crate::segment::Segment;
use crate::snapshot::{SnapshotId, SnapshotReader};

/// A data directory that is only looked at.
#[derive(Clone)]
pub struct Inspection {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    identity: Identity,
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, identity, .. } = self;
        f.debug_struct("Inspection").field("path", path).field("identity", identity).finish()
    }
}

/// One file of the log, as far as it can be read.
#[derive(Debug)]
pub struct SegmentContents {
    /// The file.
    pub path: PathBuf,
    /// Its place among the segments.
    pub number: u64,
    /// Index of its first record, whether it has one or not.
    pub first: u64,
    /// Its records, each with the offset at which it begins.
    pub records: Vec<(u64, Record)>,
    /// Where the readable records end, in bytes from the start of the file.
    pub end: u64,
    /// What comes behind them.
    pub rest: Rest,
}

/// What follows the last readable record of a segment.
#[derive(Debug)]
pub enum Rest {
    /// Nothing, or room for more.
    Nothing,
    /// A write that was not finished: that of a crash, or one that goes on just now. A server
    /// that starts here cuts it off.
    Torn,
    /// Something that a crash cannot have left. No server starts here.
    Damaged(Error),
}

impl Inspection {
    /// Looks at a directory.
    ///
    /// # Errors
    /// [`Error::Io`] when it is not there or is not a data directory, [`Error::Corrupt`],
    /// [`Error::Format`].
    pub fn open(fs: Arc<dyn FileSystem>, path: &Path) -> Result<Self> {
        let identity = datadir::read_identity(&*fs, &path.join(datadir::IDENTITY))?;
        Ok(Self { fs, path: path.to_owned(), identity })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the directory belongs to.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Numbers of the log's segments, in order.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn segments(&self) -> Result<Vec<u64>> {
        let dir = self.path.join(datadir::LOG);
        let names = self.fs.list(&dir).context("list", &dir)?;
        let mut numbers: Vec<u64> =
            names.iter().filter_map(|name| Segment::number_of(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Reads one segment. It has to follow `before`, where that is given; only the last one may
    /// have a torn end.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] when nothing of it can be used.
    pub fn segment(
        &self,
        number: u64,
        is_last: bool,
        before: Option<&SegmentContents>,
    ) -> Result<SegmentContents> {
        let dir = self.path.join(datadir::LOG);
        let (mut segment, bytes) =
            Segment::inspect(&*self.fs, &dir, self.identity.cluster, number)?;
        if let Some(before) = before {
            let (path, number, last) = (&*before.path, before.number, before.last());
            recovery::check_neighbour(&segment, Some(Neighbour { path, number, last }))?;
        }
        recovery::scan(&mut segment, &bytes, &mut Vec::new());
        let end = segment.end as usize;
        let is_clean = bytes[end..].iter().all(|byte| *byte == 0);
        let rest = match is_last {
            _ if is_clean => Rest::Nothing,
            false => Rest::Damaged(recovery::damage(&segment, recovery::FOLLOWED)),
            true => match recovery::refuse_damage(&segment, &bytes) {
                Ok(()) => Rest::Torn,
                Err(error) => Rest::Damaged(error),
            },
        };
        let records = segment.records(&bytes);
        let Segment { path, number, first, .. } = segment;
        Ok(SegmentContents { path, number, first, records, end: end as u64, rest })
    }

    /// The finished snapshots, oldest first, valid or not.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn snapshots(&self) -> Result<Vec<SnapshotId>> {
        let dir = self.path.join(datadir::SNAPSHOTS);
        let names = self.fs.list(&dir).context("list", &dir)?;
        let mut found: Vec<_> = names.iter().filter_map(|name| SnapshotId::parse(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Opens a snapshot; its blocks are checked as they are read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn snapshot(&self, id: SnapshotId) -> Result<SnapshotReader> {
        let path = self.snapshot_path(id);
        let reader = SnapshotReader::open(&*self.fs, &path)?;
        match reader.id() == id && reader.cluster() == self.identity.cluster {
            true => Ok(reader),
            false => Err(Error::corrupt(&path, 8, "it is of another directory")),
        }
    }

    /// Where a snapshot is.
    pub fn snapshot_path(&self, id: SnapshotId) -> PathBuf {
        self.path.join(datadir::SNAPSHOTS).join(id.name())
    }
}

impl SegmentContents {
    /// Index of the last record; `first - 1` without any.
    pub fn last(&self) -> u64 {
        self.first + self.records.len() as u64 - 1
    }
}
